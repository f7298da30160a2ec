//! Parsing of metrics, shared by births and data: names, datatypes, properties, samples.

use std::borrow::Cow;
use std::sync::Arc;

use super::datatype::DataType;
use super::event::{Sample, SparkplugQuality, StaticProperty};
use super::findings::{Finding, FindingCounts};
use super::limits;
use super::proto::payload as wire;
use super::value::{Value, ValueError, WireField};
use super::{quality, text};
use crate::time::Timestamp;

/// Bytes of a name that are shown where something is wrong with its metric.
const LABEL_BYTES: usize = 200;

/// `name` if it is valid [payloads-name-requirement].
pub(crate) fn name<'a>(
    name: Option<&'a [u8]>,
    findings: &mut FindingCounts,
) -> Option<Cow<'a, str>> {
    match name {
        None | Some([]) => {
            findings.note(Finding::Nameless);
            None
        }
        Some(name) if name.len() > limits::NAME_BYTES => {
            findings.note(Finding::TooLong);
            None
        }
        Some(name) => Some(text::name(name, findings)),
    }
}

/// How many values a metric has: one, or those of an instance's members. A definition has none.
pub(crate) fn values(metric: &wire::Metric) -> u64 {
    match &metric.value {
        Some(wire::metric::Value::TemplateValue(value)) if value.is_definition == Some(true) => 0,
        Some(wire::metric::Value::TemplateValue(value)) => value.metrics.iter().map(values).sum(),
        Some(_) | None => 1,
    }
}

/// The datatype that a birth's metric declares, or that its field suggests
/// [payloads-metric-datatype-req].
pub(crate) fn datatype(metric: &wire::Metric, findings: &mut FindingCounts) -> Option<DataType> {
    match metric.datatype {
        None | Some(0) => findings.note(Finding::NoDatatype),
        Some(number) => match DataType::try_from(number) {
            Ok(datatype) => return Some(datatype),
            Err(_) => findings.note(Finding::UnknownDatatype),
        },
    }
    metric.value.as_ref().and_then(|value| WireField::of_metric(value).inferred())
}

/// The properties of a metric, `Quality` excepted.
pub(crate) fn properties(
    metric: &wire::Metric,
    findings: &mut FindingCounts,
) -> Vec<StaticProperty> {
    let Some(set) = &metric.properties else {
        return Vec::new();
    };
    if set.keys.len() != set.values.len() {
        findings.note(Finding::PropertyCount);
    }
    let mut properties: Vec<StaticProperty> = Vec::new();
    for (key, wire) in set.keys.iter().zip(&set.values) {
        if key == quality::QUALITY.as_bytes() {
            continue;
        }
        let Some(name) = name(Some(key), findings) else {
            continue;
        };
        let field = wire.value.as_ref().map(WireField::of_property);
        let field = field.filter(|_| wire.is_null != Some(true));
        properties.push(property(name.into(), DataType::declared(wire.r#type), field, findings));
    }
    properties
}

/// A property or a parameter.
pub(crate) fn property(
    name: Arc<str>,
    declared: Option<DataType>,
    field: Option<WireField<'_>>,
    findings: &mut FindingCounts,
) -> StaticProperty {
    let is_typed = declared.is_some();
    let datatype = declared.or_else(|| field.and_then(WireField::inferred));
    let mut rejected_value = None;
    let value = match (field, datatype) {
        // Sets of properties within properties have no value of their own.
        (Some(WireField::PropertySet | WireField::PropertySetList), _) | (None, _) | (_, None) => {
            None
        }
        (Some(field), Some(datatype)) => match field.decode(datatype, findings) {
            Ok(value) => Some(value),
            Err(error) => {
                findings.note(finding(error));
                rejected_value = as_it_came(field, error, findings);
                None
            }
        },
    };
    StaticProperty { name, datatype, is_typed, value, rejected_value }
}

/// `millis` where it is a time; zero is none [payloads-metric-timestamp-in-UTC].
pub(crate) fn time(millis: Option<u64>) -> Option<Timestamp> {
    match millis {
        None | Some(0) => None,
        Some(millis) => i64::try_from(millis).ok().map(Timestamp::from_millis),
    }
}

/// What a metric's members inherit from it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inherited {
    pub(crate) time: Timestamp,
    pub(crate) historical: bool,
    pub(crate) transient: bool,
    /// The worst of those around it.
    pub(crate) quality: SparkplugQuality,
    /// That of the innermost of them.
    pub(crate) own_quality: SparkplugQuality,
    /// An instance that is null is so in every leaf.
    pub(crate) null: bool,
}

impl Inherited {
    /// What the metrics of a payload inherit.
    pub(crate) fn from_payload(time: Timestamp) -> Self {
        let (historical, transient, null) = (false, false, false);
        let quality = SparkplugQuality::Good;
        Self { time, historical, transient, quality, own_quality: quality, null }
    }

    /// What those inherit within something that says nothing of itself.
    pub(crate) fn unsaid(self) -> Self {
        Self { own_quality: SparkplugQuality::Good, ..self }
    }

    /// What the members of `metric` inherit.
    pub(crate) fn by(self, metric: &wire::Metric, findings: &mut FindingCounts) -> Self {
        let quality = quality::of_properties(metric.properties.as_deref(), findings);
        Self {
            time: time(metric.timestamp).unwrap_or(self.time),
            historical: self.historical || metric.is_historical == Some(true),
            transient: self.transient || metric.is_transient == Some(true),
            quality: self.quality.max(quality),
            own_quality: quality,
            null: self.null || metric.is_null == Some(true),
        }
    }
}

/// The template in a metric; none where the metric says that it is something else.
pub(crate) fn template(metric: &wire::Metric) -> Option<&wire::Template> {
    match (&metric.value, DataType::declared(metric.datatype)) {
        (Some(wire::metric::Value::TemplateValue(template)), None | Some(DataType::Template)) => {
            Some(template)
        }
        _ => None,
    }
}

/// Whether a metric is one of Ignition's alarms rather than a value of its tag.
pub(crate) fn is_alarm(metric: &wire::Metric) -> bool {
    let content_type = metric.metadata.as_ref().and_then(|meta| meta.content_type.as_deref());
    content_type.is_some_and(|content_type| content_type.eq_ignore_ascii_case(b"Alarm"))
}

/// Whether a metric says its quality, and no value: not even that it is null.
pub(crate) fn says_quality_alone(metric: &wire::Metric) -> bool {
    let is_empty = match &metric.value {
        _ if metric.is_null == Some(true) => false,
        None => true,
        Some(wire::metric::Value::TemplateValue(value)) => value.metrics.is_empty(),
        Some(_) => false,
    };
    is_empty && says_quality(metric)
}

/// Whether a metric says its quality, so that it can be read.
pub(crate) fn says_quality(metric: &wire::Metric) -> bool {
    metric.properties.as_deref().is_some_and(quality::is_among)
}

/// Whether a leaf in data says its quality, and nothing of its value.
pub(crate) fn is_quality_of_leaf(metric: &wire::Metric) -> bool {
    metric.value.is_none() && says_quality_alone(metric) && !is_alarm(metric)
}

/// Its sample: the value is the one that was sent last.
pub(crate) fn quality_of_leaf(
    metric: &wire::Metric,
    inherited: Inherited,
    findings: &mut FindingCounts,
) -> Sample {
    let own = inherited.by(metric, findings);
    Sample {
        time: own.time,
        quality: own.quality,
        own_quality: own.own_quality,
        historical: own.historical,
        transient: own.transient,
        without_value: true,
        own_alone: true,
        ..Sample::default()
    }
}

/// What a metric is called where something is wrong with it: its name, or its alias where it has
/// none. Of a long name the beginning.
pub(crate) fn label(metric: &wire::Metric) -> String {
    let name = metric.name.as_deref().filter(|name| !name.is_empty());
    match (name, metric.alias) {
        (Some(name), _) => String::from_utf8_lossy(text::cut(name, LABEL_BYTES)).into_owned(),
        (None, Some(alias)) => format!("alias {alias}"),
        (None, None) => "a metric without a name".to_owned(),
    }
}

/// The sample in a metric whose leaf is a `datatype`.
pub(crate) fn sample(
    metric: &wire::Metric,
    datatype: Option<DataType>,
    inherited: Inherited,
    findings: &mut FindingCounts,
) -> Sample {
    let own = inherited.by(metric, findings);
    let alarm = is_alarm(metric);
    let mut quality = own.quality;
    let (mut value, mut rejected_value) = (None, None);
    match &metric.value {
        // Null wins over a value [operational-behavior-data-publish-nbirth-values].
        _ if own.null => {}
        None => findings.note_with_example(Finding::NoValue, || label(metric)),
        Some(wire) => {
            let field = WireField::of_metric(wire);
            // An alarm shares the name of its tag, not the type.
            let known = if alarm { DataType::declared(metric.datatype) } else { datatype };
            match field.decode(known.unwrap_or(DataType::Unknown), findings) {
                Ok(decoded) => value = Some(decoded),
                Err(error) => {
                    findings.note_with_example(finding(error), || label(metric));
                    quality = SparkplugQuality::Bad;
                    if !alarm {
                        rejected_value = as_it_came(field, error, findings);
                    }
                }
            }
        }
    }
    Sample {
        time: own.time,
        value,
        rejected_value,
        quality,
        own_quality: own.own_quality,
        historical: own.historical,
        transient: own.transient,
        alarm,
        without_value: false,
        own_alone: false,
        datatype: None,
    }
}

/// A value that is none of its type, by its field.
fn as_it_came(
    field: WireField<'_>,
    error: ValueError,
    findings: &mut FindingCounts,
) -> Option<Box<Value>> {
    let is_whole = matches!(error, ValueError::Mismatch | ValueError::OutOfRange);
    is_whole.then(|| field.decode(DataType::Unknown, findings).ok().map(Box::new)).flatten()
}

/// How a value that cannot be decoded is counted.
fn finding(error: ValueError) -> Finding {
    match error {
        ValueError::OutOfRange => Finding::OutOfRange,
        ValueError::TooLong => Finding::TooLong,
        ValueError::Mismatch | ValueError::NoArray | ValueError::NoTable | ValueError::NoValue => {
            Finding::WrongValue
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// It was null, and what was sent instead was nowhere.
    #[test]
    fn a_property_that_is_none_of_its_type_keeps_what_came() {
        let mut findings = FindingCounts::default();
        let int32 = Some(DataType::Int32);
        let mut of = |field| property("Rated".into(), int32, Some(field), &mut findings);
        let text = of(WireField::String(b"2 MW"));
        let came = Value::String("2 MW".into());
        assert_eq!((text.value, text.rejected_value.as_deref()), (None, Some(&came)));
        let number = of(WireField::Int(2_000));
        assert_eq!((number.value, number.rejected_value), (Some(Value::Int(2_000)), None));
    }
}
