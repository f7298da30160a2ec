//! The wind farms alone, against any MQTT server.

use std::process::ExitCode;
use std::time::Duration;

use sparkwise::config::{Scheme, ServerUrl};
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;
use windfarm::model::Company;
use windfarm::{Fault, Fleet, Spelling};

const HELP: &str = "\
windfarm: wind farms that speak Sparkplug B, for any MQTT server

Usage: windfarm [mqtt://HOST:PORT] [--turbines N] [--rate HZ] [--seed N] [--spelling S]
                [--fault NAME]... [--after SECONDS]

  mqtt://HOST:PORT  the server; else that of MQTT_URL, else mqtt://127.0.0.1:1883
  --turbines N      turbines, shared out among two farms (12)
  --rate HZ         steps of the simulation a second (1)
  --seed N          another plant, another weather (7)
  --spelling S      templates; optimized: flat names in data; flat: everywhere (templates)
  --fault NAME      lets something go wrong, as below; may be given several times
  --after SECONDS   how long all is well before that (10)

Faults:
";

const LAST: &str = "
Each farm is an edge node with a connection of its own. Ctrl-C ends them in order.
";

struct Arguments {
    url: ServerUrl,
    company: Company,
    rate: f64,
    spelling: Spelling,
    faults: Vec<Fault>,
    after: Duration,
}

fn help() -> String {
    let faults = Fault::ALL.map(|fault| format!("  {:<16}  {}\n", fault.name(), fault.words()));
    format!("{HELP}{}{LAST}", faults.concat())
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = match parse(std::env::args().skip(1)) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            print(&help());
            return ExitCode::SUCCESS;
        }
        Err(reason) => {
            complain(&format!("windfarm: {reason}\n\n{}", help()));
            return ExitCode::from(64);
        }
    };
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let Arguments { url, company, rate, spelling, faults, after } = arguments;
    let mut fleet = Fleet::start_spelled(&company, &url, rate, spelling);
    let provoked = async {
        tokio::time::sleep(after).await;
        for fault in faults {
            info!("{fault}: {}", fault.words());
            fleet.provoke(fault).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = provoked => {}
        () = asked_to_end() => {}
    }
    fleet.stop().await;
    ExitCode::SUCCESS
}

/// None if help is asked for.
fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Option<Arguments>, String> {
    let mut company = Company::default();
    let mut rate = 1.0;
    let mut spelling = Spelling::default();
    let mut faults = Vec::new();
    let mut after = Duration::from_secs(10);
    let mut url = std::env::var("MQTT_URL").unwrap_or_else(|_| "mqtt://127.0.0.1:1883".to_owned());
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--help" | "-h" => return Ok(None),
            "--turbines" => company.turbines = number(&argument, &value()?)?,
            "--seed" => company.seed = number(&argument, &value()?)?,
            "--rate" => rate = number(&argument, &value()?)?,
            "--spelling" => spelling = value()?.parse()?,
            "--fault" => faults.push(value()?.parse()?),
            "--after" => after = Duration::from_secs(number::<u32>(&argument, &value()?)?.into()),
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
    Ok(Some(Arguments { url, company, rate, spelling, faults, after }))
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
