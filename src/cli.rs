//! The command line. Everything else is configured by environment variables.

pub mod dead_letters;
pub mod outbox;

use std::ffi::OsString;
use std::fmt::Write;
use std::time::Duration;

use lexopt::Arg::{Long, Short, Value};
use lexopt::ValueExt;

use crate::config;
use crate::preview::{self, From};

/// The subcommand.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Run the bridge until SIGTERM or SIGINT.
    Run,
    /// Check that the bridge with the same configuration is alive.
    Healthcheck,
    /// Dry run: print what the bridge would change in SiteWise.
    Plan(preview::Options),
    /// List, show, retry or drop dead letters.
    DeadLetters(dead_letters::Command),
    /// Check or repair the outbox on disk.
    Outbox(outbox::Command),
    /// Print help.
    Help(Page),
    /// Print the version.
    Version,
}

/// Which help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// All commands and variables.
    All,
    /// `sparkwise plan`.
    Plan,
}

/// How long `sparkwise plan` listens.
const LISTEN: Duration = Duration::from_secs(30);

/// Subcommands with their meaning in a line, for `--help`.
const COMMANDS: [(&str, &str); 5] = [
    ("(none)", "run the bridge until SIGTERM or SIGINT"),
    ("plan", "dry run: print what the bridge would change in SiteWise (see plan --help)"),
    ("dead-letters", "list, show, retry or drop values that SiteWise rejected"),
    ("outbox", "check the outbox on disk for damage, or repair it"),
    ("healthcheck", "exit 0 if the bridge at CONSOLE_ADDR is alive, else 1"),
];

/// What `sparkwise plan --help` prints.
const PLAN: &str = "\
sparkwise plan: a dry run that prints what the bridge would change in SiteWise

Usage: sparkwise plan [--for 30s] [--rebirth] [--json]
       sparkwise plan [--json] CAPTURE...

It uses the same variables as the bridge, connects with a client identifier of its own, without STATE
and without a will, reads SiteWise and writes nothing there.

  --for DURATION  how long to listen for births and data (30s)
  --rebirth       request rebirths of nodes that send data; without it nothing is published
  --json          print JSON, on one line
  CAPTURE         read captured messages instead of listening: files, or folders of files, with one
                  message a line, `TOPIC PAYLOAD` or `TIME TOPIC PAYLOAD`, the payload in hex or
                  base64, as printed by mosquitto_sub -t 'spBv1.0/#' -F '%U %t %x'

Exit codes: 0 if nothing would change, 2 if something would, 1 after a failure, 64 for invalid
arguments or an invalid configuration.
";

/// Reads the arguments, the program's own name left out.
///
/// # Errors
///
/// An argument that there is not, or a value that is wrong.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, lexopt::Error> {
    let mut parser = lexopt::Parser::from_args(arguments);
    match parser.next()? {
        None => Ok(Command::Run),
        Some(Long("help") | Short('h')) => Ok(Command::Help(Page::All)),
        Some(Long("version") | Short('V')) => Ok(Command::Version),
        Some(Value(word)) if word == "healthcheck" => match parser.next()? {
            None => Ok(Command::Healthcheck),
            Some(argument) => Err(argument.unexpected()),
        },
        Some(Value(word)) if word == "plan" => plan(&mut parser),
        Some(Value(word)) if word == "dead-letters" => {
            Ok(Command::DeadLetters(dead_letters::parse(&mut parser)?))
        }
        Some(Value(word)) if word == "outbox" => Ok(Command::Outbox(outbox::parse(&mut parser)?)),
        Some(Value(word)) => Err(format!("unknown command {word:?}").into()),
        Some(argument) => Err(argument.unexpected()),
    }
}

fn plan(parser: &mut lexopt::Parser) -> Result<Command, lexopt::Error> {
    let mut listen = None;
    let (mut rebirth, mut json) = (false, false);
    let mut captures = Vec::new();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("for") => listen = Some(parser.value()?.parse_with(config::duration)?),
            Long("rebirth") => rebirth = true,
            Long("json") => json = true,
            Long("help") | Short('h') => return Ok(Command::Help(Page::Plan)),
            Value(path) => captures.push(path.into()),
            argument => return Err(argument.unexpected()),
        }
    }
    let from = if captures.is_empty() {
        From::Plant { listen: listen.unwrap_or(LISTEN), rebirth }
    } else if listen.is_some() || rebirth {
        return Err("--for and --rebirth have no meaning with a capture".into());
    } else {
        From::Captures(captures)
    };
    Ok(Command::Plan(preview::Options { from, json }))
}

/// A help text.
pub fn page(page: Page) -> String {
    match page {
        Page::All => help(),
        Page::Plan => PLAN.to_owned(),
    }
}

/// The commands and all variables.
fn help() -> String {
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
        assert_eq!(of(&["-h"]), Ok(Command::Help(Page::All)));
        assert_eq!(of(&["--version"]), Ok(Command::Version));
        assert_eq!(of(&["healthcheck"]), Ok(Command::Healthcheck));
        assert!(of(&["healthcheck", "now"]).is_err());
        assert_eq!(of(&["runn"]), Err("unknown command \"runn\"".into()));
        let plan = |from, json| Ok(Command::Plan(preview::Options { from, json }));
        let listen = From::Plant { listen: LISTEN, rebirth: false };
        assert_eq!(of(&["plan"]), plan(listen, false));
        let listen = From::Plant { listen: Duration::from_secs(5), rebirth: true };
        assert_eq!(of(&["plan", "--rebirth", "--json", "--for=5s"]), plan(listen, true));
        assert_eq!(
            of(&["plan", "a", "b"]),
            plan(From::Captures(vec!["a".into(), "b".into()]), false)
        );
        assert!(of(&["plan", "a", "--rebirth"]).is_err());
        assert_eq!(of(&["--linger"]), Err("invalid option '--linger'".into()));
    }
}
