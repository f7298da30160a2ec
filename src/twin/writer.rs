//! Points: where a value goes, with which time and quality, and what is not written.

use std::collections::VecDeque;

use super::assets::AssetIx;
use super::layout::Target;
use super::mapping::{self, Converted, Unfit};
use super::models::PropertyIx;
use super::world::World;
use super::{Output, in_window};
use crate::delivery::point::{Class, Key, Point, Refusal, Stream};
use crate::outbox::Waiting;
use crate::sitewise::api::{DataType, Quality, Tqv, Variant};
use crate::sparkplug::event::Sample;
use crate::time::{Now, Timestamp};

const OUT_OF_WINDOW: &str = "its time is not within seven days back and five minutes ahead";
const TOO_LONG: &str = "its JSON is longer than a string in SiteWise may be";
const OTHER_TYPE: &str = "it is not of the type that its birth declared";

/// Makes points of values.
#[derive(Debug)]
pub(super) struct Writer {
    pub world: World,
    pub points: Vec<Waiting>,
    pub outputs: VecDeque<Output>,
    /// As what the value at hand has been sent already.
    pub sent: Option<Key>,
}

impl Writer {
    pub(super) fn new(world: World) -> Self {
        Self { world, points: Vec::new(), outputs: VecDeque::new(), sent: None }
    }

    /// A sample's value for its property, at `time`; none if it was refused.
    pub(super) fn convert(
        &mut self,
        target: Target,
        sample: &Sample,
        class: Class,
    ) -> Option<Converted> {
        match mapping::convert(sample.value.as_ref(), sample.quality, target.data_type) {
            Ok(converted) => {
                if let Some(how) = converted.adjusted {
                    self.world.counts.adjust(how);
                }
                Some(converted)
            }
            Err(unfit) => {
                let (value, reason) = match unfit {
                    Unfit::TooLong(json) => (Variant::String(json.into()), TOO_LONG),
                    Unfit::OtherType => (Variant::Null(target.data_type), OTHER_TYPE),
                };
                let quality = mapping::quality(sample.quality);
                let point = self.point(target, Tqv { time: sample.time, quality, value }, class);
                self.refuse(point, Refusal::Invalid, reason);
                None
            }
        }
    }

    /// A value of the plant; false if its time is not one that SiteWise takes.
    pub(super) fn plant(&mut self, target: Target, tqv: Tqv, class: Class, now: Now) -> bool {
        let taken = in_window(tqv.time, now);
        let point = self.point(target, tqv, class);
        if self.sent.take().is_some_and(|sent| sent == point.key()) {
            // It counted as the bridge's own, for its value was still held.
            self.world.counts.points += 1;
            self.world.counts.own_points -= 1;
            return true;
        }
        if taken {
            self.world.counts.points += 1;
            self.push(target, point);
        } else {
            self.refuse(point, Refusal::OutOfRange, OUT_OF_WINDOW);
        }
        taken
    }

    /// A value that the bridge tells by itself.
    pub(super) fn own(&mut self, target: Target, tqv: Tqv, class: Class) {
        let point = self.point(target, tqv, class);
        self.world.counts.own_points += 1;
        self.push(target, point);
    }

    /// Values of the plant that are sent before their event is followed.
    pub(super) fn send_early(&mut self, points: impl Iterator<Item = Point>) {
        for point in points {
            self.world.counts.own_points += 1;
            self.points.push(Waiting { point, gate: None });
        }
    }

    /// What the bridge knows of a machine, or of itself.
    pub(super) fn tell(
        &mut self,
        asset: AssetIx,
        property: PropertyIx,
        time: Timestamp,
        value: Variant,
    ) {
        let data_type = match &value {
            Variant::Boolean(_) => DataType::Boolean,
            Variant::Integer(_) => DataType::Integer,
            Variant::Double(_) => DataType::Double,
            Variant::String(_) => DataType::String,
            Variant::Null(data_type) => *data_type,
        };
        let target = Target { asset, property, data_type };
        self.own(target, Tqv { time, quality: Quality::Good, value }, Class::Live);
    }

    fn push(&mut self, target: Target, point: Point) {
        let World { models, assets, plan, .. } = &self.world;
        let gate = plan.gate(target.asset, target.property, models, assets);
        self.points.push(Waiting { point, gate });
    }

    fn refuse(&mut self, point: Point, refusal: Refusal, reason: &'static str) {
        self.world.counts.refused += 1;
        self.outputs.push_back(Output::Refused { point, refusal, reason });
    }

    fn point(&self, target: Target, tqv: Tqv, class: Class) -> Point {
        let asset = self.world.assets.get(target.asset);
        let property = self.world.models.get(asset.model).property_id(target.property);
        let Tqv { time, quality, value } = tqv;
        Point { stream: Stream { asset: asset.id, property }, time, quality, value, class }
    }
}
