//! Reasons for `degraded`: problems while the bridge is ready, each with a remedy.
//!
//! The bridge stays ready, so that a single machine never blocks a deployment.

mod collect;
mod labels;
mod late_values;
mod lease;
mod mentions;
mod reasons;
mod retried_values;
mod words;

pub use late_values::TooOld;
pub use reasons::DegradedReasons;
pub use retried_values::RetriedValues;
pub(crate) use retried_values::while_others;
use words::of_machines;
pub(crate) use words::{
    AWAITS_BIRTH_REMEDY, CROWDED_REMEDY, DISK_REMEDY, FULL_REMEDY, NOBODY_ADMITTED,
    NOTHING_DELIVERED, OFFLINE_REMEDY, SLOW_REMEDY, STORED_DROPPED, TOO_FAST, clock_offset_text,
    colon_after, counted, drop_order, first_names, refused_remedy,
};

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::view::{EngineView, FOREIGN};
use crate::delivery::point::RejectReason;
use crate::sitewise::cause::Plane;
use crate::sparkplug::findings::Finding;
use crate::sparkplug::host::{ClockOff, clock_words};
use crate::sparkplug::limits;
use crate::time::{Timestamp, rounded};
use crate::twin::caps::Cap;

/// One reason for `degraded`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DegradedReason {
    /// There is no session with one of several MQTT servers.
    NotConnected {
        /// The server.
        url: String,
        /// Why, if that is known.
        error: Option<Arc<str>>,
        /// Edge nodes that are known from before the start and not heard since: they may be
        /// behind it.
        unheard: usize,
    },
    /// Calls to SiteWise keep failing, or are not answered.
    SiteWise {
        /// Where they go.
        host: String,
        /// Which.
        plane: Plane,
        /// Why, and what to do.
        why: String,
    },
    /// Calls to SiteWise pass, but slowly.
    SiteWiseSlow {
        /// Where they go.
        host: String,
        /// Which.
        plane: Plane,
        /// How long the latest took.
        took: Duration,
    },
    /// Another client takes the bridge's session from it, within the last minutes.
    ClientIdShared {
        /// The server.
        url: String,
        /// Why, and what to do.
        why: Arc<str>,
    },
    /// The filter leaves out every edge node.
    AllNodesExcluded {
        /// The first that was heard.
        edge: String,
        /// How many messages were left out.
        messages: u64,
    },
    /// A sender deviates from the specification such that only people can mend it, within the last
    /// hour.
    Finding {
        /// Its address; none for what no edge node sent.
        edge: Option<String>,
        /// How.
        finding: Finding,
        /// How often since the start.
        count: u64,
    },
    /// Messages of this server were dropped because the engine was too slow, within the last
    /// minute.
    MessagesLost {
        /// The server.
        url: String,
        /// How many since the start.
        messages: u64,
    },
    /// Retained messages of this server were dropped within the last minute.
    RetainedDropped {
        /// The server.
        url: String,
        /// How many since the start.
        messages: u64,
    },
    /// Messages of this server were queued for long, within the last minute.
    MessagesLate {
        /// The server.
        url: String,
        /// How long the latest of them was queued, in seconds.
        seconds: u64,
    },
    /// Oversized messages of this server were skipped within the last hour.
    PacketTooLarge {
        /// The server.
        url: String,
        /// The topic of the latest.
        topic: String,
        /// How many since the start.
        messages: u64,
    },
    /// One of several MQTT servers delivers no subscribed topics.
    ForeignTopics {
        /// The server.
        url: String,
        /// A topic that it delivers instead.
        topic: String,
    },
    /// A server has granted the subscriptions and delivers nothing, not even our own STATE.
    NothingDelivered {
        /// The server.
        url: String,
    },
    /// An edge node cannot be interpreted, although a rebirth was requested.
    NotUnderstood {
        /// Its address.
        edge: String,
        /// The device or the metric that shows it, where one does.
        example: Option<Arc<str>>,
        /// Why, and what to do.
        reason: String,
    },
    /// Edge nodes are known by births that a server has stored, and by nothing else; they were
    /// asked and did not answer.
    OnlyStored {
        /// The first of them, and how many more there are.
        edges: String,
        /// How many.
        count: u64,
        /// Why, and what to do.
        reason: &'static str,
    },
    /// The outbox was full and dropped values within the last minute, in this order.
    OutboxFull(&'static str),
    /// Values wait that are so old that SiteWise soon takes them no more.
    ValuesExpiring {
        /// The time of the oldest.
        since: Timestamp,
        /// What becomes of those that are too old.
        then: TooOld,
    },
    /// Values that are too old for SiteWise's usual calls are not sent by bulk import.
    LateValuesFailing {
        /// Why, and what to do.
        why: String,
    },
    /// Values wait on disk since before the start for an asset that is not in SiteWise: its machine
    /// is not born.
    AwaitsBirth {
        /// The edge node's address; none for those whose machine is not known.
        machine: Option<String>,
        /// How many.
        values: u64,
        /// Until when the oldest waits.
        until: Timestamp,
        /// What becomes of it then.
        then: TooOld,
    },
    /// The outbox's disk is not writable, for this reason.
    OutboxNotWritable(String),
    /// The outbox on disk is damaged, as described, and is being repaired.
    OutboxUnreadable(String),
    /// This many values on the outbox's disk were unreadable since the start.
    OutboxLost(u64),
    /// A machine exceeds a cap.
    Capped {
        /// Its address.
        machine: String,
        /// The cap.
        cap: Cap,
        /// The first thing that was dropped.
        example: String,
        /// Values dropped for it so far.
        values: u64,
    },
    /// An edge node is offline, or was before the bridge started and has not come back.
    Offline {
        /// Its address.
        edge: String,
        /// Since when, if that is known.
        since: Option<Timestamp>,
    },
    /// Values of a machine, or of several of one edge node, were rejected within the last hour.
    ValuesRejected {
        /// The machine's address, the edge node's of several, or the asset.
        machine: String,
        /// How many machines there are.
        machines: u64,
        /// Why.
        refusal: RejectReason,
        /// How many of those in the dead letters.
        values: u64,
        /// Asset, property and reason of the latest.
        example: String,
    },
    /// The host's clock differs from SiteWise's.
    Clock {
        /// By how many milliseconds it is ahead.
        ahead: i64,
    },
    /// The clock of an edge node or a device is wrong.
    SenderClock {
        /// Its address.
        edge: String,
        /// By how many milliseconds it is ahead; negative where it is behind.
        ahead: i64,
        /// Further devices of the same edge node.
        others: u64,
    },
    /// Values of a machine were dropped within the last hour: more than SiteWise takes in a second.
    ValuesTooFast {
        /// Its address.
        machine: String,
        /// The property of the first.
        example: String,
        /// How many there were.
        values: u64,
    },
    /// SiteWise keeps rejecting values of a machine, or of several of one edge node, for one cause.
    ValuesRetried {
        /// The machine's address, the edge node's of several, or the asset.
        machine: String,
        /// What.
        retried: RetriedValues,
    },
    /// Requests to write to the plant cannot come in, or answers cannot be sent.
    CommandsUnreachable {
        /// The address of the MQTT server or the queue.
        url: String,
        /// What cannot be done and why, with a remedy.
        why: String,
    },
    /// The lease's table cannot be reached.
    LeaseUnreachable {
        /// Why, with a remedy.
        why: String,
    },
    /// This bridge holds the lease, and no second one follows.
    NoFollower {
        /// Since when.
        since: Timestamp,
    },
    /// SiteWise rejects a model or an asset, or its limits leave no place for it.
    Problem {
        /// The model or asset; or the assets that one cause keeps out.
        subject: String,
        /// The first of them.
        first: String,
        /// How many.
        count: u64,
        /// Why.
        reason: String,
    },
}

impl DegradedReason {
    /// Who or what it is about.
    pub fn subject(&self) -> &str {
        match self {
            Self::SiteWise { .. } | Self::SiteWiseSlow { .. } => "SiteWise",
            Self::Finding { edge, .. } => edge.as_deref().unwrap_or("the MQTT server"),
            Self::NotConnected { url, .. }
            | Self::ClientIdShared { url, .. }
            | Self::MessagesLost { url, .. }
            | Self::RetainedDropped { url, .. }
            | Self::MessagesLate { url, .. }
            | Self::PacketTooLarge { url, .. }
            | Self::NothingDelivered { url }
            | Self::CommandsUnreachable { url, .. }
            | Self::ForeignTopics { url, .. } => url,
            Self::NotUnderstood { edge, .. }
            | Self::Offline { edge, .. }
            | Self::SenderClock { edge, .. }
            | Self::AllNodesExcluded { edge, .. } => edge,
            Self::OnlyStored { edges, .. } => edges,
            Self::OutboxFull(_)
            | Self::ValuesExpiring { .. }
            | Self::OutboxNotWritable(_)
            | Self::OutboxUnreadable(_)
            | Self::OutboxLost(_) => "the outbox",
            Self::LateValuesFailing { .. } => "late values",
            Self::LeaseUnreachable { .. } => "the lease's table",
            Self::NoFollower { .. } => "the lease",
            Self::Capped { machine, .. }
            | Self::ValuesRejected { machine, .. }
            | Self::ValuesTooFast { machine, .. }
            | Self::ValuesRetried { machine, .. } => machine,
            Self::AwaitsBirth { machine, .. } => machine.as_deref().unwrap_or("the outbox"),
            Self::Clock { .. } => "the host's clock",
            Self::Problem { subject, .. } => subject,
        }
    }

    /// Why, without the subject.
    pub fn reason(&self) -> String {
        match self {
            Self::NotConnected { error, unheard, .. } => {
                let behind = match unheard {
                    0 => String::new(),
                    1 => "; 1 edge node not heard since the start may be behind it".to_owned(),
                    _ => {
                        format!("; {unheard} edge nodes not heard since the start may be behind it")
                    }
                };
                match error {
                    None => {
                        format!("is not connected yet{behind}; check its address and the network")
                    }
                    Some(why) => format!("is not connected: {why}{behind}"),
                }
            }
            Self::SiteWise { host, plane, why } => {
                format!("rejects or does not answer {} at {host}: {why}", plane.description())
            }
            Self::SiteWiseSlow { host, plane, took } => {
                format!(
                    "is slow: it answers {} at {host} only after {}; {SLOW_REMEDY}",
                    plane.description(),
                    rounded(*took)
                )
            }
            Self::ClientIdShared { why, .. } => why.to_string(),
            Self::CommandsUnreachable { why, .. } | Self::LateValuesFailing { why } => why.clone(),
            Self::AllNodesExcluded { messages, .. } => {
                format!("{NOBODY_ADMITTED}; {} so far", counted(*messages, "message"))
            }
            Self::Finding { finding, count, .. } => {
                let rule = limits::rule(*finding).map(|rule| format!(": {rule}"));
                format!(
                    "{}{} ({} so far)",
                    finding.description(),
                    rule.unwrap_or_default(),
                    counted(*count, "time")
                )
            }
            Self::MessagesLost { messages, .. } => format!(
                "sends faster than the bridge reads: {} dropped since the start; look for a node \
                 that floods, or give the bridge more CPU",
                counted(*messages, "message")
            ),
            Self::RetainedDropped { messages, .. } => {
                format!(
                    "has {messages} stored (retained) messages that were dropped: {STORED_DROPPED}"
                )
            }
            Self::MessagesLate { seconds, .. } => format!(
                "has messages that were queued for {seconds} s before they were read: the values \
                    of all its nodes are late; look for a node that floods, or give the bridge \
                    more CPU"
            ),
            Self::PacketTooLarge { topic, messages, .. } => format!(
                "has messages larger than MQTT_MAX_PACKET, which are skipped: {messages} since the \
                 start, the latest on {topic}; raise it, or delete them from the server"
            ),
            Self::NothingDelivered { .. } => NOTHING_DELIVERED.to_owned(),
            Self::ForeignTopics { topic, .. } => {
                format!("delivers topics like {topic:?}: {FOREIGN}")
            }
            Self::NotUnderstood { reason, .. } => reason.clone(),
            Self::OnlyStored { reason, .. } => (*reason).to_owned(),
            Self::Offline { since, .. } => {
                let since = since.map_or_else(
                    || "since before the bridge started".to_owned(),
                    |since| format!("since {}", since.in_seconds()),
                );
                format!("is offline {since}: {OFFLINE_REMEDY}")
            }
            Self::ValuesRejected { machines, refusal, values, example, .. } => format!(
                "had {}{} rejected within the last hour ({}), the latest: {example}; {}",
                counted(*values, "value"),
                of_machines(*machines),
                refusal.label(),
                refused_remedy(*refusal)
            ),
            Self::OutboxFull(order) => {
                format!("is full (OUTBOX_MAX_BYTES) and drops values: {order}; {FULL_REMEDY}")
            }
            Self::ValuesExpiring { since, then } => format!(
                "has values since {}: SiteWise accepts those of the last 7 days, older ones {}; \
                 find out why they are queued: SiteWise is unreachable or throttles, it has locked \
                 or rejected a model or asset, or a machine never sent a birth again",
                since.in_seconds(),
                then.words()
            ),
            Self::AwaitsBirth { machine, values, until, then } => {
                let whose = match machine {
                    Some(_) => {
                        "its asset is not in SiteWise, and it does not answer requests for its \
                            birth"
                    }
                    None => {
                        "their assets are not in SiteWise, and an earlier version did not record \
                            whose they are"
                    }
                };
                format!(
                    "has {} from before the start that {} for a birth: {whose}; \
                     {AWAITS_BIRTH_REMEDY}; {}",
                    counted(*values, "value"),
                    if *values == 1 { "waits" } else { "wait" },
                    then.of_oldest(*until)
                )
            }
            Self::OutboxNotWritable(why) => {
                format!(
                    "cannot be written to its disk: {why}; values are queued in memory only; \
                     {DISK_REMEDY}"
                )
            }
            Self::OutboxUnreadable(why) => format!(
                "is damaged on disk: {why}; it is being repaired, and values are queued in memory \
                 only; check the disk, and look at what is left with `sparkwise outbox check`"
            ),
            Self::OutboxLost(values) => format!(
                "has lost {} to damage on its disk; the damaged files are kept in OUTBOX_DIR: check \
                 the disk; this is shown until the next start",
                counted(*values, "value")
            ),
            Self::Capped { cap, example, values, .. } => format!(
                "exceeds {}: `{example}` is dropped, {} so far; {}",
                cap.variable(),
                counted(*values, "value"),
                cap.remedy()
            ),
            Self::Clock { ahead } => format!(
                "is {}: synchronize it (NTP); meanwhile SiteWise's time is used, and only SiteWise \
                 rejects values for their timestamps",
                clock_offset_text(*ahead)
            ),
            Self::SenderClock { ahead, others, .. } => {
                clock_words(ClockOff { device: None, ahead: *ahead, others: *others })
            }
            Self::ValuesTooFast { example, values, .. } => {
                format!(
                    "{TOO_FAST}: {values} within the last hour, the first of {example}; \
                        {CROWDED_REMEDY}"
                )
            }
            Self::ValuesRetried { retried, .. } => retried.words(),
            Self::LeaseUnreachable { why } => format!(
                "cannot be reached: {why}; without it no bridge acts for longer than the lease lasts"
            ),
            Self::NoFollower { since } => format!(
                "has no follower since {since}: nobody takes over if this bridge fails; start the \
                 second one, and check that it has the same LEASE"
            ),
            Self::Problem { reason, .. } => reason.clone(),
        }
    }
}

impl fmt::Display for DegradedReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{} {}", self.subject(), colon_after(self.label()), self.reason())
    }
}
