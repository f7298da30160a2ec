//! The bulk import of one closed file: its upload, its job, its report, its deletion.
//!
//! Each step is done by the shell and answered; one is under way at a time. What was done survives a
//! crash: the object's key and the job's name follow from the file's name, so putting the object
//! again puts the same one, and a job that was created is found by its name. The number of the
//! attempt is written before its job is created.

use std::time::Duration;

use super::FileName;
use crate::time::Instant;

/// First delay after a step that failed; doubled each time.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// Longest such delay.
const LONGEST_RETRY: Duration = Duration::from_secs(300);
/// First delay before the state of a job is read.
const FIRST_POLL: Duration = Duration::from_secs(2);
/// Longest delay between two reads of a job's state.
const LONGEST_POLL: Duration = Duration::from_secs(30);
/// First delay before another job is created for a file whose job failed as a whole: usually somebody
/// has to act first. Doubled each time.
const FIRST_JOB_DELAY: Duration = Duration::from_secs(900);
/// Longest such delay.
const LONGEST_JOB_DELAY: Duration = Duration::from_secs(6 * 3600);
/// First delay before an object is put again since SiteWise did not create its job. Doubled each time,
/// up to [`LONGEST_JOB_DELAY`].
const FIRST_UPLOAD_RETRY: Duration = Duration::from_secs(60);

/// A step for a closed file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Put the object.
    Upload,
    /// Write the number of the attempt beside the file, flushed.
    RecordAttempt(u32),
    /// Create the job of this attempt.
    Create(u32),
    /// Find the id of the job of this attempt: it exists already.
    Find(u32),
    /// Write the job's id beside the file, flushed.
    RecordJob(u32, String),
    /// Read the job's state.
    Describe(String),
    /// Read the report of this attempt's job, keep the rows that it names as dead letters, flushed,
    /// and tell how many there were.
    ReadReport(u32),
    /// Delete the file, and what was written beside it.
    Remove,
}

/// The state of a job, as the API names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// It waits for other jobs.
    Pending,
    /// It reads its files.
    Running,
    /// All rows were taken.
    Completed,
    /// Some were not.
    CompletedWithFailures,
    /// None were, as far as is known.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepResult {
    /// It succeeded.
    Done,
    /// The job was created, or found; its id.
    Job(String),
    /// A job with this name exists already.
    Exists,
    /// There is no such job.
    NoJob,
    /// SiteWise did not create the job, for this reason: its object may be gone.
    NotCreated(String),
    /// The file is no longer on the disk.
    NoFile,
    /// The job's state.
    State(JobState),
    /// This many rows were rejected.
    Refused(u64),
    /// It failed, for this reason, and is to be retried.
    Failed(String),
}

/// What follows from a step's result, beside the next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Nothing.
    None,
    /// The step failed, for this reason, and is tried again.
    Retried(String),
    /// SiteWise did not create the job: the object is put again later.
    NotCreated,
    /// The job failed as a whole: another is created later.
    JobFailed,
    /// The job is over, and this many of its rows were rejected: at most all.
    JobOver(u64),
    /// Somebody deleted the file before its rows were known to be in SiteWise.
    Lost,
    /// The file is gone.
    Gone,
}

/// The record that is written beside a file: its last attempt, and the id of that attempt's job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobRecord {
    /// Counted from 1; 0 before the first.
    pub attempt: u32,
    /// None until the job's id is known.
    pub job: Option<String>,
}

/// A closed file, and its next step.
#[derive(Debug)]
pub(super) struct FileImport {
    pub(super) name: FileName,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) next: Step,
    /// When its next step is due; none while that is in progress.
    due: Option<Instant>,
    attempt: u32,
    retry_delay: Duration,
    poll_delay: Duration,
    /// Before the object is put again, the next time that its job is refused.
    upload_delay: Duration,
    /// The job is over: only the file is to be deleted.
    pub(super) is_over: bool,
    /// Why the last step failed.
    pub(super) last_error: Option<String>,
    /// Why SiteWise did not create its job, until it does.
    not_created: Option<String>,
    /// How its last job failed as a whole, until a job is over.
    failed_job: Option<&'static str>,
}

impl FileImport {
    /// A file that was just closed, or was found closed with what is written beside it.
    pub(super) fn new(
        name: FileName,
        (rows, bytes): (u64, u64),
        record: JobRecord,
        now: Instant,
    ) -> Self {
        let next = match record.job {
            Some(job) => Step::Describe(job),
            // The attempt is recorded after the object was put, so that need not be repeated.
            None if record.attempt > 0 => Step::Create(record.attempt),
            None => Step::Upload,
        };
        Self {
            name,
            rows,
            bytes,
            next,
            due: Some(now),
            attempt: record.attempt.max(1),
            retry_delay: FIRST_RETRY,
            poll_delay: FIRST_POLL,
            upload_delay: FIRST_UPLOAD_RETRY,
            is_over: false,
            last_error: None,
            not_created: None,
            // Another attempt is begun only once a job has failed.
            failed_job: (record.attempt > 1).then_some("its last bulk import job failed"),
        }
    }

    /// Why it is not sent, as far as something is wrong.
    pub(super) fn failing(&self) -> Option<&str> {
        let last = self.last_error.as_deref().or(self.not_created.as_deref());
        last.or(self.failed_job)
    }

    /// Whether its job exists or is being created, and is not over.
    pub(super) fn has_job(&self) -> bool {
        !self.is_over && !matches!(self.next, Step::Upload | Step::RecordAttempt(_))
    }

    /// When its next step is due; none while one is in progress.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Begins the step that is due.
    pub(super) fn begin(&mut self, now: Instant) -> Option<Step> {
        self.due.filter(|due| *due <= now)?;
        self.due = None;
        Some(self.next.clone())
    }

    /// Handles the result of the step in progress. `jitter` is between 0 and 1.
    pub(super) fn handle(&mut self, result: StepResult, jitter: f64, now: Instant) -> Progress {
        let result = match result {
            StepResult::Failed(reason) => return self.retry(reason, jitter, now),
            result => result,
        };
        let next = match (&self.next, result) {
            (Step::Upload, StepResult::Done) => Step::RecordAttempt(self.attempt),
            (Step::RecordAttempt(attempt), StepResult::Done) => Step::Create(*attempt),
            (Step::Create(attempt) | Step::Find(attempt), StepResult::Job(job)) => {
                self.not_created = None;
                Step::RecordJob(*attempt, job)
            }
            // Unlike `advance`, this keeps the retry delay: creating and finding may alternate for long.
            (Step::Create(attempt), StepResult::Exists) => {
                (self.next, self.due) = (Step::Find(*attempt), Some(now));
                return Progress::None;
            }
            // The bucket's lifecycle may have deleted the object: it is put again.
            (Step::Create(_), StepResult::NotCreated(reason)) => {
                return self.upload_again(reason, jitter, now);
            }
            // A job whose name is taken but which is not listed may appear later, or never existed.
            (Step::Find(attempt), StepResult::NoJob) => {
                self.next = Step::Create(*attempt);
                return self.retry("the job is not in the list of jobs".to_owned(), jitter, now);
            }
            (Step::RecordJob(_, job), StepResult::Done) => {
                self.poll_delay = FIRST_POLL;
                self.advance(Step::Describe(job.clone()), now + FIRST_POLL);
                return Progress::None;
            }
            (Step::Describe(_), StepResult::State(state)) => match state {
                JobState::Pending | JobState::Running => {
                    self.poll_delay = self.poll_delay.mul_f64(1.5).min(LONGEST_POLL);
                    self.advance(self.next.clone(), now + self.poll_delay);
                    return Progress::None;
                }
                JobState::Completed => return self.job_over(0, now),
                JobState::CompletedWithFailures => Step::ReadReport(self.attempt),
                JobState::Failed => return self.job_failed("its bulk import job FAILED", now),
                JobState::Cancelled => {
                    return self.job_failed("its bulk import job was cancelled", now);
                }
            },
            (Step::Describe(_), StepResult::NoJob) => {
                return self.job_failed("its bulk import job is not there any more", now);
            }
            (Step::ReadReport(_), StepResult::Refused(rows)) => return self.job_over(rows, now),
            (Step::Remove, StepResult::Done) => return Progress::Gone,
            (Step::Upload | Step::ReadReport(_), StepResult::NoFile) => return self.lost(now),
            (step, result) => {
                let reason = format!("{result:?} is no answer to {step:?}");
                return self.retry(reason, jitter, now);
            }
        };
        self.advance(next, now);
        Progress::None
    }

    fn advance(&mut self, next: Step, due: Instant) {
        self.next = next;
        self.due = Some(due);
        self.retry_delay = FIRST_RETRY;
        self.last_error = None;
    }

    fn retry(&mut self, reason: String, jitter: f64, now: Instant) -> Progress {
        self.due = Some(now + self.retry_delay.mul_f64(0.5 + jitter / 2.0));
        self.retry_delay = (self.retry_delay * 2).min(LONGEST_RETRY);
        self.last_error = Some(reason.clone());
        Progress::Retried(reason)
    }

    fn upload_again(&mut self, reason: String, jitter: f64, now: Instant) -> Progress {
        self.next = Step::Upload;
        self.due = Some(now + self.upload_delay.mul_f64(0.5 + jitter / 2.0));
        self.upload_delay = (self.upload_delay * 2).min(LONGEST_JOB_DELAY);
        self.last_error = Some(reason.clone());
        self.not_created = Some(reason);
        Progress::NotCreated
    }

    /// The file is gone: its rows can neither be sent nor kept as dead letters.
    fn lost(&mut self, now: Instant) -> Progress {
        self.is_over = true;
        self.failed_job = None;
        self.advance(Step::Remove, now);
        Progress::Lost
    }

    fn job_over(&mut self, refused: u64, now: Instant) -> Progress {
        self.is_over = true;
        self.failed_job = None;
        self.advance(Step::Remove, now);
        Progress::JobOver(refused.min(self.rows))
    }

    /// As far as is known, no row was taken. The object is put again, since it may have been missing, and
    /// another job is created under another name.
    fn job_failed(&mut self, how: &'static str, now: Instant) -> Progress {
        self.failed_job = Some(how);
        // `new` sets the attempt to 1 at least, so that this is not negative.
        let doublings = self.attempt.min(10) - 1;
        self.attempt += 1;
        let wait = FIRST_JOB_DELAY.saturating_mul(1 << doublings).min(LONGEST_JOB_DELAY);
        self.advance(Step::Upload, now + wait);
        Progress::JobFailed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JITTER: f64 = 1.0;

    fn at(seconds: u64) -> Instant {
        Instant::from_start(Duration::from_secs(seconds))
    }

    fn import(record: JobRecord) -> FileImport {
        FileImport::new(FileName::new(0, 1), (10, 1_000), record, at(0))
    }

    /// Does what is due, whenever that is.
    fn step(import: &mut FileImport, result: StepResult) -> (Step, Progress) {
        let due = import.due().unwrap();
        let step = import.begin(due).unwrap();
        assert_eq!(import.begin(due), None, "one step at a time");
        (step, import.handle(result, JITTER, due))
    }

    #[test]
    fn a_file_ends_with_its_job() {
        let mut import = import(JobRecord::default());
        let job = || "j".to_owned();
        let state = StepResult::State;
        for (expected, result) in [
            (Step::Upload, StepResult::Done),
            (Step::RecordAttempt(1), StepResult::Done),
            (Step::Create(1), StepResult::Job(job())),
            (Step::RecordJob(1, job()), StepResult::Done),
            (Step::Describe(job()), state(JobState::Pending)),
            (Step::Describe(job()), state(JobState::Running)),
        ] {
            assert_eq!(step(&mut import, result), (expected, Progress::None));
        }
        let over = step(&mut import, state(JobState::Completed));
        assert_eq!(over, (Step::Describe(job()), Progress::JobOver(0)));
        assert!(!import.has_job());
        assert_eq!(step(&mut import, StepResult::Done), (Step::Remove, Progress::Gone));
    }

    #[test]
    fn a_job_that_exists_is_found_and_not_made_twice() {
        let mut import = import(JobRecord { attempt: 1, job: None });
        assert_eq!(step(&mut import, StepResult::Exists).0, Step::Create(1));
        assert_eq!(step(&mut import, StepResult::Job("j".into())).0, Step::Find(1));
        assert_eq!(step(&mut import, StepResult::Done).0, Step::RecordJob(1, "j".into()));
        assert_eq!(import.next, Step::Describe("j".into()));
    }

    /// All jobs of the account would be listed every second, for ever.
    #[test]
    fn a_job_that_exists_and_is_not_found_is_looked_for_ever_more_slowly() {
        let mut import = import(JobRecord { attempt: 1, job: None });
        let mut last = Instant::START;
        for wait in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            assert_eq!(step(&mut import, StepResult::Exists).0, Step::Create(1));
            assert_eq!(step(&mut import, StepResult::NoJob).0, Step::Find(1));
            let due = import.due().unwrap();
            assert_eq!(due.since(last), Duration::from_secs(wait));
            last = due;
        }
        step(&mut import, StepResult::Exists);
        step(&mut import, StepResult::Job("j".into()));
        assert_eq!((import.retry_delay, import.last_error), (FIRST_RETRY, None));
    }

    #[test]
    fn after_a_crash_a_file_goes_on_where_it_was() {
        assert_eq!(import(JobRecord::default()).next, Step::Upload);
        let created = JobRecord { attempt: 2, job: None };
        assert_eq!(import(created).next, Step::Create(2));
        let known = JobRecord { attempt: 2, job: Some("j".into()) };
        assert_eq!(import(known).next, Step::Describe("j".into()));
    }

    #[test]
    fn a_job_that_failed_gets_another_name_later() {
        let mut import = import(JobRecord { attempt: 1, job: Some("j".into()) });
        let failed = StepResult::State(JobState::Failed);
        assert_eq!(step(&mut import, failed).1, Progress::JobFailed);
        assert_eq!(import.due(), Some(at(900)));
        assert_eq!(step(&mut import, StepResult::Done).0, Step::Upload);
        assert_eq!(step(&mut import, StepResult::Done).0, Step::RecordAttempt(2));
        assert_eq!(import.next, Step::Create(2));
    }

    /// With a role that may not read the bucket every job failed, for weeks, and each step between
    /// two of them cleared the error: the bridge was ready.
    #[test]
    fn a_job_that_failed_is_an_error_until_a_job_is_over() {
        let job = || "j".to_owned();
        let state = StepResult::State;
        for how in [state(JobState::Failed), state(JobState::Cancelled), StepResult::NoJob] {
            let mut import = import(JobRecord { attempt: 1, job: Some(job()) });
            assert_eq!(import.failing(), None);
            assert_eq!(step(&mut import, how).1, Progress::JobFailed);
            for result in [StepResult::Done, StepResult::Done, StepResult::Job(job())] {
                assert!(import.failing().is_some(), "{:?}", import.next);
                step(&mut import, result);
            }
            step(&mut import, StepResult::Done);
            step(&mut import, state(JobState::Running));
            assert!(import.failing().is_some());
            step(&mut import, state(JobState::Completed));
            assert_eq!(import.failing(), None);
        }
        // As of a job of the process before.
        assert!(self::import(JobRecord { attempt: 2, job: None }).failing().is_some());
    }

    /// The bucket's lifecycle had deleted the object while the account had no tier, or the bridge did
    /// not run: its job was asked for again and again, for ever.
    #[test]
    fn an_object_whose_job_is_refused_is_put_again_ever_more_slowly() {
        let mut import = import(JobRecord { attempt: 1, job: None });
        for wait in [60, 120, 240] {
            let begun = import.due().unwrap();
            let refused = step(&mut import, StepResult::NotCreated("no such object".into()));
            assert_eq!(refused.0, Step::Create(1));
            assert_eq!(refused.1, Progress::NotCreated);
            assert_eq!(import.failing(), Some("no such object"));
            assert_eq!(import.due().unwrap().since(begun), Duration::from_secs(wait));
            assert_eq!(step(&mut import, StepResult::Done).0, Step::Upload);
            // The same attempt: its job was not created.
            assert_eq!(step(&mut import, StepResult::Done).0, Step::RecordAttempt(1));
            assert_eq!(import.failing(), Some("no such object"), "it may be refused for ever");
        }
        step(&mut import, StepResult::Job("j".into()));
        assert_eq!(import.failing(), None);
        assert_eq!(import.next, Step::RecordJob(1, "j".into()));
    }

    /// It was read again and again, for ever, and its rows counted as waiting.
    #[test]
    fn a_file_that_somebody_deleted_is_lost() {
        let mut uploaded = import(JobRecord::default());
        assert_eq!(step(&mut uploaded, StepResult::NoFile).1, Progress::Lost);
        assert!(uploaded.is_over);
        assert_eq!(step(&mut uploaded, StepResult::Done), (Step::Remove, Progress::Gone));
        let mut reported = import(JobRecord { attempt: 1, job: Some("j".into()) });
        step(&mut reported, StepResult::State(JobState::CompletedWithFailures));
        assert_eq!(step(&mut reported, StepResult::NoFile).1, Progress::Lost);
        // Its job took all rows: nothing is missing.
        let mut taken = import(JobRecord { attempt: 1, job: Some("j".into()) });
        let over = step(&mut taken, StepResult::State(JobState::Completed));
        assert_eq!(over.1, Progress::JobOver(0));
    }

    #[test]
    fn refused_rows_are_told_once_the_report_is_read() {
        let mut import = import(JobRecord { attempt: 1, job: Some("j".into()) });
        step(&mut import, StepResult::State(JobState::CompletedWithFailures));
        assert_eq!(
            step(&mut import, StepResult::Refused(3)),
            (Step::ReadReport(1), Progress::JobOver(3))
        );
    }

    #[test]
    fn what_fails_is_tried_again_ever_more_slowly() {
        let mut import = import(JobRecord::default());
        let mut last = Instant::START;
        for wait in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            let (step, progress) = step(&mut import, StepResult::Failed("no".into()));
            assert_eq!((step, progress), (Step::Upload, Progress::Retried("no".into())));
            let due = import.due().unwrap();
            assert_eq!(due.since(last), Duration::from_secs(wait));
            last = due;
        }
        step(&mut import, StepResult::Done);
        assert_eq!(import.last_error, None);
    }
}
