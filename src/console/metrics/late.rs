//! Metrics of late values; all zero where these become dead letters.

use super::define::{counter, each, gauge};
use super::{MetricDef, MetricKind, MetricLabel};
use crate::app::LateAccount;
use crate::bridge::late::NotByFile;
use crate::console::snapshot::Snapshot;

/// How a job ended, by label.
const JOBS: [&str; 2] = ["over", "failed"];

pub(super) const TABLE: &[MetricDef] = &[
    counter(
        "sparkwise_values_delivered_late_total",
        "Values accepted by SiteWise in bulk imports: older than seven days, or of INGEST_BUFFERED.",
        |s| of(s, |late| late.figures.delivered),
    ),
    counter(
        "sparkwise_values_restored_late_total",
        "Values in the files that earlier processes left for bulk import.",
        |s| of(s, |late| late.figures.restored),
    ),
    counter(
        "sparkwise_values_refused_late_total",
        "Values that SiteWise rejected in a bulk import, each a dead letter; also in \
         sparkwise_values_refused_total.",
        |s| of(s, |late| late.figures.refused),
    ),
    gauge(
        "sparkwise_values_waiting_late",
        "Values in files on disk, or in S3, until their bulk import is over.",
        |s| of(s, |late| late.status.waiting),
    ),
    each(
        MetricKind::Counter,
        "sparkwise_values_not_late_total",
        "Values older than seven days that cannot be sent by bulk import either, each a dead \
         letter: null (the CSV files have no form for it), class (an attribute or a stale mark), \
         before_1970, control_character, empty_text, no_tier (the account has neither the warm tier \
         nor the cold tier), full (LATE_MAX_BYTES), disk (the files cannot be written), no_row (the files \
         have no form for it, found when it was written).",
        MetricLabel::Words("reason", || NotByFile::ALL.map(NotByFile::label).to_vec()),
        |s| match &s.ledger.late {
            Some(late) => late.not_taken.map(|count| count as f64).to_vec(),
            None => vec![0.0; NotByFile::ALL.len()],
        },
    ),
    each(
        MetricKind::Counter,
        "sparkwise_late_jobs_total",
        "Bulk import jobs, by how they ended: over (its rows were accepted or rejected), or failed \
         (as a whole; its values are sent again by another job).",
        MetricLabel::Words("outcome", || JOBS.to_vec()),
        |s| {
            let jobs = [of(s, |late| late.figures.jobs), of(s, |late| late.figures.failed_jobs)];
            jobs.to_vec()
        },
    ),
    gauge("sparkwise_late_bytes", "Bytes of the files of late values on disk.", |s| {
        of(s, |late| late.status.bytes)
    }),
];

fn of(snapshot: &Snapshot, figure: fn(&LateAccount) -> u64) -> f64 {
    snapshot.ledger.late.as_ref().map_or(0, figure) as f64
}
