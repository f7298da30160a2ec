//! The times of STATE messages under one host id on one server, whoever published them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::sparkplug::host::state;
use crate::time::Timestamp;

/// What is further ahead of our clock than this is no clock's error: it is not followed.
const TOO_FAR: Duration = Duration::from_secs(86_400);

/// The latest time that was heard. Edge nodes ignore a STATE that is older than the last: of two
/// bridges, of which one follows the other under the same id, the clock of one may be ahead.
///
/// Clones are the same: the connections to a server that replace each other share it.
#[derive(Clone, Debug, Default)]
pub struct StateTimes(Arc<AtomicI64>);

impl StateTimes {
    /// A STATE message came.
    pub(super) fn hear(&self, payload: &[u8], now: Timestamp) {
        if let Some((_, time)) =
            state::parse(payload).filter(|(_, time)| *time <= now.plus(TOO_FAR))
        {
            self.0.fetch_max(time.as_millis(), Ordering::Relaxed);
        }
    }

    /// The time of a session that begins now: later than all that was heard.
    pub(super) fn next(&self, now: Timestamp) -> Timestamp {
        let heard = Timestamp::from_millis(self.0.load(Ordering::Relaxed));
        now.max(heard.plus(Duration::from_millis(1)))
    }
}

/// The time of a session's STATE. Edge nodes ignore one that is older than the last, so it does not
/// go back with our clock.
pub(super) fn state_time(now: Timestamp, last: Timestamp) -> Timestamp {
    now.max(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_state_does_not_go_back_with_the_clock() {
        let at = Timestamp::from_millis;
        assert_eq!(state_time(at(2_000), at(1_000)), at(2_000));
        assert_eq!(state_time(at(1_000), at(2_000)), at(2_000));
    }

    /// Edge nodes ignored STATE of the bridge that took over, and took the host for offline.
    #[test]
    fn a_session_is_later_than_what_the_bridge_before_said_by_a_clock_that_is_ahead() {
        let at = Timestamp::from_millis;
        let now = at(1_700_000_000_000);
        let times = StateTimes::default();
        assert_eq!(times.next(now), now);
        let ahead = now.plus(Duration::from_secs(10));
        times.clone().hear(&state::state_payload(false, ahead), now);
        times.hear(&state::state_payload(true, now), now);
        assert_eq!(times.next(now), ahead.plus(Duration::from_millis(1)));
        let later = ahead.plus(Duration::from_secs(5));
        assert_eq!(times.next(later), later);
        for nonsense in [&b"OFFLINE"[..], &state::state_payload(false, at(i64::MAX))] {
            times.hear(nonsense, now);
        }
        assert_eq!(times.next(later), later);
    }
}
