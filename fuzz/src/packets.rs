//! Bytes as what an MQTT server sends, plain and in a WebSocket: however they are cut, the same
//! passes, and nothing that is too large.

#[path = "../../src/mqtt/frames.rs"]
mod frames;
#[path = "../../src/mqtt/sieve.rs"]
mod sieve;

use frames::WebSocketSieve;
use sieve::{CUT_PACKET_EXTRA, CutMarker, Sieve};

/// The largest packet that is taken.
const LARGEST: usize = 60;

/// Takes them: the first byte says how they are cut.
pub fn run(script: &[u8]) {
    let Some((cut, bytes)) = script.split_first() else { return };
    let (mark, cut) = (CutMarker::new(), usize::from(*cut).max(1));
    let plain = |cut: usize| {
        let (mut sieve, mut out) = (Sieve::new(LARGEST, mark), Vec::new());
        bytes.chunks(cut).for_each(|part| sieve.feed(part, &mut out));
        out
    };
    let passed = plain(bytes.len().max(1));
    assert_eq!(plain(cut), passed);
    // One more that has only begun: it is cut before its end has come.
    assert!(passed.len() <= bytes.len() + (bytes.len() / LARGEST + 1) * 32);

    let (mut frames, mut out) = (WebSocketSieve::new(LARGEST, mark), Vec::new());
    frames.push(b"\r\n\r\n", &mut out);
    for part in bytes.chunks(cut) {
        let before = out.len();
        frames.push(part, &mut out);
        assert!(out.len() - before <= 20 * part.len() + CUT_PACKET_EXTRA);
    }
}
