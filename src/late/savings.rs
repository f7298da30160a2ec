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
    /// The least number of the first of these for which it pays, the minimum included.
    pub least_names: usize,
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
        let savings = sent.iter().map(|(of, traffic)| {
            let saving = Saving {
                glob: of.glob.clone(),
                properties: of.properties,
                live: price(std::slice::from_ref(traffic), linger, every).live,
                import: price::share(*traffic),
            };
            (saving, *traffic)
        });
        let mut savings: Vec<_> =
            savings.filter(|(saving, _)| saving.import < saving.live).collect();
        savings.sort_by(|(one, _), (other, _)| {
            let saved = |of: &Saving| of.live - of.import;
            saved(other).total_cmp(&saved(one)).then_with(|| one.glob.cmp(&other.glob))
        });
        let (mut pays_for, traffic): (Vec<Saving>, Vec<Traffic>) = savings.into_iter().unzip();
        let least_names = least_that_pay(&traffic, linger, every);
        if least_names.is_none() {
            pays_for.clear();
        }
        let least_names = least_names.unwrap_or(0);
        let rate = measured.iter().map(|of| of.values).sum::<u64>() as f64 / seconds;
        Some(Self { linger, every, rate, price: all, pays_for, least_names })
    }
}

/// How many of the first suffice for bulk import to pay, where each saves something but for the minimum
/// of a period: with each more it pays more.
fn least_that_pay(traffic: &[Traffic], linger: Duration, every: Duration) -> Option<usize> {
    let pays = |names: &usize| {
        traffic.get(..*names).is_some_and(|first| price(first, linger, every).pays())
    };
    let numbers: Vec<usize> = (1..=traffic.len()).collect();
    numbers.get(numbers.partition_point(|names| !pays(names))).copied()
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

    /// Each was said to be cheaper, and one alone cost thirteen times as much: the minimum of a period.
    #[test]
    fn it_is_told_how_many_names_it_takes_to_pay() {
        let measured: Vec<_> =
            (0..1_000).map(|name| of(&format!("*/M{name:03}"), 10, 10)).collect();
        let all = estimate(&measured, 900).unwrap();
        assert_eq!((all.pays_for.len(), all.least_names), (1_000, 14));
        assert!(estimate(&measured[..14], 900).unwrap().price.pays());
        assert_eq!(estimate(&measured[..14], 900).unwrap().least_names, 14);
        assert_eq!(estimate(&measured[..13], 900).unwrap().pays_for, []);
        let alone = estimate(&[of("*/Speed", 5_000, 5_000)], 900).unwrap();
        assert_eq!(alone.least_names, 1);
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
