//! The client: what it asks, where, and what it makes of the answers.

use std::sync::atomic::{AtomicI64, Ordering};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde_json::{Value, json};

use super::*;
use crate::clock;
use crate::sitewise::aws::sdk::ServiceConfig;
use crate::sitewise::cause::Cause;
use crate::sitewise::stub::{Stub, StubReply, StubRequest};

fn config(endpoint: Option<&str>) -> ServiceConfig {
    let credentials = Credentials::new("id", "secret", None, None, "test");
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials));
    if let Some(endpoint) = endpoint {
        config.set_endpoint_url(Some(endpoint.to_owned()));
    }
    ServiceConfig::new(&config.build(), Duration::from_secs(2), None)
}

/// Queues at the stub, by their URLs alone.
fn client(stub: &Stub) -> SqsQueues {
    let url = |name: &str| format!("{}/111122223333/{name}", stub.url()).parse().unwrap();
    SqsQueues::with(&config(None), url("requests"), Some(url("answers"))).unwrap()
}

fn asked(request: &StubRequest) -> (String, Value) {
    (request.headers["x-amz-target"].clone(), request.json())
}

#[tokio::test]
async fn messages_are_asked_for_by_a_long_poll_with_the_time_they_were_sent() {
    let stub = Stub::start(|_| {
        StubReply::json(
            200,
            &json!({ "Messages": [
                {
                    "MessageId": "m-1", "ReceiptHandle": "r-1", "Body": "text",
                    "Attributes": { "SentTimestamp": "1790000000123" },
                },
                { "MessageId": "m-2", "ReceiptHandle": "r-2", "Body": "" },
            ]}),
        )
    })
    .await;
    let received = client(&stub).receive().await.unwrap().messages;
    let sent = received.iter().map(|one| one.request.sent_at.as_millis()).collect::<Vec<_>>();
    // One whose age is unknown is as old as can be.
    assert_eq!(sent, [1_790_000_000_123, 0]);
    assert_eq!((&*received[0].request.id, &*received[0].receipt), ("m-1", "r-1"));
    assert_eq!(received[0].request.body, "text");
    let (operation, body) = asked(&stub.requests()[0]);
    assert_eq!(operation, "AmazonSQS.ReceiveMessage");
    assert_eq!(
        body,
        json!({
            "QueueUrl": format!("{}/111122223333/requests", stub.url()),
            "MaxNumberOfMessages": 10, "WaitTimeSeconds": 20, "VisibilityTimeout": 60,
            "MessageSystemAttributeNames": ["SentTimestamp"],
        })
    );
}

/// What an earlier process may have sent is told by AWS's clock, and the earliest time that any
/// answer leaves is the right one.
#[tokio::test]
async fn the_time_at_the_start_is_read_from_the_dates_of_answers() {
    let wall = || clock::wall().as_millis();
    let ahead = Arc::new(AtomicI64::new(0));
    let by = Arc::clone(&ahead);
    let stub = Stub::start(move |_| {
        let theirs = clock::wall().as_millis() + by.load(Ordering::Relaxed);
        let date = DateTime::from_millis(theirs).fmt(Format::HttpDate).unwrap();
        StubReply::json(200, &json!({})).header("date", &date)
    })
    .await;
    let before = wall();
    let client = client(&stub);
    assert_eq!(client.time_at_start(), None);
    let mut last = i64::MAX;
    for (hour, earliest) in [(2, 2), (1, 1), (3, 1), (-1, -1)] {
        ahead.store(hour * 3_600_000, Ordering::Relaxed);
        let received = client.receive().await.unwrap().at.unwrap().as_millis();
        assert!((received - wall() - hour * 3_600_000).abs() < 30_000, "its own date");
        let told = client.time_at_start().unwrap().as_millis();
        assert!(told <= last, "an answer that took longer tells less");
        last = told;
        let least = before + earliest * 3_600_000;
        // Never before that time, since a date has whole seconds; and not long after it.
        assert!((least..least + 30_000).contains(&told), "{hour}: {least} {told}");
    }
}

#[tokio::test]
async fn only_what_the_answer_names_is_deleted_or_sent() {
    let stub = Stub::start(|_| {
        StubReply::json(
            200,
            &json!({
                "Successful": [{ "Id": "0", "MessageId": "x", "MD5OfMessageBody": "y" }],
                "Failed": [{ "Id": "2", "Code": "ReceiptHandleIsInvalid", "SenderFault": true }],
            }),
        )
    })
    .await;
    let client = client(&stub);
    let receipts = ["r-0", "r-1", "r-2"].map(str::to_owned).to_vec();
    let deleted = client.delete(receipts.clone()).await.unwrap().results;
    let went =
        |results: &[Result<(), ApiFault>]| results.iter().map(Result::is_ok).collect::<Vec<_>>();
    assert_eq!(went(&deleted), [true, false, false]);
    assert!(deleted[1].as_ref().unwrap_err().message.contains("no result"));
    assert!(deleted[2].as_ref().unwrap_err().message.contains("ReceiptHandleIsInvalid"));
    let sent = client.send(receipts).await.unwrap();
    assert_eq!(went(&sent), [true, false, false]);
    let (operation, body) = asked(&stub.requests()[1]);
    assert_eq!(operation, "AmazonSQS.SendMessageBatch");
    assert_eq!(body["Entries"][1], json!({ "Id": "1", "MessageBody": "r-1" }));
    assert!(body["QueueUrl"].as_str().unwrap().ends_with("/answers"));
}

/// A proxy's page is no answer; without one nothing is deleted.
#[tokio::test]
async fn an_answer_that_says_nothing_is_no_success() {
    for body in ["{}", "<html>welcome</html>", ""] {
        let stub = Stub::start(move |_| StubReply::text(200, body)).await;
        let deleted = client(&stub).delete(vec!["r-0".to_owned()]).await;
        let well = deleted.is_ok_and(|deleted| deleted.results.iter().all(Result::is_ok));
        assert!(!well, "{body:?}");
    }
}

#[tokio::test]
async fn a_failed_call_says_why_and_what_to_do() {
    for (status, code, remedy) in [
        (400, "AWS.SimpleQueueService.NonExistentQueue", "create the queue"),
        (403, "AccessDeniedException", "allow it in the policy"),
        (403, "InvalidClientTokenId", "renew them"),
        (503, "ServiceUnavailable", "retried automatically"),
    ] {
        let stub = Stub::start(move |_| StubReply::error(status, code)).await;
        let client = client(&stub);
        let fault = client.receive().await.unwrap_err();
        let said = super::super::status::explain(&fault);
        assert!(said.contains(code) && said.contains(remedy), "{said}");
        assert!(!said.contains("SiteWise"), "{said}");
        assert_eq!(stub.requests().len(), 1, "tried once");
    }
}

#[tokio::test]
async fn calls_go_to_the_url_of_the_queue_unless_another_endpoint_is_set() {
    let empty = || StubReply::json(200, &json!({}));
    let (of_url, of_environment) =
        (Stub::start(move |_| empty()).await, Stub::start(move |_| empty()).await);
    let queue = format!("{}/111122223333/requests", of_url.url());
    for endpoint in [None, Some(of_environment.url())] {
        let config = config(endpoint.as_deref());
        let client = SqsQueues::with(&config, queue.parse().unwrap(), None).unwrap();
        assert_eq!(client.receive().await.unwrap().messages, []);
    }
    assert_eq!((of_url.requests().len(), of_environment.requests().len()), (1, 1));
    let asked = &of_url.requests()[0].headers["authorization"];
    assert!(asked.contains("/eu-west-1/sqs/aws4_request"), "{asked}");
}

/// A proxy's answer of any size was read into memory.
#[tokio::test]
async fn answers_of_any_size_are_told_as_foreign_and_not_read() {
    let body = " ".repeat(33 << 20);
    let stub = Stub::start(move |_| StubReply::text(200, body.clone())).await;
    let client = client(&stub);
    let received = client.receive().await.unwrap_err();
    let deleted = client.delete(vec!["r-1".to_owned()]).await.unwrap_err();
    for fault in [received, deleted] {
        assert_eq!(fault.cause, Cause::Foreign, "{fault}");
        assert!(fault.message.contains("it has 34603008 bytes"), "{fault}");
    }
}

/// A request that was sent and an answer that was read were given up for what failed after them: the
/// machine had the value, and `write` said that it failed.
#[tokio::test]
async fn what_fails_after_a_request_was_sent_does_not_undo_it() {
    let receives = Arc::new(AtomicI64::new(0));
    let stub = Stub::start(move |request| match &*request.headers["x-amz-target"] {
        "AmazonSQS.SendMessage" => StubReply::json(200, &json!({ "MessageId": "m-1" })),
        "AmazonSQS.ReceiveMessage" if receives.fetch_add(1, Ordering::Relaxed) == 0 => {
            StubReply::error(503, "ServiceUnavailable")
        }
        "AmazonSQS.ReceiveMessage" => {
            let body = json!({ "id": "m-1", "status": "SUCCEEDED" }).to_string();
            let message = json!({ "MessageId": "a", "ReceiptHandle": "r", "Body": body });
            StubReply::json(200, &json!({ "Messages": [message] }))
        }
        _ => StubReply::error(403, "AccessDeniedException"),
    })
    .await;
    let asked = ask(&client(&stub), "{}".to_owned(), Duration::from_secs(20)).await.unwrap();
    assert_eq!(asked.answer.unwrap()["status"], "SUCCEEDED");
    assert!(asked.trouble.unwrap().message.contains("delete the answer"));

    let stub = Stub::start(|request| match &*request.headers["x-amz-target"] {
        "AmazonSQS.SendMessage" => StubReply::json(200, &json!({ "MessageId": "m-2" })),
        _ => StubReply::error(503, "ServiceUnavailable"),
    })
    .await;
    let asked = ask(&client(&stub), "{}".to_owned(), Duration::from_secs(1)).await.unwrap();
    assert_eq!((&*asked.id, asked.answer), ("m-2", None));
    assert!(asked.trouble.unwrap().message.contains("receive the answer"));
}
