//! Time as an argument: the pure modules never read a clock, they are told what time it is.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

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

/// Milliseconds since the Unix epoch, UTC: the unit of every Sparkplug timestamp.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
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
        write!(f, "{}ms", self.0)
    }
}

/// Whether our clock and SiteWise's agree, to a minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clocks {
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
