//! The queue of writes to the disk thread, and how many of them are flushed.
//!
//! Operations are collected and sent to the thread as one numbered write. While the disk is not
//! writable or too slow, saves are not queued here (they are repeated when it recovers); removals
//! are deferred.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use super::disk_writer::{DiskJob, ReadPurpose};
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
pub(super) struct WriteQueue {
    jobs: Sender<DiskJob>,
    state: DiskState,
    /// What goes into the next write.
    next_ops: Vec<StoreOp>,
    /// Number of the last write that was sent to the thread, and of the last that is flushed.
    last_sent_write: u64,
    last_flushed_write: u64,
    epoch: u64,
    unflushed: VecDeque<Write>,
    /// Last write of the resave after a fault; writes up to it do not count as overload.
    last_resave_write: u64,
    /// Keys whose removal is deferred until the disk is writable again.
    deferred_removals: Vec<Key>,
    /// The first write that is not flushed, and since when it is the first.
    oldest_unflushed: Option<(u64, Instant)>,
}

/// A write that takes longer counts as hung, and is reported.
const HANG: Duration = Duration::from_secs(10);

impl WriteQueue {
    pub(super) fn new(jobs: Sender<DiskJob>) -> Self {
        Self {
            jobs,
            state: DiskState::Writable,
            next_ops: Vec::new(),
            last_sent_write: 0,
            last_flushed_write: 0,
            epoch: 0,
            unflushed: VecDeque::new(),
            last_resave_write: 0,
            deferred_removals: Vec::new(),
            oldest_unflushed: None,
        }
    }

    /// Whether the disk takes writes, as far as is known, and yet has not done one for so long that
    /// it hangs. To be asked again and again.
    pub(super) fn is_hung(&mut self, now: Instant) -> bool {
        let first = self.unflushed.front().map(|write| write.number);
        self.oldest_unflushed = match (self.oldest_unflushed, first) {
            (Some((number, since)), Some(first)) if number == first => Some((number, since)),
            (_, first) => first.map(|number| (number, now)),
        };
        let hangs = |(_, since)| now.since(since) >= HANG;
        self.is_writable() && self.oldest_unflushed.is_some_and(hangs)
    }

    /// When to ask next at the latest.
    pub(super) fn next_hang_check(&self) -> Option<Instant> {
        let (_, since) =
            self.oldest_unflushed.filter(|_| self.is_writable() && !self.is_flushed())?;
        Some(since + HANG)
    }

    pub(super) fn state(&self) -> &DiskState {
        &self.state
    }

    /// Whether the disk takes writes.
    pub(super) fn is_writable(&self) -> bool {
        self.state == DiskState::Writable
    }

    /// Number of the write that has the last change.
    pub(super) fn last_change(&self) -> u64 {
        if self.next_ops.is_empty() { self.last_sent_write } else { self.next_write() }
    }

    /// Number of the write that the next change goes into.
    pub(super) fn next_write(&self) -> u64 {
        self.last_sent_write + 1
    }

    /// The same while the disk takes writes.
    pub(super) fn open_write(&self) -> Option<u64> {
        self.is_writable().then(|| self.next_write())
    }

    /// Number of the last write that is flushed.
    pub(super) fn last_flushed(&self) -> u64 {
        self.last_flushed_write
    }

    /// Whether all that was handed over is flushed.
    pub(super) fn is_flushed(&self) -> bool {
        self.unflushed.is_empty()
    }

    /// Changes that are not flushed.
    pub(super) fn unflushed_ops(&self) -> usize {
        self.unflushed.iter().map(|write| write.ops.len()).sum::<usize>() + self.next_ops.len()
    }

    /// Whether so many points are not yet saved that the disk does not keep up. Those to be removed
    /// may wait: if the process ends before, they are delivered twice.
    pub(super) fn is_overloaded(&self) -> bool {
        let (saves, _) = self.in_flight_ops();
        saves > MAX_UNSAVED
    }

    /// Whether the disk has enough to do: what is delivered is to be removed, so that a backlog
    /// drains no faster than that.
    pub(super) fn is_busy(&self) -> bool {
        let (saves, removes) = self.in_flight_ops();
        saves + removes > MAX_UNSAVED / 2
    }

    /// Points that the disk thread has not yet saved, and not yet removed.
    fn in_flight_ops(&self) -> (usize, usize) {
        let writes = self.unflushed.iter().rev();
        let writes = writes.take_while(|write| write.number > self.last_resave_write);
        let sizes = writes.map(|write| (write.ops.len() - write.removes, write.removes));
        sizes.fold((0, 0), |sum, of| (sum.0 + of.0, sum.1 + of.1))
    }

    /// Adds a change to the next write.
    pub(super) fn add(&mut self, op: StoreOp) {
        self.next_ops.push(op);
    }

    /// Removes a record: now, or when the disk takes writes again.
    pub(super) fn remove(&mut self, key: Key) {
        match self.is_writable() {
            true => self.next_ops.push(StoreOp::Remove(key)),
            false => self.deferred_removals.push(key),
        }
    }

    /// Keys whose removal is deferred until the disk is writable again.
    pub(super) fn deferred_removals(&self) -> usize {
        self.deferred_removals.len()
    }

    /// Whether so many changes have gathered that they are to be sent.
    pub(super) fn is_full(&self) -> bool {
        self.next_ops.len() >= BATCH
    }

    /// Hands over what has gathered, while the disk takes writes. Whether something was.
    pub(super) fn flush_next(&mut self) -> bool {
        let is_due = self.is_writable() && !self.next_ops.is_empty();
        if is_due {
            self.send_write();
        }
        is_due
    }

    fn send_write(&mut self) {
        let ops = Arc::new(std::mem::take(&mut self.next_ops));
        let removes = ops.iter().filter(|op| matches!(op, StoreOp::Remove(_))).count();
        self.last_sent_write += 1;
        let number = self.last_sent_write;
        self.unflushed.push_back(Write { number, ops: Arc::clone(&ops), removes });
        self.send_job(DiskJob::Write { epoch: self.epoch, number, ops });
    }

    /// Reads points after a place.
    pub(super) fn read(&self, after: Option<RecordKey>, limit: usize, why: ReadPurpose) {
        self.send_job(DiskJob::Read { epoch: self.epoch, after, limit, why });
    }

    /// Gives the disk thread another job.
    pub(super) fn send_job(&self, job: DiskJob) {
        // If the thread has ended, closing the outbox reports it at the latest.
        let _ = self.jobs.send(job);
    }

    /// Whether this is the epoch that reports are to be of.
    pub(super) fn is_current_epoch(&self, epoch: u64) -> bool {
        epoch == self.epoch
    }

    /// All writes up to this number are flushed.
    pub(super) fn mark_flushed(&mut self, number: u64) {
        self.last_flushed_write = number;
        while self.unflushed.front().is_some_and(|write| write.number <= number) {
            self.unflushed.pop_front();
        }
    }

    /// The disk does not keep up: it takes no more for now, and saves what it has.
    pub(super) fn mark_overloaded(&mut self) {
        self.state = DiskState::TooSlow;
    }

    /// The disk fails, in this state and a new epoch. Returns the changes that are not flushed,
    /// in their order; what they remove is removed when it takes writes again. Whether they were
    /// done is not known: to do them again is harmless.
    pub(super) fn mark_unwritable(
        &mut self,
        state: DiskState,
        epoch: u64,
    ) -> Vec<Arc<Vec<StoreOp>>> {
        (self.state, self.epoch) = (state, epoch);
        let mut lost: Vec<_> = self.unflushed.drain(..).map(|write| write.ops).collect();
        lost.push(Arc::new(std::mem::take(&mut self.next_ops)));
        let ops = lost.iter().flat_map(|ops| ops.iter());
        self.deferred_removals.extend(ops.filter_map(|op| match op {
            StoreOp::Remove(key) => Some(*key),
            StoreOp::Save { .. } => None,
        }));
        lost
    }

    /// The disk takes writes again. What is to be removed goes first.
    pub(super) fn resume(&mut self) {
        self.state = DiskState::Writable;
        self.next_ops.extend(self.deferred_removals.drain(..).map(StoreOp::Remove));
    }

    /// Adds a change that makes up for what the disk lacked; gives back the number of its write.
    pub(super) fn add_resave(&mut self, op: StoreOp) -> u64 {
        if self.is_full() {
            self.send_write();
        }
        self.next_ops.push(op);
        self.next_write()
    }

    /// Hands over the last of what makes up.
    pub(super) fn finish_resave(&mut self) {
        let _ = self.flush_next();
        self.last_resave_write = self.last_sent_write;
    }
}
