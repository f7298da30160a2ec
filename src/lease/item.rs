//! The lease's item, as both bridges see it, and the calls that read and change it.
//!
//! The store has to do two things: read the item as the last write left it, and write under a
//! condition that it checks itself.

use std::sync::Arc;
use std::time::Duration;

use crate::time::Instant;

/// Names of edge nodes that one bridge asks for at a time.
pub const ASKS: usize = 100;

/// A state of the lease. It rises with every write of a holder, and no two writes have the same. An
/// item that nobody has held yet has the epoch 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Which holding: one more with every bridge that takes the lease.
    pub epoch: u64,
    /// Which write of which process: each attempt has a number of its own, also one that fails.
    pub beat: u64,
}

/// Whether a bridge can do something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sense {
    /// It cannot be told yet.
    #[default]
    Unknown,
    /// It cannot.
    No,
    /// It can.
    Yes,
}

/// What a bridge can do at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ability {
    /// It has heard its MQTT server within a keep-alive.
    pub hears: Sense,
    /// It reaches SiteWise.
    pub reaches: Sense,
}

impl Ability {
    /// Whether a follower with this ability should act instead of a holder with `of_holder`.
    /// Hearing comes first: what nobody hears is gone, what does not reach SiteWise is queued. So
    /// of two bridges at most one is better than the other, and the lease does not go back and
    /// forth. What cannot be told moves nothing.
    pub fn is_better(self, of_holder: Self) -> bool {
        let hears = of_holder.hears == Sense::No && self.hears == Sense::Yes;
        let reaches = of_holder.reaches == Sense::No && self.reaches == Sense::Yes;
        let hears_no_less = self.hears == Sense::Yes || of_holder.hears == Sense::No;
        hears || (reaches && hears_no_less)
    }

    /// How many abler bridges there could be: they go first where a lease is free.
    pub(super) fn rank(self) -> u32 {
        match (self.hears, self.reaches) {
            (Sense::Yes, Sense::Yes | Sense::Unknown) => 0,
            (Sense::Yes, Sense::No) => 1,
            (Sense::No | Sense::Unknown, Sense::Yes | Sense::Unknown) => 2,
            (Sense::No | Sense::Unknown, Sense::No) => 3,
        }
    }
}

/// What a follower says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FollowerEntry {
    /// Which process.
    pub id: Arc<str>,
    /// Which write of it.
    pub beat: u64,
    /// What it can do.
    pub ability: Ability,
    /// Edge nodes whose births it lacks; at most [`ASKS`].
    pub asks: Vec<String>,
    /// Which list that is: one more with every other list.
    pub ask_number: u64,
}

/// The lease's item.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Item {
    /// Its state.
    pub version: Version,
    /// The process that holds it; none after a release, and before anyone has held it.
    pub holder: Option<Arc<str>>,
    /// What the holder can do.
    pub ability: Ability,
    /// For how long the holder had heard all its MQTT servers without a break when it wrote that, by its
    /// own clock; none if it did not hear them.
    pub heard: Option<Duration>,
    /// The bridge that follows.
    pub follower: Option<FollowerEntry>,
}

/// A call to the store. Each is tried once; what a write's condition does not admit changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// Reads the item as the last write left it.
    Look,
    /// Makes an item that nobody holds, if there is none.
    Create {
        /// Its version, of epoch 0.
        version: Version,
    },
    /// Makes `by` the holder with this version, if the version is `expected`. The follower's
    /// entry is removed: it may be `by` itself.
    Take {
        /// The process.
        by: Arc<str>,
        /// The version that was seen.
        expected: Version,
        /// The new one, of a later epoch.
        version: Version,
        /// What the process can do.
        ability: Ability,
        /// For how long it has heard its MQTT servers.
        heard: Option<Duration>,
    },
    /// Writes a later beat, if `by` is the holder, of the same epoch, and the beat there is earlier.
    Renew {
        /// The process.
        by: Arc<str>,
        /// The new version.
        version: Version,
        /// What the process can do.
        ability: Ability,
        /// For how long it has heard its MQTT servers.
        heard: Option<Duration>,
    },
    /// Removes the holder, under the same condition as a renewal.
    Release {
        /// The process.
        by: Arc<str>,
        /// The new version.
        version: Version,
    },
    /// Writes a follower's entry, if there is an item, and in it no such entry, or an earlier one of
    /// the same process, or exactly `replaces`.
    Follow {
        /// The new entry.
        entry: FollowerEntry,
        /// The process and beat of one that is dead.
        replaces: Option<(Arc<str>, u64)>,
    },
}

/// What became of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It was done. The item as it is then; none if there is none.
    Done(Option<Item>),
    /// The item does not meet the condition: nothing was changed.
    Refused,
    /// There was no answer, or not one that tells: the call may have been done.
    Failed,
}

/// Which call, to be handed back with its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallId {
    pub(super) number: u64,
    pub(super) sent_at: Instant,
}
