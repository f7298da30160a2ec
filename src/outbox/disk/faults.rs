//! What happens while the disk is not writable, or too slow.

use super::DiskOutbox;
use super::store::StoreError;
use crate::outbox::{DiskEvent, DiskState};
use crate::time::Instant;

impl DiskOutbox {
    /// Hands over what has gathered, unless the disk does not keep up with it.
    pub(super) fn flush_writes(&mut self) {
        if self.write_queue.flush_next() && self.write_queue.is_overloaded() {
            self.write_queue.mark_overloaded();
            self.stop_reading();
            self.events.push_back(DiskEvent::TooSlow);
        }
    }

    /// Checks for a hung write. As with a disk that is too slow, no further write is sent then.
    pub(super) fn check_hang(&mut self, now: Instant) {
        if self.write_queue.is_hung(now) {
            self.write_queue.mark_overloaded();
            self.stop_reading();
            let unsaved = self.memory.unwritten() + self.write_queue.unflushed_ops();
            self.events.push_back(DiskEvent::Hung(unsaved));
        }
    }

    /// The disk fails, or what lies there cannot be read: points are in memory alone.
    pub(super) fn handle_store_failure(&mut self, epoch: u64, fault: StoreError) {
        let (state, change) = match fault {
            StoreError::Damaged(reason) => {
                (DiskState::Unreadable(reason.clone()), DiskEvent::Unreadable(reason))
            }
            fault => {
                let reason = fault.to_string();
                (DiskState::NotWritable(reason.clone()), DiskEvent::NotWritable(reason))
            }
        };
        if *self.write_queue.state() == state {
            return;
        }
        if self.write_queue.is_writable() {
            self.stop_reading();
        }
        self.late.handle_failed();
        let lost = self.write_queue.mark_unwritable(state, epoch);
        let newest_first = lost.iter().flat_map(|ops| ops.iter()).rev();
        self.memory.mark_unwritten(self.write_queue.last_flushed(), newest_first);
        self.events.push_back(change);
    }

    fn stop_reading(&mut self) {
        self.cold.cancel();
        self.bounds.cancel_eviction();
    }

    /// The disk is writable again: saves what it lacks.
    pub(super) fn handle_writable(&mut self) {
        self.resave_unwritten();
        self.cold.rescan_all();
        self.events.push_back(DiskEvent::Recovered);
    }

    /// Hands over all that the disk lacks.
    pub(super) fn resave_unwritten(&mut self) {
        self.write_queue.resume();
        self.memory.rewrite_unwritten(|op| self.write_queue.add_resave(op));
        self.write_queue.finish_resave();
        self.late.handle_writable(self.write_queue.last_change());
        self.late.handle_flushed(self.write_queue.last_flushed());
    }
}
