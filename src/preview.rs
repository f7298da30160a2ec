//! `sparkwise plan`: a dry run that reports what the bridge would change in SiteWise.
//!
//! Births are listened for, or read from captured payloads. They go through the same session and
//! the same twin as in the bridge; reads from SiteWise are real, writes are only recorded. Time is
//! simulated: so the report says how long provisioning takes at the account's rate limits.

mod buffered;
mod capture;
mod dry_run;
mod json;
mod listen;
mod plant;
mod report;
mod text;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tracing::info;

use self::buffered::BufferSurvey;
pub use self::capture::{CaptureLine, CaptureLineError, line};
use self::dry_run::{DryRun, answer};
pub use self::plant::{DescribedPlant, plant};
pub use self::report::{BirthsReceived, IngestCost, ModelChange, PlanReport, RuleSuggestion};
use crate::app;
use crate::bridge::labels::LabelledPlant;
use crate::command::AllowRules;
use crate::command::survey::WriteSurvey;
use crate::config::{Config, NotUnicode, VariableSource};
use crate::delivery::whatif::WhatIf;
use crate::labels::{self, LabelSurvey, Turn};
use crate::late::Tiers;
use crate::mqtt;
use crate::sitewise::api::ApiFault;
use crate::sitewise::aws::{AwsSiteWise, NoClient};
use crate::sitewise::cause::Cause;
use crate::sitewise::client::SiteWise;
use crate::sparkplug::event::{Birth, Event};
use crate::time::{Instant, Now};
use crate::twin::identity::Namespace;
use crate::twin::{Output, Twin};

/// Provisioning counts as complete once no call is due within this time: a model is updated once a
/// minute at most, and a rejection, which would not pass here, is retried after five.
const IDLE_MEANS_DONE: Duration = Duration::from_secs(120);
/// How long the bridge waits for the first tags of one born without; not waited for here.
const TAGS_TIMEOUT: Duration = Duration::from_secs(60);
/// Only retries use randomness; the report is deterministic.
const SEED: u64 = 0;

/// Options of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanOptions {
    /// Where the births come from.
    pub from: PlanSource,
    /// The report as JSON.
    pub json: bool,
}

/// Where the births come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanSource {
    /// The MQTT servers.
    Plant {
        /// For this long.
        listen: Duration,
        /// Whether to request rebirths of nodes that send data without a known birth.
        rebirth: bool,
    },
    /// Files of captured payloads.
    Captures(Vec<PathBuf>),
    /// No births: what the account has.
    Account,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The MQTT connection cannot be configured.
    #[error("MQTT cannot be set up: {0}")]
    Mqtt(#[from] mqtt::Error),
    /// No session with any server.
    #[error("no MQTT server could be reached")]
    NotConnected,
    /// Nothing to plan for.
    #[error(
        "no birth was received: listen longer (--for 5m), request rebirths (--rebirth), or read a \
         capture"
    )]
    NoBirth,
    /// The same of a capture.
    #[error(
        "the capture has no birth: capture for longer, or while the edge nodes are restarted or asked \
         for their births (Node Control/Rebirth)"
    )]
    NoBirthCaptured,
    /// Nothing to describe.
    #[error(
        "SiteWise has no edge node or device that this bridge would hear: check the AWS account, the \
         region and TWIN_NAMESPACE"
    )]
    NoMachine,
    /// What is missing would be taken for deleted.
    #[error(
        "SiteWise could not be read completely, and nothing is written: run it again, or allow it to \
         describe all models of the bridge and to list their assets"
    )]
    Unread,
    /// Nothing says what ids derive from.
    #[error(
        "ids derive from the AWS account and region: give AWS credentials, or set \
         TWIN_NAMESPACE=<account>/<region>"
    )]
    NoNamespace,
    /// A capture cannot be read.
    #[error("{path} cannot be read: {error}")]
    Capture {
        /// Where it is.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A line of a capture is invalid.
    #[error("{path}, line {number}: {error}")]
    Line {
        /// Where the capture is.
        path: PathBuf,
        /// Which line, from 1.
        number: usize,
        /// Why.
        error: CaptureLineError,
    },
    /// Nothing says where SiteWise is.
    #[error(transparent)]
    Client(#[from] NoClient),
    /// SiteWise cannot be read.
    #[error("SiteWise cannot be read: {}", .0.explain_once())]
    SiteWise(#[from] ApiFault),
}

/// What was received from the plant.
#[derive(Debug, Default)]
struct CapturedEvents {
    /// With the time of arrival.
    events: Vec<(Now, Event)>,
    /// What the events take, in parts.
    parts: usize,
    /// How long was listened; none where a capture has no times.
    listened_for: Option<Duration>,
    /// Nodes that spoke without a birth.
    without_birth: Vec<String>,
    /// Captured messages of groups that are not subscribed to.
    of_other_groups: u64,
}

/// A source of variables for captures: neither MQTT_URL nor a region is required.
#[derive(Clone, Copy, Debug)]
pub struct WithoutServer<S>(pub S);

impl<S: VariableSource> VariableSource for WithoutServer<S> {
    fn get(&self, name: &str) -> Result<Option<String>, NotUnicode> {
        self.0.get(name)
    }

    fn stand_in(&self, name: &str) -> Option<&'static str> {
        match name {
            "MQTT_URL" => Some("mqtt://localhost"),
            // The SDK looks for it by itself, and without one nothing is asked of AWS.
            "AWS_REGION" => Some("none"),
            _ => None,
        }
    }

    fn file(&self, path: &Path) -> std::io::Result<String> {
        self.0.file(path)
    }

    fn has_file(&self, path: &Path) -> bool {
        self.0.has_file(path)
    }

    fn names(&self) -> Vec<String> {
        self.0.names()
    }
}

/// Finds out what the bridge would do in the account that the environment names. From captures also
/// without one: then as if it had nothing in it.
///
/// # Errors
///
/// See [`PlanError`].
pub async fn against_aws(config: &Config, options: &PlanOptions) -> Result<PlanReport, PlanError> {
    match (account(config).await, &options.from) {
        (Ok((sitewise, namespace)), _) => {
            let tiers = match &config.late {
                Some(_) => Some(storage_tiers(&sitewise).await),
                None => None,
            };
            let report = Box::pin(run(config, options, sitewise, &namespace)).await?;
            Ok(PlanReport { tiers, ..report })
        }
        (Err(error), PlanSource::Captures(_)) if error.is_without_aws() => {
            let namespace = config.twin.namespace.as_deref().unwrap_or_default();
            let report = Box::pin(survey::<AwsSiteWise>(config, options, None, namespace));
            Ok(PlanReport { without_aws: Some(error.to_string()), ..report.await? })
        }
        (Err(error), _) => Err(error),
    }
}

/// SiteWise, and the namespace of the twins there.
async fn account(config: &Config) -> Result<(AwsSiteWise, String), PlanError> {
    let sitewise = AwsSiteWise::from_env().await?;
    let ask = async {
        match &config.twin.namespace {
            Some(namespace) => {
                sitewise.find_credentials().await?;
                Ok(namespace.clone())
            }
            None => {
                let (account, region) = sitewise.account_and_region().await?;
                Ok(format!("{account}/{region}"))
            }
        }
    };
    let namespace = answer("where AWS credentials come from, or STS", ask).await?;
    Ok((sitewise, namespace))
}

/// Whether the account has the storage that bulk import needs: what cannot be read is told, and keeps
/// nobody from the rest of the plan.
async fn storage_tiers(sitewise: &AwsSiteWise) -> Result<Tiers, String> {
    let tiers = Box::pin(sitewise.storage_tiers());
    answer("SiteWise", tiers).await.map_err(|fault| fault.explain_once())
}

impl PlanError {
    /// Whether nothing says which account is meant.
    fn is_without_aws(&self) -> bool {
        match self {
            Self::Client(error) => matches!(error, NoClient::Region(_)),
            Self::SiteWise(fault) => {
                matches!(fault.cause, Cause::NoCredentials | Cause::CredentialSource)
            }
            _ => false,
        }
    }
}

/// Finds out what the bridge would do.
///
/// # Errors
///
/// See [`PlanError`].
pub async fn run<S: SiteWise>(
    config: &Config,
    options: &PlanOptions,
    sitewise: S,
    namespace: &str,
) -> Result<PlanReport, PlanError> {
    survey(config, options, Some(sitewise), namespace).await
}

async fn survey<S: SiteWise>(
    config: &Config,
    options: &PlanOptions,
    sitewise: Option<S>,
    namespace: &str,
) -> Result<PlanReport, PlanError> {
    let observed = Box::pin(observe(config, &options.from, sitewise, namespace)).await?;
    Ok(observed.run.report(&observed.captured, observed.began))
}

/// The end of a dry run.
struct Observed<S> {
    run: PlanRun<S>,
    captured: CapturedEvents,
    /// When provisioning began, in simulated time.
    began: Instant,
}

/// Lets the twin follow what is received, until nothing is left to do.
async fn observe<S: SiteWise>(
    config: &Config,
    from: &PlanSource,
    sitewise: Option<S>,
    namespace: &str,
) -> Result<Observed<S>, PlanError> {
    let bridge = app::bridge_config(config, Namespace::new(namespace));
    let captured = match from {
        PlanSource::Plant { listen, rebirth } => {
            info!("listening for {listen:.0?}");
            listen::listen(config, &bridge.host, *listen, *rebirth).await?
        }
        PlanSource::Captures(paths) => {
            capture::read(&bridge.host, config.sparkplug.groups.as_deref(), paths)?
        }
        PlanSource::Account => CapturedEvents::default(),
    };
    let has_birth = captured.events.iter().any(|(_, event)| matches!(event, Event::Birth(_)));
    match from {
        PlanSource::Plant { .. } if !has_birth => return Err(PlanError::NoBirth),
        PlanSource::Captures(_) if !has_birth => return Err(PlanError::NoBirthCaptured),
        _ => {}
    }
    let mut run = PlanRun {
        labels: (!config.twin.labels.is_empty()).then(|| config.twin.labels.clone()),
        allow: config.commands.as_ref().map(|commands| commands.rules.allow.clone()),
        twin: Twin::new(bridge.twin, SEED).without_clock_watch(),
        dry_run: DryRun::new(sitewise),
        what_if: WhatIf::default(),
        buffered: BufferSurvey::new(config),
        values: 0,
        findings: BTreeSet::new(),
        counting_data: false,
        arrival: Instant::START,
        now: captured.events.first().map_or(Now::default(), |(at, _)| *at),
    };
    run.now.instant = Instant::START;
    run.run_to_completion().await?;
    let synced_at = run.now.instant;
    for (at, event) in &captured.events {
        run.feed(*at, event.clone());
    }
    run.run_to_completion().await?;
    let done = run.now.instant;
    run.advance_time(TAGS_TIMEOUT);
    run.run_to_completion().await?;
    // Waiting that is only simulated does not count as provisioning time.
    let began = match run.dry_run.last_write() {
        Some(last) if last > done => synced_at + TAGS_TIMEOUT,
        Some(_) | None => synced_at,
    };
    Ok(Observed { run, captured, began })
}

/// The twin, and a dry-run SiteWise.
struct PlanRun<S> {
    /// Which labels are wanted, if any.
    labels: Option<labels::Config>,
    /// What may be written to the plant, if anything.
    allow: Option<AllowRules>,
    twin: Twin,
    dry_run: DryRun<S>,
    what_if: WhatIf,
    buffered: BufferSurvey,
    values: u64,
    /// Findings on births, such as units that differ from their models': what is concerned, and what to
    /// do.
    findings: BTreeSet<(String, &'static str)>,
    /// Whether the event that is being followed is data.
    counting_data: bool,
    /// When the event that is being followed arrived.
    arrival: Instant,
    /// Simulated time.
    now: Now,
}

impl<S: SiteWise> PlanRun<S> {
    fn feed(&mut self, at: Now, event: Event) {
        self.arrival = at.instant;
        self.counting_data = matches!(event, Event::Data(_));
        let now = Now { instant: self.now.instant, wall: at.wall };
        self.twin.handle_event(event, now);
        self.drain();
    }

    /// Advances simulated time without messages.
    fn advance_time(&mut self, time: Duration) {
        self.counting_data = false;
        self.now = self.now.plus(time);
        self.twin.handle_timeout(self.now);
        self.drain();
    }

    /// Counts points and queues calls.
    fn drain(&mut self) {
        while let Some(output) = self.twin.poll_output(self.now) {
            match output {
                Output::Call(id, step) => self.dry_run.queue(id, step, self.now.instant),
                Output::Store(points) => {
                    // What a birth brings comes once, not by the second.
                    for point in points.into_iter().filter(|_| self.counting_data).map(|w| w.point) {
                        self.values += 1;
                        self.what_if.count(point.stream, &point.value, self.arrival);
                        self.buffered.count(&point);
                    }
                }
                Output::Finding { finding, example, .. } => {
                    self.findings.insert((example, finding.description()));
                }
                Output::Open(_)
                | Output::Rejected { .. }
                | Output::Grouped(_)
                // The twin has them all at the end.
                | Output::Capped { .. }
                | Output::MayBeBack(_)
                | Output::RequestRefresh(..)
                | Output::ExpectOnline { .. } => {}
            }
        }
    }

    /// Runs until nothing is left to do.
    async fn run_to_completion(&mut self) -> Result<(), PlanError> {
        loop {
            self.drain();
            if let Some((id, answer)) = self.dry_run.next().await? {
                self.twin.handle_result(id, answer, self.now);
                continue;
            }
            match self.twin.plan().poll_timeout() {
                Some(at) if at <= self.now.instant + IDLE_MEANS_DONE => {
                    self.now = self.now.plus(at.since(self.now.instant));
                }
                _ => return Ok(()),
            }
        }
    }

    fn report(self, captured: &CapturedEvents, began: Instant) -> PlanReport {
        let takes = self.dry_run.last_write().map(|last| last.since(began));
        let cost = captured.listened_for.map(|listened| IngestCost {
            listened,
            values: self.values,
            messages: self.what_if.messages(),
        });
        let takes = takes.unwrap_or_default();
        let writes = self.dry_run.writes();
        let writable =
            self.allow.map(|rules| WriteSurvey::of(&rules, captured.births(), &self.twin));
        let report = PlanReport::new(captured, &self.twin, writes, &self.findings, takes, cost);
        let plant = LabelledPlant { twin: &self.twin, values: Turn::Go };
        let labels = self.labels.map(|labels| LabelSurvey::of(&labels, &plant));
        let buffered = self.buffered.estimate(&self.twin, captured.listened_for);
        PlanReport { writable, labels, buffered, ..report }
    }
}

impl CapturedEvents {
    /// Its births, in order.
    fn births(&self) -> impl Iterator<Item = &Birth> {
        self.events.iter().filter_map(|(_, event)| match event {
            Event::Birth(birth) => Some(birth),
            Event::Data(_) | Event::Death(_) => None,
        })
    }
}

#[cfg(test)]
mod tests;
