//! Requests to write to the plant: taken from their door, handed to the bridge, answered.
//!
//! A request is taken off its channel before the bridge sees it, so that it is never sent twice.
//! The bridge's outputs are performed before anything else is published, since its checks hold for
//! this moment alone.

use std::future::pending;
use std::sync::Arc;

use tokio::sync::mpsc;
use tracing::{info, warn};

use super::{Engine, TIME_SLICE};
use crate::command;
use crate::command::answer::{Answer, Output};
use crate::command::iot::Topics;
use crate::command::request::{CommandChannel, Envelope, RequestKey, WriteRequest};
use crate::mqtt::{ConnectionStats, Inbound, Outgoing};
use crate::sitewise::client::SiteWise;
use crate::sparkplug::message::Message;
use crate::time::Now;

/// Requests handled in one time slice at most.
const REQUESTS_PER_SLICE: usize = 32;
/// Characters of a request's parts in the log.
const LOGGED_CHARS: usize = 200;

/// The door of AWS IoT commands.
#[derive(Debug)]
pub(in crate::app) struct IotCommandChannel {
    pub topics: Topics,
    pub requests: mpsc::Receiver<Inbound>,
    pub answers: mpsc::Sender<Outgoing>,
    pub figures: ConnectionStats,
    /// Answers that found no room, or no connection.
    pub unanswered: u64,
}

impl IotCommandChannel {
    pub(in crate::app) fn new(
        topics: Topics,
        requests: mpsc::Receiver<Inbound>,
        answers: mpsc::Sender<Outgoing>,
        figures: ConnectionStats,
    ) -> Self {
        Self { topics, requests, answers, figures, unanswered: 0 }
    }

    /// The next inbound event of the command channel; pending for ever without one.
    pub(super) async fn next(door: &mut Option<Self>) -> Inbound {
        let next = match door {
            Some(door) => door.requests.recv().await,
            None => None,
        };
        match next {
            Some(inbound) => inbound,
            // The connection has ended for good.
            None => pending().await,
        }
    }

    fn respond(&mut self, response: Message) {
        if self.figures.uplink().is_none() || self.answers.try_send(response.into()).is_err() {
            self.unanswered += 1;
            warn!(
                "a response to a command was dropped: the AWS IoT connection for commands is \
                down or its queue is full"
            );
        }
    }
}

impl<S: SiteWise> Engine<S> {
    /// Handles what waits at the door, until nothing is left or the time slice is over.
    pub(super) fn handle_requests(&mut self, first: Inbound) {
        let end = self.clock.now().instant + TIME_SLICE;
        let mut now = self.now();
        self.handle_command_inbound(first, now);
        for _ in 1..REQUESTS_PER_SLICE {
            let door = self.iot_commands.as_mut().filter(|_| now.instant < end);
            let Some(next) = door.and_then(|door| door.requests.try_recv().ok()) else { break };
            now = self.now();
            self.handle_command_inbound(next, now);
        }
    }

    fn handle_command_inbound(&mut self, inbound: Inbound, now: Now) {
        let Some(door) = &mut self.iot_commands else { return };
        match inbound {
            Inbound::Connected { .. } | Inbound::Disconnected { .. } => {}
            Inbound::Message { topic, retain: true, .. }
            | Inbound::Oversized { topic, retain: true, .. } => {
                warn!("a retained message on {topic:?} is not a command: nothing was sent");
            }
            Inbound::Message { topic, payload, arrived, .. } => {
                let Some(id) = door.topics.execution(&topic) else { return };
                // The session is a clean one: its server keeps nothing, so that a request was sent
                // when it came.
                let sent_at = Some(now.wall.minus(arrived.elapsed()));
                let envelope = Envelope { key: RequestKey::new(CommandChannel::Iot, id), sent_at };
                self.handle_request(envelope, &payload, now);
            }
            Inbound::Oversized { topic, size, .. } => {
                let Some(id) = door.topics.execution(&topic) else { return };
                // No request is so large, whatever is in it.
                warn!("a request of {size} bytes is too large to be read");
                let envelope =
                    Envelope { key: RequestKey::new(CommandChannel::Iot, id), sent_at: None };
                self.handle_request(envelope, b"", now);
            }
        }
    }

    fn handle_request(&mut self, envelope: Envelope, payload: &[u8], now: Now) {
        log_request(&envelope.key, payload);
        let uplinks = self.servers.uplinks();
        self.bridge.handle_request(envelope, payload, &uplinks, now);
        self.drain_commands();
    }

    /// Performs what the bridge decided about commands.
    pub(super) fn drain_commands(&mut self) {
        while let Some(output) = self.bridge.poll_command() {
            match output {
                Output::Publish(command) => self.servers.command(command),
                Output::Started { key, metric, value } => {
                    let words = command::display_text(&value);
                    info!(
                        command.id = %key,
                        command.metric = %metric,
                        command.value = words,
                        "command {key}: sent {words} to {metric}"
                    );
                    if let (CommandChannel::Iot, Some(door)) = (key.channel, &mut self.iot_commands)
                    {
                        door.respond(door.topics.started(&key.id, &value));
                    }
                }
                Output::Answer { key, answer, repeated } => self.answer(&key, &answer, repeated),
            }
        }
    }

    fn answer(&mut self, key: &RequestKey, answer: &Arc<Answer>, repeated: bool) {
        log_answer(key, answer, repeated);
        if let (CommandChannel::Iot, Some(door)) = (key.channel, &mut self.iot_commands) {
            door.respond(door.topics.answered(&key.id, answer));
        }
    }
}

/// What is asked for, in the log: the first step of the audit.
fn log_request(key: &RequestKey, payload: &[u8]) {
    let Ok(WriteRequest { asset, property, value, .. }) = WriteRequest::parse(payload) else {
        info!(command.id = %key, "command {key}: the request cannot be parsed");
        return;
    };
    let (asset, property, value) = (cut(&asset), cut(&property), cut(&value.to_string()));
    info!(
        command.id = %key,
        command.asset = asset,
        command.property = property,
        command.wanted = value,
        "command {key}: asked to write {value} to {property:?} of {asset:?}"
    );
}

/// How it ended: the last step of the audit.
fn log_answer(key: &RequestKey, answer: &Answer, repeated: bool) {
    let (status, code, reason) = (answer.status().as_str(), answer.code.as_str(), &answer.reason);
    let metric = answer.metric.as_deref().unwrap_or_default();
    let again = if repeated { " again" } else { "" };
    info!(
        command.id = %key,
        command.metric = metric,
        command.status = status,
        command.code = code,
        command.repeated = repeated,
        "command {key}: answered{again} {status} {code}: {reason}"
    );
}

fn cut(text: &str) -> String {
    text.chars().take(LOGGED_CHARS).collect()
}
