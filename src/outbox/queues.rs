//! Points in memory in the order in which they go. The index by key is kept by the caller.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::mem::size_of;

use rustc_hash::FxHashMap;
use uuid::Uuid;

use super::{AssetWaiting, PropertyWaiting, QueuedPoint};
use crate::delivery::output::Room;
use crate::delivery::point::{Class, Gate, Key, Point};
use crate::delivery::scheduler::{ByClass, CLASSES, ClassScheduler};
use crate::sitewise::api::Variant;
use crate::time::Timestamp;

/// What a point occupies besides itself, in its queue and in the indexes; measured.
const OVERHEAD: usize = 200;

/// Milliseconds of points' own time that are counted together.
const SPAN: i64 = 600_000;

/// Where a point is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PointPosition {
    arrival: u64,
    class: Class,
    is_parked: bool,
}

/// Waiting points by class and arrival, takeable or behind a gate.
#[derive(Debug, Default)]
pub(super) struct Queues {
    len: usize,
    bytes: usize,
    /// Number of points that ever came: the order of arrival.
    arrivals: u64,
    /// Takeable points by arrival.
    takeable: ByClass<BTreeMap<u64, Point>>,
    /// Points behind a gate by arrival.
    parked: FxHashMap<Gate, BTreeMap<u64, Point>>,
    /// The gates of the parked points, by arrival.
    gates: ByClass<BTreeMap<u64, Gate>>,
    /// How many points have a time in each [`SPAN`].
    spans: BTreeMap<i64, usize>,
    scheduler: ClassScheduler,
}

impl Queues {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Points behind a gate.
    pub(super) fn parked(&self) -> usize {
        CLASSES.iter().map(|&class| self.gates.get(class).len()).sum()
    }

    pub(super) fn has_takeable(&self) -> bool {
        CLASSES.into_iter().any(|class| !self.takeable.get(class).is_empty())
    }

    /// Adds a point.
    pub(super) fn push(&mut self, QueuedPoint { point, gate }: QueuedPoint) -> PointPosition {
        let arrival = self.arrivals;
        self.arrivals += 1;
        self.insert(point, arrival, gate)
    }

    /// Puts a point in the place of another: its arrival, and the better class of both.
    pub(super) fn overwrite(
        &mut self,
        before: PointPosition,
        QueuedPoint { mut point, gate }: QueuedPoint,
    ) -> (PointPosition, Option<Point>) {
        let overwritten = self.remove(before).map(|waiting| waiting.point);
        point.class = before.class.min(point.class);
        (self.insert(point, before.arrival, gate), overwritten)
    }

    fn insert(&mut self, point: Point, arrival: u64, gate: Option<Gate>) -> PointPosition {
        self.len += 1;
        self.bytes += cost(&point);
        *self.spans.entry(span(&point)).or_default() += 1;
        let class = point.class;
        match gate {
            None => {
                self.takeable.get_mut(class).insert(arrival, point);
            }
            Some(gate) => {
                self.parked.entry(gate).or_default().insert(arrival, point);
                self.gates.get_mut(class).insert(arrival, gate);
            }
        }
        PointPosition { arrival, class, is_parked: gate.is_some() }
    }

    /// Takes one point out, with what it waits for.
    pub(super) fn remove(&mut self, position: PointPosition) -> Option<QueuedPoint> {
        let PointPosition { arrival, class, is_parked } = position;
        let waiting = match is_parked {
            false => {
                QueuedPoint { point: self.takeable.get_mut(class).remove(&arrival)?, gate: None }
            }
            true => {
                let gate = self.gates.get_mut(class).remove(&arrival)?;
                let parked = self.parked.get_mut(&gate)?;
                let point = parked.remove(&arrival);
                if parked.is_empty() {
                    self.parked.remove(&gate);
                }
                QueuedPoint { point: point?, gate: Some(gate) }
            }
        };
        self.uncount(&waiting.point);
        Some(waiting)
    }

    fn uncount(&mut self, point: &Point) {
        self.len -= 1;
        self.bytes -= cost(point);
        if let Entry::Occupied(mut points) = self.spans.entry(span(point)) {
            *points.get_mut() -= 1;
            if *points.get() == 0 {
                points.remove();
            }
        }
    }

    /// Takes out the oldest history, or else the oldest of the lowest class that is there.
    pub(super) fn drop_oldest(&mut self) -> Option<Point> {
        let lowest = CLASSES.into_iter().rev();
        let position = lowest.filter_map(|class| self.oldest_of(class)).next()?;
        self.remove(position).map(|waiting| waiting.point)
    }

    /// Lets the points behind a gate go on, to the gate that `next_gate` tells for some of them. Calls
    /// `freed` with those that are takeable now.
    pub(super) fn open(
        &mut self,
        gate: Gate,
        next_gate: &dyn Fn(&Point) -> Option<Gate>,
        mut freed: impl FnMut(Key),
    ) {
        for (arrival, point) in self.parked.remove(&gate).unwrap_or_default() {
            match next_gate(&point) {
                None => {
                    freed(point.key());
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

    /// Lets those of the parked points go on whose time is before the oldest that waits behind their
    /// gate. Calls `freed` with them.
    pub(super) fn expire(
        &mut self,
        oldest: &dyn Fn(Gate) -> Timestamp,
        mut freed: impl FnMut(Key),
    ) {
        let Self { parked, gates, takeable, .. } = self;
        for (gate, parked) in &mut *parked {
            let oldest = oldest(*gate);
            for (arrival, point) in parked.extract_if(.., |_, point| point.time < oldest) {
                freed(point.key());
                gates.get_mut(point.class).remove(&arrival);
                takeable.get_mut(point.class).insert(arrival, point);
            }
        }
        parked.retain(|_, parked| !parked.is_empty());
    }

    /// Takes out what goes next.
    pub(super) fn take(&mut self, room: Room) -> Vec<Point> {
        let mut taken = Vec::new();
        let mut history = 0;
        while taken.len() < room.points {
            let takeable = &self.takeable;
            let next = self.scheduler.next(|class| {
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
            self.uncount(&point);
            taken.push(point);
        }
        taken
    }

    /// The point that came first, takeable or parked, and where it is.
    pub(super) fn oldest(&self) -> Option<(PointPosition, &Point)> {
        let oldest = CLASSES.into_iter().filter_map(|class| self.oldest_of(class));
        let position = oldest.min_by_key(|position| position.arrival)?;
        Some((position, self.get(position)?))
    }

    /// What waits of an asset: behind its own gate, behind gates of properties, and takeable, in this
    /// order, as far as `at_most` points reach.
    pub(super) fn waiting_of(&self, asset: Uuid, at_most: usize) -> AssetWaiting {
        let mut found = AssetWaiting::default();
        let own = Gate::Asset(asset);
        let own = self.parked.get(&own).into_iter().map(|points| (Some(own), points));
        let properties = self.parked.iter().filter_map(|(gate, points)| match gate {
            Gate::Asset(_) => None,
            Gate::Rejected(stream) if stream.asset != asset => None,
            Gate::Property(_) | Gate::Rejected(_) => Some((Some(*gate), points)),
        });
        let takeable = CLASSES.iter().map(|&class| (None, self.takeable.get(class)));
        let queues = own.chain(properties).chain(takeable);
        let points =
            queues.flat_map(|(gate, points)| points.values().map(move |point| (gate, point)));
        for (scanned, (gate, point)) in points.enumerate() {
            if scanned >= at_most {
                found.is_partial = true;
                break;
            }
            if point.stream.asset == asset {
                let new = PropertyWaiting { values: 0, oldest: point.time, gate };
                let waiting = found.properties.entry(point.stream.property).or_insert(new);
                waiting.values += 1;
                waiting.oldest = waiting.oldest.min(point.time);
            }
        }
        found
    }

    /// The time of the oldest point by its own time, or a later one of the same span; exactly the
    /// one of the point that came first, where that is the oldest. Points of the past may come after
    /// it: history, and what a birth repeats.
    pub(super) fn oldest_time(&self) -> Option<Timestamp> {
        let first = self.oldest().map(|(_, point)| point.time);
        let span = self.spans.first_key_value().map(|(span, _)| {
            let end = span.saturating_add(1).saturating_mul(SPAN).saturating_sub(1);
            Timestamp::from_millis(end)
        });
        first.into_iter().chain(span).min()
    }

    fn oldest_of(&self, class: Class) -> Option<PointPosition> {
        let position = |arrival, is_parked| PointPosition { arrival, class, is_parked };
        let takeable = self.takeable.get(class).first_key_value();
        let takeable = takeable.map(|(&arrival, _)| position(arrival, false));
        let parked = self.gates.get(class).first_key_value();
        let parked = parked.map(|(&arrival, _)| position(arrival, true));
        takeable.into_iter().chain(parked).min_by_key(|position| position.arrival)
    }

    pub(super) fn get(&self, position: PointPosition) -> Option<&Point> {
        let PointPosition { arrival, class, is_parked } = position;
        match is_parked {
            false => self.takeable.get(class).get(&arrival),
            true => self.parked.get(self.gates.get(class).get(&arrival)?)?.get(&arrival),
        }
    }
}

impl PointPosition {
    /// The gate that it was parked behind has opened.
    pub(super) fn mark_takeable(&mut self) {
        self.is_parked = false;
    }
}

fn span(point: &Point) -> i64 {
    point.time.as_millis().div_euclid(SPAN)
}

/// Bytes that a point occupies here.
pub(super) fn cost(point: &Point) -> usize {
    let text = match &point.value {
        Variant::String(text) => text.len(),
        Variant::Integer(_) | Variant::Double(_) | Variant::Boolean(_) | Variant::Null(_) => 0,
    };
    size_of::<Point>() + OVERHEAD + text
}
