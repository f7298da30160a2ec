//! When calls may go: their pace, whose turn it is, and pauses after failures.

use std::time::Duration;

use super::{Output, Plant, Turn};
use crate::time::Instant;

/// After all models and assets were looked at, until the first is looked at again.
const BETWEEN_ROUNDS: Duration = Duration::from_secs(60);
/// The same where some could not be visited yet.
const SOON: Duration = Duration::from_secs(10);
/// How long an answer to whose turn it is holds.
const TURN: Duration = Duration::from_secs(1);
/// First pause after a failed call; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest of these.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Pause after a denied call.
const AFTER_DENIAL: Duration = Duration::from_secs(300);
/// Failures in a row that are told: some five minutes.
const TOLD: u32 = 10;

/// The pace of one operation: never more in a second than it may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    interval: Duration,
    next: Instant,
}

impl Pace {
    /// So many calls a second at most, without bursts.
    pub(super) fn new(per_second: u32) -> Self {
        Self { interval: Duration::from_secs(1) / per_second.max(1), next: Instant::START }
    }

    /// When the next call may go.
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// A call goes.
    pub(super) fn sent(&mut self, now: Instant) {
        self.next = now + self.interval;
    }
}

/// When the next round begins: each looks at all models and assets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rounds {
    next: Instant,
    /// Some could not be visited in this one.
    left: bool,
}

impl Rounds {
    pub(super) fn new() -> Self {
        Self { next: Instant::START, left: false }
    }

    /// When the next one may begin.
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// One that cannot be visited now.
    pub(super) fn leave(&mut self) {
        self.left = true;
    }

    /// All were looked at.
    pub(super) fn end(&mut self, now: Instant) {
        self.next = now + if std::mem::take(&mut self.left) { SOON } else { BETWEEN_ROUNDS };
    }
}

/// Whose turn it is, as the plant last said.
#[derive(Clone, Copy, Debug)]
pub(super) struct TurnWatch {
    turn: Turn,
    until: Instant,
}

impl TurnWatch {
    pub(super) fn new() -> Self {
        Self { turn: Turn::Wait, until: Instant::START }
    }

    /// Asks, unless the last answer still holds.
    pub(super) fn ask(&mut self, plant: &impl Plant, now: Instant) -> Turn {
        if self.until <= now {
            self.turn = plant.turn();
            self.until = now + TURN;
        }
        self.turn
    }

    /// When what could go at `free` may: whatever waits for its turn is looked at when the answer has
    /// run out.
    pub(super) fn not_before(&self, free: Instant) -> Instant {
        match self.turn {
            Turn::Go => free,
            Turn::Wait => free.max(self.until),
        }
    }

    /// Nobody's turn comes any more.
    pub(super) fn stop(&mut self) {
        (self.turn, self.until) = (Turn::Wait, Instant::from_start(Duration::MAX));
    }
}

/// Pauses after calls that failed: of a lane as a whole, since what makes a call fail is seldom one
/// resource's.
#[derive(Debug)]
pub(super) struct Pauses {
    until: Instant,
    /// In a row.
    failures: u32,
    /// The operation that failed last.
    failing: Option<&'static str>,
    /// The operation that was told to be denied or failing.
    told: Option<&'static str>,
    rng: fastrand::Rng,
}

impl Pauses {
    /// `seed` is for the jitter.
    pub(super) fn new(seed: u64) -> Self {
        let rng = fastrand::Rng::with_seed(seed);
        Self { until: Instant::START, failures: 0, failing: None, told: None, rng }
    }

    /// Until when nothing goes.
    pub(super) fn until(&self) -> Instant {
        self.until
    }

    /// A call succeeded; the output tells it where the opposite was told before.
    pub(super) fn succeeded(&mut self, operation: &'static str) -> Option<Output> {
        // Whatever is only read goes on while nothing can be written.
        if self.failing == Some(operation) {
            (self.failing, self.failures) = (None, 0);
        }
        self.told.take_if(|told| *told == operation).map(Output::Allowed)
    }

    /// A call was denied; the output tells it once.
    pub(super) fn denied(
        &mut self,
        operation: &'static str,
        said: String,
        now: Instant,
    ) -> Option<Output> {
        self.until = now + AFTER_DENIAL;
        let is_new = self.told.replace(operation) != Some(operation);
        is_new.then_some(Output::Denied(operation, said))
    }

    /// A call failed, and is made again after a pause; the output tells it once, where that goes on.
    pub(super) fn failed(
        &mut self,
        operation: &'static str,
        said: String,
        now: Instant,
    ) -> Option<Output> {
        self.failing = Some(operation);
        self.failures = self.failures.saturating_add(1);
        let pause = FIRST_PAUSE * (1 << (self.failures - 1).min(6));
        let pause = pause.min(LONGEST_PAUSE).mul_f64(0.5 + self.rng.f64() / 2.0);
        self.until = self.until.max(now + pause);
        let is_new = self.failures >= TOLD && self.told.replace(operation) != Some(operation);
        is_new.then_some(Output::Failing(operation, said))
    }
}
