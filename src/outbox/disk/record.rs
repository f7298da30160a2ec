//! The record of a point on disk.

use uuid::Uuid;

use crate::delivery::point::{Class, Key, Point, Stream};
use crate::sitewise::api::{PropertyDataType, Quality, Variant};
use crate::time::Timestamp;

/// Points of this many milliseconds of their own time lie together, each property's beside each
/// other: long enough for a property to fill entries, short enough for the oldest to go first.
const SPAN: i64 = 600_000;

// What the numbers in records mean: never reordered.
const QUALITIES: [Quality; 3] = [Quality::Good, Quality::Uncertain, Quality::Bad];
const CLASSES: [Class; 5] =
    [Class::Live, Class::Birth, Class::Stale, Class::History, Class::Static];
const TYPES: [PropertyDataType; 4] = [
    PropertyDataType::Integer,
    PropertyDataType::Double,
    PropertyDataType::Boolean,
    PropertyDataType::String,
];

/// Bytes of a [`RecordKey`].
pub(super) const RECORD_KEY_BYTES: usize = 49;

/// The key of a record: the span of its time, then SiteWise's key. A function of the key, so that
/// the same key overwrites; ordered as its bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKey {
    span: i64,
    key: Key,
}

impl RecordKey {
    pub(super) fn of(key: Key) -> Self {
        Self { span: key.time.as_millis().div_euclid(SPAN), key }
    }

    /// The span of its time.
    pub(super) fn span(self) -> i64 {
        self.span
    }

    /// The last moment of a span.
    pub(super) fn end_of(span: i64) -> Timestamp {
        Timestamp::from_millis(span.saturating_add(1).saturating_mul(SPAN).saturating_sub(1))
    }

    /// What stands before every place of a span, and is none of a point.
    pub(super) fn before(span: i64) -> Self {
        let stream = Stream { asset: Uuid::nil(), property: Uuid::nil() };
        let time = Timestamp::from_millis(i64::MIN);
        Self { span, key: Key { stream, time, quality: Quality::Good } }
    }

    /// As a key of the store.
    pub(super) fn bytes(self) -> [u8; RECORD_KEY_BYTES] {
        let mut bytes = [0; RECORD_KEY_BYTES];
        let parts: [&[u8]; 5] = [
            &ordered(self.span),
            self.key.stream.asset.as_bytes(),
            self.key.stream.property.as_bytes(),
            &ordered(self.key.time.as_millis()),
            &[number(&QUALITIES, &self.key.quality)],
        ];
        for (to, from) in bytes.iter_mut().zip(parts.into_iter().flatten()) {
            *to = *from;
        }
        bytes
    }
}

/// The value of a record: class, type, value.
pub(super) fn value(point: &Point) -> Vec<u8> {
    let mut bytes = vec![number(&CLASSES, &point.class)];
    match &point.value {
        Variant::Integer(value) => {
            bytes.push(0);
            bytes.extend(value.to_be_bytes());
        }
        Variant::Double(value) => {
            bytes.push(1);
            bytes.extend(value.to_bits().to_be_bytes());
        }
        Variant::Boolean(value) => bytes.extend([2, u8::from(*value)]),
        Variant::String(text) => {
            bytes.push(3);
            bytes.extend(text.as_bytes());
        }
        Variant::Null(data_type) => bytes.extend([4, number(&TYPES, data_type)]),
    }
    bytes
}

/// A record as it was written; none if it was not by this version.
pub(super) fn point(place: &[u8], value: &[u8]) -> Option<Point> {
    let (_span, rest) = place.split_first_chunk::<8>()?;
    let (asset, rest) = rest.split_first_chunk::<16>()?;
    let (property, rest) = rest.split_first_chunk::<16>()?;
    let (time, rest) = rest.split_first_chunk::<8>()?;
    let &[quality] = rest else { return None };
    let &[class, tag, ref value @ ..] = value else { return None };
    Some(Point {
        stream: Stream { asset: Uuid::from_bytes(*asset), property: Uuid::from_bytes(*property) },
        time: Timestamp::from_millis((u64::from_be_bytes(*time) ^ SIGN) as i64),
        quality: numbered(&QUALITIES, quality)?,
        class: numbered(&CLASSES, class)?,
        value: match (tag, value) {
            (0, value) => Variant::Integer(i32::from_be_bytes(value.try_into().ok()?)),
            (1, value) => {
                Variant::Double(f64::from_bits(u64::from_be_bytes(value.try_into().ok()?)))
            }
            (2, &[value]) => Variant::Boolean(value != 0),
            (3, text) => Variant::String(std::str::from_utf8(text).ok()?.into()),
            (4, &[data_type]) => Variant::Null(numbered(&TYPES, data_type)?),
            _ => return None,
        },
    })
}

const SIGN: u64 = 1 << 63;

/// Big-endian with the sign flipped: bytes sort as the numbers do.
fn ordered(number: i64) -> [u8; 8] {
    (number as u64 ^ SIGN).to_be_bytes()
}

/// The number by which one of a few is written: its place in a list that only grows.
fn number<T: PartialEq>(all: &[T], one: &T) -> u8 {
    all.iter().position(|other| other == one).unwrap_or_default() as u8
}

fn numbered<T: Copy>(all: &[T], number: u8) -> Option<T> {
    all.get(usize::from(number)).copied()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_point() -> impl Strategy<Value = Point> {
        let value = prop_oneof![
            any::<i32>().prop_map(Variant::Integer),
            any::<f64>().prop_map(Variant::Double),
            any::<bool>().prop_map(Variant::Boolean),
            any::<String>().prop_map(|text| Variant::String(text.into())),
            prop::sample::select(TYPES.to_vec()).prop_map(Variant::Null),
        ];
        let quality = prop::sample::select(QUALITIES.to_vec());
        let class = prop::sample::select(CLASSES.to_vec());
        (0..3u128, any::<u128>(), any::<i64>(), quality, class, value).prop_map(
            |(asset, property, time, quality, class, value)| Point {
                stream: Stream {
                    asset: Uuid::from_u128(asset),
                    property: Uuid::from_u128(property),
                },
                time: Timestamp::from_millis(time),
                quality,
                value,
                class,
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_was_written(point in any_point()) {
            let place = RecordKey::of(point.key()).bytes();
            let read = super::point(&place, &value(&point)).unwrap();
            // NaN is not equal to itself: its bits are.
            prop_assert_eq!(value(&read), value(&point));
            prop_assert_eq!(read.key(), point.key());
        }

        #[test]
        fn bytes_sort_as_places_do(one in any_point(), other in any_point()) {
            let (one, other) = (RecordKey::of(one.key()), RecordKey::of(other.key()));
            prop_assert_eq!(one.cmp(&other), one.bytes().cmp(&other.bytes()));
        }

        #[test]
        fn bytes_of_others_are_no_point(
            place in prop::collection::vec(any::<u8>(), 0..60),
            value in prop::collection::vec(any::<u8>(), 0..20),
        ) {
            let _ = super::point(&place, &value);
        }
    }
}
