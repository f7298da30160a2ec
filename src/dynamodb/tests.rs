//! Requests as DynamoDB wants them, answers as it gives them, and the client against a stub.
//! `tests/lease` has the conditions checked by DynamoDB's stand-ins.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use serde_json::{Value as Json, json};

use super::item::{parse_item, request};
use super::{BadLeaseUrl, LeaseTable, LeaseUrl, explain};
use crate::lease::item::{Ability, Answer, Call, FollowerEntry, Item, Sense, Version};
use crate::sitewise::api::ApiFaultKind;
use crate::sitewise::aws::sdk::ServiceConfig;
use crate::sitewise::stub::{Stub, StubReply};

const ABLE: Ability = Ability { hears: Sense::Yes, reaches: Sense::No };
const HEARD: Option<Duration> = Some(Duration::from_millis(90_500));
const VERSION: Version = Version { epoch: 3, beat: 1 << 48 };

fn at() -> LeaseUrl {
    "dynamodb://sparkwise/Nordsee/plant".parse().unwrap()
}

fn by() -> Arc<str> {
    "one".into()
}

fn entry() -> FollowerEntry {
    FollowerEntry {
        id: "two".into(),
        beat: 7,
        ability: Ability { hears: Sense::No, reaches: Sense::Unknown },
        asks: vec!["Nordsee/gw".to_owned(), "Nordsee/größe".to_owned()],
        ask_number: 2,
    }
}

fn writes() -> Vec<Call> {
    let old = Version { epoch: 2, beat: 5 };
    let replaces = Some(("dead".into(), 9));
    vec![
        Call::Create { version: VERSION },
        Call::Take { by: by(), expected: old, version: VERSION, ability: ABLE, heard: HEARD },
        Call::Renew { by: by(), version: VERSION, ability: ABLE, heard: None },
        Call::Release { by: by(), version: VERSION },
        Call::Follow { entry: entry(), replaces: None },
        Call::Follow { entry: entry(), replaces },
    ]
}

#[test]
fn a_lease_is_named_by_its_table_and_its_item() {
    let lease = at();
    assert_eq!((lease.table.as_str(), lease.name.as_str()), ("sparkwise", "Nordsee/plant"));
    assert_eq!(lease.to_string(), "dynamodb://sparkwise/Nordsee/plant");
    for (text, wrong) in [
        ("sparkwise/plant", BadLeaseUrl::Form),
        ("kubernetes://sparkwise/plant", BadLeaseUrl::Form),
        ("dynamodb://sparkwise", BadLeaseUrl::Form),
        ("dynamodb://ab/plant", BadLeaseUrl::Table),
        ("dynamodb://my table/plant", BadLeaseUrl::Table),
        ("dynamodb://sparkwise/", BadLeaseUrl::Name),
        ("dynamodb://sparkwise/a b", BadLeaseUrl::Name),
    ] {
        assert_eq!(text.parse::<LeaseUrl>(), Err(wrong), "{text}");
    }
}

#[test]
fn a_read_is_consistent() {
    let read = request(&at(), &Call::Look);
    assert_eq!(read.operation, "GetItem");
    assert_eq!(read.body["ConsistentRead"], json!(true));
    assert_eq!(read.body["Key"], json!({ "id": { "S": "Nordsee/plant" } }));
}

/// DynamoDB refuses a request that defines a name or a value and does not use it, or uses one that
/// is not defined.
#[test]
fn every_write_has_a_condition_and_defines_exactly_what_it_uses() {
    for call in writes() {
        let write = request(&at(), &call);
        assert_eq!(write.operation, "UpdateItem");
        let of = |name: &str| write.body[name].as_str().unwrap().to_owned();
        let expressions = of("UpdateExpression") + " " + &of("ConditionExpression");
        assert!(!of("ConditionExpression").is_empty(), "{call:?}");
        let is_part = |c: char| c.is_ascii_alphanumeric() || "#:_".contains(c);
        let words = expressions.split(|c| !is_part(c));
        let used: BTreeSet<&str> = words.filter(|word| word.starts_with(['#', ':'])).collect();
        let names = write.body["ExpressionAttributeNames"].as_object().unwrap();
        let values = write.body["ExpressionAttributeValues"].as_object().unwrap();
        let defined: BTreeSet<&str> =
            names.keys().chain(values.keys()).map(|it| it.as_str()).collect();
        assert_eq!(used, defined, "{call:?}");
        for (placeholder, name) in names {
            assert_eq!(placeholder.strip_prefix('#'), name.as_str());
        }
        assert_eq!(write.body["ReturnValues"], json!("ALL_NEW"));
    }
}

fn stored() -> Json {
    json!({
        "id": { "S": "Nordsee/plant" },
        "epoch": { "N": "3" },
        "beat": { "N": "281474976710656" },
        "holder": { "S": "one" },
        "hears": { "S": "yes" },
        "reaches": { "S": "no" },
        "heard_ms": { "N": "90500" },
        "follower": { "S": "two" },
        "follower_beat": { "N": "7" },
        "follower_hears": { "S": "no" },
        "follower_reaches": { "S": "perhaps" },
        "asks": { "L": [{ "S": "Nordsee/gw" }, { "S": "Nordsee/größe" }] },
        "ask_number": { "N": "2" },
        "remark": { "S": "somebody's" },
    })
}

#[test]
fn an_item_is_read_as_it_was_written() {
    let item = Item {
        version: VERSION,
        holder: Some(by()),
        ability: ABLE,
        heard: HEARD,
        follower: Some(entry()),
    };
    for name in ["Item", "Attributes"] {
        assert_eq!(parse_item(&json!({ name: stored() })).unwrap(), Some(item.clone()));
    }
    let mut released = stored();
    for name in ["holder", "follower"] {
        released.as_object_mut().unwrap().remove(name);
    }
    let free = Item { holder: None, follower: None, ..item };
    assert_eq!(parse_item(&json!({ "Item": released })).unwrap(), Some(free));
}

#[test]
fn what_no_bridge_has_written_is_no_item_and_what_is_damaged_is_no_answer() {
    assert_eq!(parse_item(&json!({})).unwrap(), None);
    assert_eq!(parse_item(&json!({ "Item": { "id": { "S": "by hand" } } })).unwrap(), None);
    for damaged in ["epoch", "beat", "follower_beat"] {
        for value in [json!({ "S": "3" }), json!({ "N": "-1" }), json!(3)] {
            let mut item = stored();
            item[damaged] = value;
            assert!(parse_item(&json!({ "Item": item })).is_err(), "{damaged}");
        }
    }
}

fn table(url: &str) -> LeaseTable {
    let credentials = Credentials::new("id", "secret", None, None, "test");
    let base = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(url)
        .build();
    let config = ServiceConfig::new(&base, Duration::from_millis(500), None);
    LeaseTable::with(&config, at()).unwrap()
}

#[tokio::test]
async fn a_call_is_signed_and_addressed_as_dynamodb_wants_it() {
    let stub = Stub::start(|_| StubReply::json(200, &json!({ "Attributes": stored() }))).await;
    let call = Call::Release { by: by(), version: VERSION };
    let Answer::Done(Some(item)) = table(&stub.url()).perform(&call).await.unwrap() else {
        panic!("no item");
    };
    assert_eq!(item.version, VERSION);
    let request = stub.requests().remove(0);
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/"));
    assert_eq!(request.headers["content-type"], "application/x-amz-json-1.0");
    assert_eq!(request.headers["x-amz-target"], "DynamoDB_20120810.UpdateItem");
    let scope = "/eu-central-1/dynamodb/aws4_request";
    assert!(request.headers["authorization"].contains(scope), "{:?}", request.headers);
    assert_eq!(request.json()["TableName"], json!("sparkwise"));
}

#[tokio::test]
async fn only_a_condition_that_does_not_hold_is_a_refusal() {
    const SPACE: &str = "com.amazonaws.dynamodb.v20120810";
    let error = |status, code: &str| {
        StubReply::json(
            status,
            &json!({ "__type": format!("{SPACE}#{code}"), "message": "because" }),
        )
    };
    for (reply, want) in [
        (error(400, "ConditionalCheckFailedException"), None),
        (error(400, "ResourceNotFoundException"), Some(ApiFaultKind::NotFound)),
        (error(400, "AccessDeniedException"), Some(ApiFaultKind::Denied)),
        (error(500, "InternalServerError"), Some(ApiFaultKind::Unavailable)),
        (StubReply::text(200, "<html>"), Some(ApiFaultKind::Unavailable)),
        (StubReply::Drop, Some(ApiFaultKind::Unavailable)),
        (StubReply::Cut, Some(ApiFaultKind::Unavailable)),
        (StubReply::Hang, Some(ApiFaultKind::Unavailable)),
    ] {
        let shown = format!("{reply:?}");
        let stub = Stub::start(move |_| reply.clone()).await;
        let call = Call::Create { version: VERSION };
        let told = table(&stub.url()).perform(&call).await;
        match want {
            None => assert_eq!(told.unwrap(), Answer::Refused),
            Some(kind) => {
                let fault = told.unwrap_err();
                assert_eq!(fault.kind, kind, "{shown}");
                // It was told as SiteWise's, with a permission that there is not.
                let told = explain(&fault);
                let wrong = ["SiteWise", "iotsitewise", "ErrorMetadata", "INGEST_"];
                assert!(!wrong.iter().any(|word| told.contains(word)), "{told}");
                match kind {
                    ApiFaultKind::Denied => assert!(told.contains("dynamodb:UpdateItem"), "{told}"),
                    ApiFaultKind::NotFound => assert!(told.contains("no such table"), "{told}"),
                    _ => {}
                }
            }
        }
        assert_eq!(stub.requests().len(), 1, "tried once: {shown}");
    }
}
