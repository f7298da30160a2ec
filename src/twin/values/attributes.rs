//! Attributes: static values of an instance or a metric.
//!
//! SiteWise shows an asset's own value where it has one, and else the model's default. So an
//! asset's own value is written where it differs from the default, and once there is one, it has
//! to be written over when the machine goes back to the default, or no longer speaks of it. One
//! that is named without a value is null, not the default: a parameter has no other way to be null.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;

use super::{SourceValues, TICK, later};
use crate::delivery::point::Class;
use crate::sitewise::api::{Quality, Tqv, Variant};
use crate::sparkplug::event::{
    AttributeHolder, AttributeKind, AttributeSample, Data, SequenceOrder, SparkplugQuality,
    StaticProperty,
};
use crate::sparkplug::value::Value;
use crate::time::{Now, Timestamp};
use crate::twin::assets::AssetIx;
use crate::twin::identity::PropertyRole;
use crate::twin::layout::{self, AttributeDeclaration, AttributeTarget, LeafTarget};
use crate::twin::mapping::{self, Converted, ValueForm};
use crate::twin::models::{DesiredModels, PropertyIx, PropertyRequest};
use crate::twin::world::DesiredWorld;
use crate::twin::writer::PointWriter;
use crate::twin::{Twin, in_window};

/// The last written values of attributes. Of an attribute that shows its model's default nothing was
/// written.
pub(super) type Attributes = BTreeMap<(AssetIx, PropertyIx), Tqv>;

/// What attributes have for a value that is none of their type, as it came.
pub(super) type RejectedAttributes = BTreeMap<(AssetIx, PropertyIx), Value>;

/// Attributes and units of one source whose times in data are remembered.
const MAX_TIMES: usize = 1_000;

/// The times of attributes, and of units of measurements, in data since the birth: a late message must
/// not replace a later one.
#[derive(Debug, Default)]
pub(super) struct TimesSinceBirth {
    /// What is earlier than this may have been replaced already: it is ignored.
    since: Timestamp,
    latest: FxHashMap<(AssetIx, PropertyIx), Timestamp>,
}

impl Twin {
    /// Handles the attributes in data. Those that are not in it are unchanged.
    pub(super) fn attributes_received(&mut self, data: &Data, now: Now) {
        match data.order {
            // The birth that came since has all of them.
            SequenceOrder::BeforeBirth => return,
            SequenceOrder::InOrder | SequenceOrder::AfterGap | SequenceOrder::Late => {}
        }
        let Self { config, writer, sources, .. } = self;
        let Some(values) = sources.get_mut(&data.source) else { return };
        writer.world.models.set_current_source(&data.source);
        let mut updates = Vec::new();
        for AttributeSample { holder, kind, time, property } in &data.attributes {
            let world = &mut writer.world;
            let Some((asset, mut path)) = values.holder(*holder, world) else { continue };
            let role = match kind {
                AttributeKind::Parameter => PropertyRole::Parameter,
                AttributeKind::Property => PropertyRole::Property,
            };
            if let (AttributeHolder::Leaf(slot), Some(unit)) =
                (holder, layout::declared_unit(std::slice::from_ref(property)))
            {
                let place = values.leaf_at(*slot).map(|leaf| (leaf.asset, leaf.property));
                if let Some(place) =
                    place.filter(|place| values.record_if_latest(*place, *time, data.order, now))
                {
                    let (asset, property) = place;
                    world.doubt_unit(asset, property);
                    world.unit(asset, property, unit);
                }
                continue;
            }
            let above: Vec<_> = path.iter().map(|name| &**name).collect();
            let property = match role {
                PropertyRole::Parameter => Some(property),
                _ => layout::statics(config, &above, std::slice::from_ref(property)).next(),
            };
            let Some(property) = property else { continue };
            path.push((*property.name).into());
            let path: Vec<_> = path.iter().map(|name| &**name).collect();
            let model = world.assets.get(asset).model;
            let suggested = layout::form(config, property.datatype);
            let (form, others) =
                values.forms_in_data(world, (asset, role, &path), property, suggested);
            // What it says is all that there is of it.
            for target in others {
                if values.record_if_latest((asset, target.property), *time, data.order, now) {
                    updates.push((target, *time, AttributeDeclaration::Null));
                }
            }
            let Some(form) = form else { continue };
            let unit = layout::unit(&[], form);
            let wanted =
                PropertyRequest { role, path: &path, name: None, form, unit, default: None };
            let lacks = world.models.find(model, wanted).is_none();
            if lacks && world.models.is_full() && world.is_shared(model) {
                continue;
            }
            // One beyond the cap was reported with the birth, or will be with the next.
            if let Ok(place) = world.ensure_property(model, wanted)
                && values.record_if_latest((asset, place), *time, data.order, now)
            {
                let target = LeafTarget { asset, property: place, form };
                updates.push((
                    target,
                    *time,
                    AttributeDeclaration::of(property, AttributeDeclaration::Null),
                ));
            }
        }
        writer.world.verify_units();
        writer.emit_unit_findings(&data.source);
        // The plan has to know the models before a value asks for its gate.
        writer.world.settle_changes(now.instant);
        for (target, time, value) in updates {
            let time = if in_window(time, now) { time } else { now.wall };
            values.write_if_changed(writer, target, &value, time, now);
        }
    }
}

impl SourceValues {
    /// The form of an attribute in data, and what its asset shows of it in other forms.
    fn forms_in_data(
        &self,
        world: &DesiredWorld,
        (asset, role, path): (AssetIx, PropertyRole, &[&str]),
        sent: &StaticProperty,
        suggested: Option<ValueForm>,
    ) -> (Option<ValueForm>, Vec<LeafTarget>) {
        let model = world.assets.get(asset).model;
        // Most say their types: no ids are made for them.
        let find = match sent.is_typed {
            true => DesiredModels::find_asked,
            false => DesiredModels::find,
        };
        let known = layout::known_forms(&world.models, model, (role, path), find);
        let properties = &world.models.get(model).properties;
        let shows = |property: PropertyIx| match self.attribute(asset, property) {
            Some(last) => !matches!(last.value, Variant::Null(_)),
            None => properties.get(property.0 as usize).is_some_and(|has| has.default().is_some()),
        };
        let shown = || known.iter().filter(|(_, property)| shows(*property)).map(|(form, _)| *form);
        let form = match (sent.is_typed, shown().count()) {
            (true, _) => suggested,
            (false, 1) => layout::form_among(sent, suggested, shown()),
            _ if known.iter().any(|(form, _)| Some(*form) == suggested) => suggested,
            _ => layout::form_among(sent, suggested, known.iter().map(|(form, _)| *form)),
        };
        let others = known
            .iter()
            .filter(|(other, property)| layout::is_replaced(*other, form) && shows(*property));
        let target = |(form, property): &(ValueForm, PropertyIx)| LeafTarget {
            asset,
            property: *property,
            form: *form,
        };
        (form, others.map(target).collect())
    }

    /// Whether data has the latest value of an attribute, or unit of a measurement, by the sender's
    /// times: late data may be older than the birth, or than other data since. Remembers the time.
    fn record_if_latest(
        &mut self,
        place: (AssetIx, PropertyIx),
        time: Timestamp,
        order: SequenceOrder,
        now: Now,
    ) -> bool {
        let since = self.born.unwrap_or_default();
        let times = self.times_since_birth.get_or_insert_with(|| {
            Box::new(TimesSinceBirth { since, ..TimesSinceBirth::default() })
        });
        let is_taken = in_window(time, now);
        let is_last = is_taken
            && time >= times.since
            && times.latest.get(&place).is_none_or(|latest| *latest < time);
        if is_last {
            if times.latest.len() >= MAX_TIMES {
                let latest = times.latest.drain().map(|(_, latest)| latest).max();
                times.since = times.since.max(latest.unwrap_or_default().plus(TICK));
            }
            times.latest.insert(place, time);
        }
        is_last || order != SequenceOrder::Late
    }

    /// The asset of what has an attribute, the attribute's role, and the names down to it.
    pub(super) fn holder(
        &self,
        holder: AttributeHolder,
        world: &DesiredWorld,
    ) -> Option<(AssetIx, Vec<Box<str>>)> {
        match holder {
            AttributeHolder::Leaf(slot) => {
                let Some(leaf) = self.leaf_at(slot) else {
                    let (asset, path) = self.unplaced.get(&slot)?;
                    return Some((*asset, path.to_vec()));
                };
                let model = world.models.get(world.assets.get(leaf.asset).model);
                let path = model.properties.get(leaf.property.0 as usize)?.path();
                let path = path.into_iter().map(Box::from).collect();
                Some((leaf.asset, path))
            }
            AttributeHolder::Instance(number) => {
                let (asset, path) = self.instances.get(number as usize)?.as_ref()?;
                let path = path.as_deref().map(<[_]>::to_vec).unwrap_or_default();
                Some((*asset, path))
            }
        }
    }

    /// The values of an asset's attributes that are not their model's defaults.
    pub(in crate::twin) fn attributes_of(
        &self,
        asset: AssetIx,
    ) -> impl Iterator<Item = (PropertyIx, &Variant)> {
        let all = (asset, PropertyIx(0))..=(asset, PropertyIx(u32::MAX));
        self.attributes.range(all).map(|((_, property), tqv)| (*property, &tqv.value))
    }

    /// What was written last of an attribute; none where the default shows.
    pub(super) fn attribute(&self, asset: AssetIx, property: PropertyIx) -> Option<&Tqv> {
        self.attributes.get(&(asset, property))
    }

    /// Writes the attributes of a birth. Those of its assets that it lacks show their defaults again.
    pub(super) fn write_birth_attributes(
        &mut self,
        writer: &mut PointWriter,
        attributes: Vec<AttributeTarget>,
        assets: &[AssetIx],
        birth_time: Timestamp,
        now: Now,
    ) {
        let mut absent: BTreeSet<(AssetIx, PropertyIx)> = BTreeSet::new();
        if !self.attributes.is_empty() {
            for asset in assets {
                let all = (*asset, PropertyIx(0))..=(*asset, PropertyIx(u32::MAX));
                absent.extend(self.attributes.range(all).map(|(place, _)| *place));
            }
        }
        for AttributeTarget { target, declared } in attributes {
            absent.remove(&(target.asset, target.property));
            self.write_if_changed(writer, target, &declared, birth_time, now);
        }
        for (asset, property) in absent {
            let model = writer.world.assets.get(asset).model;
            let properties = &writer.world.models.get(model).properties;
            if let Some(form) = properties.get(property.0 as usize).map(|property| property.form) {
                let target = LeafTarget { asset, property, form };
                self.write_if_changed(
                    writer,
                    target,
                    &AttributeDeclaration::Default,
                    birth_time,
                    now,
                );
            }
        }
    }

    /// Writes an attribute's value, or that there is none, if it differs.
    pub(super) fn write_if_changed(
        &mut self,
        writer: &mut PointWriter,
        target: LeafTarget,
        declared: &AttributeDeclaration,
        fallback_time: Timestamp,
        now: Now,
    ) {
        self.keep_rejected(writer, target, declared, fallback_time);
        let place = (target.asset, target.property);
        let last = self.attributes.get(&place);
        let default = writer.default_of(target);
        let Some(desired) = desired_value(declared, default.as_deref(), target.form) else {
            return;
        };
        let Converted { value, quality, .. } = &desired;
        let time = match last {
            Some(last) if (&last.value, last.quality) == (value, *quality) => return,
            Some(last) => later(fallback_time, last.time, now),
            // It shows the default, or nothing, already.
            None if *declared == AttributeDeclaration::Default => return,
            None if *declared == AttributeDeclaration::NoDefault && default.is_none() => return,
            // A default shows as GOOD.
            None if *quality == Quality::Good
                && is_default(value, default.as_deref(), target.form) =>
            {
                return;
            }
            None => fallback_time,
        };
        writer.note_conversion(target, &desired);
        let Converted { value, quality, .. } = desired;
        self.write_attribute(writer, target, Tqv { time, quality, value });
    }

    /// What is none of an attribute's type is a dead letter, once until the machine says otherwise.
    fn keep_rejected(
        &mut self,
        writer: &mut PointWriter,
        target: LeafTarget,
        declared: &AttributeDeclaration,
        time: Timestamp,
    ) {
        let place = (target.asset, target.property);
        match declared {
            AttributeDeclaration::Rejected(value) => {
                if self.rejected_attributes.get(&place) != Some(value) {
                    self.rejected_attributes.insert(place, value.clone());
                    writer.reject_attribute(target, value, time);
                }
            }
            AttributeDeclaration::Value(_)
            | AttributeDeclaration::Null
            | AttributeDeclaration::Default
            | AttributeDeclaration::NoDefault => drop(self.rejected_attributes.remove(&place)),
        }
    }

    pub(super) fn write_attribute(
        &mut self,
        writer: &mut PointWriter,
        target: LeafTarget,
        tqv: Tqv,
    ) {
        self.attributes.insert((target.asset, target.property), tqv.clone());
        writer.write_own(target, tqv, Class::Static);
    }

    /// Writes the default of an attribute that the machine lacks, in any case.
    pub(super) fn write_default(
        &mut self,
        writer: &mut PointWriter,
        target: LeafTarget,
        time: Timestamp,
    ) {
        let default = writer.default_of(target);
        let value = desired_value(&AttributeDeclaration::Default, default.as_deref(), target.form);
        let Some(Converted { value, quality, .. }) = value else { return };
        self.write_attribute(writer, target, Tqv { time, quality, value });
    }

    /// SiteWise shows another value of an attribute: writes the one that the machine declared, or its
    /// default.
    pub(super) fn correct_shown(
        &mut self,
        writer: &mut PointWriter,
        target: LeafTarget,
        found: &Tqv,
        fallback_time: Timestamp,
        now: Now,
    ) {
        let place = (target.asset, target.property);
        let default = writer.default_of(target);
        let last = self.attributes.get(&place);
        let (value, quality) = match last {
            Some(last) if last.time > found.time => return,
            Some(last) => (last.value.clone(), last.quality),
            None => {
                let value =
                    desired_value(&AttributeDeclaration::Default, default.as_deref(), target.form);
                let Some(Converted { value, quality, .. }) = value else { return };
                (value, quality)
            }
        };
        let written = match (&found.value, found.quality) == (&value, quality) {
            true => found.clone(),
            false => {
                let time = later(fallback_time, found.time, now);
                let tqv = Tqv { time, quality, value };
                writer.write_own(target, tqv.clone(), Class::Static);
                tqv
            }
        };
        self.attributes.insert(place, written);
    }
}

/// The value that an attribute should show: the declared one, else the default, else null; null too if
/// SiteWise has no type for the declared one. None for a default that is no value of the type.
fn desired_value(
    declared: &AttributeDeclaration,
    default: Option<&str>,
    form: ValueForm,
) -> Option<Converted> {
    let is = |value, quality| Converted { value, quality, adjusted: None };
    let null = || is(Variant::Null(form.data_type()), Quality::Bad);
    match (declared, default) {
        (AttributeDeclaration::Value(value), _) => {
            let converted = mapping::convert(Some(value), SparkplugQuality::Good, form);
            Some(converted.unwrap_or_else(|_| null()))
        }
        (AttributeDeclaration::Default, Some(default)) => {
            mapping::of_default(default, form).map(|value| is(value, Quality::Good))
        }
        (AttributeDeclaration::Default, None)
        | (
            AttributeDeclaration::Null
            | AttributeDeclaration::NoDefault
            | AttributeDeclaration::Rejected(_),
            _,
        ) => Some(null()),
    }
}

fn is_default(value: &Variant, default: Option<&str>, form: ValueForm) -> bool {
    default.is_some_and(|default| mapping::of_default(default, form).as_ref() == Some(value))
}
