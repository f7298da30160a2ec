//! The sender's side: a request into the queue, and its answer out of the other.

use std::time::Duration;

use aws_sdk_sqs::types::Message;
use serde_json::Value as Json;
use tokio::time::Instant;

use super::SqsQueues;
use crate::sitewise::api::ApiFault;
use crate::sitewise::fault;

/// How long one call waits for answers.
const WAIT_SECONDS: i32 = 1;
/// The visibility timeout: how long answers to others are hidden from their readers.
const HIDDEN_SECONDS: i32 = 1;

/// Pause after a call for answers that failed.
const PAUSE: Duration = Duration::from_millis(250);

/// What became of a request that was sent.
#[derive(Debug)]
pub struct Asked {
    /// The request's id.
    pub id: String,
    /// Its answer; none if there was none in time.
    pub answer: Option<Json>,
    /// Why the answer could not be received or, where there is one, deleted.
    pub trouble: Option<ApiFault>,
}

/// Sends a request, and waits for its answer where a queue for answers is named. Answers to others
/// stay in that queue.
///
/// # Errors
///
/// What SQS answered to the request. Once it is sent, nothing that fails undoes that.
pub async fn ask(queues: &SqsQueues, request: String, within: Duration) -> Result<Asked, ApiFault> {
    let (client, url) = &queues.requests;
    let operation = "send the request";
    let sent = client.send_message().queue_url(url.as_str()).message_body(request).send().await;
    let sent = sent.map_err(|error| fault::of_call(operation, &error))?;
    let Some(id) = sent.message_id else {
        return Err(fault::of_answer(operation, "the message has no id"));
    };
    let mut asked = Asked { id, answer: None, trouble: None };
    let Some((client, url)) = &queues.answers else { return Ok(asked) };
    let deadline = Instant::now() + within;
    while Instant::now() < deadline {
        let received = client
            .receive_message()
            .queue_url(url.as_str())
            .max_number_of_messages(super::BATCH as i32)
            .wait_time_seconds(WAIT_SECONDS)
            .visibility_timeout(HIDDEN_SECONDS)
            .send()
            .await;
        let received = match received {
            Ok(received) => received,
            Err(error) => {
                asked.trouble = Some(fault::of_call("receive the answer", &error));
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        asked.trouble = None;
        for message in received.messages() {
            let Some(answer) = answer_to(&asked.id, message) else { continue };
            let deleted = client.delete_message().queue_url(url.as_str());
            let deleted = deleted.set_receipt_handle(message.receipt_handle.clone()).send().await;
            let fault = deleted.err().map(|error| fault::of_call("delete the answer", &error));
            return Ok(Asked { answer: Some(answer), trouble: fault, ..asked });
        }
    }
    Ok(asked)
}

fn answer_to(id: &str, message: &Message) -> Option<Json> {
    let answer: Json = serde_json::from_str(message.body()?).ok()?;
    (answer.get("id")?.as_str()? == id).then_some(answer)
}
