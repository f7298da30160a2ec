//! A plant, two servers and the host, on one clock; what reached the socket is counted.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::super::*;
use super::ledger::{Ledger, NAMES, Of};
use super::setup::Setup;
use crate::sparkplug::payload::Compression;
use crate::sparkplug::proto::payload::metric::Value as WireValue;

mod acts;
mod quiet;
mod senders;
mod stored;

use senders::OwnSeq;

const SERVERS: u16 = 2;

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
    DamagedDeath,
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
    Answered,
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
    has_aliases: bool,
    /// Its births cannot be read.
    damaged: bool,
    /// How long it takes to answer.
    delay: Duration,
    /// When it answers.
    due: Option<Instant>,
    /// Its aliases were given anew while nobody heard it.
    unheard: bool,
    /// Whether a birth of it was heard in this process, and could be read.
    born_here: bool,
    /// Where each device has a sender of its own, their numbers.
    own_seq: Option<OwnSeq>,
}

pub(super) struct World {
    host: Host,
    now: Now,
    up: [bool; SERVERS as usize],
    nodes: Vec<Node>,
    setup: Setup,
    ledger: Ledger,
    /// What the servers have stored, by topic.
    stored: BTreeMap<(u16, String), Message>,
    /// What a slot is called, by the source's latest birth.
    slots: BTreeMap<String, BTreeMap<u32, String>>,
    made_up: usize,
    /// Nobody answers.
    silent: bool,
    /// Until when what was not answered then may be told dead, or a server connected lately.
    excused_until: Instant,
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
            let has_aliases = chance.bool();
            let edge = if has_aliases { edge.with_aliases() } else { edge };
            let is_compressed = chance.u8(0..4) == 0;
            Node {
                edge: if is_compressed { edge.with_compression(Compression::Gzip) } else { edge },
                server: chance.u16(0..SERVERS),
                alive: true,
                turned: 0,
                devices: ["d", "e", "f"].into_iter().take(chance.usize(0..4)).collect(),
                timeless: chance.u8(0..5) == 0,
                without_bd_seq: chance.u8(0..5) == 0,
                has_aliases,
                damaged: false,
                delay: ms(chance.u64(0..3000)),
                due: None,
                unheard: false,
                born_here: false,
                own_seq: OwnSeq::of(seed, n),
            }
        });
        let nodes = nodes.collect();
        let setup = Setup::of(seed);
        let mut world = Self {
            host: super::host(setup, seed),
            now,
            up: [false; SERVERS as usize],
            nodes,
            setup,
            ledger: Ledger::new(setup),
            stored: BTreeMap::new(),
            slots: BTreeMap::new(),
            made_up: 0,
            silent: false,
            excused_until: instant,
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
            self.excuse();
            self.deliver_stored(server);
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
        match self.chance.bool() {
            true => self.settle(),
            false => self.end(),
        }
        let online: Vec<_> = self.host.phases().map(|(e, p)| (e.clone(), p)).collect();
        self.host = super::host(self.setup, self.chance.u64(..));
        self.ledger = Ledger::new(self.setup);
        for node in &mut self.nodes {
            node.born_here = false;
        }
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
    fn changed(&mut self, node: usize, message: Message) -> Message {
        let node = &mut self.nodes[node];
        if !(node.timeless || node.without_bd_seq || node.own_seq.is_some()) {
            return message;
        }
        let mut payload = payload::decode(&message.payload).unwrap();
        if let Some(own_seq) = &mut node.own_seq {
            self.corners.insert("own senders");
            own_seq.number(&message.topic, &mut payload);
        }
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

    fn ddeath(&mut self, node: usize, device: &str) -> Message {
        let message = self.nodes[node].edge.ddeath(device, self.now.wall);
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
        let heard = self.up[usize::from(self.nodes[node].server)];
        self.nodes[node].born_here |= heard && !self.nodes[node].damaged;
        let devices: Vec<_> = self.nodes[node].devices.iter().copied().collect();
        for device in devices {
            let birth = self.dbirth(node, device);
            self.send(node, &birth);
        }
        if heard {
            self.nodes[node].unheard = false;
        }
    }

    /// Who does not answer from now on, or was asked elsewhere, may be told dead for a while.
    fn excuse(&mut self) {
        self.excused_until = self.now.instant + secs(15);
    }

    /// Sends a message of a node to the server that it is on, where we hear it or not.
    fn send(&mut self, node: usize, message: &Message) {
        let server = self.nodes[node].server;
        self.deliver(server, message);
        self.store(server, message);
    }

    fn deliver(&mut self, server: u16, message: &Message) {
        if !self.up[usize::from(server)] {
            return;
        }
        let Message { topic, payload, retain, .. } = message;
        if !topic.contains("DEATH") {
            let of = if topic.contains("BIRTH") { Of::Birth } else { Of::Data };
            self.ledger.deliver(topic, payload, of);
        } else if payload::decode(payload).is_err() {
            self.ledger.undecodable += 1;
        }
        self.host.handle_message(ServerId(server), topic, payload, *retain, self.now);
        self.drain();
    }

    /// A message of a node that is larger than a packet may be.
    fn send_oversized(&mut self, node: usize, topic: &str) {
        let server = self.nodes[node].server;
        if self.up[usize::from(server)] {
            self.ledger.undecodable += 1;
            self.host.handle_oversized(ServerId(server), topic, false, self.now);
            self.drain();
        }
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
                    if topic.contains("NCMD") && (topic.contains("made-up") && self.setup.filters) {
                        self.violations.push(format!("{topic} is excluded"));
                    }
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

    /// A value was told: it is of the metric that it says, and is told once.
    fn told(&mut self, source: &str, name: &str, sample: &Sample) {
        let Some(place) = NAMES.iter().position(|known| *known == name) else { return };
        match sample.value {
            Some(Value::Int(value)) if value as usize % 10 == place => {
                if let Err(why) = self.ledger.tell(value) {
                    self.violations.push(format!("{source}: {name} is {value}, which {why}"));
                }
            }
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
}
