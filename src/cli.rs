//! The command line: what is asked of the process. How it is done is the environment's matter.

use std::ffi::OsString;
use std::fmt::Write;

use lexopt::Arg::{Long, Short, Value};

use crate::config;

/// What the process is asked to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Bridge, until it is told to end.
    Run,
    /// Ask the bridge that runs with the same environment whether it lives.
    Healthcheck,
    /// Tell what there is, and end.
    Help,
    /// Tell the version, and end.
    Version,
}

/// Subcommands with their meaning in a line, for `--help`.
const COMMANDS: [(&str, &str); 2] = [
    ("(none)", "bridge until SIGTERM or SIGINT"),
    ("healthcheck", "exit with 0 if the bridge that runs at CONSOLE_ADDR lives, else with 1"),
];

/// Reads the arguments, the program's own name left out.
///
/// # Errors
///
/// An argument that there is not, or a value that is wrong.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, lexopt::Error> {
    let mut parser = lexopt::Parser::from_args(arguments);
    match parser.next()? {
        None => Ok(Command::Run),
        Some(Long("help") | Short('h')) => Ok(Command::Help),
        Some(Long("version") | Short('V')) => Ok(Command::Version),
        Some(Value(word)) if word == "healthcheck" => match parser.next()? {
            None => Ok(Command::Healthcheck),
            Some(argument) => Err(argument.unexpected()),
        },
        Some(Value(word)) => Err(format!("there is no command {word:?}").into()),
        Some(argument) => Err(argument.unexpected()),
    }
}

/// The commands and all variables.
pub fn help() -> String {
    let mut text = String::from(
        "sparkwise: the bridge from MQTT Sparkplug B to AWS IoT SiteWise\n\n\
         Usage: sparkwise [COMMAND | --help | --version]\n\n",
    );
    for (command, meaning) in COMMANDS {
        let _ = writeln!(text, "  {command:<16}{meaning}");
    }
    text.push('\n');
    text.push_str(&config::help());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(arguments: &[&str]) -> Result<Command, String> {
        parse(arguments.iter().map(OsString::from)).map_err(|error| error.to_string())
    }

    #[test]
    fn the_first_argument_says_what_to_do() {
        assert_eq!(of(&[]), Ok(Command::Run));
        assert_eq!(of(&["-h"]), Ok(Command::Help));
        assert_eq!(of(&["--version"]), Ok(Command::Version));
        assert_eq!(of(&["healthcheck"]), Ok(Command::Healthcheck));
        assert!(of(&["healthcheck", "now"]).is_err());
        assert_eq!(of(&["runn"]), Err("there is no command \"runn\"".into()));
        assert_eq!(of(&["--linger"]), Err("invalid option '--linger'".into()));
    }
}
