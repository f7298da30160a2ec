//! What the values of a message show besides: losses at caps, and the sender's clock.

use std::time::Duration;

use crate::sparkplug::address::Source;
use crate::time::Timestamp;
use crate::twin::counts::DropReason;
use crate::twin::writer::PointWriter;

/// What a message lost at caps, by cap, and what its values' timestamps show.
#[derive(Debug)]
pub(super) struct MessageLosses {
    values: Vec<(DropReason, u64)>,
    pub went_back: bool,
    /// One that SiteWise does not take.
    pub out_of_window: Option<Timestamp>,
    /// The least that a value was behind our clock.
    pub behind: Duration,
}

impl Default for MessageLosses {
    fn default() -> Self {
        Self { values: Vec::new(), went_back: false, out_of_window: None, behind: Duration::MAX }
    }
}

impl MessageLosses {
    pub(super) fn add(&mut self, why: DropReason, values: u64) {
        match self.values.iter_mut().find(|(had, _)| *had == why) {
            Some((_, count)) => *count += values,
            None if why.cap().is_some() => self.values.push((why, values)),
            None => {}
        }
    }

    pub(super) fn apply(&self, writer: &mut PointWriter, source: &Source) {
        for (why, values) in &self.values {
            if let Some(cap) = why.cap() {
                writer.world.capped.count_lost(source, cap, *values);
            }
        }
    }
}
