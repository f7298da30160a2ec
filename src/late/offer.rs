//! What bulk import would save, and for which properties.

use std::time::Duration;

use super::price::{self, Price, Traffic, price};

/// Properties of one name, as they sent for a while.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// A glob that matches them: `*/Speed`.
    pub glob: String,
    /// Number of properties.
    pub properties: u64,
    /// Values of all of them.
    pub values: u64,
    /// Billed bytes of these values.
    pub bytes: u64,
}

/// What ingest costs live and by bulk import, in messages a day.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
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

impl Offer {
    /// The offer for what was measured during `measured_for`; none if no value was.
    pub fn new(
        measured: &[Measured],
        measured_for: Duration,
        linger: Duration,
        every: Duration,
    ) -> Option<Self> {
        let seconds = measured_for.as_secs_f64();
        let sent = measured.iter().filter(|of| of.values > 0 && of.properties > 0);
        let sent: Vec<(&Measured, Traffic)> = sent
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

    fn of(glob: &str, properties: u64, values: u64) -> Measured {
        Measured { glob: glob.to_owned(), properties, values, bytes: values * 21 }
    }

    fn offer(measured: &[Measured], every: u64) -> Option<Offer> {
        let (minute, linger) = (Duration::from_secs(60), Duration::from_secs(1));
        Offer::new(measured, minute, linger, Duration::from_secs(every))
    }

    #[test]
    fn the_most_saved_comes_first() {
        let measured = [of("*/Rare", 10, 10), of("*/Speed", 5_000, 5_000), of("*/Never", 7, 0)];
        let offer = offer(&measured, 900).unwrap();
        let globs: Vec<_> = offer.pays_for.iter().map(|saving| saving.glob.as_str()).collect();
        assert_eq!(globs, ["*/Speed", "*/Rare"]);
        assert_eq!(offer.pays_for[0].live.round(), 7_200_000.0);
        assert_eq!(offer.pays_for[0].import.round(), 120_000.0);
        assert_eq!(offer.rate.round(), 84.0);
    }

    /// What does not reach the least of a period costs more than it saves.
    #[test]
    fn where_the_least_of_a_period_is_more_it_pays_for_nothing() {
        let small = [of("*/Speed", 10, 10)];
        assert_eq!(offer(&small, 900).unwrap().pays_for, []);
        assert_eq!(offer(&small, 86_400).unwrap().pays_for.len(), 1);
        assert_eq!(offer(&[], 900), None);
        assert_eq!(offer(&[of("*/Never", 7, 0)], 900), None);
    }
}
