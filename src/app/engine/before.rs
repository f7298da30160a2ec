//! Edge nodes that were offline before the start: told once, when they had their time to answer.

use std::time::Duration;

use tracing::warn;

use super::Engine;
use crate::console::degraded::DegradedReason;
use crate::sitewise::client::SiteWise;
use crate::time::{Instant, Now};

/// Edge nodes that get a line each; others are counted.
const LINES: usize = 20;
/// How long to wait for the initial sync at a time.
const LATER: Duration = Duration::from_secs(1);

/// When these are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum DeadBefore {
    /// No MQTT server was connected yet.
    #[default]
    Early,
    /// At this time.
    Due(Instant),
    /// They were told.
    Told,
}

impl DeadBefore {
    /// A session with an MQTT server has begun.
    pub(super) fn connected(&mut self, now: Instant) {
        if *self == Self::Early {
            *self = Self::Due(now + DegradedReason::ANSWER_FOR);
        }
    }

    pub(super) fn due(self) -> Option<Instant> {
        match self {
            Self::Due(at) => Some(at),
            Self::Early | Self::Told => None,
        }
    }
}

impl<S: SiteWise> Engine<S> {
    /// Logs edge nodes that were offline before the start and have not answered.
    pub(super) fn tell_dead_before(&mut self, now: Now) {
        if self.dead_before.due().is_none_or(|at| at > now.instant) {
            return;
        }
        let links = self.server_statuses();
        let Some(dead) = DegradedReason::dead_before(&self.view(&links)) else {
            self.dead_before = DeadBefore::Due(now.instant + LATER);
            return;
        };
        self.dead_before = DeadBefore::Told;
        for why in dead.iter().take(LINES) {
            warn!(sparkplug.source = why.subject(), "{why}");
        }
        if let Some(more) = dead.len().checked_sub(LINES).filter(|more| *more > 0) {
            warn!("{more} more edge nodes were offline before the start and have not answered");
        }
    }
}
