//! Answers of any size: a proxy's of 300 MB took twice that of memory.

use super::super::quotas::ask_at;
use super::*;
use crate::dynamodb::LeaseTable;
use crate::lease::item::Call;
use crate::sitewise::aws::bounded::MAX_RESPONSE;
use crate::sitewise::aws::s3::Bucket;

/// Reading takes its time where others build.
const PATIENCE: Duration = Duration::from_secs(60);

fn patient(stub: &Stub) -> AwsSiteWise {
    AwsSiteWise::with(&config(&stub.url()).build(), PATIENCE, None).unwrap()
}

/// What a call is answered with that is larger than what is read, and how that is told.
fn large(status: u16) -> [(StubReply, String); 2] {
    let body = " ".repeat(MAX_RESPONSE + 1);
    let length = format!("it has {} bytes", body.len());
    [
        (StubReply::text(status, body), length),
        (StubReply::Endless(status), "it has more than 32 MiB".to_owned()),
    ]
}

fn is_told(fault: &ApiFault, size: &str) {
    assert_eq!(fault.cause, Cause::Foreign, "{fault}");
    assert!(fault.message.contains(size), "{fault}");
}

#[tokio::test]
async fn answers_of_any_size_are_read_to_a_bound_and_told_as_foreign() {
    for status in [200, 403, 502] {
        for (reply, size) in large(status) {
            let stub = Stub::start(move |_| reply.clone()).await;
            let client = patient(&stub);
            is_told(&client.put(Vec::new()).await.unwrap_err(), &size);
            is_told(&client.list_models(None).await.unwrap_err(), &size);
            is_told(&client.read_values(Vec::new()).await.unwrap_err(), &size);
        }
    }
}

#[tokio::test]
async fn answers_of_any_size_of_other_services_are_read_to_a_bound() {
    for (reply, size) in large(200) {
        let stub = Stub::start(move |_| reply.clone()).await;
        let client = patient(&stub);
        is_told(&client.account_and_region().await.unwrap_err(), &size);
        let bucket = Bucket::new(&client.config, "eu-west-1", "late", client.inspector.clone());
        is_told(&bucket.put("a.csv", Vec::new()).await.unwrap_err(), &size);
    }
    // These have two seconds, so that only what is never read can be judged.
    let [(reply, size), _] = large(200);
    let stub = Stub::start(move |_| reply.clone()).await;
    let client = patient(&stub);
    let url = stub.url();
    let quotas = ask_at(&url, &client.config, &client.endpoint, &client.inspector);
    is_told(&quotas.await.unwrap_err(), &size);
    let at = "dynamodb://table/name".parse().unwrap();
    let table = LeaseTable::new(&config(&stub.url()).build(), at).unwrap();
    is_told(&table.perform(&Call::Look).await.unwrap_err(), &size);
}

/// An answer of AWS's own may be large.
#[tokio::test]
async fn an_answer_up_to_the_bound_is_read() {
    let errors = r#"{"errorEntries":[]}"#;
    let body = format!("{errors}{}", " ".repeat(MAX_RESPONSE - errors.len()));
    let stub = Stub::start(move |_| StubReply::text(200, body.clone())).await;
    assert_eq!(patient(&stub).put(Vec::new()).await.unwrap(), []);
}

/// It was asked for as a whole, and never read.
#[tokio::test]
async fn an_object_past_the_bound_is_read_in_parts() {
    const SIZE: usize = MAX_RESPONSE + 1_000;
    let list = format!(
        "<ListBucketResult><Contents><Key>reports/1</Key><Size>{SIZE}</Size></Contents>\
         <Contents><Key>reports/2</Key><Size>0</Size></Contents>\
         <Contents><Key>reports/3</Key><Size>10</Size></Contents></ListBucketResult>"
    );
    let stub = Stub::start(move |request| match request.headers.get("range") {
        None => StubReply::text(200, list.clone()),
        Some(range) => {
            let (from, to) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
            let [from, to] = [from, to].map(|place| place.parse::<usize>().unwrap());
            // Each byte says where it is.
            let body: String =
                (from..=to).map(|place| char::from(b'a' + (place % 23) as u8)).collect();
            StubReply::text(206, body)
        }
    })
    .await;
    let client = patient(&stub);
    let bucket = Bucket::new(&client.config, "eu-west-1", "late", client.inspector.clone());
    let objects = bucket.read_below("reports/", SIZE + 4).await.unwrap();
    let sizes: Vec<_> = objects.iter().map(Vec::len).collect();
    assert_eq!(sizes, [SIZE, 4]);
    let is_in_place = |(place, byte): (usize, &u8)| *byte == b'a' + (place % 23) as u8;
    assert!(objects[0].iter().enumerate().all(is_in_place));
}
