//! What is measured of each thing: name, unit, range, and how far it must move to be reported.

use sparkwise::sparkplug::edge::{Metric, Typed};

use crate::model::{Farm, Gearbox, Generator, Mast, State, Turbine};

/// A measured quantity of a `T`.
pub(crate) struct Signal<T> {
    pub(crate) name: &'static str,
    unit: &'static str,
    range: Option<(f64, f64)>,
    /// Changes below it are not reported.
    deadband: f64,
    read: fn(&T) -> Reading,
}

/// A measured value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Reading {
    Float(f32),
    Double(f64),
    Counter(u64),
    Number(i32),
    Text(&'static str),
    Flag(bool),
}

impl<T> Signal<T> {
    const fn new(
        name: &'static str,
        unit: &'static str,
        deadband: f64,
        read: fn(&T) -> Reading,
    ) -> Self {
        Self { name, unit, range: None, deadband, read }
    }

    const fn range(mut self, low: f64, high: f64) -> Self {
        self.range = Some((low, high));
        self
    }

    pub(crate) fn read(&self, of: &T) -> Reading {
        (self.read)(of)
    }

    /// Whether a change from `before` to `after` is worth a message.
    pub(crate) fn has_moved(&self, before: Reading, after: Reading) -> bool {
        match (before.number(), after.number()) {
            (Some(before), Some(after)) => (after - before).abs() >= self.deadband,
            _ => before != after,
        }
    }

    /// As data: name and value.
    pub(crate) fn metric(&self, reading: Reading) -> Metric {
        Metric::new(self.name, reading.typed())
    }

    /// As births describe it: with unit and range.
    pub(crate) fn described(&self, reading: Reading) -> Metric {
        let mut metric = self.metric(reading);
        if !self.unit.is_empty() {
            metric = metric.property("engUnit", self.unit);
        }
        if let Some((low, high)) = self.range {
            metric = metric.property("engLow", low).property("engHigh", high);
        }
        metric
    }

    /// As a definition describes it: with the value that means nothing yet.
    pub(crate) fn defined(&self, like: &T) -> Metric {
        self.described(self.read(like).zero())
    }
}

impl Reading {
    fn number(self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(value.into()),
            Self::Double(value) => Some(value),
            Self::Counter(value) => Some(value as f64),
            Self::Number(value) => Some(value.into()),
            Self::Text(_) | Self::Flag(_) => None,
        }
    }

    fn zero(self) -> Self {
        match self {
            Self::Float(_) => Self::Float(0.0),
            Self::Double(_) => Self::Double(0.0),
            Self::Counter(_) => Self::Counter(0),
            Self::Number(_) => Self::Number(0),
            Self::Text(_) => Self::Text(""),
            Self::Flag(_) => Self::Flag(false),
        }
    }

    fn typed(self) -> Typed {
        match self {
            Self::Float(value) => value.into(),
            Self::Double(value) => value.into(),
            Self::Counter(value) => value.into(),
            Self::Number(value) => value.into(),
            Self::Text(value) => value.into(),
            Self::Flag(value) => value.into(),
        }
    }
}

fn float(value: f64) -> Reading {
    Reading::Float(value as f32)
}

/// Rounded: a meter shows no more.
fn double(value: f64) -> Reading {
    Reading::Double((value * 1_000.0).round() / 1_000.0)
}

/// What a turbine can be told.
pub(crate) const PITCH_LIMIT: &str = "Pitch Limit";
pub(crate) const DERATE: &str = "Derate";
pub(crate) const RESET: &str = "Reset";

pub(crate) const TURBINE: [Signal<Turbine>; 11] = [
    Signal::new("State", "", 0.0, |turbine: &Turbine| Reading::Text(turbine.state.as_str())),
    Signal::new("Alarm", "", 0.0, |turbine: &Turbine| {
        Reading::Flag(turbine.state == State::Stopped)
    }),
    Signal::new("Power", "kW", 5.0, |turbine: &Turbine| double(turbine.power)).range(0.0, 8_000.0),
    Signal::new("Energy", "kWh", 1.0, |turbine: &Turbine| Reading::Counter(turbine.energy as u64)),
    Signal::new("Wind Speed", "m/s", 0.1, |turbine: &Turbine| float(turbine.wind_speed))
        .range(0.0, 40.0),
    Signal::new("Rotor Speed", "rpm", 0.05, |turbine: &Turbine| float(turbine.rotor_speed))
        .range(0.0, 18.0),
    Signal::new("Pitch", "°", 0.2, |turbine: &Turbine| float(turbine.pitch)).range(0.0, 90.0),
    Signal::new("Direction", "°", 1.0, |turbine: &Turbine| float(turbine.direction))
        .range(0.0, 360.0),
    Signal::new(PITCH_LIMIT, "°", 0.001, |turbine: &Turbine| {
        double(turbine.controller.pitch_limit)
    })
    .range(0.0, 90.0),
    Signal::new(DERATE, "", 0.0, |turbine: &Turbine| Reading::Flag(turbine.controller.derated)),
    // A button: it does not stay pressed.
    Signal::new(RESET, "", 0.0, |_: &Turbine| Reading::Flag(false)),
];

pub(crate) const GEARBOX: [Signal<Gearbox>; 3] = [
    Signal::new("Oil Temperature", "°C", 0.1, |gearbox: &Gearbox| double(gearbox.oil_temperature))
        .range(10.0, 80.0),
    Signal::new("Oil Pressure", "bar", 0.05, |gearbox: &Gearbox| double(gearbox.oil_pressure))
        .range(1.0, 6.0),
    Signal::new("Vibration", "mm/s", 0.05, |gearbox: &Gearbox| float(gearbox.vibration))
        .range(0.0, 4.5),
];

pub(crate) const GENERATOR: [Signal<Generator>; 3] = [
    Signal::new("Speed", "rpm", 5.0, |generator: &Generator| float(generator.speed))
        .range(0.0, 1_800.0),
    Signal::new("Winding Temperature", "°C", 0.1, |generator: &Generator| {
        double(generator.winding_temperature)
    })
    .range(10.0, 130.0),
    Signal::new("Voltage", "V", 0.5, |generator: &Generator| double(generator.voltage))
        .range(660.0, 720.0),
];

pub(crate) const MAST: [Signal<Mast>; 5] = [
    Signal::new("Wind Speed", "m/s", 0.1, |mast: &Mast| float(mast.wind_speed)).range(0.0, 40.0),
    Signal::new("Wind Direction", "°", 1.0, |mast: &Mast| float(mast.wind_direction))
        .range(0.0, 360.0),
    Signal::new("Air Temperature", "°C", 0.1, |mast: &Mast| double(mast.air_temperature)),
    Signal::new("Air Pressure", "hPa", 0.2, |mast: &Mast| double(mast.air_pressure)),
    Signal::new("Humidity", "%", 0.5, |mast: &Mast| double(mast.humidity)).range(0.0, 100.0),
];

pub(crate) const FARM: [Signal<Farm>; 2] = [
    Signal::new("Power", "kW", 10.0, |farm: &Farm| double(farm.power())),
    Signal::new("Turbines Running", "", 1.0, |farm: &Farm| {
        let running = farm.turbines().filter(|turbine| turbine.state == State::Running).count();
        Reading::Number(i32::try_from(running).unwrap_or(i32::MAX))
    }),
];
