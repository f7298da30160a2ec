//! Messages in a pipe: topic and payload, each behind its length.

use std::io::{ErrorKind, Read, Write};

use sparkwise::sparkplug::message::Message;

/// What comes next.
pub(crate) enum Frame {
    /// A message.
    Message(String, Vec<u8>),
    /// Everything so far is to be provisioned and delivered.
    Settle,
}

/// Writes a message, or that everything so far is to be settled.
pub(crate) fn write(to: &mut impl Write, message: Option<&Message>) {
    let (topic, payload) =
        message.map_or(("", &[][..]), |message| (message.topic.as_str(), message.payload.as_ref()));
    for part in [topic.as_bytes(), payload] {
        to.write_all(&(part.len() as u32).to_be_bytes()).unwrap();
        to.write_all(part).unwrap();
    }
}

/// The next frame; none at the end.
pub(crate) fn read(from: &mut impl Read) -> Option<Frame> {
    let topic = String::from_utf8(part(from)?).unwrap();
    let payload = part(from).unwrap();
    Some(if topic.is_empty() { Frame::Settle } else { Frame::Message(topic, payload) })
}

fn part(from: &mut impl Read) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return None,
        read => read.unwrap(),
    }
    let mut bytes = vec![0; u32::from_be_bytes(length) as usize];
    from.read_exact(&mut bytes).unwrap();
    Some(bytes)
}
