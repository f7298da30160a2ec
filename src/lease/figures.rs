//! What is shown of the lease.

use std::sync::Arc;
use std::time::Duration;

use super::item::{Ability, Version};
use super::{Lease, State};
use crate::time::Instant;

/// What this bridge is at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// It follows: it acts in nothing.
    #[default]
    Follower,
    /// It acts.
    Holder,
    /// It held the lease last, as far as it knows, and could not renew it in time: it does not act
    /// until it can.
    Lapsed,
    /// It gives the lease back and does not act any more.
    Releasing,
    /// It has given the lease back and is about to stop; another has not taken it yet.
    Left,
    /// It is about to stop, and another holds the lease.
    HandedOver,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Follower, Self::Holder, Self::Lapsed, Self::Releasing, Self::Left, Self::HandedOver];

    /// Its name: in metrics, console and status.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Follower => "follower",
            Self::Holder => "holder",
            Self::Lapsed => "lapsed",
            Self::Releasing => "releasing",
            Self::Left => "left",
            Self::HandedOver => "handed_over",
        }
    }
}

/// Why a holder no longer acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// It could not renew in time.
    Lapsed,
    /// Another process holds the lease, or nobody does.
    Lost,
    /// It does not hear its MQTT server, and the follower does.
    Deaf,
    /// It does not reach SiteWise, and the follower does.
    Unreachable,
    /// It is about to stop.
    Leaving,
}

/// Counters and what is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// What this bridge is.
    pub role: Role,
    /// Since when it acts, or no longer does.
    pub since: Instant,
    /// The item's version as it was seen last; none before it was, or where there is no item.
    pub version: Option<Version>,
    /// The holder that was seen last.
    pub holder: Option<Arc<str>>,
    /// When the call was sent whose answer showed the last write of a holder first: until then at least
    /// somebody held the lease, however late the answer was read. None where nobody ever did.
    pub renewed_at: Option<Instant>,
    /// For how long another bridge that holds the lease has heard its MQTT servers without a break, at
    /// `renewed_at` and at least; none if it does not hear them, or nobody else holds the lease.
    pub heard: Option<Duration>,
    /// What this bridge can do.
    pub ability: Ability,
    /// The follower's ability, where one is alive.
    pub follower: Option<Ability>,
    /// Since when this bridge holds the lease and no other one follows.
    pub unfollowed_since: Option<Instant>,
    /// How often this bridge took the lease.
    pub taken: u64,
    /// How often it could not renew in time.
    pub lapsed: u64,
    /// How often it gave the lease to an abler bridge.
    pub yielded: u64,
    /// Calls without an answer that tells.
    pub failed: u64,
}

impl Lease {
    /// Since when it holds the lease, and no other bridge says that it follows.
    pub(super) fn unfollowed_since(&self, now: Instant) -> Option<Instant> {
        let State::Holder { taken_at, .. } = self.state else { return None };
        let is_alone = self.acts(now) && self.follower.ability(now).is_none();
        is_alone.then(|| self.follower.last_seen().map_or(taken_at, |seen| seen.max(taken_at)))
    }
}
