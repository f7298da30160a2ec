//! Whether a bridge hears its MQTT servers, as it says to the other one.

use std::time::Duration;

use super::Sense;
use crate::time::Instant;

/// How long all servers have to be heard without a break before a bridge says that it hears them.
/// Longer than a lease outlives its holder: what a dead one had not delivered, who began to hear after
/// its death cannot deliver, and lets the other go first.
pub const SETTLED: Duration = Duration::from_secs(15);

/// A connection that is replaced, and brought nothing for longer than this, may have been dead for as
/// long: nobody would have noticed yet.
pub const SEAMLESS: Duration = Duration::from_secs(2);

/// Since when all servers are heard.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hearing {
    up_since: Option<Instant>,
    unbroken_since: Option<Instant>,
    was_up: bool,
}

impl Hearing {
    /// Whether the connections to all servers are up now.
    pub fn record(&mut self, all_up: bool, now: Instant) {
        self.up_since = all_up.then(|| self.up_since.unwrap_or(now));
        self.unbroken_since = all_up.then(|| self.unbroken_since.unwrap_or(now));
        self.was_up |= all_up;
    }

    /// A connection was replaced by another, and the one before brought its last message then.
    pub fn replaced(&mut self, last: Option<Instant>, now: Instant) {
        if last.is_none_or(|last| now.since(last) > SEAMLESS) {
            self.unbroken_since = self.up_since.map(|_| now);
        }
    }

    /// Since when all servers are heard without a break; none while one is not.
    pub fn since(&self) -> Option<Instant> {
        self.unbroken_since
    }

    /// What this bridge says.
    pub fn sense(&self, now: Instant) -> Sense {
        match self.up_since {
            Some(since) if now.since(since) >= SETTLED => Sense::Yes,
            Some(_) => Sense::Unknown,
            None if self.was_up => Sense::No,
            None => Sense::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_start(Duration::from_secs(seconds))
    }

    #[test]
    fn a_bridge_hears_once_it_has_for_a_while_and_says_when_it_no_longer_does() {
        let mut hearing = Hearing::default();
        hearing.record(false, at(1));
        assert_eq!((hearing.sense(at(1)), hearing.since()), (Sense::Unknown, None));
        hearing.record(true, at(2));
        hearing.record(true, at(9));
        assert_eq!((hearing.sense(at(16)), hearing.since()), (Sense::Unknown, Some(at(2))));
        assert_eq!(hearing.sense(at(17)), Sense::Yes);
        hearing.record(false, at(20));
        assert_eq!((hearing.sense(at(20)), hearing.since()), (Sense::No, None));
        hearing.record(true, at(21));
        assert_eq!((hearing.sense(at(22)), hearing.since()), (Sense::Unknown, Some(at(21))));
    }

    /// Else nobody delivers what came while the connection before was dead and did not know it.
    #[test]
    fn who_replaces_a_silent_connection_has_heard_since_then() {
        let mut hearing = Hearing::default();
        hearing.record(true, at(1));
        hearing.replaced(Some(at(98)), at(100));
        assert_eq!(hearing.since(), Some(at(1)));
        for last in [None, Some(at(197))] {
            let mut silent = hearing;
            silent.replaced(last, at(200));
            assert_eq!((silent.since(), silent.sense(at(200))), (Some(at(200)), Sense::Yes));
        }
    }
}
