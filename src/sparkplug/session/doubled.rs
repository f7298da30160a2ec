//! Numbers that one source sends twice with other words, again after each birth: perhaps two senders
//! publish as one edge node, and their bdSeq are the same, so that their births look like one's.
//!
//! A sender that counts for each device, or numbers all its messages alike, does not: the numbers of
//! each of its sources go on, or stay the same. One such number alone may be an accident.

use std::collections::VecDeque;
use std::time::Duration;

use crate::time::Instant;

/// Births within this time, after each of which it is so again.
const WINDOW: Duration = Duration::from_secs(600);
/// How many of them tell.
const BIRTHS: u8 = 2;
/// Messages that are remembered: by so many one of two senders may be ahead.
const SEEN: usize = 16;

/// The numbers that came twice.
#[derive(Clone, Debug, Default)]
pub(super) struct DoubledNumbers {
    /// The last messages since the birth of the node: source, number, and the hash of the whole.
    seen: VecDeque<(u64, u8, u64)>,
    /// The first number that came twice since then.
    first: Option<u8>,
    /// Whether another followed it.
    is_doubled: bool,
    /// After how many births that was so.
    births: u8,
    since: Instant,
}

impl DoubledNumbers {
    /// The node is born.
    pub(super) fn node_born(&mut self) {
        self.seen.clear();
        (self.first, self.is_doubled) = (None, false);
    }

    /// A message has come. True if it tells of two senders.
    pub(super) fn note(&mut self, (source, seq, hash): (u64, u8, u64), now: Instant) -> bool {
        let is_other =
            |before: &(u64, u8, u64)| (before.0, before.1) == (source, seq) && before.2 != hash;
        let is_again = self.seen.iter().any(is_other);
        if self.seen.len() == SEEN {
            self.seen.pop_front();
        }
        self.seen.push_back((source, seq, hash));
        if !is_again || *self.first.get_or_insert(seq) == seq || self.is_doubled {
            return false;
        }
        self.is_doubled = true;
        if self.births == 0 || now.since(self.since) > WINDOW {
            (self.births, self.since) = (0, now);
        }
        self.births = self.births.saturating_add(1);
        self.births >= BIRTHS
    }
}
