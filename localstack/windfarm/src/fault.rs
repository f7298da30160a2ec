//! What can go wrong at the plant, by name.

use std::fmt;
use std::str::FromStr;

/// Something that goes wrong. It befalls the first farm, or its first turbine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A gearbox loses its cooling.
    HotGearbox,
    /// A gateway loses its network.
    LostGateway,
    /// A gateway's clock is wrong.
    WrongClock,
    /// A gateway speaks without a birth, and does not answer.
    NoBirth,
    /// Two gateways go by one id.
    TwoSenders,
    /// A turbine does not do what it is told.
    DeafTurbine,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::HotGearbox,
        Self::LostGateway,
        Self::WrongClock,
        Self::NoBirth,
        Self::TwoSenders,
        Self::DeafTurbine,
    ];

    /// As it is named on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HotGearbox => "hot-gearbox",
            Self::LostGateway => "lost-gateway",
            Self::WrongClock => "wrong-clock",
            Self::NoBirth => "no-birth",
            Self::TwoSenders => "two-senders",
            Self::DeafTurbine => "deaf-turbine",
        }
    }

    /// What happens then.
    pub const fn words(self) -> &'static str {
        match self {
            Self::HotGearbox => {
                "T01's gearbox loses its cooling: the oil heats up until the turbine stops itself"
            }
            Self::LostGateway => "Gateway Nord loses its network, without a death",
            Self::WrongClock => "Gateway Nord's clock is an hour ahead",
            Self::NoBirth => "Gateway Nord restarts without births, and ignores requests for them",
            Self::TwoSenders => "another gateway publishes under Gateway Nord's id as well",
            Self::DeafTurbine => "T01 ignores commands",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|fault| fault.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("--fault is one of {names}, not {text:?}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_is_found_by_its_name_and_described() {
        let page = include_str!("../README.md");
        for fault in Fault::ALL {
            assert_eq!(fault.to_string().parse(), Ok(fault));
            assert!(page.contains(&format!("| `{fault}` | {} |", fault.words())), "{fault}");
        }
        assert!("earthquake".parse::<Fault>().unwrap_err().contains("lost-gateway"));
    }
}
