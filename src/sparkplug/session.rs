//! The session of one edge node with its devices, as a host sees it.
//!
//! A node is unknown, awaited, online or offline; only while it is online are there tables
//! that data can be read by. What the session decides goes to a [`Sink`].

use std::sync::Arc;

use super::address::{EdgeNode, Source};
use super::config::Config;
use super::event::{Clock, Death, DeathCause, Event, SessionFigures};
use super::findings::{Finding, Findings};
use super::host::ServerId;
use super::host::found::{Found, Seen};
use super::host::state::Servers;
use super::names::Names;
use super::proto::Payload;
use super::rebirth::{Budget, Fault, Reason, Requests, Wish};
use super::topic::Verb;
use crate::time::{Instant, Now, Timestamp};

mod awaited;
mod claims;
mod expected;
mod message;
mod online;
mod reading;
mod senders;
mod warm;

use awaited::Awaited;
use message::{Borrowed, Message};
use online::{Before, Online};
use senders::Senders;

pub(crate) use message::Incoming;

/// What a session is told with every input, and where it puts what it decides.
pub(crate) struct Sink<'a> {
    pub(crate) now: Now,
    pub(crate) config: &'a Config,
    /// A number from the whole range, drawn for this input.
    pub(crate) chance: f64,
    /// What is left for this session's tables and window.
    pub(crate) room: Load,
    pub(crate) servers: &'a Servers,
    pub(crate) budget: &'a mut Budget,
    pub(crate) names: &'a mut Names,
    pub(crate) events: &'a mut dyn FnMut(Event),
}

impl Sink<'_> {
    fn emit(&mut self, event: Event) {
        (self.events)(event);
    }
}

/// What a session finds in its messages.
#[derive(Debug, Default)]
struct Notes {
    findings: Findings,
    /// What a birth may cure; empty between inputs.
    faults: Vec<Fault>,
    /// Values that are not taken.
    excluded: u64,
}

/// What a session takes, or what is left for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Load {
    /// Leaves and instances of births.
    pub(crate) leaves: usize,
    /// Bytes of messages that wait for others.
    pub(crate) bytes: usize,
}

/// Where a node stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Nothing is known of it.
    Unknown,
    /// It speaks, or is expected to, but its birth is not known.
    Awaited,
    /// Its birth is known.
    Online,
    /// It died, or cannot be seen.
    Offline,
}

/// One edge node.
#[derive(Debug)]
pub(crate) struct Session {
    source: Source,
    life: Life,
    /// Whether a birth of it was ever told.
    told: bool,
    requests: Requests,
    notes: Notes,
    seen: Seen,
    senders: Senders,
    gaps: u64,
    rebirths: u64,
    /// The server that spoke last of it.
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
    pub(crate) fn new(edge: EdgeNode) -> Self {
        Self {
            source: Source { edge, device: None },
            life: Life::Awaited(Awaited::unknown()),
            told: false,
            requests: Requests::default(),
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

    pub(crate) fn phase(&self) -> Phase {
        match &self.life {
            Life::Awaited(awaited) => awaited.phase(),
            Life::Online(_) => Phase::Online,
        }
    }

    pub(crate) fn load(&self) -> Load {
        match &self.life {
            Life::Awaited(awaited) => Load { leaves: 0, bytes: awaited.bytes() },
            Life::Online(online) => online.load(),
        }
    }

    pub(crate) fn findings(&self) -> &Findings {
        &self.notes.findings
    }

    /// What was found, for people to read.
    pub(crate) fn found(&self) -> impl Iterator<Item = Found<'_>> + '_ {
        self.seen.found(Some(self.edge()), &self.notes.findings)
    }

    /// Remembers what was found lately, and gives back what was found for the first time.
    pub(crate) fn look(&mut self, topic: &str, at: Timestamp) -> Vec<(Finding, String)> {
        self.seen.look(&mut self.notes.findings, topic, at)
    }

    /// Values that were not taken.
    pub(crate) fn excluded(&self) -> u64 {
        self.notes.excluded
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
            }
            Life::Online(online) => {
                let full = online.handle_message(message, &mut self.notes, sink);
                if full || (sink.config.reorder_timeout.is_zero() && online.is_waiting()) {
                    self.give_up(sink);
                }
                self.wish_faults(sink);
            }
            Life::Awaited(awaited) => {
                self.server = Some(message.server);
                if awaited.is_warm(message.server) {
                    return self.warm(vec![message.own()], sink);
                }
                if !awaited.keep(message.own(), sink, &mut self.notes.findings) {
                    self.wish(Fault::BeforeBirth, sink);
                }
            }
        }
    }

    /// A message that the server had stored. It is not live: a birth may be outdated, data has
    /// no place in the sequence [payloads-ndata-retain].
    pub(crate) fn handle_retained(&mut self, message: &Incoming<'_>, sink: &mut Sink<'_>) {
        self.note(Finding::Retained);
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
        match (verb, device) {
            (Verb::Death, None) => self.handle_node_death(server, &Payload::default(), sink),
            (Verb::Command, _) => {}
            (Verb::Birth | Verb::Data | Verb::Death, _) => {
                match &mut self.life {
                    Life::Awaited(_) => self.server = Some(server),
                    Life::Online(online) if verb == Verb::Birth && online.server() == server => {
                        // What waits was said by the tables that are there still.
                        let early = online.take_early();
                        online.flush(early, &mut self.notes, sink);
                        online.forget_tables(device, sink);
                    }
                    Life::Online(_) => {}
                }
                self.wish(Fault::Undecodable, sink);
            }
        }
    }

    fn handle_node_birth(&mut self, message: &Incoming<'_>, sink: &mut Sink<'_>) {
        if let Life::Online(online) = &self.life
            && online.is_repeated(message, sink.config)
        {
            self.note(Finding::Duplicate);
            return;
        }
        self.server = Some(message.server);
        self.requests.satisfied();
        if message.own_time().is_none() {
            self.note(Finding::NoTime);
        }
        // Messages that overtook the birth go on where it leaves off.
        let follows = |early: &Message| match (early.own_time(), message.own_time()) {
            (Some(early), Some(birth)) => early >= birth,
            (None, _) | (_, None) => false,
        };
        let freed = self.load();
        let unknown = Life::Awaited(Awaited::unknown());
        let (early, devices) = match std::mem::replace(&mut self.life, unknown) {
            Life::Awaited(awaited) => awaited.into_early(),
            Life::Online(mut online) => {
                let (after, before) = online.take_early().into_iter().partition(follows);
                online.flush(before, &mut self.notes, sink);
                (after, online.into_devices())
            }
        };
        sink.room.leaves += freed.leaves;
        sink.room.bytes += freed.bytes;
        let before = Before { told: self.told, devices };
        let mut online = Online::born(&self.source, message, before, &mut self.notes, sink);
        self.told = online.is_told();
        let two = |bd_seq| self.senders.born(bd_seq, sink.now.instant);
        if online.bd_seq().is_some_and(two) {
            self.notes.findings.note(Finding::TwoSenders);
        }
        let mut early: Vec<_> = early.into_iter().filter(follows).collect();
        while let Some(place) = early.iter().position(|early| online.is_next(early)) {
            online.handle_next(&early.swap_remove(place), &mut self.notes, sink);
        }
        self.notes.findings.add(Finding::BeforeBirth, early.len() as u64);
        self.life = Life::Online(online);
        self.wish_faults(sink);
    }

    /// NDEATH, or a will that the server publishes. Its own time is that of a CONNECT long ago
    /// [operational-behavior-edge-node-termination-host-action-ndeath-node-offline].
    fn handle_node_death(&mut self, server: ServerId, payload: &Payload, sink: &mut Sink<'_>) {
        match &mut self.life {
            Life::Awaited(awaited) if awaited.is_expected() => {
                self.end(DeathCause::Certificate, None, sink);
            }
            Life::Awaited(awaited) => {
                awaited.die();
                self.note(Finding::RepeatedDeath);
            }
            Life::Online(online) if online.server() != server => {
                self.note(Finding::ForeignServer);
            }
            Life::Online(online) if online.is_death(payload, sink.config) => {
                self.end(DeathCause::Certificate, None, sink);
            }
            Life::Online(online) => {
                let ask = online.doubt(DeathCause::Certificate, sink);
                self.note(Finding::StaleDeath);
                if ask {
                    self.wish(Fault::Probe, sink);
                }
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

    /// Wishes for a birth for what was found in the messages at hand.
    fn wish_faults(&mut self, sink: &Sink<'_>) {
        for fault in std::mem::take(&mut self.notes.faults) {
            self.wish(fault, sink);
        }
    }

    fn wish(&mut self, fault: Fault, sink: &Sink<'_>) -> Wish {
        let policy = &sink.config.rebirth;
        let wish = self.requests.wish(fault, sink.now.instant, sink.chance, policy);
        if wish == Wish::GivenUp {
            self.note(Finding::Suppressed);
        }
        wish
    }

    /// The connection that the node was seen through is down.
    pub(crate) fn handle_disconnected(&mut self, server: ServerId, sink: &mut Sink<'_>) {
        match &mut self.life {
            Life::Online(online) if online.server() == server => {
                self.end(DeathCause::ConnectionLost, Some(server), sink);
            }
            Life::Online(_) => {}
            Life::Awaited(awaited) => {
                awaited.unasked();
                if self.server == Some(server) {
                    awaited.forget_early();
                }
            }
        }
    }

    /// The node is gone, its devices with it: they first.
    fn end(&mut self, cause: DeathCause, lost: Option<ServerId>, sink: &mut Sink<'_>) {
        let gone = Life::Awaited(Awaited::gone(lost.is_some()));
        let devices = match std::mem::replace(&mut self.life, gone) {
            Life::Awaited(awaited) => awaited.into_early().1,
            Life::Online(mut online) => {
                let early = online.take_early();
                online.flush(early, &mut self.notes, sink);
                online.into_devices()
            }
        };
        let of_device = match cause {
            DeathCause::ConnectionLost => DeathCause::ConnectionLost,
            DeathCause::Certificate | DeathCause::Node | DeathCause::Silent => DeathCause::Node,
        };
        for device in devices {
            self.died(Some(device), of_device, sink);
        }
        self.requests.satisfied();
        if self.told {
            self.died(None, cause, sink);
        }
    }

    fn died(&self, device: Option<Arc<str>>, cause: DeathCause, sink: &mut Sink<'_>) {
        let source = Source { edge: self.source.edge.clone(), device };
        let (time, clock) = (sink.now.wall, Clock::Host);
        sink.emit(Event::Death(Death { source, time, clock, cause }));
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    pub(crate) fn deadline(&self, config: &Config) -> Option<Instant> {
        let life = match &self.life {
            Life::Awaited(awaited) => awaited.deadline(config),
            Life::Online(online) => online.deadline(config),
        };
        [life, self.requests.deadline()].into_iter().flatten().min()
    }

    /// Time has passed. Returns a request that is to be published.
    pub(crate) fn handle_timeout(&mut self, sink: &mut Sink<'_>) -> Option<Request> {
        let now = sink.now.instant;
        match &mut self.life {
            Life::Awaited(awaited) => {
                if awaited.is_silent(now) {
                    self.end(DeathCause::Silent, None, sink);
                } else if awaited.drop_early(now, sink.config, &mut self.notes.findings) {
                    self.wish(Fault::BeforeBirth, sink);
                }
            }
            Life::Online(online) => {
                if let Some(cause) = online.is_dead(now) {
                    self.end(cause, None, sink);
                } else {
                    self.online_timeout(sink);
                }
            }
        }
        self.request(sink)
    }

    /// The request that is due, if any.
    fn request(&mut self, sink: &mut Sink<'_>) -> Option<Request> {
        let server = match &self.life {
            Life::Online(online) => Some(online.server()),
            Life::Awaited(awaited) if awaited.is_to_be_asked() => None,
            Life::Awaited(_) => self.server,
        };
        if !server.map_or(sink.servers.is_any_up(), |server| sink.servers.is_up(server)) {
            // Whoever is connected next says what is to be asked then.
            self.requests.satisfied();
            return None;
        }
        let policy = &sink.config.rebirth;
        let fault = self.requests.poll(sink.now.instant, sink.budget, policy)?;
        self.rebirths += 1;
        self.asked(sink);
        Some(Request { reason: fault.reason(), server })
    }

    fn online_timeout(&mut self, sink: &mut Sink<'_>) {
        let now = sink.now.instant;
        let Life::Online(online) = &mut self.life else {
            return;
        };
        for device in online.not_reborn(now) {
            let source = Source { edge: self.source.edge.clone(), device: Some(device) };
            let (time, clock, cause) = (sink.now.wall, Clock::Host, DeathCause::Node);
            sink.emit(Event::Death(Death { source, time, clock, cause }));
        }
        let silent = online.is_silent(sink.config, now);
        if online.window_deadline(sink.config).is_some_and(|deadline| deadline <= now) {
            self.give_up(sink);
        }
        if silent
            && let Life::Online(online) = &mut self.life
            && online.doubt(DeathCause::Silent, sink)
        {
            self.notes.faults.push(Fault::Probe);
        }
        self.wish_faults(sink);
    }

    /// From now on silence means something.
    fn asked(&mut self, sink: &Sink<'_>) {
        if let Life::Awaited(awaited) = &mut self.life {
            awaited.asked(sink.now.instant + sink.config.answer_timeout);
        }
    }
}
