//! Servers whose sessions do not last.
//!
//! Whoever is not online is asked for its birth when a server connects, for it may be behind that
//! one. A server that comes and goes every few seconds is no reason each time: the nodes of others
//! would be asked without end, and nobody's silence would ever count.

use std::collections::BTreeMap;
use std::time::Duration;

use super::ServerId;
use crate::time::Instant;

/// A session that lasts this long is no short one.
const LASTING: Duration = Duration::from_secs(10);
/// How long a short session makes the next one of its server suspect.
const SUSPECT_FOR: Duration = Duration::from_secs(60);

/// The sessions of the servers, by their duration.
#[derive(Clone, Debug, Default)]
pub(super) struct SessionDurations {
    /// Since when each server is connected.
    since: BTreeMap<ServerId, Instant>,
    /// When the last session of a server ended that was short.
    short_until: BTreeMap<ServerId, Instant>,
    /// Servers whose present session is to last before it counts for all nodes.
    unsettled: BTreeMap<ServerId, Instant>,
}

impl SessionDurations {
    /// A session begins. True if it counts for all nodes at once: the last one was no short one, or
    /// no other server is connected.
    pub(super) fn connected(&mut self, server: ServerId, now: Instant) -> bool {
        self.since.insert(server, now);
        let is_suspect =
            self.short_until.get(&server).is_some_and(|ended| now.since(*ended) < SUSPECT_FOR);
        let is_delayed = is_suspect && self.since.len() > 1;
        if is_delayed {
            self.unsettled.insert(server, now + LASTING);
        }
        !is_delayed
    }

    /// It ends.
    pub(super) fn disconnected(&mut self, server: ServerId, now: Instant) {
        self.unsettled.remove(&server);
        let is_short = |since: Instant| now.since(since) < LASTING;
        if self.since.remove(&server).is_some_and(is_short) {
            self.short_until.insert(server, now);
        } else {
            self.short_until.remove(&server);
        }
    }

    /// Servers whose session has lasted long enough to count for all nodes.
    pub(super) fn take_settled(&mut self, now: Instant) -> Vec<ServerId> {
        let settled = self.unsettled.iter().filter(|(_, at)| **at <= now);
        let settled: Vec<_> = settled.map(|(server, _)| *server).collect();
        self.unsettled.retain(|_, at| *at > now);
        settled
    }

    /// When the next has.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.unsettled.values().copied().min()
    }
}
