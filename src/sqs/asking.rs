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

/// Sends a request, and waits for its answer where a queue for answers is named. Answers to others
/// stay in that queue. Returns the request's id, and its answer; none if there was none in time.
///
/// # Errors
///
/// What SQS answered.
pub async fn ask(
    queues: &SqsQueues,
    request: String,
    within: Duration,
) -> Result<(String, Option<Json>), ApiFault> {
    let (client, url) = &queues.requests;
    let operation = "send the request";
    let sent = client.send_message().queue_url(url.as_str()).message_body(request).send().await;
    let sent = sent.map_err(|error| fault::of_call(operation, &error))?;
    let Some(id) = sent.message_id else {
        return Err(fault::of_answer(operation, "the message has no id"));
    };
    let Some((client, url)) = &queues.answers else { return Ok((id, None)) };
    let deadline = Instant::now() + within;
    while Instant::now() < deadline {
        let received = client
            .receive_message()
            .queue_url(url.as_str())
            .max_number_of_messages(super::BATCH as i32)
            .wait_time_seconds(WAIT_SECONDS)
            .visibility_timeout(HIDDEN_SECONDS)
            .send()
            .await
            .map_err(|error| fault::of_call("receive the answer", &error))?;
        for message in received.messages() {
            let Some(answer) = answer_to(&id, message) else { continue };
            let deleted = client.delete_message().queue_url(url.as_str());
            let deleted = deleted.set_receipt_handle(message.receipt_handle.clone()).send().await;
            deleted.map_err(|error| fault::of_call("delete the answer", &error))?;
            return Ok((id, Some(answer)));
        }
    }
    Ok((id, None))
}

fn answer_to(id: &str, message: &Message) -> Option<Json> {
    let answer: Json = serde_json::from_str(message.body()?).ok()?;
    (answer.get("id")?.as_str()? == id).then_some(answer)
}
