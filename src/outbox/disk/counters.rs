//! Counters of points that only the disk part of the outbox knows of: restored, overwritten,
//! dropped, unreadable.

use super::store::StoreStats;
use crate::outbox::DiskFigures;

/// What is counted.
#[derive(Debug, Default)]
pub(super) struct DiskCounters {
    /// Points that came without being put.
    pub(super) restored: u64,
    /// Points on disk alone that went: overwritten, dropped since it was full, or unreadable.
    pub(super) overwritten: u64,
    pub(super) full: u64,
    pub(super) unreadable: u64,
    /// Points that were unreadable in a store that was damaged meanwhile.
    missing: u64,
    /// How many of these were reported.
    reported: u64,
    /// Whether the store has been open once.
    was_opened: bool,
}

impl DiskCounters {
    /// The store is open, and had `previous` if it was open before. Returns how many points are on
    /// disk alone that were not known of.
    ///
    /// On the first opening, all points (and those that the books count but that are unreadable)
    /// are from an earlier process.
    pub(super) fn count_opened(&mut self, previous: StoreStats, stats: StoreStats) -> u64 {
        if !std::mem::replace(&mut self.was_opened, true) {
            self.restored += stats.points + stats.unreadable;
            self.unreadable += stats.unreadable;
            stats.points
        } else if stats.unreadable > 0 {
            // Which they were shows when all is read: some may be in memory as well.
            self.missing += stats.unreadable;
            0
        } else if stats.is_repaired && stats.points > previous.points {
            // What had been removed came up again where the damage hides its removal.
            let more = stats.points - previous.points;
            self.restored += more;
            more
        } else {
            0
        }
    }

    /// Whether the store has been open once.
    pub(super) fn was_opened(&self) -> bool {
        self.was_opened
    }

    /// Counts values of stored inbound messages that could not be read.
    pub(super) fn count_lost_inbound(&mut self, lost: u64) {
        self.restored += lost;
        self.unreadable += lost;
    }

    /// All on disk was read, and this many points are not there although they were counted. Up to
    /// `missing` of them were lost to damage; the others were overwritten while the store could not
    /// report it. Returns how many were lost that were not reported.
    pub(super) fn count_missing(&mut self, points: u64) -> u64 {
        let unreadable = points.min(std::mem::take(&mut self.missing));
        self.unreadable += unreadable;
        self.overwritten += points - unreadable;
        unreadable.saturating_sub(std::mem::take(&mut self.reported))
    }

    /// The store lost some flushed points while it was in use, of which at most `in_memory` are in
    /// memory. Returns how many are lost for certain.
    pub(super) fn count_lost_in_use(&mut self, unreadable: u64, in_memory: u64) -> u64 {
        let lost = unreadable.saturating_sub(in_memory);
        self.reported += lost;
        lost
    }

    /// All counters, for the metrics and the log.
    pub(super) fn figures(&self) -> DiskFigures {
        let Self { restored, overwritten, full, unreadable, .. } = *self;
        DiskFigures { restored, overwritten, full, unreadable, ..DiskFigures::default() }
    }
}
