//! The outbox's folder: its lock, and opening or repairing the store.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tracing::{debug, info, warn};

use super::books::{Books, BooksState};
use super::disk_writer::catch_panic;
use super::inbound::{self, InboundReader};
use super::owner;
use super::raw::{self, Damage, StoreMeta};
use super::repair::{self, POINTS, RepairResult};
use super::store::{FORMAT, FjallStore, Store, StoreError, StoreOpener};
use super::{INBOUND_FOLDER, LATE_FOLDER, LETTERS_FOLDER};

/// The store's own mark. Another number in it is another version's of the store.
const MARK: &str = "version";
const MARK_CONTENT: &[u8] = b"FJL\x03";
/// The highest number that a newer version may have given its mark: what is beyond is damage.
const MAX_NEWER_MARK: u8 = 15;
/// What a process holds as long as the folder is its own.
const LOCK: &str = "lock";
/// After a second repair that failed; doubled each time.
const FIRST_REPAIR_PAUSE: Duration = Duration::from_secs(60);
/// Between two repairs: repeated damage would fill the disk with kept copies.
const REPAIR_INTERVAL: Duration = Duration::from_secs(3_600);
/// Points that are read at once to see whether all can be read.
const PAGE: usize = 10_000;

/// Opens the store in a folder as often as it is asked. From the first time on the folder
/// belongs to this process, until the opener is dropped.
///
/// One that is damaged is reported as such; the next time it is asked, it repairs it first.
pub(super) fn opener(folder: &Path) -> StoreOpener {
    let folder = folder.to_owned();
    let mut owner = None;
    let mut next_repair: Option<Instant> = None;
    let mut pause = Duration::ZERO;
    Box::new(move |before| {
        let folder_lock = owner.as_ref().and_then(|lock: &File| lock.metadata().ok());
        let held = folder_lock.map(|lock| (lock.dev(), lock.ino()));
        if held.is_none() || held != repair::identity(&folder.join(LOCK)) {
            owner = Some(lock(&folder)?);
        }
        if let Some(StoreError::Damaged(reason)) = before {
            if next_repair.is_some_and(|next| Instant::now() < next) {
                return Err(StoreError::Damaged(reason.clone()));
            }
            // One that fails has kept no copy, and is tried again once the cause may be gone: at once,
            // then ever more rarely, since each copies the whole store.
            next_repair = Some(Instant::now() + pause);
            pause = (pause * 2).clamp(FIRST_REPAIR_PAUSE, REPAIR_INTERVAL);
            let result = catch_panic(|| repair::repair(&folder))?;
            (next_repair, pause) = (Some(Instant::now() + REPAIR_INTERVAL), Duration::ZERO);
            log_repair(&result, reason);
        }
        let mut store = catch_panic(|| open(&folder))?;
        if before == Some(&StoreError::ThreadFailed) {
            // Its own threads failed: perhaps over something that only they have read so far.
            catch_panic(|| read_all(&mut store))?;
        }
        Ok(Box::new(store) as Box<dyn Store>)
    })
}

/// Takes the lock by which one process owns the folder; it ends with the file.
fn lock(folder: &Path) -> Result<File, StoreError> {
    repair::make_folder(folder).map_err(|error| StoreError::Folder(cannot_make(folder, &error)))?;
    let path = folder.join(LOCK);
    let disk = |error: std::io::Error| owner::fault_at(&path, &error);
    // On a disk that is only read, the file can be locked all the same if it is there.
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true).mode(0o600);
    let file = options.open(&path).or_else(|_| File::open(&path)).map_err(disk)?;
    match file.try_lock() {
        Ok(()) => {
            tighten(folder);
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked),
        Err(TryLockError::Error(error)) => Err(disk(error)),
    }
}

/// Closes our own folders to other users: an earlier version made them by the umask alone. The folder
/// around them may be somebody's mount, whose mode is theirs.
fn tighten(folder: &Path) {
    for name in [repair::POINTS, LETTERS_FOLDER, INBOUND_FOLDER, LATE_FOLDER] {
        let path = folder.join(name);
        let is_open = fs::symlink_metadata(&path)
            .is_ok_and(|found| found.is_dir() && found.permissions().mode() & 0o077 != 0);
        if is_open && let Err(error) = fs::set_permissions(&path, Permissions::from_mode(0o700)) {
            warn!("other users can read {}, which cannot be changed: {error}", path.display());
        }
    }
}

/// Why a folder cannot be made, and what to do.
fn cannot_make(folder: &Path, error: &io::Error) -> String {
    // One that is a file, or is below one, is reported in several ways.
    let file = folder.ancestors().find(|path| path.is_file());
    match (file, error.kind()) {
        (Some(file), _) => format!("{} is a file: name a folder", file.display()),
        (None, io::ErrorKind::NotFound) => {
            format!("{error}: name a folder on a disk that can have one")
        }
        (None, io::ErrorKind::PermissionDenied) => {
            format!("{error}: create it, with the bridge's user as its owner")
        }
        (None, _) => format!("{error}: check the disk, or name another folder"),
    }
}

/// The same where nothing is to be changed: without a file to lock no bridge has the folder.
fn lock_if_there(folder: &Path) -> Result<Option<File>, StoreError> {
    let path = folder.join(LOCK);
    match path.try_exists() {
        Ok(false) => Ok(None),
        Ok(true) => lock(folder).map(Some),
        Err(error) => Err(owner::fault_at(&path, &error)),
    }
}

/// The lock of what is checked, or repaired.
fn lock_for(folder: &Path, repair: bool) -> Result<Option<File>, StoreError> {
    if repair { lock(folder).map(Some) } else { lock_if_there(folder) }
}

/// Opens what can be opened as it is. fjall truncates and removes what it does not
/// understand, so the files are scanned without it first.
pub(super) fn open(folder: &Path) -> Result<FjallStore, StoreError> {
    let books = BooksState::of(folder)?;
    inbound::recorded_counts(&folder.join(INBOUND_FOLDER))?;
    let points = folder.join(POINTS);
    repair::finish(&points)?;
    repair::finish(&folder.join(INBOUND_FOLDER))?;
    match find_store(&points)? {
        StoreFound::Store => {
            let (meta, damage) =
                raw::scan(&points).map_err(|error| owner::fault_at(&points, &error))?;
            check(&meta, &damage, books)?;
            if let Some((log, whole_bytes)) = damage.torn {
                let cut_bytes = repair::truncate_log(&log, whole_bytes);
                let cut_bytes = cut_bytes.map_err(|error| StoreError::Disk(error.to_string()))?;
                debug!(
                    "the last write to the outbox's log is incomplete: {cut_bytes} bytes discarded"
                );
            }
        }
        StoreFound::Nothing if books.expect_points() => {
            return Err(StoreError::Damaged("the folder with its points is missing".to_owned()));
        }
        StoreFound::Nothing => {
            let made = repair::make_folder(&points);
            made.map_err(|error| StoreError::Disk(error.to_string()))?;
        }
        StoreFound::Foreign => {
            let kept = repair::set_aside(&points);
            let kept = kept.map_err(|error| StoreError::Disk(error.to_string()))?;
            warn!(
                "{} did not belong to the outbox: it was moved to {}",
                points.display(),
                kept.display()
            );
            return open(folder);
        }
    }
    let store = Books::open(folder).and_then(|books| FjallStore::open(&points, Some(books)));
    store.map_err(|fault| match fault {
        StoreError::Denied(_) => owner::fault_at(&points, &ErrorKind::PermissionDenied.into()),
        fault => fault,
    })
}

/// What is at the store's path.
enum StoreFound {
    Store,
    Nothing,
    /// Something that is not ours.
    Foreign,
}

fn find_store(points: &Path) -> Result<StoreFound, StoreError> {
    let mut entries = match points.read_dir() {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(match points.symlink_metadata() {
                Ok(_) => StoreFound::Foreign,
                Err(_) => StoreFound::Nothing,
            });
        }
        // A folder that cannot be listed may hold the whole store.
        Err(error) => return Err(owner::fault_at(points, &error)),
    };
    if entries.next().is_none() {
        return Ok(StoreFound::Nothing);
    }
    let mark = std::fs::read(points.join(MARK));
    if let Err(error) = &mark
        && !owner::is_damage(error)
    {
        return Err(owner::fault_at(&points.join(MARK), error));
    }
    if mark.as_ref().is_ok_and(|mark| mark == MARK_CONTENT) {
        return Ok(StoreFound::Store);
    }
    // Of a newer version nothing is touched, however much of it can be read.
    let is_newer = |mark: &[u8]| match (mark, MARK_CONTENT) {
        ([name @ .., number], [ours @ .., last]) => {
            name == ours && (last + 1..=MAX_NEWER_MARK).contains(number)
        }
        _ => false,
    };
    if mark.as_ref().is_ok_and(|mark| is_newer(mark)) {
        return Err(StoreError::Foreign);
    }
    // What the mark says of another version is believed only if all else does not speak for ours.
    let (said, _) = raw::scan(points).map_err(|error| owner::fault_at(points, &error))?;
    let is_ours = said != StoreMeta::default();
    let is_another = mark.is_ok_and(|mark| mark.len() == 4 && mark.starts_with(b"FJL"));
    if is_another && !is_ours {
        return Err(StoreError::Foreign);
    }
    match is_ours || points.join("keyspaces").is_dir() {
        true => {
            Err(StoreError::Damaged("the store's version file is missing or invalid".to_owned()))
        }
        false => Ok(StoreFound::Foreign),
    }
}

/// Whether what lies there is all that was flushed, and of our making.
fn check(meta: &StoreMeta, damage: &Damage, books: BooksState) -> Result<(), StoreError> {
    if meta.format.as_deref().is_some_and(|format| format != FORMAT) {
        return Err(StoreError::Foreign);
    }
    if let Some((file, at)) = damage.at.first() {
        let others = damage.at.len() - 1;
        let more = if others > 0 { format!(", and {others} more places") } else { String::new() };
        return Err(StoreError::Damaged(format!("{} at byte {at}{more}", file.display())));
    }
    let written = meta.batch.unwrap_or_default();
    let uncounted = |what: &str| {
        Err(StoreError::Damaged(format!("{what}: it is unknown how many more values are missing")))
    };
    match books {
        BooksState::Entry(books) if written < books.batch => {
            Err(StoreError::Damaged("the end of the log is missing".to_owned()))
        }
        BooksState::Entry(_) => Ok(()),
        BooksState::Unreadable => uncounted("its own counts (OUTBOX_DIR/books) are unreadable"),
        BooksState::Missing if written > 0 => {
            uncounted("its own counts (OUTBOX_DIR/books) are missing")
        }
        // 0.1.0 had no books and no numbers, but it said how its store is laid out.
        BooksState::Missing if meta.format.is_none() => {
            uncounted("its log and its own counts (OUTBOX_DIR/books) are missing")
        }
        BooksState::Missing => Ok(()),
    }
}

fn read_all(store: &mut FjallStore) -> Result<(), StoreError> {
    let mut after = None;
    let mut count = 0;
    loop {
        let points = store.read(after, PAGE)?;
        let Some((last, _)) = points.last() else { break };
        after = Some(super::record::RecordKey::of(last.key()));
        count += points.len() as u64;
    }
    match count == store.stats().points {
        true => Ok(()),
        false => Err(StoreError::Damaged(
            "it holds a different number of points than its own count says".to_owned(),
        )),
    }
}

fn log_repair(RepairResult { found, lost, moved_to }: &RepairResult, reason: &str) {
    let kept =
        moved_to.as_ref().map(|kept| format!("; the damaged files are kept in {}", kept.display()));
    let kept = kept.unwrap_or_default();
    info!(
        outbox.found = found,
        outbox.unreadable = lost,
        "the outbox was repaired ({reason}): {found} values were readable, {lost} were not{kept}"
    );
}

/// How many points are queued in a folder, by its books; none if unknown.
pub fn recorded_count(folder: &Path) -> Option<u64> {
    repair::recorded_stats(folder).map(|stats| stats.points)
}

/// What `sparkwise outbox` has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckReport {
    /// What is damaged, in words; none if nothing is.
    pub damage: Option<String>,
    /// Points that can be read.
    pub found: u64,
    /// Points that the books tell of and that cannot.
    pub lost: u64,
    /// Where the damaged store was moved.
    pub moved_to: Option<PathBuf>,
}

/// Ends a repair that was interrupted, on request. Otherwise nothing is changed, and what there is
/// is told where it has to be ended first.
fn finish_for(of: &Path, repair: bool) -> Result<Option<CheckReport>, StoreError> {
    if repair {
        repair::finish(of)?;
        return Ok(None);
    }
    let is_ready = repair::unreported_loss(&repair::copy_of(of)).is_some();
    Ok(is_ready.then(|| CheckReport {
        damage: Some("an earlier repair was interrupted before its last step".to_owned()),
        found: 0,
        lost: 0,
        moved_to: None,
    }))
}

/// Checks a folder for damage, and repairs it on request.
///
/// # Errors
///
/// See [`StoreError`]; the folder is in use, for one.
pub fn inspect(folder: &Path, repair: bool) -> Result<CheckReport, StoreError> {
    let _owner = lock_for(folder, repair)?;
    let books = BooksState::of(folder)?;
    let points = folder.join(POINTS);
    if let Some(report) = finish_for(&points, repair)? {
        return Ok(report);
    }
    let damage = match find_store(&points) {
        Ok(StoreFound::Store) => {
            let looked = raw::scan(&points).map_err(|error| owner::fault_at(&points, &error))?;
            match check(&looked.0, &looked.1, books) {
                Ok(()) => None,
                Err(StoreError::Damaged(reason)) => Some(reason),
                Err(fault) => return Err(fault),
            }
        }
        Ok(StoreFound::Nothing) if books.expect_points() => {
            Some("the folder with its points is missing".to_owned())
        }
        Ok(StoreFound::Nothing) => {
            return Ok(CheckReport { damage: None, found: 0, lost: 0, moved_to: None });
        }
        Ok(StoreFound::Foreign) => Some("the files in it do not belong to the outbox".to_owned()),
        Err(StoreError::Damaged(reason)) => Some(reason),
        Err(fault) => return Err(fault),
    };
    let (found, lost) = catch_panic(|| repair::count(folder))?;
    // What an earlier repair could not read is reported at the next start.
    let known = repair::unreported_loss(&points).unwrap_or_default();
    let missing = || format!("{} values that are in its own counts cannot be read", lost - known);
    let damage = damage.or_else(|| (lost > known).then(missing));
    if damage.is_none() || !repair {
        return Ok(CheckReport { damage, found, lost, moved_to: None });
    }
    let RepairResult { found, lost, moved_to } = catch_panic(|| repair::repair(folder))?;
    Ok(CheckReport { damage, found, lost, moved_to })
}

/// The same for messages that were stored before SiteWise was reached, with values for points.
///
/// # Errors
///
/// As [`inspect`].
pub fn inspect_inbound(folder: &Path, repair: bool) -> Result<CheckReport, StoreError> {
    let _owner = lock_for(folder, repair)?;
    let folder = folder.join(INBOUND_FOLDER);
    let recorded = inbound::recorded_counts(&folder)?;
    if let Some(report) = finish_for(&folder, repair)? {
        return Ok(report);
    }
    let mut reading = InboundReader::new(&folder);
    while reading.next().is_some() {}
    let (found, lost) = (reading.values, reading.lost(recorded));
    let place = reading.damaged_at.first();
    let place = place.map(|(file, at)| format!("{} at byte {at}", file.display()));
    let known = repair::unreported_loss(&folder).unwrap_or_default();
    let missing = || format!("{} values that are in its own counts cannot be read", lost - known);
    let damage = place.or_else(|| (lost > known).then(missing));
    if damage.is_none() || !repair {
        return Ok(CheckReport { damage, found, lost, moved_to: None });
    }
    let found = inbound::copy(&folder, &repair::copy_of(&folder))?;
    Ok(CheckReport { damage, found, lost, moved_to: repair::finish(&folder)? })
}
