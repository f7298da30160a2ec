//! Delivery, pure: batches points into entries and requests, and reads the responses.
//!
//! A property collects values until it has ten, or until the first has lingered; ten such entries
//! fill a request; requests are limited by the quotas, SiteWise's throttling and the number in
//! flight. Each value of a response has its own outcome. What fails is retried with backoff, until
//! it is accepted, rejected for good, or too old for SiteWise.

mod answer;
mod billing;
pub mod durations;
pub mod figures;
mod held;
pub mod output;
mod pacing;
pub mod point;
mod ready;
mod request;
mod retry;
mod second;
mod stream;
mod streams;
mod timers;
pub(crate) mod turns;
pub mod whatif;

use std::collections::VecDeque;
use std::time::Duration;

use rustc_hash::FxHashMap;

use figures::Figures;
use held::Held;
use output::{Output, RequestId, Room};
use pacing::Pace;
use point::{Class, Discard, Key, Point, Refusal, Stream};
use ready::Ready;
use request::InFlight;
use retry::Circuit;
use second::Any;
use stream::{Offered, Value};
use streams::{Slot, Streams};
use timers::Timers;
use whatif::WhatIf;

use crate::sitewise::api::{EntryError, Fault, Quotas};
use crate::sitewise::limits;
use crate::time::{Clocks, Instant, Now};

/// Points in delivery at once, some 20 MB: enough to fill requests, few enough that a crash loses
/// little.
const WORKING_SET: usize = 200_000;
/// Points of history among them.
const HISTORY_SET: usize = 100_000;

/// Points whose streams are looked up together before the first is queued: memory latency overlaps.
const LOT: usize = 64;

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

/// Points on their way.
///
/// After each `handle_*` and [`flush`](Self::flush), [`poll_output`](Self::poll_output) is
/// drained; then [`handle_timeout`](Self::handle_timeout) is due at
/// [`poll_timeout`](Self::poll_timeout).
#[derive(Debug)]
pub struct Delivery {
    config: Config,
    fill_window: Duration,
    linger: Linger,
    streams: Streams,
    timers: Timers,
    ready: Ready,
    pace: Pace,
    circuit: Circuit,
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
    figures: Figures,
    what_if: WhatIf,
    held: Held,
    /// When the latest successful request was sent.
    passed: Instant,
    /// The error of the last request that failed as a whole.
    trouble: Option<String>,
    clocks: Clocks,
    /// Keys settled by the response at hand.
    settled: Vec<Key>,
    /// Empty lists, kept for reuse.
    spare: Vec<Vec<Value>>,
    /// Values with the places of their streams.
    lot: Vec<(Slot, Value)>,
}

/// Whether values are batched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Linger {
    Yes,
    No,
}

impl Delivery {
    /// Empty; `seed` is for the jitter of retries.
    pub fn new(config: Config, seed: u64) -> Self {
        Self {
            config: Config { in_flight: config.in_flight.max(1), ..config },
            fill_window: request::fill_window(config.linger),
            linger: Linger::Yes,
            streams: Streams::default(),
            timers: Timers::default(),
            ready: Ready::default(),
            pace: Pace::new(config.requests_per_second, config.values_per_second),
            circuit: Circuit::new(),
            random: fastrand::Rng::with_seed(seed),
            next_request: 0,
            requests: FxHashMap::default(),
            send_due: None,
            outputs: VecDeque::new(),
            waiting: 0,
            waiting_history: 0,
            figures: Figures::default(),
            what_if: WhatIf::default(),
            held: Held::default(),
            passed: Instant::START,
            trouble: None,
            clocks: Clocks::default(),
            settled: Vec::new(),
            spare: Vec::new(),
            lot: Vec::with_capacity(LOT),
        }
    }

    /// Takes points; more than [`room`](Self::room) are taken as well.
    pub fn handle_points(&mut self, points: impl IntoIterator<Item = Point>, now: Now) {
        let oldest = now.wall.minus(limits::OLDEST_VALUE);
        let newest = now.wall.plus(limits::NEWEST_VALUE);
        let mut points = points.into_iter();
        while let Some(first) = points.next() {
            for point in std::iter::once(first).chain(points.by_ref().take(LOT - 1)) {
                self.figures.handled += 1;
                self.waiting += 1;
                self.waiting_history += usize::from(point.class == Class::History);
                let (stream, time) = (point.stream, point.time);
                self.what_if.count(stream, &point.value, now.instant);
                let value = Value::new(point, now.instant);
                if self.clocks == Clocks::Agree && (time < oldest || time > newest) {
                    let reason = format!(
                        "timestamp outside the range that SiteWise accepts at {}",
                        now.wall
                    );
                    self.refuse(stream, value, Refusal::OutOfRange, reason);
                    continue;
                }
                self.lot.push((self.streams.place(stream, now.instant), value));
            }
            self.take_in(now);
        }
        self.advance(now);
    }

    /// Queues the values of a batch, whose streams are in the cache by now.
    fn take_in(&mut self, now: Now) {
        let linger = self.linger();
        let mut lot = std::mem::take(&mut self.lot);
        for (slot, value) in lot.drain(..) {
            if let Some(state) = self.streams.get_mut(slot) {
                let stream = state.stream;
                match state.offer(value, linger, now) {
                    Offered::Taken => {}
                    Offered::Instead(gone, why) => self.discard(stream, &gone, why),
                    Offered::Late(gone) => {
                        self.discard(stream, &gone, Discard::Rate);
                        let key = Key { stream, time: gone.tqv.time, quality: gone.tqv.quality };
                        self.outputs.push_back(Output::Late(key));
                    }
                }
            }
            self.look_at(slot, now);
        }
        self.lot = lot;
    }

    /// Handles the response to a request; one to an unknown request is ignored.
    pub fn handle_answer(
        &mut self,
        id: RequestId,
        answer: Result<Vec<EntryError>, Fault>,
        now: Now,
    ) {
        self.read_answer(id, answer, now);
        self.advance(now);
    }

    /// Handles expired timers.
    pub fn handle_timeout(&mut self, now: Now) {
        self.advance(now);
    }

    /// Whether our clock and SiteWise's agree: while they do not, only SiteWise rejects values for
    /// their timestamps.
    pub fn handle_clocks(&mut self, clocks: Clocks) {
        self.clocks = clocks;
    }

    /// The account's quotas; those that are unknown stay unchanged.
    pub fn handle_quotas(&mut self, quotas: &Quotas, now: Instant) {
        let Config { requests_per_second, values_per_second, .. } = &mut self.config;
        *requests_per_second = quotas.requests.unwrap_or(*requests_per_second);
        *values_per_second = quotas.values.unwrap_or(*values_per_second);
        self.pace.set_quotas(*requests_per_second, *values_per_second, now);
    }

    /// Requests and values a second at most.
    pub fn quotas(&self) -> (u32, u32) {
        (self.config.requests_per_second, self.config.values_per_second)
    }

    /// Flushes: no value lingers from now on, since the process is about to stop.
    pub fn flush(&mut self, now: Now) {
        self.linger = Linger::No;
        for slot in self.streams.slots() {
            self.look_at(slot, now);
        }
        self.advance(now);
    }

    /// When the next timer expires.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next().into_iter().chain(self.send_due).min()
    }

    /// The next output.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// How many more points fit into the working set.
    pub fn room(&self) -> Room {
        let points = WORKING_SET.saturating_sub(self.waiting);
        let history = HISTORY_SET.saturating_sub(self.waiting_history);
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

    /// Whether nothing would be sent before `end`: what keeps failing is retried too rarely to wait
    /// for it.
    pub fn rests_until(&self, end: Instant) -> bool {
        self.requests.is_empty()
            && self.ready.len() == 0
            && self.outputs.is_empty()
            && !self.is_away()
            && self.streams.iter().all(|state| state.rests_until(end))
    }

    /// Whether only values that failed before are queued, or SiteWise is unreachable: what is on
    /// disk can be left to the next process.
    pub fn has_only_failed(&self) -> bool {
        let mut flying = self.requests.values().flat_map(|request| &request.entries);
        self.outputs.is_empty()
            && (self.is_away()
                || (flying.all(|(_, values)| values.iter().all(|value| value.failures > 0))
                    && self.streams.iter().all(stream::StreamState::has_only_failed)))
    }

    /// Whether SiteWise is unreachable: it does not respond, denies access as a whole, or something
    /// else answers in its place.
    pub fn is_away(&self) -> bool {
        self.circuit.is_away()
    }

    /// The last error of a whole request, while SiteWise is unreachable.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref().filter(|_| self.is_away())
    }

    /// Share of the quotas that the rate limiter allows, from 0 to 1: less than 1 after throttling.
    pub fn share(&self, now: Instant) -> f64 {
        self.pace.share(now)
    }

    /// What was counted since the start; walks over all waiting streams.
    pub fn figures(&self) -> Figures {
        let flying = self.requests.values().flat_map(|request| &request.entries);
        let flying = flying.flat_map(|(_, values)| values).map(|value| value.since);
        let waiting = self.streams.iter().filter_map(|state| state.oldest());
        Figures {
            waiting: self.waiting,
            oldest: flying.chain(waiting).min(),
            in_flight: self.requests.len(),
            messages_at: self.what_if.messages(),
            ..self.figures
        }
    }

    /// Handles the streams whose timer has expired, and sends what can be sent.
    fn advance(&mut self, now: Now) {
        while let Some(slot) = self.timers.pop(now.instant, &mut self.streams) {
            self.look_at(slot, now);
        }
        self.send_requests(now);
        self.streams.forget(now.instant);
    }

    /// Queues a stream whose next entry may leave, else sets its timer.
    fn look_at(&mut self, slot: Slot, now: Now) {
        let linger = self.linger();
        let any = match self.linger {
            Linger::Yes => Any::No,
            Linger::No => Any::Yes,
        };
        let Some(state) = self.streams.get_mut(slot) else {
            return;
        };
        state.used = now.instant;
        state.release(now.instant, any);
        let mut wake = state.release_due();
        if state.flying == 0 {
            match state.entry_due(linger) {
                Some(due) if due > now.instant => wake = wake.into_iter().chain([due]).min(),
                Some(_) => {
                    if let Some(lane) = state.next_lane() {
                        self.ready.push(slot, lane, &mut self.streams, now.instant);
                    }
                }
                None if state.is_empty() => self.streams.list_empty(slot, now.instant),
                None => {}
            }
        }
        if let Some(wake) = wake {
            self.timers.set(slot, wake, &mut self.streams);
        }
    }

    /// A stream's entry is no longer in flight: its response was read.
    fn landed(&mut self, slot: Slot, now: Now) {
        if let Some(state) = self.streams.get_mut(slot) {
            state.flying = 0;
        }
        self.look_at(slot, now);
    }

    fn linger(&self) -> Duration {
        match self.linger {
            Linger::Yes => self.config.linger,
            Linger::No => Duration::ZERO,
        }
    }

    fn refuse(&mut self, stream: Stream, value: Value, refusal: Refusal, reason: String) {
        self.decided(value.class);
        self.figures.refused.count(refusal);
        self.outputs.push_back(Output::Refused {
            point: value.into_point(stream),
            refusal,
            reason,
        });
    }

    fn discard(&mut self, stream: Stream, value: &Value, why: Discard) {
        self.decided(value.class);
        self.figures.discarded.count(why);
        let key = Key { stream, time: value.tqv.time, quality: value.tqv.quality };
        self.outputs.push_back(Output::Discarded { key, why });
    }

    /// Drops what is queued for a property that SiteWise will never have.
    pub fn withdraw(&mut self, stream: Stream, now: Now) {
        let Some(slot) = self.streams.find(stream) else { return };
        let values = self.streams.get_mut(slot).map(stream::StreamState::drain);
        for value in values.into_iter().flatten() {
            self.discard(stream, &value, Discard::Astray);
        }
        self.settle_held(slot);
        self.look_at(slot, now);
    }

    /// A returned value was overwritten by a later one meanwhile.
    fn overwritten(&mut self, slot: Slot, value: Option<Value>) {
        let stream = self.streams.get(slot).map(|state| state.stream);
        if let (Some(stream), Some(value)) = (stream, value) {
            self.discard(stream, &value, Discard::Overwritten);
        }
    }

    /// A point is decided.
    fn decided(&mut self, class: Class) {
        self.waiting -= 1;
        self.waiting_history -= usize::from(class == Class::History);
    }
}

#[cfg(test)]
mod tests;
