//! Does the steps of the files of late values: the shell's part of [`late`](crate::late).

use std::io;

use tokio::task::spawn_blocking;

use crate::delivery::point::Point;
use crate::late::file_import::{JobRecord, Step, StepResult};
use crate::late::report::{RefusedRows, RowRefusal};
use crate::late::{Config, FileKind, FileName, row};
use crate::outbox::disk::late_files::LateFolder;
use crate::sitewise::api::{ApiFault, ApiFaultKind};
use crate::sitewise::import::{BulkImport, Ingestion, NewJob};

/// Bytes of a job's report that are read: a file's rows with a reason each.
const REPORT_BYTES: usize = 64 * 1024 * 1024;
/// Objects of a report that are listed: a page of S3's.
const REPORT_OBJECTS: usize = 1_000;

/// How a step ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// To be told to [`Late`](crate::late::Late).
    Step(StepResult),
    /// These rows were refused, for these reasons: once their dead letters are flushed, their number
    /// is to be told as [`StepResult::Refused`].
    Refused(Vec<(Point, RowRefusal)>),
}

/// Does a step of a file, once.
pub async fn perform<B: BulkImport>(
    import: &B,
    folder: &LateFolder,
    config: &Config,
    file: FileName,
    step: Step,
) -> Outcome {
    let done = match step {
        Step::ReadReport(attempt) => {
            return match refused_rows(import, folder, config, file, attempt).await {
                Ok(refused) => Outcome::Refused(refused),
                Err(result) => Outcome::Step(result),
            };
        }
        Step::Upload => upload(import, folder, config, file).await,
        Step::Create(attempt) => {
            let job = NewJob {
                name: config.job_name(file, attempt),
                key: config.key(file),
                reports: config.report_prefix(file, attempt),
                columns: &row::COLUMNS,
                // Values that are too old are shown, and nothing is computed of them again.
                ingestion: match file.kind() {
                    FileKind::Late => Ingestion::AsIs,
                    FileKind::Buffered => Ingestion::Adaptive,
                },
            };
            match import.create_job(job).await {
                Err(fault) if fault.kind == ApiFaultKind::AlreadyExists => Ok(StepResult::Exists),
                // What it says of an object that is gone is not documented.
                Err(fault) if is_final(fault.kind) => Ok(StepResult::NotCreated(fault.message)),
                created => created.map(StepResult::Job).map_err(reason),
            }
        }
        Step::Find(attempt) => {
            let found = import.find_job(config.job_name(file, attempt)).await;
            found.map(|job| job.map_or(StepResult::NoJob, StepResult::Job)).map_err(reason)
        }
        Step::Describe(job) => match import.job_state(job).await {
            Err(fault) if fault.kind == ApiFaultKind::NotFound => Ok(StepResult::NoJob),
            state => state.map(StepResult::State).map_err(reason),
        },
        Step::RecordAttempt(attempt) => {
            record(folder, file, JobRecord { attempt, job: None }).await
        }
        Step::RecordJob(attempt, job) => {
            record(folder, file, JobRecord { attempt, job: Some(job) }).await
        }
        Step::Remove => {
            let removed = on_disk(folder, move |folder| folder.remove(file)).await;
            removed.map(|()| StepResult::Done)
        }
    };
    Outcome::Step(done.unwrap_or_else(StepResult::Failed))
}

async fn upload<B: BulkImport>(
    import: &B,
    folder: &LateFolder,
    config: &Config,
    file: FileName,
) -> Result<StepResult, String> {
    let content = on_disk(folder, move |folder| if_there(folder.read(file))).await?;
    let Some(content) = content else { return Ok(StepResult::NoFile) };
    import.put_object(config.key(file), content).await.map_err(reason)?;
    Ok(StepResult::Done)
}

async fn record(
    folder: &LateFolder,
    file: FileName,
    record: JobRecord,
) -> Result<StepResult, String> {
    on_disk(folder, move |folder| folder.record(file, &record)).await?;
    Ok(StepResult::Done)
}

/// The rows of a file that its job refused, or may have refused.
async fn refused_rows<B: BulkImport>(
    import: &B,
    folder: &LateFolder,
    config: &Config,
    file: FileName,
    attempt: u32,
) -> Result<Vec<(Point, RowRefusal)>, StepResult> {
    let failed = StepResult::Failed;
    let reports = import.read_objects(config.report_prefix(file, attempt), REPORT_BYTES).await;
    let reports = reports.map_err(|fault| failed(reason(fault)))?;
    let refused = on_disk(folder, move |folder| {
        let mut refused = RefusedRows::default();
        for report in &reports {
            refused.read(report);
        }
        let bytes: usize = reports.iter().map(Vec::len).sum();
        if bytes >= REPORT_BYTES || reports.len() >= REPORT_OBJECTS {
            refused.mark_truncated();
        }
        let Some(content) = if_there(folder.read(file))? else { return Ok(None) };
        let points = row::records(&content).filter_map(|record| row::point(&record));
        let with_reason = points.filter_map(|point| {
            let refusal = refused.refusal_of(&point)?;
            Some((point, refusal))
        });
        Ok(Some(with_reason.collect()))
    });
    refused.await.map_err(failed)?.ok_or(StepResult::NoFile)
}

/// Whether the same call would be refused again as things are, by SiteWise itself.
fn is_final(kind: ApiFaultKind) -> bool {
    matches!(kind, ApiFaultKind::Invalid | ApiFaultKind::NotFound)
}

/// None of a file that somebody deleted.
fn if_there<T>(read: io::Result<T>) -> io::Result<Option<T>> {
    match read {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

/// Work on the disk, which may hang, on a thread that may wait.
async fn on_disk<T: Send + 'static>(
    folder: &LateFolder,
    work: impl FnOnce(&LateFolder) -> io::Result<T> + Send + 'static,
) -> Result<T, String> {
    let folder = folder.clone();
    let done = spawn_blocking(move || work(&folder)).await;
    done.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
}

fn reason(fault: ApiFault) -> String {
    fault.message
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    use super::*;
    use crate::late::file_import::JobState;
    use crate::late::tests::config;
    use crate::late::{self, Tiers};
    use crate::outbox::disk::late_files::LateFiles;
    use crate::outbox::disk::tests::tempdir::Folder;
    use crate::sitewise::api::Variant;

    /// S3 and SiteWise of a test: what was put, and the jobs by name.
    #[derive(Debug, Default)]
    struct Account {
        objects: Mutex<BTreeMap<String, Vec<u8>>>,
        jobs: Mutex<BTreeMap<String, NewJob>>,
        /// All calls fail with this.
        fault: Option<ApiFaultKind>,
    }

    impl Account {
        fn answer<T>(&self, answer: T) -> Result<T, ApiFault> {
            self.fault.map_or(Ok(answer), |kind| Err(ApiFault::new(kind, "because")))
        }
    }

    impl BulkImport for Account {
        async fn put_object(&self, key: String, content: Vec<u8>) -> Result<(), ApiFault> {
            self.objects.lock().unwrap().insert(key, content);
            self.answer(())
        }

        async fn read_objects(&self, prefix: String, _: usize) -> Result<Vec<Vec<u8>>, ApiFault> {
            let objects = self.objects.lock().unwrap();
            let below = objects.iter().filter(|(key, _)| key.starts_with(&prefix));
            self.answer(below.map(|(_, content)| content.clone()).collect())
        }

        async fn create_job(&self, job: NewJob) -> Result<String, ApiFault> {
            let mut jobs = self.jobs.lock().unwrap();
            if jobs.contains_key(&job.name) {
                return Err(ApiFault::new(ApiFaultKind::AlreadyExists, "it is there"));
            }
            let id = format!("id of {}", job.name);
            jobs.insert(job.name.clone(), job);
            self.answer(id)
        }

        async fn find_job(&self, name: String) -> Result<Option<String>, ApiFault> {
            let found = self.jobs.lock().unwrap().contains_key(&name);
            self.answer(found.then(|| format!("id of {name}")))
        }

        async fn job_state(&self, _: String) -> Result<JobState, ApiFault> {
            self.answer(JobState::Running)
        }

        async fn tiers(&self) -> Result<Tiers, ApiFault> {
            self.answer(Tiers::Enabled)
        }
    }

    /// A folder with a closed file of two rows.
    fn closed_file() -> (Folder, LateFolder) {
        let disk = Folder::new();
        let folder = LateFolder::new(disk.path());
        let mut files = LateFiles::new(folder.clone());
        for number in [1, 2] {
            files.append(FILE, &row::line(&point(number)).unwrap()).unwrap();
        }
        files.close(FILE).unwrap();
        (disk, folder)
    }

    const FILE: FileName = FileName::new(1, 2);

    fn point(number: i64) -> Point {
        late::tests::point(number, Variant::Integer(7))
    }

    async fn run(account: &Account, folder: &LateFolder, step: Step) -> Outcome {
        perform(account, folder, &config(), FILE, step).await
    }

    #[tokio::test]
    async fn a_file_travels_step_by_step() {
        let ((_disk, folder), account) = (closed_file(), Account::default());
        let id = format!("id of {}", config().key(FILE));
        let job = |attempt| JobRecord { attempt, job: Some(id.clone()) };
        for (step, result) in [
            (Step::Upload, StepResult::Done),
            (Step::RecordAttempt(1), StepResult::Done),
            (Step::Create(1), StepResult::Job(id.clone())),
            (Step::Create(1), StepResult::Exists),
            (Step::Find(1), StepResult::Job(id.clone())),
            (Step::Find(2), StepResult::NoJob),
            (Step::RecordJob(1, id.clone()), StepResult::Done),
            (Step::Describe(id.clone()), StepResult::State(JobState::Running)),
        ] {
            let outcome = run(&account, &folder, step.clone()).await;
            assert_eq!(outcome, Outcome::Step(result), "{step:?}");
        }
        let rows = folder.read(FILE).unwrap();
        assert_eq!(account.objects.lock().unwrap()[&config().key(FILE)], rows);
        let restored = folder.restore(|_| -> io::Result<()> { Ok(()) }).unwrap();
        assert_eq!(restored.files[0].record, job(1));
        let jobs = account.jobs.lock().unwrap().clone();
        let made = &jobs[&config().job_name(FILE, 1)];
        assert_eq!((&made.key, made.columns), (&config().key(FILE), &row::COLUMNS[..]));
        assert_eq!(made.ingestion, Ingestion::AsIs);
        let removed = run(&account, &folder, Step::Remove).await;
        assert_eq!(removed, Outcome::Step(StepResult::Done));
        assert!(folder.read(FILE).is_err());
        let buffered = FILE.of_kind(FileKind::Buffered);
        perform(&account, &folder, &config(), buffered, Step::Create(1)).await;
        let jobs = account.jobs.lock().unwrap().clone();
        assert_eq!(jobs[&config().job_name(buffered, 1)].ingestion, Ingestion::Adaptive);
    }

    #[tokio::test]
    async fn rows_that_a_report_names_are_given_back() {
        let ((_disk, folder), account) = (closed_file(), Account::default());
        let line = row::line(&point(2)).unwrap();
        let report = format!("{},no such asset\n", line.trim_end());
        let key = format!("{}job/0.csv", config().report_prefix(FILE, 1));
        account.objects.lock().unwrap().insert(key, report.into_bytes());
        let outcome = run(&account, &folder, Step::ReadReport(1)).await;
        let refusal = RowRefusal { reason: "no such asset".to_owned(), is_named: true };
        assert_eq!(outcome, Outcome::Refused(vec![(point(2), refusal)]));
        // Of another attempt there is none: nobody knows what was refused.
        let Outcome::Refused(rows) = run(&account, &folder, Step::ReadReport(2)).await else {
            panic!("the report of another attempt was read");
        };
        assert_eq!(rows.len(), 2);
    }

    /// S3 lists a thousand: what others name would be counted as delivered.
    #[tokio::test]
    async fn rows_beyond_what_is_read_of_a_report_are_given_back() {
        let ((_disk, folder), account) = (closed_file(), Account::default());
        let line = row::line(&point(2)).unwrap();
        for number in 0..REPORT_OBJECTS {
            let key = format!("{}job/{number}.csv", config().report_prefix(FILE, 1));
            account.objects.lock().unwrap().insert(key, line.clone().into_bytes());
        }
        let Outcome::Refused(rows) = run(&account, &folder, Step::ReadReport(1)).await else {
            panic!("the report was not read");
        };
        assert_eq!(rows.len(), 2);
    }

    #[tokio::test]
    async fn what_fails_is_told_with_its_reason() {
        let ((disk, folder), mut account) = (closed_file(), Account::default());
        account.fault = Some(ApiFaultKind::Denied);
        let failed = Outcome::Step(StepResult::Failed("because".to_owned()));
        let job = || "id".to_owned();
        for step in [
            Step::Upload,
            Step::Create(1),
            Step::Find(1),
            Step::Describe(job()),
            Step::ReadReport(1),
        ] {
            assert_eq!(run(&account, &folder, step.clone()).await, failed, "{step:?}");
        }
        account.fault = Some(ApiFaultKind::NotFound);
        let gone = run(&account, &folder, Step::Describe(job())).await;
        assert_eq!(gone, Outcome::Step(StepResult::NoJob));
        // A disk that refuses.
        drop(disk);
        let outcome = run(&account, &folder, Step::RecordAttempt(1)).await;
        assert!(matches!(outcome, Outcome::Step(StepResult::Failed(_))));
    }

    /// Its bucket's lifecycle deleted an object before its job was created: SiteWise refuses the job,
    /// whatever its words are, and the object is put again.
    #[tokio::test]
    async fn a_job_that_is_refused_is_told_apart_from_a_call_that_failed() {
        let ((_disk, folder), mut account) = (closed_file(), Account::default());
        for kind in [ApiFaultKind::Invalid, ApiFaultKind::NotFound] {
            account.fault = Some(kind);
            let refused = Outcome::Step(StepResult::NotCreated("because".to_owned()));
            assert_eq!(run(&account, &folder, Step::Create(1)).await, refused, "{kind:?}");
            account.jobs.lock().unwrap().clear();
        }
    }

    #[tokio::test]
    async fn a_file_that_somebody_deleted_is_told() {
        let ((_disk, folder), account) = (closed_file(), Account::default());
        folder.remove(FILE).unwrap();
        for step in [Step::Upload, Step::ReadReport(1)] {
            let outcome = run(&account, &folder, step.clone()).await;
            assert_eq!(outcome, Outcome::Step(StepResult::NoFile), "{step:?}");
        }
        let removed = run(&account, &folder, Step::Remove).await;
        assert_eq!(removed, Outcome::Step(StepResult::Done));
    }
}
