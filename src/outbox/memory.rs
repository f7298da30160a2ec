//! The outbox in memory: lost when the process ends.

use std::collections::hash_map::Entry;

use rustc_hash::FxHashMap;
use uuid::Uuid;

use super::queues::{PointPosition, Queues};
use super::{AssetWaiting, Outbox, PutResult, QueuedPoint};
use crate::delivery::output::Room;
use crate::delivery::point::{Class, DiscardReason, Gate, Key, Point};
use crate::time::Timestamp;

/// Waiting points in memory.
#[derive(Debug)]
pub struct MemoryOutbox {
    bound: usize,
    queues: Queues,
    positions: FxHashMap<Key, PointPosition>,
}

impl MemoryOutbox {
    /// Empty, and bounded to `bound` bytes.
    pub fn new(bound: usize) -> Self {
        Self { bound, queues: Queues::default(), positions: FxHashMap::default() }
    }

    /// Drops what exceeds the bound.
    fn drop_excess(&mut self, dropped: &mut Vec<(Point, DiscardReason)>) {
        while self.queues.bytes() > self.bound
            && let Some(point) = self.queues.drop_oldest()
        {
            self.positions.remove(&point.key());
            dropped.push((point, DiscardReason::Full));
        }
    }
}

impl Outbox for MemoryOutbox {
    fn put(&mut self, points: Vec<QueuedPoint>) -> Vec<(Point, DiscardReason)> {
        let mut dropped = Vec::new();
        for queued in points {
            match self.positions.entry(queued.point.key()) {
                Entry::Occupied(mut entry) => {
                    let (position, overwritten) = self.queues.overwrite(*entry.get(), queued);
                    entry.insert(position);
                    dropped.extend(overwritten.map(|point| (point, DiscardReason::Overwritten)));
                }
                Entry::Vacant(entry) => {
                    entry.insert(self.queues.push(queued));
                }
            }
        }
        self.drop_excess(&mut dropped);
        dropped
    }

    fn put_back(&mut self, points: Vec<Point>, gate: Gate) -> Vec<(Point, DiscardReason)> {
        let mut dropped = Vec::new();
        for point in points {
            match self.positions.entry(point.key()) {
                // What came meanwhile is later.
                Entry::Occupied(_) => dropped.push((point, DiscardReason::Overwritten)),
                Entry::Vacant(entry) => {
                    entry.insert(self.queues.push(QueuedPoint { point, gate: Some(gate) }));
                }
            }
        }
        self.drop_excess(&mut dropped);
        dropped
    }

    fn put_and_take(&mut self, points: Vec<QueuedPoint>, mut room: Room) -> PutResult {
        // Without room for all, they are queued, so that classes take turns.
        if self.queues.has_takeable() || points.len() > room.points {
            return PutResult { dropped: self.put(points), taken: Vec::new() };
        }
        let mut taken = Vec::with_capacity(points.len());
        let mut remaining = Vec::new();
        for queued in points {
            let history = usize::from(queued.point.class == Class::History);
            let is_only =
                self.positions.is_empty() || !self.positions.contains_key(&queued.point.key());
            if queued.gate.is_none() && room.history >= history && is_only {
                room.history -= history;
                taken.push(queued.point);
            } else {
                remaining.push(queued);
            }
        }
        PutResult { dropped: self.put(remaining), taken }
    }

    fn open(&mut self, gate: Gate, next: &dyn Fn(&Point) -> Option<Gate>) {
        let positions = &mut self.positions;
        self.queues.open(gate, next, |key| {
            if let Some(position) = positions.get_mut(&key) {
                position.mark_takeable();
            }
        });
    }

    fn expire(&mut self, oldest: &dyn Fn(Gate) -> Timestamp) {
        let positions = &mut self.positions;
        self.queues.expire(oldest, |key| {
            if let Some(position) = positions.get_mut(&key) {
                position.mark_takeable();
            }
        });
    }

    fn take(&mut self, room: Room) -> Vec<Point> {
        let taken = self.queues.take(room);
        for point in &taken {
            self.positions.remove(&point.key());
        }
        taken
    }

    fn settle(&mut self, _keys: &[Key]) {}

    fn len(&self) -> usize {
        self.queues.len()
    }

    fn bytes(&self) -> usize {
        self.queues.bytes()
    }

    fn parked(&self) -> usize {
        self.queues.parked()
    }

    fn oldest(&self) -> Option<Timestamp> {
        self.queues.oldest_time()
    }

    fn waiting_of(&self, asset: Uuid, at_most: usize) -> AssetWaiting {
        self.queues.waiting_of(asset, at_most)
    }
}

#[cfg(test)]
mod tests;
