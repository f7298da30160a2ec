//! STATE of this host on each server.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde_json::Value;

use super::ServerId;
use crate::sparkplug::findings::{Finding, FindingCounts};
use crate::time::{Instant, Timestamp};

/// How many contradictions (an offline STATE under our id) are answered at once within
/// [`ANSWER_PERIOD`]. Two hosts that go by one id would contradict each other for ever.
const ANSWERS: usize = 5;
const ANSWER_PERIOD: Duration = Duration::from_secs(10);

/// How long a server has to deliver anything: our own STATE at least, which is published to a topic
/// that is subscribed.
pub(super) const ECHO: Duration = Duration::from_secs(10);

/// The payload of a STATE message: exactly two keys, the time an integer
/// [payloads-state-birth-payload, payloads-state-will-message-payload].
pub fn state_payload(online: bool, time: Timestamp) -> Vec<u8> {
    format!(r#"{{"online":{online},"timestamp":{}}}"#, time.as_millis()).into_bytes()
}

/// The servers that the host is connected to.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConnectedServers(BTreeMap<ServerId, ConnectedServer>);

#[derive(Clone, Debug)]
struct ConnectedServer {
    /// The time in the will of this connection, and so in its births; each server has its own
    /// [operational-behavior-host-application-multi-server-timestamp].
    session_time: Timestamp,
    /// When contradictions were answered.
    answered_at: VecDeque<Instant>,
    /// When a contradiction that came too soon is answered.
    answer_due: Option<Instant>,
    topics: TopicsSeen,
    delivers: Delivers,
}

/// Whether a server delivers anything on this connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Delivers {
    /// Not yet, and it has until then.
    Awaited(Instant),
    /// Nothing in time, not even our own STATE.
    Nothing,
    /// Any message.
    Something,
}

/// Which topics a server delivers.
#[derive(Clone, Debug, Default)]
enum TopicsSeen {
    /// None yet.
    #[default]
    Unknown,
    /// Others than were subscribed, such as this one.
    Foreign(Box<str>),
    /// Those of Sparkplug.
    Sparkplug,
}

impl ConnectedServers {
    /// The STATE birth of a new connection.
    pub(super) fn connected(
        &mut self,
        server: ServerId,
        session_time: Timestamp,
        now: Instant,
    ) -> Vec<u8> {
        let connected = ConnectedServer {
            session_time,
            answered_at: VecDeque::new(),
            answer_due: None,
            topics: TopicsSeen::Unknown,
            delivers: Delivers::Awaited(now + ECHO),
        };
        self.0.insert(server, connected);
        state_payload(true, session_time)
    }

    /// A message came, whatever it is.
    pub(super) fn delivered(&mut self, server: ServerId) {
        if let Some(server) = self.0.get_mut(&server) {
            server.delivers = Delivers::Something;
        }
    }

    /// The servers that have delivered nothing in time, each once for a connection.
    pub(super) fn take_silent(&mut self, now: Instant) -> Vec<ServerId> {
        let late = |state: &ConnectedServer| match state.delivers {
            Delivers::Awaited(until) => until <= now,
            Delivers::Nothing | Delivers::Something => false,
        };
        let silent = self.0.iter_mut().filter(|(_, state)| late(state));
        silent
            .map(|(server, state)| {
                state.delivers = Delivers::Nothing;
                *server
            })
            .collect()
    }

    /// Whether a server has delivered nothing since it was connected, although it had its time.
    pub(super) fn delivers_nothing(&self, server: ServerId) -> bool {
        self.0.get(&server).is_some_and(|state| state.delivers == Delivers::Nothing)
    }

    pub(super) fn disconnected(&mut self, server: ServerId) {
        self.0.remove(&server);
    }

    /// A message came with a topic of another namespace than was subscribed.
    pub(super) fn saw_foreign_topic(&mut self, server: ServerId, topic: &str) {
        if let Some(ConnectedServer { topics: topics @ TopicsSeen::Unknown, .. }) =
            self.0.get_mut(&server)
        {
            *topics = TopicsSeen::Foreign(topic.into());
        }
    }

    /// A message came with a topic of Sparkplug's.
    pub(super) fn saw_sparkplug_topic(&mut self, server: ServerId) {
        if let Some(server) = self.0.get_mut(&server) {
            server.topics = TopicsSeen::Sparkplug;
        }
    }

    /// A topic that a server brings, where it brings none of Sparkplug's.
    pub(super) fn foreign(&self, server: ServerId) -> Option<&str> {
        match &self.0.get(&server)?.topics {
            TopicsSeen::Foreign(topic) => Some(topic),
            TopicsSeen::Unknown | TopicsSeen::Sparkplug => None,
        }
    }

    /// The servers that are connected.
    pub(super) fn connected_servers(&self) -> impl Iterator<Item = ServerId> + '_ {
        self.0.keys().copied()
    }

    /// The same, with the times of their sessions.
    pub(super) fn sessions(&self) -> impl Iterator<Item = (ServerId, Timestamp)> + '_ {
        self.0.iter().map(|(id, server)| (*id, server.session_time))
    }

    pub(crate) fn is_up(&self, server: ServerId) -> bool {
        self.0.contains_key(&server)
    }

    /// Whether all of so many are connected.
    pub(crate) fn are_all_up(&self, count: usize) -> bool {
        self.0.len() >= count
    }

    pub(crate) fn is_any_up(&self) -> bool {
        !self.0.is_empty()
    }

    /// The STATE deaths of all connections, with the present time, but no earlier than the
    /// birth's [host-topic-phid-death-payload-timestamp-disconnect-clean].
    pub(super) fn shutdown(&mut self, now: Timestamp) -> Vec<(ServerId, Vec<u8>)> {
        let servers = std::mem::take(&mut self.0).into_iter();
        servers.map(|(id, s)| (id, state_payload(false, now.max(s.session_time)))).collect()
    }

    /// Our own STATE has come back. If it says that we are offline, it is answered
    /// [message-flow-hid-sparkplug-state-message-delivered]. Where another process shares the id,
    /// what is older than our session is what it said while it spoke.
    pub(super) fn handle_state(
        &mut self,
        (server, is_shared): (ServerId, bool),
        payload: &[u8],
        now: Instant,
        findings: &mut FindingCounts,
    ) -> Option<Vec<u8>> {
        self.0.get(&server)?;
        let Some((online, time)) = parse(payload) else {
            findings.note(Finding::WrongState);
            return None;
        };
        if online {
            // Servers that are bridged to each other bring what we said on another one.
            let is_before = |of: &ConnectedServer| is_shared && time < of.session_time;
            if self.0.values().all(|of| of.session_time != time && !is_before(of)) {
                findings.note(Finding::HostConflict);
            }
            return None;
        }
        let answer = self.answer(server, now);
        if answer.is_none() {
            findings.note(Finding::HostConflict);
        }
        answer
    }

    /// The STATE birth once more, unless it was published too often lately: then it is due
    /// later.
    pub(super) fn answer(&mut self, server: ServerId, now: Instant) -> Option<Vec<u8>> {
        let state = self.0.get_mut(&server)?;
        while state.answered_at.front().is_some_and(|at| now.since(*at) >= ANSWER_PERIOD) {
            state.answered_at.pop_front();
        }
        if state.answered_at.len() >= ANSWERS {
            state.answer_due = state.answered_at.front().map(|at| *at + ANSWER_PERIOD);
            return None;
        }
        state.answer_due = None;
        state.answered_at.push_back(now);
        Some(state_payload(true, state.session_time))
    }

    /// The servers whose answer is due.
    pub(super) fn due(&self, now: Instant) -> Vec<ServerId> {
        let due = self.0.iter().filter(|(_, state)| state.answer_due.is_some_and(|due| due <= now));
        due.map(|(server, _)| *server).collect()
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let echo = |state: &ConnectedServer| match state.delivers {
            Delivers::Awaited(until) => Some(until),
            Delivers::Nothing | Delivers::Something => None,
        };
        self.0
            .values()
            .filter_map(|state| state.answer_due.into_iter().chain(echo(state)).min())
            .min()
    }
}

/// What a STATE message says, and of when.
pub(crate) fn parse(payload: &[u8]) -> Option<(bool, Timestamp)> {
    let value: Value = serde_json::from_slice(payload).ok()?;
    let online = value.get("online")?.as_bool()?;
    let time = value.get("timestamp")?.as_i64()?;
    Some((online, Timestamp::from_millis(time)))
}
