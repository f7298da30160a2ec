//! Rate limit and priority of rebirth requests over all nodes.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::time::Instant;

/// The priority of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RequestRank {
    /// It has sent data after a birth, or answered a request, and sends data now.
    ProvenSpeaks,
    /// It did, and is silent.
    Proven,
    /// It was born once, or is known from before our start, and sends data now.
    Speaks,
    /// It is online, or was when it was last known.
    Online,
    /// It was born once.
    Known,
    /// It sends data and was never born; or it did not answer before, and is silent: each in turn.
    SpeaksUnborn,
    /// It sends data, and did not answer before.
    Unanswered,
    /// A server has stored something of it, which may be of long ago.
    Stored,
}

/// Requests that are due, evenly spaced, a tenth of a second's worth at once. Proven nodes first,
/// then known ones, then those that have waited longest.
#[derive(Clone, Debug)]
pub(crate) struct RequestScheduler {
    spacing: Duration,
    /// When there is place for the next.
    next_at: Instant,
    due: BTreeSet<(RequestRank, Instant, usize)>,
    /// What each node has in `due`.
    queued_of: Vec<Option<(RequestRank, Instant)>>,
}

impl RequestScheduler {
    pub(crate) fn new(per_second: u32) -> Self {
        Self {
            spacing: Duration::from_secs(1) / per_second.max(1),
            next_at: Instant::START,
            due: BTreeSet::new(),
            queued_of: Vec::new(),
        }
    }

    /// What the node at `index` wants to ask now, and since when.
    pub(crate) fn set(&mut self, index: usize, want: Option<(RequestRank, Instant)>) {
        if self.queued_of.len() <= index {
            if want.is_none() {
                return;
            }
            self.queued_of.resize(index + 1, None);
        }
        let Some(known) = self.queued_of.get_mut(index) else { return };
        if *known == want {
            return;
        }
        if let Some((rank, since)) = std::mem::replace(known, want) {
            self.due.remove(&(rank, since, index));
        }
        if let Some((rank, since)) = want {
            self.due.insert((rank, since, index));
        }
    }

    /// Whose turn it is now.
    pub(crate) fn first(&self, now: Instant) -> Option<usize> {
        let (_, _, index) = self.due.first()?;
        (self.next_at <= now).then_some(*index)
    }

    /// All whose request is due, in the order of their turns.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = usize> + '_ {
        self.due.iter().map(|(_, _, index)| *index)
    }

    /// A request was sent.
    pub(crate) fn request_sent(&mut self, now: Instant) {
        let burst = Duration::from_millis(100).saturating_sub(self.spacing);
        self.next_at = self.next_at.max(now - burst) + self.spacing;
    }

    /// When the next has its turn.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        (!self.due.is_empty()).then_some(self.next_at)
    }
}
