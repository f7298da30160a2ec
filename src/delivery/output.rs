//! Outputs of delivery: calls to make, and outcomes of points.

use super::point::{DiscardReason, Key, Point, RejectReason, Stream};
use super::rejections::OtherProperties;
use crate::sitewise::api::Entry;
use crate::sitewise::cause::Cause;

/// Names a request between [`Output::Send`] and its answer; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub(super) u64);

impl RequestId {
    /// Larger than that of any request before.
    pub(crate) fn number(self) -> u64 {
        self.0
    }
}

/// One thing to do or to know.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Send the entries in one request and answer with
    /// [`handle_put_response`](super::Delivery::handle_put_response), whatever happens.
    Send {
        /// To be given back with the answer.
        id: RequestId,
        /// At most [`ENTRIES_PER_REQUEST`](crate::sitewise::limits::ENTRIES_PER_REQUEST).
        entries: Vec<Entry>,
    },
    /// SiteWise accepted these points: the outbox can delete them.
    Settled(Vec<Key>),
    /// This point is rejected for good: a dead letter, and the outbox can delete it.
    Rejected {
        /// The point.
        point: Point,
        /// Why, by kind.
        refusal: RejectReason,
        /// Why, in the service's words or ours.
        reason: String,
    },
    /// A point was dropped by a named rule. The outbox can delete it, except if it was overwritten:
    /// then the newer point of the same key is still queued.
    Discarded {
        /// The point.
        key: Key,
        /// The rule.
        why: DiscardReason,
    },
    /// These points of a property go back to the outbox, behind its gate
    /// ([`Gate::Rejected`](super::point::Gate::Rejected)): SiteWise keeps rejecting such values of it,
    /// and delivery has enough of them to notice when that ends.
    PutBack(Stream, Vec<Point>),
    /// What was put back of this property can be taken again.
    Released(Stream),
    /// The point with this key was just discarded because its second is full, but may be the
    /// latest: if so, the twin writes it with another timestamp.
    LatestDiscarded(Key),
    /// Values of this property, the first of its asset, are not accepted. They are retried with
    /// backoff.
    ValuesFailing {
        /// The property.
        stream: Stream,
        /// The last error.
        reason: String,
        /// What lies behind it.
        cause: Cause,
        /// Whether others are accepted.
        others: OtherProperties,
    },
    /// SiteWise does not know these assets or properties: to be re-checked. Their points are
    /// retried meanwhile.
    NotFound(Vec<Stream>),
}

/// How many more points delivery takes.
///
/// History has a bound of its own, so that a long backlog never keeps live values out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Points of all classes together.
    pub points: usize,
    /// Points of [`Class::History`](super::point::Class::History) among them.
    pub history: usize,
}

impl Room {
    /// Whether nothing is taken now.
    pub fn is_empty(self) -> bool {
        self.points == 0
    }
}

impl From<usize> for Room {
    /// Room for `points` of any class.
    fn from(points: usize) -> Self {
        Self { points, history: points }
    }
}
