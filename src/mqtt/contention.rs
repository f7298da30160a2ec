//! Two clients with one identifier: the server closes the session of the one whenever the other
//! connects [MQTT-3.1.4-2].

use std::time::Duration;

use tokio::time::Instant;

/// Sessions that end within this time of each other belong together.
const WINDOW: Duration = Duration::from_secs(60);
/// Sessions in a row that the server closes, each begun again at once. A server that restarts is away
/// for a moment in between.
const ENOUGH: u32 = 2;

/// How a session ended, or that there was none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The server closed it while nothing in particular happened.
    Closed,
    /// The server closed it right after a message on this topic, which it may not allow.
    ClosedAfter(String),
    /// In another way, or it did not begin.
    Other,
}

/// The sessions that were closed in a row.
#[derive(Debug, Default)]
pub(super) struct Contention {
    closed: u32,
    /// The last one.
    last: Option<(Instant, Ending)>,
    /// They did not all end in one way after a message.
    unexplained: bool,
}

impl Contention {
    /// A session ended. True if another client probably has our identifier.
    pub(super) fn ended(&mut self, how: Ending, now: Instant) -> bool {
        let recent = self.last.take().filter(|(at, _)| now.duration_since(*at) <= WINDOW);
        if how == Ending::Other || recent.is_none() {
            (self.closed, self.unexplained) = (0, false);
        }
        if how != Ending::Other {
            self.closed = self.closed.saturating_add(1);
            self.unexplained |=
                how == Ending::Closed || recent.is_some_and(|(_, before)| before != how);
            self.last = Some((now, how));
        }
        self.closed >= ENOUGH && self.unexplained
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether each of these endings, so many seconds apart, tells of another client.
    fn told(seconds: u64, endings: &[Ending]) -> Vec<bool> {
        let mut contention = Contention::default();
        let mut now = Instant::now();
        let mut told = Vec::new();
        for how in endings {
            told.push(contention.ended(how.clone(), now));
            now += Duration::from_secs(seconds);
        }
        told
    }

    #[test]
    fn sessions_closed_in_a_row_are_taken_by_another_client() {
        use Ending::{Closed, Other};
        assert_eq!(told(2, &[Closed, Closed, Closed]), [false, true, true]);
        // Rare: each may be a restart.
        assert_eq!(told(61, &[Closed, Closed]), [false, false]);
        // A server that restarts refuses connections in between.
        assert_eq!(told(2, &[Closed, Other, Closed, Other]), [false; 4]);
    }

    #[test]
    fn a_message_that_the_server_forbids_is_no_other_client() {
        let state = || Ending::ClosedAfter("spBv1.0/STATE/h".to_owned());
        assert_eq!(told(2, &[state(), state(), state()]), [false; 3]);
        // The other client comes at any time, so also right after a message.
        let request = Ending::ClosedAfter("spBv1.0/g/NCMD/e".to_owned());
        assert_eq!(told(2, &[state(), request]), [false, true]);
        assert_eq!(told(2, &[Ending::Closed, state()]), [false, true]);
    }
}
