//! Delivery, pure: waiting points become entries, entries requests, answers outcomes.

pub mod figures;
pub mod output;
pub mod point;
pub(crate) mod turns;

use std::time::Duration;

use figures::Figures;
use output::{Output, RequestId, Room};
use point::Point;

use crate::sitewise::api::{EntryError, Fault};
use crate::sitewise::limits;
use crate::time::{Instant, Now};

/// How points are collected and how fast they go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// How long a property collects values before a partly filled entry leaves.
    pub linger: Duration,
    /// Requests a second at most.
    pub requests_per_second: u32,
    /// Values a second at most.
    pub values_per_second: u32,
    /// Requests without an answer at most.
    pub in_flight: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            linger: Duration::from_secs(1),
            requests_per_second: limits::BATCH_PUTS_PER_SECOND,
            values_per_second: limits::VALUES_PER_SECOND,
            in_flight: 64,
        }
    }
}

/// Points on their way.
///
/// After each `handle_*` and [`flush`](Self::flush), [`poll_output`](Self::poll_output) is
/// drained; then [`handle_timeout`](Self::handle_timeout) is due at
/// [`poll_timeout`](Self::poll_timeout).
#[derive(Debug)]
pub struct Delivery {}

impl Delivery {
    /// Nothing on its way; `seed` spreads the delays of retries.
    pub fn new(_config: Config, _seed: u64) -> Self {
        Self {}
    }

    /// Takes points; more than [`room`](Self::room) are taken as well.
    pub fn handle_points(&mut self, _points: impl IntoIterator<Item = Point>, _now: Now) {}

    /// Takes the answer to a request; one to an unknown request is ignored.
    pub fn handle_answer(
        &mut self,
        _id: RequestId,
        _answer: Result<Vec<EntryError>, Fault>,
        _now: Now,
    ) {
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, _now: Now) {}

    /// Ends every linger, now and from now on: the process is about to end.
    pub fn flush(&mut self, _now: Now) {}

    /// When something is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// The next thing to do or to know.
    pub fn poll_output(&mut self) -> Option<Output> {
        None
    }

    /// How many more points the bounded working set takes.
    pub fn room(&self) -> Room {
        Room::default()
    }

    /// Points not decided yet, those in flight included.
    pub fn waiting(&self) -> usize {
        0
    }

    /// Whether no point is undecided and no output left to poll.
    pub fn is_idle(&self) -> bool {
        true
    }

    /// What was counted since the start; walks over all waiting streams.
    pub fn figures(&self) -> Figures {
        Figures::default()
    }
}
