//! A message of an edge node or a device in its session: decoded while it is processed, encoded
//! while it is buffered.

use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

use rustc_hash::FxHasher;

use crate::sparkplug::event::SequenceOrder;
use crate::sparkplug::host::ServerId;
use crate::sparkplug::metric;
use crate::sparkplug::payload;
use crate::sparkplug::proto::Payload;
use crate::sparkplug::topic::MessageType;
use crate::sparkplug::window::Fingerprint;
use crate::time::{Now, Timestamp};

/// What a message that waits takes beside the bytes of its payload and of its device's name: the
/// message itself, its place among the others, what the allocator adds.
const OVERHEAD: usize = 256;

/// A message of an edge node or a device; `D` owns or borrows its device, `P` is its payload.
#[derive(Clone, Debug)]
pub(crate) struct SessionMessage<D = Arc<str>, P = EncodedPayload> {
    pub(crate) server: ServerId,
    pub(crate) verb: MessageType,
    pub(crate) device: Option<D>,
    pub(crate) payload: P,
    /// What it takes where it waits.
    pub(crate) bytes: usize,
    pub(crate) at: Now,
    /// Its order relative to those before it.
    pub(crate) order: SequenceOrder,
}

/// A message whose device is borrowed from its topic.
pub(crate) type Incoming<'a> = SessionMessage<&'a str, DecodedPayload<'a>>;

/// A message that is only read.
pub(super) type Borrowed<'a> = SessionMessage<&'a str, &'a DecodedPayload<'a>>;

/// A payload and the bytes that it was read from.
#[derive(Debug)]
pub(crate) struct DecodedPayload<'a> {
    payload: Payload,
    wire: &'a [u8],
}

/// A buffered payload. It is decoded again when it is processed: a few bytes may become megabytes,
/// and many may be buffered.
#[derive(Clone, Debug)]
pub(crate) struct EncodedPayload {
    wire: Box<[u8]>,
    seq: Option<u64>,
    timestamp: Option<u64>,
}

/// What is needed of a payload without decoding it.
pub(crate) trait PayloadHeader {
    fn seq(&self) -> Option<u64>;
    fn timestamp(&self) -> Option<u64>;
    /// As it came.
    fn wire(&self) -> &[u8];
}

impl PayloadHeader for DecodedPayload<'_> {
    fn seq(&self) -> Option<u64> {
        self.payload.seq
    }

    fn timestamp(&self) -> Option<u64> {
        self.payload.timestamp
    }

    fn wire(&self) -> &[u8] {
        self.wire
    }
}

impl<P: PayloadHeader> PayloadHeader for &P {
    fn seq(&self) -> Option<u64> {
        (**self).seq()
    }

    fn timestamp(&self) -> Option<u64> {
        (**self).timestamp()
    }

    fn wire(&self) -> &[u8] {
        (**self).wire()
    }
}

impl PayloadHeader for EncodedPayload {
    fn seq(&self) -> Option<u64> {
        self.seq
    }

    fn timestamp(&self) -> Option<u64> {
        self.timestamp
    }

    fn wire(&self) -> &[u8] {
        &self.wire
    }
}

impl Deref for DecodedPayload<'_> {
    type Target = Payload;

    fn deref(&self) -> &Payload {
        &self.payload
    }
}

impl<D: AsRef<str>, P: PayloadHeader> SessionMessage<D, P> {
    /// Its sequence number.
    pub(super) fn seq(&self) -> Option<u64> {
        self.payload.seq()
    }

    pub(super) fn with_order(self, order: SequenceOrder) -> Self {
        Self { order, ..self }
    }

    /// Tells this message from another with the same sequence number. A clock that stands still
    /// makes messages alike but for their values.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        let mut hasher = FxHasher::default();
        (self.verb, self.device.as_ref().map(AsRef::as_ref)).hash(&mut hasher);
        self.payload.wire().hash(&mut hasher);
        Fingerprint { hash: hasher.finish(), sent_time: self.own_time() }
    }

    /// The payload's time, or that of its arrival.
    pub(super) fn time(&self) -> Timestamp {
        self.own_time().unwrap_or(self.at.wall)
    }

    pub(super) fn own_time(&self) -> Option<Timestamp> {
        metric::time(self.payload.timestamp())
    }
}

impl SessionMessage {
    /// How many others its number leaves room for between a birth and itself.
    pub(super) fn place_after(&self, birth: &Incoming<'_>) -> Option<u8> {
        let birth = u8::try_from(birth.seq()?).ok()?;
        Some(u8::try_from(self.seq()?).ok()?.wrapping_sub(birth).wrapping_sub(1))
    }

    /// The message as it was received.
    pub(super) fn incoming(&self) -> Incoming<'_> {
        let wire = &*self.payload.wire;
        SessionMessage {
            server: self.server,
            verb: self.verb,
            device: self.device.as_deref(),
            // It was a payload before.
            payload: DecodedPayload { payload: payload::decode(wire).unwrap_or_default(), wire },
            bytes: self.bytes,
            at: self.at,
            order: self.order,
        }
    }
}

impl<'a> Incoming<'a> {
    /// A message that has just come, in its order until that is known better.
    pub(crate) fn new(
        (server, verb, device): (ServerId, MessageType, Option<&'a str>),
        payload: Payload,
        wire: &'a [u8],
        at: Now,
    ) -> Self {
        let bytes = wire.len() + device.map_or(0, str::len) + OVERHEAD;
        let payload = DecodedPayload { payload, wire };
        Self { server, verb, device, payload, bytes, at, order: SequenceOrder::InOrder }
    }

    /// The message to be kept.
    pub(super) fn own(self) -> SessionMessage {
        self.borrow().to_owned()
    }

    pub(super) fn borrow(&self) -> Borrowed<'_> {
        SessionMessage {
            server: self.server,
            verb: self.verb,
            device: self.device,
            payload: &self.payload,
            bytes: self.bytes,
            at: self.at,
            order: self.order,
        }
    }
}

impl Borrowed<'_> {
    /// The message to be kept.
    pub(super) fn to_owned(&self) -> SessionMessage {
        let (seq, timestamp) = (self.payload.seq, self.payload.timestamp);
        let wire = self.payload.wire.into();
        SessionMessage {
            server: self.server,
            verb: self.verb,
            device: self.device.map(Into::into),
            payload: EncodedPayload { wire, seq, timestamp },
            bytes: self.bytes,
            at: self.at,
            order: self.order,
        }
    }
}
