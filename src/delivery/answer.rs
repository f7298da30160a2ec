//! Reading responses: each value of each entry has its own outcome.

use std::mem;

use super::{Delivery, LingerMode, failing, rejections};

use super::billing;
use super::output::{Output, RequestId};
use super::point::{Class, Key, RejectReason};
use super::request::InFlight;
use super::retry;
use super::stream::{Isolation, PendingValue};
use super::streams::StreamSlot;
use crate::sitewise::api::{ApiFault, ApiFaultKind, EntryError, Variant};
use crate::sitewise::limits;
use crate::time::Now;

/// Failures after which a value is isolated: it shares entries only with other failed ones, and is
/// set aside.
const FAILURES_BEFORE_ISOLATION: u8 = 3;
/// The same for hanging requests: each costs half a minute.
const HANGS_BEFORE_ISOLATION: u8 = 1;
/// Empty lists of values that are kept for reuse.
const SPARE_LISTS: usize = 1_024;

/// Limit errors after which a value is discarded if ten values of its second were sent already:
/// then it is the second that is full, since SiteWise's limit of entries passes sooner.
const SECOND_FULL_TRIES: u8 = 5;
/// The same during shutdown.
const SECOND_FULL_TRIES_AT_SHUTDOWN: u8 = 1;
/// The same where nothing is remembered of its second: an earlier process may have filled it, or it
/// was filled long ago. SiteWise names the time, and a rate that is exceeded passes sooner.
const FORGOTTEN_SECOND_TRIES: u8 = 8;
/// The same during shutdown.
const FORGOTTEN_SECOND_TRIES_AT_SHUTDOWN: u8 = 3;

/// What is to happen to a value that was sent.
enum ValueOutcome<'a> {
    Settled,
    Retry(&'a ApiFault),
    /// Its second already has ten values.
    SecondFull,
    Rejected(RejectReason, &'a ApiFault),
}

/// How to handle a request that failed as a whole.
enum RequestFailure {
    /// Retry all: none of them is at fault.
    RetryAll,
    /// One of them is at fault, to be found by splitting.
    Isolate,
}

impl Delivery {
    /// Takes the answer to a request that was in flight.
    pub(super) fn read_answer(
        &mut self,
        id: RequestId,
        answer: Result<Vec<EntryError>, ApiFault>,
        now: Now,
    ) {
        let Some(request) = self.requests.remove(&id) else {
            return;
        };
        self.figures.response_times.observe(now.instant.since(request.sent_at));
        match answer {
            Ok(errors) => {
                self.circuit.record_success();
                self.last_success_sent = self.last_success_sent.max(request.sent_at);
                self.read_entries(request, &errors, now);
            }
            Err(fault) => self.read_fault(request, &fault, now),
        }
    }

    /// A successful response, perhaps with errors of entries.
    fn read_entries(&mut self, request: InFlight, errors: &[EntryError], now: Now) {
        let of_kind = |kind| errors.iter().filter(move |error| error.fault.kind == kind).count();
        let throttled = of_kind(ApiFaultKind::Throttled);
        self.figures.throttles += (throttled + of_kind(ApiFaultKind::Limit)) as u64;
        // A limit is its property's own. So may be a few that are throttled; most of them are the
        // account's.
        if throttled > 0 && throttled * 2 >= request.entries.len() {
            self.rate_limiter.throttled(request.sent_at, now.instant);
        }
        self.settled_keys.reserve(request.entries.iter().map(|(_, values)| values.len()).sum());
        let mut not_found = Vec::new();
        for (index, (slot, values)) in request.entries.into_iter().enumerate() {
            let of_entry = errors.iter().filter(|error| error.entry == index);
            let of_entry: Vec<&EntryError> = of_entry.collect();
            if of_entry.iter().any(|error| error.fault.kind == ApiFaultKind::NotFound)
                && let Some(state) = self.streams.get(slot)
            {
                not_found.push(state.stream);
            }
            self.read_entry(slot, values, &of_entry, now);
        }
        if !self.settled_keys.is_empty() {
            self.outputs.push_back(Output::Settled(mem::take(&mut self.settled_keys)));
        }
        if !not_found.is_empty() {
            self.outputs.push_back(Output::NotFound(not_found));
        }
    }

    fn read_entry(
        &mut self,
        slot: StreamSlot,
        mut values: Vec<PendingValue>,
        errors: &[&EntryError],
        now: Now,
    ) {
        let Some(state) = self.streams.get(slot) else {
            return;
        };
        let stream = state.stream;
        if errors.is_empty() {
            let accepted = values.iter().map(|value| &value.tqv.value);
            self.figures.billed_messages += billing::messages(accepted);
        }
        let mut retryable: Vec<(PendingValue, &ApiFault)> = Vec::new();
        let (tries_before_full, tries_if_forgotten) = match self.linger_mode {
            LingerMode::Configured => (SECOND_FULL_TRIES, FORGOTTEN_SECOND_TRIES),
            LingerMode::None => (SECOND_FULL_TRIES_AT_SHUTDOWN, FORGOTTEN_SECOND_TRIES_AT_SHUTDOWN),
        };
        let mut billed = Vec::new();
        let sent_count = values.len();
        let any_named =
            values.iter().any(|value| errors.iter().any(|error| concerns(error, value)));
        for value in values.drain(..) {
            let is_full = || self.streams.get(slot).is_some_and(|state| state.is_full_at(&value));
            let tries_before_full = match !errors.is_empty() && is_full() {
                true => tries_before_full,
                false => tries_if_forgotten,
            };
            match outcome(&value, errors, any_named, tries_before_full) {
                ValueOutcome::Settled => {
                    self.settled_keys.push(Key {
                        stream,
                        time: value.tqv.time,
                        quality: value.tqv.quality,
                    });
                    self.figures.delivered += 1;
                    if value.class == Class::Live {
                        self.figures.latencies.observe(now.instant.since(value.queued_at));
                    }
                    self.count_settled(value.class, value.failures);
                    if !errors.is_empty() {
                        billed.push(value.tqv.value);
                    }
                }
                ValueOutcome::Retry(fault) => retryable.push((value, fault)),
                ValueOutcome::SecondFull => self.discard_second_full(stream, &value),
                ValueOutcome::Rejected(refusal, fault) => {
                    let reason = reject_message(&value, fault);
                    self.reject(stream, value, refusal, reason);
                }
            }
        }
        self.figures.billed_messages += billing::messages(billed.iter());
        self.note_entry(stream, &retryable, retryable.len() < sent_count, now);
        self.recycle(values);
        self.finish_entry(slot, retryable, 1, now);
    }

    /// A request that failed as a whole.
    fn read_fault(&mut self, request: InFlight, fault: &ApiFault, now: Now) {
        self.last_error = Some(fault.message.clone());
        let hung = request.is_hung(now.instant);
        let failure = match fault.kind {
            ApiFaultKind::Throttled | ApiFaultKind::Limit => {
                self.circuit.record_success();
                self.figures.throttles += 1;
                self.rate_limiter.throttled(request.sent_at, now.instant);
                RequestFailure::RetryAll
            }
            ApiFaultKind::Unavailable | ApiFaultKind::AlreadyExists | ApiFaultKind::Changed => {
                self.circuit.record_failure(request.kind, &mut self.random, now.instant);
                // What was sent after it has been answered since.
                let overtaken = hung && self.last_success_sent > request.sent_at;
                match (request.is_suspect() || overtaken) && !self.circuit.is_open() {
                    true => RequestFailure::Isolate,
                    false => RequestFailure::RetryAll,
                }
            }
            ApiFaultKind::Denied => {
                self.circuit.denied(request.kind, &mut self.random, now.instant);
                RequestFailure::RetryAll
            }
            ApiFaultKind::Foreign => {
                self.foreign_response(&request, now);
                RequestFailure::Isolate
            }
            ApiFaultKind::Busy => {
                self.figures.throttles += 1;
                self.foreign_response(&request, now);
                match request.is_suspect() || self.is_persistent(&request) {
                    true => RequestFailure::Isolate,
                    false => {
                        self.rate_limiter.throttled(request.sent_at, now.instant);
                        RequestFailure::RetryAll
                    }
                }
            }
            ApiFaultKind::Invalid
            | ApiFaultKind::OutOfRange
            | ApiFaultKind::NotFound
            | ApiFaultKind::Conflict => {
                self.circuit.record_success();
                RequestFailure::Isolate
            }
        };
        self.note_request(&request, fault, now);
        let has_several_entries = request.entries.len() > 1;
        for (slot, values) in request.entries {
            match failure {
                RequestFailure::RetryAll => self.requeue(slot, values, (fault.kind, hung), now),
                RequestFailure::Isolate if has_several_entries => {
                    self.isolate(slot, values, Isolation::OwnRequest, now)
                }
                RequestFailure::Isolate => self.read_single_entry(slot, values, (fault, hung), now),
            }
        }
    }

    /// Whether one of the request's properties has had this failure repeatedly.
    fn is_persistent(&self, request: &InFlight) -> bool {
        let mut states = request.entries.iter().filter_map(|(slot, _)| self.streams.get(*slot));
        !self.circuit.is_open() && states.any(|state| state.failures >= FAILURES_BEFORE_ISOLATION)
    }

    /// Something other than SiteWise answered, perhaps because of one of the values.
    fn foreign_response(&mut self, request: &InFlight, now: Now) {
        let first = request.entries.first().and_then(|(slot, _)| self.streams.get(*slot));
        let Some(stream) = first.map(|state| state.stream) else { return };
        // A value that was reported already says nothing new about the others.
        let mut values = request.entries.iter().flat_map(|(_, values)| values);
        if !self.circuit.is_open()
            && values.all(|value| value.failures >= failing::FOREIGN_FAILURES_BEFORE_REPORT)
        {
            return;
        }
        let has_several_entries = request.entries.len() > 1;
        let (kind, random) = (request.kind, &mut self.random);
        if self.circuit.record_foreign((stream, has_several_entries), kind, random, now.instant) {
            // Other values got the same response, so these are not at fault.
            for slot in self.streams.slots() {
                if let Some(state) = self.streams.get_mut(slot) {
                    state.clear_isolation();
                }
            }
        }
    }

    /// A request with a single entry failed: the entry or one of its values is at fault.
    fn read_single_entry(
        &mut self,
        slot: StreamSlot,
        values: Vec<PendingValue>,
        (fault, hung): (&ApiFault, bool),
        now: Now,
    ) {
        let stream = self.streams.get(slot).map(|state| state.stream);
        match fault.kind {
            ApiFaultKind::Invalid
            | ApiFaultKind::OutOfRange
            | ApiFaultKind::Foreign
            | ApiFaultKind::Busy
            | ApiFaultKind::Unavailable
                if values.len() > 1 =>
            {
                self.isolate(slot, values, Isolation::OnlyValue, now);
            }
            ApiFaultKind::Invalid | ApiFaultKind::OutOfRange => {
                let refusal = match fault.kind {
                    ApiFaultKind::OutOfRange => RejectReason::OutOfRange,
                    _ => RejectReason::Invalid,
                };
                for value in values {
                    if let Some(stream) = stream {
                        let reason = reject_message(&value, fault);
                        self.reject(stream, value, refusal, reason);
                    }
                }
                self.finish_entry(slot, Vec::new(), 1, now);
            }
            kind => {
                let retryable = values.into_iter().map(|value| (value, fault));
                // It held up its property for as long as others take to fail several times.
                self.finish_entry(slot, retryable.collect(), if hung { 2 } else { 1 }, now);
                if kind == ApiFaultKind::NotFound
                    && let Some(stream) = stream
                {
                    self.outputs.push_back(Output::NotFound(vec![stream]));
                }
            }
        }
    }

    /// Queues values again that are not at fault; the failure applies to all.
    fn requeue(
        &mut self,
        slot: StreamSlot,
        mut values: Vec<PendingValue>,
        (kind, hung): (ApiFaultKind, bool),
        now: Now,
    ) {
        let is_open = self.circuit.is_open();
        let failures_allowed =
            if hung { HANGS_BEFORE_ISOLATION } else { FAILURES_BEFORE_ISOLATION };
        let Some(state) = self.streams.get_mut(slot) else {
            return;
        };
        // Only throttling makes the delay grow: any other failure of a whole request is not the
        // stream's fault.
        let backoff_step = match kind {
            ApiFaultKind::Throttled | ApiFaultKind::Busy | ApiFaultKind::Limit => state.failures,
            // Other requests succeed: perhaps one of these values makes SiteWise fail.
            ApiFaultKind::Unavailable if !is_open && state.failures >= failures_allowed => {
                for value in &mut values {
                    value.isolation = value.isolation.max(Isolation::OwnRequest);
                }
                0
            }
            _ => 0,
        };
        let wait = match kind {
            ApiFaultKind::Denied => retry::FIRST_DELAY,
            kind => retry::delay(kind, backoff_step, &mut self.random),
        };
        state.failures = match kind {
            ApiFaultKind::Unavailable => state.failures.saturating_add(1),
            _ => backoff_step.saturating_add(1),
        };
        state.delay_until(now.instant + wait);
        self.requeue_unchanged(slot, values, now);
    }

    /// Queues values again, isolated.
    fn isolate(
        &mut self,
        slot: StreamSlot,
        mut values: Vec<PendingValue>,
        isolation: Isolation,
        now: Now,
    ) {
        for value in &mut values {
            value.isolation = value.isolation.max(isolation);
        }
        self.requeue_unchanged(slot, values, now);
    }

    fn requeue_unchanged(&mut self, slot: StreamSlot, mut values: Vec<PendingValue>, now: Now) {
        self.figures.retries += values.len() as u64;
        for value in values.drain(..) {
            let overwritten = self.streams.get_mut(slot).and_then(|state| state.requeue(value));
            self.discard_overwritten(slot, overwritten);
        }
        self.recycle(values);
        self.entry_answered(slot, now);
    }

    /// Finishes an answered entry; `retryable` are its values that failed and can be retried, each
    /// of which counts as `failure_weight` failures.
    ///
    /// If others were accepted, or if the failures continue, they are set aside: what fails for
    /// ever must not block what would be accepted. A repeated failure also says nothing of values
    /// that were not tried yet.
    fn finish_entry(
        &mut self,
        slot: StreamSlot,
        retryable: Vec<(PendingValue, &ApiFault)>,
        failure_weight: u8,
        now: Now,
    ) {
        let Some(state) = self.streams.get_mut(slot) else {
            return;
        };
        let stream = state.stream;
        self.figures.retries += retryable.len() as u64;
        let worst =
            retryable.iter().map(|(_, fault)| fault.kind).max_by_key(|kind| retry::severity(*kind));
        let any_settled = retryable.len() < state.in_flight;
        let any_first_failure = retryable.iter().any(|(value, _)| value.failures == 0);
        // Foreign, busy and missing responses are attributed to single values, never to the
        // property.
        let is_about_values = worst.is_some_and(rejections::may_be_about_values);
        match worst {
            Some(_) if is_about_values => {}
            Some(worst) if !any_settled && any_first_failure => {
                let wait = self.rejections.backoff(worst, state.failures, &mut self.random);
                state.failures = state.failures.saturating_add(1);
                state.delay_until(now.instant + wait);
            }
            Some(_) if !any_settled => {}
            _ => state.failures = 0,
        }
        state.note_rejection(worst.filter(|_| !is_about_values), any_settled);
        let has_failed = worst.is_some() || state.has_put_back();
        let set_aside = is_about_values
            || any_settled
            || !any_first_failure
            || (state.failures > FAILURES_BEFORE_ISOLATION && state.has_others());
        for (mut value, fault) in retryable {
            let Some(state) = self.streams.get_mut(slot) else {
                return;
            };
            let wait = self.rejections.backoff(fault.kind, value.failures, &mut self.random);
            self.failed += usize::from(value.failures == 0);
            value.failures = value.failures.saturating_add(failure_weight);
            value.last_failure = Some(fault.kind);
            if value.failures >= FAILURES_BEFORE_ISOLATION {
                value.isolation = value.isolation.max(Isolation::WithFailed);
            }
            let failures = value.failures;
            let overwritten = match set_aside {
                true => state.set_aside(value, now.instant + wait),
                false => state.requeue(value),
            };
            self.discard_overwritten(slot, overwritten);
            self.report_failing(stream, failures, fault, now);
        }
        if has_failed {
            self.keep_few(slot);
        }
        self.entry_answered(slot, now);
        self.clear_failing(slot);
    }

    fn recycle(&mut self, values: Vec<PendingValue>) {
        if self.spare_lists.len() < SPARE_LISTS {
            self.spare_lists.push(values);
        }
    }
}

/// SiteWise's error, with a remedy where it may be about a number that is too large.
fn reject_message(value: &PendingValue, fault: &ApiFault) -> String {
    match value.tqv.value {
        Variant::Double(number)
            if fault.kind == ApiFaultKind::Invalid
                && number.abs() > limits::DOUBLE_MAGNITUDE_OF_MODEL =>
        {
            let remedy = match number.fract() == 0.0 {
                true => "; TWIN_INT64=string carries it as text if the metric is an integer",
                false => "",
            };
            format!("{}; SiteWise may not accept numbers past ±1e10{remedy}", fault.message)
        }
        _ => fault.message.clone(),
    }
}

/// Whether an error concerns a value.
fn concerns(error: &EntryError, value: &PendingValue) -> bool {
    error.times.is_empty() || error.times.contains(&value.tqv.time)
}

/// The outcome of a value by the errors of its entry. An error whose times are not the entry's
/// applies to the whole entry.
fn outcome<'a>(
    value: &PendingValue,
    errors: &[&'a EntryError],
    any_named: bool,
    tries_before_full: u8,
) -> ValueOutcome<'a> {
    let error = errors.iter().find(|error| !any_named || concerns(error, value));
    let Some(fault) = error.map(|error| &error.fault) else {
        return ValueOutcome::Settled;
    };
    match fault.kind {
        ApiFaultKind::Invalid => ValueOutcome::Rejected(RejectReason::Invalid, fault),
        ApiFaultKind::OutOfRange => ValueOutcome::Rejected(RejectReason::OutOfRange, fault),
        ApiFaultKind::Limit if any_named && value.failures >= tries_before_full => {
            ValueOutcome::SecondFull
        }
        ApiFaultKind::Throttled
        | ApiFaultKind::Busy
        | ApiFaultKind::Unavailable
        | ApiFaultKind::Conflict
        | ApiFaultKind::AlreadyExists
        | ApiFaultKind::NotFound
        | ApiFaultKind::Changed
        | ApiFaultKind::Limit
        | ApiFaultKind::Foreign
        | ApiFaultKind::Denied => ValueOutcome::Retry(fault),
    }
}
