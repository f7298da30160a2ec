//! Asking for births: for which reasons, how often, how many at once.
//!
//! A fleet that asks for births whenever something is odd can bring a plant down. So requests
//! are debounced per node with a growing interval, limited in total, spread by chance, and
//! not repeated for a fault that they have not cured.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::time::Duration;

use rustc_hash::FxHasher;

use super::address::EdgeNode;
use super::datatype::DataType;
use super::edge::REBIRTH;
use super::limits;
use super::message::{Message, Qos};
use super::payload;
use super::proto::Payload;
use super::proto::payload::Metric;
use super::proto::payload::metric::Value;
use super::topic;
use crate::time::{Instant, Now, Timestamp};

/// Why a node is asked for its births. Each reason can be switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Reason {
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
    /// Is it still alive? A death that belongs to another birth, or silence.
    Probe,
    /// Known to have been online before our own absence.
    Expected,
}

impl Reason {
    /// All reasons, in order.
    pub const ALL: [Self; 7] = [
        Self::Gap,
        Self::BeforeBirth,
        Self::UnknownMetric,
        Self::UnknownAlias,
        Self::Undecodable,
        Self::Probe,
        Self::Expected,
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
        }
    }
}

/// A set of reasons, written `auto`, `off`, or as names with commas between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reasons(u8);

impl Reasons {
    /// Every reason.
    pub const ALL: Self = Self(u8::MAX);

    /// No reason: births are never asked for.
    pub const NONE: Self = Self(0);

    /// Whether births are asked for because of `reason`.
    pub const fn contains(self, reason: Reason) -> bool {
        self.0 & (1 << reason as u8) != 0
    }

    /// The set with `reason`.
    pub const fn with(self, reason: Reason) -> Self {
        Self(self.0 | 1 << reason as u8)
    }

    /// The set without `reason`.
    pub const fn without(self, reason: Reason) -> Self {
        Self(self.0 & !(1 << reason as u8))
    }
}

/// A word that is no reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} is no reason for a rebirth: auto, off, or some of {reasons}")]
pub struct UnknownReason {
    word: String,
    reasons: String,
}

impl UnknownReason {
    fn new(word: &str) -> Self {
        Self { word: word.to_owned(), reasons: Reason::ALL.map(Reason::name).join(",") }
    }
}

impl FromStr for Reasons {
    type Err = UnknownReason;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::ALL),
            "off" => Ok(Self::NONE),
            _ => text.split(',').map(str::trim).try_fold(Self::NONE, |set, word| {
                let reason = Reason::ALL.into_iter().find(|reason| reason.name() == word);
                reason.map(|r| set.with(r)).ok_or_else(|| UnknownReason::new(word))
            }),
        }
    }
}

impl fmt::Display for Reasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> =
            Reason::ALL.into_iter().filter(|r| self.contains(*r)).map(Reason::name).collect();
        match names.len() {
            0 => f.write_str("off"),
            n if n == Reason::ALL.len() => f.write_str("auto"),
            _ => f.write_str(&names.join(",")),
        }
    }
}

/// A reason with what it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    Gap,
    BeforeBirth,
    /// The hash of the name.
    UnknownMetric(u64),
    UnknownAlias(u64),
    Undecodable,
    Probe,
    Expected,
}

impl Fault {
    pub(crate) fn metric(name: &str) -> Self {
        let mut hasher = FxHasher::default();
        name.hash(&mut hasher);
        Self::UnknownMetric(hasher.finish())
    }

    pub(crate) fn reason(self) -> Reason {
        match self {
            Self::Gap => Reason::Gap,
            Self::BeforeBirth => Reason::BeforeBirth,
            Self::UnknownMetric(_) => Reason::UnknownMetric,
            Self::UnknownAlias(_) => Reason::UnknownAlias,
            Self::Undecodable => Reason::Undecodable,
            Self::Probe => Reason::Probe,
            Self::Expected => Reason::Expected,
        }
    }

    /// Whether a birth may leave it as it was. A gap is over with the next birth, and what
    /// came before a birth is explained by it.
    fn may_persist(self) -> bool {
        match self {
            Self::UnknownMetric(_) | Self::UnknownAlias(_) | Self::Undecodable => true,
            Self::Gap | Self::BeforeBirth | Self::Probe | Self::Expected => false,
        }
    }
}

/// How births are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// For which reasons.
    pub reasons: Reasons,
    /// The least time between two requests to a node; it doubles while they keep coming.
    pub debounce: Duration,
    /// The longest that the interval grows.
    pub longest: Duration,
    /// Requests are delayed by up to this, by chance.
    pub jitter: Duration,
    /// Requests to all nodes together, in a second; at least one.
    pub per_second: u32,
    /// How often a fault is answered with a request that does not cure it.
    pub tries: u32,
    /// After how long a fault that was given up is tried again.
    pub forget: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            reasons: Reasons::ALL,
            debounce: Duration::from_secs(5),
            longest: Duration::from_secs(300),
            jitter: Duration::from_millis(200),
            per_second: 50,
            tries: 2,
            forget: Duration::from_secs(3600),
        }
    }
}

/// Requests to all nodes together: evenly spaced, a tenth of a second's worth at once.
#[derive(Debug)]
pub(crate) struct Budget {
    spacing: Duration,
    next: Instant,
}

impl Budget {
    pub(crate) fn new(per_second: u32) -> Self {
        Self { spacing: Duration::from_secs(1) / per_second.max(1), next: Instant::START }
    }

    /// Takes the next place, which may be now or later.
    fn take(&mut self, now: Instant) -> Instant {
        let burst = Duration::from_millis(100).saturating_sub(self.spacing);
        let place = self.next.max(now - burst);
        self.next = place + self.spacing;
        place.max(now)
    }
}

/// The requests to one node.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    pending: Option<Pending>,
    last: Option<Instant>,
    interval: Duration,
    tried: BTreeMap<Fault, Tried>,
}

#[derive(Clone, Copy, Debug)]
struct Pending {
    due: Instant,
    /// Whether its place in the budget is taken.
    placed: bool,
    fault: Fault,
}

#[derive(Clone, Copy, Debug)]
struct Tried {
    times: u32,
    last: Instant,
}

/// What becomes of the wish for a birth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// A request will be sent, or is under way.
    Granted,
    /// The reason is switched off.
    Off,
    /// The fault was not cured before.
    GivenUp,
}

impl Requests {
    /// Wishes for a birth; `chance` is a number from 0 to 1.
    pub(crate) fn wish(
        &mut self,
        fault: Fault,
        now: Instant,
        chance: f64,
        policy: &Policy,
    ) -> Wish {
        if !policy.reasons.contains(fault.reason()) {
            return Wish::Off;
        }
        if self.is_given_up(fault, now, policy) {
            return Wish::GivenUp;
        }
        if self.pending.is_none() {
            let jitter = policy.jitter.mul_f64(chance);
            let debounced = self.last.map(|last| last + self.interval);
            let due = debounced.unwrap_or(now).max(now + jitter);
            self.pending = Some(Pending { due, placed: false, fault });
        }
        Wish::Granted
    }

    fn is_given_up(&mut self, fault: Fault, now: Instant, policy: &Policy) -> bool {
        if !fault.may_persist() {
            return false;
        }
        if let Some(tried) = self.tried.get(&fault) {
            if now.since(tried.last) < policy.forget {
                return tried.times >= policy.tries;
            }
            self.tried.remove(&fault);
        }
        // With no room left to remember, another fault is not a reason to begin.
        if self.tried.len() >= limits::FAULTS {
            self.tried.retain(|_, tried| now.since(tried.last) < policy.forget);
        }
        self.tried.len() >= limits::FAULTS
    }

    /// When [`poll`](Self::poll) has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.pending.map(|pending| pending.due)
    }

    /// The fault for which a request is to be sent now, if any.
    pub(crate) fn poll(
        &mut self,
        now: Instant,
        budget: &mut Budget,
        policy: &Policy,
    ) -> Option<Fault> {
        let pending = self.pending.filter(|pending| pending.due <= now)?;
        if !pending.placed {
            let place = budget.take(now);
            if place > now {
                self.pending = Some(Pending { due: place, placed: true, ..pending });
                return None;
            }
        }
        self.pending = None;
        // The interval grows while requests follow each other, and begins anew after a rest.
        self.interval = match self.last {
            Some(last) if now.since(last) <= self.interval.saturating_mul(4) => {
                self.interval.saturating_mul(2).min(policy.longest)
            }
            Some(_) | None => policy.debounce,
        };
        self.last = Some(now);
        if pending.fault.may_persist() {
            let tried = self.tried.entry(pending.fault).or_insert(Tried { times: 0, last: now });
            tried.times += 1;
            tried.last = now;
        }
        Some(pending.fault)
    }

    /// A birth has come, whoever asked for it.
    pub(crate) fn satisfied(&mut self) {
        self.pending = None;
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
