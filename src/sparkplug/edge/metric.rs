//! What an edge node publishes, built by hand.

use std::sync::Arc;

use bytes::Bytes;

use crate::sparkplug::datatype::DataType;
use crate::sparkplug::proto::payload as wire;
use crate::sparkplug::value::{DataSet, Value, array};
use crate::time::Timestamp;

/// A value with its datatype; Rust's own types carry theirs.
#[derive(Clone, Debug, PartialEq)]
pub struct Typed {
    /// Its datatype.
    pub datatype: DataType,
    /// Its value; none is null.
    pub value: Option<Value>,
}

impl Typed {
    /// `value` as a `datatype`.
    pub fn new(datatype: DataType, value: Value) -> Self {
        Self { datatype, value: Some(value) }
    }

    /// Null of a `datatype`.
    pub fn null(datatype: DataType) -> Self {
        Self { datatype, value: None }
    }
}

macro_rules! typed {
    ($($rust:ty => $datatype:ident, $value:ident, $to:ty;)*) => {$(
        impl From<$rust> for Typed {
            fn from(value: $rust) -> Self {
                Self::new(DataType::$datatype, Value::$value(<$to>::from(value)))
            }
        }
    )*};
}

typed! {
    i8 => Int8, Int, i64;
    i16 => Int16, Int, i64;
    i32 => Int32, Int, i64;
    i64 => Int64, Int, i64;
    u8 => UInt8, UInt, u64;
    u16 => UInt16, UInt, u64;
    u32 => UInt32, UInt, u64;
    u64 => UInt64, UInt, u64;
    f32 => Float, Float, f32;
    f64 => Double, Double, f64;
    bool => Boolean, Boolean, bool;
    &str => String, String, Arc<str>;
    String => String, String, Arc<str>;
}

impl From<Timestamp> for Typed {
    fn from(time: Timestamp) -> Self {
        let millis = u64::try_from(time.as_millis()).unwrap_or_default();
        Self::new(DataType::DateTime, Value::DateTime(millis))
    }
}

/// A metric, or a member of a template.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric(wire::Metric);

impl Metric {
    /// A metric with a value.
    pub fn new(name: &str, value: impl Into<Typed>) -> Self {
        let typed = value.into();
        Self(wire::Metric {
            name: Some(text(name)),
            datatype: Some(typed.datatype.number()),
            is_null: typed.value.is_none().then_some(true),
            value: typed.value.and_then(|value| metric_arm(typed.datatype, &value)),
            ..wire::Metric::default()
        })
    }

    /// A metric that is null.
    pub fn null(name: &str, datatype: DataType) -> Self {
        Self::new(name, Typed::null(datatype))
    }

    /// A definition or an instance of a template.
    pub fn template(name: &str, template: Template) -> Self {
        Self(wire::Metric {
            name: Some(text(name)),
            datatype: Some(DataType::Template.number()),
            value: Some(wire::metric::Value::TemplateValue(Box::new(template.0))),
            ..wire::Metric::default()
        })
    }

    /// A table with columns of these datatypes.
    pub fn data_set(name: &str, types: &[DataType], table: &DataSet) -> Self {
        let cell = |(cell, datatype): (&Option<Value>, &DataType)| wire::data_set::DataSetValue {
            value: cell.as_ref().and_then(|value| cell_arm(*datatype, value)),
        };
        let row = |cells: &Vec<Option<Value>>| wire::data_set::Row {
            elements: cells.iter().zip(types).map(cell).collect(),
        };
        Self(wire::Metric {
            name: Some(text(name)),
            datatype: Some(DataType::DataSet.number()),
            value: Some(wire::metric::Value::DatasetValue(Box::new(wire::DataSet {
                num_of_columns: Some(table.columns.len() as u64),
                columns: table.columns.iter().map(|name| text(name)).collect(),
                types: types.iter().map(|datatype| datatype.number()).collect(),
                rows: table.rows.iter().map(row).collect(),
            }))),
            ..wire::Metric::default()
        })
    }

    /// The metric with its own time.
    pub fn at(mut self, time: Timestamp) -> Self {
        self.0.timestamp = u64::try_from(time.as_millis()).ok();
        self
    }

    /// The metric with an alias of its own choice, beside its name.
    pub fn alias(mut self, alias: u64) -> Self {
        self.0.alias = Some(alias);
        self
    }

    /// The metric without its name.
    pub fn nameless(mut self) -> Self {
        self.0.name = None;
        self
    }

    /// The metric without its datatype.
    pub fn untyped(mut self) -> Self {
        self.0.datatype = None;
        self
    }

    /// The metric as history.
    pub fn historical(mut self) -> Self {
        self.0.is_historical = Some(true);
        self
    }

    /// The metric as nothing for a historian.
    pub fn transient(mut self) -> Self {
        self.0.is_transient = Some(true);
        self
    }

    /// The metric with one more property.
    pub fn property(mut self, name: &str, value: impl Into<Typed>) -> Self {
        let typed = value.into();
        let set = self.0.properties.get_or_insert_default();
        set.keys.push(text(name));
        set.values.push(wire::PropertyValue {
            r#type: Some(typed.datatype.number()),
            is_null: typed.value.is_none().then_some(true),
            value: typed.value.and_then(|value| property_arm(typed.datatype, &value)),
        });
        self
    }

    /// The metric with a quality code [payloads-propertyset-quality-value-type].
    pub fn quality(self, code: i32) -> Self {
        self.property("Quality", code)
    }

    /// The metric with a content type.
    pub fn content_type(mut self, content_type: &str) -> Self {
        self.0.metadata.get_or_insert_default().content_type = Some(text(content_type));
        self
    }

    /// The wire message, for what the builders do not say.
    pub fn into_wire(self) -> wire::Metric {
        self.0
    }
}

impl From<wire::Metric> for Metric {
    fn from(metric: wire::Metric) -> Self {
        Self(metric)
    }
}

/// A template: a definition or an instance.
#[derive(Clone, Debug, PartialEq)]
pub struct Template(wire::Template);

impl Template {
    /// A definition; its name is that of its metric.
    pub fn definition() -> Self {
        Self(wire::Template { is_definition: Some(true), ..wire::Template::default() })
    }

    /// A definition that inherits from `parent`, as Ignition has it.
    pub fn inheriting(parent: &str) -> Self {
        Self(wire::Template {
            is_definition: Some(true),
            template_ref: Some(text(parent)),
            ..wire::Template::default()
        })
    }

    /// An instance of the definition `template`.
    pub fn instance(template: &str) -> Self {
        Self(wire::Template {
            is_definition: Some(false),
            template_ref: Some(text(template)),
            ..wire::Template::default()
        })
    }

    /// The template with a version.
    pub fn version(mut self, version: &str) -> Self {
        self.0.version = Some(text(version));
        self
    }

    /// The template with one more parameter.
    pub fn parameter(mut self, name: &str, value: impl Into<Typed>) -> Self {
        let typed = value.into();
        self.0.parameters.push(wire::template::Parameter {
            name: Some(text(name)),
            r#type: Some(typed.datatype.number()),
            value: typed.value.and_then(|value| parameter_arm(typed.datatype, &value)),
        });
        self
    }

    /// The template with one more member.
    pub fn member(mut self, member: Metric) -> Self {
        self.0.metrics.push(member.0);
        self
    }

    /// The template with more members.
    pub fn members(mut self, members: impl IntoIterator<Item = Metric>) -> Self {
        self.0.metrics.extend(members.into_iter().map(|member| member.0));
        self
    }
}

/// Takes the datatypes from a metric and its members.
pub(super) fn strip_datatypes(metric: &mut wire::Metric) {
    metric.datatype = None;
    if let Some(wire::metric::Value::TemplateValue(template)) = &mut metric.value {
        template.metrics.iter_mut().for_each(strip_datatypes);
    }
}

fn text(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

/// The scalar arms have the same names in all four messages.
macro_rules! scalar_arm {
    ($arm:ty, $datatype:expr, $value:expr) => {
        match ($datatype, $value) {
            (DataType::Int64, Value::Int(v)) => Some(<$arm>::LongValue(*v as u64)),
            // Narrower integers travel as two's complement of 32 bits.
            (_, Value::Int(v)) => Some(<$arm>::IntValue(*v as u32)),
            (DataType::UInt64, Value::UInt(v)) => Some(<$arm>::LongValue(*v)),
            (_, Value::UInt(v)) => Some(<$arm>::IntValue(*v as u32)),
            (_, Value::DateTime(v)) => Some(<$arm>::LongValue(*v)),
            (_, Value::Float(v)) => Some(<$arm>::FloatValue(*v)),
            (_, Value::Double(v)) => Some(<$arm>::DoubleValue(*v)),
            (_, Value::Boolean(v)) => Some(<$arm>::BooleanValue(*v)),
            (_, Value::String(v)) => Some(<$arm>::StringValue(text(v))),
            (_, Value::Bytes(_) | Value::DataSet(_) | Value::Array(_)) => None,
        }
    };
}

fn metric_arm(datatype: DataType, value: &Value) -> Option<wire::metric::Value> {
    match value {
        Value::Bytes(bytes) => Some(wire::metric::Value::BytesValue(bytes.to_vec())),
        Value::Array(values) => {
            array::encode(datatype, values).map(wire::metric::Value::BytesValue)
        }
        _ => scalar_arm!(wire::metric::Value, datatype, value),
    }
}

fn property_arm(datatype: DataType, value: &Value) -> Option<wire::property_value::Value> {
    scalar_arm!(wire::property_value::Value, datatype, value)
}

fn parameter_arm(datatype: DataType, value: &Value) -> Option<wire::template::parameter::Value> {
    scalar_arm!(wire::template::parameter::Value, datatype, value)
}

fn cell_arm(datatype: DataType, value: &Value) -> Option<wire::data_set::data_set_value::Value> {
    scalar_arm!(wire::data_set::data_set_value::Value, datatype, value)
}
