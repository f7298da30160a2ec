//! Rebirth requests: for which reasons, how often, how many at once.
//!
//! Requesting rebirths at every irregularity can bring a plant down. So requests are debounced per
//! node and reason with a growing interval, rate limited in total, jittered, and back off further
//! if they do not help.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::time::Duration;

use rustc_hash::FxHasher;

use super::address::EdgeNode;
use super::datatype::DataType;
use super::edge::REBIRTH;
use super::message::{Message, Qos};
use super::payload;
use super::proto::Payload;
use super::proto::payload::Metric;
use super::proto::payload::metric::Value;
use super::topic;
use crate::time::{Now, Timestamp};

mod requests;
mod scheduler;

pub(crate) use requests::{RebirthRequests, RequestResult};
pub(crate) use scheduler::{RequestRank, RequestScheduler};

/// The reason of a rebirth request. Each can be switched off, some together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum RebirthReason {
    /// Messages are missing [operational-behavior-host-reordering-rebirth].
    Gap,
    /// Something arrived before the birth that would explain it.
    BeforeBirth,
    /// Data names a metric that the birth does not have.
    UnknownMetric,
    /// Data has an alias that the birth does not have.
    UnknownAlias,
    /// Bytes that are no payload.
    Undecodable,
    /// A liveness check: after a death that may belong to another birth, or where memory is short.
    Probe,
    /// It was online before the bridge stopped or lost its connection.
    Expected,
    /// It has been silent for longer than it may be.
    Silence,
    /// Values of it were dropped, which a birth repeats. Switched with [`Gap`](Self::Gap).
    Dropped,
    /// Its clock may have gone back, which a birth shows. Switched with [`Gap`](Self::Gap).
    Clock,
}

/// Why the births of an online node are wanted once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshReason {
    /// Values of it were dropped.
    Dropped,
    /// Its clock may have gone back.
    Clock,
}

impl RebirthReason {
    /// All reasons, in order.
    pub const ALL: [Self; 10] = [
        Self::Gap,
        Self::BeforeBirth,
        Self::UnknownMetric,
        Self::UnknownAlias,
        Self::Undecodable,
        Self::Probe,
        Self::Expected,
        Self::Silence,
        Self::Dropped,
        Self::Clock,
    ];

    /// A name for configuration, metrics and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gap => "gap",
            Self::BeforeBirth => "before-birth",
            Self::UnknownMetric => "unknown-metric",
            Self::UnknownAlias => "unknown-alias",
            Self::Undecodable => "undecodable",
            Self::Probe => "probe",
            Self::Expected => "expected",
            Self::Silence => "silence",
            Self::Dropped => "dropped",
            Self::Clock => "clock",
        }
    }

    /// The reason by whose name it is switched.
    const fn switch(self) -> Self {
        match self {
            Self::Dropped | Self::Clock => Self::Gap,
            own => own,
        }
    }
}

/// A set of reasons, written `auto`, `off`, or as names with commas between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RebirthReasons(u8);

impl RebirthReasons {
    /// Every reason.
    pub const ALL: Self = Self(u8::MAX);

    /// No reason: births are never asked for.
    pub const NONE: Self = Self(0);

    /// Whether births are asked for because of `reason`.
    pub const fn contains(self, reason: RebirthReason) -> bool {
        self.0 & (1 << reason.switch() as u8) != 0
    }

    /// The set with `reason`.
    pub const fn with(self, reason: RebirthReason) -> Self {
        Self(self.0 | 1 << reason.switch() as u8)
    }

    /// The set without `reason`.
    pub const fn without(self, reason: RebirthReason) -> Self {
        Self(self.0 & !(1 << reason.switch() as u8))
    }
}

/// A word that is no reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} is not a reason for a rebirth: write auto, off, or some of {reasons}")]
pub struct UnknownReason {
    word: String,
    reasons: String,
}

impl UnknownReason {
    fn new(word: &str) -> Self {
        Self {
            word: word.to_owned(),
            reasons: RebirthReason::ALL.map(RebirthReason::name).join(","),
        }
    }
}

impl FromStr for RebirthReasons {
    type Err = UnknownReason;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::ALL),
            "off" => Ok(Self::NONE),
            _ => text.split(',').map(str::trim).try_fold(Self::NONE, |set, word| {
                let reason = RebirthReason::ALL.into_iter().find(|reason| reason.name() == word);
                let reason = reason.ok_or_else(|| UnknownReason::new(word))?;
                // It once stood for both.
                let set = if reason == RebirthReason::Probe {
                    set.with(RebirthReason::Silence)
                } else {
                    set
                };
                Ok(set.with(reason))
            }),
        }
    }
}

impl fmt::Display for RebirthReasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let switches = || RebirthReason::ALL.into_iter().filter(|r| r.switch() == *r);
        let on = switches().filter(|r| self.contains(*r));
        let names: Vec<_> = on.map(RebirthReason::name).collect();
        match names.len() {
            0 => f.write_str("off"),
            n if n == switches().count() => f.write_str("auto"),
            _ => f.write_str(&names.join(",")),
        }
    }
}

/// What triggers a rebirth request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RebirthTrigger {
    Gap,
    /// The node was not born.
    BeforeBirth,
    /// A device was not, by the hash of its name.
    Unborn(u64),
    /// The hash of the name.
    UnknownMetric(u64),
    UnknownAlias(u64),
    /// A birth that cannot be read: the node's own, or that of a device.
    Unreadable(Option<u64>),
    /// Another message that cannot be read.
    Undecodable,
    Probe,
    Silence,
    Expected,
    Dropped,
    Clock,
}

impl RebirthTrigger {
    pub(crate) fn metric(name: &str) -> Self {
        Self::UnknownMetric(hash(name))
    }

    /// Data of a device before its birth.
    pub(crate) fn unborn(device: &str) -> Self {
        Self::Unborn(hash(device))
    }

    /// A birth that cannot be read.
    pub(crate) fn unreadable(device: Option<&str>) -> Self {
        Self::Unreadable(device.map(hash))
    }

    /// Whether values are skipped because of it.
    pub(crate) fn skips_values(self) -> bool {
        !matches!(
            self,
            Self::Gap | Self::Probe | Self::Silence | Self::Expected | Self::Dropped | Self::Clock
        )
    }

    /// What a request is for that another process has decided on, whatever its reason: any whose
    /// reason is not switched off. None where nothing is asked for at all.
    pub(crate) fn any_of(reasons: RebirthReasons) -> Option<Self> {
        let unknown = [Self::UnknownMetric(0), Self::UnknownAlias(0), Self::Undecodable];
        let silent = [Self::Probe, Self::Expected, Self::Silence];
        let mut any = [Self::Dropped, Self::BeforeBirth].into_iter().chain(unknown).chain(silent);
        any.find(|trigger| reasons.contains(trigger.reason()))
    }

    pub(crate) fn reason(self) -> RebirthReason {
        match self {
            Self::Gap => RebirthReason::Gap,
            Self::BeforeBirth | Self::Unborn(_) => RebirthReason::BeforeBirth,
            Self::UnknownMetric(_) => RebirthReason::UnknownMetric,
            Self::UnknownAlias(_) => RebirthReason::UnknownAlias,
            Self::Unreadable(_) | Self::Undecodable => RebirthReason::Undecodable,
            Self::Probe => RebirthReason::Probe,
            Self::Silence => RebirthReason::Silence,
            Self::Expected => RebirthReason::Expected,
            Self::Dropped => RebirthReason::Dropped,
            Self::Clock => RebirthReason::Clock,
        }
    }
}

impl From<RefreshReason> for RebirthTrigger {
    fn from(why: RefreshReason) -> Self {
        match why {
            RefreshReason::Dropped => Self::Dropped,
            RefreshReason::Clock => Self::Clock,
        }
    }
}

/// Tells one name from another.
pub(crate) fn hash(name: &str) -> u64 {
    let mut hasher = FxHasher::default();
    name.hash(&mut hasher);
    hasher.finish()
}

/// The policy of rebirth requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RebirthPolicy {
    /// For which reasons.
    pub reasons: RebirthReasons,
    /// The least time between two requests to a node for one reason; it doubles while they keep
    /// coming.
    pub debounce: Duration,
    /// The longest interval while births answer.
    pub longest: Duration,
    /// The longest interval while they do not, or do not help.
    pub rarest: Duration,
    /// Jitter: requests are delayed by up to this.
    pub jitter: Duration,
    /// Requests to all nodes together, in a second; at least one.
    pub per_second: u32,
}

impl Default for RebirthPolicy {
    fn default() -> Self {
        Self {
            reasons: RebirthReasons::ALL,
            debounce: Duration::from_secs(5),
            longest: Duration::from_secs(300),
            rarest: Duration::from_secs(3600),
            jitter: Duration::from_millis(200),
            per_second: 50,
        }
    }
}

/// The request itself [operational-behavior-data-commands-ncmd-rebirth-name,
/// operational-behavior-data-commands-ncmd-rebirth-value, payloads-ncmd-seq].
pub fn request(edge: &EdgeNode, now: Now) -> Message {
    let time = millis(now.wall);
    let metric = Metric {
        name: Some(REBIRTH.into()),
        timestamp: time,
        datatype: Some(DataType::Boolean.number()),
        value: Some(Value::BooleanValue(true)),
        ..Metric::default()
    };
    Message {
        topic: topic::node_command(edge),
        payload: payload::encode(&Payload {
            timestamp: time,
            metrics: vec![metric],
            ..Payload::default()
        }),
        qos: Qos::AtMostOnce,
        retain: false,
    }
}

fn millis(time: Timestamp) -> Option<u64> {
    u64::try_from(time.as_millis()).ok()
}
