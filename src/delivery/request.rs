//! Filling requests: ten entries each, limited by rate, circuit breaker and number in flight.

use std::time::Duration;

use super::output::{Output, RequestId};
use super::point::RejectReason;
use super::retry::SendPermit;
use super::stream::{Isolation, PendingValue};
use super::streams::StreamSlot;
use super::{Delivery, LingerMode};
use crate::sitewise::api::{ApiFaultKind, Entry};
use crate::sitewise::limits::{ENTRIES_PER_REQUEST, OLDEST_VALUE};
use crate::time::{ClockAgreement, Instant, Now, Timestamp};

/// How long an entry waits for others to share its request, at most.
const FILL_WINDOW: Duration = Duration::from_millis(50);

/// A request that fails after this long was hanging: a rejection comes at once.
const HUNG: Duration = Duration::from_secs(5);

/// A request without an answer.
#[derive(Debug)]
pub(super) struct InFlight {
    /// In the order of the request.
    pub(super) entries: Vec<(StreamSlot, Vec<PendingValue>)>,
    pub(super) sent_at: Instant,
    pub(super) kind: RequestKind,
}

/// What a request is sent for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RequestKind {
    /// To deliver its values.
    Regular,
    /// To find out whether SiteWise is reachable again: it carries one property's values.
    Probe,
}

impl InFlight {
    /// Whether it was unanswered for so long that its failure counts as hanging.
    pub(super) fn is_hung(&self, now: Instant) -> bool {
        now.since(self.sent_at) >= HUNG
    }

    /// Whether it has one entry alone, of which something may be wrong.
    pub(super) fn is_suspect(&self) -> bool {
        match self.entries.as_slice() {
            [(_, values)] => values.iter().any(|value| value.isolation >= Isolation::OwnRequest),
            _ => false,
        }
    }
}

/// How long an entry waits for others: less than a tenth of what it has waited already.
pub(super) fn fill_window(linger: Duration) -> Duration {
    (linger / 10).min(FILL_WINDOW)
}

impl Delivery {
    /// Sends what can be sent, and sets the time of the next attempt.
    pub(super) fn send_requests(&mut self, now: Now) {
        self.send_due = None;
        if self.flush.is_stopped() {
            return;
        }
        while self.ready.len() > 0 && self.requests.len() < self.config.in_flight {
            let permit = self.circuit.permit(now.instant);
            let due = match permit {
                SendPermit::Waiting => return,
                SendPermit::NotBefore(due) => due,
                SendPermit::Probe | SendPermit::Many => {
                    self.rate_limiter.ready(now.instant).max(self.fill_due())
                }
            };
            if due > now.instant {
                self.send_due = Some(due);
                return;
            }
            let kind = match permit {
                SendPermit::Probe => RequestKind::Probe,
                _ => RequestKind::Regular,
            };
            self.send_request(kind, now);
        }
    }

    /// When a request may leave as it is filled now.
    fn fill_due(&self) -> Instant {
        let full = self.ready.len() >= ENTRIES_PER_REQUEST || self.ready.has_suspects();
        match self.ready.ready_since() {
            Some(since) if !full && self.linger_mode == LingerMode::Configured => {
                since + self.fill_window
            }
            _ => Instant::START,
        }
    }

    fn send_request(&mut self, kind: RequestKind, now: Now) {
        let mut entries = Vec::with_capacity(ENTRIES_PER_REQUEST);
        if let Some(slot) = self.ready.pop_suspect(&mut self.streams) {
            self.fill(slot, &mut entries, now);
        } else {
            // A probe has one property's values only: if it always took all of a small plant, one
            // value that hangs would keep the circuit open.
            let limit = match kind {
                RequestKind::Probe => 1,
                RequestKind::Regular => ENTRIES_PER_REQUEST,
            };
            while entries.len() < limit
                && let Some(slot) = self.ready.pop(&mut self.streams)
            {
                self.fill(slot, &mut entries, now);
            }
        }
        self.ready.request_filled(now.instant);
        if entries.is_empty() {
            return;
        }
        let id = RequestId(self.next_request);
        self.next_request += 1;
        let outgoing: Vec<Entry> = entries
            .iter()
            .filter_map(|(slot, values)| {
                let stream = self.streams.get(*slot)?.stream;
                Some(Entry {
                    asset: stream.asset,
                    property: stream.property,
                    values: values.iter().map(|value| value.tqv.clone()).collect(),
                })
            })
            .collect();
        let values = outgoing.iter().map(|entry| entry.values.len()).sum();
        self.rate_limiter.consume(values);
        if kind == RequestKind::Probe {
            self.circuit.probe();
        }
        self.figures.requests += 1;
        self.figures.entries += outgoing.len() as u64;
        self.figures.values += values as u64;
        let request = InFlight { entries, sent_at: now.instant, kind };
        self.requests.insert(id, request);
        self.outputs.push_back(Output::Send { id, entries: outgoing });
    }

    /// Takes a stream's next entry into a request.
    fn fill(
        &mut self,
        slot: StreamSlot,
        entries: &mut Vec<(StreamSlot, Vec<PendingValue>)>,
        now: Now,
    ) {
        let Some(state) = self.streams.get_mut(slot) else {
            return;
        };
        let mut entry = self.spare_lists.pop().unwrap_or_default();
        let mut expired = Vec::new();
        let oldest = match self.clocks {
            ClockAgreement::Agree => now.wall.minus(OLDEST_VALUE),
            ClockAgreement::Differ => Timestamp::from_millis(i64::MIN),
        };
        state.take_entry(oldest, &mut entry, &mut expired);
        let stream = state.stream;
        let suspect = entry.first().is_some_and(|value| value.isolation >= Isolation::OwnRequest);
        debug_assert!(!suspect || entries.is_empty(), "suspects share no request");
        if entry.is_empty() {
            self.spare_lists.push(entry);
        } else {
            state.entry_sent(entry.len(), now.instant);
            entries.push((slot, entry));
        }
        for value in expired {
            let refusal = match value.last_failure {
                Some(ApiFaultKind::Denied) => RejectReason::Denied,
                _ => RejectReason::OutOfRange,
            };
            let reason = self.failing.reason_at_end(stream, value.last_failure);
            self.reject(stream, value, refusal, reason);
        }
        self.clear_failing(slot);
        self.schedule(slot, now);
    }
}
