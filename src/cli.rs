//! The command line. Everything else is configured by environment variables.

pub mod commands;
pub mod dashboards;
pub mod dead_letters;
pub mod outbox;
pub mod status;
pub mod write;

use std::ffi::OsString;
use std::fmt::Write;
use std::time::Duration;

use lexopt::Arg::{Long, Short, Value};
use lexopt::ValueExt;

use crate::config;
use crate::doctor;
use crate::preview::{self, PlanSource};

/// The subcommand.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Run the bridge until SIGTERM or SIGINT.
    Run,
    /// Check that the bridge with the same configuration is alive.
    Healthcheck,
    /// Print the status of the bridge with the same configuration.
    Status(status::Command),
    /// Dry run: print what the bridge would change in SiteWise.
    Plan(preview::PlanOptions),
    /// Check MQTT, AWS, disk and clock without changing anything.
    Doctor(doctor::Options),
    /// List, count, show, retry or drop dead letters.
    DeadLetters(dead_letters::Command),
    /// Check or repair the outbox on disk.
    Outbox(outbox::Command),
    /// Ask the running bridge to write one value to the plant.
    Write(write::Command),
    /// Print what may be written as AWS IoT commands.
    Commands(commands::Command),
    /// Write Grafana dashboards of the twins.
    Dashboards(dashboards::Command),
    /// Print help.
    Help(HelpPage),
    /// Print the version.
    Version,
}

/// Which help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HelpPage {
    /// All commands and variables.
    All,
    /// `sparkwise plan`.
    Plan,
    /// `sparkwise doctor`.
    Doctor,
    /// `sparkwise healthcheck`.
    Healthcheck,
}

/// How long `sparkwise plan` listens.
const LISTEN: Duration = Duration::from_secs(30);

/// Subcommands with their meaning in a line, for `--help`.
const COMMANDS: [(&str, &str); 10] = [
    ("(none)", "run the bridge until SIGTERM or SIGINT"),
    ("doctor", "check MQTT, AWS, disk and clock without changing anything"),
    ("plan", "dry run: print what the bridge would change in SiteWise"),
    ("status", "print the status and the problems of the bridge at CONSOLE_ADDR"),
    ("dead-letters", "count, list, show, retry or drop values that SiteWise rejected"),
    ("outbox", "check the outbox on disk for damage, or repair it"),
    ("write", "ask the bridge to write one value to the plant, over COMMANDS_QUEUE_URL"),
    ("commands", "print what COMMANDS_ALLOW allows as AWS IoT commands for CloudFormation"),
    ("dashboards", "write Grafana dashboards of the twins (see dashboards --help)"),
    ("healthcheck", "exit 0 if the bridge at CONSOLE_ADDR is alive, else 1"),
];

/// What `sparkwise plan --help` prints.
const PLAN: &str = "\
sparkwise plan: a dry run that prints what the bridge would change in SiteWise

Usage: sparkwise plan [--for 30s] [--rebirth] [--json]
       sparkwise plan [--json] CAPTURE...

It uses the same variables as the bridge, connects with a client identifier of its own, publishes no
STATE, reads SiteWise and writes nothing there.

  --for DURATION  how long to listen for births and data (30s)
  --rebirth       request rebirths of nodes that send data; without it nothing is published
  --json          print JSON, on one line
  CAPTURE         read captured messages instead of listening: files, or folders of files, with one
                  message a line, `TOPIC PAYLOAD` or `TIME TOPIC PAYLOAD`, the payload in hex or
                  base64, as printed by mosquitto_sub -t 'spBv1.0/#' -F '%U %t %x'

Exit codes: 0 if nothing would change, 2 if something would, 1 after a failure, 64 for invalid
arguments or an invalid configuration.
";

/// What `sparkwise doctor --help` prints.
const DOCTOR: &str = "\
sparkwise doctor: checks whether the bridge could run with this configuration

Usage: sparkwise doctor [--take-over] [--json]

It uses the same variables as the bridge and changes nothing: it connects to each MQTT server,
subscribes as the bridge does, and publishes an empty message to
spBv1.0/GROUP/NCMD/sparkwise-doctor, where GROUP is the first of SPARKPLUG_GROUPS, or
sparkwise-doctor; checks the AWS credentials, and each permission that a call on a resource that
does not exist can test; checks the connections and queues of commands; writes, flushes and deletes a
small file in OUTBOX_DIR; and compares the clocks. Each line is ok, wrong with a remedy, or not
checked with the reason.

  --take-over  use the bridge's own MQTT client identifier; disconnects a running bridge, whose will
               tells the plant that it is offline
  --json       print JSON, on one line

Exit codes: 0 if nothing is wrong, 1 if something is, 64 for invalid arguments or an invalid
configuration.
";

/// What `sparkwise healthcheck --help` prints.
const HEALTHCHECK: &str = "\
sparkwise healthcheck: checks that the bridge with the same configuration is alive

Usage: sparkwise healthcheck

It asks /livez at CONSOLE_ADDR, as health checks of containers do. It needs no token, and does not look
at what is wrong in the plant or with SiteWise: that is sparkwise status.

Exit codes: 0 if the bridge is alive, 1 if it is not or CONSOLE_ADDR is invalid, 64 for invalid
arguments.
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
        Some(Long("help") | Short('h')) => Ok(Command::Help(HelpPage::All)),
        Some(Long("version") | Short('V')) => Ok(Command::Version),
        Some(Value(word)) if word == "healthcheck" => match parser.next()? {
            None => Ok(Command::Healthcheck),
            Some(Long("help") | Short('h')) => Ok(Command::Help(HelpPage::Healthcheck)),
            Some(argument) => Err(argument.unexpected()),
        },
        Some(Value(word)) if word == "plan" => plan(&mut parser),
        Some(Value(word)) if word == "doctor" => doctor_options(&mut parser),
        Some(Value(word)) if word == "status" => Ok(Command::Status(status::parse(&mut parser)?)),
        Some(Value(word)) if word == "dead-letters" => {
            Ok(Command::DeadLetters(dead_letters::parse(&mut parser)?))
        }
        Some(Value(word)) if word == "outbox" => Ok(Command::Outbox(outbox::parse(&mut parser)?)),
        Some(Value(word)) if word == "write" => Ok(Command::Write(write::parse(&mut parser)?)),
        Some(Value(word)) if word == "commands" => {
            Ok(Command::Commands(commands::parse(&mut parser)?))
        }
        Some(Value(word)) if word == "dashboards" => {
            Ok(Command::Dashboards(dashboards::parse(&mut parser)?))
        }
        Some(Value(word)) => Err(format!("unknown command {word:?}").into()),
        Some(argument) => Err(argument.unexpected()),
    }
}

fn doctor_options(parser: &mut lexopt::Parser) -> Result<Command, lexopt::Error> {
    let mut options = doctor::Options { take_over: false, json: false };
    while let Some(argument) = parser.next()? {
        match argument {
            Long("take-over") => options.take_over = true,
            Long("json") => options.json = true,
            Long("help") | Short('h') => return Ok(Command::Help(HelpPage::Doctor)),
            argument => return Err(argument.unexpected()),
        }
    }
    Ok(Command::Doctor(options))
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
            Long("help") | Short('h') => return Ok(Command::Help(HelpPage::Plan)),
            Value(path) => captures.push(path.into()),
            argument => return Err(argument.unexpected()),
        }
    }
    let from = if captures.is_empty() {
        PlanSource::Plant { listen: listen.unwrap_or(LISTEN), rebirth }
    } else if listen.is_some() || rebirth {
        return Err("--for and --rebirth have no meaning with a capture".into());
    } else {
        PlanSource::Captures(captures)
    };
    Ok(Command::Plan(preview::PlanOptions { from, json }))
}

/// A help text.
pub fn page(page: HelpPage) -> String {
    match page {
        HelpPage::All => help(),
        HelpPage::Plan => PLAN.to_owned(),
        HelpPage::Doctor => DOCTOR.to_owned(),
        HelpPage::Healthcheck => HEALTHCHECK.to_owned(),
    }
}

/// The command whose help says what these arguments should have been.
pub fn help_command(arguments: &[OsString]) -> String {
    let first = arguments.first().and_then(|first| first.to_str()).unwrap_or_default();
    match COMMANDS.iter().any(|(command, _)| *command == first) {
        true => format!("sparkwise {first} --help"),
        false => "sparkwise --help".to_owned(),
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
    text.push_str("\n`sparkwise COMMAND --help` explains a command.\n\n");
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
        assert_eq!(of(&["-h"]), Ok(Command::Help(HelpPage::All)));
        assert_eq!(of(&["--version"]), Ok(Command::Version));
        assert_eq!(of(&["healthcheck"]), Ok(Command::Healthcheck));
        assert!(of(&["healthcheck", "now"]).is_err());
        assert_eq!(of(&["healthcheck", "--help"]), Ok(Command::Help(HelpPage::Healthcheck)));
        assert_eq!(of(&["runn"]), Err("unknown command \"runn\"".into()));
        let plan = |from, json| Ok(Command::Plan(preview::PlanOptions { from, json }));
        let listen = PlanSource::Plant { listen: LISTEN, rebirth: false };
        assert_eq!(of(&["plan"]), plan(listen, false));
        let listen = PlanSource::Plant { listen: Duration::from_secs(5), rebirth: true };
        assert_eq!(of(&["plan", "--rebirth", "--json", "--for=5s"]), plan(listen, true));
        assert_eq!(
            of(&["plan", "a", "b"]),
            plan(PlanSource::Captures(vec!["a".into(), "b".into()]), false)
        );
        assert!(of(&["plan", "a", "--rebirth"]).is_err());
        let options = doctor::Options { take_over: true, json: false };
        assert_eq!(of(&["doctor", "--take-over"]), Ok(Command::Doctor(options)));
        assert_eq!(of(&["doctor", "-h"]), Ok(Command::Help(HelpPage::Doctor)));
        assert!(of(&["doctor", "now"]).is_err() && of(&["status", "--now"]).is_err());
        let find = status::Command::Find { words: "/Nordsee/gw 1/Load".to_owned(), json: false };
        assert_eq!(of(&["status", "/Nordsee/gw", "1/Load"]), Ok(Command::Status(find)));
        let json = status::Command::Show { json: true };
        assert_eq!(of(&["status", "--json"]), Ok(Command::Status(json)));
        let template = commands::Command::CloudFormation;
        assert_eq!(of(&["commands", "--cloudformation"]), Ok(Command::Commands(template)));
        assert!(of(&["commands"]).is_err() && of(&["write"]).is_err());
        let written = |from, forget| {
            let out = "d".into();
            Ok(Command::Dashboards(dashboards::Command::Write { out, from, forget }))
        };
        let write = |from| written(from, false);
        assert_eq!(
            of(&["dashboards", "a", "--out", "d"]),
            write(PlanSource::Captures(vec!["a".into()]))
        );
        let listen = PlanSource::Plant { listen: Duration::from_secs(5), rebirth: false };
        assert_eq!(of(&["dashboards", "--out=d", "--for=5s"]), write(listen));
        assert!(of(&["dashboards"]).is_err());
        assert!(of(&["dashboards", "--out=d", "a", "--rebirth"]).is_err());
        let captures = PlanSource::Captures(vec!["a".into()]);
        assert_eq!(of(&["dashboards", "--out=d", "a", "--forget"]), written(captures, true));
        assert_eq!(of(&["dashboards", "--out=d", "--account"]), write(PlanSource::Account));
        for other in ["a", "--forget", "--for=1s"] {
            assert!(of(&["dashboards", "--out=d", "--account", other]).is_err(), "{other}");
        }
        assert_eq!(of(&["--linger"]), Err("invalid option '--linger'".into()));
    }

    /// `healthcheck --help` was an invalid option, though `--help` promises help of each command.
    #[test]
    fn each_command_explains_itself_and_its_errors_name_its_own_help() {
        for (command, _) in COMMANDS.into_iter().filter(|(command, _)| *command != "(none)") {
            for option in ["--help", "-h"] {
                assert!(of(&[command, option]).is_ok(), "{command} {option}");
            }
            let wrong = [command.into(), "--nonsense".into()];
            assert_eq!(help_command(&wrong), format!("sparkwise {command} --help"));
        }
        assert_eq!(help_command(&["runn".into()]), "sparkwise --help");
        assert_eq!(help_command(&["--linger".into()]), "sparkwise --help");
    }
}
