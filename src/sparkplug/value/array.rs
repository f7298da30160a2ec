//! The packed arrays: little endian, as senders lay them out and the specification's text
//! says, not as its examples print them.

use super::{Value, ValueError};
use crate::sparkplug::datatype::DataType;
use crate::sparkplug::findings::FindingCounts;
use crate::sparkplug::{limits, text};

/// The elements of an array of type `datatype`.
pub(crate) fn decode(
    datatype: DataType,
    bytes: &[u8],
    findings: &mut FindingCounts,
) -> Result<Vec<Value>, ValueError> {
    match datatype {
        DataType::Int8Array => fixed(bytes, |[b]: [u8; 1]| Value::Int(i64::from(b as i8))),
        DataType::Int16Array => fixed(bytes, |b| Value::Int(i64::from(i16::from_le_bytes(b)))),
        DataType::Int32Array => fixed(bytes, |b| Value::Int(i64::from(i32::from_le_bytes(b)))),
        DataType::Int64Array => fixed(bytes, |b| Value::Int(i64::from_le_bytes(b))),
        DataType::UInt8Array => fixed(bytes, |[b]: [u8; 1]| Value::UInt(u64::from(b))),
        DataType::UInt16Array => fixed(bytes, |b| Value::UInt(u64::from(u16::from_le_bytes(b)))),
        DataType::UInt32Array => fixed(bytes, |b| Value::UInt(u64::from(u32::from_le_bytes(b)))),
        DataType::UInt64Array => fixed(bytes, |b| Value::UInt(u64::from_le_bytes(b))),
        DataType::FloatArray => fixed(bytes, |b| Value::Float(f32::from_le_bytes(b))),
        DataType::DoubleArray => fixed(bytes, |b| Value::Double(f64::from_le_bytes(b))),
        DataType::DateTimeArray => fixed(bytes, |b| Value::DateTime(u64::from_le_bytes(b))),
        DataType::BooleanArray => booleans(bytes),
        DataType::StringArray => strings(bytes, findings),
        _ => Err(ValueError::Mismatch),
    }
}

fn fixed<const N: usize>(
    bytes: &[u8],
    element: impl Fn([u8; N]) -> Value,
) -> Result<Vec<Value>, ValueError> {
    let (chunks, rest) = bytes.as_chunks::<N>();
    if !rest.is_empty() {
        return Err(ValueError::NoArray);
    }
    if chunks.len() > limits::ELEMENTS {
        return Err(ValueError::TooLong);
    }
    Ok(chunks.iter().map(|chunk| element(*chunk)).collect())
}

/// A count of 32 bits, then the bits from the most significant down.
fn booleans(bytes: &[u8]) -> Result<Vec<Value>, ValueError> {
    let Some((count, bits)) = bytes.split_first_chunk::<4>() else {
        // Some senders leave an empty array without its count.
        return if bytes.is_empty() { Ok(Vec::new()) } else { Err(ValueError::NoArray) };
    };
    let count = usize::try_from(u32::from_le_bytes(*count)).map_err(|_| ValueError::TooLong)?;
    if count > limits::ELEMENTS {
        return Err(ValueError::TooLong);
    }
    if bits.len() != count.div_ceil(8) {
        return Err(ValueError::NoArray);
    }
    let values = bits.iter().flat_map(|byte| (0..8).map(move |i| byte & (0x80 >> i) != 0));
    Ok(values.take(count).map(Value::Boolean).collect())
}

/// Strings, each ended by a zero byte.
fn strings(bytes: &[u8], findings: &mut FindingCounts) -> Result<Vec<Value>, ValueError> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    let zeros = bytes.iter().filter(|byte| **byte == 0).count();
    if bytes.len() > limits::STRING_BYTES || zeros >= limits::ELEMENTS {
        return Err(ValueError::TooLong);
    }
    let text = text::read(bytes, findings);
    Ok(text.split('\0').map(|element| Value::String(element.into())).collect())
}

/// The bytes of an array of type `datatype`; none if an element is no such value.
pub(crate) fn encode(datatype: DataType, values: &[Value]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    if datatype == DataType::BooleanArray {
        bytes.extend(u32::try_from(values.len()).ok()?.to_le_bytes());
        for group in values.chunks(8) {
            let mut byte = 0;
            for (i, value) in group.iter().enumerate() {
                let Value::Boolean(set) = value else {
                    return None;
                };
                byte |= u8::from(*set) << (7 - i);
            }
            bytes.push(byte);
        }
        return Some(bytes);
    }
    for value in values {
        match (datatype, value) {
            (DataType::Int8Array, Value::Int(v)) => bytes.push(i8::try_from(*v).ok()? as u8),
            (DataType::Int16Array, Value::Int(v)) => {
                bytes.extend(i16::try_from(*v).ok()?.to_le_bytes());
            }
            (DataType::Int32Array, Value::Int(v)) => {
                bytes.extend(i32::try_from(*v).ok()?.to_le_bytes());
            }
            (DataType::Int64Array, Value::Int(v)) => bytes.extend(v.to_le_bytes()),
            (DataType::UInt8Array, Value::UInt(v)) => bytes.push(u8::try_from(*v).ok()?),
            (DataType::UInt16Array, Value::UInt(v)) => {
                bytes.extend(u16::try_from(*v).ok()?.to_le_bytes());
            }
            (DataType::UInt32Array, Value::UInt(v)) => {
                bytes.extend(u32::try_from(*v).ok()?.to_le_bytes());
            }
            (DataType::UInt64Array, Value::UInt(v))
            | (DataType::DateTimeArray, Value::DateTime(v)) => bytes.extend(v.to_le_bytes()),
            (DataType::FloatArray, Value::Float(v)) => bytes.extend(v.to_le_bytes()),
            (DataType::DoubleArray, Value::Double(v)) => bytes.extend(v.to_le_bytes()),
            (DataType::StringArray, Value::String(v)) => {
                bytes.extend(v.as_bytes());
                bytes.push(0);
            }
            _ => return None,
        }
    }
    Some(bytes)
}
