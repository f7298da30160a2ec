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
mod machines;
mod owner;
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
use self::cold::ColdPoints;
use self::held::Held;
use self::keeper::{DiskJob, DiskReport, DiskWriter, ReadPurpose};
use self::machines::{MachineFile, Machines};
pub use self::owner::give_to_owner;
use self::store::{StoreError, StoreOpener, StoreStats};
use self::tally::Tally;
use self::thread::Thread;
use self::writer::Writer;
use super::dead_letters::DeadLetterRecord;
use super::dead_letters::files::DeadLetterFiles;
use super::{DiskEvent, DiskState, QueuedPoint};

/// Bytes of points in memory while the disk is not writable.
const HEAD_BYTES_WHILE_FAILING: usize = 64 << 20;
/// Points that are on disk as well stay in memory up to the bound divided by this. They go first
/// when SiteWise is back, and what is said then should not wait for many.
const HEAD_SHARE: usize = 4;
/// Points that are not flushed yet at most; beyond, the disk counts as too slow. Fewer in tests.
const MAX_UNSAVED: usize = if cfg!(test) { 2_000 } else { 200_000 };
/// Changes that are handed to the keeper at once at most.
const BATCH: usize = 4_096;
/// Keys without a record that are removed all the same after the disk refused, at most.
const MAX_UNSAVED_REMOVES: usize = 100_000;
/// Points that are read together when the oldest have to be dropped.
const EVICT_BATCH: usize = 10_000;

/// The folder of messages stored before SiteWise is first reached.
const HEARD: &str = "heard";

/// The queue on disk.
pub struct DiskOutbox {
    /// Bytes that the head may take.
    head_bound: usize,
    /// The points in memory, and what is known of each of their keys.
    held: Held,
    /// Those on disk alone.
    cold: ColdPoints,
    /// The queue of writes to the disk thread.
    writer: Writer,
    /// How much may be on disk.
    bounds: Bounds,
    /// Counters of points that only the disk part loses or restores.
    tally: Tally,
    /// Events to be logged.
    changes: VecDeque<DiskEvent>,
    /// Inbound messages that earlier processes stored, until they are replayed.
    heard: Option<heard::InboundReplay>,
    /// Whose the assets are that values wait for.
    machines: Machines,
    /// Where it is, and what this one hears.
    inbound_folder: PathBuf,
    /// The disk thread.
    thread: Thread,
}

impl std::fmt::Debug for DiskOutbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Disk").field("tally", &self.tally).finish_non_exhaustive()
    }
}

impl DiskOutbox {
    /// Opens the outbox in a folder, which is made if it is not there. Its records take at
    /// most `bound` bytes. `wake` is told when [`poll`](super::Outbox::poll_event) has something to
    /// take in.
    ///
    /// An unwritable disk or damage is not an error: the outbox starts in memory and reports it.
    ///
    /// # Errors
    ///
    /// The folder cannot be made, or belongs to another process or user, or to a newer sparkwise.
    pub fn open(folder: &Path, bound: u64, wake: Arc<Notify>) -> Result<Self, StoreError> {
        let mut open = folder::opener(folder);
        let store = match open(None) {
            Err(
                fault @ (StoreError::Locked
                | StoreError::Foreign
                | StoreError::Folder(_)
                | StoreError::Denied(_)),
            ) => return Err(fault),
            opened => opened,
        };
        let letters = DeadLetterFiles::open(&folder.join("dead-letters"));
        let (mut disk, keeper, jobs) =
            Self::parts(open, store, letters, bound, HEAD_BYTES_WHILE_FAILING, wake);
        let started = disk.thread.start(keeper, jobs);
        started.map_err(|error| StoreError::Disk(error.to_string()))?;
        Ok(disk)
    }

    fn parts(
        open: StoreOpener,
        store: Result<Box<dyn store::Store>, StoreError>,
        letters: DeadLetterFiles,
        bound: u64,
        head_bound: usize,
        outbox_event: Arc<Notify>,
    ) -> (Self, DiskWriter, Receiver<DiskJob>) {
        let (jobs, to_do) = mpsc::channel();
        let (done, reports) = mpsc::channel();
        let stock = store.as_ref().map(|store| store.stock()).map_err(Clone::clone);
        let heard = letters.folder().with_file_name(HEARD);
        let inbound_folder = heard.clone();
        let heard = heard::InboundReplay::new(&heard, done.clone());
        let folder = letters.folder().parent().map(Path::to_owned).unwrap_or_default();
        let mut machine_file = MachineFile::of(&folder);
        let mut machines = Machines::default();
        match &stock {
            Ok(stock) if stock.points == 0 => machine_file.clear(),
            Ok(_) | Err(_) => machines = Machines::read(&folder),
        }
        let keeper = DiskWriter::new(open, store, letters, done, outbox_event, machine_file);
        let mut disk = Self {
            head_bound,
            held: Held::default(),
            cold: ColdPoints::default(),
            writer: Writer::new(jobs),
            bounds: Bounds::new(bound),
            tally: Tally::default(),
            changes: VecDeque::new(),
            heard: Some(heard),
            machines,
            inbound_folder,
            thread: Thread::new(reports),
        };
        match stock {
            Ok(stock) => {
                disk.tell_lost(stock.unreadable);
                disk.store_opened(stock);
            }
            Err(fault) => disk.refused(1, fault),
        }
        (disk, keeper, to_do)
    }

    /// The store is open.
    fn store_opened(&mut self, stock: StoreStats) {
        let before = std::mem::replace(&mut self.bounds.stock, stock);
        let cold = self.tally.found(before, stock);
        self.cold.add(usize::try_from(cold).unwrap_or(usize::MAX));
        self.evict();
    }

    fn handle_report(&mut self, report: DiskReport) {
        match report {
            DiskReport::Saved { number, overwritten, stock } => {
                self.writer.saved_up_to(number);
                self.bounds.stock = stock;
                self.tally.overwritten += self.cold.overwritten(overwritten);
                if *self.writer.state() == DiskState::Behind && self.writer.is_done() {
                    self.writable_again();
                }
                self.spill();
                self.evict();
            }
            DiskReport::Read { epoch, .. }
                if !self.writer.is_of_now(epoch) || !self.writer.is_well() => {}
            DiskReport::Read { points, why: ReadPurpose::GiveUp, .. } => self.evicted(points),
            DiskReport::Read { points, why: ReadPurpose::Deliver, .. } => {
                let points = points.into_iter().map(|(point, _)| point);
                self.cold.read(points, |key| self.held.has(key));
            }
            DiskReport::Refused { epoch, fault } => self.refused(epoch, fault),
            DiskReport::Opened(stock) => {
                let mut lost = stock.unreadable;
                if lost > 0 {
                    let in_memory = self.held.doubt(self.writer.saved());
                    // Of what an earlier process left nothing is in memory.
                    if self.tally.is_known() {
                        lost = self.tally.lost_in_use(lost, in_memory);
                    }
                }
                self.writable_again();
                self.tell_lost(lost);
                self.store_opened(stock);
            }
            DiskReport::Retry { letters, request } => self.retry(letters, request),
            DiskReport::Heard { values, lost } => {
                self.writer.tell(DiskJob::Heard { values, lost });
                if lost > 0 {
                    self.tally.unheard(lost);
                }
                self.tell_lost(lost);
            }
            DiskReport::Deaf => self.changes.push_back(DiskEvent::Deaf),
            DiskReport::Closed => self.thread.closed(),
        }
    }

    fn tell_lost(&mut self, points: u64) {
        if points > 0 {
            self.changes.push_back(DiskEvent::Lost(points));
        }
    }

    /// Puts the values of dead letters back. While the disk refuses they stay where they are.
    fn retry(&mut self, letters: Vec<DeadLetterRecord>, request: PathBuf) {
        if !self.writer.is_well() {
            return;
        }
        for point in letters.iter().filter_map(DeadLetterRecord::point) {
            self.tally.restored += 1;
            let overwritten = self.keep(QueuedPoint { point, gate: None });
            self.tally.overwritten += u64::from(overwritten.is_some());
        }
        self.send();
        self.writer.tell(DiskJob::Retried { letters, request });
    }
}

#[cfg(test)]
pub(super) mod tests;
