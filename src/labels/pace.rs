//! When calls may go: their pace, whose turn it is, and pauses after failures.

use std::time::Duration;

use super::{Output, Plant, Turn};
use crate::time::Instant;

/// From the end of a round to the next one.
const BETWEEN_ROUNDS: Duration = Duration::from_secs(60);
/// The same if some could not be visited yet.
const AFTER_INCOMPLETE_ROUND: Duration = Duration::from_secs(10);
/// How long the answer to [`Plant::turn`] is used before it is asked again.
const TURN_VALID: Duration = Duration::from_secs(1);
/// First pause after a failed call; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause after a failed call.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Pause after a denied call.
const AFTER_DENIAL: Duration = Duration::from_secs(300);
/// Failures in a row after which they are reported: some five minutes.
const REPORTED_AFTER: u32 = 10;

/// The rate limit of one operation, without bursts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    interval: Duration,
    next: Instant,
}

impl Pace {
    /// `per_second` calls at most.
    pub(super) fn new(per_second: u32) -> Self {
        Self { interval: Duration::from_secs(1) / per_second.max(1), next: Instant::START }
    }

    /// When the next call may go.
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// A call is made.
    pub(super) fn record_call(&mut self, now: Instant) {
        self.next = now + self.interval;
    }
}

/// When the next round begins: each scans all models and assets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rounds {
    next: Instant,
    /// In this round some could not be visited.
    is_incomplete: bool,
    /// In this round a visit began.
    has_begun: bool,
}

/// What a round found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Round {
    /// All that can be visited have their labels, or are being visited.
    AllSettled,
    /// Some had to be visited.
    SomeBegun,
}

impl Rounds {
    pub(super) fn new() -> Self {
        Self { next: Instant::START, is_incomplete: false, has_begun: false }
    }

    /// When the next one may begin.
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// A model or an asset cannot be visited now: the next round begins sooner.
    pub(super) fn note_not_ready(&mut self) {
        self.is_incomplete = true;
    }

    /// A model or an asset needs a visit.
    pub(super) fn note_begun(&mut self) {
        self.has_begun = true;
    }

    /// All were scanned.
    pub(super) fn end(&mut self, now: Instant) -> Round {
        let pause = match std::mem::take(&mut self.is_incomplete) {
            true => AFTER_INCOMPLETE_ROUND,
            false => BETWEEN_ROUNDS,
        };
        self.next = now + pause;
        match std::mem::take(&mut self.has_begun) {
            true => Round::SomeBegun,
            false => Round::AllSettled,
        }
    }
}

/// The last answer to whether the lane may make calls: asking costs a look at the whole plan.
#[derive(Clone, Copy, Debug)]
pub(super) struct TurnWatch {
    turn: Turn,
    until: Instant,
}

impl TurnWatch {
    pub(super) fn new() -> Self {
        Self { turn: Turn::Wait, until: Instant::START }
    }

    /// Whether the lane may make calls: asks again only once the last answer has expired.
    pub(super) fn ask(&mut self, plant: &impl Plant, now: Instant) -> Turn {
        if self.until <= now {
            self.turn = plant.turn();
            self.until = now + TURN_VALID;
        }
        self.turn
    }

    /// When a call that could be made at `free` is to be tried: without a turn not before the answer
    /// has expired and the plant is asked again.
    pub(super) fn not_before(&self, free: Instant) -> Instant {
        match self.turn {
            Turn::Go => free,
            Turn::Wait => free.max(self.until),
        }
    }

    /// From now on the lane has no turn, and the plant is not asked.
    pub(super) fn stop(&mut self) {
        (self.turn, self.until) = (Turn::Wait, Instant::from_start(Duration::MAX));
    }
}

/// Pauses after calls that failed: of a lane as a whole, since what makes a call fail is seldom one
/// resource's.
#[derive(Debug)]
pub(super) struct Pauses {
    until: Instant,
    /// Consecutive failures.
    failures: u32,
    /// The operation that failed last.
    failing: Option<&'static str>,
    /// The operation that was reported as denied or failing.
    reported: Option<&'static str>,
    rng: fastrand::Rng,
}

impl Pauses {
    /// `seed` is for the jitter.
    pub(super) fn new(seed: u64) -> Self {
        let rng = fastrand::Rng::with_seed(seed);
        Self { until: Instant::START, failures: 0, failing: None, reported: None, rng }
    }

    /// Until when no call is made.
    pub(super) fn until(&self) -> Instant {
        self.until
    }

    /// A call succeeded. Returns an output if the operation was reported as denied or failing.
    pub(super) fn succeeded(&mut self, operation: &'static str) -> Option<Output> {
        // Reads may succeed while writes fail: only a success of the same operation ends the row.
        if self.failing == Some(operation) {
            (self.failing, self.failures) = (None, 0);
        }
        self.reported.take_if(|reported| *reported == operation).map(Output::Allowed)
    }

    /// Nothing is left to do: an operation that failed is not needed any more. Its answers may have been
    /// lost, or somebody else has set the labels. Returns an output if it was reported.
    pub(super) fn nothing_left(&mut self) -> Option<Output> {
        (self.failing, self.failures) = (None, 0);
        self.reported.take().map(Output::Allowed)
    }

    /// A call was denied. Returns an output the first time.
    pub(super) fn denied(
        &mut self,
        operation: &'static str,
        message: String,
        now: Instant,
    ) -> Option<Output> {
        self.until = now + AFTER_DENIAL;
        let is_new = self.reported.replace(operation) != Some(operation);
        is_new.then_some(Output::Denied { operation, message })
    }

    /// A call failed, and is retried after a pause. Returns an output once, after
    /// [`REPORTED_AFTER`] failures.
    pub(super) fn failed(
        &mut self,
        operation: &'static str,
        message: String,
        now: Instant,
    ) -> Option<Output> {
        self.failing = Some(operation);
        self.failures = self.failures.saturating_add(1);
        let doublings = (self.failures - 1).min(6);
        let pause = FIRST_PAUSE * (1 << doublings);
        let pause = pause.min(LONGEST_PAUSE).mul_f64(0.5 + self.rng.f64() / 2.0);
        self.until = self.until.max(now + pause);
        let is_new =
            self.failures >= REPORTED_AFTER && self.reported.replace(operation) != Some(operation);
        is_new.then_some(Output::Failing { operation, message })
    }
}
