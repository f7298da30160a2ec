//! Repair: copies the readable part of a damaged store into a new one.
//!
//! The new one is made beside the old, whole and waited for, and then takes its name; the old one
//! is kept under another. Nothing is removed but copies of our own that were not finished. A kill
//! at any moment leaves the old one or the new one.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use fjall::PersistMode;

use super::books;
use super::raw::{self, RawChange};
use super::record::{self, RECORD_KEY_BYTES};
use super::store::{self, FjallStore, Store as _, StoreError, StoreStats};

/// The store, and what is made beside it: the copy, and what it is sorted in.
pub(super) const POINTS: &str = "points";
const SORTING: &str = "points.sorting";
/// Marks a copy as complete, and holds how many points were unreadable, until that was reported.
pub(super) const COMPLETE_MARK: &str = "unreadable";
/// What is cut off a log, to be looked at.
const CUT_OFF: &str = "damaged-log";
/// Bytes of what is cut off a log that are kept. Logs are allocated ahead: what matters is at the
/// front.
const KEPT_OF_TORN_LOG: u64 = 4 << 20;
/// Records that are sorted at once.
const BATCH: usize = 4_096;
/// Records of the new store that are written at once: what is damaged of a log is lost with its
/// whole batch.
const RECORDS_PER_BATCH: usize = 64;

/// The result of a repair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RepairResult {
    /// Points that could be read.
    pub(super) found: u64,
    /// Points that the books count and that could not be read.
    pub(super) lost: u64,
    /// Where the damaged store is; none if there was none.
    pub(super) moved_to: Option<PathBuf>,
}

/// How many points a repaired store lacks; none if it was not repaired, or the loss was reported.
pub(super) fn unreported_loss(points: &Path) -> Option<u64> {
    let text = fs::read_to_string(points.join(COMPLETE_MARK)).ok()?;
    Some(text.trim().parse().unwrap_or_default())
}

/// The loss was reported.
pub(super) fn mark_reported(points: &Path) -> io::Result<()> {
    fs::remove_file(points.join(COMPLETE_MARK))?;
    sync_folder(points)
}

/// Makes a folder that is nobody else's.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Repairs a store. If that fails, nothing of the copy is left: it would take the room that is
/// perhaps missing.
pub(super) fn repair(folder: &Path) -> Result<RepairResult, StoreError> {
    let (found, lost) = copy(folder).inspect_err(|_| {
        for unfinished in [copy_of(&folder.join(POINTS)), folder.join(SORTING)] {
            let _ = remove(&unfinished);
        }
    })?;
    // Before the copy takes its name: what is beside it then counts it.
    let last = raw::scan(&copy_of(&folder.join(POINTS))).map_err(disk)?.0;
    let bytes = last.stats.map_or(0, |stats| stats.bytes);
    let batch = last.batch.unwrap_or_default();
    books::renew(folder, books::CountEntry { batch, points: found, bytes })?;
    Ok(RepairResult { found, lost, moved_to: finish(&folder.join(POINTS))? })
}

/// What can be read, and what the books count besides, with nothing changed.
pub(super) fn count(folder: &Path) -> Result<(u64, u64), StoreError> {
    let counted = copy(folder);
    for made in [copy_of(&folder.join(POINTS)), folder.join(SORTING)] {
        remove(&made).map_err(disk)?;
    }
    counted
}

/// Makes the copy. Nothing but a copy that was not finished is changed.
pub(super) fn copy(folder: &Path) -> Result<(u64, u64), StoreError> {
    let books = books::read(folder)?;
    let (old, new, sorting) =
        (folder.join(POINTS), copy_of(&folder.join(POINTS)), folder.join(SORTING));
    for unfinished in [&new, &sorting] {
        remove(unfinished).map_err(disk)?;
        make_folder(unfinished).map_err(disk)?;
    }
    let meta = match old.is_dir() {
        true => {
            sort(&old, &sorting)?;
            raw::scan(&old).map_err(disk)?.0
        }
        false => raw::StoreMeta::default(),
    };
    let mut store = FjallStore::open(&new, None)?;
    fill(&mut store, &sorting)?;
    let last = books.map_or(0, |entry| entry.batch).max(meta.batch.unwrap_or_default());
    store.set_batch(last)?;
    let found = store.stats().points;
    drop(store);
    remove(&sorting).map_err(disk)?;
    let recorded = meta.stats.map(|stats| stats.points);
    let recorded = books.map(|entry| entry.points).or(recorded).unwrap_or_default();
    let lost = recorded.saturating_sub(found);
    mark_complete(&new, lost)?;
    Ok((found, lost))
}

/// Marks a copy as whole.
pub(super) fn mark_complete(copy: &Path, lost: u64) -> Result<(), StoreError> {
    let mut mark = File::create(copy.join(COMPLETE_MARK)).map_err(disk)?;
    writeln!(mark, "{lost}").and_then(|()| mark.sync_all()).map_err(disk)?;
    sync_folder(copy).map_err(disk)
}

/// The name of a copy that is being made of a folder.
pub(super) fn copy_of(folder: &Path) -> PathBuf {
    folder.with_extension("mending")
}

/// Sorts all changes by key, the newest of each first.
fn sort(old: &Path, sorting: &Path) -> Result<(), StoreError> {
    let database = store::database(sorting)?;
    let changes = database.keyspace("changes", store::options)?;
    let mut batch = database.batch();
    let mut outcome = Ok(());
    let mut keep = |RawChange { seqno, key, value }: RawChange<'_>| {
        let is_point = value.is_none_or(|value| record::point(key, value).is_some());
        if outcome.is_err() || key.len() != RECORD_KEY_BYTES || !is_point {
            return;
        }
        let mut sorted = key.to_vec();
        sorted.extend((!seqno).to_be_bytes());
        let value = value.map_or_else(Vec::new, <[u8]>::to_vec);
        batch.insert(&changes, sorted, value);
        if batch.len() >= BATCH {
            let full = std::mem::replace(&mut batch, database.batch());
            outcome = store::wait_for_room(&database, &changes)
                .and_then(|()| full.commit().map_err(StoreError::from));
        }
    };
    raw::points(old, &mut keep).map_err(disk)?;
    outcome?;
    batch.commit()?;
    database.persist(PersistMode::Buffer)?;
    Ok(())
}

/// Writes of each key what its newest change says.
fn fill(store: &mut FjallStore, sorting: &Path) -> Result<(), StoreError> {
    let database = store::database(sorting)?;
    let changes = database.keyspace("changes", store::options)?;
    let mut last = [0; RECORD_KEY_BYTES];
    let mut records = Vec::new();
    for change in changes.iter() {
        let (sorted, value) = change.into_inner()?;
        let Some((place, _)) = sorted.split_first_chunk::<RECORD_KEY_BYTES>() else { continue };
        if *place == last {
            continue;
        }
        last = *place;
        if !value.is_empty() {
            records.push((*place, value.to_vec()));
        }
        if records.len() >= RECORDS_PER_BATCH {
            store.add(std::mem::take(&mut records))?;
        }
    }
    store.add(records)
}

/// Lets a copy that is whole take the name of what it was made of, and keeps that under another.
/// One that is not whole is removed.
pub(super) fn finish(old: &Path) -> Result<Option<PathBuf>, StoreError> {
    let new = copy_of(old);
    if unreported_loss(&new).is_none() {
        remove(&new).map_err(disk)?;
        remove(&old.with_file_name(SORTING)).map_err(disk)?;
        return Ok(None);
    }
    let kept = match old.is_dir() {
        true => Some(set_aside(old).map_err(disk)?),
        false => None,
    };
    fs::rename(&new, old).and_then(|()| sync_beside(old)).map_err(disk)?;
    Ok(kept)
}

/// Moves a folder, or what has its name, out of the way; where it is now.
pub(super) fn set_aside(folder: &Path) -> io::Result<PathBuf> {
    let free = (1..).map(|number: u64| folder.with_extension(format!("aside-{number}")));
    let mut free = free.filter(|path| path.symlink_metadata().is_err());
    let path = free.next().unwrap_or_else(|| folder.with_extension("aside"));
    fs::rename(folder, &path)?;
    sync_beside(folder)?;
    Ok(path)
}

fn sync_beside(folder: &Path) -> io::Result<()> {
    folder.parent().map_or(Ok(()), sync_folder)
}

/// Cuts off the end of a log: a write that was never waited for. It is kept beside.
pub(super) fn truncate_log(log: &Path, whole: u64) -> io::Result<u64> {
    let mut from = File::open(log)?;
    let end = from.metadata()?.len();
    from.seek(SeekFrom::Start(whole))?;
    let kept = log.with_file_name(CUT_OFF);
    let mut to = File::create(kept)?;
    io::copy(&mut from.take(KEPT_OF_TORN_LOG), &mut to)?;
    to.sync_all()?;
    let log = fs::OpenOptions::new().write(true).open(log)?;
    log.set_len(whole)?;
    log.sync_all()?;
    Ok(end - whole)
}

/// What the books say, or the store itself where it has none.
pub(super) fn recorded_stats(folder: &Path) -> Option<StoreStats> {
    let books = books::read(folder).ok().flatten();
    let books = books.map(|entry| StoreStats {
        points: entry.points,
        bytes: entry.bytes,
        ..StoreStats::default()
    });
    books.or_else(|| raw::scan(&folder.join(POINTS)).ok()?.0.stats)
}

/// Which file or folder has a name now.
pub(super) fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn disk(error: io::Error) -> StoreError {
    StoreError::Disk(error.to_string())
}
