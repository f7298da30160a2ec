//! Configuration errors that prevent the start.

use std::fmt;

/// A missing or invalid variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// A required variable is not set.
    Missing {
        /// The variable.
        name: String,
        /// What to set it to.
        hint: String,
    },
    /// A variable cannot be used as it is.
    Invalid {
        /// The variable.
        name: String,
        /// Why, without a secret's value.
        reason: String,
    },
}

/// All missing and invalid variables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl std::error::Error for ConfigErrors {}

impl ConfigError {
    /// The variable at fault.
    pub fn name(&self) -> &str {
        match self {
            Self::Missing { name, .. } | Self::Invalid { name, .. } => name,
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { name, hint } => write!(f, "{name} is not set: {hint}"),
            Self::Invalid { name, reason } => write!(f, "{name} {reason}"),
        }
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "sparkwise cannot start, the configuration is invalid:\n")?;
        for fault in &self.0 {
            writeln!(f, "  {fault}")?;
        }
        write!(
            f,
            "\n`sparkwise --help` lists every variable. To see a plant, the bridge and an emulated\n\
             SiteWise at work with nothing set at all, run `cargo demo` in the source tree.",
        )
    }
}
