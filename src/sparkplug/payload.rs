//! Payloads: bytes to messages and back, compressed ones included, within limits.
//!
//! Values stay undecoded in their protobuf fields until the datatype is known.

use std::io::{Read, Write};

use bytes::Bytes;
use flate2::read::{DeflateDecoder, GzDecoder, ZlibDecoder};
use flate2::write::{GzEncoder, ZlibEncoder};
use prost::Message;

use super::inflation_debt::InflationLimit;
use super::limits;
use super::proto::Payload;
use super::proto::payload::Metric;
use super::proto::payload::metric::Value;

mod parts;

/// The `uuid` of a payload whose body is another one, compressed.
pub const COMPRESSED: &str = "SPBV1.0_COMPRESSED";

/// The metric that says how the body is compressed.
const ALGORITHM: &str = "algorithm";

/// What a part of an inflated payload counts at least, in bytes.
const PART_WORK: usize = 16;

/// Why a payload cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum DecodeError {
    /// No protobuf of this schema.
    #[error("the payload is not Sparkplug B protobuf")]
    Malformed,
    /// More bytes or more parts than the limit.
    #[error("the payload is too large")]
    TooLarge,
    /// A compressed payload without a body, of an unknown algorithm, or damaged.
    #[error("the compressed payload cannot be decompressed")]
    Compression,
    /// A compressed payload within a compressed payload.
    #[error("the payload is compressed twice")]
    Nested,
    /// A compressed payload that inflates to far more than its size, and whose sender has had too
    /// much inflated.
    #[error("the payload is compressed, and its sender has exceeded the limit of decompression")]
    Costly,
}

/// How a payload may be compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// GZIP.
    Gzip,
    /// DEFLATE, in its zlib wrapping, as the known senders do.
    Deflate,
}

impl Compression {
    /// The value of the metric `algorithm`.
    pub const fn algorithm(self) -> &'static str {
        match self {
            Self::Gzip => "GZIP",
            Self::Deflate => "DEFLATE",
        }
    }
}

/// The payload in `bytes`, of which it keeps one copy; an empty one is a payload without anything.
///
/// # Errors
///
/// [`DecodeError`] says what the bytes are instead.
pub fn decode(bytes: &[u8]) -> Result<Payload, DecodeError> {
    decode_counted(bytes, InflationLimit::Full).0
}

/// As [`decode`], no further inflated than `inflate` says, and what that took, in bytes; nothing
/// where it is not compressed.
pub(crate) fn decode_counted(
    bytes: &[u8],
    inflate: InflationLimit,
) -> (Result<Payload, DecodeError>, usize) {
    let mut work = 0;
    (read(bytes, inflate, &mut work), work)
}

fn read(bytes: &[u8], limit: InflationLimit, work: &mut usize) -> Result<Payload, DecodeError> {
    if bytes.len() > limits::PAYLOAD_BYTES {
        return Err(DecodeError::TooLarge);
    }
    parts::check(bytes)?;
    let payload = decode_plain(Bytes::copy_from_slice(bytes))?;
    if payload.uuid.as_deref() != Some(COMPRESSED.as_bytes()) {
        return Ok(payload);
    }
    let max_bytes = limit.bytes(bytes.len());
    let limit_error = match limit {
        InflationLimit::Full => DecodeError::TooLarge,
        InflationLimit::Reduced => DecodeError::Costly,
    };
    let mut inflated = Vec::new();
    let is_whole = inflate(&payload, max_bytes, &mut inflated);
    *work = inflated.len();
    if !is_whole? {
        return Err(limit_error);
    }
    let parts = parts::count(&inflated);
    // Parts without bytes of their own take time as well.
    let parts_work = PART_WORK
        * match parts {
            Ok(parts) => parts,
            Err(DecodeError::TooLarge) => limits::PAYLOAD_PARTS,
            Err(_) => 0,
        };
    if limit == InflationLimit::Reduced && parts_work > max_bytes {
        return Err(limit_error);
    }
    *work = (*work).max(parts_work);
    parts?;
    let mut inner = decode_plain(inflated.into())?;
    if inner.uuid.as_deref() == Some(COMPRESSED.as_bytes()) {
        return Err(DecodeError::Nested);
    }
    inner.seq = inner.seq.or(payload.seq);
    inner.timestamp = inner.timestamp.or(payload.timestamp);
    Ok(inner)
}

fn decode_plain(bytes: Bytes) -> Result<Payload, DecodeError> {
    Payload::decode(bytes).map_err(|_| DecodeError::Malformed)
}

/// Inflates the body up to `max_bytes`. False where it goes on.
fn inflate(payload: &Payload, max_bytes: usize, into: &mut Vec<u8>) -> Result<bool, DecodeError> {
    let body = payload.body.as_deref().ok_or(DecodeError::Compression)?;
    match algorithm(payload) {
        Some(name) if name.eq_ignore_ascii_case(b"GZIP") => {
            bounded(GzDecoder::new(body), max_bytes, into)
        }
        Some(name) if name.eq_ignore_ascii_case(b"DEFLATE") => deflated(body, max_bytes, into),
        Some(_) => Err(DecodeError::Compression),
        None if body.starts_with(&[0x1f, 0x8b]) => bounded(GzDecoder::new(body), max_bytes, into),
        None => deflated(body, max_bytes, into),
    }
}

/// DEFLATE is wrapped in zlib by the known senders; the bare stream is accepted too.
fn deflated(body: &[u8], max_bytes: usize, into: &mut Vec<u8>) -> Result<bool, DecodeError> {
    match body {
        // zlib: method 8, and a header that divides by 31.
        [cmf, flg, ..]
            if cmf & 0x0f == 8 && u16::from_be_bytes([*cmf, *flg]).is_multiple_of(31) =>
        {
            bounded(ZlibDecoder::new(body), max_bytes, into)
        }
        _ => bounded(DeflateDecoder::new(body), max_bytes, into),
    }
}

fn bounded(
    reader: impl Read,
    max_bytes: usize,
    inflated: &mut Vec<u8>,
) -> Result<bool, DecodeError> {
    match reader.take(max_bytes as u64 + 1).read_to_end(inflated) {
        Ok(_) => Ok(inflated.len() <= max_bytes),
        Err(_) => Err(DecodeError::Compression),
    }
}

fn algorithm(payload: &Payload) -> Option<&[u8]> {
    let metric =
        payload.metrics.iter().find(|m| m.name.as_deref() == Some(ALGORITHM.as_bytes()))?;
    match &metric.value {
        Some(Value::StringValue(name)) => Some(name),
        _ => None,
    }
}

/// The bytes of `payload`.
pub fn encode(payload: &Payload) -> Vec<u8> {
    payload.encode_to_vec()
}

/// The bytes of a payload whose body is `payload`, compressed; sequence number and time
/// stand outside as well, as the Java and Cirrus senders have it.
pub fn encode_compressed(payload: &Payload, compression: Compression) -> Vec<u8> {
    let level = flate2::Compression::default();
    let plain = encode(payload);
    // Writing to a vector cannot fail.
    let body = match compression {
        Compression::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), level);
            let _ = encoder.write_all(&plain);
            encoder.finish().unwrap_or_default()
        }
        Compression::Deflate => {
            let mut encoder = ZlibEncoder::new(Vec::new(), level);
            let _ = encoder.write_all(&plain);
            encoder.finish().unwrap_or_default()
        }
    };
    let algorithm = Metric {
        name: Some(ALGORITHM.into()),
        datatype: Some(super::datatype::DataType::String.number()),
        value: Some(Value::StringValue(compression.algorithm().into())),
        ..Metric::default()
    };
    encode(&Payload {
        timestamp: payload.timestamp,
        seq: payload.seq,
        uuid: Some(COMPRESSED.into()),
        body: Some(body),
        metrics: vec![algorithm],
    })
}

#[cfg(test)]
mod tests;
