//! The flush before the process stops: what is still worth waiting for.

use super::{Delivery, stream};
use crate::time::Instant;

/// Responses in a row in which SiteWise accepted nothing, after which a flush is futile.
const FUTILE_RESPONSES: u32 = 16;

/// How a flush goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum FlushState {
    /// There is no flush.
    #[default]
    Idle,
    /// It is under way, with this many responses since SiteWise accepted something.
    Flushing(u32),
    /// Nothing more is sent: what is left is on disk.
    Stopped,
}

impl FlushState {
    /// A flush begins.
    pub(super) fn begin(&mut self) {
        if *self == Self::Idle {
            *self = Self::Flushing(0);
        }
    }

    /// A request was answered, and something of it was accepted or not.
    pub(super) fn answered(&mut self, accepted: bool) {
        if let Self::Flushing(futile) = self {
            *futile = if accepted { 0 } else { futile.saturating_add(1) };
        }
    }

    /// Whether nothing more is to be sent.
    pub(super) fn is_stopped(self) -> bool {
        self == Self::Stopped
    }
}

impl Delivery {
    /// Whether SiteWise has accepted nothing for many responses, since the flush began.
    pub fn is_flush_futile(&self) -> bool {
        matches!(self.flush, FlushState::Flushing(futile) if futile >= FUTILE_RESPONSES)
    }

    /// Sends nothing more: what is left is on disk for the next process.
    pub fn stop_sending(&mut self) {
        self.flush = FlushState::Stopped;
    }

    /// Whether nothing more is sent, and all that was is answered.
    pub fn has_stopped(&self) -> bool {
        self.flush.is_stopped() && self.requests.is_empty()
    }

    /// Whether nothing would be sent before `end`: what keeps failing is retried too rarely to wait
    /// for it.
    pub fn sends_nothing_before(&self, end: Instant) -> bool {
        self.requests.is_empty()
            && self.ready.len() == 0
            && self.outputs.is_empty()
            && !self.is_unreachable()
            && self.streams.iter().all(|state| state.is_idle_until(end))
    }

    /// Whether only values that failed before are queued, or SiteWise is unreachable: what is on
    /// disk can be left to the next process.
    pub fn has_only_failed(&self) -> bool {
        let mut in_flight = self.requests.values().flat_map(|request| &request.entries);
        self.outputs.is_empty()
            && (self.is_unreachable()
                || (in_flight.all(|(_, values)| values.iter().all(|value| value.failures > 0))
                    && self.streams.iter().all(stream::StreamState::has_only_failed)))
    }
}
