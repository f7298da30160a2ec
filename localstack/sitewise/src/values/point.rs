//! One value at one time with one quality, small enough to hold millions.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::account::definition::DataType;
use crate::wire::time::Moment;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Quality {
    Good,
    Bad,
    Uncertain,
}

impl Quality {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Good => "GOOD",
            Self::Bad => "BAD",
            Self::Uncertain => "UNCERTAIN",
        }
    }
}

/// The type of a null (API Reference, `PropertyValueNullValue`); `U` is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum NullType {
    D,
    B,
    S,
    I,
    U,
}

/// A value. Kept on disk with a double as its bits, since JSON has no NaN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Scalar {
    Double(#[serde(with = "bits")] f64),
    Integer(i32),
    Boolean(bool),
    Text(Box<str>),
    Null(NullType),
}

mod bits {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        value.to_bits().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        u64::deserialize(deserializer).map(f64::from_bits)
    }
}

impl Scalar {
    /// The data type of the value, if it tells one.
    pub(crate) const fn data_type(&self) -> Option<DataType> {
        match self {
            Self::Double(_) | Self::Null(NullType::D) => Some(DataType::Double),
            Self::Integer(_) | Self::Null(NullType::I) => Some(DataType::Integer),
            Self::Boolean(_) | Self::Null(NullType::B) => Some(DataType::Boolean),
            Self::Text(_) | Self::Null(NullType::S) => Some(DataType::String),
            Self::Null(NullType::U) => None,
        }
    }

    /// The value as a number, for aggregates and interpolation.
    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Self::Double(value) => Some(*value),
            Self::Integer(value) => Some(f64::from(*value)),
            Self::Boolean(_) | Self::Text(_) | Self::Null(_) => None,
        }
    }

    /// Bytes that the value counts for in the bill.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Double(_) => 8,
            Self::Integer(_) => 4,
            Self::Boolean(_) | Self::Null(_) => 1,
            Self::Text(text) => text.len(),
        }
    }

    /// `Variant` of the API. Doubles that JSON lacks are strings, as the SDKs write them.
    pub(crate) fn variant(&self) -> Value {
        match self {
            Self::Double(value) if value.is_nan() => json!({ "doubleValue": "NaN" }),
            Self::Double(value) => json!({ "doubleValue": value }),
            Self::Integer(value) => json!({ "integerValue": value }),
            Self::Boolean(value) => json!({ "booleanValue": value }),
            Self::Text(value) => json!({ "stringValue": value }),
            Self::Null(kind) => json!({ "nullValue": { "valueType": kind } }),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Point {
    pub(crate) time: Moment,
    pub(crate) quality: Quality,
    pub(crate) value: Scalar,
}

impl Point {
    /// What tells points apart: a second value of the same key overwrites the first.
    pub(crate) const fn key(&self) -> (Moment, Quality) {
        (self.time, self.quality)
    }

    /// `AssetPropertyValue` of the API.
    pub(crate) fn wire(&self) -> Value {
        json!({ "value": self.value.variant(), "timestamp": self.time.in_nanos(), "quality": self.quality.name() })
    }
}
