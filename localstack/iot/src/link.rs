//! The connection to the MQTT server that the devices are connected to.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rumqttc::{AsyncClient, Event, MqttOptions, NetworkOptions, Packet, PublishOptions, QoS};
use tracing::{info, warn};
use uuid::Uuid;

use crate::cloud::Outgoing;

/// What devices answer on.
const RESPONSES: &str = "$aws/commands/+/+/executions/+/response/json";
/// Messages that may wait to be written.
const WAITING: usize = 1_000;
/// Before the next try to connect.
const PAUSE: Duration = Duration::from_millis(500);

/// The connection. While it is down, nothing waits for it: a device that is not connected is told
/// nothing later.
#[derive(Debug)]
pub(crate) struct Link {
    server: (String, u16),
    client: Mutex<Option<AsyncClient>>,
}

impl Link {
    pub(crate) fn new(server: (String, u16)) -> Self {
        Self { server, client: Mutex::new(None) }
    }

    /// Publishes once, or drops what cannot be sent now.
    pub(crate) fn publish(&self, outgoing: Outgoing) {
        let client = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        let Outgoing { topic, payload } = outgoing;
        let Some(client) = client.as_ref() else {
            warn!(topic, "not connected to the MQTT server: dropped");
            return;
        };
        let options = PublishOptions::new(QoS::AtLeastOnce);
        if let Err(error) = client.try_publish(topic.clone(), payload, options) {
            warn!(topic, %error, "dropped");
        }
    }

    /// Keeps the connection, for ever; `heard` gets topic and payload of what devices answer.
    pub(crate) async fn keep(&self, heard: impl Fn(&str, &[u8])) {
        loop {
            let reason = self.session(&heard).await;
            self.set(None);
            let (host, port) = &self.server;
            warn!(reason, "not connected to mqtt://{host}:{port}");
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn session(&self, heard: &impl Fn(&str, &[u8])) -> String {
        let id = format!("iot-local-{}", Uuid::new_v4().simple());
        let mut options = MqttOptions::new(id, self.server.clone());
        options.set_clean_session(true).set_keep_alive(15).set_max_packet_size(1 << 20, 1 << 20);
        let (client, mut events) = AsyncClient::builder(options).capacity(WAITING).build();
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        events.set_network_options(network);
        loop {
            match events.poll().await {
                Err(error) => return error.to_string(),
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    if let Err(error) = client.try_subscribe(RESPONSES, QoS::AtLeastOnce) {
                        return error.to_string();
                    }
                }
                Ok(Event::Incoming(Packet::SubAck(_))) => {
                    let (host, port) = &self.server;
                    info!("connected to mqtt://{host}:{port}");
                    self.set(Some(client.clone()));
                }
                Ok(Event::Incoming(Packet::Publish(publish))) => {
                    if let Ok(topic) = std::str::from_utf8(&publish.topic) {
                        heard(topic, &publish.payload);
                    }
                }
                Ok(Event::Incoming(_) | Event::Outgoing(_)) => {}
            }
        }
    }

    fn set(&self, client: Option<AsyncClient>) {
        *self.client.lock().unwrap_or_else(PoisonError::into_inner) = client;
    }
}
