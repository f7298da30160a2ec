//! Stored messages that arrived before the initial sync.
//!
//! It cannot be decided yet, so the messages themselves are kept: one record each in a file of this
//! process, waited for with everything else. The next process replays them, unless this one has
//! deleted them. Each record has a mark and a checksum, so that what lies behind a damaged one is
//! found; books beside them tell how many values there were.

mod log;
mod reread;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;

use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64;

pub(super) use self::log::InboundLog;
pub(super) use self::reread::InboundReread;
use super::books::{self, CountEntry};
use super::disk_writer::DiskReport;
use super::raw::{FileWindow, WANTED};
use super::repair;
use super::store::StoreError;
use crate::outbox::{InboundKind, StoredInbound};
use crate::time::Timestamp;

/// What a record begins with; length and checksum of its body follow.
const MARK: &[u8] = b"\xffSPH";
const HEAD: usize = MARK.len() + 4 + 8;
/// Bytes of a body at most.
const LARGEST: usize = 256 << 20;
/// The books, beside the folder: they are there when that is gone.
const BOOKS: &str = "heard-books";

/// A record as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct InboundRecord {
    pub(super) bytes: Vec<u8>,
    /// Values in it.
    values: u64,
}

impl InboundRecord {
    /// Bytes that it takes, or that its values will take as points if that is more: so what is
    /// stored fits into the outbox once it is decided.
    pub(super) fn needed_bytes(&self) -> u64 {
        needed_bytes(self.bytes.len() as u64, self.values)
    }
}

/// Bytes that the record of a number takes as a point.
const POINT: u64 = 59;

/// The space that this many bytes of messages with this many values need.
fn needed_bytes(bytes: u64, values: u64) -> u64 {
    bytes.max(values * POINT)
}

/// The record of an inbound message.
pub(super) fn record(inbound: &StoredInbound) -> InboundRecord {
    let mut body = Vec::new();
    body.extend(inbound.at.as_millis().to_be_bytes());
    body.extend(inbound.server.to_be_bytes());
    match &inbound.kind {
        InboundKind::Connected(session_time) => {
            body.push(0);
            body.extend(session_time.as_millis().to_be_bytes());
        }
        InboundKind::Disconnected => body.push(1),
        InboundKind::Message { topic, payload, retain } => {
            body.extend([2, u8::from(*retain)]);
            body.extend((topic.len() as u32).to_be_bytes());
            body.extend(topic.as_bytes());
            body.extend(payload);
        }
        InboundKind::Oversized { topic, retain } => {
            body.extend([3, u8::from(*retain)]);
            body.extend(topic.as_bytes());
        }
    }
    let mut bytes = MARK.to_vec();
    bytes.extend((body.len() as u32).to_be_bytes());
    bytes.extend(xxh3_64(&body).to_be_bytes());
    bytes.append(&mut body);
    InboundRecord { bytes, values: values(&inbound.kind) }
}

/// Values in an inbound message: its metrics, and one at least.
fn values(what: &InboundKind) -> u64 {
    match what {
        InboundKind::Message { payload, .. } => metrics(payload).max(1),
        InboundKind::Connected(_) | InboundKind::Disconnected | InboundKind::Oversized { .. } => 0,
    }
}

/// Counts the metrics of a payload, up to what cannot be read of it.
fn metrics(mut payload: &[u8]) -> u64 {
    let mut count = 0;
    while let Some(tag) = varint(&mut payload) {
        let length = match tag & 7 {
            0 => varint(&mut payload).map(|_| 0),
            1 => Some(8),
            2 => varint(&mut payload),
            5 => Some(4),
            _ => None,
        };
        let length = length.and_then(|length| usize::try_from(length).ok());
        let Some(rest) = length.and_then(|length| payload.get(length..)) else { break };
        payload = rest;
        count += u64::from(tag == 2 << 3 | 2);
    }
    count
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..63).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// The message in the body of a record.
fn parse_body(body: &[u8]) -> Option<StoredInbound> {
    let (at, rest) = body.split_first_chunk::<8>()?;
    let (server, rest) = rest.split_first_chunk::<2>()?;
    let time = |bytes: &[u8; 8]| Timestamp::from_millis(i64::from_be_bytes(*bytes));
    let kind = match rest {
        [0, rest @ ..] => InboundKind::Connected(time(rest.first_chunk()?)),
        [1] => InboundKind::Disconnected,
        [2, retain, rest @ ..] => {
            let (length, rest) = rest.split_first_chunk::<4>()?;
            let (topic, payload) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
            let topic = std::str::from_utf8(topic).ok()?.to_owned();
            let payload = Bytes::copy_from_slice(payload);
            InboundKind::Message { topic, payload, retain: *retain != 0 }
        }
        [3, retain, topic @ ..] => {
            let topic = std::str::from_utf8(topic).ok()?.to_owned();
            InboundKind::Oversized { topic, retain: *retain != 0 }
        }
        _ => return None,
    };
    Some(StoredInbound { at: time(at), server: u16::from_be_bytes(*server), kind })
}

/// The files in a folder, the oldest first.
pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "heard"));
    files.sort();
    files
}

/// What the books of a folder say; none if there are none.
///
/// # Errors
///
/// A newer version has written them.
pub(super) fn recorded_counts(folder: &Path) -> Result<Option<CountEntry>, StoreError> {
    books::at(&folder.with_file_name(BOOKS))
}

/// Reads what is in a folder: all that is whole, whatever lies before it.
#[derive(Debug)]
pub(super) struct InboundReader {
    files: std::vec::IntoIter<PathBuf>,
    open: Option<OpenInboundFile>,
    /// Values that were read.
    pub(super) values: u64,
    /// Where something else is, with records after it, or what cannot be opened.
    pub(super) damaged_at: Vec<(PathBuf, u64)>,
}

#[derive(Debug)]
struct OpenInboundFile {
    path: PathBuf,
    window: FileWindow,
    offset: u64,
    /// Since where there is something else than records.
    damaged_since: Option<u64>,
}

impl InboundReader {
    pub(super) fn new(folder: &Path) -> Self {
        let files = files(folder).into_iter();
        Self { files, open: None, values: 0, damaged_at: Vec::new() }
    }

    /// Values that were lost, when all was read. Without books each place cost one at least.
    pub(super) fn lost(&self, recorded: Option<CountEntry>) -> u64 {
        recorded
            .map_or(self.damaged_at.len() as u64, |entry| entry.points.saturating_sub(self.values))
    }
}

impl Iterator for InboundReader {
    type Item = StoredInbound;

    fn next(&mut self) -> Option<StoredInbound> {
        loop {
            let Some(OpenInboundFile { path, window, offset, damaged_since }) = &mut self.open
            else {
                let path = self.files.next()?;
                match FileWindow::open(&path) {
                    Ok(window) => {
                        self.open =
                            Some(OpenInboundFile { path, window, offset: 0, damaged_since: None })
                    }
                    Err(_) => self.damaged_at.push((path, 0)),
                }
                continue;
            };
            if *offset >= window.size {
                // A torn end of a file is no damage; whether values were lost is seen from the
                // books.
                self.open = None;
            } else if let Some((inbound, bytes)) = whole(window, *offset) {
                *offset += bytes;
                self.damaged_at.extend(damaged_since.take().map(|flaw| (path.clone(), flaw)));
                self.values += values(&inbound.kind);
                return Some(inbound);
            } else {
                damaged_since.get_or_insert(*offset);
                *offset = next(window, *offset + 1);
            }
        }
    }
}

/// The record at a place, with its bytes, if it is whole.
fn whole(window: &mut FileWindow, at: u64) -> Option<(StoredInbound, u64)> {
    let head = window.at(at, HEAD).strip_prefix(MARK)?;
    let (length, head) = head.split_first_chunk::<4>()?;
    let sum = u64::from_be_bytes(*head.first_chunk()?);
    let length = u32::from_be_bytes(*length) as usize;
    let end = HEAD + length;
    if length > LARGEST || at + end as u64 > window.size {
        return None;
    }
    let body = window.at(at, end).get(HEAD..end)?;
    (xxh3_64(body) == sum).then(|| parse_body(body)).flatten().map(|inbound| (inbound, end as u64))
}

/// Where the next record may begin.
fn next(window: &mut FileWindow, at: u64) -> u64 {
    let size = window.size;
    let bytes = window.at(at, WANTED);
    match bytes.windows(MARK.len()).position(|bytes| bytes == MARK) {
        Some(found) => at + found as u64,
        None if at + bytes.len() as u64 >= size => size,
        // A mark may lie across the end of what was looked at.
        None => at + (bytes.len() - (MARK.len() - 1)) as u64,
    }
}

/// Inbound messages that earlier processes stored; at its end it reports how many were lost.
#[derive(Debug)]
pub(super) struct InboundReplay {
    reader: InboundReader,
    recorded: Option<CountEntry>,
    reports: Option<Sender<DiskReport>>,
}

impl InboundReplay {
    pub(super) fn new(folder: &Path, reports: Sender<DiskReport>) -> Self {
        let recorded = recorded_counts(folder).ok().flatten();
        Self { reader: InboundReader::new(folder), recorded, reports: Some(reports) }
    }
}

impl Iterator for InboundReplay {
    type Item = StoredInbound;

    fn next(&mut self) -> Option<StoredInbound> {
        let inbound = self.reader.next();
        if inbound.is_none()
            && let Some(reports) = self.reports.take()
        {
            let (values, lost) = (self.reader.values, self.reader.lost(self.recorded));
            let _ = reports.send(DiskReport::ReplayFinished { values, lost });
        }
        inbound
    }
}

/// Makes another folder of what can be read, whole when this returns; the values in it.
pub(super) fn copy(folder: &Path, new: &Path) -> Result<u64, StoreError> {
    let disk = |error: std::io::Error| StoreError::Disk(error.to_string());
    repair::make_folder(new).map_err(disk)?;
    let mut to = File::create(new.join(format!("{:08}.heard", 1))).map_err(disk)?;
    let mut reading = InboundReader::new(folder);
    for inbound in reading.by_ref() {
        to.write_all(&record(&inbound).bytes).map_err(disk)?;
    }
    to.sync_all().map_err(disk)?;
    repair::mark_complete(new, reading.lost(recorded_counts(folder)?))?;
    Ok(reading.values)
}

#[cfg(test)]
mod tests;
