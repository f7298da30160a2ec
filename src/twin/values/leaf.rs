//! A leaf and the latest value that was written of it.

use std::collections::BTreeMap;

use super::SourceValues;
use super::times::{TICK, is_ahead, later};
use crate::delivery::point::{Class, Key};
use crate::sitewise::api::{Quality, Tqv, Variant};
use crate::sparkplug::event::{Sample, SequenceOrder, Slot};
use crate::time::{Now, Timestamp};
use crate::twin::assets::AssetIx;
use crate::twin::counts::DropReason;
use crate::twin::in_window;
use crate::twin::layout::{LeafPlace, LeafTarget};
use crate::twin::mapping::{self, ValueForm};
use crate::twin::models::PropertyIx;
use crate::twin::writer::{PlantValue, PointWriter, ValueOrigin};

/// The content of a slot.
#[derive(Debug)]
pub(super) enum LeafSlotState {
    /// A leaf.
    Leaf(Leaf),
    /// The leaf of another slot: the birth has it twice.
    Same(Slot),
    /// Nothing that is written.
    None(DropReason),
}

impl LeafSlotState {
    pub(super) fn leaf(&self) -> Option<&Leaf> {
        match self {
            Self::Leaf(leaf) => Some(leaf),
            Self::Same(_) | Self::None(_) => None,
        }
    }

    pub(super) fn leaf_mut(&mut self) -> Option<&mut Leaf> {
        match self {
            Self::Leaf(leaf) => Some(leaf),
            Self::Same(_) | Self::None(_) => None,
        }
    }
}

/// A leaf and the latest value that was written of it. There is one for each metric, so its fields
/// are flat, since a [`LeafTarget`] and a [`Tqv`] would leave padding.
#[derive(Debug)]
pub(super) struct Leaf {
    pub asset: AssetIx,
    pub property: PropertyIx,
    pub form: ValueForm,
    /// That of its latest value; while there is none, that of the instances around it.
    pub quality: Quality,
    /// What its latest value is of itself, whatever the instances around it are.
    own_quality: Quality,
    /// The best that its conversion allows, whatever the sender says.
    best_quality: Quality,
    pub time: Timestamp,
    /// The sender's own timestamp of the value: before `time` where the value was moved after another
    /// or marked stale, after it where a birth has repeated the value since.
    sender_time: Timestamp,
    /// History came later than the current value, so that SiteWise shows that.
    pub hidden_by_history: bool,
    /// At `time` an instance around it said its quality, and nothing of its value.
    time_is_of_quality: bool,
    /// None where nothing was written.
    pub value: Option<Variant>,
}

impl Leaf {
    pub(super) fn new(target: LeafTarget) -> Self {
        let LeafTarget { asset, property, form } = target;
        let (time, quality) = (Timestamp::default(), Quality::Good);
        Self {
            asset,
            property,
            form,
            quality,
            own_quality: quality,
            best_quality: quality,
            time,
            sender_time: time,
            hidden_by_history: false,
            time_is_of_quality: false,
            value: None,
        }
    }

    pub(super) fn target(&self) -> LeafTarget {
        LeafTarget { asset: self.asset, property: self.property, form: self.form }
    }

    pub(super) fn last(&self) -> Option<Tqv> {
        let value = self.value.clone()?;
        Some(Tqv { time: self.time, quality: self.quality, value })
    }

    /// Whether a birth says nothing new.
    pub(super) fn is_unchanged_by(&self, new: &Tqv) -> bool {
        !self.hidden_by_history
            && self.quality == new.quality
            && self.value.as_ref() == Some(&new.value)
    }

    /// Whether nothing at all was written.
    pub(super) fn is_new(&self) -> bool {
        self.value.is_none() && self.time == Timestamp::default()
    }

    /// Whether what SiteWise has at `time` is its latest value, and not history.
    pub(super) fn shows_its_own(&self) -> bool {
        self.value.is_some() && !self.hidden_by_history
    }

    /// Whether it needs a stale mark: only what is GOOD in SiteWise does, or is shown there
    /// instead of a later value.
    pub(super) fn needs_mark(&self) -> bool {
        self.value.is_some() && (self.quality == Quality::Good || self.hidden_by_history)
    }

    /// Records a value of the bridge's own as the latest: the sender's last timestamp does not
    /// change.
    pub(super) fn write(&mut self, last: Tqv) {
        let sender_time = if self.is_new() { last.time } else { self.sender_time() };
        self.write_with_sender_time(last, sender_time);
    }

    /// As [`write`](Self::write), for a value with the sender's timestamp.
    pub(super) fn write_with_sender_time(&mut self, last: Tqv, sender_time: Timestamp) {
        let Tqv { time, quality, value } = last;
        // SiteWise takes a null as BAD or UNCERTAIN alone: no instance around it makes it better.
        if matches!(value, Variant::Null(_)) {
            (self.own_quality, self.best_quality) = (Quality::Bad, Quality::Bad);
        }
        (self.quality, self.value) = (quality, Some(value));
        self.hidden_by_history = false;
        self.set_time(time, sender_time);
    }

    pub(super) fn set_time(&mut self, time: Timestamp, sender_time: Timestamp) {
        (self.time, self.sender_time) = (time, sender_time);
        self.time_is_of_quality = false;
    }

    /// SiteWise also has the latest value at this later time.
    pub(super) fn shown_at(&mut self, time: Timestamp) {
        self.time = self.time.max(time);
    }

    /// Takes over what SiteWise shows of it, from an earlier process. Returns what it is to show
    /// instead, if a death or the instances around it have made it worse meanwhile.
    pub(super) fn adopt(&mut self, shown: Tqv, fallback_time: Timestamp, now: Now) -> Option<Tqv> {
        let quality = shown.quality.max(self.quality).max(self.own_quality);
        // Whether that was its own or an instance's nobody can tell: it is no better until it is said.
        self.own_quality = self.own_quality.max(shown.quality);
        let (past, sender_time) = (self.time, shown.time);
        self.write_with_sender_time(shown.clone(), sender_time);
        if past > shown.time {
            // History has come since.
            self.set_time(past, sender_time);
            self.hidden_by_history = true;
        }
        let worse = quality != shown.quality;
        worse.then(|| Tqv { time: later(fallback_time, self.time, now), quality, ..shown })
    }

    /// The latest value has a quality of its own: what the sender says of it, and no better than
    /// its conversion allows.
    pub(super) fn said_itself(&mut self, sample: &Sample, best_quality: Quality) {
        self.best_quality = best_quality;
        self.own_quality = mapping::quality(sample.own_quality).max(best_quality);
    }

    /// It was not said since its machine died, or since a birth lacks it: it is GOOD again only once
    /// it is said.
    pub(super) fn unsaid(&mut self) {
        self.own_quality = self.own_quality.max(Quality::Uncertain);
    }

    /// The quality of its latest value within instances that say this.
    pub(super) fn quality_within(&self, sample: &Sample) -> Quality {
        mapping::quality(sample.quality).max(self.own_quality)
    }

    /// It says its quality, or an instance around it does, and nothing of its value.
    pub(super) fn write_quality(
        &mut self,
        writer: &mut PointWriter,
        sample: &Sample,
        order: SequenceOrder,
        now: Now,
    ) {
        let latest = match self.time_is_of_quality {
            true => self.sender_time.max(self.time),
            false => self.sender_time,
        };
        let is_past = match order {
            SequenceOrder::InOrder | SequenceOrder::AfterGap => {
                sample.time < latest && !is_ahead(latest.max(self.time), now)
            }
            SequenceOrder::Late => sample.time <= latest,
            SequenceOrder::BeforeBirth => true,
        };
        let is_past = is_past || sample.historical;
        if !is_past && sample.own_alone {
            self.own_quality = mapping::quality(sample.own_quality).max(self.best_quality);
        }
        let quality = self.quality_within(sample);
        if self.value.is_none() && !is_past {
            // What SiteWise shows of it is not known yet.
            self.quality = quality;
        }
        let Some(last) = self.last().filter(|last| !is_past && last.quality != quality) else {
            return writer.count_unchanged(ValueOrigin::Plant);
        };
        let time = match is_ahead(self.time, now) {
            true => sample.time,
            false => sample.time.max(last.time.plus(TICK)),
        };
        let tqv = Tqv { time, quality, ..last };
        let (target, class, origin) = (self.target(), Class::Live, ValueOrigin::Plant);
        let value =
            PlantValue { target, tqv: tqv.clone(), class, origin, best_quality: self.own_quality };
        if writer.write_plant_value(value, None, now).reaches_sitewise() {
            // A value that was sent later may have an earlier time of its own.
            self.write(tqv);
            self.time_is_of_quality = true;
        }
    }

    /// The sender's own time of the latest value, as it was written or repeated.
    pub(super) fn sender_time(&self) -> Timestamp {
        self.sender_time
    }

    /// A birth repeats the latest value with this timestamp of its own. Nothing is written, but
    /// what is older than that does not replace it.
    pub(super) fn repeated_at(&mut self, sender_time: Timestamp) {
        self.sender_time = self.sender_time.max(sender_time);
    }

    /// Writes a value that is older than the sender's latest. SiteWise shows it nevertheless
    /// if nothing later was written: where a birth has repeated the latest value since, that is
    /// written once more, with the timestamp that it had there, and else the next birth has to know.
    pub(super) fn write_past(
        &mut self,
        writer: &mut PointWriter,
        value: PlantValue,
        sent_early: Option<Key>,
        now: Now,
    ) {
        let Tqv { time, quality, value: new } = &value.tqv;
        let (time, shown) = (*time, self.time <= *time);
        let differs = (Some(new), *quality) != (self.value.as_ref(), self.quality);
        let result = writer.write_plant_value(value, sent_early, now);
        if result.reaches_sitewise() && shown {
            self.time = time;
            self.hidden_by_history = self.value.is_some() && differs;
            if time <= self.sender_time && in_window(self.sender_time, now) {
                self.rewrite(writer, self.sender_time, now);
            }
        }
    }

    /// Writes the latest value once more, with this timestamp or a tick after what hides it, where
    /// SiteWise shows an older one.
    pub(super) fn rewrite(&mut self, writer: &mut PointWriter, time: Timestamp, now: Now) {
        let Some(last) = self.last().filter(|_| self.hidden_by_history) else { return };
        let last = Tqv { time: later(time, last.time, now), ..last };
        self.write(last.clone());
        writer.write_own(self.target(), last, Class::Birth);
    }
}

impl SourceValues {
    /// The leaf whose values go there, of the last birth or of one before it.
    pub(super) fn leaf_of(&mut self, target: LeafTarget) -> Option<&mut Leaf> {
        let is_it =
            |leaf: &&mut Leaf| (leaf.asset, leaf.property) == (target.asset, target.property);
        let leaves = self.slots.iter_mut().filter_map(LeafSlotState::leaf_mut);
        leaves.chain(self.missing_leaves.values_mut()).find(is_it)
    }
}

impl SourceValues {
    /// The properties of an asset are others: `place` tells where each is now.
    pub(in crate::twin) fn move_properties(
        &mut self,
        asset: AssetIx,
        place: &mut dyn FnMut(PropertyIx) -> Option<PropertyIx>,
    ) {
        for slot in &mut self.slots {
            let Some(leaf) = slot.leaf_mut().filter(|leaf| leaf.asset == asset) else { continue };
            match place(leaf.property) {
                Some(property) => leaf.property = property,
                None => *slot = LeafSlotState::None(DropReason::CappedProperties),
            }
        }
        for (target, mut leaf) in std::mem::take(&mut self.missing_leaves) {
            let property = if target.asset == asset { place(target.property) } else { None };
            leaf.property = property.unwrap_or(leaf.property);
            if target.asset != asset || property.is_some() {
                self.missing_leaves.insert(leaf.target(), leaf);
            }
        }
        self.rejected_attributes.clear();
        for ((of, property), last) in std::mem::take(&mut self.attributes) {
            let property = if of == asset { place(property) } else { Some(property) };
            self.attributes.extend(property.map(|property| ((of, property), last)));
        }
        self.times_since_birth = None;
    }
}

/// Leaves that a birth does not have, and one before it had.
pub(super) type MissingLeaves = BTreeMap<LeafTarget, Leaf>;

/// Puts leaves at all places, with what was written of them before; leaves that
/// the new birth lacks move to `missing`, until another birth has them.
pub(super) fn take_over(
    slots: &mut Vec<LeafSlotState>,
    missing: &mut MissingLeaves,
    places: Vec<LeafPlace>,
    old: Vec<LeafSlotState>,
) {
    let mut old: Vec<_> = old
        .into_iter()
        .map(|at| match at {
            LeafSlotState::Leaf(leaf) => Some(leaf),
            LeafSlotState::Same(_) | LeafSlotState::None(_) => None,
        })
        .collect();
    slots.reserve_exact(places.len());
    let mut new = false;
    for (at, place) in places.into_iter().enumerate() {
        slots.push(match place {
            LeafPlace::None(why) => LeafSlotState::None(why),
            LeafPlace::Same(slot) => LeafSlotState::Same(slot),
            LeafPlace::Target(target) => {
                // Most births say the same in the same order.
                let same = |leaf: &&mut Option<Leaf>| {
                    leaf.as_ref().is_some_and(|leaf| leaf.target() == target)
                };
                let same = old.get_mut(at).filter(same).and_then(Option::take);
                new |= same.is_none();
                LeafSlotState::Leaf(same.unwrap_or_else(|| Leaf::new(target)))
            }
        });
    }
    missing.extend(old.into_iter().flatten().map(|leaf| (leaf.target(), leaf)));
    if new && !missing.is_empty() {
        for leaf in
            slots.iter_mut().filter_map(LeafSlotState::leaf_mut).filter(|leaf| leaf.is_new())
        {
            if let Some(had) = missing.remove(&leaf.target()) {
                *leaf = had;
            }
        }
    }
}
