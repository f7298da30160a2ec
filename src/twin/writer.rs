//! Writing points: target, timestamp and quality of a value, and what is not written.

use std::collections::VecDeque;

use super::assets::AssetIx;
use super::counts::DropReason;
use super::layout::{Layout, LeafTarget};
use super::mapping::{self, Converted, Unmappable, ValueForm};
use super::models::PropertyIx;
use super::world::DesiredWorld;
use super::{Output, in_window, names};
use crate::delivery::point::{Class, Key, Point, RejectReason, Stream};
use crate::late::route::{self, NoRoute, Route};
use crate::outbox::QueuedPoint;
use crate::sitewise::api::{Quality, Tqv, Variant};
use crate::sitewise::limits;
use crate::sparkplug::address::{EdgeNode, Source};
use crate::sparkplug::event::Sample;
use crate::sparkplug::findings::Finding;
use crate::sparkplug::text::shown;
use crate::sparkplug::value::Value;
use crate::time::{ClockAgreement, Now, Timestamp};

const OUT_OF_WINDOW: &str = "its timestamp is more than seven days old or five minutes ahead";
const TOO_LONG: &str = "its JSON is longer than SiteWise's limit of a string";
const OTHER_TYPE: &str = "it is not of the type that its birth declared";

/// Makes points of values.
#[derive(Debug)]
pub(super) struct PointWriter {
    pub world: DesiredWorld,
    pub points: Vec<QueuedPoint>,
    pub outputs: VecDeque<Output>,
    /// Whether a value's time can be judged.
    pub clocks: ClockAgreement,
    /// What becomes of values that are too old for SiteWise's live ingestion.
    pub old_values: OldValues,
}

/// What becomes of values that are too old for SiteWise's live ingestion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OldValues {
    /// They are rejected at once.
    Rejected,
    /// They are queued as history, and travel by bulk import.
    Queued,
}

/// A value of a sample, converted for its property.
#[derive(Clone, Debug)]
pub(super) struct PlantValue {
    pub target: LeafTarget,
    pub tqv: Tqv,
    pub class: Class,
    pub origin: ValueOrigin,
    /// The best quality that its conversion allows.
    pub best_quality: Quality,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ValueOrigin {
    /// The plant sent it.
    Plant,
    /// It is the null that replaces a rejected value, and counts as the bridge's own.
    ReplacesRejected,
}

/// What became of a value that was to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WriteResult {
    /// It is queued.
    Written,
    /// It was sent before the initial sync, to this property and with this timestamp.
    SentEarly,
    /// Its timestamp is outside SiteWise's window: it is a dead letter, or travels by bulk import,
    /// and SiteWise shows another value.
    OutOfWindow,
}

impl WriteResult {
    /// Whether SiteWise gets the value, or has got it.
    pub(super) fn reaches_sitewise(self) -> bool {
        match self {
            Self::Written | Self::SentEarly => true,
            Self::OutOfWindow => false,
        }
    }
}

impl PointWriter {
    pub(super) fn new(world: DesiredWorld) -> Self {
        Self {
            world,
            points: Vec::new(),
            outputs: VecDeque::new(),
            clocks: ClockAgreement::Agree,
            old_values: OldValues::Rejected,
        }
    }

    /// A sample's value for its property. One that is of another type than its metric or property,
    /// or too long, is rejected unchanged, and null with BAD is written instead: the value before
    /// must not stay GOOD.
    pub(super) fn convert(
        &mut self,
        target: LeafTarget,
        sample: &Sample,
        class: Class,
    ) -> PlantValue {
        let mut origin = match sample.rejected_value {
            Some(_) => ValueOrigin::ReplacesRejected,
            None => ValueOrigin::Plant,
        };
        if let Some(rejected_value) = sample.rejected_value.as_deref() {
            let (time, quality) = (sample.time, mapping::quality(sample.quality));
            let tqv = Tqv { time, quality, value: mapping::as_it_came(Some(rejected_value)) };
            let point = self.point(target, tqv, class);
            self.reject_part(point, RejectReason::Invalid, OTHER_TYPE);
        }
        let (value, quality, best_quality) =
            match mapping::convert(sample.value.as_ref(), sample.quality, target.form) {
                Ok(converted) => {
                    self.note_conversion(target, &converted);
                    let best_quality = converted.best_quality();
                    (converted.value, converted.quality, best_quality)
                }
                Err(unmappable) => {
                    let (value, reason) = match unmappable {
                        Unmappable::TooLong(json) => (Variant::String(json.into()), TOO_LONG),
                        Unmappable::OtherType => {
                            (mapping::as_it_came(sample.value.as_ref()), OTHER_TYPE)
                        }
                    };
                    let quality = mapping::quality(sample.quality);
                    let point =
                        self.point(target, Tqv { time: sample.time, quality, value }, class);
                    self.reject_part(point, RejectReason::Invalid, reason);
                    origin = ValueOrigin::ReplacesRejected;
                    (Variant::Null(target.form.data_type()), Quality::Bad, Quality::Bad)
                }
            };
        let tqv = Tqv { time: sample.time, quality, value };
        PlantValue { target, tqv, class, origin, best_quality }
    }

    /// Counts what was done to a value, and names a number that SiteWise may not accept.
    pub(super) fn note_conversion(&mut self, target: LeafTarget, converted: &Converted) {
        if let Some(how) = converted.adjusted {
            self.world.counts.adjust(how);
        }
        if let Variant::Double(number) = converted.value
            && number.abs() > limits::DOUBLE_MAGNITUDE_OF_MODEL
        {
            self.emit_number_finding(target, number, Finding::NumberTooLarge);
        }
    }

    /// Writes a value of the plant, unless it is what was `sent_early` of its sample.
    pub(super) fn write_plant_value(
        &mut self,
        value: PlantValue,
        sent_early: Option<Key>,
        now: Now,
    ) -> WriteResult {
        let PlantValue { target, tqv, class, origin, .. } = value;
        let is_in_window = self.clocks == ClockAgreement::Differ || in_window(tqv.time, now);
        let point = self.point(target, tqv, class);
        if sent_early == Some(point.key()) {
            self.world.counts.count_early_as_plant_values(1);
            return WriteResult::SentEarly;
        }
        if is_in_window {
            match origin {
                ValueOrigin::ReplacesRejected => self.world.counts.own_points += 1,
                ValueOrigin::Plant => self.world.counts.points += 1,
            }
            self.push(target, point);
            return WriteResult::Written;
        }
        if self.old_values == OldValues::Queued
            && origin == ValueOrigin::Plant
            && point.time < now.wall
            && route::of_rejected(&point) != Route::None(NoRoute::Class)
        {
            self.world.counts.points += 1;
            self.push(target, Point { class: Class::History, ..point });
            return WriteResult::OutOfWindow;
        }
        if origin == ValueOrigin::Plant {
            self.reject_part(point, RejectReason::OutOfRange, OUT_OF_WINDOW);
        }
        WriteResult::OutOfWindow
    }

    /// Counts a value that its property has already.
    pub(super) fn count_unchanged(&mut self, origin: ValueOrigin) {
        if origin == ValueOrigin::Plant {
            self.world.counts.drop_value(DropReason::Unchanged);
        }
    }

    /// The timestamp under which a value was sent early, if it went to this property.
    pub(super) fn early_time_of(
        &self,
        target: LeafTarget,
        sent_early: Option<Key>,
    ) -> Option<Timestamp> {
        let stream = self.world.stream(target);
        sent_early.filter(|sent| sent.stream == stream).map(|sent| sent.time)
    }

    /// Writes a value of the bridge's own.
    pub(super) fn write_own(&mut self, target: LeafTarget, tqv: Tqv, class: Class) {
        let point = self.point(target, tqv, class);
        self.world.counts.own_points += 1;
        self.push(target, point);
    }

    /// As [`write_own`](Self::write_own), for an existing asset that no birth has.
    pub(super) fn write_own_without_birth(&mut self, stream: Stream, tqv: Tqv, class: Class) {
        let Tqv { time, quality, value } = tqv;
        self.world.counts.own_points += 1;
        let point = Point { stream, time, quality, value, class };
        self.points.push(QueuedPoint { point, gate: None });
    }

    /// Values of the plant that are sent before their event is followed.
    pub(super) fn send_early(&mut self, points: impl Iterator<Item = Point>) {
        for point in points {
            self.world.counts.own_points += 1;
            self.points.push(QueuedPoint { point, gate: None });
        }
    }

    /// Writes presence, or the heartbeat.
    pub(super) fn write_presence(
        &mut self,
        asset: AssetIx,
        property: PropertyIx,
        time: Timestamp,
        value: Variant,
    ) {
        let form = match &value {
            Variant::Boolean(_) => ValueForm::Boolean,
            Variant::Integer(_) => ValueForm::Integer,
            Variant::Double(_) => ValueForm::Seconds,
            Variant::String(_) => ValueForm::String,
            Variant::Null(data_type) => (*data_type).into(),
        };
        let target = LeafTarget { asset, property, form };
        self.write_own(target, Tqv { time, quality: Quality::Good, value }, Class::Live);
    }

    /// What the bridge knows of a machine, if its model has a place for it.
    pub(super) fn write_optional_presence(
        &mut self,
        asset: AssetIx,
        property: Option<PropertyIx>,
        time: Timestamp,
        value: Variant,
    ) {
        if let Some(property) = property {
            self.write_presence(asset, property, time, value);
        }
    }

    /// The default that an attribute shows where an asset has no value of its own.
    pub(super) fn default_of(&self, target: LeafTarget) -> Option<String> {
        let model = self.world.models.get(self.world.assets.get(target.asset).model);
        let property = model.properties.get(target.property.0 as usize)?;
        property.default().map(str::to_owned)
    }

    /// Emits the caps that the birth being laid out exceeded, its differences from others, and the
    /// missing units.
    pub(super) fn emit_birth_findings(&mut self, source: &Source) {
        let differences = self.world.models.differences.take().into_iter();
        self.outputs.extend(differences.map(Output::from_difference));
        self.emit_unit_findings(source);
        for (cap, example) in self.world.capped.finish_birth(source) {
            self.outputs.push_back(Output::Capped { source: source.clone(), cap, example });
        }
    }

    /// Emits the units that are not those of the models, or missing, of the birth or data at hand.
    pub(super) fn emit_unit_findings(&mut self, source: &Source) {
        for (finding, example) in self.world.unit_findings.take() {
            self.emit_finding(&source.edge, finding, example);
        }
    }

    /// Emits a finding.
    pub(super) fn emit_finding(&mut self, edge: &EdgeNode, finding: Finding, example: String) {
        let example = shown(&example).into_owned();
        self.outputs.push_back(Output::Finding { edge: edge.clone(), finding, example });
    }

    /// SiteWise may not accept a number, or has not.
    fn emit_number_finding(&mut self, target: LeafTarget, number: f64, finding: Finding) {
        let asset = self.world.assets.get(target.asset);
        let property =
            self.world.models.get(asset.model).properties.get(target.property.0 as usize);
        let name = property.map_or("", |property| &property.name);
        let example = format!("{}/{name} is {number}", asset.address);
        if let Some(edge) = self.world.edge_of(target.asset).cloned() {
            self.emit_finding(&edge, finding, example);
        }
    }

    /// Emits the findings of a birth that was laid out.
    pub(super) fn emit_layout_findings(&mut self, source: &Source, layout: &Layout) {
        for (asset, template) in &layout.template_changed {
            self.changed_template(source, *asset, template);
        }
        if let Some(example) = &layout.placed_beside {
            self.emit_finding(&source.edge, Finding::TemplateCycle, example.clone());
        }
        self.world.note_sharing(source, layout.on_shared_model);
        if layout.on_shared_model {
            let asset = self.world.assets.get(layout.asset);
            let model = &self.world.models.get(asset.model).name;
            let example = format!("{source} has its tags on the model {model}");
            self.emit_finding(&source.edge, Finding::SharedModel, example);
        }
        if let Some(has_asset) = layout.another_machine {
            self.another_machine(source, layout.asset, has_asset);
        }
        if let Some(example) = &layout.unmappable {
            self.emit_finding(&source.edge, Finding::NotCarried, example.clone());
        }
    }

    /// SiteWise rejected a value for good.
    pub(super) fn handle_rejected(&mut self, point: &Point) {
        let Variant::Double(number) = point.value else { return };
        let Some(ix) = self.world.assets.by_id(point.stream.asset) else { return };
        let model = self.world.models.get(self.world.assets.get(ix).model);
        if number.abs() > limits::DOUBLE_MAGNITUDE_OF_MODEL
            && let Some(property) = model.property_ix(point.stream.property)
        {
            let target = LeafTarget { asset: ix, property, form: ValueForm::Double };
            self.emit_number_finding(target, number, Finding::NumberRefused);
        }
    }

    /// An instance is of another template than the one that its asset was made for.
    fn changed_template(&mut self, source: &Source, asset: AssetIx, template: &str) {
        let asset = self.world.assets.get(asset);
        let example = format!(
            "{} has the template {template} now, but its asset keeps the model {}: to change it, \
             delete the asset in SiteWise and restart Sparkwise",
            asset.address,
            self.world.models.get(asset.model).name,
        );
        self.emit_finding(&source.edge, Finding::ChangedTemplate, example);
    }

    /// The tags of a node or device are not those of its kind. They have an asset of their own where
    /// there was room for it.
    fn another_machine(&mut self, source: &Source, asset: AssetIx, has_asset: bool) {
        let asset = self.world.assets.get(asset);
        let model = &self.world.models.get(asset.model).name;
        let place = match has_asset {
            true => format!("they are on the asset {}", names::tags(&asset.name)),
            false => {
                "there is no room for an asset of theirs, so all machines of it show them".into()
            }
        };
        let example = format!(
            "{source} has other tags now than those of its model {model}: {place}. To give it a \
             model of its own, set TWIN_KINDS if that is to have a certain name, delete the asset in \
             SiteWise and restart Sparkwise"
        );
        self.emit_finding(&source.edge, Finding::ChangedTemplate, example);
    }

    fn push(&mut self, target: LeafTarget, point: Point) {
        let DesiredWorld { models, assets, plan, .. } = &self.world;
        let gate = plan.gate(target.asset, target.property, models, assets);
        self.points.push(QueuedPoint { point, gate });
    }

    /// Rejects what is none of an attribute's type. It counts as read: attributes otherwise do not.
    pub(super) fn reject_attribute(&mut self, target: LeafTarget, value: &Value, time: Timestamp) {
        let (quality, value) = (Quality::Good, mapping::as_it_came(Some(value)));
        let point = self.point(target, Tqv { time, quality, value }, Class::Static);
        self.world.counts.values += 1;
        self.reject_part(point, RejectReason::Invalid, OTHER_TYPE);
    }

    fn reject_part(&mut self, point: Point, refusal: RejectReason, reason: &'static str) {
        self.world.counts.refused.count(refusal);
        self.outputs.push_back(Output::Rejected { point, refusal, reason });
    }

    fn point(&self, target: LeafTarget, tqv: Tqv, class: Class) -> Point {
        let asset = self.world.assets.get(target.asset);
        let property = self.world.models.get(asset.model).property_id(target.property);
        let Tqv { time, quality, value } = tqv;
        Point { stream: Stream { asset: asset.id, property }, time, quality, value, class }
    }
}
