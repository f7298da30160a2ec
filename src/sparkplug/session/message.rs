//! A message of an edge node or a device, decoded, on its way through the session.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use rustc_hash::FxHasher;

use crate::sparkplug::event::Order;
use crate::sparkplug::host::ServerId;
use crate::sparkplug::metric;
use crate::sparkplug::proto::Payload;
use crate::sparkplug::topic::Verb;
use crate::sparkplug::window::Print;
use crate::time::{Now, Timestamp};

/// A message of an edge node or a device, decoded; `D` owns or borrows what else it has.
#[derive(Debug)]
pub(crate) struct Message<D = Arc<str>, P = Payload> {
    pub(crate) server: ServerId,
    pub(crate) verb: Verb,
    pub(crate) device: Option<D>,
    pub(crate) payload: P,
    pub(crate) bytes: usize,
    pub(crate) at: Now,
    /// How it stands to those before it.
    pub(crate) order: Order,
}

/// A message whose device stands in its topic.
pub(crate) type Incoming<'a> = Message<&'a str>;

/// A message that is only read.
pub(super) type Borrowed<'a> = Message<&'a str, &'a Payload>;

impl<D: AsRef<str>, P: Borrow<Payload>> Message<D, P> {
    pub(super) fn payload(&self) -> &Payload {
        self.payload.borrow()
    }

    pub(super) fn borrow(&self) -> Borrowed<'_> {
        Message {
            server: self.server,
            verb: self.verb,
            device: self.device.as_ref().map(AsRef::as_ref),
            payload: self.payload.borrow(),
            bytes: self.bytes,
            at: self.at,
            order: self.order,
        }
    }

    pub(super) fn with_order(self, order: Order) -> Self {
        Self { order, ..self }
    }

    /// Tells this message from another with the same sequence number, without looking into
    /// its metrics.
    pub(super) fn print(&self) -> Print {
        let mut hasher = FxHasher::default();
        (self.verb, self.device.as_ref().map(AsRef::as_ref)).hash(&mut hasher);
        let payload = self.payload();
        (payload.timestamp, payload.metrics.len(), self.bytes).hash(&mut hasher);
        Print { hash: hasher.finish(), sent: self.own_time() }
    }

    /// The payload's time, or that of its arrival.
    pub(super) fn time(&self) -> Timestamp {
        self.own_time().unwrap_or(self.at.wall)
    }

    pub(super) fn own_time(&self) -> Option<Timestamp> {
        metric::time(self.payload().timestamp)
    }
}

impl Message {
    pub(super) fn incoming(&self) -> Incoming<'_> {
        Message {
            server: self.server,
            verb: self.verb,
            device: self.device.as_deref(),
            payload: self.payload.clone(),
            bytes: self.bytes,
            at: self.at,
            order: self.order,
        }
    }
}

impl Incoming<'_> {
    pub(super) fn own(self) -> Message {
        Message {
            server: self.server,
            verb: self.verb,
            device: self.device.map(Into::into),
            payload: self.payload,
            bytes: self.bytes,
            at: self.at,
            order: self.order,
        }
    }
}
