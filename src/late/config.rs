//! Configuration of late values, and the names of their objects and jobs.

use std::time::Duration;

use super::file::OpenFile;
use super::{FileKind, FileName};
use crate::globs::Globs;
use crate::time::Instant;

/// Characters of a job's name that come from the object's key: SiteWise takes 256, and the number of
/// the attempt follows.
const JOB_NAME_LETTERS: usize = 240;

/// Configuration of late values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Prefix of each object's key; empty, or without a slash at its end.
    pub prefix: String,
    /// Keeps bridges apart that share a bucket.
    pub host_id: String,
    /// How long after its first row a file is closed.
    pub every: Duration,
    /// Maximum size of all files on disk, in bytes.
    pub max_bytes: u64,
    /// Properties that are sent by file by choice; none if no property is.
    pub buffered: Option<Buffered>,
}

/// Properties that are sent by file although SiteWise would take them live, since that costs less.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buffered {
    /// Matched against the property's address, as `SPARKPLUG_INCLUDE` is.
    pub globs: Globs,
    /// How long after its first row a file is closed.
    pub every: Duration,
}

impl Config {
    /// When a file that is being written is closed.
    pub(super) fn closes(&self, open: &OpenFile) -> Instant {
        let every = match (open.name.kind(), &self.buffered) {
            (FileKind::Buffered, Some(buffered)) => buffered.every,
            (FileKind::Buffered, None) | (FileKind::Late, _) => self.every,
        };
        open.since + every
    }

    /// The key of a file's object.
    pub fn key(&self, name: FileName) -> String {
        self.below_prefix(&format!("{name}.csv"))
    }

    /// The name of a file's job: the object's key, so that a job is created only once.
    pub fn job_name(&self, name: FileName, attempt: u32) -> String {
        let key = self.key(name);
        let allowed = |letter: char| {
            letter.is_ascii_alphanumeric() || matches!(letter, ' ' | '.' | '_' | ':' | '/' | '-')
        };
        // The end is kept, with the file's name: the host id before it may be long.
        let skipped = key.chars().count().saturating_sub(JOB_NAME_LETTERS);
        let key: String = key
            .chars()
            .skip(skipped)
            .map(|letter| if allowed(letter) { letter } else { '-' })
            .collect();
        match attempt {
            0 | 1 => key,
            attempt => format!("{key}:{attempt}"),
        }
    }

    /// Where the job of a file writes its reports, with a slash at the end.
    pub fn report_prefix(&self, name: FileName, attempt: u32) -> String {
        self.below_prefix(&format!("reports/{name}/{attempt}/"))
    }

    fn below_prefix(&self, rest: &str) -> String {
        let Self { prefix, host_id, .. } = self;
        if prefix.is_empty() {
            format!("{host_id}/{rest}")
        } else {
            format!("{prefix}/{host_id}/{rest}")
        }
    }
}
