//! Bulk import jobs by a clock that is set by hand, and the rows of their files.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Emulator, measured};
use crate::account::jobs::{Column, JobStatus};
use crate::importer::{Outcome, import_file};
use crate::options::Options;
use crate::wire::error::Kind;

const MODEL: &str = "10000000-0000-4000-8000-000000000001";
const PROPERTY: &str = "20000000-0000-4000-8000-000000000001";
const ASSET: &str = "30000000-0000-4000-8000-000000000001";
const COLUMNS: [Column; 7] = [
    Column::AssetId,
    Column::PropertyId,
    Column::DataType,
    Column::TimestampSeconds,
    Column::TimestampNanoOffset,
    Column::Quality,
    Column::Value,
];

fn plant() -> Emulator {
    let import_delay = Duration::from_secs(10);
    let emulator = Emulator::new(Options { import_delay, ..Options::default() });
    measured(&emulator, MODEL, PROPERTY);
    let asset = json!({ "assetName": "a", "assetId": ASSET, "assetModelId": MODEL });
    emulator.post("/assets", &asset).expect("an asset");
    emulator
}

fn enable_warm_tier(emulator: &Emulator) {
    let storage = json!({ "storageType": "SITEWISE_DEFAULT_STORAGE", "warmTier": "ENABLED" });
    emulator.post("/configuration/account/storage", &storage).expect("a warm tier");
}

fn job(name: &str) -> Value {
    json!({
        "jobName": name,
        "jobRoleArn": "arn:aws:iam::123456789012:role/import",
        "files": [{ "bucket": "late", "key": "k.csv" }],
        "errorReportLocation": { "bucket": "late", "prefix": "errors/" },
        "jobConfiguration": { "fileFormat": { "csv": { "columnNames": COLUMNS } } },
    })
}

fn with(mut job: Value, name: &str, value: Value) -> Value {
    job[name] = value;
    job
}

#[test]
fn a_job_needs_a_tier_and_a_form() {
    let emulator = plant();
    assert_eq!(emulator.post("/jobs", &job("one")), Err(Kind::InvalidRequest));
    enable_warm_tier(&emulator);
    let columns = |names: Value| json!({ "fileFormat": { "csv": { "columnNames": names } } });
    let file = json!({ "bucket": "late", "key": "k.csv" });
    for wrong in [
        with(job("one"), "files", json!([])),
        with(job("one"), "files", Value::Array(vec![file; 101])),
        with(job("one"), "files", json!([{ "bucket": "late", "key": "" }])),
        with(job("one"), "errorReportLocation", json!({ "bucket": "late", "prefix": "errors" })),
        with(job("one"), "jobConfiguration", Value::Null),
        with(job("one"), "jobConfiguration", json!({ "fileFormat": {} })),
        with(job("one"), "jobConfiguration", columns(json!(["ALIAS", "VALUE"]))),
        with(job("one"), "jobConfiguration", columns(json!(COLUMNS[1..]))),
        with(job("one"), "datasetId", json!(ASSET)),
    ] {
        assert_eq!(emulator.post("/jobs", &wrong), Err(Kind::InvalidRequest), "{wrong}");
    }
    emulator.post("/jobs", &job("one")).expect("a job");
    assert_eq!(emulator.post("/jobs", &job("one")), Err(Kind::ResourceAlreadyExists));
}

#[test]
fn a_job_waits_runs_and_ends() {
    let emulator = plant();
    enable_warm_tier(&emulator);
    let made = emulator.post("/jobs", &job("one")).expect("a job");
    let path = format!("/jobs/{}", made["jobId"].as_str().unwrap_or_default());
    let status = || emulator.get(&path).expect("the job")["jobStatus"].clone();
    assert_eq!(status(), "PENDING");
    emulator.pass(5);
    assert_eq!(status(), "RUNNING");
    let next = || {
        let now = emulator.shared.now();
        emulator.shared.settled().account.next_import(now)
    };
    assert_eq!(next(), None, "its files are not read before its time");
    emulator.pass(5);
    let import = next().expect("an import");
    assert_eq!(import.files[0].columns.as_deref(), Some(&COLUMNS[..]));
    assert_eq!(next(), None, "its files are read once");
    let now = emulator.shared.now();
    emulator.shared.lock().account.end_job(import.job, JobStatus::CompletedWithFailures, now);
    assert_eq!(status(), "COMPLETED_WITH_FAILURES");
    let listed = emulator.get("/jobs?filter=COMPLETED_WITH_FAILURES").expect("a list");
    assert_eq!(listed["jobSummaries"][0]["name"], "one");
    assert_eq!(emulator.get("/jobs?filter=FAILED"), Ok(json!({ "jobSummaries": [] })));
    assert_eq!(emulator.post("/jobs", &job("one")), Err(Kind::ResourceAlreadyExists));
}

#[test]
fn a_hundred_jobs_run_at_most() {
    let emulator = plant();
    enable_warm_tier(&emulator);
    for at in 0..100 {
        emulator.post("/jobs", &job(&format!("job {at}"))).expect("a job");
    }
    assert_eq!(emulator.post("/jobs", &job("one more")), Err(Kind::LimitExceeded));
}

fn import(emulator: &Emulator, content: &str, adaptive: bool) -> Outcome {
    import_bytes(emulator, content.as_bytes(), adaptive)
}

fn import_bytes(emulator: &Emulator, content: &[u8], adaptive: bool) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(import_file(&emulator.shared, &COLUMNS, content, "k.csv", adaptive))
}

#[test]
fn each_row_is_decided_by_itself() {
    let emulator = plant();
    let old = emulator.now() - 20 * 24 * 3600;
    let row = |rest: &str| format!("{ASSET},{PROPERTY},{rest}\n");
    let good = row(&format!("DOUBLE,{old},5,UNCERTAIN,1.5"));
    let outcome = import(&emulator, &good, false);
    assert_eq!((outcome.tally.accepted, outcome.refused), (1, 0));
    assert_eq!(import(&emulator, &good, false).tally.overwritten, 1);
    let found = emulator
        .get(&format!("/properties/history?assetId={ASSET}&propertyId={PROPERTY}"))
        .expect("a history");
    let found = &found["assetPropertyValueHistory"][0];
    assert_eq!(found["value"]["doubleValue"], 1.5);
    assert_eq!(found["timestamp"]["offsetInNanos"], 5);
    assert_eq!(found["quality"], "UNCERTAIN");
    let ahead = emulator.now() + 600;
    for wrong in [
        row(&format!("DOUBLE,{old},5,GOOD")),
        row(&format!("DOUBLE,{old},5,GOOD,")),
        row(&format!("DOUBLE,{old},5,GOOD,NaN")),
        row(&format!("DOUBLE,{old},5,GOOD,1e11")),
        row(&format!("DOUBLE,{old},1000000000,GOOD,1")),
        row(&format!("DOUBLE,{ahead},0,GOOD,1")),
        row("DOUBLE,-1,0,GOOD,1"),
        row(&format!("DOUBLE,{old},5,FINE,1")),
        row(&format!("INTEGER,{old},5,GOOD,1")),
        row(&format!("STRUCT,{old},5,GOOD,1")),
        format!("{PROPERTY},{PROPERTY},DOUBLE,{old},5,GOOD,1\n"),
        format!("{ASSET},nothing,DOUBLE,{old},5,GOOD,1\n"),
    ] {
        let outcome = import(&emulator, &wrong, false);
        assert_eq!((outcome.tally.accepted, outcome.refused), (0, 1), "{wrong}");
        let report = String::from_utf8(outcome.report).expect("text");
        assert!(report.starts_with(wrong.trim_end()), "{report}");
    }
}

#[test]
fn adaptive_ingestion_takes_thirty_days() {
    let emulator = plant();
    let row = |days: u64| {
        let time = emulator.now() - days * 24 * 3600 - 1;
        format!("{ASSET},{PROPERTY},DOUBLE,{time},0,GOOD,1\n")
    };
    assert_eq!(import(&emulator, &row(29), true).refused, 0);
    assert_eq!(import(&emulator, &row(30), true).refused, 1);
    assert_eq!(import(&emulator, &row(300), false).refused, 0);
}

#[test]
fn a_file_of_too_many_streams_is_refused_as_a_whole() {
    let emulator = plant();
    let old = emulator.now() - 10;
    let mut content = format!("{ASSET},{PROPERTY},DOUBLE,{old},0,GOOD,1\n");
    for at in 0..10_000 {
        content += &format!("{ASSET},{at},DOUBLE,{old},0,GOOD,1\n");
    }
    // A row that is no text does not hide those behind it.
    let with_noise = [b"\xff\n".as_slice(), content.as_bytes()].concat();
    for content in [content.into_bytes(), with_noise] {
        let outcome = import_bytes(&emulator, &content, false);
        assert!(outcome.failed);
        assert_eq!(outcome.tally.accepted, 0);
    }
}

#[test]
fn a_structure_is_imported_as_text() {
    const STATE: &str = "20000000-0000-4000-8000-000000000002";
    const PLACE: &str = "30000000-0000-4000-8000-000000000002";
    let emulator = plant();
    let model = "10000000-0000-4000-8000-000000000002";
    let body = json!({
        "assetModelName": "states",
        "assetModelId": model,
        "assetModelProperties": [{
            "name": "state",
            "id": STATE,
            "dataType": "STRUCT",
            "dataTypeSpec": "AWS/ALARM_STATE",
            "type": { "measurement": {} },
        }],
    });
    emulator.post("/asset-models", &body).expect("a model");
    let asset = json!({ "assetName": "b", "assetId": PLACE, "assetModelId": model });
    emulator.post("/assets", &asset).expect("an asset");
    let old = emulator.now() - 10;
    let row = format!("{PLACE},{STATE},STRING,{old},0,GOOD,{{}}\n");
    let outcome = import(&emulator, &row, false);
    assert_eq!((outcome.tally.accepted, outcome.refused), (1, 0));
}
