//! Reading responses: each value of each entry has its own outcome.

use std::mem;

use super::{Delivery, Linger, held};

use super::billing;
use super::output::{Output, RequestId};
use super::point::{Class, Discard, Key, Refusal};
use super::request::InFlight;
use super::retry;
use super::stream::{Care, Value};
use super::streams::Slot;
use crate::sitewise::api::{EntryError, Fault, FaultKind, Variant};
use crate::sitewise::limits;
use crate::time::Now;

/// Failures after which a value is isolated: it shares entries only with other failed ones, and is
/// set aside.
const PATIENCE: u8 = 3;
/// The same for hanging requests: each costs half a minute.
const PATIENCE_HUNG: u8 = 1;
/// Empty lists of values that are kept for reuse.
const SPARE: usize = 1_024;

/// Rejections for too many values in a second after which a value is dropped: its second is full.
/// No limit of entries lasts so long.
const CROWDED: u8 = 5;
/// The same during shutdown.
const CROWDED_AT_END: u8 = 1;

/// What is to happen to a value that was sent.
enum Outcome<'a> {
    Settled,
    Again(&'a Fault),
    /// Its second already has ten values.
    Crowded,
    Refused(Refusal, &'a Fault),
}

/// How to handle a request that failed as a whole.
enum Whole {
    /// Retry all: none of them is at fault.
    Back,
    /// One of them is at fault, to be found by splitting.
    Suspect,
}

impl Delivery {
    /// Takes the answer to a request that was in flight.
    pub(super) fn read_answer(
        &mut self,
        id: RequestId,
        answer: Result<Vec<EntryError>, Fault>,
        now: Now,
    ) {
        let Some(request) = self.requests.remove(&id) else {
            return;
        };
        self.figures.answered.count(now.instant.since(request.sent));
        match answer {
            Ok(errors) => {
                self.circuit.answered();
                self.passed = self.passed.max(request.sent);
                self.read_entries(request, &errors, now);
            }
            Err(fault) => self.read_fault(request, &fault, now),
        }
    }

    /// A successful response, perhaps with errors of entries.
    fn read_entries(&mut self, request: InFlight, errors: &[EntryError], now: Now) {
        let throttled = errors
            .iter()
            .filter(|error| matches!(error.fault.kind, FaultKind::Throttled | FaultKind::Limit));
        let throttled = throttled.count();
        self.figures.throttles += throttled as u64;
        // A few entries are their properties' own limit; most of them are the account's.
        if throttled > 0 && throttled * 2 >= request.entries.len() {
            self.pace.throttled(request.sent, now.instant);
        }
        self.settled.reserve(request.entries.iter().map(|(_, values)| values.len()).sum());
        let mut missing = Vec::new();
        for (place, (slot, values)) in request.entries.into_iter().enumerate() {
            let of_entry = errors.iter().filter(|error| error.entry == place);
            let of_entry: Vec<&EntryError> = of_entry.collect();
            if of_entry.iter().any(|error| error.fault.kind == FaultKind::NotFound)
                && let Some(state) = self.streams.get(slot)
            {
                missing.push(state.stream);
            }
            self.read_entry(slot, values, &of_entry, now);
        }
        if !self.settled.is_empty() {
            self.outputs.push_back(Output::Settled(mem::take(&mut self.settled)));
        }
        if !missing.is_empty() {
            self.outputs.push_back(Output::Missing(missing));
        }
    }

    fn read_entry(&mut self, slot: Slot, mut values: Vec<Value>, errors: &[&EntryError], now: Now) {
        let Some(state) = self.streams.get(slot) else {
            return;
        };
        let stream = state.stream;
        if errors.is_empty() {
            let taken = values.iter().map(|value| &value.tqv.value);
            self.figures.billed_messages += billing::messages(taken);
        }
        let mut again: Vec<(Value, &Fault)> = Vec::new();
        let crowded = match self.linger {
            Linger::Yes => CROWDED,
            Linger::No => CROWDED_AT_END,
        };
        let mut taken = Vec::new();
        let any_named = values.iter().any(|value| errors.iter().any(|error| names(error, value)));
        for value in values.drain(..) {
            match outcome(&value, errors, any_named, crowded) {
                Outcome::Settled => {
                    self.settled.push(Key {
                        stream,
                        time: value.tqv.time,
                        quality: value.tqv.quality,
                    });
                    self.figures.delivered += 1;
                    if value.class == Class::Live {
                        self.figures.took.count(now.instant.since(value.since));
                    }
                    self.decided(value.class);
                    if !errors.is_empty() {
                        taken.push(value.tqv.value);
                    }
                }
                Outcome::Again(fault) => again.push((value, fault)),
                Outcome::Crowded => self.discard(stream, &value, Discard::Rate),
                Outcome::Refused(refusal, fault) => {
                    let reason = reason(&value, fault);
                    self.refuse(stream, value, refusal, reason);
                }
            }
        }
        self.figures.billed_messages += billing::messages(taken.iter());
        self.keep_spare(values);
        self.land(slot, again, 1, now);
    }

    /// A request that failed as a whole.
    fn read_fault(&mut self, request: InFlight, fault: &Fault, now: Now) {
        self.trouble = Some(fault.message.clone());
        let hung = request.hung(now.instant);
        let whole = match fault.kind {
            FaultKind::Throttled | FaultKind::Limit => {
                self.circuit.answered();
                self.figures.throttles += 1;
                self.pace.throttled(request.sent, now.instant);
                Whole::Back
            }
            FaultKind::Unavailable | FaultKind::AlreadyExists | FaultKind::Changed => {
                self.circuit.missed(request.probe, &mut self.random, now.instant);
                // What was sent after it has been answered since.
                let overtaken = hung && self.passed > request.sent;
                match (request.is_suspect() || overtaken) && !self.circuit.is_away() {
                    true => Whole::Suspect,
                    false => Whole::Back,
                }
            }
            FaultKind::Denied => {
                self.circuit.denied(request.probe, &mut self.random, now.instant);
                Whole::Back
            }
            FaultKind::Foreign => {
                self.meet_foreign(&request, now);
                Whole::Suspect
            }
            FaultKind::Busy => {
                self.figures.throttles += 1;
                self.meet_foreign(&request, now);
                match request.is_suspect() || self.is_lasting(&request) {
                    true => Whole::Suspect,
                    false => {
                        self.pace.throttled(request.sent, now.instant);
                        Whole::Back
                    }
                }
            }
            FaultKind::Invalid
            | FaultKind::OutOfRange
            | FaultKind::NotFound
            | FaultKind::Conflict => {
                self.circuit.answered();
                Whole::Suspect
            }
        };
        let several = request.entries.len() > 1;
        for (slot, values) in request.entries {
            match whole {
                Whole::Back => self.put_back(slot, values, (fault.kind, hung), now),
                Whole::Suspect if several => self.suspect(slot, values, Care::Alone, now),
                Whole::Suspect => self.read_lone(slot, values, (fault, hung), now),
            }
        }
    }

    /// Whether one of the request's properties has had this failure repeatedly.
    fn is_lasting(&self, request: &InFlight) -> bool {
        let mut states = request.entries.iter().filter_map(|(slot, _)| self.streams.get(*slot));
        !self.circuit.is_away() && states.any(|state| state.failures >= PATIENCE)
    }

    /// Something other than SiteWise answered, perhaps because of one of the values.
    fn meet_foreign(&mut self, request: &InFlight, now: Now) {
        let first = request.entries.first().and_then(|(slot, _)| self.streams.get(*slot));
        let Some(stream) = first.map(|state| state.stream) else { return };
        // A value that is named already says nothing new of the others.
        let mut values = request.entries.iter().flat_map(|(_, values)| values);
        if !self.circuit.is_away() && values.all(|value| value.failures >= held::TOLD_FOREIGN) {
            return;
        }
        let several = request.entries.len() > 1;
        let (probe, random) = (request.probe, &mut self.random);
        if self.circuit.foreign((stream, several), probe, random, now.instant) {
            // It was not they, as it seems now.
            for slot in self.streams.slots() {
                if let Some(state) = self.streams.get_mut(slot) {
                    state.trust();
                }
            }
        }
    }

    /// A request with a single entry failed: the entry or one of its values is at fault.
    fn read_lone(
        &mut self,
        slot: Slot,
        values: Vec<Value>,
        (fault, hung): (&Fault, bool),
        now: Now,
    ) {
        let stream = self.streams.get(slot).map(|state| state.stream);
        match fault.kind {
            FaultKind::Invalid
            | FaultKind::OutOfRange
            | FaultKind::Foreign
            | FaultKind::Busy
            | FaultKind::Unavailable
                if values.len() > 1 =>
            {
                self.suspect(slot, values, Care::Single, now);
            }
            FaultKind::Invalid | FaultKind::OutOfRange => {
                let refusal = match fault.kind {
                    FaultKind::OutOfRange => Refusal::OutOfRange,
                    _ => Refusal::Invalid,
                };
                for value in values {
                    if let Some(stream) = stream {
                        let reason = reason(&value, fault);
                        self.refuse(stream, value, refusal, reason);
                    }
                }
                self.land(slot, Vec::new(), 1, now);
            }
            kind => {
                let again = values.into_iter().map(|value| (value, fault));
                // It held up its property for as long as others take to fail several times.
                self.land(slot, again.collect(), if hung { 2 } else { 1 }, now);
                if kind == FaultKind::NotFound
                    && let Some(stream) = stream
                {
                    self.outputs.push_back(Output::Missing(vec![stream]));
                }
            }
        }
    }

    /// Queues values again that are not at fault; the failure applies to all.
    fn put_back(
        &mut self,
        slot: Slot,
        mut values: Vec<Value>,
        (kind, hung): (FaultKind, bool),
        now: Now,
    ) {
        let is_away = self.circuit.is_away();
        let patience = if hung { PATIENCE_HUNG } else { PATIENCE };
        let Some(state) = self.streams.get_mut(slot) else {
            return;
        };
        // What is true of the service is not the stream's fault: its delay does not grow.
        let failures = match kind {
            FaultKind::Throttled | FaultKind::Busy | FaultKind::Limit => state.failures,
            // Others pass: perhaps it is one of these that SiteWise fails at.
            FaultKind::Unavailable if !is_away && state.failures >= patience => {
                for value in &mut values {
                    value.care = value.care.max(Care::Alone);
                }
                0
            }
            _ => 0,
        };
        let wait = match kind {
            FaultKind::Denied => retry::FIRST_DELAY,
            kind => retry::delay(kind, failures, &mut self.random),
        };
        state.failures = match kind {
            FaultKind::Unavailable => state.failures.saturating_add(1),
            _ => failures.saturating_add(1),
        };
        state.keep_back(now.instant + wait);
        self.return_values(slot, values, now);
    }

    /// Queues values again, isolated.
    fn suspect(&mut self, slot: Slot, mut values: Vec<Value>, care: Care, now: Now) {
        for value in &mut values {
            value.care = value.care.max(care);
        }
        self.return_values(slot, values, now);
    }

    fn return_values(&mut self, slot: Slot, mut values: Vec<Value>, now: Now) {
        self.figures.retries += values.len() as u64;
        for value in values.drain(..) {
            let overwritten = self.streams.get_mut(slot).and_then(|state| state.put_back(value));
            self.overwritten(slot, overwritten);
        }
        self.keep_spare(values);
        self.landed(slot, now);
    }

    /// An entry is answered; `again` are those of its values that failed and can be retried.
    ///
    /// If others were accepted, or if the failures continue, they are set aside: what fails for
    /// ever must not block what would be accepted. A repeated failure also says nothing of values
    /// that were not tried yet.
    fn land(&mut self, slot: Slot, again: Vec<(Value, &Fault)>, weight: u8, now: Now) {
        let Some(state) = self.streams.get_mut(slot) else {
            return;
        };
        let stream = state.stream;
        self.figures.retries += again.len() as u64;
        let worst = again.iter().map(|(_, fault)| fault.kind).max_by_key(|kind| severity(*kind));
        let progress = again.len() < state.flying;
        let new = again.iter().any(|(value, _)| value.failures == 0);
        // What somebody else says, or nobody, is about single values and never about the property.
        let single =
            matches!(worst, Some(FaultKind::Foreign | FaultKind::Busy | FaultKind::Unavailable));
        match worst {
            Some(_) if single => {}
            Some(worst) if !progress && new => {
                let wait = retry::rarer(worst, state.failures, &mut self.random);
                state.failures = state.failures.saturating_add(1);
                state.keep_back(now.instant + wait);
            }
            Some(_) if !progress => {}
            _ => state.failures = 0,
        }
        let aside = single || progress || !new || (state.failures > PATIENCE && state.has_others());
        for (mut value, fault) in again {
            let Some(state) = self.streams.get_mut(slot) else {
                return;
            };
            let wait = retry::rarer(fault.kind, value.failures, &mut self.random);
            value.failures = value.failures.saturating_add(weight);
            value.why = Some(fault.kind);
            if value.failures >= PATIENCE {
                value.care = value.care.max(Care::Apart);
            }
            let failures = value.failures;
            let overwritten = match aside {
                true => state.put_aside(value, now.instant + wait),
                false => state.put_back(value),
            };
            self.overwritten(slot, overwritten);
            self.tell_held(stream, failures, fault);
        }
        self.landed(slot, now);
        self.settle_held(slot);
    }

    fn keep_spare(&mut self, values: Vec<Value>) {
        if self.spare.len() < SPARE {
            self.spare.push(values);
        }
    }
}

/// SiteWise's error, with a remedy where it may be about a number that is too large.
fn reason(value: &Value, fault: &Fault) -> String {
    match value.tqv.value {
        Variant::Double(number)
            if fault.kind == FaultKind::Invalid
                && number.abs() > limits::DOUBLE_MAGNITUDE_OF_MODEL =>
        {
            let remedy = match number.fract() == 0.0 {
                true => "; TWIN_INT64=string carries large integers as text",
                false => "",
            };
            format!("{}; SiteWise may not accept numbers past ±1e10{remedy}", fault.message)
        }
        _ => fault.message.clone(),
    }
}

/// Whether an error names a value.
fn names(error: &EntryError, value: &Value) -> bool {
    error.times.is_empty() || error.times.contains(&value.tqv.time)
}

/// The outcome of a value by the errors of its entry. An error whose times are not the entry's
/// applies to the whole entry.
fn outcome<'a>(
    value: &Value,
    errors: &[&'a EntryError],
    any_named: bool,
    crowded: u8,
) -> Outcome<'a> {
    let error = errors.iter().find(|error| !any_named || names(error, value));
    let Some(fault) = error.map(|error| &error.fault) else {
        return Outcome::Settled;
    };
    match fault.kind {
        FaultKind::Invalid => Outcome::Refused(Refusal::Invalid, fault),
        FaultKind::OutOfRange => Outcome::Refused(Refusal::OutOfRange, fault),
        FaultKind::Limit if any_named && value.failures >= crowded => Outcome::Crowded,
        FaultKind::Throttled
        | FaultKind::Busy
        | FaultKind::Unavailable
        | FaultKind::Conflict
        | FaultKind::AlreadyExists
        | FaultKind::NotFound
        | FaultKind::Changed
        | FaultKind::Limit
        | FaultKind::Foreign
        | FaultKind::Denied => Outcome::Again(fault),
    }
}

/// Which of several faults decides the stream's backoff.
fn severity(kind: FaultKind) -> u8 {
    match kind {
        FaultKind::Denied => 2,
        FaultKind::NotFound | FaultKind::Conflict => 1,
        FaultKind::Throttled
        | FaultKind::Busy
        | FaultKind::Unavailable
        | FaultKind::AlreadyExists
        | FaultKind::Changed
        | FaultKind::Limit
        | FaultKind::Foreign
        | FaultKind::Invalid
        | FaultKind::OutOfRange => 0,
    }
}
