//! Executions: started, read, listed, timed out.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use serde_json::{Map, Value, json};
use sitewise_local::aws::Moment;

use super::command::{Payload, page};
use super::{Answer, Cloud, Outgoing, PAYLOAD_BYTES, Request};
use crate::arn::Device;
use crate::error::{Error, Kind, Result};

/// Executions that are kept; the oldest go first.
const EXECUTIONS: usize = 10_000;
/// Executions of a device that may run at a time.
const CONCURRENT: usize = 100;
/// How long a device has, in seconds, where a start does not say, and at most.
const TIMEOUT: u64 = 10;
const LONGEST: u64 = 12 * 3_600;
/// How long AWS keeps an execution.
const KEPT_FOR: Duration = Duration::from_secs(180 * 86_400);
/// Why the cloud ended an execution.
const NO_RESPONSE: &str = "$NO_RESPONSE_FROM_DEVICE";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Created,
    InProgress,
    Succeeded,
    Failed,
    Rejected,
    /// By the cloud: the device may still say otherwise.
    Lapsed,
    /// By the device.
    TimedOut,
}

impl Status {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::InProgress => "IN_PROGRESS",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Rejected => "REJECTED",
            Self::Lapsed | Self::TimedOut => "TIMED_OUT",
        }
    }

    /// Reads a status that a device may set.
    pub(super) fn from_device(word: &str) -> Option<Self> {
        [Self::InProgress, Self::Succeeded, Self::Failed, Self::Rejected, Self::TimedOut]
            .into_iter()
            .find(|status| status.word() == word)
    }

    /// Whether it can no longer change.
    pub(super) const fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Rejected | Self::TimedOut)
    }

    /// Whether the device still has time to respond.
    const fn is_running(self) -> bool {
        matches!(self, Self::Created | Self::InProgress)
    }
}

#[derive(Debug)]
pub(super) struct Execution {
    pub(super) id: String,
    command_arn: String,
    target_arn: String,
    pub(super) device: Device,
    pub(super) status: Status,
    pub(super) reason: Option<Value>,
    pub(super) result: Option<Value>,
    parameters: Option<Value>,
    timeout_seconds: u64,
    created: Moment,
    pub(super) updated: Moment,
    /// When the device said its first word.
    pub(super) started: Option<Moment>,
    pub(super) completed: Option<Moment>,
    token: Option<String>,
}

impl Execution {
    fn lapses(&self) -> Moment {
        self.created.plus(Duration::from_secs(self.timeout_seconds))
    }

    fn summary(&self) -> Map<String, Value> {
        let mut shown = Map::new();
        for (name, value) in [
            ("executionId", &self.id),
            ("commandArn", &self.command_arn),
            ("targetArn", &self.target_arn),
        ] {
            shown.insert(name.into(), value.clone().into());
        }
        shown.insert("status".into(), self.status.word().into());
        let dates = [
            ("createdAt", Some(self.created)),
            ("startedAt", self.started),
            ("completedAt", self.completed),
        ];
        for (name, date) in dates {
            if let Some(date) = date {
                shown.insert(name.into(), date.as_seconds().into());
            }
        }
        shown
    }

    fn described(&self, with_result: bool) -> Value {
        let mut shown = self.summary();
        shown.insert("executionTimeoutSeconds".into(), self.timeout_seconds.into());
        shown.insert("lastUpdatedAt".into(), self.updated.as_seconds().into());
        shown.insert("timeToLive".into(), self.created.plus(KEPT_FOR).as_seconds().into());
        let result = self.result.as_ref().filter(|_| with_result);
        let parts = [
            ("statusReason", self.reason.as_ref()),
            ("parameters", self.parameters.as_ref()),
            ("result", result),
        ];
        for (name, part) in parts {
            if let Some(part) = part {
                shown.insert(name.into(), part.clone());
            }
        }
        Value::Object(shown)
    }
}

/// All executions, in the order in which they were started.
#[derive(Debug, Default)]
pub(super) struct Executions {
    next: u64,
    by_number: BTreeMap<u64, Execution>,
    numbers: HashMap<String, u64>,
    /// Those whose time is not over, by its end.
    lapsing: BTreeSet<(Moment, u64)>,
    /// The request that came with a client token, and the execution that it started.
    tokens: HashMap<String, (Value, String)>,
}

impl Executions {
    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut Execution> {
        self.by_number.get_mut(self.numbers.get(id)?)
    }

    fn get(&self, id: &str) -> Option<&Execution> {
        self.by_number.get(self.numbers.get(id)?)
    }

    fn running(&self, device: &Device) -> usize {
        let of_device = |one: &&Execution| one.status.is_running() && one.device == *device;
        let in_time = self.lapsing.iter().filter_map(|(_, number)| self.by_number.get(number));
        in_time.filter(of_device).count()
    }

    fn insert(&mut self, execution: Execution) {
        self.numbers.insert(execution.id.clone(), self.next);
        self.lapsing.insert((execution.lapses(), self.next));
        self.by_number.insert(self.next, execution);
        self.next += 1;
        while self.by_number.len() > EXECUTIONS {
            let Some((number, oldest)) = self.by_number.pop_first() else { return };
            self.numbers.remove(&oldest.id);
            self.lapsing.remove(&(oldest.lapses(), number));
            if let Some(token) = oldest.token {
                self.tokens.remove(&token);
            }
        }
    }

    pub(super) fn settle(&mut self, now: Moment) {
        while let Some((lapses, number)) = self.lapsing.first().copied()
            && lapses <= now
        {
            self.lapsing.pop_first();
            if let Some(execution) = self.by_number.get_mut(&number)
                && execution.status.is_running()
            {
                execution.status = Status::Lapsed;
                execution.reason = Some(json!({ "reasonCode": NO_RESPONSE }));
                execution.updated = lapses;
                execution.completed = Some(lapses);
            }
        }
    }
}

/// What a token stands for: the whole request but the token itself.
fn without_token(input: &Value) -> Value {
    let mut asked = input.clone();
    if let Some(members) = asked.as_object_mut() {
        members.remove("clientToken");
    }
    asked
}

impl Cloud {
    pub(crate) fn start_command_execution(&mut self, request: &Request) -> Result<Answer> {
        let target_arn = request.text("targetArn").unwrap_or_default();
        let command_arn = request.text("commandArn").unwrap_or_default();
        let device = self.place.device(target_arn)?;
        let command = self.command(self.place.command(command_arn)?)?;
        let seconds = request.input.get("executionTimeoutSeconds").and_then(Value::as_u64);
        let timeout_seconds = seconds.unwrap_or(TIMEOUT);
        if timeout_seconds > LONGEST {
            let message = format!("executionTimeoutSeconds must be {LONGEST} at most");
            return Err(Error::invalid(message));
        }
        let token = request.text("clientToken");
        let asked = without_token(&request.input);
        if let Some((before, id)) = token.and_then(|token| self.executions.tokens.get(token)) {
            return match *before == asked {
                true => Answer::of(json!({ "executionId": id })),
                false => {
                    let message = "The client token was used for another request";
                    Err(Error::conflict(id, message))
                }
            };
        }
        if command.deleted_at.is_some() {
            let message = "The command is pending deletion";
            return Err(Error::conflict(command_arn, message));
        }

        let parameters = request.input.get("parameters").filter(|given| !given.is_null());
        let given = parameters.and_then(Value::as_object);
        let is_declared = |name: &String| command.parameters.iter().any(|one| one.name == *name);
        if let Some(name) = given.into_iter().flat_map(Map::keys).find(|name| !is_declared(name)) {
            return Err(Error::invalid(format!("The command has no parameter {name}")));
        }
        let values = command
            .parameters
            .iter()
            .map(|one| {
                let value = one.value(given.and_then(|given| given.get(&one.name)))?;
                Ok((one.name.clone(), value))
            })
            .collect::<Result<BTreeMap<_, _>>>()?;
        let payload = match &command.payload {
            Payload::Static { content, .. } => content.clone(),
            Payload::Template(template) => {
                template.render(&values, timeout_seconds, self.rendering).into_bytes()
            }
        };
        if payload.len() > PAYLOAD_BYTES {
            let message = format!("The payload is larger than {PAYLOAD_BYTES} bytes");
            return Err(Error::invalid(message));
        }
        if self.executions.running(&device) >= CONCURRENT {
            let message = format!("{CONCURRENT} executions of {device} are running");
            return Err(Error::new(Kind::ServiceQuotaExceeded, message));
        }

        let id = request.id.clone();
        let topic = format!(
            "$aws/commands/{}/{}/executions/{id}/request{}",
            device.kind.topic(),
            device.id,
            command.payload.format()
        );
        let execution = Execution {
            id: id.clone(),
            command_arn: command_arn.to_owned(),
            target_arn: target_arn.to_owned(),
            device,
            status: Status::Created,
            reason: None,
            result: None,
            parameters: parameters.cloned(),
            timeout_seconds,
            created: request.now,
            updated: request.now,
            started: None,
            completed: None,
            token: token.map(str::to_owned),
        };
        if let Some(token) = token {
            self.executions.tokens.insert(token.to_owned(), (asked, id.clone()));
        }
        self.executions.insert(execution);
        let outgoing = Some(Outgoing { topic, payload });
        Ok(Answer { outgoing, ..Answer::of(json!({ "executionId": id }))? })
    }

    pub(crate) fn get_command_execution(&mut self, request: &Request) -> Result<Answer> {
        let target = request.text("targetArn").unwrap_or_default();
        self.place.device(target)?;
        let id = request.text("executionId").unwrap_or_default();
        let execution =
            self.executions.get(id).filter(|execution| execution.target_arn == target).ok_or_else(
                || Error::not_found(format!("There is no execution {id} of {target}")),
            )?;
        let with_result = request.input.get("includeResult") == Some(&Value::Bool(true));
        Answer::of(execution.described(with_result))
    }

    pub(crate) fn list_command_executions(&mut self, request: &Request) -> Result<Answer> {
        let (target, command) = (request.text("targetArn"), request.text("commandArn"));
        match (target, command) {
            (Some(target), None) => {
                self.place.device(target)?;
            }
            (None, Some(command)) => {
                self.command(self.place.command(command)?)?;
            }
            _ => {
                let message = "Exactly one of targetArn and commandArn must be given";
                return Err(Error::invalid(message));
            }
        }
        let started = span(request, "startedTimeFilter")?;
        let completed = span(request, "completedTimeFilter")?;
        if started.is_some() && completed.is_some() {
            let message = "Only one of startedTimeFilter and completedTimeFilter may be given";
            return Err(Error::invalid(message));
        }
        let foreign = request.text("namespace").is_some_and(|namespace| namespace != "AWS-IoT");
        let is_meant = |execution: &&Execution| {
            !foreign
                && target.is_none_or(|target| execution.target_arn == target)
                && command.is_none_or(|command| execution.command_arn == command)
                && request.text("status").is_none_or(|status| execution.status.word() == status)
                && within(started, execution.started)
                && within(completed, execution.completed)
        };
        let mut found: Vec<&Execution> =
            self.executions.by_number.values().filter(is_meant).collect();
        if request.text("sortOrder") != Some("ASCENDING") {
            found.reverse();
        }
        let summaries = found.iter().map(|execution| Value::Object(execution.summary())).collect();
        page("ListCommandExecutions", "commandExecutions", summaries, request)
    }
}

/// From and to, both excluded.
type Span = (Option<Moment>, Option<Moment>);

/// A filter whose dates are written as `2026-01-31T23:59`.
fn span(request: &Request, member: &str) -> Result<Option<Span>> {
    let Some(filter) = request.input.get(member).filter(|filter| !filter.is_null()) else {
        return Ok(None);
    };
    let date = |end: &str| {
        let Some(text) = filter.get(end).and_then(Value::as_str) else { return Ok(None) };
        let moment = Moment::parse(text)
            .or_else(|| Moment::parse(&format!("{text}Z")))
            .or_else(|| Moment::parse(&format!("{text}:00Z")));
        moment.map(Some).ok_or_else(|| {
            Error::invalid(format!("Value at '{member}.{end}' is no date yyyy-MM-dd'T'HH:mm"))
        })
    };
    Ok(Some((date("after")?, date("before")?)))
}

fn within(span: Option<Span>, moment: Option<Moment>) -> bool {
    let Some((after, before)) = span else { return true };
    moment.is_some_and(|moment| {
        after.is_none_or(|after| moment > after) && before.is_none_or(|before| moment < before)
    })
}
