//! What happens while the disk is not writable, or too slow.

use super::Disk;
use super::store::Fault;
use crate::outbox::{Change, DiskState};

impl Disk {
    /// Hands over what has gathered, unless the disk does not keep up with it.
    pub(super) fn send(&mut self) {
        if self.writer.send() && self.writer.falls_behind() {
            self.writer.fall_behind();
            self.stop_reading();
            self.changes.push_back(Change::Behind);
        }
    }

    /// The disk refuses, or what lies there cannot be read: points are in memory alone.
    pub(super) fn refused(&mut self, epoch: u64, fault: Fault) {
        let (state, change) = match fault {
            Fault::Damaged(reason) => {
                (DiskState::Unreadable(reason.clone()), Change::Unreadable(reason))
            }
            fault => {
                let reason = fault.to_string();
                (DiskState::Refuses(reason.clone()), Change::Refused(reason))
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
    pub(super) fn well_again(&mut self) {
        self.writer.begin_again();
        self.held.make_up(|op| self.writer.make_up(op));
        self.writer.made_up();
        self.cold.again_all();
        self.changes.push_back(Change::Well);
    }
}
