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
}

impl Outbox for MemoryOutbox {
    fn put(&mut self, points: Vec<QueuedPoint>) -> Vec<(Point, DiscardReason)> {
        let mut dropped = Vec::new();
        for waiting in points {
            match self.positions.entry(waiting.point.key()) {
                Entry::Occupied(mut place) => {
                    let (now, overwritten) = self.queues.overwrite(*place.get(), waiting);
                    place.insert(now);
                    dropped.extend(overwritten.map(|point| (point, DiscardReason::Overwritten)));
                }
                Entry::Vacant(place) => {
                    place.insert(self.queues.push(waiting));
                }
            }
        }
        while self.queues.bytes() > self.bound
            && let Some(point) = self.queues.drop_oldest()
        {
            self.positions.remove(&point.key());
            dropped.push((point, DiscardReason::Full));
        }
        dropped
    }

    fn put_and_take(&mut self, points: Vec<QueuedPoint>, mut room: Room) -> PutResult {
        // Without room for all, they are queued, so that classes take turns.
        if self.queues.has_takeable() || points.len() > room.points {
            return PutResult { dropped: self.put(points), taken: Vec::new() };
        }
        let mut taken = Vec::with_capacity(points.len());
        let mut rest = Vec::new();
        for waiting in points {
            let history = usize::from(waiting.point.class == Class::History);
            let is_only =
                self.positions.is_empty() || !self.positions.contains_key(&waiting.point.key());
            if waiting.gate.is_none() && room.history >= history && is_only {
                room.history -= history;
                taken.push(waiting.point);
            } else {
                rest.push(waiting);
            }
        }
        PutResult { dropped: self.put(rest), taken }
    }

    fn open(&mut self, gate: Gate, next: &dyn Fn(&Point) -> Option<Gate>) {
        let places = &mut self.positions;
        self.queues.open(gate, next, |key| {
            if let Some(place) = places.get_mut(&key) {
                place.free();
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
