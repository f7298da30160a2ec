//! The order of an edge node's messages: one counter modulo 256, a window for those that come
//! too early, a memory of those that came.

use std::collections::BTreeMap;
use std::time::Duration;

use super::event::SequenceOrder;
use super::limits;
use crate::time::{Instant, Timestamp};

/// Nothing was received with a sequence number.
const EMPTY: u64 = 0;
/// Its place timed out.
const MISSING: u64 = 1;

/// The sequence of one session of an edge node. Messages are counted on without wrapping, so
/// that the window has an order.
#[derive(Clone, Debug)]
pub(crate) struct ReorderWindow<T> {
    next_number: u64,
    /// By sequence number: what came with it last.
    seen: Box<[u64; 256]>,
    buffered: BTreeMap<u64, BufferedMessage<T>>,
    early_bytes: usize,
    /// The latest of the times that its messages bear.
    newest_time: Option<Timestamp>,
}

/// A message that came before others that it follows.
#[derive(Clone, Debug)]
pub(crate) struct BufferedMessage<T> {
    /// When it came.
    pub(crate) at: Instant,
    /// How much it takes.
    pub(crate) bytes: usize,
    /// Its identity, by which a duplicate is recognised.
    pub(crate) fingerprint: Fingerprint,
    pub(crate) message: T,
}

/// Tells one message from another with the same sequence number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    pub(crate) hash: u64,
    /// The message's own time.
    pub(crate) sent_time: Option<Timestamp>,
}

impl Fingerprint {
    fn mark(self) -> u64 {
        // Clear of the marks for nothing and for missing.
        self.hash | 2
    }
}

/// The place of a message in the sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SequencePlace {
    /// It is the next.
    Next,
    /// It was received before.
    Duplicate,
    /// Its place timed out, or another message has it.
    Past(SequenceOrder),
    /// Another message was accepted with this number, and later ones were emitted. The accepted one
    /// may be of the previous session; which was sent last cannot be known.
    Conflicting,
    /// Others are missing before it.
    Early(u64),
}

impl<T> ReorderWindow<T> {
    /// A sequence that begins after a birth numbered `birth`.
    pub(crate) fn after(birth: u8) -> Self {
        // Room for a message from before the birth to stand below it.
        let next_number = 256 + u64::from(birth) + 1;
        let (seen, buffered) = (Box::new([EMPTY; 256]), BTreeMap::new());
        Self { next_number, seen, buffered, early_bytes: 0, newest_time: None }
    }

    /// The sequence number that comes next.
    pub(crate) fn expected(&self) -> u8 {
        self.next_number as u8
    }

    /// Where a message numbered `seq` belongs, by its distance modulo 256
    /// [operational-behavior-host-reordering-start].
    pub(crate) fn position_of(&self, seq: u8, fingerprint: Fingerprint) -> SequencePlace {
        let distance = seq.wrapping_sub(self.expected());
        if distance == 0 {
            return SequencePlace::Next;
        }
        let known = self.seen.get(usize::from(seq)).copied().unwrap_or(EMPTY);
        // From half a round on, a number that was given up is behind rather than ahead, unless
        // its message was sent after all others.
        let ahead =
            self.newest_time.zip(fingerprint.sent_time).is_some_and(|(newest, sent)| sent > newest);
        if known == MISSING && distance >= 128 && !ahead {
            return SequencePlace::Past(SequenceOrder::Late);
        }
        let place = self.next_number + u64::from(distance);
        match self.buffered.get(&place) {
            Some(early) if early.fingerprint == fingerprint => SequencePlace::Duplicate,
            // Two messages with one number: the first has the place. Nothing later was told.
            Some(_) => SequencePlace::Past(SequenceOrder::AfterGap),
            // Without a time of its own one message is like another of a round before.
            None if known == fingerprint.mark()
                && (fingerprint.sent_time.is_some() || distance >= 128) =>
            {
                SequencePlace::Duplicate
            }
            // More than half a round ahead it would be, if its sender's clock stood still as long.
            None if known > MISSING && distance >= 128 && self.is_sent_by_now(fingerprint) => {
                SequencePlace::Conflicting
            }
            None => SequencePlace::Early(place),
        }
    }

    /// Whether it was sent no later than those that came, by its sender's times.
    fn is_sent_by_now(&self, fingerprint: Fingerprint) -> bool {
        self.newest_time.zip(fingerprint.sent_time).is_some_and(|(newest, sent)| sent <= newest)
    }

    /// The message that is next has come.
    pub(crate) fn advance(&mut self, fingerprint: Fingerprint) {
        self.remember(self.expected(), fingerprint.mark());
        self.newest_time = self.newest_time.max(fingerprint.sent_time);
        self.next_number += 1;
    }

    /// Goes on behind a message whose number says nothing of its order. Nothing may be buffered.
    pub(crate) fn follow(&mut self, seq: u8, print: Fingerprint) {
        self.next_number += u64::from(seq.wrapping_sub(self.expected()));
        self.advance(print);
    }

    /// The number of the first message that waits for a missing one.
    pub(crate) fn first_buffered(&self) -> Option<u8> {
        self.buffered.keys().next().map(|place| *place as u8)
    }

    /// A late message has come after all; another with its number is a duplicate.
    pub(crate) fn mark_received_late(&mut self, seq: u8, fingerprint: Fingerprint) {
        self.remember(seq, fingerprint.mark());
    }

    fn remember(&mut self, seq: u8, mark: u64) {
        if let Some(place) = self.seen.get_mut(usize::from(seq)) {
            *place = mark;
        }
    }

    /// Buffers a message that arrived too early. False if the window is full now: then the gap
    /// times out.
    pub(crate) fn buffer(&mut self, number: u64, early: BufferedMessage<T>) -> bool {
        self.early_bytes += early.bytes;
        self.buffered.insert(number, early);
        self.buffered.len() < limits::WINDOW_MESSAGES && self.early_bytes < limits::WINDOW_BYTES
    }

    /// The next message, if it has come early [operational-behavior-host-reordering-success].
    pub(crate) fn take_next(&mut self) -> Option<T> {
        let early = self.buffered.remove(&self.next_number)?;
        self.early_bytes -= early.bytes;
        self.advance(early.fingerprint);
        Some(early.message)
    }

    /// How much the messages take that wait for a missing one.
    pub(crate) fn bytes(&self) -> usize {
        self.early_bytes
    }

    /// Whether messages wait for a missing one.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.buffered.is_empty()
    }

    /// When the messages that came early have waited for `timeout`.
    pub(crate) fn deadline(&self, timeout: Duration) -> Option<Instant> {
        self.buffered.values().map(|early| early.at).min().map(|at| at + timeout)
    }

    /// Ends the wait for missing messages: returns the buffered ones, in order, and how many gaps
    /// there are.
    pub(crate) fn expire_gap(&mut self) -> (Vec<T>, u64) {
        let mut gaps = 0;
        let early = std::mem::take(&mut self.buffered);
        self.early_bytes = 0;
        let mut messages = Vec::with_capacity(early.len());
        for (place, early) in early {
            if place > self.next_number {
                gaps += 1;
            }
            while self.next_number < place {
                self.remember(self.expected(), MISSING);
                self.next_number += 1;
            }
            self.advance(early.fingerprint);
            messages.push(early.message);
        }
        (messages, gaps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Places ahead are filled with messages of this many bytes, until the window says that it is
    /// full.
    fn kept(bytes: usize) -> usize {
        let mut window = ReorderWindow::after(0);
        let fingerprint = Fingerprint { hash: 0, sent_time: None };
        let mut place = 300;
        loop {
            place += 1;
            let early = BufferedMessage { at: Instant::START, bytes, fingerprint, message: () };
            if !window.buffer(place, early) {
                return window.buffered.len();
            }
        }
    }

    #[test]
    fn a_window_is_full_at_its_bound_of_messages_and_at_that_of_bytes() {
        assert_eq!(kept(1), limits::WINDOW_MESSAGES);
        assert_eq!(kept(limits::WINDOW_BYTES / 4), 4);
        assert_eq!(kept(limits::WINDOW_BYTES / 4 - 1), 5);
    }
}
