//! How long things took, counted in steps.

use std::time::Duration;

/// Durations by how long they were, in the steps of [`BOUNDS`](Self::BOUNDS).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Durations {
    /// How many were at most as long as each bound and longer than the one before it; the last
    /// were longer than all.
    counts: [u64; Self::BOUNDS.len() + 1],
    micros: u64,
}

impl Durations {
    /// The longest of each step, in milliseconds.
    pub const BOUNDS: [u64; 11] =
        [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000];

    /// One more.
    pub(super) fn count(&mut self, took: Duration) {
        let step = Self::BOUNDS.iter().position(|bound| took <= Duration::from_millis(*bound));
        if let Some(count) = self.counts.get_mut(step.unwrap_or(Self::BOUNDS.len())) {
            *count += 1;
        }
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.micros = self.micros.saturating_add(micros);
    }

    /// How many took at most as long as each bound, and at last how many there are.
    pub fn cumulative_counts(&self) -> [u64; Self::BOUNDS.len() + 1] {
        let mut sum = 0;
        self.counts.map(|count| {
            sum += count;
            sum
        })
    }

    /// All together.
    pub fn sum(&self) -> Duration {
        Duration::from_micros(self.micros)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_duration_is_in_its_step_and_in_all_that_are_longer() {
        let mut durations = Durations::default();
        for millis in [0, 50, 51, 300_000, 300_001] {
            durations.count(Duration::from_millis(millis));
        }
        assert_eq!(durations.cumulative_counts(), [2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4, 5]);
        assert_eq!(durations.sum(), Duration::from_millis(600_102));
    }
}
