//! Typed values, decoded by their datatype from whichever protobuf field the sender used.

use std::borrow::Cow;
use std::sync::Arc;

use super::datatype::DataType;
use super::findings::{Finding, FindingCounts};
use super::proto::payload as wire;
use super::{limits, text};

pub(crate) mod array;
#[cfg(test)]
mod tests;

/// A value decoded by its datatype: the sender's choice of integer field no longer shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Int8 to Int64, sign-extended from the declared width.
    Int(i64),
    /// UInt8 to UInt64, masked to the declared width.
    UInt(u64),
    /// Float.
    Float(f32),
    /// Double.
    Double(f64),
    /// Boolean.
    Boolean(bool),
    /// String, Text and UUID.
    String(Arc<str>),
    /// DateTime: milliseconds since the epoch, UTC.
    DateTime(u64),
    /// Bytes and File.
    Bytes(Arc<[u8]>),
    /// DataSet.
    DataSet(Arc<DataSet>),
    /// Any of the array types: elements in order, all of the same kind.
    Array(Arc<[Value]>),
}

/// A table.
#[derive(Clone, Debug, PartialEq)]
pub struct DataSet {
    /// Column names.
    pub columns: Vec<String>,
    /// Rows as wide as there are columns; an empty cell is none.
    pub rows: Vec<Vec<Option<Value>>>,
}

/// Why a value cannot be decoded as its declared type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// The value stands in a field that does not belong to its datatype.
    #[error("the value's field does not match its datatype")]
    Mismatch,
    /// An integer does not fit the declared width.
    #[error("the integer does not fit its datatype")]
    OutOfRange,
    /// An array's bytes do not divide into elements.
    #[error("the bytes are not an array of this datatype")]
    NoArray,
    /// A data set whose columns, types and rows do not agree.
    #[error("the data set's columns, types and rows do not agree")]
    NoTable,
    /// Past [`limits`].
    #[error("the value is too long")]
    TooLong,
    /// A datatype that has no value of its own here: templates and property sets.
    #[error("the datatype has no value")]
    NoValue,
}

/// Bytes of a text that an example shows.
const EXAMPLE_BYTES: usize = 100;

/// A value's protobuf field, from whichever message.
#[derive(Clone, Copy, Debug)]
pub(crate) enum WireField<'a> {
    /// `int_value`.
    Int(u32),
    /// `long_value`.
    Long(u64),
    /// `float_value`.
    Float(f32),
    /// `double_value`.
    Double(f64),
    /// `boolean_value`.
    Boolean(bool),
    /// `string_value`.
    String(&'a [u8]),
    /// `bytes_value`.
    Bytes(&'a [u8]),
    /// `dataset_value`.
    DataSet(&'a wire::DataSet),
    /// `template_value`.
    Template,
    /// `propertyset_value`.
    PropertySet,
    /// `propertysets_value`.
    PropertySetList,
    /// `extension_value`.
    Extension,
}

impl<'a> WireField<'a> {
    /// The field of a metric.
    pub(crate) fn of_metric(value: &'a wire::metric::Value) -> Self {
        use wire::metric::Value as V;
        match value {
            V::IntValue(v) => Self::Int(*v),
            V::LongValue(v) => Self::Long(*v),
            V::FloatValue(v) => Self::Float(*v),
            V::DoubleValue(v) => Self::Double(*v),
            V::BooleanValue(v) => Self::Boolean(*v),
            V::StringValue(v) => Self::String(v),
            V::BytesValue(v) => Self::Bytes(v),
            V::DatasetValue(v) => Self::DataSet(v),
            V::TemplateValue(_) => Self::Template,
            V::ExtensionValue(_) => Self::Extension,
        }
    }

    /// The field of a template's parameter.
    pub(crate) fn of_parameter(value: &'a wire::template::parameter::Value) -> Self {
        use wire::template::parameter::Value as V;
        match value {
            V::IntValue(v) => Self::Int(*v),
            V::LongValue(v) => Self::Long(*v),
            V::FloatValue(v) => Self::Float(*v),
            V::DoubleValue(v) => Self::Double(*v),
            V::BooleanValue(v) => Self::Boolean(*v),
            V::StringValue(v) => Self::String(v),
            V::ExtensionValue(_) => Self::Extension,
        }
    }

    /// The field of a property.
    pub(crate) fn of_property(value: &'a wire::property_value::Value) -> Self {
        use wire::property_value::Value as V;
        match value {
            V::IntValue(v) => Self::Int(*v),
            V::LongValue(v) => Self::Long(*v),
            V::FloatValue(v) => Self::Float(*v),
            V::DoubleValue(v) => Self::Double(*v),
            V::BooleanValue(v) => Self::Boolean(*v),
            V::StringValue(v) => Self::String(v),
            V::PropertysetValue(_) => Self::PropertySet,
            V::PropertysetsValue(_) => Self::PropertySetList,
            V::ExtensionValue(_) => Self::Extension,
        }
    }

    /// The field of a data set's cell.
    fn of_cell(value: &'a wire::data_set::data_set_value::Value) -> Self {
        use wire::data_set::data_set_value::Value as V;
        match value {
            V::IntValue(v) => Self::Int(*v),
            V::LongValue(v) => Self::Long(*v),
            V::FloatValue(v) => Self::Float(*v),
            V::DoubleValue(v) => Self::Double(*v),
            V::BooleanValue(v) => Self::Boolean(*v),
            V::StringValue(v) => Self::String(v),
            V::ExtensionValue(_) => Self::Extension,
        }
    }

    /// The datatype that the field suggests where none is declared: signed, since that is what
    /// senders without datatypes put into the integer fields.
    pub(crate) fn inferred(self) -> Option<DataType> {
        match self {
            Self::Int(_) => Some(DataType::Int32),
            Self::Long(_) => Some(DataType::Int64),
            Self::Float(_) => Some(DataType::Float),
            Self::Double(_) => Some(DataType::Double),
            Self::Boolean(_) => Some(DataType::Boolean),
            Self::String(_) => Some(DataType::String),
            Self::Bytes(_) => Some(DataType::Bytes),
            Self::DataSet(_) => Some(DataType::DataSet),
            Self::Template => Some(DataType::Template),
            Self::PropertySet => Some(DataType::PropertySet),
            Self::PropertySetList => Some(DataType::PropertySetList),
            Self::Extension => None,
        }
    }

    /// What stands in it, in words for people; empty where that is no plain value.
    pub(crate) fn display_text(self) -> String {
        match self {
            Self::Int(v) => (v as i32).to_string(),
            Self::Long(v) => (v as i64).to_string(),
            Self::Float(v) => v.to_string(),
            Self::Double(v) => v.to_string(),
            Self::Boolean(v) => v.to_string(),
            Self::String(v) => String::from_utf8_lossy(text::cut(v, EXAMPLE_BYTES)).into_owned(),
            Self::Bytes(_)
            | Self::DataSet(_)
            | Self::Template
            | Self::PropertySet
            | Self::PropertySetList
            | Self::Extension => String::new(),
        }
    }

    /// The bits of either integer field.
    pub(crate) fn integer(self) -> Option<u64> {
        match self {
            Self::Int(v) => Some(u64::from(v)),
            Self::Long(v) => Some(v),
            Self::Float(_)
            | Self::Double(_)
            | Self::Boolean(_)
            | Self::String(_)
            | Self::Bytes(_)
            | Self::DataSet(_)
            | Self::Template
            | Self::PropertySet
            | Self::PropertySetList
            | Self::Extension => None,
        }
    }

    /// The value, read as `datatype` says. What is taken although it is not as it should be is
    /// noted.
    pub(crate) fn decode(
        self,
        datatype: DataType,
        findings: &mut FindingCounts,
    ) -> Result<Value, ValueError> {
        match datatype {
            DataType::Int8 => self.signed(8),
            DataType::Int16 => self.signed(16),
            DataType::Int32 => self.signed(32),
            DataType::Int64 => self.signed(64),
            DataType::UInt8 => self.unsigned(8),
            DataType::UInt16 => self.unsigned(16),
            DataType::UInt32 => self.unsigned(32),
            DataType::UInt64 => self.unsigned(64),
            DataType::Float => match self {
                Self::Float(v) => Ok(Value::Float(v)),
                Self::Double(v) => Ok(Value::Float(v as f32)),
                _ => Err(ValueError::Mismatch),
            },
            DataType::Double => match self {
                Self::Double(v) => Ok(Value::Double(v)),
                Self::Float(v) => Ok(Value::Double(f64::from(v))),
                _ => Err(ValueError::Mismatch),
            },
            DataType::Boolean => match (self, self.integer()) {
                (Self::Boolean(v), _) => Ok(Value::Boolean(v)),
                (_, Some(0)) => Ok(Value::Boolean(false)),
                (_, Some(1)) => Ok(Value::Boolean(true)),
                _ => Err(ValueError::Mismatch),
            },
            DataType::String | DataType::Text => match self {
                Self::String(v) => Ok(Value::String(string(v, findings))),
                _ => Err(ValueError::Mismatch),
            },
            DataType::Uuid => match self {
                Self::String(v) => {
                    let text = string(v, findings);
                    if !is_uuid(&text) {
                        findings.note(Finding::WrongValue);
                    }
                    Ok(Value::String(text))
                }
                _ => Err(ValueError::Mismatch),
            },
            DataType::DateTime => self.integer().map(Value::DateTime).ok_or(ValueError::Mismatch),
            DataType::Bytes | DataType::File => match self {
                Self::Bytes(v) if v.len() <= limits::BLOB_BYTES => Ok(Value::Bytes(v.into())),
                Self::Bytes(_) => Err(ValueError::TooLong),
                _ => Err(ValueError::Mismatch),
            },
            DataType::DataSet => match self {
                Self::DataSet(v) => table(v, findings).map(|table| Value::DataSet(table.into())),
                _ => Err(ValueError::Mismatch),
            },
            DataType::Unknown => match self.inferred() {
                Some(datatype) => self.decode(datatype, findings),
                None => Err(ValueError::NoValue),
            },
            DataType::Template | DataType::PropertySet | DataType::PropertySetList => {
                Err(ValueError::NoValue)
            }
            DataType::Int8Array
            | DataType::Int16Array
            | DataType::Int32Array
            | DataType::Int64Array
            | DataType::UInt8Array
            | DataType::UInt16Array
            | DataType::UInt32Array
            | DataType::UInt64Array
            | DataType::FloatArray
            | DataType::DoubleArray
            | DataType::BooleanArray
            | DataType::StringArray
            | DataType::DateTimeArray => match self {
                Self::Bytes(v) => {
                    array::decode(datatype, v, findings).map(|v| Value::Array(v.into()))
                }
                _ => Err(ValueError::Mismatch),
            },
        }
    }

    fn signed(self, bits: u32) -> Result<Value, ValueError> {
        let raw = self.narrowed(bits)?;
        let shift = 64 - bits;
        Ok(Value::Int(((raw << shift) as i64) >> shift))
    }

    fn unsigned(self, bits: u32) -> Result<Value, ValueError> {
        self.narrowed(bits).map(Value::UInt)
    }

    /// The low `bits` of either integer field. What stands above them must be nothing, or the
    /// sign that a wider integer of the sender's language spread there.
    fn narrowed(self, bits: u32) -> Result<u64, ValueError> {
        let raw = self.integer().ok_or(ValueError::Mismatch)?;
        let mask = u64::MAX >> (64 - bits);
        let above = raw & !mask;
        let spread = |wide: u32| above == (u64::MAX >> (64 - wide)) & !mask;
        let negative = raw & (mask ^ (mask >> 1)) != 0;
        if above == 0 || (negative && [16, 32, 64].into_iter().any(|w| w > bits && spread(w))) {
            Ok(raw & mask)
        } else {
            Err(ValueError::OutOfRange)
        }
    }
}

fn string(bytes: &[u8], findings: &mut FindingCounts) -> Arc<str> {
    match cut(bytes, findings) {
        Cow::Borrowed(text) => text.into(),
        Cow::Owned(text) => text.into(),
    }
}

/// The text in `bytes`, no more of it than is taken.
fn cut<'a>(bytes: &'a [u8], findings: &mut FindingCounts) -> Cow<'a, str> {
    let kept = text::cut(bytes, limits::STRING_BYTES);
    if kept.len() < bytes.len() {
        findings.note(Finding::TooLong);
    }
    text::read(kept, findings)
}

/// Whether `text` is a UUID in one of its spellings: bare, in braces or as a URN, of either case,
/// with its hyphens or without.
fn is_uuid(text: &str) -> bool {
    let braced = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let urn = || {
        let (head, rest) = text.split_at_checked(9)?;
        head.eq_ignore_ascii_case("urn:uuid:").then_some(rest)
    };
    let bare = braced.or_else(urn).unwrap_or(text);
    let digit = |byte: u8| byte.is_ascii_hexdigit();
    match bare.len() {
        32 => bare.bytes().all(digit),
        36 => bare.bytes().enumerate().all(|(i, byte)| match i {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => digit(byte),
        }),
        _ => false,
    }
}

/// A data set, each cell by the type of its column [payloads-template-dataset-value].
fn table(wire: &wire::DataSet, findings: &mut FindingCounts) -> Result<DataSet, ValueError> {
    let columns = wire.columns.len();
    let agreed = wire.num_of_columns.is_none_or(|n| usize::try_from(n) == Ok(columns));
    if !agreed || wire.types.len() != columns {
        return Err(ValueError::NoTable);
    }
    if columns.saturating_mul(wire.rows.len().max(1)) > limits::ELEMENTS {
        return Err(ValueError::TooLong);
    }
    let rows = wire.rows.iter().map(|row| {
        if row.elements.len() != columns {
            return Err(ValueError::NoTable);
        }
        let cells = row.elements.iter().zip(&wire.types).map(|(cell, number)| {
            let Some(value) = &cell.value else {
                return Ok(None);
            };
            let datatype = DataType::declared(Some(*number)).unwrap_or(DataType::Unknown);
            WireField::of_cell(value).decode(datatype, findings).map(Some)
        });
        cells.collect()
    });
    Ok(DataSet {
        rows: rows.collect::<Result<_, _>>()?,
        columns: wire.columns.iter().map(|name| cut(name, findings).into_owned()).collect(),
    })
}
