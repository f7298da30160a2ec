//! The MQTT connections of one of two bridges: as an observer while it follows, under the host's own
//! client identifier while it acts. The new connection is subscribed before the old one is closed, so
//! that nothing is missed between, and what both bring is read once.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::OUTBOUND;
use crate::config;
use crate::lease::Sense;
use crate::lease::hearing::Hearing;
use crate::lease::overlap::{Overlap, Side};
use crate::mqtt::{self, Connection, ConnectionStats, Inbound, Outgoing, StateTimes};
use crate::time::{Instant, Timestamp};

/// How long after a connection took over what the old one still brings is read.
const OVERLAP: Duration = Duration::from_secs(10);
/// How long a server may be without a connection, when one of the host's replaces another, before its
/// edge nodes count as unreachable.
const REPLACED: Duration = Duration::from_secs(5);

/// Why a server counts as lost then.
const TOO_SLOW: &str = "the connection was replaced too slowly";

/// As what a connection is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LinkKind {
    /// Under a client identifier of this process, without a will.
    Observer,
    /// Under the host's, with STATE as its will.
    Host,
}

/// Makes connections.
#[derive(Debug)]
pub(super) struct LinkFactory {
    pub mqtt: config::Mqtt,
    pub sparkplug: config::Sparkplug,
    /// The client identifier of observers.
    pub observer_id: String,
    pub inbound: mpsc::Sender<Inbound>,
}

impl LinkFactory {
    fn connection(
        &self,
        id: u16,
        server: usize,
        kind: LinkKind,
    ) -> Option<Result<Connection, mqtt::Error>> {
        let (mqtt, sparkplug) = (&self.mqtt, &self.sparkplug);
        let url = mqtt.servers.get(server)?;
        Some(match kind {
            LinkKind::Observer => Connection::observer(id, url, mqtt, sparkplug, &self.observer_id),
            LinkKind::Host => Connection::new(id, url, mqtt, sparkplug),
        })
    }
}

/// One connection.
#[derive(Debug)]
struct Link {
    id: u16,
    kind: LinkKind,
    outbound: mpsc::Sender<Outgoing>,
    figures: ConnectionStats,
    /// Ends it, with DISCONNECT.
    shutdown: CancellationToken,
    /// Its session is its last: the client identifier is another process's from now on.
    last_session: CancellationToken,
    is_up: bool,
    /// When it brought the last message.
    last_heard: Option<Instant>,
}

/// The connections to one server.
#[derive(Debug)]
struct ServerLinks {
    current: Link,
    /// Becomes the current one once it is subscribed.
    incoming: Option<Link>,
    /// The one before, whose last messages are still read.
    old: Option<u16>,
    /// While both bring messages, and until when they may.
    overlap: Option<(Overlap, Option<Instant>)>,
    /// Since when the session is interrupted, and the host was not told.
    hidden_since: Option<Instant>,
    /// Whether the host's session stays open, unread, when an observer's replaces it.
    keeps_session: bool,
    /// That session, until another bridge takes the client identifier: if this process dies before,
    /// the session's will says that nobody acts.
    kept: Option<Link>,
}

/// A connection took over.
#[derive(Debug)]
pub(super) struct Switched {
    pub server: u16,
    pub kind: LinkKind,
    pub outbound: mpsc::Sender<Outgoing>,
    pub figures: ConnectionStats,
    /// When the one before brought its last message.
    last_heard: Option<Instant>,
}

/// What becomes of what a connection brought.
#[derive(Debug, Default)]
pub(super) struct Routed {
    /// To be handled, in this order, with the server's place.
    pub inbound: Vec<Inbound>,
    pub switched: Option<Switched>,
}

/// All connections.
#[derive(Debug)]
pub(super) struct Links {
    factory: LinkFactory,
    servers: Vec<ServerLinks>,
    next_id: u16,
    /// By server: what was heard of STATE under the host's id.
    state_times: Vec<StateTimes>,
    tasks: JoinSet<()>,
    /// Whether this process is about to stop: that its connections end then is no news.
    is_leaving: bool,
    hearing: Hearing,
}

impl Links {
    /// Connects to all servers as an observer. Returns for each its queue and its counters.
    ///
    /// # Errors
    ///
    /// The certificates or a URL cannot be used.
    pub(super) fn open(factory: LinkFactory) -> Result<Self, mqtt::Error> {
        let state_times = factory.mqtt.servers.iter().map(|_| StateTimes::default()).collect();
        let mut links = Self {
            factory,
            state_times,
            servers: Vec::new(),
            next_id: 0,
            tasks: JoinSet::new(),
            is_leaving: false,
            hearing: Hearing::default(),
        };
        for server in 0..links.factory.mqtt.servers.len() {
            // That the other kind can be made as well is known from the start.
            links.factory.connection(0, server, LinkKind::Host).transpose()?;
            let Some(link) = links.connect(server, LinkKind::Observer)? else { continue };
            links.servers.push(ServerLinks {
                current: link,
                incoming: None,
                old: None,
                overlap: None,
                hidden_since: None,
                keeps_session: false,
                kept: None,
            });
        }
        Ok(links)
    }

    /// The queue and the counters of each server's connection.
    pub(super) fn current(&self) -> Vec<(String, mpsc::Sender<Outgoing>, ConnectionStats)> {
        let urls = self.factory.mqtt.servers.iter().map(ToString::to_string);
        let of = |link: &Link| (link.outbound.clone(), link.figures.clone());
        let links = self.servers.iter().map(|server| of(&server.current));
        urls.zip(links).map(|(url, (outbound, figures))| (url, outbound, figures)).collect()
    }

    fn connect(&mut self, server: usize, kind: LinkKind) -> Result<Option<Link>, mqtt::Error> {
        let id = self.next_id;
        let Some(connection) = self.factory.connection(id, server, kind).transpose()? else {
            return Ok(None);
        };
        self.next_id = self.next_id.wrapping_add(1);
        let times = self.state_times.get(server).cloned().unwrap_or_default();
        let (shutdown, last_session) = (CancellationToken::new(), CancellationToken::new());
        let (outbound, publishes) = mpsc::channel(OUTBOUND);
        let figures = connection.figures();
        let run = connection.after(times).until(last_session.clone()).run(
            self.factory.inbound.clone(),
            publishes,
            shutdown.clone(),
        );
        self.tasks.spawn(run);
        Ok(Some(Link {
            id,
            kind,
            outbound,
            figures,
            shutdown,
            last_session,
            is_up: false,
            last_heard: None,
        }))
    }

    /// Replaces all connections by those of this kind, each once it is subscribed.
    pub(super) fn begin(&mut self, kind: LinkKind, now: Instant) {
        for place in 0..self.servers.len() {
            let Some(server) = self.servers.get_mut(place) else { continue };
            server.withdraw_incoming();
            if kind == LinkKind::Host {
                server.release_session();
            }
            if server.current.kind == kind && !server.current.last_session.is_cancelled() {
                continue;
            }
            match self.connect(place, kind) {
                Ok(link) => {
                    let Some(server) = self.servers.get_mut(place) else { continue };
                    (server.incoming, server.old) = (link, None);
                    server.overlap = Some((Overlap::new(now), None));
                }
                Err(error) => warn!("no connection to MQTT server {place} can be made: {error}"),
            }
        }
    }

    /// The client identifier of the host is another process's from now on: its connections are not
    /// made again once they fail.
    pub(super) fn retire_host(&mut self) {
        for server in &mut self.servers {
            if server.current.kind == LinkKind::Host {
                server.current.last_session.cancel();
            }
            if server.incoming.as_ref().is_some_and(|link| link.kind == LinkKind::Host) {
                server.withdraw_incoming();
            }
        }
    }

    /// Nobody else is known to act, and STATE says that this bridge does: the host's sessions stay
    /// open, for their wills, until another bridge takes their identifier or this one acts again.
    pub(super) fn keep_sessions(&mut self) {
        for server in &mut self.servers {
            server.keeps_session = true;
        }
    }

    /// This process is about to stop. Its connections stay, and are not made again.
    pub(super) fn leave(&mut self) {
        self.is_leaving = true;
        self.retire_host();
        // Whoever comes next hears what becomes of its edge nodes.
        for server in &mut self.servers {
            server.hidden_since = None;
        }
    }

    /// Nothing more is published: the connections end once they have sent what they have.
    pub(super) fn close(&mut self) {
        for server in self.servers.drain(..) {
            if let Some(incoming) = server.incoming {
                incoming.shutdown.cancel();
            }
        }
    }

    /// Since when all servers are heard without a break.
    pub(super) fn hears_since(&self) -> Option<Instant> {
        self.hearing.since()
    }

    /// Whether all servers are heard.
    pub(super) fn hears(&self, now: Instant) -> Sense {
        self.hearing.sense(now)
    }

    /// Servers whose connection was to be replaced by another one of the host's, and that are
    /// without any for too long: the host is told once.
    pub(super) fn lost(&mut self, now: Instant) -> Vec<Inbound> {
        if self.is_leaving {
            return Vec::new();
        }
        let lost = (0..).zip(&mut self.servers).filter_map(|(server, links)| {
            links.hidden_since.take_if(|since| now.since(*since) >= REPLACED)?;
            Some(Inbound::Disconnected { server, reason: TOO_SLOW.to_owned() })
        });
        lost.collect()
    }

    fn are_all_up(&self) -> bool {
        self.servers.iter().all(|server| server.current.is_up)
    }

    /// The end of a connection's task; pending while all run.
    pub(super) async fn ended(&mut self) -> Result<(), JoinError> {
        match self.tasks.join_next().await {
            Some(ended) => ended,
            None => std::future::pending().await,
        }
    }

    /// Waits until all connections have ended, or ends them at once.
    pub(super) async fn finish(mut self, at_once: bool) -> Result<(), JoinError> {
        if at_once {
            self.tasks.shutdown().await;
        }
        while let Some(ended) = self.tasks.join_next().await {
            ended?;
        }
        Ok(())
    }

    /// What becomes of what a connection brought.
    pub(super) fn route(&mut self, inbound: Inbound, now: Instant) -> Routed {
        let is_leaving = self.is_leaving;
        let id = match &inbound {
            Inbound::Connected { server, .. }
            | Inbound::Disconnected { server, .. }
            | Inbound::Message { server, .. }
            | Inbound::Oversized { server, .. } => *server,
        };
        let mut routed = Routed::default();
        if let Some((place, links)) = (0..).zip(&mut self.servers).find(|(_, links)| links.has(id))
        {
            routed = links.route(inbound, (id, place), is_leaving, now);
        }
        self.hearing.record(self.are_all_up(), now);
        if let Some(switched) = &routed.switched {
            self.hearing.replaced(switched.last_heard, now);
        }
        routed
    }
}

impl ServerLinks {
    /// Closes the session that was kept, without its will.
    fn release_session(&mut self) {
        self.keeps_session = false;
        if let Some(kept) = self.kept.take() {
            kept.shutdown.cancel();
        }
    }

    /// The connection that was to become the current one does not: nothing overlaps any more.
    fn withdraw_incoming(&mut self) {
        if let Some(incoming) = self.incoming.take() {
            incoming.last_session.cancel();
            incoming.shutdown.cancel();
            (self.overlap, self.old) = (None, None);
        }
    }

    fn has(&self, id: u16) -> bool {
        self.current.id == id
            || self.old == Some(id)
            || self.incoming.as_ref().is_some_and(|link| link.id == id)
    }

    fn route(
        &mut self,
        inbound: Inbound,
        (id, server): (u16, u16),
        is_leaving: bool,
        now: Instant,
    ) -> Routed {
        if self.overlap.as_ref().is_some_and(|(_, until)| until.is_some_and(|it| it <= now)) {
            (self.overlap, self.old) = (None, None);
        }
        match inbound {
            Inbound::Connected { session_time, .. } => {
                self.connected(id, server, session_time, now)
            }
            Inbound::Disconnected { reason, .. } => {
                let mut routed = Routed::default();
                if id == self.current.id {
                    self.current.is_up = false;
                    let is_replaced = self.current.kind == LinkKind::Host
                        && self.incoming.as_ref().is_some_and(|link| link.kind == LinkKind::Host);
                    match is_replaced {
                        // By a connection of ours under the same identifier.
                        true => self.hidden_since = Some(now),
                        // By the other bridge, which hears what comes from now on.
                        false if is_leaving => {}
                        false => routed.inbound.push(Inbound::Disconnected { server, reason }),
                    }
                }
                routed
            }
            Inbound::Message { topic, payload, arrived, qos, retain, .. } => {
                let is_read = self.admit(id, (&topic, &payload, retain), now);
                let message = Inbound::Message { server, topic, payload, arrived, qos, retain };
                Routed { inbound: is_read.then_some(message).into_iter().collect(), switched: None }
            }
            Inbound::Oversized { topic, size, retain, .. } => {
                let is_read = self.admit(id, (&topic, &size.to_le_bytes(), retain), now);
                let message = Inbound::Oversized { server, topic, size, retain };
                Routed { inbound: is_read.then_some(message).into_iter().collect(), switched: None }
            }
        }
    }

    fn connected(&mut self, id: u16, server: u16, session_time: Timestamp, now: Instant) -> Routed {
        let mut routed = Routed::default();
        if self.old == Some(id) {
            return routed;
        }
        if let Some(mut link) = self.incoming.take_if(|link| link.id == id) {
            std::mem::swap(&mut self.current, &mut link);
            self.old = Some(link.id);
            link.last_session.cancel();
            if let Some((_, until)) = &mut self.overlap {
                *until = Some(now + OVERLAP);
            }
            routed.switched = Some(Switched {
                server,
                kind: self.current.kind,
                outbound: self.current.outbound.clone(),
                figures: self.current.figures.clone(),
                last_heard: link.last_heard,
            });
            match self.keeps_session && link.kind == LinkKind::Host {
                true => self.kept = Some(link),
                false => link.shutdown.cancel(),
            }
        }
        self.current.is_up = true;
        if self.hidden_since.take().is_some_and(|since| now.since(since) >= REPLACED) {
            routed.inbound.push(Inbound::Disconnected { server, reason: TOO_SLOW.to_owned() });
        }
        routed.inbound.push(Inbound::Connected { server, session_time });
        routed
    }

    /// Whether a message is read that came on this connection.
    fn admit(&mut self, id: u16, message: (&str, &[u8], bool), now: Instant) -> bool {
        let is_current = id == self.current.id;
        if is_current {
            self.current.last_heard = Some(now);
        }
        let side = match is_current && self.incoming.is_none() {
            true => Side::New,
            false => Side::Old,
        };
        match &mut self.overlap {
            Some((overlap, _)) => overlap.admit(side, message, now),
            None => is_current,
        }
    }
}

#[cfg(test)]
mod tests;
