//! The rebirth requests to one node: when one is due, and for what.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Fault, Policy};
use crate::sparkplug::limits;
use crate::time::Instant;

/// An interval is reset after so many times itself without a request.
const REST: u32 = 4;

/// The requests to one node.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    /// When the next is due.
    due: Option<Instant>,
    /// The last that was sent.
    last: Option<Sent>,
    faults: BTreeMap<Fault, Tried>,
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    at: Instant,
    /// Whether a birth has come since.
    answered: bool,
}

/// State of one trigger.
#[derive(Clone, Copy, Debug, Default)]
struct Tried {
    last: Option<Instant>,
    interval: Duration,
    /// When a request for it is due, if one is.
    due: Option<Instant>,
    /// Whether it is due only because the last was not answered.
    again: bool,
}

/// The result of asking for a rebirth request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// A request is scheduled or in flight.
    Granted,
    /// As well, but an earlier one for the same trigger was not answered.
    InVain,
    /// The reason is switched off, or the node has too many triggers.
    Off,
}

impl Requests {
    /// Schedules a request; `chance` is a random number from 0 to 1, `answer` how long a birth may
    /// take.
    pub(crate) fn wish(
        &mut self,
        fault: Fault,
        now: Instant,
        chance: f64,
        policy: &Policy,
        answer: Duration,
    ) -> Wish {
        if !policy.reasons.contains(fault.reason()) || !self.has_room(fault, now, policy) {
            return Wish::Off;
        }
        let tried = self.faults.entry(fault).or_default();
        tried.again = false;
        if tried.due.is_none() {
            let jitter = policy.jitter.mul_f64(chance);
            let debounced = tried.last.map(|last| last + tried.interval);
            // What is under way will do, if it is answered.
            let under_way = self.last.filter(|sent| !sent.answered).map(|s| s.at + policy.debounce);
            let due = debounced.max(under_way).unwrap_or(now).max(now + jitter);
            tried.due = Some(due);
            self.due = Some(self.due.map_or(due, |other| other.min(due)));
        }
        let answered = self.last.is_none_or(|sent| sent.answered);
        let rested = tried.is_rested(now, policy.rarest);
        match tried.last {
            // The answer cannot be read either.
            Some(_) if matches!(fault, Fault::Unreadable(_)) && !rested => Wish::InVain,
            Some(_) if answered && fault.may_persist() && !rested => Wish::InVain,
            Some(last) if !answered && now.since(last) >= answer => Wish::InVain,
            Some(_) | None => Wish::Granted,
        }
    }

    /// Whether another fault can be remembered. A node without a table is always asked.
    fn has_room(&mut self, fault: Fault, now: Instant, policy: &Policy) -> bool {
        if !fault.is_one_of_many() || self.faults.contains_key(&fault) {
            return true;
        }
        if self.faults.len() >= limits::FAULTS {
            let most = policy.rarest;
            let wished = |tried: &Tried| tried.due.is_some() && !tried.again;
            self.faults.retain(|_, tried| wished(tried) || !tried.is_rested(now, most));
            self.due = self.earliest();
        }
        self.faults.len() < limits::FAULTS
    }

    /// When a request is due.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// For what the next request is, once the last was sent in vain: no birth answers it.
    pub(crate) fn in_vain(&self, now: Instant, policy: &Policy) -> Option<Fault> {
        let sent = self.last.filter(|sent| !sent.answered)?;
        self.next().filter(|_| now.since(sent.at) >= policy.debounce)
    }

    /// Whether no birth has answered the last request.
    pub(crate) fn is_unanswered(&self) -> bool {
        self.last.is_some_and(|sent| !sent.answered)
    }

    /// What is asked for next.
    fn next(&self) -> Option<Fault> {
        let wished = self.faults.iter().filter_map(|(fault, tried)| Some((tried.due?, *fault)));
        wished.min().map(|(_, fault)| fault)
    }

    fn earliest(&self) -> Option<Instant> {
        self.faults.values().filter_map(|tried| tried.due).min()
    }

    /// A request is sent now, if one is due: for what. It asks for all that is wished. A request
    /// may be lost, and who would answer the next may be silent for hours: it is sent again, with
    /// backoff, until a birth comes.
    pub(crate) fn send(&mut self, now: Instant, chance: f64, policy: &Policy) -> Option<Fault> {
        self.due.filter(|due| *due <= now)?;
        let fault = self.next()?;
        let answered = self.last.is_some_and(|sent| sent.answered);
        for (fault, tried) in &mut self.faults {
            if tried.due.take().is_none() {
                continue;
            }
            let cured = answered && !fault.may_persist();
            let most = if cured { policy.longest } else { policy.rarest };
            // The interval grows while requests follow each other, and is reset after a pause.
            tried.interval = match tried.is_rested(now, most) {
                true => policy.debounce,
                false => tried.interval.saturating_mul(2).min(most),
            };
            tried.last = Some(now);
            tried.due = Some(now + tried.interval + policy.jitter.mul_f64(chance));
            tried.again = true;
        }
        self.due = self.earliest();
        self.last = Some(Sent { at: now, answered: false });
        Some(fault)
    }

    /// Cancels all requests.
    pub(crate) fn cancel(&mut self) {
        self.due = None;
        for tried in self.faults.values_mut() {
            tried.due = None;
        }
    }

    /// A birth of the node has arrived, requested or not.
    pub(crate) fn answered(&mut self, policy: &Policy) {
        self.cancel();
        if let Some(sent) = &mut self.last {
            sent.answered = true;
        }
        self.faults.retain(|fault, tried| {
            if !fault.may_persist() {
                tried.interval = tried.interval.min(policy.longest);
            }
            !fault.is_over_with_birth()
        });
    }

    /// A birth of a device has come.
    pub(crate) fn device_born(&mut self, device: &str) {
        if self.faults.is_empty() {
            return;
        }
        let over = [Fault::unborn(device), Fault::unreadable(Some(device))];
        for fault in over {
            self.faults.remove(&fault);
        }
        self.due = self.earliest();
    }

    /// Cancels the requests for this trigger: it is resolved.
    pub(crate) fn settle(&mut self, fault: Fault) {
        if let Some(tried) = self.faults.get_mut(&fault).filter(|tried| tried.again) {
            tried.due = None;
            self.due = self.earliest();
        }
    }

    /// It did not answer, and is asked on as one that may be alive, at the pace that it has.
    pub(crate) fn expect(&mut self) {
        let asked = self.faults.values().filter(|tried| tried.due.is_some());
        let Some(rarest) = asked.max_by_key(|tried| tried.interval).copied() else { return };
        self.cancel();
        self.faults.insert(Fault::Expected, rarest);
        self.due = rarest.due;
    }

    /// A session of ours begins: what was asked in another is no reason to wait, but for what
    /// births did not cure.
    pub(crate) fn renew(&mut self) {
        self.cancel();
        self.last = None;
        self.faults.retain(|fault, _| fault.may_persist());
    }
}

impl Tried {
    /// Whether it is as if nothing had been asked; `most` is the longest that the interval grows.
    fn is_rested(&self, now: Instant, most: Duration) -> bool {
        let rest = self.interval.saturating_mul(REST).max(most);
        self.last.is_none_or(|last| now.since(last) > rest)
    }
}

impl Fault {
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
            | Self::Expected => false,
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

    fn policy() -> Policy {
        Policy { jitter: Duration::ZERO, ..Policy::default() }
    }

    fn at(secs: u64) -> Instant {
        Instant::from_start(Duration::from_secs(secs))
    }

    /// When requests are sent in a day in which there is always a reason.
    fn asked(faults: &[Fault], mut birth: impl FnMut(&mut Requests)) -> Vec<u64> {
        let (mut requests, policy) = (Requests::default(), policy());
        let mut sent = Vec::new();
        for second in 0..24 * 3600 {
            for fault in faults {
                requests.wish(*fault, at(second), 0.0, &policy, ANSWER);
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
        for fault in [Fault::BeforeBirth, Fault::Unreadable(None), Fault::unborn("d")] {
            let sent = asked(&[fault], |_| {});
            let between: Vec<_> = sent.windows(2).map(|pair| pair[1] - pair[0]).collect();
            assert_eq!(between[..10], [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560], "{fault:?}");
            assert!(between[10..].iter().all(|between| *between == 3600), "{fault:?} {between:?}");
        }
        // Births that do not cure are no better than none.
        let sent = asked(&[Fault::unborn("d")], |requests| requests.answered(&policy()));
        assert_eq!(sent.len(), 33);
        let sent = asked(&[Fault::Gap], |requests| requests.answered(&policy()));
        assert_eq!(sent.len(), 293, "a gap is cured, and then there is another");
    }

    #[test]
    fn one_request_is_for_all_reasons() {
        let faults = [Fault::BeforeBirth, Fault::Undecodable, Fault::unborn("d")];
        assert_eq!(asked(&faults, |_| {}).len(), 33);
    }

    #[test]
    fn a_reason_does_not_wait_for_another() {
        let (mut requests, policy) = (Requests::default(), policy());
        let mut now = 0;
        for _ in 0..8 {
            requests.wish(Fault::unborn("d"), at(now), 0.0, &policy, ANSWER);
            now = requests.due().unwrap().since_start().as_secs();
            assert_eq!(requests.send(at(now), 0.0, &policy), Some(Fault::unborn("d")));
            requests.answered(&policy);
        }
        let wish = requests.wish(Fault::unborn("d"), at(now), 0.0, &policy, ANSWER);
        assert_eq!((wish, requests.due()), (Wish::InVain, Some(at(now + 640))));
        requests.wish(Fault::Gap, at(now + 1), 0.0, &policy, ANSWER);
        assert_eq!(requests.due(), Some(at(now + 1)));
    }

    #[test]
    fn a_request_under_way_will_do_for_another_reason() {
        let (mut requests, policy) = (Requests::default(), policy());
        requests.wish(Fault::Gap, at(0), 0.0, &policy, ANSWER);
        requests.send(at(0), 0.0, &policy);
        requests.wish(Fault::Probe, at(1), 0.0, &policy, ANSWER);
        assert_eq!(requests.due(), Some(at(5)));
        requests.answered(&policy);
        requests.wish(Fault::Probe, at(2), 0.0, &policy, ANSWER);
        assert_eq!(requests.due(), Some(at(2)));
    }

    #[test]
    fn a_session_of_ours_waits_for_nothing_that_was_asked_in_another() {
        let (mut requests, policy) = (Requests::default(), policy());
        for second in 0..1000 {
            requests.wish(Fault::BeforeBirth, at(second), 0.0, &policy, ANSWER);
            requests.send(at(second), 0.0, &policy);
        }
        requests.renew();
        requests.wish(Fault::Expected, at(1000), 0.0, &policy, ANSWER);
        assert_eq!(requests.due(), Some(at(1000)));
    }

    #[test]
    fn faults_are_bounded_but_a_node_without_a_table_is_never_given_up() {
        let (mut requests, policy) = (Requests::default(), policy());
        for alias in 0..100 {
            requests.wish(Fault::UnknownAlias(alias), at(0), 0.0, &policy, ANSWER);
        }
        assert_eq!(requests.faults.len(), limits::FAULTS);
        let wish = requests.wish(Fault::UnknownAlias(100), at(0), 0.0, &policy, ANSWER);
        assert_eq!(wish, Wish::Off);
        let wish = requests.wish(Fault::BeforeBirth, at(0), 0.0, &policy, ANSWER);
        assert_eq!(wish, Wish::Granted);
        // What was not seen for long makes room.
        requests.send(at(0), 0.0, &policy);
        let wish = requests.wish(Fault::UnknownAlias(100), at(3600), 0.0, &policy, ANSWER);
        assert_eq!(wish, Wish::Off);
        let wish = requests.wish(Fault::UnknownAlias(100), at(3601), 0.0, &policy, ANSWER);
        assert_eq!(wish, Wish::Granted);
    }
}
