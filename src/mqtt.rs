//! The connections to the MQTT servers, and the only place that uses the MQTT client.
//!
//! Each [`Connection`] is one task with one server. It keeps a session as a Sparkplug host
//! application needs it: clean, with a will that has the session's timestamp, subscribed before
//! anything else. Messages go into a queue that is never waited for. A connection decides nothing,
//! not even when STATE is published.

mod connection;
mod connector;
mod contention;
mod failure;
mod frames;
mod heard;
mod inbox;
mod lost;
mod options;
mod patience;
mod reconnect_backoff;
mod send_notice;
mod session;
mod sieve;
mod signed;
mod state_times;
mod tls;

use bytes::Bytes;
use tokio::time::Instant;

use crate::sparkplug::message::Message;
use crate::time::Timestamp;

pub use connection::Connection;
pub use inbox::ConnectionStats;
pub use send_notice::SendNotice;
pub use signed::{SignedAddress, SigningError};
pub use state_times::StateTimes;
pub use tls::{Error, check as check_tls};

/// A message to be published.
#[derive(Debug)]
pub struct Outgoing {
    /// The message.
    pub message: Message,
    /// Deadline after which it is dropped unsent; none if it may wait.
    pub until: Option<Instant>,
    /// Who is told whether it was sent.
    pub notice: Option<SendNotice>,
}

impl From<Message> for Outgoing {
    fn from(message: Message) -> Self {
        Self { message, until: None, notice: None }
    }
}

/// What happens on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inbound {
    /// A session has begun and all subscriptions are granted. Nothing is published before the
    /// STATE birth, which carries this session's time.
    Connected {
        /// The server's place in `MQTT_URL`.
        server: u16,
        /// The time in the will of this session.
        session_time: Timestamp,
    },
    /// A message, only ever between [`Connected`](Self::Connected) and
    /// [`Disconnected`](Self::Disconnected).
    Message {
        /// The server's place in `MQTT_URL`.
        server: u16,
        /// Its topic.
        topic: String,
        /// Its payload. The queue counts its bytes until the last copy is dropped.
        payload: Bytes,
        /// When it came. On a connection for commands: when it may have been sent, where its server was
        /// not heard for longer than it should be.
        arrived: tokio::time::Instant,
        /// The quality of service that it travelled at.
        qos: u8,
        /// It is retained: not live.
        retain: bool,
    },
    /// An oversized message: its payload was skipped while reading, and it was acknowledged at QoS
    /// 1.
    Oversized {
        /// The server's place in `MQTT_URL`.
        server: u16,
        /// Its topic.
        topic: String,
        /// The size of the packet.
        size: u64,
        /// It is retained: not live.
        retain: bool,
    },
    /// The session has ended; another is being tried, unless the process ends.
    Disconnected {
        /// The server's place in `MQTT_URL`.
        server: u16,
        /// Why, for people.
        reason: String,
    },
}

#[cfg(test)]
mod tests;
