//! Commands: made, read, listed, deleted.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use sitewise_local::aws::{self, Moment};

use super::{Answer, Cloud, PAYLOAD_BYTES, Request};
use crate::error::{Error, Kind, Result};
use crate::parameter::Parameter;
use crate::template::Template;

/// Commands at most, so that memory is bounded.
const COMMANDS: usize = 10_000;
/// How long a deleted command stays while executions of it may run.
const DELETION: Duration = Duration::from_secs(12 * 3_600);

/// A command.
#[derive(Debug)]
pub(crate) struct Command {
    /// As it was given, without tags.
    definition: Map<String, Value>,
    pub(super) payload: Payload,
    pub(super) parameters: Vec<Parameter>,
    created: Moment,
    /// When it goes, once that is asked for.
    pub(super) deleted_at: Option<Moment>,
}

/// What its executions send.
#[derive(Debug)]
pub(super) enum Payload {
    Static { content: Vec<u8>, content_type: Option<String> },
    Template(Template),
}

impl Payload {
    /// The last level of the topic, with its slash.
    pub(super) fn format(&self) -> &'static str {
        match self {
            Self::Template(_) => "/json",
            Self::Static { content_type, .. } => match content_type.as_deref() {
                Some("application/json") => "/json",
                Some("application/cbor") => "/cbor",
                _ => "",
            },
        }
    }
}

fn invalid<T>(message: &str) -> Result<T> {
    Err(Error::invalid(message))
}

/// What a creation says beyond its form.
fn read(definition: &Map<String, Value>) -> Result<(Payload, Vec<Parameter>)> {
    let given = |member: &str| definition.get(member).filter(|value| !value.is_null());
    if given("namespace").is_some_and(|namespace| namespace != "AWS-IoT") {
        return invalid("Only commands in the namespace AWS-IoT are emulated");
    }
    if given("roleArn").is_some() {
        return invalid("roleArn is not supported in the namespace AWS-IoT");
    }
    let declared = given("mandatoryParameters").and_then(Value::as_array);
    let parameters = declared
        .into_iter()
        .flatten()
        .zip(1..)
        .map(|(one, at)| Parameter::read(one, &format!("mandatoryParameters.{at}.member")))
        .collect::<Result<Vec<_>>>()?;
    for (at, parameter) in parameters.iter().enumerate() {
        if parameters.iter().take(at).any(|other| other.name == parameter.name) {
            let message = format!("There are two parameters of the name {}", parameter.name);
            return Err(Error::invalid(message));
        }
    }
    let payload = match (given("payload"), given("payloadTemplate").and_then(Value::as_str)) {
        (Some(payload), None) => {
            if !parameters.is_empty() || given("preprocessor").is_some() {
                return invalid("mandatoryParameters and preprocessor need a payloadTemplate");
            }
            static_payload(payload)?
        }
        (None, Some(template)) => {
            let format = given("preprocessor")
                .and_then(|preprocessor| preprocessor.get("awsJsonSubstitution"))
                .and_then(|substitution| substitution.get("outputFormat"));
            match format.and_then(Value::as_str) {
                None => return invalid("A payloadTemplate needs preprocessor.awsJsonSubstitution"),
                Some("JSON") => {}
                Some(other) => {
                    return Err(Error::invalid(format!("outputFormat {other} is not emulated")));
                }
            }
            if parameters.is_empty() {
                return invalid("A payloadTemplate needs mandatoryParameters");
            }
            let is_known = |name: &str| parameters.iter().any(|one| one.name == name);
            Payload::Template(Template::read(template, is_known)?)
        }
        _ => return invalid("Exactly one of payload and payloadTemplate must be given"),
    };
    Ok((payload, parameters))
}

fn static_payload(payload: &Value) -> Result<Payload> {
    let text = |member: &str| payload.get(member).and_then(Value::as_str);
    let content = text("content").and_then(|content| STANDARD.decode(content).ok());
    let Some(content) = content.filter(|content| !content.is_empty()) else {
        return invalid("payload.content must not be empty");
    };
    if content.len() > PAYLOAD_BYTES {
        let message = format!("payload.content is larger than {PAYLOAD_BYTES} bytes");
        return Err(Error::invalid(message));
    }
    let content_type = text("contentType").map(str::to_owned);
    let is_mime = |name: &String| {
        let halves = name.split_once('/');
        halves.is_some_and(|(kind, sub)| !kind.is_empty() && !sub.is_empty())
    };
    if content_type.as_ref().is_some_and(|name| !is_mime(name)) {
        return invalid("payload.contentType must be of the form type/subtype");
    }
    Ok(Payload::Static { content, content_type })
}

impl Cloud {
    pub(crate) fn create_command(&mut self, request: &Request) -> Result<Answer> {
        let id = request.text("commandId").unwrap_or_default();
        let mut definition = request.input.as_object().cloned().unwrap_or_default();
        let (payload, parameters) = read(&definition)?;
        if self.commands.contains_key(id) {
            return Err(Error::conflict(id, format!("There is a command {id} already")));
        }
        if self.commands.len() >= COMMANDS {
            let message = format!("More than {COMMANDS} commands");
            return Err(Error::new(Kind::ServiceQuotaExceeded, message));
        }
        definition.remove("tags");
        definition.retain(|_, member| !member.is_null());
        definition.entry("namespace").or_insert_with(|| "AWS-IoT".into());
        let created = request.now;
        let command = Command { definition, payload, parameters, created, deleted_at: None };
        self.commands.insert(id.to_owned(), command);
        Answer::of(json!({ "commandId": id, "commandArn": self.command_arn(id) }))
    }

    pub(crate) fn get_command(&mut self, request: &Request) -> Result<Answer> {
        let id = request.text("commandId").unwrap_or_default();
        let command = self.command(id)?;
        let mut body = command.definition.clone();
        body.insert("commandArn".into(), self.command_arn(id).into());
        for date in ["createdAt", "lastUpdatedAt"] {
            body.insert(date.into(), command.created.as_seconds().into());
        }
        body.insert("deprecated".into(), false.into());
        body.insert("pendingDeletion".into(), command.deleted_at.is_some().into());
        Answer::of(Value::Object(body))
    }

    pub(crate) fn list_commands(&mut self, request: &Request) -> Result<Answer> {
        let parameter = request.text("commandParameterName");
        let is_meant = |command: &Command| {
            parameter.is_none_or(|name| command.parameters.iter().any(|one| one.name == name))
        };
        let foreign = request.text("namespace").is_some_and(|namespace| namespace != "AWS-IoT");
        let mut found: Vec<(&String, &Command)> =
            self.commands.iter().filter(|(_, command)| !foreign && is_meant(command)).collect();
        found.sort_by_key(|(_, command)| command.created);
        if request.text("sortOrder") != Some("ASCENDING") {
            found.reverse();
        }
        let summaries = found.into_iter().map(|(id, command)| {
            let created = command.created.as_seconds();
            let mut summary = json!({
                "commandId": id,
                "commandArn": self.command_arn(id),
                "createdAt": created,
                "lastUpdatedAt": created,
                "deprecated": false,
                "pendingDeletion": command.deleted_at.is_some(),
            });
            if let (Some(name), Some(summary)) =
                (command.definition.get("displayName"), summary.as_object_mut())
            {
                summary.insert("displayName".into(), name.clone());
            }
            summary
        });
        page("ListCommands", "commands", summaries.collect(), request)
    }

    pub(crate) fn delete_command(&mut self, request: &Request) -> Result<Answer> {
        let id = request.text("commandId").unwrap_or_default();
        let status = match self.commands.get_mut(id) {
            Some(command) => {
                command.deleted_at.get_or_insert(request.now.plus(DELETION));
                202
            }
            None => 204,
        };
        Ok(Answer { status, ..Answer::of(json!({}))? })
    }

    pub(super) fn command(&self, id: &str) -> Result<&Command> {
        self.commands.get(id).ok_or_else(|| Error::not_found(format!("There is no command {id}")))
    }

    fn command_arn(&self, id: &str) -> String {
        self.place.arn(&format!("command/{id}"))
    }
}

/// A page of `items`, as the request asks for it.
pub(super) fn page(
    operation: &str,
    member: &str,
    items: Vec<Value>,
    request: &Request,
) -> Result<Answer> {
    let most = request.input.get("maxResults").and_then(Value::as_u64);
    let most = most.and_then(|most| usize::try_from(most).ok());
    let (items, next) = aws::page(items, operation, request.text("nextToken"), most)?;
    let mut body = json!({ member: items });
    if let (Some(next), Some(body)) = (next, body.as_object_mut()) {
        body.insert("nextToken".into(), next.into());
    }
    Answer::of(body)
}
