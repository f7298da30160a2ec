//! Bytes as what an MQTT server sends, plain and in a WebSocket: however they are cut, the same
//! passes, and nothing that is too large.

#[path = "../../src/mqtt/frames.rs"]
mod frames;
#[path = "../../src/mqtt/sieve.rs"]
mod sieve;

use frames::Frames;
use sieve::{MORE, Mark, Sieve};

/// The largest packet that is taken.
const LARGEST: usize = 60;

/// Takes them: the first byte says how they are cut.
pub fn run(script: &[u8]) {
    let Some((cut, bytes)) = script.split_first() else { return };
    let (mark, cut) = (Mark::new(), usize::from(*cut).max(1));
    let plain = |cut: usize| {
        let (mut sieve, mut out) = (Sieve::new(LARGEST, mark), Vec::new());
        bytes.chunks(cut).for_each(|part| sieve.push(part, &mut out));
        out
    };
    let passed = plain(bytes.len().max(1));
    assert_eq!(plain(cut), passed);
    assert!(passed.len() <= bytes.len() + bytes.len() / LARGEST * 32);

    let (mut frames, mut out) = (Frames::new(LARGEST, mark), Vec::new());
    frames.push(b"\r\n\r\n", &mut out);
    for part in bytes.chunks(cut) {
        let before = out.len();
        frames.push(part, &mut out);
        assert!(out.len() - before <= 20 * part.len() + MORE);
    }
}
