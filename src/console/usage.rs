//! How much was sent to SiteWise of late: what it costs, and how much of the quotas it takes.
//!
//! What it costs is told of a whole hour, and not before: births at the start, and whatever else the
//! first minutes bring, would be taken for a month's.

use std::collections::VecDeque;
use std::time::Duration;

use crate::delivery::figures::DeliveryFigures;
use crate::time::Instant;

/// Samples that are kept: one a minute, for an hour.
const SAMPLES: usize = 60;
/// How long after the start there are figures of costs.
pub(super) const COSTS_AFTER: Duration = Duration::from_secs(SAMPLES as u64 * 60);
/// What is used of the quotas is not shown of a shorter time.
const MIN_MEASURED: Duration = Duration::from_secs(10);
/// The quotas are a second's: what is used of them is shown over a minute.
const QUOTA_WINDOW: Duration = Duration::from_secs(60);
/// The month for which costs are shown, as `sparkwise plan` has it.
const MONTH: Duration = Duration::from_secs(30 * 24 * 3600);

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UsageTotals {
    /// Billed messages.
    pub messages: u64,
    /// Requests.
    pub requests: u64,
    /// Values in them.
    pub values: u64,
}

impl UsageTotals {
    /// Those of delivery.
    pub fn of(figures: &DeliveryFigures) -> Self {
        let DeliveryFigures { billed_messages: messages, requests, values, .. } = *figures;
        Self { messages, requests, values }
    }
}

/// Samples of the last hour.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    samples: VecDeque<(Instant, UsageTotals)>,
}

/// How much is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct UsageRates {
    /// Billed messages an hour, over the window; none in the first hour.
    pub messages_per_hour: Option<f64>,
    /// Billed messages in thirty days at this rate.
    pub messages_per_month: Option<f64>,
    /// The window, about an hour; how long was measured until now where there is no figure yet.
    pub window: Duration,
    /// Requests and values a second, over the last minute.
    pub sent_per_second: Option<(f64, f64)>,
}

impl Usage {
    /// Takes a sample; to be called once a minute.
    pub fn sample(&mut self, totals: UsageTotals, now: Instant) {
        if self.samples.len() >= SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back((now, totals));
    }

    /// How much is sent, with the counts of now.
    pub fn rates(&self, totals: UsageTotals, now: Instant) -> UsageRates {
        let start = (Instant::START, UsageTotals::default());
        let full = self.samples.len() >= SAMPLES;
        let first = self.samples.front().copied().filter(|_| full).unwrap_or(start);
        let mut recent = self.samples.iter().rev();
        let recent = recent.find(|(at, _)| now.since(*at) >= QUOTA_WINDOW / 2).copied();
        let recent = recent.unwrap_or(start);
        let rate = |from: u64, to: u64, since: Instant| {
            let seconds = now.since(since);
            (seconds >= MIN_MEASURED)
                .then(|| to.saturating_sub(from) as f64 / seconds.as_secs_f64())
        };
        let messages = rate(first.1.messages, totals.messages, first.0).filter(|_| full);
        let requests = rate(recent.1.requests, totals.requests, recent.0);
        let values = rate(recent.1.values, totals.values, recent.0);
        UsageRates {
            messages_per_hour: messages.map(|messages| messages * 3_600.0),
            messages_per_month: messages.map(|messages| messages * MONTH.as_secs_f64()),
            window: now.since(first.0),
            sent_per_second: requests.zip(values),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(messages: u64) -> UsageTotals {
        UsageTotals { messages, requests: messages / 10, values: messages * 2 }
    }

    #[test]
    fn an_hour_is_measured_and_a_burst_does_not_make_it_swing() {
        let mut usage = Usage::default();
        let at = |seconds| Instant::START + Duration::from_secs(seconds);
        // What is sent is shown at once.
        let rates = usage.rates(totals(300), at(30));
        assert_eq!(rates.messages_per_hour, None);
        assert_eq!(
            (rates.window, rates.sent_per_second),
            (Duration::from_secs(30), Some((1.0, 20.0)))
        );
        for minute in 1..=180 {
            usage.sample(totals(minute * 600), at(minute * 60));
        }
        let rates = usage.rates(totals(180 * 600 + 300), at(180 * 60 + 30));
        assert_eq!(rates.messages_per_hour, Some(36_000.0));
        assert_eq!(rates.window, Duration::from_secs(59 * 60 + 30));
        // A burst of births of a minute's messages changes the hour by a sixtieth; the quota's minute
        // shows it.
        let rates = usage.rates(totals(180 * 600 + 900), at(180 * 60 + 30));
        assert!(rates.messages_per_hour.unwrap() < 36_700.0, "{rates:?}");
        assert_eq!(rates.sent_per_second, Some((3.0, 60.0)));
    }

    /// The births of the first minute were taken for a month's messages.
    #[test]
    fn nothing_is_said_of_a_month_before_an_hour_and_the_births_of_the_start_are_no_part_of_it() {
        let mut usage = Usage::default();
        let at = |seconds| Instant::START + Duration::from_secs(seconds);
        // 100,000 properties are born, and then one value a second changes.
        for minute in 1..=60 {
            let so_far = totals(100_000 + minute * 60);
            let rates = usage.rates(so_far, at(minute * 60));
            assert_eq!((rates.messages_per_hour, rates.messages_per_month), (None, None));
            usage.sample(so_far, at(minute * 60));
        }
        let rates = usage.rates(totals(100_000 + 3_600), at(3_600));
        assert_eq!(at(3_600), Instant::START + COSTS_AFTER);
        assert_eq!(rates.messages_per_hour, Some(3_600.0));
        assert_eq!(rates.messages_per_month, Some(2_592_000.0));
    }
}
