//! The thread that does the disk I/O: the engine never waits for it.
//!
//! Jobs are done in their order. Changes are written immediately and flushed together, every
//! [`COMMIT`] (group commit); only then they are reported as saved.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::heard::{Ears, Record};
use super::record::Place;
use super::store::{Fault, Op, Open, Stock, Store};
use super::{HEAD, HEARD};
use crate::delivery::point::Point;
use crate::outbox::dead_letters::files::{self, Letters};
use crate::outbox::dead_letters::requests::{self, Request, Wish};
use crate::outbox::dead_letters::{DeadLetter, Written};

/// Between two waits for the disk. With what the disk itself takes, and the way from the
/// socket, far below the 200 ms after which a value is to be safe.
pub(super) const COMMIT: Duration = Duration::from_millis(50);
/// Interval of polling for requests about dead letters.
const LOOK: Duration = Duration::from_secs(1);
/// First delay before a store that failed is opened again; doubled each time.
const FIRST_RETRY: Duration = Duration::from_millis(500);
/// Longest delay before a store that failed is opened again.
const LONGEST_RETRY: Duration = Duration::from_secs(15);

/// What the keeper is to do.
#[derive(Debug)]
pub(super) enum Job {
    /// Change the store. Jobs of an epoch that a fault has ended are ignored.
    Write { epoch: u64, number: u64, ops: Arc<Vec<Op>> },
    /// Read points in their order after a place.
    Read { epoch: u64, after: Option<Place>, limit: usize, why: Why },
    /// Keep a refused point.
    Bury(Box<DeadLetter>),
    /// The values of these letters were written again: the request for that is done.
    Retried { letters: Vec<Written>, request: PathBuf },
    /// Keep what was heard, within so many bytes.
    Hear { record: Record, room: u64 },
    /// So many values of what earlier processes heard could be read, and so many not.
    Heard { values: u64, lost: u64 },
    /// What was heard is decided.
    Forget,
    /// Save all and end.
    Close,
}

/// The purpose of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// To be delivered.
    Deliver,
    /// To be given up: the store is full.
    GiveUp,
}

/// A report of the keeper.
#[derive(Debug)]
pub(super) enum Report {
    /// All writes up to this number are safe.
    Saved { number: u64, overwritten: u64, stock: Stock },
    /// Points as asked for, with the bytes of their records; fewer than asked for at the end.
    Read { epoch: u64, points: Vec<(Point, u64)>, why: Why },
    /// The values of these letters are to be sent again, as this request asks.
    Retry { letters: Vec<Written>, request: PathBuf },
    /// The disk refuses, or what lies there is damaged; a new epoch begins.
    Refused { epoch: u64, fault: Fault },
    /// It takes writes again.
    Opened(Stock),
    /// So many values of what earlier processes heard could be read, and so many not.
    Heard { values: u64, lost: u64 },
    /// What is heard is no longer kept: there is no room.
    Deaf,
    /// All is saved, and the store closed.
    Closed,
}

/// Does jobs, one after the other.
pub(super) struct Keeper {
    open: Open,
    store: Option<Box<dyn Store>>,
    letters: Letters,
    ears: Ears,
    is_deaf: bool,
    reports: Sender<Report>,
    wake: Arc<Notify>,
    epoch: u64,
    /// Number of the last write, and whether it waits for the disk.
    written: u64,
    unsynced: bool,
    overwritten: u64,
    /// The last changes that were safe, and how many points there were then.
    safe: (u64, u64),
    /// Why the store failed last.
    fault: Option<Fault>,
    retry: Duration,
    /// Since when it is open.
    opened: Instant,
}

/// A damaged store can panic.
fn guarded<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(Fault::Damaged("the store cannot read it".to_owned())))
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Go {
    On,
    Home,
}

impl Keeper {
    /// Begins with a store, or with the fault that opening it gave.
    pub(super) fn new(
        open: Open,
        store: Result<Box<dyn Store>, Fault>,
        letters: Letters,
        reports: Sender<Report>,
        wake: Arc<Notify>,
    ) -> Self {
        let mended = store.as_ref().is_ok_and(|store| store.stock().mended);
        let safe = store.as_ref().map_or((0, 0), |store| (store.batch(), store.stock().points));
        let (store, fault) = match store {
            Ok(store) => (Some(store), None),
            Err(fault) => (None, Some(fault)),
        };
        Self {
            open,
            epoch: u64::from(store.is_none()),
            store,
            fault,
            opened: Instant::now(),
            ears: Ears::new(letters.folder().with_file_name(HEARD)),
            is_deaf: false,
            letters,
            reports,
            wake,
            written: 0,
            unsynced: mended,
            overwritten: 0,
            safe,
            retry: FIRST_RETRY,
        }
    }

    /// Works until the outbox is closed or gone.
    pub(super) fn run(mut self, jobs: &Receiver<Job>) {
        let mut due: Option<Instant> = None;
        let mut look = Instant::now();
        loop {
            let timer = match (self.store.is_some(), self.unsynced) {
                (true, false) => None,
                (true, true) => Some(*due.get_or_insert_with(|| Instant::now() + COMMIT)),
                (false, _) => Some(*due.get_or_insert_with(|| Instant::now() + self.retry)),
            };
            let until = timer.map_or(look, |timer| timer.min(look));
            match jobs.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(job) => {
                    if self.handle(job) == Go::Home {
                        return;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    self.handle(Job::Close);
                    return;
                }
            }
            // A long row of jobs must not put the commit off.
            if timer.is_some_and(|at| at <= Instant::now()) {
                due = None;
                self.handle_timeout();
            }
            if look <= Instant::now() {
                look = Instant::now() + LOOK;
                self.handle_requests();
            }
        }
    }

    /// Does what people ask of the dead letters.
    pub(super) fn handle_requests(&mut self) {
        let requests = requests::asked(self.letters.folder());
        if requests.is_empty() || self.store.is_none() {
            return;
        }
        let mut all = files::read(self.letters.folder());
        for (path, Request { wish, ids }) in requests {
            let letters: Vec<Written> = ids.iter().filter_map(|id| all.remove(id)).collect();
            match wish {
                Wish::Drop => {
                    for letter in letters {
                        self.letters.gone(letter, false);
                    }
                    // If the disk refuses, the next write tells it.
                    let _ = self.letters.sync();
                    requests::done(&path);
                }
                Wish::Retry => self.report(Report::Retry { letters, request: path }),
            }
        }
    }

    /// Does one job.
    pub(super) fn handle(&mut self, job: Job) -> Go {
        match job {
            Job::Write { epoch, number, ops } if epoch == self.epoch => {
                let Some(store) = &mut self.store else { return Go::On };
                // Until a letter is safe, its point is not forgotten.
                let letters = self.letters.sync().map_err(|error| Fault::Disk(error.to_string()));
                match letters.and_then(|()| guarded(|| store.apply(&ops))) {
                    Ok(overwritten) => {
                        self.overwritten += overwritten;
                        self.written = number;
                        self.unsynced = true;
                    }
                    Err(fault) => self.failed(fault),
                }
            }
            Job::Read { epoch, after, limit, why } if epoch == self.epoch => {
                let Some(store) = &mut self.store else { return Go::On };
                match guarded(|| store.read(after, limit)) {
                    Ok(points) => self.report(Report::Read { epoch, points, why }),
                    Err(fault) => self.failed(fault),
                }
            }
            Job::Write { .. } | Job::Read { .. } => {}
            Job::Bury(letter) => {
                self.letters.push(*letter);
            }
            Job::Retried { letters, request } => {
                // Until its value is safe, a letter is not forgotten.
                self.sync();
                if self.store.is_some() {
                    for letter in letters {
                        self.letters.gone(letter, true);
                    }
                    let _ = self.letters.sync();
                    requests::done(&request);
                }
            }
            Job::Hear { record, room } => {
                let bytes = record.bytes.len();
                let fits = self.ears.bytes() + bytes as u64 <= room;
                let is_open = self.store.is_some();
                if !fits || (!is_open && self.ears.waiting() + bytes > HEAD) {
                    if !std::mem::replace(&mut self.is_deaf, true) {
                        self.report(Report::Deaf);
                    }
                    return Go::On;
                }
                self.ears.keep(record);
                // While the disk refuses it is in memory, and saved when it takes writes again.
                if is_open {
                    match self.ears.write() {
                        Ok(()) => self.unsynced = true,
                        Err(error) => self.failed(Fault::Disk(error.to_string())),
                    }
                }
            }
            Job::Heard { values, lost } => {
                self.ears.heard_again(values, lost);
                self.unsynced |= self.store.is_some() && self.ears.is_due();
            }
            Job::Forget => self.ears.forget(),
            Job::Close => {
                if self.store.is_none() {
                    let _ = self.ears.write().and_then(|()| self.ears.sync());
                }
                self.sync();
                self.store = None;
                self.report(Report::Closed);
                return Go::Home;
            }
        }
        Go::On
    }

    /// Waits for the disk, or opens it again.
    pub(super) fn handle_timeout(&mut self) {
        if self.store.is_some() {
            self.sync();
            return;
        }
        self.retry = self.retry.saturating_mul(2).min(LONGEST_RETRY);
        if let Err(error) = self.ears.write() {
            let fault = Fault::Disk(error.to_string());
            self.report(Report::Refused { epoch: self.epoch, fault });
            return;
        }
        match (self.open)(self.fault.as_ref()) {
            Ok(store) => {
                let mut stock = store.stock();
                let (batch, points) = self.safe;
                if store.batch() < batch {
                    // The folder was taken away with its books: this is another store.
                    stock.unreadable += points.saturating_sub(stock.points);
                }
                self.safe = (store.batch(), stock.points);
                self.unsynced = stock.mended || self.ears.is_due();
                self.store = Some(store);
                self.opened = Instant::now();
                self.report(Report::Opened(stock));
            }
            Err(fault) => {
                self.fault = Some(fault.clone());
                self.report(Report::Refused { epoch: self.epoch, fault });
            }
        }
    }

    #[cfg(test)]
    pub(super) fn ears(&mut self) -> &mut Ears {
        &mut self.ears
    }

    fn sync(&mut self) {
        let Some(store) = self.store.as_mut().filter(|_| self.unsynced) else { return };
        let ears = &mut self.ears;
        let mut heard = || ears.sync().map_err(|error| Fault::Disk(error.to_string()));
        match guarded(|| heard().and_then(|()| store.sync())) {
            Ok(()) => {
                let (stock, overwritten) = (store.stock(), std::mem::take(&mut self.overwritten));
                self.unsynced = false;
                self.safe = (store.batch(), stock.points);
                // One that fails again and again is not tried ever faster.
                if self.opened.elapsed() > LONGEST_RETRY {
                    self.retry = FIRST_RETRY;
                }
                self.report(Report::Saved { number: self.written, overwritten, stock });
            }
            Err(fault) => self.failed(fault),
        }
    }

    /// Closes a store that failed.
    fn failed(&mut self, fault: Fault) {
        self.store = None;
        self.unsynced = false;
        self.overwritten = 0;
        self.epoch += 1;
        self.fault = Some(fault.clone());
        self.report(Report::Refused { epoch: self.epoch, fault });
    }

    fn report(&self, report: Report) {
        // Nobody listens any more only when the outbox is gone.
        let _ = self.reports.send(report);
        self.wake.notify_one();
    }
}
