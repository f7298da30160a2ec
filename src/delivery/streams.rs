//! All streams with queued values, or with some a moment ago.

use std::collections::{BTreeSet, VecDeque};
use std::hash::BuildHasher;
use std::time::Duration;

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

use super::point::Stream;
use super::stream::StreamState;
use crate::time::Instant;

/// How long a stream without values is remembered: values of the same second may still come.
const REMEMBERED: Duration = Duration::from_secs(10);
/// Streams without values that are remembered at most; the first that became empty go first.
const MAX_EMPTY: usize = 100_000;
/// Slots whose memory is kept for the next burst, however few streams there are.
const MIN_SLOTS: usize = 1_024;

/// The index of a stream. It may become another's once the stream is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct StreamSlot(u32);

/// Streams by slot.
#[derive(Debug, Default)]
pub(super) struct Streams {
    /// By the stream in the slot: four bytes each, so that the table stays in the processor's
    /// cache.
    by_stream: HashTable<StreamSlot>,
    slots: Vec<StreamState>,
    /// Slots of forgotten streams. The first is taken first, so that the last of all become
    /// free after a burst, and their room can be given back.
    free: BTreeSet<StreamSlot>,
    /// Streams that became empty, with the time when they were listed here.
    emptied: VecDeque<(Instant, StreamSlot)>,
}

impl Streams {
    /// The slot of a stream; touched, and created if there is none.
    pub(super) fn get_or_insert(&mut self, stream: Stream, now: Instant) -> StreamSlot {
        let slots = &self.slots;
        let is_it = |slot: &StreamSlot| slot.of(slots).is_some_and(|state| state.stream == stream);
        if let Some(slot) = self.by_stream.find(hash(&stream), is_it).copied() {
            if let Some(state) = self.get_mut(slot) {
                state.last_used = now;
            }
            return slot;
        }
        let slot = self.insert(StreamState::new(stream, now));
        let slots = &self.slots;
        let rehash = |slot: &StreamSlot| slot.of(slots).map_or(0, |state| hash(&state.stream));
        self.by_stream.insert_unique(hash(&stream), slot, rehash);
        slot
    }

    /// The slot of a known stream.
    pub(super) fn find(&self, stream: Stream) -> Option<StreamSlot> {
        let is_it =
            |slot: &StreamSlot| slot.of(&self.slots).is_some_and(|state| state.stream == stream);
        self.by_stream.find(hash(&stream), is_it).copied()
    }

    /// Inserts a stream into a free slot.
    fn insert(&mut self, state: StreamState) -> StreamSlot {
        if let Some(slot) = self.free.pop_first()
            && let Some(vacant) = self.slots.get_mut(slot.0 as usize)
        {
            *vacant = state;
            return slot;
        }
        // There are never 2^32 streams: each has a value, or is one of the empty ones.
        let slot = StreamSlot(u32::try_from(self.slots.len()).unwrap_or(u32::MAX));
        self.slots.push(state);
        slot
    }

    pub(super) fn get(&self, slot: StreamSlot) -> Option<&StreamState> {
        slot.of(&self.slots)
    }

    pub(super) fn get_mut(&mut self, slot: StreamSlot) -> Option<&mut StreamState> {
        self.slots.get_mut(slot.0 as usize)
    }

    /// All slots, those of forgotten streams included.
    pub(super) fn slots(&self) -> impl Iterator<Item = StreamSlot> + use<> {
        (0..u32::try_from(self.slots.len()).unwrap_or(u32::MAX)).map(StreamSlot)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &StreamState> {
        self.slots.iter()
    }

    /// Notes that a stream has no values.
    pub(super) fn list_empty(&mut self, slot: StreamSlot, now: Instant) {
        if let Some(state) = self.get_mut(slot)
            && !state.listed_empty
        {
            state.listed_empty = true;
            self.emptied.push_back((now, slot));
        }
    }

    /// Forgets streams that have been without values for a while.
    pub(super) fn forget(&mut self, now: Instant) {
        let free = self.free.len();
        self.forget_due(now);
        if self.free.len() > free {
            self.shrink();
        }
    }

    /// Gives back the memory behind the last stream, once most of it is unused.
    fn shrink(&mut self) {
        let is_last = |slot: &&StreamSlot, slots: &[_]| slot.0 as usize + 1 == slots.len();
        while self.free.last().filter(|slot| is_last(slot, &self.slots)).is_some() {
            self.free.pop_last();
            self.slots.pop();
        }
        let capacity = 2 * self.slots.len().max(MIN_SLOTS);
        if self.slots.capacity() > 2 * capacity {
            self.slots.shrink_to(capacity);
        }
    }

    fn forget_due(&mut self, now: Instant) {
        loop {
            let full = self.emptied.len() > MAX_EMPTY;
            let due = |(listed, _): &mut (Instant, StreamSlot)| full || *listed + REMEMBERED <= now;
            let Some((_, slot)) = self.emptied.pop_front_if(due) else {
                return;
            };
            let Some(state) = self.slots.get_mut(slot.0 as usize) else {
                return;
            };
            if !state.is_empty() {
                state.listed_empty = false;
            } else if now < state.last_used + REMEMBERED && !full {
                self.emptied.push_back((now, slot));
            } else {
                // Its queues give back their memory. It stays listed, so that nobody lists it again.
                let stream = state.stream;
                *state = StreamState::new(stream, now);
                state.listed_empty = true;
                let found = self.by_stream.find_entry(hash(&stream), |other| *other == slot);
                if let Ok(found) = found {
                    found.remove();
                    self.free.insert(slot);
                }
            }
        }
    }
}

impl StreamSlot {
    fn of(self, slots: &[StreamState]) -> Option<&StreamState> {
        slots.get(self.0 as usize)
    }
}

fn hash(stream: &Stream) -> u64 {
    FxBuildHasher.hash_one(stream)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn stream(number: usize) -> Stream {
        Stream { asset: Uuid::nil(), property: Uuid::from_u128(number as u128) }
    }

    #[test]
    fn the_room_of_a_burst_is_given_back_once_its_streams_are_forgotten() {
        let mut streams = Streams::default();
        let mut now = Instant::START;
        for number in 0..20 * MIN_SLOTS {
            let slot = streams.get_or_insert(stream(number), now);
            streams.list_empty(slot, now);
        }
        now = now + REMEMBERED;
        let kept = streams.get_or_insert(stream(3), now);
        streams.forget(now);
        assert_eq!((streams.by_stream.len(), streams.slots.len()), (1, 4));
        assert!(streams.slots.capacity() <= 4 * MIN_SLOTS, "{}", streams.slots.capacity());
        assert_eq!(streams.get_or_insert(stream(3), now), kept);
        // The slots before it come first.
        assert_eq!(streams.get_or_insert(stream(7), now), StreamSlot(0));
        assert_eq!(streams.get(StreamSlot(0)).map(|state| state.stream), Some(stream(7)));
    }
}
