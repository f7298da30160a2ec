//! Counters and status of late values.

use super::{Late, Tiers};

/// Counters since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LateFigures {
    /// Rows that earlier processes left.
    pub restored: u64,
    /// Rows that were appended.
    pub rows: u64,
    /// Of these: rows with quoted text. Whether SiteWise reads quotes is not documented.
    pub quoted: u64,
    /// Rows that SiteWise took.
    pub delivered: u64,
    /// Rows that SiteWise rejected.
    pub refused: u64,
    /// Rows of files that somebody deleted before their jobs were over.
    pub lost: u64,
    /// Jobs that are over.
    pub jobs: u64,
    /// Jobs that failed as a whole.
    pub failed_jobs: u64,
    /// Steps that were retried.
    pub retries: u64,
}

impl LateFigures {
    /// Whether every row is accounted for, with `waiting` rows whose jobs are not over.
    pub fn balances(&self, waiting: u64) -> bool {
        self.restored + self.rows == self.delivered + self.refused + self.lost + waiting
    }
}

/// The status of late values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LateStatus {
    /// Whether the account has the storage that is needed.
    pub tiers: Tiers,
    /// Rows whose jobs are not over.
    pub waiting: u64,
    /// Number of files on disk.
    pub files: usize,
    /// Size of all files on disk, in bytes.
    pub bytes: u64,
    /// Jobs that are not over.
    pub jobs: usize,
    /// The key of the first file whose last step failed or that cannot be read, and why.
    pub failing: Option<(String, String)>,
}

impl Late {
    /// The status.
    pub fn status(&self) -> LateStatus {
        let failing = self
            .imports
            .iter()
            .find_map(|import| Some((self.config.key(import.name), import.last_error.clone()?)))
            .or_else(|| self.unreadable.clone());
        LateStatus {
            tiers: self.tiers,
            waiting: self.waiting(),
            files: self.imports.len() + self.closing.len() + self.open.iter().count(),
            bytes: self.bytes(),
            jobs: self.imports.iter().filter(|import| import.has_job()).count(),
            failing,
        }
    }
}
