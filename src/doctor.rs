//! `sparkwise doctor`: whether what the environment names can be used, with nothing changed.
//!
//! It reads the environment as the bridge does and checks each MQTT server, AWS and SiteWise with
//! the rights that the bridge needs, the outbox's disk, and the clock. Each check is a line: ok,
//! what to do, or that it was not checked and why.

mod disk;
mod server;
mod sitewise;

use std::fmt;
use std::time::Duration;

use crate::config::Config;
use crate::sitewise::aws::AwsSiteWise;
use crate::telemetry;

/// How long a server, or one call, has for its answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The bridge's own client identifier is used, which ends the session of a bridge that runs.
    pub take_over: bool,
    /// As JSON.
    pub json: bool,
}

/// How a check ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
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
    pub verdict: Verdict,
}

impl Check {
    fn ok(what: impl Into<String>, seen: impl Into<String>) -> Self {
        Self { what: what.into(), verdict: Verdict::Ok(seen.into()) }
    }

    fn wrong(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { what: what.into(), verdict: Verdict::Wrong(why.into()) }
    }

    fn not_checked(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { what: what.into(), verdict: Verdict::NotChecked(why.into()) }
    }

    const fn word(&self) -> &'static str {
        match self.verdict {
            Verdict::Ok(_) => "ok",
            Verdict::Wrong(_) => "wrong",
            Verdict::NotChecked(_) => "not checked",
        }
    }

    fn text(&self) -> &str {
        match &self.verdict {
            Verdict::Ok(text) | Verdict::Wrong(text) | Verdict::NotChecked(text) => text,
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, colon) = (self.word(), if self.text().is_empty() { "" } else { ": " });
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
        !self.checks.iter().any(|check| matches!(check.verdict, Verdict::Wrong(_)))
    }

    /// How many things there are to do, in a line.
    pub fn summary(&self) -> String {
        let wrong = |check: &&Check| matches!(check.verdict, Verdict::Wrong(_));
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
                "what": check.what, "verdict": check.word(), "text": check.text(),
            })
        });
        serde_json::json!({ "well": self.is_well(), "checks": checks.collect::<Vec<_>>() })
            .to_string()
    }
}

/// Checks everything, against AWS. What is known is given to `tell` at once.
pub async fn run(config: &Config, options: Options, mut tell: impl FnMut(&Check)) -> Report {
    let mut report = Report::default();
    let mut take = |check: Check| {
        tell(&check);
        report.checks.push(check);
    };
    server::check(config, options.take_over, &mut take).await;
    match Box::pin(AwsSiteWise::from_env()).await {
        Ok(client) => {
            let account = Box::pin(client.account_and_region());
            sitewise::account(config, &client.endpoint().to_string(), account, &mut take).await;
            Box::pin(sitewise::check(&client, &mut take)).await;
        }
        Err(error) => take(Check::wrong("AWS", error.to_string())),
    }
    disk::check(&config.outbox, &mut take);
    report
}
