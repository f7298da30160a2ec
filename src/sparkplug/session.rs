//! The session of one edge node and its devices, on the host's side.
//!
//! A node is unknown, awaited, online or offline; only while it is online there are tables to read
//! data with. Outputs go to a [`SessionContext`].

use std::sync::Arc;

use super::address::{EdgeNode, Source};
use super::config::Config;
use super::event::Event;
use super::findings::{Finding, FindingCounts};
use super::host::finding_log::FindingLog;
use super::host::state::ConnectedServers;
use super::host::{ServerId, SkipReason};
use super::inflation_debt::InflationDebt;
use super::limits;
use super::metric;
use super::names::NameInterner;
use super::proto::Payload;
use super::rebirth::{RebirthReason, RebirthRequests, RebirthTrigger};
use super::topic::MessageType;
use crate::time::{Instant, Now, Timestamp};

mod alias_usage;
mod awaited;
mod bd_seq_series;
mod birth_archive;
mod births;
mod clock;
mod deaths;
mod devices;
mod doubled;
mod doubts;
mod elsewhere;
mod ending;
mod expected;
mod filter_yield;
mod forgetting;
mod gaps;
mod lost;
mod message;
mod numbering;
mod online;
mod prior_tables;
mod proven;
mod reading;
mod requesting;
mod stored_births;
mod timeouts;
mod view;
mod waiting;

pub use clock::ClockOff;
pub(crate) use clock::words as clock_words;
pub(crate) use forgetting::{DataSent, TableEvictionRank, TablesOf};
pub(crate) use requesting::ONLY_STORED;
pub use requesting::{KnownBy, NodeProblem, NodeProblemKind};

use awaited::{AwaitingBirth, CarriedState};
use bd_seq_series::BdSeqSeries;
use clock::{DeviceClocks, SenderClock};
use doubled::DoubledNumbers;
use message::{Borrowed, SessionMessage};
use numbering::{Arrival, Numbering};
use online::OnlineSession;

pub(crate) use message::Incoming;

/// The context of every input to a session, and the receiver of its outputs.
pub(crate) struct SessionContext<'a> {
    pub(crate) now: Now,
    pub(crate) config: &'a Config,
    /// A number from the whole range, drawn for this input.
    pub(crate) random: f64,
    /// Memory left for this session's tables and buffers.
    pub(crate) room_left: MemoryUse,
    /// Whether the session is of a node that may be made up.
    pub(crate) may_be_made_up: bool,
    pub(crate) servers: &'a ConnectedServers,
    /// Whether our time is known to be right, and messages are read as they come.
    pub(crate) judges_clocks: bool,
    pub(crate) names: &'a mut NameInterner,
    pub(crate) events: &'a mut dyn FnMut(Event),
}

impl SessionContext<'_> {
    fn emit(&mut self, event: Event) {
        (self.events)(event);
    }

    /// How many bytes of messages may wait: those that may be made up leave the others half.
    fn waiting_room(&self) -> usize {
        let others = if self.may_be_made_up { limits::TOTAL_WINDOW_BYTES / 2 } else { 0 };
        self.room_left.bytes.saturating_sub(others)
    }

    /// Whether the filter may include anything of a device, or its node.
    fn may_take(&self, edge: &EdgeNode, device: Option<&str>) -> bool {
        let filter = &self.config.filter;
        match device {
            _ if filter.is_open() => true,
            None => filter.may_take(&edge.to_string()),
            Some(device) => filter.may_take(&format!("{edge}/{device}")),
        }
    }
}

/// Findings and counts of a session's messages.
#[derive(Clone, Debug, Default)]
struct SessionNotes {
    findings: FindingCounts,
    /// Triggers of rebirth requests; empty between inputs.
    triggers: Vec<RebirthTrigger>,
    /// Those for what the last birth of the node or of a device does not have; empty between inputs.
    unknown: Vec<(Option<Arc<str>>, RebirthTrigger)>,
    /// The last metric that was not in a birth, and its device; the last device that was not born.
    unknown_example: Option<Arc<str>>,
    unborn_example: Option<Arc<str>>,
    /// Devices that were born; empty between inputs.
    born_devices: Vec<Arc<str>>,
    /// Values excluded by the filter.
    excluded_values: u64,
    /// Values skipped, by reason.
    skipped: [u64; SkipReason::ALL.len()],
}

impl SessionNotes {
    /// A device sends data and is not born.
    fn push_unborn(&mut self, device: &str) {
        if self.unborn_example.as_deref() != Some(device) {
            self.unborn_example = Some(device.into());
        }
        self.triggers.push(RebirthTrigger::unborn(device));
    }

    /// Whatever was missing, a birth of the node or its death has ended it.
    fn clear_triggers(&mut self) {
        self.triggers.clear();
        self.unknown.clear();
    }

    /// The values of a message are not read.
    fn skip_payload(&mut self, why: SkipReason, payload: &Payload) {
        self.skip_values(why, payload.metrics.iter().map(metric::values).sum());
    }

    fn skip_values(&mut self, why: SkipReason, values: u64) {
        if let Some(count) = self.skipped.get_mut(why as usize) {
            *count += values;
        }
    }

    /// Skips messages whose birth never came.
    fn skip_waiting(&mut self, why: SkipReason, messages: &[SessionMessage]) {
        for message in messages {
            self.skip_payload(why, &message.incoming().payload);
        }
    }
}

/// Memory that a session uses, or that is left for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MemoryUse {
    /// Bytes of what births left: names, aliases, types, definitions, devices.
    pub(crate) tables: usize,
    /// Of these, what is only kept for what may come before the next birth.
    pub(crate) past_leaves: usize,
    /// Of these, what is of nodes that said nothing after a birth yet.
    pub(crate) unproven: usize,
    /// Bytes of messages that wait for others.
    pub(crate) bytes: usize,
}

/// The phase of a node's session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodePhase {
    /// Nothing is known of it.
    Unknown,
    /// It sends data, or is expected to, but its birth is not known.
    Awaited,
    /// Its birth is known.
    Online,
    /// It died, or is unreachable.
    Offline,
}

/// One edge node.
#[derive(Clone, Debug)]
pub(crate) struct EdgeSession {
    source: Source,
    state: SessionState,
    /// Whether a birth of it was ever emitted.
    birth_emitted: bool,
    /// Whether SiteWise had it at our start.
    was_known: bool,
    /// When a live message of it came last.
    last_heard: Option<Instant>,
    /// When it went offline, while it is not born again: only what this process heard.
    died: Option<Timestamp>,
    created: Instant,
    /// Whether it ever sent data after a birth, or answered a request.
    has_answered: bool,
    /// Whether it sends data that cannot be interpreted.
    sends_unreadable: bool,
    /// Whether another server than its own was connected since it was online: it may be there.
    asks_all: bool,
    /// Whether its last unreadable message was skipped as too costly.
    is_costly: bool,
    /// How much it had us decompress.
    debt: InflationDebt,
    clock: SenderClock,
    device_clocks: DeviceClocks,
    requests: RebirthRequests,
    problem: Option<NodeProblem>,
    notes: SessionNotes,
    finding_log: FindingLog,
    senders: BdSeqSeries,
    numbering: Numbering,
    doubled: DoubledNumbers,
    gaps: u64,
    rebirths: u64,
    /// The server of its last message.
    server: Option<ServerId>,
}

#[derive(Clone, Debug)]
enum SessionState {
    Awaited(AwaitingBirth),
    Online(Box<OnlineSession>),
}

/// A request for births that is to be published now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RebirthToSend {
    pub(crate) reason: RebirthReason,
    /// The server the node is known on; none for all.
    pub(crate) server: Option<ServerId>,
}

impl EdgeSession {
    pub(crate) fn new(edge: EdgeNode, now: Instant) -> Self {
        Self {
            source: Source { edge, device: None },
            state: SessionState::Awaited(AwaitingBirth::unknown()),
            birth_emitted: false,
            was_known: false,
            last_heard: None,
            died: None,
            created: now,
            has_answered: false,
            sends_unreadable: false,
            asks_all: false,
            is_costly: false,
            debt: InflationDebt::default(),
            clock: SenderClock::default(),
            device_clocks: DeviceClocks::default(),
            requests: RebirthRequests::default(),
            problem: None,
            notes: SessionNotes::default(),
            finding_log: FindingLog::default(),
            senders: BdSeqSeries::default(),
            numbering: Numbering::default(),
            doubled: DoubledNumbers::default(),
            gaps: 0,
            rebirths: 0,
            server: None,
        }
    }

    pub(crate) fn edge(&self) -> &EdgeNode {
        &self.source.edge
    }

    /// Whether it ever said anything after a birth, or answered a request.
    pub(crate) fn is_proven(&self) -> bool {
        self.has_answered
    }

    /// Whether SiteWise does not know it from before our start, nor did it say anything after a birth.
    pub(crate) fn may_be_made_up(&self) -> bool {
        !(self.has_answered || self.was_known)
    }

    pub(crate) fn debt(&mut self) -> &mut InflationDebt {
        &mut self.debt
    }

    pub(crate) fn phase(&self) -> NodePhase {
        match &self.state {
            SessionState::Awaited(awaited) => awaited.phase(),
            SessionState::Online(_) => NodePhase::Online,
        }
    }

    /// Whether it was born once and is gone. Who cannot be seen may live.
    pub(crate) fn is_dead(&self) -> bool {
        match &self.state {
            SessionState::Awaited(awaited) => {
                awaited.phase() == NodePhase::Offline && !awaited.is_lost()
            }
            SessionState::Online(_) => false,
        }
    }

    pub(crate) fn memory_use(&self) -> MemoryUse {
        let load = self.state_use();
        let tables = load.tables + self.device_clocks.bytes() + self.numbering.bytes();
        let unproven = if self.has_answered { 0 } else { tables };
        MemoryUse { tables, unproven, ..load }
    }

    pub(crate) fn note(&mut self, finding: Finding) {
        self.notes.findings.note(finding);
    }

    /// A live message.
    pub(crate) fn handle_message(
        &mut self,
        message: Incoming<'_>,
        context: &mut SessionContext<'_>,
    ) {
        self.note_received(context);
        self.check_clock(&message, context);
        match (message.verb, message.device) {
            (MessageType::Birth, None) => return self.handle_node_birth(&message, context),
            (MessageType::Death, None) => {
                return self.handle_node_death(message.server, &message.payload, context);
            }
            (MessageType::Birth | MessageType::Death | MessageType::Data, _) => {}
            (MessageType::Command, _) => return,
        }
        if message.own_time().is_none() {
            self.note(Finding::NoTime);
        }
        match &mut self.state {
            SessionState::Online(online) if online.server() != message.server => {
                self.note(Finding::ForeignServer);
                self.notes.skip_payload(SkipReason::ForeignServer, &message.payload);
                self.hear_elsewhere(message.server, context);
            }
            SessionState::Online(_) => {
                self.has_answered |= message.verb == MessageType::Data;
                self.sends_unreadable = true;
                let arrival = self.arrival(&message, context);
                let (SessionState::Online(online), notes) = (&mut self.state, &mut self.notes)
                else {
                    return;
                };
                let is_full = match arrival {
                    Arrival::InSequence => online.handle_message(message, notes, context),
                    Arrival::AsItComes => online.take_as_it_comes(message, notes, context),
                    Arrival::Repeated => online.skip_repeated(&message, notes, context),
                };
                if is_full || (context.config.reorder_timeout.is_zero() && online.is_waiting()) {
                    self.expire_gap(context);
                }
                self.clear_doubt();
                self.request_for_triggers(context);
            }
            SessionState::Awaited(awaited) => {
                self.server = Some(message.server);
                if awaited.has_stored_birth(message.server) {
                    let mut waiting = self.take_waiting(message.server, context);
                    waiting.push(message.own());
                    return self.apply_stored_births(waiting, context);
                }
                if let Some(archived) = awaited.take_archived_births(message.server) {
                    let waiting = self.take_waiting(message.server, context);
                    self.notes.skip_waiting(SkipReason::BeforeBirth, &waiting);
                    return self.resume(archived, message, context);
                }
                awaited.sign_of_life();
                self.sends_unreadable = true;
                let was_asked = awaited.was_asked();
                let has_room = awaited.has_room(message.bytes, context);
                if has_room {
                    if awaited.are_waiting_counted() {
                        self.notes.findings.note(Finding::BeforeBirth);
                    }
                    awaited.buffer(message.own(), context);
                } else {
                    self.notes.findings.note(Finding::BeforeBirth);
                    self.notes.findings.note(Finding::WaitingFull);
                    self.notes.skip_payload(SkipReason::BeforeBirth, &message.payload);
                }
                if was_asked || !has_room {
                    self.request(RebirthTrigger::BeforeBirth, context);
                }
            }
        }
    }

    /// A message that the server had stored. It is not live: a birth may be outdated, data has
    /// no place in the sequence [payloads-ndata-retain].
    pub(crate) fn handle_retained(
        &mut self,
        message: &Incoming<'_>,
        context: &mut SessionContext<'_>,
    ) {
        self.note(Finding::Retained);
        if message.verb != MessageType::Death {
            self.notes.skip_payload(SkipReason::Retained, &message.payload);
        }
        match (message.verb, message.device, &self.state) {
            (MessageType::Birth, None, _) => self.handle_retained_birth(message.server, context),
            (MessageType::Death, None, SessionState::Online(online)) => {
                if online.server() == message.server && online.is_own_death(&message.payload) {
                    self.handle_node_death(message.server, &message.payload, context);
                }
            }
            (
                MessageType::Birth | MessageType::Death | MessageType::Data | MessageType::Command,
                _,
                _,
            ) => {}
        }
    }

    /// A node's birth that the server had stored, whether it can be read or not: the node may live.
    pub(crate) fn handle_retained_birth(&mut self, server: ServerId, context: &SessionContext<'_>) {
        if matches!(&self.state, SessionState::Online(_)) {
            return;
        }
        // It does not say that one that was online, heard or is expected elsewhere is there now.
        if self.is_only_stored() {
            self.server = Some(server);
        }
        self.request(RebirthTrigger::BeforeBirth, context);
    }

    /// Bytes that are no payload. A node's death is one without any
    /// [payloads-ndeath-will-message]; a device's takes place in the sequence, and is believed as well.
    pub(crate) fn handle_undecodable(
        &mut self,
        server: ServerId,
        verb: MessageType,
        device: Option<&str>,
        is_costly: bool,
        context: &mut SessionContext<'_>,
    ) {
        self.note_received(context);
        self.is_costly = is_costly;
        match (verb, device) {
            (MessageType::Death, None) => {
                self.handle_node_death(server, &Payload::default(), context)
            }
            (MessageType::Command, _) => {}
            (MessageType::Birth, _) => {
                self.handle_unreadable_birth(server, device, context);
                self.request(RebirthTrigger::unreadable(device), context);
            }
            (MessageType::Data | MessageType::Death, _) => {
                match &mut self.state {
                    SessionState::Awaited(awaited) => {
                        self.server = Some(server);
                        self.sends_unreadable = true;
                        awaited.sign_of_life();
                    }
                    SessionState::Online(online) if online.server() == server => {
                        online.note_heard(context);
                        // The topic alone says that the device died.
                        if let (MessageType::Death, Some(name)) = (verb, device) {
                            let header = (server, verb, device);
                            let death = Incoming::new(header, Payload::default(), &[], context.now);
                            online.device_died(name, &death.borrow(), &mut self.notes, context);
                        }
                    }
                    SessionState::Online(_) => self.hear_elsewhere(server, context),
                }
                self.clear_doubt();
                self.request(RebirthTrigger::Undecodable, context);
            }
        }
    }

    /// The missing messages have not come [operational-behavior-host-reordering-rebirth].
    fn expire_gap(&mut self, context: &mut SessionContext<'_>) {
        let SessionState::Online(online) = &mut self.state else { return };
        let (missing, before) = (online.next_seq(), online.window.first_buffered());
        let gaps = online.expire_gap(&mut self.notes, context);
        self.gaps += gaps;
        if let (Some(before), 1..) = (before, gaps) {
            let words = || format!("seq {missing} did not come before {before}");
            self.notes.findings.note_with_example(Finding::Gap, words);
            self.notes.findings.add(Finding::Gap, gaps - 1);
        }
        self.notes.triggers.push(RebirthTrigger::Gap);
    }
}
