//! What is remembered of requests: answers, so that a duplicate is recognized, and when metrics
//! were written, for the rates. All of it is bounded.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;

use super::answer::Answer;
use super::metrics::MetricKey;
use super::request::RequestKey;
use super::rules::Rate;
use crate::time::Instant;

/// For how long a request that comes again gets the first one's answer, and the longest that one
/// may be valid.
pub(super) const REMEMBER: Duration = Duration::from_secs(10 * 60);

/// For how long requests are really kept. Whether one is valid is told by the wall clock, to which a
/// request may be a minute ahead, and which may be set; this one is told by the monotonic clock.
const KEPT: Duration = Duration::from_secs(12 * 60);

/// Requests that were sent to the plant, remembered at most: as many in [`KEPT`] may be sent.
pub(super) const SENT: usize = 20_000;

/// Requests that were not sent, remembered at most. Of a flood the oldest are forgotten first;
/// they never reached the plant.
const REFUSED: usize = 20_000;

/// Metrics whose writes are remembered before those beyond their rate's period are removed.
const RATED: usize = 1_000;

/// What became of a request.
#[derive(Clone, Debug)]
pub(super) enum RequestState {
    /// It was sent, and the answer is to come.
    InFlight,
    /// Its answer.
    Answered(Arc<Answer>),
}

/// The requests of the last twelve minutes.
#[derive(Debug, Default)]
pub(super) struct RequestHistory {
    states: FxHashMap<RequestKey, RequestState>,
    sent_order: VecDeque<(Instant, RequestKey)>,
    rejected_order: VecDeque<(Instant, RequestKey)>,
}

impl RequestHistory {
    /// What became of a request that was met before.
    pub(super) fn state_of(&self, key: &RequestKey) -> Option<&RequestState> {
        self.states.get(key)
    }

    /// Whether another request may be sent and remembered.
    pub(super) fn has_room(&self) -> bool {
        self.sent_order.len() < SENT
    }

    /// A request goes to the plant.
    pub(super) fn record_sent(&mut self, key: &RequestKey, now: Instant) {
        self.sent_order.push_back((now, key.clone()));
        self.states.insert(key.clone(), RequestState::InFlight);
    }

    /// A request was not sent after all.
    pub(super) fn withdraw_sent(&mut self, key: &RequestKey) {
        self.states.remove(key);
        // It is one of the last.
        if let Some(at) = self.sent_order.iter().rposition(|(_, of)| of == key) {
            self.sent_order.remove(at);
        }
    }

    /// A request is answered.
    pub(super) fn record_answered(&mut self, key: &RequestKey, answer: Arc<Answer>, now: Instant) {
        if self.states.insert(key.clone(), RequestState::Answered(answer)).is_some() {
            return;
        }
        self.rejected_order.push_back((now, key.clone()));
        if self.rejected_order.len() > REFUSED
            && let Some((_, oldest)) = self.rejected_order.pop_front()
        {
            self.states.remove(&oldest);
        }
    }

    /// A request that was not sent came again, and is kept for as long once more: one that cannot be
    /// read stays in its queue.
    pub(super) fn renew_refused(&mut self, key: &RequestKey, now: Instant) {
        if let Some(at) = self.rejected_order.iter().position(|(_, of)| of == key)
            && let Some((_, key)) = self.rejected_order.remove(at)
        {
            self.rejected_order.push_back((now, key));
        }
    }

    /// Forgets what is old.
    pub(super) fn forget(&mut self, now: Instant) {
        let Self { states, sent_order, rejected_order: refused } = self;
        for kept_until in [sent_order, refused] {
            while let Some((at, key)) = kept_until.front()
                && now.since(*at) >= KEPT
            {
                states.remove(key);
                kept_until.pop_front();
            }
        }
    }
}

/// When metrics were written.
#[derive(Debug, Default)]
pub(super) struct CommandRateLimiter(FxHashMap<MetricKey, (Rate, VecDeque<Instant>)>);

impl CommandRateLimiter {
    /// Whether another command to a metric keeps the rate.
    pub(super) fn allows(&self, metric: &MetricKey, rate: Rate, now: Instant) -> bool {
        let Some((_, times)) = self.0.get(metric) else { return true };
        times.iter().filter(|at| now.since(**at) < rate.per).count() < rate.count
    }

    /// A metric was written.
    pub(super) fn record_write(&mut self, metric: &MetricKey, rate: Rate, now: Instant) {
        if self.0.len() >= RATED {
            let over = |rate: &Rate, last: &Instant| now.since(*last) >= rate.per;
            self.0.retain(|_, (rate, times)| times.back().is_some_and(|last| !over(rate, last)));
        }
        let (of, times) = self.0.entry(metric.clone()).or_insert_with(|| (rate, VecDeque::new()));
        *of = rate;
        times.push_back(now);
        while times.len() > rate.count {
            times.pop_front();
        }
    }

    /// A metric was not written after all.
    pub(super) fn withdraw_write(&mut self, metric: &MetricKey, at: Instant) {
        if let Some((_, times)) = self.0.get_mut(metric)
            // It is one of the last.
            && let Some(place) = times.iter().rposition(|of| *of == at)
        {
            times.remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::answer::Code;
    use crate::command::request::CommandChannel;

    fn answer() -> Arc<Answer> {
        let reason = String::new();
        Arc::new(Answer {
            code: Code::Standby,
            reason,
            metric: None,
            value: None,
            confirmed_after: None,
        })
    }

    #[test]
    fn refused_requests_are_bounded_and_sent_ones_never_make_room() {
        let mut remembered = RequestHistory::default();
        let key = |id: usize| RequestKey::new(CommandChannel::Queue, id.to_string());
        let at = |seconds| Instant::from_start(Duration::from_secs(seconds));
        for id in 0..SENT {
            assert!(remembered.has_room());
            remembered.record_sent(&key(id), at(0));
        }
        assert!(!remembered.has_room());
        for id in SENT..SENT + REFUSED + 5 {
            remembered.record_answered(&key(id), answer(), at(1));
        }
        remembered.record_answered(&key(0), answer(), at(1));
        assert_eq!(remembered.states.len(), SENT + REFUSED);
        assert!(matches!(remembered.state_of(&key(0)), Some(RequestState::Answered(_))));
        assert!(remembered.state_of(&key(SENT + 4)).is_none(), "the oldest that was refused");
        remembered.forget(at(720));
        assert!(remembered.has_room() && remembered.state_of(&key(1)).is_none());
        assert!(remembered.state_of(&key(SENT + 5)).is_some());
        remembered.forget(at(721));
        assert!(remembered.states.is_empty());
    }
}
