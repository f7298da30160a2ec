//! Values that SiteWise keeps rejecting: they are retried alone with backoff, and their property is
//! named, unless nothing passes at all.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use uuid::Uuid;

use super::Delivery;
use super::output::Output;
use super::point::Stream;
use super::rejections::OtherProperties;
use super::streams::StreamSlot;
use crate::sitewise::api::{ApiFault, ApiFaultKind};
use crate::sitewise::cause::Cause;
use crate::time::{Instant, Now};

/// Failures of a value after which its property is named.
const FAILURES_BEFORE_REPORT: u8 = 6;
/// The same where something other than SiteWise answers: that does not end by itself.
pub(super) const FOREIGN_FAILURES_BEFORE_REPORT: u8 = 3;
/// The same where access is denied: one denial may be older than the permission.
const DENIALS_BEFORE_REPORT: u8 = 2;
/// The same where SiteWise does not know the property: it may have been made just now.
const MISSES_BEFORE_REPORT: u8 = 4;
/// The smallest of these.
const MIN_FAILURES_BEFORE_REPORT: u8 = DENIALS_BEFORE_REPORT;
/// Properties that are named at most; values of further ones are retried as well.
const MAX_NAMED: usize = 10_000;
/// How long after its first failure a property is named that still fails, however seldom it was
/// tried: by then it would be clear that nothing passes at all.
const SUSPECT_FOR: Duration = Duration::from_secs(8);
/// Properties for which that is measured: further ones are named by their failures alone.
const SUSPECTS: usize = 1_000;

/// Properties whose values are not accepted, with the last error.
#[derive(Debug, Default)]
pub(super) struct FailingProperties {
    named: BTreeMap<Stream, LastError>,
    suspects: Box<Suspects>,
}

/// Properties that failed and are not named yet, with the time of the first failure.
#[derive(Debug, Default)]
struct Suspects {
    since: BTreeMap<Stream, (Instant, LastError)>,
    /// The same in their order, with some that are suspects no longer.
    queue: VecDeque<(Instant, Stream)>,
}

impl Suspects {
    fn add(&mut self, stream: Stream, error: LastError, now: Instant) {
        if let Some((_, last)) = self.since.get_mut(&stream) {
            *last = error;
        } else if self.queue.len() < SUSPECTS {
            self.since.insert(stream, (now, error));
            self.queue.push_back((now, stream));
        }
    }

    /// One whose time is over.
    fn pop(&mut self, now: Instant) -> Option<(Stream, LastError)> {
        while let Some((since, stream)) = self.queue.pop_front_if(|(at, _)| is_over(*at, now)) {
            if self.since.get(&stream).is_some_and(|(first, _)| *first == since) {
                return self.since.remove(&stream).map(|(_, error)| (stream, error));
            }
        }
        None
    }

    fn clear(&mut self) {
        self.since.clear();
        self.queue.clear();
    }
}

fn is_over(since: Instant, now: Instant) -> bool {
    now.since(since) >= SUSPECT_FOR
}

/// SiteWise's last error message and its cause.
#[derive(Debug)]
struct LastError {
    words: String,
    cause: Cause,
}

/// Values of a property that are not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailingValues<'a> {
    /// The property.
    pub stream: Stream,
    /// How many there are.
    pub values: usize,
    /// The last error.
    pub words: &'a str,
    /// What lies behind it.
    pub cause: Cause,
    /// Whether other values are accepted.
    pub others: OtherProperties,
}

impl FailingProperties {
    /// SiteWise's words about a property whose values it does not accept.
    pub(super) fn words(&self, stream: Stream) -> Option<&str> {
        self.named.get(&stream).map(|error| error.words.as_str())
    }

    /// What to do about it.
    pub(super) fn remedy(&self, stream: Stream) -> &'static str {
        self.named.get(&stream).map_or("", |error| error.cause.remedy())
    }

    /// The reason for the dead letter of a value that was never accepted.
    pub(super) fn reason_at_end(&self, stream: Stream, why: Option<ApiFaultKind>) -> String {
        let end = match why {
            Some(ApiFaultKind::Denied) => "access denied until the value was seven days old",
            _ => "not delivered within seven days",
        };
        match self.named.get(&stream) {
            Some(LastError { words, .. }) => format!("{end}: {words}"),
            None => end.to_owned(),
        }
    }

    /// Forgets the others, and for how long any has failed.
    pub(super) fn retain(&mut self, keep: impl Fn(Stream) -> bool) {
        self.named.retain(|stream, _| keep(*stream));
        self.suspects.clear();
    }

    /// Whether another property of this asset is named already.
    fn has_asset(&self, asset: Uuid) -> bool {
        let first = Stream { asset, property: Uuid::nil() };
        self.named.range(first..).next().is_some_and(|(stream, _)| stream.asset == asset)
    }
}

impl Delivery {
    /// Properties whose values are not accepted.
    pub fn failing_values(&self) -> impl Iterator<Item = FailingValues<'_>> {
        self.failing.named.iter().map(|(stream, LastError { words, cause })| {
            let state = self.streams.find(*stream).and_then(|slot| self.streams.get(slot));
            let values = state.map_or(0, |state| state.failed_at_least(MIN_FAILURES_BEFORE_REPORT));
            FailingValues {
                stream: *stream,
                values: values.max(1) + self.put_back.values(*stream),
                words,
                cause: *cause,
                others: self.rejections.others(*stream),
            }
        })
    }

    /// A value has failed once more.
    pub(super) fn report_failing(
        &mut self,
        stream: Stream,
        failures: u8,
        fault: &ApiFault,
        now: Now,
    ) {
        let failures_before_report = match fault.kind {
            ApiFaultKind::Foreign | ApiFaultKind::Busy => FOREIGN_FAILURES_BEFORE_REPORT,
            ApiFaultKind::Denied => DENIALS_BEFORE_REPORT,
            ApiFaultKind::NotFound => MISSES_BEFORE_REPORT,
            // The account is throttled, which is reported elsewhere.
            ApiFaultKind::Throttled => return,
            _ => FAILURES_BEFORE_REPORT,
        };
        let affects_all = self.circuit.is_open() || self.rejections.all_rejected().is_some();
        if affects_all {
            return;
        }
        let error = LastError { words: fault.message.clone(), cause: Cause::of_entry(fault) };
        let is_named = self.failing.named.contains_key(&stream);
        let is_due = failures >= failures_before_report
            && !self.rejections.is_undecided(stream, now.instant);
        match fault.kind {
            _ if is_due || is_named => self.name(stream, error),
            // What is too fast passes sooner or later, and what is not SiteWise's is soon clear.
            ApiFaultKind::Limit | ApiFaultKind::Foreign | ApiFaultKind::Busy => {}
            _ => self.failing.suspects.add(stream, error, now.instant),
        }
    }

    /// Names the properties that have failed for long.
    pub(super) fn name_suspects(&mut self, now: Now) {
        while let Some((stream, error)) = self.failing.suspects.pop(now.instant) {
            if !self.circuit.is_open()
                && self.rejections.all_rejected().is_none()
                && self.has_failed_again(stream)
            {
                self.name(stream, error);
            }
        }
    }

    /// Whether one of its values has failed more than once, or is being tried: otherwise each that
    /// failed was accepted the next time.
    fn has_failed_again(&self, stream: Stream) -> bool {
        let state = self.streams.find(stream).and_then(|slot| self.streams.get(slot));
        state.is_some_and(|state| state.in_flight > 0 || state.failed_at_least(2) > 0)
    }

    /// When the next of them will have.
    pub(super) fn next_suspect(&self) -> Option<Instant> {
        self.failing.suspects.queue.front().map(|(since, _)| *since + SUSPECT_FOR)
    }

    fn name(&mut self, stream: Stream, error: LastError) {
        self.failing.suspects.since.remove(&stream);
        if !self.failing.named.contains_key(&stream) {
            if self.failing.named.len() >= MAX_NAMED {
                return;
            }
            if !self.failing.has_asset(stream.asset) {
                let others = self.rejections.others(stream);
                let (reason, cause) = (error.words.clone(), error.cause);
                self.outputs.push_back(Output::ValuesFailing { stream, reason, cause, others });
            }
        }
        self.failing.named.insert(stream, error);
    }

    /// Stops naming a property once it has no such value any more.
    pub(super) fn clear_failing(&mut self, slot: StreamSlot) {
        if self.failing.named.is_empty() && self.failing.suspects.since.is_empty() {
            return;
        }
        let Some(state) = self.streams.get(slot).filter(|state| state.in_flight == 0) else {
            return;
        };
        if self.failing.suspects.since.contains_key(&state.stream) && state.failed_at_least(1) == 0
        {
            self.failing.suspects.since.remove(&state.stream);
        }
        if !self.failing.named.is_empty() && state.failed_at_least(MIN_FAILURES_BEFORE_REPORT) == 0
        {
            self.failing.named.remove(&state.stream);
            self.rejections.forget(state.stream);
        }
    }
}
