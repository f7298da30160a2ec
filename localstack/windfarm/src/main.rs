//! The wind farms alone, against any MQTT server.

use std::process::ExitCode;

use sparkwise::config::{Scheme, ServerUrl};
use tokio::signal::unix::{SignalKind, signal};
use windfarm::model::Company;
use windfarm::{Fleet, Spelling};

const HELP: &str = "\
windfarm: wind farms that speak Sparkplug B, for any MQTT server

Usage: windfarm [mqtt://HOST:PORT] [--turbines N] [--rate HZ] [--seed N] [--spelling S]

  mqtt://HOST:PORT  the server; else that of MQTT_URL, else mqtt://127.0.0.1:1883
  --turbines N      turbines, shared out among two farms (12)
  --rate HZ         steps of the simulation a second (1)
  --seed N          another plant, another weather (7)
  --spelling S      templates; optimized: flat names in data; flat: everywhere (templates)

Each farm is an edge node with a connection of its own. Ctrl-C ends them in order.
";

struct Arguments {
    url: ServerUrl,
    company: Company,
    rate: f64,
    spelling: Spelling,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = match parse(std::env::args().skip(1)) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            print(HELP);
            return ExitCode::SUCCESS;
        }
        Err(reason) => {
            complain(&format!("windfarm: {reason}\n\n{HELP}"));
            return ExitCode::from(64);
        }
    };
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let Arguments { url, company, rate, spelling } = arguments;
    let fleet = Fleet::start_spelled(&company, &url, rate, spelling);
    asked_to_end().await;
    fleet.stop().await;
    ExitCode::SUCCESS
}

/// None if help is asked for.
fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Option<Arguments>, String> {
    let mut company = Company::default();
    let mut rate = 1.0;
    let mut spelling = Spelling::default();
    let mut url = std::env::var("MQTT_URL").unwrap_or_else(|_| "mqtt://127.0.0.1:1883".to_owned());
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--help" | "-h" => return Ok(None),
            "--turbines" => company.turbines = number(&argument, &value()?)?,
            "--seed" => company.seed = number(&argument, &value()?)?,
            "--rate" => rate = number(&argument, &value()?)?,
            "--spelling" => spelling = value()?.parse()?,
            other if other.starts_with('-') => return Err(format!("there is no {other}")),
            server => url = server.to_owned(),
        }
    }
    if !(0.001..=1_000.0).contains(&rate) {
        return Err("--rate must be from 0.001 to 1000".to_owned());
    }
    let url: ServerUrl = url.parse().map_err(|reason| format!("the server's address {reason}"))?;
    if url.scheme != Scheme::Mqtt {
        return Err("only mqtt:// is spoken here".to_owned());
    }
    Ok(Some(Arguments { url, company, rate, spelling }))
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("{name} needs a number, not {value:?}"))
}

async fn asked_to_end() {
    match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        (Ok(mut terminate), Ok(mut interrupt)) => tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        },
        // Without handlers the signals end the process by themselves.
        _ => std::future::pending().await,
    }
}

#[expect(clippy::print_stdout, reason = "what was asked for")]
fn print(text: &str) {
    print!("{text}");
}

#[expect(clippy::print_stderr, reason = "for whoever called it")]
fn complain(text: &str) {
    eprint!("{text}");
}
