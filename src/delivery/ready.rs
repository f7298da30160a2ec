//! The queue of streams whose next entry may be sent, in lanes by class.

use std::collections::VecDeque;

use super::point::Class;
use super::scheduler::{ByClass, ClassScheduler};
use super::streams::{StreamSlot, Streams};
use crate::time::Instant;

/// Where a stream is queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SendLane {
    /// With the entries of a class.
    Class(Class),
    /// With entries that are sent in a request of their own.
    Suspect,
}

/// Queued streams.
#[derive(Debug, Default)]
pub(super) struct ReadyQueue {
    lanes: ByClass<LaneQueue>,
    suspects: LaneQueue,
    scheduler: ClassScheduler,
    /// Whether the last request was a suspect's: suspects get every second request at most.
    last_was_suspect: bool,
    /// Since when something is queued, or since the last request if that left something.
    ready_since: Option<Instant>,
}

/// One lane. A stream that changed to another lane leaves its slot behind.
#[derive(Debug, Default)]
struct LaneQueue {
    slots: VecDeque<StreamSlot>,
    /// Streams that are really queued here.
    queued: usize,
}

impl ReadyQueue {
    /// Queues a stream, or moves it to a better lane.
    pub(super) fn push(
        &mut self,
        slot: StreamSlot,
        lane: SendLane,
        streams: &mut Streams,
        now: Instant,
    ) {
        let Some(state) = streams.get_mut(slot) else {
            return;
        };
        match state.lane {
            Some(current) if current.is_at_least(lane) => return,
            Some(current) => self.queue(current).queued -= 1,
            None => {}
        }
        state.lane = Some(lane);
        self.ready_since.get_or_insert(now);
        let queue = self.queue(lane);
        queue.queued += 1;
        queue.slots.push_back(slot);
    }

    /// The next stream with an entry that shares a request.
    pub(super) fn pop(&mut self, streams: &mut Streams) -> Option<StreamSlot> {
        let lanes = &self.lanes;
        let class = self.scheduler.next(|class| lanes.get(class).queued > 0)?;
        self.lanes.get_mut(class).pop(SendLane::Class(class), streams)
    }

    /// The next stream with an entry that needs a request of its own, if it is its turn.
    pub(super) fn pop_suspect(&mut self, streams: &mut Streams) -> Option<StreamSlot> {
        let has_others = self.len() > self.suspects.queued;
        if self.suspects.queued == 0 || (has_others && self.last_was_suspect) {
            self.last_was_suspect = false;
            return None;
        }
        self.last_was_suspect = true;
        self.suspects.pop(SendLane::Suspect, streams)
    }

    /// A stream has nothing more to send.
    pub(super) fn remove(&mut self, slot: StreamSlot, streams: &mut Streams) {
        if let Some(lane) = streams.get_mut(slot).and_then(|state| state.lane.take()) {
            self.queue(lane).queued -= 1;
        }
    }

    /// A request was filled.
    pub(super) fn request_filled(&mut self, now: Instant) {
        self.ready_since = (self.len() > 0).then_some(now);
    }

    /// Streams queued.
    pub(super) fn len(&self) -> usize {
        let classes = super::scheduler::CLASSES.into_iter();
        let queued: usize = classes.map(|class| self.lanes.get(class).queued).sum();
        queued + self.suspects.queued
    }

    /// Whether an entry is queued that is sent in a request of its own.
    pub(super) fn has_suspects(&self) -> bool {
        self.suspects.queued > 0
    }

    /// Since when entries wait for others to fill a request.
    pub(super) fn ready_since(&self) -> Option<Instant> {
        self.ready_since
    }

    fn queue(&mut self, lane: SendLane) -> &mut LaneQueue {
        match lane {
            SendLane::Class(class) => self.lanes.get_mut(class),
            SendLane::Suspect => &mut self.suspects,
        }
    }
}

impl LaneQueue {
    fn pop(&mut self, lane: SendLane, streams: &mut Streams) -> Option<StreamSlot> {
        loop {
            let Some(slot) = self.slots.pop_front() else {
                // Never counted on: who waits for the queue to become empty would wait for ever.
                debug_assert_eq!(self.queued, 0, "a stream left its lane");
                self.queued = 0;
                return None;
            };
            if let Some(state) = streams.get_mut(slot)
                && state.lane == Some(lane)
            {
                state.lane = None;
                self.queued -= 1;
                return Some(slot);
            }
        }
    }
}

impl SendLane {
    /// A suspect stays one until it is sent, whatever its class.
    fn is_at_least(self, other: Self) -> bool {
        match (self, other) {
            (Self::Suspect, _) => true,
            (Self::Class(_), Self::Suspect) => false,
            (Self::Class(this), Self::Class(other)) => this <= other,
        }
    }
}
