//! AWS IoT commands: the topics of a thing, and the answers as they are written there.
//!
//! A request comes on `$aws/commands/things/<thing>/executions/<id>/request/json`, and its answers
//! go to `response/json` beside it. What AWS IoT says of each answer comes on
//! `response/accepted/json` or `response/rejected/json`. The execution's id stands in the topic alone.

pub mod updates;

use serde_json::{Value as Json, json};

use self::updates::{Rejection, Verdict};
use super::answer::{self, Answer};
use super::value;
use crate::sparkplug::message::{Message, Qos};
use crate::sparkplug::value::Value;

/// Characters of a thing's name at most.
const THING_CHARS: usize = 128;

/// Characters of an execution's id at most.
const EXECUTION_CHARS: usize = 64;

/// Characters of a result at most.
const RESULT_CHARS: usize = 1_024;

/// What follows after the execution's id in the topics of what AWS IoT says of answers.
const ACCEPTED: &str = "/response/accepted/json";
const REJECTED: &str = "/response/rejected/json";

/// The topics of one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topics {
    thing: String,
}

impl Topics {
    /// The topics of the thing of this name.
    ///
    /// # Errors
    ///
    /// AWS IoT takes no such name.
    pub fn of(thing: &str) -> Result<Self, String> {
        let may = |c: char| c.is_ascii_alphanumeric() || ":_-".contains(c);
        if thing.is_empty() || thing.len() > THING_CHARS || !thing.chars().all(may) {
            return Err(format!(
                "is not a valid thing name: use 1 to {THING_CHARS} of the letters a-z and A-Z, \
                    digits, `:`, `_` and `-`"
            ));
        }
        Ok(Self { thing: thing.to_owned() })
    }

    /// The thing.
    pub fn thing(&self) -> &str {
        &self.thing
    }

    /// The filter of all requests to it.
    pub fn requests(&self) -> String {
        format!("{}+/request/json", self.executions())
    }

    /// The filters of what AWS IoT says of answers.
    pub fn verdicts(&self) -> Vec<String> {
        [ACCEPTED, REJECTED].map(|way| format!("{}+{way}", self.executions())).to_vec()
    }

    /// The id of the execution whose request comes on this topic.
    pub fn execution<'a>(&self, topic: &'a str) -> Option<&'a str> {
        self.execution_of(topic, "/request/json")
    }

    /// What this message says of the latest answer to an execution, and the execution's id; none if
    /// its topic is another one.
    pub fn verdict<'a>(&self, topic: &'a str, payload: &[u8]) -> Option<(&'a str, Verdict)> {
        if let Some(id) = self.execution_of(topic, ACCEPTED) {
            return Some((id, Verdict::Accepted));
        }
        let id = self.execution_of(topic, REJECTED)?;
        Some((id, Verdict::Rejected(Rejection::parse(payload))))
    }

    fn execution_of<'a>(&self, topic: &'a str, suffix: &str) -> Option<&'a str> {
        let id = topic.strip_prefix(&self.executions())?.strip_suffix(suffix)?;
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        ((1..=EXECUTION_CHARS).contains(&id.len()) && id.chars().all(is_allowed)).then_some(id)
    }

    /// What tells that a request was sent to the plant.
    pub fn started(&self, execution: &str, sent: &Value) -> Message {
        let reason = answer::shown(&format!("sent {}", value::display_text(sent)));
        let response = json!({
            "status": "IN_PROGRESS",
            "statusReason": { "reasonCode": "SENT", "reasonDescription": reason },
        });
        self.response(execution, &response)
    }

    /// The final answer.
    pub fn answered(&self, execution: &str, answer: &Answer) -> Message {
        let mut result = serde_json::Map::new();
        // A text of a result is never empty.
        if let Some(text) = answer.value.as_ref().map(plain).filter(|text| !text.is_empty()) {
            result.insert("value".into(), json!({ "s": text }));
        }
        if let Some(after) = answer.confirmed_after {
            result.insert("after_ms".into(), json!({ "s": after.as_millis().to_string() }));
        }
        if let Some(metric) = &answer.metric {
            result.insert("metric".into(), json!({ "s": cut(metric) }));
        }
        let mut response = json!({
            "status": answer.status().as_str(),
            "statusReason": {
                "reasonCode": answer.code.as_str(),
                "reasonDescription": answer.reason,
            },
        });
        if !result.is_empty()
            && let Json::Object(fields) = &mut response
        {
            fields.insert("result".into(), Json::Object(result));
        }
        self.response(execution, &response)
    }

    fn response(&self, execution: &str, response: &Json) -> Message {
        Message {
            topic: format!("{}{execution}/response/json", self.executions()),
            payload: response.to_string().into(),
            qos: Qos::AtLeastOnce,
            retain: false,
        }
    }

    fn executions(&self) -> String {
        format!("$aws/commands/things/{}/executions/", self.thing)
    }
}

/// Without control characters, and no longer than may be.
fn cut(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(RESULT_CHARS).collect()
}

/// A value as a request would write it.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => cut(text),
        other => value::display_text(other),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::command::answer::Code;

    fn topics() -> Topics {
        Topics::of("plant-1").unwrap()
    }

    fn body(message: &Message) -> Json {
        serde_json::from_slice(&message.payload).unwrap()
    }

    #[test]
    fn an_execution_is_read_from_its_topic_alone() {
        let topics = topics();
        assert_eq!(topics.requests(), "$aws/commands/things/plant-1/executions/+/request/json");
        let of = |topic: &str| topics.execution(topic).map(str::to_owned);
        assert_eq!(
            of("$aws/commands/things/plant-1/executions/07e4/request/json"),
            Some("07e4".to_owned())
        );
        for other in [
            "$aws/commands/things/plant-1/executions//request/json",
            "$aws/commands/things/plant-1/executions/a/b/request/json",
            "$aws/commands/things/plant-1/executions/a\nb/request/json",
            "$aws/commands/things/plant-1/executions/a/request/cbor",
            "$aws/commands/things/plant-1/executions/a/response/json",
            "$aws/commands/things/plant-2/executions/a/request/json",
            "$aws/commands/clients/plant-1/executions/a/request/json",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
        for name in ["", "plant/1", "plant+", "#", "a b", &"x".repeat(129)] {
            assert!(Topics::of(name).is_err(), "{name}");
        }
    }

    #[test]
    fn verdicts_are_read_from_their_topics() {
        let topics = topics();
        let of = |rest: &str, payload: &[u8]| {
            let topic = format!("$aws/commands/things/plant-1/executions/{rest}");
            topics.verdict(&topic, payload).map(|(id, verdict)| (id.to_owned(), verdict))
        };
        let id = "07e4".to_owned();
        assert_eq!(of("07e4/response/accepted/json", b"{}"), Some((id.clone(), Verdict::Accepted)));
        let payload = br#"{"error": "DataConflict", "errorMessage": "why"}"#;
        let rejection = Rejection { code: "DataConflict".into(), message: "why".into() };
        assert_eq!(
            of("07e4/response/rejected/json", payload),
            Some((id, Verdict::Rejected(rejection)))
        );
        for other in [
            "a/response/json",
            "a/request/json",
            "/response/accepted/json",
            "a/b/response/accepted/json",
        ] {
            assert_eq!(of(other, payload), None, "{other}");
        }
        assert_eq!(
            topics.verdicts(),
            [
                "$aws/commands/things/plant-1/executions/+/response/accepted/json",
                "$aws/commands/things/plant-1/executions/+/response/rejected/json",
            ]
        );
    }

    #[test]
    fn answers_are_written_as_aws_iot_takes_them() {
        let topics = topics();
        let started = topics.started("07e4", &Value::Double(42.5));
        assert_eq!(started.topic, "$aws/commands/things/plant-1/executions/07e4/response/json");
        assert_eq!((started.qos, started.retain), (Qos::AtLeastOnce, false));
        assert_eq!(
            body(&started),
            json!({
                "status": "IN_PROGRESS",
                "statusReason": { "reasonCode": "SENT", "reasonDescription": "sent 42.5" },
            })
        );
        let answer = Answer {
            code: Code::Confirmed,
            reason: "the metric has the value".into(),
            metric: Some("Nordsee/gw/Mode".into()),
            value: Some(Value::String("Auto\n".into())),
            confirmed_after: Some(Duration::from_millis(12)),
        };
        assert_eq!(
            body(&topics.answered("07e4", &answer)),
            json!({
                "status": "SUCCEEDED",
                "statusReason": {
                    "reasonCode": "CONFIRMED",
                    "reasonDescription": "the metric has the value",
                },
                "result": {
                    "value": { "s": "Auto" },
                    "after_ms": { "s": "12" },
                    "metric": { "s": "Nordsee/gw/Mode" },
                },
            })
        );
        let code = Code::NotAllowed;
        let answer =
            Answer { code, reason: "no".into(), metric: None, value: None, confirmed_after: None };
        let refused = body(&topics.answered("07e4", &answer));
        assert_eq!((&refused["status"], refused.get("result")), (&json!("REJECTED"), None));
    }

    #[test]
    fn every_code_is_one_that_aws_iot_takes() {
        for code in Code::ALL {
            let word = code.as_str();
            let may = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || "_-".contains(c);
            assert!((1..=64).contains(&word.len()) && word.chars().all(may), "{word}");
        }
    }
}
