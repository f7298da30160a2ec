//! The sieve within a WebSocket: unpacks the server's frames, sieves their content and packs it
//! into frames again, so that the client never has to hold a whole frame.

use super::sieve::{CutMarker, Sieve};

const END_OF_ANSWER: &[u8] = b"\r\n\r\n";
const BINARY: u8 = 2;
/// The bit of a frame that ends its message.
const FIN: u8 = 0x80;

/// What the server sends on one connection.
#[derive(Debug)]
pub(super) struct WebSocketSieve {
    sieve: Sieve,
    state: FrameState,
}

#[derive(Debug)]
enum FrameState {
    /// Within the answer to the handshake, and how much of its end was seen.
    Answer(usize),
    /// Between frames, or within the header of one: what there is of it.
    Header(Vec<u8>),
    /// Within the data of a frame: how much is left of it.
    Data(u64),
    /// Within a frame that passes.
    Passing(u64),
    /// Invalid: passed on, so that the client reports it.
    Invalid,
}

impl WebSocketSieve {
    pub(super) fn new(max_packet: usize, mark: CutMarker) -> Self {
        Self { sieve: Sieve::new(max_packet, mark), state: FrameState::Answer(0) }
    }

    /// Takes input, and appends to `out` what is passed on.
    pub(super) fn push(&mut self, mut input: &[u8], out: &mut Vec<u8>) {
        while !input.is_empty() {
            input = self.step(input, out);
        }
    }

    /// Returns what is left of the input.
    fn step<'a>(&mut self, input: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
        match &mut self.state {
            FrameState::Answer(matched) => {
                let Some((byte, rest)) = input.split_first() else { return &[] };
                out.push(*byte);
                *matched = match END_OF_ANSWER.get(*matched) {
                    Some(expected) if expected == byte => *matched + 1,
                    Some(_) | None => usize::from(*byte == b'\r'),
                };
                if *matched == END_OF_ANSWER.len() {
                    self.state = FrameState::Header(Vec::new());
                }
                rest
            }
            FrameState::Header(header) => {
                let Some((byte, rest)) = input.split_first() else { return &[] };
                header.push(*byte);
                let Some(length) = length(header) else { return rest };
                let header = std::mem::take(header);
                self.state = match header.first().map_or(0, |first| first & 0x0f) {
                    // A data frame, or its continuation. A server's frames are not masked.
                    0 | BINARY if is_plain(&header) => next_state(length, FrameState::Data(length)),
                    8..=10 if is_plain(&header) => {
                        out.extend(header);
                        next_state(length, FrameState::Passing(length))
                    }
                    _ => {
                        out.extend(header);
                        FrameState::Invalid
                    }
                };
                rest
            }
            FrameState::Data(remaining) => {
                let (part, rest) = split(input, *remaining);
                let mut sieved = Vec::with_capacity(part.len());
                self.sieve.feed(part, &mut sieved);
                if !sieved.is_empty() {
                    put_header(sieved.len(), out);
                    out.append(&mut sieved);
                }
                let remaining = *remaining - part.len() as u64;
                self.state = next_state(remaining, FrameState::Data(remaining));
                rest
            }
            FrameState::Passing(remaining) => {
                let (part, rest) = split(input, *remaining);
                out.extend(part);
                let remaining = *remaining - part.len() as u64;
                self.state = next_state(remaining, FrameState::Passing(remaining));
                rest
            }
            FrameState::Invalid => {
                out.extend(input);
                &[]
            }
        }
    }
}

fn next_state(remaining: u64, within: FrameState) -> FrameState {
    if remaining == 0 { FrameState::Header(Vec::new()) } else { within }
}

/// Whether a header has neither a mask nor bits of an extension.
fn is_plain(header: &[u8]) -> bool {
    matches!(header, [first, second, ..] if first & 0x70 == 0 && second & 0x80 == 0)
}

/// The length of the frame once its header is whole.
fn length(header: &[u8]) -> Option<u64> {
    let [_, second, extended @ ..] = header else { return None };
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    let bytes = match second & 0x7f {
        126 => 2,
        127 => 8,
        length => return (extended.len() == mask).then_some(length.into()),
    };
    let length = extended.get(..bytes)?;
    (extended.len() == bytes + mask)
        .then(|| length.iter().fold(0, |length, byte| length << 8 | u64::from(*byte)))
}

fn put_header(length: usize, out: &mut Vec<u8>) {
    out.push(FIN | BINARY);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ ..126), _) => out.push(short),
        (_, Ok(length)) => {
            out.push(126);
            out.extend(length.to_be_bytes());
        }
        (_, Err(_)) => {
            out.push(127);
            out.extend((length as u64).to_be_bytes());
        }
    }
}

fn split(bytes: &[u8], at: u64) -> (&[u8], &[u8]) {
    let at = usize::try_from(at).unwrap_or(usize::MAX);
    bytes.split_at_checked(at).unwrap_or((bytes, &[]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::sieve::without_pings;

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        put_header(payload.len(), &mut bytes);
        bytes[0] = first;
        bytes.extend(payload);
        bytes
    }

    /// A PUBLISH at QoS 0 of topic `t`.
    fn publish(payload: &[u8]) -> Vec<u8> {
        let length = 3 + payload.len();
        let mut bytes = vec![0x30, (length & 0x7f | 0x80) as u8, (length >> 7) as u8, 0, 1, b't'];
        bytes.extend(payload);
        bytes
    }

    /// What the client reads: the data of all frames, and the frames that are none of it.
    fn read(mut bytes: &[u8]) -> (Vec<u8>, Vec<Vec<u8>>) {
        let (mut data, mut others) = (Vec::new(), Vec::new());
        while !bytes.is_empty() {
            let header = (2..).find(|end| length(&bytes[..*end]).is_some()).unwrap();
            let end = header + usize::try_from(length(&bytes[..header]).unwrap()).unwrap();
            match bytes[0] {
                0x82 => data.extend(&bytes[header..end]),
                _ => others.push(bytes[..end].to_vec()),
            }
            bytes = &bytes[end..];
        }
        (data, others)
    }

    #[test]
    fn messages_are_sieved_however_they_are_cut_into_frames() {
        let answer = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\r\n\r\n";
        let small = publish(&[7; 300]);
        let packets = [small.clone(), publish(&[8; 9_000]), small.clone()].concat();
        let mark = CutMarker::new();
        let mut expected = Vec::new();
        Sieve::new(1_000, mark).feed(&packets, &mut expected);
        let expected = without_pings(&expected);
        assert!(expected.len() < 700);
        // In one frame, in three parts of a message with a ping between, and in many.
        let (first, rest) = packets.split_at(5);
        let (second, third) = rest.split_at(4_000);
        let ping = frame(0x89, b"ping");
        let parts = [frame(0x02, first), ping.clone(), frame(0x00, second), frame(0x80, third)];
        let many: Vec<_> = packets.chunks(99).map(|part| frame(0x82, part)).collect();
        for (frames, pings) in
            [(frame(0x82, &packets), vec![]), (parts.concat(), vec![ping]), (many.concat(), vec![])]
        {
            for chunk in [1, 2, 3, 1_000, 100_000] {
                let mut sieve = WebSocketSieve::new(1_000, mark);
                let mut out = Vec::new();
                for part in [&answer[..], &frames].concat().chunks(chunk) {
                    sieve.push(part, &mut out);
                }
                let data = out.strip_prefix(answer).unwrap();
                let (data, others) = read(data);
                assert_eq!(without_pings(&data), expected, "in chunks of {chunk}");
                assert_eq!(others, pings, "in chunks of {chunk}");
            }
        }
    }

    #[test]
    fn a_frame_as_long_as_can_be_takes_no_memory() {
        let mut sieve = WebSocketSieve::new(1_000, CutMarker::new());
        let mut out = Vec::new();
        sieve.push(b"\r\n\r\n", &mut out);
        out.clear();
        // A message of 200 MB in a frame of that size.
        let length = 200_000_000_u64;
        sieve.push(&[0x82, 127], &mut out);
        sieve.push(&(length + 5).to_be_bytes(), &mut out);
        sieve.push(&[0x30, 0x80, 0x84, 0xaf, 0x5f, 0, 1, b't'], &mut out);
        let chunk = [0; 1 << 16];
        for _ in 0..length / chunk.len() as u64 {
            sieve.push(&chunk, &mut out);
            assert!(out.len() < 100, "{} bytes", out.len());
            out.clear();
        }
    }

    #[test]
    fn what_no_server_should_send_passes_as_it_is() {
        let masked = [vec![0x82, 0x82, 1, 2, 3, 4], vec![5, 6]].concat();
        for bytes in [frame(0x81, b"text"), masked, frame(0xc2, b"compressed"), frame(0x83, b"?")] {
            let mut sieve = WebSocketSieve::new(10, CutMarker::new());
            let mut out = Vec::new();
            sieve.push(&[b"\r\n\r\n", &bytes[..], &bytes[..]].concat(), &mut out);
            assert_eq!(out, [b"\r\n\r\n", &bytes[..], &bytes[..]].concat());
        }
    }
}
