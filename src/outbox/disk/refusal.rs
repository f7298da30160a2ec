//! What is done while the disk refuses, or does not keep up.

use super::store::{Fault, Op};
use super::{Arrived, Attempt, BACKLOG, BATCH, Disk};
use crate::delivery::point::Key;
use crate::outbox::{Change, DiskState, Waiting};

impl Disk {
    /// Whether so many points are not yet saved that the disk does not keep up. Those to be removed
    /// may wait: if the process ends before, they are delivered twice.
    pub(super) fn falls_behind(&self) -> bool {
        let (saves, _) = self.ahead();
        saves > BACKLOG
    }

    /// Whether the disk has enough to do: what is delivered is to be removed, so that a backlog
    /// drains no faster than that.
    pub(super) fn is_busy(&self) -> bool {
        let (saves, removes) = self.ahead();
        saves + removes > BACKLOG / 2
    }

    /// Points that the keeper has not yet saved, and not yet removed.
    fn ahead(&self) -> (usize, usize) {
        let writes = self.unsaved_writes.iter().rev();
        let writes = writes.take_while(|write| write.number > self.made_up_by);
        let sizes = writes.map(|write| (write.ops.len() - write.removes, write.removes));
        sizes.fold((0, 0), |sum, of| (sum.0 + of.0, sum.1 + of.1))
    }

    /// From now on points are in memory alone.
    pub(super) fn hold(&mut self, state: DiskState) {
        let was_well = self.is_well();
        self.state = state;
        if !was_well {
            return;
        }
        for Arrived { key, .. } in
            self.order.iter().rev().take_while(|arrived| arrived.write > self.saved)
        {
            if self.head.get(key).is_some() {
                self.unsaved.insert(*key, Attempt::Sent);
            }
        }
        // What delivery has does not come back to be saved: it is kept from the writes.
        for op in self.unsaved_writes.iter().flat_map(|write| &*write.ops).chain(&self.outgoing) {
            if let Op::Save { point, .. } = op
                && let Some(taken) = self.taken.get_mut(&point.key())
                && taken.successor.is_none()
            {
                self.unsaved.insert(point.key(), Attempt::Sent);
                taken.unsaved = Some(Box::new(point.clone()));
            }
        }
        let is_here = |key: &&Key| self.head.get(key).is_some();
        let rewritten = self.rewritten.keys().filter(is_here);
        self.unsaved.extend(rewritten.map(|key| (*key, Attempt::Sent)));
        let successors = self.taken.iter().filter(|(_, taken)| taken.successor.is_some());
        self.unsaved.extend(successors.map(|(key, _)| (*key, Attempt::Sent)));
        for op in std::mem::take(&mut self.outgoing) {
            if let Op::Remove(key) = op {
                self.removes.push(key);
            }
        }
        self.cold.stop();
        self.giving_up = None;
    }

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
        if self.state == state {
            return;
        }
        self.hold(state);
        self.epoch = epoch;
        // Whether these were done is not known: to do them again is harmless.
        for write in std::mem::take(&mut self.unsaved_writes) {
            self.removes.extend(write.ops.iter().filter_map(|op| match op {
                Op::Remove(key) => Some(*key),
                Op::Save { .. } => None,
            }));
        }
        self.changes.push_back(change);
    }

    /// The disk takes writes again: it gets what it lacks.
    pub(super) fn well_again(&mut self) {
        self.state = DiskState::Well;
        for key in std::mem::take(&mut self.removes) {
            self.outgoing.push(Op::Remove(key));
        }
        let unsaved = std::mem::take(&mut self.unsaved);
        self.order.retain(|arrived| !unsaved.contains_key(&arrived.key));
        for (key, attempt) in unsaved {
            if self.outgoing.len() >= BATCH {
                self.hand_over();
            }
            let fresh = attempt == Attempt::None;
            let successor = self.taken.get(&key).and_then(|taken| taken.successor.as_deref());
            if let Some(point) = self.head.get(&key) {
                self.outgoing.push(Op::Save { point: point.clone(), fresh });
                self.arrived(key);
            } else if let Some(Waiting { point, .. }) = successor {
                self.outgoing.push(Op::Save { point: point.clone(), fresh: false });
            } else if let Some(taken) = self.taken.get_mut(&key)
                && let Some(point) = taken.unsaved.take()
            {
                self.outgoing.push(Op::Save { point: *point, fresh });
            }
        }
        self.rewritten.clear();
        self.cold.again_all();
        self.changes.push_back(Change::Well);
        if !self.outgoing.is_empty() {
            self.hand_over();
        }
        self.made_up_by = self.sent;
    }
}
