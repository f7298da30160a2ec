//! `sparkwise dead-letters`: list, show, retry or drop what SiteWise rejected for good.

mod folders;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

pub use self::folders::LetterId;
use self::folders::LetterJson;
use lexopt::Arg::{Long, Short, Value};
use lexopt::ValueExt;
use serde::{Deserialize, Serialize};

use super::status::{WRONG_TOKEN, said};
use crate::config::Console;
use crate::console::degraded::counted;
use crate::console::probe;
use crate::outbox::dead_letters::DeadLetterRecord;
use crate::outbox::dead_letters::requests::{self, DeadLetterAction, RequestPart, RequestProgress};
use crate::telemetry::{escaped, printable};
use crate::time::Timestamp;

/// How long a running bridge may take to carry out a request: it looks once a second.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(100);
const IN_MEMORY: &str =
    "OUTBOX_DIR is not set: the dead letters are only in the memory of the running bridge";
const KEPT_WITH: &str =
    "set OUTBOX_DIR as for the bridge; with it they are kept, and can be retried";

/// What `sparkwise dead-letters --help` prints.
pub const HELP: &str = "\
sparkwise dead-letters: values that SiteWise rejected for good

Usage:
  sparkwise dead-letters count [FILTER...] [--json]
  sparkwise dead-letters list [FILTER...] [--json]
  sparkwise dead-letters show ID [--json]
  sparkwise dead-letters retry ID... | FILTER... | --all
  sparkwise dead-letters drop ID... | FILTER... | --all

They are in OUTBOX_DIR, which has to be set as for the bridge. Of bridges that share it with LEASE
all are shown: 2-17 is number 17 in bridge-2. count, list and show work whether the
bridge runs or not; count groups by asset and reason. retry sends the values again and drop deletes
them: the running bridge does so within two seconds, and the command waits for that; if none is
running, the next one does so when it starts. Without OUTBOX_DIR dead letters are only in the memory
of the running bridge: count, list and show ask its console for the last ones, at CONSOLE_ADDR and
with CONSOLE_TOKEN as `sparkwise status` does, and none can be retried or dropped.

  FILTER    any of these; all of them must match:
    --asset TEXT    substring of the asset's address or id, or of the property's name, id or
                    alias, case-insensitive
    --reason TEXT   out_of_range, invalid or denied, or a substring of the reason
    --since TIME    rejected last at this time or later, such as 2026-01-31T08:00:00Z
    --until TIME    rejected last before this time
  --json    print JSON: an array of dead letters or of counts, or one dead letter
  --all     every dead letter there is now

Exit codes: 0 after success, 1 after a failure, 64 for invalid arguments or an invalid
configuration.
";

/// The parsed arguments of `sparkwise dead-letters`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// How it is used.
    Help,
    /// How many dead letters there are, by asset and reason.
    Count {
        /// Which.
        filter: DeadLetterFilter,
        /// Print JSON.
        json: bool,
    },
    /// All dead letters that match.
    List {
        /// Which.
        filter: DeadLetterFilter,
        /// Print JSON.
        json: bool,
    },
    /// One dead letter with all its fields.
    Show {
        /// Which.
        id: LetterId,
        /// Print JSON.
        json: bool,
    },
    /// A request to the bridge.
    Request(DeadLetterAction, DeadLetterSelection),
}

impl Command {
    /// Whether it is answered by a running bridge where there is no folder.
    pub fn asks_console(&self) -> bool {
        match self {
            Self::Count { .. } | Self::List { .. } | Self::Show { .. } => true,
            Self::Help | Self::Request(..) => false,
        }
    }
}

/// The dead letters of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeadLetterSelection {
    /// These.
    Ids(Vec<LetterId>),
    /// All that match.
    Matching(DeadLetterFilter),
}

/// Selects dead letters: all that is set must match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeadLetterFilter {
    asset: Option<String>,
    reason: Option<String>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl DeadLetterFilter {
    fn passes(&self, letter: &DeadLetterRecord) -> bool {
        let has = |text: &str, part: &str| text.to_lowercase().contains(part);
        let last = Timestamp::from_millis(letter.last_attempt);
        let named = |part: &String| {
            let names =
                [&letter.asset_name, &letter.property_name, &letter.alias].map(Option::as_deref);
            let ids = [Some(letter.asset.as_str()), Some(letter.property.as_str())];
            names.into_iter().chain(ids).flatten().any(|name| has(name, part))
        };
        let meant = |part: &String| letter.refusal == *part || has(&letter.reason, part);
        self.asset.as_ref().is_none_or(named)
            && self.reason.as_ref().is_none_or(meant)
            && self.since.is_none_or(|since| last >= since)
            && self.until.is_none_or(|until| last < until)
    }
}

/// Reads the arguments after `dead-letters`.
///
/// # Errors
///
/// An argument that there is not, or a value that is wrong or missing.
pub fn parse(parser: &mut lexopt::Parser) -> Result<Command, lexopt::Error> {
    let (mut word, mut ids, mut json, mut all) = (None, Vec::new(), false, false);
    let mut filter = DeadLetterFilter::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("help") | Short('h') => return Ok(Command::Help),
            Long("json") => json = true,
            Long("all") => all = true,
            Long("asset") => filter.asset = Some(parser.value()?.string()?.to_lowercase()),
            Long("reason") => filter.reason = Some(parser.value()?.string()?.to_lowercase()),
            Long("since") => filter.since = Some(parser.value()?.parse_with(moment)?),
            Long("until") => filter.until = Some(parser.value()?.parse_with(moment)?),
            Value(text) if word.is_none() => word = Some(text.to_string_lossy().into_owned()),
            Value(text) => {
                ids.push(text.to_string_lossy().parse()?);
            }
            argument => return Err(argument.unexpected()),
        }
    }
    let filters = filter != DeadLetterFilter::default();
    let which = match (ids.is_empty(), filters, all) {
        (true, false, false) => Err("which dead letters? Give their ids, a filter, or --all"),
        (false, false, false) => Ok(DeadLetterSelection::Ids(ids.clone())),
        (true, _, _) if !(filters && all) => Ok(DeadLetterSelection::Matching(filter.clone())),
        _ => Err("ids, a filter and --all exclude each other"),
    };
    let ask = |wish| Ok(Command::Request(wish, which?));
    match (word.as_deref(), ids.as_slice()) {
        (Some("count"), []) => Ok(Command::Count { filter, json }),
        (Some("list"), []) => Ok(Command::List { filter, json }),
        (Some("show"), [id]) if !filters => Ok(Command::Show { id: *id, json }),
        (Some("show"), _) => Err("show takes exactly one id".into()),
        (Some("retry"), _) => ask(DeadLetterAction::Retry),
        (Some("drop"), _) => ask(DeadLetterAction::Drop),
        (Some(word), _) => Err(format!("unknown command \"dead-letters {word}\"").into()),
        (None, _) => Ok(Command::Help),
    }
}

fn moment(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text)
        .ok_or_else(|| "is not a time: write it as in 2026-01-31T08:00:00Z".to_owned())
}

/// Does what is asked, with the value of `OUTBOX_DIR`, or without it by the console of the running
/// bridge; gives back what to print.
///
/// # Errors
///
/// Why it cannot be done, in a sentence.
pub fn run(
    command: &Command,
    outbox: Option<&str>,
    console: Option<&Console>,
) -> Result<String, String> {
    if *command == Command::Help {
        return Ok(HELP.to_owned());
    }
    let Some(outbox) = outbox.filter(|folder| !folder.trim().is_empty()) else {
        if let Command::Request(..) = command {
            return Err(format!("{IN_MEMORY}: they cannot be retried or dropped; {KEPT_WITH}"));
        }
        let letters = from_console(console)
            .map_err(|why| format!("{IN_MEMORY}, and it cannot be asked: {why}; {KEPT_WITH}"))?;
        return show(command, &letters);
    };
    let outbox = Path::new(outbox);
    if !outbox.is_dir() {
        return Err(format!("folder {} does not exist", outbox.display()));
    }
    let letters = folders::read(outbox);
    let Command::Request(wish, which) = command else { return show(command, &letters) };
    let ids = match which {
        DeadLetterSelection::Ids(ids) => ids.clone(),
        DeadLetterSelection::Matching(filter) => {
            let passing = letters.iter().filter(|(_, letter)| filter.passes(letter));
            passing.map(|(id, _)| *id).collect()
        }
    };
    if let Some(id) = ids.iter().find(|id| !letters.contains_key(id)) {
        return Err(missing(*id));
    }
    if ids.is_empty() {
        return Ok("no dead letter matches\n".to_owned());
    }
    let parts = folders::submit(outbox, *wish, &ids)?;
    wait(&parts);
    answer(*wish, outbox, &requests::progress(&parts))
}

/// What to print of dead letters.
fn show(
    command: &Command,
    letters: &BTreeMap<LetterId, DeadLetterRecord>,
) -> Result<String, String> {
    match command {
        Command::Help | Command::Request(..) => Ok(HELP.to_owned()),
        Command::Count { filter, json: as_json } => {
            let counts = counts(letters.values().filter(|letter| filter.passes(letter)));
            if *as_json { json(&counts) } else { Ok(counts.iter().map(Count::line).collect()) }
        }
        Command::List { filter, json: as_json } => {
            let letters = letters.iter().filter(|(_, letter)| filter.passes(letter));
            if *as_json {
                json(&letters.map(LetterJson::new).collect::<Vec<_>>())
            } else {
                Ok(letters.map(|(id, letter)| line(*id, letter)).collect())
            }
        }
        Command::Show { id, json: as_json } => {
            let letter = letters.get(id).ok_or_else(|| missing(*id))?;
            if *as_json { json(&LetterJson::new((id, letter))) } else { Ok(page(*id, letter)) }
        }
    }
}

fn missing(id: LetterId) -> String {
    format!("no dead letter has the id {id}")
}

/// The last dead letters that the running bridge has in memory.
fn from_console(console: Option<&Console>) -> Result<BTreeMap<LetterId, DeadLetterRecord>, String> {
    let addr = console.and_then(|console| console.addr);
    let token = console.and_then(|console| console.token.as_ref()).map(|token| token.expose());
    let mut letters = BTreeMap::new();
    let mut after = Some("0".to_owned());
    while let Some(from) = after {
        let path = format!("/api/dead-letters?limit=100&after={from}");
        let text = match probe::get(addr, &path, token).map_err(|error| said(&error))? {
            (200, text) => text,
            (401, _) => return Err(WRONG_TOKEN.to_owned()),
            (status, text) => return Err(format!("it answers {status}: {}", text.trim())),
        };
        let page: LettersPage = serde_json::from_str(&text).map_err(|error| {
            format!(
                "its response cannot be parsed: are the bridge and this program of the same \
                 version? {error}"
            )
        })?;
        letters.extend(page.rows.into_iter().map(|letter| (LetterId::of(letter.id), letter)));
        if page.next.as_ref() == Some(&from) {
            return Err("it answers the same page again".to_owned());
        }
        after = page.next;
    }
    Ok(letters)
}

/// A page of the console's dead letters.
#[derive(Debug, Deserialize)]
struct LettersPage {
    rows: Vec<DeadLetterRecord>,
    next: Option<String>,
}

/// Waits until a running bridge has taken all of the request, or has had its time.
#[expect(clippy::disallowed_methods, reason = "nothing else runs in this process")]
fn wait(parts: &[RequestPart]) {
    let deadline = Instant::now() + ANSWERED_WITHIN;
    while requests::progress(parts).pending > 0 && Instant::now() < deadline {
        thread::sleep(LOOK_EVERY);
    }
}

/// What to print of a request: how many dead letters became what.
fn answer(
    action: DeadLetterAction,
    outbox: &Path,
    progress: &RequestProgress,
) -> Result<String, String> {
    let RequestProgress { done, pending, unreadable, unreadable_files } = progress;
    let what = match action {
        DeadLetterAction::Retry => "retried",
        DeadLetterAction::Drop => "dropped",
    };
    let letters = |count: usize| counted(count as u64, "dead letter");
    let carried_out = format!("done: {} {what}\n", letters(*done));
    let requested = format!(
        "requested: {} will be {what} when a bridge starts with OUTBOX_DIR {}; \
         no running bridge has answered within {} seconds. If one is running, its log says why\n",
        letters(*pending),
        outbox.display(),
        ANSWERED_WITHIN.as_secs()
    );
    let mut text = String::new();
    if *done > 0 || pending + unreadable == 0 {
        text += &carried_out;
    }
    if *pending > 0 {
        text += &requested;
    }
    if *unreadable == 0 {
        return Ok(text);
    }
    let kept: Vec<_> = unreadable_files.iter().map(|file| file.display().to_string()).collect();
    Err(format!(
        "{text}not {what}: {}; the running bridge cannot read the request, kept as {}; repeat it as \
         the user that the bridge runs as",
        letters(*unreadable),
        kept.join(", ")
    ))
}

/// Dead letters of one asset with one reason.
#[derive(Debug, Serialize)]
struct Count<'a> {
    letters: u64,
    asset: &'a str,
    refusal: &'a str,
    reason: &'a str,
    /// When one of them was rejected first and last, in milliseconds since the epoch.
    first_attempt: i64,
    last_attempt: i64,
}

impl Count<'_> {
    fn line(&self) -> String {
        let time = Timestamp::from_millis;
        let line = format!(
            "{:>7}  {}  {}  {}  from {} to {}",
            self.letters,
            self.asset,
            self.refusal,
            self.reason,
            time(self.first_attempt),
            time(self.last_attempt)
        );
        printable(&line) + "\n"
    }
}

/// The number of dead letters by asset and reason, the largest first.
fn counts<'a>(letters: impl Iterator<Item = &'a DeadLetterRecord>) -> Vec<Count<'a>> {
    // By the id: two gateways may have assets of one name.
    let mut counts: BTreeMap<(&str, &str, &str), Count<'_>> = BTreeMap::new();
    for letter in letters {
        let asset = letter.asset_name.as_deref().unwrap_or(&letter.asset);
        let key = (letter.asset.as_str(), letter.refusal.as_str(), letter.reason.as_str());
        let count = counts.entry(key).or_insert(Count {
            letters: 0,
            asset,
            refusal: &letter.refusal,
            reason: &letter.reason,
            first_attempt: letter.first_attempt,
            last_attempt: letter.last_attempt,
        });
        count.letters += 1;
        count.first_attempt = count.first_attempt.min(letter.first_attempt);
        count.last_attempt = count.last_attempt.max(letter.last_attempt);
    }
    let mut counts: Vec<_> = counts.into_values().collect();
    counts.sort_by_key(|count| std::cmp::Reverse(count.letters));
    counts
}

fn json(value: &impl serde::Serialize) -> Result<String, String> {
    let text = serde_json::to_string_pretty(value).map_err(|error| error.to_string())?;
    Ok(escaped(&text).into_owned() + "\n")
}

/// A dead letter in a line.
fn line(id: LetterId, letter: &DeadLetterRecord) -> String {
    let asset = letter.asset_name.as_deref().unwrap_or(&letter.asset);
    let property = letter.property_name.as_deref().unwrap_or(&letter.property);
    let value = letter.value.as_deref().unwrap_or("null");
    let line = format!(
        "{id}  {}  {asset} / {property}  {value}  {}  {}",
        Timestamp::from_millis(letter.time),
        letter.refusal,
        letter.reason
    );
    printable(&line) + "\n"
}

/// A dead letter with all its fields.
fn page(id: LetterId, letter: &DeadLetterRecord) -> String {
    let time = |millis| Timestamp::from_millis(millis).to_string();
    let named = |name: &Option<String>, id: &str| match name {
        Some(name) => format!("{name} ({id})"),
        None => id.to_owned(),
    };
    let fields = [
        ("id", id.to_string()),
        ("asset", named(&letter.asset_name, &letter.asset)),
        ("property", named(&letter.property_name, &letter.property)),
        ("alias", letter.alias.clone().unwrap_or_else(|| "none".to_owned())),
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
        let _ = writeln!(text, "{name:<14}{}", printable(&value));
    }
    text
}

#[cfg(test)]
mod tests;
