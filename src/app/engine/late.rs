//! Late values: performs what the bridge decides of their files.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;
use tokio::task::{JoinError, JoinSet};
use tracing::{debug, info, warn};

use super::{Engine, Error};
use crate::app::late::{self as steps, Outcome};
use crate::delivery::point::{Key, Point, RejectReason, Stream};
use crate::late::file_import::{Step, StepResult};
use crate::late::report::RowRefusal;
use crate::late::{Config, FileName, Output, Tiers};
use crate::outbox::LateEvent;
use crate::outbox::dead_letters::{DeadLetter, DeadLetters};
use crate::outbox::disk::late_files::LateFolder;
use crate::sitewise::api::ApiFault;
use crate::sitewise::client::SiteWise;
use crate::sitewise::import::BulkImport;
use crate::time::{Instant, Now};

/// Steps that fail in a row before the log says so: single ones fail often, and are tried again.
const STEPS_IN_A_ROW: u32 = 5;
/// Jobs in a row that SiteWise does not create before the log says so.
const REFUSED_JOBS: u32 = 2;
/// How often it says so, while they go on failing.
const TOLD_EVERY: Duration = Duration::from_secs(3_600);

/// When the log tells of calls that fail again and again.
#[derive(Debug, Default)]
struct FailureLog {
    in_a_row: u32,
    told_at: Option<Instant>,
}

impl FailureLog {
    /// A call has ended. Whether to tell that it failed, as at least so many in a row.
    fn record(&mut self, is_failed: bool, at_least: u32, now: Instant) -> bool {
        self.in_a_row = if is_failed { self.in_a_row.saturating_add(1) } else { 0 };
        let was_told = self.told_at.is_some_and(|at| now.since(at) < TOLD_EVERY);
        let is_due = self.in_a_row >= at_least && is_failed && !was_told;
        if is_due {
            self.told_at = Some(now);
        }
        is_due
    }
}

type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Does single steps, in tasks of their own.
trait Worker: Send {
    fn perform(&self, file: FileName, step: Step) -> Work<Outcome>;
    fn read_tiers(&self) -> Work<Result<Tiers, ApiFault>>;
}

struct ImportWorker<B> {
    import: Arc<B>,
    folder: LateFolder,
    config: Arc<Config>,
}

impl<B: BulkImport> Worker for ImportWorker<B> {
    fn perform(&self, file: FileName, step: Step) -> Work<Outcome> {
        let (import, folder) = (Arc::clone(&self.import), self.folder.clone());
        let config = Arc::clone(&self.config);
        Box::pin(async move { steps::perform(&*import, &folder, &config, file, step).await })
    }

    fn read_tiers(&self) -> Work<Result<Tiers, ApiFault>> {
        let import = Arc::clone(&self.import);
        Box::pin(async move { import.tiers().await })
    }
}

/// How something ended.
pub(super) enum LateDone {
    Step(FileName, Outcome),
    Tiers(Result<Tiers, ApiFault>),
}

/// Where late values are brought: S3 and SiteWise's bulk import.
pub(in crate::app) struct LateCourier {
    config: Config,
    worker: Box<dyn Worker>,
}

impl LateCourier {
    /// By this client, with the files in this folder.
    pub(in crate::app) fn new(import: impl BulkImport, folder: LateFolder, config: Config) -> Self {
        let shared = Arc::new(config.clone());
        let worker = ImportWorker { import: Arc::new(import), folder, config: shared };
        Self { config, worker: Box::new(worker) }
    }
}

/// The steps that are under way.
#[derive(Default)]
pub(super) struct LateSteps {
    /// None where late values become dead letters.
    worker: Option<Box<dyn Worker>>,
    tasks: JoinSet<LateDone>,
    /// Files that the disk has not closed yet, with their steps.
    closing: BTreeMap<FileName, Vec<Step>>,
    /// The latest row in each file of each property that is being rejected: it ends that, if SiteWise
    /// takes it.
    after_rejection: BTreeMap<FileName, FxHashMap<Stream, Key>>,
    /// What was logged last.
    tiers: Tiers,
    failed_steps: FailureLog,
    refused_jobs: FailureLog,
    failed_readings: FailureLog,
}

impl LateSteps {
    /// The next that has ended; never where there is none.
    pub(super) async fn next(&mut self) -> Result<LateDone, JoinError> {
        match self.tasks.join_next().await {
            Some(done) => done,
            None => std::future::pending().await,
        }
    }

    fn note_after_rejection(&mut self, file: FileName, key: Key, letters: &DeadLetters) {
        if letters.is_rejecting(key.stream) {
            let streams = self.after_rejection.entry(file).or_default();
            let last = streams.entry(key.stream).or_insert(key);
            if last.time < key.time {
                *last = key;
            }
        }
    }

    fn start(&mut self, file: FileName, step: Step) {
        if let Some(worker) = &self.worker {
            debug!("late values: {step:?} of {file}");
            let work = worker.perform(file, step);
            self.tasks.spawn(async move { LateDone::Step(file, work.await) });
        }
    }
}

impl<S: SiteWise> Engine<S> {
    /// With late values brought by this courier.
    pub(in crate::app) fn with_late(self, courier: LateCourier, seed: u64) -> Self {
        let LateCourier { config, worker } = courier;
        let bridge = self.bridge.with_late(config, seed, self.clock.now());
        let late = LateSteps { worker: Some(worker), ..LateSteps::default() };
        Self { bridge, late, ..self }
    }

    /// Does what the bridge decided of late values.
    pub(super) fn handle_late_output(&mut self, output: Output) {
        match output {
            Output::Append { file, row, line, key } => {
                self.late.note_after_rejection(file, key, &self.dead_letters);
                self.outbox.append_late(file, row, line);
            }
            Output::Settle { keys, row } => self.outbox.settle_late(&keys, row),
            Output::Close(file) => {
                self.late.closing.insert(file, Vec::new());
                self.outbox.close_late(file);
            }
            Output::Do(file, step) => match self.late.closing.get_mut(&file) {
                Some(steps) => steps.push(step),
                None => self.late.start(file, step),
            },
            Output::ReadTiers => {
                if let Some(worker) = &self.late.worker {
                    let work = worker.read_tiers();
                    self.late.tasks.spawn(async move { LateDone::Tiers(work.await) });
                }
            }
            Output::Lost { file, rows } => {
                let key = self.late_key(file);
                self.late.after_rejection.remove(&file);
                warn!(
                    late.object = key,
                    values.discarded = rows,
                    "late values: the file of {key} is no longer in OUTBOX_DIR, and its {rows} \
                     values are lost unless a bulk import job has taken them"
                );
            }
            Output::JobFailed(file) => {
                let key = self.late_key(file);
                warn!(
                    late.object = key,
                    "the bulk import job of {key} failed as a whole: its values are sent again by \
                     another job; see the job in SiteWise, and check the role in LATE_ROLE_ARN and \
                     its permissions on LATE_BUCKET"
                );
            }
            Output::Delivered { file, taken, refused } => {
                let key = self.late_key(file);
                // Its letters are kept already: what is later than them was taken.
                let later = self.late.after_rejection.remove(&file).unwrap_or_default();
                let keys: Vec<Key> = later.into_values().collect();
                self.dead_letters.record_accepted(&keys);
                info!(
                    late.object = key,
                    values.delivered = taken,
                    values.refused = refused,
                    "late values: SiteWise accepted {taken} of {key} and rejected {refused}"
                );
            }
        }
    }

    fn late_key(&self, file: FileName) -> String {
        self.bridge.late().map_or_else(|| file.to_string(), |late| late.config().key(file))
    }

    /// What became of late values on the disk.
    pub(super) fn handle_late_events(&mut self, now: Now) {
        while let Some(event) = self.outbox.poll_late() {
            match event {
                LateEvent::Restored(files) => {
                    let rows: u64 = files.iter().map(|file| file.rows).sum();
                    if rows > 0 {
                        info!(
                            values.restored = rows,
                            "late values: {rows} values are in {} files that an earlier run left",
                            files.len()
                        );
                    }
                    self.bridge.handle_late_restored(files, now);
                }
                LateEvent::Unreadable(file, reason) => {
                    warn!(
                        "the file {file} of late values in OUTBOX_DIR cannot be read: {reason}; it \
                         is kept there and read again at the next start"
                    );
                    self.bridge.handle_late_unreadable(file, reason);
                }
                LateEvent::Saved(row) => self.bridge.handle_late_saved(row),
                LateEvent::Settled(row) => self.bridge.handle_late_settled(row, now),
                LateEvent::Closed(file) => {
                    for step in self.late.closing.remove(&file).unwrap_or_default() {
                        self.late.start(file, step);
                    }
                }
                LateEvent::LettersKept(file, count) => {
                    self.bridge.handle_late_step(file, StepResult::Refused(count), now);
                }
                LateEvent::Fault(fault) => {
                    match &fault {
                        Some(reason) => warn!(
                            "the files of late values in OUTBOX_DIR cannot be written: {reason}; \
                             late values wait in the outbox, and those of INGEST_BUFFERED are sent \
                             at once"
                        ),
                        None => info!("the files of late values are writable again"),
                    }
                    self.bridge.handle_late_fault(fault);
                }
            }
        }
    }

    /// A step has ended, or the tiers were read.
    pub(super) fn handle_late_done(
        &mut self,
        done: Result<LateDone, JoinError>,
    ) -> Result<(), Error> {
        let now = self.now();
        match done.map_err(|_| Error::Task("late"))? {
            LateDone::Step(file, Outcome::Step(result)) => {
                self.log_step(file, &result, now);
                self.bridge.handle_late_step(file, result, now);
            }
            LateDone::Step(file, Outcome::Refused(rows)) => self.keep_refused(file, rows, now),
            LateDone::Tiers(read) => {
                let is_told = self.late.failed_readings.record(read.is_err(), 1, now.instant);
                if let Err(fault) = &read
                    && is_told
                {
                    warn!(
                        error = %fault,
                        "cannot read the account's storage configuration \
                         (iotsitewise:DescribeStorageConfiguration): until it is read, values older \
                         than seven days are collected in OUTBOX_DIR and not sent; it is read again \
                         every five minutes"
                    );
                }
                self.log_tiers(*read.as_ref().unwrap_or(&Tiers::Unknown));
                self.bridge.handle_late_tiers(read.map_err(|fault| fault.message), now);
            }
        }
        Ok(())
    }

    /// Keeps the rows that a job refused as dead letters. Of those that are rejected for certain the
    /// twin is told, as of any rejected value.
    fn keep_refused(&mut self, file: FileName, rows: Vec<(Point, RowRefusal)>, now: Now) {
        let named = rows.iter().filter(|(_, refusal)| refusal.is_named);
        self.bridge.handle_late_refused(named.map(|(point, _)| point));
        let letters = rows.into_iter().map(|(point, RowRefusal { reason, .. })| {
            let (asset, property) = self.bridge.twin().display_names(point.stream);
            let names = (asset.map(str::to_owned), property.map(str::to_owned));
            let alias = self.bridge.alias(point.stream);
            let refusal = RejectReason::Invalid;
            let reason = format!("bulk import: {reason}");
            DeadLetter { point, refusal, reason, at: now.wall, names, alias }
        });
        let letters: Vec<DeadLetter> = letters.collect();
        self.outbox.keep_late_letters(file, letters.clone());
        for letter in letters {
            self.log_rejected_value(&letter, now.instant);
            self.dead_letters.push(letter);
        }
    }

    /// Logs failures that repeat: with a missing permission nothing else shows that late values are not
    /// sent.
    fn log_step(&mut self, file: FileName, result: &StepResult, now: Now) {
        self.log_creation(file, result, now);
        let StepResult::Failed(reason) = result else {
            self.late.failed_steps.record(false, STEPS_IN_A_ROW, now.instant);
            return;
        };
        debug!("late values: {reason}");
        if self.late.failed_steps.record(true, STEPS_IN_A_ROW, now.instant) {
            let key = self.late_key(file);
            warn!(
                late.object = key,
                error = reason,
                "late values are not sent: {STEPS_IN_A_ROW} steps in a row failed, the last of \
                 {key}: {reason}; the values wait in OUTBOX_DIR, and the step is retried"
            );
        }
    }

    /// Logs jobs that SiteWise refuses to create. One may be for an object that has expired, which is
    /// put again.
    fn log_creation(&mut self, file: FileName, result: &StepResult, now: Now) {
        let reason = match result {
            StepResult::NotCreated(reason) => Some(reason),
            StepResult::Job(_) => None,
            _ => return,
        };
        let is_told = self.late.refused_jobs.record(reason.is_some(), REFUSED_JOBS, now.instant);
        if let Some(reason) = reason
            && is_told
        {
            let key = self.late_key(file);
            warn!(
                late.object = key,
                error = reason,
                "late values are not sent: SiteWise did not create {REFUSED_JOBS} bulk import jobs \
                 in a row, the last for {key}: {reason}; the values wait in OUTBOX_DIR, and it is \
                 tried again; check LATE_BUCKET and the role in LATE_ROLE_ARN"
            );
        }
    }

    fn log_tiers(&mut self, tiers: Tiers) {
        if tiers == Tiers::Unknown || tiers == self.late.tiers {
            return;
        }
        self.late.tiers = tiers;
        match tiers {
            Tiers::Disabled => warn!(
                "LATE_BUCKET is set, but the account's SiteWise storage has neither the warm tier \
                 nor the cold tier, which bulk import needs: values older than seven days become \
                 dead letters, and those of INGEST_BUFFERED are sent at once; enable one in \
                 SiteWise's settings, under Storage"
            ),
            Tiers::Enabled => info!("values older than seven days are sent by bulk import"),
            Tiers::Unknown => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_start(Duration::from_secs(seconds))
    }

    /// A bucket that is missing, or a right to it, was told at the level of debug alone.
    #[test]
    fn what_fails_again_and_again_is_told_and_not_each_time() {
        let mut log = FailureLog::default();
        let told = (0..5).map(|second| log.record(true, 3, at(second)));
        assert_eq!(told.collect::<Vec<_>>(), [false, false, true, false, false]);
        assert!(log.record(true, 3, at(2 + 3_600)));
        // Every third call fails: it is tried again, and that is all.
        let mut log = FailureLog::default();
        let told = (0..30).any(|call| log.record(call % 3 == 0, 3, at(call)));
        assert!(!told);
    }
}
