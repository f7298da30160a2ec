//! Events of the outbox's disk, and whether the process may stop.

use std::time::Duration;

use tracing::warn;

use super::{Engine, SyncState, logging};
use crate::console::degraded::{self, drop_order};
use crate::outbox::{DiskEvent, DiskFigures, DiskState};
use crate::sitewise::client::SiteWise;
use crate::time::{Instant, Now};

/// How long after dropping values the outbox counts as full.
const FULL: Duration = Duration::from_secs(60);

impl<S: SiteWise> Engine<S> {
    /// Handles the disk's events.
    pub(super) fn handle_disk_events(&mut self, now: Now) {
        self.take_disk_events(now);
        // After the reports: only a write that is still unreported counts as hung.
        self.outbox.handle_timeout(now.instant);
        self.take_disk_events(now);
    }

    fn take_disk_events(&mut self, now: Now) {
        while let Some(change) = self.outbox.poll_event() {
            match change {
                DiskEvent::Full => self.note_outbox_full(now),
                DiskEvent::LettersRemoved(gone) => self.dead_letters.remove(&gone),
                other => {
                    if other == DiskEvent::InboundFull {
                        self.inbound_incomplete = true;
                        self.bridge.set_deferrable(false);
                    }
                    logging::log_disk_event(&other);
                }
            }
        }
        self.handle_late_events(now);
    }

    /// Whether the values buffered until the initial sync are on disk, as the messages they arrived
    /// in: the next process replays these.
    pub(super) fn is_buffer_saved(&self) -> bool {
        (self.sync_state != SyncState::Done || self.bridge.is_deferring())
            && self.outbox.disk().is_some()
            && !self.inbound_incomplete
    }

    /// The same, as far as is known now: not while the disk does not take what arrives.
    pub(super) fn is_buffer_safe(&self) -> bool {
        let takes = |disk: DiskFigures| disk.state == DiskState::Writable;
        self.is_buffer_saved() && self.outbox.disk().is_some_and(takes)
    }

    /// Whether nothing is left that could be delivered until `last`. What is on disk and failed
    /// before can be left to the next process.
    pub(super) fn can_stop(&self, last: Instant) -> bool {
        let twin = self.bridge.twin();
        let buffered = twin.buffered() > 0 && !self.is_buffer_safe();
        let parked = self.outbox.parked() > 0 && self.outbox.disk().is_none();
        let undecided = (buffered || parked) && !twin.plan().is_idle_until(last);
        let delivery = self.bridge.delivery();
        let is_left = self.is_all_saved() && (delivery.has_only_failed() || delivery.has_stopped());
        let is_done = self.outbox.is_flushed()
            && (delivery.waiting() == 0 || delivery.sends_nothing_before(last));
        let pulses = self.bridge.commands().map_or(0, |commands| commands.unsent_pulses());
        let are_answered = self.doors.is_drained() && self.doors.is_settled() && pulses == 0;
        !undecided && are_answered && (is_left || is_done)
    }

    /// Stops sending during shutdown if SiteWise accepts nothing: all of it is on disk.
    pub(super) fn stop_futile_flush(&mut self) {
        if self.bridge.delivery().is_flush_futile() && self.is_all_saved() {
            self.bridge.stop_sending();
        }
    }

    /// Whether all points are on disk.
    fn is_all_saved(&self) -> bool {
        let disk = self.outbox.disk();
        disk.is_some_and(|disk| disk.unsaved == 0 && disk.state == DiskState::Writable)
    }

    /// The outbox dropped values. Logged at most once in a while.
    pub(super) fn note_outbox_full(&mut self, now: Now) {
        if !self.is_full(now) {
            let order = drop_order(self.outbox.disk().as_ref());
            warn!(
                "the outbox is full (OUTBOX_MAX_BYTES), values are being dropped: {order}; {}",
                degraded::FULL_REMEDY
            );
        }
        self.last_full = Some(now.instant);
    }

    pub(super) fn is_full(&self, now: Now) -> bool {
        self.last_full.is_some_and(|at| now.instant.since(at) < FULL)
    }
}
