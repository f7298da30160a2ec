//! Messages that are processed later: before the initial sync the twin can decide nothing, and its
//! buffer of events has a limit.
//!
//! If every message is stored on disk, those past the limit wait there. The host keeps running: it
//! requests births and knows who is online. A copy of it, taken when the buffer was full, is
//! paused; after the initial sync it is fed the stored messages, and the twin gets its events,
//! until it has caught up with the host.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Bridge, handle_in_twin};
use crate::sparkplug::address::EdgeNode;
use crate::sparkplug::event::Event;
use crate::sparkplug::host::{self, Host, LostSenders, ServerId};
use crate::time::{Now, Timestamp};
use crate::twin::Twin;

/// The host as it was when the first message was deferred.
#[derive(Debug)]
pub(super) struct Deferral {
    pub(super) host: Host,
    /// The time up to which it has handled messages.
    time: Now,
    /// Whether all messages since are stored.
    is_complete: bool,
    /// What the running host was told beside messages, and when: nobody is to be asked, or silent,
    /// before that.
    told: VecDeque<(Now, Told)>,
    /// How many names those are of whom messages were lost.
    lost_names: usize,
}

/// What the running host was told beside messages.
#[derive(Debug)]
enum Told {
    /// SiteWise has this node, and these devices of it, as online.
    Expected(EdgeNode, Vec<Arc<str>>),
    /// Messages of these were dropped, and so are not stored.
    Lost(ServerId, LostSenders),
}

/// How many names of those whose messages were dropped are kept; beyond that all nodes are asked.
const LOST_NAMES: usize = 200_000;

/// A stored message, or what became of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deferred<'a> {
    /// A session with the server began, at this time of its own.
    Connected(Timestamp),
    /// It ended.
    Disconnected,
    /// A message.
    Message {
        /// Its topic.
        topic: &'a str,
        /// Its payload.
        payload: &'a [u8],
        /// Whether it was retained.
        retain: bool,
    },
    /// A message that was too large to be read.
    Oversized {
        /// Its topic.
        topic: &'a str,
        /// Whether it was retained.
        retain: bool,
    },
}

impl Deferral {
    /// Counts what an event of the host carries.
    pub(super) fn account_for(&self, event: &Event, twin: &mut Twin) {
        if self.is_complete { twin.defer_event(event) } else { twin.drop_event(event) }
    }

    /// What was due by then happens at its time, and so does what the running host was told.
    fn pass(&mut self, until: Now) {
        while let Some((at, told)) = self.told.pop_front_if(|(at, _)| at.instant <= until.instant) {
            let at = Now { instant: at.instant.max(self.time.instant), ..at };
            self.run_timers(at);
            match told {
                Told::Expected(edge, devices) => self.host.expect_online(&edge, &devices, at),
                Told::Lost(server, lost) => {
                    self.lost_names -= names_in(&lost);
                    self.host.handle_lost(server, &lost, at);
                }
            }
        }
        self.run_timers(until);
    }

    /// One after the other, since an answer has its time from when it was asked for.
    fn run_timers(&mut self, until: Now) {
        let mut last = None;
        while let Some(due) = self.host.poll_timeout().filter(|due| *due <= until.instant) {
            let instant = due.max(self.time.instant).min(until.instant);
            if last == Some((due, instant)) {
                break;
            }
            last = Some((due, instant));
            let wall = until.wall.minus(until.instant.since(instant));
            self.host.handle_timeout(Now { instant, wall });
        }
        self.time = until;
    }

    /// Hands the events of the copy to the twin.
    fn drain(&mut self, twin: &mut Twin, now: Now) {
        while let Some(output) = self.host.poll_output() {
            // Publishes and findings were emitted by the running host already.
            if let host::Output::Event(event) = output {
                handle_in_twin(twin, &self.host, event, now, Twin::handle_deferred);
            }
        }
    }
}

impl Bridge {
    /// Whether every message is stored before it is handed over, from now on: then
    /// [`defer`](Self::defer) may be used once [`should_defer`](Self::should_defer).
    pub fn set_deferrable(&mut self, deferrable: bool) {
        self.twin.set_deferrable(deferrable);
        if let Some(deferral) = &mut self.deferral {
            deferral.is_complete &= deferrable;
        }
    }

    /// Whether more is buffered until the initial sync than `parts`, and nothing is deferred yet.
    pub fn should_defer(&self, parts: usize) -> bool {
        self.deferral.is_none()
            && self.twin.buffered_parts() >= parts
            && !self.twin.plan().is_synced()
    }

    /// From here on the twin gets no events: the messages wait where they are stored. The host
    /// still handles each of them.
    pub fn defer(&mut self, now: Now) {
        let host = self.host.clone();
        self.deferral = Some(Box::new(Deferral {
            host,
            time: now,
            is_complete: true,
            told: VecDeque::new(),
            lost_names: 0,
        }));
    }

    /// Whether messages are deferred.
    pub fn is_deferring(&self) -> bool {
        self.deferral.is_some()
    }

    /// Handles a stored message, which came when it was `arrived`; the oldest first, each once.
    pub fn handle_deferred(
        &mut self,
        server: ServerId,
        deferred: &Deferred<'_>,
        arrived: Now,
        now: Now,
    ) {
        let Some(deferral) = &mut self.deferral else { return };
        let instant = arrived.instant.max(deferral.time.instant);
        let arrived = Now { instant, ..arrived };
        deferral.pass(arrived);
        let Deferral { host, .. } = &mut **deferral;
        match *deferred {
            Deferred::Connected(session_time) => {
                host.handle_connected(server, session_time, arrived)
            }
            Deferred::Disconnected => host.handle_disconnected(server, arrived),
            Deferred::Message { topic, payload, retain } => {
                host.handle_message(server, topic, payload, retain, arrived);
            }
            Deferred::Oversized { topic, retain } => {
                host.handle_oversized(server, topic, retain, arrived);
            }
        }
        deferral.drain(&mut self.twin, now);
    }

    /// All stored messages were handed over; `none_missing` says whether that is so. From here on
    /// the twin has the host's events. If some were missing, all nodes are asked for their births,
    /// as in a new session. Returns how many values were lost.
    pub fn end_deferral(&mut self, none_missing: bool, now: Now) -> u64 {
        self.host.handle_timeout(now);
        self.drain_host(now);
        let Some(deferral) = &mut self.deferral else { return 0 };
        deferral.pass(now);
        deferral.drain(&mut self.twin, now);
        let is_complete = deferral.is_complete && none_missing;
        let lost = self.twin.drop_deferred();
        if is_complete && lost == 0 {
            self.deferral = None;
            return 0;
        }
        // Nodes that are online for the twin go offline, and are born again below.
        for (server, _) in deferral.host.connections() {
            deferral.host.handle_disconnected(server, now);
        }
        deferral.drain(&mut self.twin, now);
        let connections = self.host.connections();
        for (server, _) in &connections {
            self.host.handle_disconnected(*server, now);
        }
        self.drain_host(now);
        self.deferral = None;
        for (server, session_time) in connections {
            self.host.handle_connected(server, session_time, now);
        }
        self.drain_host(now);
        lost
    }

    /// The copy, too, finds out whether these are still online.
    pub(super) fn expect_deferred(&mut self, edge: &EdgeNode, devices: &[Arc<str>], now: Now) {
        if let Some(deferral) = &mut self.deferral {
            deferral.told.push_back((now, Told::Expected(edge.clone(), devices.to_vec())));
        }
    }
    /// The copy, too, finds out whether these live: no stored message says that they died.
    pub(super) fn lose_deferred(&mut self, server: ServerId, lost: &LostSenders, now: Now) {
        let Some(deferral) = &mut self.deferral else { return };
        let names = names_in(lost);
        if deferral.lost_names + names > LOST_NAMES {
            deferral.is_complete = false;
            return;
        }
        deferral.lost_names += names;
        deferral.told.push_back((now, Told::Lost(server, lost.clone())));
    }
}

/// One at least.
fn names_in(lost: &LostSenders) -> usize {
    1 + lost.senders.len() + lost.deaths.len()
}
