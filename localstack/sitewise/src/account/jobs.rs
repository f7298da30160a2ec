//! Bulk import jobs: defined, described, listed, and their states over time.
//!
//! Source: API Reference, `CreateBulkImportJob`, `DescribeBulkImportJob`, `ListBulkImportJobs`; User
//! Guide, "Create a bulk import job"; quotas of the General Reference. Who reads the files is
//! [`importer`](crate::importer): an account does no I/O.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Account;
use super::output::With as _;
use super::states::Step;
use crate::limits;
use crate::wire::error::{Error, Kind, Resource, Result};
use crate::wire::page;
use crate::wire::time::{Date, Moment};

/// What a column of a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Column {
    Alias,
    AssetId,
    PropertyId,
    DataType,
    TimestampSeconds,
    TimestampNanoOffset,
    Quality,
    Value,
}

/// The state of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum JobStatus {
    Pending,
    Cancelled,
    Running,
    Completed,
    Failed,
    CompletedWithFailures,
}

impl JobStatus {
    fn is_over(self) -> bool {
        !matches!(self, Self::Pending | Self::Running)
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Csv {
    column_names: Vec<Column>,
}

/// Exactly one member is present.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FileFormat {
    #[serde(skip_serializing_if = "Option::is_none")]
    csv: Option<Csv>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parquet: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mp4: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotation: Option<Value>,
}

impl FileFormat {
    fn check(&self) -> Result<()> {
        let others = [&self.parquet, &self.mp4, &self.annotation];
        let given = others.iter().filter(|format| format.is_some()).count();
        if given + usize::from(self.csv.is_some()) != 1 {
            return Err(Error::invalid("A fileFormat must have exactly one member"));
        }
        self.csv.as_ref().map_or(Ok(()), |csv| check_columns(&csv.column_names))
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct JobFile {
    bucket: String,
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alias: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_format: Option<FileFormat>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Configuration {
    #[serde(skip_serializing_if = "Option::is_none")]
    file_format: Option<FileFormat>,
}

/// A folder in a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Location {
    pub(crate) bucket: String,
    pub(crate) prefix: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateJob {
    job_name: String,
    job_role_arn: String,
    files: Vec<JobFile>,
    error_report_location: Location,
    #[serde(skip_serializing_if = "Option::is_none")]
    job_configuration: Option<Configuration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    adaptive_ingestion: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delete_files_after_import: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dataset_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workspace_name: Option<String>,
}

/// A job as it was defined, and what became of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Job {
    given: CreateJob,
    status: JobStatus,
    created: Moment,
    updated: Moment,
    /// Before this a running job does not end.
    due: Moment,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeJob {
    job_id: Uuid,
    workspace_name: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Filter {
    #[default]
    All,
    Pending,
    Running,
    Cancelled,
    Failed,
    CompletedWithFailures,
    Completed,
}

impl Filter {
    fn takes(self, status: JobStatus) -> bool {
        match self {
            Self::All => true,
            Self::Pending => status == JobStatus::Pending,
            Self::Running => status == JobStatus::Running,
            Self::Cancelled => status == JobStatus::Cancelled,
            Self::Failed => status == JobStatus::Failed,
            Self::CompletedWithFailures => status == JobStatus::CompletedWithFailures,
            Self::Completed => status == JobStatus::Completed,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListJobs {
    next_token: Option<String>,
    max_results: Option<usize>,
    filter: Option<Filter>,
    workspace_name: Option<String>,
}

/// A file to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ImportFile {
    pub(crate) bucket: String,
    pub(crate) key: String,
    /// None if it is of a format that is not read here.
    pub(crate) columns: Option<Vec<Column>>,
}

/// A job whose files are to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Import {
    pub(crate) job: Uuid,
    pub(crate) files: Vec<ImportFile>,
    pub(crate) reports: Location,
    pub(crate) adaptive: bool,
    pub(crate) delete_files: bool,
}

fn check_columns(columns: &[Column]) -> Result<()> {
    let set: BTreeSet<Column> = columns.iter().copied().collect();
    if set.len() != columns.len() {
        return Err(Error::invalid("columnNames must not name a column twice"));
    }
    let ids = [Column::AssetId, Column::PropertyId];
    let named = match (set.contains(&Column::Alias), ids.map(|column| set.contains(&column))) {
        (true, [false, false]) | (false, [true, true]) => true,
        (true | false, _) => false,
    };
    if !named {
        return Err(Error::invalid(
            "columnNames must have either ALIAS, or ASSET_ID and PROPERTY_ID",
        ));
    }
    let needed =
        [Column::DataType, Column::TimestampSeconds, Column::TimestampNanoOffset, Column::Value];
    if needed.iter().all(|column| set.contains(column)) {
        return Ok(());
    }
    Err(Error::invalid(
        "columnNames must have DATA_TYPE, TIMESTAMP_SECONDS, TIMESTAMP_NANO_OFFSET and VALUE",
    ))
}

impl Account {
    fn check_job(&self, input: &CreateJob) -> Result<()> {
        if input.workspace_name.is_some() != input.dataset_id.is_some() {
            return Err(Error::invalid("workspaceName and datasetId belong together"));
        }
        self.check_workspace(input.workspace_name.as_deref())?;
        if !(1..=limits::JOB_FILES).contains(&input.files.len()) {
            let message = format!("A job must have 1 to {} files", limits::JOB_FILES);
            return Err(Error::invalid(message));
        }
        if !input.error_report_location.prefix.ends_with('/') {
            return Err(Error::invalid("The prefix of errorReportLocation must end with /"));
        }
        let common = input.job_configuration.as_ref().and_then(|given| given.file_format.as_ref());
        common.map_or(Ok(()), FileFormat::check)?;
        for file in &input.files {
            if file.key.is_empty() {
                return Err(Error::invalid("The key of a file must not be empty"));
            }
            match (&file.file_format, common) {
                (Some(own), _) => own.check()?,
                (None, Some(_)) => {}
                (None, None) => {
                    return Err(Error::invalid("A file needs a fileFormat, its own or the job's"));
                }
            }
        }
        if !self.state.storage.has_tier() {
            return Err(Error::invalid(
                "Bulk import needs the warm tier or the cold tier: enable one with PutStorageConfiguration",
            ));
        }
        Ok(())
    }

    pub(crate) fn create_job(&mut self, input: CreateJob, now: Moment) -> Result<Value> {
        self.check_job(&input)?;
        let same = self.state.jobs.iter().find(|(_, job)| job.given.job_name == input.job_name);
        if let Some((id, _)) = same {
            let resource = Resource { id: *id, arn: self.arn("job", &id.to_string()) };
            let message = format!("A job with the name {} exists", input.job_name);
            return Err(Error::about(Kind::ResourceAlreadyExists, resource, message));
        }
        let running = self.state.jobs.values().filter(|job| !job.status.is_over()).count();
        if running >= limits::JOBS_RUNNING {
            return Err(Error::limit(format!("More than {} jobs run", limits::JOBS_RUNNING)));
        }
        let id = Uuid::new_v4();
        let answer = json!({ "jobId": id, "jobName": input.job_name, "jobStatus": "PENDING" });
        let delay = self.setting.import_delay;
        let job = Job {
            given: input,
            status: JobStatus::Pending,
            created: now,
            updated: now,
            due: now.plus(delay),
        };
        self.state.jobs.insert(id, job);
        self.plan(now.plus(delay / 2), Step::JobRuns(id));
        Ok(answer)
    }

    pub(crate) fn describe_job(&mut self, input: DescribeJob, _now: Moment) -> Result<Value> {
        self.check_workspace(input.workspace_name.as_deref())?;
        let id = input.job_id;
        let job = self.state.jobs.get(&id);
        let job = job.ok_or_else(|| Error::not_found(format!("Job {id} not found")))?;
        let times = json!({
            "jobId": id,
            "jobStatus": job.status,
            "jobCreationDate": Date(job.created),
            "jobLastUpdateDate": Date(job.updated),
        });
        let mut answer = json!(job.given);
        if let (Some(answer), Value::Object(times)) = (answer.as_object_mut(), times) {
            answer.extend(times);
        }
        Ok(answer)
    }

    pub(crate) fn list_jobs(&mut self, input: ListJobs, _now: Moment) -> Result<Value> {
        const OPERATION: &str = "ListBulkImportJobs";
        self.check_workspace(input.workspace_name.as_deref())?;
        let filter = input.filter.unwrap_or_default();
        let jobs = self.state.jobs.iter().filter(|(_, job)| filter.takes(job.status));
        let summaries = jobs
            .map(|(id, job)| json!({ "id": id, "name": job.given.job_name, "status": job.status }));
        let (page, next) = page::slice(
            summaries.collect(),
            OPERATION,
            input.next_token.as_deref(),
            input.max_results,
        )?;
        Ok(json!({ "jobSummaries": page }).with("nextToken", next))
    }

    pub(super) fn job_runs(&mut self, id: Uuid, now: Moment) {
        if let Some(job) = self.state.jobs.get_mut(&id)
            && job.status == JobStatus::Pending
        {
            job.status = JobStatus::Running;
            job.updated = now;
        }
    }

    /// A running job whose time has come and whose files nobody reads yet.
    pub(crate) fn next_import(&mut self, now: Moment) -> Option<Import> {
        let (id, job) = self.state.jobs.iter().find(|(id, job)| {
            job.status == JobStatus::Running && job.due <= now && !self.importing.contains(id)
        })?;
        let given = &job.given;
        let common = given.job_configuration.as_ref().and_then(|given| given.file_format.as_ref());
        let files = given.files.iter().map(|file| {
            let csv = file.file_format.as_ref().or(common).and_then(|format| format.csv.as_ref());
            // A version and an alias for a whole file are of formats that are not read here.
            let read = file.version_id.is_none() && file.alias.is_none();
            ImportFile {
                bucket: file.bucket.clone(),
                key: file.key.clone(),
                columns: csv.filter(|_| read).map(|csv| csv.column_names.clone()),
            }
        });
        let import = Import {
            job: *id,
            files: files.collect(),
            reports: given.error_report_location.clone(),
            adaptive: given.adaptive_ingestion.unwrap_or(false),
            delete_files: given.delete_files_after_import.unwrap_or(false),
        };
        self.importing.insert(import.job);
        Some(import)
    }

    /// Ends a job whose files were read.
    pub(crate) fn end_job(&mut self, id: Uuid, status: JobStatus, now: Moment) {
        self.importing.remove(&id);
        if let Some(job) = self.state.jobs.get_mut(&id) {
            job.status = status;
            job.updated = now;
            self.changes += 1;
        }
    }

    /// Whether a job waits or runs.
    pub(crate) fn has_jobs(&self) -> bool {
        self.state.jobs.values().any(|job| !job.status.is_over())
    }
}
