//! What the outbox needs of a store, and the one it has.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::ops::Bound;
use std::path::Path;
use std::time::Duration;

use fjall::config::PartitioningPolicy;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use rustc_hash::FxHashMap;

use super::record::{self, PLACE, Place};
use super::salvage;
use crate::delivery::point::{Key, Point};

/// Bytes that are collected in memory before they become a file; the store holds up to four
/// times as much.
const MEMTABLE: u64 = 8 << 20;
/// Bytes of files that are kept in memory.
const CACHE: u64 = 8 << 20;
/// Bytes of logs at most, beside the files.
const LOGS: u64 = 128 << 20;
/// Memory waits to become files, and files to be merged, at most so far: beyond, the store
/// itself would wait inside a write, and for ever if its threads have failed.
const SEALED: usize = 3;
const UNMERGED: usize = 18;
/// How the folder is laid out.
const FORMAT: &[u8] = b"1";

/// One change.
#[derive(Clone, Debug)]
pub enum Op {
    /// Keeps a point; `fresh` if nobody outside the store knows of another with its key.
    Save {
        /// The point.
        point: Point,
        /// Whether one with its key that is there is another, which it overwrites.
        fresh: bool,
    },
    /// Forgets the point with this key, if it is there.
    Remove(Key),
}

/// What a store has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stock {
    /// Points.
    pub points: u64,
    /// Bytes of their records.
    pub bytes: u64,
}

/// Why a store does not do what it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Another process has it.
    #[error("another process is using it")]
    Locked,
    /// Another version has written it.
    #[error("it was written by another version of sparkwise")]
    Foreign,
    /// The disk.
    #[error("{0}")]
    Disk(String),
    /// What lies on it.
    #[error("what lies there is damaged: {0}")]
    Damaged(String),
}

/// Waiting points that survive the process.
pub trait Store: Send {
    /// Makes changes in their order, all or none; they are safe after the next
    /// [`sync`](Self::sync). Tells how many points were overwritten by fresh ones.
    ///
    /// # Errors
    ///
    /// After any, the store is of no more use: it is to be opened again.
    fn apply(&mut self, ops: &[Op]) -> Result<u64, Fault>;

    /// Waits until the disk has all changes.
    ///
    /// # Errors
    ///
    /// As [`apply`](Self::apply).
    fn sync(&mut self) -> Result<(), Fault>;

    /// Reads points in their order after a place, with the bytes of their records.
    ///
    /// # Errors
    ///
    /// As [`apply`](Self::apply).
    fn read(&mut self, after: Option<Place>, limit: usize) -> Result<Vec<(Point, u64)>, Fault>;

    /// What is there.
    fn stock(&self) -> Stock;
}

/// Opens the store: at the start, and again after each fault.
pub type Open = Box<dyn FnMut() -> Result<Box<dyn Store>, Fault> + Send>;

/// Opens the store in a folder as often as it is asked. From the first time on the folder
/// belongs to this process, until the opener is dropped.
pub fn opener(folder: &Path) -> Open {
    let folder = folder.to_owned();
    let mut owner = None;
    Box::new(move || {
        if owner.is_none() {
            owner = Some(own(&folder)?);
        }
        Ok(Box::new(salvage::open(&folder.join("points"))?))
    })
}

/// Takes the lock by which one process owns the folder; it ends with the file.
fn own(folder: &Path) -> Result<File, Fault> {
    let disk = |error: std::io::Error| Fault::Disk(error.to_string());
    fs::create_dir_all(folder).map_err(disk)?;
    let path = folder.join("lock");
    // On a disk that is only read, the file can be locked all the same if it is there.
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = file.or_else(|_| File::open(&path)).map_err(disk)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Fault::Locked),
        Err(TryLockError::Error(error)) => Err(disk(error)),
    }
}

/// The store in fjall.
pub struct Fjall {
    database: Database,
    points: Keyspace,
    meta: Keyspace,
    stock: Stock,
}

impl std::fmt::Debug for Fjall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fjall").field("stock", &self.stock).finish_non_exhaustive()
    }
}

impl From<fjall::Error> for Fault {
    fn from(error: fjall::Error) -> Self {
        match error {
            fjall::Error::Locked => Self::Locked,
            fjall::Error::InvalidVersion(_) => Self::Foreign,
            fjall::Error::Io(error) => Self::Disk(error.to_string()),
            fjall::Error::Poisoned => Self::Disk("an earlier write failed".to_owned()),
            fjall::Error::Storage(fjall::LsmError::Io(error)) => Self::Disk(error.to_string()),
            other => Self::Damaged(other.to_string()),
        }
    }
}

impl Fjall {
    /// Opens the store in a folder, made if it is not there.
    ///
    /// # Errors
    ///
    /// See [`Fault`].
    pub fn open(folder: &Path) -> Result<Self, Fault> {
        // The store marks a folder last when it makes one: without the mark nothing is in it.
        if folder.is_dir() && !folder.join("version").is_file() {
            fs::remove_dir_all(folder).map_err(|error| Fault::Disk(error.to_string()))?;
        }
        let database = Database::builder(folder)
            .cache_size(CACHE)
            .max_journaling_size(LOGS)
            // With two of them one turns in circles for as long as the other merges files.
            .worker_threads(1)
            .manual_journal_persist(true)
            .open()?;
        let options = || {
            KeyspaceCreateOptions::default()
                .max_memtable_size(MEMTABLE)
                // Each change asks whether there is something to be overwritten. A file's filter
                // and index as a whole have megabytes: more than is kept in memory, and they
                // would be read for every question.
                .filter_block_partitioning_policy(PartitioningPolicy::all(true))
                .index_block_partitioning_policy(PartitioningPolicy::all(true))
                .manual_journal_persist(true)
        };
        let points = database.keyspace("points", options)?;
        let meta = database.keyspace("meta", options)?;
        match meta.get("format")? {
            Some(format) if *format == *FORMAT => {}
            Some(_) => return Err(Fault::Foreign),
            None => meta.insert("format", FORMAT)?,
        }
        let stock = match meta.get("stock")? {
            Some(bytes) => {
                stock_of(&bytes).ok_or_else(|| Fault::Damaged("its count of points".to_owned()))?
            }
            None => Stock::default(),
        };
        // A disk that takes no writes shows now, not at the first value.
        database.persist(PersistMode::SyncAll)?;
        Ok(Self { database, points, meta, stock })
    }

    /// Bytes of the value under a key.
    fn size(&self, place: &[u8]) -> Result<Option<u64>, Fault> {
        Ok(self.points.size_of(place)?.map(u64::from))
    }

    /// Waits here, where a failure of the store's threads is seen, rather than inside it.
    fn wait_for_room(&self) -> Result<(), Fault> {
        while self.points.sealed_memtable_count() >= SEALED
            || self.points.l0_table_count() >= UNMERGED
        {
            self.database.persist(PersistMode::Buffer)?;
            // The store tells nobody when it is done.
            std::thread::park_timeout(Duration::from_millis(2));
        }
        Ok(())
    }
}

/// What a batch makes of one key.
struct Changed {
    /// Bytes of its value before, and after all changes so far.
    before: Option<u64>,
    now: Option<Vec<u8>>,
}

impl Store for Fjall {
    fn apply(&mut self, ops: &[Op]) -> Result<u64, Fault> {
        self.wait_for_room()?;
        let mut overwritten = 0;
        let mut changed: FxHashMap<[u8; PLACE], Changed> = FxHashMap::default();
        for op in ops {
            let key = match op {
                Op::Save { point, .. } => point.key(),
                Op::Remove(key) => *key,
            };
            let place = Place::of(key).bytes();
            // In one batch all changes to a key have the same place in time: the last counts.
            let entry = match changed.entry(place) {
                std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::hash_map::Entry::Vacant(entry) => {
                    let before = self.size(&place)?;
                    if let Op::Save { fresh: true, .. } = op {
                        overwritten += u64::from(before.is_some());
                    }
                    entry.insert(Changed { before, now: None })
                }
            };
            entry.now = match op {
                Op::Save { point, .. } => Some(record::value(point)),
                Op::Remove(_) => None,
            };
        }
        let mut batch = self.database.batch();
        let Stock { mut points, mut bytes } = self.stock;
        for (place, Changed { before, now }) in changed {
            if let Some(size) = before {
                points = points.saturating_sub(1);
                bytes = bytes.saturating_sub(PLACE as u64 + size);
            }
            match now {
                Some(value) => {
                    points += 1;
                    bytes += (PLACE + value.len()) as u64;
                    batch.insert(&self.points, place, value);
                }
                None if before.is_some() => batch.remove(&self.points, place),
                None => {}
            }
        }
        if batch.is_empty() {
            return Ok(overwritten);
        }
        let stock = Stock { points, bytes };
        batch.insert(&self.meta, "stock", stock_bytes(stock));
        batch.commit()?;
        self.stock = stock;
        Ok(overwritten)
    }

    fn sync(&mut self) -> Result<(), Fault> {
        Ok(self.database.persist(PersistMode::SyncData)?)
    }

    fn read(&mut self, after: Option<Place>, limit: usize) -> Result<Vec<(Point, u64)>, Fault> {
        let after = after.map(Place::bytes);
        let from = match &after {
            Some(place) => Bound::Excluded(place.as_slice()),
            None => Bound::Unbounded,
        };
        let mut found = Vec::new();
        for record in self.points.range::<&[u8], _>((from, Bound::Unbounded)).take(limit) {
            let (place, value) = record.into_inner()?;
            let point = record::point(&place, &value).ok_or(Fault::Foreign)?;
            found.push((point, (place.len() + value.len()) as u64));
        }
        Ok(found)
    }

    fn stock(&self) -> Stock {
        self.stock
    }
}

fn stock_bytes(stock: Stock) -> Vec<u8> {
    [stock.points.to_be_bytes(), stock.bytes.to_be_bytes()].concat()
}

fn stock_of(bytes: &[u8]) -> Option<Stock> {
    let (points, bytes) = bytes.split_first_chunk::<8>()?;
    let bytes: [u8; 8] = bytes.try_into().ok()?;
    Some(Stock { points: u64::from_be_bytes(*points), bytes: u64::from_be_bytes(bytes) })
}
