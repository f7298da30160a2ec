//! A plant, the bridge and SiteWise on one clock, and all that can happen between them.

use std::collections::{BTreeMap, BTreeSet};

use super::super::*;
use super::plant::change::Change;
use super::plant::{self, Answers, Habit, Manner, Node, Speech, Spelling, Stamps, Val, Verb};
use super::truth::Truth;
use crate::sparkplug::address::Source;

mod drive;
mod servers;
mod wire;

/// What a case begins with.
#[derive(Clone, Debug)]
pub(super) struct Spec {
    pub(super) seed: u64,
    /// Edge nodes.
    pub(super) size: usize,
    /// Models, assets, properties at most; none for what SiteWise itself allows.
    pub(super) caps: Option<(usize, usize, usize)>,
    /// A node has about as many tags as a model's root has room for.
    pub(super) wide: bool,
    /// How the bridge is told to place instances.
    pub(super) spelling: Spelling,
    /// At the end everybody who is online is born once more, which heals much.
    pub(super) reborn: bool,
}

/// One thing that happens, to a node or a device of it; how exactly, its own seed tells, so that
/// it stays the same when others are left out.
#[derive(Clone, Debug)]
pub(super) struct Act {
    pub(super) what: What,
    pub(super) node: u8,
    /// Which device; the node itself where there is none.
    pub(super) part: u8,
    pub(super) seed: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    Data,
    Birth,
    Change(Change),
    /// An instance says its quality alone.
    Quality,
    /// An instance is null.
    Null,
    Death,
    Return,
    /// The node is back before its will is published.
    LateWill,
    DeviceDeath,
    DeviceReturn,
    Fate(Fate),
    ClockBack,
    ClockStill,
    Answers,
    /// The link to its server drops, and comes back.
    Disconnect,
    /// It goes to the other server, where its will comes late.
    Move,
    Stop,
    Kill,
    Storm,
    Calm,
    Pass,
    PassLong,
}

/// What becomes of the next message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fate {
    #[default]
    Arrives,
    Lost,
    Damaged,
    Oversized,
    Twice,
    /// The next one overtakes it.
    Overtaken,
    /// It comes when nobody waits for it any more.
    Late,
}

/// What is still to happen.
#[derive(Debug)]
enum Due {
    Births(usize),
    /// On the server that it was sent to.
    Late(usize, (u32, ServerId), Box<(Message, Speech)>),
}

const SERVERS: [ServerId; 2] = [ServerId(0), ServerId(1)];

pub(super) struct World {
    pub(super) bridge: Bridge,
    pub(super) config: Config,
    pub(super) sitewise: FakeSiteWise,
    /// What SiteWise has of values, keyed as it keys them.
    pub(super) written: BTreeMap<Key, Variant>,
    pub(super) outbox: MemoryOutbox,
    pub(super) truth: Truth,
    pub(super) nodes: Vec<Node>,
    pub(super) now: Now,
    /// What was reached, and how often.
    pub(super) corners: BTreeMap<&'static str, u32>,
    /// Sources of which this process, or an earlier one, has told that a cap keeps something out.
    pub(super) capped: BTreeSet<Source>,
    pub(super) was_capped: BTreeSet<Source>,
    /// What an orderly process could not account for.
    pub(super) unaccounted: Vec<String>,
    /// Points that are on their way.
    pending: BTreeSet<Key>,
    in_flight: Vec<(RequestId, Vec<Entry>)>,
    due: BTreeMap<(Instant, u64), Due>,
    dues: u64,
    /// Which of the servers are connected.
    up: [bool; SERVERS.len()],
    /// The server of each node.
    servers: Vec<ServerId>,
    fates: Vec<Fate>,
    overtaken: Vec<Option<(Message, Speech)>>,
    /// The latest birth of each node that arrived, and when.
    last: Vec<Option<(Instant, Vec<u8>)>>,
    /// How many births each node has said.
    births: Vec<u32>,
    weather: Weather,
    rng: fastrand::Rng,
    discarded: u64,
    refused_before: u64,
}

impl World {
    pub(super) fn new(spec: &Spec) -> Self {
        let mut twin = twin_config();
        twin.max_properties = 500;
        if let Some((models, assets, properties)) = spec.caps {
            (twin.max_models, twin.max_assets) = (models, assets);
            twin.max_properties = properties;
        }
        if spec.wide && spec.caps.is_none() {
            twin.max_properties = 600;
        }
        match spec.spelling {
            Spelling::Templates => {}
            Spelling::Flattened => twin.nested = twin::Nested::Flatten,
            Spelling::Rules => twin.rules = twin::Rules::parse(Spelling::RULES).unwrap(),
            Spelling::Kinds => twin.kinds = twin::Kinds::parse(Spelling::KINDS).unwrap(),
        }
        let host = host_config::Config::new("sparkwise");
        let config = Config { host, twin, delivery: delivery::Config::default() };
        let nodes = plant::plant(spec.seed, spec.size, spec.wide, spec.spelling, START);
        let mut place = fastrand::Rng::with_seed(spec.seed ^ 0x5e1f);
        let servers = nodes.iter().map(|_| SERVERS[usize::from(place.u8(..3) == 0)]).collect();
        let mut world = Self {
            bridge: Bridge::new(config.clone(), spec.seed),
            config,
            sitewise: FakeSiteWise { slowness: 1, ..FakeSiteWise::default() },
            written: BTreeMap::new(),
            outbox: MemoryOutbox::new(1 << 24),
            truth: Truth::default(),
            fates: vec![Fate::Arrives; nodes.len()],
            overtaken: vec![None; nodes.len()],
            births: vec![0; nodes.len()],
            last: vec![None; nodes.len()],
            servers,
            nodes,
            now: Now { instant: Instant::START, wall: Timestamp::from_millis(START) },
            corners: BTreeMap::new(),
            capped: BTreeSet::new(),
            was_capped: BTreeSet::new(),
            unaccounted: Vec::new(),
            pending: BTreeSet::new(),
            in_flight: Vec::new(),
            due: BTreeMap::new(),
            dues: 0,
            up: [true; SERVERS.len()],
            weather: Weather::default(),
            rng: fastrand::Rng::with_seed(spec.seed ^ 0x5eed),
            discarded: 0,
            refused_before: 0,
        };
        let spelling = match spec.spelling {
            Spelling::Templates => "assets for all instances",
            Spelling::Flattened => "flattened",
            Spelling::Rules => "rules",
            Spelling::Kinds => "kinds",
        };
        world.reach(spelling);
        for server in SERVERS {
            world.bridge.handle_connected(server, world.now.wall, world.now);
            world.drain();
        }
        for node in 0..world.nodes.len() {
            world.look_at(node);
            if world.rng.u8(..5) > 0 {
                world.nodes[node].alive = true;
                world.say_births(node);
            }
        }
        world
    }

    pub(super) fn reach(&mut self, corner: &'static str) {
        *self.corners.entry(corner).or_default() += 1;
    }

    /// What the plant has in itself.
    fn look_at(&mut self, node: usize) {
        let Node { aliases, latin, habit, stamps, own, devices, .. } = &self.nodes[node];
        let all = || devices.iter().map(|device| &device.body).chain([own]);
        let pieces = || all().flat_map(|body| &body.pieces);
        let odd = |tag: &plant::Tag| matches!(tag.value, Val::Double(value) if !value.is_finite());
        let corners = [
            (*aliases, "aliases"),
            (!*aliases, "names"),
            (*latin, "Latin-1"),
            (*stamps == Stamps::Nowhere, "no times"),
            (*habit == Habit::Silent, "no definitions"),
            (*habit == Habit::Folder, "definitions in the folder"),
            (*habit == Habit::BothFolder, "references to the folder"),
            (*habit == Habit::Version, "references with a version"),
            (self.nodes[node].births_now && *stamps == Stamps::Each, "births of the present"),
            (
                all().any(|body| body.tags.iter().any(|tag| tag.kind == plant::Kind::Time)),
                "points in time",
            ),
            (pieces().any(|piece| piece.quality.is_some()), "instance's quality"),
            (pieces().any(|piece| !piece.nested.is_empty()), "nested"),
            (pieces().any(|piece| !piece.parameters.is_empty()), "parameters"),
            (devices.len() > 1, "several devices"),
            (own.tags.len() > 450, "wide"),
            (all().any(|body| body.tags.iter().any(odd)), "not finite"),
            (all().any(|body| body.tags.iter().any(|tag| tag.value == Val::Null)), "null"),
            (all().any(|body| body.tags.iter().any(|tag| tag.quality.is_some())), "quality"),
        ];
        for (_, corner) in corners.into_iter().filter(|(reached, _)| *reached) {
            self.reach(corner);
        }
    }

    fn wall(&self) -> i64 {
        self.now.wall.as_millis()
    }

    pub(super) fn act(&mut self, act: &Act) {
        self.pass(Duration::from_millis(10));
        if self.nodes.is_empty() {
            return;
        }
        let rng = &mut fastrand::Rng::with_seed(u64::from(act.seed));
        let node = usize::from(act.node) % self.nodes.len();
        let parts = self.nodes[node].devices.len() + 1;
        let device = (usize::from(act.part) % parts).checked_sub(1);
        let speaks = self.nodes[node].alive
            && device.is_none_or(|device| self.nodes[node].devices[device].alive);
        match act.what {
            What::Data if speaks => {
                let wall = self.wall();
                let tags = self.nodes[node].move_on(device, rng, wall);
                if tags.iter().any(|(_, tag, _)| !tag.statics.is_empty()) {
                    self.reach("static changed in data");
                }
                if tags.iter().any(|(_, tag, _)| tag.says_unit) {
                    self.reach("unit in data");
                }
                for (_, _, manner) in &tags {
                    match manner {
                        Manner::Current => {}
                        Manner::History => self.reach("history"),
                        Manner::Transient => self.reach("transient"),
                        Manner::Alarm => self.reach("alarm"),
                    }
                }
                if !tags.is_empty() {
                    let said = self.nodes[node].data(device, tags, wall);
                    self.transmit(node, said);
                }
            }
            What::Quality | What::Null if speaks => {
                let wall = self.wall();
                let of = &mut self.nodes[node];
                let (said, corner) = match act.what {
                    What::Null => (of.say_null(device, rng, wall), "instance null"),
                    _ => (of.say_quality(device, rng, wall), "instance's quality alone"),
                };
                if let Some(said) = said {
                    self.reach(corner);
                    self.transmit(node, said);
                }
            }
            What::Birth if speaks => self.say_birth(node, device),
            What::Change(change) => {
                let wall = self.wall();
                let was_empty = self.nodes[node].body_mut(device).is_empty();
                if self.nodes[node].change(device, change, rng, wall) {
                    if was_empty && speaks {
                        self.reach("filled later");
                    }
                    self.reach(Self::name_of(change));
                    if speaks {
                        self.say_birth(node, device);
                    }
                }
            }
            What::Death if self.nodes[node].alive => {
                self.nodes[node].alive = false;
                let said = self.nodes[node].death(self.wall());
                self.reach("death");
                self.publish_death(node, said);
            }
            What::Return if !self.nodes[node].alive => self.come_back(node),
            What::LateWill if self.nodes[node].alive && self.hears(node) => {
                let (will, _) = self.nodes[node].death(self.wall());
                self.come_back(node);
                self.pass(Duration::from_millis(20));
                self.hear(self.servers[node], &will);
                let source = self.nodes[node].source(None);
                self.truth.suspect(&source);
                self.reach("late will");
            }
            What::DeviceDeath if speaks && device.is_some() => {
                let device = device.unwrap();
                self.nodes[node].devices[device].alive = false;
                let wall = self.wall();
                let said = self.nodes[node].device_death(device, wall);
                self.transmit(node, said);
                self.reach("device death");
            }
            What::DeviceReturn if self.nodes[node].alive && device.is_some() => {
                self.nodes[node].devices[device.unwrap()].alive = true;
                self.say_birth(node, device);
            }
            What::Fate(fate) => self.fates[node] = fate,
            What::ClockBack => {
                self.nodes[node].offset -= rng.i64(100..300_000);
                self.reach("clock back");
            }
            What::ClockStill => {
                let time = self.nodes[node].time(self.wall());
                let still = &mut self.nodes[node].still;
                *still = if still.is_none() { Some(time) } else { None };
                self.reach("clock still");
            }
            What::Answers => {
                self.nodes[node].answers = match rng.u8(..3) {
                    0 => Answers::Never,
                    _ => Answers::After(rng.u64(50..6_000)),
                };
            }
            What::Disconnect => self.drop_link(self.servers[node], rng),
            What::Move if self.nodes[node].alive => self.move_away(node),
            What::Stop => self.stop(act, rng),
            What::Kill => {
                self.reach("kill");
                self.restart(act, rng);
            }
            What::Storm => {
                let mut percent = || rng.u8(..60);
                let (steps, requests, entries) = (percent(), percent(), percent());
                self.weather = Weather { steps, requests, entries, denied: None };
                self.sitewise.slowness = rng.u32(..4);
                self.reach("storm");
            }
            What::Calm => self.weather = Weather::default(),
            What::Pass => self.pass(Duration::from_millis(rng.u64(..5_000))),
            What::PassLong => self.pass(Duration::from_millis(rng.u64(..150_000))),
            _ => {}
        }
    }

    fn name_of(change: Change) -> &'static str {
        match change {
            Change::Hide => "hidden",
            Change::Show => "shown again",
            Change::Retype => "retyped",
            Change::Unit => "unit changed",
            Change::Parameter => "parameter changed",
            Change::Default => "back to default",
            Change::Static => "static changed",
            Change::Quality => "instance's quality changed",
            Change::Reshape => "template changed",
            Change::AddTag => "tag added",
            Change::AddPiece => "instance added",
        }
    }

    fn say_birth(&mut self, node: usize, device: Option<usize>) {
        match device {
            None => self.say_births(node),
            Some(_) => {
                let wall = self.wall();
                let said = self.nodes[node].birth(device, wall);
                self.transmit(node, said);
            }
        }
    }

    /// The births of a node and of its devices that are alive.
    pub(super) fn say_births(&mut self, node: usize) {
        self.births[node] += 1;
        let wall = self.wall();
        let said = self.nodes[node].birth(None, wall);
        self.transmit(node, said);
        for device in 0..self.nodes[node].devices.len() {
            if self.nodes[node].devices[device].alive {
                if self.nodes[node].devices[device].body.is_empty() {
                    self.reach("empty birth");
                }
                let said = self.nodes[node].birth(Some(device), wall);
                self.transmit(node, said);
            }
        }
    }

    fn come_back(&mut self, node: usize) {
        self.nodes[node].alive = true;
        self.nodes[node].edge.reconnect();
        self.say_births(node);
    }

    /// An orderly stop sends what waits, as far as SiteWise takes it.
    fn stop(&mut self, act: &Act, rng: &mut fastrand::Rng) {
        self.pass(Duration::from_secs(3));
        for node in 0..self.nodes.len() {
            self.let_through(node);
        }
        self.up = [false; SERVERS.len()];
        self.bridge.shut_down(self.now);
        self.drain();
        for _ in 0..10 {
            self.bridge.flush(self.now);
            self.pass(Duration::from_secs(2));
        }
        self.reach(if self.pending.is_empty() { "stopped empty" } else { "stopped with a rest" });
        self.restart(act, rng);
    }

    /// The process ends, and what it had in memory with it; another begins.
    fn restart(&mut self, act: &Act, rng: &mut fastrand::Rng) {
        self.check_conservation();
        let lost: BTreeSet<_> = self.pending.iter().map(|key| key.stream.asset).collect();
        let (all, namespace) = (self.bridge.twin().buffered() > 0, self.config.twin.namespace);
        if !lost.is_empty() {
            self.reach("values lost");
        }
        let sitewise = &self.sitewise;
        self.truth.restart(self.now.wall.as_millis());
        self.truth.lose(|spot| {
            let asset = super::claims::home(namespace, sitewise, spot);
            let waits = super::claims::homes(namespace, spot).iter().any(|at| lost.contains(at));
            all || waits || !sitewise.assets.contains_key(&asset)
        });
        // What was on its way to another place never comes.
        for (_, speech) in self.overtaken.iter_mut().filter_map(Option::take) {
            self.truth.miss(&speech);
        }
        self.pending.clear();
        self.in_flight.clear();
        self.outbox = MemoryOutbox::new(1 << 24);
        (self.discarded, self.refused_before) = (0, 0);
        self.was_capped.append(&mut self.capped);
        self.bridge = Bridge::new(self.config.clone(), u64::from(act.seed));
        self.unheard(&SERVERS, rng, 5_000);
        self.reach("restart");
        SERVERS.into_iter().for_each(|server| self.connect(server));
    }

    /// Whose birth is known and who is alive, in the plant.
    pub(super) fn alive(&self) -> BTreeSet<Source> {
        let mut alive = BTreeSet::new();
        for node in self.nodes.iter().filter(|node| node.alive) {
            alive.insert(node.source(None));
            let devices = (0..node.devices.len()).filter(|device| node.devices[*device].alive);
            alive.extend(devices.map(|device| node.source(Some(device))));
        }
        alive
    }
}
