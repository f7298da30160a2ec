//! What ingest costs live and by bulk import, in billed messages.
//!
//! Source: the pricing page. Live ingestion bills a message for ten values or a kilobyte of one
//! property; bulk import bills one for sixty values or 5 KB, over all properties of a period, and at
//! least 2,000 messages or 10 MB of it. How long a period is, is not said; nor whether values or
//! bytes count. So both are told, and a period is taken to be the time between two jobs.

use std::time::Duration;

use crate::sitewise::limits::{BYTES_PER_MESSAGE, VALUES_PER_MESSAGE};

/// Values that are billed as one message.
const IMPORT_VALUES: f64 = 60.0;
/// Bytes that are billed as one message.
const IMPORT_BYTES: f64 = 5.0 * 1024.0;
/// Messages that are billed for a period at least.
pub const LEAST_MESSAGES: f64 = 2_000.0;

/// Properties with the same rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Traffic {
    /// Number of properties.
    pub properties: u64,
    /// Values a second of each.
    pub rate: f64,
    /// Bytes of a value that count, its time and quality included.
    pub bytes: u64,
}

/// What traffic costs, in messages a day.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Price {
    /// Live, with entries filled as the linger allows.
    pub live: f64,
    /// Live, if every entry were full.
    pub full_entries: f64,
    /// By bulk import, if AWS counts values.
    pub by_values: f64,
    /// By bulk import, if AWS counts bytes.
    pub by_bytes: f64,
    /// By bulk import, the minimum.
    pub least: f64,
}

impl Price {
    /// Whether bulk import costs less than live, whether AWS counts values or bytes.
    pub fn pays(&self) -> bool {
        self.by_values.max(self.by_bytes) < self.live
    }
}

const DAY: f64 = 86_400.0;

/// Prices traffic: live with this linger, and by bulk import with a file each `every`.
pub fn price(traffic: &[Traffic], linger: Duration, every: Duration) -> Price {
    let mut price = Price::default();
    let (mut values, mut bytes) = (0.0, 0.0);
    for Traffic { properties, rate, bytes: size } in traffic {
        let (size, day) = (*size as f64, *properties as f64 * rate * DAY);
        let full = VALUES_PER_MESSAGE as f64;
        // One value begins an entry; others join it while it lingers.
        let values_per_entry = (1.0 + rate * linger.as_secs_f64()).floor().clamp(1.0, full);
        let messages = |values: f64| (values * size / BYTES_PER_MESSAGE as f64).ceil().max(1.0);
        price.live += day / values_per_entry * messages(values_per_entry);
        price.full_entries += day / full * messages(full);
        values += day;
        bytes += day * size;
    }
    let periods = DAY / every.as_secs_f64().max(1.0);
    price.least = LEAST_MESSAGES * periods;
    let period = |amount: f64, unit: f64| (amount / periods / unit).ceil().max(LEAST_MESSAGES);
    if values > 0.0 {
        price.by_values = period(values, IMPORT_VALUES) * periods;
        price.by_bytes = period(bytes, IMPORT_BYTES) * periods;
    }
    price
}

/// The share of some traffic in the price of bulk import, in messages a day: by values or by bytes,
/// whichever is more. The minimum of a period is left out.
pub fn share(traffic: Traffic) -> f64 {
    let Traffic { properties, rate, bytes } = traffic;
    let day = properties as f64 * rate * DAY;
    (day / IMPORT_VALUES).max(day * bytes as f64 / IMPORT_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: f64 = 1.0 / 60.0;
    /// Eight bytes, and thirteen for time and quality.
    const DOUBLE: u64 = 21;

    fn of(properties: u64, rate: f64, every: u64) -> Price {
        let traffic = [Traffic { properties, rate, bytes: DOUBLE }];
        price(&traffic, Duration::from_secs(1), Duration::from_secs(every))
    }

    #[test]
    fn ten_thousand_properties_a_minute_cost_a_sixth_of_full_entries() {
        let Price { live, full_entries, by_values, by_bytes, .. } = of(10_000, MINUTE, 900);
        assert_eq!(live.round(), 14_400_000.0);
        assert_eq!(full_entries.round(), 1_440_000.0);
        assert_eq!(by_values.round(), 240_000.0);
        // 150,000 values of 21 bytes are 616 messages of 5 KB: the least of a period counts.
        assert_eq!(by_bytes.round(), 192_000.0);
        assert!(by_values <= 0.17 * full_entries, "{}", by_values / full_entries);
        assert!(by_bytes <= 0.17 * full_entries, "{}", by_bytes / full_entries);
    }

    #[test]
    fn a_small_plant_pays_the_least_of_each_period() {
        let small = of(10, MINUTE, 900);
        assert_eq!(small.live.round(), 14_400.0);
        assert_eq!(small.by_values.round(), 192_000.0);
        assert!(!small.pays());
        // Longer periods bring it down.
        assert_eq!(of(10, MINUTE, 86_400).by_values.round(), 2_000.0);
        assert!(of(10, MINUTE, 86_400).pays());
        assert_eq!(of(0, MINUTE, 900).by_values, 0.0);
    }

    #[test]
    fn fast_properties_gain_less() {
        let fast = of(10_000, 10.0, 900);
        assert_eq!((fast.live / fast.full_entries).round(), 1.0);
        assert_eq!((fast.full_entries / fast.by_values).round(), 6.0);
    }
}
