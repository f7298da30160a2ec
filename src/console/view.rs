//! The engine's state, as console and metrics read it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::usage::Usage;
use super::watched::Watched;
use crate::app::OutboxLosses;
use crate::bridge::Bridge;
use crate::command::request::CommandChannel;
use crate::lease;
use crate::lease::window::WindowFigures;
use crate::outbox::Outbox;
use crate::outbox::dead_letters::DeadLetters;
use crate::sitewise::cause::Plane;
use crate::sparkplug::address::EdgeNode;
use crate::sparkplug::host::ServerId;
use crate::time::{Now, Timestamp};

/// A read-only view of the engine's state, for one query.
#[derive(Clone, Copy)]
pub struct EngineView<'a> {
    /// Id of this host application.
    pub host_id: &'a str,
    /// How long a value waits for others of its property.
    pub linger: Duration,
    /// The pure middle.
    pub bridge: &'a Bridge,
    /// The queue of points.
    pub outbox: &'a dyn Outbox,
    /// Bytes that the outbox may take.
    pub outbox_max_bytes: u64,
    /// Values that were rejected for good.
    pub dead_letters: &'a DeadLetters,
    /// Outcomes of the values whose asset's page is open.
    pub watched: &'a RefCell<Watched>,
    /// The MQTT servers.
    pub servers: &'a [ServerStatus],
    /// Where requests to write to the plant come in.
    pub doors: &'a dyn CommandDoors,
    /// Which of two bridges this is.
    pub lease: &'a dyn LeaseView,
    /// Where calls to SiteWise go; for people.
    pub sitewise_hosts: &'a BTreeMap<Plane, String>,
    /// What the outbox dropped.
    pub losses: OutboxLosses,
    /// By how many milliseconds the machine's clock is ahead of SiteWise's; 0 where they agree.
    pub clock_ahead: i64,
    /// Whether the quotas were read from Service Quotas.
    pub quotas_read: bool,
    /// How much was sent of late.
    pub usage: &'a Usage,
    /// What a million messages cost, in any currency.
    pub price: Option<f64>,
    /// The outbox was full and dropped values within the last minute.
    pub outbox_full: bool,
    /// Values buffered until the initial sync are on disk.
    pub buffer_saved: bool,
    /// The process is about to end.
    pub is_shutting_down: bool,
    /// When the engine began.
    pub started_at: Timestamp,
    /// The time of the query.
    pub now: Now,
}

impl std::fmt::Debug for EngineView<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EngineView").field("now", &self.now).finish_non_exhaustive()
    }
}

/// What to do about a server that delivers none of the subscribed topics.
pub(super) const FOREIGN: &str =
    "no message with a Sparkplug topic arrives; on RabbitMQ set `mqtt.sparkplug = true`";

impl EngineView<'_> {
    /// Each server, with an example topic where it delivers none of Sparkplug's.
    pub(super) fn servers(&self) -> impl Iterator<Item = (&ServerStatus, Option<&str>)> {
        let host = self.bridge.host();
        self.servers.iter().zip(0..).map(|(link, place)| (link, host.foreign(ServerId(place))))
    }

    /// Where calls of this kind go; for people.
    pub(super) fn host_of(&self, plane: Plane) -> &str {
        self.sitewise_hosts.get(&plane).map_or("", String::as_str)
    }

    /// Values that wait: buffered, queued or in flight.
    pub(super) fn waiting(&self) -> usize {
        self.outbox.len() + self.bridge.delivery().waiting() + self.bridge.twin().buffered()
    }

    /// The time of the oldest value that waits, by its own time: the outbox's to within ten
    /// minutes.
    pub(super) fn oldest_time(&self) -> Option<Timestamp> {
        let figures = self.bridge.delivery().figures();
        [figures.oldest_time, self.outbox.oldest()].into_iter().flatten().min()
    }

    /// Whether an edge node may be behind a server that is not connected: it was not heard since the
    /// start, so that its silence says nothing.
    pub(super) fn may_be_behind_another(&self, edge: &EdgeNode) -> bool {
        let is_missing = self.servers.iter().any(|link| link.since.is_none());
        is_missing && self.bridge.host().is_unheard(edge)
    }

    /// Whether any server is connected and delivers subscribed topics.
    pub(super) fn has_usable_server(&self) -> bool {
        self.servers().any(|(link, foreign)| link.since.is_some() && foreign.is_none())
    }
}

/// Which of two bridges this is.
pub trait LeaseView {
    /// The status; none for a bridge that acts alone.
    fn status(&self, now: Now) -> Option<LeaseStatus>;
}

/// Status of one of two bridges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeaseStatus {
    /// What the lease knows.
    pub figures: lease::Figures,
    /// Since when this bridge acts, or no longer does.
    pub since: Timestamp,
    /// Since when it holds the lease and no other bridge follows.
    pub unfollowed_since: Option<Timestamp>,
    /// Why the lease's table cannot be reached, where it cannot.
    pub trouble: Option<String>,
    /// The points that it keeps and has kept as a follower.
    pub window: WindowFigures,
}

impl LeaseStatus {
    /// Whether a second bridge follows, this one or another.
    pub fn has_follower(&self) -> bool {
        self.figures.follower.is_some() || self.figures.role == lease::Role::Follower
    }
}

/// Where requests to write to the plant come in.
pub trait CommandDoors {
    /// The status of each.
    fn statuses(&self) -> Vec<DoorStatus>;
}

/// Status of one way for requests to come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoorStatus {
    /// The channel.
    pub channel: CommandChannel,
    /// Whether requests can come in now, as far as is known.
    pub is_open: bool,
    /// What is wrong with it: the address that is concerned, and why, with a remedy.
    pub troubles: Vec<(String, String)>,
    /// Messages received.
    pub received: u64,
    /// Requests that could not be taken off it, and so were not handled.
    pub not_taken: u64,
    /// Answers that were dropped: they could not be sent, or AWS IoT rejected them.
    pub unanswered: u64,
}

/// Status of the connection to one MQTT server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ServerStatus {
    /// Its address as in `MQTT_URL`, without credentials.
    pub url: String,
    /// Since when there is a session, in epoch milliseconds; none while there is none.
    pub since: Option<i64>,
    /// Why there is none.
    pub trouble: Option<Arc<str>>,
    /// Why its sessions are closed, where another client has our identifier.
    pub contended: Option<Arc<str>>,
    /// Messages received.
    pub received: u64,
    /// Messages of these that were dropped because the engine's queue was full.
    pub dropped: u64,
    /// Live messages were dropped within the last minute.
    pub losing: bool,
    /// Of the dropped messages: those that the server had retained.
    pub retained_dropped: u64,
    /// Retained messages were dropped within the last minute.
    pub dropping_retained: bool,
    /// How long the oldest message in the engine's queue has waited, in milliseconds.
    pub message_age: u64,
    /// How long the latest late message had been queued, if that was within the last minute, in
    /// seconds.
    pub late: Option<u64>,
    /// Messages whose topic is not UTF-8.
    pub malformed: u64,
    /// Messages that were skipped because they are too large.
    pub oversized: u64,
    /// The topic of the latest oversized message, if it came within the last hour.
    pub oversized_topic: Option<String>,
    /// Messages to the server that were dropped because its queue was full.
    pub unpublished: u64,
}
