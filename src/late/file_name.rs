//! The name of a file, from which those of its object and its job are made.

use std::fmt;

/// Why rows are sent by file. The two kinds are in separate files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileKind {
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
    kind: FileKind,
}

impl FileName {
    /// Of a file of late values, opened at this time.
    pub const fn new(millis: u64, random: u64) -> Self {
        Self { millis, random, kind: FileKind::Late }
    }

    /// The same, in another kind.
    #[must_use]
    pub const fn of_kind(self, kind: FileKind) -> Self {
        Self { kind, ..self }
    }

    /// Why its rows are sent by file.
    pub const fn kind(self) -> FileKind {
        self.kind
    }

    /// Parses a name. None if the text is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (rest, kind) = match text.strip_suffix(BUFFERED) {
            Some(rest) => (rest, FileKind::Buffered),
            None => (text, FileKind::Late),
        };
        let (millis, random) = rest.split_once('-')?;
        let (millis, random) = (millis.parse().ok()?, u64::from_str_radix(random, 16).ok()?);
        let name = Self { millis, random, kind };
        (name.to_string() == text).then_some(name)
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = match self.kind {
            FileKind::Late => "",
            FileKind::Buffered => BUFFERED,
        };
        write!(f, "{:013}-{:016x}{end}", self.millis, self.random)
    }
}
