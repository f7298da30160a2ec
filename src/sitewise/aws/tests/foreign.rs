//! Answers that are none of SiteWise's, or not whole; and what time it is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

use super::*;
use crate::clock;
use crate::sitewise::import::{BulkImport, Ingestion, NewJob};

#[tokio::test]
async fn an_answer_without_what_it_has_to_have_is_no_delivery() {
    for body in [
        "{}",
        "[]",
        "null",
        "",
        r#"{"errorEntries":null}"#,
        r#"{"message":"welcome"}"#,
        "<html>welcome</html>",
    ] {
        let stub = Stub::start(move |_| StubReply::text(200, body)).await;
        let fault = client(&stub).put(Vec::new()).await.unwrap_err();
        assert_eq!(fault.kind, ApiFaultKind::Unavailable, "{body}: {fault}");
    }
}

/// SiteWise answers 200 with a list of errors, which is empty where it took everything. The list is
/// what makes it a delivery, whichever success the status tells; without it nothing was taken.
#[tokio::test]
async fn the_list_of_errors_makes_a_delivery_and_no_status_does() {
    for status in [200, 201, 202, 203, 206, 299] {
        let with = |body: &'static str| async move {
            let stub = Stub::start(move |_| StubReply::text(status, body)).await;
            client(&stub).put(Vec::new()).await
        };
        for body in [r#"{"errorEntries":[]}"#, r#" {"other":1,"errorEntries":[]} "#] {
            assert_eq!(with(body).await.unwrap().len(), 0, "{status}: {body}");
        }
        let refused = r#"{"errorEntries":[{"entryId":"3","errors":[{"errorCode":"x"}]}]}"#;
        assert_eq!(with(refused).await.unwrap().len(), 1, "{status}");
        for body in [
            "{}",
            "",
            r#"{"successEntries":[]}"#,
            r#"{"errorentries":[]}"#,
            r#"{"errorEntries":{}}"#,
            r#"{"errorEntries":[],"#,
            r#"[{"errorEntries":[]}]"#,
        ] {
            let fault = with(body).await.unwrap_err();
            assert_eq!(fault.kind, ApiFaultKind::Unavailable, "{status}: {body}: {fault}");
        }
    }
    for status in [204, 205, 304] {
        let stub = Stub::start(move |_| StubReply::text(status, "")).await;
        assert!(client(&stub).put(Vec::new()).await.is_err(), "{status}");
    }
}

#[tokio::test]
async fn an_entry_among_the_errors_is_not_delivered_whatever_is_said_of_it() {
    for entry in [
        r#"{"entryId":"0"}"#,
        r#"{"entryId":"0","errors":[]}"#,
        r#"{"entryId":"0","errors":[{}]}"#,
        r#"{"entryId":"0","entryId":"0","errors":[{"errorMessage":"because"}]}"#,
    ] {
        let body = format!(r#"{{"errorEntries":[{entry}]}}"#);
        let stub = Stub::start(move |_| StubReply::text(200, body.clone())).await;
        let errors = client(&stub).put(Vec::new()).await.unwrap();
        let found: Vec<_> = errors.iter().map(|error| (error.entry, error.fault.kind)).collect();
        assert_eq!(found, [(0, ApiFaultKind::Unavailable)], "{entry}");
    }
}

#[tokio::test]
async fn what_an_error_says_is_read_through_doubled_and_foreign_names() {
    let throttled = "com.amazonaws.iotsitewise#ThrottlingException";
    for body in [
        format!(r#"{{"message":"a","Message":"slow","__type":"{throttled}"}}"#),
        format!(r#"{{"__type":"{throttled}","__type":"{throttled}","message":"slow"}}"#),
        format!(r#"{{"code":"E17","__type":"{throttled}","message":{{"a":1}}}}"#),
        format!(r#"{{"code":17,"__type":"{throttled}:http://internal/"}}"#),
    ] {
        let answer = body.clone();
        let stub = Stub::start(move |_| StubReply::text(400, answer.clone())).await;
        let fault = client(&stub).put(Vec::new()).await.unwrap_err();
        assert_eq!(fault.kind, ApiFaultKind::Throttled, "{body}: {fault}");
        let answer = body.clone();
        let stub = Stub::start(move |_| StubReply::text(400, answer.clone())).await;
        let fault = client(&stub).list_models(None).await.unwrap_err();
        assert_eq!(fault.kind, ApiFaultKind::Throttled, "control plane, {body}: {fault}");
    }
    // The code in the header counts although the body is somebody's page.
    let page = "<html>no</html>";
    for (code, kind) in [
        ("InvalidRequestException", ApiFaultKind::Invalid),
        ("ConflictingOperationException", ApiFaultKind::Conflict),
    ] {
        let reply = move || StubReply::text(400, page).header("x-amzn-errortype", code);
        let stub = Stub::start(move |_| reply()).await;
        let client = client(&stub);
        assert_eq!(client.put(Vec::new()).await.unwrap_err().kind, kind);
        assert_eq!(client.list_models(None).await.unwrap_err().kind, kind);
    }
}

/// Five calls took any object for an answer: a job without an id, no warm tier, no units, no tags.
#[tokio::test]
async fn no_call_of_the_control_plane_takes_an_empty_answer_for_its_own() {
    let welcome = r#"{"message":"welcome"}"#;
    for body in ["{}", "[]", "null", "<html>welcome</html>", "", welcome] {
        let stub = Stub::start(move |_| StubReply::text(200, body)).await;
        for (call, fault) in faults_of_all_calls(&client(&stub)).await {
            let fault = fault.unwrap_or_else(|| panic!("{call} takes {body:?}"));
            assert_eq!(fault.kind, ApiFaultKind::Unavailable, "{call}, {body:?}: {fault}");
        }
    }
    // One whose answer is empty does not take a page for it.
    let link = Associate {
        parent: Uuid::from_u128(1),
        hierarchy: Uuid::from_u128(2),
        child: Uuid::from_u128(3),
    };
    for (body, taken) in [("", true), ("{}", true), ("<html>welcome</html>", false)] {
        let stub = Stub::start(move |_| StubReply::text(200, body)).await;
        assert_eq!(client(&stub).associate(link).await.is_ok(), taken, "{body:?}");
    }
}

/// A list that was null was an empty one: an account without models, a model without properties.
#[tokio::test]
async fn a_member_that_is_null_is_none() {
    let named = [
        "assetModelId",
        "assetModelStatus",
        "assetModelName",
        "assetModelProperties",
        "assetModelSummaries",
        "assetModelPropertySummaries",
        "assetModelCompositeModelId",
        "assetModelCompositeModelProperties",
        "assetId",
        "assetStatus",
        "assetSummaries",
        "assetPropertySummaries",
        "successEntries",
        "tags",
        "jobId",
        "jobStatus",
        "jobSummaries",
        "storageType",
    ];
    let members: serde_json::Map<_, _> =
        named.iter().map(|name| ((*name).to_owned(), Value::Null)).collect();
    let body = Value::Object(members).to_string();
    let stub = Stub::start(move |_| StubReply::text(200, body.clone())).await;
    for (call, fault) in faults_of_all_calls(&client(&stub)).await {
        let fault = fault.unwrap_or_else(|| panic!("{call} takes null"));
        assert_eq!(fault.kind, ApiFaultKind::Unavailable, "{call}: {fault}");
    }
}

/// The member is not required. Without it, tags of the plant's own would never be written.
#[tokio::test]
async fn sitewise_itself_may_leave_out_tags_where_there_are_none() {
    let arn = "arn:aws:iotsitewise:eu-central-1:123456789012:asset-model/1";
    let list = json!({"assetModelSummaries": [{
        "id": Uuid::from_u128(1).to_string(), "arn": arn, "name": "m", "description": "",
        "creationDate": 1, "lastUpdateDate": 1, "status": {"state": "ACTIVE"},
    }]});
    for (sign, taken) in [("x-amzn-requestid", true), ("x-other", false)] {
        let list = list.clone();
        let stub = Stub::start(move |request| match request.path.starts_with("/tags") {
            true => StubReply::text(200, "{}").header(sign, "1"),
            false => StubReply::json(200, &list),
        })
        .await;
        let client = client(&stub);
        client.learn_arns().await.unwrap();
        let read = client.read_tags(Taggable::Asset(Uuid::from_u128(2))).await;
        assert_eq!(read.map(|tags| tags.len()).ok(), taken.then_some(0), "{sign}");
    }
}

#[tokio::test]
async fn the_clock_is_held_against_the_date_of_sitewise_s_answers() {
    let date = |ahead: i64| {
        let theirs = clock::wall().as_millis() - ahead;
        DateTime::from_millis(theirs).fmt(Format::HttpDate).unwrap()
    };
    let hour = 3_600_000;
    for (ahead, reply) in [
        (hour, StubReply::text(200, r#"{"errorEntries":[]}"#)),
        (-hour, StubReply::error(403, "InvalidSignatureException").header("x-amzn-requestid", "1")),
    ] {
        let date = date(ahead);
        let reply = reply.header("date", &date);
        let stub = Stub::start(move |_| reply.clone()).await;
        let client = client(&stub);
        assert_eq!(client.clock_ahead(), None);
        let _ = client.put(Vec::new()).await;
        let found = client.clock_ahead().unwrap();
        assert!((found - ahead).abs() < 5_000, "{found} instead of {ahead}");
        // From here on requests are signed with the time that SiteWise has.
        let _ = client.list_models(None).await;
        let signed = stub.requests().last().unwrap().headers["x-amz-date"].clone();
        let theirs = DateTime::from_millis(clock::wall().as_millis() - ahead);
        let theirs = theirs.fmt(Format::DateTime).unwrap().replace(['-', ':'], "");
        assert_eq!(signed[..11], theirs[..11], "{signed} {theirs}");
    }
    // A proxy's page says nothing of SiteWise's clock.
    let date = date(hour);
    let reply = StubReply::text(400, "<html>no</html>").header("date", &date);
    let stub = Stub::start(move |_| reply.clone()).await;
    let client = client(&stub);
    let _ = client.put(Vec::new()).await;
    assert_eq!(client.clock_ahead(), None);
}

/// Whatever the status, an answer without one of SiteWise's codes judges no value and is none.
#[tokio::test]
async fn no_status_of_somebody_else_is_a_verdict_or_a_delivery() {
    let now = Arc::new(AtomicU16::new(0));
    let says = Arc::clone(&now);
    let body = "<html>somebody else</html>";
    let stub = Stub::start(move |_| StubReply::text(says.load(Ordering::SeqCst), body)).await;
    let client = client(&stub);
    for status in 200..600 {
        now.store(status, Ordering::SeqCst);
        let put = client.put(Vec::new()).await.map(drop);
        let listed = client.list_models(None).await.map(drop);
        for (plane, answer) in [("values", put), ("control plane", listed)] {
            let Err(fault) = answer else { panic!("{status}: {plane} were taken") };
            let fits: &[ApiFaultKind] = match status {
                429 => &[ApiFaultKind::Busy],
                408 | 500.. => &[ApiFaultKind::Unavailable],
                400.. => &[ApiFaultKind::Foreign],
                // Some of these have no body, and leave a connection that is of no more use.
                _ => &[ApiFaultKind::Foreign, ApiFaultKind::Unavailable],
            };
            assert!(fits.contains(&fault.kind), "{status}, {plane}: {:?}, {fault}", fault.kind);
        }
    }
}

/// What each call that has to have an answer makes of the stub's.
async fn faults_of_all_calls(client: &AwsSiteWise) -> Vec<(&'static str, Option<ApiFault>)> {
    let id = Uuid::from_u128(1);
    let asset = CreateAsset {
        id,
        external_id: "turbine-7".into(),
        name: "Turbine 7".into(),
        model: id,
        description: None,
    };
    let model = CreateModel {
        id,
        external_id: "turbine".into(),
        name: "Turbine".into(),
        description: None,
        properties: Vec::new(),
        hierarchies: Vec::new(),
    };
    let growth =
        GrowModel { id, properties: Vec::new(), hierarchies: Vec::new(), without: Vec::new() };
    let composite = CreateComposite {
        model: id,
        id,
        external_id: "more".into(),
        name: "More members 1".into(),
        properties: Vec::new(),
    };
    let import = client.bulk_import("bucket", "arn:aws:iam::123456789012:role/r");
    let job = NewJob {
        name: "j".into(),
        key: "k".into(),
        reports: "r/".into(),
        columns: &[],
        ingestion: Ingestion::Adaptive,
    };
    vec![
        ("list_models", client.list_models(None).await.err()),
        ("list_assets", client.list_assets(id, None).await.err()),
        ("list_children", client.list_children(id, None).await.err()),
        ("read_properties", client.read_properties(id, None).await.err()),
        ("describe_model", client.describe_model(id).await.err()),
        ("describe_asset", client.describe_asset(id).await.err()),
        ("describe_property", client.describe_property(id, id).await.err()),
        ("read_values", client.read_values(vec![(id, id)]).await.err()),
        ("read_tags", client.read_tags(Taggable::Asset(id)).await.err()),
        ("create_asset", client.create_asset(asset).await.err()),
        ("create_model", client.create_model(model).await.err()),
        ("grow_model", client.grow_model(growth).await.err()),
        ("create_composite", client.create_composite(composite).await.err()),
        ("create_job", import.create_job(job).await.err()),
        ("find_job", import.find_job("j".into()).await.err()),
        ("job_state", import.job_state("1".into()).await.err()),
        ("tiers", import.tiers().await.err()),
    ]
}
