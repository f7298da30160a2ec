//! What happens when memory or disk is full.

use super::disk_writer::ReadPurpose;
use super::pending_read::PendingRead;
use super::record::RecordKey;
use super::store::StoreStats;
use super::{DiskOutbox, EVICT_BATCH, HEAD_SHARE};
use crate::delivery::point::{Key, Point};
use crate::outbox::{DiskEvent, QueuedPoint};

/// How much may be on disk, and is.
#[derive(Debug)]
pub(super) struct Bounds {
    /// Bytes that the records may take.
    bound: u64,
    /// What is there, as of the last that is known.
    pub(super) stats: StoreStats,
    /// The read of the oldest points, which are to be dropped.
    eviction_read: PendingRead,
    /// The write that removes the last of them.
    last_eviction_write: u64,
    /// Bytes of points when stored messages began to be processed: points made of them may use the
    /// messages' share.
    before_processing: Option<u64>,
}

impl Bounds {
    pub(super) fn new(bound: u64) -> Self {
        Self {
            bound,
            stats: StoreStats::default(),
            eviction_read: PendingRead::default(),
            last_eviction_write: 0,
            before_processing: None,
        }
    }

    /// Bytes that are free for stored messages.
    pub(super) fn free_bytes(&self) -> u64 {
        let points = self.before_processing.unwrap_or(u64::MAX).min(self.stats.bytes);
        self.bound.saturating_sub(points)
    }

    /// Stored messages become points.
    pub(super) fn reserve(&mut self) {
        self.before_processing.get_or_insert(self.stats.bytes);
    }

    /// No message is stored any more.
    pub(super) fn release(&mut self) {
        self.before_processing = None;
    }

    /// Bytes past the bound.
    fn excess(&self) -> u64 {
        self.stats.bytes.saturating_sub(self.bound)
    }

    /// A point is decided: it may be among the oldest that were asked for.
    pub(super) fn note_settled(&mut self, key: &Key) {
        self.eviction_read.note_settled(key);
    }

    /// The disk is not writable: the pending read is cancelled.
    pub(super) fn cancel_eviction(&mut self) {
        self.eviction_read.finish();
    }
}

impl DiskOutbox {
    /// Removes from the head what is flushed and exceeds its limit, the oldest first.
    pub(super) fn spill(&mut self) {
        let before = self.cold.len();
        while self.memory.bytes() > self.head_bound / HEAD_SHARE
            && let Some(QueuedPoint { point, gate }) =
                self.memory.spill(self.write_queue.last_flushed())
        {
            self.cold.add_point(&point, gate);
        }
        if self.cold.len() > before {
            self.evict();
        }
    }

    /// Asks for the oldest points if the records take too much.
    pub(super) fn evict(&mut self) {
        let Bounds { eviction_read, last_eviction_write, .. } = &self.bounds;
        let is_idle =
            !eviction_read.is_pending() && self.write_queue.last_flushed() >= *last_eviction_write;
        if self.bounds.excess() > 0 && self.write_queue.is_writable() && is_idle {
            self.request_oldest(None);
        }
    }

    fn request_oldest(&mut self, after: Option<RecordKey>) {
        if !self.write_queue.is_writable() {
            return;
        }
        self.bounds.eviction_read.start();
        self.flush_writes();
        // If it falls behind with that, nothing is waited for any more.
        if self.write_queue.is_writable() {
            self.write_queue.read(after, EVICT_BATCH, ReadPurpose::Evict);
        }
    }

    /// Drops the oldest cold points.
    pub(super) fn handle_evicted(&mut self, points: Vec<(Point, u64)>) {
        let Some(settled) = self.bounds.eviction_read.finish() else { return };
        let mut excess = self.bounds.excess();
        let full_before = self.counters.full;
        let is_full_page = points.len() == EVICT_BATCH;
        let mut last = None;
        for (point, bytes) in points {
            let key = point.key();
            last = Some(RecordKey::of(key));
            if self.memory.has(&key) || settled.contains(&key) {
                continue;
            }
            if excess == 0 {
                break;
            }
            excess = excess.saturating_sub(bytes);
            self.cold.remove_one(&key);
            self.counters.full += 1;
            self.write_queue.remove(key);
        }
        if self.counters.full > full_before {
            self.events.push_back(DiskEvent::Full);
            self.bounds.last_eviction_write = self.write_queue.next_write();
        }
        self.flush_writes();
        if excess > 0 && is_full_page && self.counters.full == full_before {
            self.request_oldest(last);
        }
    }
}
