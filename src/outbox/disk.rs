//! The outbox on disk: the queue survives the process.
//!
//! Every point goes to disk within some tens of milliseconds, and stays there until it is decided.
//! Beside that it goes its way through memory: the last points wait in the *head*, an outbox in
//! memory, from which delivery takes them at once. What the head has no room for is only on disk,
//! *cold*; so is what an earlier process left. Cold points are read back in their order on disk as
//! delivery has room, page by page: memory does not grow with the backlog.
//!
//! A separate thread, the disk thread, does all disk I/O. If the disk is not writable, or too slow,
//! the head continues alone within its limit, and is saved as soon as the disk is writable again.

mod books;
mod bounds;
mod cold;
mod commit_due;
mod counters;
mod disk_writer;
mod faults;
pub mod folder;
mod inbound;
mod late;
pub mod late_files;
mod left;
mod machines;
mod memory_points;
mod outbox_impl;
mod owner;
mod pending_read;
mod raw;
mod record;
mod repair;
pub mod store;
mod thread;
mod write_queue;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};

use tokio::sync::Notify;

use self::bounds::Bounds;
use self::cold::ColdPoints;
use self::counters::DiskCounters;
use self::disk_writer::{DiskJob, DiskReport, DiskWriter, ReadPurpose};
use self::late::{LateRemovals, LateRows, Restored};
use self::late_files::LateFolder;
use self::machines::{MachineFile, Machines};
use self::memory_points::MemoryPoints;
pub use self::owner::give_to_owner;
use self::store::{StoreError, StoreOpener, StoreStats};
use self::thread::DiskThread;
use self::write_queue::WriteQueue;
use super::dead_letters::DeadLetterRecord;
use super::dead_letters::files::DeadLetterFiles;
use super::{DiskEvent, DiskState, QueuedPoint};

/// Bytes of points in memory while the disk is not writable.
const HEAD_BYTES_WHILE_FAILING: usize = 64 << 20;
/// Points that are on disk as well stay in memory up to the bound divided by this. They are
/// delivered first after an outage, so fewer of them let live values through sooner.
const HEAD_SHARE: usize = 4;
/// Points that are not flushed yet at most; beyond, the disk counts as too slow. Fewer in tests.
const MAX_UNSAVED: usize = if cfg!(test) { 2_000 } else { 200_000 };
/// Changes that are handed to the disk thread at once at most.
const BATCH: usize = 4_096;
/// Removals kept, while the disk fails, for keys that may have no record.
const MAX_UNSAVED_REMOVES: usize = 100_000;
/// Points that are read together when the oldest have to be dropped.
const EVICT_BATCH: usize = 10_000;

/// The folder of messages stored before SiteWise is first reached.
const INBOUND_FOLDER: &str = "heard";
/// Where dead letters are.
const LETTERS_FOLDER: &str = "dead-letters";
/// The folder of the files of late values.
pub(crate) const LATE_FOLDER: &str = "late";

/// Whether late values go into files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LateFileUse {
    /// They do, and what earlier processes left is restored.
    Enabled,
    /// They do not: files that are there stay as they are.
    Disabled,
}

/// The queue on disk.
pub struct DiskOutbox {
    /// Bytes that the head may take.
    head_bound: usize,
    /// The points in memory, and what is known of each of their keys.
    memory: MemoryPoints,
    /// Those on disk alone.
    cold: ColdPoints,
    /// The queue of writes to the disk thread.
    write_queue: WriteQueue,
    /// How much may be on disk.
    bounds: Bounds,
    /// Counters of points that only the disk part loses or restores.
    counters: DiskCounters,
    /// Events to be logged.
    events: VecDeque<DiskEvent>,
    /// Inbound messages that earlier processes stored, until they are replayed.
    inbound_replay: Option<inbound::InboundReplay>,
    /// Which node or device each asset belongs to that values wait for.
    machines: Machines,
    /// The folders of other bridges, of which one that died may have left something.
    beside: Vec<PathBuf>,
    /// The folder of stored inbound messages: those of earlier processes, and this one's.
    inbound_folder: PathBuf,
    /// Late values whose deletion from the store is not flushed.
    late: LateRemovals,
    /// Files of late values that earlier processes left.
    restored: Restored,
    /// The disk thread.
    thread: DiskThread,
}

impl std::fmt::Debug for DiskOutbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DiskOutbox").field("counters", &self.counters).finish_non_exhaustive()
    }
}

impl DiskOutbox {
    /// Opens the outbox in a folder, which is made if it is not there. Its records take at
    /// most `bound` bytes. `outbox_event` is notified when
    /// [`poll_event`](super::Outbox::poll_event) has something to return.
    ///
    /// An unwritable disk or damage is not an error: the outbox starts in memory and reports it.
    ///
    /// # Errors
    ///
    /// The folder cannot be made, or belongs to another process or user, or to a newer sparkwise.
    pub fn open(folder: &Path, bound: u64, outbox_event: Arc<Notify>) -> Result<Self, StoreError> {
        Self::open_as(folder, bound, outbox_event, LateFileUse::Disabled)
    }

    /// Opens the outbox as [`open`](Self::open) does; `late` says whether it takes late values out
    /// of the store into files.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_as(
        folder: &Path,
        bound: u64,
        outbox_event: Arc<Notify>,
        late: LateFileUse,
    ) -> Result<Self, StoreError> {
        let mut open = folder::opener(folder);
        let restored = Restored::default();
        let late_folder = LateFolder::new(&folder.join(LATE_FOLDER));
        if late == LateFileUse::Enabled {
            open = late::restoring(open, late_folder.clone(), restored.clone());
        }
        let store = match open(None) {
            Err(
                fault @ (StoreError::Locked
                | StoreError::Foreign
                | StoreError::Folder(_)
                | StoreError::Denied(_)),
            ) => return Err(fault),
            opened => opened,
        };
        let letters = DeadLetterFiles::open(&folder.join(LETTERS_FOLDER));
        let (mut disk, mut writer, jobs) =
            Self::parts(open, store, letters, bound, HEAD_BYTES_WHILE_FAILING, outbox_event);
        if late == LateFileUse::Enabled {
            writer.write_late(LateRows::new(late_folder, restored.clone()));
            disk.restored = restored;
        }
        let started = disk.thread.start(writer, jobs);
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
        let (jobs, job_queue) = mpsc::channel();
        let (report_sender, reports) = mpsc::channel();
        let stats = store.as_ref().map(|store| store.stats()).map_err(Clone::clone);
        let inbound_folder = letters.folder().with_file_name(INBOUND_FOLDER);
        let replay = inbound::InboundReplay::new(&inbound_folder, report_sender.clone());
        let folder = letters.folder().parent().map(Path::to_owned).unwrap_or_default();
        let mut machine_file = MachineFile::of(&folder);
        let mut machines = Machines::default();
        match &stats {
            Ok(stats) if stats.points == 0 => machine_file.clear(),
            Ok(_) | Err(_) => machines = Machines::read(&folder),
        }
        let writer =
            DiskWriter::new(open, store, letters, report_sender, outbox_event, machine_file);
        let mut disk = Self {
            head_bound,
            memory: MemoryPoints::default(),
            cold: ColdPoints::default(),
            write_queue: WriteQueue::new(jobs),
            bounds: Bounds::new(bound),
            counters: DiskCounters::default(),
            events: VecDeque::new(),
            inbound_replay: Some(replay),
            machines,
            beside: Vec::new(),
            inbound_folder,
            late: LateRemovals::default(),
            restored: Restored::default(),
            thread: DiskThread::new(reports),
        };
        match stats {
            Ok(stats) => {
                disk.report_lost(stats.unreadable);
                disk.store_opened(stats);
            }
            Err(fault) => disk.handle_store_failure(1, fault),
        }
        (disk, writer, job_queue)
    }

    /// The store is open.
    fn store_opened(&mut self, stats: StoreStats) {
        let before = std::mem::replace(&mut self.bounds.stats, stats);
        let cold = self.counters.count_opened(before, stats);
        self.cold.add(usize::try_from(cold).unwrap_or(usize::MAX));
        self.evict();
    }

    fn handle_report(&mut self, report: DiskReport) {
        match report {
            DiskReport::Flushed { number, overwritten, stats } => {
                self.write_queue.mark_flushed(number);
                self.late.handle_flushed(number);
                self.bounds.stats = stats;
                self.counters.overwritten += self.cold.count_overwritten(overwritten);
                if *self.write_queue.state() == DiskState::TooSlow && self.write_queue.is_flushed()
                {
                    self.handle_writable();
                }
                self.spill();
                self.evict();
            }
            DiskReport::Read { epoch, .. }
                if !self.write_queue.is_current_epoch(epoch) || !self.write_queue.is_writable() => {
            }
            DiskReport::Read { points, why: ReadPurpose::Evict, .. } => self.handle_evicted(points),
            DiskReport::Read { points, why: ReadPurpose::Deliver, .. } => {
                let points = points.into_iter().map(|(point, _)| point);
                self.cold.handle_page(points, |key| self.memory.has(key));
            }
            DiskReport::Failed { epoch, fault } => self.handle_store_failure(epoch, fault),
            DiskReport::Opened(stats) => {
                let mut lost = stats.unreadable;
                if lost > 0 {
                    let in_memory = self.memory.mark_all_unwritten(self.write_queue.last_flushed());
                    // Of what an earlier process left nothing is in memory.
                    if self.counters.was_opened() {
                        lost = self.counters.count_lost_in_use(lost, in_memory);
                    }
                }
                self.handle_writable();
                self.report_lost(lost);
                self.store_opened(stats);
            }
            DiskReport::Retry { letters, request } => self.retry(letters, request),
            DiskReport::LettersRemoved(letters) => {
                self.events.push_back(DiskEvent::LettersRemoved(letters));
            }
            DiskReport::ReplayFinished { values, lost } => {
                self.write_queue.send_job(DiskJob::ReplayFinished { values, lost });
                if lost > 0 {
                    self.counters.count_lost_inbound(lost);
                }
                self.report_lost(lost);
            }
            DiskReport::Late(events) => self.late.events.extend(events),
            DiskReport::InboundFull => self.events.push_back(DiskEvent::InboundFull),
            DiskReport::TakenOver(taken) => self.handle_taken_over(taken),
            DiskReport::Closed => self.thread.mark_closed(),
        }
    }

    fn report_lost(&mut self, points: u64) {
        if points > 0 {
            self.events.push_back(DiskEvent::PointsLost(points));
        }
    }

    /// Puts the values of dead letters back. While the disk fails they stay where they are.
    fn retry(&mut self, letters: Vec<DeadLetterRecord>, request: PathBuf) {
        if !self.write_queue.is_writable() {
            return;
        }
        for point in letters.iter().filter_map(DeadLetterRecord::point) {
            self.counters.restored += 1;
            let overwritten = self.enqueue(QueuedPoint { point, gate: None });
            self.counters.overwritten += u64::from(overwritten.is_some());
        }
        self.flush_writes();
        self.write_queue.send_job(DiskJob::DeleteRequest { letters, request });
    }
}

#[cfg(test)]
pub(crate) mod tests;
