//! Counters of delivery since its start.

use super::Delivery;
use super::durations::DurationHistogram;
use super::point::{DiscardReason, RejectReason};
use super::whatif::LINGERS;
use crate::time::{Instant, Timestamp};

/// Counters since the start, and current figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeliveryFigures {
    /// Points handed in.
    pub handled: u64,
    /// Points that SiteWise accepted.
    pub delivered: u64,
    /// Latency of delivered live values, from being handed in until SiteWise accepted them.
    pub latencies: DurationHistogram,
    /// How long requests went without an answer, whatever it was.
    pub response_times: DurationHistogram,
    /// Points rejected, by reason.
    pub refused: RejectedCounts,
    /// Points discarded, by rule.
    pub discarded: DiscardedCounts,
    /// Points queued or in flight.
    pub waiting: usize,
    /// When the oldest undecided point was handed in.
    pub oldest: Option<Instant>,
    /// The oldest timestamp of an undecided point; those that wait for the end of their second are
    /// not counted.
    pub oldest_time: Option<Timestamp>,
    /// Requests sent.
    pub requests: u64,
    /// Entries sent.
    pub entries: u64,
    /// Values sent, retries included.
    pub values: u64,
    /// Messages that SiteWise bills for the values it accepted.
    pub billed_messages: u64,
    /// Messages that the points handed in would have been at each of [`LINGERS`], estimated.
    pub messages_at: [u64; LINGERS.len()],
    /// Points queued again for a retry.
    pub retries: u64,
    /// Throttled responses, of requests and of entries.
    pub throttles: u64,
    /// Requests in flight.
    pub in_flight: usize,
}

/// Rejected points by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RejectedCounts {
    /// [`RejectReason::OutOfRange`].
    pub out_of_range: u64,
    /// [`RejectReason::Invalid`].
    pub invalid: u64,
    /// [`RejectReason::Denied`].
    pub denied: u64,
}

impl RejectedCounts {
    /// Over all reasons.
    pub fn total(&self) -> u64 {
        self.out_of_range + self.invalid + self.denied
    }

    /// By the reasons' names, in the order of [`RejectReason::ALL`].
    pub fn named(&self) -> [(&'static str, u64); RejectReason::ALL.len()] {
        RejectReason::ALL.map(|refusal| {
            let count = match refusal {
                RejectReason::OutOfRange => self.out_of_range,
                RejectReason::Invalid => self.invalid,
                RejectReason::Denied => self.denied,
            };
            (refusal.label(), count)
        })
    }

    pub(crate) fn count(&mut self, refusal: RejectReason) {
        *match refusal {
            RejectReason::OutOfRange => &mut self.out_of_range,
            RejectReason::Invalid => &mut self.invalid,
            RejectReason::Denied => &mut self.denied,
        } += 1;
    }

    fn uncount(&mut self, refusal: RejectReason) {
        let count = match refusal {
            RejectReason::OutOfRange => &mut self.out_of_range,
            RejectReason::Invalid => &mut self.invalid,
            RejectReason::Denied => &mut self.denied,
        };
        *count = count.saturating_sub(1);
    }
}

impl Delivery {
    /// A point that was just rejected goes another way: it was not delivery's.
    pub(crate) fn withdraw_rejection(&mut self, refusal: RejectReason) {
        self.figures.handled = self.figures.handled.saturating_sub(1);
        self.figures.refused.uncount(refusal);
    }

    /// A point was rejected in delivery's place.
    pub(crate) fn count_rejected(&mut self, refusal: RejectReason) {
        self.figures.handled += 1;
        self.figures.refused.count(refusal);
    }
}

/// Discarded points by rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiscardedCounts {
    /// [`DiscardReason::Overwritten`].
    pub overwritten: u64,
    /// [`DiscardReason::SecondFull`].
    pub rate: u64,
    /// [`DiscardReason::Misrouted`].
    pub misrouted: u64,
}

impl DiscardedCounts {
    /// Over all rules.
    pub fn total(&self) -> u64 {
        self.overwritten + self.rate + self.misrouted
    }

    pub(super) fn count(&mut self, why: DiscardReason) {
        match why {
            DiscardReason::Overwritten => self.overwritten += 1,
            DiscardReason::SecondFull => self.rate += 1,
            DiscardReason::Misrouted => self.misrouted += 1,
            // Not by delivery.
            DiscardReason::Full
            | DiscardReason::Unreadable
            | DiscardReason::StandbyReleased
            | DiscardReason::StandbyFull => {}
        }
    }
}
