//! Dead letters on disk, written by this process and read by any.
//!
//! One line of JSON for each letter, and one for each that is gone, in files that are only ever
//! appended to; the oldest file goes when all together are too large. A torn last line is ignored.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::{DeadLetter, DeadLetterRecord, make_folder, requests};
use crate::delivery::point::Key;

/// Bytes of one file, and of all together: dead letters are kept for analysis, not for ever.
const MAX_FILE_BYTES: u64 = 4 << 20;
const MAX_TOTAL_BYTES: u64 = 64 << 20;
/// Bytes of lines that are kept until they are flushed.
const MAX_UNFLUSHED: usize = 4 << 20;
/// Letters that are remembered after their value was retried; for others the time of the first
/// attempt is lost.
const MAX_RETRIED: usize = 100_000;
/// Bytes of a line at most: longer ones are not ours.
const MAX_LINE_BYTES: u64 = 64 << 10;

/// What happened to a letter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum DeadLetterLine {
    /// It was written.
    Letter(Box<DeadLetterRecord>),
    /// It is no longer there: somebody dropped it, or its value was sent again.
    Gone {
        /// Its id.
        id: u64,
        /// Whether its value was sent again.
        retried: bool,
    },
}

/// The files, opened to be written.
#[derive(Debug)]
pub struct DeadLetterFiles {
    folder: PathBuf,
    file: Option<File>,
    /// Number of the file that is written, and its bytes.
    file_number: u64,
    bytes: u64,
    flushed_bytes: u64,
    next_id: u64,
    /// Letters whose value was sent again: it may come back.
    retried: FxHashMap<Key, DeadLetterRecord>,
    /// Lines that are not flushed, and how many of their bytes the file has.
    unflushed: Vec<u8>,
    written: usize,
    /// Whether the disk failed last: only [`sync`](Self::sync) tries it again.
    fails: bool,
    /// Lines for which there was no room while the disk failed.
    dropped: u64,
}

impl DeadLetterFiles {
    /// Opens the files in a folder. What cannot be read or created is reported by the next
    /// [`sync`](Self::sync).
    pub fn open(folder: &Path) -> Self {
        let mut letters = Self {
            folder: folder.to_owned(),
            file: None,
            file_number: 0,
            bytes: 0,
            flushed_bytes: 0,
            next_id: 1,
            retried: FxHashMap::default(),
            unflushed: Vec::new(),
            written: 0,
            fails: false,
            dropped: 0,
        };
        let mut all = BTreeMap::new();
        for (number, path) in files(folder) {
            letters.file_number = letters.file_number.max(number);
            for entry in lines(&path) {
                match entry {
                    DeadLetterLine::Letter(letter) => {
                        letters.next_id = letters.next_id.max(letter.id + 1);
                        letter.key().and_then(|key| letters.retried.remove(&key));
                        all.insert(letter.id, *letter);
                    }
                    DeadLetterLine::Gone { id, retried } => {
                        if let Some(letter) = all.remove(&id).filter(|_| retried) {
                            letters.remember(letter);
                        }
                    }
                }
            }
        }
        // A new file: the last line of the one before may be torn.
        letters.file_number += 1;
        letters
    }

    /// Writes a letter; it is flushed after the next [`sync`](Self::sync).
    pub fn push(&mut self, letter: DeadLetter) {
        let before = self.retried.remove(&letter.point.key());
        let letter = DeadLetterRecord::new(self.next_id, letter, before.as_ref());
        self.next_id += 1;
        self.write(&DeadLetterLine::Letter(Box::new(letter)));
    }

    /// Of these letters, those that are not in the files yet, with the same value and for a reason of
    /// the same kind.
    pub fn not_kept(&self, mut letters: Vec<DeadLetter>) -> Vec<DeadLetter> {
        let told = |letter: &DeadLetter| {
            let record = DeadLetterRecord::new(0, letter.clone(), None);
            (letter.point.key(), record.value, record.refusal)
        };
        let mut kept: FxHashMap<u64, _> = FxHashMap::default();
        let wanted: FxHashSet<_> = letters.iter().map(told).collect();
        for entry in files(&self.folder).iter().flat_map(|(_, path)| lines(path)) {
            match entry {
                DeadLetterLine::Letter(letter) => {
                    let (id, key) = (letter.id, letter.key());
                    let is = key.map(|key| (key, letter.value, letter.refusal));
                    kept.extend(is.filter(|is| wanted.contains(is)).map(|is| (id, is)));
                }
                DeadLetterLine::Gone { id, .. } => _ = kept.remove(&id),
            }
        }
        let kept: FxHashSet<_> = kept.into_values().collect();
        letters.retain(|letter| !kept.contains(&told(letter)));
        letters
    }

    /// A letter is no longer there: dropped, or its value was sent again.
    pub fn record_removed(&mut self, letter: DeadLetterRecord, retried: bool) {
        let id = letter.id;
        if retried {
            self.remember(letter);
        }
        self.write(&DeadLetterLine::Gone { id, retried });
    }

    /// Its value may be rejected again.
    fn remember(&mut self, letter: DeadLetterRecord) {
        if self.retried.len() < MAX_RETRIED
            && let Some(key) = letter.key()
        {
            self.retried.insert(key, letter);
        }
    }

    /// Takes the letters of another folder, which is this process's now, into this one, under ids of its
    /// own: first they are flushed here, then deleted there. Those about which a request waits stay there,
    /// with all others: it names them by their ids. Returns how many came.
    ///
    /// # Errors
    ///
    /// What the disk says.
    pub fn take_over(&mut self, folder: &Path) -> io::Result<usize> {
        if !can_be_taken_over(folder) {
            return Ok(0);
        }
        // While the disk fails, nothing is taken that would be taken once more at the next look.
        self.sync()?;
        let letters = read(folder);
        let count = letters.len();
        for letter in letters.into_values() {
            self.make_room()?;
            let letter = DeadLetterRecord { id: self.next_id, ..letter };
            self.next_id += 1;
            self.write(&DeadLetterLine::Letter(Box::new(letter)));
        }
        self.sync()?;
        files(folder).into_iter().try_for_each(|(_, path)| fs::remove_file(path))?;
        Ok(count)
    }

    /// The folder of the files.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes room for the next lines, so that none is dropped.
    ///
    /// # Errors
    ///
    /// What the disk says: wait before the next.
    pub fn make_room(&mut self) -> io::Result<()> {
        if self.unflushed.len() < MAX_UNFLUSHED / 2 { Ok(()) } else { self.sync() }
    }

    /// Waits until the disk has all that was written.
    ///
    /// # Errors
    ///
    /// What the disk says. What was not flushed is kept in memory, and written again the next time.
    pub fn sync(&mut self) -> io::Result<()> {
        if self.unflushed.is_empty() {
            return Ok(());
        }
        let flushed = self.write_out().and_then(|()| self.flush_file());
        self.fails = flushed.is_err();
        flushed?;
        let dropped = std::mem::take(&mut self.dropped);
        if dropped > 0 {
            warn!("dropped {dropped} dead letters: the disk failed for too long");
        }
        Ok(())
    }

    fn write(&mut self, entry: &DeadLetterLine) {
        // A value of our own types always has a form in JSON.
        let Ok(mut line) = serde_json::to_vec(entry) else { return };
        line.push(b'\n');
        let is_full = self.unflushed.len() + line.len() > MAX_UNFLUSHED;
        if is_full && (self.fails || self.sync().is_err()) {
            if self.dropped == 0 {
                warn!("no dead letters can be written to disk: further ones are only counted");
            }
            self.dropped += 1;
            return;
        }
        self.unflushed.append(&mut line);
        // A failure is reported by `sync`.
        if !self.fails {
            self.fails = self.write_out().is_err();
        }
    }

    /// Hands to the system what it does not have.
    fn write_out(&mut self) -> io::Result<()> {
        if self.written == self.unflushed.len() {
            return Ok(());
        }
        if self.bytes >= MAX_FILE_BYTES {
            self.flush_file()?;
            self.begin_file();
        }
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                make_folder(&self.folder)?;
                let file =
                    OpenOptions::new().create(true).append(true).mode(0o600).open(self.path())?;
                self.bytes = file.metadata()?.len();
                self.drop_oldest_files()?;
                self.file.insert(file)
            }
        };
        let lines = self.unflushed.get(self.written..).unwrap_or_default();
        if let Err(error) = file.write_all(lines) {
            // Part of a line may be there.
            self.abandon_file();
            return Err(error);
        }
        self.bytes += lines.len() as u64;
        self.written = self.unflushed.len();
        Ok(())
    }

    /// Waits until the disk has what was written to the file.
    fn flush_file(&mut self) -> io::Result<()> {
        if let Some(Err(error)) = self.file.as_ref().map(File::sync_data) {
            // A flush that failed is not repeated alone: the kernel may have dropped what it could not
            // write, and would say that all is well.
            self.abandon_file();
            return Err(error);
        }
        self.flushed_bytes = self.bytes;
        self.unflushed.drain(..self.written);
        self.written = 0;
        Ok(())
    }

    /// Writes what is not flushed to another file, and leaves no copy of it: the oldest file goes for
    /// the room that it takes.
    fn abandon_file(&mut self) {
        if let Some(file) = self.file.take() {
            let _ = match self.flushed_bytes {
                0 => fs::remove_file(self.path()),
                bytes => file.set_len(bytes),
            };
        }
        self.begin_file();
    }

    /// The file that is written.
    fn path(&self) -> PathBuf {
        self.folder.join(format!("{:08}.jsonl", self.file_number))
    }

    fn begin_file(&mut self) {
        self.file = None;
        self.file_number += 1;
        (self.bytes, self.flushed_bytes) = (0, 0);
        self.written = 0;
    }

    fn drop_oldest_files(&self) -> io::Result<()> {
        let files = files(&self.folder);
        let size = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
        let mut total_bytes: u64 = files.iter().map(|(_, path)| size(path)).sum();
        for (_, path) in &files {
            if total_bytes <= MAX_TOTAL_BYTES {
                break;
            }
            total_bytes -= size(path);
            let letters =
                lines(path).filter(|entry| matches!(entry, DeadLetterLine::Letter(_))).count();
            fs::remove_file(path)?;
            warn!(
                "the dead letters on disk reached their limit: the {letters} oldest were dropped"
            );
        }
        Ok(())
    }
}

/// The letters in a folder, by id. Files that are written meanwhile are read as far as they
/// are whole.
pub fn read(folder: &Path) -> BTreeMap<u64, DeadLetterRecord> {
    let mut letters = BTreeMap::new();
    for (_, path) in files(folder) {
        for entry in lines(&path) {
            match entry {
                DeadLetterLine::Letter(letter) => {
                    letters.insert(letter.id, *letter);
                }
                DeadLetterLine::Gone { id, .. } => {
                    letters.remove(&id);
                }
            }
        }
    }
    letters
}

/// Whether there are letters in a folder, and no request about them waits.
pub(in crate::outbox) fn can_be_taken_over(folder: &Path) -> bool {
    !files(folder).is_empty() && !requests::is_any(folder)
}

/// The files with letters, the oldest first.
fn files(folder: &Path) -> Vec<(u64, PathBuf)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let numbered = entries.filter_map(|entry| {
        let path = entry.path();
        let is_ours = path.extension().is_some_and(|extension| extension == "jsonl");
        let number = path.file_stem()?.to_str()?.parse().ok()?;
        is_ours.then_some((number, path))
    });
    let mut files: Vec<_> = numbered.collect();
    files.sort();
    files
}

/// What a file says, line by line; lines that are none are skipped.
fn lines(path: &Path) -> impl Iterator<Item = DeadLetterLine> {
    let mut reader = File::open(path).ok().map(BufReader::new);
    let mut line = Vec::new();
    std::iter::from_fn(move || {
        loop {
            line.clear();
            let reader = reader.as_mut()?;
            let read = reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line).ok()?;
            if read == 0 {
                return None;
            }
            if let Ok(entry) = serde_json::from_slice(&line) {
                return Some(entry);
            }
        }
    })
}

#[cfg(test)]
mod tests;
