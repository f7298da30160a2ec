//! The keeper's thread, and what it reports.

use std::io;
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;
use std::time::Instant;

use super::disk_writer::{DiskJob, DiskReport, DiskWriter};

/// The keeper at work, once it is started.
#[derive(Debug)]
pub(super) struct DiskThread {
    reports: Receiver<DiskReport>,
    handle: Option<JoinHandle<()>>,
    is_closed: bool,
}

impl DiskThread {
    pub(super) fn new(reports: Receiver<DiskReport>) -> Self {
        Self { reports, handle: None, is_closed: false }
    }

    /// Lets the keeper do its jobs.
    pub(super) fn start(&mut self, keeper: DiskWriter, jobs: Receiver<DiskJob>) -> io::Result<()> {
        let thread = std::thread::Builder::new().name("outbox".to_owned());
        self.handle = Some(thread.spawn(move || keeper.run(&jobs))?);
        Ok(())
    }

    /// What it reports next, if it has.
    pub(super) fn report(&self) -> Option<DiskReport> {
        self.reports.try_recv().ok()
    }

    /// What it reports next, up to its last and for no longer than this.
    pub(super) fn report_until(&self, until: Instant) -> Option<DiskReport> {
        if self.is_closed {
            return None;
        }
        self.reports.recv_timeout(until.saturating_duration_since(Instant::now())).ok()
    }

    /// It reported `Closed`.
    pub(super) fn mark_closed(&mut self) {
        self.is_closed = true;
    }

    /// Joins the thread if it reported `Closed`.
    pub(super) fn join(&mut self) {
        if self.is_closed
            && let Some(keeper) = self.handle.take()
        {
            let _ = keeper.join();
        }
    }
}
