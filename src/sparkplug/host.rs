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
use super::event::Event;
use super::findings::Finding;
use super::folded::Folded;
use super::inflated::Debt;
use super::limits;
use super::message::{Message, Qos};
use super::names::Names;
use super::rebirth::{self, Turns};
use super::session::{Load, Request, Session, Sink};
pub use super::session::{Phase, Problem};
use super::topic;
use crate::time::{Instant, Now, Timestamp};

mod counters;
mod forgetting;
pub(crate) mod found;
mod incoming;
mod look;
pub(crate) mod state;

pub use counters::{Counters, Unread};
pub use found::Found;
pub use look::Node;
pub use state::state_payload;

use found::Seen;
use state::Servers;

/// One of the MQTT servers that together carry one Sparkplug infrastructure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerId(pub u16);

/// An output of the host.
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
    turns: Turns,
    /// Places of `sessions` that nobody has.
    free: Vec<usize>,
    /// Who is forgotten next, and since when each is silent.
    leaving: Vec<(usize, Instant)>,
    looked_out: Option<Instant>,
    /// When no more room for tables could be made.
    roomed: Option<Instant>,
    swept: Instant,
    /// Of the metrics of all sessions.
    names: Names,
    /// What all sessions take together.
    load: Load,
    /// What those had inflated who are not known.
    unknown_debt: Debt,
    /// Whether a topic of another namespace ever came.
    any_foreign: bool,
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
            turns: Turns::new(config.rebirth.per_second),
            free: Vec::new(),
            leaving: Vec::new(),
            looked_out: None,
            roomed: None,
            swept: Instant::START,
            names: Names::default(),
            load: Load::default(),
            unknown_debt: Debt::default(),
            any_foreign: false,
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
    /// [host-topic-phid-birth-message]. All nodes that were born once and are not online are asked
    /// for their births, as after a start.
    pub fn handle_connected(&mut self, server: ServerId, session_time: Timestamp, now: Now) {
        let birth = self.servers.connected(server, session_time);
        self.publish_state(server, birth);
        for index in 0..self.sessions.len() {
            self.with(index, now, |session, sink| session.handle_connected(server, sink));
        }
    }

    /// A connection is down: all nodes behind it are unreachable.
    pub fn handle_disconnected(&mut self, server: ServerId, now: Now) {
        self.servers.disconnected(server);
        for index in 0..self.sessions.len() {
            self.with(index, now, |session, sink| session.handle_disconnected(server, sink));
            self.look(Some(index), "", now.wall);
        }
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
            self.with(index, now, Session::handle_timeout);
            self.look(Some(index), "", now.wall);
        }
        while let Some(index) = self.turns.first(now.instant) {
            self.turns.set(index, None);
            if let Some(request) = self.with(index, now, Session::ask).flatten() {
                self.turns.sent(now.instant);
                self.publish_request(index, request, now);
            }
        }
        self.sweep(now);
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let session = self.timers.first().map(|(due, _)| *due);
        [session, self.turns.deadline(), self.servers.deadline()].into_iter().flatten().min()
    }

    /// The next output, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// A node was online before this host was, and these devices of it: it is asked for its
    /// births. If it stays silent its death is told, and those of its devices before; so is that
    /// of a device that is not born with it.
    pub fn expect(&mut self, edge: &EdgeNode, devices: &[Arc<str>], now: Now) {
        if let Some(index) = self.place(&edge.group, &edge.node, now.instant) {
            self.with(index, now, |session, sink| session.expect(devices, sink));
        }
    }

    /// A node was known before this host was, and not as online: it is asked for its birth,
    /// for it may have come back unheard.
    pub fn hope(&mut self, edge: &EdgeNode, now: Now) {
        if let Some(index) = self.place(&edge.group, &edge.node, now.instant) {
            self.with(index, now, |session, sink| session.hope(sink));
        }
    }

    /// What an online node said was given up: it is asked for its births, which say it again.
    pub fn refresh(&mut self, edge: &EdgeNode, now: Now) {
        if let Some(index) = self.known(&edge.group, &edge.node) {
            self.with(index, now, |session, sink| session.refresh(sink));
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

    /// Where the session of a node stands, if there is one.
    fn known(&self, group: &str, node: &str) -> Option<usize> {
        self.places.get(group)?.get(node).copied()
    }

    /// Where the session of a node stands; it is made if there is room.
    fn place(&mut self, group: &str, node: &str, now: Instant) -> Option<usize> {
        if let Some(index) = self.known(group, node) {
            return Some(index);
        }
        let index = self.free_place(now)?;
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
        let mut session = Session::new(edge, now);
        if clash {
            session.note(Finding::OnlyCase);
        }
        match self.sessions.get_mut(index) {
            Some(free) => *free = session,
            None => {
                self.sessions.push(session);
                self.armed.push(None);
            }
        }
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
            tables: self.load.tables.saturating_sub(before.tables),
            past: self.load.past.saturating_sub(before.past),
            unproven: self.load.unproven.saturating_sub(before.unproven),
            bytes: self.load.bytes.saturating_sub(before.bytes),
        };
        let room = Load {
            tables: self.config.table_bytes.saturating_sub(self.load.tables),
            past: 0,
            unproven: 0,
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
            names: &mut self.names,
            events: &mut events,
        };
        let done = act(session, &mut sink);
        let after = session.load();
        self.load = Load {
            tables: rest.tables + after.tables,
            past: rest.past + after.past,
            unproven: rest.unproven + after.unproven,
            bytes: rest.bytes + after.bytes,
        };
        let mut due = session.deadline(&self.config);
        let ask = session.ask_at();
        let want = ask.filter(|at| *at <= now.instant).map(|at| (session.rank(), at));
        if want.is_none() {
            due = due.into_iter().chain(ask).min();
        }
        self.turns.set(index, want);
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
