//! The plant, the bridge and whoever sends requests; and what must hold at every step.

use std::collections::BTreeSet;

use super::doors::{self, Door, Doors};
use super::plant::{self, Kind, Stray, Tag};
use super::*;
use crate::bridge::{self, Bridge, Output as BridgeOutput};
use crate::command::answer::Output;
use crate::command::request::CommandChannel;
use crate::command::tests::rig::{self, SERVER, START};
use crate::delivery;
use crate::sparkplug::address::EdgeNode;
use crate::sparkplug::config as host_config;
use crate::sparkplug::edge::{Edge, REBIRTH};
use crate::sparkplug::message::Message;
use crate::twin::Rules;
use crate::twin::tests::config as twin_config;
use crate::twin::tests::fake::FakeSiteWise;

mod asking;
mod handover;
mod kills;
mod said;
mod watch;

/// One thing that happens, with its own chance.
#[derive(Clone, Debug)]
pub(super) struct Act {
    pub(super) what: What,
    pub(super) seed: u8,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    Request(Ask),
    /// A request is delivered again.
    Again(u8),
    NodeBirth,
    DeviceBirth,
    NodeDeath,
    DeviceDeath,
    /// A machine says what it has.
    Report,
    /// A machine changes by itself.
    Drift,
    Disconnect,
    Connect,
    Kill,
    /// The process is killed while it has this request in hand.
    KillWith(Ask, Moment),
    Stop,
    Role,
    Clocks,
    /// A message of the plant is lost.
    Gap,
    /// A value that is historical, or older than the last one.
    Stray,
    /// A birth of the node that was kept on the way.
    OldBirth,
    /// A birth of a device that cannot be read.
    Unreadable,
    /// Metrics come and go, limits and access change with the next birth.
    Change,
    /// The connection to AWS IoT ends, or is there again.
    IotDown,
    IotUp,
    /// Calls to the queues fail from now on, or no longer.
    QueueAway,
    QueueBack,
    Pass(u32),
}

/// When the process is killed that has a request in hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// While it is taken off its door.
    Taking,
    /// It is off its door.
    Taken,
    /// The bridge has decided about it, and none of that is done.
    Decided,
    /// The plant is told, and nobody else is.
    Told,
}

/// How a request is put together.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) door: Door,
    pub(super) tag: u8,
    pub(super) value: u8,
    pub(super) form: u8,
    pub(super) sent: u8,
    pub(super) expires: u8,
    pub(super) timeout: u8,
    pub(super) expected: u8,
}

/// A request as it was sent.
#[derive(Clone, Debug)]
struct Sent {
    door: Door,
    tag: Option<usize>,
    payload: String,
    sent: Option<i64>,
    /// Not to be sent from then on.
    until: i64,
    value: Option<f64>,
    expected: Option<f64>,
    /// How often it was handed over.
    handed: u32,
    /// Which process had it first, and when.
    process: u32,
    met: i64,
    /// It reached the plant.
    published: bool,
    /// A process was killed that had it in hand.
    lapsed: bool,
    /// The first answer.
    answer: Option<Arc<Answer>>,
}

pub(super) struct World {
    bridge: Bridge,
    sitewise: FakeSiteWise,
    edge: Edge,
    tags: Vec<Tag>,
    now: Now,
    rng: fastrand::Rng,
    connected: bool,
    /// The metric that everybody looks at.
    focus: usize,
    /// The node and its devices, born within this connection and not dead.
    alive: BTreeSet<Option<&'static str>>,
    /// What the birth said, which a change does not alter.
    told: Vec<Tag>,
    said: Vec<Option<said::Said>>,
    active: bool,
    clocks: ClockAgreement,
    stopped: bool,
    process: u32,
    began: i64,
    /// By how much AWS's clock is ahead of this host's, within the minute by which clocks agree.
    aws_ahead: i64,
    doors: Doors,
    requests: Vec<Sent>,
    /// What the plant's server can take of the request at hand.
    uplink: Uplink,
    /// The request at hand, and what it published.
    at_hand: Option<(usize, bool)>,
    /// When each metric was written by this process.
    written: Vec<Vec<i64>>,
    pub(super) corners: BTreeSet<&'static str>,
    pub(super) violations: Vec<String>,
}

fn bridge(seed: u64, now: Now) -> Bridge {
    let mut config = bridge::Config {
        host: host_config::Config::new("sparkwise"),
        twin: twin_config(),
        delivery: delivery::Config::default(),
    };
    config.twin.rules = Rules::parse(plant::RULES).unwrap();
    let form = if seed.is_multiple_of(3) { Form::Both } else { Form::Name };
    Bridge::new(config, seed).with_commands(Config { form, ..rig::config(plant::ALLOW) }, now)
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let now = Now { instant: Instant::START, wall: Timestamp::from_millis(START) };
        let edge = Edge::new(EdgeNode::new("Nordsee", "gw"), 0);
        let edge = if seed.is_multiple_of(2) { edge.with_aliases() } else { edge };
        let tags = plant::tags();
        let aws_ahead = match seed % 4 {
            0 | 1 => 0,
            2 => fastrand::Rng::with_seed(seed).i64(0..=60_000),
            _ => fastrand::Rng::with_seed(seed).i64(-5_000..=60_000),
        };
        let mut world = Self {
            bridge: bridge(seed, now),
            sitewise: FakeSiteWise { slowness: (seed % 4) as u32, ..FakeSiteWise::default() },
            edge,
            now,
            rng: fastrand::Rng::with_seed(seed),
            connected: false,
            focus: (seed / 7) as usize % tags.len(),
            alive: BTreeSet::new(),
            told: tags.clone(),
            said: vec![None; tags.len()],
            written: vec![Vec::new(); tags.len()],
            tags,
            active: true,
            clocks: ClockAgreement::Agree,
            stopped: false,
            process: 0,
            began: START,
            aws_ahead,
            doors: Doors::new(seed, now, aws_ahead),
            requests: Vec::new(),
            uplink: Uplink::Open,
            at_hand: None,
            corners: BTreeSet::new(),
            violations: Vec::new(),
        };
        world.connect();
        world.node_birth();
        world.device_birth();
        world.pass(2_000);
        world
    }

    pub(super) fn act(&mut self, act: &Act) {
        self.rng = fastrand::Rng::with_seed(self.rng.u64(..) ^ u64::from(act.seed));
        match &act.what {
            What::Request(ask) => self.request(ask),
            What::Again(which) => self.again(*which),
            What::NodeBirth => self.node_birth(),
            What::DeviceBirth => self.device_birth(),
            What::NodeDeath => {
                let death = self.edge.ndeath();
                self.edge.reconnect();
                self.alive.clear();
                self.send(&death);
            }
            What::DeviceDeath => {
                let device = self.device();
                if self.alive.remove(&Some(device)) {
                    let death = self.edge.ddeath(device, self.now.wall);
                    self.send(&death);
                }
            }
            What::Report => self.report(),
            What::Drift => {
                let at = self.some_tag();
                let value = f64::from(self.rng.u8(0..8));
                let good = self.rng.u8(..) > 60;
                if let Some(tag) = self.tags.get_mut(at) {
                    tag.value = if tag.kind == Kind::Boolean { value % 2.0 } else { value };
                    tag.good = good;
                }
                let _: bool = self.report_of(at);
            }
            What::Disconnect => {
                if std::mem::replace(&mut self.connected, false) {
                    self.alive.clear();
                    self.bridge.handle_disconnected(SERVER, self.now);
                    self.drain();
                }
            }
            What::Connect => self.connect(),
            What::Kill => self.restart(),
            What::KillWith(ask, moment) => self.kill_with(ask, *moment),
            What::Stop => {
                self.finish_queue();
                self.stopped = true;
                self.bridge.shut_down(self.now);
                self.drain();
                self.settle_doors();
                self.restart();
            }
            What::Role => {
                self.active = !self.active;
                let role = if self.active { Role::Acts } else { Role::Follows };
                if self.active {
                    self.began = self.now.wall.as_millis();
                }
                self.bridge.handle_role(role, self.now);
            }
            What::Clocks => {
                self.clocks = match self.clocks {
                    ClockAgreement::Agree => ClockAgreement::Differ,
                    ClockAgreement::Differ => ClockAgreement::Agree,
                };
                self.bridge.handle_clocks(self.clocks);
            }
            What::Gap => self.gap(),
            What::Stray => self.stray(),
            What::OldBirth => self.old_birth(),
            What::Unreadable => self.unreadable_birth(),
            What::Change => {
                let at = self.rng.usize(..self.tags.len());
                let (high, read_only, there) =
                    (f64::from(self.rng.u8(1..60)), self.rng.bool(), self.rng.u8(..) > 60);
                if let Some(tag) = self.tags.get_mut(at) {
                    tag.eng_high = (tag.kind != Kind::Boolean && read_only).then_some(high);
                    // What may be written by its full name may be, although it is read-only.
                    tag.read_only = there && read_only && tag.name != "Setpoint" && !tag.pulse;
                    tag.there = there;
                }
                self.node_birth();
            }
            What::IotDown => self.doors.iot.disconnect(),
            What::IotUp => self.iot_up(),
            What::QueueAway => self.doors.queue.set_away(true),
            What::QueueBack => self.doors.queue.set_away(false),
            What::Pass(millis) => self.pass(u64::from(*millis)),
        }
        self.pump();
    }

    /// Lets everything come to its end; every request has its answer then.
    pub(super) fn quieten(&mut self) {
        self.iot_up();
        self.doors.quieten();
        self.pass(200_000);
        self.check_doors();
        let process = self.process;
        for (id, request) in self.requests.iter().enumerate() {
            let was_killed = request.process < process && request.published || request.lapsed;
            if request.handed > 0 && request.answer.is_none() && !was_killed {
                self.violations.push(format!("request {id} has no answer: {request:?}"));
            }
        }
        if self.bridge.commands().unwrap().figures().in_flight > 0 {
            self.violations.push("something is in flight for ever".to_owned());
        }
    }

    fn connect(&mut self) {
        if !std::mem::replace(&mut self.connected, true) {
            self.bridge.handle_connected(SERVER, self.now.wall, self.now);
            self.drain();
        }
    }

    /// The process ends, another begins; the plant goes on.
    fn restart(&mut self) {
        let in_between = self.rng.bool();
        self.restart_after(in_between);
    }

    /// As [`restart`](Self::restart); what a door has for the process is taken off it before, and
    /// lost, if `in_between`.
    fn restart_after(&mut self, in_between: bool) {
        let in_flight = |request: &&Sent| request.published && request.answer.is_none();
        if self.requests.iter().any(|request| in_flight(&request)) {
            self.corners.insert("killed in flight");
        }
        self.doors.kill(in_between);
        self.process += 1;
        self.now = self.now.plus(Duration::from_millis(self.rng.u64(1..3_000)));
        self.began = self.now.wall.as_millis();
        self.doors.start(self.now);
        self.bridge = bridge(self.rng.u64(..), self.now);
        (self.connected, self.stopped, self.active) = (false, false, true);
        self.clocks = ClockAgreement::Agree;
        self.alive.clear();
        self.written.iter_mut().for_each(Vec::clear);
        self.said.fill(None);
        self.connect();
        if self.rng.bool() {
            self.iot_up();
        }
        if self.rng.bool() {
            self.node_birth();
        }
    }

    fn device(&mut self) -> &'static str {
        if self.rng.bool() { "D1" } else { "D2" }
    }

    fn node_birth(&mut self) {
        self.node_birth_of(&self.tags.clone());
    }

    fn node_birth_of(&mut self, tags: &[Tag]) {
        // The same birth at the same time would be the same message twice.
        self.pass(1);
        let at = self.rng.usize(..tags.len());
        let mut order: Vec<_> = tags.to_vec();
        // Other slots than before.
        order.rotate_left(at);
        let birth = self.edge.nbirth(self.now.wall, plant::birth(&order, None));
        if self.connected {
            self.alive = BTreeSet::from([None]);
            self.born(tags, None);
        }
        self.send(&birth);
    }

    fn device_birth(&mut self) {
        let device = self.device();
        if !self.alive.contains(&None) {
            return;
        }
        let birth = self.edge.dbirth(device, self.now.wall, plant::birth(&self.tags, Some(device)));
        if self.connected {
            self.alive.insert(Some(device));
            self.born(&self.tags.clone(), Some(device));
        }
        self.send(&birth);
    }

    /// One metric, the one in the focus more often than others.
    fn some_tag(&mut self) -> usize {
        if self.rng.u8(..) < 160 { self.focus } else { self.rng.usize(..self.tags.len()) }
    }

    fn send(&mut self, message: &Message) {
        if self.connected {
            let Message { topic, payload, .. } = message;
            self.bridge.handle_message(SERVER, topic, payload, false, self.now);
            self.drain();
        }
    }

    fn pass(&mut self, millis: u64) {
        let end = self.now.plus(Duration::from_millis(millis));
        let due = |world: &Self| {
            let all = [world.bridge.poll_timeout(), world.doors.poll_timeout()];
            all.into_iter().flatten().min().filter(|at| *at <= end.instant)
        };
        while let Some(at) = due(self) {
            self.now = self.now.plus(at.since(self.now.instant));
            self.bridge.handle_timeout(self.now);
            self.drain();
            self.pump();
        }
        self.now = end;
    }

    fn drain(&mut self) {
        while let Some(output) = self.bridge.poll_output(self.now) {
            if let BridgeOutput::Call(id, step) = output {
                let answer = self.sitewise.call(step);
                self.bridge.handle_call_result(id, answer, self.now);
            }
        }
        while let Some(output) = self.bridge.poll_command() {
            match output {
                Output::Publish(key, message) => {
                    let sent = self.fate_of_sending();
                    match plant::read(&message.message) {
                        Ok(_) if sent.is_err() => self.unsent(),
                        Ok(command) => self.published(&command),
                        Err(what) => self.violations.push(format!("it published {what}")),
                    }
                    self.bridge.handle_sending(&key, sent, self.now);
                }
                Output::Started { key, value, .. } => {
                    let id: usize = key.id.parse().unwrap();
                    self.doors.started(id, key.channel, &value, self.now);
                    if self.at_hand != Some((id, true)) {
                        self.violations.push(format!("{id} was started and not sent"));
                    }
                }
                Output::Answer { key, answer, repeated } => {
                    self.doors.answer(&key, &answer, repeated, self.now);
                    self.answered(key.id.parse().unwrap(), answer, repeated);
                }
            }
        }
    }
}
