//! Eviction: nodes that were never born first, and those that are offline for long.

use std::time::Duration;

use super::{EdgeSession, SessionState};
use crate::time::Instant;

/// Who was never born is forgotten after so long without a message.
const UNKNOWN_FOR: Duration = Duration::from_secs(24 * 3600);
/// Who died is forgotten after so long without one.
const OFFLINE_FOR: Duration = Duration::from_secs(7 * 24 * 3600);

/// Who spoke keeps its tables for so long without a message.
const SILENT_FOR: Duration = Duration::from_secs(600);

/// Who is forgotten first, where some must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum EvictionClass {
    /// It was never born.
    Unknown,
    /// It died.
    Offline,
}

impl EdgeSession {
    /// Whether it may be forgotten, and since when it is silent. Who is online, expected, or behind
    /// a server that is lost is not.
    pub(crate) fn forgettable(&self) -> Option<(EvictionClass, Instant)> {
        let SessionState::Awaited(awaited) = &self.life else { return None };
        if awaited.is_to_be_asked() || awaited.is_lost() {
            return None;
        }
        let kind = if self.birth_emitted { EvictionClass::Offline } else { EvictionClass::Unknown };
        Some((kind, self.last_heard.unwrap_or(self.created)))
    }

    /// Whether what its births left may be let go: who said anything after them, whose tables are gone
    /// already, and since when it is silent. Before others go who said nothing.
    pub(crate) fn may_be_let_go(&self, now: Instant) -> Option<(bool, bool, Instant)> {
        let heard = self.last_heard.unwrap_or(self.created);
        let long = !self.has_answered || now.since(heard) >= SILENT_FOR;
        // Who is expected and was not asked yet, or may still answer, keeps its devices.
        let (gone, expected) = match &self.life {
            SessionState::Awaited(awaited) => {
                (true, awaited.is_expected() && !awaited.has_unread_birth())
            }
            SessionState::Online(_) => (false, false),
        };
        let some = self.load().tables > 0 && !expected && !(self.has_answered && gone);
        (long && some).then_some((self.has_answered, gone, heard))
    }

    /// Whether it has been silent for so long that it is forgotten.
    pub(crate) fn is_bygone(&self, now: Instant) -> bool {
        self.forgettable().is_some_and(|(kind, since)| {
            let long = match kind {
                EvictionClass::Unknown => UNKNOWN_FOR,
                EvictionClass::Offline => OFFLINE_FOR,
            };
            now.since(since) >= long
        })
    }
}
