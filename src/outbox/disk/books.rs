//! The books: the outbox's own counts, in a file beside the store.
//!
//! A file of two slots, written in turns and waited for after the store's own data. The points it
//! counts were flushed to the store before: those that are missing were lost to damage, and can be
//! counted.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use super::store::StoreError;
use super::{owner, repair};

const NAME: &str = "books";
const MARK: &[u8] = b"sparkwise outbox";
/// How the whole folder is laid out. A higher number was written by a newer version, and
/// nothing is changed.
const FORMAT: u8 = 1;
/// Bytes of a slot that are written.
const BYTES: usize = 16 + 1 + 24 + 8;
/// Bytes from one slot to the next: a sector of its own each.
const SLOT_BYTES: u64 = 4_096;

/// An entry of the books.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct CountEntry {
    /// Number of the last batch of changes that was flushed.
    pub(super) batch: u64,
    /// Points.
    pub(super) points: u64,
    /// Bytes of their records.
    pub(super) bytes: u64,
}

impl CountEntry {
    fn encode(self) -> Vec<u8> {
        let mut bytes = MARK.to_vec();
        bytes.push(FORMAT);
        for number in [self.batch, self.points, self.bytes] {
            bytes.extend(number.to_be_bytes());
        }
        bytes.extend(xxh3_64(&bytes).to_be_bytes());
        bytes
    }

    /// An entry as it was written; none if it is not whole.
    fn read(bytes: &[u8]) -> Result<Option<Self>, StoreError> {
        let Some((body, sum)) = bytes.split_at_checked(BYTES - 8) else { return Ok(None) };
        if xxh3_64(body).to_be_bytes() != *sum {
            return Ok(None);
        }
        let Some([format, rest @ ..]) = body.strip_prefix(MARK) else { return Ok(None) };
        if *format > FORMAT {
            return Err(StoreError::Foreign);
        }
        let mut numbers = rest
            .chunks_exact(8)
            .map(|bytes| bytes.try_into().map(u64::from_be_bytes).unwrap_or_default());
        let mut next = || numbers.next().unwrap_or_default();
        Ok(Some(Self { batch: next(), points: next(), bytes: next() }))
    }
}

/// What there is of the books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BooksState {
    /// No file: the folder is new, its books were removed, or 0.1.0 wrote it, which had none.
    Missing,
    /// A file without a whole entry. It had one from its first moment on.
    Unreadable,
    /// The last whole entry.
    Entry(CountEntry),
}

impl BooksState {
    /// Reads the state of a folder's books.
    ///
    /// # Errors
    ///
    /// A newer version has written them, or they may not be read.
    pub(super) fn of(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(NAME);
        Ok(match at(&path)? {
            Some(entry) => Self::Entry(entry),
            None if path.symlink_metadata().is_ok() => Self::Unreadable,
            None => Self::Missing,
        })
    }

    /// Whether there must be points, as far as they can tell.
    pub(super) fn expect_points(self) -> bool {
        self == Self::Unreadable || self.last_entry().is_some_and(|entry| entry.points > 0)
    }

    /// The last whole entry, if there is one.
    pub(super) fn last_entry(self) -> Option<CountEntry> {
        match self {
            Self::Entry(entry) => Some(entry),
            Self::Missing | Self::Unreadable => None,
        }
    }
}

/// Begins the books of a folder anew with an entry, where they are missing or unreadable.
pub(super) fn renew(folder: &Path, entry: CountEntry) -> Result<(), StoreError> {
    if BooksState::of(folder)?.last_entry().is_some() {
        return Ok(());
    }
    let path = folder.join(NAME);
    let disk = |error: io::Error| owner::fault_at(&path, &error);
    // What is in its place may be a folder, or not ours: it is kept.
    if path.symlink_metadata().is_ok() {
        repair::set_aside(&path).map_err(disk)?;
    }
    Books::open(folder)?.append(entry).map_err(disk)
}

/// The file, opened to be written.
#[derive(Debug)]
pub(super) struct Books {
    file: File,
    path: PathBuf,
    /// What they said when they were opened.
    entry_at_open: Option<CountEntry>,
    last_entry: Option<CountEntry>,
    slot: u64,
}

impl Books {
    /// Opens the books of a folder, or begins new ones.
    pub(super) fn open(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(NAME);
        let mut books = Self::at(&path)?;
        if books.file.metadata()?.len() == 0 {
            // From now on books without an entry are damaged.
            let begun = books.append(CountEntry::default());
            let begun = begun.and_then(|()| repair::sync_folder(folder));
            begun.map_err(|error| owner::fault_at(&path, &error))?;
        }
        Ok(books)
    }

    /// Opens the books in a file.
    pub(super) fn at(path: &Path) -> Result<Self, StoreError> {
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).read(true).write(true).mode(0o600);
        let file = options.open(path).map_err(|error| owner::fault_at(path, &error))?;
        let [first, second] = entries(&file)?;
        let batch = |entry: Option<CountEntry>| entry.map(|entry| entry.batch);
        let slot = u64::from(batch(first) > batch(second));
        let entry = latest([first, second]);
        Ok(Self { file, path: path.to_owned(), entry_at_open: entry, last_entry: None, slot })
    }

    /// Whether the file still has its name.
    pub(super) fn is_file_in_place(&self) -> bool {
        let ours = self.file.metadata().ok().map(|found| (found.dev(), found.ino()));
        ours.is_some() && ours == repair::identity(&self.path)
    }

    /// Whether there is less than what the books count.
    pub(super) fn has_fewer(&self, batch: u64, points: u64) -> bool {
        self.entry_at_open.is_some_and(|entry| {
            batch < entry.batch || (batch == entry.batch && points < entry.points)
        })
    }

    /// Writes an entry, and flushes it.
    pub(super) fn append(&mut self, entry: CountEntry) -> io::Result<()> {
        if self.last_entry == Some(entry) {
            return Ok(());
        }
        self.file.write_all_at(&entry.encode(), self.slot * SLOT_BYTES)?;
        self.file.sync_data()?;
        // The other slot keeps the entry before: a torn write spoils only one.
        self.slot = 1 - self.slot;
        self.last_entry = Some(entry);
        Ok(())
    }
}

/// What the books of a folder say; none if there are none, or they cannot be read.
///
/// # Errors
///
/// A newer version has written them.
pub(super) fn read(folder: &Path) -> Result<Option<CountEntry>, StoreError> {
    at(&folder.join(NAME))
}

/// What the books in a file say.
pub(super) fn at(path: &Path) -> Result<Option<CountEntry>, StoreError> {
    match File::open(path) {
        Ok(file) => Ok(latest(entries(&file)?)),
        Err(error) if owner::is_damage(&error) => Ok(None),
        Err(error) => Err(owner::fault_at(path, &error)),
    }
}

fn latest(entries: [Option<CountEntry>; 2]) -> Option<CountEntry> {
    entries.into_iter().flatten().max_by_key(|entry| entry.batch)
}

fn entries(file: &File) -> Result<[Option<CountEntry>; 2], StoreError> {
    let entry = |slot: u64| {
        let mut bytes = [0; BYTES];
        match file.read_exact_at(&mut bytes, slot * SLOT_BYTES) {
            Ok(()) => CountEntry::read(&bytes),
            Err(_) => Ok(None),
        }
    };
    Ok([entry(0)?, entry(1)?])
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::tests::tempdir::Folder;
    use super::*;

    fn entry(batch: u64) -> CountEntry {
        CountEntry { batch, points: 10 * batch, bytes: 590 * batch }
    }

    #[test]
    fn the_last_whole_entry_counts() {
        let folder = Folder::new();
        assert_eq!(read(folder.path()), Ok(None));
        assert_eq!(BooksState::of(folder.path()), Ok(BooksState::Missing));
        let mut books = Books::open(folder.path()).unwrap();
        assert_eq!(read(folder.path()), Ok(Some(CountEntry::default())));
        for batch in [1, 2, 3] {
            books.append(entry(batch)).unwrap();
            assert_eq!(read(folder.path()), Ok(Some(entry(batch))));
        }
        // The third stands where the first stood, after the one of new books: cut short, the second
        // is the last.
        let path = folder.path().join(NAME);
        let mut bytes = fs::read(&path).unwrap();
        bytes[SLOT_BYTES as usize + 30] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert_eq!(read(folder.path()), Ok(Some(entry(2))));
    }

    #[test]
    fn books_of_a_newer_version_are_not_read() {
        let folder = Folder::new();
        let mut bytes = entry(1).encode();
        bytes[MARK.len()] = FORMAT + 1;
        let sum = xxh3_64(&bytes[..BYTES - 8]).to_be_bytes();
        bytes[BYTES - 8..].copy_from_slice(&sum);
        fs::write(folder.path().join(NAME), bytes).unwrap();
        assert_eq!(read(folder.path()), Err(StoreError::Foreign));
    }
}
