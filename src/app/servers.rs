//! The engine's side of the MQTT servers: publishing, and the status of each.

use std::time::Duration;

use tokio::sync::mpsc;
use tracing::{debug, warn};

use crate::command::Uplink;
use crate::console::ServerStatus;
use crate::console::degraded::{NOTHING_DELIVERED, STORED_DROPPED};
use crate::mqtt::{self, Outgoing, SendNotice};
use crate::sparkplug::host::{LostSenders, OutgoingMessage, ServerId};
use crate::time::{Instant, Timestamp};

/// How long after a dropped message the server is reported as too fast.
const DROPPING_FOR: Duration = Duration::from_secs(60);
/// How often those are asked whose messages are dropped, while the queue stays full.
const LOST_INTERVAL: Duration = Duration::from_secs(10);
/// How long a message is queued before it counts as late.
pub(super) const LATE: Duration = Duration::from_secs(5);
/// How long after a late message the server is reported.
const LATE_FOR: Duration = Duration::from_secs(60);
/// How long after the last message was read the queue counts as empty.
const IDLE: Duration = Duration::from_secs(2);
/// How long an oversized message is reported.
const OVERSIZED_FOR: Duration = Duration::from_secs(3600);
/// How long a command may wait to be written before it is dropped.
const COMMAND_LIFE: Duration = Duration::from_secs(1);
/// Messages that may wait for a server before a command does not go behind them.
const COMMAND_BEHIND: usize = 16;
/// Characters kept of a topic.
const TOPIC_CHARS: usize = 200;

/// A server, as the engine knows it.
#[derive(Debug)]
pub(super) struct ServerState {
    url: String,
    /// None once nothing more is published.
    queue: Option<mpsc::Sender<Outgoing>>,
    figures: mqtt::ConnectionStats,
    /// The connection before, which may still bring its last messages.
    previous: Option<mqtt::ConnectionStats>,
    /// What those before it counted.
    past: PastCounts,
    connected_since: Option<Timestamp>,
    publish_dropped: u64,
    /// Live messages known to be dropped, and when the last was noticed.
    live_drops: (u64, Option<Instant>),
    /// The same of retained messages.
    retained_drops: (u64, Option<Instant>),
    /// When those whose messages were dropped were taken last.
    lost_taken: Instant,
    /// How long the latest message had waited when it was read, and when that was.
    last_queue_delay: (Duration, Instant),
    /// The same of the latest that was late.
    last_long_delay: Option<(Duration, Instant)>,
    /// The latest message that was too large, and when it came.
    last_oversized: Option<(Instant, String)>,
}

/// What connections counted.
#[derive(Clone, Copy, Debug, Default)]
struct PastCounts {
    received: u64,
    dropped: u64,
    retained_dropped: u64,
    malformed: u64,
    oversized: u64,
}

impl PastCounts {
    fn of(figures: &mqtt::ConnectionStats) -> Self {
        Self {
            received: figures.received(),
            dropped: figures.dropped(),
            retained_dropped: figures.retained_dropped(),
            malformed: figures.malformed(),
            oversized: figures.oversized(),
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            received: self.received + other.received,
            dropped: self.dropped + other.dropped,
            retained_dropped: self.retained_dropped + other.retained_dropped,
            malformed: self.malformed + other.malformed,
            oversized: self.oversized + other.oversized,
        }
    }
}

/// All servers, in the order of `MQTT_URL`.
#[derive(Debug)]
pub(super) struct ServerStates(pub(super) Vec<ServerState>);

impl ServerState {
    pub(super) fn new(
        url: String,
        queue: mpsc::Sender<Outgoing>,
        figures: mqtt::ConnectionStats,
    ) -> Self {
        Self {
            url,
            queue: Some(queue),
            figures,
            previous: None,
            past: PastCounts::default(),
            connected_since: None,
            publish_dropped: 0,
            live_drops: (0, None),
            retained_drops: (0, None),
            lost_taken: Instant::START,
            last_queue_delay: (Duration::ZERO, Instant::START),
            last_long_delay: None,
            last_oversized: None,
        }
    }

    /// Whether a command would be written at once.
    fn uplink(&self) -> Uplink {
        let (Some(queue), Some(_), Some(unsent)) =
            (&self.queue, self.connected_since, self.figures.uplink())
        else {
            return Uplink::Down;
        };
        let waiting = queue.max_capacity() - queue.capacity();
        if waiting + unsent < COMMAND_BEHIND { Uplink::Open } else { Uplink::Full }
    }

    /// Whether a message was too large of late.
    fn is_oversized(&self, now: Instant) -> bool {
        self.last_oversized.as_ref().is_some_and(|(last, _)| now.since(*last) < OVERSIZED_FOR)
    }

    /// How long the latest late message had waited, if one was of late.
    fn recent_lateness(&self, now: Instant) -> Option<Duration> {
        self.last_long_delay
            .filter(|(_, last)| now.since(*last) < LATE_FOR)
            .map(|(waited, _)| waited)
    }

    /// Estimated age of the oldest queued message, from the delay of the last one read.
    fn message_age(&self, now: Instant) -> Duration {
        let (waited, read) = self.last_queue_delay;
        if now.since(read) < IDLE { waited } else { Duration::ZERO }
    }

    fn is_losing(&self, now: Instant) -> bool {
        is_recent(self.live_drops.1, now)
    }

    /// Live messages that were dropped, and retained ones.
    fn dropped(&self) -> (u64, u64) {
        let PastCounts { dropped, retained_dropped, .. } = self.counts();
        (dropped.saturating_sub(retained_dropped), retained_dropped)
    }

    /// What all its connections counted.
    fn counts(&self) -> PastCounts {
        let previous = self.previous.iter().map(PastCounts::of);
        previous.fold(PastCounts::of(&self.figures), PastCounts::plus).plus(self.past)
    }
}

/// Whether a dropped message is to be reported.
fn is_recent(last: Option<Instant>, now: Instant) -> bool {
    last.is_some_and(|last| now.since(last) < DROPPING_FOR)
}

impl ServerStates {
    pub(super) fn connected(&mut self, server: u16, now: Timestamp) {
        if let Some(server) = self.0.get_mut(usize::from(server)) {
            server.connected_since = Some(now);
        }
    }

    /// Another connection carries the session with a server from now on.
    pub(super) fn switch(
        &mut self,
        server: u16,
        queue: mpsc::Sender<Outgoing>,
        figures: mqtt::ConnectionStats,
    ) {
        if let Some(server) = self.0.get_mut(usize::from(server)) {
            // None once nothing more is published.
            server.queue = server.queue.is_some().then_some(queue);
            let before = std::mem::replace(&mut server.figures, figures);
            if let Some(long_ago) = server.previous.replace(before) {
                server.past = server.past.plus(PastCounts::of(&long_ago));
            }
        }
    }

    pub(super) fn disconnected(&mut self, server: u16) {
        if let Some(server) = self.0.get_mut(usize::from(server)) {
            server.connected_since = None;
        }
    }

    pub(super) fn publish(&mut self, publish: OutgoingMessage) {
        let OutgoingMessage { server: ServerId(place), message } = publish;
        let Some(server) = self.0.get_mut(usize::from(place)) else { return };
        let Some(queue) = &server.queue else { return };
        debug!(messaging.destination.name = message.topic, "publishing");
        if queue.try_send(message.into()).is_err() {
            server.publish_dropped += 1;
            warn!("a message to MQTT server {place} was dropped: its queue is full");
        }
    }

    /// Whether a command to each of them would be written at once.
    pub(super) fn uplinks(&self) -> Vec<Uplink> {
        self.0.iter().map(ServerState::uplink).collect()
    }

    /// Publishes a command at once or never, to a server whose uplink has just been asked for; the
    /// notice says whether it was sent.
    pub(super) fn command(&self, command: OutgoingMessage, notice: SendNotice) {
        let OutgoingMessage { server: ServerId(place), message } = command;
        let queue = self.0.get(usize::from(place)).and_then(|server| server.queue.as_ref());
        let until = Some(tokio::time::Instant::now() + COMMAND_LIFE);
        debug!(messaging.destination.name = message.topic, "publishing a command");
        let outgoing = Outgoing { message, until, notice: Some(notice) };
        if queue.is_none_or(|queue| queue.try_send(outgoing).is_err()) {
            warn!("a command to MQTT server {place} was not sent: its queue is full or closed");
        }
    }

    /// Takes whose messages were dropped, of each server: once there is room for their answers, and
    /// now and then while there is none.
    pub(super) fn take_lost(
        &mut self,
        has_room: bool,
        now: Instant,
    ) -> Vec<(ServerId, LostSenders)> {
        let all = (0..).zip(&mut self.0);
        let due = all.filter(|(_, of)| has_room || now.since(of.lost_taken) >= LOST_INTERVAL);
        due.filter_map(|(place, of)| {
            // Also what the connection before had dropped when this one took the session over.
            let before = of.previous.as_ref().and_then(mqtt::ConnectionStats::take_lost);
            let lost = match (before, of.figures.take_lost()) {
                (Some(mut lost), Some(more)) => {
                    lost.merge(more);
                    lost
                }
                (before, lost) => before.or(lost)?,
            };
            of.lost_taken = now;
            Some((ServerId(place), lost))
        })
        .collect()
    }

    /// Logs dropped messages, at most once in a while.
    pub(super) fn log_dropped(&mut self, now: Instant) {
        for server in &mut self.0 {
            let (live, stored) = server.dropped();
            if live != server.live_drops.0 {
                if !server.is_losing(now) {
                    let new = live - server.live_drops.0;
                    warn!(
                        server.address = server.url,
                        mqtt.messages_dropped = new,
                        "{new} messages of {} were dropped: they arrive faster than the bridge \
                         reads them; a rebirth is requested from each edge node that lost one; if \
                         this continues, look for a node that floods, or give the bridge more CPU",
                        server.url
                    );
                }
                server.live_drops = (live, Some(now));
            }
            if stored != server.retained_drops.0 {
                if !is_recent(server.retained_drops.1, now) {
                    let new = stored - server.retained_drops.0;
                    warn!(
                        server.address = server.url,
                        mqtt.messages_dropped = new,
                        "{new} messages that {} had stored (retained) were dropped: \
                            {STORED_DROPPED}",
                        server.url
                    );
                }
                server.retained_drops = (stored, Some(now));
            }
        }
    }

    /// A message of a server is read that was queued for `waited`. The first late one in a while is
    /// logged.
    pub(super) fn record_read(&mut self, server: u16, waited: Duration, now: Instant) {
        let Some(server) = self.0.get_mut(usize::from(server)) else { return };
        server.last_queue_delay = (waited, now);
        if waited < LATE {
            return;
        }
        if server.recent_lateness(now).is_none() {
            warn!(
                server.address = server.url,
                mqtt.message_age_seconds = waited.as_secs(),
                "messages from {} are queued for {} s before they are read: the values of all its \
                    nodes are late; look for a node that floods, or give the bridge more CPU",
                server.url,
                waited.as_secs()
            );
        }
        server.last_long_delay = Some((waited, now));
    }

    /// A message of a server was skipped, since its packet is too large. Logged at most once in a
    /// while.
    pub(super) fn oversized(&mut self, server: u16, topic: &str, size: u64, now: Instant) {
        let Some(server) = self.0.get_mut(usize::from(server)) else { return };
        let topic: String = topic.chars().take(TOPIC_CHARS).collect();
        if !server.is_oversized(now) {
            warn!(
                server.address = server.url,
                messaging.destination.name = topic,
                "skipped a message on {topic}: its packet has {size} bytes; raise MQTT_MAX_PACKET \
                    if it is a birth or data of this plant; else delete it from the server, or \
                    deny this user access to its topic"
            );
        }
        server.last_oversized = Some((now, topic));
    }

    /// Logs that a server delivers nothing.
    pub(super) fn log_nothing_delivered(&self, ServerId(place): ServerId) {
        let Some(server) = self.0.get(usize::from(place)) else { return };
        warn!(server.address = server.url, "{} {NOTHING_DELIVERED}", server.url);
    }

    /// Nothing more is published: the connections end once they have sent what they have.
    pub(super) fn close(&mut self) {
        for server in &mut self.0 {
            server.queue = None;
        }
    }

    /// The status of each.
    pub(super) fn statuses(&self, now: Instant) -> Vec<ServerStatus> {
        let link = |server: &ServerState| ServerStatus {
            url: server.url.clone(),
            since: server.connected_since.map(Timestamp::as_millis),
            trouble: server.figures.trouble(),
            contended: server.figures.contended(),
            received: server.counts().received,
            dropped: server.counts().dropped,
            losing: server.is_losing(now),
            retained_dropped: server.dropped().1,
            dropping_retained: is_recent(server.retained_drops.1, now),
            message_age: u64::try_from(server.message_age(now).as_millis()).unwrap_or(u64::MAX),
            late: server.recent_lateness(now).map(|waited| waited.as_secs()),
            malformed: server.counts().malformed,
            oversized: server.counts().oversized,
            oversized_topic: server
                .last_oversized
                .as_ref()
                .filter(|_| server.is_oversized(now))
                .map(|(_, topic)| topic.clone()),
            unpublished: server.publish_dropped,
        };
        self.0.iter().map(link).collect()
    }
}
