//! A script of what an edge node, the network and time do to a session, read from bytes. The
//! host must never stand still in time, and each number of a birth's leaf must hold.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::sparkplug::address::{EdgeNode, Source};
use crate::sparkplug::config::Config;
use crate::sparkplug::edge::{Edge, Metric, Template};
use crate::sparkplug::event::Event;
use crate::sparkplug::host::{Host, Output, ServerId};
use crate::sparkplug::message::Message;
use crate::time::{Instant, Now, Timestamp};

const SERVER: ServerId = ServerId(0);

struct World {
    host: Host,
    now: Now,
    edge: Edge,
    /// Messages on their way.
    held: Vec<Message>,
    /// By source: how many leaves its latest birth has; none once it is dead.
    slots: BTreeMap<Source, u32>,
    alive: BTreeSet<Source>,
}

/// Plays it.
pub fn run(script: &[u8]) {
    let instant = Instant::from_start(Duration::from_secs(60));
    let now = Now { instant, wall: Timestamp::from_millis(1_800_000_000_000) };
    let mut world = World {
        host: Host::new(Config::new("fuzz"), 1),
        now,
        edge: Edge::new(EdgeNode::new("g", "n"), 0),
        held: Vec::new(),
        slots: BTreeMap::new(),
        alive: BTreeSet::new(),
    };
    world.host.handle_connected(SERVER, now.wall, now);
    let mut script = script.iter().copied();
    while let Some(step) = script.next() {
        let detail = script.next().unwrap_or_default();
        world.step(step, detail, &mut script);
        world.look();
    }
}

impl World {
    fn step(&mut self, step: u8, detail: u8, rest: &mut impl Iterator<Item = u8>) {
        let time = self.now.wall;
        let device = if detail & 1 == 0 { "d" } else { "e" };
        let value = Metric::new("m", i32::from(detail));
        let part = Template::instance("T").member(value.clone());
        match step % 18 {
            0 => {
                let kind = Template::definition().member(value.clone());
                let kind = Metric::template("T", kind);
                let birth = self.edge.nbirth(time, [kind, Metric::template("i", part), value]);
                self.send(birth);
            }
            1 => {
                let birth = self.edge.dbirth(device, time, [Metric::template("i", part), value]);
                self.send(birth);
            }
            2 => {
                let data = self.edge.ndata(time, [value, Metric::template("i", part)]);
                self.send(data);
            }
            3 => {
                let data = self.edge.ddata(device, time, [value]);
                self.send(data);
            }
            4 => {
                let death = self.edge.ddeath(device, time);
                self.send(death);
            }
            5 => self.send(self.edge.will()),
            6 => {
                let will = self.edge.reconnect();
                self.held.push(will);
            }
            7 => self.edge.skip(detail),
            8 => {
                let data = self.edge.ndata(time, [value]);
                self.held.push(data);
            }
            9 => {
                if !self.held.is_empty() {
                    let message = self.held.swap_remove(usize::from(detail) % self.held.len());
                    self.send(message);
                }
            }
            10 => {
                if let Some(message) = self.held.last().cloned() {
                    self.send(message);
                }
            }
            11 => {
                let mut message = self.edge.ndata(time, [value]);
                let place = usize::from(detail) % message.payload.len();
                message.payload[place] ^= rest.next().unwrap_or_default();
                self.send(message);
            }
            12 => self.pass(Duration::from_millis(u64::from(detail) * 50)),
            13 => self.pass(Duration::from_secs(u64::from(detail) * 5)),
            14 => self.host.handle_disconnected(SERVER, self.now),
            15 => {
                if let Some(message) = self.held.last().cloned() {
                    self.send(Message { retain: true, ..message });
                }
            }
            // A Sparkplug-aware server tells what it has stored.
            16 => {
                let mut stored = self.edge.clone();
                let node = stored.nbirth(time, [value.clone()]);
                let device = stored.dbirth(device, time, [value]);
                for birth in if detail & 2 == 0 { [node, device] } else { [device, node] } {
                    let topic = format!("$sparkplug/certificates/{}", birth.topic);
                    self.send(Message { topic, retain: true, ..birth });
                }
            }
            _ => self.host.handle_connected(SERVER, time, self.now),
        }
    }

    fn send(&mut self, message: Message) {
        self.host.handle_message(
            SERVER,
            &message.topic,
            &message.payload,
            message.retain,
            self.now,
        );
        self.now = self.now.plus(Duration::from_millis(1));
    }

    fn pass(&mut self, duration: Duration) {
        let end = self.now.plus(duration);
        while let Some(due) = self.host.poll_timeout().filter(|due| *due <= end.instant) {
            self.now = self.now.plus(due.since(self.now.instant));
            self.host.handle_timeout(self.now);
            let next = self.host.poll_timeout();
            assert!(next.is_none_or(|next| next > self.now.instant), "time stands still");
        }
        self.now = end;
    }

    fn look(&mut self) {
        while let Some(output) = self.host.poll_output() {
            match output {
                Output::Event(Event::Birth(birth)) => {
                    self.alive.insert(birth.source.clone());
                    self.slots.insert(birth.source, birth.slots);
                }
                Output::Event(Event::Data(data)) => {
                    // A death may prove what waited: that is told after it.
                    let slots = self.slots.get(&data.source).copied();
                    let slots = slots.expect("data of what was never born");
                    assert!(data.samples.iter().all(|(slot, _)| slot.0 < slots));
                }
                Output::Event(Event::Death(death)) => {
                    let was_alive = self.alive.remove(&death.source);
                    assert!(was_alive, "the death of what was not alive");
                }
                Output::Publish(_)
                | Output::Finding { .. }
                | Output::AllNodesExcluded(_)
                | Output::NothingDelivered(_) => {}
            }
        }
    }
}
