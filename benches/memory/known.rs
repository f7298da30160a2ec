//! The measured process: the pure middle, with nothing else.

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::io::{BufReader, stdin};
use std::time::Duration;

use sparkwise::bridge::{Bridge, Config, Output};
use sparkwise::delivery;
use sparkwise::delivery::point::{Gate, Point};
use sparkwise::outbox::QueuedPoint;
use sparkwise::sparkplug::config as host;
use sparkwise::time::Now;
use sparkwise::twin::counts::DropReason;

use super::control_plane::ControlPlane;
use super::frame::{self, Frame};
use super::{plant, twin};

/// How much of the middle is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// The sessions alone.
    Session,
    /// Sessions and twins; points are thrown away.
    Twin,
    /// All of it.
    Whole,
}

impl Extent {
    pub(crate) const ALL: [Self; 3] = [Self::Session, Self::Twin, Self::Whole];

    /// The argument that makes this program the measured process.
    pub(crate) fn argument(self) -> &'static str {
        match self {
            Self::Session => "--hold-session",
            Self::Twin => "--hold-twin",
            Self::Whole => "--hold-whole",
        }
    }
}

/// What a process took in the end, and at most, in bytes; and what it knew.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    pub(crate) resident: u64,
    pub(crate) most: u64,
    pub(crate) models: u64,
    pub(crate) assets: u64,
}

impl Measured {
    pub(crate) fn parse(line: &str) -> Self {
        let numbers: Vec<u64> =
            line.split_ascii_whitespace().map(|number| number.parse().unwrap()).collect();
        let [resident, most, models, assets] = numbers.try_into().unwrap();
        Self { resident, most, models, assets }
    }
}

/// Takes in the plant that comes over standard input, and says what it takes.
pub(crate) fn hold(extent: Extent) {
    let mut input = BufReader::new(stdin().lock());
    if extent == Extent::Session {
        let mut host = plant::host_with([]);
        while let Some(frame) = frame::read(&mut input) {
            if let Frame::Message(topic, payload) = frame {
                let now = plant::after(Duration::ZERO);
                host.handle_message(plant::SERVER, &topic, &payload, false, now);
                plant::drain(&mut host);
            }
        }
        say(0, 0);
        drop(host);
        return;
    }
    let mut world = World::new(extent);
    while let Some(frame) = frame::read(&mut input) {
        match frame {
            Frame::Message(topic, payload) => world.hear(&topic, &payload),
            Frame::Settle => world.settle(),
        }
    }
    world.rest();
    let (models, assets) = world.bridge.twin().size();
    say(models, assets);
    world.check();
}

/// Tells the other process what this one takes now, and what it knows.
#[expect(clippy::print_stdout, reason = "the other process reads it")]
fn say(models: usize, assets: usize) {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let bytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        let kibibytes: u64 = line.trim().strip_suffix("kB").unwrap().trim().parse().unwrap();
        kibibytes * 1024
    };
    println!("{} {} {models} {assets}", bytes("VmRSS:"), bytes("VmHWM:"));
}

/// The bridge before a SiteWise that takes everything at once, on a clock of its own.
struct World {
    extent: Extent,
    bridge: Bridge,
    plane: ControlPlane,
    now: Now,
    /// Points in the place of the outbox: those that may go, and those behind a gate, whose places
    /// are known by it. Each list is one piece, so that nothing of it stays behind in the heap.
    ready: VecDeque<Point>,
    held: Vec<Option<Point>>,
    gated: HashMap<Gate, Vec<u32>>,
    given_up: u64,
}

impl World {
    fn new(extent: Extent) -> Self {
        let config = Config {
            host: host::Config::new("sparkwise"),
            twin: twin::config(),
            delivery: delivery::Config::default(),
        };
        let now = plant::after(Duration::ZERO);
        let mut bridge = Bridge::new(config, 1);
        bridge.handle_connected(plant::SERVER, now.wall, now);
        let mut world = Self {
            extent,
            bridge,
            plane: ControlPlane::default(),
            now,
            ready: VecDeque::new(),
            held: Vec::new(),
            gated: HashMap::new(),
            given_up: 0,
        };
        world.settle();
        world
    }

    fn hear(&mut self, topic: &str, payload: &[u8]) {
        self.bridge.handle_message(plant::SERVER, topic, payload, false, self.now);
        self.act();
    }

    /// Goes on until SiteWise is as wanted and has every value.
    fn settle(&mut self) {
        self.act();
        while !(self.bridge.is_idle() && self.bridge.twin().plan().pending() == 0) {
            self.step();
        }
        assert!(self.ready.is_empty() && self.gated.is_empty());
        // The outbox gives back what it no longer needs.
        self.ready.shrink_to_fit();
        self.held = Vec::new();
        self.gated.shrink_to_fit();
    }

    /// Waits until delivery has forgotten the properties whose values are all delivered.
    fn rest(&mut self) {
        let end = self.now.instant + Duration::from_secs(300);
        while self.now.instant < end {
            self.step();
        }
    }

    /// Lets time pass until something is due.
    fn step(&mut self) {
        let due = self.bridge.poll_timeout().unwrap();
        self.now = plant::after(due.since_start());
        self.bridge.handle_timeout(self.now);
        self.act();
    }

    /// Does what can be done now.
    fn act(&mut self) {
        loop {
            while let Some(output) = self.bridge.poll_output(self.now) {
                self.perform(output);
            }
            let count = self.ready.len().min(self.bridge.room().points);
            if count == 0 {
                return;
            }
            let points = self.ready.drain(..count).collect();
            self.bridge.handle_points(points, self.now);
        }
    }

    fn perform(&mut self, output: Output) {
        match output {
            Output::Call(id, step) => {
                let done = self.plane.answer(step, self.bridge.twin());
                self.bridge.handle_call_result(id, Ok(done), self.now);
            }
            Output::Send(id, _) => self.bridge.handle_put_response(id, Ok(Vec::new()), self.now),
            Output::Store(points) if self.extent == Extent::Whole => {
                for QueuedPoint { point, gate } in points {
                    match gate {
                        None => self.ready.push_back(point),
                        Some(gate) => {
                            self.gated.entry(gate).or_default().push(self.held.len() as u32);
                            self.held.push(Some(point));
                        }
                    }
                }
            }
            Output::Open(gate) => {
                let places = self.gated.remove(&gate).unwrap_or_default();
                let points = places.iter().filter_map(|at| self.held.get_mut(*at as usize)?.take());
                self.ready.extend(points);
            }
            Output::Rejected { .. } | Output::Discarded(..) => self.given_up += 1,
            Output::Store(_)
            | Output::PutBack(..)
            | Output::RuleSuggested(..)
            | Output::Late(_)
            | Output::OverRate(..)
            | Output::ValuesFailing { .. }
            | Output::Settled(_)
            | Output::Publish(_)
            | Output::Grouped(_)
            | Output::Capped { .. }
            | Output::Born(_)
            | Output::LabelRemark(_)
            | Output::LabelsDenied(..)
            | Output::LabelsAllowed(_)
            | Output::Died(..)
            | Output::ReachabilityChanged(_)
            | Output::Finding { .. }
            | Output::AllNodesExcluded(_)
            | Output::NothingDelivered(_) => {}
        }
    }

    /// Every value became a point, the session's own metrics excepted, and every point arrived.
    fn check(&self) {
        let counts = self.bridge.twin().counts();
        let controls = counts.dropped(DropReason::Control);
        assert_eq!(counts.points + controls, counts.values);
        if self.extent == Extent::Whole {
            // The last heartbeat may still linger.
            let delivery = self.bridge.delivery();
            let decided = delivery.figures().delivered + delivery.waiting() as u64;
            assert!(delivery.waiting() <= 1);
            assert_eq!(decided, counts.points + counts.own_points);
        }
        assert_eq!(self.given_up, 0);
    }
}
