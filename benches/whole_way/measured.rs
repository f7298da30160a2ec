//! What one round took, and how rounds are summed up.

use std::time::Duration;

use super::cpu;

/// Values that went, and what they took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    pub(crate) values: u64,
    pub(crate) requests: u64,
    pub(crate) elapsed: Duration,
    pub(crate) cpu: Used,
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
        self.per_million(self.cpu.own)
    }

    /// Processor seconds of the engine's thread per million values.
    pub(crate) fn engine_per_million(&self) -> f64 {
        self.per_million(self.cpu.engine)
    }

    /// Processor seconds of the other process per million values.
    pub(crate) fn peer_cpu_per_million(&self) -> f64 {
        self.per_million(self.cpu.peer)
    }

    fn per_million(&self, cpu: Option<Duration>) -> f64 {
        cpu.map_or(f64::NAN, |cpu| cpu.as_secs_f64() * 1e6 / self.values as f64)
    }
}

/// The name of the thread that the engine runs on.
pub(crate) const ENGINE: &str = "engine";

/// Processor time up to one moment, or between two.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Used {
    /// Of this process.
    own: Option<Duration>,
    /// Of the engine's thread in it, while there is one.
    engine: Option<Duration>,
    /// Of the other process: the stub, and for the bridge the plant.
    peer: Option<Duration>,
}

impl Used {
    pub(crate) fn until_now(peer: u32) -> Self {
        Self {
            own: cpu::used(std::process::id()),
            engine: cpu::of_thread(ENGINE),
            peer: cpu::used(peer),
        }
    }

    pub(crate) fn since(self, earlier: Self) -> Self {
        let between = |now: Option<Duration>, then: Option<Duration>| Some(now? - then?);
        Self {
            own: between(self.own, earlier.own),
            engine: between(self.engine, earlier.engine),
            peer: between(self.peer, earlier.peer),
        }
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
