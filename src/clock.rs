//! The clocks. All pure modules get the time as an argument.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::time::{ClockAgreement, Instant, Now, Timestamp};

/// What the wall clock shows.
pub(crate) fn wall() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

/// The monotonic clock and the wall clock.
///
/// The wall clock may be stepped at any time, so SiteWise's time is carried forward by the
/// monotonic one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: tokio::time::Instant,
    /// The same moment on the system's monotonic clock, to detect steps of the wall clock.
    monotonic_start: std::time::Instant,
    /// What the wall clock showed at the start.
    wall_at_start: i64,
    /// SiteWise's time at the start; none before its first response.
    sitewise_at_start: Option<i64>,
    /// By how many milliseconds the wall clock is ahead of SiteWise's, where that is too much.
    offset_ms: i64,
    agreement: ClockAgreement,
}

/// Largest tolerated difference between SiteWise's clock and ours, in milliseconds.
pub(crate) const MAX_OFFSET: u64 = 60_000;
/// Part of that for network latency and the whole seconds of the Date header.
const TOLERANCE: u64 = 5_000;
/// Difference that comes from reading two clocks one after the other.
const READ_JITTER: u64 = 10;

impl Clock {
    /// Starts now.
    pub(crate) fn start() -> Self {
        let (start, began) = (tokio::time::Instant::now(), std::time::Instant::now());
        let first = wall().as_millis();
        Self {
            start,
            monotonic_start: began,
            wall_at_start: first,
            sitewise_at_start: None,
            offset_ms: 0,
            agreement: ClockAgreement::Agree,
        }
    }

    /// What both show.
    pub(crate) fn now(self) -> Now {
        let shown = wall();
        let carried = self
            .sitewise_at_start
            .map(|base| Timestamp::from_millis(base).plus(self.monotonic_start.elapsed()));
        let jitter =
            |carried: &Timestamp| carried.as_millis().abs_diff(shown.as_millis()) <= READ_JITTER;
        let wall = carried.filter(|carried| !jitter(carried)).unwrap_or(shown);
        Now { instant: Instant::from_start(self.start.elapsed()), wall }
    }

    /// The wall clock is ahead of SiteWise's by this many milliseconds now; none before SiteWise's
    /// first response. If that is more than a minute, SiteWise's time is used from here on. Returns
    /// whether they agree, if that has changed.
    pub(crate) fn compare(&mut self, ahead: Option<i64>) -> Option<ClockAgreement> {
        self.set_offset(ahead, wall().minus(self.monotonic_start.elapsed()).as_millis())
    }

    /// As [`compare`](Self::compare), where the wall clock as it stands now showed `shown` at the
    /// start.
    fn set_offset(&mut self, ahead: Option<i64>, shown: i64) -> Option<ClockAgreement> {
        let previous = self.agreement;
        // Before SiteWise's first response it is unknown whether a step made the clock right or
        // wrong.
        let off = ahead.unwrap_or(shown.saturating_sub(self.wall_at_start));
        self.agreement = if off.unsigned_abs() > MAX_OFFSET {
            ClockAgreement::Differ
        } else {
            ClockAgreement::Agree
        };
        if let Some(ahead) = ahead {
            let (theirs, allowed, ahead) = match self.agreement {
                ClockAgreement::Agree => (shown, READ_JITTER, 0),
                ClockAgreement::Differ => (shown.saturating_sub(ahead), TOLERANCE, ahead),
            };
            if self.sitewise_at_start.is_none_or(|base| base.abs_diff(theirs) > allowed) {
                self.sitewise_at_start = Some(theirs);
            }
            if self.agreement == ClockAgreement::Agree || self.offset_ms.abs_diff(ahead) > TOLERANCE
            {
                self.offset_ms = ahead;
            }
        }
        (self.agreement != previous).then_some(self.agreement)
    }

    /// Whether the wall clock and SiteWise's agree, as far as is known.
    pub(crate) fn clocks(self) -> ClockAgreement {
        self.agreement
    }

    /// By how many milliseconds the wall clock is ahead of SiteWise's; 0 where they agree, or that
    /// is not known.
    pub(crate) fn ahead(self) -> i64 {
        self.offset_ms
    }

    /// A moment of this clock, to be waited for.
    pub(crate) fn when(self, instant: Instant) -> tokio::time::Instant {
        self.start + instant.since_start()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    #[tokio::test]
    async fn a_clock_more_than_a_minute_off_shows_sitewise_s_time() {
        let mut clock = Clock::start();
        let off = |clock: Clock| wall().as_millis() - clock.now().wall.as_millis();
        assert_eq!(clock.compare(Some(59_000)), None);
        assert!(off(clock).abs() < 1_000);
        assert_eq!(clock.compare(Some(HOUR)), Some(ClockAgreement::Differ));
        assert!((off(clock) - HOUR).abs() < 1_000);
        // An answer that took its time does not step it.
        assert_eq!((clock.compare(Some(HOUR - 2_000)), clock.ahead()), (None, HOUR));
        assert!((off(clock) - HOUR).abs() < 1_000);
        assert_eq!(clock.compare(Some(-HOUR)), None);
        assert!((off(clock) + HOUR).abs() < 1_000);
        assert_eq!((clock.compare(Some(1_000)), clock.ahead()), (Some(ClockAgreement::Agree), 0));
        assert!(off(clock).abs() < 1_000);
    }

    /// Nine days ahead, and all that waited was too old; twenty minutes back, and all that came was
    /// ahead of its time.
    #[tokio::test]
    async fn a_step_of_the_wall_clock_changes_nothing_in_what_is_judged() {
        for step in [216 * HOUR, -HOUR / 3] {
            let mut clock = Clock::start();
            let right = clock.wall_at_start;
            assert_eq!(clock.set_offset(Some(300), right), None);
            let before = clock.now().wall.as_millis();
            // The last answer is carried on, so that the step shows at once.
            assert_eq!(
                clock.set_offset(Some(300 + step), right + step),
                Some(ClockAgreement::Differ)
            );
            assert!(clock.now().wall.as_millis() - before < 1_000);
            assert!((clock.ahead() - step).abs() < 1_000);
            // Back, or an answer that tells that it was right.
            let mut back = clock;
            assert_eq!(back.set_offset(Some(300), right), Some(ClockAgreement::Agree));
            assert_eq!(clock.set_offset(Some(200), right + step), Some(ClockAgreement::Agree));
            let now = clock.now().wall.as_millis();
            assert!((now - before - step).abs() < 1_000);
        }
    }

    #[tokio::test]
    async fn after_a_step_before_sitewise_told_the_time_nothing_is_judged() {
        let mut clock = Clock::start();
        let first = clock.wall_at_start;
        assert_eq!(clock.set_offset(None, first + 30_000), None);
        assert_eq!(clock.set_offset(None, first - HOUR), Some(ClockAgreement::Differ));
        assert_eq!((clock.clocks(), clock.ahead()), (ClockAgreement::Differ, 0));
        // The wall clock is all there is.
        assert!((wall().as_millis() - clock.now().wall.as_millis()).abs() < 1_000);
        assert_eq!(clock.set_offset(Some(1_000), first - HOUR), Some(ClockAgreement::Agree));
    }
}
