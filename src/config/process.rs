//! The process itself.

use std::time::Duration;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::parse::{duration_within, word};
use super::reader::VariableReader;
use super::variable::{DefaultValue, Section, Variable};

const SHUTDOWN_GRACE: Variable = Variable {
    name: "SHUTDOWN_GRACE",
    default: DefaultValue::Value("20s"),
    form: "duration",
    doc: "How long the process may take after SIGTERM or Ctrl-C to flush the outbox. Keep it below \
          the orchestrator's own grace period: 30s on Fargate and Kubernetes by default.",
    secret: false,
    file: false,
};

const LOG_FORMAT: Variable = Variable {
    name: "LOG_FORMAT",
    default: DefaultValue::Value("text"),
    form: "text or json",
    doc: "Format of the log, which goes to stderr.",
    secret: false,
    file: false,
};

const RUST_LOG: Variable = Variable {
    name: "RUST_LOG",
    default: DefaultValue::Value("info"),
    form: "level, or target=level separated by commas",
    doc: "Log level: error, warn, info, debug, trace or off, for everything or per target, as in \
          info,sparkwise::mqtt=debug.",
    secret: false,
    file: false,
};

pub(super) const SECTION: Section = Section {
    title: "Process",
    doc: "The process itself.",
    vars: &[&SHUTDOWN_GRACE, &LOG_FORMAT, &RUST_LOG],
};

/// The process itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Time limit of the shutdown.
    pub shutdown_grace: Duration,
    /// How log lines are written.
    pub log_format: LogFormat,
    /// What is logged, as `tracing-subscriber` filters it.
    pub log_filter: String,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Process {
    pub(super) fn read(reader: &mut VariableReader<'_>) -> Option<Self> {
        let shutdown_grace = reader
            .value(&SHUTDOWN_GRACE, duration_within(Duration::ZERO, Duration::from_secs(3600)));
        let log_format = reader
            .value(&LOG_FORMAT, word(&[("text", LogFormat::Text), ("json", LogFormat::Json)]));
        let log_filter = reader.value(&RUST_LOG, log_filter);
        Some(Self {
            shutdown_grace: shutdown_grace?,
            log_format: log_format?,
            log_filter: log_filter?,
        })
    }
}

fn log_filter(value: &str) -> Result<String, String> {
    // A word alone would be the name of a part, and nothing would be logged but of that.
    let mut words = value.split(',').map(str::trim);
    let unknown = words.find(|word| {
        let is_name = word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        !word.is_empty() && is_name && *word != "sparkwise" && !is_level(word)
    });
    if let Some(word) = unknown {
        return Err(format!(
            "has `{word}`, which is not a level: use error, warn, info, debug, trace or off, or a \
                target with its level, as in `{word}=debug`"
        ));
    }
    match EnvFilter::try_new(value) {
        Ok(_) => Ok(value.to_owned()),
        Err(error) => Err(format!(
            "is not a log filter: {error}; write a level, or targets with their levels, as in \
                `info,sparkwise=debug`"
        )),
    }
}

/// Whether a word is a level, as the filter reads them.
fn is_level(word: &str) -> bool {
    word.parse::<LevelFilter>().is_ok()
}
