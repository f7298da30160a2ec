//! Durations, counted by how long they were.

use std::time::Duration;

/// A histogram of durations, with the buckets of [`BOUNDS`](Self::BOUNDS).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DurationHistogram {
    /// How many were at most as long as each bound and longer than the one before it; the last
    /// were longer than all.
    counts: [u64; Self::BOUNDS.len() + 1],
    sum_micros: u64,
}

impl DurationHistogram {
    /// Upper bounds of the buckets, in milliseconds.
    pub const BOUNDS: [u64; 11] =
        [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000];

    /// Counts a duration.
    pub(super) fn observe(&mut self, took: Duration) {
        let bucket = Self::BOUNDS.iter().position(|bound| took <= Duration::from_millis(*bound));
        if let Some(count) = self.counts.get_mut(bucket.unwrap_or(Self::BOUNDS.len())) {
            *count += 1;
        }
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.sum_micros = self.sum_micros.saturating_add(micros);
    }

    /// How many took at most as long as each bound, and at last how many there are.
    pub fn cumulative_counts(&self) -> [u64; Self::BOUNDS.len() + 1] {
        let mut sum = 0;
        self.counts.map(|count| {
            sum += count;
            sum
        })
    }

    /// The sum of all durations.
    pub fn sum(&self) -> Duration {
        Duration::from_micros(self.sum_micros)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_duration_is_in_its_bucket_and_in_all_longer_ones() {
        let mut durations = DurationHistogram::default();
        for millis in [0, 50, 51, 300_000, 300_001] {
            durations.observe(Duration::from_millis(millis));
        }
        assert_eq!(durations.cumulative_counts(), [2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4, 5]);
        assert_eq!(durations.sum(), Duration::from_millis(600_102));
    }
}
