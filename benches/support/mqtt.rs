//! As much of an MQTT server as the bridge needs: it takes CONNECT, SUBSCRIBE and PUBLISH, and
//! answers PINGREQ. What it sends is made elsewhere.

#![allow(dead_code, reason = "each user needs a part of it")]

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Mutex;

const CONNECT: u8 = 1;
const PUBLISH: u8 = 3;
const SUBSCRIBE: u8 = 8;
const UNSUBSCRIBE: u8 = 10;
const PINGREQ: u8 = 12;
const DISCONNECT: u8 = 14;

/// A message from the bridge.
#[derive(Debug)]
pub(crate) struct Published {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
}

/// The reading side of one connection.
pub(crate) struct Reader {
    socket: BufReader<OwnedReadHalf>,
    subscriptions: Arc<AtomicU64>,
}

impl Reader {
    pub(crate) fn new(socket: OwnedReadHalf) -> Self {
        Self { socket: BufReader::new(socket), subscriptions: Arc::default() }
    }

    /// How many SUBSCRIBE packets have come.
    pub(crate) fn subscriptions(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.subscriptions)
    }

    /// The next message; what else comes is answered on the way. None at the end.
    pub(crate) async fn next(
        &mut self,
        answers: &Mutex<OwnedWriteHalf>,
    ) -> io::Result<Option<Published>> {
        loop {
            let Ok(first) = self.socket.read_u8().await else { return Ok(None) };
            let mut body = vec![0; self.length().await?];
            self.socket.read_exact(&mut body).await?;
            let mut message = None;
            let answer = match first >> 4 {
                CONNECT => vec![0x20, 2, 0, 0],
                SUBSCRIBE => {
                    self.subscriptions.fetch_add(1, Ordering::Relaxed);
                    let filters = filters(&body);
                    let mut answer = vec![0x90, 2 + filters, body[0], body[1]];
                    answer.extend(std::iter::repeat_n(0, usize::from(filters)));
                    answer
                }
                UNSUBSCRIBE => vec![0xb0, 2, body[0], body[1]],
                PINGREQ => vec![0xd0, 0],
                PUBLISH => {
                    let (published, id) = published(first, &body);
                    message = Some(published);
                    id.map_or_else(Vec::new, |[high, low]| vec![0x40, 2, high, low])
                }
                DISCONNECT => return Ok(None),
                _ => Vec::new(),
            };
            answers.lock().await.write_all(&answer).await?;
            if message.is_some() {
                return Ok(message);
            }
        }
    }

    async fn length(&mut self) -> io::Result<usize> {
        let (mut length, mut shift) = (0, 0);
        loop {
            let byte = self.socket.read_u8().await?;
            length |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(length);
            }
            shift += 7;
        }
    }
}

/// How many filters a SUBSCRIBE holds: each has its length, its text and a QoS.
fn filters(body: &[u8]) -> u8 {
    let (mut at, mut count) = (2, 0);
    while at < body.len() {
        at += 3 + usize::from(u16::from_be_bytes([body[at], body[at + 1]]));
        count += 1;
    }
    count
}

/// A PUBLISH, and the id under which it is to be acknowledged.
fn published(first: u8, body: &[u8]) -> (Published, Option<[u8; 2]>) {
    let end = 2 + usize::from(u16::from_be_bytes([body[0], body[1]]));
    let topic = String::from_utf8_lossy(&body[2..end]).into_owned();
    let acknowledged = first & 0b0110 != 0;
    let id = acknowledged.then(|| [body[end], body[end + 1]]);
    let payload = body[if acknowledged { end + 2 } else { end }..].to_vec();
    (Published { topic, payload }, id)
}

/// Appends a PUBLISH with QoS 0.
pub(crate) fn put_publish(bytes: &mut Vec<u8>, topic: &str, payload: &[u8]) {
    bytes.push(PUBLISH << 4);
    let mut length = 2 + topic.len() + payload.len();
    loop {
        let low = (length % 128) as u8;
        length /= 128;
        bytes.push(if length > 0 { low | 0x80 } else { low });
        if length == 0 {
            break;
        }
    }
    bytes.extend_from_slice(&u16::try_from(topic.len()).unwrap().to_be_bytes());
    bytes.extend_from_slice(topic.as_bytes());
    bytes.extend_from_slice(payload);
}
