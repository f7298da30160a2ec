//! What is remembered of requests: answers, so that one that comes twice is answered once, and
//! when metrics were written, for the rates. All of it is bounded.

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

/// Metrics whose rate is remembered before those are looked for whose time is over.
const RATED: usize = 1_000;

/// What became of a request.
#[derive(Clone, Debug)]
pub(super) enum Fate {
    /// It was sent, and the answer is to come.
    InFlight,
    /// Its answer.
    Answered(Arc<Answer>),
}

/// The requests of the last twelve minutes.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    fates: FxHashMap<RequestKey, Fate>,
    sent: VecDeque<(Instant, RequestKey)>,
    refused: VecDeque<(Instant, RequestKey)>,
}

impl Remembered {
    /// What became of a request that was met before.
    pub(super) fn fate(&self, key: &RequestKey) -> Option<&Fate> {
        self.fates.get(key)
    }

    /// Whether another request may be sent and remembered.
    pub(super) fn has_room(&self) -> bool {
        self.sent.len() < SENT
    }

    /// A request goes to the plant.
    pub(super) fn sent(&mut self, key: &RequestKey, now: Instant) {
        self.sent.push_back((now, key.clone()));
        self.fates.insert(key.clone(), Fate::InFlight);
    }

    /// A request is answered.
    pub(super) fn answered(&mut self, key: &RequestKey, answer: Arc<Answer>, now: Instant) {
        if self.fates.insert(key.clone(), Fate::Answered(answer)).is_some() {
            return;
        }
        self.refused.push_back((now, key.clone()));
        if self.refused.len() > REFUSED
            && let Some((_, oldest)) = self.refused.pop_front()
        {
            self.fates.remove(&oldest);
        }
    }

    /// Forgets what is old.
    pub(super) fn forget(&mut self, now: Instant) {
        let Self { fates, sent, refused } = self;
        for met in [sent, refused] {
            while let Some((at, key)) = met.front()
                && now.since(*at) >= KEPT
            {
                fates.remove(key);
                met.pop_front();
            }
        }
    }
}

/// When metrics were written.
#[derive(Debug, Default)]
pub(super) struct Rates(FxHashMap<MetricKey, (Rate, VecDeque<Instant>)>);

impl Rates {
    /// Whether another command to a metric keeps the rate.
    pub(super) fn allows(&self, metric: &MetricKey, rate: Rate, now: Instant) -> bool {
        let Some((_, times)) = self.0.get(metric) else { return true };
        times.iter().filter(|at| now.since(**at) < rate.per).count() < rate.count
    }

    /// A metric was written.
    pub(super) fn written(&mut self, metric: &MetricKey, rate: Rate, now: Instant) {
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::answer::Code;
    use crate::command::request::Door;

    fn answer() -> Arc<Answer> {
        let reason = String::new();
        Arc::new(Answer { code: Code::Standby, reason, metric: None, value: None, after: None })
    }

    #[test]
    fn refused_requests_are_bounded_and_sent_ones_never_make_room() {
        let mut remembered = Remembered::default();
        let key = |id: usize| RequestKey::new(Door::Queue, id.to_string());
        let at = |seconds| Instant::from_start(Duration::from_secs(seconds));
        for id in 0..SENT {
            assert!(remembered.has_room());
            remembered.sent(&key(id), at(0));
        }
        assert!(!remembered.has_room());
        for id in SENT..SENT + REFUSED + 5 {
            remembered.answered(&key(id), answer(), at(1));
        }
        remembered.answered(&key(0), answer(), at(1));
        assert_eq!(remembered.fates.len(), SENT + REFUSED);
        assert!(matches!(remembered.fate(&key(0)), Some(Fate::Answered(_))));
        assert!(remembered.fate(&key(SENT + 4)).is_none(), "the oldest that was refused");
        remembered.forget(at(720));
        assert!(remembered.has_room() && remembered.fate(&key(1)).is_none());
        assert!(remembered.fate(&key(SENT + 5)).is_some());
        remembered.forget(at(721));
        assert!(remembered.fates.is_empty());
    }
}
