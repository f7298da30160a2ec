//! As much of MQTT 3.1.1 on the wire as a recording server needs. It shares no code with the
//! client that it judges.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// What a client says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Packet {
    Connect(Connect),
    Publish(Publish),
    Acknowledge(u16),
    /// The packet's identifier, and filters with the quality of service asked for.
    Subscribe(u16, Vec<(String, u8)>),
    Unsubscribe(u16, Vec<String>),
    Ping,
    Disconnect,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Connect {
    /// 4 is MQTT 3.1.1.
    pub(crate) level: u8,
    pub(crate) clean_session: bool,
    pub(crate) client_id: String,
    pub(crate) will: Option<Publish>,
    pub(crate) username: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Publish {
    pub(crate) topic: String,
    pub(crate) payload: Bytes,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    /// Zero at QoS 0.
    pub(crate) id: u16,
}

/// Takes the next packet out of `buffer`; none while it is incomplete.
pub(crate) fn take(buffer: &mut BytesMut) -> Option<Packet> {
    let (length, header) = length(buffer)?;
    if buffer.len() < header + length {
        return None;
    }
    let first = buffer[0];
    buffer.advance(header);
    let mut body = buffer.split_to(length).freeze();
    let flags = first & 0x0f;
    let packet = match first >> 4 {
        1 => Packet::Connect(connect(&mut body)),
        3 => Packet::Publish(publish(flags, body)),
        4 => Packet::Acknowledge(body.get_u16()),
        8 => {
            assert_eq!(flags, 2, "the flags of SUBSCRIBE are fixed");
            let id = body.get_u16();
            let mut filters = Vec::new();
            while body.has_remaining() {
                filters.push((text(&mut body), body.get_u8()));
            }
            Packet::Subscribe(id, filters)
        }
        10 => {
            let id = body.get_u16();
            let mut filters = Vec::new();
            while body.has_remaining() {
                filters.push(text(&mut body));
            }
            Packet::Unsubscribe(id, filters)
        }
        12 => Packet::Ping,
        14 => Packet::Disconnect,
        other => panic!("packet type {other} is none that a client of QoS 1 sends"),
    };
    Some(packet)
}

/// The remaining length of the packet at the front, and the bytes before it begins.
fn length(buffer: &[u8]) -> Option<(usize, usize)> {
    let mut length = 0;
    for (place, byte) in buffer.iter().skip(1).take(4).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((length, place + 2));
        }
    }
    None
}

fn connect(body: &mut Bytes) -> Connect {
    assert_eq!(text(body), "MQTT");
    let level = body.get_u8();
    let flags = body.get_u8();
    assert_eq!(flags & 1, 0, "the reserved flag of CONNECT");
    let _keep_alive = body.get_u16();
    let client_id = text(body);
    let will = (flags & 4 != 0).then(|| Publish {
        topic: text(body),
        payload: block(body),
        qos: flags >> 3 & 3,
        retain: flags & 0x20 != 0,
        id: 0,
    });
    let username = (flags & 0x80 != 0).then(|| text(body));
    Connect { level, clean_session: flags & 2 != 0, client_id, will, username }
}

fn publish(flags: u8, mut body: Bytes) -> Publish {
    let topic = text(&mut body);
    let qos = flags >> 1 & 3;
    let id = if qos == 0 { 0 } else { body.get_u16() };
    Publish { topic, payload: body, qos, retain: flags & 1 != 0, id }
}

fn block(body: &mut Bytes) -> Bytes {
    let length = usize::from(body.get_u16());
    body.split_to(length)
}

fn text(body: &mut Bytes) -> String {
    String::from_utf8(block(body).into()).unwrap()
}

/// CONNACK: welcome, and nothing is remembered of an earlier session.
pub(crate) fn connected() -> Bytes {
    Bytes::from_static(&[0x20, 2, 0, 0])
}

/// SUBACK, granting what was asked for.
pub(crate) fn subscribed(id: u16, filters: &[(String, u8)]) -> Bytes {
    packet(0x90, |body| {
        body.put_u16(id);
        body.extend(filters.iter().map(|(_, qos)| *qos));
    })
}

pub(crate) fn unsubscribed(id: u16) -> Bytes {
    packet(0xb0, |body| body.put_u16(id))
}

pub(crate) fn acknowledged(id: u16) -> Bytes {
    packet(0x40, |body| body.put_u16(id))
}

pub(crate) fn pong() -> Bytes {
    Bytes::from_static(&[0xd0, 0])
}

pub(crate) fn published(publish: &Publish) -> Bytes {
    packet(0x30 | publish.qos << 1 | u8::from(publish.retain), |body| {
        body.put_u16(u16::try_from(publish.topic.len()).unwrap());
        body.put_slice(publish.topic.as_bytes());
        if publish.qos > 0 {
            body.put_u16(publish.id);
        }
        body.put_slice(&publish.payload);
    })
}

fn packet(first: u8, fill: impl FnOnce(&mut BytesMut)) -> Bytes {
    let mut body = BytesMut::new();
    fill(&mut body);
    let mut packet = BytesMut::from(&[first][..]);
    let mut rest = body.len();
    loop {
        let byte = u8::try_from(rest % 128).unwrap();
        rest /= 128;
        packet.put_u8(if rest > 0 { byte | 0x80 } else { byte });
        if rest == 0 {
            break;
        }
    }
    packet.extend(body);
    packet.freeze()
}

#[test]
fn packets_come_whole_or_not_at_all() {
    let large = Publish {
        topic: "a/b".to_owned(),
        payload: vec![7; 300].into(),
        qos: 1,
        retain: true,
        id: 9,
    };
    let bytes = published(&large);
    for end in 0..bytes.len() {
        assert_eq!(take(&mut BytesMut::from(&bytes[..end])), None);
    }
    let mut two = BytesMut::from(&bytes[..]);
    two.extend(pong());
    assert_eq!(take(&mut two), Some(Packet::Publish(large)));
    assert_eq!(two.len(), 2);
}
