//! Comparing timestamps with each other and with our clock.

use std::time::Duration;

use crate::sitewise::api::{Quality, Tqv};
use crate::sitewise::limits;
use crate::time::{Now, Timestamp};

/// The smallest step of time: a later value needs a later time.
pub(super) const TICK: Duration = Duration::from_millis(1);

/// A clock that is so little behind the last value counts as standing still.
pub(super) const STILL: Duration = Duration::from_secs(1);
/// A clock that is less behind than this counts as right: messages may have been on their way.
const UNDERWAY: Duration = Duration::from_secs(10);

/// A value that is no longer fresh, at `time` or a tick after it was written, whichever is
/// later.
pub(super) fn stale_mark(last: Tqv, time: Timestamp, now: Now) -> Tqv {
    let quality = last.quality.max(Quality::Uncertain);
    Tqv { time: later(time, last.time, now), quality, ..last }
}

/// `time`, or a tick after `last` if that is later; a `last` from a clock that was ahead is
/// ignored.
pub(super) fn later(time: Timestamp, last: Timestamp, now: Now) -> Timestamp {
    if is_ahead(last, now) { time } else { time.max(last.plus(TICK)) }
}

/// How far a sender's clock is behind ours, by a time of its.
pub(super) fn behind(time: Timestamp, now: Now) -> Duration {
    let millis = now.wall.as_millis().saturating_sub(time.as_millis());
    let behind = Duration::from_millis(u64::try_from(millis).unwrap_or_default());
    if behind < UNDERWAY || behind > limits::OLDEST_VALUE { Duration::ZERO } else { behind }
}

/// Whether a time that was written is one that SiteWise would not take now: our clock was ahead
/// then, and what was written with it has not arrived.
pub(super) fn is_ahead(time: Timestamp, now: Now) -> bool {
    time.plus(TICK) > now.wall.plus(limits::NEWEST_VALUE)
}
