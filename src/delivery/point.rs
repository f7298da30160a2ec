//! A value on its way to SiteWise.

use uuid::Uuid;

use crate::sitewise::api::{Quality, Tqv, Variant};
use crate::time::Timestamp;

/// A property of an asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stream {
    /// The asset.
    pub asset: Uuid,
    /// The property, shared by all assets of the model.
    pub property: Uuid,
}

/// SiteWise's key of a value: a second write with the same key overwrites the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The property.
    pub stream: Stream,
    /// The value's time.
    pub time: Timestamp,
    /// The value's quality.
    pub quality: Quality,
}

/// Why a point is sent: its class, which decides its priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// A value as it changes, presence included.
    Live,
    /// A value that a birth repeats.
    Birth,
    /// The value of an attribute, which SiteWise takes less often; it goes with the births.
    Static,
    /// A stale mark.
    Stale,
    /// A value of the past.
    History,
}

impl Class {
    /// The class whose turns it shares.
    pub(crate) fn scheduling_class(self) -> Self {
        match self {
            Self::Static => Self::Birth,
            other => other,
        }
    }
}

/// One value for one property.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The property that it is for.
    pub stream: Stream,
    /// Its time.
    pub time: Timestamp,
    /// Its quality.
    pub quality: Quality,
    /// The value.
    pub value: Variant,
    /// Why it is sent, which decides its priority.
    pub class: Class,
}

impl Point {
    /// What SiteWise keys it by.
    pub fn key(&self) -> Key {
        Key { stream: self.stream, time: self.time, quality: self.quality }
    }

    /// As an entry carries it.
    pub fn tqv(&self) -> Tqv {
        Tqv { time: self.time, quality: self.quality, value: self.value.clone() }
    }
}

/// What a queued point waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gate {
    /// Its asset does not exist yet.
    Asset(Uuid),
    /// Its model lacks the property yet.
    Property(Uuid),
    /// SiteWise keeps rejecting values of the property.
    Rejected(Stream),
}

/// Whether a point that was left on disk can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateState {
    /// Its asset and property are there, as far as is known.
    Open,
    /// Its gate is closed; an event follows when it opens.
    Closed,
    /// SiteWise rejects some values of the property, which were put back: others can be sent.
    Others,
    /// Unknown until the initial sync with SiteWise.
    Unknown,
}

/// The rule by which a point was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DiscardReason {
    /// A later point with the same property, time and quality took its place.
    Overwritten,
    /// More than ten values of one property, quality and second: those between.
    SecondFull,
    /// The outbox is full; the oldest history goes first.
    Full,
    /// It was sent before the initial sync, to a property that the asset turned out not to have.
    Misrouted,
    /// It cannot be read back from the outbox's damaged disk, or somebody deleted its file.
    Unreadable,
    /// The other one of two bridges has had it for long, and delivers.
    StandbyReleased,
    /// A bridge that follows had no more room for it; the other one delivers, as far as is known.
    StandbyFull,
}

impl DiscardReason {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Overwritten,
        Self::SecondFull,
        Self::Full,
        Self::Misrouted,
        Self::Unreadable,
        Self::StandbyReleased,
        Self::StandbyFull,
    ];

    /// Its name: in the log, the metrics and the console.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Overwritten => "overwritten",
            Self::SecondFull => "rate",
            Self::Full => "outbox_full",
            Self::Misrouted => "misrouted",
            Self::Unreadable => "outbox_unreadable",
            Self::StandbyReleased => "standby_released",
            Self::StandbyFull => "standby_full",
        }
    }
}

/// Why a point was rejected: it becomes a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RejectReason {
    /// Its timestamp is outside SiteWise's window.
    OutOfRange,
    /// SiteWise rejects it as invalid, or would: its type is not the property's.
    Invalid,
    /// SiteWise denies access to the property.
    Denied,
}

impl RejectReason {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::OutOfRange, Self::Invalid, Self::Denied];

    /// Its name: in the log, the metrics, the console and the dead letters.
    pub const fn label(self) -> &'static str {
        match self {
            Self::OutOfRange => "out_of_range",
            Self::Invalid => "invalid",
            Self::Denied => "denied",
        }
    }
}
