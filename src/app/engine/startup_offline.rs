//! Logs edge nodes that were offline before the start, once, after they had time to answer.

use std::collections::BTreeSet;
use std::time::Duration;

use tracing::warn;

use super::Engine;
use crate::console::degraded::DegradedReason;
use crate::sitewise::client::SiteWise;
use crate::time::{Instant, Now};

/// Edge nodes that get a line each; others are counted.
const LINES: usize = 20;
/// Interval of the checks, while the initial sync or the answers of some nodes are outstanding.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Progress of the report of edge nodes that were offline at the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum StartupOfflineReport {
    /// No MQTT server was connected yet.
    #[default]
    NotConnected,
    /// The next check is at this time; these edge nodes were logged.
    Due(Instant, BTreeSet<String>),
    /// They were logged.
    Logged,
}

impl StartupOfflineReport {
    /// A session with an MQTT server has begun.
    pub(super) fn connected(&mut self, now: Instant) {
        if *self == Self::NotConnected {
            *self = Self::Due(now + DegradedReason::ANSWER_FOR, BTreeSet::new());
        }
    }

    pub(super) fn due(&self) -> Option<Instant> {
        match self {
            Self::Due(at, _) => Some(*at),
            Self::NotConnected | Self::Logged => None,
        }
    }

    /// Takes the nodes that had time to answer (`offline_nodes`: those, and whether others still
    /// have time). Returns the ones to log now and, once none is left to wait for, how many more
    /// there are.
    fn take_due(
        &mut self,
        offline_nodes: Option<(Vec<DegradedReason>, bool)>,
        now: Instant,
    ) -> (Vec<DegradedReason>, usize) {
        let Self::Due(at, logged) = self else { return (Vec::new(), 0) };
        *at = now + CHECK_INTERVAL;
        let Some((dead, others)) = offline_nodes else { return (Vec::new(), 0) };
        let room = LINES.saturating_sub(logged.len());
        let (all, mut lines) = (dead.len(), Vec::new());
        for why in dead {
            if lines.len() < room && logged.insert(why.subject().to_owned()) {
                lines.push(why);
            }
        }
        if others {
            return (lines, 0);
        }
        let more = all.saturating_sub(logged.len());
        *self = Self::Logged;
        (lines, more)
    }
}

impl<S: SiteWise> Engine<S> {
    /// Logs edge nodes that were offline before the start and have not answered.
    pub(super) fn log_startup_offline(&mut self, now: Now) {
        if self.startup_offline.due().is_none_or(|at| at > now.instant) {
            return;
        }
        let links = self.server_statuses();
        let found = DegradedReason::dead_before(&self.view(&links));
        let (lines, more) = self.startup_offline.take_due(found, now.instant);
        for why in lines {
            warn!(sparkplug.source = why.subject(), "{why}");
        }
        if more > 0 {
            warn!("{more} more edge nodes were offline before the start and have not answered");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dead(numbers: std::ops::Range<usize>) -> Vec<DegradedReason> {
        let offline =
            |number| DegradedReason::Offline { edge: format!("g/n{number:03}"), since: None };
        numbers.map(offline).collect()
    }

    #[test]
    fn each_is_told_when_it_had_its_time_and_once() {
        let now = Instant::START;
        let mut before = StartupOfflineReport::default();
        assert_eq!(before.take_due(Some((dead(0..1), false)), now), (Vec::new(), 0));
        before.connected(now);
        assert_eq!(before.due(), Some(now + DegradedReason::ANSWER_FOR));
        // The initial sync is not over.
        assert_eq!(before.take_due(None, now), (Vec::new(), 0));
        assert_eq!(before.due(), Some(now + CHECK_INTERVAL));
        // Others were not asked yet.
        assert_eq!(before.take_due(Some((dead(0..2), true)), now), (dead(0..2), 0));
        assert_eq!(before.take_due(Some((dead(0..3), true)), now), (dead(2..3), 0));
        assert_eq!(before.take_due(Some((dead(0..40), false)), now), (dead(3..20), 20));
        assert_eq!((before.due(), before), (None, StartupOfflineReport::Logged));
    }
}
