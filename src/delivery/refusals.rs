//! Whether SiteWise accepts anything at all: answers that go well as a whole, and in which every
//! entry has an error that may pass.
//!
//! Where one property is refused while others are accepted, it is named. Where nothing was accepted
//! since the first refusal, it is the bridge that has no way through, and that is one cause.

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

/// Refused entries from which on nothing seems to pass.
const LEAST_ENTRIES: u32 = 5;
/// And of so many properties.
const LEAST_STREAMS: usize = 2;
/// For so long nothing was accepted. What passes does within that time.
const AFTER: Duration = Duration::from_secs(5);
/// Properties that are remembered.
const REMEMBERED: usize = 10_000;

/// Whether SiteWise is known to accept other values than those of a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// It accepted some since it first refused these.
    Accepted,
    /// Nothing was accepted since, perhaps since nothing else was tried.
    NotTried,
}

/// What else there is of a property of which a value was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// Nothing that was refused.
    None,
    /// Values that were refused.
    Refused,
}

/// Nothing passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NothingPasses {
    /// When the first entry was refused.
    pub since: Instant,
    /// The last error, with the cause that it has for an entry.
    pub fault: ApiFault,
}

/// What was refused, and whether anything was accepted since.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    /// From the first refusal until something is accepted.
    streak: Option<Streak>,
    /// Properties that were refused while others were accepted.
    alone: BTreeSet<Stream>,
}

#[derive(Debug)]
struct Streak {
    told: NothingPasses,
    entries: u32,
    streams: BTreeSet<Stream>,
    holds: bool,
}

impl Streak {
    fn is_enough(&self) -> bool {
        self.entries >= LEAST_ENTRIES && self.streams.len() >= LEAST_STREAMS
    }
}

impl Refusals {
    /// An entry was refused, or a request that had it; that one counts elsewhere.
    pub(super) fn refused(&mut self, stream: Stream, fault: &ApiFault, entries: u32, now: Instant) {
        if self.alone.contains(&stream) {
            return;
        }
        let streak = self.streak.get_or_insert_with(|| Streak {
            told: NothingPasses { since: now, fault: fault.clone() },
            entries: 0,
            streams: BTreeSet::new(),
            holds: false,
        });
        streak.entries = streak.entries.saturating_add(entries);
        if streak.streams.len() < REMEMBERED {
            streak.streams.insert(stream);
        }
        if streak.told.fault.message != fault.message {
            streak.told.fault = fault.clone();
        }
        streak.told.fault.cause = Cause::of_entry(fault);
    }

    /// A value was accepted. Returns whether nothing was before.
    pub(super) fn accepted(&mut self, stream: Stream, rest: Rest) -> bool {
        if self.streak.is_none() && self.alone.is_empty() {
            return false;
        }
        if rest == Rest::None {
            self.alone.remove(&stream);
        }
        let Some(streak) = self.streak.take() else { return false };
        // After a time in which all were refused, it is not known yet who still is.
        if !streak.holds {
            let is_done = |other: &Stream| *other == stream && rest == Rest::None;
            let others = streak.streams.into_iter().filter(|other| !is_done(other));
            self.alone.extend(others.take(REMEMBERED.saturating_sub(self.alone.len())));
        }
        streak.holds
    }

    /// Whether it has just become clear that nothing passes.
    pub(super) fn look(&mut self, now: Instant) -> bool {
        let Some(streak) = self.streak.as_mut() else { return false };
        if streak.holds || !streak.is_enough() || now.since(streak.told.since) < AFTER {
            return false;
        }
        streak.holds = true;
        true
    }

    /// When to check next.
    pub(super) fn due(&self) -> Option<Instant> {
        let streak = self.streak.as_ref()?;
        (!streak.holds && streak.is_enough()).then(|| streak.told.since + AFTER)
    }

    /// No value of this property is refused any more.
    pub(super) fn ended(&mut self, stream: Stream) {
        self.alone.remove(&stream);
    }

    /// Whether a property is refused while others are accepted.
    pub(super) fn others(&self, stream: Stream) -> Others {
        if self.alone.contains(&stream) { Others::Accepted } else { Others::NotTried }
    }

    /// Whether it is too early to say that.
    pub(super) fn is_open(&self, stream: Stream, now: Instant) -> bool {
        let streak = self.streak.as_ref();
        streak.is_some_and(|streak| {
            streak.streams.contains(&stream) && now.since(streak.told.since) < 2 * AFTER
        })
    }

    /// The backoff of a value or a property. While nothing passes it is not theirs, and does not
    /// grow.
    pub(super) fn wait(&self, kind: ApiFaultKind, failures: u8, random: &mut Rng) -> Duration {
        match self.nothing_passes() {
            Some(_) => retry::delay(kind, failures, random),
            None => retry::capped_backoff(kind, failures, random),
        }
    }

    /// Why nothing passes, if it does not.
    pub(super) fn nothing_passes(&self) -> Option<&NothingPasses> {
        self.streak.as_ref().filter(|streak| streak.holds).map(|streak| &streak.told)
    }

    /// The same, where it is about the way to SiteWise and not about what SiteWise has.
    pub(super) fn is_unreachable(&self) -> bool {
        self.nothing_passes().is_some_and(|told| {
            !matches!(told.fault.kind, ApiFaultKind::NotFound | ApiFaultKind::Conflict)
        })
    }
}

impl Delivery {
    /// Why nothing passes although SiteWise answers, if that is so.
    pub fn nothing_passes(&self) -> Option<&NothingPasses> {
        self.refusals.nothing_passes()
    }

    /// An entry was answered: what of it can be tried again, and whether anything else was decided.
    pub(super) fn note_entry(
        &mut self,
        stream: Stream,
        again: &[(PendingValue, &ApiFault)],
        decided: bool,
        now: Now,
    ) {
        if decided {
            let state = self.streams.find(stream).and_then(|slot| self.streams.get(slot));
            let waits = state.is_some_and(|state| state.failing(1) > 0);
            let rest = if waits || !again.is_empty() { Rest::Refused } else { Rest::None };
            if self.refusals.accepted(stream, rest) {
                self.try_all_again(now);
            }
            return;
        }
        // Too fast is another matter: what is slower passes.
        let too_fast = |kind| matches!(kind, ApiFaultKind::Throttled | ApiFaultKind::Limit);
        if let Some((_, fault)) = again.iter().find(|(_, fault)| !too_fast(fault.kind)) {
            self.refusals.refused(stream, fault, 1, now.instant);
        }
    }

    /// A request failed as a whole, perhaps for one of its properties.
    pub(super) fn note_request(&mut self, request: &InFlight, fault: &ApiFault, now: Now) {
        let of_a_part = matches!(
            fault.kind,
            ApiFaultKind::Foreign | ApiFaultKind::Busy | ApiFaultKind::Unavailable
        );
        if !of_a_part {
            return;
        }
        if self.circuit.is_away() {
            self.refusals.streak = None;
            return self.name_only_those_alone();
        }
        for (slot, _) in &request.entries {
            if let Some(state) = self.streams.get(*slot) {
                self.refusals.refused(state.stream, fault, 0, now.instant);
            }
        }
    }

    /// Checks whether all entries are rejected, and reports it.
    pub(super) fn look_at_refusals(&mut self, now: Now) {
        if self.refusals.look(now.instant) {
            self.name_only_those_alone();
        }
    }

    /// Since nothing is accepted, properties are no longer named as failing one by one.
    fn name_only_those_alone(&mut self) {
        let refusals = &self.refusals;
        self.failing.retain(|stream| refusals.others(stream) == Others::Accepted);
    }

    /// A value was accepted again: all delays of that period end.
    fn try_all_again(&mut self, now: Now) {
        for slot in self.streams.slots() {
            if let Some(state) = self.streams.get_mut(slot) {
                state.end_delays(now.instant);
            }
            self.schedule(slot, now);
        }
    }
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
        let mut refusals = Refusals::default();
        for property in 0..20 {
            refusals.refused(stream(property), &denied, 1, at(0));
        }
        assert!(!refusals.accepted(stream(30), Rest::None), "nothing was told yet");
        assert_eq!(refusals.others(stream(3)), Others::Accepted);
        for property in 0..20 {
            refusals.refused(stream(property), &denied, 1, at(1));
        }
        assert!(!refusals.look(at(100)), "a quiet plant in which one asset is denied");
        assert!(!refusals.accepted(stream(3), Rest::Refused));
        assert_eq!(refusals.others(stream(3)), Others::Accepted, "another value of it");
        // Once accepted it counts like any other.
        assert!(!refusals.accepted(stream(3), Rest::None));
        assert_eq!(refusals.others(stream(3)), Others::NotTried);
    }
}
