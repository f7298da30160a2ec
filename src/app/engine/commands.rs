//! Requests to write to the plant: taken from their door, handed to the bridge, answered.
//!
//! A request is taken off its channel before the bridge sees it, so that it is never sent twice.
//! The bridge's outputs are performed before anything else is published, since its checks hold for
//! this moment alone.

mod sending;

use std::future::pending;
use std::sync::Arc;

use tokio::sync::mpsc;
use tracing::{debug, info, warn};

use self::sending::SendNotices;
use super::{Engine, TIME_SLICE};
use crate::command::answer::{Answer, Code, Output};
use crate::command::iot::Topics;
use crate::command::iot::updates::{
    ExecutionUpdates, Rejection, Repetition, UpdateOutput, Verdicts,
};
use crate::command::queue;
use crate::command::request::{CommandChannel, Envelope, RequestKey, Sent, WriteRequest};
use crate::command::{self, Unsent};
use crate::console::{CommandDoors as DoorStatuses, DoorStatus};
use crate::mqtt::{ConnectionStats, Inbound, Outgoing, SendNotice};
use crate::sitewise::client::SiteWise;
use crate::sparkplug::message::Message;
use crate::sqs::{QueueAnswer, QueueRequest, QueueStatus};
use crate::time::{Instant, Now};

/// Requests handled in one time slice at most.
const REQUESTS_PER_SLICE: usize = 32;
/// Characters of a request's parts in the log.
const LOGGED_CHARS: usize = 200;

/// Where requests come in.
#[derive(Debug, Default)]
pub(in crate::app) struct CommandDoors {
    pub iot: Option<IotCommandChannel>,
    pub queue: Option<QueueCommandChannel>,
    pub sending: SendNotices,
}

/// The door of AWS IoT commands.
#[derive(Debug)]
pub(in crate::app) struct IotCommandChannel {
    topics: Topics,
    /// The server's address; for people.
    url: String,
    requests: mpsc::Receiver<Inbound>,
    answers: mpsc::Sender<Outgoing>,
    figures: ConnectionStats,
    updates: ExecutionUpdates,
    /// Requests that were read.
    received: u64,
    /// Answers that found no room or no connection, or that AWS IoT rejected.
    unanswered: u64,
    /// Whether it was logged that AWS IoT's verdicts on answers are not heard.
    unheard_logged: bool,
}

/// The door of an SQS queue.
#[derive(Debug)]
pub(in crate::app) struct QueueCommandChannel {
    pub requests: mpsc::Receiver<QueueRequest>,
    /// None where no queue for answers is named.
    pub answers: Option<mpsc::Sender<QueueAnswer>>,
    pub status: QueueStatus,
    /// Nothing more comes: it was closed, and what had been taken off the queue is handled.
    pub is_drained: bool,
}

/// What comes through a door.
#[derive(Debug)]
pub(super) enum DoorInbound {
    /// From AWS IoT.
    Iot(Inbound),
    /// From the queue, off which it was taken.
    Queue(QueueRequest),
    /// Nothing more comes from the queue.
    QueueDrained,
    /// From an MQTT connection: its client has the command of a request, or it was not sent.
    Sending(RequestKey, Result<(), Unsent>),
}

impl CommandDoors {
    /// What comes next; pending for ever without a door.
    pub(super) async fn next(&mut self) -> DoorInbound {
        let Self { iot, queue, sending } = self;
        let iot = async {
            let next = match iot {
                Some(door) => door.requests.recv().await,
                None => None,
            };
            match next {
                Some(inbound) => inbound,
                // The connection has ended for good.
                None => pending().await,
            }
        };
        let queue = async {
            match queue {
                Some(door) if !door.is_drained => {
                    let next = door.requests.recv().await;
                    door.is_drained = next.is_none();
                    next
                }
                _ => pending().await,
            }
        };
        tokio::select! {
            inbound = iot => DoorInbound::Iot(inbound),
            request = queue => request.map_or(DoorInbound::QueueDrained, DoorInbound::Queue),
            Some((key, sent)) = sending.receiver.recv() => DoorInbound::Sending(key, sent),
        }
    }

    /// Another one from the same door, if there is one already.
    fn next_now(&mut self, of: DoorKind) -> Option<DoorInbound> {
        let Self { iot, queue, sending } = self;
        match of {
            DoorKind::Sending => {
                let next = sending.receiver.try_recv().ok();
                next.map(|(key, sent)| DoorInbound::Sending(key, sent))
            }
            DoorKind::Iot => iot.as_mut()?.requests.try_recv().ok().map(DoorInbound::Iot),
            DoorKind::Queue => queue.as_mut()?.requests.try_recv().ok().map(DoorInbound::Queue),
        }
    }

    /// Takes no more requests off the queue.
    pub(super) fn close(&mut self) {
        if let Some(queue) = &mut self.queue {
            queue.requests.close();
        }
    }

    /// When an answer is due.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.iot.as_ref()?.updates.poll_timeout()
    }

    /// Gives the answers that are due.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if let Some(iot) = &mut self.iot {
            iot.updates.handle_timeout(now);
            iot.drain();
        }
    }

    /// Whether no answer waits to be given or accepted.
    pub(super) fn is_settled(&self) -> bool {
        self.iot.as_ref().is_none_or(IotCommandChannel::is_settled)
    }

    /// Whether all that was taken off the queue is handled, once it is closed.
    pub(super) fn is_drained(&self) -> bool {
        self.queue.as_ref().is_none_or(|queue| queue.is_drained)
    }
}

/// Which door.
#[derive(Clone, Copy, Debug)]
enum DoorKind {
    Iot,
    Queue,
    Sending,
}

impl DoorStatuses for CommandDoors {
    fn statuses(&self) -> Vec<DoorStatus> {
        let iot = self.iot.as_ref().map(IotCommandChannel::status);
        let queue = self.queue.as_ref().map(QueueCommandChannel::status);
        iot.into_iter().chain(queue).collect()
    }
}

impl IotCommandChannel {
    /// The door of these topics, with its ends of the connection's queues.
    pub(in crate::app) fn new(
        topics: Topics,
        url: String,
        (requests, answers): (mpsc::Receiver<Inbound>, mpsc::Sender<Outgoing>),
        figures: ConnectionStats,
    ) -> Self {
        Self {
            topics,
            url,
            requests,
            answers,
            figures,
            updates: ExecutionUpdates::default(),
            received: 0,
            unanswered: 0,
            unheard_logged: false,
        }
    }

    /// A session has begun.
    fn connected(&mut self) {
        let is_heard = self.figures.has_optional();
        if !is_heard && !self.unheard_logged {
            self.unheard_logged = true;
            warn!(
                server.address = self.url,
                "{} does not allow the subscription to {}: whether AWS IoT accepts an answer is \
                 not known, and one that it rejects is not sent again; allow these topics in the \
                 thing's policy, as in docs/commands.md, and restart the bridge",
                self.url,
                self.topics.verdicts().join(" and ")
            );
        }
        let verdicts = if is_heard { Verdicts::Heard } else { Verdicts::Unheard };
        self.updates.handle_connected(verdicts);
        self.drain();
    }

    /// Whether no answer waits. Without a connection none is waited for.
    fn is_settled(&self) -> bool {
        self.figures.uplink().is_none() || self.updates.is_settled()
    }

    /// Performs what the updates decided.
    fn drain(&mut self) {
        while let Some(output) = self.updates.poll_output() {
            match output {
                UpdateOutput::Publish(message) => self.respond(message),
                UpdateOutput::Lost { execution, rejection, attempts, repetition } => {
                    self.lost(&execution, &rejection, attempts, repetition);
                }
            }
        }
    }

    fn lost(&mut self, id: &str, rejection: &Rejection, attempts: u32, repetition: Repetition) {
        let Rejection { code, message } = rejection;
        match repetition {
            Repetition::First => {
                self.unanswered += 1;
                warn!(
                    command.id = id,
                    command.rejection = code,
                    command.attempts = attempts,
                    "command iot:{id}: AWS IoT rejected its answer ({code}: {message}), sent \
                     {attempts} times: its execution does not show how it ended"
                );
            }
            Repetition::Repeated => info!(
                command.id = id,
                command.rejection = code,
                "command iot:{id}: AWS IoT rejected its repeated answer ({code}: {message}): the \
                 execution has ended with the first one"
            ),
        }
    }

    fn respond(&mut self, response: Message) {
        if self.figures.uplink().is_none() || self.answers.try_send(response.into()).is_err() {
            self.unanswered += 1;
            warn!(
                "an answer to a command was dropped: the AWS IoT connection for commands is down \
                or its queue is full"
            );
        }
    }

    fn status(&self) -> DoorStatus {
        let is_open = self.figures.uplink().is_some();
        let why = self.figures.trouble().filter(|_| !is_open).map(|why| {
            let why = format!("is not connected, so that no AWS IoT command arrives: {why}");
            (self.url.clone(), why)
        });
        DoorStatus {
            channel: CommandChannel::Iot,
            is_open,
            troubles: why.into_iter().collect(),
            received: self.received + self.figures.dropped(),
            not_taken: 0,
            unanswered: self.unanswered,
        }
    }
}

impl QueueCommandChannel {
    fn respond(&self, id: &Arc<str>, answer: &Answer) {
        let Some(answers) = &self.answers else { return };
        let answer = QueueAnswer { id: Arc::clone(id), body: queue::answered(id, answer) };
        if answers.try_send(answer).is_err() {
            self.status.count_unanswered(1);
            warn!(
                command.id = &**id,
                "command queue:{id}: its answer was dropped: too many wait for the answer queue"
            );
        }
    }

    fn status(&self) -> DoorStatus {
        let figures = self.status.figures();
        DoorStatus {
            channel: CommandChannel::Queue,
            is_open: self.status.is_receiving(),
            troubles: self.status.troubles(),
            received: figures.received,
            not_taken: figures.not_deleted,
            unanswered: figures.unanswered,
        }
    }
}

impl<S: SiteWise> Engine<S> {
    /// Handles what waits at a door, until nothing is left or the time slice is over.
    pub(super) fn handle_requests(&mut self, first: DoorInbound) {
        let of = match first {
            DoorInbound::Iot(_) => DoorKind::Iot,
            DoorInbound::Queue(_) | DoorInbound::QueueDrained => DoorKind::Queue,
            DoorInbound::Sending(..) => DoorKind::Sending,
        };
        let end = self.clock.now().instant + TIME_SLICE;
        let mut now = self.now();
        self.handle_door(first, now);
        for _ in 1..REQUESTS_PER_SLICE {
            let next = if now.instant < end { self.doors.next_now(of) } else { None };
            let Some(next) = next else { break };
            now = self.now();
            self.handle_door(next, now);
        }
    }

    fn handle_door(&mut self, inbound: DoorInbound, now: Now) {
        match inbound {
            DoorInbound::Iot(inbound) => self.handle_command_inbound(inbound, now),
            DoorInbound::Queue(QueueRequest { id, sent_at, time_at_start, deleted_at, body }) => {
                let key = RequestKey::new(CommandChannel::Queue, id);
                let sent = Sent::Before { at: sent_at, start: time_at_start, taken: deleted_at };
                let envelope = Envelope { key, sent };
                self.handle_request(envelope, body.as_bytes(), now);
            }
            DoorInbound::QueueDrained => {}
            DoorInbound::Sending(key, sent) => {
                self.bridge.handle_sending(&key, sent, now);
                self.drain_commands();
            }
        }
    }

    fn handle_command_inbound(&mut self, inbound: Inbound, now: Now) {
        let Some(door) = &mut self.doors.iot else { return };
        if let Inbound::Message { topic, payload, retain: false, .. } = &inbound
            && let Some((id, verdict)) = door.topics.verdict(topic, payload)
        {
            debug!(command.id = id, "AWS IoT says of the answer to {id}: {verdict:?}");
            door.updates.handle_verdict(id, verdict, now.instant);
            return door.drain();
        }
        if matches!(inbound, Inbound::Message { .. } | Inbound::Oversized { .. }) {
            door.received += 1;
        }
        match inbound {
            Inbound::Connected { .. } => door.connected(),
            Inbound::Disconnected { .. } => door.updates.handle_disconnected(),
            Inbound::Message { topic, retain: true, .. }
            | Inbound::Oversized { topic, retain: true, .. } => {
                warn!("a retained message on {topic:?} is not a command: nothing was sent");
            }
            Inbound::Message { topic, payload, arrived, .. } => {
                let Some(id) = door.topics.execution(&topic) else { return };
                // The session is a clean one: its server keeps nothing, so that a request was sent
                // when it came.
                let waited = arrived.elapsed();
                let sent = Sent::OnArrival(now.wall.minus(waited));
                let timeout = WriteRequest::parse(&payload).ok().and_then(|one| one.timeout);
                door.updates.handle_request(id, timeout, now.instant - waited);
                let envelope = Envelope { key: RequestKey::new(CommandChannel::Iot, id), sent };
                self.handle_request(envelope, &payload, now);
            }
            Inbound::Oversized { topic, size, .. } => {
                let Some(id) = door.topics.execution(&topic) else { return };
                // No request is so large, whatever is in it.
                warn!("a request of {size} bytes is too large to be read");
                let sent = Sent::OnArrival(now.wall);
                let envelope = Envelope { key: RequestKey::new(CommandChannel::Iot, id), sent };
                door.updates.handle_request(id, None, now.instant);
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
                Output::Publish(key, command) => {
                    let notice = SendNotice::new(self.doors.sending.sender.clone(), key);
                    self.servers.command(command, notice);
                }
                Output::Started { key, metric, value } => {
                    let words = command::display_text(&value);
                    info!(
                        command.id = %key,
                        command.metric = %metric,
                        command.value = words,
                        "command {key}: sent {words} to {metric}"
                    );
                    if let (CommandChannel::Iot, Some(door)) = (key.channel, &mut self.doors.iot) {
                        let update = door.topics.started(&key.id, &value);
                        door.updates.handle_started(&key.id, update, self.clock.now().instant);
                        door.drain();
                    }
                }
                Output::Answer { key, answer, repeated } => self.answer(&key, &answer, repeated),
            }
        }
    }

    fn answer(&mut self, key: &RequestKey, answer: &Arc<Answer>, repeated: bool) {
        log_answer(key, answer, repeated);
        let CommandDoors { iot, queue, .. } = &mut self.doors;
        match key.channel {
            CommandChannel::Iot => {
                if let Some(door) = iot {
                    let message = door.topics.answered(&key.id, answer);
                    let of = if repeated { Repetition::Repeated } else { Repetition::First };
                    door.updates.handle_answer(&key.id, message, of, self.clock.now().instant);
                    door.drain();
                }
            }
            // One that cannot be read stays in the queue and comes again, until the queue moves it
            // to its dead-letter queue: it is answered once.
            CommandChannel::Queue if repeated && answer.code == Code::Malformed => {}
            CommandChannel::Queue => {
                if let Some(door) = queue {
                    door.respond(&key.id, answer);
                }
            }
            CommandChannel::Terminal => {}
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
