//! Counts the parts of a large payload before decoding: an empty part takes two bytes encoded and
//! fifty times that decoded.

use prost::encoding::{WireType, decode_key, decode_varint};

use super::DecodeError;
use crate::sparkplug::limits;

/// A payload below this length cannot hold enough parts to matter.
const UNCHECKED_BYTES: usize = 64 * 1024;

/// The messages that hold parts.
#[derive(Clone, Copy)]
enum PartKind {
    Payload,
    Metric,
    Template,
    DataSet,
    Row,
    PropertySet,
    PropertyValue,
    PropertySetList,
    /// Whatever holds no parts of its own.
    Leaf,
}

impl PartKind {
    /// The message in field `tag`; none for a field whose bytes are not parts.
    fn part(self, tag: u32) -> Option<Self> {
        match (self, tag) {
            (Self::Payload | Self::Template, 2) => Some(Self::Metric),
            (Self::Template, 3) => Some(Self::Leaf),
            (Self::Metric, 8) => Some(Self::Leaf),
            (Self::Metric, 9) | (Self::PropertyValue, 9) | (Self::PropertySetList, 1) => {
                Some(Self::PropertySet)
            }
            (Self::Metric, 17) => Some(Self::DataSet),
            (Self::Metric, 18) => Some(Self::Template),
            (Self::DataSet, 2) | (Self::Row, 1) | (Self::PropertySet, 1) => Some(Self::Leaf),
            (Self::DataSet, 4) => Some(Self::Row),
            (Self::PropertySet, 2) => Some(Self::PropertyValue),
            (Self::PropertyValue, 10) => Some(Self::PropertySetList),
            _ => None,
        }
    }
}

/// Whether the parts of `payload` are within the limit.
pub(super) fn check(payload: &[u8]) -> Result<(), DecodeError> {
    if payload.len() < UNCHECKED_BYTES {
        return Ok(());
    }
    count(payload).map(|_| ())
}

/// How many parts `payload` has, if these are no more than are taken.
pub(super) fn count(payload: &[u8]) -> Result<usize, DecodeError> {
    let mut parts = 0;
    // The messages still open, with what is left of their bytes.
    let mut open = vec![(PartKind::Payload, payload)];
    while let Some((message, mut bytes)) = open.pop() {
        while !bytes.is_empty() {
            let (tag, wire_type) = decode_key(&mut bytes).map_err(|_| DecodeError::Malformed)?;
            let length = match wire_type {
                WireType::Varint => {
                    decode_varint(&mut bytes).map_err(|_| DecodeError::Malformed)?;
                    0
                }
                WireType::SixtyFourBit => 8,
                WireType::ThirtyTwoBit => 4,
                WireType::LengthDelimited => {
                    decode_varint(&mut bytes).map_err(|_| DecodeError::Malformed)?
                }
                // Groups are no part of the schema; the decoder steps over them.
                WireType::StartGroup | WireType::EndGroup => 0,
            };
            let length = usize::try_from(length).map_err(|_| DecodeError::Malformed)?;
            let (field, rest) = bytes.split_at_checked(length).ok_or(DecodeError::Malformed)?;
            bytes = rest;
            if !matches!(wire_type, WireType::LengthDelimited) {
                continue;
            }
            if let Some(part) = message.part(tag) {
                parts += 1;
                if parts > limits::PAYLOAD_PARTS {
                    return Err(DecodeError::TooLarge);
                }
                if !field.is_empty() && !matches!(part, PartKind::Leaf) {
                    open.push((part, field));
                }
            } else if matches!((message, tag), (PartKind::DataSet, 3)) {
                parts += field.len() / 16;
            }
        }
    }
    Ok(parts)
}
