//! What SiteWise keeps rejecting takes no room of the others: a few values of such a property stay in
//! delivery and are tried ever more rarely, the rest goes back to the outbox, and comes again once
//! one of these is accepted.

use rustc_hash::FxHashMap;

use super::Delivery;
use super::output::Output;
use super::point::{Class, GateState, Point, RejectReason, Stream};
use super::stream::PendingValue;
use super::streams::StreamSlot;
use crate::sitewise::api::ApiFaultKind;
use crate::time::Timestamp;

/// Rejected values in delivery beside the working set, some 5 MB. Beyond, one of each property is
/// kept. Fewer in tests.
pub(super) const FAILED_SET: usize = if cfg!(test) { 2_000 } else { 50_000 };

/// Properties of which values went back to the outbox, with how many: some may have gone since.
#[derive(Debug, Default)]
pub(super) struct PutBack(FxHashMap<Stream, usize>);

impl PutBack {
    /// How many values of a property went back.
    pub(super) fn values(&self, stream: Stream) -> usize {
        self.0.get(&stream).copied().unwrap_or(0)
    }

    /// One of them has become too old.
    pub(super) fn forget_one(&mut self, stream: Stream) {
        if let Some(values) = self.0.get_mut(&stream) {
            *values = values.saturating_sub(1);
        }
    }
}

impl Delivery {
    /// Whether a point that only the outbox has can be sent: not while SiteWise rejects all values of
    /// its property.
    pub fn gate_state(&self, stream: Stream) -> GateState {
        if !self.put_back.0.contains_key(&stream) {
            return GateState::Open;
        }
        let state = self.streams.find(stream).and_then(|slot| self.streams.get(slot));
        match state.is_some_and(|state| state.is_rejected_as_a_whole()) {
            true => GateState::Closed,
            false => GateState::Others,
        }
    }

    /// The properties of which values went back to the outbox.
    #[cfg(test)]
    pub(super) fn put_back_of(&self) -> impl Iterator<Item = Stream> {
        self.put_back.0.keys().copied()
    }

    /// An entry was answered: keeps few values of a property that is rejected, or takes the others
    /// back.
    pub(super) fn keep_few(&mut self, slot: StreamSlot) {
        let has_room = self.failed <= FAILED_SET;
        let Some(state) = self.streams.get_mut(slot) else { return };
        if let Some(stream) = state.end_put_back() {
            return self.release(stream);
        }
        let values = state.take_put_back(has_room);
        if !values.is_empty() {
            self.count_put_back(slot, values);
        }
    }

    /// Gives a value back that was just handed in.
    pub(super) fn put_back(&mut self, slot: StreamSlot, value: PendingValue) {
        if let Some(state) = self.streams.get_mut(slot) {
            state.note_put_back();
        }
        self.count_put_back(slot, vec![value]);
    }

    fn count_put_back(&mut self, slot: StreamSlot, values: Vec<PendingValue>) {
        let Some(stream) = self.streams.get(slot).map(|state| state.stream) else { return };
        *self.put_back.0.entry(stream).or_default() += values.len();
        let mut points = Vec::with_capacity(values.len());
        for value in values {
            self.count_settled(value.class, value.failures);
            self.figures.handled -= 1;
            let point = value.into_point(stream);
            let class = match point.class {
                Class::Live | Class::Birth | Class::History => Class::History,
                other @ (Class::Static | Class::Stale) => other,
            };
            points.push(Point { class, ..point });
        }
        match self.outputs.back_mut() {
            Some(Output::PutBack(last, before)) if *last == stream => before.extend(points),
            _ => self.outputs.push_back(Output::PutBack(stream, points)),
        }
    }

    /// What went back can come again.
    pub(super) fn release(&mut self, stream: Stream) {
        self.put_back.0.remove(&stream);
        self.outputs.push_back(Output::Released(stream));
    }

    /// Why a point is rejected that SiteWise would not accept for its time: where it waited since its
    /// property is rejected, for that.
    pub(super) fn reason_out_of_range(
        &self,
        stream: Stream,
        time: Timestamp,
        wall: Timestamp,
    ) -> (RejectReason, String) {
        let state = self.streams.find(stream).and_then(|slot| self.streams.get(slot));
        let waited = time < wall && self.put_back.values(stream) > 0;
        match state.and_then(|state| state.rejected_for()).filter(|_| waited) {
            Some(kind) => {
                let refusal = match kind {
                    ApiFaultKind::Denied => RejectReason::Denied,
                    _ => RejectReason::OutOfRange,
                };
                (refusal, self.failing.reason_at_end(stream, Some(kind)))
            }
            None => {
                let reason = format!("timestamp outside the range that SiteWise accepts at {wall}");
                (RejectReason::OutOfRange, reason)
            }
        }
    }
}
