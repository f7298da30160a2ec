//! The engine's side of the MQTT servers: what is published there, and how each stands.

use tokio::sync::mpsc;
use tracing::{debug, warn};

use crate::console::Link;
use crate::mqtt;
use crate::sparkplug::host::{Publish, ServerId};
use crate::sparkplug::message::Message;
use crate::time::Timestamp;

/// A server, as the engine knows it.
#[derive(Debug)]
pub(super) struct Server {
    url: String,
    /// None once nothing more is published.
    queue: Option<mpsc::Sender<Message>>,
    figures: mqtt::Figures,
    since: Option<Timestamp>,
    unpublished: u64,
}

/// All servers, in the order of `MQTT_URL`.
#[derive(Debug)]
pub(super) struct Servers(pub(super) Vec<Server>);

impl Server {
    pub(super) fn new(url: String, queue: mpsc::Sender<Message>, figures: mqtt::Figures) -> Self {
        Self { url, queue: Some(queue), figures, since: None, unpublished: 0 }
    }
}

impl Servers {
    pub(super) fn connected(&mut self, server: u16, now: Timestamp) {
        if let Some(server) = self.0.get_mut(usize::from(server)) {
            server.since = Some(now);
        }
    }

    pub(super) fn disconnected(&mut self, server: u16) {
        if let Some(server) = self.0.get_mut(usize::from(server)) {
            server.since = None;
        }
    }

    pub(super) fn publish(&mut self, publish: Publish) {
        let Publish { server: ServerId(place), message } = publish;
        let Some(server) = self.0.get_mut(usize::from(place)) else { return };
        let Some(queue) = &server.queue else { return };
        debug!(mqtt.topic = message.topic, "publishing");
        if queue.try_send(message).is_err() {
            server.unpublished += 1;
            warn!("a message to MQTT server {place} was dropped: its queue is full");
        }
    }

    /// Nothing more is published: the connections end once they have sent what they have.
    pub(super) fn close(&mut self) {
        for server in &mut self.0 {
            server.queue = None;
        }
    }

    /// How each stands.
    pub(super) fn links(&self) -> Vec<Link> {
        let link = |server: &Server| Link {
            url: server.url.clone(),
            since: server.since.map(Timestamp::as_millis),
            trouble: server.figures.trouble(),
            received: server.figures.received(),
            dropped: server.figures.dropped(),
            malformed: server.figures.malformed(),
            unpublished: server.unpublished,
        };
        self.0.iter().map(link).collect()
    }
}
