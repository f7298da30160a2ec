//! What happens when memory or disk is full.

use super::asked::Asked;
use super::keeper::ReadPurpose;
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
    pub(super) stock: StoreStats,
    /// The oldest points, which were asked for to be given up.
    oldest: Asked,
    /// The write that removes the last of them.
    given_up_by: u64,
    /// What was there when stored messages began to become points: from then on these take the room
    /// that the messages had.
    before_decided: Option<u64>,
}

impl Bounds {
    pub(super) fn new(bound: u64) -> Self {
        Self {
            bound,
            stock: StoreStats::default(),
            oldest: Asked::default(),
            given_up_by: 0,
            before_decided: None,
        }
    }

    /// Bytes that there is room for, for stored messages.
    pub(super) fn room(&self) -> u64 {
        let points = self.before_decided.unwrap_or(u64::MAX).min(self.stock.bytes);
        self.bound.saturating_sub(points)
    }

    /// Stored messages become points.
    pub(super) fn reserve(&mut self) {
        self.before_decided.get_or_insert(self.stock.bytes);
    }

    /// No message is stored any more.
    pub(super) fn release(&mut self) {
        self.before_decided = None;
    }

    /// Bytes that are too much.
    fn excess(&self) -> u64 {
        self.stock.bytes.saturating_sub(self.bound)
    }

    /// A point is decided: it may be among the oldest that were asked for.
    pub(super) fn decide(&mut self, key: &Key) {
        self.oldest.decide(key);
    }

    /// The disk is not writable: the pending read is cancelled.
    pub(super) fn stop(&mut self) {
        self.oldest.answer();
    }
}

impl DiskOutbox {
    /// Removes from the head what is flushed and exceeds its limit, the oldest first.
    pub(super) fn spill(&mut self) {
        let before = self.cold.len();
        while self.held.bytes() > self.head_bound / HEAD_SHARE
            && let Some(QueuedPoint { point, gate }) = self.held.leave(self.writer.saved())
        {
            self.cold.add_point(&point, gate);
        }
        if self.cold.len() > before {
            self.evict();
        }
    }

    /// Asks for the oldest points if the records take too much.
    pub(super) fn evict(&mut self) {
        let Bounds { oldest, given_up_by, .. } = &self.bounds;
        let is_idle = !oldest.is_waited_for() && self.writer.saved() >= *given_up_by;
        if self.bounds.excess() > 0 && self.writer.is_well() && is_idle {
            self.request_oldest(None);
        }
    }

    fn request_oldest(&mut self, after: Option<RecordKey>) {
        if !self.writer.is_well() {
            return;
        }
        self.bounds.oldest.ask();
        self.send();
        // If it falls behind with that, nothing is waited for any more.
        if self.writer.is_well() {
            self.writer.read(after, EVICT_BATCH, ReadPurpose::GiveUp);
        }
    }

    /// Drops the oldest cold points.
    pub(super) fn evicted(&mut self, points: Vec<(Point, u64)>) {
        let Some(decided) = self.bounds.oldest.answer() else { return };
        let mut too_much = self.bounds.excess();
        let before = self.tally.full;
        let more = points.len() == EVICT_BATCH;
        let mut last = None;
        for (point, bytes) in points {
            let key = point.key();
            last = Some(RecordKey::of(key));
            if self.held.has(&key) || decided.contains(&key) {
                continue;
            }
            if too_much == 0 {
                break;
            }
            too_much = too_much.saturating_sub(bytes);
            self.cold.gone(&key);
            self.tally.full += 1;
            self.writer.remove(key);
        }
        if self.tally.full > before {
            self.changes.push_back(DiskEvent::Full);
            self.bounds.given_up_by = self.writer.next();
        }
        self.send();
        if too_much > 0 && more && self.tally.full == before {
            self.request_oldest(last);
        }
    }
}
