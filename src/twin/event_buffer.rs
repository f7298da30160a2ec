//! The buffer of events until the initial sync.
//!
//! Beyond a limit data is dropped, and of each source only its latest birth is kept, with the data
//! after it. Beyond a second limit births are dropped: of silent sources first, for they may be
//! made up, and of these the largest first. A rebirth is requested afterwards of every source of
//! which something was dropped, so that the latest is the latest.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Output, values_in};
use crate::delivery::point::Key;
use crate::sparkplug::address::{EdgeNode, Source};
use crate::sparkplug::event::{Birth, BirthMetric, Content, Data, Death, Event};
use crate::sparkplug::findings::Finding;

/// Parts of events that are buffered: values, metrics, members and properties.
pub(super) const DATA_LIMIT: usize = 500_000;
/// Parts of events that are buffered with births, before the initial sync is complete: about
/// 200 MB.
pub(super) const BIRTH_LIMIT: usize = 1_000_000;
/// Parts that are buffered where all messages are stored: from there on these are not processed
/// before SiteWise is known. What comes with a message is [`DATA_LIMIT`] at most, and fits.
pub(super) const DEFER_AT: usize = DATA_LIMIT / 2;
/// Evicted at once, so that the next births fit without another eviction.
const EVICT_SHARE: usize = BIRTH_LIMIT / 8;
/// What an event takes beside its parts, counted in parts.
const EVENT_OVERHEAD: usize = 4;

/// Buffered events, in the order of arrival.
#[derive(Debug, Default)]
pub(super) struct EventBuffer {
    events: VecDeque<BufferedEvent>,
    values: usize,
    parts: usize,
    /// Sources whose data was dropped after their latest birth: what is shown of them is older
    /// than what they sent. There are no more than the session has.
    incomplete_sources: BTreeSet<Source>,
    /// Sources that sent anything beside births.
    active_sources: BTreeSet<Source>,
    /// Sources whose latest birth was dropped.
    birthless_sources: BTreeSet<Source>,
    /// Of these, the ones not yet reported.
    unreported_drops: Vec<Source>,
    overflow: Overflow,
}

/// What happens to events beyond [`DATA_LIMIT`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Overflow {
    /// Data is dropped, and of births the latest is kept.
    #[default]
    Dropped,
    /// They do not come: once it is full, messages are stored, and processed later.
    Deferred,
}

#[derive(Debug)]
struct BufferedEvent {
    event: Event,
    early_send: EarlySend,
}

/// Whether values of an event were sent early.
#[derive(Debug)]
pub(super) enum EarlySend {
    /// That was not tried yet.
    NotTried,
    /// As what the value of each sample was sent; none where it was not.
    Tried(Vec<Option<Key>>),
}

impl EarlySend {
    fn is_tried(&self) -> bool {
        matches!(self, Self::Tried(_))
    }

    fn into_keys(self) -> Vec<Option<Key>> {
        match self {
            Self::NotTried => Vec::new(),
            Self::Tried(keys) => keys,
        }
    }

    /// How many values were sent.
    fn count(&self) -> u64 {
        match self {
            Self::NotTried => 0,
            Self::Tried(keys) => keys.iter().flatten().count() as u64,
        }
    }
}

/// Values that are no longer buffered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct BufferLoss {
    /// They had been sent already.
    pub(super) sent_early: u64,
    /// They are lost.
    pub(super) lost: u64,
}

impl EventBuffer {
    /// Keeps an event. Returns what is dropped for it, or of it. Births are dropped only before
    /// the initial sync is complete, where a source has no other than those in the buffer.
    pub(super) fn push(&mut self, event: Event, is_synced: bool) -> BufferLoss {
        let (values, parts) = (values_in(&event), self::parts(&event));
        let mut loss = BufferLoss::default();
        if let Event::Data(Data { source, .. }) = &event {
            if !self.active_sources.contains(source) {
                self.active_sources.insert(source.clone());
            }
            // Without its birth, data cannot be interpreted.
            if self.birthless_sources.contains(source) {
                return BufferLoss { lost: values as u64, ..loss };
            }
        }
        let bound = match self.overflow {
            Overflow::Dropped => DATA_LIMIT,
            Overflow::Deferred => BIRTH_LIMIT,
        };
        if self.parts + parts > bound {
            match &event {
                Event::Data(data) => {
                    self.incomplete_sources.insert(data.source.clone());
                    return BufferLoss { lost: values as u64, ..loss };
                }
                Event::Birth(birth) => {
                    loss = self.forget(|event| *source_of(event) == birth.source);
                }
                Event::Death(_) => {}
            }
        }
        if let Event::Birth(birth) = &event {
            self.birthless_sources.remove(&birth.source);
        }
        match &event {
            // A birth is complete again; a dead source cannot be asked.
            Event::Birth(Birth { source, .. }) | Event::Death(Death { source, .. }) => {
                self.incomplete_sources.remove(source);
            }
            Event::Data(_) => {}
        }
        self.values += values;
        self.parts += parts;
        self.events.push_back(BufferedEvent { event, early_send: EarlySend::NotTried });
        if !is_synced && self.parts > BIRTH_LIMIT {
            let evicted = self.make_room();
            loss = BufferLoss {
                sent_early: loss.sent_early + evicted.sent_early,
                lost: loss.lost + evicted.lost,
            };
        }
        loss
    }

    /// Drops births, with the data that depends on them.
    fn make_room(&mut self) -> BufferLoss {
        let mut shares: BTreeMap<&Source, usize> = BTreeMap::new();
        for BufferedEvent { event, .. } in &self.events {
            *shares.entry(source_of(event)).or_default() += parts(event);
        }
        let spoke = |source: &Source| self.active_sources.contains(source);
        let mut order: Vec<_> = shares
            .into_iter()
            .map(|(source, share)| (spoke(source), Reverse(share), source))
            .collect();
        order.sort_unstable();
        let mut remaining = self.parts;
        let evicted: BTreeSet<Source> = order
            .into_iter()
            .take_while(|(_, Reverse(share), _)| {
                let is_over = remaining > BIRTH_LIMIT - EVICT_SHARE;
                remaining -= share;
                is_over
            })
            .map(|(_, _, source)| source.clone())
            .collect();
        // A death is kept, since it says that the source is offline.
        let is_evicted =
            |event: &Event| !matches!(event, Event::Death(_)) && evicted.contains(source_of(event));
        let loss = self.forget(is_evicted);
        self.unreported_drops.extend(
            evicted.iter().filter(|source| !self.birthless_sources.contains(source)).cloned(),
        );
        self.birthless_sources.extend(evicted.iter().cloned());
        self.incomplete_sources.extend(evicted);
        loss
    }

    /// Takes a finding for each source whose birth was dropped since the last call.
    pub(super) fn take_drop_findings(&mut self) -> impl Iterator<Item = Output> {
        std::mem::take(&mut self.unreported_drops).into_iter().map(|Source { edge, device }| {
            let of = device.as_deref().unwrap_or("the node");
            let example = format!(
                "the birth of {of} is dropped: at most {BIRTH_LIMIT} metrics, members and properties of \
                 births are buffered until the initial sync with SiteWise is complete; a rebirth \
                 is requested then"
            );
            Output::Finding { edge, finding: Finding::TooManyLeaves, example }
        })
    }

    /// Drops the events for which `is_dropped` holds.
    fn forget(&mut self, is_dropped: impl Fn(&Event) -> bool) -> BufferLoss {
        let mut loss = BufferLoss::default();
        let (mut values, mut parts) = (0, 0);
        self.events.retain(|BufferedEvent { event, early_send }| {
            if !is_dropped(event) {
                return true;
            }
            values += values_in(event);
            parts += self::parts(event);
            loss.sent_early += early_send.count();
            false
        });
        self.values -= values;
        self.parts -= parts;
        loss.lost = (values as u64).saturating_sub(loss.sent_early);
        loss
    }

    /// How many values are buffered.
    pub(super) fn values(&self) -> usize {
        self.values
    }

    /// What they take.
    pub(super) fn parts(&self) -> usize {
        self.parts
    }

    /// What happens to what comes beyond the bound from now on.
    pub(super) fn set_overflow(&mut self, overflow: Overflow) {
        self.overflow = overflow;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Whether nothing was tried to be sent yet.
    pub(super) fn is_untried(&self) -> bool {
        self.events.front().is_some_and(|held| !held.early_send.is_tried())
    }

    /// The events of which nothing was tried to be sent yet, and where it is noted what was.
    pub(super) fn untried(&mut self) -> impl Iterator<Item = (&Event, &mut EarlySend)> {
        // Tried events are at the front.
        let untried =
            self.events.iter().rev().take_while(|held| !held.early_send.is_tried()).count();
        let skipped = self.events.len() - untried;
        self.events.iter_mut().skip(skipped).map(|held| (&held.event, &mut held.early_send))
    }

    /// Takes the edge nodes, among these sources, whose births must be requested because data was
    /// dropped.
    pub(super) fn take_incomplete(
        &mut self,
        is_one: impl Fn(&Source) -> bool,
    ) -> BTreeSet<EdgeNode> {
        self.incomplete_sources.extract_if(.., is_one).map(|source| source.edge).collect()
    }

    /// The births of a source.
    pub(super) fn births(&self, source: &Source) -> impl Iterator<Item = &Birth> {
        self.events.iter().filter_map(move |held| match &held.event {
            Event::Birth(birth) if birth.source == *source => Some(birth),
            Event::Birth(_) | Event::Data(_) | Event::Death(_) => None,
        })
    }

    /// What these sources said, each with what of it has been sent.
    pub(super) fn take(&mut self, sources: &BTreeSet<Source>) -> Vec<(Event, Vec<Option<Key>>)> {
        if sources.is_empty() {
            return Vec::new();
        }
        let events = std::mem::take(&mut self.events);
        let (matching, kept): (Vec<_>, Vec<_>) =
            events.into_iter().partition(|held| sources.contains(source_of(&held.event)));
        self.events = kept.into();
        for held in &matching {
            self.values -= values_in(&held.event);
            self.parts -= parts(&held.event);
        }
        matching.into_iter().map(|held| (held.event, held.early_send.into_keys())).collect()
    }

    /// Puts back an event that was taken out.
    pub(super) fn put_back(&mut self, event: Event, sent: Vec<Option<Key>>) {
        self.values += values_in(&event);
        self.parts += parts(&event);
        self.events.push_back(BufferedEvent { event, early_send: EarlySend::Tried(sent) });
    }

    /// Marks these sources as incomplete again.
    pub(super) fn mark_incomplete(&mut self, sources: BTreeSet<Source>) {
        self.incomplete_sources.extend(sources);
    }

    /// All events, each with the keys that were already sent; and the sources whose data was
    /// dropped.
    pub(super) fn into_events(
        self,
    ) -> (impl Iterator<Item = (Event, Vec<Option<Key>>)>, BTreeSet<Source>) {
        let events = self.events.into_iter();
        (events.map(|held| (held.event, held.early_send.into_keys())), self.incomplete_sources)
    }
}

/// The source of an event.
pub(super) fn source_of(event: &Event) -> &Source {
    match event {
        Event::Birth(Birth { source, .. })
        | Event::Data(Data { source, .. })
        | Event::Death(Death { source, .. }) => source,
    }
}

/// What an event takes: its metrics, members, properties and values.
pub(crate) fn parts(event: &Event) -> usize {
    EVENT_OVERHEAD
        + match event {
            Event::Birth(birth) => {
                let members = birth.definitions.iter().map(|definition| {
                    let properties =
                        definition.members.iter().map(|member| member.properties.len());
                    1 + definition.parameters.len()
                        + definition.members.len()
                        + properties.sum::<usize>()
                });
                members.sum::<usize>() + metrics(&birth.metrics)
            }
            Event::Data(data) => data.samples.len() + data.attributes.len(),
            Event::Death(_) => 0,
        }
}

fn metrics(all: &[BirthMetric]) -> usize {
    let parts = all.iter().map(|metric| {
        let within = match &metric.content {
            Content::Leaf { .. } => 0,
            Content::Instance(instance) => instance.parameters.len() + metrics(&instance.members),
        };
        1 + metric.properties.len() + within
    });
    parts.sum()
}
