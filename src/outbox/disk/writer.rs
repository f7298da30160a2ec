//! The queue of writes to the disk thread, and how many of them are flushed.
//!
//! Operations are collected and sent to the thread as one numbered write. While the disk is not
//! writable or too slow, saves are not queued here (they are repeated when it recovers); removals
//! are deferred.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use super::keeper::{DiskJob, ReadPurpose};
use super::record::RecordKey;
use super::store::StoreOp;
use super::{BATCH, MAX_UNSAVED};
use crate::delivery::point::Key;
use crate::outbox::DiskState;
use crate::time::Instant;

/// A write that is not flushed yet.
#[derive(Debug)]
struct Write {
    number: u64,
    ops: Arc<Vec<StoreOp>>,
    /// How many of them remove something.
    removes: usize,
}

/// The sending end of the disk thread's queue.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: Sender<DiskJob>,
    state: DiskState,
    /// What goes into the next write.
    next: Vec<StoreOp>,
    /// Number of the last write that was sent to the thread, and of the last that is flushed.
    sent: u64,
    saved: u64,
    epoch: u64,
    unsaved: VecDeque<Write>,
    /// The last write of those that save again what a fault lost. Up to it the disk does not count
    /// as too slow, however many they are.
    made_up_by: u64,
    /// Keys whose removal is deferred until the disk is writable again.
    owed: Vec<Key>,
    /// The first write that is not safe, and since when it is the first.
    first_unsaved: Option<(u64, Instant)>,
}

/// A write that takes longer counts as hung, and is reported.
const HANG: Duration = Duration::from_secs(10);

impl Writer {
    pub(super) fn new(jobs: Sender<DiskJob>) -> Self {
        Self {
            jobs,
            state: DiskState::Well,
            next: Vec::new(),
            sent: 0,
            saved: 0,
            epoch: 0,
            unsaved: VecDeque::new(),
            made_up_by: 0,
            owed: Vec::new(),
            first_unsaved: None,
        }
    }

    /// Whether the disk takes writes, as far as is known, and yet has not done one for so long that
    /// it hangs. To be asked again and again.
    pub(super) fn hangs(&mut self, now: Instant) -> bool {
        let first = self.unsaved.front().map(|write| write.number);
        self.first_unsaved = match (self.first_unsaved, first) {
            (Some((number, since)), Some(first)) if number == first => Some((number, since)),
            (_, first) => first.map(|number| (number, now)),
        };
        let hangs = |(_, since)| now.since(since) >= HANG;
        self.is_well() && self.first_unsaved.is_some_and(hangs)
    }

    /// When to ask next at the latest.
    pub(super) fn hang_check(&self) -> Option<Instant> {
        let (_, since) = self.first_unsaved.filter(|_| self.is_well() && !self.is_done())?;
        Some(since + HANG)
    }

    pub(super) fn state(&self) -> &DiskState {
        &self.state
    }

    /// Whether the disk takes writes.
    pub(super) fn is_well(&self) -> bool {
        self.state == DiskState::Well
    }

    /// Number of the write that the next change goes into.
    pub(super) fn next(&self) -> u64 {
        self.sent + 1
    }

    /// The same while the disk takes writes.
    pub(super) fn open(&self) -> Option<u64> {
        self.is_well().then(|| self.next())
    }

    /// Number of the last write that is safe.
    pub(super) fn saved(&self) -> u64 {
        self.saved
    }

    /// Whether all that was handed over is safe.
    pub(super) fn is_done(&self) -> bool {
        self.unsaved.is_empty()
    }

    /// Changes that are not safe.
    pub(super) fn unsaved(&self) -> usize {
        self.unsaved.iter().map(|write| write.ops.len()).sum::<usize>() + self.next.len()
    }

    /// Whether so many points are not yet saved that the disk does not keep up. Those to be removed
    /// may wait: if the process ends before, they are delivered twice.
    pub(super) fn falls_behind(&self) -> bool {
        let (saves, _) = self.ahead();
        saves > MAX_UNSAVED
    }

    /// Whether the disk has enough to do: what is delivered is to be removed, so that a backlog
    /// drains no faster than that.
    pub(super) fn is_busy(&self) -> bool {
        let (saves, removes) = self.ahead();
        saves + removes > MAX_UNSAVED / 2
    }

    /// Points that the keeper has not yet saved, and not yet removed.
    fn ahead(&self) -> (usize, usize) {
        let writes = self.unsaved.iter().rev();
        let writes = writes.take_while(|write| write.number > self.made_up_by);
        let sizes = writes.map(|write| (write.ops.len() - write.removes, write.removes));
        sizes.fold((0, 0), |sum, of| (sum.0 + of.0, sum.1 + of.1))
    }

    /// Adds a change to the next write.
    pub(super) fn add(&mut self, op: StoreOp) {
        self.next.push(op);
    }

    /// Removes a record: now, or when the disk takes writes again.
    pub(super) fn remove(&mut self, key: Key) {
        match self.is_well() {
            true => self.next.push(StoreOp::Remove(key)),
            false => self.owed.push(key),
        }
    }

    /// Keys whose removal is deferred until the disk is writable again.
    pub(super) fn owed(&self) -> usize {
        self.owed.len()
    }

    /// Whether so many changes have gathered that they are to be sent.
    pub(super) fn is_full(&self) -> bool {
        self.next.len() >= BATCH
    }

    /// Hands over what has gathered, while the disk takes writes. Whether something was.
    pub(super) fn send(&mut self) -> bool {
        let is_due = self.is_well() && !self.next.is_empty();
        if is_due {
            self.hand_over();
        }
        is_due
    }

    fn hand_over(&mut self) {
        let ops = Arc::new(std::mem::take(&mut self.next));
        let removes = ops.iter().filter(|op| matches!(op, StoreOp::Remove(_))).count();
        self.sent += 1;
        let number = self.sent;
        self.unsaved.push_back(Write { number, ops: Arc::clone(&ops), removes });
        self.tell(DiskJob::Write { epoch: self.epoch, number, ops });
    }

    /// Reads points after a place.
    pub(super) fn read(&self, after: Option<RecordKey>, limit: usize, why: ReadPurpose) {
        self.tell(DiskJob::Read { epoch: self.epoch, after, limit, why });
    }

    /// Gives the keeper another job.
    pub(super) fn tell(&self, job: DiskJob) {
        // If the thread has ended, closing the outbox reports it at the latest.
        let _ = self.jobs.send(job);
    }

    /// Whether this is the epoch that reports are to be of.
    pub(super) fn is_of_now(&self, epoch: u64) -> bool {
        epoch == self.epoch
    }

    /// All writes up to this number are safe.
    pub(super) fn saved_up_to(&mut self, number: u64) {
        self.saved = number;
        while self.unsaved.front().is_some_and(|write| write.number <= number) {
            self.unsaved.pop_front();
        }
    }

    /// The disk does not keep up: it takes no more for now, and saves what it has.
    pub(super) fn fall_behind(&mut self) {
        self.state = DiskState::Behind;
    }

    /// The disk refuses, in this state and a new epoch. Gives back the changes that are not safe,
    /// in their order; what they remove is removed when it takes writes again. Whether they were
    /// done is not known: to do them again is harmless.
    pub(super) fn refuse(&mut self, state: DiskState, epoch: u64) -> Vec<Arc<Vec<StoreOp>>> {
        (self.state, self.epoch) = (state, epoch);
        let mut lost: Vec<_> = self.unsaved.drain(..).map(|write| write.ops).collect();
        lost.push(Arc::new(std::mem::take(&mut self.next)));
        let ops = lost.iter().flat_map(|ops| ops.iter());
        self.owed.extend(ops.filter_map(|op| match op {
            StoreOp::Remove(key) => Some(*key),
            StoreOp::Save { .. } => None,
        }));
        lost
    }

    /// The disk takes writes again. What is to be removed goes first.
    pub(super) fn begin_again(&mut self) {
        self.state = DiskState::Well;
        self.next.extend(self.owed.drain(..).map(StoreOp::Remove));
    }

    /// Adds a change that makes up for what the disk lacked; gives back the number of its write.
    pub(super) fn make_up(&mut self, op: StoreOp) -> u64 {
        if self.is_full() {
            self.hand_over();
        }
        self.next.push(op);
        self.next()
    }

    /// Hands over the last of what makes up.
    pub(super) fn made_up(&mut self) {
        let _ = self.send();
        self.made_up_by = self.sent;
    }
}
