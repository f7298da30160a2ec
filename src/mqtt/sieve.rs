//! A filter between the socket and the MQTT client: it cuts the payload out of each oversized
//! message, and passes everything else unchanged.
//!
//! The client has one maximum, and a packet past it closes the connection: one retained message of
//! that size would lock us out for good. Of an oversized message the client gets the topic, the
//! packet identifier and a [`CutMarker`] in place of the payload, so that it is acknowledged like
//! any other. No more than a chunk of it is ever in memory.

use std::hash::{BuildHasher, RandomState};

/// How much larger than the limit a cut packet may be: its topic, and the mark.
pub(super) const CUT_PACKET_EXTRA: usize = 128 << 10;
/// After this many skipped bytes the server counts as alive: its ping response comes after the
/// packet. So few arrive in the shortest keep-alive over the slowest link.
const KEEP_ALIVE_BYTES: usize = 1 << 10;

const PUBLISH: u8 = 3;
const PING_RESPONSE: [u8; 2] = [0xd0, 0];
/// A fixed header: a byte, and a length of up to four.
const LONGEST_HEADER: usize = 5;

/// Replaces a payload, followed by the size of the packet. It is secret, so that no sender can
/// forge it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CutMarker([u8; 16]);

impl CutMarker {
    /// A mark that cannot be guessed.
    pub(super) fn new() -> Self {
        let half = |half: u8| RandomState::new().hash_one(half).to_be_bytes();
        let (mut mark, (first, last)) = ([0; 16], (half(0), half(1)));
        for (byte, from) in mark.iter_mut().zip(first.into_iter().chain(last)) {
            *byte = from;
        }
        Self(mark)
    }

    /// The size of the packet whose payload was cut; none if `payload` is a real one.
    pub(super) fn read(&self, payload: &[u8]) -> Option<u64> {
        let size = payload.strip_prefix(&self.0)?;
        Some(u64::from_be_bytes(size.try_into().ok()?))
    }

    fn write(&self, size: usize) -> Vec<u8> {
        let mut bytes = self.0.to_vec();
        bytes.extend((size as u64).to_be_bytes());
        bytes
    }
}

/// The sieve of one connection.
#[derive(Debug)]
pub(super) struct Sieve {
    max_packet: usize,
    mark: CutMarker,
    state: SieveState,
}

#[derive(Debug)]
enum SieveState {
    /// Between packets, or within a fixed header: what there is of it.
    Header(Vec<u8>),
    /// Within a packet that passes, and how much is left of it.
    Passing(usize),
    /// Before the payload of a message that is too large: what there is of it, and its length.
    Head { bytes: Vec<u8>, header: usize, length: usize },
    /// Within a payload that is taken out: how much is left of it, and for how much more of it
    /// the server counts as alive.
    Skipping { remaining: usize, until_ping: usize },
    /// Not MQTT: passed on, so that the client reports it.
    Invalid,
}

impl Sieve {
    /// For packets of at most `max_packet` bytes.
    pub(super) fn new(max_packet: usize, mark: CutMarker) -> Self {
        Self { max_packet, mark, state: SieveState::Header(Vec::new()) }
    }

    /// Takes input, and appends to `out` what is passed on.
    pub(super) fn feed(&mut self, mut input: &[u8], out: &mut Vec<u8>) {
        while !input.is_empty() {
            input = self.step(input, out);
        }
    }

    /// Returns what is left of the input.
    fn step<'a>(&mut self, input: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
        match &mut self.state {
            SieveState::Header(header) => {
                let (first, rest) = split(input, 1);
                header.extend(first);
                let length = match remaining_length(header) {
                    Length::Known(length) => length,
                    Length::Unfinished => return rest,
                    Length::Malformed => {
                        out.append(header);
                        self.state = SieveState::Invalid;
                        return rest;
                    }
                };
                let bytes = std::mem::take(header);
                let publish = bytes.first().is_some_and(|first| first >> 4 == PUBLISH);
                if publish && length > self.max_packet {
                    self.state = SieveState::Head { header: bytes.len(), bytes, length };
                } else {
                    out.extend(bytes);
                    self.pass(length);
                }
                rest
            }
            SieveState::Passing(remaining) => {
                let (part, rest) = split(input, *remaining);
                out.extend(part);
                let remaining = *remaining - part.len();
                self.pass(remaining);
                rest
            }
            SieveState::Head { bytes, header, length } => {
                let needed = head_len(bytes, *header);
                if needed > *length {
                    // The client finds it malformed.
                    let remaining = *length - (bytes.len() - *header);
                    out.append(bytes);
                    self.pass(remaining);
                    return input;
                }
                let (part, rest) = split(input, *header + needed - bytes.len());
                bytes.extend(part);
                let collected = bytes.len() - *header;
                // With the length of the topic more may be wanted.
                if collected == needed && head_len(bytes, *header) == needed {
                    let (remaining, size) = (*length - collected, *header + *length);
                    let (first, head) = (bytes.first().copied(), bytes.split_off(*header));
                    let mark = self.mark.write(size);
                    out.extend(first);
                    put_length(head.len() + mark.len(), out);
                    out.extend(head);
                    out.extend(mark);
                    self.state = SieveState::Skipping { remaining, until_ping: KEEP_ALIVE_BYTES };
                }
                rest
            }
            SieveState::Skipping { remaining, until_ping } => {
                let (part, rest) = split(input, *remaining);
                *remaining -= part.len();
                *until_ping = until_ping.saturating_sub(part.len());
                if *remaining == 0 {
                    self.pass(0);
                } else if *until_ping == 0 {
                    out.extend(PING_RESPONSE);
                    *until_ping = KEEP_ALIVE_BYTES;
                }
                rest
            }
            SieveState::Invalid => {
                out.extend(input);
                &[]
            }
        }
    }

    fn pass(&mut self, remaining: usize) {
        self.state = if remaining == 0 {
            SieveState::Header(Vec::new())
        } else {
            SieveState::Passing(remaining)
        };
    }
}

/// How long the topic and the packet identifier of a message are, its length included, as far as
/// that is known.
fn head_len(bytes: &[u8], header: usize) -> usize {
    let identifier = match bytes.first() {
        Some(first) if first & 0b0110 != 0 => 2,
        Some(_) | None => 0,
    };
    match bytes.get(header..) {
        Some([high, low, ..]) => 2 + usize::from(u16::from_be_bytes([*high, *low])) + identifier,
        Some(_) | None => 2,
    }
}

enum Length {
    Known(usize),
    Unfinished,
    Malformed,
}

fn remaining_length(header: &[u8]) -> Length {
    let mut length = 0;
    for (index, byte) in header.iter().skip(1).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Length::Known(length);
        }
    }
    if header.len() < LONGEST_HEADER { Length::Unfinished } else { Length::Malformed }
}

fn put_length(mut length: usize, out: &mut Vec<u8>) {
    loop {
        let low = (length & 0x7f) as u8;
        length >>= 7;
        out.push(if length > 0 { low | 0x80 } else { low });
        if length == 0 {
            return;
        }
    }
}

/// The first bytes, as many as there are up to `at`, and the others.
fn split(bytes: &[u8], at: usize) -> (&[u8], &[u8]) {
    bytes.split_at_checked(at).unwrap_or((bytes, &[]))
}

/// Without the ping responses: one more or less says nothing.
#[cfg(test)]
pub(super) fn without_pings(mut packets: &[u8]) -> Vec<u8> {
    let mut others = Vec::new();
    while !packets.is_empty() {
        let header = 2 + packets[1..].iter().take_while(|byte| **byte & 0x80 != 0).count();
        let Length::Known(length) = remaining_length(&packets[..header]) else { panic!("cut") };
        let (packet, rest) = packets.split_at(header + length);
        if packet != PING_RESPONSE {
            others.extend(packet);
        }
        packets = rest;
    }
    others
}

#[cfg(test)]
mod tests;
