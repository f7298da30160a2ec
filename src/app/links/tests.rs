//! Connections that replace each other at a real server, with messages going on all the while.

use std::collections::BTreeMap;

use tokio::time::timeout;
use windfarm::Broker;

use super::*;
use crate::config::Config;
use crate::lease::hearing::SETTLED;
use crate::sparkplug::message::{Message, Qos};

const PATIENCE: Duration = Duration::from_secs(20);
const STATE: &str = "spBv1.0/STATE/tester";

fn now(began: tokio::time::Instant) -> Instant {
    Instant::from_start(began.elapsed())
}

fn config(url: &str) -> Config {
    let variables =
        [("MQTT_URL", url), ("AWS_REGION", "eu-central-1"), ("SPARKPLUG_HOST_ID", "tester")];
    let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    Config::load(&variables.into_iter().map(own).collect::<BTreeMap<_, _>>()).unwrap()
}

/// A bridge's connections, and what it reads of them.
struct Rig {
    links: Links,
    messages: mpsc::Receiver<Inbound>,
    began: tokio::time::Instant,
    /// Numbers that were read, in their order.
    read: Vec<u64>,
    kinds: Vec<LinkKind>,
    sessions: Vec<bool>,
}

impl Rig {
    fn start(url: &str, observer_id: &str) -> Self {
        let config = config(url);
        let (inbound, messages) = mpsc::channel(10_000);
        let factory = LinkFactory {
            mqtt: config.mqtt,
            sparkplug: config.sparkplug,
            observer_id: observer_id.to_owned(),
            inbound,
        };
        Self {
            links: Links::open(factory).unwrap(),
            messages,
            began: tokio::time::Instant::now(),
            read: Vec::new(),
            kinds: Vec::new(),
            sessions: Vec::new(),
        }
    }

    fn begin(&mut self, kind: LinkKind) {
        self.links.begin(kind, now(self.began));
    }

    /// Reads until this holds.
    async fn until(&mut self, holds: impl Fn(&Self) -> bool) {
        while !holds(self) {
            let inbound = timeout(PATIENCE, self.messages.recv()).await.unwrap().unwrap();
            let routed = self.links.route(inbound, now(self.began));
            self.kinds.extend(routed.switched.map(|switched| switched.kind));
            for inbound in routed.inbound {
                match inbound {
                    Inbound::Message { server, topic, payload, .. } => {
                        assert_eq!(server, 0);
                        let number = std::str::from_utf8(&payload).unwrap().parse();
                        if topic != STATE {
                            self.read.push(number.unwrap());
                        }
                    }
                    Inbound::Connected { .. } => self.sessions.push(true),
                    Inbound::Disconnected { .. } => self.sessions.push(false),
                    Inbound::Oversized { .. } => panic!("oversized"),
                }
            }
        }
    }
}

/// Publishes numbers, until it is aborted.
async fn speak(broker: &Broker) -> tokio::task::JoinHandle<()> {
    let config = config(&broker.url());
    let url = config.mqtt.servers.first().unwrap();
    let connection =
        Connection::observer(0, url, &config.mqtt, &config.sparkplug, "plant").unwrap();
    let (inbound, mut session) = mpsc::channel(10_000);
    let (outbound, publishes) = mpsc::channel(100);
    let run = connection.run(inbound, publishes, CancellationToken::new());
    tokio::spawn(run);
    let first = timeout(PATIENCE, session.recv()).await.unwrap();
    assert!(matches!(first, Some(Inbound::Connected { .. })), "{first:?}");
    tokio::spawn(async move {
        let _session = session;
        let mut pace = tokio::time::interval(Duration::from_millis(1));
        for number in 0_u64.. {
            pace.tick().await;
            let topic = "spBv1.0/g/NDATA/n".to_owned();
            let payload = number.to_string().into_bytes();
            let message = Message { topic, payload, qos: Qos::AtMostOnce, retain: false };
            if outbound.send(message.into()).await.is_err() {
                return;
            }
        }
    })
}

fn is_complete(read: &[u64]) -> bool {
    let mut sorted = read.to_vec();
    sorted.sort_unstable();
    sorted.windows(2).all(|pair| pair.first().zip(pair.last()).is_some_and(|(a, b)| a + 1 == *b))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_connections_replace_each_other_every_message_is_read_once() {
    let broker = Broker::start(0).await.unwrap();
    let mut rig = Rig::start(&broker.url(), "tester-follows");
    rig.until(|rig| rig.sessions == [true]).await;
    let hears = |rig: &Rig, after| rig.links.hears(now(rig.began) + after);
    let all = [Duration::ZERO, SETTLED].map(|after| hears(&rig, after));
    assert_eq!(all, [Sense::Unknown, Sense::Yes]);
    let speaker = speak(&broker).await;
    let mut switches = Vec::new();
    for kind in [LinkKind::Host, LinkKind::Observer, LinkKind::Host, LinkKind::Observer] {
        let so_far = rig.read.len();
        rig.until(|rig| rig.read.len() > so_far + 200).await;
        if kind == LinkKind::Observer {
            rig.links.retire_host();
        }
        rig.begin(kind);
        switches.push(kind);
        rig.until(|rig| rig.kinds == switches).await;
    }
    let so_far = rig.read.len();
    rig.until(|rig| rig.read.len() > so_far + 500).await;
    speaker.abort();
    assert!(is_complete(&rig.read), "{:?}", rig.read);
    // The session went on for whoever handles it.
    assert_eq!(rig.sessions, [true; 5]);
    rig.links.close();
    rig.links.finish(false).await.unwrap();
    broker.stop().await;
}

/// Two bridges: the one that takes over ends the other's connection under the host's identifier, and
/// that one neither comes back with it nor misses anything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_lost_the_host_s_identifier_does_not_take_it_back() {
    let broker = Broker::start(0).await.unwrap();
    let mut one = Rig::start(&broker.url(), "tester-one");
    let mut other = Rig::start(&broker.url(), "tester-other");
    one.begin(LinkKind::Host);
    one.until(|rig| rig.kinds == [LinkKind::Host]).await;
    other.until(|rig| rig.sessions == [true]).await;
    let speaker = speak(&broker).await;
    one.until(|rig| rig.read.len() > 100).await;
    // As one whose lease is over.
    one.links.retire_host();
    one.begin(LinkKind::Observer);
    one.until(|rig| rig.kinds.len() == 2).await;
    other.begin(LinkKind::Host);
    other.until(|rig| rig.kinds == [LinkKind::Host]).await;
    let (ones, others) = (one.read.len(), other.read.len());
    one.until(|rig| rig.read.len() > ones + 2_000).await;
    other.until(|rig| rig.read.len() > others + 2_000).await;
    speaker.abort();
    assert!(is_complete(&one.read) && is_complete(&other.read));
    assert!(!other.sessions.contains(&false), "{:?}", other.sessions);
    for rig in [one, other] {
        rig.links.finish(true).await.unwrap();
    }
    broker.stop().await;
}

/// Its lease was over, nobody else had taken it, and it closed the host's connection in order: once it
/// was killed, STATE said for ever that a host was there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bridge_that_dies_after_its_lease_is_over_leaves_a_will() {
    let broker = Broker::start(0).await.unwrap();
    let mut one = Rig::start(&broker.url(), "tester-one");
    one.begin(LinkKind::Host);
    one.until(|rig| rig.kinds == [LinkKind::Host]).await;
    let mut wills = watch_state(&broker).await;
    one.links.retire_host();
    one.links.keep_sessions();
    one.begin(LinkKind::Observer);
    one.until(|rig| rig.kinds.len() == 2).await;
    let none = timeout(Duration::from_millis(500), wills.recv()).await;
    assert!(none.is_err(), "it lives: {none:?}");
    // It acts again: its new connection replaces the one that was kept, without its will.
    one.begin(LinkKind::Host);
    one.until(|rig| rig.kinds.len() == 3).await;
    one.links.retire_host();
    one.links.keep_sessions();
    one.begin(LinkKind::Observer);
    one.until(|rig| rig.kinds.len() == 4).await;
    while let Ok(Some(will)) = timeout(Duration::from_millis(500), wills.recv()).await {
        drop(will);
    }
    // As when it is killed: no connection is closed in order.
    one.links.finish(true).await.unwrap();
    let will = timeout(PATIENCE, wills.recv()).await.unwrap().unwrap();
    let will = String::from_utf8_lossy(&will).into_owned();
    assert!(will.contains("\"online\":false"), "{will}");
    broker.stop().await;
}

/// What STATE says.
async fn watch_state(broker: &Broker) -> mpsc::Receiver<bytes::Bytes> {
    let config = config(&broker.url());
    let url = config.mqtt.servers.first().unwrap();
    let connection =
        Connection::observer(0, url, &config.mqtt, &config.sparkplug, "watcher").unwrap();
    let (inbound, mut session) = mpsc::channel(10_000);
    let (outbound, publishes) = mpsc::channel(100);
    tokio::spawn(connection.run(inbound, publishes, CancellationToken::new()));
    let first = timeout(PATIENCE, session.recv()).await.unwrap();
    assert!(matches!(first, Some(Inbound::Connected { .. })), "{first:?}");
    let (states, seen) = mpsc::channel(100);
    tokio::spawn(async move {
        let _outbound = outbound;
        while let Some(inbound) = session.recv().await {
            if let Inbound::Message { topic, payload, .. } = inbound
                && topic == STATE
            {
                let _ = states.send(payload).await;
            }
        }
    });
    seen
}

/// Its connection ends because the other bridge took the identifier: no edge node is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_a_leaving_bridge_loses_its_connection_is_no_news() {
    let broker = Broker::start(0).await.unwrap();
    let mut one = Rig::start(&broker.url(), "tester-one");
    let mut other = Rig::start(&broker.url(), "tester-other");
    one.begin(LinkKind::Host);
    one.until(|rig| rig.kinds == [LinkKind::Host]).await;
    let before = one.sessions.len();
    one.links.leave();
    other.begin(LinkKind::Host);
    other.until(|rig| rig.kinds == [LinkKind::Host]).await;
    let ended = timeout(PATIENCE, one.links.ended());
    ended.await.unwrap().unwrap();
    while let Ok(Some(inbound)) = timeout(Duration::from_millis(200), one.messages.recv()).await {
        let routed = one.links.route(inbound, now(one.began));
        assert!(!routed.inbound.iter().any(|it| matches!(it, Inbound::Disconnected { .. })));
    }
    let hears = one.links.hears(now(one.began) + SETTLED);
    assert_eq!((one.sessions.len(), hears), (before, Sense::No));
    for rig in [one, other] {
        rig.links.finish(true).await.unwrap();
    }
    broker.stop().await;
}

/// Its old connection was to be replaced by one under the same identifier, and the server could not be
/// reached: that was told only once it was back, and its edge nodes counted as online all the while.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_lost_while_a_connection_replaces_another_is_told() {
    let broker = Broker::start(0).await.unwrap();
    let mut rig = Rig::start(&broker.url(), "tester-follows");
    rig.begin(LinkKind::Host);
    rig.until(|rig| rig.kinds == [LinkKind::Host]).await;
    // The lease lapses and is renewed at once; meanwhile the server goes.
    rig.links.retire_host();
    broker.stop().await;
    rig.begin(LinkKind::Observer);
    rig.begin(LinkKind::Host);
    let ended =
        |rig: &mut Rig| rig.links.servers.iter().any(|server| server.hidden_since.is_some());
    while !ended(&mut rig) {
        let inbound = timeout(PATIENCE, rig.messages.recv()).await.unwrap().unwrap();
        let routed = rig.links.route(inbound, now(rig.began));
        assert!(!routed.inbound.iter().any(|it| matches!(it, Inbound::Disconnected { .. })));
    }
    let at = now(rig.began);
    assert!(rig.links.lost(at).is_empty(), "it may be back in no time");
    let lost = rig.links.lost(at + REPLACED);
    assert!(matches!(lost.as_slice(), [Inbound::Disconnected { server: 0, .. }]), "{lost:?}");
    assert!(rig.links.lost(at + REPLACED * 2).is_empty(), "once");
    rig.links.finish(true).await.unwrap();
}

/// From then on every message was kept for comparison, and one that repeated was dropped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_withdrawn_before_it_is_up_overlaps_with_nothing() {
    let broker = Broker::start(0).await.unwrap();
    let mut rig = Rig::start(&broker.url(), "tester-follows");
    rig.until(|rig| rig.sessions == [true]).await;
    for lapses in [true, false] {
        rig.begin(LinkKind::Host);
        let message = |server| Inbound::Message {
            server,
            topic: "spBv1.0/g/NDATA/n".to_owned(),
            payload: "7".into(),
            arrived: tokio::time::Instant::now(),
            qos: 0,
            retain: false,
        };
        let at = now(rig.began);
        let current = rig.links.servers[0].current.id;
        assert_eq!(rig.links.route(message(current), at).inbound.len(), 1);
        if lapses {
            rig.links.retire_host();
        }
        rig.begin(LinkKind::Observer);
        assert_eq!(rig.links.servers[0].current.id, current, "it was not up");
        assert!(rig.links.servers[0].overlap.is_none());
        assert_eq!(rig.links.route(message(current), at).inbound.len(), 1);
    }
    rig.links.finish(true).await.unwrap();
    broker.stop().await;
}

/// Its clock is behind that of the bridge before, whose STATE said that the host is offline.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_host_s_session_is_later_than_what_was_heard_of_its_state() {
    let broker = Broker::start(0).await.unwrap();
    let mut rig = Rig::start(&broker.url(), "tester-follows");
    rig.until(|rig| rig.sessions == [true]).await;
    let ahead = crate::clock::wall().plus(Duration::from_secs(60));
    let payload = crate::sparkplug::host::state_payload(false, ahead);
    let state = Message { topic: STATE.to_owned(), payload, qos: Qos::AtLeastOnce, retain: true };
    let outbound = rig.links.servers[0].current.outbound.clone();
    outbound.send(state.into()).await.unwrap();
    let heard = timeout(PATIENCE, rig.messages.recv()).await.unwrap();
    assert!(matches!(heard, Some(Inbound::Message { topic, .. }) if topic == STATE));
    rig.begin(LinkKind::Host);
    let session_time = loop {
        match timeout(PATIENCE, rig.messages.recv()).await.unwrap() {
            Some(Inbound::Connected { session_time, .. }) => break session_time,
            Some(_) => {}
            None => panic!("no connection"),
        }
    };
    assert_eq!(session_time, ahead.plus(Duration::from_millis(1)));
    rig.links.finish(true).await.unwrap();
    broker.stop().await;
}
