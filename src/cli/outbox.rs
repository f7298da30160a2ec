//! `sparkwise outbox`: check or repair the outbox on disk.

use std::path::Path;

use lexopt::Arg::{Long, Short, Value};

use crate::outbox::disk::folder::{CheckReport, inspect, inspect_inbound};
use crate::outbox::disk::give_to_owner;

/// What `sparkwise outbox --help` prints.
pub const HELP: &str = "\
sparkwise outbox: check or repair the queue of values on disk

Usage:
  sparkwise outbox check
  sparkwise outbox repair

OUTBOX_DIR has to be set as for the bridge, and the bridge must not run. check reads the whole
outbox, compares it with the outbox's own counts and changes nothing. repair copies what is readable
into a new outbox, which then replaces the damaged one by a rename; the damaged files are kept as
points.aside-1, or the next free number. The bridge does the same by itself when it finds damage.
Both need disk space for a copy of what is readable, temporarily twice as much.

Exit codes: 0 if there is no damage, or it was repaired; 2 if check finds damage; 1 after a failure.
";

/// The parsed arguments of `sparkwise outbox`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// How it is used.
    Help,
    /// Check for damage.
    Check,
    /// Repair it.
    Repair,
}

/// Reads the arguments after `outbox`.
///
/// # Errors
///
/// An argument that there is not.
pub fn parse(parser: &mut lexopt::Parser) -> Result<Command, lexopt::Error> {
    let mut command = None;
    while let Some(argument) = parser.next()? {
        let meant = match argument {
            Long("help") | Short('h') => return Ok(Command::Help),
            Value(word) if word == "check" => Command::Check,
            Value(word) if word == "repair" => Command::Repair,
            argument => return Err(argument.unexpected()),
        };
        if command.replace(meant).is_some() {
            return Err("expected check or repair".into());
        }
    }
    Ok(command.unwrap_or(Command::Help))
}

/// What was found, as text, and whether there is no damage now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckOutcome {
    /// To be printed.
    pub text: String,
    /// Whether nothing is damaged, or it was repaired.
    pub is_well: bool,
}

/// Does what is asked, with the value of `OUTBOX_DIR`.
///
/// # Errors
///
/// Why it cannot be done, in a sentence.
pub fn run(command: Command, outbox: Option<&str>) -> Result<CheckOutcome, String> {
    if command == Command::Help {
        return Ok(CheckOutcome { text: HELP.to_owned(), is_well: true });
    }
    let outbox = outbox.filter(|folder| !folder.trim().is_empty());
    let outbox = Path::new(outbox.ok_or("OUTBOX_DIR is not set: there is no outbox on disk")?);
    if !outbox.is_dir() {
        return Err(format!("folder {} does not exist", outbox.display()));
    }
    let repair = command == Command::Repair;
    let why = |fault| format!("{}: {fault}", outbox.display());
    let points = inspect(outbox, repair).map_err(why);
    let inbound = inspect_inbound(outbox, repair).map_err(why);
    // Whoever runs this, the bridge is to be able to use what was made.
    give_to_owner(outbox)?;
    let (points, heard) = (points?, inbound?);
    let CheckOutcome { mut text, is_well } = outcome(&points, "", command);
    if heard.damage.is_none() && heard.found == 0 {
        return Ok(CheckOutcome { text, is_well });
    }
    let heard = outcome(&heard, " in messages stored before SiteWise was first reached", command);
    text.push_str(&heard.text);
    Ok(CheckOutcome { text, is_well: is_well && heard.is_well })
}

fn outcome(report: &CheckReport, which: &str, command: Command) -> CheckOutcome {
    let CheckReport { damage, found, lost, moved_to } = report;
    let Some(damage) = damage else {
        let mut text =
            format!("no damage: {found} values{which} are queued, and all are readable\n");
        if *lost > 0 {
            text.push_str(&format!(
                "{lost} values that were lost earlier are counted at the next \
                start\n"
            ));
        }
        return CheckOutcome { text, is_well: true };
    };
    let mut text = format!(
        "damaged: {damage}\n{found} values{which} are readable; by the outbox's own counts {lost} \
            more were stored, which are not readable\n"
    );
    if command == Command::Repair {
        text.push_str("repaired: the bridge delivers what was readable after its next start\n");
        if let Some(kept) = moved_to {
            text.push_str(&format!("the damaged files are kept in {}\n", kept.display()));
        }
    } else {
        text.push_str(
            "`sparkwise outbox repair` repairs it; the bridge does the same when it starts\n",
        );
    }
    CheckOutcome { text, is_well: command == Command::Repair }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_checked_or_repaired() {
        let of = |arguments: &[&str]| {
            let mut parser = lexopt::Parser::from_args(arguments.iter().copied());
            parse(&mut parser).map_err(|error| error.to_string())
        };
        assert_eq!(of(&["check"]), Ok(Command::Check));
        assert_eq!(of(&["repair"]), Ok(Command::Repair));
        assert_eq!(of(&[]), Ok(Command::Help));
        assert!(of(&["check", "repair"]).is_err());
        assert!(of(&["mend"]).is_err());
    }

    #[test]
    fn without_a_folder_there_is_nothing_to_check() {
        for unset in [None, Some(""), Some(" ")] {
            let why = run(Command::Check, unset).unwrap_err();
            assert!(why.contains("OUTBOX_DIR is not set"), "{why}");
        }
        assert!(run(Command::Check, Some("/nowhere/at/all")).unwrap_err().contains("/nowhere"));
    }
}
