//! `sparkwise status`: the console's overview and problems, for a terminal.

mod find;

use std::fmt::Write;

use lexopt::Arg::{Long, Short, Value as Word};
use lexopt::ValueExt;
use serde::Deserialize;
use serde_json::Value;

use crate::config::Console;
use crate::console::degraded::colon_after;
use crate::console::probe::{self, HealthcheckError, ProbeResponse};
use crate::telemetry::{escaped, printable};
use crate::time::Timestamp;

/// What a console says that wants another token.
pub(super) const WRONG_TOKEN: &str =
    "the console answers 401: CONSOLE_TOKEN is not set here, or is not the bridge's";

/// What `sparkwise status --help` prints.
pub const HELP: &str = "\
sparkwise status: prints the status of the running bridge

Usage: sparkwise status [--json]
       sparkwise status [--json] WORDS...

It queries the console at CONSOLE_ADDR, with CONSOLE_TOKEN where that is set, and prints whether the
bridge is ready, its counters, and its problems, the most severe first, each with a remedy. In a
container the program is /sparkwise: docker exec sparkwise /sparkwise status, or
kubectl exec statefulset/sparkwise -- /sparkwise status

  --json  print JSON, on one line: the console's overview and all its problems
  WORDS   print the machines and properties that match instead, with what is wrong with them: an
          alias, an address, a topic, an id, or parts of names

Exit codes: 0 if it is ready, 2 if it is degraded, 1 if it is not ready or does not respond, 64 for
invalid arguments or an invalid configuration. With WORDS 0 if something matches, otherwise 1.
";

/// The parsed arguments of `sparkwise status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// How it is used.
    Help,
    /// How the bridge is.
    Show {
        /// As JSON.
        json: bool,
    },
    /// What the console's search finds.
    Find {
        /// An alias, an address, a topic, an id, or parts of names.
        words: String,
        /// As JSON.
        json: bool,
    },
}

/// The bridge's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Nothing is wrong.
    Ready,
    /// It works, and something is wrong.
    Degraded,
    /// It does not do what it is for.
    NotReady,
}

/// What there is to print, and what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusReport {
    /// What to print.
    pub text: String,
    /// How the bridge is.
    pub health: Health,
}

/// Reads the arguments after `status`.
///
/// # Errors
///
/// An argument that there is not.
pub fn parse(parser: &mut lexopt::Parser) -> Result<Command, lexopt::Error> {
    let (mut json, mut words) = (false, Vec::new());
    while let Some(argument) = parser.next()? {
        match argument {
            Long("help") | Short('h') => return Ok(Command::Help),
            Long("json") => json = true,
            Word(word) => words.push(word.string()?),
            argument => return Err(argument.unexpected()),
        }
    }
    match words.join(" ") {
        words if words.trim().is_empty() => Ok(Command::Show { json }),
        words => Ok(Command::Find { words, json }),
    }
}

/// Asks the console.
///
/// # Errors
///
/// It cannot be asked, in a sentence.
pub fn run(command: Command, console: &Console) -> Result<StatusReport, String> {
    let token = console.token.as_ref().map(|token| token.expose());
    let get = |path: &str| probe::get(console.addr, path, token).map_err(|error| said(&error));
    let json = match command {
        Command::Help => {
            return Ok(StatusReport { text: HELP.to_owned(), health: Health::Ready });
        }
        Command::Find { words, json } => return find::find(&words, json, get),
        Command::Show { json } => json,
    };
    let (status, ready) = get("/readyz")?;
    let health = match status {
        200 if ready.starts_with("degraded") => Health::Degraded,
        200 => Health::Ready,
        503 => Health::NotReady,
        status => return Err(format!("/readyz answers {status}: {}", ready.trim())),
    };
    let overview = match get("/api/overview")? {
        (200, text) => text,
        (401, _) => {
            return Err(WRONG_TOKEN.to_owned());
        }
        // The engine does not run yet: what is known stands in `/readyz`.
        (_, _) => return Ok(starting(&ready, json)),
    };
    let problems = problems(json, get)?;
    if json {
        let overview: Value = serde_json::from_str(&overview).map_err(unparsable)?;
        let value = serde_json::json!({
            "health": health.as_str(), "overview": overview, "problems": problems.raw(),
        });
        let text = escaped(&value.to_string()).into_owned() + "\n";
        return Ok(StatusReport { text, health });
    }
    let overview: Overview = serde_json::from_str(&overview).map_err(unparsable)?;
    Ok(StatusReport { text: page(health, &overview, &problems), health })
}

/// The problems: all of them, or the first page for a terminal.
fn problems(
    all: bool,
    get: impl Fn(&str) -> Result<ProbeResponse, String>,
) -> Result<Page, String> {
    let mut problems = Page { rows: Vec::new(), next: Some("0".to_owned()) };
    while let Some(from) = problems.next.take() {
        let text = match get(&format!("/api/problems?limit=500&from={from}"))? {
            (200, text) => text,
            (status, text) => {
                return Err(format!("/api/problems answers {status}: {}", text.trim()));
            }
        };
        let page: Page = serde_json::from_str(&text).map_err(unparsable)?;
        if page.next.as_ref() == Some(&from) {
            return Err("/api/problems answers the same page again".to_owned());
        }
        problems.rows.extend(page.rows);
        problems.next = page.next;
        if !all {
            break;
        }
    }
    Ok(problems)
}

fn unparsable(error: serde_json::Error) -> String {
    format!(
        "cannot parse the console's response: are the bridge and this program of the same version? \
         {error}"
    )
}

pub(super) fn said(error: &HealthcheckError) -> String {
    match error {
        HealthcheckError::Unreachable(addr, why) => format!(
            "{addr} does not respond: {why}: no bridge runs here, or it has another CONSOLE_ADDR"
        ),
        error => error.to_string(),
    }
}

fn starting(ready: &str, json: bool) -> StatusReport {
    let text = match json {
        true => {
            let value = serde_json::json!({ "health": "not ready", "reason": ready.trim() });
            escaped(&value.to_string()).into_owned() + "\n"
        }
        false => format!("not ready\n{ready}\n"),
    };
    StatusReport { text, health: Health::NotReady }
}

impl Health {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Degraded => "degraded",
            Self::NotReady => "not ready",
        }
    }
}

/// A number of each of some labels.
type Counts = Vec<(String, u64)>;

#[derive(Debug, Deserialize)]
struct Overview {
    version: String,
    host_id: String,
    not_ready: Vec<(String, String)>,
    started_at: i64,
    servers: Vec<Server>,
    nodes: Counts,
    models: usize,
    assets: usize,
    assets_live: u64,
    provisioning_pending: u64,
    #[serde(default)]
    lease: Option<Lease>,
    values: Values,
    oldest: Option<i64>,
    delivery: Delivery,
}

#[derive(Debug, Deserialize)]
struct Server {
    url: String,
    since: Option<i64>,
    trouble: Option<String>,
    received: u64,
}

#[derive(Debug, Deserialize)]
struct Values {
    read: u64,
    own: u64,
    restored: u64,
    buffered: u64,
    in_outbox: u64,
    behind_gates: u64,
    in_delivery: u64,
    #[serde(default)]
    in_standby: u64,
    delivered: u64,
    refused_early: Counts,
    refused: Counts,
    discarded: Counts,
    dropped: Counts,
    #[serde(default)]
    late: Option<Late>,
}

#[derive(Debug, Deserialize)]
struct Lease {
    role: String,
    since: i64,
    epoch: u64,
    has_follower: bool,
}

#[derive(Debug, Deserialize)]
struct Late {
    delivered: u64,
    waiting: u64,
    refused: u64,
    failing: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Delivery {
    requests: u64,
    throttles: u64,
    billed_messages: u64,
    values_quota: u64,
    quotas_read: bool,
    sent_per_second: Option<(f64, f64)>,
    messages_per_hour: Option<f64>,
    measured_seconds: u64,
    messages_per_month: Option<f64>,
    cost_per_month: Option<f64>,
    #[serde(default)]
    first_figure_at: Option<i64>,
}

#[derive(Debug, Deserialize)]
struct Page {
    rows: Vec<Problem>,
    next: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Problem {
    kind: String,
    subject: String,
    reason: String,
}

impl Problem {
    /// On one line.
    fn line(&self) -> String {
        let Self { kind, subject, reason } = self;
        printable(&format!("{kind}: {subject}{} {reason}", colon_after(kind)))
    }
}

impl Page {
    fn raw(&self) -> Vec<Value> {
        let row = |row: &Problem| serde_json::json!({ "kind": row.kind, "subject": row.subject, "reason": row.reason });
        self.rows.iter().map(row).collect()
    }
}

fn page(health: Health, now: &Overview, problems: &Page) -> String {
    let mut text = format!("{}\n", health.as_str());
    for (_, reason) in &now.not_ready {
        let _ = writeln!(text, "  {}", printable(reason));
    }
    let mut row = |name: &str, what: String| {
        let _ = writeln!(text, "{name:<16}{}", printable(&what));
    };
    let since = Timestamp::from_millis(now.started_at).in_seconds();
    row(
        "bridge",
        format!("sparkwise {}, host id {}, running since {since}", now.version, now.host_id),
    );
    if let Some(Lease { role, since, epoch, has_follower }) = &now.lease {
        let since = Timestamp::from_millis(*since).in_seconds();
        let second = if *has_follower { "a second bridge follows" } else { "no second bridge" };
        row("lease", format!("{role} since {since}, epoch {epoch}; {second}"));
    }
    for server in &now.servers {
        let how = match (server.since, &server.trouble) {
            (Some(since), _) => {
                format!("connected since {}", Timestamp::from_millis(since).in_seconds())
            }
            (None, Some(trouble)) => format!("not connected: {trouble}"),
            (None, None) => "not connected yet".to_owned(),
        };
        row(
            "mqtt",
            format!(
                "{}: {how}, {} {} received",
                server.url,
                number(server.received),
                if server.received == 1 { "message" } else { "messages" }
            ),
        );
    }
    row("nodes", list(&now.nodes).unwrap_or_else(|| "none yet".to_owned()));
    let pending = match now.provisioning_pending {
        0 => String::new(),
        calls => format!(", {} calls pending", number(calls)),
    };
    let (live, assets) = (number(now.assets_live), number(now.assets as u64));
    row("assets", format!("{live} of {assets} active, of {} models{pending}", now.models));
    let values = &now.values;
    let queued = values.in_outbox + values.behind_gates + values.in_delivery;
    let waiting = values.buffered + queued + values.in_standby;
    let oldest = now.oldest.filter(|_| waiting > 0).map(|oldest| {
        format!(" (oldest from {})", Timestamp::from_millis(oldest.saturating_mul(1_000)))
    });
    row(
        "values",
        format!(
            "{} in, {} delivered, {} queued{}",
            number(values.read + values.own + values.restored),
            number(values.delivered),
            number(waiting),
            oldest.unwrap_or_default()
        ),
    );
    if let Some(Late { delivered, waiting, refused, failing }) = &values.late {
        let counts = format!(
            "{} delivered by bulk import, {} in files, {} rejected",
            number(*delivered),
            number(*waiting),
            number(*refused)
        );
        row("late", failing.as_ref().map_or(counts.clone(), |why| format!("{counts}; {why}")));
    }
    for (name, counts) in [
        ("rejected", [&values.refused_early[..], &values.refused[..]].concat()),
        ("discarded", values.discarded.clone()),
        ("dropped", values.dropped.clone()),
    ] {
        if let Some(list) = list(&counts) {
            row(name, list);
        }
    }
    let delivery = &now.delivery;
    let told = if delivery.quotas_read {
        "read from Service Quotas"
    } else {
        "configured, or AWS's default"
    };
    row(
        "sitewise",
        format!(
            "{} requests, {} billed messages, {} throttled; {}quota {} values/s ({told})",
            number(delivery.requests),
            number(delivery.billed_messages),
            number(delivery.throttles),
            delivery.sent_per_second.map_or(String::new(), |(_, values)| format!(
                "sends {} values/s, ",
                number(whole(values))
            )),
            number(delivery.values_quota),
        ),
    );
    row("cost", cost(delivery));
    if !problems.rows.is_empty() {
        text.push_str("\nproblems, the most severe first\n");
    }
    for problem in &problems.rows {
        let _ = writeln!(text, "  {}", problem.line());
    }
    if problems.next.is_some() {
        text.push_str("  and more: see Problems on the console's page\n");
    }
    text
}

/// Billed messages at the rate of late, and what they cost where the price is known.
fn cost(delivery: &Delivery) -> String {
    let Some((hour, month)) = delivery.messages_per_hour.zip(delivery.messages_per_month) else {
        let at = delivery.first_figure_at.map(Timestamp::from_millis);
        let at = at.map(|at| format!(", first figure at {}", at.in_seconds()));
        return format!("measuring billed messages for an hour{}", at.unwrap_or_default());
    };
    let money = delivery.cost_per_month.map(|cost| format!(", which cost {cost:.2}"));
    format!(
        "{} billed messages an hour, {} in 30 days{} (measured for {} min)",
        number(whole(hour)),
        number(whole(month)),
        money.unwrap_or_default(),
        delivery.measured_seconds.div_ceil(60)
    )
}

/// Rounded; a rate is never negative.
fn whole(rate: f64) -> u64 {
    rate.round() as u64
}

/// What is not zero of some counts; the same label twice is one.
fn list(counts: &[(String, u64)]) -> Option<String> {
    let mut sums: Vec<(&str, u64)> = Vec::new();
    for (label, count) in counts.iter().filter(|(_, count)| *count > 0) {
        match sums.iter_mut().find(|(of, _)| *of == label.as_str()) {
            Some((_, sum)) => *sum += count,
            None => sums.push((label, *count)),
        }
    }
    let words: Vec<String> =
        sums.iter().map(|(label, count)| format!("{} {label}", number(*count))).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// With a comma between thousands.
fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests;
