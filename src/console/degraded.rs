//! Reasons for `degraded`: problems while the bridge is ready, each with a remedy.
//!
//! The bridge stays ready, so that a single machine never blocks a deployment.

mod gather;

use std::fmt;
use std::sync::Arc;

use super::look::{EngineView, FOREIGN};
use crate::delivery::point::RejectReason;
use crate::time::Timestamp;
use crate::twin::caps::Cap;

/// Reasons that are listed by name; further ones are counted.
const MAX_NAMED: usize = 100;

/// One reason for `degraded`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DegradedReason {
    /// There is no session with one of several MQTT servers.
    NotConnected {
        /// The server.
        url: String,
        /// Why, if that is known.
        error: Option<Arc<str>>,
    },
    /// Messages of this server were dropped because the engine was too slow, within the last
    /// minute.
    MessagesLost {
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
    Oversized {
        /// The server.
        url: String,
        /// The topic of the latest.
        topic: String,
        /// How many since the start.
        messages: u64,
    },
    /// One of several MQTT servers delivers no subscribed topics.
    Foreign {
        /// The server.
        url: String,
        /// A topic that it delivers instead.
        topic: String,
    },
    /// An edge node cannot be interpreted, although a rebirth was requested.
    NotUnderstood {
        /// Its address.
        edge: String,
        /// Why, and what to do.
        reason: &'static str,
    },
    /// The outbox was full and dropped values within the last minute.
    OutboxFull,
    /// The outbox's disk is not writable, for this reason.
    OutboxRefuses(String),
    /// The outbox on disk is damaged, as described, and is being repaired.
    OutboxUnreadable(String),
    /// So many values on the outbox's disk were unreadable since the start.
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
    /// Values of a machine were rejected within the last hour.
    Refused {
        /// The machine's address, or the asset.
        machine: String,
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
    /// SiteWise keeps rejecting values of a property while it accepts others.
    Held {
        /// The asset and the property.
        subject: String,
        /// How many there are.
        values: usize,
        /// The last error.
        reason: String,
    },
    /// SiteWise rejects a model or an asset, or its limits leave no place for it.
    Problem {
        /// The model or asset.
        subject: String,
        /// Why.
        reason: String,
    },
}

impl DegradedReason {
    /// All labels.
    pub const LABELS: [&'static str; 18] = [
        "mqtt_not_connected",
        "mqtt_messages_lost",
        "mqtt_messages_late",
        "mqtt_packet_too_large",
        "mqtt_foreign_topics",
        "not_understood",
        "node_offline",
        "values_rejected",
        "outbox_full",
        "outbox_refuses",
        "outbox_unreadable",
        "outbox_lost",
        Self::capped(Cap::Models),
        Self::capped(Cap::Properties),
        Self::capped(Cap::Assets),
        "clock",
        "held",
        Self::PROBLEM,
    ];

    /// Its label.
    pub fn label(&self) -> &'static str {
        match self {
            Self::NotConnected { .. } => "mqtt_not_connected",
            Self::MessagesLost { .. } => "mqtt_messages_lost",
            Self::MessagesLate { .. } => "mqtt_messages_late",
            Self::Oversized { .. } => "mqtt_packet_too_large",
            Self::Foreign { .. } => "mqtt_foreign_topics",
            Self::NotUnderstood { .. } => "not_understood",
            Self::Offline { .. } => "node_offline",
            Self::Refused { .. } => "values_rejected",
            Self::OutboxFull => "outbox_full",
            Self::OutboxRefuses(_) => "outbox_refuses",
            Self::OutboxUnreadable(_) => "outbox_unreadable",
            Self::OutboxLost(_) => "outbox_lost",
            Self::Capped { cap, .. } => Self::capped(*cap),
            Self::Clock { .. } => "clock",
            Self::Held { .. } => "held",
            Self::Problem { .. } => Self::PROBLEM,
        }
    }

    const PROBLEM: &'static str = "problem";

    const fn capped(cap: Cap) -> &'static str {
        match cap {
            Cap::Models => "capped_models",
            Cap::Properties => "capped_properties",
            Cap::Assets => "capped_assets",
        }
    }

    /// Who or what it is about.
    pub fn subject(&self) -> &str {
        match self {
            Self::NotConnected { url, .. }
            | Self::MessagesLost { url, .. }
            | Self::MessagesLate { url, .. }
            | Self::Oversized { url, .. }
            | Self::Foreign { url, .. } => url,
            Self::NotUnderstood { edge, .. } | Self::Offline { edge, .. } => edge,
            Self::OutboxFull
            | Self::OutboxRefuses(_)
            | Self::OutboxUnreadable(_)
            | Self::OutboxLost(_) => "the outbox",
            Self::Capped { machine, .. } | Self::Refused { machine, .. } => machine,
            Self::Clock { .. } => "the host's clock",
            Self::Held { subject, .. } | Self::Problem { subject, .. } => subject,
        }
    }

    /// Why, without the subject.
    pub fn reason(&self) -> String {
        match self {
            Self::NotConnected { error: None, .. } => "is not connected yet".to_owned(),
            Self::NotConnected { error: Some(why), .. } => format!("is not connected: {why}"),
            Self::MessagesLost { messages, .. } => format!(
                "sends faster than the engine reads: {messages} messages dropped since the start; \
                 look for a node that floods, or give the bridge more CPU"
            ),
            Self::MessagesLate { seconds, .. } => format!(
                "has messages that are read {seconds} s after they came: the values of all its nodes \
                 are late; look for a node that floods, or give the bridge more CPU"
            ),
            Self::Oversized { topic, messages, .. } => format!(
                "has messages larger than MQTT_MAX_PACKET, which are skipped: {messages} since \
                 the start, the latest on {topic}; raise it, or delete them from the server"
            ),
            Self::Foreign { topic, .. } => format!("delivers topics like {topic:?}: {FOREIGN}"),
            Self::NotUnderstood { reason, .. } => (*reason).to_owned(),
            Self::Offline { since, .. } => {
                let since = since.map_or_else(
                    || "since before the bridge started".to_owned(),
                    |since| format!("since {since}"),
                );
                format!("is offline {since}: {OFFLINE_REMEDY}")
            }
            Self::Refused { refusal, values, example, .. } => format!(
                "had {values} values rejected within the last hour ({}), the latest of {example}; {}",
                refusal.label(),
                refused_remedy(*refusal)
            ),
            Self::OutboxFull => "is full (OUTBOX_MAX_BYTES) and drops values, the oldest history \
                                 first"
                .to_owned(),
            Self::OutboxRefuses(why) => {
                format!("cannot be written to its disk: {why}; values are queued in memory only")
            }
            Self::OutboxUnreadable(why) => format!(
                "is damaged on disk: {why}; it is being repaired, and values are queued in memory \
                 only"
            ),
            Self::OutboxLost(values) => format!(
                "has lost {values} values to damage on its disk; the damaged files are kept in \
                 OUTBOX_DIR"
            ),
            Self::Capped { cap, example, values, .. } => format!(
                "exceeds {}: `{example}` is dropped, {values} values so far; {}",
                cap.variable(),
                cap.remedy()
            ),
            Self::Clock { ahead } => format!(
                "is {}: synchronize it (NTP); meanwhile SiteWise's time is used, and only \
                 SiteWise rejects values for their timestamps",
                clock_offset_text(*ahead)
            ),
            Self::Held { values, reason, .. } => format!(
                "has values that SiteWise does not accept while it accepts others, {values} now: \
                 {reason}; they are retried with backoff, up to an hour apart; {HELD_REMEDY}"
            ),
            Self::Problem { reason, .. } => reason.clone(),
        }
    }
}

/// What to do about an edge node that is offline.
const OFFLINE_REMEDY: &str = "check its power, its network and its MQTT connection; if it is gone for \
                              good, exclude it with SPARKPLUG_EXCLUDE or delete its asset in SiteWise, and restart";

/// What to do about values that are rejected.
const fn refused_remedy(refusal: RejectReason) -> &'static str {
    match refusal {
        RejectReason::OutOfRange => {
            "check the sender's clock: SiteWise accepts values of the last 7 days and the next 5 minutes"
        }
        RejectReason::Invalid => "see sparkwise dead-letters count, then retry or drop them",
        RejectReason::Denied => {
            "allow the bridge's role iotsitewise:BatchPutAssetPropertyValue on this asset, then \
             sparkwise dead-letters retry --all"
        }
    }
}

/// What to do about values that SiteWise does not accept.
pub(crate) const HELD_REMEDY: &str =
    "find out who answers so: a proxy or firewall on the way, or missing permissions";

/// The offset of a clock, as text.
pub(crate) fn clock_offset_text(ahead: i64) -> String {
    let seconds = ahead.unsigned_abs() / 1_000;
    let which = if ahead > 0 { "ahead of" } else { "behind" };
    format!("{seconds} s {which} SiteWise's")
}

impl fmt::Display for DegradedReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let colon = if matches!(self, Self::Problem { .. } | Self::NotUnderstood { .. }) {
            ":"
        } else {
            ""
        };
        write!(f, "{}{colon} {}", self.subject(), self.reason())
    }
}

/// Snapshot of all reasons: counts by label, and the first ones in full.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DegradedReasons {
    told: Vec<DegradedReason>,
    counts: [u64; DegradedReason::LABELS.len()],
}

impl DegradedReasons {
    /// All current reasons.
    pub fn of(look: &EngineView<'_>) -> Self {
        DegradedReason::all(look).into_iter().collect()
    }

    /// Those that are listed by name.
    pub fn named(&self) -> &[DegradedReason] {
        &self.told
    }

    /// How many there are of each label.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        DegradedReason::LABELS.into_iter().zip(self.counts)
    }

    /// How many have this label.
    fn count(&self, label: &str) -> u64 {
        self.counts().find(|(of, _)| *of == label).map_or(0, |(_, count)| count)
    }

    /// How many machines exceed this cap.
    pub fn capped(&self, cap: Cap) -> u64 {
        self.count(DegradedReason::capped(cap))
    }

    /// How many there are in all.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Lines for people, each with its label; the last says how many more there are. Control
    /// characters in names are escaped, so that each reason stays on one line.
    pub fn lines(&self) -> Vec<String> {
        let line = |why: &DegradedReason| {
            let line = format!("{}: {why}", why.label());
            let clean = |c: char| match c.is_control() {
                true => c.escape_default().to_string(),
                false => c.to_string(),
            };
            line.chars().map(clean).collect()
        };
        let more = self.total().saturating_sub(self.told.len() as u64);
        let more = (more > 0).then(|| format!("and {more} more"));
        self.told.iter().map(line).chain(more).collect()
    }
}

impl FromIterator<DegradedReason> for DegradedReasons {
    fn from_iter<T: IntoIterator<Item = DegradedReason>>(reasons: T) -> Self {
        let mut all = Self::default();
        for why in reasons {
            let counts = DegradedReason::LABELS.iter().zip(&mut all.counts);
            for (_, count) in counts.filter(|(label, _)| **label == why.label()) {
                *count += 1;
            }
            if all.told.len() < MAX_NAMED {
                all.told.push(why);
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capped(machine: usize) -> DegradedReason {
        DegradedReason::Capped {
            machine: format!("Nordsee/gw/P{machine}"),
            cap: Cap::Assets,
            example: "T\n1".to_owned(),
            values: 3,
        }
    }

    #[test]
    fn a_capped_machine_is_told_with_its_cap_and_what_to_do() {
        let all: DegradedReasons = [capped(1)].into_iter().collect();
        let [line] = &all.lines()[..] else { panic!("{all:?}") };
        for part in
            ["capped_assets: Nordsee/gw/P1", "TWIN_MAX_ASSETS", "`T\\n1`", "3 values", "raise"]
        {
            assert!(line.contains(part), "{part} is not in {line}");
        }
        assert_eq!(
            (all.count("capped_assets"), all.count("capped_models"), all.total()),
            (1, 0, 1)
        );
    }

    #[test]
    fn more_reasons_than_anybody_reads_are_counted() {
        let all: DegradedReasons =
            (0..250).map(capped).chain([DegradedReason::OutboxFull]).collect();
        assert_eq!((all.lines().len(), all.named().len()), (101, 100));
        assert_eq!(all.lines().last().unwrap(), "and 151 more");
        assert_eq!((all.count("capped_assets"), all.count("outbox_full")), (250, 1));
    }

    #[test]
    fn every_label_is_one_that_is_declared() {
        let caps = Cap::ALL.map(|cap| DegradedReason::Capped {
            machine: String::new(),
            cap,
            example: String::new(),
            values: 0,
        });
        let (url, trouble) = (String::new(), None);
        let (subject, reason) = (String::new(), String::new());
        let others = [
            DegradedReason::NotConnected { url: url.clone(), error: trouble },
            DegradedReason::MessagesLost { url: url.clone(), messages: 1 },
            DegradedReason::MessagesLate { url: url.clone(), seconds: 5 },
            DegradedReason::Oversized { url, topic: String::new(), messages: 1 },
            DegradedReason::Foreign { url: String::new(), topic: String::new() },
            DegradedReason::NotUnderstood { edge: String::new(), reason: "" },
            DegradedReason::Offline { edge: String::new(), since: None },
            DegradedReason::Refused {
                machine: String::new(),
                refusal: RejectReason::Invalid,
                values: 1,
                example: String::new(),
            },
            DegradedReason::OutboxFull,
            DegradedReason::OutboxRefuses(String::new()),
            DegradedReason::OutboxUnreadable(String::new()),
            DegradedReason::OutboxLost(0),
            DegradedReason::Clock { ahead: 1 },
            DegradedReason::Held { subject: String::new(), values: 1, reason: String::new() },
            DegradedReason::Problem { subject, reason },
        ];
        let all: DegradedReasons = caps.into_iter().chain(others).collect();
        assert!(all.counts().all(|(_, count)| count == 1), "{all:?}");
    }
}
