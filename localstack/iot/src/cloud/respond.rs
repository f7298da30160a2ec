//! What devices say of their executions, and what they are told of that.

use serde_json::{Map, Value, json};
use sitewise_local::aws::{Faults, Moment, Shape};

use super::execution::Status;
use super::{Cloud, Outgoing};
use crate::arn::Device;
use crate::shapes;

/// Why an update is rejected, as the device SDKs name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Code {
    /// Too soon after another one.
    DataConflict,
    InvalidJson,
    InvalidRequest,
    InvalidStateTransition,
    ResourceNotFound,
}

impl Code {
    const fn word(self) -> &'static str {
        match self {
            Self::DataConflict => "DataConflict",
            Self::InvalidJson => "InvalidJson",
            Self::InvalidRequest => "InvalidRequest",
            Self::InvalidStateTransition => "InvalidStateTransition",
            Self::ResourceNotFound => "ResourceNotFound",
        }
    }
}

struct Refusal(Code, String);

impl Cloud {
    /// Takes what a device published on `topic`; gives what it is told, if the topic is that of a
    /// response.
    pub(crate) fn respond(
        &mut self,
        topic: &str,
        payload: &[u8],
        now: Moment,
    ) -> Option<(Outgoing, Result<(), String>)> {
        let mut levels = topic.strip_prefix("$aws/commands/")?.split('/');
        let device = Device::in_topic(levels.next()?, levels.next()?)?;
        let (executions, id) = (levels.next()?, levels.next()?);
        let rest: Vec<&str> = levels.collect();
        if executions != "executions" || rest != ["response", "json"] {
            return None;
        }
        self.settle(now);
        let outcome = self.update(&device, id, payload, now);
        let (verdict, body) = match &outcome {
            Ok(()) => ("accepted", json!({ "executionId": id })),
            Err(Refusal(code, message)) => (
                "rejected",
                json!({ "executionId": id, "error": code.word(), "errorMessage": message }),
            ),
        };
        let topic = format!(
            "$aws/commands/{}/{}/executions/{id}/response/{verdict}/json",
            device.kind.topic(),
            device.id
        );
        let result =
            outcome.map_err(|Refusal(code, message)| format!("{}: {message}", code.word()));
        Some((Outgoing { topic, payload: body.to_string().into_bytes() }, result))
    }

    fn update(
        &mut self,
        device: &Device,
        id: &str,
        payload: &[u8],
        now: Moment,
    ) -> Result<(), Refusal> {
        let update = Update::read(payload)?;
        let gap = self.update_gap;
        let execution =
            self.executions.get_mut(id).filter(|one| one.device == *device).ok_or_else(|| {
                Refusal(Code::ResourceNotFound, format!("{device} has no execution {id}"))
            })?;
        if execution.status.is_final() {
            let message = format!("The execution is {} already", execution.status.word());
            return Err(Refusal(Code::InvalidStateTransition, message));
        }
        if execution.started.is_some() && now < execution.updated.plus(gap) {
            let message = "The execution was updated a moment ago".to_owned();
            return Err(Refusal(Code::DataConflict, message));
        }
        execution.status = update.status;
        execution.reason = update.reason;
        if update.result.is_some() {
            execution.result = update.result;
        }
        execution.updated = now;
        execution.started.get_or_insert(now);
        execution.completed = update.status.is_final().then_some(now);
        Ok(())
    }
}

/// A response, read.
struct Update {
    status: Status,
    reason: Option<Value>,
    /// With the members in upper case, as the API has them.
    result: Option<Value>,
}

impl Update {
    fn read(payload: &[u8]) -> Result<Self, Refusal> {
        let json: Value = serde_json::from_slice(payload)
            .map_err(|error| Refusal(Code::InvalidJson, error.to_string()))?;
        let invalid = |message: String| Refusal(Code::InvalidRequest, message);
        let members = json.as_object().ok_or_else(|| invalid("not an object".into()))?;
        let known = ["status", "statusReason", "result"];
        if let Some(name) = members.keys().find(|name| !known.contains(&name.as_str())) {
            return Err(invalid(format!("there is no member {name}")));
        }
        let given = |name: &str| members.get(name).filter(|member| !member.is_null());
        let status = given("status")
            .and_then(Value::as_str)
            .and_then(Status::from_device)
            .ok_or_else(|| invalid("status is none that a device may set".into()))?;
        let part = |name: &str, shape: &Shape| {
            let Some(part) = given(name) else { return Ok(None) };
            let mut faults = Faults::default();
            shape.check(part, &mut name.to_owned(), &mut faults);
            faults.check().map(|()| Some(part.clone())).map_err(|error| invalid(error.message))
        };
        let reason = part("statusReason", &shapes::STATUS_REASON)?;
        let result = part("result", &shapes::RESULTS)?;
        let result = match &result {
            Some(Value::Object(entries)) => Some(Value::Object(upper(entries, &invalid)?)),
            _ => None,
        };
        Ok(Self { status, reason, result })
    }
}

fn upper(
    entries: &Map<String, Value>,
    invalid: &impl Fn(String) -> Refusal,
) -> Result<Map<String, Value>, Refusal> {
    let mut upper = Map::new();
    for (name, entry) in entries {
        let kinds = entry.as_object().into_iter().flatten();
        let kinds: Vec<_> = kinds.filter(|(_, value)| !value.is_null()).collect();
        match kinds.as_slice() {
            [(kind, value)] if ["s", "b", "bin"].contains(&kind.as_str()) => {
                upper.insert(name.clone(), json!({ kind.to_uppercase(): value }));
            }
            _ => return Err(invalid(format!("result.{name} must be one of s, b and bin"))),
        }
    }
    Ok(upper)
}
