//! Form, unit and static properties of a metric.

use super::is_control;
use crate::globs::Globs;
use crate::sparkplug::datatype::DataType as SparkplugType;
use crate::sparkplug::event::{Birth, BirthMetric, Content, Sample, Slot, StaticProperty};
use crate::sparkplug::text::shown;
use crate::sparkplug::value::Value;
use crate::twin::mapping::{self, ValueForm};
use crate::twin::models::Tags;
use crate::twin::{Config, names};

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

/// The form of a metric's values; none for what is not carried.
pub(in crate::twin) fn form(config: &Config, datatype: Option<SparkplugType>) -> Option<ValueForm> {
    mapping::form(datatype?, config.int64)
}

/// The plain metrics of a node or device.
pub(in crate::twin) fn tags<'a>(config: &Config, metrics: &'a [BirthMetric]) -> Tags<'a> {
    let metrics = metrics.iter().filter(|metric| !is_control(&metric.name));
    Tags::new(metrics.filter_map(|metric| match &metric.content {
        Content::Leaf { datatype, .. } => {
            let form = form(config, *datatype)?;
            Some((&*metric.name, form, unit(&metric.properties, form)))
        }
        Content::Instance(_) => None,
    }))
}

/// Leaves and samples of a birth, in the payload's order.
pub(in crate::twin) fn leaves<'a>(metrics: &'a [BirthMetric], found: &mut Vec<(Slot, &'a Sample)>) {
    for metric in metrics {
        match &metric.content {
            Content::Leaf { slot, sample, .. } => found.push((*slot, sample)),
            Content::Instance(instance) => leaves(&instance.members, found),
        }
    }
}

/// Whether there are template instances among a birth's metrics.
pub(in crate::twin) fn has_instances(birth: &Birth) -> bool {
    birth.metrics.iter().any(|metric| matches!(metric.content, Content::Instance(_)))
}

/// The unit of a metric: that of its form, whatever the sender says of its milliseconds, else what
/// the sender says.
pub(in crate::twin) fn unit(properties: &[StaticProperty], form: ValueForm) -> Option<&str> {
    match form {
        ValueForm::Seconds => Some(mapping::SECONDS_UNIT),
        _ => declared_unit(properties),
    }
}

/// The unit that the sender says; a blank one says none.
pub(in crate::twin) fn declared_unit(properties: &[StaticProperty]) -> Option<&str> {
    let sent = properties.iter().find(|property| &*property.name == UNIT)?;
    match &sent.value {
        Some(Value::String(unit)) if names::unit(unit).is_some() => Some(unit),
        _ => None,
    }
}

/// Static properties that become attributes.
pub(in crate::twin) fn statics<'a, 'p>(
    config: &'p Config,
    path: &'p [&'p str],
    properties: &'a [StaticProperty],
) -> impl Iterator<Item = &'a StaticProperty> + use<'a, 'p> {
    properties.iter().filter(move |property| {
        let name = &*property.name;
        name != UNIT && !NOISE.contains(&name) && takes(config.statics.as_ref(), path, name)
    })
}

/// Whether a static property is among those of `TWIN_STATIC`.
fn takes(statics: Option<&Globs>, path: &[&str], name: &str) -> bool {
    statics.is_none_or(|globs| globs.matches(&shown(&format!("{}/{name}", path.join("/")))))
}
