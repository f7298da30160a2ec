//! A Sparkplug host application, pure: messages and time in, events and messages out.
//!
//! After every `handle_*` the caller drains [`Host::poll_output`], then arms a timer for
//! [`Host::poll_timeout`]. The host reads no clock and draws no chance but from its seed, so
//! the same inputs give the same outputs.
//!
//! ```
//! use sparkwise::sparkplug::address::EdgeNode;
//! use sparkwise::sparkplug::config::Config;
//! use sparkwise::sparkplug::edge::{Edge, Metric};
//! use sparkwise::sparkplug::event::Event;
//! use sparkwise::sparkplug::host::{Host, Output, ServerId};
//! use sparkwise::time::{Now, Timestamp};
//!
//! let (now, server) = (Now::default(), ServerId(0));
//! let mut host = Host::new(Config::new("sparkwise"), 7);
//! host.handle_connected(server, Timestamp::from_millis(1), now);
//! assert!(matches!(host.poll_output(), Some(Output::Publish(state)) if state.message.retain));
//!
//! let mut edge = Edge::new(EdgeNode::new("Farm", "Gateway"), 0);
//! let birth = edge.nbirth(Timestamp::from_millis(2), [Metric::new("Wind", 7.5_f32)]);
//! host.handle_message(server, &birth.topic, &birth.payload, false, now);
//! assert!(matches!(host.poll_output(), Some(Output::Event(Event::Birth(_)))));
//! ```

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::address::EdgeNode;
use super::config::Config;
use super::event::{Event, SessionFigures};
use super::findings::Finding;
use super::folded::Folded;
use super::limits;
use super::message::{Message, Qos};
use super::names::Names;
use super::payload::{self, DecodeError};
use super::rebirth::{self, Budget};
pub use super::session::Phase;
use super::session::{Incoming, Load, Request, Session, Sink};
use super::topic::{self, Topic};
use crate::time::{Instant, Now, Timestamp};

mod counters;
pub(crate) mod found;
pub(crate) mod state;

pub use counters::Counters;
pub use found::Found;
pub use state::state_payload;

use found::Seen;
use state::Servers;

/// One of the MQTT servers that together carry one Sparkplug infrastructure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerId(pub u16);

/// What the host wants done, or tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Something happened in the plant.
    Event(Event),
    /// A message is to be published.
    Publish(Publish),
    /// Something is not as it should be, for the first time with this sender.
    Found {
        /// The edge node; none for what no edge node sent.
        edge: Option<EdgeNode>,
        /// What.
        finding: Finding,
        /// The topic of the message that shows it; empty where none does.
        example: String,
    },
}

/// A message to be published on one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    /// Where.
    pub server: ServerId,
    /// What.
    pub message: Message,
}

/// An edge node, to be looked at.
#[derive(Clone, Debug)]
pub struct Node<'a> {
    /// Who.
    pub edge: &'a EdgeNode,
    /// Where it stands.
    pub phase: Phase,
    /// What its session counted.
    pub figures: SessionFigures,
    /// What was not as it should be.
    pub found: Vec<Found<'a>>,
}

/// The host's side of every edge node.
#[derive(Debug)]
pub struct Host {
    config: Config,
    chance: fastrand::Rng,
    servers: Servers,
    sessions: Vec<Session>,
    /// Where a session stands, by group and node.
    places: FxHashMap<Arc<str>, FxHashMap<Arc<str>, usize>>,
    folded: Folded,
    /// When a session has something to do, each at most once.
    timers: BTreeSet<(Instant, usize)>,
    /// The timer that each session has in `timers`.
    armed: Vec<Option<Instant>>,
    budget: Budget,
    /// Of the metrics of all sessions.
    names: Names,
    /// What all sessions take together.
    load: Load,
    outputs: VecDeque<Output>,
    counters: Counters,
    /// What was found of no edge node.
    seen: Seen,
}

impl Host {
    /// A host that knows no server and no node yet. `seed` spreads its requests in time.
    pub fn new(config: Config, seed: u64) -> Self {
        Self {
            chance: fastrand::Rng::with_seed(seed),
            servers: Servers::default(),
            sessions: Vec::new(),
            places: FxHashMap::default(),
            folded: Folded::default(),
            timers: BTreeSet::new(),
            armed: Vec::new(),
            budget: Budget::new(config.rebirth.per_second),
            names: Names::default(),
            load: Load::default(),
            outputs: VecDeque::new(),
            counters: Counters::default(),
            seen: Seen::default(),
            config,
        }
    }

    /// The topic of this host's STATE; of its will, too.
    pub fn state_topic(&self) -> String {
        topic::state(&self.config.host_id)
    }

    /// A connection is up and its subscriptions are acknowledged. `session_time` is the time
    /// in the will of this connection's CONNECT. The first output is the STATE birth
    /// [host-topic-phid-birth-message]. Nodes that were lost with the connection before, and
    /// nodes that are expected, are asked for their births.
    pub fn handle_connected(&mut self, server: ServerId, session_time: Timestamp, now: Now) {
        let birth = self.servers.connected(server, session_time);
        self.publish_state(server, birth);
        for index in 0..self.sessions.len() {
            self.with(index, now, |session, sink| session.handle_connected(server, sink));
        }
    }

    /// A connection is down: nobody behind it can be seen any more.
    pub fn handle_disconnected(&mut self, server: ServerId, now: Now) {
        self.servers.disconnected(server);
        for index in 0..self.sessions.len() {
            self.with(index, now, |session, sink| session.handle_disconnected(server, sink));
        }
    }

    /// A message has arrived on one of the subscriptions.
    pub fn handle_message(
        &mut self,
        server: ServerId,
        topic: &str,
        payload: &[u8],
        retain: bool,
        now: Now,
    ) {
        self.counters.messages += 1;
        let of = self.take_message(server, topic, Ok(payload), retain, now);
        self.look(of, topic, now.wall);
    }

    /// A message has arrived that was too large to be given: of a birth it is known that there
    /// was one.
    pub fn handle_oversized(&mut self, server: ServerId, topic: &str, retain: bool, now: Now) {
        self.counters.messages += 1;
        let of = self.take_message(server, topic, Err(DecodeError::TooLarge), retain, now);
        self.look(of, topic, now.wall);
    }

    /// Returns where the session is that the message belongs to, if it does to any.
    fn take_message(
        &mut self,
        server: ServerId,
        topic: &str,
        payload: Result<&[u8], DecodeError>,
        retain: bool,
        now: Now,
    ) -> Option<usize> {
        let (topic, stored) = match topic.strip_prefix(topic::CERTIFICATES) {
            Some(topic) => (topic, true),
            None => (topic, false),
        };
        let edge = match Topic::parse(topic) {
            Ok(Topic::Edge(edge)) => edge,
            Ok(Topic::State { host_id }) => {
                if host_id == self.config.host_id {
                    self.handle_state(server, payload.unwrap_or_default(), now);
                }
                return None;
            }
            Err(_) => {
                self.counters.findings.note(Finding::WrongTopic);
                return None;
            }
        };
        if edge.verb == topic::Verb::Command {
            return None;
        }
        if self.known(edge.group, edge.node).is_none()
            && self.config.filter.excludes(&format!("{}/{}", edge.group, edge.node))
        {
            self.counters.excluded_messages += 1;
            return None;
        }
        let Some(index) = self.place(edge.group, edge.node) else {
            self.counters.findings.note(Finding::TooManyNodes);
            return None;
        };
        let decoded = payload.and_then(|wire| Ok((payload::decode(wire)?, wire)));
        self.with(index, now, |session, sink| match decoded {
            Ok((decoded, payload)) => {
                let of = (server, edge.verb, edge.device);
                let message = Incoming::new(of, decoded, payload, now);
                if stored {
                    session.handle_certificate(message, sink);
                } else if retain {
                    session.handle_retained(&message, sink);
                } else {
                    session.handle_message(message, sink);
                }
            }
            Err(error) => {
                session.note(match error {
                    DecodeError::TooLarge => Finding::TooLarge,
                    DecodeError::Malformed | DecodeError::Compression | DecodeError::Nested => {
                        Finding::Undecodable
                    }
                });
                if !retain && !stored {
                    session.handle_undecodable(server, edge.verb, edge.device, sink);
                }
            }
        });
        Some(index)
    }

    /// The time of [`poll_timeout`](Self::poll_timeout) has come.
    pub fn handle_timeout(&mut self, now: Now) {
        for server in self.servers.due(now.instant) {
            if let Some(birth) = self.servers.answer(server, now.instant) {
                self.publish_state(server, birth);
            }
        }
        while let Some((due, index)) = self.timers.first().copied() {
            if due > now.instant {
                break;
            }
            self.timers.pop_first();
            if let Some(armed) = self.armed.get_mut(index) {
                *armed = None;
            }
            if let Some(request) = self.with(index, now, Session::handle_timeout).flatten() {
                self.publish_request(index, request, now);
            }
            self.look(Some(index), "", now.wall);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let session = self.timers.first().map(|(due, _)| *due);
        [session, self.servers.deadline()].into_iter().flatten().min()
    }

    /// The next output, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// A node was online before this host was, and these devices of it: it is asked for its
    /// births. If it stays silent its death is told, and those of its devices before; so is that
    /// of a device that is not born with it.
    pub fn expect(&mut self, edge: &EdgeNode, devices: &[Arc<str>], now: Now) {
        match self.place(&edge.group, &edge.node) {
            Some(index) => {
                self.with(index, now, |session, sink| session.expect(devices, sink));
            }
            None => self.counters.findings.note(Finding::TooManyNodes),
        }
    }

    /// A node was known before this host was, and not as online: it is asked once for its birth,
    /// for it may have come back unheard.
    pub fn hope(&mut self, edge: &EdgeNode, now: Now) {
        if let Some(index) = self.place(&edge.group, &edge.node) {
            self.with(index, now, |session, sink| session.hope(sink));
        }
    }

    /// The host is about to leave: its STATE death goes to every server that it is connected
    /// to [operational-behavior-host-application-termination]. What arrives afterwards is
    /// still read, but nothing is published any more.
    pub fn shutdown(&mut self, now: Now) {
        for (server, death) in self.servers.shutdown(now.wall) {
            self.publish_state(server, death);
        }
    }

    /// What has passed through, with all findings of all nodes.
    pub fn counters(&self) -> Counters {
        let mut counters = self.counters.clone();
        for session in &self.sessions {
            counters.findings.merge(session.findings());
            counters.excluded_values += session.excluded();
        }
        counters
    }

    /// Figures of an edge node's session; none for a node that was never heard of.
    pub fn figures(&self, edge: &EdgeNode) -> Option<SessionFigures> {
        self.session(edge).map(Session::figures)
    }

    /// Where an edge node stands.
    pub fn phase(&self, edge: &EdgeNode) -> Phase {
        self.session(edge).map_or(Phase::Unknown, Session::phase)
    }

    /// All edge nodes ever heard of, in the order in which they were.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = Node<'_>> + '_ {
        self.sessions.iter().map(|session| Node {
            edge: session.edge(),
            phase: session.phase(),
            figures: session.figures(),
            found: session.found().collect(),
        })
    }

    /// How many edge nodes stand where.
    pub fn phases(&self) -> impl Iterator<Item = (&EdgeNode, Phase)> + '_ {
        self.sessions.iter().map(|session| (session.edge(), session.phase()))
    }

    fn session(&self, edge: &EdgeNode) -> Option<&Session> {
        self.sessions.get(self.known(&edge.group, &edge.node)?)
    }

    /// Where the session of a node stands, if there is one.
    fn known(&self, group: &str, node: &str) -> Option<usize> {
        self.places.get(group)?.get(node).copied()
    }

    /// Where the session of a node stands; it is made if there is room.
    fn place(&mut self, group: &str, node: &str) -> Option<usize> {
        if let Some(index) = self.known(group, node) {
            return Some(index);
        }
        let index = self.sessions.len();
        if index >= limits::NODES {
            return None;
        }
        // Nodes of one group share its name.
        let group = match self.places.get_key_value(group) {
            Some((group, _)) => Arc::clone(group),
            None => group.into(),
        };
        let edge = EdgeNode::new(group, node);
        let nodes = self.places.entry(Arc::clone(&edge.group)).or_default();
        nodes.insert(Arc::clone(&edge.node), index);
        let clash =
            self.folded.clashes((), &edge.group) | self.folded.clashes(&edge.group, &edge.node);
        let mut session = Session::new(edge);
        if clash {
            session.note(Finding::OnlyCase);
        }
        self.sessions.push(session);
        self.armed.push(None);
        Some(index)
    }

    /// Lets a session act, then sets its timer anew.
    fn with<T>(
        &mut self,
        index: usize,
        now: Now,
        act: impl FnOnce(&mut Session, &mut Sink<'_>) -> T,
    ) -> Option<T> {
        let session = self.sessions.get_mut(index)?;
        let before = session.load();
        let rest = Load {
            leaves: self.load.leaves.saturating_sub(before.leaves),
            bytes: self.load.bytes.saturating_sub(before.bytes),
        };
        let room = Load {
            leaves: limits::TOTAL_LEAVES.saturating_sub(self.load.leaves),
            bytes: limits::TOTAL_WINDOW_BYTES.saturating_sub(self.load.bytes),
        };
        let (outputs, counters) = (&mut self.outputs, &mut self.counters);
        let mut events = |event: Event| {
            match &event {
                Event::Birth(_) => counters.births += 1,
                Event::Death(_) => counters.deaths += 1,
                Event::Data(data) => counters.samples += data.samples.len() as u64,
            }
            outputs.push_back(Output::Event(event));
        };
        let mut sink = Sink {
            now,
            config: &self.config,
            chance: self.chance.f64(),
            room,
            servers: &self.servers,
            budget: &mut self.budget,
            names: &mut self.names,
            events: &mut events,
        };
        let done = act(session, &mut sink);
        let after = session.load();
        self.load = Load { leaves: rest.leaves + after.leaves, bytes: rest.bytes + after.bytes };
        let due = session.deadline(&self.config);
        let armed = self.armed.get_mut(index)?;
        if *armed != due {
            if let Some(old) = armed.take() {
                self.timers.remove(&(old, index));
            }
            if let Some(due) = due {
                self.timers.insert((due, index));
            }
            *armed = due;
        }
        Some(done)
    }

    fn publish_request(&mut self, index: usize, request: Request, now: Now) {
        let Some(session) = self.sessions.get(index) else {
            return;
        };
        let message = rebirth::request(session.edge(), now);
        if let Some(count) = self.counters.rebirths.get_mut(request.reason as usize) {
            *count += 1;
        }
        for server in self.servers.up() {
            if request.server.is_none_or(|only| only == server) {
                self.outputs.push_back(publish(server, message.clone()));
            }
        }
    }

    /// This host's own STATE has arrived
    /// [message-flow-hid-sparkplug-state-message-delivered].
    fn handle_state(&mut self, server: ServerId, payload: &[u8], now: Now) {
        let findings = &mut self.counters.findings;
        if let Some(birth) = self.servers.handle_state(server, payload, now.instant, findings) {
            self.publish_state(server, birth);
        }
    }

    fn publish_state(&mut self, server: ServerId, payload: Vec<u8>) {
        let topic = self.state_topic();
        let message = Message { topic, payload, qos: Qos::AtLeastOnce, retain: true };
        self.outputs.push_back(publish(server, message));
    }
}

fn publish(server: ServerId, message: Message) -> Output {
    Output::Publish(Publish { server, message })
}

#[cfg(test)]
mod tests;
