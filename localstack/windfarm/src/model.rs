//! The company, pure: wind, turbines, masts. Time passes only by `step`.

mod controller;
mod farm;
mod mast;
mod turbine;
mod wind;

pub use controller::{Controller, Obedience, Order};
pub use farm::{Farm, Row};
pub use mast::Mast;
pub use turbine::{Gearbox, Generator, State, Turbine};

use crate::random::Random;

/// What the company owns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Company {
    /// Turbines, shared out among the farms.
    pub turbines: usize,
    /// Seed of everything that looks random.
    pub seed: u64,
}

impl Default for Company {
    fn default() -> Self {
        Self { turbines: 12, seed: 7 }
    }
}

impl Company {
    /// The two farms as they stand at time zero. Turbines and rows are numbered through.
    pub fn farms(&self) -> Vec<Farm> {
        let mut random = Random::new(self.seed);
        let at_sea = self.turbines.div_ceil(2);
        let sites = [
            farm::Site {
                group: "Nordsee",
                node: "Gateway Nord",
                mast: "Met Mast Nordsee",
                mean_wind: 9.5,
                rated_power: 8_000.0,
                rotor_speed: 12.0,
            },
            farm::Site {
                group: "Alpen",
                node: "Gateway Süd",
                mast: "Met Mast Alpen",
                mean_wind: 7.5,
                rated_power: 3_000.0,
                rotor_speed: 16.0,
            },
        ];
        let counts = [at_sea, self.turbines - at_sea];
        let mut numbered = farm::Numbers::default();
        sites
            .into_iter()
            .zip(counts)
            .filter(|(_, count)| *count > 0)
            .map(|(site, count)| Farm::new(&site, count, &mut numbered, random.next()))
            .collect()
    }
}

/// Moves `value` towards `target` with the time constant `tau`, both in seconds.
fn approach(value: f64, target: f64, tau: f64, dt: f64) -> f64 {
    target + (value - target) * (-dt / tau).exp()
}

#[cfg(test)]
mod tests;
