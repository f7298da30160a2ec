//! Where late values go, and what their files, objects and jobs are called.

use std::fmt;
use std::time::Duration;

use super::file::OpenFile;
use crate::globs::Globs;
use crate::time::Instant;

/// Letters of a job's name that are its key's: SiteWise takes 256, and the attempt stands behind.
const JOB_NAME_LETTERS: usize = 240;

/// Where late values go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Before each object's key; empty, or without a slash at its end.
    pub prefix: String,
    /// Keeps bridges apart that share a bucket.
    pub host_id: String,
    /// How long after its first row a file is closed.
    pub every: Duration,
    /// Bytes of all files on disk.
    pub max_bytes: u64,
    /// Properties that travel this way by choice; none where no property does.
    pub buffered: Option<Buffered>,
}

/// Properties that travel by file although SiteWise would take them live: that costs less.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buffered {
    /// Matched against the property's address, as `SPARKPLUG_INCLUDE` is.
    pub globs: Globs,
    /// How long after its first row a file is closed.
    pub every: Duration,
}

/// Why rows travel by file. Each lane has files of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// They are too old for the live way. They are imported as they are.
    #[default]
    Late,
    /// By choice. SiteWise computes and notifies as of live values (adaptive ingestion).
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

    /// Why its rows travel by file.
    pub const fn lane(self) -> Lane {
        self.lane
    }

    /// A name as it is written; none if the text is not one.
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

    /// The name of a file's job: its key, so that it can be made once.
    pub fn job_name(&self, name: FileName, attempt: u32) -> String {
        let key = self.key(name);
        let allowed = |letter: char| {
            letter.is_ascii_alphanumeric() || matches!(letter, ' ' | '.' | '_' | ':' | '/' | '-')
        };
        // The file's name stands at the end, and the host id may be long.
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
