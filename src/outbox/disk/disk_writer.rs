//! The thread that does the disk I/O: the engine never waits for it.
//!
//! Jobs are done in their order. Changes are written immediately and flushed together, every
//! [`COMMIT`](super::commit_due::COMMIT) (group commit); only then they are reported as saved.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::commit_due::{CommitDue, JobsLeft};
use super::inbound::{InboundLog, InboundRecord};
use super::late::LateRows;
use super::left::{self, LeftFolders, TakenOver};
use super::machines::MachineFile;
use super::record::RecordKey;
use super::store::{Store, StoreError, StoreOp, StoreOpener, StoreStats};
use super::{HEAD_BYTES_WHILE_FAILING, INBOUND_FOLDER};
use crate::delivery::point::Point;
use crate::late::FileName;
use crate::outbox::LateEvent;
use crate::outbox::dead_letters::files::{self, DeadLetterFiles};
use crate::outbox::dead_letters::requests::{self, DeadLetterAction, DeadLetterRequest};
use crate::outbox::dead_letters::{DeadLetter, DeadLetterRecord};

/// Interval of polling for requests about dead letters.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// First delay before a store that failed is opened again; doubled each time.
const FIRST_RETRY: Duration = Duration::from_millis(500);
/// Longest delay before a store that failed is opened again.
const LONGEST_RETRY: Duration = Duration::from_secs(15);

/// A job for the disk thread.
#[derive(Debug)]
pub(super) enum DiskJob {
    /// Change the store. Jobs of an epoch that a fault has ended are ignored.
    Write { epoch: u64, number: u64, ops: Arc<Vec<StoreOp>> },
    /// Read points in their order after a place.
    Read { epoch: u64, after: Option<RecordKey>, limit: usize, why: ReadPurpose },
    /// Keep a rejected point.
    StoreDeadLetter(Box<DeadLetter>),
    /// The values of these letters were written again: the request for that is done.
    DeleteRequest { letters: Vec<DeadLetterRecord>, request: PathBuf },
    /// Store an inbound message, if the log stays within `free_bytes`.
    StoreInbound { record: InboundRecord, free_bytes: u64 },
    /// This many values of messages that earlier processes stored could be read, and this many not.
    ReplayFinished { values: u64, lost: u64 },
    /// Drop the sender once all stored messages are flushed.
    NotifyFlushed(Sender<()>),
    /// All stored inbound messages are settled.
    ClearInbound,
    /// Write this line to the file of machines whose values wait.
    RecordMachine(Vec<u8>),
    /// Append this row to a file of late values.
    AppendLate { file: FileName, row: u64, line: String },
    /// This file of late values gets no more rows.
    CloseLate(FileName),
    /// The job of this file refused these rows.
    KeepLateLetters(FileName, Vec<DeadLetter>),
    /// Look in these folders for what another bridge left, and take it over.
    TakeOver(Vec<PathBuf>),
    /// Save all and end.
    Close,
}

/// The purpose of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadPurpose {
    /// To be delivered.
    Deliver,
    /// To be dropped: the store is full.
    Evict,
}

/// A report of the disk thread.
#[derive(Debug)]
pub(super) enum DiskReport {
    /// All writes up to this number are flushed.
    Flushed { number: u64, overwritten: u64, stats: StoreStats },
    /// Points as asked for, with the bytes of their records; fewer than asked for at the end.
    Read { epoch: u64, points: Vec<(Point, u64)>, why: ReadPurpose },
    /// The values of these letters are to be sent again, as this request asks.
    Retry { letters: Vec<DeadLetterRecord>, request: PathBuf },
    /// These letters are no longer there: their values are sent again, or were dropped.
    LettersRemoved(Vec<DeadLetterRecord>),
    /// The disk fails, or what is on it is damaged; a new epoch begins.
    Failed { epoch: u64, fault: StoreError },
    /// It takes writes again.
    Opened(StoreStats),
    /// This many values of messages that earlier processes stored could be read, and this many not.
    ReplayFinished { values: u64, lost: u64 },
    /// Inbound messages are no longer stored: the log is full.
    InboundFull,
    /// What became of late values.
    Late(Vec<LateEvent>),
    /// Points came from another folder.
    TakenOver(TakenOver),
    /// All is saved, and the store closed.
    Closed,
}

/// Does jobs, one after the other.
pub(super) struct DiskWriter {
    open: StoreOpener,
    store: Option<Box<dyn Store>>,
    letters: DeadLetterFiles,
    inbound_log: InboundLog,
    inbound_full: bool,
    machines: MachineFile,
    /// None unless late values go into files.
    late: Option<LateRows>,
    /// What other bridges left.
    left: LeftFolders,
    /// To be dropped once all stored messages are flushed.
    inbound_awaited: Vec<Sender<()>>,
    /// Requests about dead letters that could be neither read nor moved aside.
    reported_requests: BTreeSet<PathBuf>,
    reports: Sender<DiskReport>,
    outbox_event: Arc<Notify>,
    epoch: u64,
    /// Number of the last write, and whether it waits for the disk.
    last_write: u64,
    needs_sync: bool,
    overwritten: u64,
    /// The last changes that were flushed, and how many points there were then.
    last_flushed: (u64, u64),
    /// Why the store failed last.
    fault: Option<StoreError>,
    retry_delay: Duration,
    /// Since when it is open.
    opened_at: Instant,
}

/// A damaged store can panic, and must not end the process.
pub(super) fn catch_panic<T>(
    work: impl FnOnce() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(StoreError::Damaged("reading it panicked".to_owned())))
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LoopControl {
    Continue,
    Stop,
}

impl DiskWriter {
    /// Begins with a store, or with the fault that opening it gave.
    pub(super) fn new(
        open: StoreOpener,
        store: Result<Box<dyn Store>, StoreError>,
        letters: DeadLetterFiles,
        reports: Sender<DiskReport>,
        outbox_event: Arc<Notify>,
        machines: MachineFile,
    ) -> Self {
        let repaired = store.as_ref().is_ok_and(|store| store.stats().is_repaired);
        let last_flushed =
            store.as_ref().map_or((0, 0), |store| (store.batch(), store.stats().points));
        let (store, fault) = match store {
            Ok(store) => (Some(store), None),
            Err(fault) => (None, Some(fault)),
        };
        Self {
            open,
            epoch: u64::from(store.is_none()),
            store,
            fault,
            opened_at: Instant::now(),
            inbound_log: InboundLog::new(letters.folder().with_file_name(INBOUND_FOLDER)),
            inbound_full: false,
            machines,
            late: None,
            left: LeftFolders::default(),
            inbound_awaited: Vec::new(),
            reported_requests: BTreeSet::new(),
            letters,
            reports,
            outbox_event,
            last_write: 0,
            needs_sync: repaired,
            overwritten: 0,
            last_flushed,
            retry_delay: FIRST_RETRY,
        }
    }

    /// Takes late values into these files from now on.
    pub(super) fn write_late(&mut self, late: LateRows) {
        self.late = Some(late);
    }

    /// Works until the outbox is closed or gone.
    pub(super) fn run(mut self, jobs: &Receiver<DiskJob>) {
        let mut due: Option<CommitDue> = None;
        let mut last_commit: Option<Instant> = None;
        let mut next_check = Instant::now();
        loop {
            let timer = match (self.store.is_some(), self.needs_sync) {
                (true, false) => None,
                (true, true) => {
                    Some(*due.get_or_insert_with(|| CommitDue::after(last_commit, Instant::now())))
                }
                (false, _) => Some(
                    *due.get_or_insert_with(|| CommitDue::at(Instant::now() + self.retry_delay)),
                ),
            };
            let until = timer.map_or(next_check, |timer| timer.when_idle.min(next_check));
            let jobs_left = match jobs.recv_timeout(until.saturating_duration_since(Instant::now()))
            {
                Ok(job) => {
                    if self.handle(job) == LoopControl::Stop {
                        return;
                    }
                    JobsLeft::Perhaps
                }
                Err(RecvTimeoutError::Timeout) => JobsLeft::None,
                Err(RecvTimeoutError::Disconnected) => {
                    self.handle(DiskJob::Close);
                    return;
                }
            };
            // A long row of jobs must not put the commit off.
            if timer.is_some_and(|due| due.is_due(jobs_left, Instant::now())) {
                due = None;
                last_commit = Some(Instant::now());
                self.handle_timeout();
            }
            if next_check <= Instant::now() {
                next_check = Instant::now() + POLL_INTERVAL;
                self.check_files_in_place();
                self.sync_late();
                self.handle_requests();
                self.take_over();
                if self.left.is_busy() {
                    next_check = Instant::now() + left::PAUSE;
                }
            }
        }
    }

    /// Carries out the requests of `sparkwise dead-letters`.
    pub(super) fn handle_requests(&mut self) {
        let requests = requests::pending(self.letters.folder(), &mut self.reported_requests);
        if requests.is_empty() || self.store.is_none() {
            return;
        }
        let mut all = files::read(self.letters.folder());
        for (path, DeadLetterRequest { wish, ids }) in requests {
            let letters: Vec<DeadLetterRecord> =
                ids.iter().filter_map(|id| all.remove(id)).collect();
            match wish {
                DeadLetterAction::Drop => {
                    for letter in &letters {
                        self.letters.record_removed(letter.clone(), false);
                    }
                    // A fault of the disk shows at the next write.
                    let _ = self.letters.sync();
                    requests::delete_request(&path);
                    self.report(DiskReport::LettersRemoved(letters));
                }
                DeadLetterAction::Retry => {
                    self.report(DiskReport::Retry { letters, request: path })
                }
            }
        }
    }

    /// Does one job.
    pub(super) fn handle(&mut self, job: DiskJob) -> LoopControl {
        match job {
            DiskJob::Write { epoch, number, ops } if epoch == self.epoch => {
                self.write(number, &ops);
            }
            DiskJob::Read { epoch, after, limit, why } if epoch == self.epoch => {
                let Some(store) = &mut self.store else { return LoopControl::Continue };
                match catch_panic(|| store.read(after, limit)) {
                    Ok(points) => self.report(DiskReport::Read { epoch, points, why }),
                    Err(fault) => self.store_failed(fault),
                }
            }
            DiskJob::Write { .. } | DiskJob::Read { .. } => {}
            DiskJob::StoreDeadLetter(letter) => {
                self.letters.push(*letter);
            }
            DiskJob::DeleteRequest { letters, request } => self.delete_request(letters, &request),
            DiskJob::StoreInbound { record, free_bytes } => self.store_inbound(record, free_bytes),
            DiskJob::ReplayFinished { values, lost } => {
                self.inbound_log.replay_finished(values, lost);
                self.needs_sync |= self.store.is_some() && self.inbound_log.needs_sync();
            }
            DiskJob::NotifyFlushed(awaited) => {
                if !self.inbound_log.is_flushed() {
                    self.inbound_awaited.push(awaited);
                }
            }
            DiskJob::ClearInbound => self.inbound_log.clear(),
            DiskJob::RecordMachine(line) => {
                self.machines.push(&line);
                self.needs_sync |= self.store.is_some();
            }
            DiskJob::AppendLate { file, row, line } => {
                self.with_late(|late| late.append(file, row, line));
            }
            DiskJob::CloseLate(file) => self.with_late(|late| late.close(file)),
            DiskJob::KeepLateLetters(file, kept) => {
                self.with_late(|late| late.keep_letters(file, kept));
            }
            DiskJob::TakeOver(beside) => self.left.look(beside),
            DiskJob::Close => {
                self.sync_late();
                if self.store.is_none() {
                    let _ = self.inbound_log.write().and_then(|()| self.inbound_log.sync());
                }
                self.sync();
                self.store = None;
                self.report(DiskReport::Closed);
                return LoopControl::Stop;
            }
        }
        LoopControl::Continue
    }

    /// Changes the store.
    fn write(&mut self, number: u64, ops: &[StoreOp]) {
        let Some(store) = &mut self.store else { return };
        // Until a letter is flushed, its point is not forgotten.
        let letters = self.letters.sync().map_err(|error| StoreError::Disk(error.to_string()));
        match letters.and_then(|()| catch_panic(|| store.apply(ops))) {
            Ok(overwritten) => {
                self.overwritten += overwritten;
                self.last_write = number;
                self.needs_sync = true;
            }
            Err(fault) => self.store_failed(fault),
        }
    }

    /// The values of these letters were written again, as this request asked.
    fn delete_request(&mut self, letters: Vec<DeadLetterRecord>, request: &Path) {
        // Until its value is flushed, a letter is not forgotten.
        self.sync();
        // One that was taken twice, since the engine was slow, is done already.
        if self.store.is_some() && request.exists() {
            for letter in &letters {
                self.letters.record_removed(letter.clone(), true);
            }
            let _ = self.letters.sync();
            requests::delete_request(request);
            self.report(DiskReport::LettersRemoved(letters));
        }
    }

    /// Stores an inbound message, if the log stays within `free_bytes`.
    fn store_inbound(&mut self, record: InboundRecord, free_bytes: u64) {
        let bytes = record.bytes.len();
        // After a missing message the rest cannot be replayed in order.
        let needed_bytes = self.inbound_log.needed_bytes() + record.needed_bytes();
        let fits = !self.inbound_full && needed_bytes <= free_bytes;
        let is_open = self.store.is_some();
        let fits_in_memory =
            is_open || self.inbound_log.unflushed_bytes() + bytes <= HEAD_BYTES_WHILE_FAILING;
        if !fits || !fits_in_memory {
            if !std::mem::replace(&mut self.inbound_full, true) {
                self.report(DiskReport::InboundFull);
            }
            return;
        }
        self.inbound_log.append(record);
        // While the disk fails it is in memory, and saved when it takes writes again.
        if is_open {
            match self.inbound_log.write() {
                Ok(()) => self.needs_sync = true,
                Err(error) => self.store_failed(StoreError::Disk(error.to_string())),
            }
        }
    }

    /// Takes over some of what another bridge left.
    pub(super) fn take_over(&mut self) {
        let Some(store) = &mut self.store else { return };
        let (left, letters) = (&mut self.left, &mut self.letters);
        match catch_panic(|| left.take_page(store.as_mut(), letters)) {
            Ok(Some(taken)) => {
                self.needs_sync = true;
                self.report(DiskReport::TakenOver(taken));
            }
            Ok(None) => {}
            Err(fault) => self.store_failed(fault),
        }
    }

    fn with_late(&mut self, act: impl FnOnce(&mut LateRows)) {
        if let Some(late) = &mut self.late {
            act(late);
            self.needs_sync |= self.store.is_some() && late.needs_sync();
        }
    }

    /// Flushes late values. That these cannot be written does not concern the store.
    fn sync_late(&mut self) {
        let Self { late, letters, .. } = self;
        let done = late.as_mut().map(|late| late.sync(letters)).unwrap_or_default();
        if !done.is_empty() {
            self.report(DiskReport::Late(done));
        }
    }

    /// Waits for the disk, or opens it again.
    pub(super) fn handle_timeout(&mut self) {
        self.sync_late();
        if self.store.is_some() {
            self.sync();
            return;
        }
        self.retry_delay = self.retry_delay.saturating_mul(2).min(LONGEST_RETRY);
        if let Err(error) = self.inbound_log.write() {
            let fault = StoreError::Disk(error.to_string());
            self.report(DiskReport::Failed { epoch: self.epoch, fault });
            return;
        }
        match (self.open)(self.fault.as_ref()) {
            Ok(store) => {
                let mut stats = store.stats();
                let (batch, points) = self.last_flushed;
                if store.batch() < batch {
                    // The folder was taken away with its books: this is another store.
                    stats.unreadable += points.saturating_sub(stats.points);
                }
                self.last_flushed = (store.batch(), stats.points);
                self.needs_sync = stats.is_repaired || self.inbound_log.needs_sync();
                self.store = Some(store);
                self.opened_at = Instant::now();
                self.report(DiskReport::Opened(stats));
            }
            Err(fault) => {
                self.fault = Some(fault.clone());
                self.report(DiskReport::Failed { epoch: self.epoch, fault });
            }
        }
    }

    /// Notices what was removed while nothing is written: what is in memory is to be saved again
    /// before the process may be killed.
    pub(super) fn check_files_in_place(&mut self) {
        let Some(store) = self.store.as_mut() else { return };
        if let Err(fault) = catch_panic(|| store.check_in_place()) {
            self.store_failed(fault);
        }
    }

    #[cfg(test)]
    pub(super) fn inbound_log(&mut self) -> &mut InboundLog {
        &mut self.inbound_log
    }

    fn sync(&mut self) {
        let Some(store) = self.store.as_mut().filter(|_| self.needs_sync) else { return };
        self.machines.sync();
        let log = &mut self.inbound_log;
        let mut sync_log = || log.sync().map_err(|error| StoreError::Disk(error.to_string()));
        match catch_panic(|| sync_log().and_then(|()| store.sync())) {
            Ok(()) => {
                let (stats, overwritten) = (store.stats(), std::mem::take(&mut self.overwritten));
                self.needs_sync = false;
                self.inbound_awaited.clear();
                self.last_flushed = (store.batch(), stats.points);
                // One that fails again and again is not tried ever faster.
                if self.opened_at.elapsed() > LONGEST_RETRY {
                    self.retry_delay = FIRST_RETRY;
                }
                self.report(DiskReport::Flushed { number: self.last_write, overwritten, stats });
            }
            Err(fault) => self.store_failed(fault),
        }
    }

    /// Closes a store that failed.
    fn store_failed(&mut self, fault: StoreError) {
        self.store = None;
        self.needs_sync = false;
        self.overwritten = 0;
        self.epoch += 1;
        self.fault = Some(fault.clone());
        self.report(DiskReport::Failed { epoch: self.epoch, fault });
    }

    fn report(&self, report: DiskReport) {
        // The receiver is dropped only together with the outbox.
        let _ = self.reports.send(report);
        self.outbox_event.notify_one();
    }
}
