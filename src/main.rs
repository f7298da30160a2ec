//! The process: environment, telemetry, run, exit code.

use std::process::ExitCode;

use sparkwise::cli::{self, Command};
use sparkwise::config::{self, Config, Environment};
use sparkwise::console::probe;
use sparkwise::{app, telemetry};
use tokio::signal::unix::{SignalKind, signal};

/// EX_USAGE of sysexits.h: the environment is wrong, and starting again will not help.
const WRONG_ENVIRONMENT: u8 = 64;

fn main() -> ExitCode {
    match cli::parse(std::env::args_os().skip(1)) {
        Ok(Command::Run) => start(),
        Ok(Command::Healthcheck) => healthcheck(),
        Ok(Command::Help) => {
            print(&cli::help());
            ExitCode::SUCCESS
        }
        Ok(Command::Version) => {
            print(&format!("sparkwise {}\n", env!("CARGO_PKG_VERSION")));
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain(&format!("sparkwise: {error}: see sparkwise --help"));
            ExitCode::from(WRONG_ENVIRONMENT)
        }
    }
}

/// Whether the bridge that runs beside with the same environment lives.
fn healthcheck() -> ExitCode {
    let asked = match config::Console::load(&Environment) {
        Ok(console) => probe::ask(console.addr).map_err(|error| error.to_string()),
        Err(faults) => Err(faults.to_string()),
    };
    match asked {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            complain(&format!("sparkwise healthcheck: {reason}"));
            ExitCode::FAILURE
        }
    }
}

fn start() -> ExitCode {
    let config = match Config::load(&Environment) {
        Ok(config) => config,
        Err(faults) => {
            complain(&faults.to_string());
            return ExitCode::from(WRONG_ENVIRONMENT);
        }
    };
    if let Err(error) = telemetry::init(&config.process) {
        complain(&error.to_string());
        return ExitCode::from(WRONG_ENVIRONMENT);
    }
    telemetry::announce(&config);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("sparkwise: no runtime: {error}"));
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(app::run(config, signalled())) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "ended by a failure: {error}");
            ExitCode::FAILURE
        }
    }
}

/// SIGTERM, as ECS and Docker send it, or SIGINT.
async fn signalled() {
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

#[expect(clippy::print_stderr, reason = "there is no log yet")]
fn complain(text: &str) {
    eprintln!("{text}");
}
