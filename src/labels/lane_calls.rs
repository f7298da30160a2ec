//! What both lanes share: their calls in flight, their outputs, and which step is due.

use std::collections::{BTreeMap, VecDeque};

use super::pace::{Pauses, TurnWatch};
use super::{Output, Plant, Turn};
use crate::time::Instant;
use crate::twin::plan::api_call::{ApiCall, CallId};

/// The calls and outputs of a lane. `J` is what a call is for.
#[derive(Debug)]
pub(super) struct LaneCalls<J> {
    in_flight: BTreeMap<CallId, J>,
    next_id: u64,
    pub(super) outputs: VecDeque<Output>,
    pub(super) pauses: Pauses,
    pub(super) turn: TurnWatch,
    /// Another bridge acts: no call is made.
    pub(super) is_held: bool,
}

impl<J> LaneCalls<J> {
    /// No call yet. Ids begin with `first`; `seed` is for the jitter of retries.
    pub(super) fn new(first: u64, seed: u64) -> Self {
        Self {
            in_flight: BTreeMap::new(),
            next_id: first,
            outputs: VecDeque::new(),
            pauses: Pauses::new(seed),
            turn: TurnWatch::new(),
            is_held: false,
        }
    }

    /// Makes a call.
    pub(super) fn call(&mut self, job: J, call: ApiCall) {
        let id = CallId(self.next_id);
        self.next_id += 1;
        self.in_flight.insert(id, job);
        self.outputs.push_back(Output::Call(id, call));
    }

    /// A call was answered. Returns what it was for; none if it is not in flight.
    pub(super) fn answered(&mut self, id: CallId) -> Option<J> {
        self.in_flight.remove(&id)
    }

    /// What the calls in flight are for.
    pub(super) fn in_flight(&self) -> impl Iterator<Item = &J> {
        self.in_flight.values()
    }

    /// When there may be an output, with the lane's `next` step.
    pub(super) fn poll_timeout<S>(&self, next: Option<(Instant, S)>) -> Option<Instant> {
        match self.outputs.is_empty() {
            true => next.filter(|_| !self.is_held).map(|(at, _)| at),
            false => Some(Instant::START),
        }
    }

    /// The lane's `next` step, if it may be done now. A `write` needs no turn: what was just read is
    /// written before somebody else writes it.
    pub(super) fn due<S: Copy + PartialEq>(
        &mut self,
        next: Option<(Instant, S)>,
        write: S,
        plant: &impl Plant,
        now: Instant,
    ) -> Option<S> {
        let (_, step) = next.filter(|(at, _)| *at <= now && !self.is_held)?;
        (step == write || self.turn.ask(plant, now) == Turn::Go).then_some(step)
    }
}

/// The earliest of these steps; of several at one time, the first by its order.
pub(super) fn earliest<S: Ord, const N: usize>(
    steps: [(Option<Instant>, S); N],
) -> Option<(Instant, S)> {
    steps.into_iter().filter_map(|(at, step)| Some((at?, step))).min()
}
