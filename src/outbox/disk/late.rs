//! Late values on their way from the outbox into files.
//!
//! A row is appended to its file and flushed with the group commit; only then its point is deleted
//! from the store. So a crash can leave a point in both. The next process deletes from the store what
//! an open file holds, before anything is read from the store.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::disk_writer::catch_panic;
use super::late_files::{LateFiles, LateFolder, Leftovers};
use super::store::{Store, StoreError, StoreOp, StoreOpener};
use super::{BATCH, DiskOutbox};
use crate::delivery::point::{Key, Point};
use crate::late::FileName;
use crate::outbox::LateEvent;
use crate::outbox::dead_letters::DeadLetter;
use crate::outbox::dead_letters::files::DeadLetterFiles;

/// What earlier processes left, told once by whoever opens the store.
#[derive(Clone, Debug, Default)]
pub(super) struct Restored {
    state: Arc<Mutex<RestoreState>>,
    files: Arc<OnceLock<BTreeSet<FileName>>>,
}

#[derive(Debug, Default)]
enum RestoreState {
    /// The store was not opened yet, and these files are not this process's.
    #[default]
    NotYet,
    /// They are to be reported.
    Found(Leftovers),
    Taken,
}

impl Restored {
    fn state(&self) -> MutexGuard<'_, RestoreState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, leftovers: Leftovers) {
        self.files.get_or_init(|| leftovers.files.iter().map(|file| file.name).collect());
        *self.state() = RestoreState::Found(leftovers);
    }

    /// Whether an earlier process left this file.
    fn has(&self, file: FileName) -> bool {
        self.files.get().is_some_and(|files| files.contains(&file))
    }

    fn is_done(&self) -> bool {
        !matches!(*self.state(), RestoreState::NotYet)
    }

    /// The files, once.
    fn take(&self) -> Option<Leftovers> {
        let mut state = self.state();
        match std::mem::take(&mut *state) {
            RestoreState::NotYet => None,
            RestoreState::Found(files) => {
                *state = RestoreState::Taken;
                Some(files)
            }
            RestoreState::Taken => {
                *state = RestoreState::Taken;
                None
            }
        }
    }
}

/// Opens the store, and when it opens first deletes from it what the files of earlier processes hold.
pub(super) fn restoring(
    mut open: StoreOpener,
    folder: LateFolder,
    restored: Restored,
) -> StoreOpener {
    Box::new(move |before| {
        let mut store = open(before)?;
        if !restored.is_done() {
            let files =
                folder.restore(|points| catch_panic(|| delete_equal(&mut *store, &points)))?;
            restored.find(files);
        }
        Ok(store)
    })
}

/// Deletes points from the store, flushed. One whose key has another value there came later, and
/// stays.
fn delete_equal(store: &mut dyn Store, points: &[Point]) -> Result<(), StoreError> {
    let mut is_changed = false;
    for points in points.chunks(BATCH) {
        let mut removes = Vec::new();
        for point in points {
            let found = store.find(point.key())?;
            if found.is_some_and(|found| found.value == point.value) {
                removes.push(StoreOp::Remove(point.key()));
            }
        }
        if !removes.is_empty() {
            store.apply(&removes)?;
            is_changed = true;
        }
    }
    if is_changed { store.sync() } else { Ok(()) }
}

/// The rows, as the disk thread has them.
#[derive(Debug)]
pub(super) struct LateRows {
    files: LateFiles,
    restored: Restored,
    /// Rows whose file could not be made yet.
    waiting: VecDeque<(FileName, u64, String)>,
    /// The last row that is in a file, and the last that is flushed.
    appended: u64,
    flushed: u64,
    /// Files to be closed.
    closing: Vec<FileName>,
    /// Dead letters of files, to be flushed.
    letters: VecDeque<FileLetters>,
    /// Why the disk refused last.
    fault: Option<String>,
}

/// The rows that a file's job refused.
#[derive(Debug)]
struct FileLetters {
    file: FileName,
    count: u64,
    /// Those still to be written.
    left: VecDeque<DeadLetter>,
    /// An earlier process may have written some of them, and was killed before it deleted the file.
    may_be_kept: bool,
}

impl LateRows {
    pub(super) fn new(folder: LateFolder, restored: Restored) -> Self {
        Self {
            files: LateFiles::new(folder),
            restored,
            waiting: VecDeque::new(),
            appended: 0,
            flushed: 0,
            closing: Vec::new(),
            letters: VecDeque::new(),
            fault: None,
        }
    }

    /// Takes a row.
    pub(super) fn append(&mut self, file: FileName, row: u64, line: String) {
        self.waiting.push_back((file, row, line));
    }

    /// A file gets no more rows.
    pub(super) fn close(&mut self, file: FileName) {
        self.closing.push(file);
    }

    /// Keeps the rows that a job refused as dead letters: all of them, however long the disk fails.
    pub(super) fn keep_letters(&mut self, file: FileName, letters: Vec<DeadLetter>) {
        let (count, may_be_kept) = (letters.len() as u64, self.restored.has(file));
        self.letters.push_back(FileLetters { file, count, left: letters.into(), may_be_kept });
    }

    /// Whether something waits for the disk that did not fail before: that is tried again less often.
    pub(super) fn needs_sync(&self) -> bool {
        self.has_work() && self.fault.is_none()
    }

    fn has_work(&self) -> bool {
        let rows = !self.waiting.is_empty() || self.appended > self.flushed;
        rows || !self.closing.is_empty() || !self.letters.is_empty()
    }

    /// Waits until the disk has all of it, and tells what it has.
    pub(super) fn sync(&mut self, letters: &mut DeadLetterFiles) -> Vec<LateEvent> {
        if !self.has_work() || !self.restored.is_done() {
            return Vec::new();
        }
        let mut done = Vec::new();
        let ended = self.try_sync(letters, &mut done);
        let fault = ended.err().map(|error| error.to_string());
        if fault != self.fault {
            done.push(LateEvent::Fault(fault.clone()));
            self.fault = fault;
        }
        done
    }

    fn try_sync(
        &mut self,
        letters: &mut DeadLetterFiles,
        done: &mut Vec<LateEvent>,
    ) -> io::Result<()> {
        while let Some((file, row, line)) = self.waiting.front() {
            self.files.append(*file, line)?;
            self.appended = *row;
            self.waiting.pop_front();
        }
        if self.appended > self.flushed {
            self.files.sync()?;
            self.flushed = self.appended;
            done.push(LateEvent::Saved(self.flushed));
        }
        while let Some(file) = self.closing.first().copied() {
            self.files.close(file)?;
            self.closing.remove(0);
            done.push(LateEvent::Closed(file));
        }
        while let Some(FileLetters { file, count, left, may_be_kept }) = self.letters.front_mut() {
            if std::mem::take(may_be_kept) {
                *left = letters.not_kept(std::mem::take(left).into()).into();
            }
            while !left.is_empty() {
                letters.make_room()?;
                left.pop_front().into_iter().for_each(|letter| letters.push(letter));
            }
            letters.sync()?;
            done.push(LateEvent::LettersKept(*file, *count));
            self.letters.pop_front();
        }
        Ok(())
    }
}

/// Which rows' points have left the store, flushed.
#[derive(Debug, Default)]
pub(super) struct LateRemovals {
    /// A row, and the write that deletes the points up to it; none while the disk takes no writes.
    pending: VecDeque<(u64, Option<u64>)>,
    /// To be told.
    pub(super) events: VecDeque<LateEvent>,
}

impl LateRemovals {
    /// The points up to this row are deleted by this write.
    fn add(&mut self, row: u64, write: Option<u64>) {
        self.pending.push_back((row, write));
    }

    /// All writes up to this one are flushed.
    pub(super) fn handle_flushed(&mut self, write: u64) {
        let is_flushed = |(_, removal_write): &mut (u64, Option<u64>)| {
            removal_write.is_some_and(|removal_write| removal_write <= write)
        };
        while let Some((row, _)) = self.pending.pop_front_if(is_flushed) {
            self.events.push_back(LateEvent::Settled(row));
        }
    }

    /// The disk fails: what was not flushed is deleted when it takes writes again.
    pub(super) fn handle_failed(&mut self) {
        for (_, write) in &mut self.pending {
            *write = None;
        }
    }

    /// It takes writes again, and this one is the last that holds what was to be deleted.
    pub(super) fn handle_writable(&mut self, write: u64) {
        for (_, removal_write) in &mut self.pending {
            *removal_write = removal_write.or(Some(write));
        }
    }
}

impl DiskOutbox {
    /// Deletes the points up to a row.
    pub(super) fn settle_rows(&mut self, keys: &[Key], row: u64) {
        use crate::outbox::Outbox;
        self.settle(keys);
        let write = self.write_queue.is_writable().then(|| self.write_queue.last_change());
        self.late.add(row, write);
        self.late.handle_flushed(self.write_queue.last_flushed());
    }

    /// What became of late values.
    pub(super) fn next_late_event(&mut self) -> Option<LateEvent> {
        if let Some(Leftovers { files, unreadable }) = self.restored.take() {
            let unreadable = unreadable.into_iter();
            let events = unreadable.map(|(file, reason)| LateEvent::Unreadable(file, reason));
            self.late.events.extend(events);
            return Some(LateEvent::Restored(files));
        }
        self.late.events.pop_front()
    }
}
