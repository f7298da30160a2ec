//! Both clocks, read. All that decides gets its time as an argument.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::time::{Instant, Now, Timestamp};

/// What the wall clock shows.
pub(crate) fn wall() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

/// Both clocks, the one that never goes back from a start of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: tokio::time::Instant,
}

impl Clock {
    /// Starts now.
    pub(crate) fn start() -> Self {
        Self { start: tokio::time::Instant::now() }
    }

    /// What both show.
    pub(crate) fn now(self) -> Now {
        Now { instant: Instant::from_start(self.start.elapsed()), wall: wall() }
    }

    /// A moment of this clock, to be waited for.
    pub(crate) fn when(self, instant: Instant) -> tokio::time::Instant {
        self.start + instant.since_start()
    }
}
