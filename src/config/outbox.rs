//! The outbox: where values are queued.

use std::path::PathBuf;

use super::parse::{size_within, text};
use super::reader::VariableReader;
use super::variable::{DefaultValue, Section, Variable};

/// Bytes at most where none are set: in memory, and on disk.
const IN_MEMORY: u64 = 256 << 20;
const ON_DISK: u64 = 8 << 30;

const DIR: Variable = Variable {
    name: "OUTBOX_DIR",
    default: DefaultValue::Words("in memory"),
    form: "path of a folder",
    doc: "Folder of the queue on disk: values that were read then survive a crash of the process \
          or the loss of the host. It is created if missing, and is locked by one process at a \
          time.",
    secret: false,
    file: false,
};

const MAX_BYTES: Variable = Variable {
    name: "OUTBOX_MAX_BYTES",
    default: DefaultValue::Words("256MiB in memory, 8GiB on disk"),
    form: "size",
    doc: "Size limit of the queue, in memory or on disk, where a number takes about 60 bytes. When \
          it is full the oldest values are dropped first (in memory the oldest history before \
          values from births and live values) and counted. Needed in addition: memory for up to \
          200,000 values in flight; on disk up to 128MiB of write-ahead log, and space to compact \
          the files.",
    secret: false,
    file: false,
};

pub(super) const SECTION: Section = Section {
    title: "Outbox",
    doc: "The queue of values that SiteWise does not have yet.",
    vars: &[&DIR, &MAX_BYTES],
};

/// The outbox: where values are queued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outbox {
    /// The folder on disk; none for memory.
    pub dir: Option<PathBuf>,
    /// Size limit in bytes.
    pub max_bytes: u64,
}

impl Outbox {
    pub(super) fn read(reader: &mut VariableReader<'_>) -> Option<Self> {
        let dir = reader.optional(&DIR, text);
        reader.warn_of_blanks(&DIR, dir.as_ref().and_then(Option::as_deref));
        let max_bytes = reader.optional(&MAX_BYTES, size_within(1 << 20, 1 << 40));
        let dir = dir?.map(PathBuf::from);
        let usual = if dir.is_some() { ON_DISK } else { IN_MEMORY };
        Some(Self { dir, max_bytes: max_bytes?.unwrap_or(usual) })
    }
}
