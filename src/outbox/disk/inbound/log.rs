//! The log of inbound messages that this process writes.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use super::super::books::{Books, CountEntry};
use super::super::repair::{self, make_folder, sync_folder};
use super::{BOOKS, InboundRecord, files, needed_bytes, recorded_counts};

/// Appends inbound messages to a file. A record stays in memory until it is flushed, so that it can
/// be written again after a fault.
#[derive(Debug)]
pub(in super::super) struct InboundLog {
    folder: PathBuf,
    file: Option<File>,
    /// Bytes of the file that are flushed.
    flushed_bytes: u64,
    /// What is not flushed yet, and how many of these are written.
    unflushed: VecDeque<InboundRecord>,
    written_count: usize,
    /// Bytes of all files, and of what waits.
    bytes: u64,
    /// Bytes that they need once they are decided.
    needed_bytes: u64,
    books: Option<Books>,
    /// Number of the last entry in the books, values that earlier processes left, and our own.
    last_entry: u64,
    earlier_values: u64,
    own_values: u64,
    /// Whether the books need an entry, and whether the loss of earlier values was reported.
    needs_entry: bool,
    loss_reported: bool,
    /// Whether some of it was lost: what is there is kept then, to be looked at.
    is_damaged: bool,
}

impl InboundLog {
    pub(in super::super) fn new(folder: PathBuf) -> Self {
        let size = |path: &PathBuf| fs::metadata(path).map_or(0, |file| file.len());
        let bytes = files(&folder).iter().map(size).sum();
        let CountEntry { batch: last_entry, points: left, .. } =
            recorded_counts(&folder).ok().flatten().unwrap_or_default();
        Self {
            folder,
            file: None,
            flushed_bytes: 0,
            unflushed: VecDeque::new(),
            written_count: 0,
            bytes,
            needed_bytes: needed_bytes(bytes, left),
            books: None,
            last_entry,
            earlier_values: left,
            own_values: 0,
            needs_entry: false,
            loss_reported: false,
            is_damaged: false,
        }
    }

    /// Bytes of all that is kept.
    #[cfg(test)]
    pub(in super::super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes that all that is kept needs, now or once it is decided.
    pub(in super::super) fn needed_bytes(&self) -> u64 {
        self.needed_bytes
    }

    /// Whether all that was taken is flushed.
    pub(in super::super) fn is_flushed(&self) -> bool {
        self.unflushed.is_empty()
    }

    /// Bytes of what is not flushed yet.
    pub(in super::super) fn unflushed_bytes(&self) -> usize {
        self.unflushed.iter().map(|record| record.bytes.len()).sum()
    }

    /// Whether there is something to be waited for.
    pub(in super::super) fn needs_sync(&self) -> bool {
        self.needs_entry || self.written_count > 0
    }

    /// Takes a record, which is to be [written](Self::write).
    pub(in super::super) fn append(&mut self, record: InboundRecord) {
        self.bytes += record.bytes.len() as u64;
        self.needed_bytes += record.needed_bytes();
        self.unflushed.push_back(record);
    }

    /// Writes what is not written; it is flushed after the next [`sync`](Self::sync).
    pub(in super::super) fn write(&mut self) -> io::Result<()> {
        let written = self.write_all();
        if written.is_err() {
            self.rewind_unflushed();
        }
        written
    }

    fn write_all(&mut self) -> io::Result<()> {
        while let Some(record) = self.unflushed.get(self.written_count) {
            let file = match &mut self.file {
                Some(file) => file,
                None => {
                    if self.folder.symlink_metadata().is_ok_and(|found| !found.is_dir()) {
                        repair::set_aside(&self.folder)?;
                    }
                    make_folder(&self.folder)?;
                    let last = files(&self.folder).pop();
                    let last = last.and_then(|path| path.file_stem()?.to_str()?.parse().ok());
                    let number = last.map_or(1, |last: u64| last + 1);
                    let path = self.folder.join(format!("{number:08}.heard"));
                    let mut options = OpenOptions::new();
                    let file = options.create_new(true).append(true).mode(0o600).open(path)?;
                    sync_folder(&self.folder)?;
                    self.flushed_bytes = 0;
                    self.file.insert(file)
                }
            };
            file.write_all(&record.bytes)?;
            self.written_count += 1;
        }
        Ok(())
    }

    /// What is not flushed is to be written again: here, or in another file where this one cannot
    /// be cut back to what is whole.
    fn rewind_unflushed(&mut self) {
        self.written_count = 0;
        self.file = self.file.take().filter(|file| file.set_len(self.flushed_bytes).is_ok());
    }

    /// Waits until the disk has all that was written.
    pub(in super::super) fn sync(&mut self) -> io::Result<()> {
        if self.written_count > 0 {
            if !self.folder.is_dir() {
                self.written_count = 0;
                (self.file, self.books) = (None, None);
                return Err(io::Error::other("the folder was removed"));
            }
            if let Some(file) = &self.file
                && let Err(error) = file.sync_data()
            {
                self.rewind_unflushed();
                return Err(error);
            }
            for record in self.unflushed.drain(..self.written_count) {
                self.flushed_bytes += record.bytes.len() as u64;
                self.own_values += record.values;
            }
            self.written_count = 0;
            self.needs_entry = true;
        }
        if self.needs_entry {
            self.write_books()?;
        }
        Ok(())
    }

    /// Enters what is flushed into the books.
    fn write_books(&mut self) -> io::Result<()> {
        let books = match &mut self.books {
            Some(books) => books,
            None => {
                let books = Books::at(&self.folder.with_file_name(BOOKS));
                self.books.insert(books.map_err(|fault| io::Error::other(fault.to_string()))?)
            }
        };
        self.last_entry += 1;
        let points = self.earlier_values + self.own_values;
        books.append(CountEntry { batch: self.last_entry, points, bytes: self.bytes })?;
        self.needs_entry = false;
        if std::mem::take(&mut self.loss_reported)
            && repair::unreported_loss(&self.folder).is_some()
        {
            repair::mark_reported(&self.folder)?;
        }
        Ok(())
    }

    /// This many values could be read of what earlier processes left, and this many not, which is
    /// reported.
    pub(in super::super) fn replay_finished(&mut self, values: u64, lost: u64) {
        self.is_damaged = lost > 0;
        // Nothing is to be entered where there is nothing.
        self.needs_entry |=
            values != self.earlier_values || repair::unreported_loss(&self.folder).is_some();
        self.loss_reported = true;
        self.earlier_values = values;
    }

    /// Clears the log: its values are flushed as points, or settled.
    pub(in super::super) fn clear(&mut self) {
        let (last_entry, is_damaged) = (self.last_entry, self.is_damaged);
        *self = Self {
            bytes: 0,
            needed_bytes: 0,
            earlier_values: 0,
            last_entry,
            ..Self::new(self.folder.clone())
        };
        // First the books: they must not tell of what is removed.
        let books = self.folder.with_file_name(BOOKS);
        let removed = fs::remove_file(&books).and_then(|()| match books.parent() {
            Some(folder) => sync_folder(folder),
            None => Ok(()),
        });
        if removed.is_err_and(|error| error.kind() != io::ErrorKind::NotFound) {
            // What cannot be removed is replayed once more, which is harmless.
            return;
        }
        if is_damaged && repair::set_aside(&self.folder).is_ok() {
            return;
        }
        for path in files(&self.folder) {
            let _ = fs::remove_file(path);
        }
        let _ = fs::remove_file(self.folder.join(repair::COMPLETE_MARK));
    }

    /// Lets what comes next go to another file, which may fail.
    #[cfg(test)]
    pub(in super::super) fn switch_file(&mut self, file: File) {
        self.file = Some(file);
    }
}
