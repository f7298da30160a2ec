//! The scenarios that the statements are judged by. Each is played once.

use std::sync::LazyLock;

use sparkwise::sparkplug::address::{EdgeNode, Source};
use sparkwise::sparkplug::edge::{Edge, Metric};
use sparkwise::sparkplug::message::Message;
use sparkwise::sparkplug::payload;
use sparkwise::time::Timestamp;
use tokio::runtime::Runtime;

use crate::server::{Connect, Packet, Publish, Record, Server, What, now};
use crate::world::{Bridge, HOST, SiteWise, Value};

mod commanded;

pub(crate) use commanded::COMMANDED;

/// What one server wrote down, to be asked.
#[derive(Clone, Debug)]
pub(crate) struct Recording(Vec<Record>);

impl Recording {
    /// The connections, in order.
    pub(crate) fn sessions(&self) -> impl Iterator<Item = Session<'_>> {
        let last = self.0.last().map_or(0, |record| record.session);
        (0..=last).map(|session| self.session(session))
    }

    pub(crate) fn session(&self, session: usize) -> Session<'_> {
        Session(self.0.iter().filter(|record| record.session == session).collect())
    }

    /// When the client was told its `nth` message on `topic`.
    pub(crate) fn told(&self, topic: &str, nth: usize) -> &Record {
        let told = |record: &&Record| record.what == What::Told(topic.to_owned());
        self.0.iter().filter(told).nth(nth).expect("told")
    }

    /// Every message the client published, in all sessions.
    pub(crate) fn published(&self) -> impl Iterator<Item = (&Record, &Publish)> {
        self.0.iter().filter_map(published)
    }
}

/// What happened in one connection.
#[derive(Clone, Debug)]
pub(crate) struct Session<'a>(pub(crate) Vec<&'a Record>);

impl<'a> Session<'a> {
    /// What the client said, in order.
    pub(crate) fn said(&self) -> impl Iterator<Item = (&'a Record, &'a Packet)> + '_ {
        self.0.iter().copied().filter_map(said)
    }

    pub(crate) fn connect(&self) -> (&'a Record, &'a Connect) {
        let first = self.said().next();
        let Some((record, Packet::Connect(connect))) = first else {
            panic!("a session begins with CONNECT: {first:?}");
        };
        (record, connect)
    }

    pub(crate) fn will(&self) -> &'a Publish {
        self.connect().1.will.as_ref().expect("a will")
    }

    pub(crate) fn published(&self) -> impl Iterator<Item = (&'a Record, &'a Publish)> + '_ {
        self.0.iter().copied().filter_map(published)
    }

    /// The STATE messages that say this.
    pub(crate) fn states(&self, online: bool) -> Vec<(&'a Record, &'a Publish)> {
        let states = self.published().filter(|(_, publish)| publish.topic == state_topic());
        states.filter(|(_, publish)| state(publish).0 == online).collect()
    }

    /// The place of what `wanted` finds first.
    pub(crate) fn place(&self, wanted: impl Fn(&What) -> bool) -> usize {
        self.0.iter().position(|record| wanted(&record.what)).expect("it happened")
    }
}

fn said(record: &Record) -> Option<(&Record, &Packet)> {
    match &record.what {
        What::Said(packet) => Some((record, packet)),
        What::Told(_) | What::Granted | What::Closed => None,
    }
}

fn published(record: &Record) -> Option<(&Record, &Publish)> {
    match said(record) {
        Some((record, Packet::Publish(publish))) => Some((record, publish)),
        Some(_) | None => None,
    }
}

/// The topic of the host's STATE, put together here and nowhere else.
pub(crate) fn state_topic() -> String {
    format!("spBv1.0/STATE/{HOST}")
}

/// What a STATE message says. It is an object of two keys, its time an integer.
pub(crate) fn state(publish: &Publish) -> (bool, i64) {
    let json: serde_json::Value = serde_json::from_slice(&publish.payload).unwrap();
    let keys: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["online", "timestamp"], "exactly these keys");
    (json["online"].as_bool().unwrap(), json["timestamp"].as_i64().unwrap())
}

/// How often the host has said that it is online, in `session`.
fn births(records: &[Record], session: usize) -> usize {
    let state = |publish: &Publish| publish.topic == state_topic() && state(publish).0;
    let of_session = records.iter().filter(|record| record.session == session);
    of_session.filter_map(published).filter(|(_, publish)| state(publish)).count()
}

/// How often `edge` was asked for its births.
pub(crate) fn asked(records: &[Record], edge: &EdgeNode) -> usize {
    let topic = format!("spBv1.0/{}/NCMD/{}", edge.group, edge.node);
    records.iter().filter_map(published).filter(|(_, publish)| publish.topic == topic).count()
}

fn contradict(server: &Server) {
    server.tell(&state_topic(), br#"{"online":false,"timestamp":1}"#, 1, false);
}

pub(crate) fn edge(node: &str) -> Edge {
    Edge::new(EdgeNode::new("Nordsee 1.ü", node), 7)
}

pub(crate) fn source(node: &str, device: Option<&str>) -> Source {
    Source { edge: edge(node).node().clone(), device: device.map(Into::into) }
}

fn a(value: i32) -> [Metric; 1] {
    [Metric::new("a", value)]
}

fn time() -> Timestamp {
    Timestamp::from_millis(now())
}

/// The message with a time in its payload.
fn dated(message: &Message, time: Timestamp) -> Message {
    let mut payload = payload::decode(&message.payload).unwrap();
    payload.timestamp = u64::try_from(time.as_millis()).ok();
    Message { payload: payload::encode(&payload), ..message.clone() }
}

fn play<T>(scenario: impl Future<Output = T>) -> T {
    Runtime::new().unwrap().block_on(scenario)
}

/// An ordinary life: the host connects, is contradicted once, hears a plant in which two
/// messages change places and another is lost, and is told to end.
pub(crate) struct Life {
    pub(crate) recording: Recording,
    /// The node whose messages changed places, and its metric in SiteWise.
    pub(crate) swapped: Vec<Value>,
    /// When the host was told to end.
    pub(crate) ended: i64,
}

pub(crate) static LIFE: LazyLock<Life> = LazyLock::new(|| {
    play(async {
        let (server, sitewise) = (Server::start(true).await, SiteWise::start());
        let bridge = Bridge::start(&[&server], &sitewise, &[]);
        server.until("the birth", |records| births(records, 0) == 1).await;
        contradict(&server);
        server.until("the birth again", |records| births(records, 0) == 2).await;

        let mut swapped = edge("swapped");
        server.plant(&swapped.nbirth(time(), a(0)));
        let (first, second) = (swapped.ndata(time(), a(1)), swapped.ndata(time(), a(2)));
        server.plant(&second);
        server.plant(&first);

        let mut gap = edge("gap").with_aliases();
        server.plant(&gap.nbirth(time(), a(0)));
        server.plant(&gap.dbirth("d", time(), a(0)));
        gap.skip(1);
        server.plant(&gap.ddata("d", time(), a(1)));
        let node = gap.node().clone();
        server.until("the request", |records| asked(records, &node) == 1).await;
        server.plant(&gap.nbirth(time(), a(0)));

        let last = |values: &[Value]| values.iter().any(|value| value.number == 2.0);
        let swapped = sitewise.until(&source("swapped", None), "a", last).await;
        let ended = now();
        bridge.stop().await;
        let gone = |records: &[Record]| records.last().is_some_and(|r| r.what == What::Closed);
        server.until("the end", gone).await;
        Life { recording: Recording(server.records()), swapped, ended }
    })
});

/// The server drops the connection without a word, and takes the next.
pub(crate) struct Loss {
    pub(crate) recording: Recording,
    /// `Online`, and the metric, of a node and of its device.
    pub(crate) online: [Vec<Value>; 2],
    pub(crate) values: [Vec<Value>; 2],
    /// When the connection was dropped.
    pub(crate) at: i64,
}

pub(crate) static LOSS: LazyLock<Loss> = LazyLock::new(|| {
    play(async {
        let (server, sitewise) = (Server::start(true).await, SiteWise::start());
        let bridge = Bridge::start(&[&server], &sitewise, &[]);
        server.until("the birth", |records| births(records, 0) == 1).await;
        let mut edge = edge("gw");
        server.plant(&edge.nbirth(time(), a(1)));
        server.plant(&edge.dbirth("d", time(), a(2)));
        let sources = [source("gw", None), source("gw", Some("d"))];
        for source in &sources {
            sitewise.until(source, "a", |values| !values.is_empty()).await;
        }
        let at = now();
        server.cut();
        server.until("the next birth", |records| births(records, 1) == 1).await;
        let [mut online, mut values] = [const { [Vec::new(), Vec::new()] }; 2];
        for (place, source) in sources.iter().enumerate() {
            let two = |values: &[Value]| values.len() == 2;
            online[place] = sitewise.until(source, "Online", two).await;
            values[place] = sitewise.until(source, "a", two).await;
        }
        bridge.stop().await;
        Loss { recording: Recording(server.records()), online, values, at }
    })
});

/// Two servers, of which one drops the connection; both contradict the host at the end. The
/// host waits long for missing messages.
pub(crate) static PAIR: LazyLock<[Recording; 2]> = LazyLock::new(|| {
    play(async {
        let (one, two) = (Server::start(true).await, Server::start(true).await);
        let sitewise = SiteWise::start();
        let patient = [("SPARKPLUG_REORDER_TIMEOUT", "60s")];
        let bridge = Bridge::start(&[&one, &two], &sitewise, &patient);
        two.until("the birth", |records| births(records, 0) == 1).await;
        let mut edge = edge("gap");
        two.plant(&edge.nbirth(time(), a(0)));
        edge.skip(1);
        two.plant(&edge.ndata(time(), a(1)));
        one.until("the birth", |records| births(records, 0) == 1).await;
        one.cut();
        one.until("the next birth", |records| births(records, 1) == 1).await;
        contradict(&one);
        contradict(&two);
        one.until("the answer", |records| births(records, 1) == 2).await;
        two.until("the answer", |records| births(records, 0) == 2).await;
        bridge.stop().await;
        [Recording(one.records()), Recording(two.records())]
    })
});

/// A host that does not wait for missing messages, on a server that never acknowledges its
/// death.
pub(crate) struct Unheard {
    pub(crate) recording: Recording,
    /// When the host was told to end.
    pub(crate) ended: i64,
}

pub(crate) static UNHEARD: LazyLock<Unheard> = LazyLock::new(|| {
    play(async {
        let (server, sitewise) = (Server::start(false).await, SiteWise::start());
        let hasty = [("SPARKPLUG_REORDER_TIMEOUT", "0s")];
        let bridge = Bridge::start(&[&server], &sitewise, &hasty);
        server.until("the birth", |records| births(records, 0) == 1).await;
        let mut edge = edge("gap");
        server.plant(&edge.nbirth(time(), a(0)));
        edge.skip(1);
        server.plant(&edge.ndata(time(), a(1)));
        let node = edge.node().clone();
        server.until("the request", |records| asked(records, &node) == 1).await;
        let ended = now();
        bridge.stop().await;
        let gone = |records: &[Record]| records.last().is_some_and(|r| r.what == What::Closed);
        server.until("the end", gone).await;
        Unheard { recording: Recording(server.records()), ended }
    })
});

/// A node and a device die, each in its way.
pub(crate) struct Deaths {
    /// Of the node that died and of its device: `Online`, `Last death`, the metric.
    pub(crate) node: [Vec<Value>; 3],
    pub(crate) device: [Vec<Value>; 3],
    /// The same of a device that died by itself.
    pub(crate) alone: [Vec<Value>; 3],
    /// Between these two the node died.
    pub(crate) between: [i64; 2],
    /// The time in the DDEATH of the device that died by itself.
    pub(crate) told: i64,
    pub(crate) recording: Recording,
}

pub(crate) static DEATHS: LazyLock<Deaths> = LazyLock::new(|| {
    play(async {
        let (server, sitewise) = (Server::start(true).await, SiteWise::start());
        let bridge = Bridge::start(&[&server], &sitewise, &[]);
        server.until("the birth", |records| births(records, 0) == 1).await;
        // The device's clock is ahead; the node's death carries the time of its CONNECT.
        let connected = Timestamp::from_millis(now() - 60_000);
        let born = time();
        let told = now() + 5_000;
        let (mut edge, mut other) = (edge("gw"), edge("other"));
        server.plant(&edge.nbirth(born, a(1)));
        server.plant(&edge.dbirth("d", born, a(2)));
        server.plant(&other.nbirth(born, a(1)));
        server.plant(&other.dbirth("d", born, a(2)));
        let sources = [source("gw", None), source("gw", Some("d")), source("other", Some("d"))];
        for source in &sources {
            sitewise.until(source, "a", |values| values.len() == 1).await;
        }
        let from = now();
        server.plant(&dated(&edge.will(), connected));
        server.plant(&other.ddeath("d", Timestamp::from_millis(told)));
        let mut found = Vec::new();
        for source in &sources {
            let dead = |values: &[Value]| values.len() == 2;
            let once = |values: &[Value]| values.len() == 1;
            found.push([
                sitewise.until(source, "Online", dead).await,
                sitewise.until(source, "Last death", once).await,
                sitewise.until(source, "a", dead).await,
            ]);
        }
        let between = [from, now()];
        bridge.stop().await;
        let recording = Recording(server.records());
        let [node, device, alone] = found.try_into().unwrap();
        Deaths { node, device, alone, between, told, recording }
    })
});

/// Every recording of a plant's server there is.
pub(crate) fn all() -> [&'static Recording; 7] {
    [
        &LIFE.recording,
        &LOSS.recording,
        &PAIR[0],
        &PAIR[1],
        &UNHEARD.recording,
        &DEATHS.recording,
        &COMMANDED.recording,
    ]
}
