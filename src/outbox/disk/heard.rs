//! What was heard before it was known what SiteWise has.
//!
//! It cannot be decided yet, so the messages themselves are kept: one record each in a file of
//! this process, waited for with everything else. The next process hears them again, if this one
//! has not forgotten them by then.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64;

use super::salvage::make_folder;
use crate::outbox::{Heard, What};
use crate::time::Timestamp;

/// Bytes of a record before its body: length and checksum.
const HEAD: usize = 12;
/// Bytes of a body at most.
const LARGEST: usize = 256 << 20;

/// A record as it is written.
pub(super) fn record(heard: &Heard) -> Vec<u8> {
    let mut body = Vec::new();
    body.extend(heard.at.as_millis().to_be_bytes());
    body.extend(heard.server.to_be_bytes());
    match &heard.what {
        What::Connected(session_time) => {
            body.push(0);
            body.extend(session_time.as_millis().to_be_bytes());
        }
        What::Disconnected => body.push(1),
        What::Message { topic, payload, retain } => {
            body.extend([2, u8::from(*retain)]);
            body.extend((topic.len() as u32).to_be_bytes());
            body.extend(topic.as_bytes());
            body.extend(payload);
        }
    }
    let mut record = (body.len() as u32).to_be_bytes().to_vec();
    record.extend(xxh3_64(&body).to_be_bytes());
    record.append(&mut body);
    record
}

fn heard(body: &[u8]) -> Option<Heard> {
    let (at, rest) = body.split_first_chunk::<8>()?;
    let (server, rest) = rest.split_first_chunk::<2>()?;
    let time = |bytes: &[u8; 8]| Timestamp::from_millis(i64::from_be_bytes(*bytes));
    let what = match rest {
        [0, rest @ ..] => What::Connected(time(rest.first_chunk()?)),
        [1] => What::Disconnected,
        [2, retain, rest @ ..] => {
            let (length, rest) = rest.split_first_chunk::<4>()?;
            let (topic, payload) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
            let topic = std::str::from_utf8(topic).ok()?.to_owned();
            let payload = Bytes::copy_from_slice(payload);
            What::Message { topic, payload, retain: *retain != 0 }
        }
        _ => return None,
    };
    Some(Heard { at: time(at), server: u16::from_be_bytes(*server), what })
}

/// The files in a folder, the oldest first.
pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "heard"));
    files.sort();
    files
}

/// What is in files, one after the other, each up to the first record that is not whole.
pub(super) fn read(files: Vec<PathBuf>) -> impl Iterator<Item = Heard> {
    files.into_iter().flat_map(|path| {
        let mut reader = File::open(path).ok().map(BufReader::new);
        std::iter::from_fn(move || {
            let reader = reader.as_mut()?;
            let mut head = [0; HEAD];
            reader.read_exact(&mut head).ok()?;
            let (length, sum) = head.split_first_chunk::<4>()?;
            let length = u32::from_be_bytes(*length) as usize;
            let mut body = Vec::new();
            let limit = length.min(LARGEST) as u64;
            reader.by_ref().take(limit).read_to_end(&mut body).ok()?;
            (xxh3_64(&body).to_be_bytes() == *sum).then(|| heard(&body)).flatten()
        })
    })
}

/// The file of this process.
#[derive(Debug)]
pub(super) struct Ears {
    folder: PathBuf,
    file: Option<File>,
    /// Bytes of all files.
    bytes: u64,
    dirty: bool,
}

impl Ears {
    pub(super) fn new(folder: PathBuf) -> Self {
        let size = |path: &PathBuf| fs::metadata(path).map_or(0, |file| file.len());
        let bytes = files(&folder).iter().map(size).sum();
        Self { folder, file: None, bytes, dirty: false }
    }

    /// Bytes of all that is kept.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Keeps a record; it is safe after the next [`sync`](Self::sync).
    pub(super) fn keep(&mut self, record: &[u8]) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                make_folder(&self.folder)?;
                let last = files(&self.folder).pop();
                let last = last.and_then(|path| path.file_stem()?.to_str()?.parse().ok());
                let number = last.map_or(1, |last: u64| last + 1);
                let path = self.folder.join(format!("{number:08}.heard"));
                let mut options = OpenOptions::new();
                let file = options.create_new(true).append(true).mode(0o600).open(path)?;
                self.file.insert(file)
            }
        };
        self.dirty = true;
        if let Err(error) = file.write_all(record) {
            // Part of it may be there: what comes next goes to another file.
            self.file = None;
            return Err(error);
        }
        self.bytes += record.len() as u64;
        Ok(())
    }

    /// Waits until the disk has all that was kept.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        match &self.file {
            Some(file) if std::mem::take(&mut self.dirty) => file.sync_data(),
            _ => Ok(()),
        }
    }

    /// All of it was decided, and is safe elsewhere.
    pub(super) fn forget(&mut self) {
        self.file = None;
        self.bytes = 0;
        for path in files(&self.folder) {
            // What cannot be removed is heard again, which is harmless.
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::tempdir::Folder;
    use super::*;

    fn some(number: i64) -> Heard {
        let what = match number % 3 {
            0 => What::Connected(Timestamp::from_millis(number)),
            1 => What::Message {
                topic: format!("spBv1.0/g/NDATA/n{number}"),
                payload: Bytes::from(vec![number as u8; number as usize]),
                retain: number % 2 == 0,
            },
            _ => What::Disconnected,
        };
        Heard { at: Timestamp::from_millis(1_000 + number), server: number as u16, what }
    }

    #[test]
    fn what_was_heard_is_heard_again_by_the_next_process() {
        let folder = Folder::new();
        let path = folder.path().join("heard");
        for life in 0..2 {
            let mut ears = Ears::new(path.clone());
            for number in 0..6 {
                ears.keep(&record(&some(6 * life + number))).unwrap();
            }
            ears.sync().unwrap();
        }
        let all: Vec<Heard> = read(files(&path)).collect();
        assert_eq!(all, (0..12).map(some).collect::<Vec<_>>());
        // A record that was cut short is none, and hides nothing of the next file.
        let first = files(&path).remove(0);
        let bytes = fs::read(&first).unwrap();
        fs::write(&first, &bytes[..bytes.len() - 1]).unwrap();
        assert_eq!(read(files(&path)).count(), 11);
        let mut ears = Ears::new(path.clone());
        let size = |path: &PathBuf| fs::metadata(path).unwrap().len();
        assert_eq!(ears.bytes(), files(&path).iter().map(size).sum::<u64>());
        ears.forget();
        assert_eq!(read(files(&path)).count(), 0);
    }
}
