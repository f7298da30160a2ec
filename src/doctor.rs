//! `sparkwise doctor`: whether what the environment names can be used, with nothing changed.
//!
//! It reads the environment as the bridge does and checks each MQTT server, AWS and SiteWise with
//! the rights that the bridge needs, the table of a lease, the outbox's disk, and the clock. Each check is a line: ok,
//! what to do, or that it was not checked and why.
//!
//! The servers, AWS and the disk are checked at the same time, each with a timeout: the
//! report is complete within 20 seconds, whatever hangs.

mod commands;
mod disk;
mod lease;
mod server;
mod sitewise;
mod tags;

use std::fmt;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::config::Config;
use crate::sitewise::aws::AwsSiteWise;
use crate::sitewise::cause::Plane;
use crate::sitewise::client::SiteWise;
use crate::sitewise::import::BulkImport;
use crate::sitewise::tags::{Taggable, Tags};
use crate::telemetry;

/// How long a server, one call, or the disk has for its answer.
const PATIENCE: Duration = Duration::from_secs(8);
/// After so long without a check it is told what is waited for, and again.
const SILENCE: Duration = Duration::from_secs(2);

/// The parsed arguments of `sparkwise doctor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Use the bridge's own client identifier, which ends a running bridge's session.
    pub take_over: bool,
    /// As JSON.
    pub json: bool,
}

/// How a check ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckResult {
    /// It can be used; with what was seen.
    Ok(String),
    /// It cannot: why, and what to do.
    Wrong(String),
    /// It was not tried, for this reason.
    NotChecked(String),
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What was checked.
    pub what: String,
    /// How it ended.
    pub verdict: CheckResult,
}

impl Check {
    fn ok(what: impl Into<String>, seen: impl Into<String>) -> Self {
        Self { what: what.into(), verdict: CheckResult::Ok(seen.into()) }
    }

    fn wrong(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { what: what.into(), verdict: CheckResult::Wrong(why.into()) }
    }

    fn not_checked(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { what: what.into(), verdict: CheckResult::NotChecked(why.into()) }
    }

    const fn label(&self) -> &'static str {
        match self.verdict {
            CheckResult::Ok(_) => "ok",
            CheckResult::Wrong(_) => "wrong",
            CheckResult::NotChecked(_) => "not checked",
        }
    }

    fn text(&self) -> &str {
        match &self.verdict {
            CheckResult::Ok(text) | CheckResult::Wrong(text) | CheckResult::NotChecked(text) => {
                text
            }
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, colon) = (self.label(), if self.text().is_empty() { "" } else { ": " });
        let line = format!("{word:<12}{}{colon}{}", self.what, self.text());
        f.write_str(&telemetry::printable(&line))
    }
}

/// All checks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// In the order of the data's way.
    pub checks: Vec<Check>,
}

impl Report {
    /// Whether nothing has to be done.
    pub fn is_well(&self) -> bool {
        !self.checks.iter().any(|check| matches!(check.verdict, CheckResult::Wrong(_)))
    }

    /// How many things there are to do, in a line.
    pub fn summary(&self) -> String {
        let wrong = |check: &&Check| matches!(check.verdict, CheckResult::Wrong(_));
        match self.checks.iter().filter(wrong).count() {
            0 => "nothing to do\n".to_owned(),
            1 => "1 thing to do\n".to_owned(),
            many => format!("{many} things to do\n"),
        }
    }

    /// One line of JSON.
    pub fn json(&self) -> String {
        let checks = self.checks.iter().map(|check| {
            serde_json::json!({
                "what": check.what, "verdict": check.label(), "text": check.text(),
            })
        });
        serde_json::json!({ "well": self.is_well(), "checks": checks.collect::<Vec<_>>() })
            .to_string()
    }
}

/// What [`run`] tells while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress<'a> {
    /// A check has ended.
    Known(&'a Check),
    /// None has for some seconds: this is waited for, since so long.
    Waiting(&'a str, Duration),
}

/// Checks that are made by themselves, and what their answer is awaited from.
struct Section {
    of: String,
    checks: oneshot::Receiver<Vec<Check>>,
}

/// Checks everything, against AWS. What is known is given to `tell` at once, in the order of the
/// data's way.
pub async fn run(config: &Config, options: Options, mut tell: impl FnMut(Progress<'_>)) -> Report {
    let began = Instant::now();
    let mut report = Report::default();
    let sections = server::sections(config, options.take_over);
    let sections = sections.into_iter().chain([sitewise(config), disk(config)]);
    let sections = sections.chain(commands::sections(config, options.take_over));
    let sections = sections.chain(lease::sections(config));
    // All of them are begun before the first is waited for.
    for Section { of, mut checks } in sections.collect::<Vec<_>>() {
        let known = loop {
            match timeout(SILENCE, &mut checks).await {
                Ok(known) => break known,
                Err(_) => tell(Progress::Waiting(&of, began.elapsed())),
            }
        };
        let failed = |_| vec![Check::wrong(of, "the check itself failed: report this")];
        for check in known.unwrap_or_else(failed) {
            tell(Progress::Known(&check));
            report.checks.push(check);
        }
    }
    report
}

/// Makes checks by themselves.
fn spawn(of: String, checks: impl Future<Output = Vec<Check>> + Send + 'static) -> Section {
    let (done, waiting) = oneshot::channel();
    tokio::spawn(async move {
        // Nobody waits any more once the program ends.
        let _ = done.send(checks.await);
    });
    Section { of, checks: waiting }
}

fn sitewise(config: &Config) -> Section {
    let (is_named, late) = (config.twin.namespace.is_some(), config.late.clone());
    let has_tags = config.twin.labels.tags.is_some();
    spawn("AWS".to_owned(), async move {
        match timeout(PATIENCE, Box::pin(AwsSiteWise::from_env())).await {
            Ok(Ok(client)) => {
                let account = Box::pin(client.account_and_region());
                let endpoint = client.endpoint().to_string();
                let late = async {
                    let Some(late) = late else { return Vec::new() };
                    let import = client.bulk_import(&late.bucket, &late.role_arn);
                    sitewise::late(&late, import.tiers()).await
                };
                let tags = async {
                    if !has_tags {
                        return Vec::new();
                    }
                    let host = client.host(Plane::Control);
                    let of = Taggable::Asset(sitewise::NOBODY);
                    let key = ("sparkwise-doctor".to_owned(), String::new());
                    let write = client.tag(of, Tags::from([key]));
                    tags::check(&host, client.learn_arns(), client.read_tags(of), write).await
                };
                let (account, rights, tags, late) = tokio::join!(
                    sitewise::account(is_named, &endpoint, account),
                    Box::pin(sitewise::check(&client)),
                    Box::pin(tags),
                    Box::pin(late),
                );
                let (account, told) = account;
                let rights = rights.with(tags).folded(told);
                std::iter::once(account).chain(rights).chain(late).collect()
            }
            Ok(Err(error)) => vec![Check::wrong("AWS", error.to_string())],
            Err(_) => vec![Check::wrong("AWS", no_answer("where the AWS region comes from"))],
        }
    })
}

/// A disk that hangs holds nothing up: its thread is left alone.
fn disk(config: &Config) -> Section {
    let outbox = config.outbox.clone();
    let of = outbox.dir.as_ref().map(|folder| format!("OUTBOX_DIR={}", folder.display()));
    let of = of.unwrap_or_else(|| "OUTBOX_DIR".to_owned());
    let (done, waiting) = oneshot::channel();
    std::thread::spawn(move || {
        let mut checks = Vec::new();
        disk::check(&outbox, &mut |check| checks.push(check));
        let _ = done.send(checks);
    });
    spawn(of.clone(), async move {
        let hangs = "the disk has not done a write within";
        match timeout(PATIENCE, waiting).await {
            Ok(checks) => checks.unwrap_or_default(),
            Err(_) => vec![Check::wrong(of, format!("{hangs} {PATIENCE:.0?}: it hangs"))],
        }
    })
}

/// In words.
fn no_answer(from: &str) -> String {
    format!("no answer from {from} within {PATIENCE:.0?}")
}
