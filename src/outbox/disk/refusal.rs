//! What happens while the disk is not writable, or too slow.

use super::DiskOutbox;
use super::store::StoreError;
use crate::outbox::{DiskEvent, DiskState};
use crate::time::Instant;

impl DiskOutbox {
    /// Hands over what has gathered, unless the disk does not keep up with it.
    pub(super) fn send(&mut self) {
        if self.writer.send() && self.writer.falls_behind() {
            self.writer.fall_behind();
            self.stop_reading();
            self.changes.push_back(DiskEvent::Behind);
        }
    }

    /// Checks for a hung write. As with a disk that is too slow, no further write is sent then.
    pub(super) fn notice_hang(&mut self, now: Instant) {
        if self.writer.hangs(now) {
            self.writer.fall_behind();
            self.stop_reading();
            let unsaved = self.held.lacking() + self.writer.unsaved();
            self.changes.push_back(DiskEvent::Hangs(unsaved));
        }
    }

    /// The disk refuses, or what lies there cannot be read: points are in memory alone.
    pub(super) fn refused(&mut self, epoch: u64, fault: StoreError) {
        let (state, change) = match fault {
            StoreError::Damaged(reason) => {
                (DiskState::Unreadable(reason.clone()), DiskEvent::Unreadable(reason))
            }
            fault => {
                let reason = fault.to_string();
                (DiskState::Refuses(reason.clone()), DiskEvent::Refused(reason))
            }
        };
        if *self.writer.state() == state {
            return;
        }
        if self.writer.is_well() {
            self.stop_reading();
        }
        let lost = self.writer.refuse(state, epoch);
        let newest_first = lost.iter().flat_map(|ops| ops.iter()).rev();
        self.held.refuse(self.writer.saved(), newest_first);
        self.changes.push_back(change);
    }

    fn stop_reading(&mut self) {
        self.cold.stop();
        self.bounds.stop();
    }

    /// The disk is writable again: saves what it lacks.
    pub(super) fn writable_again(&mut self) {
        self.make_up();
        self.cold.rescan_all();
        self.changes.push_back(DiskEvent::Well);
    }

    /// Hands over all that the disk lacks.
    pub(super) fn make_up(&mut self) {
        self.writer.begin_again();
        self.held.make_up(|op| self.writer.make_up(op));
        self.writer.made_up();
    }
}
