//! Readiness, and the reasons if not ready.
//!
//! Not ready: no usable MQTT server, or SiteWise is unreachable. Problems with a part of the plant
//! are [`Degraded`](super::degraded::DegradedReason).

use std::fmt;
use std::sync::Arc;

use super::view::{EngineView, FOREIGN, ServerStatus};
use crate::sitewise::cause::Plane;
use crate::telemetry::printable;
use crate::time::Timestamp;

/// Why the bridge is not ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotReadyReason {
    /// The engine is not running yet.
    Starting(Arc<str>),
    /// It is shutting down.
    ShuttingDown,
    /// The engine does not respond in time.
    EngineNotResponding,
    /// There is no session with any MQTT server; this one is one of them.
    NotConnected {
        /// The server.
        url: String,
        /// Why, if that is known.
        trouble: Option<Arc<str>>,
    },
    /// No MQTT server delivers subscribed topics; this is one of them.
    Foreign {
        /// The server.
        url: String,
        /// A topic that it delivers instead.
        topic: String,
    },
    /// The initial sync with SiteWise is not complete; with the cause, if it fails.
    NotSynced(Option<String>),
    /// SiteWise is unreachable, denies access as a whole, or something else answers in its place.
    SiteWiseUnreachable {
        /// The last error.
        said: Option<String>,
        /// Since when calls that write values fail.
        since: Option<Timestamp>,
        /// Values that are queued.
        waiting: usize,
    },
}

impl NotReadyReason {
    /// All labels.
    pub const LABELS: [&'static str; 7] = [
        "starting",
        "shutting_down",
        "engine_not_responding",
        "mqtt_not_connected",
        "mqtt_foreign_topics",
        "initial_sync_incomplete",
        "sitewise_unreachable",
    ];

    /// Its label.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Starting(_) => "starting",
            Self::ShuttingDown => "shutting_down",
            Self::EngineNotResponding => "engine_not_responding",
            Self::NotConnected { .. } => "mqtt_not_connected",
            Self::Foreign { .. } => "mqtt_foreign_topics",
            Self::NotSynced(_) => "initial_sync_incomplete",
            Self::SiteWiseUnreachable { .. } => "sitewise_unreachable",
        }
    }

    /// Its label and its sentence, on one line: what a terminal would obey is escaped.
    pub fn line(&self) -> String {
        printable(&format!("{}: {self}", self.label()))
    }

    /// Why a server is not usable.
    fn of(link: &ServerStatus, foreign: Option<&str>) -> Option<Self> {
        let url = link.url.clone();
        if link.since.is_none() {
            return Some(Self::NotConnected { url, trouble: link.trouble.clone() });
        }
        foreign.map(|topic| Self::Foreign { url, topic: topic.to_owned() })
    }

    /// All current reasons.
    pub fn all(view: &EngineView<'_>) -> Vec<Self> {
        let mut reasons: Vec<Self> = match view.has_usable_server() {
            true => Vec::new(),
            false => view.servers().filter_map(|(link, foreign)| Self::of(link, foreign)).collect(),
        };
        let reach = view.bridge.reachability();
        let at = |plane, why| {
            let (host, since) = (view.host_of(plane), reach.failing_since(plane));
            let since = since.map(|since| format!(" since {}", since.in_seconds()));
            format!("calls to {host} fail{}: {why}", since.unwrap_or_default())
        };
        let trouble = |plane| reach.trouble(plane).map(|why| at(plane, why));
        let plan = view.bridge.twin().plan();
        let list = "list asset models";
        let list_problem = || plan.explain(list).map(|why| format!("{list}: {why}"));
        let first_problem = || plan.problems().next().map(|(of, why)| format!("{of}: {why}"));
        let not_synced = trouble(Plane::Control).or_else(list_problem).or_else(first_problem);
        let not_synced = Self::NotSynced(not_synced);
        let delivery = view.bridge.delivery();
        let said = reach.trouble(Plane::Write);
        let said = said.map(|why| format!("calls to {} fail: {why}", view.host_of(Plane::Write)));
        let unreachable = Self::SiteWiseUnreachable {
            said: said.or_else(|| delivery.last_error().map(str::to_owned)),
            since: reach.failing_since(Plane::Write),
            waiting: view.waiting(),
        };
        let others = [
            (view.is_shutting_down, Self::ShuttingDown),
            (!plan.is_synced(), not_synced),
            (delivery.is_unreachable(), unreachable),
        ];
        reasons.extend(others.into_iter().filter(|(holds, _)| *holds).map(|(_, why)| why));
        reasons
    }
}

impl fmt::Display for NotReadyReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting(why) => f.write_str(why),
            Self::ShuttingDown => f.write_str("the process is shutting down"),
            Self::EngineNotResponding => {
                f.write_str("the engine does not respond in time: give the bridge more CPU")
            }
            Self::NotConnected { url, trouble: None } => {
                write!(f, "{url} is not connected yet: check its address and the network")
            }
            Self::NotConnected { url, trouble: Some(why) } => {
                write!(f, "{url} is not connected: {why}")
            }
            Self::Foreign { url, topic } => {
                write!(f, "{url} delivers topics like {topic:?}: {FOREIGN}")
            }
            Self::NotSynced(None) => f.write_str(
                "the initial sync with SiteWise is not complete yet: wait, a large account \
                     takes minutes",
            ),
            Self::NotSynced(Some(why)) => {
                write!(f, "the initial sync with SiteWise is not complete yet: {why}")
            }
            Self::SiteWiseUnreachable { said, since, waiting } => {
                write!(f, "{waiting} values are queued")?;
                if let Some(since) = since {
                    write!(f, ", since {}", since.in_seconds())?;
                }
                let said = said.as_deref().unwrap_or(
                    "SiteWise is unreachable, or denies access: check the role, and the route to \
                     its endpoint",
                );
                write!(f, ": {said}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `/readyz` said "starting: starting: ...".
    #[test]
    fn no_reason_says_a_word_twice() {
        let url = || "mqtt://h".to_owned();
        let all = [
            NotReadyReason::Starting("the engine is not running yet".into()),
            NotReadyReason::ShuttingDown,
            NotReadyReason::EngineNotResponding,
            NotReadyReason::NotConnected { url: url(), trouble: Some("refused".into()) },
            NotReadyReason::Foreign { url: url(), topic: "a/b".to_owned() },
            NotReadyReason::NotSynced(Some("calls to SiteWise fail".to_owned())),
            NotReadyReason::SiteWiseUnreachable { said: None, since: None, waiting: 7 },
        ];
        assert_eq!(all[0].line(), "starting: the engine is not running yet");
        let foreign =
            NotReadyReason::NotConnected { url: "mqtt://h\u{202e}\n".into(), trouble: None };
        assert!(foreign.line().contains("mqtt://h\\u{202e}\\n is not"), "{}", foreign.line());
        for line in all.map(|why| why.line()) {
            let words: Vec<_> = line.split(' ').map(|word| word.trim_end_matches(':')).collect();
            assert!(words.windows(2).all(|two| two[0] != two[1]), "{line}");
        }
    }

    /// It did not say since when, nor what it costs.
    #[test]
    fn sitewise_unreachable_says_since_when_and_how_many_values_wait() {
        let since = Some(Timestamp::from_millis(1_790_000_000_123));
        let said = Some("calls to data.example fail: no answer".to_owned());
        assert_eq!(
            NotReadyReason::SiteWiseUnreachable { said, since, waiting: 1_234 }.line(),
            "sitewise_unreachable: 1234 values are queued, since 2026-09-21T14:13:20Z: calls to \
             data.example fail: no answer"
        );
    }
}
