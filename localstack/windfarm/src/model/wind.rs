//! Wind: smooth, and a function of time alone.

use std::f64::consts::TAU;

use crate::random::Random;

/// Wind at one place.
#[derive(Clone, Debug)]
pub(super) struct Wind {
    mean: f64,
    bearing: f64,
    waves: Vec<Wave>,
}

#[derive(Clone, Debug)]
struct Wave {
    /// As a part of the mean speed.
    amplitude: f64,
    /// In seconds.
    period: f64,
    /// In turns.
    phase: f64,
}

impl Wave {
    fn at(&self, seconds: f64) -> f64 {
        self.amplitude * (TAU * (seconds / self.period + self.phase)).sin()
    }
}

impl Wind {
    pub(super) fn new(mean: f64, random: &mut Random) -> Self {
        // From the weather down to gusts.
        let shape = [(0.30, 900.0), (0.20, 240.0), (0.12, 70.0), (0.08, 23.0), (0.05, 9.0)];
        let waves = shape
            .map(|(amplitude, period)| Wave {
                amplitude,
                period: period * random.between(0.8, 1.25),
                phase: random.between(0.0, 1.0),
            })
            .into();
        Self { mean, bearing: random.between(200.0, 320.0), waves }
    }

    /// Speed in m/s. What is `lag` seconds downwind feels it so much later.
    pub(super) fn speed(&self, seconds: f64, lag: f64) -> f64 {
        let sum: f64 = self.waves.iter().map(|wave| wave.at(seconds - lag)).sum();
        (self.mean * (1.0 + sum)).max(0.0)
    }

    /// Where it comes from, in degrees.
    pub(super) fn direction(&self, seconds: f64) -> f64 {
        let sway: f64 = self.waves.iter().take(2).map(|wave| wave.at(seconds / 2.0)).sum();
        (self.bearing + 60.0 * sway).rem_euclid(360.0)
    }
}
