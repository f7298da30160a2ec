//! Timers of streams.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::streams::{StreamSlot, Streams};
use crate::time::Instant;

/// Timers of streams; one of a stream counts, the one that its state names.
#[derive(Debug, Default)]
pub(super) struct Timers {
    /// Most delays are equal, so most timers come in order.
    in_order: VecDeque<(Instant, StreamSlot)>,
    others: BinaryHeap<Reverse<(Instant, StreamSlot)>>,
}

impl Timers {
    /// Sets a stream's timer to `at`, unless it expires before.
    pub(super) fn set(&mut self, slot: StreamSlot, at: Instant, streams: &mut Streams) {
        let Some(state) = streams.get_mut(slot) else {
            return;
        };
        if state.timer.is_some_and(|timer| timer <= at) {
            return;
        }
        state.timer = Some(at);
        if self.in_order.back().is_none_or(|(last, _)| *last <= at) {
            self.in_order.push_back((at, slot));
        } else {
            self.others.push(Reverse((at, slot)));
        }
    }

    /// A stream whose time has come.
    pub(super) fn pop(&mut self, now: Instant, streams: &mut Streams) -> Option<StreamSlot> {
        loop {
            let (at, slot) = self.pop_any(now)?;
            // The slot may be another stream's by now: scheduling that one does no harm.
            if let Some(state) = streams.get_mut(slot)
                && state.timer == Some(at)
            {
                state.timer = None;
                return Some(slot);
            }
        }
    }

    /// When the next timer expires, or before.
    pub(super) fn next(&self) -> Option<Instant> {
        let in_order = self.in_order.front().map(|(at, _)| *at);
        let other = self.others.peek().map(|Reverse((at, _))| *at);
        in_order.into_iter().chain(other).min()
    }

    fn pop_any(&mut self, now: Instant) -> Option<(Instant, StreamSlot)> {
        if let Some(first) = self.in_order.pop_front_if(|(at, _)| *at <= now) {
            return Some(first);
        }
        if self.others.peek().is_some_and(|Reverse((at, _))| *at <= now) {
            return self.others.pop().map(|Reverse(first)| first);
        }
        None
    }
}
