//! How a sender numbers its messages: one counter for the edge node and its devices
//! [payloads-sequence-num-incrementing], or, as some do, one for each device, or none at all.
//!
//! Against one counter the numbers of such a sender are gaps without end, which no birth cures. It is
//! known by what one counter never does: a source's own numbers go on although another's came in
//! between, a device begins at zero where its node has just done so, or the same number comes again
//! and again with other words. Its messages are taken in the order in which they arrive, until its
//! numbers go on over all sources.

use super::devices::DeviceState;
use super::message::Incoming;
use super::online::OnlineSession;
use super::{EdgeSession, SessionContext, SessionNotes, SessionState};
use crate::sparkplug::event::SequenceOrder;
use crate::sparkplug::findings::Finding;
use crate::sparkplug::host::SkipReason;
use crate::sparkplug::rebirth::{self, RebirthReason, RebirthTrigger};
use crate::sparkplug::topic::MessageType;
use crate::sparkplug::window::{Fingerprint, SequencePlace};

/// Signs that tell of another numbering, none to the contrary between.
const SIGNS: u8 = 12;
/// What a birth counts for that begins at zero, or goes on, right after that of its node.
const SIGN_OF_BIRTH: u8 = 6;
/// A node is watched until so many messages came in their order.
const IN_ORDER: u16 = 256;
/// Half a round of numbers: so many after a birth, its number is not there again.
const HALF: u8 = 128;
/// How many sources of a node are watched, the first that speak.
const SOURCES: usize = 32;

/// How the messages of an edge node are numbered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum NumberingKind {
    /// By one counter, as the specification wants it.
    #[default]
    PerNode,
    /// Not by one: births say no more.
    Unclear,
    /// By a counter for each device.
    PerDevice,
    /// All alike.
    Constant,
}

/// What is known of the numbers of an edge node.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbering {
    kind: NumberingKind,
    /// The number of the node's birth.
    birth: Option<u8>,
    /// What is watched once a message was not the next.
    watch: Option<Box<Watch>>,
}

#[derive(Clone, Debug, Default)]
struct Watch {
    /// The message that came last, of whichever source.
    last: Option<(u8, Fingerprint)>,
    /// The last message of each source, by the hash of its name.
    sources: Vec<(u64, u8, Fingerprint)>,
    /// How many messages came since its birth, while they are few.
    since_birth: Option<u8>,
    per_device: u8,
    constant: u8,
    per_node: u8,
    /// The same of births.
    births: u8,
    /// How many messages went on with the number of their source.
    whole: u8,
    in_order: u16,
}

/// How a message is to be taken, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// In its place in the sequence.
    InSequence,
    /// As it comes.
    AsItComes,
    /// It has come before.
    Repeated,
}

/// A message as far as its number goes.
#[derive(Clone, Copy, Debug)]
struct Numbered {
    seq: u8,
    print: Fingerprint,
    /// The hash of its device's name; zero where it is the node's.
    source: u64,
    is_birth: bool,
}

impl Numbering {
    /// Whether messages are taken as they come.
    pub(super) fn is_by_arrival(&self) -> bool {
        self.kind != NumberingKind::PerNode
    }

    /// What it takes.
    pub(super) fn bytes(&self) -> usize {
        let watch = |watch: &Watch| size_of::<Watch>() + size_of_val(watch.sources.as_slice());
        self.watch.as_deref().map_or(0, watch)
    }

    /// The node is born, with this number. What is counted of its numbers is counted on.
    pub(super) fn node_born(&mut self, message: &Incoming<'_>) {
        self.birth = message.seq().and_then(|seq| u8::try_from(seq).ok());
        let (Some(watch), Some(seq)) = (&mut self.watch, self.birth) else { return };
        let print = message.fingerprint();
        watch.last = Some((seq, print));
        watch.sources.clear();
        watch.sources.push((0, seq, print));
        watch.since_birth = Some(0);
    }

    /// A message has come where `expected` would be next by one counter. True if it is known from now
    /// on that its sender numbers otherwise than was known before.
    fn note(&mut self, message: Numbered, expected: u8) -> bool {
        if self.watch.is_none() {
            if message.seq == expected && !self.is_by_arrival() {
                return false;
            }
            let since = self.birth.map(|birth| expected.wrapping_sub(birth.wrapping_add(1)));
            let since_birth = since.filter(|since| *since < HALF);
            self.watch = Some(Box::new(Watch { since_birth, ..Watch::default() }));
        }
        let Some(watch) = &mut self.watch else { return false };
        watch.note(message, expected, (self.kind, self.birth));
        let kind = match self.kind {
            _ if watch.constant >= SIGNS => NumberingKind::Constant,
            _ if watch.per_device >= SIGNS => NumberingKind::PerDevice,
            NumberingKind::Unclear if watch.whole >= SIGNS => NumberingKind::PerDevice,
            NumberingKind::PerNode if watch.births >= SIGNS => NumberingKind::Unclear,
            _ if watch.per_node >= SIGNS => NumberingKind::PerNode,
            same => same,
        };
        if kind == NumberingKind::PerNode && watch.in_order >= IN_ORDER {
            self.watch = None;
        }
        std::mem::replace(&mut self.kind, kind) != kind
    }

    /// A message came that one before it waited for: so they have one counter.
    fn close_gap(&mut self) {
        if let Some(watch) = &mut self.watch {
            (watch.per_device, watch.births) = (0, 0);
        }
    }

    /// Whether it is once more the last message of its source.
    fn is_repeated(&self, message: Numbered) -> bool {
        let own = (message.source, message.seq, message.print);
        let has_time = message.print.sent_time.is_some();
        has_time && self.watch.as_deref().is_some_and(|watch| watch.sources.contains(&own))
    }

    /// What is wrong with its numbers; for people.
    fn words(&self) -> &'static str {
        match self.kind {
            NumberingKind::PerNode | NumberingKind::Unclear => "",
            NumberingKind::PerDevice => {
                "it counts seq per device; the specification wants one per edge node \
                 (tck-id-payloads-sequence-num-incrementing): its values are taken in the order in \
                 which they arrive"
            }
            NumberingKind::Constant => {
                "it sends the same seq with every message; the specification wants it to count \
                 (tck-id-payloads-sequence-num-incrementing): its values are taken in the order in \
                 which they arrive"
            }
        }
    }
}

impl Watch {
    fn note(
        &mut self,
        Numbered { seq, print, source, is_birth }: Numbered,
        expected: u8,
        (kind, birth): (NumberingKind, Option<u8>),
    ) {
        let goes_on = |before: u8| before.wrapping_add(1) == seq;
        let of_node = self.last.map(|(last, _)| goes_on(last));
        let is_alike = self.last.is_some_and(|(last, _)| last == seq);
        let place = self.sources.iter().position(|(of, ..)| *of == source);
        let own = place.and_then(|place| self.sources.get(place));
        let of_source = own.map(|(_, last, _)| goes_on(*last));
        let is_other = self.last.is_some_and(|(_, before)| before != print);
        let is_repeated = is_alike && is_other && of_source != Some(true);
        let is_full = self.sources.len() >= SOURCES;
        match place.and_then(|place| self.sources.get_mut(place)) {
            Some(own) => *own = (source, seq, print),
            None if is_full => {}
            None => self.sources.push((source, seq, print)),
        }
        self.in_order = if seq == expected { self.in_order.saturating_add(1) } else { 0 };
        self.last = Some((seq, print));
        let since_birth = self.since_birth;
        self.since_birth = since_birth.map(|since| since.saturating_add(1)).filter(|n| *n < HALF);

        let add = |count: &mut u8, signs: u8| *count = count.saturating_add(signs);
        if is_repeated {
            add(&mut self.constant, 1);
            (self.per_node, self.whole) = (0, 0);
        } else if !is_alike {
            self.constant = 0;
        }
        if of_source == Some(true) {
            add(&mut self.whole, 1);
        }
        match (of_node, of_source) {
            // No counter that began there is there again.
            _ if is_birth && birth == Some(seq) && since_birth.is_some() && expected != seq => {
                add(&mut self.births, SIGN_OF_BIRTH);
                self.per_node = 0;
            }
            _ if is_birth && since_birth == Some(0) && birth.is_some_and(goes_on) => {
                add(&mut self.per_node, SIGN_OF_BIRTH);
            }
            (Some(false), Some(true)) => {
                add(&mut self.per_device, 1);
                self.per_node = 0;
            }
            (Some(true), Some(false)) => {
                add(&mut self.per_node, 1);
                (self.per_device, self.births) = (0, 0);
            }
            // One source alone: either would do, but for one that did not count.
            (Some(true), Some(true)) if kind == NumberingKind::Constant => {
                add(&mut self.per_node, 1);
            }
            _ => {}
        }
    }
}

impl EdgeSession {
    /// Looks at the number of a message of the online node: how it is to be taken.
    pub(super) fn arrival(
        &mut self,
        message: &Incoming<'_>,
        context: &mut SessionContext<'_>,
    ) -> Arrival {
        let SessionState::Online(online) = &mut self.state else { return Arrival::InSequence };
        let Some(Ok(seq)) = message.seq().map(u8::try_from) else { return Arrival::InSequence };
        let is_next = seq == online.next_seq();
        if is_next && self.numbering.watch.is_none() && !self.numbering.is_by_arrival() {
            return Arrival::InSequence;
        }
        let numbered = Numbered {
            seq,
            print: message.fingerprint(),
            source: message.device.map_or(0, rebirth::hash),
            is_birth: message.verb == MessageType::Birth,
        };
        let is_known = online.window.position_of(seq, numbered.print) == SequencePlace::Duplicate;
        match self.numbering.is_by_arrival() {
            // What has come before says nothing of how its sender counts. The sequence skips it.
            false if is_known => return Arrival::InSequence,
            true if self.numbering.is_repeated(numbered)
                || is_known && numbered.print.sent_time.is_some() =>
            {
                return Arrival::Repeated;
            }
            _ => {}
        }
        let message_seen = (numbered.source, seq, numbered.print.hash);
        if !self.numbering.is_by_arrival()
            && !numbered.is_birth
            && self.doubled.note(message_seen, context.now.instant)
        {
            self.notes.findings.note(Finding::DoubledNumbers);
        }
        if is_next && online.window.first_buffered() == Some(seq.wrapping_add(1)) {
            self.numbering.close_gap();
        }
        if self.numbering.note(numbered, online.next_seq()) && self.numbering.is_by_arrival() {
            online.take_what_waits(&mut self.notes, context);
            self.requests.forget(RebirthTrigger::Gap);
            self.problem.take_if(|problem| problem.reason == RebirthReason::Gap);
            let words = self.numbering.words();
            if !words.is_empty() {
                self.notes.findings.note_with_example(Finding::SeqNumbering, || words);
            }
        }
        match self.numbering.is_by_arrival() {
            true => Arrival::AsItComes,
            false => Arrival::InSequence,
        }
    }
}

impl OnlineSession {
    /// What waits for missing messages, in the order in which it came: none is missing.
    fn take_what_waits(&mut self, notes: &mut SessionNotes, context: &mut SessionContext<'_>) {
        let mut messages = self.take_early();
        messages.sort_by_key(|message| message.at.instant);
        for message in messages {
            let message = message.with_order(SequenceOrder::AfterGap);
            self.apply(&message.incoming().borrow(), notes, context);
        }
    }

    /// Takes a message whose number says nothing of the order of all. Nothing waits for another then.
    pub(super) fn take_as_it_comes(
        &mut self,
        message: Incoming<'_>,
        notes: &mut SessionNotes,
        context: &mut SessionContext<'_>,
    ) -> bool {
        self.note_heard(context);
        let (seq, print) = (message.seq().unwrap_or_default() as u8, message.fingerprint());
        self.window.follow(seq, print);
        match message.verb {
            MessageType::Death if self.is_before_own_birth(&message, context) => {
                notes.findings.note(Finding::Late);
            }
            MessageType::Data if self.is_before_own_birth(&message, context) => {
                let message = message.own().with_order(SequenceOrder::Late);
                self.apply(&message.incoming().borrow(), notes, context);
            }
            _ => self.apply(&message.borrow(), notes, context),
        }
        false
    }

    /// Whether a message was sent shortly before the birth of its source, by their own timestamps.
    fn is_before_own_birth(&self, message: &Incoming<'_>, context: &SessionContext<'_>) -> bool {
        let born = match message.device {
            None => self.table.born,
            Some(device) => match self.devices.get(device).map(|device| &device.state) {
                Some(DeviceState::Born(table)) => table.born,
                _ => None,
            },
        };
        let Some((sent, born)) = message.own_time().zip(born) else { return false };
        let before = born.as_millis().saturating_sub(sent.as_millis());
        let limit = context.config.answer_timeout.as_millis();
        u128::try_from(before).is_ok_and(|before| before > 0 && before < limit)
            && !self.sends_old_times
    }

    /// A message that has come before.
    pub(super) fn skip_repeated(
        &mut self,
        message: &Incoming<'_>,
        notes: &mut SessionNotes,
        context: &mut SessionContext<'_>,
    ) -> bool {
        self.note_heard(context);
        notes.findings.note(Finding::Duplicate);
        notes.skip_payload(SkipReason::Duplicate, &message.payload);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is known of the numbers of messages, each of a source and with a number.
    fn kind(numbering: &mut Numbering, messages: &[(u64, u8)]) -> NumberingKind {
        let mut expected = messages.first().map_or(0, |(_, seq)| *seq);
        for (number, (source, seq)) in messages.iter().enumerate() {
            let print = Fingerprint { hash: number as u64, sent_time: None };
            let message = Numbered { seq: *seq, print, source: *source, is_birth: false };
            numbering.note(message, expected);
            expected = seq.wrapping_add(1);
        }
        numbering.kind
    }

    /// Messages of three sources in turns, numbered by one counter, of which `lost` are lost.
    fn shared(lost: impl Fn(usize) -> bool) -> Vec<(u64, u8)> {
        let all = (0..2_000_usize).map(|n| ((n % 3) as u64, n as u8));
        all.enumerate().filter(|(n, _)| !lost(*n)).map(|(_, message)| message).collect()
    }

    fn per_device(lost: impl Fn(usize) -> bool) -> Vec<(u64, u8)> {
        let all = (0..2_000_usize).map(|n| ((n % 3) as u64, (n / 3) as u8));
        all.enumerate().filter(|(n, _)| !lost(*n)).map(|(_, message)| message).collect()
    }

    #[test]
    fn one_counter_is_known_as_one_whatever_is_lost_or_swapped() {
        let mut chance = fastrand::Rng::with_seed(1);
        let mut drawn = || (0..2_000).map(|_| chance.u8(..10) == 0).collect::<Vec<_>>();
        let lost = drawn();
        let every = |n: usize| n.is_multiple_of(3);
        let mut swapped = shared(|_| false);
        swapped.chunks_exact_mut(4).for_each(|four| four.swap(1, 2));
        for messages in
            [shared(|_| false), shared(|n| lost[n]), shared(every), shared(|n| n % 7 < 5), swapped]
        {
            assert_eq!(kind(&mut Numbering::default(), &messages), NumberingKind::PerNode);
        }
        // One source alone, and one that bursts.
        let alone: Vec<_> = (0..500).map(|n| (1, (n * 2) as u8)).collect();
        assert_eq!(kind(&mut Numbering::default(), &alone), NumberingKind::PerNode);
        let bursts: Vec<_> = (0..2_000).map(|n| ((n / 20 % 3) as u64, n as u8)).collect();
        assert_eq!(kind(&mut Numbering::default(), &bursts), NumberingKind::PerNode);
    }

    #[test]
    fn a_counter_for_each_device_and_none_at_all_are_told_apart_and_a_mended_sender_is_known() {
        let mut chance = fastrand::Rng::with_seed(2);
        let lost: Vec<_> = (0..2_000).map(|_| chance.u8(..20) == 0).collect();
        let constant = |_: usize| (0..40).map(|n| (n % 3, 0)).collect::<Vec<_>>();
        for (messages, expected) in [
            (per_device(|_| false), NumberingKind::PerDevice),
            (per_device(|n| lost[n]), NumberingKind::PerDevice),
            (constant(0), NumberingKind::Constant),
        ] {
            let mut numbering = Numbering::default();
            assert_eq!(kind(&mut numbering, &messages), expected);
            assert!(!numbering.words().is_empty());
            assert_eq!(kind(&mut numbering, &shared(|n| n < 1)), NumberingKind::PerNode);
            assert_eq!(numbering.bytes(), 0, "it is watched no longer");
        }
    }
}
