//! Values that SiteWise keeps rejecting while it accepts others: they are retried alone with
//! backoff, and their property is named.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::Delivery;
use super::output::Output;
use super::point::Stream;
use super::streams::StreamSlot;
use crate::sitewise::api::{ApiFault, ApiFaultKind};

/// Failures of a value after which its property is named.
const FAILURES_BEFORE_REPORT: u8 = 6;
/// The same where something other than SiteWise answers: that does not end by itself.
pub(super) const FOREIGN_FAILURES_BEFORE_REPORT: u8 = 3;
/// Properties that are named; values of further ones are retried as well.
const NAMED: usize = 10_000;

/// Properties whose values are not accepted, with the last error.
#[derive(Debug, Default)]
pub(super) struct FailingProperties(BTreeMap<Stream, String>);

impl FailingProperties {
    /// SiteWise's words about a property whose values it does not accept.
    pub(super) fn words(&self, stream: Stream) -> Option<&str> {
        self.0.get(&stream).map(String::as_str)
    }

    /// The reason for the dead letter of a value that was never accepted.
    pub(super) fn reason_at_end(&self, stream: Stream, why: Option<ApiFaultKind>) -> String {
        let end = match why {
            Some(ApiFaultKind::Denied) => "access denied until the value was too old",
            _ => "not delivered within seven days",
        };
        match self.0.get(&stream) {
            Some(words) => format!("{end}: {words}"),
            None => end.to_owned(),
        }
    }

    /// Whether another property of this asset is named already.
    fn has_asset(&self, asset: Uuid) -> bool {
        let first = Stream { asset, property: Uuid::nil() };
        self.0.range(first..).next().is_some_and(|(stream, _)| stream.asset == asset)
    }
}

impl Delivery {
    /// Properties whose values are not accepted although others are, how many values, and the last
    /// error.
    pub fn held(&self) -> impl Iterator<Item = (Stream, usize, &str)> {
        self.failing.0.iter().map(|(stream, words)| {
            let state = self.streams.find(*stream).and_then(|slot| self.streams.get(slot));
            let values = state.map_or(0, |state| state.failing(FOREIGN_FAILURES_BEFORE_REPORT));
            (*stream, values.max(1), words.as_str())
        })
    }

    /// A value has failed once more.
    pub(super) fn report_failing(&mut self, stream: Stream, failures: u8, fault: &ApiFault) {
        let told = match fault.kind {
            ApiFaultKind::Foreign | ApiFaultKind::Busy => FOREIGN_FAILURES_BEFORE_REPORT,
            // The account is throttled, which is reported elsewhere.
            ApiFaultKind::Throttled => return,
            _ => FAILURES_BEFORE_REPORT,
        };
        if failures < told || self.circuit.is_away() {
            return;
        }
        if let Some(words) = self.failing.0.get_mut(&stream) {
            words.clone_from(&fault.message);
        } else if self.failing.0.len() < NAMED {
            if !self.failing.has_asset(stream.asset) {
                let reason = fault.message.clone();
                self.outputs.push_back(Output::Held { stream, reason });
            }
            self.failing.0.insert(stream, fault.message.clone());
        }
    }

    /// Stops naming a property once it has no such value any more.
    pub(super) fn clear_failing(&mut self, slot: StreamSlot) {
        if self.failing.0.is_empty() {
            return;
        }
        if let Some(state) = self.streams.get(slot)
            && state.in_flight == 0
            && state.failing(FOREIGN_FAILURES_BEFORE_REPORT) == 0
        {
            self.failing.0.remove(&state.stream);
        }
    }
}
