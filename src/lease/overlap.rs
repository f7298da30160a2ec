//! While one connection replaces another, both bring the same messages: each is read once.
//!
//! A server hands a message to every connection that is subscribed when it arrives, so what comes on
//! both is the same message. Which of the two comes first is read, the other is dropped. Payloads of
//! Sparkplug differ by sequence number and time; where a sender leaves out both times and repeats
//! itself within the overlap, a message may be taken for another's copy: the gap in the sequence then
//! triggers a rebirth request.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use crate::time::Instant;

/// How long a copy is waited for, at least; at most twice as long.
const REMEMBERED: Duration = Duration::from_secs(10);
/// Messages remembered in each half of that time; beyond it the older half is forgotten.
const MOST: usize = 200_000;

/// On which of two connections a message came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The one that is replaced.
    Old,
    /// The one that replaces it.
    New,
}

/// What came on one side and not yet on the other.
#[derive(Debug)]
pub struct Overlap {
    hasher: RandomState,
    recent: HashMap<u64, Ahead>,
    before: HashMap<u64, Ahead>,
    rotated: Instant,
    most: usize,
    dropped: u64,
}

/// By how many copies a side is ahead.
#[derive(Clone, Copy, Debug)]
struct Ahead {
    side: Side,
    copies: u32,
}

impl Overlap {
    /// Nothing came yet.
    pub fn new(now: Instant) -> Self {
        Self {
            hasher: RandomState::new(),
            recent: HashMap::new(),
            before: HashMap::new(),
            rotated: now,
            most: MOST,
            dropped: 0,
        }
    }

    /// Whether a message is to be read: the other side has not brought it.
    pub fn admit(&mut self, side: Side, message: (&str, &[u8], bool), now: Instant) -> bool {
        if now.since(self.rotated) >= REMEMBERED || self.recent.len() >= self.most {
            self.before = std::mem::take(&mut self.recent);
            self.rotated = now;
        }
        let key = self.hasher.hash_one(message);
        for known in [&mut self.before, &mut self.recent] {
            if let Entry::Occupied(mut entry) = known.entry(key)
                && entry.get().side != side
            {
                let ahead = entry.get_mut();
                ahead.copies -= 1;
                if ahead.copies == 0 {
                    entry.remove();
                }
                self.dropped += 1;
                return false;
            }
        }
        self.recent.entry(key).or_insert(Ahead { side, copies: 0 }).copies += 1;
        true
    }

    /// Messages that both sides have brought.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_start(Duration::from_secs(seconds))
    }

    #[test]
    fn each_message_is_read_once_whichever_side_brings_it_first() {
        let mut random = fastrand::Rng::with_seed(11);
        for _ in 0..200 {
            let mut overlap = Overlap::new(at(0));
            // The old side hears all up to its end, the new one all from its beginning on.
            let (end, begin) = (random.usize(50..100), random.usize(0..50));
            let (mut old, mut new) = (0..end, begin..100);
            let mut read = Vec::new();
            while !old.is_empty() || !new.is_empty() {
                let side = if random.bool() { Side::Old } else { Side::New };
                let next = match side {
                    Side::Old => old.next(),
                    Side::New => new.next(),
                };
                let Some(next) = next else { continue };
                if overlap.admit(side, ("spBv1.0/g/NDATA/n", &next.to_le_bytes(), false), at(0)) {
                    read.push(next);
                }
            }
            read.sort_unstable();
            assert_eq!(read, (0..100).collect::<Vec<_>>());
            assert_eq!(overlap.dropped() as usize, end - begin);
        }
    }

    #[test]
    fn what_a_sender_repeats_is_read_as_often_as_it_says_it() {
        let mut overlap = Overlap::new(at(0));
        let same = ("spBv1.0/g/DDATA/n/d", &b"same"[..], false);
        let read = |overlap: &mut Overlap, side| overlap.admit(side, same, at(0));
        let sides = [Side::Old, Side::Old, Side::New, Side::New, Side::New, Side::Old];
        let read: Vec<_> = sides.map(|side| read(&mut overlap, side)).into();
        assert_eq!(read, [true, true, false, false, true, false]);
        let other = ("spBv1.0/g/DDATA/n/e", &b"same"[..], false);
        assert!(overlap.admit(Side::New, other, at(0)));
    }

    #[test]
    fn a_message_is_not_the_copy_of_one_from_long_ago() {
        let mut overlap = Overlap::new(at(0));
        let same = ("spBv1.0/g/DDATA/n/d", &b"same"[..], false);
        assert!(overlap.admit(Side::Old, same, at(0)));
        assert!(!overlap.admit(Side::New, same, at(9)));
        assert!(overlap.admit(Side::Old, same, at(9)));
        assert!(overlap.admit(Side::Old, ("other", b"", false), at(10)));
        assert!(overlap.admit(Side::Old, ("other", b"", false), at(20)));
        assert!(overlap.admit(Side::New, same, at(20)));
    }

    #[test]
    fn memory_is_bounded() {
        let mut overlap = Overlap { most: 100, ..Overlap::new(at(0)) };
        for number in 0..1_000_u64 {
            assert!(overlap.admit(Side::Old, ("topic", &number.to_le_bytes(), false), at(1)));
            assert!(overlap.recent.len() + overlap.before.len() <= 200);
        }
    }
}
