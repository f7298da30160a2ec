//! The loop under more messages than it can read.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use uuid::Uuid;

use super::*;
use crate::app::bridge_config;
use crate::app::servers::ServerState;
use crate::bridge::Output;
use crate::config::Config;
use crate::console::degraded::{DegradedReason, DegradedReasons};
use crate::console::queries::EngineQueries;
use crate::console::snapshot::Snapshot;
use crate::delivery::point::{Class, Gate, Point, Stream};
use crate::mqtt::{Connection, Outgoing};
use crate::outbox::disk::DiskOutbox;
use crate::outbox::memory::MemoryOutbox;
use crate::outbox::{DiskState, QueuedPoint};
use crate::sitewise::api::{
    ApiFaultKind, Asset, AssetProperty, Associate, CreateAsset, CreateComposite, CreateModel,
    Entry, EntryError, GrowComposite, GrowModel, LatestValue, Model, ModelSummary, Page, Quality,
    UpdateProperty, Variant,
};
use crate::sitewise::tags::{Taggable, Tags};
use crate::sparkplug::address::EdgeNode;
use crate::sparkplug::edge::{Edge, Metric};
use crate::sparkplug::findings::Finding;
use crate::sparkplug::message::Message;
use crate::twin::counts::DropReason;
use crate::twin::identity::Namespace;

mod calm;
mod deferred;
mod late;
mod naming;

/// A SiteWise that never answers; or that answers with a fault for each value, and counts requests.
#[derive(Default)]
struct Silent(Option<(ApiFaultKind, Arc<AtomicU64>)>);

impl SiteWise for Silent {
    async fn create_model(&self, _: CreateModel) -> Result<(), ApiFault> {
        pending().await
    }
    async fn grow_model(&self, _: GrowModel) -> Result<(), ApiFault> {
        pending().await
    }
    async fn create_composite(&self, _: CreateComposite) -> Result<(), ApiFault> {
        pending().await
    }
    async fn grow_composite(&self, _: GrowComposite) -> Result<(), ApiFault> {
        pending().await
    }
    async fn describe_model(&self, _: Uuid) -> Result<Model, ApiFault> {
        pending().await
    }
    async fn list_models(&self, _: Option<String>) -> Result<Page<ModelSummary>, ApiFault> {
        pending().await
    }
    async fn create_asset(&self, _: CreateAsset) -> Result<(), ApiFault> {
        pending().await
    }
    async fn describe_asset(&self, _: Uuid) -> Result<Asset, ApiFault> {
        pending().await
    }
    async fn list_assets(&self, _: Uuid, _: Option<String>) -> Result<Page<Asset>, ApiFault> {
        pending().await
    }
    async fn associate(&self, _: Associate) -> Result<(), ApiFault> {
        pending().await
    }
    async fn read_tags(&self, _: Taggable) -> Result<Tags, ApiFault> {
        pending().await
    }
    async fn tag(&self, _: Taggable, _: Tags) -> Result<(), ApiFault> {
        pending().await
    }
    async fn list_children(&self, _: Uuid, _: Option<String>) -> Result<Page<Asset>, ApiFault> {
        pending().await
    }
    async fn read_properties(
        &self,
        _: Uuid,
        _: Option<String>,
    ) -> Result<Page<(Uuid, AssetProperty)>, ApiFault> {
        pending().await
    }
    async fn describe_property(&self, _: Uuid, _: Uuid) -> Result<AssetProperty, ApiFault> {
        pending().await
    }
    async fn update_property(&self, _: UpdateProperty) -> Result<(), ApiFault> {
        pending().await
    }
    async fn put(&self, entries: Vec<Entry>) -> Result<Vec<EntryError>, ApiFault> {
        let Some((kind, requests)) = &self.0 else { return pending().await };
        requests.fetch_add(1, Ordering::Relaxed);
        let fault = |_| ApiFault::new(*kind, "not now");
        let errors = (0..entries.len()).map(|entry| (entry, fault(entry)));
        let errors = errors.map(|(entry, fault)| EntryError { entry, fault, times: Vec::new() });
        Ok(errors.collect())
    }
    async fn read_values(&self, _: Vec<(Uuid, Uuid)>) -> Result<Vec<LatestValue>, ApiFault> {
        pending().await
    }
}

fn inbound(message: Message) -> Inbound {
    inbound_of(0, message)
}

fn inbound_of(server: u16, message: Message) -> Inbound {
    let (topic, payload) = (message.topic, Bytes::from(message.payload));
    let arrived = tokio::time::Instant::now();
    Inbound::Message { server, topic, payload, arrived, qos: 0, retain: false }
}

fn config() -> Config {
    let variables = [
        ("MQTT_URL", "mqtt://localhost"),
        ("AWS_REGION", "eu-central-1"),
        ("SPARKPLUG_REORDER_TIMEOUT", "50ms"),
    ];
    let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    Config::load(&variables.into_iter().map(own).collect::<BTreeMap<_, _>>()).unwrap()
}

/// An engine with one server, and what it publishes there.
fn engine() -> (Engine<Silent>, mpsc::Receiver<Outgoing>) {
    engine_with((Box::new(MemoryOutbox::new(1 << 20)), Arc::new(Notify::new())))
}

fn engine_with(
    outbox: (Box<dyn Outbox>, Arc<Notify>),
) -> (Engine<Silent>, mpsc::Receiver<Outgoing>) {
    let config = config();
    let url = &config.mqtt.servers[0];
    let (queue, published) = mpsc::channel(1_024);
    let connection = Connection::new(0, url, &config.mqtt, &config.sparkplug).unwrap();
    let server = ServerState::new(url.to_string(), queue, connection.figures());
    let report = Reporting {
        host_id: "host".into(),
        outbox_max_bytes: 1 << 20,
        linger: Duration::from_secs(1),
        quotas: Quotas::default(),
        emf: None,
        price: None,
    };
    let engine = Engine::new(
        Bridge::new(bridge_config(&config, Namespace::new("test")), 1),
        outbox,
        Silent::default(),
        ServerStates(vec![server]),
        report,
    );
    (engine, published)
}

/// Turns are bounded, and a message between two of them was lost.
#[tokio::test]
async fn every_message_of_many_turns_is_taken_in() {
    let (mut engine, _published) = engine();
    let (inbox, mut messages) = mpsc::channel(1_000);
    let mut edge = Edge::new(EdgeNode::new("g", "n"), 0);
    let time = crate::clock::wall();
    let metric = || [Metric::new("a", 1.0_f64)];
    inbox.try_send(inbound(edge.nbirth(time, metric()))).unwrap();
    for _ in 1..1_000 {
        inbox.try_send(inbound(edge.ndata(time, metric()))).unwrap();
    }
    while let Ok(first) = messages.try_recv() {
        engine.handle_batch(first, &mut messages);
    }
    assert_eq!(engine.bridge.host().counters().messages, 1_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn timers_keep_their_time_while_messages_never_end() {
    let (engine, mut published) = engine();
    // More than is read within the time of this test.
    let (inbox, messages) = mpsc::channel(300_000);
    let session_time = crate::clock::wall();
    inbox.try_send(Inbound::Connected { server: 0, session_time }).unwrap();
    // One node has lost a message: that is asked about once it has been waited for.
    let mut gap = Edge::new(EdgeNode::new("g", "gap"), 0);
    let birth = gap.nbirth(session_time, [Metric::new("a", 1.0_f64)]);
    inbox.try_send(inbound(birth)).unwrap();
    gap.skip(1);
    let data = gap.ndata(session_time, [Metric::new("a", 2.0_f64)]);
    inbox.try_send(inbound(data)).unwrap();
    // Another one sends more than can be read.
    let mut other = Edge::new(EdgeNode::new("g", "other"), 0);
    let metrics = || (0..50).map(|n| Metric::new(&format!("m{n}"), f64::from(n)));
    inbox.try_send(inbound(other.nbirth(session_time, metrics()))).unwrap();
    let round: Vec<_> = (0..256).map(|_| inbound(other.ndata(session_time, metrics()))).collect();
    while inbox.try_send(round[inbox.capacity() % 256].clone()).is_ok() {}

    let (questions, answers) = EngineQueries::new("starting");
    answers.set_running();
    let engine =
        tokio::spawn(engine.run(messages, answers, (pending(), pending()), Duration::ZERO));
    while published.recv().await.unwrap().message.topic != "spBv1.0/g/NCMD/gap" {}
    assert!(inbox.capacity() < inbox.max_capacity(), "the gap was asked about after all messages");
    // People have their turn as well.
    questions.ask(|look| look.now).await.unwrap();
    assert!(inbox.capacity() < inbox.max_capacity(), "the question waited for all messages");
    engine.abort();
}

/// It waited for all of the grace, and told that values were lost that the next start delivers.
#[tokio::test]
async fn an_end_before_sitewise_was_reached_is_at_once_and_loses_nothing() {
    let name = format!("sparkwise-engine-heard-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    let _ = std::fs::remove_dir_all(&folder);
    let wake = Arc::new(Notify::new());
    let disk = DiskOutbox::open(&folder, 1 << 20, Arc::clone(&wake)).unwrap();
    let (engine, _published) = engine_with((Box::new(disk), wake));
    let (inbox, messages) = mpsc::channel(100);
    let session_time = crate::clock::wall();
    inbox.try_send(Inbound::Connected { server: 0, session_time }).unwrap();
    let mut edge = Edge::new(EdgeNode::new("g", "n"), 0);
    inbox.try_send(inbound(edge.nbirth(session_time, [Metric::new("a", 1.0_f64)]))).unwrap();
    inbox.try_send(inbound(edge.ndata(session_time, [Metric::new("a", 2.0_f64)]))).unwrap();
    let (_, answers) = EngineQueries::new("starting");
    let ended = engine.run(messages, answers, (async {}, pending()), Duration::from_secs(60));
    let EngineResult { ledger, shutdown_took, .. } = Box::pin(ended).await.unwrap();
    assert!(shutdown_took < Duration::from_secs(20), "{shutdown_took:?}");
    assert!(ledger.buffered >= 2, "{ledger:?}");
    assert_eq!(ledger.lost_in_crash(), 0, "{ledger:?}");

    let (mut engine, _published) = engine_with({
        let wake = Arc::new(Notify::new());
        (Box::new(DiskOutbox::open(&folder, 1 << 20, Arc::clone(&wake)).unwrap()), wake)
    });
    engine.replay_stored();
    assert!(engine.bridge.twin().buffered() >= 2, "the next process hears them");
    drop(engine);
    let _ = std::fs::remove_dir_all(&folder);
}

/// What the former process said of itself was published once more, with its time, and came back as
/// another host's.
#[tokio::test]
async fn what_earlier_processes_said_of_themselves_is_no_other_host() {
    let name = format!("sparkwise-engine-state-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    let _ = std::fs::remove_dir_all(&folder);
    let state = |online, time: Timestamp| {
        let payload = format!(r#"{{"online":{online},"timestamp":{}}}"#, time.as_millis());
        let qos = crate::sparkplug::message::Qos::AtLeastOnce;
        let topic = "spBv1.0/STATE/sparkwise".to_owned();
        inbound(Message { topic, payload: payload.into_bytes(), qos, retain: true })
    };
    // Killed again and again before SiteWise was reached: each finds what those before left.
    let mut last_time = crate::clock::wall();
    for process in 0..4 {
        let wake = Arc::new(Notify::new());
        let disk = DiskOutbox::open(&folder, 1 << 20, Arc::clone(&wake)).unwrap();
        let (mut engine, mut published) = engine_with((Box::new(disk), wake));
        engine.replay_stored();
        engine.drain_outputs();
        assert!(published.try_recv().is_err(), "process {process}");
        let found = &engine.bridge.host().counters().findings;
        assert_eq!(found.count(Finding::HostConflict), 0, "process {process}");

        let session_time = last_time.plus(Duration::from_secs(1));
        engine.handle_inbound(Inbound::Connected { server: 0, session_time });
        assert_eq!(engine.bridge.host().state_topic(), "spBv1.0/STATE/sparkwise");
        engine.handle_inbound(state(true, last_time));
        let mut edge = Edge::new(EdgeNode::new("g", "n"), process);
        engine.handle_inbound(inbound(edge.nbirth(session_time, [Metric::new("a", 1.0_f64)])));
        engine.handle_inbound(inbound(edge.ndata(session_time, [Metric::new("a", 2.0_f64)])));
        engine.handle_inbound(state(false, session_time));
        engine.outbox.close(Duration::from_secs(5));
        last_time = session_time;
    }
    let _ = std::fs::remove_dir_all(&folder);
}

/// It waited for all of the grace for what it had said would be tried later.
#[tokio::test]
async fn an_end_waits_only_for_what_may_be_delivered_in_its_grace() {
    let (mut engine, _published) = engine();
    let mut edge = Edge::new(EdgeNode::new("g", "n"), 0);
    let birth = edge.nbirth(crate::clock::wall(), [Metric::new("a", 1.0_f64)]);
    engine.handle_inbound(inbound(birth));
    let mut now = engine.clock.now();
    let fault = ApiFault::new(ApiFaultKind::Denied, "not yours");
    for tries in 0..60 {
        while let Some(output) = engine.bridge.poll_output(now) {
            if let Output::Call(id, _) = output {
                assert!(!engine.can_stop(now.instant), "it is under way");
                engine.bridge.handle_call_result(id, Err(fault.clone()), now);
            }
        }
        if tries < 59 {
            now.instant = engine.bridge.poll_timeout().unwrap();
            engine.bridge.handle_timeout(now);
        }
    }
    assert!(engine.bridge.twin().buffered() > 0);
    let end = |seconds| now.instant + Duration::from_secs(seconds);
    assert!(!engine.can_stop(end(3_600)));
    assert!(engine.can_stop(end(1)));
}

/// It tried all that was in memory once more, at the rate of the quotas, though it is on disk: up to
/// the whole grace.
#[tokio::test]
async fn an_end_does_not_try_all_that_is_on_disk_where_sitewise_accepts_nothing() {
    const POINTS: u32 = 20_000;
    let name = format!("sparkwise-engine-refusing-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    let _ = std::fs::remove_dir_all(&folder);
    let wake = Arc::new(Notify::new());
    let disk = DiskOutbox::open(&folder, 1 << 30, Arc::clone(&wake)).unwrap();
    let (mut engine, _published) = engine_with((Box::new(disk), wake));
    let requests = Arc::new(AtomicU64::new(0));
    engine.senders =
        RequestWorkers::new(Arc::new(Silent(Some((ApiFaultKind::Limit, Arc::clone(&requests))))));
    let time = engine.clock.now().wall.minus(Duration::from_secs(60));
    let points = (0..POINTS).map(|number| {
        let stream = Stream { asset: Uuid::from_u128(1), property: Uuid::from_u128(number.into()) };
        let (quality, value) = (Quality::Good, Variant::Double(1.0));
        let point = Point { stream, time, quality, value, class: Class::Live };
        QueuedPoint { point, gate: None }
    });
    let points: Vec<_> = points.collect();
    for lot in points.chunks(1_000) {
        assert_eq!(engine.outbox.put(lot.to_vec()), []);
        while engine.outbox.disk().unwrap().unsaved > 0 {
            engine.handle_disk_events(engine.clock.now());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    let (_inbox, messages) = mpsc::channel(1);
    let (_, answers) = EngineQueries::new("starting");
    let ended = engine.run(messages, answers, (async {}, pending()), Duration::from_secs(300));
    let EngineResult { ledger, .. } = Box::pin(ended).await.unwrap();
    let requests = requests.load(Ordering::Relaxed);
    assert!(requests < 500, "{requests} requests");
    assert_eq!((ledger.waiting(), ledger.lost_in_crash()), (POINTS as usize, 0), "{ledger:?}");
    let _ = std::fs::remove_dir_all(&folder);
}

/// Values came 50 s late, and the bridge was ready and had no problem.
#[tokio::test]
async fn messages_that_wait_long_to_be_read_are_told() {
    let (mut engine, _published) = engine();
    let mut edge = Edge::new(EdgeNode::new("g", "n"), 0);
    let mut told = |engine: &mut Engine<Silent>, waited: u64| {
        let message = inbound(edge.nbirth(crate::clock::wall(), [Metric::new("a", 1.0_f64)]));
        let Inbound::Message { server, topic, payload, arrived, qos, retain } = message else {
            panic!("a message")
        };
        let arrived = arrived - Duration::from_secs(waited);
        engine.handle_inbound(Inbound::Message { server, topic, payload, arrived, qos, retain });
        let link = engine.server_statuses().remove(0);
        let links = [link.clone()];
        let degraded = DegradedReasons::of(&engine.view(&links));
        let labels: Vec<_> = degraded.named().iter().map(DegradedReason::label).collect();
        (link.message_age / 1_000, labels.contains(&"mqtt_messages_late"))
    };
    assert_eq!(told(&mut engine, 1), (1, false));
    assert_eq!(told(&mut engine, 7), (7, true));
    // For a minute.
    assert_eq!(told(&mut engine, 0), (0, true));
}

/// They waited until they were dead letters, and the bridge had no problem.
#[tokio::test]
async fn values_that_soon_are_too_old_are_told_two_days_before() {
    let (mut engine, _published) = engine();
    let labels = |engine: &Engine<Silent>| {
        let links = [engine.server_statuses().remove(0)];
        let degraded = DegradedReasons::of(&engine.view(&links));
        degraded.named().iter().map(DegradedReason::label).collect::<Vec<_>>()
    };
    let wait = |engine: &mut Engine<Silent>, hours: u64| {
        let stream = Stream { asset: Uuid::from_u128(1), property: Uuid::from_u128(hours.into()) };
        let point = Point {
            stream,
            time: engine.clock.now().wall.minus(Duration::from_secs(hours * 3_600)),
            quality: Quality::Good,
            value: Variant::Double(1.0),
            class: Class::History,
        };
        let gate = Some(Gate::Asset(stream.asset));
        assert_eq!(engine.outbox.put(vec![QueuedPoint { point, gate }]), []);
    };
    wait(&mut engine, 119);
    assert_eq!(labels(&engine), [""; 0]);
    wait(&mut engine, 121);
    assert_eq!(labels(&engine), ["values_expiring"]);
    let gone = engine.outbox.len();
    engine.outbox.open(Gate::Asset(Uuid::from_u128(1)), &|_| None);
    assert_eq!(engine.outbox.take(1_000.into()).len(), gone);
    assert_eq!(labels(&engine), [""; 0]);
}

/// More is read before SiteWise was ever reached than can be buffered: the bound holds. With a folder
/// what is beyond it waits there; without, it is counted; and the books balance.
#[tokio::test]
async fn more_than_can_be_buffered_before_sitewise_was_reached_is_counted() {
    const MEMBERS: u32 = 5_000;
    const MESSAGES: u64 = 140;
    let name = format!("sparkwise-engine-bound-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    let _ = std::fs::remove_dir_all(&folder);
    let disk = || {
        let wake = Arc::new(Notify::new());
        let disk = DiskOutbox::open(&folder, 1 << 30, Arc::clone(&wake)).unwrap();
        (Box::new(disk) as Box<dyn Outbox>, wake)
    };
    let memory =
        || (Box::new(MemoryOutbox::new(1 << 20)) as Box<dyn Outbox>, Arc::new(Notify::new()));
    let ledger = |engine: &Engine<Silent>| {
        let links = [engine.server_statuses().remove(0)];
        Snapshot::take(&engine.view(&links)).ledger
    };
    for on_disk in [false, true] {
        let (mut engine, _published) = engine_with(if on_disk { disk() } else { memory() });
        let session_time = crate::clock::wall();
        engine.handle_inbound(Inbound::Connected { server: 0, session_time });
        let mut edge = Edge::new(EdgeNode::new("g", "n"), 0);
        let metrics = |value: f64| (0..MEMBERS).map(move |n| Metric::new(&format!("m{n}"), value));
        engine.handle_inbound(inbound(edge.nbirth(session_time, metrics(0.0))));
        for number in 1..=MESSAGES {
            let time = session_time.plus(Duration::from_millis(number));
            engine.handle_inbound(inbound(edge.ndata(time, metrics(number as f64))));
        }
        let first = ledger(&engine);
        let lost = first.values.dropped(DropReason::BeforeSync);
        let read = first.buffered as u64 + lost;
        assert!(read >= (MESSAGES + 1) * u64::from(MEMBERS), "{read}");
        assert!(engine.bridge.twin().buffered_parts() <= 500_000);
        match on_disk {
            true => assert_eq!(lost, 0),
            false => {
                assert!(first.buffered <= 500_000 && first.buffered > 490_000, "{first:?}");
                assert!(lost >= 200_000, "{lost}");
            }
        }
        assert!(first.balances(), "{first:?}");
        engine.outbox.close(Duration::from_secs(30));
        if on_disk {
            drop(engine);
            // The next process has the same bound: what it hears again is as much as this one had.
            let (mut engine, _published) = engine_with(disk());
            engine.replay_stored();
            assert!(engine.bridge.twin().buffered_parts() <= 500_000);
            let second = ledger(&engine);
            assert_eq!(second.buffered, first.buffered);
            assert_eq!(second.values.dropped(DropReason::BeforeSync), lost);
            assert!(second.balances(), "{second:?}");
            engine.outbox.close(Duration::from_secs(30));
        }
    }
    let _ = std::fs::remove_dir_all(&folder);
}
