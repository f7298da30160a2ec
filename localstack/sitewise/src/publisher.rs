//! Notifications on an MQTT server, which stands in for AWS IoT Core's.

use std::time::Duration;

use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, PublishOptions, QoS};
use sitewise_local::{Notification, Notify};
use tracing::{info, warn};
use uuid::Uuid;

/// Messages that may wait to be written, as while there is no connection.
const WAITING: usize = 1_000;
/// Before the next try to connect.
const PAUSE: Duration = Duration::from_millis(500);

/// Who takes notifications, and the connection, which [`keep`] keeps.
pub(crate) fn publisher(server: (String, u16)) -> (Notify, EventLoop) {
    let id = format!("sitewise-local-{}", Uuid::new_v4().simple());
    let mut options = MqttOptions::new(id, server);
    options.set_clean_session(true).set_keep_alive(15).set_max_packet_size(1 << 20, 1 << 20);
    let (client, events) = AsyncClient::builder(options).capacity(WAITING).build();
    let take = move |Notification { topic, payload }: Notification| {
        let options = PublishOptions::new(QoS::AtLeastOnce);
        if let Err(error) = client.try_publish(topic.clone(), payload, options) {
            warn!(topic, %error, "notification dropped");
        }
    };
    (Notify::new(take), events)
}

/// Keeps the connection, for ever.
pub(crate) async fn keep(mut events: EventLoop) {
    loop {
        match events.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => info!("notifications are published"),
            Ok(_) => {}
            Err(error) => {
                warn!(%error, "no connection for notifications");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
