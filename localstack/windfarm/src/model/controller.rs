//! What a turbine's controller is told, and what it makes of that.

/// The least angle of the blades that may be asked for, and the greatest, in degrees.
const PITCH: std::ops::RangeInclusive<f64> = 0.0..=90.0;
/// From an order until it holds, in seconds.
const LAG: f64 = 1.0;
/// The part of the rated power that a derated turbine feeds at most.
const DERATED: f64 = 0.5;

/// What a turbine can be told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Order {
    /// The blades turn no further into the wind than to this angle, in degrees: 0 is no limit, at
    /// 90 there is no power.
    PitchLimit(f64),
    /// Whether it feeds half of its rated power at most.
    Derate(bool),
    /// A turbine that has stopped itself starts again, if its oil is no longer too hot.
    Reset,
}

/// Whether a controller does what it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obedience {
    /// It does, where the machine allows it.
    Obeys,
    /// It takes no order, and says nothing of it.
    Ignores,
}

/// The controller of a turbine.
#[derive(Clone, Debug)]
pub struct Controller {
    /// In degrees.
    pub pitch_limit: f64,
    /// Whether the turbine feeds half of its rated power at most.
    pub derated: bool,
    /// Whether it does what it is told.
    pub obedience: Obedience,
    /// Orders with the seconds until each holds; one of a kind.
    pending: Vec<(f64, Order)>,
}

/// Whether a turbine that has stopped itself may start again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Restart {
    Waits,
    Asked,
}

impl Order {
    fn is_like(self, other: Self) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }
}

impl Controller {
    pub(super) const fn new() -> Self {
        let (pitch_limit, derated, obedience) = (0.0, false, Obedience::Obeys);
        Self { pitch_limit, derated, obedience, pending: Vec::new() }
    }

    /// Takes an order, which holds a second later. False if the machine does not allow it, or does
    /// not obey. The last one of a kind counts.
    pub fn take(&mut self, order: Order) -> bool {
        let is_possible = match order {
            Order::PitchLimit(angle) => PITCH.contains(&angle),
            Order::Derate(_) | Order::Reset => true,
        };
        if !is_possible || self.obedience == Obedience::Ignores {
            return false;
        }
        self.pending.retain(|(_, other)| !other.is_like(order));
        self.pending.push((LAG, order));
        true
    }

    /// `dt` seconds pass.
    pub(super) fn step(&mut self, dt: f64) -> Restart {
        let mut restart = Restart::Waits;
        let (limit, derated) = (&mut self.pitch_limit, &mut self.derated);
        self.pending.retain_mut(|(left, order)| {
            *left -= dt;
            if *left > 0.0 {
                return true;
            }
            match *order {
                Order::PitchLimit(angle) => *limit = angle,
                Order::Derate(is_derated) => *derated = is_derated,
                Order::Reset => restart = Restart::Asked,
            }
            false
        });
        restart
    }

    /// The part of the rated power that may be fed.
    pub(super) fn share(&self) -> f64 {
        let by_pitch = 1.0 - self.pitch_limit / PITCH.end();
        if self.derated { by_pitch.min(DERATED) } else { by_pitch }
    }
}
