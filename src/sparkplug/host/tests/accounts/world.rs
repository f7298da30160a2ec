//! A plant, two servers and the host, on one clock; what reached the socket is counted.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::super::*;
use crate::sparkplug::payload::Compression;

mod quiet;

const SERVERS: u16 = 2;
/// Names of metrics; a value tells by its last digit which it is of.
const NAMES: [&str; 4] = ["a", "b", "c", "d"];

#[derive(Clone, Copy, Debug)]
pub(super) struct Act {
    pub(super) what: What,
    pub(super) node: u8,
    pub(super) part: u16,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum What {
    Data,
    DeviceData,
    Birth,
    Damaged,
    Oversized,
    DamagedDevice,
    DamagedData,
    NeverRead,
    Mended,
    Turned,
    Gap,
    LostBirth,
    Twice,
    Reordered,
    Ghost,
    LateWill,
    Death,
    Return,
    DeviceDeath,
    DeviceReturn,
    Move,
    Drop,
    Connect,
    Restart,
    Flood,
    MadeUp,
    Retained,
    Pass,
    PassLong,
}

/// An edge node, as it is.
struct Node {
    edge: Edge,
    server: u16,
    alive: bool,
    /// By which order of names its aliases are numbered.
    turned: usize,
    devices: BTreeSet<&'static str>,
    /// Its payloads have no times.
    timeless: bool,
    without_bd_seq: bool,
    /// Its births cannot be read.
    damaged: bool,
    /// How long it takes to answer.
    delay: Duration,
    /// When it answers.
    due: Option<Instant>,
    /// Its aliases were given anew while nobody heard it.
    unheard: bool,
}

/// What the host was given and what it made of it.
#[derive(Default)]
struct Account {
    /// Values in messages that can be decoded.
    values: u64,
    told: u64,
    undecodable: u64,
    by_node: BTreeMap<String, u64>,
}

pub(super) struct World {
    host: Host,
    now: Now,
    up: [bool; SERVERS as usize],
    nodes: Vec<Node>,
    account: Account,
    /// What a slot is called, by the source's latest birth.
    slots: BTreeMap<String, BTreeMap<u32, String>>,
    made_up: usize,
    /// Nobody answers.
    silent: bool,
    counter: i64,
    chance: fastrand::Rng,
    pub(super) corners: BTreeSet<&'static str>,
    pub(super) violations: Vec<String>,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut chance = fastrand::Rng::with_seed(seed);
        let instant = Instant::START + secs(60);
        let now = Now { instant, wall: Timestamp::from_millis(1_000_000) };
        let nodes = (0..chance.usize(1..5)).map(|n| {
            let edge = Edge::new(EdgeNode::new("g", format!("n{n}")), 0);
            let edge = if chance.bool() { edge.with_aliases() } else { edge };
            let is_compressed = chance.u8(0..4) == 0;
            Node {
                edge: if is_compressed { edge.with_compression(Compression::Gzip) } else { edge },
                server: chance.u16(0..SERVERS),
                alive: true,
                turned: 0,
                devices: ["d", "e", "f"].into_iter().take(chance.usize(0..4)).collect(),
                timeless: chance.u8(0..5) == 0,
                without_bd_seq: chance.u8(0..5) == 0,
                damaged: false,
                delay: ms(chance.u64(0..3000)),
                due: None,
                unheard: false,
            }
        });
        let nodes = nodes.collect();
        let mut world = Self {
            host: super::host(seed),
            now,
            up: [false; SERVERS as usize],
            nodes,
            account: Account::default(),
            slots: BTreeMap::new(),
            made_up: 0,
            silent: false,
            counter: 0,
            chance,
            corners: BTreeSet::new(),
            violations: Vec::new(),
        };
        for server in 0..SERVERS {
            world.connect(server);
        }
        for node in 0..world.nodes.len() {
            world.births(node);
        }
        world
    }

    fn connect(&mut self, server: u16) {
        if !self.up[usize::from(server)] {
            self.up[usize::from(server)] = true;
            self.host.handle_connected(ServerId(server), self.now.wall, self.now);
            self.drain();
        }
    }

    fn lose(&mut self, server: u16) {
        if self.up[usize::from(server)] {
            self.corners.insert("drop");
            self.up[usize::from(server)] = false;
            self.host.handle_disconnected(ServerId(server), self.now);
            self.drain();
        }
    }

    /// Another process takes over; what SiteWise would know is expected.
    fn restart(&mut self) {
        self.corners.insert("restart");
        self.settle();
        let online: Vec<_> = self.host.phases().map(|(e, p)| (e.clone(), p)).collect();
        self.host = super::host(self.chance.u64(..));
        self.account = Account::default();
        self.slots.clear();
        for server in 0..SERVERS {
            if std::mem::take(&mut self.up[usize::from(server)]) {
                self.connect(server);
            }
        }
        for (edge, phase) in online.into_iter().filter(|(edge, _)| &*edge.group == "g") {
            match phase {
                NodePhase::Online => self.host.expect_online(&edge, &["d".into()], self.now),
                _ => self.host.request_birth_if_back(&edge, self.now),
            }
        }
        self.drain();
    }

    fn values(&mut self, turned: usize) -> Vec<Metric> {
        (0..NAMES.len())
            .map(|n| {
                let name = (n + turned) % NAMES.len();
                self.counter += 10;
                Metric::new(NAMES[name], self.counter + name as i64)
            })
            .collect()
    }

    fn one(&mut self) -> [Metric; 1] {
        let name = self.chance.usize(0..NAMES.len());
        self.counter += 10;
        [Metric::new(NAMES[name], self.counter + name as i64)]
    }

    /// A message as this node would send it.
    fn changed(&self, node: usize, message: Message) -> Message {
        let node = &self.nodes[node];
        if !(node.timeless || node.without_bd_seq) {
            return message;
        }
        let mut payload = payload::decode(&message.payload).unwrap();
        if node.timeless {
            payload.timestamp = None;
        }
        if node.without_bd_seq {
            payload.metrics.retain(|metric| metric.name.as_deref() != Some(b"bdSeq"));
        }
        Message { payload: payload::encode(&payload), ..message }
    }

    fn nbirth(&mut self, node: usize) -> Message {
        let metrics = self.values(self.nodes[node].turned);
        let message = self.nodes[node].edge.nbirth(self.now.wall, metrics);
        self.changed(node, message)
    }

    fn dbirth(&mut self, node: usize, device: &str) -> Message {
        let metrics = self.values(self.nodes[node].turned);
        let message = self.nodes[node].edge.dbirth(device, self.now.wall, metrics);
        self.changed(node, message)
    }

    fn data(&mut self, node: usize, device: Option<&str>) -> Message {
        let metrics = self.one();
        let edge = &mut self.nodes[node].edge;
        let message = match device {
            None => edge.ndata(self.now.wall, metrics),
            Some(device) => edge.ddata(device, self.now.wall, metrics),
        };
        self.changed(node, message)
    }

    /// All births of a node, as it answers a request.
    fn births(&mut self, node: usize) {
        let mut birth = self.nbirth(node);
        if self.nodes[node].damaged {
            birth.payload.truncate(birth.payload.len() - 3);
        }
        self.send(node, &birth);
        let devices: Vec<_> = self.nodes[node].devices.iter().copied().collect();
        for device in devices {
            let birth = self.dbirth(node, device);
            self.send(node, &birth);
        }
        if self.up[usize::from(self.nodes[node].server)] {
            self.nodes[node].unheard = false;
        }
    }

    /// Sends a message of a node to the server that it is on, where we hear it or not.
    fn send(&mut self, node: usize, message: &Message) {
        let server = self.nodes[node].server;
        self.deliver(server, message);
    }

    fn deliver(&mut self, server: u16, message: &Message) {
        if !self.up[usize::from(server)] {
            return;
        }
        let Message { topic, payload, retain, .. } = message;
        let edge = topic.split('/').nth(3).unwrap().to_owned();
        if !topic.contains("DEATH") {
            match payload::decode(payload) {
                Ok(payload) => {
                    let values = payload.metrics.len() as u64;
                    self.account.values += values;
                    *self.account.by_node.entry(edge).or_default() += values;
                }
                Err(_) => self.account.undecodable += 1,
            }
        }
        self.host.handle_message(ServerId(server), topic, payload, *retain, self.now);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.host.poll_output() {
            match output {
                Output::Event(Event::Birth(birth)) => self.born(&birth),
                Output::Event(Event::Data(data)) => {
                    let source = data.source.to_string();
                    if data.order == SequenceOrder::BeforeBirth {
                        self.corners.insert("read later");
                    }
                    for (slot, sample) in &data.samples {
                        let name = self.slots.get(&source).and_then(|slots| slots.get(&slot.0));
                        let name = name.cloned().unwrap_or_default();
                        self.told(&source, &name, sample);
                    }
                }
                Output::Publish(publish) => {
                    let Message { topic, payload, .. } = publish.message;
                    let now = self.now.instant;
                    for node in &mut self.nodes {
                        let here = node.server == publish.server.0 && node.alive && !self.silent;
                        if here && node.edge.is_rebirth(&topic, &payload) {
                            node.due.get_or_insert(now + node.delay);
                        }
                    }
                }
                Output::Finding { finding, .. } => self.corners.extend(super::corner(finding)),
                Output::Event(Event::Death(death)) => self.died(&death),
                Output::AllNodesExcluded(_) | Output::NothingDelivered(_) => {}
            }
        }
    }

    /// A value was told: it is of the metric that it says.
    fn told(&mut self, source: &str, name: &str, sample: &Sample) {
        self.account.told += 1;
        let Some(place) = NAMES.iter().position(|known| *known == name) else { return };
        match sample.value {
            Some(Value::Int(value)) if value as usize % 10 == place => {}
            ref other => self.violations.push(format!("{source}: {name} is {other:?}")),
        }
    }

    /// Lets time pass; whoever was asked answers when its time has come.
    fn pass(&mut self, duration: Duration) {
        let end = self.now.plus(duration);
        loop {
            let answers = self.nodes.iter().filter_map(|node| node.due);
            let next = self.host.poll_timeout().into_iter().chain(answers).min();
            let Some(due) = next.filter(|due| *due <= end.instant) else { break };
            self.now = self.now.plus(due.since(self.now.instant));
            for node in 0..self.nodes.len() {
                if self.nodes[node].due.is_some_and(|due| due <= self.now.instant) {
                    self.nodes[node].due = None;
                    if self.nodes[node].alive {
                        self.corners.insert("answered");
                        self.births(node);
                    }
                }
            }
            self.host.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    pub(super) fn act(&mut self, act: Act) {
        let node = usize::from(act.node) % self.nodes.len();
        let devices: Vec<_> = self.nodes[node].devices.iter().copied().collect();
        let device = devices.get(usize::from(act.part) % devices.len().max(1)).copied();
        let alive = self.nodes[node].alive;
        let heard = self.up[usize::from(self.nodes[node].server)];
        // Each is sent a little after the other: two births of one millisecond and size are taken for one.
        self.pass(ms(1 + u64::from(act.part % 7)));
        match act.what {
            What::Data if alive => {
                let message = self.data(node, None);
                self.send(node, &message);
            }
            What::DeviceData if alive && device.is_some() => {
                let message = self.data(node, device);
                self.send(node, &message);
            }
            What::Birth if alive => self.births(node),
            What::Damaged | What::Oversized if alive => {
                let mut birth = self.nbirth(node);
                if matches!(act.what, What::Damaged) {
                    self.corners.insert("damaged birth");
                    birth.payload.truncate(birth.payload.len() - 3);
                } else {
                    self.corners.insert("oversized birth");
                    birth.payload = [0x12, 0x00].repeat(limits::PAYLOAD_PARTS + 1);
                }
                self.send(node, &birth);
            }
            What::DamagedDevice if alive && device.is_some() => {
                let mut birth = self.dbirth(node, device.unwrap());
                birth.payload.truncate(birth.payload.len() - 3);
                self.send(node, &birth);
            }
            What::DamagedData if alive => {
                let mut data = self.data(node, device);
                data.payload.truncate(data.payload.len() - 3);
                self.send(node, &data);
            }
            What::NeverRead => self.nodes[node].damaged = true,
            What::Mended => self.nodes[node].damaged = false,
            // Where nobody hears it, its aliases change once at most: more cannot be told.
            What::Turned if alive && (heard || !self.nodes[node].unheard) => {
                self.corners.insert("turned");
                self.nodes[node].turned += 1;
                self.births(node);
                self.nodes[node].unheard = !heard;
            }
            What::Gap if alive => {
                self.corners.insert("gap");
                self.nodes[node].edge.skip((act.part % 255) as u8);
            }
            What::LostBirth if alive => {
                let _lost = self.nbirth(node);
            }
            What::Twice if alive => {
                self.corners.insert("duplicate");
                let message = self.data(node, device);
                self.send(node, &message);
                self.send(node, &message);
            }
            What::Reordered if alive => {
                let mut messages: VecDeque<_> = (0..4).map(|_| self.data(node, device)).collect();
                messages.rotate_left(usize::from(act.part) % 4);
                for message in messages {
                    self.send(node, &message);
                }
            }
            What::Ghost if alive => {
                let message = self.data(node, Some("ghost"));
                self.send(node, &message);
            }
            What::LateWill if alive => {
                self.corners.insert("late will");
                let will = self.nodes[node].edge.will();
                self.nodes[node].edge.reconnect();
                self.births(node);
                self.pass(ms(u64::from(act.part % 3000)));
                self.send(node, &will);
            }
            What::Death if alive => {
                self.corners.insert("death");
                self.nodes[node].alive = false;
                let death = self.nodes[node].edge.ndeath();
                self.send(node, &death);
            }
            What::Return if !alive => {
                self.nodes[node].alive = true;
                self.nodes[node].edge.reconnect();
                self.births(node);
            }
            What::DeviceDeath if alive && device.is_some() => {
                let device = device.unwrap();
                let death = self.nodes[node].edge.ddeath(device, self.now.wall);
                self.send(node, &death);
                self.nodes[node].devices.remove(device);
            }
            What::DeviceReturn if alive => {
                let device = ["d", "e", "f"][usize::from(act.part) % 3];
                self.nodes[node].devices.insert(device);
                let birth = self.dbirth(node, device);
                self.send(node, &birth);
            }
            What::Move if alive => {
                self.corners.insert("moved");
                let will = self.nodes[node].edge.will();
                let before = self.nodes[node].server;
                self.nodes[node].server = (before + 1) % SERVERS;
                self.nodes[node].edge.reconnect();
                self.births(node);
                self.deliver(before, &will);
            }
            What::Drop => self.lose(act.part % SERVERS),
            What::Connect => self.connect(act.part % SERVERS),
            What::Restart => self.restart(),
            What::Flood if alive => {
                self.corners.insert("flood");
                for _ in 0..act.part % 400 {
                    let message = self.data(node, device);
                    self.send(node, &message);
                    self.pass(ms(1));
                }
            }
            What::MadeUp | What::Retained => {
                self.corners.insert("made up");
                let retain = matches!(act.what, What::Retained);
                for _ in 0..act.part % 60 {
                    self.made_up += 1;
                    let name = format!("x{}", self.made_up);
                    let mut edge = Edge::new(EdgeNode::new("made-up", name), 0);
                    let message = match retain {
                        true => edge.nbirth(self.now.wall, [Metric::new("a", 0_i32)]),
                        false => edge.ndata(self.now.wall, [Metric::new("a", 0_i32)]),
                    };
                    let message = Message { retain, ..message };
                    self.deliver(act.part % SERVERS, &message);
                }
            }
            What::Pass => self.pass(ms(u64::from(act.part) % 5_000)),
            What::PassLong => self.pass(secs(u64::from(act.part) % 120)),
            _ => {}
        }
    }
}
