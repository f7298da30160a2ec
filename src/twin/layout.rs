//! A birth laid out over assets: which leaf is which property of which asset.

use super::assets::{self, AssetIx};
use super::counts::Dropped;
use super::identity::{Address, PropertyRole};
use super::models::{Cap, ModelIx, PropertyIx, Wanted};
use super::world::{PresenceProperties, World};
use super::{Config, Nested, mapping, names};
use crate::globs::Globs;
use crate::sitewise::api::DataType;
use crate::sparkplug::address::Source;
use crate::sparkplug::datatype::DataType as SparkplugType;
use crate::sparkplug::event::{
    Birth, Content, Definition, Instance, MemberKind, Metric, Property, Sample, Slot,
};
use crate::sparkplug::value::Value;

/// The property that becomes a unit instead of an attribute.
const UNIT: &str = "engUnit";

/// Properties that say how a sender reads and stores a tag, not what the machine is. Ignition
/// sends them with every tag that has them set.
const NOISE: [&str; 20] = [
    "Quality",
    "ConversionMode",
    "accessRights",
    "enabled",
    "formatString",
    "historicalDeadband",
    "historicalDeadbandMode",
    "historicalDeadbandStyle",
    "historyEnabled",
    "historyMaxAge",
    "historyProvider",
    "historySampleRate",
    "historyTimeDeadband",
    "opcItemPath",
    "opcServer",
    "permissionModel",
    "sampleMode",
    "tagGroup",
    "valuePersistence",
    "valueSource",
];

/// Where the values of a leaf go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Target {
    pub asset: AssetIx,
    pub property: PropertyIx,
    pub data_type: DataType,
}

/// An attribute's own value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Attribute {
    pub target: Target,
    pub value: Value,
}

/// A birth, laid out.
#[derive(Debug)]
pub(super) struct Layout {
    /// The asset of the node or device.
    pub asset: AssetIx,
    pub presence: PresenceProperties,
    /// By slot: where it goes, or why it goes nowhere.
    pub targets: Vec<Result<Target, Dropped>>,
    /// Attributes whose value differs from the model's default.
    pub attributes: Vec<Attribute>,
}

/// Lays out a birth, and makes the world want what it describes.
///
/// # Errors
///
/// The source's own asset is past a cap: nothing of it can be carried.
pub(super) fn lay_out(world: &mut World, config: &Config, birth: &Birth) -> Result<Layout, Cap> {
    world.models.listen_to(&birth.source);
    for definition in &birth.definitions {
        // A model past the cap is met again at each of its instances, and counted there.
        let _ = define(world, config, definition);
    }
    let plain = plain_set(config, &birth.metrics);
    let asset = world.source(&birth.source, &plain)?;
    let slots = birth.slots as usize;
    let mut laying = Laying {
        world,
        config,
        source: &birth.source,
        layout: vec![Err(Dropped::NotCarried); slots],
        attributes: Vec::new(),
    };
    for metric in &birth.metrics {
        laying.metric(asset, metric);
    }
    let (targets, attributes) = (laying.layout, laying.attributes);
    let presence = world.presence_of(asset, birth.source.device.is_none())?;
    Ok(Layout { asset, presence, targets, attributes })
}

/// Leaves and samples of a birth, in the payload's order.
pub(super) fn leaves<'a>(metrics: &'a [Metric], found: &mut Vec<(Slot, &'a Sample)>) {
    for metric in metrics {
        match &metric.content {
            Content::Leaf { slot, sample, .. } => found.push((*slot, sample)),
            Content::Instance(instance) => leaves(&instance.members, found),
        }
    }
}

/// Metrics that belong to the session and to commands, not to the plant.
pub fn is_control(name: &str) -> bool {
    name == "bdSeq" || name.starts_with("Node Control/") || name.starts_with("Device Control/")
}

pub(super) fn data_type(config: &Config, datatype: Option<SparkplugType>) -> Option<DataType> {
    mapping::data_type(datatype?, config.int64)
}

fn plain_set<'a>(config: &Config, metrics: &'a [Metric]) -> Vec<(&'a str, DataType)> {
    metrics
        .iter()
        .filter(|metric| !is_control(&metric.name))
        .filter_map(|metric| match &metric.content {
            Content::Leaf { datatype, .. } => Some((&*metric.name, data_type(config, *datatype)?)),
            Content::Instance(_) => None,
        })
        .collect()
}

/// The unit of a metric: what the sender says, else that of its type.
fn unit(properties: &[Property], datatype: Option<SparkplugType>) -> Option<&str> {
    let sent = properties.iter().find(|property| &*property.name == UNIT);
    match sent.and_then(|property| property.value.as_ref()) {
        Some(Value::String(unit)) => Some(unit),
        _ if datatype == Some(SparkplugType::DateTime) => Some(mapping::DATE_TIME_UNIT),
        _ => None,
    }
}

/// Static properties that become attributes.
fn statics<'a>(
    config: &'a Config,
    path: &'a [&'a str],
    properties: &'a [Property],
) -> impl Iterator<Item = &'a Property> + 'a {
    properties.iter().filter(move |property| {
        let name = &*property.name;
        name != UNIT && !NOISE.contains(&name) && takes(config.statics.as_ref(), path, name)
    })
}

/// Whether a static property is among those of `TWIN_STATIC`.
fn takes(statics: Option<&Globs>, path: &[&str], name: &str) -> bool {
    statics.is_none_or(|globs| globs.matches(&format!("{}/{name}", path.join("/"))))
}

/// Type and default of an attribute; none for what is not carried.
fn attribute_type(config: &Config, property: &Property) -> Option<(DataType, Option<String>)> {
    let data_type = data_type(config, property.datatype)?;
    let default = property.value.as_ref();
    Some((data_type, default.and_then(|value| mapping::default_text(value, data_type))))
}

/// Makes a definition part of its model, and of those like it.
fn define(world: &mut World, config: &Config, definition: &Definition) -> Result<(), Cap> {
    let model = world.model(&names::model(Some(&definition.name), &definition.name, None), None)?;
    for model in world.with_parts(model) {
        define_on(world, config, definition, model)?;
    }
    Ok(())
}

fn define_on(
    world: &mut World,
    config: &Config,
    definition: &Definition,
    model: ModelIx,
) -> Result<(), Cap> {
    for member in &definition.members {
        let path = [&*member.name];
        match &member.kind {
            MemberKind::Leaf(datatype) => {
                if let Some(data_type) = data_type(config, *datatype) {
                    let wanted = Wanted {
                        role: PropertyRole::Member,
                        path: &path,
                        name: Some(&member.name),
                        data_type,
                        unit: unit(&member.properties, *datatype),
                        default: None,
                    };
                    world.property(model, wanted)?;
                }
            }
            MemberKind::Template { template, definition } if config.nested == Nested::Child => {
                let child = names::model(definition.as_deref(), template, None);
                let child = world.model(&child, None)?;
                world.place(model, child);
            }
            MemberKind::Template { .. } => {}
        }
    }
    for member in &definition.members {
        let path = [&*member.name];
        for property in statics(config, &path, &member.properties) {
            let Some((data_type, default)) = attribute_type(config, property) else {
                continue;
            };
            let wanted = Wanted {
                role: PropertyRole::Property,
                path: &[&*member.name, &*property.name],
                name: None,
                data_type,
                unit: None,
                default: default.as_deref(),
            };
            world.property(model, wanted)?;
        }
    }
    for parameter in &definition.parameters {
        let Some((data_type, default)) = attribute_type(config, parameter) else {
            continue;
        };
        let wanted = Wanted {
            role: PropertyRole::Parameter,
            path: &[&*parameter.name],
            name: Some(&parameter.name),
            data_type,
            unit: None,
            default: default.as_deref(),
        };
        world.property(model, wanted)?;
    }
    Ok(())
}

struct Laying<'a> {
    world: &'a mut World,
    config: &'a Config,
    source: &'a Source,
    layout: Vec<Result<Target, Dropped>>,
    attributes: Vec<Attribute>,
}

/// Where in the world a metric is: the asset, and the names on the way from it.
#[derive(Clone, Copy)]
struct Spot<'a> {
    asset: AssetIx,
    model: ModelIx,
    /// From the source to the asset.
    asset_path: &'a [&'a str],
    /// From the asset to the metric's parent.
    path: &'a [&'a str],
}

impl Laying<'_> {
    /// A metric of the node or device itself.
    fn metric(&mut self, asset: AssetIx, metric: &Metric) {
        if is_control(&metric.name) {
            if let Content::Leaf { slot, .. } = &metric.content {
                self.set(*slot, Err(Dropped::Control));
            }
            return;
        }
        let model = self.world.assets.get(asset).model;
        self.member(Spot { asset, model, asset_path: &[], path: &[] }, metric);
    }

    /// A metric at a spot: a value, or an instance with an asset of its own or flattened.
    fn member(&mut self, spot: Spot<'_>, metric: &Metric) {
        let mut path = spot.path.to_vec();
        path.push(&metric.name);
        match &metric.content {
            Content::Leaf { slot, datatype, .. } => {
                let target = self.leaf(spot, &path, metric, *datatype);
                self.set(*slot, target);
                self.statics(spot, &path, &metric.properties);
            }
            Content::Instance(instance) => {
                let on_source = spot.asset_path.is_empty();
                if on_source || self.config.nested == Nested::Child {
                    self.instance(spot, &metric.name, instance);
                } else {
                    self.parameters(spot, &path, &instance.parameters);
                    for member in &instance.members {
                        self.member(Spot { path: &path, ..spot }, member);
                    }
                }
            }
        }
    }

    /// An instance with an asset of its own, under that of the spot.
    fn instance(&mut self, above: Spot<'_>, name: &str, instance: &Instance) {
        let mut asset_path = above.asset_path.to_vec();
        asset_path.push(name);
        match self.asset_of(above, &asset_path, instance) {
            Ok(asset) => {
                let model = self.world.assets.get(asset).model;
                let spot = Spot { asset, model, asset_path: &asset_path, path: &[] };
                for member in &instance.members {
                    self.member(spot, member);
                }
                self.parameters(spot, &[], &instance.parameters);
            }
            Err(cap) => self.give_up(&instance.members, cap.into()),
        }
    }

    fn asset_of(
        &mut self,
        above: Spot<'_>,
        asset_path: &[&str],
        instance: &Instance,
    ) -> Result<AssetIx, Cap> {
        let name = names::model(
            instance.definition.as_deref(),
            &instance.template,
            instance.version.as_deref(),
        );
        let model = self.world.model(&name, None)?;
        let address = Address::Instance(self.source, asset_path);
        self.world.asset(assets::Wanted {
            address: &address,
            name: &asset_path.join("/"),
            model,
            parent: Some(above.asset),
        })
    }

    fn leaf(
        &mut self,
        spot: Spot<'_>,
        path: &[&str],
        metric: &Metric,
        datatype: Option<SparkplugType>,
    ) -> Result<Target, Dropped> {
        let data_type = data_type(self.config, datatype).ok_or(Dropped::NotCarried)?;
        let role = PropertyRole::Member;
        let (name, unit) = (Some(&metric.name), unit(&metric.properties, datatype));
        let wanted = Wanted { role, path, name, data_type, unit, default: None };
        let property = self.world.property(spot.model, wanted)?;
        Ok(Target { asset: spot.asset, property, data_type })
    }

    fn statics(&mut self, spot: Spot<'_>, path: &[&str], properties: &[Property]) {
        let config = self.config;
        for property in statics(config, path, properties) {
            let mut path = path.to_vec();
            path.push(&property.name);
            self.attribute(spot, PropertyRole::Property, &path, property);
        }
    }

    fn parameters(&mut self, spot: Spot<'_>, path: &[&str], parameters: &[Property]) {
        for parameter in parameters {
            let mut path = path.to_vec();
            path.push(&parameter.name);
            self.attribute(spot, PropertyRole::Parameter, &path, parameter);
        }
    }

    /// An attribute whose own value is written where it differs from the model's default.
    ///
    /// The default is the definition's alone: an instance that came first would otherwise
    /// speak for all that follow.
    fn attribute(&mut self, spot: Spot<'_>, role: PropertyRole, path: &[&str], sent: &Property) {
        let Some(data_type) = data_type(self.config, sent.datatype) else {
            return;
        };
        let wanted = Wanted { role, path, name: None, data_type, unit: None, default: None };
        let Ok(property) = self.world.property(spot.model, wanted) else {
            return;
        };
        let Some(value) = &sent.value else { return };
        let model = self.world.models.get(spot.model);
        let wanted = model.properties.get(property.0 as usize);
        let default = wanted.and_then(|property| property.default());
        if default.is_none() || default != mapping::default_text(value, data_type).as_deref() {
            let target = Target { asset: spot.asset, property, data_type };
            self.attributes.push(Attribute { target, value: value.clone() });
        }
    }

    fn give_up(&mut self, members: &[Metric], why: Dropped) {
        let mut found = Vec::new();
        leaves(members, &mut found);
        for (slot, _) in found {
            self.set(slot, Err(why));
        }
    }

    fn set(&mut self, slot: Slot, target: Result<Target, Dropped>) {
        if let Some(place) = self.layout.get_mut(slot.0 as usize) {
            *place = target;
        }
    }
}
