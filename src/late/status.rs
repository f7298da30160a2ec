//! Counters and status of late values.

use super::{FileName, Late, Tiers};
use crate::time::Now;

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
    /// The key of the first file that is not sent or cannot be read, and why: its last step failed, or
    /// its last job did and no other is over.
    pub failing: Option<(String, String)>,
    /// Why the account's storage configuration could not be read, while nothing is known of it.
    pub tiers_unread: Option<String>,
    /// Why the disk refuses the files.
    pub disk: Option<String>,
    /// Whether there are buffered properties.
    pub buffers: bool,
}

/// What keeps late values from being sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle<'a> {
    /// The account has neither the warm nor the cold tier.
    NoTier,
    /// Whether it has one of them could not be read, for this reason.
    TiersUnread(&'a str),
    /// The disk refuses the files, for this reason.
    Disk(&'a str),
    /// This file is not sent or cannot be read, for this reason.
    File(&'a str, &'a str),
}

impl LateStatus {
    /// What keeps late values from being sent; the first if there is more than one.
    pub fn obstacle(&self) -> Option<Obstacle<'_>> {
        let unread = self.tiers_unread.as_deref().filter(|_| self.waiting > 0 || self.buffers);
        let file = || self.failing.as_ref().map(|(file, why)| Obstacle::File(file, why));
        match (self.tiers, unread, self.disk.as_deref()) {
            (Tiers::Disabled, ..) => Some(Obstacle::NoTier),
            (Tiers::Unknown, Some(why), _) => Some(Obstacle::TiersUnread(why)),
            (_, _, Some(why)) => Some(Obstacle::Disk(why)),
            (_, _, None) => file(),
        }
    }
}

/// What went wrong beside the steps of files.
#[derive(Debug, Default)]
pub(super) struct Problems {
    /// The first file of an earlier process that cannot be read, and why.
    unreadable: Option<(String, String)>,
    /// Why the storage configuration could not be read last.
    pub(super) tiers_unread: Option<String>,
    /// Why the disk refuses the files.
    pub(super) disk: Option<String>,
}

impl Late {
    /// An earlier process left a file that cannot be read, for this reason. It stays on the disk, and
    /// is tried at the next start.
    pub fn handle_unreadable(&mut self, file: FileName, reason: String) {
        self.problems.unreadable.get_or_insert_with(|| (file.to_string(), reason));
    }

    /// The account's storage configuration could not be read, for this reason.
    pub fn handle_tiers_unread(&mut self, reason: String, now: Now) {
        self.problems.tiers_unread = Some(reason);
        self.handle_tiers(Tiers::Unknown, now);
    }

    /// The disk refuses the files, for this reason; none once it takes them again. Meanwhile no
    /// buffered value is taken: it can be sent live.
    pub fn handle_disk_fault(&mut self, fault: Option<String>) {
        self.problems.disk = fault;
    }
}

impl Late {
    /// The status.
    pub fn status(&self) -> LateStatus {
        let failing = self
            .imports
            .iter()
            .find_map(|import| Some((self.config.key(import.name), import.failing()?.to_owned())))
            .or_else(|| self.problems.unreadable.clone());
        LateStatus {
            tiers: self.tiers,
            waiting: self.waiting(),
            files: self.imports.len() + self.closing.len() + self.open.iter().count(),
            bytes: self.bytes(),
            jobs: self.imports.iter().filter(|import| import.has_job()).count(),
            failing,
            tiers_unread: self.problems.tiers_unread.clone(),
            disk: self.problems.disk.clone(),
            buffers: self.config.buffered.is_some(),
        }
    }
}
