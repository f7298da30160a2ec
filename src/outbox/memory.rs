//! The outbox in memory: lost when the process ends.

use std::collections::hash_map::Entry;

use rustc_hash::FxHashMap;

use super::queues::{Place, Queues};
use super::{Outbox, Passed, Waiting};
use crate::delivery::output::Room;
use crate::delivery::point::{Class, Discard, Gate, Key, Point};
use crate::time::Timestamp;

/// Waiting points in memory.
#[derive(Debug)]
pub struct Memory {
    bound: usize,
    queues: Queues,
    places: FxHashMap<Key, Place>,
}

impl Memory {
    /// Empty, and bounded to `bound` bytes.
    pub fn new(bound: usize) -> Self {
        Self { bound, queues: Queues::default(), places: FxHashMap::default() }
    }
}

impl Outbox for Memory {
    fn put(&mut self, points: Vec<Waiting>) -> Vec<(Point, Discard)> {
        let mut gone = Vec::new();
        for waiting in points {
            match self.places.entry(waiting.point.key()) {
                Entry::Occupied(mut place) => {
                    let (now, overwritten) = self.queues.overwrite(*place.get(), waiting);
                    place.insert(now);
                    gone.extend(overwritten.map(|point| (point, Discard::Overwritten)));
                }
                Entry::Vacant(place) => {
                    place.insert(self.queues.push(waiting));
                }
            }
        }
        while self.queues.bytes() > self.bound
            && let Some(point) = self.queues.shed()
        {
            self.places.remove(&point.key());
            gone.push((point, Discard::Full));
        }
        gone
    }

    fn pass(&mut self, points: Vec<Waiting>, mut room: Room) -> Passed {
        // Without room for all, those go first whose turn it is.
        if self.queues.has_takeable() || points.len() > room.points {
            return Passed { gone: self.put(points), taken: Vec::new() };
        }
        let mut taken = Vec::with_capacity(points.len());
        let mut rest = Vec::new();
        for waiting in points {
            let history = usize::from(waiting.point.class == Class::History);
            let is_only = self.places.is_empty() || !self.places.contains_key(&waiting.point.key());
            if waiting.gate.is_none() && room.history >= history && is_only {
                room.history -= history;
                taken.push(waiting.point);
            } else {
                rest.push(waiting);
            }
        }
        Passed { gone: self.put(rest), taken }
    }

    fn open(&mut self, gate: Gate, next: &dyn Fn(&Point) -> Option<Gate>) {
        let places = &mut self.places;
        self.queues.open(gate, next, |key| {
            if let Some(place) = places.get_mut(&key) {
                place.free();
            }
        });
    }

    fn take(&mut self, room: Room) -> Vec<Point> {
        let taken = self.queues.take(room);
        for point in &taken {
            self.places.remove(&point.key());
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
        self.queues.oldest().map(|(_, point)| point.time)
    }
}

#[cfg(test)]
mod tests;
