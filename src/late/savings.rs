//! What bulk import would save, and for which properties.

use std::collections::BTreeMap;
use std::time::Duration;

use super::price::{self, Price, Traffic, price};
use crate::globs::Globs;

/// Properties of one name, as they sent for a while.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MeasuredTraffic {
    /// A glob that matches them: `*/Speed`.
    pub glob: String,
    /// Number of properties.
    pub properties: u64,
    /// Values of all of them.
    pub values: u64,
    /// Billed bytes of these values.
    pub bytes: u64,
}

impl MeasuredTraffic {
    /// Adds up the properties of one name. Each sum has the glob that matches them below any asset.
    pub fn by_name(properties: impl IntoIterator<Item = (String, Self)>) -> Vec<Self> {
        let mut by_name: BTreeMap<String, Self> = BTreeMap::new();
        for (name, of) in properties {
            let sum = by_name.entry(name).or_default();
            sum.properties += of.properties;
            sum.values += of.values;
            sum.bytes += of.bytes;
        }
        let sums = by_name.into_iter();
        sums.map(|(name, sum)| Self { glob: Globs::any_below(&name), ..sum }).collect()
    }
}

/// What ingest costs live and by bulk import, in messages a day.
#[derive(Clone, Debug, PartialEq)]
pub struct SavingsEstimate {
    /// How long an entry lingers when sent live.
    pub linger: Duration,
    /// How long values are collected for a file.
    pub every: Duration,
    /// Values a second.
    pub rate: f64,
    /// The price of all of them together.
    pub price: Price,
    /// The properties for which it pays, the largest saving first. None if it does not pay for all
    /// together: the minimum that is billed for a period would be the same for fewer.
    pub pays_for: Vec<Saving>,
}

/// Properties for which bulk import pays.
#[derive(Clone, Debug, PartialEq)]
pub struct Saving {
    /// A glob that matches them.
    pub glob: String,
    /// Number of properties.
    pub properties: u64,
    /// What they cost live, in messages a day.
    pub live: f64,
    /// Their share in the price of bulk import, by values or by bytes, whichever is more.
    pub import: f64,
}

impl SavingsEstimate {
    /// The estimate from what was measured during `measured_for`; none if no value was.
    pub fn new(
        measured: &[MeasuredTraffic],
        measured_for: Duration,
        linger: Duration,
        every: Duration,
    ) -> Option<Self> {
        let seconds = measured_for.as_secs_f64();
        let sent = measured.iter().filter(|of| of.values > 0 && of.properties > 0);
        let sent: Vec<(&MeasuredTraffic, Traffic)> = sent
            .map(|of| {
                let rate = of.values as f64 / of.properties as f64 / seconds;
                let bytes = of.bytes.div_ceil(of.values);
                (of, Traffic { properties: of.properties, rate, bytes })
            })
            .collect();
        if sent.is_empty() || measured_for.is_zero() {
            return None;
        }
        let traffic: Vec<Traffic> = sent.iter().map(|(_, traffic)| *traffic).collect();
        let all = price(&traffic, linger, every);
        let mut pays_for: Vec<Saving> = sent
            .iter()
            .map(|(of, traffic)| Saving {
                glob: of.glob.clone(),
                properties: of.properties,
                live: price(std::slice::from_ref(traffic), linger, every).live,
                import: price::share(*traffic),
            })
            .filter(|saving| all.pays() && saving.import < saving.live)
            .collect();
        pays_for.sort_by(|one, other| {
            let saved = |of: &Saving| of.live - of.import;
            saved(other).total_cmp(&saved(one)).then_with(|| one.glob.cmp(&other.glob))
        });
        let rate = measured.iter().map(|of| of.values).sum::<u64>() as f64 / seconds;
        Some(Self { linger, every, rate, price: all, pays_for })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(glob: &str, properties: u64, values: u64) -> MeasuredTraffic {
        MeasuredTraffic { glob: glob.to_owned(), properties, values, bytes: values * 21 }
    }

    fn estimate(measured: &[MeasuredTraffic], every: u64) -> Option<SavingsEstimate> {
        let (minute, linger) = (Duration::from_secs(60), Duration::from_secs(1));
        SavingsEstimate::new(measured, minute, linger, Duration::from_secs(every))
    }

    #[test]
    fn the_most_saved_comes_first() {
        let measured = [of("*/Rare", 10, 10), of("*/Speed", 5_000, 5_000), of("*/Never", 7, 0)];
        let estimate = estimate(&measured, 900).unwrap();
        let globs: Vec<_> = estimate.pays_for.iter().map(|saving| saving.glob.as_str()).collect();
        assert_eq!(globs, ["*/Speed", "*/Rare"]);
        assert_eq!(estimate.pays_for[0].live.round(), 7_200_000.0);
        assert_eq!(estimate.pays_for[0].import.round(), 120_000.0);
        assert_eq!(estimate.rate.round(), 84.0);
    }

    /// What does not reach the least of a period costs more than it saves.
    #[test]
    fn where_the_least_of_a_period_is_more_it_pays_for_nothing() {
        let small = [of("*/Speed", 10, 10)];
        assert_eq!(estimate(&small, 900).unwrap().pays_for, []);
        assert_eq!(estimate(&small, 86_400).unwrap().pays_for.len(), 1);
        assert_eq!(estimate(&[], 900), None);
        assert_eq!(estimate(&[of("*/Never", 7, 0)], 900), None);
    }
}
