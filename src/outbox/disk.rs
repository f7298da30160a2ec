//! The outbox on disk: what waits survives the process.
//!
//! Every point goes to disk within some tens of milliseconds, and stays there until it is
//! decided. Beside that it goes its way through memory: the last points wait in the *head*,
//! an outbox in memory, from which delivery takes them at once. What the head has no room for
//! is left on disk alone, *cold*; so is what an earlier process left. Cold points are read
//! back in their order on disk as delivery has room, page by page: memory does not grow with
//! the backlog.
//!
//! A thread of its own, the keeper, does all that touches the disk. When that refuses, or
//! does not keep up, the head goes on alone within its bound, and what is there is saved as
//! soon as the disk takes writes again.

mod books;
mod bounds;
mod cold;
pub mod folder;
mod heard;
mod keeper;
mod raw;
mod record;
mod refusal;
mod salvage;
pub mod store;
mod waiting;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;

use rustc_hash::{FxHashMap, FxHashSet};
use tokio::sync::Notify;

use self::cold::Cold;
use self::keeper::{Job, Keeper, Report, Why};
use self::store::{Fault, Op, Open, Stock};
use super::dead_letters::Written;
use super::dead_letters::files::Letters;
use super::memory::Memory;
use super::{Change, DiskFigures, DiskState, Outbox, Waiting};
use crate::delivery::point::{Discard, Key, Point};

/// Bytes that points in memory may take while the disk refuses.
const HEAD: usize = 64 << 20;
/// Points that are on disk as well stay in memory up to the bound divided by this. They go first
/// when SiteWise is back, and what is said then should not wait for many.
const WARM: usize = 4;
/// Points that the keeper has not yet saved at most; beyond, the disk does not keep up. Tests make
/// do with fewer.
const BACKLOG: usize = if cfg!(test) { 2_000 } else { 200_000 };
/// Changes that are handed to the keeper at once at most.
const BATCH: usize = 4_096;
/// Keys without a record that are removed all the same after the disk refused, at most.
const REMOVES: usize = 100_000;
/// Points that are looked at together when the oldest have to go.
const OLDEST: usize = 10_000;

/// The folder of what is heard before SiteWise is reached.
const HEARD: &str = "heard";

/// A point that delivery has.
#[derive(Debug, Default)]
struct Taken {
    /// A later one with the same key: it waits until this one is decided.
    successor: Option<Box<Waiting>>,
    /// Itself, where it is not on disk: delivery does not give it back.
    unsaved: Option<Box<Point>>,
}

/// A write that is not yet safe.
#[derive(Debug)]
struct Write {
    number: u64,
    ops: Arc<Vec<Op>>,
    /// How many of them remove something.
    removes: usize,
}

/// Whether a point that is not safe was sent to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attempt {
    /// It was: there may be a record.
    Sent,
    /// It was not: what has its key on disk is another.
    None,
}

/// A point that came to the head.
#[derive(Clone, Copy, Debug)]
struct Arrived {
    /// The write that saves it.
    write: u64,
    /// Its number there: one with the same key may have come since.
    arrival: Option<u64>,
    key: Key,
}

/// Waiting points on disk.
pub struct Disk {
    bound: u64,
    head_bound: usize,
    head: Memory,
    /// Points of the head in the order of their arrival. Others may be among them that are no
    /// longer there.
    order: VecDeque<Arrived>,
    /// Points of the head that were overwritten there, with the write that saves the last.
    rewritten: FxHashMap<Key, u64>,
    taken: FxHashMap<Key, Taken>,
    successors: usize,
    cold: Cold,
    /// What goes to the keeper next.
    outgoing: Vec<Op>,
    /// Numbers of the last write that was sent and of the last that is safe.
    sent: u64,
    saved: u64,
    epoch: u64,
    unsaved_writes: VecDeque<Write>,
    /// The last write of those that make up for what the disk lacked: however many they are, they
    /// do not mean that it falls behind again.
    made_up_by: u64,
    state: DiskState,
    /// While the state is not well: points that came since, or were not yet safe then, and
    /// what is to be removed.
    unsaved: FxHashMap<Key, Attempt>,
    removes: Vec<Key>,
    stock: Stock,
    /// While the oldest points are being asked for, to be given up: those decided since. And
    /// the write that removes the last of them.
    giving_up: Option<FxHashSet<Key>>,
    given_up_by: u64,
    /// Points that could not be read back from a store that was damaged meanwhile.
    missing: u64,
    /// Whether the store has been open once.
    known: bool,
    figures: DiskFigures,
    changes: VecDeque<Change>,
    /// What earlier processes heard.
    heard: Option<heard::Again>,
    jobs: Sender<Job>,
    reports: Receiver<Report>,
    keeper: Option<JoinHandle<()>>,
    closed: bool,
}

impl std::fmt::Debug for Disk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Disk").field("figures", &self.figures).finish_non_exhaustive()
    }
}

impl Disk {
    /// Opens the outbox in a folder, which is made if it is not there. Its records take at
    /// most `bound` bytes. `wake` is told when [`poll`](Outbox::poll) has something to take in.
    ///
    /// A disk that refuses is no fault, nor is damage: the outbox begins in memory and tells so.
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
        let thread = std::thread::Builder::new().name("outbox".to_owned());
        let thread = thread.spawn(move || keeper.run(&jobs));
        disk.keeper = Some(thread.map_err(|error| Fault::Disk(error.to_string()))?);
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
            bound,
            head_bound,
            head: Memory::new(usize::MAX),
            order: VecDeque::new(),
            rewritten: FxHashMap::default(),
            taken: FxHashMap::default(),
            successors: 0,
            cold: Cold::default(),
            outgoing: Vec::new(),
            sent: 0,
            saved: 0,
            epoch: 0,
            unsaved_writes: VecDeque::new(),
            made_up_by: 0,
            state: DiskState::Well,
            unsaved: FxHashMap::default(),
            removes: Vec::new(),
            stock: Stock::default(),
            giving_up: None,
            given_up_by: 0,
            missing: 0,
            known: false,
            figures: DiskFigures::default(),
            changes: VecDeque::new(),
            heard: Some(heard),
            jobs,
            reports,
            keeper: None,
            closed: false,
        };
        match stock {
            Ok(stock) => disk.found(stock),
            Err(fault) => disk.refused(1, fault),
        }
        (disk, keeper, to_do)
    }

    /// The store is open. What is in it for the first time was left by an earlier process; so
    /// was what its books say and nobody can read.
    fn found(&mut self, stock: Stock) {
        let before = std::mem::replace(&mut self.stock, stock);
        if stock.unreadable > 0 {
            self.changes.push_back(Change::Lost(stock.unreadable));
        }
        if !std::mem::replace(&mut self.known, true) {
            self.figures.restored += stock.points + stock.unreadable;
            self.figures.unreadable += stock.unreadable;
            self.cold.left(usize::try_from(stock.points).unwrap_or(usize::MAX));
        } else if stock.unreadable > 0 {
            // Which they were shows when all is read: some may be in memory as well.
            self.missing += stock.unreadable;
        } else if stock.mended && stock.points > before.points {
            // What had been removed came up again where the damage hides its removal.
            let more = stock.points - before.points;
            self.figures.restored += more;
            self.cold.left(usize::try_from(more).unwrap_or(usize::MAX));
        }
        self.give_up();
    }

    fn is_well(&self) -> bool {
        self.state == DiskState::Well
    }

    /// Number of the write that the next change goes into.
    fn next_write(&self) -> u64 {
        self.sent + 1
    }

    fn save(&mut self, point: &Point, fresh: bool) {
        if self.is_well() {
            self.unsaved.remove(&point.key());
            self.outgoing.push(Op::Save { point: point.clone(), fresh });
        } else {
            let attempt = if fresh { Attempt::None } else { Attempt::Sent };
            self.unsaved.entry(point.key()).or_insert(attempt);
        }
    }

    fn forget(&mut self, key: Key) {
        if self.is_well() {
            self.unsaved.remove(&key);
            self.outgoing.push(Op::Remove(key));
        } else if self.unsaved.remove(&key) != Some(Attempt::None) {
            self.removes.push(key);
        } else if self.cold.len() > 0 && self.removes.len() < REMOVES {
            // It may have overwritten one that is on disk alone.
            self.removes.push(key);
        }
    }

    /// Hands over what has gathered.
    fn send(&mut self) {
        if self.outgoing.is_empty() || !self.is_well() {
            return;
        }
        self.hand_over();
        if self.falls_behind() {
            self.hold(DiskState::Behind);
            self.changes.push_back(Change::Behind);
        }
    }

    fn hand_over(&mut self) {
        let ops = Arc::new(std::mem::take(&mut self.outgoing));
        let removes = ops.iter().filter(|op| matches!(op, Op::Remove(_))).count();
        self.sent += 1;
        let number = self.sent;
        self.unsaved_writes.push_back(Write { number, ops: Arc::clone(&ops), removes });
        // A keeper that is gone shows at the latest when the outbox is closed.
        let _ = self.jobs.send(Job::Write { epoch: self.epoch, number: self.sent, ops });
    }

    fn take_in(&mut self, report: Report) {
        match report {
            Report::Saved { number, overwritten, stock } => {
                self.saved = number;
                self.stock = stock;
                self.figures.overwritten += self.cold.overwritten(overwritten);
                while self.unsaved_writes.front().is_some_and(|write| write.number <= number) {
                    self.unsaved_writes.pop_front();
                }
                self.rewritten.retain(|_, rewritten| *rewritten > number);
                if self.state == DiskState::Behind && self.unsaved_writes.is_empty() {
                    self.well_again();
                }
                self.leave_cold();
                self.give_up();
            }
            Report::Read { epoch, .. } if epoch != self.epoch || !self.is_well() => {}
            Report::Read { points, why: Why::GiveUp, .. } => self.given_up(points),
            Report::Read { points, why: Why::Deliver, .. } => {
                let (head, taken) = (&self.head, &self.taken);
                let is_here = |key: &Key| head.get(key).is_some() || taken.contains_key(key);
                self.cold.read(points.into_iter().map(|(point, _)| point), is_here);
            }
            Report::Refused { epoch, fault } => self.refused(epoch, fault),
            Report::Opened(stock) => {
                self.well_again();
                self.found(stock);
            }
            Report::Retry { letters, request } => self.retry(letters, request),
            Report::Heard { values, lost } => {
                let _ = self.jobs.send(Job::Heard { values, lost });
                if lost > 0 {
                    self.figures.restored += lost;
                    self.figures.unreadable += lost;
                    self.changes.push_back(Change::Lost(lost));
                }
            }
            Report::Deaf => self.changes.push_back(Change::Deaf),
            Report::Closed => self.closed = true,
        }
    }

    /// Puts the values of dead letters back. While the disk refuses they stay where they are.
    fn retry(&mut self, letters: Vec<Written>, request: PathBuf) {
        if !self.is_well() {
            return;
        }
        let mut gone = Vec::new();
        for point in letters.iter().filter_map(Written::point) {
            self.figures.restored += 1;
            self.keep(Waiting { point, gate: None }, &mut gone);
        }
        self.figures.overwritten += gone.len() as u64;
        self.send();
        let _ = self.jobs.send(Job::Retried { letters, request });
    }

    fn keep(&mut self, waiting: Waiting, gone: &mut Vec<(Point, Discard)>) {
        let key = waiting.point.key();
        if self.taken.contains_key(&key) {
            self.save(&waiting.point, false);
            if let Some(taken) = self.taken.get_mut(&key) {
                match taken.successor.replace(Box::new(waiting)) {
                    Some(before) => gone.push((before.point, Discard::Overwritten)),
                    None => self.successors += 1,
                }
            }
            return;
        }
        let on_page = self.cold.overwrite(&key);
        self.figures.overwritten += u64::from(on_page);
        let here = self.head.get(&key).is_some();
        self.save(&waiting.point, !(here || on_page));
        if here && self.is_well() {
            self.rewritten.insert(key, self.next_write());
        }
        gone.extend(self.head.put(vec![waiting]));
        if !here {
            self.arrived(key);
        }
    }

    /// A point came to the head.
    fn arrived(&mut self, key: Key) {
        let arrival = self.head.arrival(&key);
        self.order.push_back(Arrived { write: self.next_write(), arrival, key });
    }
}

#[cfg(test)]
pub(super) mod tests;
