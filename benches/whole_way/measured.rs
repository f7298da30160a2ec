//! What one round took, and how rounds are summed up.

use std::time::Duration;

use super::cpu;

/// Values that went, and what they took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    pub(crate) values: u64,
    pub(crate) requests: u64,
    pub(crate) elapsed: Duration,
    /// Of this process.
    pub(crate) cpu: Option<Duration>,
    /// Of the other process: the stub, and for the bridge the plant.
    pub(crate) peer_cpu: Option<Duration>,
}

impl Measured {
    pub(crate) fn values_per_second(&self) -> f64 {
        self.values as f64 / self.elapsed.as_secs_f64()
    }

    pub(crate) fn values_per_request(&self) -> f64 {
        self.values as f64 / self.requests as f64
    }

    /// Processor seconds of this process per million values.
    pub(crate) fn cpu_per_million(&self) -> f64 {
        self.per_million(self.cpu)
    }

    /// Processor seconds of the other process per million values.
    pub(crate) fn peer_cpu_per_million(&self) -> f64 {
        self.per_million(self.peer_cpu)
    }

    fn per_million(&self, cpu: Option<Duration>) -> f64 {
        cpu.map_or(f64::NAN, |cpu| cpu.as_secs_f64() * 1e6 / self.values as f64)
    }
}

/// The processor time of both processes at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clocks {
    own: Option<Duration>,
    peer: Option<Duration>,
}

impl Clocks {
    pub(crate) fn read(peer: u32) -> Self {
        Self { own: cpu::used(std::process::id()), peer: cpu::used(peer) }
    }

    /// Used since an earlier moment: by this process, and by the other.
    pub(crate) fn since(self, earlier: Self) -> (Option<Duration>, Option<Duration>) {
        let between = |now: Option<Duration>, then: Option<Duration>| Some(now? - then?);
        (between(self.own, earlier.own), between(self.peer, earlier.peer))
    }
}

/// The middle and the ends of a row of numbers.
pub(crate) fn summary(numbers: impl Iterator<Item = f64>) -> (f64, f64, f64) {
    let mut sorted: Vec<f64> = numbers.collect();
    sorted.sort_by(f64::total_cmp);
    let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
    let middle = sorted.len() / 2;
    let median = match sorted.len() % 2 {
        0 => f64::midpoint(at(middle.wrapping_sub(1)), at(middle)),
        _ => at(middle),
    };
    (median, at(0), at(sorted.len().wrapping_sub(1)))
}
