//! A log: batch after batch, each with its checksum.

use std::ops::Range;

use xxhash_rust::xxh3::xxh3_64;

use super::{ByteReader, CHUNK, FileWindow, LARGEST, RawChange, WANTED};

// What an entry begins with, and what a batch ends with.
const START: u8 = 1;
const ITEM: u64 = 2;
const END: u64 = 3;
const CLEAR: u64 = 4;
const TRAILER: &[u8] = b"FJL\x03";
/// Bytes of the start of a batch.
const HEAD: usize = 1 + 4 + 8;
/// Bytes of the longest value: longer ones are none of ours.
const VALUE: u64 = 1 << 16;
/// Numbers that a batch may have been given since the one before: its number has no checksum.
const LEAP: u64 = 1 << 32;

/// What was found in a log beside batches.
#[derive(Debug, Default)]
pub(super) struct LogScan {
    /// Where something else is, with batches after it.
    pub(super) flaws: Vec<u64>,
    /// Bytes before the last such place if no batch comes after it; zeroes are no such place.
    pub(super) torn: Option<u64>,
}

/// Reads all batches that are whole.
pub(super) fn read(mut window: FileWindow, visit: &mut dyn FnMut(u64, RawChange<'_>)) -> LogScan {
    let mut found = LogScan::default();
    // Where batches ended, if something else is there, and whether that is more than zeroes.
    let mut flaw: Option<(u64, bool)> = None;
    let (mut at, mut wanted, mut last) = (0, WANTED, None);
    let zeroes = vec![0; CHUNK];
    while at < window.size {
        let size = window.size;
        let bytes = window.at(at, wanted);
        let is_all = at + bytes.len() as u64 >= size;
        match parse(bytes) {
            Parsed::Batch(batch) => {
                if let Some((flaw, _)) = flaw.take() {
                    found.flaws.push(flaw);
                }
                let is_next = last.is_none_or(|last| (last..last + LEAP).contains(&batch.seqno));
                let seqno = if is_next { batch.seqno } else { last.unwrap_or_default() };
                if !is_next {
                    found.flaws.push(at);
                }
                for (keyspace, key, value) in batch.items {
                    let (Some(key), value) = (bytes.get(key), value.map(|of| bytes.get(of))) else {
                        continue;
                    };
                    visit(keyspace, RawChange { seqno, key, value: value.flatten() });
                }
                last = Some(seqno);
                at += batch.bytes as u64;
                wanted = WANTED;
            }
            Parsed::Short if !is_all && wanted < LARGEST => wanted *= 4,
            Parsed::Short | Parsed::None => {
                let (_, is_something) = flaw.get_or_insert((at, false));
                // Where the next may begin.
                let looked = bytes.get(..CHUNK.min(bytes.len())).unwrap_or_default();
                let rest = looked.get(1..).unwrap_or_default();
                let step = match rest.contains(&START) {
                    true => rest.iter().position(|byte| *byte == START).unwrap_or_default() + 1,
                    false => looked.len().max(1),
                };
                let passed = bytes.get(..step).unwrap_or_default();
                *is_something |= zeroes.get(..passed.len()) != Some(passed);
                at += step as u64;
                wanted = WANTED;
            }
        }
    }
    found.torn = flaw.filter(|(_, is_something)| *is_something).map(|(at, _)| at);
    found
}

/// Part, key and value; none if it was removed.
type Item = (u64, Range<usize>, Option<Range<usize>>);

struct LogBatch {
    bytes: usize,
    seqno: u64,
    items: Vec<Item>,
}

enum Parsed {
    Batch(LogBatch),
    /// It may be one, but not all of it is here.
    Short,
    None,
}

fn parse(bytes: &[u8]) -> Parsed {
    if bytes.first() != Some(&START) {
        return Parsed::None;
    }
    let mut reader = ByteReader { bytes, at: 1 };
    let (Some(count), Some(seqno)) = (reader.number(4), reader.number(8)) else {
        return Parsed::Short;
    };
    let mut items = Vec::new();
    for _ in 0..count {
        match item(&mut reader) {
            Ok(Some(item)) => items.push(item),
            // Nothing is emptied here: such an entry is none of ours.
            Ok(None) => {}
            Err(outcome) => return outcome,
        }
    }
    let end = reader.at;
    let (Some(tag), Some(sum), Some(trailer)) =
        (reader.number(1), reader.number(8), reader.take(TRAILER.len()))
    else {
        return Parsed::Short;
    };
    let sum_is = bytes.get(HEAD..end).map(xxh3_64);
    if tag != END || trailer != TRAILER || sum_is != Some(sum) {
        return Parsed::None;
    }
    Parsed::Batch(LogBatch { bytes: reader.at, seqno, items })
}

fn item(reader: &mut ByteReader<'_>) -> Result<Option<Item>, Parsed> {
    let short = Parsed::Short;
    match reader.number(1) {
        Some(ITEM) => {}
        Some(CLEAR) => return reader.number(8).map(|_| None).ok_or(short),
        Some(_) => return Err(Parsed::None),
        None => return Err(short),
    }
    let (Some(kind), Some(compression)) = (reader.number(1), reader.number(1)) else {
        return Err(short);
    };
    // Values are too short to be compressed.
    if kind > 2 || compression != 0 {
        return Err(Parsed::None);
    }
    let (Some(keyspace), Some(key), Some(length), Some(value)) =
        (reader.number(8), reader.number(2), reader.number(4), reader.number(4))
    else {
        return Err(short);
    };
    if length != value || value > VALUE {
        return Err(Parsed::None);
    }
    let at = reader.at;
    let (key, value) = (key as usize, value as usize);
    if reader.take(key + value).is_none() {
        return Err(short);
    }
    let value = at + key..at + key + value;
    Ok(Some((keyspace, at..at + key, (kind == 0).then_some(value))))
}
