//! Reports of rows that a job rejected.
//!
//! What a report looks like is not documented. A line counts as the report of a row of ours if it
//! begins with that row's fields, up to the quality; what stands behind is the reason. Where a report
//! names no row of the file, nobody knows which rows were taken: all of them are given back, to be
//! kept as dead letters, and writing one again that was taken overwrites it with itself.

use rustc_hash::FxHashMap;

use super::row;
use crate::delivery::point::{Key, Point};

/// Different reasons that are kept; a row with a further reason gets the first.
const REASONS: usize = 1_000;

/// Why a row was refused, or may have been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowRefusal {
    /// The reason, in the report's words or ours.
    pub reason: String,
    /// Whether the report names the row: another may have been taken.
    pub is_named: bool,
}

impl RowRefusal {
    fn unnamed(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), is_named: false }
    }
}

/// The rows that a report names.
#[derive(Debug, Default)]
pub struct RefusedRows {
    rows: FxHashMap<Key, u16>,
    reasons: Vec<String>,
    /// The first lines that name no row.
    foreign: Vec<String>,
    foreign_lines: u64,
    /// The report is longer than what was read.
    is_truncated: bool,
}

impl RefusedRows {
    /// Reads an object of a report.
    pub fn read(&mut self, report: &[u8]) {
        for record in row::records(report) {
            let fields: Vec<&str> = record.iter().collect();
            match row::key(&record) {
                Some(key) => {
                    let reason = fields.get(row::COLUMNS.len()..).unwrap_or_default();
                    let reason = row::text(reason);
                    let number = self.reason(&reason);
                    self.rows.insert(key, number);
                }
                None => {
                    self.foreign_lines += 1;
                    if self.foreign.len() < 3 {
                        self.foreign.push(row::text(&fields));
                    }
                }
            }
        }
    }

    /// The report is longer than what was read: it is not known which other rows it names.
    pub fn mark_truncated(&mut self) {
        self.is_truncated = true;
    }

    fn reason(&mut self, reason: &str) -> u16 {
        let found = self.reasons.iter().position(|other| other == reason);
        let number = found.unwrap_or_else(|| {
            if self.reasons.len() < REASONS {
                self.reasons.push(reason.to_owned());
                self.reasons.len() - 1
            } else {
                0
            }
        });
        u16::try_from(number).unwrap_or(0)
    }

    /// Why a row of the file was refused, or may have been; none if it was taken.
    pub fn refusal_of(&self, point: &Point) -> Option<RowRefusal> {
        if self.rows.is_empty() {
            let lines = self.foreign.join("; ");
            return Some(RowRefusal::unnamed(format!("the job's report names no row: {lines}")));
        }
        let Some(number) = self.rows.get(&point.key()) else {
            let unknown = "the job's report is longer than the part that was read, which does not name this row";
            return self.is_truncated.then(|| RowRefusal::unnamed(unknown));
        };
        let reason = self.reasons.get(usize::from(*number)).cloned().unwrap_or_default();
        Some(RowRefusal { reason, is_named: true })
    }

    /// Lines of the report that name no row.
    pub fn foreign_lines(&self) -> u64 {
        self.foreign_lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::late::tests;
    use crate::sitewise::api::Variant;

    fn point(millis: i64) -> Point {
        tests::point(millis, Variant::Double(1.0))
    }

    #[test]
    fn a_report_names_the_rows_that_were_refused() {
        let mut refused = RefusedRows::default();
        let line = row::line(&point(5_001)).unwrap();
        refused.read(format!("{},\"No, not found\"\n", line.trim_end()).as_bytes());
        let reason = "\"No, not found\"".to_owned();
        let named = Some(RowRefusal { reason, is_named: true });
        assert_eq!(refused.refusal_of(&point(5_001)), named);
        assert_eq!(refused.refusal_of(&point(5_002)), None);
        assert_eq!(refused.foreign_lines(), 0);
    }

    /// What it names beyond would be counted as delivered.
    #[test]
    fn a_report_that_was_cut_gives_all_rows_back() {
        let mut refused = RefusedRows::default();
        let line = row::line(&point(5_001)).unwrap();
        refused.read(format!("{},no\n", line.trim_end()).as_bytes());
        refused.mark_truncated();
        let named = Some(RowRefusal { reason: "no".to_owned(), is_named: true });
        assert_eq!(refused.refusal_of(&point(5_001)), named);
        let RowRefusal { reason, is_named } = refused.refusal_of(&point(5_002)).unwrap();
        assert!(!is_named && reason.contains("longer"), "{reason}");
    }

    /// Otherwise rows that were refused would be counted as delivered.
    #[test]
    fn a_report_that_names_no_row_gives_all_of_them_back() {
        let mut refused = RefusedRows::default();
        assert!(refused.refusal_of(&point(1)).is_some(), "a report without an object");
        refused.read(b"{\"errors\": 3}\n");
        let RowRefusal { reason, is_named } = refused.refusal_of(&point(1)).unwrap();
        assert!(!is_named && reason.contains("errors"), "{reason}");
        assert_eq!(refused.foreign_lines(), 1);
    }
}
