use std::collections::BTreeSet;
use std::time::Duration;

use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, PublishOptions, QoS};
use sparkwise::sparkplug::edge::{Metric, REBIRTH};
use sparkwise::sparkplug::payload;
use sparkwise::sparkplug::proto::Payload;
use tokio::time::timeout;

use super::*;
use crate::broker::Broker;

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn gateways_are_born_speak_obey_and_die() {
    let broker = Broker::start(0).await.unwrap();
    let mut host = Host::start(&broker).await;
    let fleet =
        Fleet::start(&Company { turbines: 4, seed: 1 }, &broker.url().parse().unwrap(), 20.0);

    host.hear(&[
        "spBv1.0/Nordsee/NBIRTH/Gateway Nord",
        "spBv1.0/Nordsee/DBIRTH/Gateway Nord/Row 1",
        "spBv1.0/Nordsee/DDATA/Gateway Nord/Row 1",
        "spBv1.0/Alpen/NBIRTH/Gateway Süd",
        "spBv1.0/Alpen/DBIRTH/Gateway Süd/Met Mast Alpen",
        "spBv1.0/Alpen/DDATA/Gateway Süd/Met Mast Alpen",
    ])
    .await;

    host.ask_for_birth("spBv1.0/Alpen/NCMD/Gateway Süd").await;
    host.hear(&["spBv1.0/Alpen/NBIRTH/Gateway Süd", "spBv1.0/Alpen/DBIRTH/Gateway Süd/Row 2"])
        .await;

    assert!(!fleet.lose_gateway("Sahara").await && !fleet.break_cooling("T99").await);
    assert!(fleet.break_cooling("T01").await);
    assert!(fleet.lose_gateway("Nordsee").await);
    host.hear(&["spBv1.0/Nordsee/NDEATH/Gateway Nord"]).await;
    assert!(fleet.restore_gateway("Nordsee").await);
    host.hear(&["spBv1.0/Nordsee/NBIRTH/Gateway Nord"]).await;

    fleet.stop().await;
    host.hear(&["spBv1.0/Nordsee/NDEATH/Gateway Nord", "spBv1.0/Alpen/NDEATH/Gateway Süd"]).await;
    broker.stop().await;
}

#[tokio::test]
async fn gateways_survive_their_server() {
    let broker = Broker::start(0).await.unwrap();
    let (url, port) = (broker.url(), broker.addr.port());
    let fleet = Fleet::start(&Company { turbines: 1, seed: 1 }, &url.parse().unwrap(), 20.0);
    let mut host = Host::start(&broker).await;
    host.hear(&["spBv1.0/Nordsee/DDATA/Gateway Nord/Row 1"]).await;
    broker.stop().await;

    let broker = Broker::start(port).await.unwrap();
    let mut host = Host::start(&broker).await;
    host.hear(&["spBv1.0/Nordsee/NBIRTH/Gateway Nord", "spBv1.0/Nordsee/DDATA/Gateway Nord/Row 1"])
        .await;
    fleet.stop().await;
    broker.stop().await;
}

/// Hears everything.
struct Host {
    client: AsyncClient,
    events: EventLoop,
}

impl Host {
    async fn start(broker: &Broker) -> Self {
        let options = MqttOptions::new("host", (broker.addr.ip().to_string(), broker.addr.port()));
        let (client, events) = AsyncClient::builder(options).capacity(10).build();
        client.subscribe("spBv1.0/#", QoS::AtLeastOnce).await.unwrap();
        let mut host = Self { client, events };
        while !matches!(host.poll().await, Event::Incoming(Packet::SubAck(_))) {}
        host
    }

    async fn poll(&mut self) -> Event {
        timeout(PATIENCE, self.events.poll()).await.unwrap().unwrap()
    }

    /// Waits until each of `topics` has been heard.
    async fn hear(&mut self, topics: &[&str]) {
        let mut missing: BTreeSet<&str> = topics.iter().copied().collect();
        let heard = async {
            while !missing.is_empty() {
                if let Event::Incoming(Packet::Publish(publish)) = self.poll().await {
                    missing.remove(std::str::from_utf8(&publish.topic).unwrap());
                }
            }
        };
        let in_time = timeout(PATIENCE, heard).await.is_ok();
        assert!(in_time, "not heard: {missing:?}");
    }

    async fn ask_for_birth(&mut self, topic: &str) {
        let metrics = vec![Metric::new(REBIRTH, true).into_wire()];
        let payload = payload::encode(&Payload { metrics, ..Payload::default() });
        self.client.publish(topic, payload, PublishOptions::at_most_once()).await.unwrap();
    }
}
