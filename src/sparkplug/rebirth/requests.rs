//! The rebirth requests to one node: when one is due, and for what.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{RebirthPolicy, RebirthTrigger};
use crate::sparkplug::limits;
use crate::time::Instant;

/// An interval is reset after this many times itself without a request.
const INTERVAL_RESET: u32 = 4;

/// The requests to one node.
#[derive(Clone, Debug, Default)]
pub(crate) struct RebirthRequests {
    /// When the next is due.
    due_at: Option<Instant>,
    /// The last that was sent.
    last_sent: Option<LastRequest>,
    triggers: BTreeMap<RebirthTrigger, TriggerState>,
}

#[derive(Clone, Copy, Debug)]
struct LastRequest {
    at: Instant,
    /// When the first was sent of those that no birth answered.
    since: Instant,
    /// Whether a birth has come since.
    answered: bool,
}

/// State of one trigger.
#[derive(Clone, Copy, Debug, Default)]
struct TriggerState {
    last: Option<Instant>,
    interval: Duration,
    /// When a request for it is due, if one is.
    due: Option<Instant>,
    /// Whether it is due only because the last was not answered.
    retrying: bool,
}

/// The result of asking for a rebirth request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestResult {
    /// A request is scheduled or in flight.
    Granted,
    /// As well, but an earlier one for the same trigger was not answered.
    Unanswered,
    /// The reason is switched off, or the node has too many triggers.
    Disabled,
}

impl RebirthRequests {
    /// Schedules a request; `chance` is a random number from 0 to 1, `answer` how long a birth may
    /// take.
    pub(crate) fn request(
        &mut self,
        trigger: RebirthTrigger,
        now: Instant,
        chance: f64,
        policy: &RebirthPolicy,
        answer: Duration,
    ) -> RequestResult {
        if !policy.reasons.contains(trigger.reason()) || !self.has_room(trigger, now, policy) {
            return RequestResult::Disabled;
        }
        let state = self.triggers.entry(trigger).or_default();
        state.retrying = false;
        if state.due.is_none() {
            let jitter = policy.jitter.mul_f64(chance);
            let debounced = state.last.map(|last| last + state.interval);
            // What is under way will do, if it is answered.
            let under_way =
                self.last_sent.filter(|sent| !sent.answered).map(|s| s.at + policy.debounce);
            let due = debounced.max(under_way).unwrap_or(now).max(now + jitter);
            state.due = Some(due);
            self.due_at = Some(self.due_at.map_or(due, |other| other.min(due)));
        }
        let answered = self.last_sent.is_none_or(|sent| sent.answered);
        let is_reset = state.is_reset(now, policy.rarest);
        match state.last {
            // The answer cannot be read either.
            Some(_) if matches!(trigger, RebirthTrigger::Unreadable(_)) && !is_reset => {
                RequestResult::Unanswered
            }
            Some(_) if answered && trigger.may_persist() && !is_reset => RequestResult::Unanswered,
            Some(last) if !answered && now.since(last) >= answer => RequestResult::Unanswered,
            Some(_) | None => RequestResult::Granted,
        }
    }

    /// Whether another fault can be remembered. A node without a table is always asked.
    fn has_room(&mut self, trigger: RebirthTrigger, now: Instant, policy: &RebirthPolicy) -> bool {
        if !trigger.is_one_of_many() || self.triggers.contains_key(&trigger) {
            return true;
        }
        if self.triggers.len() >= limits::TRIGGERS {
            let longest = policy.rarest;
            let is_due = |state: &TriggerState| state.due.is_some() && !state.retrying;
            self.triggers.retain(|_, state| is_due(state) || !state.is_reset(now, longest));
            self.due_at = self.earliest();
        }
        self.triggers.len() < limits::TRIGGERS
    }

    /// Since when the node is asked: when the first request was sent that no birth answered.
    pub(crate) fn asked_since(&self) -> Option<Instant> {
        self.last_sent.map(|sent| sent.since)
    }

    /// When a request is due.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due_at
    }

    /// Whether a request for this is due, or will be.
    pub(crate) fn is_due_for(&self, trigger: RebirthTrigger) -> bool {
        self.triggers.get(&trigger).is_some_and(|state| state.due.is_some())
    }

    /// For what the next request is, once the last was sent in vain: no birth answers it.
    pub(crate) fn unanswered_trigger(
        &self,
        now: Instant,
        policy: &RebirthPolicy,
    ) -> Option<RebirthTrigger> {
        let sent = self.last_sent.filter(|sent| !sent.answered)?;
        self.next().filter(|_| now.since(sent.at) >= policy.debounce)
    }

    /// Whether no birth has answered the last request.
    pub(crate) fn is_unanswered(&self) -> bool {
        self.last_sent.is_some_and(|sent| !sent.answered)
    }

    /// Whether a request was sent within `patience` that no birth has answered.
    pub(crate) fn is_answer_due(&self, now: Instant, patience: Duration) -> bool {
        self.last_sent.is_some_and(|sent| !sent.answered && now.since(sent.at) < patience)
    }

    /// Whether a birth has answered a request that was sent within `patience`.
    pub(crate) fn is_answered_within(&self, now: Instant, patience: Duration) -> bool {
        self.last_sent.is_some_and(|sent| sent.answered && now.since(sent.at) < patience)
    }

    /// What is asked for next.
    fn next(&self) -> Option<RebirthTrigger> {
        let due_triggers =
            self.triggers.iter().filter_map(|(trigger, state)| Some((state.due?, *trigger)));
        due_triggers.min().map(|(_, trigger)| trigger)
    }

    fn earliest(&self) -> Option<Instant> {
        self.triggers.values().filter_map(|state| state.due).min()
    }

    /// A request is sent now, if one is due: for what. It asks for all that is wished. A request
    /// may be lost, and who would answer the next may be silent for hours: it is sent again, with
    /// backoff, until a birth comes.
    pub(crate) fn send(
        &mut self,
        now: Instant,
        chance: f64,
        policy: &RebirthPolicy,
    ) -> Option<RebirthTrigger> {
        self.due_at.filter(|due| *due <= now)?;
        let trigger = self.next()?;
        let answered = self.last_sent.is_some_and(|sent| sent.answered);
        for (trigger, state) in &mut self.triggers {
            let Some(due) = state.due.take() else { continue };
            let is_cured = answered && !trigger.may_persist();
            let longest = if is_cured { policy.longest } else { policy.rarest };
            // The interval grows while requests follow each other, and is reset after a pause. What is
            // sent for another reason helps as well, but does not make this one rarer.
            state.interval = match state.is_reset(now, longest) {
                true => policy.debounce,
                false if due > now => state.interval.min(longest),
                false => state.interval.saturating_mul(2).min(longest),
            };
            state.last = Some(now);
            state.due = Some(now + state.interval + policy.jitter.mul_f64(chance));
            state.retrying = true;
        }
        self.due_at = self.earliest();
        let unanswered = self.last_sent.filter(|sent| !sent.answered);
        let since = unanswered.map_or(now, |sent| sent.since);
        self.last_sent = Some(LastRequest { at: now, since, answered: false });
        Some(trigger)
    }

    /// Cancels all requests.
    pub(crate) fn cancel(&mut self) {
        self.due_at = None;
        for state in self.triggers.values_mut() {
            state.due = None;
        }
    }

    /// A birth of the node has arrived, requested or not.
    pub(crate) fn answered(&mut self, policy: &RebirthPolicy) {
        self.cancel();
        if let Some(sent) = &mut self.last_sent {
            sent.answered = true;
        }
        self.triggers.retain(|trigger, state| {
            if !trigger.may_persist() {
                state.interval = state.interval.min(policy.longest);
            }
            !trigger.is_over_with_birth()
        });
    }

    /// A birth of a device has come.
    pub(crate) fn device_born(&mut self, device: &str) {
        if self.triggers.is_empty() {
            return;
        }
        let over = [RebirthTrigger::unborn(device), RebirthTrigger::unreadable(Some(device))];
        for trigger in over {
            self.triggers.remove(&trigger);
        }
        self.due_at = self.earliest();
    }

    /// Cancels the requests for this trigger: it is resolved.
    pub(crate) fn resolve(&mut self, trigger: RebirthTrigger) {
        if let Some(state) = self.triggers.get_mut(&trigger).filter(|state| state.retrying) {
            state.due = None;
            self.due_at = self.earliest();
        }
    }

    /// Nothing is asked for this trigger any more.
    pub(crate) fn forget(&mut self, trigger: RebirthTrigger) {
        if self.triggers.remove(&trigger).is_some() {
            self.due_at = self.earliest();
        }
    }

    /// It did not answer, and is asked on as one that may be alive, at the pace that it has.
    pub(crate) fn continue_as_expected(&mut self) {
        let asked = self.triggers.values().filter(|state| state.due.is_some());
        let Some(rarest) = asked.max_by_key(|state| state.interval).copied() else { return };
        self.cancel();
        self.triggers.insert(RebirthTrigger::Expected, rarest);
        self.due_at = rarest.due;
    }

    /// A session of ours begins: what was asked in another is no reason to wait, but for what
    /// births did not cure.
    pub(crate) fn reset_for_session(&mut self) {
        self.cancel();
        self.last_sent = None;
        self.triggers.retain(|trigger, _| trigger.may_persist());
    }
}

impl TriggerState {
    /// Whether it is as if nothing had been asked; `longest` is how long the interval grows.
    fn is_reset(&self, now: Instant, longest: Duration) -> bool {
        let pause = self.interval.saturating_mul(INTERVAL_RESET).max(longest);
        self.last.is_none_or(|last| now.since(last) > pause)
    }
}

impl RebirthTrigger {
    /// Whether a birth of the node may leave it as it was.
    fn may_persist(self) -> bool {
        match self {
            Self::UnknownMetric(_)
            | Self::UnknownAlias(_)
            | Self::Unborn(_)
            | Self::Unreadable(Some(_))
            | Self::Undecodable => true,
            Self::Gap
            | Self::BeforeBirth
            | Self::Unreadable(None)
            | Self::Probe
            | Self::Silence
            | Self::Expected
            | Self::Dropped
            | Self::Clock => false,
        }
    }

    /// Whether there may be many of the kind.
    fn is_one_of_many(self) -> bool {
        self.may_persist() && self != Self::Undecodable
    }

    /// Whether nothing of it is left once the node is born.
    fn is_over_with_birth(self) -> bool {
        matches!(self, Self::BeforeBirth | Self::Unreadable(None) | Self::Expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: Duration = Duration::from_secs(10);

    fn policy() -> RebirthPolicy {
        RebirthPolicy { jitter: Duration::ZERO, ..RebirthPolicy::default() }
    }

    fn at(secs: u64) -> Instant {
        Instant::from_start(Duration::from_secs(secs))
    }

    /// When requests are sent in a day in which there is always a reason.
    fn asked(triggers: &[RebirthTrigger], mut birth: impl FnMut(&mut RebirthRequests)) -> Vec<u64> {
        let (mut requests, policy) = (RebirthRequests::default(), policy());
        let mut sent = Vec::new();
        for second in 0..24 * 3600 {
            for trigger in triggers {
                requests.request(*trigger, at(second), 0.0, &policy, ANSWER);
            }
            if requests.send(at(second), 0.0, &policy).is_some() {
                sent.push(second);
                birth(&mut requests);
            }
        }
        sent
    }

    #[test]
    fn what_is_not_cured_is_asked_ever_rarer_and_never_given_up() {
        for trigger in [
            RebirthTrigger::BeforeBirth,
            RebirthTrigger::Unreadable(None),
            RebirthTrigger::unborn("d"),
        ] {
            let sent = asked(&[trigger], |_| {});
            let between: Vec<_> = sent.windows(2).map(|pair| pair[1] - pair[0]).collect();
            assert_eq!(
                between[..10],
                [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560],
                "{trigger:?}"
            );
            assert!(
                between[10..].iter().all(|between| *between == 3600),
                "{trigger:?} {between:?}"
            );
        }
        // Births that do not cure are no better than none.
        let sent = asked(&[RebirthTrigger::unborn("d")], |requests| requests.answered(&policy()));
        assert_eq!(sent.len(), 33);
        let sent = asked(&[RebirthTrigger::Gap], |requests| requests.answered(&policy()));
        assert_eq!(sent.len(), 293, "a gap is cured, and then there is another");
    }

    /// Many that were asked at once are not asked again at once.
    #[test]
    fn chance_puts_the_next_request_off_and_never_forward() {
        let jitter = Duration::from_secs(4);
        let (mut requests, policy) =
            (RebirthRequests::default(), RebirthPolicy { jitter, ..policy() });
        requests.request(RebirthTrigger::BeforeBirth, at(0), 0.5, &policy, ANSWER);
        assert_eq!(requests.due(), Some(at(2)));
        requests.send(at(2), 0.5, &policy);
        assert_eq!(requests.due(), Some(at(2 + 5 + 2)));
    }

    #[test]
    fn one_request_is_for_all_reasons() {
        let triggers =
            [RebirthTrigger::BeforeBirth, RebirthTrigger::Undecodable, RebirthTrigger::unborn("d")];
        assert_eq!(asked(&triggers, |_| {}).len(), 33);
    }

    #[test]
    fn a_reason_does_not_wait_for_another() {
        let (mut requests, policy) = (RebirthRequests::default(), policy());
        let mut now = 0;
        for _ in 0..8 {
            requests.request(RebirthTrigger::unborn("d"), at(now), 0.0, &policy, ANSWER);
            now = requests.due().unwrap().since_start().as_secs();
            assert_eq!(requests.send(at(now), 0.0, &policy), Some(RebirthTrigger::unborn("d")));
            requests.answered(&policy);
        }
        let trigger = requests.request(RebirthTrigger::unborn("d"), at(now), 0.0, &policy, ANSWER);
        assert_eq!((trigger, requests.due()), (RequestResult::Unanswered, Some(at(now + 640))));
        requests.request(RebirthTrigger::Gap, at(now + 1), 0.0, &policy, ANSWER);
        assert_eq!(requests.due(), Some(at(now + 1)));
    }

    /// Each of the first requests for another made this one twice as rare.
    #[test]
    fn what_is_sent_for_another_reason_makes_none_rarer() {
        let (mut requests, policy) = (RebirthRequests::default(), policy());
        let mut sent = Vec::new();
        for second in 0..300 {
            requests.request(RebirthTrigger::BeforeBirth, at(second), 0.0, &policy, ANSWER);
            if second >= 80 {
                requests.request(RebirthTrigger::Probe, at(second), 0.0, &policy, ANSWER);
            }
            if requests.send(at(second), 0.0, &policy).is_some() {
                sent.push(second);
            }
        }
        assert_eq!(sent[..5], [0, 5, 15, 35, 75]);
        // The first for the other: at once, but not while one is under way.
        assert_eq!(sent[5..9], [80, 85, 95, 115]);
        let interval = requests.triggers[&RebirthTrigger::BeforeBirth].interval;
        assert!(interval <= Duration::from_secs(160), "{interval:?} {sent:?}");
    }

    #[test]
    fn a_request_under_way_will_do_for_another_reason() {
        let (mut requests, policy) = (RebirthRequests::default(), policy());
        requests.request(RebirthTrigger::Gap, at(0), 0.0, &policy, ANSWER);
        requests.send(at(0), 0.0, &policy);
        requests.request(RebirthTrigger::Probe, at(1), 0.0, &policy, ANSWER);
        assert_eq!(requests.due(), Some(at(5)));
        requests.answered(&policy);
        requests.request(RebirthTrigger::Probe, at(2), 0.0, &policy, ANSWER);
        assert_eq!(requests.due(), Some(at(2)));
    }

    #[test]
    fn a_session_of_ours_waits_for_nothing_that_was_asked_in_another() {
        let (mut requests, policy) = (RebirthRequests::default(), policy());
        for second in 0..1000 {
            requests.request(RebirthTrigger::BeforeBirth, at(second), 0.0, &policy, ANSWER);
            requests.send(at(second), 0.0, &policy);
        }
        requests.reset_for_session();
        requests.request(RebirthTrigger::Expected, at(1000), 0.0, &policy, ANSWER);
        assert_eq!(requests.due(), Some(at(1000)));
    }

    #[test]
    fn faults_are_bounded_but_a_node_without_a_table_is_never_given_up() {
        let (mut requests, policy) = (RebirthRequests::default(), policy());
        for alias in 0..100 {
            requests.request(RebirthTrigger::UnknownAlias(alias), at(0), 0.0, &policy, ANSWER);
        }
        assert_eq!(requests.triggers.len(), limits::TRIGGERS);
        let wish = requests.request(RebirthTrigger::UnknownAlias(100), at(0), 0.0, &policy, ANSWER);
        assert_eq!(wish, RequestResult::Disabled);
        let wish = requests.request(RebirthTrigger::BeforeBirth, at(0), 0.0, &policy, ANSWER);
        assert_eq!(wish, RequestResult::Granted);
        // What was not seen for long makes room.
        requests.send(at(0), 0.0, &policy);
        let wish =
            requests.request(RebirthTrigger::UnknownAlias(100), at(3600), 0.0, &policy, ANSWER);
        assert_eq!(wish, RequestResult::Disabled);
        let wish =
            requests.request(RebirthTrigger::UnknownAlias(100), at(3601), 0.0, &policy, ANSWER);
        assert_eq!(wish, RequestResult::Granted);
    }
}
