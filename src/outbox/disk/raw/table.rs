//! A table: block after block, each with its checksum.

use std::borrow::Cow;

use xxhash_rust::xxh3::xxh3_128;

use super::{ByteReader, FileWindow, LARGEST, RawChange, WANTED};

const MAGIC: &[u8] = b"LSM\x03";
/// Bytes before a block.
const HEAD: usize = 4 + 1 + 16 + 4 + 4 + 4;
/// The kind of a block that has records.
const DATA: u64 = 0;
/// What stands after the last record.
const TRAILER: u64 = 255;
/// Bytes of the trailer, which ends with the count of records and begins with the interval at
/// which a record has its whole key.
const TRAILER_BYTES: usize = 31;

/// Reads all blocks that are whole; tells where one begins that is not.
pub(super) fn read(mut window: FileWindow, visit: &mut dyn FnMut(RawChange<'_>)) -> Vec<u64> {
    let mut flaws = Vec::new();
    let mut at = 0;
    while at < window.size {
        let bytes = window.at(at, WANTED);
        let Some(block) = head(bytes) else {
            // Between blocks other things stand as well, which have no records.
            if bytes.starts_with(MAGIC) {
                flaws.push(at);
            }
            at += next(bytes);
            continue;
        };
        let length = HEAD + block.length;
        let bytes = if length > bytes.len() { window.at(at, length) } else { bytes };
        match bytes.get(HEAD..length) {
            Some(data) if xxh3_128(data) == block.sum => {
                if block.kind == DATA && !records(data, block.unpacked, visit) {
                    flaws.push(at);
                }
                at += length as u64;
            }
            _ => {
                flaws.push(at);
                at += 1;
            }
        }
    }
    flaws
}

/// How far it is to where the next block may begin.
fn next(bytes: &[u8]) -> u64 {
    let rest = bytes.get(1..).unwrap_or_default();
    let found = rest.contains(&b'L').then(|| rest.iter().position(|byte| *byte == b'L'));
    found.flatten().unwrap_or(rest.len()) as u64 + 1
}

struct BlockHeader {
    kind: u64,
    sum: u128,
    length: usize,
    unpacked: usize,
}

fn head(bytes: &[u8]) -> Option<BlockHeader> {
    let mut reader = ByteReader { bytes, at: 0 };
    if reader.take(4)? != MAGIC {
        return None;
    }
    let kind = reader.number(1)?;
    let sum = u128::from(reader.number(8)?) | u128::from(reader.number(8)?) << 64;
    let (length, unpacked) = (reader.number(4)? as usize, reader.number(4)? as usize);
    let checksum = reader.number(4)?;
    let computed = xxh3_128(bytes.get(..HEAD - 4)?) & u128::from(u32::MAX);
    (computed == u128::from(checksum) && length < LARGEST && unpacked < LARGEST)
        .then_some(BlockHeader { kind, sum, length, unpacked })
}

/// Reads the records of a block; false if they are not as they should be.
fn records(data: &[u8], unpacked: usize, visit: &mut dyn FnMut(RawChange<'_>)) -> bool {
    // A block does not tell whether it is compressed, its length nearly always does.
    let packed = || lz4_flex::decompress(data, unpacked).ok().map(Cow::Owned);
    let plain = (data.len() == unpacked).then_some(Cow::Borrowed(data));
    let parsed = |data: &Cow<'_, [u8]>| parse(data, &mut |_| {}).is_some();
    let data = plain.filter(parsed).or_else(|| packed().filter(parsed));
    data.is_some_and(|data| parse(&data, visit).is_some())
}

fn parse(data: &[u8], visit: &mut dyn FnMut(RawChange<'_>)) -> Option<()> {
    let (_, trailer) = data.split_at_checked(data.len().checked_sub(TRAILER_BYTES)?)?;
    let interval = u64::from(*trailer.first()?);
    let count = ByteReader { bytes: trailer, at: TRAILER_BYTES - 4 }.number(4)?;
    let mut reader = ByteReader { bytes: data, at: 0 };
    let mut base: &[u8] = &[];
    let mut key = Vec::new();
    for number in 0..count {
        let kind = reader.number(1)?;
        if kind > 2 {
            return None;
        }
        let seqno = reader.varint()?;
        key.clear();
        if number.checked_rem(interval) == Some(0) {
            let length = reader.varint()? as usize;
            base = reader.take(length)?;
            key.extend_from_slice(base);
        } else {
            let (shared, rest) = (reader.varint()? as usize, reader.varint()? as usize);
            key.extend_from_slice(base.get(..shared)?);
            key.extend_from_slice(reader.take(rest)?);
        }
        let value = match kind {
            0 => {
                let length = reader.varint()? as usize;
                Some(reader.take(length)?)
            }
            _ => None,
        };
        visit(RawChange { seqno, key: &key, value });
    }
    (reader.number(1)? == TRAILER).then_some(())
}
