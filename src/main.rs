//! The process: configuration, telemetry, run, exit code.

use std::io::Write;
use std::process::ExitCode;

use sparkwise::cli::status::Health;
use sparkwise::cli::write::WriteOutcome;
use sparkwise::cli::{self, Command};
use sparkwise::config::{self, Config, Environment, VariableSource};
use sparkwise::console::probe;
use sparkwise::{app, doctor, mqtt, preview, telemetry};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

/// EX_USAGE of sysexits.h: arguments or configuration are invalid, and a restart will not help.
const USAGE: u8 = 64;
/// Exit code of `sparkwise plan` if the bridge would change something.
const SOMETHING_CHANGES: u8 = 2;
/// Exit code of `sparkwise outbox check` if something is damaged.
const DAMAGED: u8 = 2;
/// Exit code of `sparkwise write` if there is no answer.
const UNANSWERED: u8 = 2;
/// Exit code of `sparkwise status` if the bridge works and something is wrong.
const DEGRADED: u8 = 2;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let help = cli::help_command(&arguments);
    match cli::parse(arguments) {
        Ok(Command::Run) => start(),
        Ok(Command::Plan(options)) => plan(&options),
        Ok(Command::Doctor(options)) => doctor(options),
        Ok(Command::DeadLetters(command)) => dead_letters(&command),
        Ok(Command::Outbox(command)) => outbox(command),
        Ok(Command::Write(command)) => write(&command),
        Ok(Command::Commands(command)) => commands(command),
        Ok(Command::Dashboards(command)) => dashboards(&command),
        Ok(Command::Healthcheck) => healthcheck(),
        Ok(Command::Status(command)) => status(command),
        Ok(Command::Help(page)) => {
            print(&cli::page(page));
            ExitCode::SUCCESS
        }
        Ok(Command::Version) => {
            print(&format!("sparkwise {}\n", env!("CARGO_PKG_VERSION")));
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain(&format!("sparkwise: {error}: see {help}"));
            ExitCode::from(USAGE)
        }
    }
}

fn dead_letters(command: &cli::dead_letters::Command) -> ExitCode {
    let outbox = Environment.get("OUTBOX_DIR").ok().flatten();
    let console = match config::Console::load(&Environment) {
        Ok(console) => Some(console),
        // With a folder, or to change something, it is not needed.
        Err(_)
            if outbox.as_ref().is_some_and(|folder| !folder.trim().is_empty())
                || !command.asks_console() =>
        {
            None
        }
        Err(faults) => {
            complain(&faults.to_string());
            return ExitCode::from(USAGE);
        }
    };
    match cli::dead_letters::run(command, outbox.as_deref(), console.as_ref()) {
        Ok(text) => {
            print(&text);
            ExitCode::SUCCESS
        }
        Err(reason) => {
            complain(&format!("sparkwise dead-letters: {reason}"));
            ExitCode::FAILURE
        }
    }
}

fn outbox(command: cli::outbox::Command) -> ExitCode {
    let outbox = Environment.get("OUTBOX_DIR").ok().flatten();
    match cli::outbox::run(command, outbox.as_deref()) {
        Ok(outcome) => {
            print(&outcome.text);
            if outcome.is_well { ExitCode::SUCCESS } else { ExitCode::from(DAMAGED) }
        }
        Err(reason) => {
            complain(&format!("sparkwise outbox: {reason}"));
            ExitCode::FAILURE
        }
    }
}

/// One request to the bridge that runs with the same environment.
fn write(command: &cli::write::Command) -> ExitCode {
    let request = match command {
        cli::write::Command::Help => {
            print(cli::write::HELP);
            return ExitCode::SUCCESS;
        }
        cli::write::Command::Send(request) => request,
    };
    let (config, runtime) = match load_without_log() {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    match runtime.block_on(async { Box::pin(cli::write::run(request, &config)).await }) {
        Ok(cli::write::Written { text, remark, outcome }) => {
            print(&text);
            if let Some(remark) = remark {
                complain(&format!("sparkwise write: {remark}"));
            }
            match outcome {
                WriteOutcome::Succeeded => ExitCode::SUCCESS,
                WriteOutcome::NotSucceeded => ExitCode::FAILURE,
                WriteOutcome::Unanswered => ExitCode::from(UNANSWERED),
            }
        }
        Err(reason) => {
            complain(&format!("sparkwise write: {reason}"));
            ExitCode::FAILURE
        }
    }
}

/// What may be written, for CloudFormation.
fn commands(command: cli::commands::Command) -> ExitCode {
    let allow = Environment.get("COMMANDS_ALLOW").ok().flatten();
    match cli::commands::run(command, allow.as_deref()) {
        Ok(printed) => {
            print(&printed.text);
            printed.remarks.iter().for_each(|remark| complain(remark));
            ExitCode::SUCCESS
        }
        Err(reason) => {
            complain(&format!("sparkwise commands: {reason}"));
            ExitCode::from(USAGE)
        }
    }
}

/// Checks whether the bridge that runs with the same configuration is alive.
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

/// Prints the status of the bridge that runs with the same configuration.
fn status(command: cli::status::Command) -> ExitCode {
    let console = match config::Console::load(&Environment) {
        Ok(console) => console,
        Err(faults) => {
            complain(&faults.to_string());
            return ExitCode::from(USAGE);
        }
    };
    match cli::status::run(command, &console) {
        Ok(outcome) => {
            print(&outcome.text);
            match outcome.health {
                Health::Ready => ExitCode::SUCCESS,
                Health::Degraded => ExitCode::from(DEGRADED),
                Health::NotReady => ExitCode::FAILURE,
            }
        }
        Err(reason) => {
            complain(&format!("sparkwise status: {reason}"));
            ExitCode::FAILURE
        }
    }
}

fn start() -> ExitCode {
    let (config, runtime) = match load_with_log(&Environment) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    let run = async { Box::pin(app::run(config, signalled(1), signalled(2))).await };
    match runtime.block_on(run) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "stopped by a failure: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether what the environment names can be used.
fn doctor(options: doctor::Options) -> ExitCode {
    let (config, runtime) = match load_without_log() {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    // Checks take a while: each is printed as soon as it is known.
    let tell = |progress: doctor::Progress<'_>| match progress {
        doctor::Progress::Known(check) if !options.json => print(&format!("{check}\n")),
        doctor::Progress::Known(_) => {}
        doctor::Progress::Waiting(of, since) => {
            complain(&format!("waiting for {of} ({} s)", since.as_secs()));
        }
    };
    let report = runtime.block_on(async { Box::pin(doctor::run(&config, options, tell)).await });
    match options.json {
        true => print(&(report.json() + "\n")),
        false => print(&report.summary()),
    }
    if report.is_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What every command needs that reads births: from captures, a server is not.
fn begin_reading(from: &preview::PlanSource) -> Result<(Config, Runtime), ExitCode> {
    match from {
        preview::PlanSource::Plant { .. } => load_with_log(&Environment),
        preview::PlanSource::Captures(_) | preview::PlanSource::Account => {
            load_with_log(&preview::WithoutServer(Environment))
        }
    }
}

/// Grafana dashboards of what births describe.
fn dashboards(command: &cli::dashboards::Command) -> ExitCode {
    let (out, from, forget) = match command {
        cli::dashboards::Command::Help => {
            print(cli::dashboards::HELP);
            return ExitCode::SUCCESS;
        }
        cli::dashboards::Command::Write { out, from, forget } => (out, from, *forget),
    };
    let (config, runtime) = match begin_reading(from) {
        Ok(begun) => begun,
        Err(code) => return code,
    };
    let described =
        runtime.block_on(async { Box::pin(preview::plant(&config, from, forget)).await });
    let described = described.map_err(|error| error.to_string());
    match described.and_then(|described| cli::dashboards::write(out, described, forget)) {
        Ok(text) => {
            print(&text);
            ExitCode::SUCCESS
        }
        Err(reason) => {
            complain(&format!("sparkwise dashboards: {reason}"));
            ExitCode::FAILURE
        }
    }
}

fn plan(options: &preview::PlanOptions) -> ExitCode {
    let (config, runtime) = match begin_reading(&options.from) {
        Ok(begun) => begun,
        Err(code) => return code,
    };
    match runtime.block_on(preview::against_aws(&config, options)) {
        Ok(report) => {
            print(&if options.json { report.json() + "\n" } else { report.to_string() });
            if report.changes() { ExitCode::from(SOMETHING_CHANGES) } else { ExitCode::SUCCESS }
        }
        Err(error) => {
            complain(&format!("sparkwise: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Validated configuration and a runtime, without a log.
fn load_without_log() -> Result<(Config, Runtime), ExitCode> {
    let config = Config::load(&Environment).map_err(|faults| {
        complain(&faults.to_string());
        ExitCode::from(USAGE)
    })?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        complain(&format!("sparkwise: cannot start the runtime: {error}"));
        ExitCode::FAILURE
    })?;
    Ok((config, runtime))
}

/// Validated configuration and a runtime, with the log set up: for the bridge and `plan`.
fn load_with_log(source: &impl VariableSource) -> Result<(Config, Runtime), ExitCode> {
    let wrong = |reason: String| {
        complain(&reason);
        ExitCode::from(USAGE)
    };
    let config = Config::load(source).map_err(|faults| wrong(faults.to_string()))?;
    mqtt::check_tls(&config.mqtt)
        .map_err(|error| wrong(format!("sparkwise cannot start: {error}")))?;
    telemetry::init(&config.process).map_err(|error| wrong(error.to_string()))?;
    telemetry::announce(&config);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        complain(&format!("sparkwise: cannot start the runtime: {error}"));
        ExitCode::FAILURE
    })?;
    Ok((config, runtime))
}

/// SIGTERM, as ECS and Docker send it, or SIGINT, so many times. From this call on, so that a
/// signal during the start shuts down gracefully as well.
fn signalled(times: u32) -> impl Future<Output = ()> {
    let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    async move {
        match signals {
            (Ok(mut terminate), Ok(mut interrupt)) => {
                for _ in 0..times {
                    tokio::select! {
                        _ = terminate.recv() => {}
                        _ = interrupt.recv() => {}
                    }
                }
            }
            // Without handlers the signals end the process by themselves.
            _ => std::future::pending().await,
        }
    }
}

fn print(text: &str) {
    // Whoever reads it may have gone, as `head` does.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

#[expect(clippy::print_stderr, reason = "for the terminal, not the log")]
fn complain(text: &str) {
    eprintln!("{text}");
}
