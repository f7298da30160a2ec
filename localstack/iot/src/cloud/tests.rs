use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};

use super::*;
use crate::options::Options;

const THING: &str = "arn:aws:iot:us-east-1:123456789012:thing/plant-1";
const WRITE: &str = "arn:aws:iot:us-east-1:123456789012:command/write";
const RESPONSE: &str = "$aws/commands/things/plant-1/executions/e1/response/json";

/// An account in which the time is told.
struct Rig {
    cloud: Cloud,
    seconds: u64,
    ids: u32,
}

impl Rig {
    fn new() -> Self {
        Self::with(&Options::default())
    }

    fn with(options: &Options) -> Self {
        let mut rig = Self { cloud: Cloud::new(options, Endpoints::default()), seconds: 0, ids: 0 };
        rig.create(json!({
            "commandId": "write",
            "payloadTemplate":
                json!({ "value": "${aws:iot:commandexecution::parameter:value}" }).to_string(),
            "preprocessor": { "awsJsonSubstitution": { "outputFormat": "JSON" } },
            "mandatoryParameters": [{ "name": "value", "type": "DOUBLE", "valueConditions": [{
                "comparisonOperator": "IN_RANGE",
                "operand": { "numberRange": { "min": "0", "max": "90" } },
            }] }],
        }))
        .unwrap();
        rig
    }

    fn now(&self) -> Moment {
        Moment::from_system(UNIX_EPOCH + Duration::from_secs(1_800_000_000 + self.seconds))
    }

    fn ask(
        &mut self,
        call: fn(&mut Cloud, &Request) -> Result<Answer>,
        input: Value,
    ) -> Result<Answer> {
        let id = format!("e{}", self.ids);
        self.ids += 1;
        let request = Request { input, now: self.now(), id };
        self.cloud.settle(request.now);
        call(&mut self.cloud, &request)
    }

    fn create(&mut self, input: Value) -> Result<Value> {
        self.ask(Cloud::create_command, input).map(|answer| answer.body)
    }

    fn start(&mut self, more: Value) -> Result<Answer> {
        let mut input = json!({
            "targetArn": THING, "commandArn": WRITE, "parameters": { "value": { "D": 42.5 } },
        });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.ask(Cloud::start_command_execution, input)
    }

    fn execution(&mut self, id: &str) -> Value {
        let input = json!({ "executionId": id, "targetArn": THING, "includeResult": true });
        self.ask(Cloud::get_command_execution, input).unwrap().body
    }

    fn list(&mut self, input: Value) -> Result<Vec<String>> {
        let listed = self.ask(Cloud::list_command_executions, input)?.body;
        let listed = listed["commandExecutions"].as_array().unwrap().iter();
        Ok(listed.map(|one| one["executionId"].as_str().unwrap().to_owned()).collect())
    }

    /// What a device is told of its response: the topic's end and the error.
    fn said(&mut self, topic: &str, response: Value) -> (String, Value) {
        let now = self.now();
        let (told, _) = self.cloud.respond(topic, response.to_string().as_bytes(), now).unwrap();
        let body: Value = serde_json::from_slice(&told.payload).unwrap();
        (told.topic.rsplit('/').nth(1).unwrap().to_owned(), body["error"].clone())
    }

    fn response(&mut self, status: &str) -> (String, Value) {
        self.said(RESPONSE, json!({ "status": status }))
    }
}

fn kind(outcome: Result<impl std::fmt::Debug>) -> Kind {
    outcome.unwrap_err().kind
}

fn accepted() -> (String, Value) {
    ("accepted".into(), Value::Null)
}

fn rejected(code: &str) -> (String, Value) {
    ("rejected".into(), json!(code))
}

#[test]
fn an_execution_goes_from_its_start_to_the_device_and_back() {
    let mut rig = Rig::new();
    let outgoing = rig.start(json!({})).unwrap().outgoing.unwrap();
    assert_eq!(outgoing.topic, "$aws/commands/things/plant-1/executions/e1/request/json");
    assert_eq!(outgoing.payload, br#"{"value":"42.5"}"#);
    let created = rig.execution("e1");
    assert_eq!((&created["status"], created.get("startedAt")), (&json!("CREATED"), None));
    assert_eq!(created["parameters"], json!({ "value": { "D": 42.5 } }));

    rig.seconds = 1;
    assert_eq!(rig.response("IN_PROGRESS"), accepted());
    assert_eq!(rig.response("IN_PROGRESS"), accepted());
    rig.seconds = 2;
    let reason = json!({ "reasonCode": "CONFIRMED", "reasonDescription": "it has the value" });
    let done = json!({ "status": "SUCCEEDED", "statusReason": reason,
        "result": { "value": { "s": "42.5" }, "sure": { "b": true } } });
    assert_eq!(rig.said(RESPONSE, done), accepted());
    let ended = rig.execution("e1");
    assert_eq!(ended["status"], "SUCCEEDED");
    assert_eq!(ended["statusReason"], reason);
    assert_eq!(ended["result"], json!({ "value": { "S": "42.5" }, "sure": { "B": true } }));
    assert_eq!(ended["startedAt"], json!(1_800_000_001.0));
    assert_eq!(ended["completedAt"], json!(1_800_000_002.0));

    assert_eq!(rig.response("FAILED"), rejected("InvalidStateTransition"));
    rig.seconds = 60;
    assert_eq!(rig.execution("e1"), ended);
}

#[test]
fn the_device_overrules_a_lapse_by_the_cloud_but_not_its_own() {
    let mut rig = Rig::new();
    rig.start(json!({ "executionTimeoutSeconds": 5 })).unwrap();
    rig.seconds = 4;
    assert_eq!(rig.execution("e1")["status"], "CREATED");
    rig.seconds = 5;
    let lapsed = rig.execution("e1");
    assert_eq!(lapsed["status"], "TIMED_OUT");
    assert_eq!(lapsed["statusReason"], json!({ "reasonCode": "$NO_RESPONSE_FROM_DEVICE" }));
    rig.seconds = 9;
    assert_eq!(rig.response("TIMED_OUT"), accepted());
    assert_eq!(rig.execution("e1")["status"], "TIMED_OUT");
    assert_eq!(rig.response("SUCCEEDED"), rejected("InvalidStateTransition"));

    rig.start(json!({})).unwrap();
    let id = rig.list(json!({ "targetArn": THING, "status": "CREATED" })).unwrap().remove(0);
    rig.seconds += 10;
    assert_eq!(rig.execution(&id)["status"], "TIMED_OUT", "ten seconds where nothing is said");
    let topic = RESPONSE.replace("e1", &id);
    assert_eq!(rig.said(&topic, json!({ "status": "SUCCEEDED" })), accepted());
    assert_eq!(rig.execution(&id)["status"], "SUCCEEDED");
}

#[test]
fn responses_that_are_no_update_change_nothing() {
    let mut rig = Rig::new();
    rig.start(json!({})).unwrap();
    for (response, code) in [
        (json!("SUCCEEDED"), "InvalidRequest"),
        (json!({}), "InvalidRequest"),
        (json!({ "status": "CREATED" }), "InvalidRequest"),
        (json!({ "status": "SUCCEEDED", "code": 1 }), "InvalidRequest"),
        (json!({ "status": "FAILED", "statusReason": {} }), "InvalidRequest"),
        (json!({ "status": "FAILED", "statusReason": { "reasonCode": "no" } }), "InvalidRequest"),
        (
            json!({ "status": "FAILED",
                "statusReason": { "reasonCode": "NO", "reasonDescription": "a\u{200b}b" } }),
            "InvalidRequest",
        ),
        (json!({ "status": "SUCCEEDED", "result": {} }), "InvalidRequest"),
        (json!({ "status": "SUCCEEDED", "result": { "v": { "S": "1" } } }), "InvalidRequest"),
        (json!({ "status": "SUCCEEDED", "result": { "v": { "s": "" } } }), "InvalidRequest"),
        (json!({ "status": "SUCCEEDED", "result": { "a b": { "s": "1" } } }), "InvalidRequest"),
    ] {
        assert_eq!(rig.said(RESPONSE, response.clone()), rejected(code), "{response}");
    }
    let now = rig.now();
    let (told, _) = rig.cloud.respond(RESPONSE, b"{", now).unwrap();
    assert!(String::from_utf8(told.payload).unwrap().contains("InvalidJson"));
    let foreign = [
        "things/plant-2/executions/e1",
        "clients/plant-1/executions/e1",
        "things/plant-1/executions/e9",
    ];
    for foreign in foreign {
        let topic = format!("$aws/commands/{foreign}/response/json");
        let said = rig.said(&topic, json!({ "status": "SUCCEEDED" }));
        assert_eq!(said, rejected("ResourceNotFound"), "{topic}");
    }
    for other in ["accepted/json", "json/x", "cbor"] {
        let topic = format!("$aws/commands/things/plant-1/executions/e1/response/{other}");
        assert_eq!(rig.cloud.respond(&topic, b"{}", now), None);
    }
    assert_eq!(rig.execution("e1")["status"], "CREATED");
}

#[test]
fn updates_that_come_too_soon_are_rejected_where_that_is_asked_for() {
    let options = Options { update_gap: Duration::from_secs(1), ..Options::default() };
    let mut rig = Rig::with(&options);
    rig.start(json!({})).unwrap();
    assert_eq!(rig.response("IN_PROGRESS"), accepted());
    assert_eq!(rig.response("SUCCEEDED"), rejected("DataConflict"));
    rig.seconds = 1;
    assert_eq!(rig.response("SUCCEEDED"), accepted());
}

#[test]
fn a_token_starts_one_execution() {
    let mut rig = Rig::new();
    let id = |answer: Answer| answer.body["executionId"].clone();
    let first = rig.start(json!({ "clientToken": "t" })).unwrap();
    assert!(first.outgoing.is_some());
    let again = rig.start(json!({ "clientToken": "t" })).unwrap();
    assert!(again.outgoing.is_none(), "the device is told once");
    assert_eq!(id(first), id(again));
    let other = json!({ "clientToken": "t", "parameters": { "value": { "D": 1.0 } } });
    assert_eq!(kind(rig.start(other)), Kind::Conflict);
    assert!(rig.start(json!({ "clientToken": "u" })).unwrap().outgoing.is_some());
}

#[test]
fn a_device_has_a_hundred_executions_at_a_time() {
    let mut rig = Rig::new();
    for _ in 0..100 {
        rig.start(json!({})).unwrap();
    }
    assert_eq!(kind(rig.start(json!({}))), Kind::ServiceQuotaExceeded);
    let other = THING.replace("plant-1", "plant-2");
    assert!(rig.start(json!({ "targetArn": other })).is_ok());
    assert_eq!(rig.response("SUCCEEDED"), accepted());
    assert!(rig.start(json!({})).is_ok());
    assert_eq!(kind(rig.start(json!({}))), Kind::ServiceQuotaExceeded);
    rig.seconds = 10;
    assert!(rig.start(json!({})).is_ok(), "those that lapsed count no more");
}

#[test]
fn the_oldest_executions_go_with_their_tokens() {
    let mut rig = Rig::new();
    rig.start(json!({ "clientToken": "t" })).unwrap();
    for _ in 0..10_000 {
        rig.seconds += 1;
        rig.start(json!({})).unwrap();
    }
    let input = json!({ "executionId": "e1", "targetArn": THING });
    assert_eq!(kind(rig.ask(Cloud::get_command_execution, input)), Kind::ResourceNotFound);
    assert!(rig.start(json!({ "clientToken": "t" })).unwrap().outgoing.is_some());
}

#[test]
fn starts_that_the_command_does_not_take_are_refused() {
    let mut rig = Rig::new();
    for more in [
        json!({ "parameters": { "value": { "D": 90.5 } } }),
        json!({ "parameters": { "value": { "S": "1" } } }),
        json!({ "parameters": null }),
        json!({ "parameters": { "value": { "D": 1.0 }, "other": { "D": 1.0 } } }),
        json!({ "executionTimeoutSeconds": 43_201 }),
        json!({ "targetArn": "plant-1" }),
        json!({ "commandArn": "write" }),
    ] {
        assert_eq!(kind(rig.start(more.clone())), Kind::Validation, "{more}");
    }
    let unknown = json!({ "commandArn": WRITE.replace("write", "read") });
    assert_eq!(kind(rig.start(unknown)), Kind::ResourceNotFound);
    assert!(rig.list(json!({ "targetArn": THING })).unwrap().is_empty());
}

#[test]
fn executions_are_listed_by_device_command_status_and_time() {
    let mut rig = Rig::new();
    rig.start(json!({})).unwrap();
    rig.seconds = 1;
    assert_eq!(rig.response("SUCCEEDED"), accepted());
    rig.start(json!({})).unwrap();
    let mut listed = |more: Value| {
        let mut input = json!({ "targetArn": THING });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        rig.list(input)
    };
    assert_eq!(listed(json!({})).unwrap(), ["e2", "e1"]);
    assert_eq!(listed(json!({ "sortOrder": "ASCENDING" })).unwrap(), ["e1", "e2"]);
    assert_eq!(listed(json!({ "status": "SUCCEEDED" })).unwrap(), ["e1"]);
    assert_eq!(listed(json!({ "maxResults": 1 })).unwrap(), ["e2"]);
    assert!(listed(json!({ "namespace": "AWS-IoT-FleetWise" })).unwrap().is_empty());
    let early = json!({ "completedTimeFilter": { "before": "2027-01-15T08:00" } });
    assert!(listed(early).unwrap().is_empty());
    let late = json!({ "completedTimeFilter": { "after": "2027-01-15T07:59" } });
    assert_eq!(listed(late).unwrap(), ["e1"]);
    for wrong in [
        json!({ "commandArn": WRITE }),
        json!({ "targetArn": null }),
        json!({ "startedTimeFilter": {}, "completedTimeFilter": {} }),
        json!({ "startedTimeFilter": { "after": "yesterday" } }),
    ] {
        assert_eq!(kind(listed(wrong.clone())), Kind::Validation, "{wrong}");
    }
    assert_eq!(rig.list(json!({ "commandArn": WRITE })).unwrap(), ["e2", "e1"]);
}

#[test]
fn commands_that_mean_nothing_are_refused() {
    let mut rig = Rig::new();
    let json_form = json!({ "awsJsonSubstitution": { "outputFormat": "JSON" } });
    let parameters = json!([{ "name": "value" }]);
    for wrong in [
        json!({}),
        json!({ "payload": { "content": "e30=" }, "payloadTemplate": "{}" }),
        json!({ "payload": {} }),
        json!({ "payload": { "content": "e30=", "contentType": "json" } }),
        json!({ "payload": { "content": "e30=" }, "mandatoryParameters": parameters }),
        json!({ "payload": { "content": "e30=" }, "roleArn": "arn:aws:iam::1:role/some" }),
        json!({ "payload": { "content": "e30=" }, "namespace": "AWS-IoT-FleetWise" }),
        json!({ "payloadTemplate": "{}", "mandatoryParameters": parameters }),
        json!({ "payloadTemplate": "{}", "preprocessor": json_form }),
        json!({ "payloadTemplate": "{", "preprocessor": json_form,
            "mandatoryParameters": parameters }),
        json!({ "payloadTemplate": "{}", "mandatoryParameters": parameters,
            "preprocessor": { "awsJsonSubstitution": { "outputFormat": "CBOR" } } }),
        json!({ "payloadTemplate": "{}", "preprocessor": json_form,
            "mandatoryParameters": [{ "name": "value" }, { "name": "value" }] }),
    ] {
        let mut input = wrong.clone();
        input.as_object_mut().unwrap().insert("commandId".into(), "wrong".into());
        assert_eq!(kind(rig.create(input)), Kind::Validation, "{wrong}");
    }
    let twice = rig.create(json!({ "commandId": "write", "payload": { "content": "e30=" } }));
    let twice = twice.unwrap_err();
    assert_eq!((twice.kind, twice.resource.as_deref()), (Kind::Conflict, Some("write")));
}

#[test]
fn a_static_payload_goes_to_the_topic_of_its_format() {
    let mut rig = Rig::new();
    for (content_type, end) in [
        ("application/json", "request/json"),
        ("application/cbor", "request/cbor"),
        ("text/plain", "request"),
    ] {
        let id = content_type.replace('/', "-");
        let payload = json!({ "content": "aGk=", "contentType": content_type });
        rig.create(json!({ "commandId": id, "payload": payload })).unwrap();
        let arn = WRITE.replace("write", &id);
        let started = rig.start(json!({ "commandArn": arn, "parameters": null })).unwrap();
        let outgoing = started.outgoing.unwrap();
        assert!(outgoing.topic.ends_with(end), "{}", outgoing.topic);
        assert_eq!(outgoing.payload, b"hi");
    }
}

#[test]
fn a_deleted_command_starts_nothing_and_goes_after_twelve_hours() {
    let mut rig = Rig::new();
    let named = json!({ "commandId": "write" });
    let status = |rig: &mut Rig| {
        rig.ask(Cloud::delete_command, json!({ "commandId": "write" })).unwrap().status
    };
    let shown = rig.ask(Cloud::get_command, named.clone()).unwrap().body;
    assert_eq!((&shown["commandArn"], &shown["pendingDeletion"]), (&json!(WRITE), &json!(false)));
    assert_eq!(shown["namespace"], "AWS-IoT");
    assert_eq!(status(&mut rig), 202);
    assert_eq!(kind(rig.start(json!({}))), Kind::Conflict);
    let listed = rig.ask(Cloud::list_commands, json!({})).unwrap().body;
    assert_eq!(listed["commands"][0]["pendingDeletion"], true);
    rig.seconds = 12 * 3_600;
    assert_eq!(kind(rig.ask(Cloud::get_command, named)), Kind::ResourceNotFound);
    assert_eq!(status(&mut rig), 204);
}

#[test]
fn endpoints_are_told_by_type() {
    let options = Options::default();
    let endpoints = Endpoints { mqtt: "a:1883".into(), http: "b:80".into() };
    let mut cloud = Cloud::new(&options, endpoints);
    let now = Moment::from_system(UNIX_EPOCH);
    let mut told = |input: Value| {
        let request = Request { input, now, id: String::new() };
        cloud.describe_endpoint(&request).map(|answer| answer.body["endpointAddress"].clone())
    };
    assert_eq!(told(json!({})).unwrap(), "a:1883");
    assert_eq!(told(json!({ "endpointType": "iot:Data-ATS" })).unwrap(), "a:1883");
    assert_eq!(told(json!({ "endpointType": "iot:Jobs" })).unwrap(), "b:80");
    assert_eq!(kind(told(json!({ "endpointType": "iot:Other" }))), Kind::InvalidRequest);
}
