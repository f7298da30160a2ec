//! Which node or device the waiting values of an asset belong to, kept for later processes: an
//! asset's id alone does not tell whom to ask for a birth.
//!
//! A file beside the store with a line for each asset that values have waited for. It is written
//! before the first of these values, begins anew where no value is left, and is bounded. A line that
//! cannot be read is skipped: it costs a name, no value.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use tracing::warn;
use uuid::Uuid;

use super::repair::set_aside;
use crate::sparkplug::address::{EdgeNode, Source};

/// The file's name.
pub(super) const NAME: &str = "machines";
/// Assets that are remembered.
const ASSETS: usize = 100_000;
/// Bytes of the file that are read.
const BYTES: u64 = 64 << 20;

/// A line of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    asset: Uuid,
    group: Arc<str>,
    node: Arc<str>,
    device: Option<Arc<str>>,
}

/// The edge node or device of each asset that values have waited for.
#[derive(Debug, Default)]
pub(super) struct Machines(FxHashMap<Uuid, Source>);

impl Machines {
    /// As earlier processes wrote them into this folder.
    pub(super) fn read(folder: &Path) -> Self {
        let mut text = Vec::new();
        let read =
            File::open(folder.join(NAME)).and_then(|file| file.take(BYTES).read_to_end(&mut text));
        if read.is_err() {
            return Self::default();
        }
        let lines = text.split(|byte| *byte == b'\n');
        let lines = lines.filter_map(|line| serde_json::from_slice::<Line>(line).ok());
        Self(
            lines
                .take(ASSETS)
                .map(|Line { asset, group, node, device }| {
                    (asset, Source { edge: EdgeNode { group, node }, device })
                })
                .collect(),
        )
    }

    /// Whose an asset is.
    pub(super) fn of(&self, asset: Uuid) -> Option<&Source> {
        self.0.get(&asset)
    }

    /// Remembers whose an asset is. Returns the line to be written; none if it is known, or too
    /// many are.
    pub(super) fn add(&mut self, asset: Uuid, machine: &Source) -> Option<Vec<u8>> {
        if self.0.contains_key(&asset) || self.0.len() >= ASSETS {
            return None;
        }
        self.0.insert(asset, machine.clone());
        let Source { edge: EdgeNode { group, node }, device } = machine.clone();
        let mut line = serde_json::to_vec(&Line { asset, group, node, device }).ok()?;
        line.push(b'\n');
        Some(line)
    }
}

/// Whether a file has content, and no line that an outbox wrote. One whose only line was cut off
/// counts as foreign: it is kept for nothing, which harms nobody.
fn is_foreign(path: &Path) -> bool {
    let mut text = Vec::new();
    let read = File::open(path).and_then(|file| file.take(BYTES).read_to_end(&mut text));
    let is_own = |line: &[u8]| serde_json::from_slice::<Line>(line).is_ok();
    read.is_ok() && !text.is_empty() && !text.split(|byte| *byte == b'\n').any(is_own)
}

/// The file, as the disk thread writes it.
#[derive(Debug)]
pub(super) struct MachineFile {
    path: PathBuf,
    /// Lines that are not written yet. No more than there are assets to remember.
    pending: Vec<u8>,
    /// Whether what is written waits for the disk.
    needs_sync: bool,
}

impl MachineFile {
    /// The file of a folder. One of that name that is not the outbox's own is moved aside.
    pub(super) fn of(folder: &Path) -> Self {
        let path = folder.join(NAME);
        if is_foreign(&path) {
            match set_aside(&path) {
                Ok(kept) => warn!(
                    "{} did not belong to the outbox: it was moved to {}",
                    path.display(),
                    kept.display()
                ),
                Err(error) => warn!("{} does not belong to the outbox: {error}", path.display()),
            }
        }
        Self { path, pending: Vec::new(), needs_sync: false }
    }

    /// Begins anew: no value is left that could wait.
    pub(super) fn clear(&mut self) {
        let _ = fs::remove_file(&self.path);
    }

    /// Takes a line, and writes it as soon as the disk lets it.
    pub(super) fn push(&mut self, line: &[u8]) {
        self.pending.extend_from_slice(line);
        self.write();
    }

    /// Writes what is not written yet. A failure is retried later and not reported: the store, on
    /// the same disk, reports it.
    fn write(&mut self) {
        if !self.pending.is_empty() && self.append().is_ok() {
            self.pending.clear();
            self.needs_sync = true;
        }
    }

    fn append(&self) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.create(true).append(true).mode(0o600).open(&self.path)?.write_all(&self.pending)
    }

    /// Waits until the disk has what was written.
    pub(super) fn sync(&mut self) {
        self.write();
        if std::mem::take(&mut self.needs_sync) {
            let synced = File::open(&self.path).and_then(|file| file.sync_data());
            self.needs_sync = synced.is_err();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::tempdir::Folder;
    use super::*;

    fn source(node: &str, device: Option<&str>) -> Source {
        Source { edge: EdgeNode::new("g", node), device: device.map(Into::into) }
    }

    #[test]
    fn a_later_process_knows_whose_values_wait() {
        let folder = Folder::new();
        let mut machines = Machines::read(folder.path());
        let mut file = MachineFile::of(folder.path());
        let all = [(1, source("a", None)), (2, source("b", Some("d \"1\"\n")))];
        for (asset, machine) in &all {
            let line = machines.add(Uuid::from_u128(*asset), machine).expect("it is new");
            file.push(&line);
            assert_eq!(machines.add(Uuid::from_u128(*asset), machine), None, "known");
        }
        file.sync();
        // A line that was cut off, and one of another's.
        file.push(b"{\"asset\":\"00000000-\nhello\n");
        let later = Machines::read(folder.path());
        for (asset, machine) in &all {
            assert_eq!(later.of(Uuid::from_u128(*asset)), Some(machine));
        }
        assert_eq!(later.of(Uuid::from_u128(3)), None);
        file.clear();
        assert_eq!(Machines::read(folder.path()).of(Uuid::from_u128(1)), None);
    }

    /// It was deleted at each start with an empty outbox.
    #[test]
    fn somebody_else_s_file_is_moved_aside() {
        let folder = Folder::new();
        let path = folder.path().join(NAME);
        fs::write(&path, "press 1\npress 2\n").unwrap();
        let mut file = MachineFile::of(folder.path());
        file.clear();
        let line = Machines::default().add(Uuid::from_u128(1), &source("a", None)).unwrap();
        file.push(&line);
        let kept = fs::read_to_string(folder.path().join("machines.aside-1")).unwrap();
        assert_eq!(kept, "press 1\npress 2\n");
        // Its own is not.
        MachineFile::of(folder.path());
        assert_eq!(fs::read(&path).unwrap(), line);
    }

    #[test]
    fn what_the_disk_refuses_is_written_later() {
        let folder = Folder::new();
        let inside = folder.path().join("gone");
        let mut file = MachineFile::of(&inside);
        let mut machines = Machines::default();
        file.push(&machines.add(Uuid::from_u128(1), &source("a", None)).unwrap());
        fs::create_dir(&inside).unwrap();
        file.sync();
        assert_eq!(Machines::read(&inside).of(Uuid::from_u128(1)), Some(&source("a", None)));
    }
}
