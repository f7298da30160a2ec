//! What delivery asks its shell to do, and what it tells of points.

use super::point::{Discard, Key, Point, Refusal, Stream};
use crate::sitewise::api::Entry;

/// Names a request between [`Output::Send`] and its answer; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub(super) u64);

/// One thing to do or to know.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Send the entries in one request and answer with
    /// [`handle_answer`](super::Delivery::handle_answer), whatever happens.
    Send {
        /// To be given back with the answer.
        id: RequestId,
        /// At most [`ENTRIES_PER_REQUEST`](crate::sitewise::limits::ENTRIES_PER_REQUEST).
        entries: Vec<Entry>,
    },
    /// SiteWise has these points: the outbox can forget them.
    Settled(Vec<Key>),
    /// SiteWise will never have this point: it belongs to the dead letters, and the outbox can
    /// forget it.
    Refused {
        /// The point.
        point: Point,
        /// Why, by kind.
        refusal: Refusal,
        /// Why, in the service's words or ours.
        reason: String,
    },
    /// A point was given up by a stated rule. The outbox can forget it, except where it was
    /// overwritten: then the point of the same key that took its place is still to come.
    Discarded {
        /// The point.
        key: Key,
        /// The rule.
        why: Discard,
    },
    /// The point with this key, just discarded, was one too many in its second and may be the
    /// latest all the same: whoever knows whether it is writes it at another time.
    Late(Key),
    /// Values of this property, the first of its asset, are not taken although others are. They
    /// wait and are tried ever rarer.
    Held {
        /// The property.
        stream: Stream,
        /// What was said against them.
        reason: String,
    },
    /// SiteWise does not know the assets of these, or the properties: somebody should look. Their
    /// points wait meanwhile, and are tried again.
    Missing(Vec<Stream>),
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
