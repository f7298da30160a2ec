//! What is told of late values.

use super::{Late, Tiers};

/// What was counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LateFigures {
    /// Rows that earlier processes left.
    pub restored: u64,
    /// Rows that were appended.
    pub rows: u64,
    /// Of these: text that had to be quoted, which is not documented.
    pub quoted: u64,
    /// Rows that SiteWise took.
    pub delivered: u64,
    /// Rows that it refused.
    pub refused: u64,
    /// Rows of files that somebody deleted before their jobs were over.
    pub lost: u64,
    /// Jobs that are over.
    pub jobs: u64,
    /// Jobs that came to nothing.
    pub failed_jobs: u64,
    /// Steps that were tried again.
    pub retries: u64,
}

impl LateFigures {
    /// Whether every row is accounted for, with so many that wait.
    pub fn balances(&self, waiting: u64) -> bool {
        self.restored + self.rows == self.delivered + self.refused + self.lost + waiting
    }
}

/// How things stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LateStatus {
    /// Whether the account has the storage that is needed.
    pub tiers: Tiers,
    /// Rows whose jobs are not over.
    pub waiting: u64,
    /// Files on disk, and their bytes.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Jobs that are not over.
    pub jobs: usize,
    /// The first file whose last step failed, and why.
    pub failing: Option<(String, String)>,
}

impl Late {
    /// How things stand.
    pub fn status(&self) -> LateStatus {
        let failing = self
            .courses
            .iter()
            .find_map(|course| Some((self.config.key(course.name), course.last_error.clone()?)))
            .or_else(|| self.unreadable.clone());
        LateStatus {
            tiers: self.tiers,
            waiting: self.waiting(),
            files: self.courses.len() + self.closing.len() + self.open.iter().count(),
            bytes: self.bytes(),
            jobs: self.courses.iter().filter(|course| course.has_job()).count(),
            failing,
        }
    }
}
