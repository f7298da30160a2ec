//! Set-up of the log, and its first lines.

use std::io::{self, IsTerminal, Write as _};

use tracing::{debug, info, warn};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use crate::config::{Config, LogFormat, Origin, Process};

/// The log cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `RUST_LOG` is not a filter.
    #[error("RUST_LOG is not a log filter: {0}")]
    Filter(#[from] ParseError),
    /// The process has a log already.
    #[error("the log is set up already: {0}")]
    Taken(#[from] TryInitError),
}

/// Writes the log to stderr from now on.
///
/// # Errors
///
/// The filter is wrong, or another log is set up.
pub fn init(process: &Process) -> Result<(), Error> {
    let filter = EnvFilter::try_new(&process.log_filter)?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal());
    match process.log_format {
        LogFormat::Text => log.finish().try_init()?,
        LogFormat::Json => log.json().flatten_event(true).finish().try_init()?,
    }
    Ok(())
}

/// Writes a line as it is among those of the log: one that others read, not people.
pub fn write_line(line: &str) {
    // In one piece, so that no other line gets into it. Nobody can be told if stderr is closed.
    let _ = io::stderr().lock().write_all(format!("{line}\n").as_bytes());
}

/// Logs the version and the effective configuration: variables that are set, and at `debug` the
/// defaults.
pub fn announce(config: &Config) {
    let version = env!("CARGO_PKG_VERSION");
    info!(service.version = version, "sparkwise {version}");
    for item in &config.effective {
        match item.origin {
            Origin::Default => debug!("{item}"),
            Origin::Environment | Origin::File(_) => info!("{item}"),
        }
    }
    for warning in &config.warnings {
        warn!("{warning}");
    }
}
