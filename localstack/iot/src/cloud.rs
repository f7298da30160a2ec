//! The account: its commands and their executions. Pure: time and new ids are arguments.

mod command;
mod execution;
mod respond;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use sitewise_local::aws::Moment;

use crate::arn::Place;
use crate::error::{Error, Kind, Result};
use crate::options::{Options, Rendering};

use command::Command;
use execution::Executions;

/// Bytes of a payload at most.
const PAYLOAD_BYTES: usize = 32 * 1024;

/// A message for a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outgoing {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
}

/// An answer over HTTP, and what is published for it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) outgoing: Option<Outgoing>,
}

impl Answer {
    fn of(body: Value) -> Result<Self> {
        Ok(Self { status: 200, body, outgoing: None })
    }
}

/// A request with its circumstances.
#[derive(Debug)]
pub(crate) struct Request {
    /// Bound and checked by its shapes.
    pub(crate) input: Value,
    pub(crate) now: Moment,
    /// A new id, for what the request may make.
    pub(crate) id: String,
}

impl Request {
    fn text(&self, member: &str) -> Option<&str> {
        self.input.get(member).and_then(Value::as_str)
    }
}

/// Where devices and callers connect to, as host and port.
#[derive(Debug, Clone, Default)]
pub(crate) struct Endpoints {
    pub(crate) mqtt: String,
    pub(crate) http: String,
}

#[derive(Debug)]
pub(crate) struct Cloud {
    place: Place,
    endpoints: Endpoints,
    rendering: Rendering,
    update_gap: Duration,
    commands: BTreeMap<String, Command>,
    executions: Executions,
}

impl Cloud {
    pub(crate) fn new(options: &Options, endpoints: Endpoints) -> Self {
        Self {
            place: Place { account: options.account.clone(), region: options.region.clone() },
            endpoints,
            rendering: options.rendering,
            update_gap: options.update_gap,
            commands: BTreeMap::new(),
            executions: Executions::default(),
        }
    }

    /// What happens by itself has happened until `now`: timeouts, and deletions that were scheduled.
    pub(crate) fn settle(&mut self, now: Moment) {
        self.executions.settle(now);
        self.commands.retain(|_, command| command.deleted_at.is_none_or(|at| now < at));
    }

    pub(crate) fn describe_endpoint(&mut self, request: &Request) -> Result<Answer> {
        let address = match request.text("endpointType").unwrap_or("iot:Data") {
            "iot:Data" | "iot:Data-ATS" => &self.endpoints.mqtt,
            "iot:Jobs" => &self.endpoints.http,
            other => {
                let message = format!("There is no endpoint of type {other}");
                return Err(Error::new(Kind::InvalidRequest, message));
            }
        };
        Answer::of(json!({ "endpointAddress": address }))
    }
}
