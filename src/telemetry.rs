//! Set-up of the log, and its first lines.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write as _};

use tracing::{debug, info, warn};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use crate::config::{Config, LogFormat, Origin, Process};
use crate::sitewise::aws::CREDENTIALS;

mod text;

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
    let mut filter = EnvFilter::try_new(&process.log_filter)?;
    // A credential source that fails is logged by this crate, with a remedy.
    if !process.log_filter.contains(CREDENTIALS) && process.log_filter != "off" {
        filter = filter.add_directive(format!("{CREDENTIALS}=error").parse()?);
    }
    let escape = match process.log_format {
        LogFormat::Text => printable_marks,
        LogFormat::Json => escaped,
    };
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(move || Escaping(io::stderr(), escape))
        // A log that cannot be written stops nothing; to say so on stderr would panic.
        .log_internal_errors(false)
        .with_ansi(io::stderr().is_terminal());
    match process.log_format {
        LogFormat::Text => log.fmt_fields(text::UnmentionedFields).finish().try_init()?,
        LogFormat::Json => log.json().flatten_event(true).finish().try_init()?,
    }
    Ok(())
}

/// Escapes characters that could forge log lines or reorder text.
struct Escaping<W>(W, fn(&str) -> Cow<'_, str>);

/// Whether a character breaks a line, or reverses the direction of the text after it.
fn is_deceptive(c: char) -> bool {
    matches!(
        c,
        '\u{61c}' | '\u{85}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}'
            | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

/// JSON with those characters escaped.
pub fn escaped(json: &str) -> Cow<'_, str> {
    replaced(json, |c| format!("\\u{:04x}", u32::from(c)))
}

/// A line of text with those characters escaped, as [`printable`] does.
fn printable_marks(line: &str) -> Cow<'_, str> {
    replaced(line, |c| c.escape_default().to_string())
}

/// `text` with those characters written in another way.
fn replaced(text: &str, escape: impl Fn(char) -> String) -> Cow<'_, str> {
    if text.is_ascii() || !text.contains(is_deceptive) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match is_deceptive(c) {
            true => out.push_str(&escape(c)),
            false => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// A line for a terminal: what it would obey, or what hides the rest, is escaped.
pub fn printable(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    for c in line.chars() {
        match c.is_control() || is_deceptive(c) {
            true => text.extend(c.escape_default()),
            false => text.push(c),
        }
    }
    text
}

impl<W: io::Write> io::Write for Escaping<W> {
    /// A line comes in one piece.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        self.0.write_all(self.1(&text).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Writes a line unchanged to the log: for machines (EMF).
pub fn write_line(line: &str) {
    // In one piece, so that no other line gets into it. An error is ignored: if stderr is closed it
    // cannot be reported.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// One sender's name could begin a line of its own, or turn the rest of it around.
    #[test]
    fn marks_that_mislead_are_escaped() {
        let line = "gw\u{2028}ERROR all is lost \u{202e}desrever\u{2066} läuft °C\n";
        let seen = |escape| {
            let mut out = Vec::new();
            Escaping(&mut out, escape).write_all(line.as_bytes()).unwrap();
            String::from_utf8(out).unwrap()
        };
        let json = "gw\\u2028ERROR all is lost \\u202edesrever\\u2066 läuft °C\n";
        assert_eq!(seen(escaped), json);
        let parsed: String = serde_json::from_str(&format!("\"{}\"", json.trim_end())).unwrap();
        assert_eq!(parsed, line.trim_end());
    }

    /// A name was written in two ways in one line: where it was printable already, and where not.
    #[test]
    fn a_name_is_escaped_in_one_way_in_a_line_of_text() {
        let name = "w\u{2028}\u{202e}<b>";
        assert_eq!(printable_marks(name), printable(name));
        assert_eq!(printable_marks(&printable(name)), printable(name));
    }
}
