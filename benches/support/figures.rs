//! How figures are printed, and beside them whether what is to hold holds.

#![allow(dead_code, reason = "each benchmark uses a part of it")]

use std::time::Duration;

use super::stamps::Taken;

/// Prints a figure.
#[expect(clippy::print_stdout, reason = "the figures")]
pub(crate) fn figure(what: &str, number: f64) {
    println!("{what:<44} {number:>11.1}");
}

/// Prints a figure and whether it is as it should be.
#[expect(clippy::print_stdout, reason = "the figures")]
pub(crate) fn judged(what: &str, number: f64, holds: bool, wanted: &str) {
    let verdict = if holds { "holds" } else { "MISSED" };
    println!("{what:<44} {number:>11.1}  ({wanted}: {verdict})");
}

/// Prints what a bridge complained of, and how it ended.
#[expect(clippy::print_stdout, reason = "the figures")]
pub(crate) fn complaints(log: &[String]) {
    for line in log {
        if ["WARN", "ERROR", "shutdown took"].iter().any(|word| line.contains(word)) {
            println!("  {line}");
        }
    }
}

/// How long values took, the quickest first.
#[derive(Debug)]
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    pub(crate) fn of(values: impl Iterator<Item = Taken>) -> Self {
        let mut sorted: Vec<Duration> = values.map(|value| value.took).collect();
        sorted.sort_unstable();
        Self(sorted)
    }

    /// What this share of all does not exceed, in milliseconds.
    pub(crate) fn millis(&self, share: f64) -> f64 {
        let last = self.0.len().saturating_sub(1);
        let at = (share * last as f64).ceil() as usize;
        self.0.get(at.min(last)).map_or(f64::NAN, |took| took.as_secs_f64() * 1e3)
    }

    /// Prints them, and whether the 99th percentile keeps to `bound`.
    pub(crate) fn print(&self, bound: Duration) {
        figure("live values", self.0.len() as f64);
        figure("ms from due to taken, median", self.millis(0.5));
        figure("ms from due to taken, p90", self.millis(0.9));
        let (p99, bound) = (self.millis(0.99), bound.as_secs_f64() * 1e3);
        judged("ms from due to taken, p99", p99, p99 <= bound, &format!("{bound:.0} or less"));
        figure("ms from due to taken, p99.9", self.millis(0.999));
        figure("ms from due to taken, longest", self.millis(1.0));
    }
}
