//! Backoff between connection attempts.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

/// The first pause between sessions; jitter up to doubles it.
const SHORTEST: Duration = Duration::from_millis(250);
/// The longest pause; jitter up to doubles it.
const LONGEST: Duration = Duration::from_secs(15);
/// The longest pause after a session, with jitter: the server is reachable, and data is lost
/// meanwhile.
const LONGEST_AFTER_SESSION: Duration = Duration::from_secs(5);
/// A session that lasts this long resets the backoff. One that is closed repeatedly, by another
/// client with the same identifier, does not: each session requests rebirths.
const STABLE_SESSION: Duration = Duration::from_secs(10);

/// The pauses between the sessions with one server.
pub(super) struct ReconnectBackoff {
    seed: u64,
    backoff: ExponentialBackoff,
}

impl ReconnectBackoff {
    /// `seed` is that of the jitter.
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, backoff: backoff(seed) }
    }

    /// The next pause, after a session that lasted so long; none if the server could not be
    /// connected.
    pub(super) fn next_delay(&mut self, session: Option<Duration>) -> Duration {
        if session.is_some_and(|lasted| lasted >= STABLE_SESSION) {
            self.seed = self.seed.wrapping_add(1);
            self.backoff = backoff(self.seed);
        }
        let pause = self.backoff.next().unwrap_or(LONGEST);
        if session.is_some() { pause.min(LONGEST_AFTER_SESSION) } else { pause }
    }
}

fn backoff(seed: u64) -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(SHORTEST)
        .with_max_delay(LONGEST)
        .without_max_times()
        .with_jitter()
        .with_jitter_seed(seed)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_cannot_be_connected_is_tried_ever_more_rarely() {
        let mut pauses = ReconnectBackoff::new(7);
        let all: Vec<_> = (0..12).map(|_| pauses.next_delay(None)).collect();
        assert!(all[0] <= 2 * SHORTEST, "{all:?}");
        assert!(all[11] >= LONGEST && all[11] <= 2 * LONGEST, "{all:?}");
    }

    /// Messages at QoS 0 that nobody hears are gone.
    #[test]
    fn drops_that_come_one_after_another_do_not_make_us_deaf() {
        let mut pauses = ReconnectBackoff::new(7);
        for _ in 0..50 {
            let pause = pauses.next_delay(Some(Duration::from_secs(35)));
            assert!(pause <= 2 * SHORTEST, "{pause:?}");
        }
        for _ in 0..50 {
            let pause = pauses.next_delay(Some(Duration::from_secs(2)));
            assert!(pause <= LONGEST_AFTER_SESSION, "{pause:?}");
        }
    }

    #[test]
    fn a_client_that_takes_our_identifier_over_and_over_is_met_ever_more_rarely() {
        let mut pauses = ReconnectBackoff::new(7);
        let all: Vec<_> =
            (0..8).map(|_| pauses.next_delay(Some(Duration::from_millis(300)))).collect();
        assert_eq!(all[7], LONGEST_AFTER_SESSION, "{all:?}");
    }
}
