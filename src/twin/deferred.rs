//! Values of messages that are stored until the initial sync, since the buffer of events is full.
//!
//! They are counted as buffered when their messages arrive. Once SiteWise is known the messages are
//! processed, and each of their values is counted as what becomes of it.

use super::counts::DropReason;
use super::event_buffer::{DEFER_AT, Overflow};
use super::{Event, Now, Twin, values_in};

impl Twin {
    /// Whether messages can be stored, and processed later, from now on.
    pub fn set_deferrable(&mut self, deferrable: bool) {
        self.buffer.set_overflow(if deferrable { Overflow::Deferred } else { Overflow::Dropped });
    }

    /// Parts of events that are buffered: from [`buffer_limit`](Self::buffer_limit) on, messages
    /// should be stored instead.
    pub fn buffered_parts(&self) -> usize {
        self.buffer.parts()
    }

    /// Parts of events that are buffered at most where messages can be stored.
    pub fn buffer_limit() -> usize {
        DEFER_AT
    }

    /// An event of a message that is processed later: its values wait.
    pub fn defer_event(&mut self, event: &Event) {
        let values = values_in(event) as u64;
        self.writer.world.counts.values += values;
        self.deferred += values;
    }

    /// An event of a message that could not be stored, after others that were.
    pub fn drop_event(&mut self, event: &Event) {
        let values = values_in(event) as u64;
        let counts = &mut self.writer.world.counts;
        counts.values += values;
        counts.drop_values(DropReason::BeforeSync, values);
    }

    /// Handles an event of a message that was stored.
    pub fn handle_deferred(&mut self, event: Event, now: Now) {
        let values = self.deferred.min(values_in(&event) as u64);
        self.deferred -= values;
        // It is counted anew.
        self.writer.world.counts.values -= values;
        self.handle_event(event, now);
    }

    /// No stored message is left. Returns how many deferred values never came.
    pub fn drop_deferred(&mut self) -> u64 {
        let lost = std::mem::take(&mut self.deferred);
        self.writer.world.counts.drop_values(DropReason::BeforeSync, lost);
        lost
    }
}
