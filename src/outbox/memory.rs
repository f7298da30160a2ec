//! The outbox in memory: lost when the process ends.

use std::collections::BTreeMap;
use std::mem::size_of;

use rustc_hash::FxHashMap;

use super::{Outbox, Passed, Waiting};
use crate::delivery::output::Room;
use crate::delivery::point::{Class, Discard, Gate, Key, Point};
use crate::delivery::turns::{ByClass, CLASSES, Turns};
use crate::sitewise::api::Variant;
use crate::time::Timestamp;

/// What a point occupies besides itself, in its queue and in the indexes; measured.
const OVERHEAD: usize = 200;

/// Waiting points in memory.
#[derive(Debug)]
pub struct Memory {
    bound: usize,
    bytes: usize,
    /// Number of points ever put: the order of arrival.
    arrivals: u64,
    /// Takeable points by arrival.
    takeable: ByClass<BTreeMap<u64, Point>>,
    /// Points behind a gate by arrival.
    parked: FxHashMap<Gate, BTreeMap<u64, Point>>,
    /// The gates of the parked points, by arrival.
    gates: ByClass<BTreeMap<u64, Gate>>,
    places: FxHashMap<Key, Place>,
    turns: Turns,
}

/// Where a point is.
#[derive(Clone, Copy, Debug)]
struct Place {
    arrival: u64,
    class: Class,
    gate: Option<Gate>,
}

impl Memory {
    /// Empty, and bounded to `bound` bytes.
    pub fn new(bound: usize) -> Self {
        Self {
            bound,
            bytes: 0,
            arrivals: 0,
            takeable: ByClass::default(),
            parked: FxHashMap::default(),
            gates: ByClass::default(),
            places: FxHashMap::default(),
            turns: Turns::default(),
        }
    }

    /// A point that waits.
    pub fn get(&self, key: &Key) -> Option<&Point> {
        self.places.get(key).and_then(|place| self.point(*place))
    }

    /// When a point that waits came: a number that grows, and that one which overwrites it
    /// keeps.
    pub fn arrival(&self, key: &Key) -> Option<u64> {
        self.places.get(key).map(|place| place.arrival)
    }

    /// Takes one point out, with what it waits for.
    pub fn extract(&mut self, key: &Key) -> Option<Waiting> {
        let place = self.places.get(key).copied()?;
        self.remove(place).map(|point| Waiting { point, gate: place.gate })
    }

    /// Gives up the oldest history, then the oldest of the lowest class that is there, until
    /// the rest is within `bound` bytes.
    pub fn shed(&mut self, bound: usize) -> Vec<Point> {
        let mut gone = Vec::new();
        while self.bytes > bound {
            let lowest = CLASSES.into_iter().rev();
            let oldest = lowest.filter_map(|class| self.oldest_of(class)).next();
            let Some(point) = oldest.and_then(|place| self.remove(place)) else {
                break;
            };
            gone.push(point);
        }
        gone
    }

    fn insert(&mut self, point: Point, place: Place) {
        self.bytes += cost(&point);
        self.places.insert(point.key(), place);
        match place.gate {
            None => {
                let takeable = self.takeable.get_mut(place.class);
                takeable.insert(place.arrival, point);
            }
            Some(gate) => {
                let parked = self.parked.entry(gate).or_default();
                parked.insert(place.arrival, point);
                self.gates.get_mut(place.class).insert(place.arrival, gate);
            }
        }
    }

    fn remove(&mut self, place: Place) -> Option<Point> {
        let point = match place.gate {
            None => self.takeable.get_mut(place.class).remove(&place.arrival),
            Some(gate) => {
                self.gates.get_mut(place.class).remove(&place.arrival);
                let parked = self.parked.get_mut(&gate)?;
                let point = parked.remove(&place.arrival);
                if parked.is_empty() {
                    self.parked.remove(&gate);
                }
                point
            }
        }?;
        self.bytes -= cost(&point);
        self.places.remove(&point.key());
        Some(point)
    }

    /// The place of the oldest point of a class, takeable or parked.
    fn oldest_of(&self, class: Class) -> Option<Place> {
        let place = |arrival, gate| Place { arrival, class, gate };
        let takeable = self.takeable.get(class).first_key_value();
        let takeable = takeable.map(|(&arrival, _)| place(arrival, None));
        let parked = self.gates.get(class).first_key_value();
        let parked = parked.map(|(&arrival, &gate)| place(arrival, Some(gate)));
        takeable.into_iter().chain(parked).min_by_key(|place| place.arrival)
    }

    fn point(&self, place: Place) -> Option<&Point> {
        match place.gate {
            None => self.takeable.get(place.class).get(&place.arrival),
            Some(gate) => self.parked.get(&gate)?.get(&place.arrival),
        }
    }
}

impl Outbox for Memory {
    fn put(&mut self, points: Vec<Waiting>) -> Vec<(Point, Discard)> {
        let mut gone = Vec::new();
        for Waiting { mut point, gate } in points {
            let mut place = Place { arrival: self.arrivals, class: point.class, gate };
            self.arrivals += 1;
            if let Some(before) = self.places.get(&point.key()).copied() {
                place.arrival = before.arrival;
                place.class = before.class.min(point.class);
                point.class = place.class;
                let overwritten = self.remove(before);
                gone.extend(overwritten.map(|point| (point, Discard::Overwritten)));
            }
            self.insert(point, place);
        }
        gone.extend(self.shed(self.bound).into_iter().map(|point| (point, Discard::Full)));
        gone
    }

    fn pass(&mut self, points: Vec<Waiting>, mut room: Room) -> Passed {
        let waits = CLASSES.into_iter().any(|class| !self.takeable.get(class).is_empty());
        // Without room for all, those go first whose turn it is.
        if waits || points.len() > room.points {
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
        for (arrival, point) in self.parked.remove(&gate).unwrap_or_default() {
            let gate = next(&point);
            if let Some(place) = self.places.get_mut(&point.key()) {
                place.gate = gate;
            }
            match gate {
                None => {
                    self.gates.get_mut(point.class).remove(&arrival);
                    self.takeable.get_mut(point.class).insert(arrival, point);
                }
                Some(gate) => {
                    self.gates.get_mut(point.class).insert(arrival, gate);
                    self.parked.entry(gate).or_default().insert(arrival, point);
                }
            }
        }
    }

    fn take(&mut self, room: Room) -> Vec<Point> {
        let mut taken = Vec::new();
        let mut history = 0;
        while taken.len() < room.points {
            let takeable = &self.takeable;
            let next = self.turns.next(|class| {
                !takeable.get(class).is_empty()
                    && (class != Class::History || history < room.history)
            });
            let Some(class) = next else {
                break;
            };
            let Some((_, point)) = self.takeable.get_mut(class).pop_first() else {
                break;
            };
            history += usize::from(class == Class::History);
            self.bytes -= cost(&point);
            self.places.remove(&point.key());
            taken.push(point);
        }
        taken
    }

    fn settle(&mut self, _keys: &[Key]) {}

    fn len(&self) -> usize {
        self.places.len()
    }

    fn bytes(&self) -> usize {
        self.bytes
    }

    fn parked(&self) -> usize {
        CLASSES.iter().map(|&class| self.gates.get(class).len()).sum()
    }

    fn oldest(&self) -> Option<Timestamp> {
        let oldest = CLASSES.into_iter().filter_map(|class| self.oldest_of(class));
        let oldest = oldest.min_by_key(|place| place.arrival)?;
        self.point(oldest).map(|point| point.time)
    }
}

/// Bytes that a point occupies here.
fn cost(point: &Point) -> usize {
    let text = match &point.value {
        Variant::String(text) => text.len(),
        Variant::Integer(_) | Variant::Double(_) | Variant::Boolean(_) | Variant::Null(_) => 0,
    };
    size_of::<Point>() + OVERHEAD + text
}

#[cfg(test)]
mod tests;
