//! An edge node that says 1,000 values a second, each once, and notes them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rumqttc::{AsyncClient, Event, MqttOptions, Packet, PublishOptions, QoS};
use sparkwise::sparkplug::edge::{Edge, Metric};
use sparkwise::sparkplug::message::Message;
use sparkwise::time::Timestamp;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::turbine::{data, now};
pub(crate) use super::turbine::{member, node};

/// Members of the one machine, and how many of them a message tells: each has a value every 200 ms.
pub(crate) const MEMBERS: usize = 200;
const MEMBERS_PER_MESSAGE: usize = 20;
const PACE: Duration = Duration::from_millis(20);
/// From the last message until the connection ends.
const LAST: Duration = Duration::from_millis(500);

/// A value that was published.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct PublishedValue {
    pub(crate) member: usize,
    pub(crate) time: Timestamp,
    pub(crate) value: f64,
}

pub(crate) struct Plant {
    published: Arc<Mutex<Vec<PublishedValue>>>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// A birth with the latest values, each with its time.
fn birth(edge: &mut Edge, latest: &[(Timestamp, f64)]) -> Message {
    let at = |of: usize| latest.get(of).copied().unwrap_or_default();
    let members = (0..MEMBERS).map(|of| Metric::new(&member(of), at(of).1).at(at(of).0));
    super::turbine::birth(edge, members.collect())
}

impl Plant {
    pub(crate) async fn start(broker: SocketAddr) -> Self {
        let mut options = MqttOptions::new("gw", (broker.ip().to_string(), broker.port()));
        options.set_max_packet_size(1 << 20, 1 << 20);
        let (client, mut events) = AsyncClient::builder(options).capacity(1_000).build();
        let commands = format!("spBv1.0/{}/NCMD/{}", node().group, node().node);
        client.subscribe(commands, QoS::AtMostOnce).await.unwrap();
        while !matches!(events.poll().await.unwrap(), Event::Incoming(Packet::SubAck(_))) {}
        let (heard_tx, mut heard_rx) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok(event) = events.poll().await {
                if let Event::Incoming(Packet::Publish(command)) = event {
                    let _ = heard_tx.send(command);
                }
            }
        });
        let (published, stop) = (Arc::new(Mutex::new(Vec::new())), CancellationToken::new());
        let (record, stopped) = (Arc::clone(&published), stop.clone());
        let task = tokio::spawn(async move {
            let mut edge = Edge::new(node(), 0);
            let mut latest = vec![(now(), 0.0); MEMBERS];
            publish(&client, birth(&mut edge, &latest)).await;
            let mut pace = interval(PACE);
            pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let (mut number, mut first_member) = (0.0, 0);
            loop {
                tokio::select! {
                    () = stopped.cancelled() => break,
                    Some(command) = heard_rx.recv() => {
                        let topic = String::from_utf8_lossy(&command.topic);
                        if edge.is_rebirth(&topic, &command.payload) {
                            publish(&client, birth(&mut edge, &latest)).await;
                        }
                    }
                    _ = pace.tick() => {
                        let time = now();
                        let batch = (first_member..first_member + MEMBERS_PER_MESSAGE).map(|of| of % MEMBERS);
                        let batch = batch.map(|member| {
                            number += 1.0;
                            PublishedValue { member, time, value: number }
                        });
                        let batch: Vec<_> = batch.collect();
                        first_member += MEMBERS_PER_MESSAGE;
                        for published in &batch {
                            latest[published.member] = (published.time, published.value);
                        }
                        let members = batch.iter().map(|of| Metric::new(&member(of.member), of.value));
                        publish(&client, data(&mut edge, time, members)).await;
                        record.lock().await.extend(batch);
                    }
                }
            }
            tokio::time::sleep(LAST).await;
        });
        Self { published, stop, task }
    }

    /// Stops publishing. Returns all values that were published.
    pub(crate) async fn stop(self) -> Vec<PublishedValue> {
        self.stop.cancel();
        self.task.await.unwrap();
        self.published.lock().await.clone()
    }
}

async fn publish(client: &AsyncClient, message: Message) {
    let options = PublishOptions::new(QoS::AtMostOnce);
    client.publish(message.topic, message.payload, options).await.unwrap();
}
