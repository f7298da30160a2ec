//! The session of one edge node and its devices, on the host's side.
//!
//! A node is unknown, awaited, online or offline; only while it is online there are tables to read
//! data with. Outputs go to a [`Sink`].

use std::sync::Arc;

use super::address::{EdgeNode, Source};
use super::config::Config;
use super::event::{Clock, Death, DeathCause, Event, SessionFigures};
use super::findings::{Finding, Findings};
use super::host::found::{Found, Seen};
use super::host::state::Servers;
use super::host::{ServerId, Unread};
use super::inflated::Debt;
use super::metric;
use super::names::Names;
use super::proto::Payload;
use super::rebirth::{Fault, Reason, Requests};
use super::topic::Verb;
use crate::time::{Instant, Now, Timestamp};

mod asking;
mod awaited;
mod births;
mod claims;
mod deaths;
mod devices;
mod expected;
mod forgetting;
mod kept;
mod message;
mod online;
mod past;
mod reading;
mod senders;
mod waiting;
mod warm;

pub use asking::Problem;

use awaited::{Awaited, Rest};
use message::{Borrowed, Message};
use online::Online;
use senders::Senders;

pub(crate) use message::Incoming;

/// The context of every input to a session, and the receiver of its outputs.
pub(crate) struct Sink<'a> {
    pub(crate) now: Now,
    pub(crate) config: &'a Config,
    /// A number from the whole range, drawn for this input.
    pub(crate) chance: f64,
    /// Memory left for this session's tables and buffers.
    pub(crate) room: Load,
    pub(crate) servers: &'a Servers,
    pub(crate) names: &'a mut Names,
    pub(crate) events: &'a mut dyn FnMut(Event),
}

impl Sink<'_> {
    fn emit(&mut self, event: Event) {
        (self.events)(event);
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
#[derive(Debug, Default)]
struct Notes {
    findings: Findings,
    /// Triggers of rebirth requests; empty between inputs.
    faults: Vec<Fault>,
    /// Devices that were born; empty between inputs.
    born: Vec<Arc<str>>,
    /// Values excluded by the filter.
    excluded: u64,
    /// Values skipped, by reason.
    unread: [u64; Unread::ALL.len()],
}

impl Notes {
    /// The values of a message are not read.
    fn leave(&mut self, why: Unread, payload: &Payload) {
        self.unread(why, payload.metrics.iter().map(metric::values).sum());
    }

    fn unread(&mut self, why: Unread, values: u64) {
        if let Some(count) = self.unread.get_mut(why as usize) {
            *count += values;
        }
    }

    /// Messages that waited in vain.
    fn give_up(&mut self, why: Unread, messages: &[Message]) {
        for message in messages {
            self.leave(why, &message.incoming().payload);
        }
    }
}

/// Memory that a session uses, or that is left for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Load {
    /// Bytes of what births left: names, aliases, types, definitions, devices.
    pub(crate) tables: usize,
    /// Of these, what is only kept for what may come before the next birth.
    pub(crate) past: usize,
    /// Of these, what is of nodes that said nothing after a birth yet.
    pub(crate) unproven: usize,
    /// Bytes of messages that wait for others.
    pub(crate) bytes: usize,
}

/// The phase of a node's session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
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
#[derive(Debug)]
pub(crate) struct Session {
    source: Source,
    life: Life,
    /// Whether a birth of it was ever emitted.
    told: bool,
    /// When a live message of it came last.
    heard: Option<Instant>,
    made: Instant,
    /// Whether it ever sent data after a birth, or answered a request.
    proven: bool,
    /// Whether it sends data that cannot be interpreted.
    speaks: bool,
    /// What it had inflated.
    debt: Debt,
    requests: Requests,
    problem: Option<Problem>,
    notes: Notes,
    seen: Seen,
    senders: Senders,
    gaps: u64,
    rebirths: u64,
    /// The server of its last message.
    server: Option<ServerId>,
}

#[derive(Debug)]
enum Life {
    Awaited(Awaited),
    Online(Box<Online>),
}

/// A request for births that is to be published now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) reason: Reason,
    /// The server the node is known on; none for all.
    pub(crate) server: Option<ServerId>,
}

impl Session {
    pub(crate) fn new(edge: EdgeNode, now: Instant) -> Self {
        Self {
            source: Source { edge, device: None },
            life: Life::Awaited(Awaited::unknown()),
            told: false,
            heard: None,
            made: now,
            proven: false,
            speaks: false,
            debt: Debt::default(),
            requests: Requests::default(),
            problem: None,
            notes: Notes::default(),
            seen: Seen::default(),
            senders: Senders::default(),
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
        self.proven
    }

    pub(crate) fn debt(&mut self) -> &mut Debt {
        &mut self.debt
    }

    pub(crate) fn phase(&self) -> Phase {
        match &self.life {
            Life::Awaited(awaited) => awaited.phase(),
            Life::Online(_) => Phase::Online,
        }
    }

    /// Whether it was born once and is gone. Who cannot be seen may live.
    pub(crate) fn is_dead(&self) -> bool {
        match &self.life {
            Life::Awaited(awaited) => awaited.phase() == Phase::Offline && !awaited.is_lost(),
            Life::Online(_) => false,
        }
    }

    pub(crate) fn load(&self) -> Load {
        let load = match &self.life {
            Life::Awaited(awaited) => {
                let (past, names) = (awaited.tables(), awaited.names());
                Load { tables: past + names, past, unproven: 0, bytes: awaited.bytes() }
            }
            Life::Online(online) => online.load(),
        };
        let unproven = if self.proven { 0 } else { load.tables };
        Load { unproven, ..load }
    }

    pub(crate) fn findings(&self) -> &Findings {
        &self.notes.findings
    }

    /// Its findings, for the console.
    pub(crate) fn found(&self) -> impl Iterator<Item = Found<'_>> + '_ {
        self.seen.found(Some(self.edge()), &self.notes.findings)
    }

    /// Remembers what was found lately, and gives back what was found for the first time.
    pub(crate) fn look(&mut self, topic: &str, at: Timestamp) -> Vec<(Finding, String)> {
        self.seen.look(&mut self.notes.findings, topic, at)
    }

    /// Values excluded by the filter.
    pub(crate) fn excluded(&self) -> u64 {
        self.notes.excluded
    }

    /// Values skipped, by reason.
    pub(crate) fn unread(&self) -> [u64; Unread::ALL.len()] {
        self.notes.unread
    }

    pub(crate) fn figures(&self) -> SessionFigures {
        SessionFigures {
            edge: Some(self.source.edge.clone()),
            gaps: self.gaps,
            rebirths: self.rebirths,
        }
    }

    pub(crate) fn note(&mut self, finding: Finding) {
        self.notes.findings.note(finding);
    }

    /// A live message.
    pub(crate) fn handle_message(&mut self, message: Incoming<'_>, sink: &mut Sink<'_>) {
        self.heard = Some(sink.now.instant);
        match (message.verb, message.device) {
            (Verb::Birth, None) => return self.handle_node_birth(&message, sink),
            (Verb::Death, None) => {
                return self.handle_node_death(message.server, &message.payload, sink);
            }
            (Verb::Birth | Verb::Death | Verb::Data, _) => {}
            (Verb::Command, _) => return,
        }
        if message.own_time().is_none() {
            self.note(Finding::NoTime);
        }
        match &mut self.life {
            Life::Online(online) if online.server() != message.server => {
                self.note(Finding::ForeignServer);
                self.notes.leave(Unread::ForeignServer, &message.payload);
            }
            Life::Online(online) => {
                self.proven |= message.verb == Verb::Data;
                self.speaks = true;
                let full = online.handle_message(message, &mut self.notes, sink);
                if full || (sink.config.reorder_timeout.is_zero() && online.is_waiting()) {
                    self.give_up(sink);
                }
                self.settle_doubt();
                self.wish_faults(sink);
            }
            Life::Awaited(awaited) => {
                self.server = Some(message.server);
                if awaited.is_warm(message.server) {
                    return self.warm(vec![message.own()], sink);
                }
                if let Some(lost) = awaited.take_lost(message.server) {
                    return self.resume(lost, message, sink);
                }
                awaited.speaks();
                self.speaks = true;
                let asked = awaited.was_asked();
                let room = awaited.has_room(message.bytes, sink);
                if room {
                    if awaited.is_told() {
                        self.notes.findings.note(Finding::BeforeBirth);
                    }
                    awaited.keep(message.own(), sink);
                } else {
                    self.notes.findings.note(Finding::BeforeBirth);
                    self.notes.leave(Unread::BeforeBirth, &message.payload);
                }
                if asked || !room {
                    self.wish(Fault::BeforeBirth, sink);
                }
            }
        }
    }

    /// A message that the server had stored. It is not live: a birth may be outdated, data has
    /// no place in the sequence [payloads-ndata-retain].
    pub(crate) fn handle_retained(&mut self, message: &Incoming<'_>, sink: &mut Sink<'_>) {
        self.note(Finding::Retained);
        if message.verb != Verb::Death {
            self.notes.leave(Unread::Retained, &message.payload);
        }
        match (message.verb, message.device, &self.life) {
            (Verb::Death, None, Life::Online(online)) => {
                if online.server() == message.server && online.is_own_death(&message.payload) {
                    self.handle_node_death(message.server, &message.payload, sink);
                }
            }
            (Verb::Birth, None, Life::Awaited(_)) => {
                self.server = Some(message.server);
                self.wish(Fault::BeforeBirth, sink);
            }
            (Verb::Birth | Verb::Death | Verb::Data | Verb::Command, _, _) => {}
        }
    }

    /// Bytes that are no payload. A death is one without any
    /// [payloads-ndeath-will-message].
    pub(crate) fn handle_undecodable(
        &mut self,
        server: ServerId,
        verb: Verb,
        device: Option<&str>,
        sink: &mut Sink<'_>,
    ) {
        self.heard = Some(sink.now.instant);
        match (verb, device) {
            (Verb::Death, None) => self.handle_node_death(server, &Payload::default(), sink),
            (Verb::Command, _) => {}
            (Verb::Birth, _) => {
                self.handle_unreadable_birth(server, device, sink);
                self.wish(Fault::unreadable(device), sink);
            }
            (Verb::Data | Verb::Death, _) => {
                match &mut self.life {
                    Life::Awaited(awaited) => {
                        self.server = Some(server);
                        self.speaks = true;
                        awaited.speaks();
                    }
                    Life::Online(online) if online.server() == server => online.speaks(sink),
                    Life::Online(_) => {}
                }
                self.settle_doubt();
                self.wish(Fault::Undecodable, sink);
            }
        }
    }

    /// The missing messages have not come [operational-behavior-host-reordering-rebirth].
    fn give_up(&mut self, sink: &mut Sink<'_>) {
        let Life::Online(online) = &mut self.life else { return };
        let gaps = online.give_up(&mut self.notes, sink);
        self.gaps += gaps;
        self.notes.findings.add(Finding::Gap, gaps);
        self.notes.faults.push(Fault::Gap);
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    pub(crate) fn deadline(&self, config: &Config) -> Option<Instant> {
        match &self.life {
            Life::Awaited(awaited) => awaited.deadline(),
            Life::Online(online) => online.deadline(config),
        }
    }

    /// Time has passed.
    pub(crate) fn handle_timeout(&mut self, sink: &mut Sink<'_>) {
        let now = sink.now.instant;
        self.ask_again(sink);
        match &mut self.life {
            Life::Awaited(awaited) => {
                if awaited.is_silent(now) {
                    self.end_unheard(DeathCause::Silent, sink);
                } else if awaited.is_overdue(now) {
                    self.overdue(sink);
                }
            }
            Life::Online(online) => {
                if let Some(cause) = online.is_dead(now) {
                    self.end_unheard(cause, sink);
                } else {
                    self.online_timeout(sink);
                }
            }
        }
    }

    /// Messages have waited for their birth. They wait on for the answer to a request, if one is
    /// sent soon.
    fn overdue(&mut self, sink: &mut Sink<'_>) {
        let until = sink.now.instant + sink.config.answer_timeout;
        let asked = matches!(&self.life, Life::Awaited(awaited) if awaited.was_asked());
        if !asked {
            self.wish(Fault::BeforeBirth, sink);
        }
        let soon = !asked && self.requests.due().is_some_and(|due| due <= until);
        let Life::Awaited(awaited) = &mut self.life else { return };
        self.notes.findings.add(Finding::BeforeBirth, awaited.tell_waiting());
        if soon {
            return awaited.wait_on(until);
        }
        let waiting = awaited.take_waiting();
        self.notes.give_up(Unread::BeforeBirth, &waiting);
    }

    fn online_timeout(&mut self, sink: &mut Sink<'_>) {
        let now = sink.now.instant;
        let may_ask = self.may_ask(Fault::Probe, sink);
        let Life::Online(online) = &mut self.life else {
            return;
        };
        for device in online.not_reborn(now, &mut self.notes) {
            let source = Source { edge: self.source.edge.clone(), device: Some(device) };
            let (time, clock, cause) = (sink.now.wall, Clock::Host, DeathCause::Node);
            sink.emit(Event::Death(Death { source, time, clock, cause }));
        }
        let silent = may_ask && online.is_silent(sink.config, now);
        if online.window_deadline(sink.config).is_some_and(|deadline| deadline <= now) {
            self.give_up(sink);
        }
        if silent && let Life::Online(online) = &mut self.life {
            online.doubt(DeathCause::Silent, now);
            self.notes.faults.push(Fault::Probe);
        }
        self.wish_faults(sink);
    }
}
