//! Whether SiteWise accepts anything at all: responses with status 200 whose every entry has a
//! retryable error.
//!
//! Where one property is rejected while others are accepted, it is named. Where nothing was
//! accepted since the first rejection, all values fail for one cause, and that cause is named.

use std::collections::BTreeSet;
use std::time::Duration;

use fastrand::Rng;

use super::Delivery;
use super::point::Stream;
use super::request::InFlight;
use super::retry;
use super::stream::PendingValue;
use crate::sitewise::api::{ApiFault, ApiFaultKind};
use crate::sitewise::cause::Cause;
use crate::time::{Instant, Now};

/// Rejected entries after which SiteWise counts as accepting nothing.
const MIN_ENTRIES: u32 = 5;
/// Properties that these have to be of, at least.
const MIN_STREAMS: usize = 2;
/// How long nothing has to be accepted for that.
const CONFIRM_AFTER: Duration = Duration::from_secs(5);
/// Properties that are remembered.
const MAX_STREAMS: usize = 10_000;

/// Whether SiteWise is known to accept other values than those of a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherProperties {
    /// It accepted some since it first rejected these.
    Accepted,
    /// Nothing was accepted since, perhaps since nothing else was tried.
    NotTried,
}

/// What it means that a value was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AcceptResult {
    /// Nothing changes for the others.
    Unchanged,
    /// Until now every value was rejected: the others can be sent again at once.
    EndsAllRejected,
}

/// What else there is of a property of which a value was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RejectedRemainder {
    /// Nothing that was rejected.
    None,
    /// Values that were rejected.
    Rejected,
}

/// SiteWise answers, and accepts nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllRejected {
    /// When the first entry was rejected.
    pub since: Instant,
    /// The last error, with the cause that it has for an entry.
    pub fault: ApiFault,
}

/// What was rejected, and whether anything was accepted since.
#[derive(Debug, Default)]
pub(super) struct RejectionTracker {
    /// From the first rejection until something is accepted.
    streak: Option<RejectionStreak>,
    /// Properties that were rejected while others were accepted.
    isolated: BTreeSet<Stream>,
}

#[derive(Debug)]
struct RejectionStreak {
    report: AllRejected,
    entries: u32,
    streams: BTreeSet<Stream>,
    is_confirmed: bool,
}

impl RejectionStreak {
    fn is_enough(&self) -> bool {
        self.entries >= MIN_ENTRIES && self.streams.len() >= MIN_STREAMS
    }
}

impl RejectionTracker {
    /// An entry was rejected, or a request that had it; that one counts elsewhere.
    pub(super) fn record_rejection(
        &mut self,
        stream: Stream,
        fault: &ApiFault,
        entries: u32,
        now: Instant,
    ) {
        if self.isolated.contains(&stream) {
            return;
        }
        let streak = self.streak.get_or_insert_with(|| RejectionStreak {
            report: AllRejected { since: now, fault: fault.clone() },
            entries: 0,
            streams: BTreeSet::new(),
            is_confirmed: false,
        });
        streak.entries = streak.entries.saturating_add(entries);
        if streak.streams.len() < MAX_STREAMS {
            streak.streams.insert(stream);
        }
        if streak.report.fault.message != fault.message {
            streak.report.fault = fault.clone();
        }
        streak.report.fault.cause = Cause::of_entry(fault);
    }

    /// A value was accepted.
    pub(super) fn record_accepted(
        &mut self,
        stream: Stream,
        remainder: RejectedRemainder,
    ) -> AcceptResult {
        if self.streak.is_none() && self.isolated.is_empty() {
            return AcceptResult::Unchanged;
        }
        if remainder == RejectedRemainder::None {
            self.isolated.remove(&stream);
        }
        let Some(streak) = self.streak.take() else { return AcceptResult::Unchanged };
        // After a confirmed streak it is not known yet which properties are still rejected.
        if !streak.is_confirmed {
            let is_done = |other: &Stream| *other == stream && remainder == RejectedRemainder::None;
            let others = streak.streams.into_iter().filter(|other| !is_done(other));
            self.isolated.extend(others.take(MAX_STREAMS.saturating_sub(self.isolated.len())));
        }
        match streak.is_confirmed {
            true => AcceptResult::EndsAllRejected,
            false => AcceptResult::Unchanged,
        }
    }

    /// Whether it has just become clear that nothing passes.
    pub(super) fn check(&mut self, now: Instant) -> bool {
        let Some(streak) = self.streak.as_mut() else { return false };
        if streak.is_confirmed
            || !streak.is_enough()
            || now.since(streak.report.since) < CONFIRM_AFTER
        {
            return false;
        }
        streak.is_confirmed = true;
        true
    }

    /// When to check next.
    pub(super) fn next_check(&self) -> Option<Instant> {
        let streak = self.streak.as_ref()?;
        (!streak.is_confirmed && streak.is_enough()).then(|| streak.report.since + CONFIRM_AFTER)
    }

    /// No value of this property is rejected any more.
    pub(super) fn forget(&mut self, stream: Stream) {
        self.isolated.remove(&stream);
    }

    /// Whether others are accepted while this property is rejected.
    pub(super) fn others(&self, stream: Stream) -> OtherProperties {
        if self.isolated.contains(&stream) {
            OtherProperties::Accepted
        } else {
            OtherProperties::NotTried
        }
    }

    /// Whether it is too early to tell whether others are accepted.
    pub(super) fn is_undecided(&self, stream: Stream, now: Instant) -> bool {
        let streak = self.streak.as_ref();
        streak.is_some_and(|streak| {
            streak.streams.contains(&stream) && now.since(streak.report.since) < 2 * CONFIRM_AFTER
        })
    }

    /// The backoff of a value or a property. While nothing passes it is not theirs, and does not
    /// grow.
    pub(super) fn backoff(&self, kind: ApiFaultKind, failures: u8, random: &mut Rng) -> Duration {
        match self.all_rejected() {
            Some(_) => retry::delay(kind, failures, random),
            None => retry::capped_backoff(kind, failures, random),
        }
    }

    /// Why nothing passes, if it does not.
    pub(super) fn all_rejected(&self) -> Option<&AllRejected> {
        self.streak.as_ref().filter(|streak| streak.is_confirmed).map(|streak| &streak.report)
    }

    /// Whether SiteWise counts as unreachable for that: not where the error is about assets or
    /// properties that are missing or in conflict.
    pub(super) fn is_unreachable(&self) -> bool {
        self.all_rejected().is_some_and(|rejected| {
            !matches!(rejected.fault.kind, ApiFaultKind::NotFound | ApiFaultKind::Conflict)
        })
    }
}

impl Delivery {
    /// Why nothing passes although SiteWise answers, if that is so.
    pub fn all_rejected(&self) -> Option<&AllRejected> {
        self.rejections.all_rejected()
    }

    /// An entry was answered: what of it can be tried again, and whether anything else was decided.
    pub(super) fn note_entry(
        &mut self,
        stream: Stream,
        retryable: &[(PendingValue, &ApiFault)],
        any_settled: bool,
        now: Now,
    ) {
        if any_settled {
            let state = self.streams.find(stream).and_then(|slot| self.streams.get(slot));
            let has_failed_queued = state.is_some_and(|state| state.failed_at_least(1) > 0);
            let remainder = if has_failed_queued || !retryable.is_empty() {
                RejectedRemainder::Rejected
            } else {
                RejectedRemainder::None
            };
            if self.rejections.record_accepted(stream, remainder) == AcceptResult::EndsAllRejected {
                self.end_all_delays(now);
            }
            return;
        }
        // Throttling is no rejection: the same values are accepted at a lower rate.
        let too_fast = |kind| matches!(kind, ApiFaultKind::Throttled | ApiFaultKind::Limit);
        if let Some((_, fault)) = retryable.iter().find(|(_, fault)| !too_fast(fault.kind)) {
            self.rejections.record_rejection(stream, fault, 1, now.instant);
        }
    }

    /// A request failed as a whole, perhaps for one of its properties.
    pub(super) fn note_request(&mut self, request: &InFlight, fault: &ApiFault, now: Now) {
        if !may_be_about_values(fault.kind) {
            return;
        }
        if self.circuit.is_open() {
            self.rejections.streak = None;
            return self.keep_only_isolated_failures();
        }
        for (slot, _) in &request.entries {
            if let Some(state) = self.streams.get(*slot) {
                self.rejections.record_rejection(state.stream, fault, 0, now.instant);
            }
        }
    }

    /// Checks whether all entries are rejected, and reports it.
    pub(super) fn check_rejections(&mut self, now: Now) {
        if self.rejections.check(now.instant) {
            self.keep_only_isolated_failures();
        }
    }

    /// Since nothing is accepted, properties are no longer named as failing one by one.
    fn keep_only_isolated_failures(&mut self) {
        let rejections = &self.rejections;
        self.failing.retain(|stream| rejections.others(stream) == OtherProperties::Accepted);
    }

    /// A value was accepted again: all delays of that period end.
    fn end_all_delays(&mut self, now: Now) {
        self.keep_only_isolated_failures();
        for slot in self.streams.slots() {
            if let Some(state) = self.streams.get_mut(slot) {
                state.end_delays(now.instant);
            }
            self.schedule(slot, now);
        }
    }
}

/// Whether the fault of a whole request may be about single values in it, rather than about a
/// property or the service.
pub(super) fn may_be_about_values(kind: ApiFaultKind) -> bool {
    matches!(kind, ApiFaultKind::Foreign | ApiFaultKind::Busy | ApiFaultKind::Unavailable)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn stream(property: u128) -> Stream {
        Stream { asset: Uuid::from_u128(1), property: Uuid::from_u128(property) }
    }

    fn at(seconds: u64) -> Instant {
        Instant::START + Duration::from_secs(seconds)
    }

    #[test]
    fn who_is_refused_while_another_is_accepted_is_alone_and_says_nothing_of_all() {
        let denied = ApiFault::new(ApiFaultKind::Denied, "no");
        let mut refusals = RejectionTracker::default();
        for property in 0..20 {
            refusals.record_rejection(stream(property), &denied, 1, at(0));
        }
        let accepted = refusals.record_accepted(stream(30), RejectedRemainder::None);
        assert_eq!(accepted, AcceptResult::Unchanged, "nothing was told yet");
        assert_eq!(refusals.others(stream(3)), OtherProperties::Accepted);
        for property in 0..20 {
            refusals.record_rejection(stream(property), &denied, 1, at(1));
        }
        assert!(!refusals.check(at(100)), "a quiet plant in which one asset is denied");
        let accepted = refusals.record_accepted(stream(3), RejectedRemainder::Rejected);
        assert_eq!(accepted, AcceptResult::Unchanged);
        assert_eq!(refusals.others(stream(3)), OtherProperties::Accepted, "another value of it");
        // Once accepted it counts like any other.
        let accepted = refusals.record_accepted(stream(3), RejectedRemainder::None);
        assert_eq!(accepted, AcceptResult::Unchanged);
        assert_eq!(refusals.others(stream(3)), OtherProperties::NotTried);
    }
}
