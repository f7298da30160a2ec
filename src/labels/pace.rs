//! The pace of one operation: never more in a second than it may have.

use std::time::Duration;

use crate::time::Instant;

/// When the next call may go.
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
