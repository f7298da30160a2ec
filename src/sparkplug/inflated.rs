//! How much a sender may have inflated: two kilobytes of a compressed payload can become sixteen
//! megabytes, and all others wait while these are read.
//!
//! What inflates no further than honest payloads do costs nothing. What goes beyond is a debt, paid
//! off at a steady rate; while it is past its bound, no compressed payload of that sender is read.

use std::time::Duration;

use super::limits;
use crate::time::Instant;

/// The debt of one sender, or of all those together who are not known.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Debt {
    bytes: u64,
    at: Instant,
}

/// Whether a compressed payload is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inflate {
    Yes,
    /// Its sender has had too much inflated.
    No,
}

/// How much debt there may be before nothing more is inflated, and how fast it is paid off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bound {
    pub(crate) most: u64,
    pub(crate) per_second: u64,
}

impl Debt {
    /// Whether another payload may be inflated now.
    pub(crate) fn inflate(&mut self, bound: Bound, now: Instant) -> Inflate {
        self.pay(bound, now);
        if self.bytes < bound.most { Inflate::Yes } else { Inflate::No }
    }

    /// A payload of so many bytes on the wire took so much work.
    pub(crate) fn add(&mut self, wire: usize, work: usize) {
        let free = wire.saturating_mul(limits::INFLATED_FREE);
        self.bytes = self.bytes.saturating_add(work.saturating_sub(free) as u64);
    }

    fn pay(&mut self, bound: Bound, now: Instant) {
        let passed = u64::try_from(now.since(self.at).as_millis()).unwrap_or(u64::MAX);
        let paid = passed.saturating_mul(bound.per_second) / 1_000;
        // What is left of a millisecond counts the next time.
        if self.bytes == 0 || paid > 0 {
            self.bytes = self.bytes.saturating_sub(paid);
            self.at = self.at + Duration::from_millis(passed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: Bound = Bound { most: 1_000, per_second: 100 };

    fn at(millis: u64) -> Instant {
        Instant::START + Duration::from_millis(millis)
    }

    #[test]
    fn what_inflates_as_honest_payloads_do_is_free() {
        let mut debt = Debt::default();
        for _ in 0..1_000 {
            debt.add(100, 100 * limits::INFLATED_FREE);
        }
        assert_eq!((debt.bytes, debt.inflate(BOUND, at(0))), (0, Inflate::Yes));
    }

    #[test]
    fn a_debt_stops_its_sender_until_it_is_paid_off() {
        let mut debt = Debt::default();
        assert_eq!(debt.inflate(BOUND, at(5_000)), Inflate::Yes);
        debt.add(1, 999 + limits::INFLATED_FREE);
        assert_eq!(debt.inflate(BOUND, at(5_000)), Inflate::Yes);
        debt.add(0, 501);
        for (millis, inflate) in [
            (5_000, Inflate::No),
            (9_000, Inflate::No),
            (10_000, Inflate::No),
            (10_011, Inflate::Yes),
            (100_000, Inflate::Yes),
        ] {
            assert_eq!(debt.inflate(BOUND, at(millis)), inflate, "{millis}");
        }
        // What was not used is not saved up.
        debt.add(0, 1_000);
        assert_eq!(debt.inflate(BOUND, at(100_000)), Inflate::No);
    }

    #[test]
    fn a_debt_is_paid_off_however_often_it_is_looked_at() {
        let mut debt = Debt::default();
        debt.inflate(BOUND, at(0));
        debt.add(0, 2_000);
        let paid = (0..=20_000).find(|millis| debt.inflate(BOUND, at(*millis)) == Inflate::Yes);
        assert_eq!(paid, Some(10_010));
    }
}
