//! What the values of a message show besides: losses at caps, and the sender's clock.

use std::time::Duration;

use super::SourceValues;
use super::leaf::LeafSlotState;
use crate::sparkplug::address::Source;
use crate::sparkplug::event::Slot;
use crate::time::Timestamp;
use crate::twin::counts::DropReason;
use crate::twin::writer::PointWriter;

impl SourceValues {
    /// Whether any leaf of the plant's has no place.
    pub(in crate::twin) fn has_dropped_leaf(&self) -> bool {
        self.slots.iter().any(|state| lost_of(state).is_some())
    }

    /// Why a leaf has no place; none where it has one, and where it is the session's.
    pub(in crate::twin) fn lost(&self, slot: Slot) -> Option<DropReason> {
        self.slots.get(slot.0 as usize).and_then(lost_of)
    }
}

fn lost_of(state: &LeafSlotState) -> Option<DropReason> {
    match state {
        LeafSlotState::None(why) if *why != DropReason::Control => Some(*why),
        LeafSlotState::None(_) | LeafSlotState::Leaf(_) | LeafSlotState::Same(_) => None,
    }
}

/// What a message lost at caps, by cap, and what its values' timestamps show.
#[derive(Debug)]
pub(super) struct MessageLosses {
    values: Vec<(DropReason, u64)>,
    /// Whether a value is older than the one that SiteWise shows.
    pub hidden: bool,
    /// One that SiteWise does not take.
    pub out_of_window: Option<Timestamp>,
    /// The least that a value was behind our clock.
    pub least_lag: Duration,
}

impl Default for MessageLosses {
    fn default() -> Self {
        Self { values: Vec::new(), hidden: false, out_of_window: None, least_lag: Duration::MAX }
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

    pub(super) fn report(&self, writer: &mut PointWriter, source: &Source) {
        for (why, values) in &self.values {
            if let Some(cap) = why.cap() {
                writer.world.capped.count_lost(source, cap, *values);
            }
        }
    }
}
