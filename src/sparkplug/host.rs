//! A Sparkplug host application, pure: messages and time in, events and messages out.
//!
//! After every `handle_*` the caller drains [`Host::poll_output`], then arms a timer for
//! [`Host::poll_timeout`]. The host reads no clock and takes all randomness from its seed, so
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
use super::case_folded::CaseFoldedNames;
use super::config::Config;
use super::event::Event;
use super::findings::Finding;
use super::inflation_debt::InflationDebt;
use super::limits;
use super::message::{Message, Qos};
use super::names::NameInterner;
use super::rebirth::{self, RefreshReason, RequestScheduler};
pub use super::session::ClockOff;
use super::session::{EdgeSession, MemoryUse, RebirthToSend, SessionContext};
pub use super::session::{KnownBy, NodePhase, NodeProblem, NodeProblemKind};
pub(crate) use super::session::{ONLY_STORED, clock_words};
use super::topic;
use crate::time::{Instant, Now, Timestamp};

mod counters;
mod eviction;
mod excluded;
pub(crate) mod finding_log;
mod incoming;
mod lost;
mod role;
mod settling;
pub(crate) mod state;
mod view;

pub use counters::{HostCounters, SkipReason};
pub use finding_log::FindingRecord;
pub use lost::LostSenders;
pub use role::HostRole;
pub use state::state_payload;
pub use view::{BornCursor, BornTags, Enough, NodeView};

use excluded::ExcludedNodes;
use finding_log::FindingLog;
use settling::SessionDurations;
use state::ConnectedServers;

/// One of the MQTT servers that together carry one Sparkplug infrastructure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerId(pub u16);

/// An output of the host.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Something happened in the plant.
    Event(Event),
    /// A message is to be published.
    Publish(OutgoingMessage),
    /// Something is not as it should be, for the first time with this sender.
    Finding {
        /// The edge node; none for what no edge node sent.
        edge: Option<EdgeNode>,
        /// What.
        finding: Finding,
        /// The topic of the message that shows it; empty where none does.
        example: String,
    },
    /// The filter leaves out every edge node that was heard of; this was the first.
    AllNodesExcluded(String),
    /// A server has granted the subscriptions and delivers nothing, not even our own STATE.
    NothingDelivered(ServerId),
}

/// A message to be published on one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingMessage {
    /// Where.
    pub server: ServerId,
    /// What.
    pub message: Message,
}

/// The host's side of every edge node.
#[derive(Clone, Debug)]
pub struct Host {
    config: Config,
    role: HostRole,
    /// Whether another process may have spoken under the same id.
    shares_id: bool,
    random: fastrand::Rng,
    servers: ConnectedServers,
    durations: SessionDurations,
    sessions: Vec<EdgeSession>,
    /// Index of a node's session, by group and node.
    index_of_node: FxHashMap<Arc<str>, FxHashMap<Arc<str>, usize>>,
    folded: CaseFoldedNames,
    /// When a session has something to do, each at most once.
    timers: BTreeSet<(Instant, usize)>,
    /// The timer that each session has in `timers`.
    armed_timers: Vec<Option<Instant>>,
    request_scheduler: RequestScheduler,
    /// Free indices of `sessions`.
    free_indices: Vec<usize>,
    /// Sessions to evict, the next last, with the time since when each is silent.
    evictable: Vec<(usize, Instant)>,
    /// When the last search for sessions to evict found none.
    no_evictable_at: Option<Instant>,
    /// When eviction last failed to make room for tables.
    eviction_exhausted_at: Option<Instant>,
    last_sweep: Instant,
    /// Of the metrics of all sessions.
    names: NameInterner,
    /// What all sessions take together.
    memory_use: MemoryUse,
    /// Inflation debt of all unknown senders together.
    unknown_debt: InflationDebt,
    /// Whether our time is known to be right, and messages are read as they come.
    judges_clocks: bool,
    /// Whether a topic of another namespace ever came.
    saw_foreign_topic: bool,
    outputs: VecDeque<Output>,
    counters: Box<HostCounters>,
    /// Who the filter leaves out.
    excluded: ExcludedNodes,
    /// What was found of no edge node.
    unattributed_findings: FindingLog,
}

impl Host {
    /// A host that knows no server and no node yet. `seed` spreads its requests in time.
    pub fn new(config: Config, seed: u64) -> Self {
        Self {
            role: HostRole::default(),
            shares_id: false,
            random: fastrand::Rng::with_seed(seed),
            servers: ConnectedServers::default(),
            durations: SessionDurations::default(),
            sessions: Vec::new(),
            index_of_node: FxHashMap::default(),
            folded: CaseFoldedNames::default(),
            timers: BTreeSet::new(),
            armed_timers: Vec::new(),
            request_scheduler: RequestScheduler::new(config.rebirth.per_second),
            free_indices: Vec::new(),
            evictable: Vec::new(),
            no_evictable_at: None,
            eviction_exhausted_at: None,
            last_sweep: Instant::START,
            names: NameInterner::default(),
            memory_use: MemoryUse::default(),
            unknown_debt: InflationDebt::default(),
            judges_clocks: false,
            saw_foreign_topic: false,
            outputs: VecDeque::new(),
            counters: Box::default(),
            excluded: ExcludedNodes::default(),
            unattributed_findings: FindingLog::default(),
            config,
        }
    }

    /// The topic of this host's STATE; of its will, too.
    pub fn state_topic(&self) -> String {
        topic::state(&self.config.host_id)
    }

    /// A connection is up and its subscriptions are acknowledged. `session_time` is the time
    /// in the will of this connection's CONNECT. The first output is the STATE birth
    /// [host-topic-phid-birth-message]. All nodes that are not online are asked for their births, as
    /// after a start; those of other servers only once the session lasts, if the last one did not.
    pub fn handle_connected(&mut self, server: ServerId, session_time: Timestamp, now: Now) {
        let birth = self.servers.connected(server, session_time, now.instant);
        self.publish_state(server, birth);
        if self.role == HostRole::Listens {
            self.connected_silently(server);
        }
        let counts_for_all = self.durations.connected(server, now.instant);
        self.ask_after_connect(server, now, |session| counts_for_all || session.is_on(server));
    }

    /// These of the nodes that are not online may be behind a server.
    fn ask_after_connect(
        &mut self,
        server: ServerId,
        now: Now,
        may_be_there: impl Fn(&EdgeSession) -> bool,
    ) {
        for index in 0..self.sessions.len() {
            self.update_session(index, now, |session, context| {
                if may_be_there(session) {
                    session.handle_connected(server, context);
                }
            });
        }
    }

    /// A connection is down: all nodes behind it are unreachable.
    pub fn handle_disconnected(&mut self, server: ServerId, now: Now) {
        self.servers.disconnected(server);
        self.durations.disconnected(server, now.instant);
        for index in 0..self.sessions.len() {
            self.update_session(index, now, |session, context| {
                session.handle_disconnected(server, context)
            });
            self.record_findings(Some(index), "", now.wall);
        }
    }

    /// Whether the clocks of senders can be judged from now on: our own time is known to be right,
    /// and messages are handled as they come.
    pub fn judge_clocks(&mut self, can: bool) {
        self.judges_clocks = can;
    }

    /// The time of [`poll_timeout`](Self::poll_timeout) has come.
    pub fn handle_timeout(&mut self, now: Now) {
        for server in self.servers.due(now.instant) {
            if let Some(birth) = self.servers.answer(server, now.instant) {
                self.publish_state(server, birth);
            }
        }
        for server in self.durations.take_settled(now.instant) {
            self.ask_after_connect(server, now, |session| !session.is_on(server));
        }
        let silent = self.servers.take_silent(now.instant);
        self.outputs.extend(silent.into_iter().map(Output::NothingDelivered));
        while let Some((due, index)) = self.timers.first().copied() {
            if due > now.instant {
                break;
            }
            self.timers.pop_first();
            if let Some(armed) = self.armed_timers.get_mut(index) {
                *armed = None;
            }
            self.update_session(index, now, EdgeSession::handle_timeout);
            self.record_findings(Some(index), "", now.wall);
        }
        while self.role == HostRole::Speaks
            && let Some(index) = self.request_scheduler.first(now.instant)
        {
            self.request_scheduler.set(index, None);
            if let Some(request) =
                self.update_session(index, now, EdgeSession::send_request).flatten()
            {
                self.request_scheduler.request_sent(now.instant);
                self.publish_request(index, request, now);
            }
        }
        if self.excluded.take_due(now.instant)
            && let Some((edge, _)) = self.excludes_all_nodes(now.instant)
        {
            let edge = edge.to_owned();
            self.outputs.push_back(Output::AllNodesExcluded(edge));
        }
        self.sweep(now);
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let session = self.timers.first().map(|(due, _)| *due);
        let request = self.request_scheduler.deadline().filter(|_| self.role == HostRole::Speaks);
        let others =
            [request, self.servers.deadline(), self.durations.deadline(), self.excluded.deadline()];
        session.into_iter().chain(others.into_iter().flatten()).min()
    }

    /// The servers that are connected, with the times of their sessions.
    pub fn connections(&self) -> Vec<(ServerId, Timestamp)> {
        self.servers.sessions().collect()
    }

    /// The next output, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// A node was online before this host was, and these devices of it: its births are
    /// requested. If it does not answer, its death is emitted, after those of its devices; a device
    /// that is not reborn with it dies too.
    pub fn expect_online(&mut self, edge: &EdgeNode, devices: &[Arc<str>], now: Now) {
        if let Some(index) = self.get_or_create_session(&edge.group, &edge.node, now) {
            self.update_session(index, now, |session, context| {
                session.expect_online(devices, context)
            });
        }
    }

    /// A node was known before this host was, and not as online: its birth is
    /// requested, for it may have come back unnoticed.
    pub fn request_birth_if_back(&mut self, edge: &EdgeNode, now: Now) {
        if let Some(index) = self.get_or_create_session(&edge.group, &edge.node, now) {
            self.update_session(index, now, |session, context| {
                session.request_birth_if_back(context)
            });
        }
    }

    /// Requests a rebirth of an online node, which repeats what was dropped, or shows its clock.
    pub fn request_refresh(&mut self, edge: &EdgeNode, why: RefreshReason, now: Now) {
        if let Some(index) = self.session_index(&edge.group, &edge.node) {
            self.update_session(index, now, |session, context| session.refresh(why, context));
        }
    }

    /// The host is about to leave: what waits is read or counted, and its STATE death goes to every
    /// server that it is connected to [operational-behavior-host-application-termination]. What
    /// arrives afterwards is still read, but nothing is published any more.
    pub fn shutdown(&mut self, now: Now) {
        for index in 0..self.sessions.len() {
            self.update_session(index, now, EdgeSession::end);
        }
        for (server, death) in self.servers.shutdown(now.wall) {
            self.publish_state(server, death);
        }
    }

    /// Index of a node's session, if there is one.
    fn session_index(&self, group: &str, node: &str) -> Option<usize> {
        self.index_of_node.get(group)?.get(node).copied()
    }

    /// Index of a node's session; it is created if there is room.
    fn get_or_create_session(&mut self, group: &str, node: &str, now: Now) -> Option<usize> {
        if let Some(index) = self.session_index(group, node) {
            return Some(index);
        }
        let index = self.free_place(group, node, now)?;
        // Nodes of one group share its name.
        let group = match self.index_of_node.get_key_value(group) {
            Some((group, _)) => Arc::clone(group),
            None => group.into(),
        };
        let edge = EdgeNode::new(group, node);
        let nodes = self.index_of_node.entry(Arc::clone(&edge.group)).or_default();
        nodes.insert(Arc::clone(&edge.node), index);
        let clash =
            self.folded.clashes((), &edge.group) | self.folded.clashes(&edge.group, &edge.node);
        let mut session = EdgeSession::new(edge, now.instant);
        if clash {
            session.note(Finding::CaseCollision);
        }
        match self.sessions.get_mut(index) {
            Some(free) => *free = session,
            None => {
                self.sessions.push(session);
                self.armed_timers.push(None);
            }
        }
        Some(index)
    }

    /// Lets a session act, then sets its timer anew.
    fn update_session<T>(
        &mut self,
        index: usize,
        now: Now,
        act: impl FnOnce(&mut EdgeSession, &mut SessionContext<'_>) -> T,
    ) -> Option<T> {
        let session = self.sessions.get_mut(index)?;
        let before = session.memory_use();
        let rest = MemoryUse {
            tables: self.memory_use.tables.saturating_sub(before.tables),
            past_leaves: self.memory_use.past_leaves.saturating_sub(before.past_leaves),
            unproven: self.memory_use.unproven.saturating_sub(before.unproven),
            bytes: self.memory_use.bytes.saturating_sub(before.bytes),
        };
        let room = MemoryUse {
            tables: self.config.table_bytes.saturating_sub(self.memory_use.tables),
            past_leaves: 0,
            unproven: 0,
            bytes: limits::TOTAL_WINDOW_BYTES.saturating_sub(self.memory_use.bytes),
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
        let mut context = SessionContext {
            now,
            config: &self.config,
            random: self.random.f64(),
            room_left: room,
            may_be_made_up: session.may_be_made_up(),
            servers: &self.servers,
            judges_clocks: self.judges_clocks,
            names: &mut self.names,
            events: &mut events,
        };
        let done = act(session, &mut context);
        let after = session.memory_use();
        self.memory_use = MemoryUse {
            tables: rest.tables + after.tables,
            past_leaves: rest.past_leaves + after.past_leaves,
            unproven: rest.unproven + after.unproven,
            bytes: rest.bytes + after.bytes,
        };
        let mut due = session.deadline(&self.config);
        let ask = session.request_due_at();
        let want = ask.filter(|at| *at <= now.instant).map(|at| (session.rank(), at));
        if want.is_none() {
            due = due.into_iter().chain(ask).min();
        }
        self.request_scheduler.set(index, want);
        let armed = self.armed_timers.get_mut(index)?;
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

    fn publish_request(&mut self, index: usize, request: RebirthToSend, now: Now) {
        let Some(session) = self.sessions.get(index) else {
            return;
        };
        let message = rebirth::request(session.edge(), now);
        if let Some(count) = self.counters.rebirths.get_mut(request.reason as usize) {
            *count += 1;
        }
        for server in self.servers.connected_servers() {
            if request.server.is_none_or(|only| only == server) {
                self.outputs.push_back(publish(server, message.clone()));
            }
        }
    }

    /// This host's own STATE has arrived
    /// [message-flow-hid-sparkplug-state-message-delivered].
    fn handle_state(&mut self, server: ServerId, payload: &[u8], now: Now) {
        if self.role == HostRole::Listens {
            return;
        }
        let findings = &mut self.counters.findings;
        let of = (server, self.shares_id);
        if let Some(birth) = self.servers.handle_state(of, payload, now.instant, findings) {
            self.publish_state(server, birth);
        }
    }

    fn publish_state(&mut self, server: ServerId, payload: Vec<u8>) {
        if self.role == HostRole::Listens {
            return;
        }
        let topic = self.state_topic();
        let message = Message { topic, payload, qos: Qos::AtLeastOnce, retain: true };
        self.outputs.push_back(publish(server, message));
    }
}

fn publish(server: ServerId, message: Message) -> Output {
    Output::Publish(OutgoingMessage { server, message })
}

#[cfg(test)]
mod tests;
