mod commands;
mod endings;
mod given;
mod optional;
mod signed;
mod slow;
mod tls;
mod websocket;

use std::net::SocketAddr;
use std::time::Duration;

use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, PublishOptions, QoS};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use windfarm::Broker;

use self::given::config;
use super::*;
use crate::sparkplug::message::{Message, Qos};

const STATE: &str = "spBv1.0/STATE/tester";

/// Longer than anything here takes, shorter than a build is worth.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_session_is_announced_with_the_time_of_its_will() {
    let broker = Broker::start(0).await.unwrap();
    let mut watcher = Watcher::start(broker.addr, "spBv1.0/STATE/#").await;

    let mut bridge = Bridge::start(&broker.url(), &[]);
    let first = bridge.connected().await;
    // The end is unclean: the task is gone, and its socket with it.
    bridge.task.abort();
    let (payload, retain) = watcher.message(STATE).await;
    assert_eq!(payload, offline(first));
    assert!(!retain);

    let mut again = Bridge::start(&broker.url(), &[]);
    let second = again.connected().await;
    assert!(second >= first);
    // The will was stored: it comes back to its own host, as not live.
    let message = again.message().await;
    assert_eq!(
        (message.topic.as_str(), message.payload, message.retain),
        (STATE, offline(first), true)
    );
    again.task.abort();
    assert_eq!(watcher.message(STATE).await.0, offline(second));
    broker.stop().await;
}

#[tokio::test]
async fn messages_travel_both_ways() {
    let broker = Broker::start(0).await.unwrap();
    let mut bridge = Bridge::start(&broker.url(), &[]);
    let time = bridge.connected().await;
    let mut plant = Watcher::start(broker.addr, "spBv1.0/+/NCMD/#").await;

    let large = "x".repeat(1 << 20);
    plant.publish("spBv1.0/Nordsee/NDATA/Gateway", &large).await;
    let message = bridge.message().await;
    assert_eq!(message.topic, "spBv1.0/Nordsee/NDATA/Gateway");
    assert_eq!((message.payload.len(), message.retain), (1 << 20, false));

    bridge.publish(STATE, &format!("online {time}"), Qos::AtLeastOnce).await;
    bridge.publish("spBv1.0/Nordsee/NCMD/Gateway", "reborn", Qos::AtMostOnce).await;
    assert_eq!(plant.message("spBv1.0/Nordsee/NCMD/Gateway").await.0, "reborn");
    broker.stop().await;
}

#[tokio::test]
async fn nothing_goes_before_the_birth() {
    let broker = Broker::start(0).await.unwrap();
    let mut watcher = Watcher::start(broker.addr, "spBv1.0/#").await;
    let mut bridge = Bridge::start(&broker.url(), &[]);
    bridge.connected().await;
    bridge.publish("spBv1.0/Nordsee/NCMD/Gateway", "late", Qos::AtMostOnce).await;
    bridge.publish(STATE, "online", Qos::AtLeastOnce).await;
    assert_eq!(watcher.next().await.0, STATE);
    broker.stop().await;
}

#[tokio::test]
async fn only_chosen_groups_are_heard() {
    let broker = Broker::start(0).await.unwrap();
    let mut bridge = Bridge::start(&broker.url(), &[("SPARKPLUG_GROUPS", "Alpen,A,B,C,D,E,F,G,H")]);
    bridge.connected().await;
    let mut plant = Watcher::start(broker.addr, "nothing").await;
    plant.publish("spBv1.0/Nordsee/NDATA/Gateway", "1").await;
    plant.publish("spBv1.0/H/NDATA/Gateway", "2").await;
    plant.publish("spBv1.0/Alpen/NDATA/Gateway", "3").await;
    assert_eq!(bridge.message().await.payload, "2");
    assert_eq!(bridge.message().await.payload, "3");
    broker.stop().await;
}

#[tokio::test]
async fn a_restarted_server_is_found_again() {
    let broker = Broker::start(0).await.unwrap();
    let (url, port) = (broker.url(), broker.addr.port());
    let mut bridge = Bridge::start(&url, &[]);
    let first = bridge.connected().await;

    broker.stop().await;
    let Inbound::Disconnected { server: 0, reason } = bridge.next().await else {
        panic!("the loss of the server is not reported");
    };
    assert!(reason.contains("closed"), "{reason}");

    // What is queued without a session never reaches the next one.
    bridge.publish(STATE, "of old", Qos::AtLeastOnce).await;
    let broker = Broker::start(port).await.unwrap();
    let second = bridge.connected().await;
    assert!(second > first);
    bridge.publish(STATE, "of new", Qos::AtLeastOnce).await;
    assert_eq!(bridge.message().await.payload, "of new");
    broker.stop().await;
}

#[tokio::test]
async fn the_end_delivers_what_is_queued_and_leaves_no_will() {
    let broker = Broker::start(0).await.unwrap();
    let mut watcher = Watcher::start(broker.addr, "#").await;
    let mut bridge = Bridge::start(&broker.url(), &[]);
    bridge.connected().await;
    bridge.publish(STATE, "online", Qos::AtLeastOnce).await;
    // Once for each filter that it matches.
    assert_eq!(bridge.message().await.topic, STATE);
    assert_eq!(bridge.message().await.topic, STATE);
    assert_eq!(watcher.next().await.0, STATE);
    for number in 0..40 {
        bridge.publish("elsewhere", &number.to_string(), Qos::AtLeastOnce).await;
    }
    bridge.shutdown.cancel();
    timeout(PATIENCE, bridge.task).await.unwrap().unwrap();
    for number in 0..40 {
        assert_eq!(watcher.next().await.1, number.to_string());
    }
    // A will would come before this.
    watcher.publish("spBv1.0/Nordsee/NDATA/Gateway", "last").await;
    assert_eq!(watcher.next().await.1, "last");
    broker.stop().await;
}

#[tokio::test]
async fn the_end_comes_without_a_server_too() {
    for end in [true, false] {
        // Nobody listens on the port of a server that is gone.
        let broker = Broker::start(0).await.unwrap();
        let url = broker.url();
        broker.stop().await;
        let bridge = Bridge::start(&url, &[]);
        if end {
            bridge.shutdown.cancel();
        } else {
            drop(bridge.outbound);
        }
        timeout(PATIENCE, bridge.task).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_full_queue_is_counted_and_does_not_hold_up_the_connection() {
    let broker = Broker::start(0).await.unwrap();
    let mut bridge = Bridge::with_queue(&broker.url(), &[], 2);
    bridge.connected().await;
    let mut plant = Watcher::start(broker.addr, "spBv1.0/STATE/#").await;
    for number in 0..5 {
        plant.publish("spBv1.0/Nordsee/NDATA/Gateway", &number.to_string()).await;
    }
    // Outgoing messages still pass.
    bridge.publish(STATE, "online", Qos::AtLeastOnce).await;
    assert_eq!(plant.message(STATE).await.0, "online");
    assert_eq!(bridge.message().await.payload, "0");
    assert_eq!(bridge.message().await.payload, "1");

    // There is room again. The own message, once for each filter that it matches, comes before
    // this one, or was dropped as well.
    plant.publish("spBv1.0/Nordsee/NDATA/Gateway", "last").await;
    let mut taken = 3;
    while bridge.message().await.payload != "last" {
        taken += 1;
    }
    assert_eq!(bridge.figures.dropped(), bridge.figures.received() - taken);
    assert!(bridge.figures.dropped() >= 3);
    broker.stop().await;
}

#[tokio::test]
async fn a_message_that_is_too_large_is_left_out_and_the_connection_stays() {
    let broker = Broker::start(0).await.unwrap();
    leaves_out(&broker.url(), &[], &broker).await;
    broker.stop().await;
}

/// One that is stored, and one that is live; what follows is heard.
async fn leaves_out(url: &str, variables: &[(&str, &str)], broker: &Broker) {
    let (stored, live) = ("spBv1.0/Nordsee/NBIRTH/Stored", "spBv1.0/Nordsee/NDATA/Live");
    let large = "x".repeat(200_000);
    let mut plant = Watcher::start(broker.addr, "nothing").await;
    plant.store(stored, &large).await;
    let variables = [variables, &[("MQTT_MAX_PACKET", "16KiB")]].concat();
    let mut bridge = Bridge::start(url, &variables);
    bridge.connected().await;
    let mut left_out = Vec::new();
    plant.publish(live, &large).await;
    plant.publish(live, "small").await;
    // A message comes once for each filter that it matches.
    let heard = loop {
        match bridge.next().await {
            Inbound::Oversized { topic, size, retain, .. } => {
                assert!((200_000..200_100).contains(&size), "{size}");
                left_out.push((topic, retain));
            }
            Inbound::Message { payload, .. } => break payload,
            other => panic!("the connection is gone: {other:?}"),
        }
    };
    left_out.dedup();
    assert_eq!(left_out, [(stored.to_owned(), true), (live.to_owned(), false)]);
    assert_eq!(heard, "small");
    assert!(bridge.figures.oversized() >= 2);
    bridge.shutdown.cancel();
    timeout(PATIENCE, bridge.task).await.unwrap().unwrap();
}

/// A connection that is accepted and has sent its first SUBSCRIBE, and the packet identifier of that:
/// it follows a length of one byte.
async fn subscribed(listener: &TcpListener) -> (TcpStream, [u8; 2]) {
    let (mut socket, _) = listener.accept().await.unwrap();
    let mut packet = [0; 512];
    assert!(socket.read(&mut packet).await.unwrap() > 0);
    socket.write_all(&[0x20, 2, 0, 0]).await.unwrap();
    assert!(socket.read(&mut packet).await.unwrap() > 4);
    assert_eq!(packet[0], 0x82);
    (socket, [packet[2], packet[3]])
}

#[tokio::test]
async fn a_message_that_is_left_out_is_acknowledged() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("mqtt://{}", listener.local_addr().unwrap());
    let mut bridge = Bridge::start(&url, &[("MQTT_MAX_PACKET", "16KiB")]);
    let (mut socket, [high, low]) = subscribed(&listener).await;
    socket.write_all(&[0x90, 4, high, low, 1, 1]).await.unwrap();
    bridge.connected().await;
    // QoS 1, identifier 7, a length of 2 MiB.
    let mut large = vec![0x32, 0x80, 0x80, 0x80, 0x01, 0, 1, b'a', 0, 7];
    large.resize(5 + (2 << 20), 0);
    socket.write_all(&large).await.unwrap();
    let Inbound::Oversized { topic, size, .. } = bridge.next().await else { panic!("not told") };
    assert_eq!((topic.as_str(), size), ("a", 5 + (2 << 20)));
    let mut answer = [0; 4];
    timeout(PATIENCE, socket.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(answer, [0x40, 2, 0, 7]);
    bridge.task.abort();
}

#[tokio::test]
async fn a_refused_subscription_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("mqtt://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut socket, [high, low]) = subscribed(&listener).await;
        socket.write_all(&[0x90, 3, high, low, 0x80]).await.unwrap();
        assert_eq!(socket.read(&mut [0; 512]).await.unwrap(), 0, "the session goes on");
    });
    let reason = failure(&url, &[]).await;
    assert!(reason.contains("subscription to spBv1.0/STATE/tester:"), "{reason}");
}

#[tokio::test]
async fn a_server_of_another_protocol_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("mqtt://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        let _ = socket.read(&mut [0; 512]).await;
    });
    let reason = failure(&url, &[]).await;
    assert!(reason.contains("check scheme and port"), "{reason}");
}

#[test]
fn unusable_certificates_are_named() {
    let pem = |label: &str| format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
    let (cert, key) = (pem("CERTIFICATE"), pem("PRIVATE KEY"));
    for (variables, name) in [
        (vec![("MQTT_CA", cert.as_str())], "MQTT_CA"),
        (vec![("MQTT_CERT", cert.as_str()), ("MQTT_KEY", key.as_str())], "MQTT_CERT"),
    ] {
        let config = config("mqtts://127.0.0.1", &variables);
        let error = Connection::new(0, &config.mqtt.servers[0], &config.mqtt, &config.sparkplug)
            .unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
}

/// A connection under test, with the core's ends of its queues.
struct Bridge {
    inbound: mpsc::Receiver<Inbound>,
    outbound: mpsc::Sender<Outgoing>,
    figures: ConnectionStats,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

struct Heard {
    topic: String,
    payload: String,
    retain: bool,
}

impl Bridge {
    fn start(url: &str, variables: &[(&str, &str)]) -> Self {
        Self::with_queue(url, variables, 1_000)
    }

    fn with_queue(url: &str, variables: &[(&str, &str)], capacity: usize) -> Self {
        let config = config(url, variables);
        let connection =
            Connection::new(0, &config.mqtt.servers[0], &config.mqtt, &config.sparkplug).unwrap();
        Self::running(connection, capacity)
    }

    fn running(connection: Connection, capacity: usize) -> Self {
        let (inbound_tx, inbound) = mpsc::channel(capacity);
        let (outbound, outbound_rx) = mpsc::channel(64);
        let shutdown = CancellationToken::new();
        Self {
            inbound,
            outbound,
            figures: connection.figures(),
            task: tokio::spawn(connection.run(inbound_tx, outbound_rx, shutdown.clone())),
            shutdown,
        }
    }

    async fn next(&mut self) -> Inbound {
        timeout(PATIENCE, self.inbound.recv()).await.unwrap().unwrap()
    }

    async fn connected(&mut self) -> Timestamp {
        match self.next().await {
            Inbound::Connected { server: 0, session_time } => session_time,
            other => panic!("expected a session, got {other:?}"),
        }
    }

    async fn message(&mut self) -> Heard {
        match self.next().await {
            Inbound::Message { topic, payload, retain, .. } => {
                Heard { topic, payload: String::from_utf8(payload.into()).unwrap(), retain }
            }
            other => panic!("expected a message, got {other:?}"),
        }
    }

    async fn publish(&self, topic: &str, payload: &str, qos: Qos) {
        let message = Message {
            topic: topic.to_owned(),
            payload: payload.to_owned().into(),
            qos,
            retain: false,
        };
        self.outbound.send(message.into()).await.unwrap();
    }
}

/// Another client, which sees and says what a plant does.
struct Watcher {
    client: AsyncClient,
    events: EventLoop,
    heard: Vec<(String, String, bool)>,
}

impl Watcher {
    async fn start(addr: SocketAddr, filter: &str) -> Self {
        let options = MqttOptions::new("watcher", (addr.ip().to_string(), addr.port()));
        let mut options = options;
        options.set_max_packet_size(2 << 20, 2 << 20);
        let (client, events) = AsyncClient::builder(options).capacity(100).build();
        client.subscribe(filter, QoS::AtLeastOnce).await.unwrap();
        let mut watcher = Self { client, events, heard: Vec::new() };
        while !matches!(watcher.poll().await, Event::Incoming(Packet::SubAck(_))) {}
        watcher
    }

    async fn poll(&mut self) -> Event {
        let event = timeout(PATIENCE, self.events.poll()).await.unwrap().unwrap();
        if let Event::Incoming(Packet::Publish(publish)) = &event {
            let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).unwrap();
            self.heard.push((text(&publish.topic), text(&publish.payload), publish.retain));
        }
        event
    }

    /// The next message: topic, payload.
    async fn next(&mut self) -> (String, String) {
        while self.heard.is_empty() {
            self.poll().await;
        }
        let (topic, payload, _) = self.heard.remove(0);
        (topic, payload)
    }

    /// The next message with this topic: payload and whether it was stored.
    async fn message(&mut self, topic: &str) -> (String, bool) {
        loop {
            if let Some(index) = self.heard.iter().position(|(heard, ..)| heard == topic) {
                let (_, payload, retain) = self.heard.remove(index);
                return (payload, retain);
            }
            self.poll().await;
        }
    }

    /// Publishes; the server has it when this returns.
    async fn publish(&mut self, topic: &str, payload: &str) {
        self.publish_with(topic, payload, PublishOptions::at_least_once()).await;
    }

    /// The same, for the server to keep.
    async fn store(&mut self, topic: &str, payload: &str) {
        self.publish_with(topic, payload, PublishOptions::at_least_once().retain(true)).await;
    }

    async fn publish_with(&mut self, topic: &str, payload: &str, options: PublishOptions) {
        self.client.publish(topic, payload, options).await.unwrap();
        while !matches!(self.poll().await, Event::Incoming(Packet::PubAck(_))) {}
    }
}

/// Why a first session fails.
async fn failure(url: &str, variables: &[(&str, &str)]) -> String {
    let config = config(url, variables);
    let url = &config.mqtt.servers[0];
    let template =
        options::SessionOptions::new(url, &config.mqtt, options::ClientRole::Host("tester"))
            .unwrap();
    let (inbound, _received) = mpsc::channel(1);
    let (_sender, mut outbound) = mpsc::channel(1);
    let mut session = session::MqttSession {
        server: 0,
        url,
        filters: &[STATE.to_owned()],
        optional: &[],
        inbox: &mut inbox::Inbox::new(0, inbound, ConnectionStats::default(), 0),
        outbound: &mut outbound,
        shutdown: &CancellationToken::new(),
        last_state_time: &mut Timestamp::default(),
        answered: CancellationToken::new(),
        state_times: None,
    };
    let result = timeout(PATIENCE, session.run(&template)).await.unwrap();
    assert_eq!(result.reach, session::SessionReach::Unannounced, "{result:?}");
    match result.end {
        session::SessionEnd::Failed(failure) => failure.explain(url),
        other => panic!("expected a failure, got {other:?}"),
    }
}

fn offline(time: Timestamp) -> String {
    format!(r#"{{"online":false,"timestamp":{}}}"#, time.as_millis())
}
