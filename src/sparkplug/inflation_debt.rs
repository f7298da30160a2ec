//! Rate limit of decompression: a compressed payload of two kilobytes can inflate to sixteen
//! megabytes, and the messages of all other senders are queued meanwhile.
//!
//! Payloads that inflate no further than usual ones cost nothing, and are always read. What exceeds
//! that is a debt, paid off at a steady rate; beyond its limit, payloads of that sender that inflate
//! further are skipped. Senders that may be made up have a debt of their own and one together.

use std::time::Duration;

use super::limits;
use crate::time::Instant;

/// The debt of one sender, or of all unproven senders together.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct InflationDebt {
    bytes: u64,
    at: Instant,
}

/// How far a compressed payload is inflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InflationLimit {
    /// As far as any payload may be.
    Full,
    /// As far as usual payloads are: its sender's debt exceeds the limit.
    Reduced,
}

impl InflationLimit {
    /// The smaller of two.
    pub(crate) fn and(self, other: Self) -> Self {
        match self {
            Self::Full => other,
            Self::Reduced => Self::Reduced,
        }
    }

    /// To how many bytes a payload of `wire` bytes may be inflated.
    pub(crate) fn bytes(self, wire: usize) -> usize {
        match self {
            Self::Full => limits::PAYLOAD_BYTES,
            Self::Reduced => free(wire).min(limits::PAYLOAD_BYTES),
        }
    }
}

/// What a payload of `wire` bytes may take for nothing.
fn free(wire: usize) -> usize {
    wire.saturating_mul(limits::INFLATED_FREE)
}

/// The largest debt at which payloads are still inflated, and how fast it is paid off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InflationBound {
    pub(crate) max_debt: u64,
    pub(crate) per_second: u64,
}

impl InflationDebt {
    /// How far another payload may be inflated now.
    pub(crate) fn inflate(&mut self, bound: InflationBound, now: Instant) -> InflationLimit {
        self.pay_off(bound, now);
        if self.bytes < bound.max_debt { InflationLimit::Full } else { InflationLimit::Reduced }
    }

    /// Accounts for a payload: its bytes on the wire, and the work that it took.
    pub(crate) fn add(&mut self, wire: usize, work: usize) {
        self.bytes = self.bytes.saturating_add(work.saturating_sub(free(wire)) as u64);
    }

    fn pay_off(&mut self, bound: InflationBound, now: Instant) {
        let passed = u64::try_from(now.since(self.at).as_millis()).unwrap_or(u64::MAX);
        let paid = passed.saturating_mul(bound.per_second) / 1_000;
        // The remainder of a millisecond counts the next time.
        if self.bytes == 0 || paid > 0 {
            self.bytes = self.bytes.saturating_sub(paid);
            self.at = self.at + Duration::from_millis(passed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: InflationBound = InflationBound { max_debt: 1_000, per_second: 100 };

    fn at(millis: u64) -> Instant {
        Instant::START + Duration::from_millis(millis)
    }

    #[test]
    fn what_inflates_as_honest_payloads_do_is_free() {
        let mut debt = InflationDebt::default();
        for _ in 0..1_000 {
            debt.add(100, 100 * limits::INFLATED_FREE);
        }
        assert_eq!((debt.bytes, debt.inflate(BOUND, at(0))), (0, InflationLimit::Full));
    }

    #[test]
    fn a_debt_stops_its_sender_until_it_is_paid_off() {
        let mut debt = InflationDebt::default();
        assert_eq!(debt.inflate(BOUND, at(5_000)), InflationLimit::Full);
        debt.add(1, 999 + limits::INFLATED_FREE);
        assert_eq!(debt.inflate(BOUND, at(5_000)), InflationLimit::Full);
        debt.add(0, 501);
        for (millis, inflate) in [
            (5_000, InflationLimit::Reduced),
            (9_000, InflationLimit::Reduced),
            (10_000, InflationLimit::Reduced),
            (10_011, InflationLimit::Full),
            (100_000, InflationLimit::Full),
        ] {
            assert_eq!(debt.inflate(BOUND, at(millis)), inflate, "{millis}");
        }
        // An unused allowance is not saved up.
        debt.add(0, 1_000);
        assert_eq!(debt.inflate(BOUND, at(100_000)), InflationLimit::Reduced);
    }

    #[test]
    fn a_debt_is_paid_off_however_often_it_is_looked_at() {
        let mut debt = InflationDebt::default();
        debt.inflate(BOUND, at(0));
        debt.add(0, 2_000);
        let paid =
            (0..=20_000).find(|millis| debt.inflate(BOUND, at(*millis)) == InflationLimit::Full);
        assert_eq!(paid, Some(10_010));
    }
}
