//! Bulk import jobs.

use super::{MAX_RESULTS, NEXT_TOKEN};
use crate::account::Account;
use crate::wire::operation::{Field, Operation, body, call, path, query};
use crate::wire::pattern;
use crate::wire::shape::{Shape, may, must};
use crate::wire::shapes;

const WORKSPACE: Field = query(may("workspaceName", &shapes::WORKSPACE));

static TEXT: Shape = Shape::Text { min: 0, max: usize::MAX, pattern: None };
static JOB_NAME: Shape = Shape::Text { min: 1, max: 256, pattern: Some(pattern::JOB_NAME) };
static ROLE: Shape = Shape::Text { min: 1, max: 1600, pattern: Some(pattern::ARN) };
static BUCKET: Shape = Shape::Text { min: 3, max: 63, pattern: None };
static COLUMN: Shape = Shape::Choice(&[
    "ALIAS",
    "ASSET_ID",
    "PROPERTY_ID",
    "DATA_TYPE",
    "TIMESTAMP_SECONDS",
    "TIMESTAMP_NANO_OFFSET",
    "QUALITY",
    "VALUE",
]);
static COLUMNS: Shape = Shape::List { of: &COLUMN, min: 0, max: usize::MAX };
static CSV: Shape = Shape::Structure(&[must("columnNames", &COLUMNS)]);
static NOTHING: Shape = Shape::Structure(&[]);
static FORMAT: Shape = Shape::Structure(&[
    may("csv", &CSV),
    may("parquet", &NOTHING),
    may("mp4", &NOTHING),
    may("annotation", &NOTHING),
]);
static START: Shape = Shape::Structure(&[
    must("timeInSeconds", &shapes::TIME_IN_SECONDS),
    may("offsetInNanos", &shapes::OFFSET_IN_NANOS),
]);
static FILE: Shape = Shape::Structure(&[
    must("bucket", &BUCKET),
    must("key", &TEXT),
    may("versionId", &TEXT),
    may("alias", &shapes::DATA_ALIAS),
    may("startTime", &START),
    may("fileFormat", &FORMAT),
]);
static FILES: Shape = Shape::List { of: &FILE, min: 0, max: usize::MAX };
static REPORTS: Shape = Shape::Structure(&[must("bucket", &BUCKET), must("prefix", &TEXT)]);
static CONFIGURATION: Shape = Shape::Structure(&[may("fileFormat", &FORMAT)]);
static FILTER: Shape = Shape::Choice(&[
    "ALL",
    "PENDING",
    "RUNNING",
    "CANCELLED",
    "FAILED",
    "COMPLETED_WITH_FAILURES",
    "COMPLETED",
]);

pub(super) static TABLE: &[Operation] = &[
    Operation {
        name: "CreateBulkImportJob",
        method: "POST",
        path: "/jobs",
        status: 202,
        input: &[
            body(must("jobName", &JOB_NAME)),
            body(must("jobRoleArn", &ROLE)),
            body(must("files", &FILES)),
            body(must("errorReportLocation", &REPORTS)),
            body(may("jobConfiguration", &CONFIGURATION)),
            body(may("adaptiveIngestion", &shapes::BOOLEAN)),
            body(may("deleteFilesAfterImport", &shapes::BOOLEAN)),
            body(may("datasetId", &shapes::ID)),
            body(may("workspaceName", &shapes::WORKSPACE)),
        ],
        call: call!(Account::create_job),
    },
    Operation {
        name: "DescribeBulkImportJob",
        method: "GET",
        path: "/jobs/{jobId}",
        status: 200,
        input: &[path(must("jobId", &shapes::ID)), WORKSPACE],
        call: call!(Account::describe_job),
    },
    Operation {
        name: "ListBulkImportJobs",
        method: "GET",
        path: "/jobs",
        status: 200,
        input: &[NEXT_TOKEN, MAX_RESULTS, query(may("filter", &FILTER)), WORKSPACE],
        call: call!(Account::list_jobs),
    },
];
