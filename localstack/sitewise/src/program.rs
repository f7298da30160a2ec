//! What the programs of the emulators share: how they read values of arguments, say what is wrong,
//! and serve until they are told to stop.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// What the arguments ask for.
#[derive(Debug)]
pub enum Command<T> {
    /// To print the help.
    Help,
    /// To serve.
    Serve(Box<T>),
}

/// The program's whole life: `command` is what its arguments ask for, or what is wrong with them.
pub fn run<T>(
    name: &str,
    help: &str,
    command: Result<Command<T>, String>,
    serve: impl FnOnce(T) -> io::Result<()>,
) -> ExitCode {
    let outcome = match command {
        Err(message) => {
            let _ = writeln!(io::stderr(), "{name}: {message}\nTry {name} --help");
            return ExitCode::from(64);
        }
        Ok(Command::Help) => io::stdout().write_all(help.as_bytes()),
        Ok(Command::Serve(options)) => serve(*options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{name}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A runtime, and a log on standard error as `RUST_LOG` says.
///
/// # Errors
///
/// The system gives no threads.
pub fn runtime() -> io::Result<Runtime> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

/// Resolves with SIGTERM or Ctrl-C. To be called within a runtime.
///
/// # Errors
///
/// The system lets nobody listen to signals.
pub fn told_to_stop() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Arguments as words: `--name=value` is the same as `--name value`.
pub fn words(arguments: impl Iterator<Item = String>) -> impl Iterator<Item = String> {
    arguments.flat_map(|argument| match argument.split_once('=') {
        Some((name, value)) if name.starts_with("--") => vec![name.to_owned(), value.to_owned()],
        _ => vec![argument],
    })
}

/// An argument's value.
///
/// # Errors
///
/// It is none of its kind, in a sentence.
pub fn value<T: FromStr>(name: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{name} cannot be {text}"))
}

/// An argument's value as an MQTT server: `mqtt://HOST:PORT`, without a port 1883.
///
/// # Errors
///
/// It is none, in a sentence.
pub fn mqtt_server(name: &str, url: &str) -> Result<(String, u16), String> {
    let wrong = || format!("{name} takes mqtt://HOST:PORT, not {url}");
    let address = url.strip_prefix("mqtt://").ok_or_else(wrong)?.trim_end_matches('/');
    let (host, port) = address.rsplit_once(':').unwrap_or((address, "1883"));
    let port = port.parse().map_err(|_| wrong())?;
    if host.is_empty() { Err(wrong()) } else { Ok((host.to_owned(), port)) }
}

/// An argument's value as a time: `0`, `200ms`, `5s`.
///
/// # Errors
///
/// It is none, in a sentence.
pub fn duration(name: &str, text: &str) -> Result<Duration, String> {
    let (digits, unit) = match text.strip_suffix("ms") {
        Some(digits) => (digits, 0.001),
        None => (text.strip_suffix('s').unwrap_or(text), 1.0),
    };
    let count: f64 = value(name, digits)?;
    Duration::try_from_secs_f64(count * unit).map_err(|_| format!("{name} cannot be {text}"))
}
