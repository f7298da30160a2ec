//! The whole pure middle under random plants, gaps, failures and throttling.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::delivery::point::{DiscardReason, Key};
use crate::outbox::memory::MemoryOutbox;
use crate::outbox::{Outbox, PutResult};
use crate::sitewise::api::Entry;
use crate::sitewise::api::{ApiFaultKind, Tqv, Variant};
use crate::sitewise::limits;
use crate::sparkplug::address::EdgeNode;
use crate::sparkplug::edge::{Edge, Metric, Template};
use crate::sparkplug::findings::Finding;
use crate::sparkplug::message::Message;
use crate::twin::plan::api_call::ApiCall;
use crate::twin::tests::config as twin_config;
use crate::twin::tests::fake::FakeSiteWise;

mod attributes;
mod behind;
mod dead;
mod definitions;
mod invariants;
mod kept;
mod labels;
mod late;
mod latin;
mod nested;
mod plant;
mod put_back;
mod repeated;
mod spellings;
mod standby;
mod times;
mod untyped;
mod values;
mod weather;

use self::weather::{Moody, Weather};

const START: i64 = 1_790_000_000_000;
const SERVER: ServerId = ServerId(0);

/// One thing that happens.
#[derive(Clone, Debug)]
enum Act {
    Birth {
        node: usize,
        turbines: u8,
        extra: bool,
    },
    Data {
        node: usize,
        turbine: u8,
        value: i16,
        historical: bool,
    },
    Stray {
        node: usize,
    },
    Lose {
        node: usize,
    },
    Death {
        node: usize,
    },
    Restart {
        node: usize,
    },
    Disconnect,
    Garbage {
        node: usize,
        bytes: Vec<u8>,
    },
    Weather(Weather),
    /// The bridge's clock is this many minutes wrong.
    Step(i64),
    Pass(u32),
}

fn act() -> impl Strategy<Value = Act> {
    let node = 0..2usize;
    prop_oneof![
        3 => (node.clone(), 0..4u8, any::<bool>())
            .prop_map(|(node, turbines, extra)| Act::Birth { node, turbines, extra }),
        12 => (node.clone(), 0..4u8, any::<i16>(), prop::bool::weighted(0.1)).prop_map(
            |(node, turbine, value, historical)| Act::Data { node, turbine, value, historical }
        ),
        1 => node.clone().prop_map(|node| Act::Stray { node }),
        1 => node.clone().prop_map(|node| Act::Lose { node }),
        1 => node.clone().prop_map(|node| Act::Death { node }),
        1 => node.clone().prop_map(|node| Act::Restart { node }),
        1 => Just(Act::Disconnect),
        1 => (node, prop::collection::vec(any::<u8>(), 0..40))
            .prop_map(|(node, bytes)| Act::Garbage { node, bytes }),
        1 => (0..60u8, 0..60u8, 0..60u8).prop_map(|(steps, requests, entries)| {
            Act::Weather(Weather { steps, requests, entries, denied: None })
        }),
        1 => (-4_320..4_320i64).prop_map(Act::Step),
        6 => (0..20_000u32).prop_map(Act::Pass),
    ]
}

/// A plant, the bridge, its outbox and SiteWise, on one clock.
struct World {
    bridge: Bridge,
    outbox: MemoryOutbox,
    sitewise: FakeSiteWise,
    /// What SiteWise has of values, keyed as it keys them.
    written: BTreeMap<Key, Variant>,
    in_flight: Vec<(RequestId, Vec<Entry>)>,
    /// Points that are not decided: an outbox on disk has them.
    kept: BTreeMap<Key, Point>,
    /// Those that an earlier process left.
    disk: Vec<Point>,
    files: self::late::Files,
    restored: u64,
    edges: Vec<Edge>,
    now: Now,
    weather: Weather,
    rng: fastrand::Rng,
    discarded: u64,
    refused_before: u64,
    rebirths: usize,
    log: Vec<String>,
}

impl World {
    fn new(seed: u64) -> Self {
        let config = Config {
            host: host_config::Config::new("sparkwise"),
            twin: twin_config(),
            delivery: delivery::Config::default(),
        };
        Self::around(Bridge::new(config, seed), seed)
    }

    fn around(bridge: Bridge, seed: u64) -> Self {
        let edges = ["gw1", "gw2"].map(|node| Edge::new(EdgeNode::new("Nordsee", node), 0));
        let mut world = Self {
            bridge,
            outbox: MemoryOutbox::new(1 << 20),
            sitewise: FakeSiteWise { slowness: 1, ..FakeSiteWise::default() },
            written: BTreeMap::new(),
            in_flight: Vec::new(),
            kept: BTreeMap::new(),
            disk: Vec::new(),
            files: self::late::Files::default(),
            restored: 0,
            edges: edges.into(),
            now: Now { instant: Instant::START, wall: Timestamp::from_millis(START) },
            weather: Weather::default(),
            rng: fastrand::Rng::with_seed(seed),
            discarded: 0,
            refused_before: 0,
            rebirths: 0,
            log: Vec::new(),
        };
        world.bridge.handle_connected(SERVER, world.now.wall, world.now);
        world.drain();
        world
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Birth { node, turbines, extra } => self.birth(node, turbines, extra),
            Act::Data { node, turbine, value, historical } => {
                let mut speed = Metric::new("Speed", f64::from(value)).at(self.true_time());
                if historical {
                    speed = speed.historical();
                }
                let partial = Template::instance("Turbine").member(speed);
                let metric = Metric::template(&format!("T{turbine}"), partial);
                let time = self.true_time();
                let message = self.edges[node].ndata(time, [metric]);
                self.deliver(message);
            }
            Act::Stray { node } => {
                let metric = Metric::new("never born", 1);
                let time = self.true_time();
                let message = self.edges[node].ndata(time, [metric]);
                self.deliver(message);
            }
            Act::Lose { node } => self.edges[node].skip(1),
            Act::Death { node } => {
                let message = self.edges[node].ndeath();
                self.deliver(message);
            }
            Act::Restart { node } => {
                let message = self.edges[node].ndeath();
                self.deliver(message);
                self.edges[node].reconnect();
                self.birth(node, 3, false);
            }
            Act::Disconnect => {
                self.bridge.handle_disconnected(SERVER, self.now);
                self.drain();
                self.now = self.now.plus(Duration::from_millis(300));
                self.bridge.handle_connected(SERVER, self.now.wall, self.now);
                self.drain();
            }
            Act::Garbage { node, bytes } => {
                let topic = format!("spBv1.0/Nordsee/NDATA/{}", self.edges[node].node().node);
                self.bridge.handle_message(SERVER, &topic, &bytes, false, self.now);
                self.drain();
            }
            Act::Weather(weather) => self.weather = weather,
            Act::Step(minutes) => self.step(minutes),
            Act::Pass(millis) => self.pass(Duration::from_millis(u64::from(millis))),
        }
        self.check_conservation();
    }

    /// What right clocks show: those of the edge nodes and of SiteWise.
    fn true_time(&self) -> Timestamp {
        Timestamp::from_millis(START).plus(self.now.instant.since(Instant::START))
    }

    fn step(&mut self, minutes: i64) {
        let millis = self.true_time().as_millis() + minutes * 60_000;
        self.now.wall = Timestamp::from_millis(millis);
    }

    fn birth(&mut self, node: usize, turbines: u8, extra: bool) {
        let mut turbine =
            Template::definition().member(Metric::new("Speed", 0.0)).parameter("Serial", "?");
        if extra {
            turbine = turbine.member(Metric::new("Pitch", 1));
        }
        let mut metrics = vec![Metric::template("Turbine", turbine), Metric::new("Load", 7)];
        for turbine in 0..turbines {
            let mut instance = Template::instance("Turbine").member(Metric::new("Speed", 1.0));
            if extra {
                instance = instance.member(Metric::new("Pitch", 2));
            }
            metrics.push(Metric::template(&format!("T{turbine}"), instance));
        }
        let time = self.true_time();
        let message = self.edges[node].nbirth(time, metrics);
        self.deliver(message);
    }

    fn deliver(&mut self, message: Message) {
        let Message { topic, payload, .. } = message;
        self.bridge.handle_message(SERVER, &topic, &payload, false, self.now);
        self.drain();
    }

    /// Performs what the bridge wants, as the engine does.
    fn drain(&mut self) {
        loop {
            while let Some(output) = self.bridge.poll_output(self.now) {
                self.log.push(format!("{output:?}"));
                self.perform(output);
            }
            let mut points = self.outbox.take(self.bridge.room());
            if points.is_empty() {
                points = self.restore();
                self.bridge.handle_restored(&points, self.now);
            }
            if points.is_empty() {
                return;
            }
            self.bridge.handle_points(points, self.now);
        }
    }

    fn perform(&mut self, output: Output) {
        match output {
            Output::Publish(publish) => {
                self.rebirths += usize::from(publish.message.topic.contains("/NCMD/"));
            }
            Output::Call(id, call) => {
                let answer = self.moody().call(call);
                self.bridge.handle_call_result(id, answer, self.now);
            }
            Output::Send(id, entries) => self.in_flight.push((id, entries)),
            Output::Late(output) => self.perform_late(output),
            Output::Grouped(_)
            | Output::RuleSuggested(..)
            | Output::Capped { .. }
            | Output::OverRate(..)
            | Output::ValuesFailing { .. }
            | Output::ReachabilityChanged(_)
            | Output::Born(_)
            | Output::LabelRemark(_)
            | Output::LabelsDenied(..)
            | Output::LabelsAllowed(_)
            | Output::Died(..)
            | Output::Finding { .. }
            | Output::AllNodesExcluded(_)
            | Output::NothingDelivered(_) => {}
            Output::Store(points) => {
                let points_kept = points.iter().map(|waiting| waiting.point.clone());
                self.kept.extend(points_kept.map(|point| (point.key(), point)));
                let PutResult { dropped, taken } =
                    self.outbox.put_and_take(points, self.bridge.room());
                self.discarded += dropped.len() as u64;
                self.bridge.handle_points(taken, self.now);
            }
            Output::Open(gate) => {
                let twin = self.bridge.twin();
                self.outbox.open(gate, &|point| twin.gate(point.stream));
            }
            Output::PutBack(points, gate) => {
                self.discarded += self.outbox.put_back(points, gate).len() as u64;
            }
            Output::Settled(keys) => {
                self.kept.retain(|key, _| !keys.contains(key));
                self.outbox.settle(&keys);
            }
            Output::Rejected { point, stored, .. } => {
                self.refused_before += u64::from(!stored);
                self.kept.remove(&point.key());
                self.outbox.settle(&[point.key()]);
            }
            Output::Discarded(key, why) => {
                if why != DiscardReason::Overwritten {
                    self.kept.remove(&key);
                    self.outbox.settle(&[key]);
                }
            }
        }
    }

    /// Answers what is in flight.
    fn answer(&mut self) {
        let clock = self.true_time();
        for (id, entries) in std::mem::take(&mut self.in_flight) {
            let answer = self.moody().put(&entries, clock);
            self.bridge.handle_put_response(id, answer, self.now);
        }
        self.drain();
    }

    fn moody(&mut self) -> Moody<'_> {
        let Self { weather, rng, sitewise, written, .. } = self;
        Moody { weather: *weather, rng, sitewise, written }
    }

    /// Lets time pass, stopping wherever something is due.
    fn pass(&mut self, duration: Duration) {
        let end = self.now.plus(duration);
        loop {
            self.answer();
            match self.bridge.poll_timeout() {
                Some(at) if at <= end.instant => {
                    let least = Duration::from_millis(1);
                    self.now = self.now.plus(at.since(self.now.instant).max(least));
                    self.bridge.handle_timeout(self.now);
                    self.drain();
                }
                _ => break,
            }
        }
        self.now = self.now.plus(end.instant.since(self.now.instant));
        self.bridge.handle_timeout(self.now);
        self.drain();
        self.answer();
    }

    /// In = delivered + rejected + discarded by rule + waiting.
    fn check_conservation(&self) {
        let counts = self.bridge.twin().counts();
        let held = self.bridge.twin().buffered() as u64;
        assert_eq!(
            counts.values,
            counts.points + counts.refused.total() + counts.dropped_in_all() + held,
            "{counts:#?}"
        );
        assert_eq!(counts.refused.total(), self.refused_before);
        let delivery = self.bridge.delivery().figures();
        assert_eq!(
            counts.points + counts.own_points + self.restored,
            delivery.delivered
                + delivery.refused.total()
                + delivery.discarded.total()
                + self.discarded
                + self.decided_late()
                + (self.outbox.len() + delivery.waiting) as u64,
            "{counts:#?} {delivery:#?} outbox {}",
            self.outbox.len()
        );
    }
}

fn run(acts: &[Act], seed: u64) -> World {
    let mut world = World::new(seed);
    for act in acts {
        world.act(act.clone());
    }
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn every_value_is_accounted_for_and_all_arrive_once_the_weather_is_fine(
        acts in prop::collection::vec(act(), 1..80),
        seed in any::<u64>(),
    ) {
        let mut world = run(&acts, seed);
        world.weather = Weather::default();
        world.step(0);
        world.pass(Duration::from_secs(600));
        world.birth(0, 3, true);
        world.birth(1, 3, false);
        world.pass(Duration::from_secs(120));
        // A heartbeat may just have come: the end of the process does not let it linger.
        world.bridge.flush(world.now);
        world.pass(Duration::from_secs(1));
        world.check_conservation();
        prop_assert_eq!(world.outbox.len(), 0, "parked {}", world.outbox.parked());
        prop_assert_eq!(world.bridge.delivery().waiting(), 0);
        prop_assert_eq!(world.bridge.twin().buffered(), 0);
        // Both nodes' twins are right: alive, and with the value of the last birth.
        for node in ["gw1", "gw2"] {
            let (asset, of) = world.sitewise.asset(node);
            let model = &world.sitewise.models[&of.model];
            let online = model.properties.iter().find(|p| p.name == "Online").unwrap().id;
            let stream = crate::delivery::point::Stream { asset, property: online };
            let latest = world.written.iter().rfind(|(key, _)| key.stream == stream);
            prop_assert_eq!(latest.map(|(_, value)| value), Some(&Variant::Boolean(true)));
        }
        let names: BTreeSet<_> = world.sitewise.assets.values().map(|a| &a.name).collect();
        prop_assert_eq!(names.len(), world.sitewise.assets.len());
        prop_assert_eq!(world.sitewise.assets.values().filter(|a| a.parent.is_none()).count(), 2);
    }

    #[test]
    fn the_same_inputs_give_the_same_outputs(
        acts in prop::collection::vec(act(), 1..40),
        seed in any::<u64>(),
    ) {
        let first = run(&acts, seed).log;
        let second = run(&acts, seed).log;
        prop_assert_eq!(first, second);
    }
}
