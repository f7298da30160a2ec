//! Reads the store's files without the store: all intact records, also behind damage.
//!
//! The store stops at the first byte that is not as it should be. But each batch in its logs and
//! each block in its tables carries a checksum, and so can be found and believed by itself. Each
//! record has the number of the change that made it: of two with one key the higher counts.

mod log;
mod table;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_128;

use super::owner;
use super::store::{self, StoreStats};

/// fjall's ids of our keyspaces, in the order in which they were created.
const POINTS_KEYSPACE: u64 = 1;
const META_KEYSPACE: u64 = 2;
/// Bytes that are read at once.
const CHUNK: usize = 1 << 20;
/// Bytes that are in memory at least where a batch or block begins.
pub(super) const WANTED: usize = 1 << 16;
/// Bytes of a batch or block at most.
const LARGEST: usize = 64 << 20;

/// One change of one key.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawChange<'a> {
    /// Its number: it grows.
    pub(super) seqno: u64,
    pub(super) key: &'a [u8],
    /// None if it was removed.
    pub(super) value: Option<&'a [u8]>,
}

/// The store's own metadata, as last written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct StoreMeta {
    pub(super) format: Option<Vec<u8>>,
    pub(super) stats: Option<StoreStats>,
    pub(super) batch: Option<u64>,
    seqno_of: [u64; 3],
}

impl StoreMeta {
    fn apply(&mut self, change: RawChange<'_>) {
        let Some(value) = change.value else { return };
        let [format, stats, batch] = &mut self.seqno_of;
        match change.key {
            b"format" if change.seqno >= *format => {
                (*format, self.format) = (change.seqno, Some(value.to_vec()));
            }
            b"stock" if change.seqno >= *stats => {
                (*stats, self.stats) = (change.seqno, store::stats_of(value));
            }
            b"batch" if change.seqno >= *batch => {
                (*batch, self.batch) = (change.seqno, store::number_of(value));
            }
            _ => {}
        }
    }
}

/// What was found of damage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Damage {
    /// Places where something is that should not be, or that cannot be read.
    pub(super) at: Vec<(PathBuf, u64)>,
    /// The last log, and its bytes that are whole, if its end is not: a write that was cut short,
    /// or damage of what was written last.
    pub(super) torn: Option<(PathBuf, u64)>,
}

/// Reads the logs, and of the tables those in which the store speaks of itself: what is needed to
/// tell whether it can be opened.
///
/// # Errors
///
/// The folder cannot be listed, or a file not be opened for a reason that is no damage.
pub(super) fn scan(folder: &Path) -> io::Result<(StoreMeta, Damage)> {
    let mut meta = StoreMeta::default();
    let mut damage = logs(folder, &mut |keyspace, change| {
        if keyspace == META_KEYSPACE {
            meta.apply(change);
        }
    })?;
    tables(folder, META_KEYSPACE, &mut Vec::new(), &mut |change| meta.apply(change))?;
    if meta != StoreMeta::default() {
        // Only a store whose parts were all made speaks of itself. It would make anew, and empty,
        // what is not there.
        for keyspace in 0..=META_KEYSPACE {
            damage.at.extend(broken_beginning(folder, keyspace)?);
        }
    }
    Ok((meta, damage))
}

/// What a part begins with, if it is not as it was written: a file that tells which other lists its
/// tables, and that one.
fn broken_beginning(folder: &Path, keyspace: u64) -> io::Result<Option<(PathBuf, u64)>> {
    let folder = folder.join("keyspaces").join(keyspace.to_string());
    let current = folder.join("current");
    let Some(bytes) = if_sound(fs::read(&current))? else { return Ok(Some((current, 0))) };
    let mut reader = ByteReader { bytes: &bytes, at: 0 };
    let Some(number) = reader.number(8) else { return Ok(Some((current, 0))) };
    let list = folder.join(format!("v{number}"));
    let sum = if_sound(fs::read(&list))?.map(|list| xxh3_128(&list).to_le_bytes());
    let is_sound = sum.is_some_and(|sum| reader.take(sum.len()) == Some(&sum));
    Ok((!is_sound).then_some((list, 0)))
}

/// What was opened or read; none if damage keeps it.
fn if_sound<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if owner::is_damage(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads all changes of points, in no order.
///
/// # Errors
///
/// As [`scan`].
pub(super) fn points(folder: &Path, visit: &mut dyn FnMut(RawChange<'_>)) -> io::Result<Damage> {
    let mut damage = logs(folder, &mut |keyspace, change| {
        if keyspace == POINTS_KEYSPACE {
            visit(change);
        }
    })?;
    tables(folder, POINTS_KEYSPACE, &mut damage.at, visit)?;
    Ok(damage)
}

fn logs(folder: &Path, visit: &mut dyn FnMut(u64, RawChange<'_>)) -> io::Result<Damage> {
    let mut logs: Vec<(u64, PathBuf)> = fs::read_dir(folder)?
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let is_log = path.extension().is_some_and(|extension| extension == "jnl");
            let number = path.file_stem()?.to_str()?.parse().ok()?;
            is_log.then_some((number, path))
        })
        .collect();
    logs.sort();
    let mut damage = Damage::default();
    let count = logs.len();
    for (at, (_, path)) in logs.into_iter().enumerate() {
        let Some(window) = if_sound(FileWindow::open(&path))? else {
            damage.at.push((path, 0));
            continue;
        };
        let found = log::read(window, visit);
        damage.at.extend(found.flaws.into_iter().map(|flaw| (path.clone(), flaw)));
        match found.torn {
            Some(whole) if at + 1 == count => damage.torn = Some((path, whole)),
            Some(whole) => damage.at.push((path, whole)),
            None => {}
        }
    }
    Ok(damage)
}

fn tables(
    folder: &Path,
    keyspace: u64,
    places: &mut Vec<(PathBuf, u64)>,
    visit: &mut dyn FnMut(RawChange<'_>),
) -> io::Result<()> {
    let folder = folder.join("keyspaces").join(keyspace.to_string()).join("tables");
    for entry in if_sound(fs::read_dir(folder))?.into_iter().flatten().flatten() {
        let path = entry.path();
        match if_sound(FileWindow::open(&path))? {
            Some(window) => {
                let flaws = table::read(window, visit).into_iter();
                places.extend(flaws.map(|flaw| (path.clone(), flaw)));
            }
            None => places.push((path, 0)),
        }
    }
    Ok(())
}

/// A file through a window that moves forward. What cannot be read is zeroes.
#[derive(Debug)]
pub(super) struct FileWindow {
    file: File,
    pub(super) size: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl FileWindow {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        Ok(Self { file, size, start: 0, bytes: Vec::new() })
    }

    /// What is there from a place on: at least so much as is wanted, unless the file ends before.
    pub(super) fn at(&mut self, at: u64, wanted: usize) -> &[u8] {
        let end = (at + wanted as u64).min(self.size);
        if at < self.start || self.start + (self.bytes.len() as u64) < end {
            self.start = at;
            let max_bytes = wanted.max(CHUNK) as u64;
            let length = usize::try_from(self.size.saturating_sub(at).min(max_bytes)).unwrap_or(0);
            self.bytes.clear();
            self.bytes.resize(length, 0);
            if self.file.read_exact_at(&mut self.bytes, at).is_err() {
                self.read_what_can_be();
            }
        }
        let from = usize::try_from(at - self.start).unwrap_or(usize::MAX);
        self.bytes.get(from..).unwrap_or_default()
    }

    /// By sectors: one that the device does not give stays zeroes.
    fn read_what_can_be(&mut self) {
        self.bytes.fill(0);
        for (at, sector) in (self.start..).step_by(4_096).zip(self.bytes.chunks_mut(4_096)) {
            let _ = self.file.read_exact_at(sector, at);
        }
    }
}

/// Numbers as the store writes them.
struct ByteReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> ByteReader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(count)?)?;
        self.at += count;
        Some(taken)
    }

    fn number(&mut self, bytes: usize) -> Option<u64> {
        let bytes = self.take(bytes)?;
        Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// A number as fjall writes it: seven bits a byte, the lowest first.
    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..63).step_by(7) {
            let byte = self.number(1)?;
            number |= (byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }
}
