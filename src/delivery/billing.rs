//! What SiteWise bills: a message for every ten values or kilobyte of one property in one
//! entry, whichever is more.
//!
//! Source: the pricing page, "real-time ingestion". It does not say what of a value counts for
//! the kilobyte; here its time (12 bytes), its quality (1) and the value itself do.

use crate::sitewise::api::Variant;
use crate::sitewise::limits::{BYTES_PER_MESSAGE, VALUES_PER_MESSAGE};

/// Bytes of a time.
const TIME_BYTES: usize = 12;
/// Bytes of a quality.
const QUALITY_BYTES: usize = 1;

/// Messages billed for an entry, or for what SiteWise took of it.
pub(super) fn messages<'a>(values: impl Iterator<Item = &'a Variant>) -> u64 {
    let (mut count, mut bytes) = (0_usize, 0_usize);
    for value in values {
        count += 1;
        bytes += self::bytes(value);
    }
    let messages = count.div_ceil(VALUES_PER_MESSAGE).max(bytes.div_ceil(BYTES_PER_MESSAGE));
    messages as u64
}

/// Bytes of a value that count for the kilobyte.
pub(crate) fn bytes(value: &Variant) -> usize {
    TIME_BYTES + QUALITY_BYTES + size(value)
}

fn size(value: &Variant) -> usize {
    match value {
        Variant::Integer(_) => 4,
        Variant::Double(_) => 8,
        Variant::Boolean(_) | Variant::Null(_) => 1,
        Variant::String(text) => text.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_values_or_a_kilobyte_are_a_message() {
        let text = |length: usize| Variant::String("x".repeat(length).into());
        for (values, billed) in [
            (vec![], 0),
            (vec![Variant::Double(1.0)], 1),
            (vec![Variant::Double(1.0); 10], 1),
            (vec![Variant::Double(1.0); 11], 2),
            (vec![text(1011)], 1),
            (vec![text(1012)], 2),
            (vec![text(500); 10], 6),
        ] {
            assert_eq!(messages(values.iter()), billed, "{values:?}");
        }
    }
}
