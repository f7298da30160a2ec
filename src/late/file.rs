//! The file that rows are appended to, and when it is closed.

use rustc_hash::FxHashSet;

use super::{FileKind, FileName};
use crate::delivery::point::Stream;
use crate::time::Instant;

/// Bytes of a file: far below the 5 GiB that SiteWise takes, and little enough to be held in memory
/// while it is sent.
pub const FILE_BYTES: u64 = 16 * 1024 * 1024;
/// Streams that a file may name (SiteWise's quota).
pub const FILE_STREAMS: usize = 10_000;

/// A file that is being written.
#[derive(Debug)]
pub(super) struct OpenFile {
    pub(super) name: FileName,
    /// When it was opened; it is closed a while later.
    pub(super) since: Instant,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    /// Number of its last row.
    pub(super) last_row: u64,
    streams: FxHashSet<Stream>,
}

/// The files that are being written, one of each kind at most.
#[derive(Debug, Default)]
pub(super) struct OpenFiles {
    late: Option<OpenFile>,
    buffered: Option<OpenFile>,
}

impl OpenFiles {
    /// That of a kind.
    pub(super) fn of(&mut self, kind: FileKind) -> &mut Option<OpenFile> {
        match kind {
            FileKind::Late => &mut self.late,
            FileKind::Buffered => &mut self.buffered,
        }
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &OpenFile> {
        self.late.iter().chain(&self.buffered)
    }
}

impl OpenFile {
    pub(super) fn new(name: FileName, now: Instant) -> Self {
        Self { name, since: now, rows: 0, bytes: 0, last_row: 0, streams: FxHashSet::default() }
    }

    /// Whether a row of this stream and length still belongs into it.
    pub(super) fn has_room(&self, stream: Stream, bytes: u64) -> bool {
        let fits = self.rows == 0 || self.bytes + bytes <= FILE_BYTES;
        fits && (self.streams.len() < FILE_STREAMS || self.streams.contains(&stream))
    }

    pub(super) fn add(&mut self, row: u64, stream: Stream, bytes: u64) {
        self.rows += 1;
        self.bytes += bytes;
        self.last_row = row;
        self.streams.insert(stream);
    }
}
