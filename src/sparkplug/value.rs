//! Typed values.

use std::sync::Arc;

/// A value decoded by its datatype: the sender's choice of integer arm no longer shows.
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
