//! Values that SiteWise keeps rejecting: they are retried alone with backoff, and their property is
//! named, unless nothing passes at all.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::Delivery;
use super::output::Output;
use super::point::Stream;
use super::rejections::OtherProperties;
use super::streams::StreamSlot;
use crate::sitewise::api::{ApiFault, ApiFaultKind};
use crate::sitewise::cause::Cause;
use crate::time::Now;

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

/// Properties whose values are not accepted, with the last error.
#[derive(Debug, Default)]
pub(super) struct FailingProperties(BTreeMap<Stream, LastError>);

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
        self.0.get(&stream).map(|error| error.words.as_str())
    }

    /// What to do about it.
    pub(super) fn remedy(&self, stream: Stream) -> &'static str {
        self.0.get(&stream).map_or("", |error| error.cause.remedy())
    }

    /// The reason for the dead letter of a value that was never accepted.
    pub(super) fn reason_at_end(&self, stream: Stream, why: Option<ApiFaultKind>) -> String {
        let end = match why {
            Some(ApiFaultKind::Denied) => "access denied until the value was seven days old",
            _ => "not delivered within seven days",
        };
        match self.0.get(&stream) {
            Some(LastError { words, .. }) => format!("{end}: {words}"),
            None => end.to_owned(),
        }
    }

    /// Keeps the properties for which `keep` holds.
    pub(super) fn retain(&mut self, keep: impl Fn(Stream) -> bool) {
        self.0.retain(|stream, _| keep(*stream));
    }

    /// Whether another property of this asset is named already.
    fn has_asset(&self, asset: Uuid) -> bool {
        let first = Stream { asset, property: Uuid::nil() };
        self.0.range(first..).next().is_some_and(|(stream, _)| stream.asset == asset)
    }
}

impl Delivery {
    /// Properties whose values are not accepted.
    pub fn failing_values(&self) -> impl Iterator<Item = FailingValues<'_>> {
        self.failing.0.iter().map(|(stream, LastError { words, cause })| {
            let state = self.streams.find(*stream).and_then(|slot| self.streams.get(slot));
            let values = state.map_or(0, |state| state.failed_at_least(MIN_FAILURES_BEFORE_REPORT));
            FailingValues {
                stream: *stream,
                values: values.max(1),
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
        if failures < failures_before_report
            || affects_all
            || self.rejections.is_undecided(stream, now.instant)
        {
            return;
        }
        let (words, cause) = (fault.message.clone(), Cause::of_entry(fault));
        if !self.failing.0.contains_key(&stream) {
            if self.failing.0.len() >= MAX_NAMED {
                return;
            }
            if !self.failing.has_asset(stream.asset) {
                let (reason, others) = (words.clone(), self.rejections.others(stream));
                self.outputs.push_back(Output::ValuesFailing { stream, reason, cause, others });
            }
        }
        self.failing.0.insert(stream, LastError { words, cause });
    }

    /// Stops naming a property once it has no such value any more.
    pub(super) fn clear_failing(&mut self, slot: StreamSlot) {
        if self.failing.0.is_empty() {
            return;
        }
        if let Some(state) = self.streams.get(slot)
            && state.in_flight == 0
            && state.failed_at_least(MIN_FAILURES_BEFORE_REPORT) == 0
        {
            self.failing.0.remove(&state.stream);
            self.rejections.forget(state.stream);
        }
    }
}
