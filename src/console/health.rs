//! Whether the bridge does what it is for, and if not, why.

use std::fmt;
use std::sync::Arc;

use super::look::Look;
use crate::outbox::DiskState;

/// Why the bridge is not ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotReady {
    /// It has not begun.
    Starting(&'static str),
    /// It is about to end.
    Ending,
    /// It does not answer questions in time.
    Silent,
    /// There is no session with an MQTT server.
    NotConnected {
        /// The server.
        url: String,
        /// Why, if that is known.
        trouble: Option<Arc<str>>,
    },
    /// SiteWise has not told yet what it has.
    NotLearned,
    /// SiteWise does not answer, or denies access as a whole.
    SiteWiseAway,
    /// The outbox gave up values within the last minute.
    OutboxFull,
    /// The outbox's disk takes no writes, for this reason: values wait in memory alone.
    OutboxRefuses(String),
}

impl NotReady {
    /// All labels.
    pub const LABELS: [&'static str; 8] = [
        "starting",
        "ending",
        "silent",
        "mqtt_not_connected",
        "sitewise_not_learned",
        "sitewise_away",
        "outbox_full",
        "outbox_refuses",
    ];

    /// Its label.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Starting(_) => "starting",
            Self::Ending => "ending",
            Self::Silent => "silent",
            Self::NotConnected { .. } => "mqtt_not_connected",
            Self::NotLearned => "sitewise_not_learned",
            Self::SiteWiseAway => "sitewise_away",
            Self::OutboxFull => "outbox_full",
            Self::OutboxRefuses(_) => "outbox_refuses",
        }
    }

    /// All reasons that hold now.
    pub fn all(look: &Look<'_>) -> Vec<Self> {
        let down = look.links.iter().filter(|link| link.since.is_none());
        let mut reasons: Vec<Self> = down
            .map(|link| Self::NotConnected { url: link.url.clone(), trouble: link.trouble.clone() })
            .collect();
        let others = [
            (look.ending, Self::Ending),
            (!look.bridge.twin().plan().learned(), Self::NotLearned),
            (look.bridge.delivery().is_away(), Self::SiteWiseAway),
            (look.outbox_full, Self::OutboxFull),
        ];
        reasons.extend(others.into_iter().filter(|(holds, _)| *holds).map(|(_, why)| why));
        reasons.extend(match look.outbox.disk().map(|disk| disk.state) {
            Some(DiskState::Refuses(why)) => Some(Self::OutboxRefuses(why)),
            Some(DiskState::Behind) => Some(Self::OutboxRefuses("it is too slow".to_owned())),
            Some(DiskState::Well) | None => None,
        });
        reasons
    }
}

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting(why) => write!(f, "starting: {why}"),
            Self::Ending => f.write_str("the process is ending"),
            Self::Silent => f.write_str("the engine does not answer in time"),
            Self::NotConnected { url, trouble: None } => write!(f, "{url} is not connected yet"),
            Self::NotConnected { url, trouble: Some(why) } => {
                write!(f, "{url} is not connected: {why}")
            }
            Self::NotLearned => f.write_str("SiteWise has not told yet what it has"),
            Self::SiteWiseAway => {
                f.write_str("SiteWise does not answer, or denies access: values wait")
            }
            Self::OutboxRefuses(why) => {
                write!(f, "the outbox's disk takes no writes: {why}; values wait in memory alone")
            }
            Self::OutboxFull => {
                f.write_str("the outbox is full and gives up values, the oldest history first")
            }
        }
    }
}
