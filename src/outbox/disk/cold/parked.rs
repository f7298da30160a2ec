//! Index of points on disk behind closed gates.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::SpanRange;
use crate::delivery::point::{Gate, Point};
use crate::outbox::disk::record::RecordKey;

/// Gates, and spans, that are remembered by themselves. For others more is read than need be.
const GATES: usize = 100_000;
const SPANS: usize = 4_096;

/// Points on disk that were passed over.
#[derive(Debug, Default)]
pub(super) struct ParkedPoints {
    spans: BTreeMap<i64, ParkedSpan>,
    /// The first span of what waits for a gate. What waits for an asset may wait for a property
    /// as well: it stands under both.
    gates: FxHashMap<Gate, i64>,
    /// Points in spans that are not remembered, and whether there are such gates.
    others: usize,
    crowded: bool,
}

#[derive(Debug)]
struct ParkedSpan {
    points: usize,
    /// The one with the latest time: when that is too old, all are.
    latest: Point,
}

impl ParkedPoints {
    pub(super) fn len(&self) -> usize {
        self.spans.values().map(|span| span.points).sum::<usize>() + self.others
    }

    pub(super) fn add(&mut self, point: &Point) {
        let at = RecordKey::of(point.key()).span();
        let room = self.spans.len() < SPANS;
        match self.spans.get_mut(&at) {
            Some(span) => {
                span.points += 1;
                if span.latest.time < point.time {
                    span.latest = point.clone();
                }
            }
            None if room => {
                self.spans.insert(at, ParkedSpan { points: 1, latest: point.clone() });
            }
            None => self.others += 1,
        }
        for gate in [Gate::Asset(point.stream.asset), Gate::Property(point.stream.property)] {
            let room = self.gates.len() < GATES;
            match self.gates.get_mut(&gate) {
                Some(first) => *first = (*first).min(at),
                None if room => {
                    self.gates.insert(gate, at);
                }
                None => self.crowded = true,
            }
        }
    }

    /// Where to look for what waits for a gate that opens; none if nothing does.
    pub(super) fn behind(&mut self, gate: Gate) -> Option<SpanRange> {
        match self.gates.remove(&gate) {
            Some(first) => Some(SpanRange::from(first)),
            None => self.crowded.then_some(SpanRange::ALL),
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
        self.spans.retain(|at, _| !is_read(*at));
        if spans == SpanRange::ALL {
            *self = Self::default();
        } else if spans.to.is_none() {
            self.gates.retain(|_, first| !is_read(*first));
        }
    }
}
