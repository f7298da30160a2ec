//! Index of points on disk behind closed gates.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use uuid::Uuid;

use super::SpanRange;
use crate::delivery::point::{Gate, Point, Stream};
use crate::outbox::PassedOver;
use crate::outbox::disk::record::RecordKey;

/// Gates, and spans, that are remembered by themselves. For others more is read than need be.
const MAX_GATES: usize = 100_000;
const MAX_SPANS: usize = 4_096;
/// Assets of spans whose points are counted by themselves.
const MAX_ASSETS: usize = 100_000;

/// Points on disk that were passed over.
#[derive(Debug, Default)]
pub(super) struct ParkedPoints {
    spans: BTreeMap<i64, ParkedSpan>,
    /// The first span of what waits for a gate. What waits for an asset may wait for a property
    /// as well: it stands under both.
    gates: FxHashMap<Gate, i64>,
    /// Points in spans that are not remembered, and whether there are such gates.
    untracked: usize,
    has_untracked_gates: bool,
    /// Assets of all spans that are counted by themselves.
    assets: usize,
}

#[derive(Debug)]
struct ParkedSpan {
    points: usize,
    /// The one with the latest time: when that is too old, all are.
    latest: Point,
    /// Points of each asset, as far as these are counted by themselves.
    assets: FxHashMap<Uuid, usize>,
}

impl ParkedPoints {
    pub(super) fn len(&self) -> usize {
        self.spans.values().map(|span| span.points).sum::<usize>() + self.untracked
    }

    pub(super) fn add(&mut self, point: &Point) {
        let number = RecordKey::of(point.key()).span();
        let room = self.spans.len() < MAX_SPANS;
        match self.spans.get_mut(&number) {
            Some(span) => {
                span.points += 1;
                if span.latest.time < point.time {
                    span.latest = point.clone();
                }
            }
            None if room => {
                let (latest, assets) = (point.clone(), FxHashMap::default());
                self.spans.insert(number, ParkedSpan { points: 1, latest, assets });
            }
            None => self.untracked += 1,
        }
        self.count_asset(number, point.stream.asset);
        for gate in [Gate::Asset(point.stream.asset), Gate::Property(point.stream.property)] {
            let room = self.gates.len() < MAX_GATES;
            match self.gates.get_mut(&gate) {
                Some(first) => *first = (*first).min(number),
                None if room => {
                    self.gates.insert(gate, number);
                }
                None => self.has_untracked_gates = true,
            }
        }
    }

    fn count_asset(&mut self, span: i64, asset: Uuid) {
        let Some(span) = self.spans.get_mut(&span) else { return };
        match span.assets.get_mut(&asset) {
            Some(points) => *points += 1,
            None if self.assets < MAX_ASSETS => {
                self.assets += 1;
                span.assets.insert(asset, 1);
            }
            None => {}
        }
    }

    /// How many points wait of each asset, and the end of the oldest span that has one.
    pub(super) fn by_asset(&self) -> Vec<PassedOver> {
        let mut all: FxHashMap<Uuid, PassedOver> = FxHashMap::default();
        for (number, span) in &self.spans {
            for (asset, points) in &span.assets {
                let waiting = all.entry(*asset).or_insert_with(|| PassedOver {
                    asset: *asset,
                    values: 0,
                    oldest: RecordKey::end_of(*number),
                });
                waiting.values += *points as u64;
            }
        }
        all.into_values().collect()
    }

    /// Where to look for what waits for a gate that opens; none if nothing does.
    pub(super) fn behind(&mut self, gate: Gate) -> Option<SpanRange> {
        if let Gate::Rejected(stream) = gate {
            return self.of_stream(stream);
        }
        match self.gates.remove(&gate) {
            Some(first) => Some(SpanRange::from(first)),
            None => self.has_untracked_gates.then_some(SpanRange::ALL),
        }
    }

    /// Where to look for what waits of a property of an asset: it stands under both.
    fn of_stream(&self, stream: Stream) -> Option<SpanRange> {
        let gates = [Gate::Asset(stream.asset), Gate::Property(stream.property)];
        match gates.map(|gate| self.gates.get(&gate)) {
            [Some(asset), Some(property)] => Some(SpanRange::from(*asset.max(property))),
            _ => self.has_untracked_gates.then_some(SpanRange::ALL),
        }
    }

    /// The oldest span, and its latest point.
    pub(super) fn oldest(&self) -> Option<(i64, &Point)> {
        self.spans.first_key_value().map(|(at, span)| (*at, &span.latest))
    }

    /// These spans are read anew. Of the gates it may be remembered more than is there.
    pub(super) fn forget(&mut self, spans: SpanRange) {
        let is_read = |at: i64| {
            spans.from.is_none_or(|from| from <= at) && spans.to.is_none_or(|to| at <= to)
        };
        let assets = &mut self.assets;
        self.spans.retain(|at, span| {
            let keep = !is_read(*at);
            if !keep {
                *assets -= span.assets.len();
            }
            keep
        });
        if spans == SpanRange::ALL {
            *self = Self::default();
        } else if spans.to.is_none() {
            self.gates.retain(|_, first| !is_read(*first));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::point::Class;
    use crate::sitewise::api::{Quality, Variant};
    use crate::time::Timestamp;

    fn point(asset: u128, minute: i64) -> Point {
        Point {
            stream: Stream { asset: Uuid::from_u128(asset), property: Uuid::from_u128(9) },
            time: Timestamp::from_millis(minute * 60_000),
            quality: Quality::Good,
            value: Variant::Integer(1),
            class: Class::History,
        }
    }

    fn counts(parked: &ParkedPoints) -> Vec<(u128, u64, i64)> {
        let each = |of: &PassedOver| (of.asset.as_u128(), of.values, of.oldest.as_millis());
        let mut all: Vec<_> = parked.by_asset().iter().map(each).collect();
        all.sort_unstable();
        all
    }

    #[test]
    fn what_waits_is_counted_by_asset_with_the_oldest() {
        let mut parked = ParkedPoints::default();
        for (asset, minute) in [(1, 5), (1, 6), (1, 25), (2, 25)] {
            parked.add(&point(asset, minute));
        }
        let span = |number: i64| number * 600_000 - 1;
        assert_eq!(counts(&parked), [(1, 3, span(1)), (2, 1, span(3))]);
        parked.forget(SpanRange::to(0));
        assert_eq!((counts(&parked), parked.assets), (vec![(1, 1, span(3)), (2, 1, span(3))], 2));
        parked.forget(SpanRange::ALL);
        assert_eq!((counts(&parked), parked.assets), (vec![], 0));
    }
}
