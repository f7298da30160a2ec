//! Values of the property that go by file.

use super::StreamState;
use crate::sitewise::api::Quality;
use crate::time::{Instant, Timestamp};

impl StreamState {
    /// Whether a value may go by file, which then counts in its second.
    pub(in crate::delivery) fn admit_elsewhere(
        &mut self,
        time: Timestamp,
        quality: Quality,
        now: Instant,
    ) -> bool {
        self.seconds.admit_elsewhere(time, quality, now)
    }

    /// It does not go by file.
    pub(in crate::delivery) fn withdraw_elsewhere(&mut self, time: Timestamp, quality: Quality) {
        self.seconds.withdraw(time, quality);
    }
}
