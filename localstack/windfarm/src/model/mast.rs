//! A mast that measures the weather.

use std::f64::consts::TAU;

use crate::random::Random;

/// A met mast.
#[derive(Clone, Debug)]
pub struct Mast {
    /// Its device id.
    pub name: &'static str,
    /// In m/s.
    pub wind_speed: f64,
    /// In degrees.
    pub wind_direction: f64,
    /// In degrees Celsius.
    pub air_temperature: f64,
    /// In hPa.
    pub air_pressure: f64,
    /// In percent.
    pub humidity: f64,
    base_temperature: f64,
}

impl Mast {
    pub(super) fn new(name: &'static str, random: &mut Random) -> Self {
        Self {
            name,
            wind_speed: 0.0,
            wind_direction: 0.0,
            air_temperature: 0.0,
            air_pressure: 0.0,
            humidity: 0.0,
            base_temperature: random.between(4.0, 14.0),
        }
    }

    pub(super) fn observe(&mut self, seconds: f64, speed: f64, direction: f64) {
        let day = (TAU * seconds / 3_600.0).sin();
        self.wind_speed = speed;
        self.wind_direction = direction;
        self.air_temperature = self.base_temperature + 3.0 * day - 0.1 * speed;
        self.air_pressure = 1_013.0 - 0.6 * speed + 4.0 * day;
        self.humidity = (70.0 - 8.0 * day + 0.5 * speed).clamp(20.0, 100.0);
    }
}
