//! What a bridge that died left in its folder: one that runs takes it into its own.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;
use std::time::Duration;

use tracing::{info, warn};

use super::disk_writer::catch_panic;
use super::folder;
use super::store::{Store, StoreError, StoreOp, StoreOpener, StoreStats};
use super::{DiskOutbox, LETTERS_FOLDER};
use crate::outbox::dead_letters::files::{self, DeadLetterFiles};

/// Points that are moved at once: the disk thread does nothing else meanwhile.
const PAGE: usize = if cfg!(test) { 7 } else { 5_000 };
/// Between two pages: what is to be written meanwhile goes first.
pub(super) const PAUSE: Duration = Duration::from_millis(100);

/// Points that came from another folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TakenOver {
    /// They are in the store now, and were not before.
    pub(super) points: u64,
    /// The store had a point with the same key, which stays.
    pub(super) overwritten: u64,
    /// The other folder's books count them, and they cannot be read.
    pub(super) unreadable: u64,
    /// What the store has now.
    pub(super) stats: StoreStats,
}

/// Another folder, while it is this process's.
struct LeftFolder {
    path: PathBuf,
    store: Box<dyn Store>,
    /// Points that cannot be read, until they are told.
    unreadable: u64,
    moved: u64,
    /// Whether it was repaired since it was found.
    repaired: bool,
    /// Has the lock.
    owner: StoreOpener,
}

/// What looking for one gave: the first that could be opened, and those that could not.
#[derive(Default)]
struct Found {
    left: Option<LeftFolder>,
    faults: Vec<(PathBuf, StoreError)>,
}

/// The folders beside this process's own, each of which another bridge may have or have had.
#[derive(Default)]
pub(super) struct LeftFolders {
    /// A thread that looks for one: to scan a large store takes a while.
    looking: Option<Receiver<Found>>,
    left: Option<LeftFolder>,
    /// What was logged, so that it is not each time.
    faults: Vec<(PathBuf, StoreError)>,
    /// Folders that are left to the next process: they opened, and could not be read or written.
    given_up: Vec<PathBuf>,
}

impl LeftFolders {
    /// Looks for a folder that nobody has and in which something is left.
    pub(super) fn look(&mut self, beside: Vec<PathBuf>) {
        if self.looking.is_some() || self.left.is_some() {
            return;
        }
        let (sender, found) = channel();
        let given_up = self.given_up.clone();
        let look = move || {
            let mut found = Found::default();
            let beside = beside.into_iter().filter(|path| !given_up.contains(path));
            for path in beside.filter(|path| has_left(path)) {
                match open(&path) {
                    Ok(left) => {
                        found.left = Some(left);
                        break;
                    }
                    Err(StoreError::Locked) => {}
                    Err(fault) => found.faults.push((path, fault)),
                }
            }
            // Nobody waits any more once the outbox is closed.
            let _ = sender.send(found);
        };
        let started = thread::Builder::new().name("outbox-left".to_owned()).spawn(look);
        self.looking = started.is_ok().then_some(found);
    }

    /// Whether there is a folder to take from, or may be soon.
    pub(super) fn is_busy(&self) -> bool {
        self.looking.is_some() || self.left.is_some()
    }

    /// Moves a page of points into `own`, and the dead letters after the last: first they are flushed
    /// here, then deleted there. So a kill in between leaves some twice, and loses none.
    ///
    /// # Errors
    ///
    /// As [`Store::apply`] of `own`.
    pub(super) fn take_page(
        &mut self,
        own: &mut dyn Store,
        letters: &mut DeadLetterFiles,
    ) -> Result<Option<TakenOver>, StoreError> {
        self.handle_found();
        let Some(mut left) = self.left.take() else { return Ok(None) };
        let points = match catch_panic(|| left.store.read(None, PAGE)) {
            Ok(points) => points,
            Err(fault) => {
                warn!("{} can be read no further: {fault}", left.path.display());
                let path = left.path.clone();
                match left.repaired(&fault) {
                    Some(repaired) => self.left = Some(repaired),
                    None => self.given_up.push(path),
                }
                return Ok(None);
            }
        };
        let mut taken =
            TakenOver { unreadable: std::mem::take(&mut left.unreadable), ..TakenOver::default() };
        let mut saves = Vec::new();
        let mut removes = Vec::new();
        for (point, _) in points {
            removes.push(StoreOp::Remove(point.key()));
            // What this process was told under the same key is no older.
            match own.find(point.key())? {
                Some(_) => taken.overwritten += 1,
                None => saves.push(StoreOp::Save { point, fresh: false }),
            }
        }
        taken.points = saves.len() as u64;
        own.apply(&saves)?;
        own.sync()?;
        taken.stats = own.stats();
        left.moved += removes.len() as u64;
        if removes.is_empty() {
            // What was told as unreadable is told once.
            let told = catch_panic(|| left.store.sync());
            if let Err(fault) = told {
                warn!("{} cannot be written: {fault}", left.path.display());
            }
            left.finish(letters);
        } else {
            let removed = catch_panic(|| {
                left.store.apply(&removes)?;
                left.store.sync()
            });
            match removed {
                Ok(()) => self.left = Some(left),
                Err(fault) => {
                    warn!(
                        "values that were taken over from {} cannot be deleted there: {fault}; they are \
                         delivered again by whoever takes it next",
                        left.path.display()
                    );
                    self.given_up.push(left.path);
                }
            }
        }
        let is_news = taken.points + taken.overwritten + taken.unreadable > 0;
        Ok(is_news.then_some(taken))
    }

    fn handle_found(&mut self) {
        let Some(looking) = &self.looking else { return };
        let Found { left, faults } = match looking.try_recv() {
            Ok(found) => found,
            Err(TryRecvError::Empty) => return,
            Err(TryRecvError::Disconnected) => Found::default(),
        };
        self.looking = None;
        for (path, fault) in faults.iter().filter(|fault| !self.faults.contains(fault)) {
            warn!(
                "another bridge left values in {}, which cannot be taken over: {fault}",
                path.display()
            );
        }
        (self.left, self.faults) = (left, faults);
    }
}

impl LeftFolder {
    /// The same after a repair, which is tried once.
    fn repaired(self, fault: &StoreError) -> Option<Self> {
        let Self { path, store, moved, repaired, mut owner, .. } = self;
        drop(store);
        if repaired {
            return None;
        }
        match catch_panic(|| owner(Some(fault))) {
            Ok(store) => {
                let unreadable = store.stats().unreadable;
                Some(Self { path, store, unreadable, moved, repaired: true, owner })
            }
            Err(fault) => {
                warn!("{} cannot be repaired: {fault}", path.display());
                None
            }
        }
    }

    /// No point is left in it.
    fn finish(self, letters: &mut DeadLetterFiles) {
        let name = self.path.display();
        let kept = match letters.take_over(&self.path.join(LETTERS_FOLDER)) {
            Ok(kept) => kept,
            Err(error) => {
                warn!("the dead letters in {name} cannot be taken over: {error}");
                0
            }
        };
        info!(
            outbox.taken_over = self.moved,
            "another bridge left {} values and {kept} dead letters in {name}: they are in this \
             bridge's outbox now",
            self.moved
        );
    }
}

/// Whether something is in a folder that a bridge left there, or has.
fn has_left(folder: &Path) -> bool {
    folder::recorded_count(folder).is_some_and(|count| count > 0)
        || files::can_be_taken_over(&folder.join(LETTERS_FOLDER))
}

/// Takes a folder's lock, and opens what is in it; what is damaged is repaired.
fn open(path: &Path) -> Result<LeftFolder, StoreError> {
    let mut owner = folder::opener(path);
    let (store, repaired) = match owner(None) {
        Err(fault @ StoreError::Damaged(_)) => (owner(Some(&fault))?, true),
        opened => (opened?, false),
    };
    let unreadable = store.stats().unreadable;
    Ok(LeftFolder { path: path.to_owned(), store, unreadable, moved: 0, repaired, owner })
}

impl DiskOutbox {
    /// The folders of other bridges beside this one's own.
    pub fn set_beside(&mut self, folders: Vec<PathBuf>) {
        self.beside = folders;
    }

    /// Points came from another folder: they are on disk alone, as if an earlier process had left them
    /// in this one.
    pub(super) fn handle_taken_over(&mut self, taken: TakenOver) {
        let TakenOver { points, overwritten, unreadable, stats } = taken;
        self.counters.restored += points + overwritten + unreadable;
        self.counters.overwritten += overwritten;
        self.counters.unreadable += unreadable;
        self.bounds.stats = stats;
        self.cold.add(usize::try_from(points).unwrap_or(usize::MAX));
        self.report_lost(unreadable);
        self.evict();
    }
}
