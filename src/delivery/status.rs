//! Status of the values of one property, computed on demand for the console.

use super::Delivery;
use super::point::Stream;
use super::streams::StreamSlot;
use crate::sitewise::api::ApiFaultKind;
use crate::time::Instant;

/// The values of one property that are in delivery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamStatus<'a> {
    /// Values that wait to be sent, for the first time or again.
    pub waiting: usize,
    /// When the value that has waited longest was handed in, or before.
    pub oldest: Option<Instant>,
    /// Values in a request that is not answered yet.
    pub in_flight: usize,
    /// When that request was sent.
    pub sent_at: Option<Instant>,
    /// How often one of those that wait failed, at most.
    pub failures: u8,
    /// What its last failure was.
    pub last_failure: Option<ApiFaultKind>,
    /// SiteWise's words, where it keeps rejecting the property's values.
    pub refused_with: Option<&'a str>,
    /// What to do about it; empty where there is nothing.
    pub remedy: &'static str,
}

impl Delivery {
    /// The values of a property that are here. Looks at the requests in flight.
    pub fn status_of(&self, stream: Stream) -> StreamStatus<'_> {
        let refused_with = self.failing.words(stream);
        let remedy = self.failing.remedy(stream);
        let Some(slot) = self.streams.find(stream) else {
            return StreamStatus { refused_with, remedy, ..StreamStatus::default() };
        };
        let Some(state) = self.streams.get(slot) else {
            return StreamStatus { refused_with, remedy, ..StreamStatus::default() };
        };
        let failed = state.most_failed().filter(|value| value.failures > 0);
        StreamStatus {
            waiting: state.waiting(),
            oldest: state.oldest(),
            in_flight: state.in_flight,
            sent_at: if state.in_flight > 0 { self.sent_at(slot) } else { None },
            failures: failed.map_or(0, |value| value.failures),
            last_failure: failed.and_then(|value| value.last_failure),
            refused_with,
            remedy,
        }
    }

    /// When the request that has an entry of a stream was sent.
    fn sent_at(&self, slot: StreamSlot) -> Option<Instant> {
        let mut requests = self.requests.values();
        let request =
            requests.find(|request| request.entries.iter().any(|(other, _)| *other == slot));
        request.map(|request| request.sent_at)
    }
}
