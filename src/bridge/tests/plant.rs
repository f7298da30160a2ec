//! A plant before the whole pure middle: MQTT messages in, what SiteWise would hold out.

use uuid::Uuid;

use super::*;
use crate::delivery::point::Stream;
use crate::sitewise::api::{Property, PropertyKind, Quality, Tqv};

/// An edge node, the bridge and SiteWise, on one clock.
pub(super) struct Plant {
    pub(super) bridge: Bridge,
    pub(super) sitewise: FakeSiteWise,
    pub(super) edge: Edge,
    pub(super) now: Now,
    pub(super) points: Vec<Point>,
    pub(super) refused: Vec<(Point, String)>,
    pub(super) grouped: Vec<String>,
}

/// What was written of a property: milliseconds after the start, quality, value.
pub(super) type Written = Vec<(i64, Quality, Variant)>;

/// An asset with what it shows.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shown {
    pub(super) id: Uuid,
    pub(super) external_id: Option<String>,
    pub(super) parent: Option<Uuid>,
    pub(super) model: String,
    /// With id, unit and what was written.
    pub(super) measurements: BTreeMap<String, (Uuid, Option<String>, Written)>,
    /// With id and the latest value, or the default where there is none.
    pub(super) attributes: BTreeMap<String, (Uuid, Option<String>)>,
}

impl Plant {
    pub(super) fn new(set: impl FnOnce(&mut Config)) -> Self {
        Self::on(FakeSiteWise::default(), set)
    }

    /// The bridge begins on what an earlier process left.
    pub(super) fn on(sitewise: FakeSiteWise, set: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config {
            host: host_config::Config::new("sparkwise"),
            twin: twin_config(),
            delivery: delivery::Config::default(),
        };
        set(&mut config);
        let mut plant = Self {
            bridge: Bridge::new(config, 1),
            sitewise,
            edge: Edge::new(EdgeNode::new("Nordsee", "gw"), 0),
            now: Now { instant: Instant::START, wall: Timestamp::from_millis(START) },
            points: Vec::new(),
            refused: Vec::new(),
            grouped: Vec::new(),
        };
        plant.bridge.handle_connected(SERVER, plant.now.wall, plant.now);
        plant.drain();
        plant
    }

    /// Another process begins, on all that this one has written.
    pub(super) fn restart(self) -> Self {
        let Self { mut sitewise, points, edge, .. } = self;
        for point in points {
            let Point { stream, time, quality, value, .. } = point;
            sitewise.put(stream.asset, stream.property, Tqv { time, quality, value });
        }
        Self { edge, ..Self::on(sitewise, |_| {}) }
    }

    /// What SiteWise has of a property: what was written since the start, or before.
    pub(super) fn latest(&self, asset: &str, name: &str) -> Option<Tqv> {
        let property = self.property(asset, name)?.id;
        let (asset, _) = self.sitewise.asset(asset);
        let of = Stream { asset, property };
        let written = self.points.iter().filter(|point| point.stream == of).map(Point::tqv);
        let before = self.sitewise.latest.get(&(asset, property)).cloned();
        before.into_iter().chain(written).max_by_key(|last| last.time)
    }

    /// So many milliseconds after the start.
    pub(super) fn at(offset: i64) -> Timestamp {
        Timestamp::from_millis(START + offset)
    }

    pub(super) fn nbirth(&mut self, offset: i64, metrics: impl IntoIterator<Item = Metric>) {
        let message = self.edge.nbirth(Self::at(offset), metrics);
        self.send(&message);
    }

    pub(super) fn ndata(&mut self, offset: i64, metrics: impl IntoIterator<Item = Metric>) {
        let message = self.edge.ndata(Self::at(offset), metrics);
        self.send(&message);
    }

    pub(super) fn send(&mut self, message: &Message) {
        let Message { topic, payload, .. } = message;
        self.bridge.handle_message(SERVER, topic, payload, false, self.now);
        self.drain();
    }

    /// Lets time pass, stopping wherever something is due.
    pub(super) fn pass(&mut self, duration: Duration) {
        let end = self.now.plus(duration);
        while let Some(at) = self.bridge.poll_timeout().filter(|at| *at <= end.instant) {
            self.now = self.now.plus(at.since(self.now.instant));
            self.bridge.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    fn drain(&mut self) {
        while let Some(output) = self.bridge.poll_output(self.now) {
            match output {
                Output::Call(id, step) => {
                    let answer = self.sitewise.call(step);
                    self.bridge.handle_call_result(id, answer, self.now);
                }
                Output::Store(points) => {
                    self.points.extend(points.into_iter().map(|waiting| waiting.point));
                }
                Output::Rejected { point, reason, .. } => self.refused.push((point, reason)),
                Output::Grouped(edge) => self.grouped.push(edge.to_string()),
                Output::Publish(_)
                | Output::RuleSuggested(..)
                | Output::Send(..)
                | Output::Open(_)
                | Output::PutBack(..)
                | Output::Settled(_)
                | Output::Discarded(..)
                | Output::Capped { .. }
                | Output::Late(_)
                | Output::OverRate(..)
                | Output::ValuesFailing { .. }
                | Output::ReachabilityChanged(_)
                | Output::Born(_)
                | Output::LabelRemark(_)
                | Output::LabelsDenied(..)
                | Output::LabelsAllowed(_)
                | Output::Died(..)
                | Output::Finding { .. }
                | Output::AllNodesExcluded(_)
                | Output::NothingDelivered(_) => {}
            }
        }
    }

    /// A property of the asset called `asset`, if there is one of this name.
    pub(super) fn property(&self, asset: &str, name: &str) -> Option<&Property> {
        let (_, asset) = self.sitewise.asset(asset);
        let model = &self.sitewise.models[&asset.model];
        model.properties.iter().find(|property| property.name == name)
    }

    /// What was written of a property that is there.
    pub(super) fn written(&self, asset: &str, name: &str) -> Written {
        let property =
            self.property(asset, name).unwrap_or_else(|| panic!("{asset} has no {name}"));
        self.stream(self.sitewise.asset(asset).0, property.id)
    }

    fn stream(&self, asset: Uuid, property: Uuid) -> Written {
        let of = Stream { asset, property };
        let points = self.points.iter().filter(|point| point.stream == of);
        points
            .map(|point| (point.time.as_millis() - START, point.quality, point.value.clone()))
            .collect()
    }

    /// All assets by name.
    pub(super) fn show(&self) -> BTreeMap<String, Shown> {
        let shown = self.sitewise.assets.iter().map(|(id, asset)| {
            let model = &self.sitewise.models[&asset.model];
            let mut shown = Shown {
                id: *id,
                external_id: asset.external_id.clone(),
                parent: asset.parent,
                model: model.name.clone(),
                measurements: BTreeMap::new(),
                attributes: BTreeMap::new(),
            };
            for Property { id: property, name, unit, kind, .. } in &model.properties {
                let written = self.stream(*id, *property);
                match kind {
                    PropertyKind::Measurement => {
                        let measurement = (*property, unit.clone(), written);
                        shown.measurements.insert(name.clone(), measurement);
                    }
                    PropertyKind::Attribute { default } => {
                        let latest = written.last().map(|(_, _, value)| text(value));
                        let attribute = (*property, latest.or_else(|| default.clone()));
                        shown.attributes.insert(name.clone(), attribute);
                    }
                }
            }
            (asset.name.clone(), shown)
        });
        shown.collect()
    }
}

pub(super) fn text(value: &Variant) -> String {
    match value {
        Variant::Integer(value) => value.to_string(),
        Variant::Double(value) => value.to_string(),
        Variant::Boolean(value) => value.to_string(),
        Variant::String(value) => value.to_string(),
        Variant::Null(_) => "null".to_owned(),
    }
}
