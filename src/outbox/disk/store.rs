//! The interface of the store, and its implementation with fjall.

use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fjall::config::PartitioningPolicy;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use rustc_hash::FxHashMap;

use super::books::{Books, CountEntry};
use super::record::{self, RECORD_KEY_BYTES, RecordKey};
use super::repair;
use crate::delivery::point::{Key, Point};

/// Bytes that are collected in memory before they become a file; the store holds up to four
/// times as much.
const MEMTABLE: u64 = 8 << 20;
/// Bytes of files that are kept in memory.
const CACHE: u64 = 8 << 20;
/// Bytes of logs at most, beside the files.
const LOGS: u64 = 128 << 20;
/// Sealed memtables at most: beyond, fjall stalls inside a write, for ever if its threads failed.
const SEALED: usize = 3;
/// Unmerged tables at most, for the same reason.
const UNMERGED: usize = 18;
/// How the names of the store's logs end.
const LOG: &str = "jnl";
/// How the folder is laid out.
pub(super) const FORMAT: &[u8] = b"1";

/// One change.
#[derive(Clone, Debug)]
pub enum StoreOp {
    /// Keeps a point.
    Save {
        /// The point.
        point: Point,
        /// Whether memory knows no point with this key: one found in the store then counts as
        /// overwritten.
        fresh: bool,
    },
    /// Forgets the point with this key, if it is there.
    Remove(Key),
}

/// What a store has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Points.
    pub points: u64,
    /// Bytes of their records.
    pub bytes: u64,
    /// Points that the books count and that could not be read; reported with the first statistics
    /// after a repair.
    pub unreadable: u64,
    /// Whether it was repaired.
    pub is_repaired: bool,
}

/// Errors of a store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another process has it.
    #[error("another process is using it")]
    Locked,
    /// A newer version has written it.
    #[error("it was written by a newer version of sparkwise; nothing in it was changed")]
    Foreign,
    /// The folder cannot be made.
    #[error("cannot create the folder: {0}")]
    Folder(String),
    /// The process may not read or write something of it, which says nothing of what is there.
    #[error("{0}")]
    Denied(String),
    /// A thread of the store failed: the disk failed, or what lies on it is damaged.
    #[error("a background thread of the store failed")]
    ThreadFailed,
    /// The disk.
    #[error("{0}")]
    Disk(String),
    /// What lies on it.
    #[error("the store is damaged: {0}")]
    Damaged(String),
}

/// Waiting points that survive the process.
pub trait Store: Send {
    /// Makes changes in their order, all or none; they are flushed after the next
    /// [`sync`](Self::sync). Tells how many points were overwritten by fresh ones.
    ///
    /// # Errors
    ///
    /// After any, the store is of no more use: it is to be opened again.
    fn apply(&mut self, ops: &[StoreOp]) -> Result<u64, StoreError>;

    /// Whether what was written is still where the next process looks for it. Cheap enough to be
    /// asked once a second.
    ///
    /// # Errors
    ///
    /// As [`apply`](Self::apply): a folder or file was removed or replaced.
    fn check_in_place(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Waits until the disk has all changes.
    ///
    /// # Errors
    ///
    /// As [`apply`](Self::apply).
    fn sync(&mut self) -> Result<(), StoreError>;

    /// Reads points in their order after a place, with the bytes of their records.
    ///
    /// # Errors
    ///
    /// As [`apply`](Self::apply).
    fn read(
        &mut self,
        after: Option<RecordKey>,
        limit: usize,
    ) -> Result<Vec<(Point, u64)>, StoreError>;

    /// The point with a key, if there is one.
    ///
    /// # Errors
    ///
    /// As [`apply`](Self::apply).
    fn find(&mut self, key: Key) -> Result<Option<Point>, StoreError>;

    /// What is there.
    fn stats(&self) -> StoreStats;

    /// Number of the last changes, which grows for as long as it is the same store.
    fn batch(&self) -> u64;
}

/// Opens the store: at the start, and again after each fault, which is passed to it.
pub type StoreOpener =
    Box<dyn FnMut(Option<&StoreError>) -> Result<Box<dyn Store>, StoreError> + Send>;

/// The store in fjall.
pub struct FjallStore {
    database: Database,
    points: Keyspace,
    meta: Keyspace,
    stats: StoreStats,
    /// Number of the last batch.
    batch: u64,
    /// Told beside the store how much is in it; none for a copy that is still being made.
    books: Option<Books>,
    folder: PathBuf,
    /// Which folder that is: its name may be taken away from it.
    identity: Option<(u64, u64)>,
    /// The log that is written to, as it was seen last: its number, and which file it is.
    log: Option<(u64, (u64, u64))>,
}

impl std::fmt::Debug for FjallStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FjallStore").field("stats", &self.stats).finish_non_exhaustive()
    }
}

impl From<fjall::Error> for StoreError {
    fn from(error: fjall::Error) -> Self {
        match error {
            fjall::Error::Locked => Self::Locked,
            fjall::Error::InvalidVersion(Some(_)) => Self::Foreign,
            fjall::Error::Io(error) | fjall::Error::Storage(fjall::LsmError::Io(error)) => {
                error.into()
            }
            fjall::Error::Poisoned => Self::ThreadFailed,
            other => Self::Damaged(other.to_string()),
        }
    }
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind::{InvalidData, NotFound, PermissionDenied, UnexpectedEof};
        match error.kind() {
            // The disk does what it should: what lies on it is not what was written.
            NotFound | UnexpectedEof | InvalidData => Self::Damaged(error.to_string()),
            PermissionDenied => Self::Denied(error.to_string()),
            _ => Self::Disk(error.to_string()),
        }
    }
}

/// Opens the database of a folder, which is made if it is not there.
pub(super) fn database(folder: &Path) -> Result<Database, StoreError> {
    Ok(Database::builder(folder)
        .cache_size(CACHE)
        .max_journaling_size(LOGS)
        // With two of them one busy-waits for as long as the other merges files.
        .worker_threads(1)
        .manual_journal_persist(true)
        .open()?)
}

/// How its parts are kept.
pub(super) fn options() -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default()
        .max_memtable_size(MEMTABLE)
        // Each change asks whether there is something to be overwritten. A file's filter
        // and index as a whole have megabytes: more than is kept in memory, and they
        // would be read for every question.
        .filter_block_partitioning_policy(PartitioningPolicy::all(true))
        .index_block_partitioning_policy(PartitioningPolicy::all(true))
        .manual_journal_persist(true)
}

/// Waits here, where a failure of the store's threads is seen, rather than inside it.
pub(super) fn wait_for_room(database: &Database, keyspace: &Keyspace) -> Result<(), StoreError> {
    while keyspace.sealed_memtable_count() >= SEALED || keyspace.l0_table_count() >= UNMERGED {
        database.persist(PersistMode::Buffer)?;
        // The store gives no notification when it is done.
        std::thread::park_timeout(Duration::from_millis(2));
    }
    Ok(())
}

impl FjallStore {
    /// Opens the store in a folder, made if it is not there.
    ///
    /// # Errors
    ///
    /// See [`StoreError`].
    pub(super) fn open(folder: &Path, books: Option<Books>) -> Result<Self, StoreError> {
        let database = database(folder)?;
        let points = database.keyspace("points", options)?;
        let meta = database.keyspace("meta", options)?;
        match meta.get("format")? {
            Some(format) if *format == *FORMAT => {}
            Some(_) => return Err(StoreError::Foreign),
            None => meta.insert("format", FORMAT)?,
        }
        let mut stats = match meta.get("stock")? {
            Some(bytes) => stats_of(&bytes)
                .ok_or_else(|| StoreError::Damaged("its count of points".to_owned()))?,
            None => StoreStats::default(),
        };
        let batch = meta.get("batch")?.and_then(|bytes| number_of(&bytes)).unwrap_or_default();
        let misses = books.as_ref().is_some_and(|books| books.has_fewer(batch, stats.points));
        if misses || (stats.points > 0 && points.is_empty()?) {
            return Err(StoreError::Damaged("it has fewer points than were flushed".to_owned()));
        }
        if let Some(lost) = repair::unreported_loss(folder) {
            stats.unreadable = lost;
            stats.is_repaired = true;
        }
        // A disk that takes no writes shows now, not at the first value.
        database.persist(PersistMode::SyncAll)?;
        let (folder, identity) = (folder.to_owned(), repair::identity(folder));
        let log = newest_log(&folder);
        let mut store = Self { database, points, meta, stats, batch, books, folder, identity, log };
        store.write_counts()?;
        Ok(store)
    }

    /// Enters what is flushed into the books.
    fn write_counts(&mut self) -> Result<(), StoreError> {
        let StoreStats { points, bytes, .. } = self.stats;
        let Some(books) = &mut self.books else { return Ok(()) };
        books.append(CountEntry { batch: self.batch, points, bytes }).map_err(disk)
    }

    /// Makes a table of what is in memory.
    #[cfg(test)]
    pub(super) fn flush(&self) {
        self.points.rotate_memtable_and_wait().unwrap();
        self.meta.rotate_memtable_and_wait().unwrap();
    }

    /// Adds records to a store that has none of them.
    pub(super) fn add(
        &mut self,
        records: Vec<([u8; RECORD_KEY_BYTES], Vec<u8>)>,
    ) -> Result<(), StoreError> {
        wait_for_room(&self.database, &self.points)?;
        let mut batch = self.database.batch();
        let mut stats = self.stats;
        for (place, value) in records {
            stats.points += 1;
            stats.bytes += (RECORD_KEY_BYTES + value.len()) as u64;
            batch.insert(&self.points, place, value);
        }
        self.commit(batch, stats)
    }

    /// Continues the batch numbers of the store that this is a copy of, and flushes.
    pub(super) fn set_batch(&mut self, batch: u64) -> Result<(), StoreError> {
        self.batch = self.batch.max(batch);
        self.commit(self.database.batch(), self.stats)?;
        Ok(self.database.persist(PersistMode::SyncAll)?)
    }

    fn commit(
        &mut self,
        mut batch: fjall::OwnedWriteBatch,
        stats: StoreStats,
    ) -> Result<(), StoreError> {
        let number = self.batch + 1;
        batch.insert(&self.meta, "stock", stats_bytes(stats));
        batch.insert(&self.meta, "batch", number.to_be_bytes());
        batch.commit()?;
        (self.stats, self.batch) = (stats, number);
        Ok(())
    }

    /// Bytes of the value under a key.
    fn size(&self, place: &[u8]) -> Result<Option<u64>, StoreError> {
        Ok(self.points.size_of(place).map_err(unreadable)?.map(u64::from))
    }
}

/// What a batch makes of one key.
struct KeyChange {
    /// Bytes of its value before, and after all changes so far.
    before: Option<u64>,
    now: Option<Vec<u8>>,
}

impl Store for FjallStore {
    fn apply(&mut self, ops: &[StoreOp]) -> Result<u64, StoreError> {
        wait_for_room(&self.database, &self.points)?;
        let mut overwritten = 0;
        let mut changed: FxHashMap<[u8; RECORD_KEY_BYTES], KeyChange> = FxHashMap::default();
        for op in ops {
            let key = match op {
                StoreOp::Save { point, .. } => point.key(),
                StoreOp::Remove(key) => *key,
            };
            let place = RecordKey::of(key).bytes();
            // In one batch all changes to a key have the same place in time: the last counts.
            let entry = match changed.entry(place) {
                std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::hash_map::Entry::Vacant(entry) => {
                    let before = self.size(&place)?;
                    if let StoreOp::Save { fresh: true, .. } = op {
                        overwritten += u64::from(before.is_some());
                    }
                    entry.insert(KeyChange { before, now: None })
                }
            };
            entry.now = match op {
                StoreOp::Save { point, .. } => Some(record::value(point)),
                StoreOp::Remove(_) => None,
            };
        }
        let mut batch = self.database.batch();
        let StoreStats { mut points, mut bytes, .. } = self.stats;
        for (place, KeyChange { before, now }) in changed {
            if let Some(size) = before {
                points = points.saturating_sub(1);
                bytes = bytes.saturating_sub(RECORD_KEY_BYTES as u64 + size);
            }
            match now {
                Some(value) => {
                    points += 1;
                    bytes += (RECORD_KEY_BYTES + value.len()) as u64;
                    batch.insert(&self.points, place, value);
                }
                None if before.is_some() => batch.remove(&self.points, place),
                None => {}
            }
        }
        if batch.is_empty() {
            return Ok(overwritten);
        }
        self.commit(batch, StoreStats { points, bytes, ..self.stats })?;
        Ok(overwritten)
    }

    fn check_in_place(&mut self) -> Result<(), StoreError> {
        // What is written there is seen by nobody.
        let removed = |what: &Path| {
            Err(StoreError::Disk(format!("{} was removed or replaced", what.display())))
        };
        if self.identity != repair::identity(&self.folder) {
            return removed(&self.folder);
        }
        let log = newest_log(&self.folder);
        // The store itself begins new logs, with higher numbers, and removes old ones.
        let is_kept = match (self.log, log) {
            (Some((before, _)), Some((now, _))) if now > before => true,
            (before, now) => before.is_none() || before == now,
        };
        if !is_kept {
            return removed(
                &self.folder.join(format!("{}.{LOG}", self.log.map_or(0, |log| log.0))),
            );
        }
        self.log = log;
        match self.books.as_ref().is_some_and(|books| !books.is_file_in_place()) {
            true => removed(Path::new("the file `books` beside it")),
            false => Ok(()),
        }
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        self.database.persist(PersistMode::SyncData)?;
        self.check_in_place()?;
        self.write_counts()?;
        if std::mem::take(&mut self.stats.is_repaired) {
            // It was reported with the first statistics.
            self.stats.unreadable = 0;
            repair::mark_reported(&self.folder).map_err(disk)?;
        }
        Ok(())
    }

    fn read(
        &mut self,
        after: Option<RecordKey>,
        limit: usize,
    ) -> Result<Vec<(Point, u64)>, StoreError> {
        let after = after.map(RecordKey::bytes);
        let from = match &after {
            Some(place) => Bound::Excluded(place.as_slice()),
            None => Bound::Unbounded,
        };
        let mut found = Vec::new();
        for record in self.points.range::<&[u8], _>((from, Bound::Unbounded)).take(limit) {
            let (place, value) = record.into_inner().map_err(unreadable)?;
            let point = record::point(&place, &value)
                .ok_or_else(|| StoreError::Damaged("a record is invalid".to_owned()))?;
            found.push((point, (place.len() + value.len()) as u64));
        }
        Ok(found)
    }

    fn find(&mut self, key: Key) -> Result<Option<Point>, StoreError> {
        let place = RecordKey::of(key).bytes();
        let value = self.points.get(place).map_err(unreadable)?;
        Ok(value.and_then(|value| record::point(&place, &value)))
    }

    fn stats(&self) -> StoreStats {
        self.stats
    }

    fn batch(&self) -> u64 {
        self.batch
    }
}

/// The log of a store's folder that has the highest number, and which file it is.
fn newest_log(folder: &Path) -> Option<(u64, (u64, u64))> {
    let logs = folder.read_dir().ok()?.filter_map(|entry| {
        let path = entry.ok()?.path();
        let is_log = path.extension().is_some_and(|extension| extension == LOG);
        let number = path.file_stem()?.to_str()?.parse().ok()?;
        is_log.then_some((number, path))
    });
    let (number, path) = logs.max()?;
    Some((number, repair::identity(&path)?))
}

/// What a disk does not give back is damaged.
fn unreadable(error: fjall::Error) -> StoreError {
    match error.into() {
        StoreError::Disk(reason) => StoreError::Damaged(reason),
        fault => fault,
    }
}

fn disk(error: io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::PermissionDenied => error.into(),
        _ => StoreError::Disk(error.to_string()),
    }
}

fn stats_bytes(stats: StoreStats) -> Vec<u8> {
    [stats.points.to_be_bytes(), stats.bytes.to_be_bytes()].concat()
}

pub(super) fn stats_of(bytes: &[u8]) -> Option<StoreStats> {
    let (points, bytes) = bytes.split_at_checked(8)?;
    Some(StoreStats {
        points: number_of(points)?,
        bytes: number_of(bytes)?,
        ..StoreStats::default()
    })
}

pub(super) fn number_of(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_be_bytes)
}
