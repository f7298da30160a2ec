//! What the demo can be told.

use std::str::FromStr;
use std::time::Duration;

use windfarm::Spelling;
use windfarm::model::Company;

use crate::story::Plot;

pub(crate) const HELP: &str = "\
cargo demo: wind farms, an MQTT server, the bridge and an emulated SiteWise in one process

Usage: cargo demo [--turbines N] [--rate HZ] [--seed N] [--spelling S] [--for 30s]
                  [--calm | --loop] [--once]

  --turbines N  turbines, shared out among two farms (12)
  --rate HZ     steps of the simulation a second (1)
  --seed N      seed of the simulation: another seed, another plant and weather (7)
  --spelling S  how turbines are published: templates; optimized, which is templates in births
                and flat names in data; flat: no templates, grouped by TWIN_RULES (templates)
  --for 30s     ends after this time
  --calm        no gateway dies; else one loses its network now and then, and returns
  --loop        a gearbox runs hot, a rule in the cloud sees it in SiteWise and starts an AWS IoT
                command, the bridge writes it to the turbine, and the gearbox cools
  --once        ends when every twin is live and prints them all; fails if that takes too long;
                with --loop, ends when the gearbox has cooled, and fails if no command did that

Ctrl-C stops it. RUST_LOG=info shows the bridge's log. The bridge's own variables TWIN_*,
INGEST_*, SPARKPLUG_*, OUTBOX_* and CONSOLE_* work here too: TWIN_NESTED=flatten cargo demo
";

#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) company: Company,
    pub(crate) rate: f64,
    pub(crate) spelling: Spelling,
    pub(crate) duration: Option<Duration>,
    pub(crate) plot: Plot,
    pub(crate) once: bool,
}

impl Arguments {
    /// None if help is asked for.
    pub(crate) fn parse(mut given: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut arguments = Self {
            company: Company::default(),
            rate: 1.0,
            spelling: Spelling::default(),
            duration: None,
            plot: Plot::Eventful,
            once: false,
        };
        while let Some(name) = given.next() {
            let mut value = || given.next().ok_or(format!("{name} needs a value"));
            match name.as_str() {
                "--help" | "-h" => return Ok(None),
                "--calm" => arguments.plot = Plot::Calm,
                "--loop" => arguments.plot = Plot::Loop,
                "--once" => arguments.once = true,
                "--turbines" => arguments.company.turbines = number(&name, &value()?)?,
                "--seed" => arguments.company.seed = number(&name, &value()?)?,
                "--rate" => arguments.rate = number(&name, &value()?)?,
                "--spelling" => arguments.spelling = value()?.parse()?,
                "--for" => arguments.duration = Some(duration(&value()?)?),
                other => return Err(format!("there is no {other}")),
            }
        }
        if !(1..=4_000).contains(&arguments.company.turbines) {
            return Err("--turbines must be from 1 to 4000".to_owned());
        }
        if !(0.001..=1_000.0).contains(&arguments.rate) {
            return Err("--rate must be from 0.001 to 1000".to_owned());
        }
        Ok(Some(arguments))
    }
}

fn number<T: FromStr>(name: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("{name} needs a number, not {value:?}"))
}

fn duration(value: &str) -> Result<Duration, String> {
    let factor = |unit| match unit {
        "s" | "" => Some(1),
        "m" => Some(60),
        "h" => Some(3_600),
        _ => None,
    };
    let end = value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len());
    value
        .split_at_checked(end)
        .and_then(|(number, unit)| number.parse::<u64>().ok()?.checked_mul(factor(unit)?))
        .map(Duration::from_secs)
        .ok_or_else(|| format!("--for needs a time like 30s or 5m, not {value:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Option<Arguments>, String> {
        Arguments::parse(text.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn arguments_are_understood() {
        let given = "--turbines 3 --rate 2.5 --seed 1 --spelling flat --for 2m --calm --once";
        let arguments = parse(given).unwrap().unwrap();
        assert_eq!(arguments.spelling, Spelling::Flat);
        assert_eq!(arguments.company, Company { turbines: 3, seed: 1 });
        assert_eq!(arguments.duration, Some(Duration::from_secs(120)));
        assert_eq!(arguments.plot, Plot::Calm);
        assert!(arguments.once);
        assert_eq!(parse("--loop --once").unwrap().unwrap().plot, Plot::Loop);
        assert!(parse("--once --help").unwrap().is_none());
        for wrong in [
            "--turbines",
            "--turbines 0",
            "--rate 0",
            "--rate x",
            "--for 3d",
            "--fast",
            "--spelling x",
            "x",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
