//! A turbine with its gearbox and generator.

use super::approach;
use super::controller::{Controller, Restart};
use crate::random::Random;

/// Below it the rotor does not turn, in m/s.
const CUT_IN: f64 = 3.0;
/// From it on the power is the rated one.
const RATED: f64 = 12.0;
/// Above it the turbine turns itself out of the wind.
const CUT_OUT: f64 = 25.0;
/// Oil at which a turbine stops itself, in degrees Celsius, and at which it starts again.
const OIL_TOO_HOT: f64 = 95.0;
const OIL_COOL_AGAIN: f64 = 70.0;

/// A wind turbine.
#[derive(Clone, Debug)]
pub struct Turbine {
    /// Such as `T01`.
    pub name: String,
    /// Serial number.
    pub serial: String,
    /// Version of its controller.
    pub firmware: &'static str,
    /// In kW.
    pub rated_power: f64,
    /// What it is doing.
    pub state: State,
    /// At the nacelle, in m/s.
    pub wind_speed: f64,
    /// In turns a minute.
    pub rotor_speed: f64,
    /// Angle of the blades, in degrees.
    pub pitch: f64,
    /// Where the nacelle looks, in degrees.
    pub direction: f64,
    /// In kW.
    pub power: f64,
    /// In kWh, since it was built.
    pub energy: f64,
    /// The gearbox.
    pub gearbox: Gearbox,
    /// The generator.
    pub generator: Generator,
    /// What it is told.
    pub controller: Controller,
    top_rotor_speed: f64,
    /// Seconds downwind of the mast.
    lag: f64,
    shelter: f64,
}

/// What a turbine is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Too little wind.
    Idle,
    /// Feeding the grid.
    Running,
    /// Too much wind.
    Storm,
    /// It has stopped itself.
    Stopped,
}

/// A gearbox.
#[derive(Clone, Debug)]
pub struct Gearbox {
    /// Serial number.
    pub serial: String,
    /// Turns of the generator for one of the rotor.
    pub ratio: f64,
    /// In degrees Celsius.
    pub oil_temperature: f64,
    /// In bar.
    pub oil_pressure: f64,
    /// In mm/s.
    pub vibration: f64,
    /// Its cooling has failed.
    pub hot: bool,
}

/// A generator.
#[derive(Clone, Debug)]
pub struct Generator {
    /// Serial number.
    pub serial: String,
    /// In turns a minute.
    pub speed: f64,
    /// In degrees Celsius.
    pub winding_temperature: f64,
    /// In V.
    pub voltage: f64,
}

impl State {
    /// As it is published.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Running => "running",
            Self::Storm => "storm",
            Self::Stopped => "stopped",
        }
    }
}

impl Turbine {
    pub(super) fn new(
        number: usize,
        rated_power: f64,
        top_rotor_speed: f64,
        random: &mut Random,
    ) -> Self {
        let firmware = ["4.1.0", "4.1.2", "4.2.0"];
        let mut serial = |kind: &str| format!("{kind}-{:06}", random.next() % 1_000_000);
        let (own, gearbox, generator) = (serial("WT"), serial("GB"), serial("GE"));
        Self {
            name: format!("T{number:02}"),
            serial: own,
            firmware: firmware.get(number % firmware.len()).copied().unwrap_or_default(),
            rated_power,
            state: State::Idle,
            wind_speed: 0.0,
            rotor_speed: 0.0,
            pitch: 90.0,
            direction: random.between(0.0, 360.0),
            power: 0.0,
            energy: random.between(1.0e6, 9.0e6).floor(),
            gearbox: Gearbox {
                serial: gearbox,
                ratio: (1_500.0 / top_rotor_speed).round(),
                oil_temperature: 45.0,
                oil_pressure: 2.0,
                vibration: 0.4,
                hot: false,
            },
            generator: Generator {
                serial: generator,
                speed: 0.0,
                winding_temperature: 45.0,
                voltage: 690.0,
            },
            controller: Controller::new(),
            top_rotor_speed,
            lag: random.between(0.0, 40.0),
            shelter: random.between(0.85, 1.05),
        }
    }

    pub(super) fn lag(&self) -> f64 {
        self.lag
    }

    pub(super) fn step(&mut self, wind: f64, direction: f64, dt: f64) {
        self.wind_speed = approach(self.wind_speed, wind * self.shelter, 2.0, dt);
        let turn = (direction - self.direction + 540.0).rem_euclid(360.0) - 180.0;
        self.direction = (self.direction + turn * (1.0 - (-dt / 60.0).exp())).rem_euclid(360.0);

        if self.controller.step(dt) == Restart::Asked && self.state == State::Stopped {
            self.state = State::Idle;
        }
        self.state = self.next_state();
        let (rotor_speed, power, pitch) = self.targets();
        self.rotor_speed = approach(self.rotor_speed, rotor_speed, 6.0, dt);
        self.power = approach(self.power, power, 4.0, dt).max(0.0);
        self.pitch = approach(self.pitch, pitch, 3.0, dt);
        self.energy += self.power * dt / 3_600.0;

        let load = self.power / self.rated_power;
        let speed = self.rotor_speed / self.top_rotor_speed;
        self.gearbox.step(load, speed, self.controller.derated, dt);
        self.generator.step(load, self.rotor_speed * self.gearbox.ratio, dt);
    }

    fn next_state(&self) -> State {
        let oil = self.gearbox.oil_temperature;
        if oil >= OIL_TOO_HOT || self.state == State::Stopped && oil >= OIL_COOL_AGAIN {
            State::Stopped
        } else if self.wind_speed > CUT_OUT {
            State::Storm
        } else if self.wind_speed < CUT_IN {
            State::Idle
        } else {
            State::Running
        }
    }

    /// Rotor speed, power and pitch that the present wind would settle at.
    fn targets(&self) -> (f64, f64, f64) {
        if self.state != State::Running {
            return (0.0, 0.0, 90.0);
        }
        let wind = self.wind_speed.min(RATED);
        let cube = |speed: f64| speed.powi(3);
        let power = self.rated_power * (cube(wind) - cube(CUT_IN)) / (cube(RATED) - cube(CUT_IN));
        let rotor_speed = self.top_rotor_speed * (0.4 + 0.6 * (wind - CUT_IN) / (RATED - CUT_IN));
        let pitch = ((self.wind_speed - RATED).max(0.0) * 2.2).max(self.controller.pitch_limit);
        (rotor_speed, power.min(self.rated_power * self.controller.share()), pitch)
    }
}

impl Gearbox {
    /// Without its cooling it gets too hot in any wind, but not at half of the power.
    fn step(&mut self, load: f64, speed: f64, is_derated: bool, dt: f64) {
        let (heat, tau) = match (self.hot, is_derated) {
            (false, _) => (0.0, 90.0),
            (true, false) => (60.0, 15.0),
            (true, true) => (10.0, 15.0),
        };
        self.oil_temperature = approach(self.oil_temperature, 40.0 + 28.0 * load + heat, tau, dt);
        self.oil_pressure = approach(self.oil_pressure, 1.5 + 3.5 * speed, 5.0, dt);
        let wear = if self.hot { 4.0 } else { 0.0 };
        self.vibration = approach(self.vibration, 0.3 + 1.8 * load + wear, 4.0, dt);
    }
}

impl Generator {
    fn step(&mut self, load: f64, speed: f64, dt: f64) {
        self.speed = speed;
        self.winding_temperature = approach(self.winding_temperature, 40.0 + 65.0 * load, 60.0, dt);
        self.voltage = 690.0 - 12.0 * load;
    }
}
