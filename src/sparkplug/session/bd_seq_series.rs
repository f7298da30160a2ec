//! Two senders that publish as one edge node [intro-edge-node-id-uniqueness].
//!
//! A sender keeps its bdSeq for a rebirth and counts it on with each connection. Two of them
//! give two such series that interleave: each birth goes on not from the last one, but from the
//! one before that. A node that starts over jumps back once, and then goes on from there.

use std::time::Duration;

use crate::time::Instant;

/// A sender goes on by this much at most: some count twice for a connection.
const MAX_STEP: u64 = 2;
/// Births that alternate within this time are of two senders that are there at once. Gateways
/// that stand in for each other alternate as well, but not so often.
const ALTERNATION_WINDOW: Duration = Duration::from_secs(600);
/// Turns from one series to the other and back that tell that there are two.
const ALTERNATIONS: u8 = 2;

/// The series of bdSeq that the births of an edge node make.
#[derive(Clone, Debug, Default)]
pub(super) struct BdSeqSeries {
    /// That of the last birth.
    last_bd_seq: Option<u64>,
    /// That of the last birth before the series was left.
    other_bd_seq: Option<u64>,
    /// How often the one series was left for the other since.
    alternations: u8,
    since: Instant,
}

impl BdSeqSeries {
    /// The node is born with this bdSeq; true if there are two of it.
    pub(super) fn born(&mut self, bd_seq: u64, now: Instant) -> bool {
        let Some(last) = self.last_bd_seq.replace(bd_seq) else { return false };
        if continues(last, bd_seq) {
            return false;
        }
        let before = self.other_bd_seq.replace(last);
        if before.is_none_or(|before| !continues(before, bd_seq)) {
            self.alternations = 0;
            self.since = now;
            return false;
        }
        if now.since(self.since) > ALTERNATION_WINDOW {
            self.alternations = 0;
            self.since = now;
        }
        self.alternations = self.alternations.saturating_add(1);
        self.alternations >= ALTERNATIONS
    }
}

/// Whether a sender whose last birth had `before` may have `after` now. Both are bytes that
/// count around, but some senders count on.
fn continues(before: u64, after: u64) -> bool {
    after.wrapping_sub(before) % 256 <= MAX_STEP
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of these births, this many seconds apart, tell of two senders.
    fn told(seconds: u64, births: &[u64]) -> usize {
        let mut senders = BdSeqSeries::default();
        let mut now = Instant::START;
        let mut told = 0;
        for bd_seq in births {
            told += usize::from(senders.born(*bd_seq, now));
            now = now + Duration::from_secs(seconds);
        }
        told
    }

    #[test]
    fn two_series_that_interleave_are_of_two_senders() {
        // Both are asked for a rebirth again and again, and answer in any order.
        assert_eq!(told(10, &[7, 90, 7, 90, 90, 7]), 2);
        // They take the connection from each other.
        assert_eq!(told(10, &[254, 90, 255, 91, 0, 92]), 3);
        assert_eq!(told(10, &[7, 90, 7]), 0);
    }

    #[test]
    fn one_sender_is_never_taken_for_two() {
        for births in [
            &[0, 0, 0, 0, 0][..],
            &[254, 255, 0, 1, 1, 2],
            &[0, 2, 4, 6, 8],
            // It starts over with each start of the machine, or where it was saved last.
            &[0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 4, 0],
            &[57, 0, 1, 57, 58, 0, 1],
            &[0, 1, 0, 1, 0, 1],
            &[0, 2, 0, 2, 0, 2],
            &[1_790_000_000_017, 1_790_000_000_461, 1_790_000_003_092],
        ] {
            assert_eq!(told(1, births), 0, "{births:?}");
        }
        // Gateways that stand in for each other.
        assert_eq!(told(900, &[7, 90, 8, 91, 9, 92]), 0);
    }
}
