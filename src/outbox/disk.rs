//! The outbox on disk: the queue survives the process.
//!
//! Every point goes to disk within some tens of milliseconds, and stays there until it is decided.
//! Beside that it goes its way through memory: the last points wait in the *head*, an outbox in
//! memory, from which delivery takes them at once. What the head has no room for is only on disk,
//! *cold*; so is what an earlier process left. Cold points are read back in their order on disk as
//! delivery has room, page by page: memory does not grow with the backlog.
//!
//! A separate thread, the keeper, does all disk I/O. If the disk is not writable, or too slow, the
//! head continues alone within its limit, and is saved as soon as the disk is writable again.

mod asked;
mod books;
mod bounds;
mod cold;
pub mod folder;
mod heard;
mod held;
mod keeper;
mod raw;
mod record;
mod refusal;
mod salvage;
pub mod store;
mod tally;
mod thread;
mod waiting;
mod writer;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};

use tokio::sync::Notify;

use self::bounds::Bounds;
use self::cold::Cold;
use self::held::Held;
use self::keeper::{Job, Keeper, Report, Why};
use self::store::{Fault, Open, Stock};
use self::tally::Tally;
use self::thread::Thread;
use self::writer::Writer;
use super::dead_letters::Written;
use super::dead_letters::files::Letters;
use super::{Change, DiskState, Waiting};

/// Bytes of points in memory while the disk is not writable.
const HEAD: usize = 64 << 20;
/// Points that are on disk as well stay in memory up to the bound divided by this. They go first
/// when SiteWise is back, and what is said then should not wait for many.
const WARM: usize = 4;
/// Points that are not flushed yet at most; beyond, the disk counts as too slow. Fewer in tests.
const BACKLOG: usize = if cfg!(test) { 2_000 } else { 200_000 };
/// Changes that are handed to the keeper at once at most.
const BATCH: usize = 4_096;
/// Keys without a record that are removed all the same after the disk refused, at most.
const REMOVES: usize = 100_000;
/// Points that are read together when the oldest have to be dropped.
const OLDEST: usize = 10_000;

/// The folder of messages stored before SiteWise is first reached.
const HEARD: &str = "heard";

/// The queue on disk.
pub struct Disk {
    /// Bytes that the head may take.
    head_bound: usize,
    /// The points in memory, and what is known of each of their keys.
    held: Held,
    /// Those on disk alone.
    cold: Cold,
    /// What is told to the keeper, and how much of it is safe.
    writer: Writer,
    /// How much may be on disk.
    bounds: Bounds,
    /// What nobody else counts.
    tally: Tally,
    /// What people are to be told.
    changes: VecDeque<Change>,
    /// What earlier processes heard.
    heard: Option<heard::Again>,
    /// The keeper, at work.
    thread: Thread,
}

impl std::fmt::Debug for Disk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Disk").field("tally", &self.tally).finish_non_exhaustive()
    }
}

impl Disk {
    /// Opens the outbox in a folder, which is made if it is not there. Its records take at
    /// most `bound` bytes. `wake` is told when [`poll`](super::Outbox::poll) has something to take in.
    ///
    /// An unwritable disk or damage is not an error: the outbox starts in memory and reports it.
    ///
    /// # Errors
    ///
    /// The folder cannot be made, or belongs to another process, or to a newer sparkwise.
    pub fn open(folder: &Path, bound: u64, wake: Arc<Notify>) -> Result<Self, Fault> {
        let mut open = folder::opener(folder);
        let store = match open(None) {
            Err(fault @ (Fault::Locked | Fault::Foreign | Fault::Folder(_))) => return Err(fault),
            opened => opened,
        };
        let letters = Letters::open(&folder.join("dead-letters"));
        let (mut disk, keeper, jobs) = Self::parts(open, store, letters, bound, HEAD, wake);
        let started = disk.thread.start(keeper, jobs);
        started.map_err(|error| Fault::Disk(error.to_string()))?;
        Ok(disk)
    }

    fn parts(
        open: Open,
        store: Result<Box<dyn store::Store>, Fault>,
        letters: Letters,
        bound: u64,
        head_bound: usize,
        wake: Arc<Notify>,
    ) -> (Self, Keeper, Receiver<Job>) {
        let (jobs, to_do) = mpsc::channel();
        let (done, reports) = mpsc::channel();
        let stock = store.as_ref().map(|store| store.stock()).map_err(Clone::clone);
        let heard = letters.folder().with_file_name(HEARD);
        let heard = heard::Again::new(&heard, done.clone());
        let keeper = Keeper::new(open, store, letters, done, wake);
        let mut disk = Self {
            head_bound,
            held: Held::default(),
            cold: Cold::default(),
            writer: Writer::new(jobs),
            bounds: Bounds::new(bound),
            tally: Tally::default(),
            changes: VecDeque::new(),
            heard: Some(heard),
            thread: Thread::new(reports),
        };
        match stock {
            Ok(stock) => disk.found(stock),
            Err(fault) => disk.refused(1, fault),
        }
        (disk, keeper, to_do)
    }

    /// The store is open.
    fn found(&mut self, stock: Stock) {
        let before = std::mem::replace(&mut self.bounds.stock, stock);
        if stock.unreadable > 0 {
            self.changes.push_back(Change::Lost(stock.unreadable));
        }
        let cold = self.tally.found(before, stock);
        self.cold.left(usize::try_from(cold).unwrap_or(usize::MAX));
        self.give_up();
    }

    fn take_in(&mut self, report: Report) {
        match report {
            Report::Saved { number, overwritten, stock } => {
                self.writer.saved_up_to(number);
                self.bounds.stock = stock;
                self.tally.overwritten += self.cold.overwritten(overwritten);
                if *self.writer.state() == DiskState::Behind && self.writer.is_done() {
                    self.well_again();
                }
                self.leave_cold();
                self.give_up();
            }
            Report::Read { epoch, .. }
                if !self.writer.is_of_now(epoch) || !self.writer.is_well() => {}
            Report::Read { points, why: Why::GiveUp, .. } => self.given_up(points),
            Report::Read { points, why: Why::Deliver, .. } => {
                let points = points.into_iter().map(|(point, _)| point);
                self.cold.read(points, |key| self.held.has(key));
            }
            Report::Refused { epoch, fault } => self.refused(epoch, fault),
            Report::Opened(stock) => {
                if stock.unreadable > 0 {
                    self.held.doubt();
                }
                self.well_again();
                self.found(stock);
            }
            Report::Retry { letters, request } => self.retry(letters, request),
            Report::Heard { values, lost } => {
                self.writer.tell(Job::Heard { values, lost });
                if lost > 0 {
                    self.tally.unheard(lost);
                    self.changes.push_back(Change::Lost(lost));
                }
            }
            Report::Deaf => self.changes.push_back(Change::Deaf),
            Report::Closed => self.thread.closed(),
        }
    }

    /// Puts the values of dead letters back. While the disk refuses they stay where they are.
    fn retry(&mut self, letters: Vec<Written>, request: PathBuf) {
        if !self.writer.is_well() {
            return;
        }
        for point in letters.iter().filter_map(Written::point) {
            self.tally.restored += 1;
            let overwritten = self.keep(Waiting { point, gate: None });
            self.tally.overwritten += u64::from(overwritten.is_some());
        }
        self.send();
        self.writer.tell(Job::Retried { letters, request });
    }
}

#[cfg(test)]
pub(super) mod tests;
