//! Both clocks, read. All that decides gets its time as an argument.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::time::{Clocks, Instant, Now, Timestamp};

/// What the wall clock shows.
pub(crate) fn wall() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

/// Both clocks, the one that never goes back from a start of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: tokio::time::Instant,
    /// By how many milliseconds the wall clock is ahead of SiteWise's, where that is too much.
    ahead: i64,
}

/// More than SiteWise's clock and ours may differ, in milliseconds.
pub(crate) const APART: u64 = 60_000;
/// What an answer's way may take of that, and the whole seconds that it tells the time in.
const ROUGHLY: u64 = 5_000;

impl Clock {
    /// Starts now.
    pub(crate) fn start() -> Self {
        Self { start: tokio::time::Instant::now(), ahead: 0 }
    }

    /// What both show.
    pub(crate) fn now(self) -> Now {
        let wall = Timestamp::from_millis(wall().as_millis().saturating_sub(self.ahead));
        Now { instant: Instant::from_start(self.start.elapsed()), wall }
    }

    /// The wall clock is ahead of SiteWise's by so many milliseconds. Where that is more than a
    /// minute it is SiteWise's time that goes from here on. Gives back whether they agree, if that
    /// has changed.
    pub(crate) fn compare(&mut self, ahead: i64) -> Option<Clocks> {
        let before = self.ahead;
        let apart = ahead.unsigned_abs() > APART;
        if !apart {
            self.ahead = 0;
        } else if ahead.abs_diff(before) > ROUGHLY {
            self.ahead = ahead;
        }
        match (before != 0, apart) {
            (false, true) => Some(Clocks::Differ),
            (true, false) => Some(Clocks::Agree),
            _ => None,
        }
    }

    /// By how many milliseconds the wall clock is ahead of SiteWise's; 0 where they agree.
    pub(crate) fn ahead(self) -> i64 {
        self.ahead
    }

    /// A moment of this clock, to be waited for.
    pub(crate) fn when(self, instant: Instant) -> tokio::time::Instant {
        self.start + instant.since_start()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_clock_more_than_a_minute_off_shows_sitewise_s_time() {
        let mut clock = Clock::start();
        let off = |clock: Clock| wall().as_millis() - clock.now().wall.as_millis();
        assert_eq!(clock.compare(59_000), None);
        assert!(off(clock).abs() < 1_000);
        let hour = 3_600_000;
        assert_eq!(clock.compare(hour), Some(Clocks::Differ));
        assert!((off(clock) - hour).abs() < 1_000);
        // An answer that took its time does not step it.
        assert_eq!((clock.compare(hour - 2_000), clock.ahead()), (None, hour));
        assert_eq!(clock.compare(-hour), None);
        assert!((off(clock) + hour).abs() < 1_000);
        assert_eq!((clock.compare(1_000), clock.ahead()), (Some(Clocks::Agree), 0));
    }
}
