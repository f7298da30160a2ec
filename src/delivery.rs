//! Delivery, pure: batches points into entries and requests, and reads the responses.
//!
//! A property collects values until it has ten, or until the first has lingered; ten such entries
//! fill a request; requests are limited by the quotas, SiteWise's throttling and the number in
//! flight. Each value of a response has its own outcome. What fails is retried with backoff, until
//! it is accepted, rejected for good, or too old for SiteWise.

mod answer;
pub(crate) mod billing;
mod by_file;
pub mod durations;
pub mod failing;
pub mod figures;
mod flush;
pub mod output;
mod pacing;
pub mod point;
mod put_back;
mod ready;
pub mod rejections;
mod request;
mod retry;
pub(crate) mod scheduler;
mod second;
pub mod status;
mod stream;
mod streams;
mod timers;
pub mod whatif;

use std::collections::VecDeque;
use std::time::Duration;

use rustc_hash::FxHashMap;

use failing::FailingProperties;
use figures::DeliveryFigures;
use flush::FlushState;
use output::{Output, RequestId, Room};
use pacing::RateLimiter;
use point::{Class, DiscardReason, Key, Point, RejectReason, Stream};
use put_back::PutBack;
use ready::ReadyQueue;
use rejections::RejectionTracker;
use request::InFlight;
use retry::CircuitBreaker;
use second::ReleaseScope;
use stream::{OfferResult, PendingValue};
use streams::{StreamSlot, Streams};
use timers::Timers;
use whatif::WhatIf;

use crate::sitewise::api::{ApiFault, ApiFaultKind, EntryError, Quotas};
use crate::sitewise::limits;
use crate::time::{ClockAgreement, Instant, Now};

/// Points in delivery at once, some 20 MB: enough to fill requests, few enough that a crash loses
/// little.
const WORKING_SET: usize = 200_000;
/// Points of history among them.
const HISTORY_SET: usize = 100_000;

/// Points whose streams are looked up together before the first is queued: memory latency overlaps.
const LOOKUP_BATCH: usize = 64;

/// Batching and rate limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// How long a property collects values before a partly filled entry leaves.
    pub linger: Duration,
    /// Requests a second at most.
    pub requests_per_second: u32,
    /// Values a second at most.
    pub values_per_second: u32,
    /// Maximum number of requests in flight.
    pub in_flight: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            linger: Duration::from_secs(1),
            requests_per_second: limits::BATCH_PUTS_PER_SECOND,
            values_per_second: limits::VALUES_PER_SECOND,
            in_flight: 64,
        }
    }
}

/// Batches points into requests, and reads the responses.
///
/// After each `handle_*` and [`flush`](Self::flush), [`poll_output`](Self::poll_output) is
/// drained; then [`handle_timeout`](Self::handle_timeout) is due at
/// [`poll_timeout`](Self::poll_timeout).
#[derive(Debug)]
pub struct Delivery {
    config: Config,
    fill_window: Duration,
    linger_mode: LingerMode,
    flush: FlushState,
    streams: Streams,
    timers: Timers,
    ready: ReadyQueue,
    rate_limiter: RateLimiter,
    circuit: CircuitBreaker,
    random: fastrand::Rng,
    next_request: u64,
    /// At most [`Config::in_flight`].
    requests: FxHashMap<RequestId, InFlight>,
    /// When to try to send again.
    send_due: Option<Instant>,
    outputs: VecDeque<Output>,
    /// Points queued or in flight, and those of history among them.
    waiting: usize,
    waiting_history: usize,
    /// Those among them that failed at least once.
    failed: usize,
    /// What went back to the outbox.
    put_back: PutBack,
    figures: DeliveryFigures,
    what_if: WhatIf,
    failing: FailingProperties,
    rejections: RejectionTracker,
    /// When the latest successful request was sent.
    last_success_sent: Instant,
    /// The error of the last request that failed as a whole.
    last_error: Option<String>,
    clocks: ClockAgreement,
    /// Keys settled by the response at hand.
    settled_keys: Vec<Key>,
    /// Empty lists, kept for reuse.
    spare_lists: Vec<Vec<PendingValue>>,
    /// Values of a batch, with the slots of their streams.
    lookup_batch: Vec<(StreamSlot, PendingValue)>,
}

/// How long values linger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LingerMode {
    /// As configured.
    Configured,
    /// Not at all: the process is about to stop.
    None,
}

impl Delivery {
    /// Empty; `seed` is for the jitter of retries.
    pub fn new(config: Config, seed: u64) -> Self {
        Self {
            config: Config { in_flight: config.in_flight.max(1), ..config },
            fill_window: request::fill_window(config.linger),
            linger_mode: LingerMode::Configured,
            flush: FlushState::default(),
            streams: Streams::default(),
            timers: Timers::default(),
            ready: ReadyQueue::default(),
            rate_limiter: RateLimiter::new(config.requests_per_second, config.values_per_second),
            circuit: CircuitBreaker::new(),
            random: fastrand::Rng::with_seed(seed),
            next_request: 0,
            requests: FxHashMap::default(),
            send_due: None,
            outputs: VecDeque::new(),
            waiting: 0,
            waiting_history: 0,
            failed: 0,
            put_back: PutBack::default(),
            figures: DeliveryFigures::default(),
            what_if: WhatIf::default(),
            failing: FailingProperties::default(),
            rejections: RejectionTracker::default(),
            last_success_sent: Instant::START,
            last_error: None,
            clocks: ClockAgreement::default(),
            settled_keys: Vec::new(),
            spare_lists: Vec::new(),
            lookup_batch: Vec::with_capacity(LOOKUP_BATCH),
        }
    }

    /// Takes points; more than [`room`](Self::room) are taken as well.
    pub fn handle_points(&mut self, points: impl IntoIterator<Item = Point>, now: Now) {
        let oldest = now.wall.minus(limits::OLDEST_VALUE);
        let newest = now.wall.plus(limits::NEWEST_VALUE);
        let mut points = points.into_iter();
        while let Some(first) = points.next() {
            for point in std::iter::once(first).chain(points.by_ref().take(LOOKUP_BATCH - 1)) {
                self.figures.handled += 1;
                self.waiting += 1;
                self.waiting_history += usize::from(point.class == Class::History);
                let (stream, time) = (point.stream, point.time);
                self.what_if.count(stream, &point.value, now.instant);
                let value = PendingValue::new(point, now.instant);
                if self.clocks == ClockAgreement::Agree && (time < oldest || time > newest) {
                    let (refusal, reason) = self.reason_out_of_range(stream, time, now.wall);
                    self.put_back.forget_one(stream);
                    self.reject(stream, value, refusal, reason);
                    continue;
                }
                self.lookup_batch.push((self.streams.get_or_insert(stream, now.instant), value));
            }
            self.enqueue_batch(now);
        }
        self.advance(now);
    }

    /// Queues the values of a batch, whose streams are in the cache by now.
    fn enqueue_batch(&mut self, now: Now) {
        let linger = self.linger();
        let mut batch = std::mem::take(&mut self.lookup_batch);
        for (slot, value) in batch.drain(..) {
            if let Some(state) = self.streams.get_mut(slot) {
                let stream = state.stream;
                match state.offer(value, linger, now) {
                    OfferResult::Queued => {}
                    OfferResult::Replaced(dropped, why) => self.discard(stream, &dropped, why),
                    OfferResult::SecondFull(dropped) => self.discard_second_full(stream, &dropped),
                    OfferResult::PutBack(value) => self.put_back(slot, value),
                }
            }
            self.schedule(slot, now);
        }
        self.lookup_batch = batch;
    }

    /// Handles the response to a request; one to an unknown request is ignored.
    pub fn handle_put_response(
        &mut self,
        id: RequestId,
        answer: Result<Vec<EntryError>, ApiFault>,
        now: Now,
    ) {
        let is_throttled =
            answer.as_ref().is_err_and(|fault| fault.kind == ApiFaultKind::Throttled);
        let delivered = self.figures.delivered;
        self.read_answer(id, answer, now);
        if !is_throttled {
            self.flush.answered(self.figures.delivered > delivered);
        }
        self.advance(now);
    }

    /// Handles expired timers.
    pub fn handle_timeout(&mut self, now: Now) {
        self.advance(now);
    }

    /// Whether our clock and SiteWise's agree: while they do not, only SiteWise rejects values for
    /// their timestamps.
    pub fn handle_clocks(&mut self, clocks: ClockAgreement) {
        self.clocks = clocks;
    }

    /// The account's quotas; those that are unknown stay unchanged.
    pub fn handle_quotas(&mut self, quotas: &Quotas, now: Instant) {
        let Config { requests_per_second, values_per_second, .. } = &mut self.config;
        *requests_per_second = quotas.requests.unwrap_or(*requests_per_second);
        *values_per_second = quotas.values.unwrap_or(*values_per_second);
        self.rate_limiter.set_quotas(*requests_per_second, *values_per_second, now);
    }

    /// Requests and values a second at most.
    pub fn quotas(&self) -> (u32, u32) {
        (self.config.requests_per_second, self.config.values_per_second)
    }

    /// Flushes: no value lingers from now on, since the process is about to stop.
    pub fn flush(&mut self, now: Now) {
        self.linger_mode = LingerMode::None;
        self.flush.begin();
        for slot in self.streams.slots() {
            self.schedule(slot, now);
        }
        self.advance(now);
    }

    /// When the next timer expires.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let checks = [self.rejections.next_check(), self.next_suspect()];
        [self.timers.next(), self.send_due].into_iter().chain(checks).flatten().min()
    }

    /// The next output.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// How many more points fit into the working set. What SiteWise rejects takes no room of the
    /// others.
    pub fn room(&self) -> Room {
        // Past a bound these are one or two of each property.
        let failed = self.failed;
        let points = WORKING_SET.saturating_sub(self.waiting.saturating_sub(failed));
        let history = HISTORY_SET.saturating_sub(self.waiting_history.saturating_sub(failed));
        Room { points, history: history.min(points) }
    }

    /// Points queued or in flight.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// Whether nothing is queued or in flight, and no output is left to poll.
    pub fn is_idle(&self) -> bool {
        self.waiting == 0 && self.outputs.is_empty()
    }

    /// Whether SiteWise is unreachable: it does not respond, denies access as a whole or for
    /// everything that is tried, or something else answers in its place.
    pub fn is_unreachable(&self) -> bool {
        self.circuit.is_open() || self.rejections.is_unreachable()
    }

    /// The last error of a whole request, while SiteWise is unreachable.
    pub fn last_error(&self) -> Option<&str> {
        let rejection = self.all_rejected().map(|rejected| rejected.fault.message.as_str());
        rejection.or(self.last_error.as_deref()).filter(|_| self.is_unreachable())
    }

    /// Share of the quotas that the rate limiter allows, from 0 to 1: less than 1 after throttling.
    pub fn share(&self, now: Instant) -> f64 {
        self.rate_limiter.share(now)
    }

    /// What the values that were handed in would cost otherwise.
    pub fn what_if(&self) -> &WhatIf {
        &self.what_if
    }

    /// What was counted since the start; walks over all waiting streams.
    pub fn figures(&self) -> DeliveryFigures {
        let in_flight = self.requests.values().flat_map(|request| &request.entries);
        let in_flight = in_flight.flat_map(|(_, values)| values);
        let queued_at = in_flight.clone().map(|value| value.queued_at);
        let in_flight_times = in_flight.map(|value| value.tqv.time);
        let waiting = self.streams.iter().filter_map(|state| state.oldest());
        let waiting_times = self.streams.iter().filter_map(|state| state.oldest_time());
        DeliveryFigures {
            waiting: self.waiting,
            oldest: queued_at.chain(waiting).min(),
            oldest_time: in_flight_times.chain(waiting_times).min(),
            in_flight: self.requests.len(),
            messages_at: self.what_if.messages(),
            ..self.figures
        }
    }

    /// Handles the streams whose timer has expired, and sends what can be sent.
    fn advance(&mut self, now: Now) {
        while let Some(slot) = self.timers.pop(now.instant, &mut self.streams) {
            self.schedule(slot, now);
        }
        self.check_rejections(now);
        self.name_suspects(now);
        self.send_requests(now);
        self.streams.forget(now.instant);
    }

    /// Queues a stream whose next entry may leave, else sets its timer.
    fn schedule(&mut self, slot: StreamSlot, now: Now) {
        let linger = self.linger();
        let scope = match self.linger_mode {
            LingerMode::Configured => ReleaseScope::Due,
            LingerMode::None => ReleaseScope::All,
        };
        let Some(state) = self.streams.get_mut(slot) else {
            return;
        };
        state.last_used = now.instant;
        state.release(now.instant, scope);
        let mut timer = state.release_due();
        if state.in_flight == 0 {
            match state.entry_due(linger) {
                Some(due) if due > now.instant => timer = timer.into_iter().chain([due]).min(),
                Some(_) => {
                    if let Some(lane) = state.next_lane() {
                        self.ready.push(slot, lane, &mut self.streams, now.instant);
                    }
                }
                None if state.is_empty() => {
                    let stream = state.end_put_back_when_empty();
                    self.streams.list_empty(slot, now.instant);
                    stream.into_iter().for_each(|stream| self.release(stream));
                }
                None => {}
            }
        }
        if let Some(timer) = timer {
            self.timers.set(slot, timer, &mut self.streams);
        }
    }

    /// A stream's entry is no longer in flight: its response was read.
    fn entry_answered(&mut self, slot: StreamSlot, now: Now) {
        if let Some(state) = self.streams.get_mut(slot) {
            state.in_flight = 0;
        }
        self.schedule(slot, now);
    }

    fn linger(&self) -> Duration {
        match self.linger_mode {
            LingerMode::Configured => self.config.linger,
            LingerMode::None => Duration::ZERO,
        }
    }

    fn reject(
        &mut self,
        stream: Stream,
        value: PendingValue,
        refusal: RejectReason,
        reason: String,
    ) {
        self.count_settled(value.class, value.failures);
        self.figures.refused.count(refusal);
        self.outputs.push_back(Output::Rejected {
            point: value.into_point(stream),
            refusal,
            reason,
        });
    }

    fn discard(&mut self, stream: Stream, value: &PendingValue, why: DiscardReason) {
        self.count_settled(value.class, value.failures);
        self.figures.discarded.count(why);
        let key = Key { stream, time: value.tqv.time, quality: value.tqv.quality };
        self.outputs.push_back(Output::Discarded { key, why });
    }

    /// A value that is one too many in its second, by our count or by SiteWise's, which knows what
    /// an earlier process sent, and what was sent too long ago to be remembered.
    fn discard_second_full(&mut self, stream: Stream, value: &PendingValue) {
        self.discard(stream, value, DiscardReason::SecondFull);
        let key = Key { stream, time: value.tqv.time, quality: value.tqv.quality };
        self.outputs.push_back(Output::LatestDiscarded(key));
    }

    /// Drops what is queued for a property that SiteWise will never have.
    pub fn drop_stream(&mut self, stream: Stream, now: Now) {
        let Some(slot) = self.streams.find(stream) else { return };
        let values = self.streams.get_mut(slot).map(stream::StreamState::drain);
        self.ready.remove(slot, &mut self.streams);
        for value in values.into_iter().flatten() {
            self.discard(stream, &value, DiscardReason::Misrouted);
        }
        self.clear_failing(slot);
        self.schedule(slot, now);
    }

    /// A returned value was overwritten by a later one meanwhile.
    fn discard_overwritten(&mut self, slot: StreamSlot, value: Option<PendingValue>) {
        let stream = self.streams.get(slot).map(|state| state.stream);
        if let (Some(stream), Some(value)) = (stream, value) {
            self.discard(stream, &value, DiscardReason::Overwritten);
        }
    }

    /// A point was delivered, rejected or discarded.
    fn count_settled(&mut self, class: Class, failures: u8) {
        self.waiting -= 1;
        self.waiting_history -= usize::from(class == Class::History);
        self.failed -= usize::from(failures > 0);
    }
}

#[cfg(test)]
mod tests;
