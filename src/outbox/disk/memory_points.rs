//! The points in memory: those of the head, which wait, and those that delivery has.
//!
//! Each key that has one has one state, and this is all that changes it:
//!
//! | what happens | no state | queued | taken | taken, with a successor |
//! |---|---|---|---|---|
//! | a point comes: [`put`](MemoryPoints::put) | queued | queued* | taken, with a successor | the same* |
//! | delivery takes what is queued: [`take`](MemoryPoints::take) | | taken | | |
//! | delivery takes it from disk: [`restore`](MemoryPoints::restore) | taken | | | |
//! | delivery has decided: [`settle`](MemoryPoints::settle) | | | no state | queued |
//! | delivery gives it back: [`put_back`](MemoryPoints::put_back) | | | queued | queued |
//! | memory is full: [`spill`](MemoryPoints::spill), [`drop_oldest`](MemoryPoints::drop_oldest) | | no state | | |
//! | the disk fails: [`mark_unwritten`](MemoryPoints::mark_unwritten) | | queued | taken | the same |
//! | the disk lost some: [`mark_all_unwritten`](MemoryPoints::mark_all_unwritten) | | queued | taken | the same |
//! | the disk takes writes again: [`rewrite_unwritten`](MemoryPoints::rewrite_unwritten) | | queued | taken | the same |
//!
//! (*) What it overwrites goes. A point that is on disk alone, *cold*, has no state: its record is
//! all that there is of it, and memory does not grow with those.
//!
//! Beside that a state has the [`SavingWrite`] of the last point of its key.

mod saving_write;

use std::collections::hash_map::Entry;

use rustc_hash::FxHashMap;
use uuid::Uuid;

pub(super) use self::saving_write::SavingWrite;
use super::store::StoreOp;
use crate::delivery::output::Room;
use crate::delivery::point::{Gate, Key, Point};
use crate::outbox::queues::{PointPosition, Queues};
use crate::outbox::{AssetWaiting, QueuedPoint};
use crate::time::Timestamp;

/// What is known of a key.
#[derive(Debug)]
enum KeyState {
    /// It waits in the head.
    Queued { place: PointPosition, record: SavingWrite },
    /// Delivery has it. The record is its successor's if there is one.
    Taken { record: SavingWrite, with: Box<TakenPoint> },
}

/// What is kept with a point that delivery has, to be saved again where the disk loses it.
#[derive(Debug)]
enum TakenPoint {
    /// Itself: delivery does not give it back.
    Own(Point),
    /// A later one with the same key, queued until this one is decided.
    Successor(QueuedPoint),
}

/// What follows from putting a point.
#[derive(Debug, Default)]
pub(super) struct PutEffect {
    /// It is to be saved so, if the disk takes writes.
    pub(super) op: Option<StoreOp>,
    /// It overwrote this one.
    pub(super) overwritten: Option<Point>,
}

/// All points in memory.
#[derive(Debug, Default)]
pub(super) struct MemoryPoints {
    head: Queues,
    states: FxHashMap<Key, KeyState>,
    /// States with a successor, and with a record that is in no write.
    successors: usize,
    unwritten: usize,
}

impl MemoryPoints {
    /// Points that wait in the head.
    pub(super) fn waiting(&self) -> usize {
        self.head.len()
    }

    /// Points that wait for another with their key to be decided.
    pub(super) fn successors(&self) -> usize {
        self.successors
    }

    /// Points that are in no write since the disk takes none.
    pub(super) fn unwritten(&self) -> usize {
        self.unwritten
    }

    /// Points that wait behind a gate.
    pub(super) fn parked(&self) -> usize {
        self.head.parked()
    }

    /// Bytes of what waits in the head.
    pub(super) fn bytes(&self) -> usize {
        self.head.bytes()
    }

    /// What waits of an asset in the head.
    pub(super) fn waiting_of(&self, asset: Uuid, at_most: usize) -> AssetWaiting {
        self.head.waiting_of(asset, at_most)
    }

    /// Time of the point that came to the head first.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.head.oldest_time()
    }

    /// Keys that have a state.
    #[cfg(test)]
    pub(super) fn keys(&self) -> usize {
        self.states.len()
    }

    /// Whether a point with this key waits, or delivery has one.
    pub(super) fn has(&self, key: &Key) -> bool {
        self.states.contains_key(key)
    }

    /// A point comes. It goes into this write, if the disk takes any; `is_cold` tells whether there
    /// is a flushed one with its key that is not in memory.
    pub(super) fn put(
        &mut self,
        queued: QueuedPoint,
        write: Option<u64>,
        is_cold: impl FnOnce(&Key) -> bool,
    ) -> PutEffect {
        let key = queued.point.key();
        let save =
            |point: &Point, fresh| write.map(|_| StoreOp::Save { point: point.clone(), fresh });
        match self.states.entry(key) {
            Entry::Vacant(entry) => {
                let before = is_cold(&key).then_some(SavingWrite::FLUSHED);
                let op = save(&queued.point, before.is_none());
                let record = SavingWrite::for_put(write, before);
                self.unwritten += usize::from(record.is_unwritten());
                entry.insert(KeyState::Queued { place: self.head.push(queued), record });
                PutEffect { op, overwritten: None }
            }
            Entry::Occupied(mut entry) => {
                let save = save(&queued.point, false);
                let state = entry.get_mut();
                let record = state.record_mut();
                self.unwritten -= usize::from(record.is_unwritten());
                *record = SavingWrite::for_put(write, Some(*record));
                self.unwritten += usize::from(record.is_unwritten());
                let overwritten = match state {
                    KeyState::Queued { place, .. } => {
                        let (new_place, overwritten) = self.head.overwrite(*place, queued);
                        *place = new_place;
                        overwritten
                    }
                    KeyState::Taken { with, .. } => {
                        match std::mem::replace(&mut **with, TakenPoint::Successor(queued)) {
                            TakenPoint::Successor(before) => Some(before.point),
                            TakenPoint::Own(_) => {
                                self.successors += 1;
                                None
                            }
                        }
                    }
                };
                PutEffect { op: save, overwritten }
            }
        }
    }

    /// A gate opens.
    pub(super) fn open(&mut self, gate: Gate, next: &dyn Fn(&Point) -> Option<Gate>) {
        let states = &mut self.states;
        self.head.open(gate, next, |key| {
            if let Some(KeyState::Queued { place, .. }) = states.get_mut(&key) {
                place.mark_takeable();
            }
        });
        if self.successors == 0 {
            return;
        }
        // What follows a point that delivery has is in no queue yet.
        for state in self.states.values_mut() {
            if let KeyState::Taken { with, .. } = state
                && let TakenPoint::Successor(waiting) = &mut **with
                && waiting.gate == Some(gate)
            {
                waiting.gate = next(&waiting.point);
            }
        }
    }

    /// Delivery takes what waits and can go.
    pub(super) fn take(&mut self, room: Room) -> Vec<Point> {
        let points = self.head.take(room);
        for point in &points {
            if let Some(state) = self.states.get_mut(&point.key()) {
                let record = *state.record_mut();
                *state = KeyState::Taken { record, with: Box::new(TakenPoint::Own(point.clone())) };
            }
        }
        points
    }

    /// Delivery takes this cold point.
    pub(super) fn restore(&mut self, point: &Point) {
        let with = Box::new(TakenPoint::Own(point.clone()));
        self.states.insert(point.key(), KeyState::Taken { record: SavingWrite::FLUSHED, with });
    }

    /// A point that delivery had is decided.
    pub(super) fn settle(&mut self, key: Key) -> SettleResult {
        let Entry::Occupied(entry) = self.states.entry(key) else { return SettleResult::Unknown };
        if !matches!(entry.get(), KeyState::Taken { .. }) {
            return SettleResult::Unknown;
        }
        let KeyState::Taken { record, with } = entry.remove() else { return SettleResult::Unknown };
        match *with {
            TakenPoint::Successor(waiting) => {
                self.successors -= 1;
                let place = self.head.push(waiting);
                self.states.insert(key, KeyState::Queued { place, record });
                SettleResult::SuccessorQueued
            }
            TakenPoint::Own(_) => {
                self.unwritten -= usize::from(record.is_unwritten());
                SettleResult::Removed(record)
            }
        }
    }

    /// Delivery does not want a point now: it waits behind a gate, unless its successor waits.
    pub(super) fn put_back(&mut self, point: Point, gate: Gate) -> PutBackResult {
        let key = point.key();
        let queued = QueuedPoint { point, gate: Some(gate) };
        let Entry::Occupied(mut entry) = self.states.entry(key) else {
            return PutBackResult::Unknown(queued);
        };
        let KeyState::Taken { record, with } = entry.get_mut() else {
            return PutBackResult::Overwritten(queued.point);
        };
        let record = *record;
        let own = TakenPoint::Own(queued.point.clone());
        let (waiting, result) = match std::mem::replace(&mut **with, own) {
            TakenPoint::Own(_) => (queued, PutBackResult::Queued),
            TakenPoint::Successor(waiting) => {
                self.successors -= 1;
                (waiting, PutBackResult::Overwritten(queued.point))
            }
        };
        entry.insert(KeyState::Queued { place: self.head.push(waiting), record });
        result
    }

    /// Parked points that are too old wait no longer.
    pub(super) fn expire(&mut self, oldest: &dyn Fn(Gate) -> Timestamp) {
        let states = &mut self.states;
        self.head.expire(oldest, |key| {
            if let Some(KeyState::Queued { place, .. }) = states.get_mut(&key) {
                place.mark_takeable();
            }
        });
    }

    /// Leaves the point that came to the head first on disk alone, if it is flushed there.
    pub(super) fn spill(&mut self, last_flushed: u64) -> Option<QueuedPoint> {
        let (place, point) = self.head.oldest()?;
        let Entry::Occupied(mut entry) = self.states.entry(point.key()) else { return None };
        if !entry.get_mut().record_mut().is_flushed(last_flushed) {
            return None;
        }
        entry.remove();
        self.head.remove(place)
    }

    /// Takes the oldest history out of the head, or else the oldest of the lowest class that is
    /// there, with its record.
    pub(super) fn drop_oldest(&mut self) -> Option<(Point, SavingWrite)> {
        let point = self.head.drop_oldest()?;
        let record = *self.states.remove(&point.key())?.record_mut();
        self.unwritten -= usize::from(record.is_unwritten());
        Some((point, record))
    }

    /// The disk fails: what is not flushed is in no write any more. These are all changes that are
    /// not, the newest first.
    pub(super) fn mark_unwritten<'a>(
        &mut self,
        saved: u64,
        newest_first: impl Iterator<Item = &'a StoreOp>,
    ) {
        for op in newest_first {
            let StoreOp::Save { point, .. } = op else { continue };
            let Some(state) = self.states.get_mut(&point.key()) else { continue };
            let record = state.record_mut();
            let before = std::mem::replace(record, record.after_refusal(saved));
            if before == *record {
                continue;
            }
            self.unwritten += 1;
        }
    }

    /// The disk has lost some of what was flushed, nobody knows which: all that is in memory is to
    /// be saved again. How much of it had been flushed, if all writes up to `saved` were.
    pub(super) fn mark_all_unwritten(&mut self, saved: u64) -> u64 {
        let mut flushed = 0;
        for state in self.states.values_mut() {
            let record = state.record_mut();
            if record.is_unwritten() {
                continue;
            }
            flushed += u64::from(record.is_flushed(saved));
            *record = SavingWrite::UNSURE;
            self.unwritten += 1;
        }
        flushed
    }

    /// The disk takes writes again. What is in none is given to `write`, which tells the number of
    /// the one that it goes into.
    pub(super) fn rewrite_unwritten(&mut self, mut write: impl FnMut(StoreOp) -> u64) {
        if self.unwritten == 0 {
            return;
        }
        for state in self.states.values_mut() {
            let record = *state.record_mut();
            if !record.is_unwritten() {
                continue;
            }
            let point = match state {
                KeyState::Queued { place, .. } => self.head.get(*place).cloned(),
                KeyState::Taken { with, .. } => Some(with.point().clone()),
            };
            let fresh = record == SavingWrite::UNSENT;
            let write = point.map(|point| write(StoreOp::Save { point, fresh }));
            *state.record_mut() = write.map_or(SavingWrite::FLUSHED, SavingWrite::in_write);
        }
        self.unwritten = 0;
    }
}

/// What became of a key whose point was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SettleResult {
    /// Delivery did not have it.
    Unknown,
    /// Its successor waits now, with its record in the place of the other's.
    SuccessorQueued,
    /// Nothing with this key is left in memory; what the record tells of is to be removed.
    Removed(SavingWrite),
}

/// What became of a point that delivery gave back.
#[derive(Debug)]
pub(super) enum PutBackResult {
    /// It waits.
    Queued,
    /// A later one with its key waits.
    Overwritten(Point),
    /// Delivery did not have it from here.
    Unknown(QueuedPoint),
}

impl KeyState {
    fn record_mut(&mut self) -> &mut SavingWrite {
        match self {
            Self::Queued { record, .. } | Self::Taken { record, .. } => record,
        }
    }
}

impl TakenPoint {
    /// The last point of its key.
    fn point(&self) -> &Point {
        match self {
            Self::Own(point) => point,
            Self::Successor(waiting) => &waiting.point,
        }
    }
}

#[cfg(test)]
mod tests;
