//! The 35 datatypes of Sparkplug B.

/// A datatype as numbered in the protocol's enumeration [payloads-metric-datatype-value].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are the specification's own")]
#[repr(u8)]
pub enum DataType {
    Unknown = 0,
    Int8 = 1,
    Int16 = 2,
    Int32 = 3,
    Int64 = 4,
    UInt8 = 5,
    UInt16 = 6,
    UInt32 = 7,
    UInt64 = 8,
    Float = 9,
    Double = 10,
    Boolean = 11,
    String = 12,
    DateTime = 13,
    Text = 14,
    Uuid = 15,
    DataSet = 16,
    Bytes = 17,
    File = 18,
    Template = 19,
    PropertySet = 20,
    PropertySetList = 21,
    Int8Array = 22,
    Int16Array = 23,
    Int32Array = 24,
    Int64Array = 25,
    UInt8Array = 26,
    UInt16Array = 27,
    UInt32Array = 28,
    UInt64Array = 29,
    FloatArray = 30,
    DoubleArray = 31,
    BooleanArray = 32,
    StringArray = 33,
    DateTimeArray = 34,
}

/// A number outside the enumeration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no datatype has the number {0}")]
pub struct UnknownDataType(pub u32);

impl TryFrom<u32> for DataType {
    type Error = UnknownDataType;

    fn try_from(number: u32) -> Result<Self, Self::Error> {
        usize::try_from(number)
            .ok()
            .and_then(|index| Self::ALL.get(index).copied())
            .ok_or(UnknownDataType(number))
    }
}

impl DataType {
    /// All datatypes, each at the index of its number.
    pub const ALL: [Self; 35] = [
        Self::Unknown,
        Self::Int8,
        Self::Int16,
        Self::Int32,
        Self::Int64,
        Self::UInt8,
        Self::UInt16,
        Self::UInt32,
        Self::UInt64,
        Self::Float,
        Self::Double,
        Self::Boolean,
        Self::String,
        Self::DateTime,
        Self::Text,
        Self::Uuid,
        Self::DataSet,
        Self::Bytes,
        Self::File,
        Self::Template,
        Self::PropertySet,
        Self::PropertySetList,
        Self::Int8Array,
        Self::Int16Array,
        Self::Int32Array,
        Self::Int64Array,
        Self::UInt8Array,
        Self::UInt16Array,
        Self::UInt32Array,
        Self::UInt64Array,
        Self::FloatArray,
        Self::DoubleArray,
        Self::BooleanArray,
        Self::StringArray,
        Self::DateTimeArray,
    ];

    /// The datatype that `declared` names; none where it is absent, `Unknown` or outside the
    /// enumeration.
    pub(crate) fn declared(declared: Option<u32>) -> Option<Self> {
        match Self::try_from(declared?) {
            Ok(Self::Unknown) | Err(_) => None,
            Ok(datatype) => Some(datatype),
        }
    }

    /// Its number on the wire.
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// The specification's name of it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "Unknown",
            Self::Int8 => "Int8",
            Self::Int16 => "Int16",
            Self::Int32 => "Int32",
            Self::Int64 => "Int64",
            Self::UInt8 => "UInt8",
            Self::UInt16 => "UInt16",
            Self::UInt32 => "UInt32",
            Self::UInt64 => "UInt64",
            Self::Float => "Float",
            Self::Double => "Double",
            Self::Boolean => "Boolean",
            Self::String => "String",
            Self::DateTime => "DateTime",
            Self::Text => "Text",
            Self::Uuid => "UUID",
            Self::DataSet => "DataSet",
            Self::Bytes => "Bytes",
            Self::File => "File",
            Self::Template => "Template",
            Self::PropertySet => "PropertySet",
            Self::PropertySetList => "PropertySetList",
            Self::Int8Array => "Int8Array",
            Self::Int16Array => "Int16Array",
            Self::Int32Array => "Int32Array",
            Self::Int64Array => "Int64Array",
            Self::UInt8Array => "UInt8Array",
            Self::UInt16Array => "UInt16Array",
            Self::UInt32Array => "UInt32Array",
            Self::UInt64Array => "UInt64Array",
            Self::FloatArray => "FloatArray",
            Self::DoubleArray => "DoubleArray",
            Self::BooleanArray => "BooleanArray",
            Self::StringArray => "StringArray",
            Self::DateTimeArray => "DateTimeArray",
        }
    }

    /// What an array of this type holds; none for types that are no arrays.
    pub const fn element(self) -> Option<Self> {
        match self {
            Self::Int8Array => Some(Self::Int8),
            Self::Int16Array => Some(Self::Int16),
            Self::Int32Array => Some(Self::Int32),
            Self::Int64Array => Some(Self::Int64),
            Self::UInt8Array => Some(Self::UInt8),
            Self::UInt16Array => Some(Self::UInt16),
            Self::UInt32Array => Some(Self::UInt32),
            Self::UInt64Array => Some(Self::UInt64),
            Self::FloatArray => Some(Self::Float),
            Self::DoubleArray => Some(Self::Double),
            Self::BooleanArray => Some(Self::Boolean),
            Self::StringArray => Some(Self::String),
            Self::DateTimeArray => Some(Self::DateTime),
            Self::Unknown
            | Self::Int8
            | Self::Int16
            | Self::Int32
            | Self::Int64
            | Self::UInt8
            | Self::UInt16
            | Self::UInt32
            | Self::UInt64
            | Self::Float
            | Self::Double
            | Self::Boolean
            | Self::String
            | Self::DateTime
            | Self::Text
            | Self::Uuid
            | Self::DataSet
            | Self::Bytes
            | Self::File
            | Self::Template
            | Self::PropertySet
            | Self::PropertySetList => None,
        }
    }
}

impl std::fmt::Display for DataType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_metric_datatype_value() {
        for (number, datatype) in (0_u32..).zip(DataType::ALL) {
            assert_eq!(DataType::try_from(number), Ok(datatype));
            assert_eq!(datatype.number(), number);
        }
        assert_eq!(DataType::try_from(35), Err(UnknownDataType(35)));
        assert_eq!(DataType::declared(Some(0)), None);
        assert_eq!(DataType::declared(Some(u32::MAX)), None);
    }

    #[test]
    fn arrays_are_the_types_from_22_on() {
        for datatype in DataType::ALL {
            assert_eq!(datatype.element().is_some(), datatype.number() >= 22, "{datatype}");
        }
    }
}
