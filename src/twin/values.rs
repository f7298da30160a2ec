//! Values of one node or device: what a birth, data and a death write of them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::assets::AssetIx;
use super::counts::{Counts, Dropped};
use super::in_window;
use super::layout::{self, Attribute, Layout, Target};
use super::mapping::{self, Converted};
use super::models::PropertyIx;
use super::view::Presence;
use super::world::PresenceProperties;
use super::writer::Writer;
use super::{Output, Twin};
use crate::delivery::point::{Class, Key};
use crate::sitewise::api::{DataType, Quality, Tqv, Variant};
use crate::sitewise::limits;
use crate::sparkplug::address::Source;
use crate::sparkplug::event::{Birth, Data, Death, Order, Quality as Sent};
use crate::sparkplug::event::{Sample, SessionFigures, Slot};
use crate::time::{Instant, Now, Timestamp};

/// The smallest step of time: a later value needs a later time.
const TICK: Duration = Duration::from_millis(1);

/// The values of one node or device.
#[derive(Debug)]
pub(super) struct SourceValues {
    asset: AssetIx,
    presence: PresenceProperties,
    online: Option<bool>,
    /// Time of the latest presence value.
    told: Option<Timestamp>,
    /// Whether what was written may not have arrived, or not be the latest: the clock was wrong.
    doubted: bool,
    gaps: u64,
    rebirths: u64,
    slots: Vec<Result<Leaf, Dropped>>,
    attributes: BTreeMap<(AssetIx, PropertyIx), Variant>,
    /// When it was born and when it died, as told.
    born: Option<Timestamp>,
    died: Option<Timestamp>,
    /// When its values are to be marked, and the time of death.
    death: Option<(Instant, Timestamp)>,
}

/// A leaf and what was written of it last. There is one for each metric, so its parts stand side
/// by side where a [`Target`] and a [`Tqv`] would leave gaps.
#[derive(Debug)]
struct Leaf {
    asset: AssetIx,
    property: PropertyIx,
    data_type: DataType,
    quality: Quality,
    time: Timestamp,
    /// None where nothing was written.
    value: Option<Variant>,
}

impl Leaf {
    fn new(target: Target, last: Option<Tqv>) -> Self {
        let Target { asset, property, data_type } = target;
        let (time, quality) = (Timestamp::default(), Quality::Good);
        let mut leaf = Self { asset, property, data_type, quality, time, value: None };
        if let Some(last) = last {
            leaf.write(last);
        }
        leaf
    }

    fn target(&self) -> Target {
        Target { asset: self.asset, property: self.property, data_type: self.data_type }
    }

    fn last(&self) -> Option<Tqv> {
        let value = self.value.clone()?;
        Some(Tqv { time: self.time, quality: self.quality, value })
    }

    /// Whether a birth says nothing new.
    fn repeats(&self, converted: &Converted) -> bool {
        self.quality == converted.quality && self.value.as_ref() == Some(&converted.value)
    }

    fn write(&mut self, last: Tqv) {
        let Tqv { time, quality, value } = last;
        (self.time, self.quality, self.value) = (time, quality, Some(value));
    }
}

impl Twin {
    pub(super) fn born(&mut self, birth: &Birth, sent: &[Option<Key>], now: Now) {
        let Self { config, writer, sources, stale, .. } = self;
        let mut leaves = Vec::with_capacity(birth.slots as usize);
        layout::leaves(&birth.metrics, &mut leaves);
        let laid = layout::lay_out(&mut writer.world, config, birth);
        let differences = writer.world.models.differences.take().into_iter();
        writer.outputs.extend(differences.map(Output::Differs));
        // The plan has to know the models before the first value asks for its gate.
        writer.world.settle_changes(now.instant);
        let old = sources.remove(&birth.source);
        if let Some((due, _)) = old.as_ref().and_then(|old| old.death) {
            stale.remove(&(due, birth.source.clone()));
        }
        let Ok(Layout { asset, presence, targets, attributes }) = laid else {
            for _ in leaves.iter().filter(|(_, sample)| !sample.absent) {
                writer.world.counts.drop_value(Dropped::Capped);
            }
            return;
        };
        let usual = if in_window(birth.time, now) { birth.time } else { now.wall };
        let mut values = SourceValues::new(asset, presence);
        for (target, last) in values.take_over(targets, old) {
            // A metric of the last birth that is missing from this one.
            writer.own(target, stale_mark(last, usual, now), Class::Stale);
        }
        for (place, (slot, sample)) in leaves.into_iter().enumerate() {
            writer.sent = sent.get(place).copied().flatten();
            if !sample.absent {
                values.born_with(writer, (slot, sample), usual, now);
            }
        }
        writer.sent = None;
        for attribute in attributes {
            values.attribute(writer, attribute, usual);
        }
        values.tell_birth(writer, birth.time, now);
        values.doubted = false;
        sources.insert(birth.source.clone(), values);
    }

    pub(super) fn told(&mut self, data: &Data, sent: &[Option<Key>], now: Now) {
        let writer = &mut self.writer;
        let Some(values) = self.sources.get_mut(&data.source) else {
            for _ in &data.samples {
                writer.world.counts.drop_value(Dropped::Capped);
            }
            return;
        };
        for (place, (slot, sample)) in data.samples.iter().enumerate() {
            writer.sent = sent.get(place).copied().flatten();
            values.told(writer, (*slot, sample), data.order, now);
        }
        writer.sent = None;
    }

    pub(super) fn died(&mut self, death: &Death, now: Now) {
        if self.recall(&death.source).is_none() {
            return;
        }
        // The plan has to know the models before a value asks for its gate.
        self.writer.world.settle_changes(now.instant);
        let Some(values) = self.sources.get_mut(&death.source) else { return };
        if values.online == Some(false) {
            return;
        }
        let usual = if in_window(death.time, now) { death.time } else { now.wall };
        values.tell_death(&mut self.writer, usual, now);
        let due = now.instant + self.config.stale_after;
        values.death = Some((due, usual));
        self.stale.insert((due, death.source.clone()));
    }

    /// Marks what a dead node or device said last as no longer fresh.
    pub(super) fn mark_stale(&mut self, source: &Source, now: Now) {
        let Some(values) = self.sources.get_mut(source) else { return };
        let Some((_, died)) = values.death.take() else { return };
        for leaf in values.slots.iter_mut().flatten() {
            if leaf.quality != Quality::Uncertain
                && let Some(last) = leaf.last()
            {
                let mark = stale_mark(last, died, now);
                leaf.write(mark.clone());
                self.writer.own(leaf.target(), mark, Class::Stale);
            }
        }
    }

    /// Tells what the session of an edge node went through.
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
                self.writer.tell(values.asset, property, now.wall, count);
            }
        }
    }
}

impl SourceValues {
    /// Of what is known to be online, and nothing else of it.
    pub(super) fn online(asset: AssetIx, presence: PresenceProperties) -> Self {
        Self { online: Some(true), ..Self::new(asset, presence) }
    }

    fn new(asset: AssetIx, presence: PresenceProperties) -> Self {
        Self {
            asset,
            presence,
            online: None,
            told: None,
            doubted: false,
            gaps: 0,
            rebirths: 0,
            slots: Vec::new(),
            attributes: BTreeMap::new(),
            born: None,
            died: None,
            death: None,
        }
    }

    /// Whether it is alive, and since when.
    pub(super) fn presence(&self) -> Presence {
        let Self { online, born, died, gaps, rebirths, .. } = *self;
        let session = self.presence.session.map(|_| (gaps, rebirths));
        Presence { online, born, died, session }
    }

    /// What was written last of an asset's properties, the bridge's own excepted.
    pub(super) fn last_of(&self, asset: AssetIx) -> impl Iterator<Item = (PropertyIx, Tqv)> {
        let leaves = self.slots.iter().flatten().filter(move |leaf| leaf.asset == asset);
        leaves.filter_map(|leaf| Some((leaf.property, leaf.last()?)))
    }

    /// The values of an asset's attributes that are not their model's defaults.
    pub(super) fn attributes_of(
        &self,
        asset: AssetIx,
    ) -> impl Iterator<Item = (PropertyIx, &Variant)> {
        let all = (asset, PropertyIx(0))..=(asset, PropertyIx(u32::MAX));
        self.attributes.range(all).map(|((_, property), value)| (*property, value))
    }

    /// What the bridge itself tells of the asset.
    pub(super) fn told_of(&self) -> Vec<(PropertyIx, Tqv)> {
        let Some(time) = self.told else { return Vec::new() };
        let PresenceProperties { online, last_birth, last_death, session } = self.presence;
        let millis = |time: Timestamp| Variant::Double(time.as_millis() as f64);
        let count = |count| Variant::Integer(i32::try_from(count).unwrap_or(i32::MAX));
        let mut told = Vec::new();
        told.extend(self.online.map(|is| (online, Variant::Boolean(is))));
        told.extend(self.born.map(|born| (last_birth, millis(born))));
        told.extend(self.died.map(|died| (last_death, millis(died))));
        if let Some((gaps, rebirths)) = session {
            told.extend([(gaps, count(self.gaps)), (rebirths, count(self.rebirths))]);
        }
        let good = |(property, value)| (property, Tqv { time, quality: Quality::Good, value });
        told.into_iter().map(good).collect()
    }

    /// Takes over what was written before this birth, and gives back what was written of
    /// leaves that are no more and is not marked yet.
    fn take_over(
        &mut self,
        targets: Vec<Result<Target, Dropped>>,
        old: Option<Self>,
    ) -> Vec<(Target, Tqv)> {
        let mut written = BTreeMap::new();
        if let Some(old) = old {
            self.online = old.online;
            self.told = old.told;
            self.doubted = old.doubted;
            self.born = old.born;
            self.died = old.died;
            self.gaps = old.gaps;
            self.rebirths = old.rebirths;
            self.attributes = old.attributes;
            let leaves = old.slots.into_iter().flatten();
            written.extend(leaves.filter_map(|leaf| Some((leaf.target(), leaf.last()?))));
        }
        let mut leaf = |target| Leaf::new(target, written.remove(&target));
        self.slots = targets.into_iter().map(|target| target.map(&mut leaf)).collect();
        written.into_iter().filter(|(_, last)| last.quality != Quality::Uncertain).collect()
    }

    /// A value in a birth is written if it says something new.
    ///
    /// Its own time is used if SiteWise takes it and it is later than what was written last;
    /// else that of the birth: births repeat old change times, some weeks old.
    fn born_with(
        &mut self,
        writer: &mut Writer,
        (slot, sample): (Slot, &Sample),
        usual: Timestamp,
        now: Now,
    ) {
        let (counts, doubted) = (&mut writer.world.counts, self.doubted);
        let Some(leaf) = self.leaf(slot, sample, counts) else { return };
        let class = if sample.historical { Class::History } else { Class::Birth };
        let Some(converted) = writer.convert(leaf.target(), sample, class) else { return };
        if sample.historical {
            writer.plant(leaf.target(), tqv(sample.time, converted), class, now);
            return;
        }
        let own_time = in_window(sample.time, now);
        let time = match &leaf.value {
            Some(_) if leaf.repeats(&converted) && !doubted => {
                return writer.world.counts.drop_value(Dropped::Unchanged);
            }
            Some(_) if own_time && sample.time > leaf.time => sample.time,
            Some(_) => later(usual, leaf.time, now),
            None if own_time => sample.time,
            None => usual,
        };
        let tqv = tqv(time, converted);
        if writer.plant(leaf.target(), tqv.clone(), class, now) {
            leaf.write(tqv);
        }
    }

    fn told(
        &mut self,
        writer: &mut Writer,
        (slot, sample): (Slot, &Sample),
        order: Order,
        now: Now,
    ) {
        let counts = &mut writer.world.counts;
        let Some(leaf) = self.leaf(slot, sample, counts) else { return };
        let past = sample.historical || order == Order::Late;
        let class = if past { Class::History } else { Class::Live };
        let Some(converted) = writer.convert(leaf.target(), sample, class) else { return };
        let tqv = tqv(sample.time, converted);
        let latest = match &leaf.value {
            Some(_) => leaf.time <= tqv.time || is_ahead(leaf.time, now),
            None => true,
        };
        if past || !latest {
            writer.plant(leaf.target(), tqv, class, now);
        } else if writer.plant(leaf.target(), tqv.clone(), class, now) {
            leaf.write(tqv);
        }
    }

    /// An attribute is written once, and again when it changes.
    fn attribute(&mut self, writer: &mut Writer, attribute: Attribute, time: Timestamp) {
        let Attribute { target, value } = attribute;
        let converted = mapping::convert(Some(&value), Sent::Good, target.data_type);
        let Ok(Converted { value, quality, .. }) = converted else { return };
        let place = (target.asset, target.property);
        if self.attributes.get(&place) != Some(&value) {
            self.attributes.insert(place, value.clone());
            writer.own(target, Tqv { time, quality, value }, Class::Static);
        }
    }

    fn tell_birth(&mut self, writer: &mut Writer, birth: Timestamp, now: Now) {
        let time = self.presence_time(now.wall, now);
        if self.online != Some(true) || self.doubted {
            self.online = Some(true);
            writer.tell(self.asset, self.presence.online, time, Variant::Boolean(true));
        }
        self.born = Some(birth);
        let birth = Variant::Double(birth.as_millis() as f64);
        writer.tell(self.asset, self.presence.last_birth, time, birth);
    }

    fn tell_death(&mut self, writer: &mut Writer, death: Timestamp, now: Now) {
        self.online = Some(false);
        self.died = Some(death);
        let time = self.presence_time(death, now);
        writer.tell(self.asset, self.presence.online, time, Variant::Boolean(false));
        let death = Variant::Double(death.as_millis() as f64);
        writer.tell(self.asset, self.presence.last_death, time, death);
    }

    /// Tells once more whether it is alive, after the clock was put right, or wrong; and has the
    /// next birth write every value.
    pub(super) fn doubt(&mut self, writer: &mut Writer, now: Now) {
        self.doubted = true;
        if let Some(online) = self.online {
            let time = self.presence_time(now.wall, now);
            writer.tell(self.asset, self.presence.online, time, Variant::Boolean(online));
        }
    }

    /// The time of the next presence value: never before the one told last, unless a clock has
    /// gone back so far that SiteWise would not take that.
    fn presence_time(&mut self, usual: Timestamp, now: Now) -> Timestamp {
        let time = self.told.map_or(usual, |told| later(usual, told, now));
        self.told = Some(time);
        time
    }

    /// The leaf of a sample that is to be written.
    fn leaf(&mut self, slot: Slot, sample: &Sample, counts: &mut Counts) -> Option<&mut Leaf> {
        let why = match self.slots.get_mut(slot.0 as usize) {
            Some(Ok(_)) if sample.alarm => Dropped::Alarm,
            Some(Ok(_)) if sample.transient => Dropped::Transient,
            Some(Ok(leaf)) => return Some(leaf),
            Some(Err(why)) => *why,
            None => Dropped::NotCarried,
        };
        counts.drop_value(why);
        None
    }
}

fn tqv(time: Timestamp, converted: Converted) -> Tqv {
    Tqv { time, quality: converted.quality, value: converted.value }
}

/// A value that is no longer fresh, at `time` or a tick after it was written, whichever is
/// later.
fn stale_mark(last: Tqv, time: Timestamp, now: Now) -> Tqv {
    Tqv { time: later(time, last.time, now), quality: Quality::Uncertain, ..last }
}

/// `time`, or a tick after `last` if that is later, and not the word of a clock that was wrong.
fn later(time: Timestamp, last: Timestamp, now: Now) -> Timestamp {
    if is_ahead(last, now) { time } else { time.max(last.plus(TICK)) }
}

/// Whether a time that was written is one that SiteWise would not take now: our clock was ahead
/// then, and what was written with it has not arrived.
fn is_ahead(time: Timestamp, now: Now) -> bool {
    time.plus(TICK) > now.wall.plus(limits::NEWEST_VALUE)
}
