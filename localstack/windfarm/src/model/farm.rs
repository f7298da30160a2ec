//! A farm: turbines in rows, a mast, and the wind over both.

use super::controller::{Obedience, Order};
use super::mast::Mast;
use super::turbine::Turbine;
use super::wind::Wind;
use crate::random::Random;

/// Turbines that share a controller.
const ROW: usize = 3;
/// Seconds of wind before time zero, so that nothing starts from standstill.
const RUN_UP: usize = 300;

/// A wind farm.
#[derive(Clone, Debug)]
pub struct Farm {
    /// Its Sparkplug group.
    pub group: &'static str,
    /// Its edge node.
    pub node: &'static str,
    /// Its turbines.
    pub rows: Vec<Row>,
    /// Its mast.
    pub mast: Mast,
    wind: Wind,
    seconds: f64,
}

/// Turbines behind one controller: a Sparkplug device.
#[derive(Clone, Debug)]
pub struct Row {
    /// Such as `Row 1`.
    pub name: String,
    /// Its turbines.
    pub turbines: Vec<Turbine>,
}

/// Where a farm is and what stands there.
pub(super) struct Site {
    pub(super) group: &'static str,
    pub(super) node: &'static str,
    pub(super) mast: &'static str,
    pub(super) mean_wind: f64,
    pub(super) rated_power: f64,
    pub(super) rotor_speed: f64,
}

/// Numbers already given.
#[derive(Default)]
pub(super) struct Numbers {
    turbines: usize,
    rows: usize,
}

impl Farm {
    pub(super) fn new(site: &Site, turbines: usize, given: &mut Numbers, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let wind = Wind::new(site.mean_wind, &mut random);
        let mast = Mast::new(site.mast, &mut random);
        let mut rows = Vec::new();
        for first in (0..turbines).step_by(ROW) {
            given.rows += 1;
            let turbines = (first..turbines.min(first + ROW))
                .map(|_| {
                    given.turbines += 1;
                    Turbine::new(given.turbines, site.rated_power, site.rotor_speed, &mut random)
                })
                .collect();
            rows.push(Row { name: format!("Row {}", given.rows), turbines });
        }
        let mut farm = Self {
            group: site.group,
            node: site.node,
            rows,
            mast,
            wind,
            seconds: -(RUN_UP as f64),
        };
        for _ in 0..RUN_UP {
            farm.step(1.0);
        }
        farm
    }

    /// `dt` seconds pass.
    pub fn step(&mut self, dt: f64) {
        self.seconds += dt;
        let direction = self.wind.direction(self.seconds);
        self.mast.observe(self.seconds, self.wind.speed(self.seconds, 0.0), direction);
        for turbine in self.rows.iter_mut().flat_map(|row| &mut row.turbines) {
            let wind = self.wind.speed(self.seconds, turbine.lag());
            turbine.step(wind, direction, dt);
        }
    }

    /// All turbines.
    pub fn turbines(&self) -> impl Iterator<Item = &Turbine> {
        self.rows.iter().flat_map(|row| &row.turbines)
    }

    /// What all turbines feed, in kW.
    pub fn power(&self) -> f64 {
        self.turbines().map(|turbine| turbine.power).sum()
    }

    /// Breaks or repairs the cooling of a turbine's gearbox. False if there is no such turbine.
    pub fn set_gearbox_hot(&mut self, turbine: &str, hot: bool) -> bool {
        self.turbine(turbine).map(|turbine| turbine.gearbox.hot = hot).is_some()
    }

    /// Lets a turbine's controller obey or not. False if there is no such turbine.
    pub fn set_obedience(&mut self, turbine: &str, obedience: Obedience) -> bool {
        self.turbine(turbine).map(|turbine| turbine.controller.obedience = obedience).is_some()
    }

    /// Tells a turbine of a row something. False if there is no such turbine there, or if it does
    /// not take the order.
    pub fn tell(&mut self, row: &str, turbine: &str, order: Order) -> bool {
        let rows = self.rows.iter_mut().filter(|candidate| candidate.name == row);
        let mut turbines = rows.flat_map(|row| &mut row.turbines);
        turbines
            .find(|candidate| candidate.name == turbine)
            .is_some_and(|turbine| turbine.controller.take(order))
    }

    fn turbine(&mut self, name: &str) -> Option<&mut Turbine> {
        let mut turbines = self.rows.iter_mut().flat_map(|row| &mut row.turbines);
        turbines.find(|candidate| candidate.name == name)
    }
}
