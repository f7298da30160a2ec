//! Carries out bulk import jobs: reads their files, stores what they hold, writes the reports of
//! what was refused.
//!
//! What a report looks like is not documented. Here it is an object for each file, in CSV: the row as
//! it stands in the file, and the reason as one more column; a file that cannot be read at all has
//! a report of one line, its key and the reason.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use csv::{ReaderBuilder, StringRecord, Writer};
use tracing::{info, warn};

use crate::account::jobs::{Column, Import, ImportFile, JobStatus};
use crate::limits;
use crate::s3::S3;
use crate::shared::Shared;
use crate::usage::ImportTally;

/// How often jobs are looked at.
const TICK: Duration = Duration::from_millis(20);
/// Rows that are stored under one lock, so that requests between them need not wait.
const ROWS_AT_ONCE: usize = 500;

/// What became of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) tally: ImportTally,
    /// Rows that were refused; none of a file that could not be read.
    pub(crate) refused: u64,
    /// The file as a whole was refused.
    pub(crate) failed: bool,
    /// Lines of the report.
    pub(crate) report: Vec<u8>,
}

impl Outcome {
    fn failed(key: &str, reason: &str) -> Self {
        let mut report = Writer::from_writer(Vec::new());
        let _ = report.write_record([key, reason]);
        let report = report.into_inner().unwrap_or_default();
        Self { failed: true, report, ..Self::default() }
    }
}

/// Carries out the jobs of an account for as long as it is polled.
pub(crate) async fn run(shared: Arc<Shared>, s3: Option<S3>) {
    loop {
        let now = shared.now();
        let import = {
            let mut core = shared.lock();
            if core.account.has_jobs() {
                core.account.settle(now);
                core.account.next_import(now)
            } else {
                None
            }
        };
        match import {
            Some(import) => carry_out(&shared, s3.as_ref(), &import).await,
            None => tokio::time::sleep(TICK).await,
        }
    }
}

async fn carry_out(shared: &Shared, s3: Option<&S3>, import: &Import) {
    let mut tally = ImportTally::default();
    let (mut failed, mut refused) = (0, 0);
    for (at, file) in import.files.iter().enumerate() {
        let outcome = match read(s3, file).await {
            Ok((columns, content)) => {
                import_file(shared, columns, &content, &file.key, import.adaptive).await
            }
            Err(reason) => Outcome::failed(&file.key, &reason),
        };
        tally.received += outcome.tally.received;
        tally.accepted += outcome.tally.accepted;
        tally.overwritten += outcome.tally.overwritten;
        tally.bytes += outcome.tally.bytes;
        failed += usize::from(outcome.failed);
        refused += outcome.refused;
        let Some(s3) = s3 else { continue };
        if !outcome.report.is_empty() {
            let key = format!("{}{}/{at}.csv", import.reports.prefix, import.job);
            if let Err(error) = s3.put(&import.reports.bucket, &key, outcome.report).await {
                warn!(job = %import.job, %error, "write a report");
            }
        }
        if import.delete_files
            && !outcome.failed
            && let Err(error) = s3.delete(&file.bucket, &file.key).await
        {
            warn!(job = %import.job, %error, "delete a file");
        }
    }
    let status = match (failed, refused) {
        (0, 0) => JobStatus::Completed,
        (failed, _) if failed == import.files.len() => JobStatus::Failed,
        _ => JobStatus::CompletedWithFailures,
    };
    info!(job = %import.job, ?status, values = tally.accepted, refused, "bulk import");
    let now = shared.now();
    let mut core = shared.lock();
    core.count_import(tally);
    core.account.end_job(import.job, status, now);
}

async fn read<'a>(s3: Option<&S3>, file: &'a ImportFile) -> Result<(&'a [Column], Bytes), String> {
    let columns = file.columns.as_deref().ok_or("Files of this format are not read here")?;
    let s3 = s3.ok_or("There is no S3: start with --s3-endpoint")?;
    let content = s3.get(&file.bucket, &file.key).await?;
    if content.len() as u64 > limits::CSV_BYTES {
        return Err(format!("The file is larger than {} bytes", limits::CSV_BYTES));
    }
    Ok((columns, content))
}

fn reader(content: &[u8]) -> csv::Reader<&[u8]> {
    ReaderBuilder::new().has_headers(false).flexible(true).from_reader(content)
}

/// How many streams a file names.
fn streams(columns: &[Column], content: &[u8]) -> usize {
    let names: Vec<usize> = columns
        .iter()
        .enumerate()
        .filter(|(_, column)| {
            matches!(column, Column::Alias | Column::AssetId | Column::PropertyId)
        })
        .map(|(at, _)| at)
        .collect();
    let mut seen = HashSet::new();
    let mut reader = reader(content);
    let mut record = StringRecord::new();
    loop {
        match reader.read_record(&mut record) {
            Ok(true) => {
                let name: Vec<&str> = names.iter().filter_map(|at| record.get(*at)).collect();
                seen.insert(name.join("\n"));
            }
            Ok(false) => return seen.len(),
            // A row that is no text names nothing.
            Err(_) => {}
        }
    }
}

/// Stores what a file holds.
pub(crate) async fn import_file(
    shared: &Shared,
    columns: &[Column],
    content: &[u8],
    key: &str,
    adaptive: bool,
) -> Outcome {
    let streams = streams(columns, content);
    if streams > limits::FILE_STREAMS {
        let reason =
            format!("The file names {streams} streams, more than {}", limits::FILE_STREAMS);
        return Outcome::failed(key, &reason);
    }
    let mut outcome = Outcome::default();
    let mut report = Writer::from_writer(Vec::new());
    let mut records = reader(content).into_records();
    loop {
        let rows: Vec<_> = records.by_ref().take(ROWS_AT_ONCE).collect();
        if rows.is_empty() {
            break;
        }
        {
            let now = shared.now();
            let mut core = shared.lock();
            core.account.settle(now);
            for row in rows {
                outcome.tally.received += 1;
                let (record, taken) = match row {
                    Ok(record) => {
                        let taken = core.account.import_row(columns, &record, adaptive, now);
                        (record, taken)
                    }
                    Err(error) => (StringRecord::new(), Err(error.to_string())),
                };
                match taken {
                    Ok(taken) => {
                        outcome.tally.accepted += 1;
                        outcome.tally.bytes += taken.bytes;
                        outcome.tally.overwritten += u64::from(taken.overwrote);
                    }
                    Err(reason) => {
                        outcome.refused += 1;
                        let _ = report.write_record(record.iter().chain([reason.as_str()]));
                    }
                }
            }
        }
        tokio::task::yield_now().await;
    }
    outcome.report = report.into_inner().unwrap_or_default();
    outcome
}
