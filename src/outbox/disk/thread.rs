//! The disk thread, and what it reports.

use std::io;
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;
use std::time::Instant;

use super::disk_writer::{DiskJob, DiskReport, DiskWriter};

/// The disk thread, once it is started.
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

    /// Starts the thread.
    pub(super) fn start(&mut self, writer: DiskWriter, jobs: Receiver<DiskJob>) -> io::Result<()> {
        let thread = std::thread::Builder::new().name("outbox".to_owned());
        self.handle = Some(thread.spawn(move || writer.run(&jobs))?);
        Ok(())
    }

    /// The next report, if there is one.
    pub(super) fn report(&self) -> Option<DiskReport> {
        self.reports.try_recv().ok()
    }

    /// The next report, up to the last one; waits until then at most.
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
            && let Some(thread) = self.handle.take()
        {
            let _ = thread.join();
        }
    }
}
