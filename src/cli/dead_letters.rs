//! `sparkwise dead-letters`: list, show, retry or drop what SiteWise rejected for good.

use std::fmt::Write;
use std::path::Path;

use lexopt::Arg::{Long, Short, Value};

use crate::outbox::dead_letters::requests::{self, Request, Wish};
use crate::outbox::dead_letters::{Written, files};
use crate::time::Timestamp;

/// What `sparkwise dead-letters --help` prints.
pub const HELP: &str = "\
sparkwise dead-letters: values that SiteWise rejected for good

Usage:
  sparkwise dead-letters list [--json]
  sparkwise dead-letters show ID [--json]
  sparkwise dead-letters retry ID... | --all
  sparkwise dead-letters drop ID... | --all

They are in OUTBOX_DIR, which has to be set as for the bridge; without it they are only in the
memory of the running bridge. list and show work whether the bridge runs or not. retry sends the
values again and drop deletes them: the running bridge does so within two seconds, and where none
runs, the next one does so when it starts.

  --json    print JSON: an array of dead letters, or one
  --all     every dead letter there is now
";

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// How it is used.
    Help,
    /// All letters.
    List {
        /// Print JSON.
        json: bool,
    },
    /// One dead letter with all its fields.
    Show {
        /// Which.
        id: u64,
        /// Print JSON.
        json: bool,
    },
    /// A request to the bridge; no ids means all letters.
    Ask(Wish, Vec<u64>),
}

/// Reads the arguments after `dead-letters`.
///
/// # Errors
///
/// An argument that there is not, or a value that is wrong or missing.
pub fn parse(parser: &mut lexopt::Parser) -> Result<Command, lexopt::Error> {
    let (mut word, mut ids, mut json, mut all) = (None, Vec::new(), false, false);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("help") | Short('h') => return Ok(Command::Help),
            Long("json") => json = true,
            Long("all") => all = true,
            Value(text) if word.is_none() => word = Some(text.to_string_lossy().into_owned()),
            Value(text) => {
                let text = text.to_string_lossy();
                let id =
                    text.parse().map_err(|_| format!("{text:?} is not the id of a dead letter"))?;
                ids.push(id);
            }
            argument => return Err(argument.unexpected()),
        }
    }
    let wish = |wish| match (ids.is_empty(), all) {
        (true, false) => Err("which dead letters? Give their ids, or --all".into()),
        (false, true) => Err("ids and --all exclude each other".into()),
        _ => Ok(Command::Ask(wish, ids.clone())),
    };
    match (word.as_deref(), ids.as_slice()) {
        (Some("list"), []) => Ok(Command::List { json }),
        (Some("show"), [id]) => Ok(Command::Show { id: *id, json }),
        (Some("show"), _) => Err("show takes exactly one id".into()),
        (Some("retry"), _) => wish(Wish::Retry),
        (Some("drop"), _) => wish(Wish::Drop),
        (Some(word), _) => Err(format!("unknown command \"dead-letters {word}\"").into()),
        (None, _) => Ok(Command::Help),
    }
}

/// Does what is asked, with the value of `OUTBOX_DIR`; gives back what to print.
///
/// # Errors
///
/// Why it cannot be done, in a sentence.
pub fn run(command: &Command, outbox: Option<&str>) -> Result<String, String> {
    if *command == Command::Help {
        return Ok(HELP.to_owned());
    }
    let outbox = outbox.ok_or(
        "OUTBOX_DIR is not set: the dead letters are only in the memory of the running bridge",
    )?;
    let outbox = Path::new(outbox);
    if !outbox.is_dir() {
        return Err(format!("folder {} does not exist", outbox.display()));
    }
    let folder = outbox.join("dead-letters");
    let letters = files::read(&folder);
    let missing = |id: &u64| format!("no dead letter has the id {id}");
    match command {
        Command::Help => Ok(HELP.to_owned()),
        Command::List { json: true } => json(&letters.values().collect::<Vec<_>>()),
        Command::List { json: false } => Ok(letters.values().map(line).collect()),
        Command::Show { id, json: as_json } => {
            let letter = letters.get(id).ok_or_else(|| missing(id))?;
            if *as_json { json(letter) } else { Ok(page(letter)) }
        }
        Command::Ask(wish, ids) => {
            if let Some(id) = ids.iter().find(|id| !letters.contains_key(id)) {
                return Err(missing(id));
            }
            let ids = if ids.is_empty() { letters.into_keys().collect() } else { ids.clone() };
            let count = ids.len();
            let request = Request { wish: *wish, ids };
            requests::ask(&folder, &request)
                .map_err(|error| format!("{} cannot be written: {error}", folder.display()))?;
            let what = match wish {
                Wish::Retry => "are retried",
                Wish::Drop => "are dropped",
            };
            Ok(format!(
                "requested: {count} dead letters {what} within two seconds by the running bridge, \
                 else when the next one starts\n"
            ))
        }
    }
}

fn json(value: &impl serde::Serialize) -> Result<String, String> {
    let text = serde_json::to_string_pretty(value).map_err(|error| error.to_string())?;
    Ok(text + "\n")
}

/// A dead letter in a line.
fn line(letter: &Written) -> String {
    let asset = letter.asset_name.as_deref().unwrap_or(&letter.asset);
    let property = letter.property_name.as_deref().unwrap_or(&letter.property);
    let value = letter.value.as_deref().unwrap_or("null");
    format!(
        "{}  {}  {asset} / {property}  {value}  {}  {}\n",
        letter.id,
        Timestamp::from_millis(letter.time),
        letter.refusal,
        letter.reason
    )
}

/// A dead letter with all its fields.
fn page(letter: &Written) -> String {
    let time = |millis| Timestamp::from_millis(millis).to_string();
    let named = |name: &Option<String>, id: &str| match name {
        Some(name) => format!("{name} ({id})"),
        None => id.to_owned(),
    };
    let fields = [
        ("id", letter.id.to_string()),
        ("asset", named(&letter.asset_name, &letter.asset)),
        ("property", named(&letter.property_name, &letter.property)),
        ("time", time(letter.time)),
        ("quality", letter.quality.clone()),
        ("type", letter.data_type.clone()),
        ("value", letter.value.clone().unwrap_or_else(|| "null".to_owned())),
        ("rejected as", letter.refusal.clone()),
        ("reason", letter.reason.clone()),
        ("first attempt", time(letter.first_attempt)),
        ("last attempt", time(letter.last_attempt)),
        ("attempts", letter.attempts.to_string()),
    ];
    let mut text = String::new();
    for (name, value) in fields {
        let _ = writeln!(text, "{name:<14}{value}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(arguments: &[&str]) -> Result<Command, String> {
        let mut parser = lexopt::Parser::from_args(arguments.iter().copied());
        parse(&mut parser).map_err(|error| error.to_string())
    }

    #[test]
    fn letters_are_named_or_all() {
        assert_eq!(of(&["list", "--json"]), Ok(Command::List { json: true }));
        assert_eq!(of(&["show", "7"]), Ok(Command::Show { id: 7, json: false }));
        assert_eq!(of(&["retry", "7", "9"]), Ok(Command::Ask(Wish::Retry, vec![7, 9])));
        assert_eq!(of(&["drop", "--all"]), Ok(Command::Ask(Wish::Drop, vec![])));
        assert_eq!(of(&[]), Ok(Command::Help));
        for wrong in [&["drop"][..], &["drop", "1", "--all"], &["show"], &["lis"], &["show", "x"]] {
            assert!(of(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn without_a_folder_it_says_where_they_are() {
        let list = Command::List { json: false };
        assert!(run(&list, None).unwrap_err().contains("OUTBOX_DIR"));
        assert!(run(&list, Some("/nowhere/at/all")).unwrap_err().contains("/nowhere/at/all"));
    }
}
