//! Time as an argument: the pure modules never read a clock, they are told what time it is.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::{Duration, UNIX_EPOCH};

/// A point on the process's own monotonic clock, counted from its start; to the nanosecond, for
/// five centuries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The process's start.
    pub const START: Self = Self(0);

    /// The instant `since_start` after the process's start.
    pub const fn from_start(since_start: Duration) -> Self {
        Self(nanos(since_start))
    }

    /// Time passed since the process's start.
    pub const fn since_start(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    /// Time passed since `earlier`; zero if `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(nanos(rhs)))
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;

    fn sub(self, rhs: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(rhs)))
    }
}

const fn nanos(duration: Duration) -> u64 {
    let nanos = duration.as_nanos();
    if nanos > u64::MAX as u128 { u64::MAX } else { nanos as u64 }
}

/// The last millisecond of the year 9999.
const LAST_OF_9999: i64 = 253_402_300_799_999;

/// Milliseconds since the Unix epoch, UTC: the unit of every Sparkplug timestamp.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// From a time in UTC as RFC 3339 writes it; none if it is not one, or before 1970.
    pub fn parse(text: &str) -> Option<Self> {
        let moment = humantime::parse_rfc3339(text.trim()).ok()?;
        let since = moment.duration_since(UNIX_EPOCH).ok()?;
        i64::try_from(since.as_millis()).ok().map(Self)
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Nanoseconds past [`seconds`](Self::seconds).
    pub const fn nanos(self) -> i32 {
        (self.0.rem_euclid(1000) * 1_000_000) as i32
    }

    /// Without the part of a second, for sentences.
    #[must_use]
    pub const fn in_seconds(self) -> Self {
        Self(self.seconds().saturating_mul(1000))
    }

    /// `duration` later, in whole milliseconds.
    pub const fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration.as_millis() as i64))
    }

    /// `duration` earlier, in whole milliseconds.
    pub const fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(duration.as_millis() as i64))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // RFC 3339 has four digits for the year.
        let moment = match u64::try_from(self.0) {
            Ok(millis) if self.0 <= LAST_OF_9999 => UNIX_EPOCH + Duration::from_millis(millis),
            _ => return write!(f, "{} ms after 1970", self.0),
        };
        match self.0 % 1_000 {
            0 => write!(f, "{}", humantime::format_rfc3339_seconds(moment)),
            _ => write!(f, "{}", humantime::format_rfc3339_millis(moment)),
        }
    }
}

/// A length of time as people say it: to the nearest second, minute, hour or day, by its size.
pub(crate) fn rounded(duration: Duration) -> String {
    let nearest = |unit: u128| (duration.as_millis() + unit * 500) / (unit * 1_000);
    for (unit, name, below) in [(1, "s", 120), (60, "min", 120), (3_600, "h", 48)] {
        if nearest(unit) < below {
            return format!("{} {name}", nearest(unit));
        }
    }
    format!("{} days", nearest(86_400))
}

/// Whether our clock and SiteWise's agree, to a minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClockAgreement {
    /// They do, as far as is known.
    #[default]
    Agree,
    /// They do not: a value's age by our clock is unreliable.
    Differ,
}

/// The moment an input is handled: both clocks, read once by the shell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// For timeouts, pacing and order.
    pub instant: Instant,
    /// For what is written: deaths, arrival times, commands.
    pub wall: Timestamp,
}

impl Now {
    /// Both clocks, `duration` later.
    pub fn plus(self, duration: Duration) -> Self {
        Self { instant: self.instant + duration, wall: self.wall.plus(duration) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_rounded_to_the_nearest_unit_and_not_cut() {
        for (seconds, millis, words) in [
            (0, 499, "0 s"),
            (90, 0, "90 s"),
            (119, 499, "119 s"),
            (119, 500, "2 min"),
            (1_799, 200, "30 min"),
            (1_830, 0, "31 min"),
            (7_169, 0, "119 min"),
            (7_170, 0, "2 h"),
            (19_799, 0, "5 h"),
            (19_800, 0, "6 h"),
            (259_199, 0, "3 days"),
        ] {
            let duration = Duration::from_secs(seconds) + Duration::from_millis(millis);
            assert_eq!(rounded(duration), words);
        }
    }

    #[test]
    fn times_are_written_as_people_write_them() {
        let text = |millis| Timestamp::from_millis(millis).to_string();
        assert_eq!(text(1_764_370_801_000), "2025-11-28T23:00:01Z");
        assert_eq!(text(1_764_370_801_020), "2025-11-28T23:00:01.020Z");
        assert_eq!(text(LAST_OF_9999), "9999-12-31T23:59:59.999Z");
        for far in [LAST_OF_9999 + 1, -1, i64::MIN, i64::MAX] {
            assert_eq!(text(far), format!("{far} ms after 1970"));
        }
        for millis in [0, 1_764_370_801_020] {
            assert_eq!(Timestamp::parse(&text(millis)), Some(Timestamp::from_millis(millis)));
        }
        assert_eq!(Timestamp::parse("yesterday"), None);
    }
}
