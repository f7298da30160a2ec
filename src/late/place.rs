//! Configuration of late values, and the names of their files, objects and jobs.

use std::fmt;
use std::time::Duration;

use super::file::OpenFile;
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

/// Why rows are sent by file. The two kinds are in separate files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// They are too old to be sent live. They are only stored.
    #[default]
    Late,
    /// By choice. SiteWise computes and notifies as with live values (adaptive ingestion).
    Buffered,
}

/// How the names of buffered files end.
const BUFFERED: &str = "-buffered";

/// Names a file, and with it its object and its job. Names are in the order in which the files were
/// opened, unless the clock was set back, and never used twice: half of a name is random.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName {
    millis: u64,
    random: u64,
    lane: Lane,
}

impl FileName {
    /// Of a file of late values, opened at this time.
    pub const fn new(millis: u64, random: u64) -> Self {
        Self { millis, random, lane: Lane::Late }
    }

    /// The same, in another lane.
    #[must_use]
    pub const fn in_lane(self, lane: Lane) -> Self {
        Self { lane, ..self }
    }

    /// Why its rows are sent by file.
    pub const fn lane(self) -> Lane {
        self.lane
    }

    /// Parses a name. None if the text is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (rest, lane) = match text.strip_suffix(BUFFERED) {
            Some(rest) => (rest, Lane::Buffered),
            None => (text, Lane::Late),
        };
        let (millis, random) = rest.split_once('-')?;
        let (millis, random) = (millis.parse().ok()?, u64::from_str_radix(random, 16).ok()?);
        let name = Self { millis, random, lane };
        (name.to_string() == text).then_some(name)
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = match self.lane {
            Lane::Late => "",
            Lane::Buffered => BUFFERED,
        };
        write!(f, "{:013}-{:016x}{end}", self.millis, self.random)
    }
}

impl Config {
    /// When a file that is being written is closed.
    pub(super) fn closes(&self, open: &OpenFile) -> Instant {
        let every = match (open.name.lane(), &self.buffered) {
            (Lane::Buffered, Some(buffered)) => buffered.every,
            (Lane::Buffered, None) | (Lane::Late, _) => self.every,
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
