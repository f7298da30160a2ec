//! Values of one node or device: what births, data and deaths write.

mod attributes;
mod back;
mod deaths;
mod leaf;
mod lookup;
mod losses;
mod missing;
mod offline_at_start;
mod presence;
mod rejected;
mod reread;
mod restored;
mod rewrite;
mod times;
mod untyped;

use std::cmp::Ordering;
use std::time::Duration;

use self::attributes::{Attributes, RejectedAttributes, TimesSinceBirth};
use self::back::MessageTimes;
pub(super) use self::deaths::LostConnections;
use self::leaf::{Leaf, LeafSlotState, MissingLeaves};
pub(super) use self::lookup::ShownValueReads;
use self::losses::MessageLosses;
pub(super) use self::restored::RestoredValues;
use self::times::{STILL, TICK, behind, is_ahead, later, stale_mark};
use super::assets::{AssetIx, AtStart};
use super::counts::DropReason;
use super::layout::{self, InstancePlace, Layout, Unplaced};
use super::models::PropertyIx;
use super::plan::presence::PriorPresence;
use super::view::Liveness;
use super::world::PresenceProperties;
use super::writer::{PlantValue, PointWriter};
use super::{Twin, in_window};
use crate::delivery::point::{Class, Key};
use crate::sitewise::api::{Tqv, Variant};
use crate::sparkplug::address::Source;
use crate::sparkplug::event::{Birth, Data, Sample, SequenceOrder, SessionFigures, Slot};
use crate::sparkplug::findings::Finding;
use crate::time::{Instant, Now, Timestamp};

/// The values of one node or device.
#[derive(Debug)]
pub(super) struct SourceValues {
    asset: AssetIx,
    presence: PresenceProperties,
    liveness: Liveness,
    /// Time of the latest presence value.
    last_presence_time: Option<Timestamp>,
    /// Whether what was written may not have arrived, or not be the latest: the clock was wrong.
    presence_unreliable: bool,
    /// Whether the times of its messages went back.
    message_times: MessageTimes,
    /// Whether the finding about timestamps outside the window was emitted since its birth.
    out_of_window_reported: bool,
    gaps: u64,
    rebirths: u64,
    slots: Vec<LeafSlotState>,
    /// Leaves that the last birth does not have, with what was written of them.
    missing_leaves: MissingLeaves,
    attributes: Attributes,
    /// What was last rejected of attributes.
    rejected_attributes: RejectedAttributes,
    times_since_birth: Option<Box<TimesSinceBirth>>,
    /// Where its instances are, by their numbers.
    instances: Vec<Option<InstancePlace>>,
    /// Where leaves are that have static properties or no type, and no place for their values.
    unplaced: Unplaced,
    /// The time of its latest birth as sent, until what that says more than once has followed as data.
    birth_sent: Option<Timestamp>,
    /// When it was born and when it died, as written.
    born: Option<Timestamp>,
    died: Option<Timestamp>,
    /// How far its clock is behind ours, estimated from its messages.
    clock_lag: Duration,
    /// When its values are to be marked, and the time of death.
    stale_mark_due: Option<(Instant, Timestamp)>,
}

impl Twin {
    pub(super) fn birth_received(&mut self, birth: &Birth, sent_early: &[Option<Key>], now: Now) {
        let Self { config, writer, sources, stale_due, lookups, lost_connections, .. } = self;
        let source = &birth.source;
        let mut leaves = Vec::with_capacity(birth.slots as usize);
        layout::leaves(&birth.metrics, &mut leaves);
        let laid = layout::lay_out(&mut writer.world, config, birth);
        writer.emit_birth_findings(source);
        // The plan has to know the models before the first value asks for its gate.
        writer.world.settle_changes(now.instant);
        let old = sources.remove(source);
        if let Some((due, _)) = old.as_ref().and_then(|old| old.stale_mark_due) {
            stale_due.remove(&(due, source.clone()));
        }
        let Layout {
            asset,
            presence,
            places,
            attributes,
            assets,
            instances,
            unplaced,
            null_instances,
            ..
        } = match laid {
            Ok(layout) => {
                writer.emit_layout_findings(source, &layout);
                layout
            }
            Err(cap) => {
                let lost = leaves.iter().filter(|(_, sample)| !sample.without_value).count() as u64;
                writer.world.counts.drop_values(cap.into(), lost);
                writer.world.capped.count_lost(source, cap, lost);
                return;
            }
        };
        // Outside SiteWise's window the birth's time is wrong (seconds, microseconds): use ours.
        let birth_time = if in_window(birth.time, now) { birth.time } else { now.wall };
        let mut values = SourceValues::new(asset, presence);
        values.last_presence_time = writer.world.plan.last_presence_time(source);
        (values.instances, values.unplaced) = (instances, unplaced);
        values.birth_sent = birth.has_repeated.then_some(birth.time);
        values.clock_lag = behind(birth.time, now);
        values.take_over(places, old);
        values.presence_unreliable |=
            lost_connections.born(source, config.stale_after, now.instant);
        let doubt = values.message_times.birth(birth_time, now);
        writer.doubt_clock(source, doubt);
        values.write_missing(writer, &null_instances.born, birth_time, now);
        let (mut lost, mut first) = (MessageLosses::default(), Vec::new());
        for (index, (slot, sample)) in leaves.into_iter().enumerate() {
            let sent_early = sent_early.get(index).copied().flatten();
            if sample.without_value {
                values.write_birth_quality(writer, (slot, sample), birth_time, now);
            } else {
                let leaf = values.leaf_at(slot).filter(|leaf| leaf.is_new());
                let known = |leaf: &&Leaf| writer.world.assets.get(leaf.asset).known != AtStart::No;
                first.extend(leaf.filter(known).map(Leaf::target));
                let sample = (slot, sample, sent_early);
                values.write_birth_value(writer, sample, birth_time, &mut lost, now);
            }
        }
        lost.report(writer, source);
        values.write_birth_attributes(writer, attributes, &assets, birth_time, now);
        values.write_birth_presence(writer, birth_time, now);
        values.presence_unreliable = false;
        writer.world.born(asset, &assets);
        writer.world.verify_units();
        lookups.request_reads(&mut writer.world, source, first, &assets, birth_time);
        let nulls = &null_instances.unborn;
        lookups.request_instance_reads(&mut writer.world.plan, source, nulls, birth_time);
        sources.insert(source.clone(), values);
        self.apply_after_birth(source, &assets, now);
        self.look_up();
    }

    pub(super) fn data_received(&mut self, data: &Data, sent_early: &[Option<Key>], now: Now) {
        if let Some(values) = self.sources.get_mut(&data.source) {
            values.place_untyped(&mut self.writer, &self.config, data, now);
        }
        if !data.attributes.is_empty() {
            self.attributes_received(data, now);
        }
        let writer = &mut self.writer;
        let mut lost = MessageLosses::default();
        let Some(values) = self.sources.get_mut(&data.source) else {
            let why = match self.awaiting_tags.contains(&data.source) {
                true => DropReason::NotCarried,
                // Whoever was born has its asset, unless there were too many.
                false => DropReason::CappedAssets,
            };
            lost.add(why, data.samples.len() as u64);
            writer.world.counts.drop_values(why, data.samples.len() as u64);
            return lost.report(writer, &data.source);
        };
        let is_of_birth = values.birth_sent.take().is_some_and(|sent| data.sent == Some(sent))
            && data.order == SequenceOrder::InOrder;
        for (index, (slot, sample)) in data.samples.iter().enumerate() {
            let without_value = sample.without_value;
            let sample = (*slot, sample, sent_early.get(index).copied().flatten());
            match values.born.filter(|_| is_of_birth && !without_value) {
                // What a birth says more than once: its time may be that of an old change.
                Some(born) => {
                    values.write_birth_value(writer, sample, born, &mut lost, now);
                    values.show_after_history(writer, (sample.0, sample.1), born, now);
                }
                None => values.write_data_value(writer, sample, data.order, &mut lost, now),
            }
        }
        lost.report(writer, &data.source);
        values.clock_lag = values.clock_lag.min(lost.least_lag);
        if let Some(sent) = back::sent_time(data).filter(|sent| in_window(*sent, now)) {
            let doubt = values.message_times.data(sent, lost.hidden, now);
            writer.doubt_clock(&data.source, doubt);
        }
        if let Some(time) = lost.out_of_window
            && !std::mem::replace(&mut values.out_of_window_reported, true)
        {
            let example = format!("{} sent a value with the timestamp {time}", data.source);
            writer.emit_finding(&data.source.edge, Finding::OutOfWindow, example);
        }
        // Sent before its death, and heard of later.
        let is_dead = values.liveness == Liveness::Offline && values.stale_mark_due.is_none();
        if is_dead && values.slots.iter().filter_map(LeafSlotState::leaf).any(Leaf::needs_mark) {
            let due = now.instant + self.config.stale_after;
            values.stale_mark_due = Some((due, now.wall.minus(values.clock_lag)));
            self.stale_due.insert((due, data.source.clone()));
        }
    }

    /// Writes the sequence gaps and rebirths of an edge node's session.
    pub fn handle_figures(&mut self, source: &Source, figures: &SessionFigures, now: Now) {
        let Some(values) = self.sources.get_mut(source) else { return };
        let Some((gaps, rebirths)) = values.presence.session else { return };
        for (property, told, is) in [
            (gaps, &mut values.gaps, figures.gaps),
            (rebirths, &mut values.rebirths, figures.rebirths),
        ] {
            if *told != is {
                *told = is;
                let count = Variant::Integer(i32::try_from(is).unwrap_or(i32::MAX));
                self.writer.write_presence(values.asset, property, now.wall, count);
            }
        }
    }
}

impl SourceValues {
    /// Of what was online before the start, or may have been, and nothing else of it.
    pub(super) fn from_prior_presence(
        asset: AssetIx,
        presence: PresenceProperties,
        before: PriorPresence,
        last_presence_time: Option<Timestamp>,
    ) -> Self {
        let liveness = match before == PriorPresence::Online {
            true => Liveness::Online,
            false => Liveness::Unknown,
        };
        Self { liveness, last_presence_time, ..Self::new(asset, presence) }
    }

    fn new(asset: AssetIx, presence: PresenceProperties) -> Self {
        Self {
            asset,
            presence,
            liveness: Liveness::Unknown,
            last_presence_time: None,
            presence_unreliable: false,
            message_times: MessageTimes::default(),
            out_of_window_reported: false,
            gaps: 0,
            rebirths: 0,
            slots: Vec::new(),
            missing_leaves: MissingLeaves::new(),
            attributes: Attributes::default(),
            rejected_attributes: RejectedAttributes::default(),
            times_since_birth: None,
            instances: Vec::new(),
            unplaced: Unplaced::new(),
            birth_sent: None,
            born: None,
            died: None,
            clock_lag: Duration::ZERO,
            stale_mark_due: None,
        }
    }

    /// Its asset.
    pub(super) fn asset(&self) -> AssetIx {
        self.asset
    }

    /// Its presence is written to these properties.
    pub(super) fn set_presence(&mut self, presence: PresenceProperties) {
        self.presence = presence;
    }

    /// What was written last of an asset's properties, the bridge's own excepted.
    pub(super) fn last_values(&self, asset: AssetIx) -> impl Iterator<Item = (PropertyIx, Tqv)> {
        let leaves = self.slots.iter().filter_map(LeafSlotState::leaf);
        let leaves = leaves.filter(move |leaf| leaf.asset == asset);
        leaves.filter_map(|leaf| Some((leaf.property, leaf.last()?)))
    }

    /// Where the values of a leaf of its birth go.
    pub(super) fn place_of(&self, slot: Slot) -> Option<(AssetIx, PropertyIx)> {
        let leaf = self.slots.get(slot.0 as usize).and_then(LeafSlotState::leaf)?;
        Some((leaf.asset, leaf.property))
    }

    /// Whether another slot of its birth is the leaf of this one.
    pub(super) fn is_twice_in_birth(&self, slot: Slot) -> bool {
        self.slots.iter().any(|other| matches!(other, LeafSlotState::Same(of) if *of == slot))
    }

    /// Takes over what was written before this birth.
    fn take_over(&mut self, places: Vec<layout::LeafPlace>, old: Option<Self>) {
        let mut slots = Vec::new();
        if let Some(old) = old {
            self.liveness = old.liveness;
            self.last_presence_time = old.last_presence_time;
            self.presence_unreliable = old.presence_unreliable;
            self.born = old.born;
            self.died = old.died;
            self.gaps = old.gaps;
            self.rebirths = old.rebirths;
            self.attributes = old.attributes;
            self.rejected_attributes = old.rejected_attributes;
            self.message_times = old.message_times;
            self.missing_leaves = old.missing_leaves;
            slots = old.slots;
        }
        leaf::take_over(&mut self.slots, &mut self.missing_leaves, places, slots)
    }

    /// A value in a birth is written if it says something new.
    ///
    /// Its own time is used if SiteWise takes it and it is later than what was written last;
    /// else that of the birth: births repeat old change times, some weeks old.
    fn write_birth_value(
        &mut self,
        writer: &mut PointWriter,
        (slot, sample, sent_early): (Slot, &Sample, Option<Key>),
        birth_time: Timestamp,
        lost: &mut MessageLosses,
        now: Now,
    ) {
        let doubted = self.presence_unreliable;
        let Some(leaf) = self.leaf(writer, slot, sample, lost) else { return };
        let class = if sample.historical { Class::History } else { Class::Birth };
        let value = writer.convert(leaf.target(), sample, class);
        if sample.historical {
            return leaf.write_past(writer, value, sent_early, now);
        }
        let own_time = in_window(sample.time, now);
        let best_quality = value.best_quality;
        if leaf.is_unchanged_by(&value.tqv) && !doubted {
            leaf.said_itself(sample, best_quality);
            // During the initial sync it may have been sent nevertheless.
            if let Some(time) = writer.early_time_of(value.target, sent_early) {
                leaf.shown_at(time);
            }
            if own_time {
                leaf.repeated_at(sample.time);
            }
            return writer.count_unchanged(value.origin);
        }
        let time = match own_time {
            true if leaf.is_new() || sample.time > leaf.time.max(leaf.sender_time()) => sample.time,
            false if leaf.is_new() => birth_time,
            true | false => later(birth_time, leaf.time, now),
        };
        let tqv = Tqv { time, ..value.tqv };
        let value = PlantValue { tqv: tqv.clone(), ..value };
        if writer.write_plant_value(value, sent_early, now).reaches_sitewise() {
            leaf.said_itself(sample, best_quality);
            // A repeated timestamp is not a step back.
            let sender_time = match leaf.sender_time() {
                _ if own_time && time == sample.time => time,
                // Its own time may be later than its birth's.
                before if before <= birth_time.plus(STILL) && own_time => {
                    birth_time.max(sample.time)
                }
                before if before <= birth_time.plus(STILL) => birth_time,
                before => before,
            };
            leaf.write_with_sender_time(tqv, sender_time);
        }
    }

    /// A value in data keeps its time. It is the current one unless the sender says that it is
    /// history, or it is older than the one that is known.
    fn write_data_value(
        &mut self,
        writer: &mut PointWriter,
        (slot, sample, sent_early): (Slot, &Sample, Option<Key>),
        order: SequenceOrder,
        lost: &mut MessageLosses,
        now: Now,
    ) {
        let born = self.born.filter(|born| in_window(*born, now)).unwrap_or(now.wall);
        let Some(leaf) = self.leaf(writer, slot, sample, lost) else { return };
        if sample.without_value {
            return leaf.write_quality(writer, sample, order, now);
        }
        // A late value may nevertheless be the latest of this metric.
        let past = match order {
            SequenceOrder::InOrder | SequenceOrder::AfterGap => false,
            SequenceOrder::Late => sample.time <= leaf.sender_time(),
            SequenceOrder::BeforeBirth => true,
        };
        let class = if sample.historical || past { Class::History } else { Class::Live };
        let value = writer.convert(leaf.target(), sample, class);
        if !in_window(sample.time, now) {
            lost.out_of_window = Some(sample.time);
        }
        if class == Class::History {
            leaf.write_past(writer, value, sent_early, now);
            if order == SequenceOrder::BeforeBirth {
                leaf.rewrite(writer, born, now);
            }
            return;
        }
        let ahead = is_ahead(leaf.time.max(leaf.sender_time()), now);
        let latest = leaf.is_new() || leaf.sender_time() <= sample.time || ahead;
        lost.hidden |= !latest && in_window(sample.time, now);
        lost.least_lag = lost.least_lag.min(behind(sample.time, now));
        if !latest {
            return leaf.write_past(writer, value, sent_early, now);
        }
        let best_quality = value.best_quality;
        // Of one time, SiteWise keeps a value for each quality: the later one needs a later time.
        let time = match leaf.time.cmp(&sample.time) {
            _ if leaf.is_new() || is_ahead(leaf.time, now) => sample.time,
            Ordering::Less => sample.time,
            // What stands there is its own, and not history.
            _ if leaf.shows_its_own() && leaf.quality == value.tqv.quality => leaf.time,
            Ordering::Equal | Ordering::Greater => leaf.time.plus(TICK),
        };
        let tqv = Tqv { time, ..value.tqv };
        let value = PlantValue { tqv: tqv.clone(), ..value };
        if writer.write_plant_value(value, sent_early, now).reaches_sitewise() {
            leaf.said_itself(sample, best_quality);
            leaf.write_with_sender_time(tqv, sample.time);
        }
    }

    /// The leaf at a slot.
    fn leaf_at(&self, slot: Slot) -> Option<&Leaf> {
        match self.slots.get(slot.0 as usize)? {
            LeafSlotState::Same(slot) => self.slots.get(slot.0 as usize)?.leaf(),
            at => at.leaf(),
        }
    }

    /// The leaf of a sample that is to be written.
    fn leaf(
        &mut self,
        writer: &mut PointWriter,
        slot: Slot,
        sample: &Sample,
        lost: &mut MessageLosses,
    ) -> Option<&mut Leaf> {
        let slot = match self.slots.get(slot.0 as usize) {
            Some(LeafSlotState::Same(slot)) => *slot,
            _ => slot,
        };
        let why = match self.slots.get_mut(slot.0 as usize) {
            Some(LeafSlotState::Leaf(_)) if sample.alarm => DropReason::Alarm,
            Some(LeafSlotState::Leaf(_)) if sample.transient => DropReason::Transient,
            Some(LeafSlotState::Leaf(leaf)) => return Some(leaf),
            Some(LeafSlotState::None(why)) => *why,
            Some(LeafSlotState::Same(_)) | None => DropReason::NotCarried,
        };
        writer.world.counts.drop_value(why);
        lost.add(why, 1);
        None
    }
}
