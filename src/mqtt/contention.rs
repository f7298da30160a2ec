//! Two clients with one identifier: the server closes the session of the one whenever the other
//! connects [MQTT-3.1.4-2].

use std::time::Duration;

use tokio::time::Instant;

/// Sessions that end within this time of each other belong together.
const WINDOW: Duration = Duration::from_secs(60);
/// Sessions in a row that the server closes, each begun again at once. A server that restarts, or a
/// link that drops, is away for a moment in between, or not three times within that time.
const MIN_CLOSED: u32 = 3;
/// A session that lasted longer was not ended by one that waited for its next attempt.
const SHORT: Duration = Duration::from_secs(30);

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

/// What the way in which sessions ended, one after the other, speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Evidence {
    /// Nothing: this one may have any cause.
    None,
    /// The server does not allow what was sent: twice in a row it closed soon after the connection was
    /// made, and right after a message. Once may be a server that stops.
    Forbidden,
    /// Another client has our identifier.
    Contended,
}

/// The sessions that were closed in a row.
#[derive(Debug, Default)]
pub(super) struct Contention {
    closed: u32,
    /// The last of them that were closed right after a message.
    after_messages: u32,
    /// When the last one was.
    last_closed_at: Option<Instant>,
    /// One of them ended while nothing in particular happened.
    any_unexplained: bool,
}

impl Contention {
    /// A session ended that had lasted for this long.
    pub(super) fn record_end(
        &mut self,
        ending: Ending,
        lasted: Duration,
        now: Instant,
    ) -> Evidence {
        let recent = self.last_closed_at.take().filter(|at| now.duration_since(*at) <= WINDOW);
        if ending == Ending::Other || recent.is_none() || lasted > SHORT {
            (self.closed, self.after_messages, self.any_unexplained) = (0, 0, false);
        }
        self.after_messages = match ending {
            // A session that had lasted was not closed for what it sent first.
            Ending::ClosedAfter(_) if lasted <= SHORT => self.after_messages.saturating_add(1),
            _ => 0,
        };
        if ending != Ending::Other {
            self.closed = self.closed.saturating_add(1);
            // Closed after a message each time, whatever its topic: that may be forbidden.
            self.any_unexplained |= ending == Ending::Closed;
            self.last_closed_at = Some(now);
        }
        match self.closed >= MIN_CLOSED && self.any_unexplained {
            true => Evidence::Contended,
            false if self.after_messages >= 2 => Evidence::Forbidden,
            false => Evidence::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each of these endings, this many seconds apart, speaks for.
    fn evidence(seconds: u64, endings: &[Ending]) -> Vec<Evidence> {
        let mut contention = Contention::default();
        let mut now = Instant::now();
        let mut told = Vec::new();
        for how in endings {
            told.push(contention.record_end(how.clone(), Duration::from_secs(seconds), now));
            now += Duration::from_secs(seconds);
        }
        told
    }

    /// Whether each tells of another client.
    fn told(seconds: u64, endings: &[Ending]) -> Vec<bool> {
        let evidence = evidence(seconds, endings);
        evidence.into_iter().map(|evidence| evidence == Evidence::Contended).collect()
    }

    /// Two of eight brokers that were stopped were told as their access rules.
    #[test]
    fn the_access_rules_are_suspected_from_the_second_time_in_a_row_on() {
        use Evidence::{Forbidden, None};
        let state = || Ending::ClosedAfter("spBv1.0/STATE/h".to_owned());
        let request = || Ending::ClosedAfter("spBv1.0/g/NCMD/e".to_owned());
        assert_eq!(evidence(2, &[state(), state(), state()]), [None, Forbidden, Forbidden]);
        assert_eq!(evidence(2, &[state(), request()]), [None, Forbidden]);
        // A server that stopped is not there in between, and one that lasted was allowed.
        let away = [state(), Ending::Other, state(), Ending::Other, state()];
        assert_eq!(evidence(2, &away), [None; 5]);
        assert_eq!(evidence(31, &[state(), state(), state()]), [None; 3]);
        let taken = [None, None, Evidence::Contended];
        assert_eq!(evidence(2, &[state(), Ending::Closed, request()]), taken);
    }

    #[test]
    fn sessions_closed_in_a_row_are_taken_by_another_client() {
        use Ending::{Closed, Other};
        assert_eq!(told(2, &[Closed, Closed, Closed]), [false, false, true]);
        // Rare: each may be a restart.
        assert_eq!(told(61, &[Closed, Closed, Closed]), [false; 3]);
        // A load balancer that ends idle connections.
        assert_eq!(told(31, &[Closed, Closed, Closed, Closed]), [false; 4]);
        // A server that restarts refuses connections in between.
        assert_eq!(told(2, &[Closed, Other, Closed, Other]), [false; 4]);
    }

    #[test]
    fn a_message_that_the_server_forbids_is_no_other_client() {
        let state = || Ending::ClosedAfter("spBv1.0/STATE/h".to_owned());
        assert_eq!(told(2, &[state(), state(), state()]), [false; 3]);
        // The other client comes at any time, so also right after a message.
        let request = Ending::ClosedAfter("spBv1.0/g/NCMD/e".to_owned());
        assert_eq!(told(2, &[Ending::Closed, state(), request.clone()]), [false, false, true]);
        // Requests to several edge nodes may all be forbidden.
        let other = Ending::ClosedAfter("spBv1.0/g/NCMD/other".to_owned());
        assert_eq!(told(2, &[request, other, state()]), [false; 3]);
    }
}
