//! Reads stored messages once more while this process still writes them.

use std::iter::{Skip, Take};
use std::path::PathBuf;
use std::sync::mpsc::Receiver;

use super::InboundReader;
use crate::outbox::StoredInbound;

/// Some of the stored messages, which may not be written yet.
#[derive(Debug)]
pub(in super::super) struct InboundReread {
    folder: PathBuf,
    /// Ends once they are written.
    written: Receiver<()>,
    skip: usize,
    count: usize,
    reading: Option<Take<Skip<InboundReader>>>,
}

impl InboundReread {
    pub(in super::super) fn new(
        folder: PathBuf,
        written: Receiver<()>,
        (skip, count): (u64, u64),
    ) -> Self {
        let number = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        Self { folder, written, skip: number(skip), count: number(count), reading: None }
    }
}

impl Iterator for InboundReread {
    type Item = StoredInbound;

    fn next(&mut self) -> Option<StoredInbound> {
        let Self { folder, written, skip, count, reading } = self;
        let reading = reading.get_or_insert_with(|| {
            // What is sent is nothing: it ends when the disk thread has written them, or is gone.
            let _ = written.recv();
            InboundReader::new(folder).skip(*skip).take(*count)
        });
        reading.next()
    }
}
