//! A plant that speaks, one MQTT server, SiteWise, and two bridges between: what either heard is
//! delivered in the end, and no command is carried out twice.

use std::time::Duration;

use super::bridge::{Bridge, Kept, Link, LinkKind, Mode, Value};
use super::process::{Micros, SECOND, name};
use super::world::{Event, World};
use crate::lease::{RENEW, StopReason};
use crate::time::Instant;

const TICK: Micros = 500_000;
/// How long a value waits until it is on the disk.
const COMMIT: Micros = 200_000;
/// How long a connection outlives.
const SHORT: Micros = 2_500_000;
/// What a command asks for.
const LEFT: Duration = Duration::from_secs(5);

/// What happens around the bridges.
#[derive(Clone, Debug)]
pub(super) enum Turn {
    /// The plant says a value.
    Say,
    /// It arrives on a connection.
    Heard(Value, usize),
    /// The server takes a connection.
    Subscribe(usize),
    Connected(usize),
    Disconnected(usize),
    Tick,
    /// Values arrive at SiteWise.
    Put(Vec<Value>),
    Accepted(Vec<Value>),
    /// Somebody asks to write to the plant.
    Command,
    /// That arrives.
    Asked(usize),
    /// Messages to this bridge are lost; noticed so much later.
    Deafen(Micros),
    Undeafen,
    CutOff,
    Reconnect,
}

impl Turn {
    /// Whether a bridge does it, which it does not while it sleeps.
    pub(super) fn is_its_own(&self) -> bool {
        match self {
            Self::Heard(..)
            | Self::Subscribe(_)
            | Self::Connected(_)
            | Self::Disconnected(_)
            | Self::Tick
            | Self::Accepted(_)
            | Self::Asked(_) => true,
            Self::Say
            | Self::Put(_)
            | Self::Command
            | Self::Deafen(_)
            | Self::Undeafen
            | Self::CutOff
            | Self::Reconnect => false,
        }
    }
}

/// What became of a value at one bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Kept,
    /// Another one has it, as this one thinks.
    Released,
    /// It was killed, or ended, and had it in memory.
    Died,
    /// As well, and it could not deliver it before, without a disk and without SiteWise.
    DiedCutOff,
}

/// All of it.
#[derive(Debug)]
pub(super) struct Plant {
    pub(super) bridges: Vec<Bridge>,
    links: usize,
    /// Who heard each value, and what became of it there.
    heard: Vec<Vec<(usize, Fate)>>,
    delivered: Vec<bool>,
    /// Whether outboxes are on disks; and those that dead bridges have left.
    has_disks: bool,
    left: Vec<(Value, Micros)>,
    speaks_until: Micros,
    /// How often each command was carried out.
    commands: Vec<u32>,
    /// How often somebody began to act.
    pub(super) terms: u64,
}

impl Plant {
    pub(super) fn new(has_disks: bool, speaks_until: Micros) -> Self {
        Self {
            bridges: Vec::new(),
            links: 0,
            heard: Vec::new(),
            delivered: Vec::new(),
            has_disks,
            left: Vec::new(),
            speaks_until,
            commands: Vec::new(),
            terms: 0,
        }
    }

    fn next_link(&mut self) -> usize {
        self.links += 1;
        self.links
    }

    fn fate(&mut self, place: usize, value: Value, fate: Fate) {
        if let Some(entry) = self.heard[value].iter_mut().find(|(heard, _)| *heard == place) {
            entry.1 = fate;
        }
    }

    /// A bridge is no more, and has not delivered what is in its memory.
    pub(super) fn bury(&mut self, place: usize, now: Micros) {
        let bridge = &mut self.bridges[place];
        let fate = if bridge.cut_off_since.is_some() { Fate::DiedCutOff } else { Fate::Died };
        let (window, outbox) = (bridge.take_window(), bridge.outbox.split_off(0));
        for value in window {
            self.fate(place, value, Fate::Died);
        }
        for (value, came) in outbox {
            match self.has_disks && came + COMMIT <= now {
                true => self.left.push((value, now)),
                false => self.fate(place, value, fate),
            }
        }
    }

    /// Values that were delivered, and commands that were carried out.
    pub(super) fn counts(&self) -> (u64, u64) {
        let delivered = self.delivered.iter().filter(|it| **it).count() as u64;
        (delivered, self.commands.iter().map(|it| u64::from(*it)).sum())
    }

    /// What either bridge heard is in SiteWise, unless all who heard it died with it, or one that could
    /// not deliver it for long and had no disk.
    pub(super) fn check(&self) {
        for (value, heard) in self.heard.iter().enumerate() {
            let is_excused = heard.iter().all(|(_, fate)| *fate == Fate::Died)
                || heard.iter().any(|(_, fate)| *fate == Fate::DiedCutOff);
            assert!(self.delivered[value] || is_excused, "value {value} is lost: {heard:?}");
        }
        // Times are the plant's own: the last that arrived is the latest, unless it is lost.
        assert!(self.commands.iter().all(|times| *times <= 1), "a command twice");
    }
}

impl World {
    fn plan(&mut self, place: usize, after: Micros, turn: Turn) {
        self.push(self.now + after, Event::Plant(place, turn));
    }

    fn instant(&self, place: usize) -> Instant {
        self.processes[place].clock(self.now)
    }

    pub(super) fn started(&mut self, place: usize) {
        let now = self.instant(place);
        let Some(plant) = &mut self.plant else { return };
        let link = plant.next_link();
        let mut bridge = Bridge::new(link, now);
        // It takes the place of a dead one, and delivers what that has left.
        bridge.outbox = std::mem::take(&mut plant.left);
        plant.bridges.push(bridge);
        self.connect(place, link);
        self.plan(place, TICK, Turn::Tick);
    }

    fn connect(&mut self, place: usize, link: usize) {
        let after = self.random().u64(10_000..500_000);
        self.plan(place, after, Turn::Subscribe(link));
    }

    pub(super) fn acts_from_now(&mut self, place: usize) {
        let (now, at) = (self.instant(place), self.now);
        let Some(plant) = &mut self.plant else { return };
        plant.terms += 1;
        let link = plant.next_link();
        let bridge = &mut plant.bridges[place];
        if bridge.window.figures().points > 0 {
            self.reached.entry("a window is delivered").and_modify(|n| *n += 1).or_insert(1);
        }
        if let Some(link) = bridge.begin_acting(link, now, at) {
            self.connect(place, link);
        }
    }

    pub(super) fn stops_now(&mut self, place: usize, why: StopReason) {
        let now = self.instant(place);
        let Some(plant) = &mut self.plant else { return };
        let link = plant.next_link();
        if let Some(link) = plant.bridges[place].stop_acting(why, link, now) {
            self.connect(place, link);
        }
    }

    /// Somebody killed it.
    pub(super) fn killed(&mut self, place: usize) {
        let now = self.now;
        if let Some(plant) = &mut self.plant {
            plant.bury(place, now);
        }
    }

    /// It has ended by itself: what it has it delivers, or the holder has it.
    pub(super) fn ended(&mut self, place: usize) {
        let (now, instant) = (self.now, self.instant(place));
        let figures = self.processes[place].lease.figures(instant);
        let is_holder = |place: &usize| figures.holder.as_deref() == Some(&name(*place));
        let holder = (0..self.processes.len()).find(is_holder);
        let Some(plant) = &mut self.plant else { return };
        // Two failures at once: nobody knows of a holder that has just died, or did not notice at its
        // last renewal that it was deaf.
        let has_failed = |place: usize| {
            let bridge = &plant.bridges[place];
            let lately = bridge.noticed_at.is_some_and(|at| at + 6 * SECOND > now);
            !self.processes[place].is_alive || bridge.is_deaf_unnoticed() || lately
        };
        let fate = if holder.is_some_and(has_failed) { Fate::Died } else { Fate::Released };
        let renewed = figures.renewed_at.filter(|at| instant.since(*at) < RENEW * 2);
        let bridge = &mut plant.bridges[place];
        if bridge.mode == Mode::Follows
            && let Some(at) = renewed
        {
            for value in bridge.release((at, figures.heard), true, 0) {
                plant.fate(place, value, fate);
            }
        } else {
            let window = bridge.take_window();
            bridge.outbox.extend(window.into_iter().map(|value| (value, 0)));
        }
        let bridge = &mut plant.bridges[place];
        if bridge.cut_off_since.is_none() {
            for (value, _) in bridge.outbox.split_off(0) {
                plant.delivered[value] = true;
            }
        }
        plant.bury(place, now);
    }

    /// A turn of a bridge that neither sleeps nor is dead, or of what is around it.
    pub(super) fn turn(&mut self, place: usize, turn: Turn) {
        if let Turn::Put(values) = turn {
            return self.put(place, values);
        }
        if matches!(turn, Turn::Say | Turn::Command) {
            return self.say(turn);
        }
        let is_alive = self.processes.get(place).is_some_and(|process| process.is_alive);
        let Some(plant) = self.plant.as_mut().filter(|_| is_alive) else { return };
        let bridge = &mut plant.bridges[place];
        let (now, at) = (self.processes[place].clock(self.now), self.now);
        match turn {
            Turn::Heard(value, link) => {
                if bridge.hear(value, link, now, at) != Kept::No {
                    plant.heard[value].push((place, Fate::Kept));
                }
            }
            Turn::Subscribe(link) => self.subscribe(place, link),
            Turn::Connected(link) => {
                if let Some(replaced) = bridge.connected(link, now)
                    && replaced.is_subscribed
                {
                    // What is on its way on the old one may arrive.
                    self.reached.entry("one connection replaces another").or_insert(1);
                }
            }
            Turn::Disconnected(link) => {
                bridge.noticed_at = Some(at);
                if bridge.disconnected(link, now) {
                    self.plan(place, SECOND, Turn::Subscribe(link));
                }
            }
            Turn::Tick => self.tick(place),
            Turn::Accepted(values) => {
                bridge.is_sending = false;
                bridge.outbox.retain(|(value, _)| values.binary_search(value).is_err());
            }
            Turn::Asked(command) => {
                if self.processes[place].lease.lease_left(now) >= LEFT {
                    plant.commands[command] += 1;
                }
            }
            Turn::Deafen(noticed) => {
                bridge.is_deaf = true;
                bridge.deaf_from = at;
                let cut =
                    |link: &mut Link| std::mem::take(&mut link.is_subscribed).then_some(link.id);
                let links: Vec<usize> = bridge.links().filter_map(cut).collect();
                for link in links {
                    self.plan(place, noticed, Turn::Disconnected(link));
                }
            }
            // TCP repeats what a short cut loses.
            Turn::Undeafen if bridge.deaf_from + SHORT > at => self.plan(place, SHORT, turn),
            Turn::Undeafen => bridge.is_deaf = false,
            Turn::CutOff => bridge.cut_off_since = Some(now),
            Turn::Reconnect => bridge.cut_off_since = None,
            Turn::Say | Turn::Command | Turn::Put(_) => {}
        }
    }

    /// The plant says a value, or somebody asks for a command.
    fn say(&mut self, turn: Turn) {
        let is_command = matches!(turn, Turn::Command);
        let Some(plant) = &mut self.plant else { return };
        if self.now >= plant.speaks_until {
            return;
        }
        let number = match is_command {
            true => {
                plant.commands.push(0);
                plant.commands.len() - 1
            }
            false => {
                plant.heard.push(Vec::new());
                plant.delivered.push(false);
                plant.heard.len() - 1
            }
        };
        for place in 0..self.processes.len() {
            let Some(plant) = &mut self.plant else { return };
            if !self.processes[place].is_alive {
                continue;
            }
            if is_command {
                if plant.bridges[place].is_door_open {
                    let after = self.random.u64(5_000..2 * SECOND);
                    self.plan(place, after, Turn::Asked(number));
                }
                continue;
            }
            let mut arrivals = Vec::new();
            for link in plant.bridges[place].links().filter(|link| link.is_subscribed) {
                // In the order in which they were sent.
                link.last = (self.now + self.random.u64(500..80_000)).max(link.last + 1);
                arrivals.push((link.last, link.id));
            }
            for (at, link) in arrivals {
                self.push(at, Event::Plant(place, Turn::Heard(number, link)));
            }
        }
        let pause = match is_command {
            true => self.random.u64(SECOND..8 * SECOND),
            false => self.random.u64(20_000..500_000),
        };
        self.plan(0, pause, turn);
    }

    /// The server takes a connection, and ends another of the same client identifier.
    fn subscribe(&mut self, place: usize, id: usize) {
        let Some(plant) = &mut self.plant else { return };
        let is_deaf = plant.bridges[place].is_deaf;
        let Some(link) = plant.bridges[place].link(id).filter(|link| !link.is_subscribed) else {
            return;
        };
        if is_deaf {
            return self.plan(place, SECOND, Turn::Subscribe(id));
        }
        link.is_subscribed = true;
        let kind = link.kind;
        let mut ended = Vec::new();
        for (other, bridge) in plant.bridges.iter_mut().enumerate() {
            let same = |link: &&mut Link| {
                kind == LinkKind::Host && link.kind == kind && link.id != id && link.is_subscribed
            };
            for link in bridge.links().filter(same) {
                link.is_subscribed = false;
                ended.push((other, link.id, link.last));
            }
        }
        for (other, link, last) in ended {
            self.push(
                (self.now + 5_000).max(last + 1),
                Event::Plant(other, Turn::Disconnected(link)),
            );
        }
        self.plan(place, 2_000, Turn::Connected(id));
    }

    /// What is due every half second: abilities, the window, deliveries.
    fn tick(&mut self, place: usize) {
        let now = self.instant(place);
        let Some(plant) = &mut self.plant else { return };
        let bridge = &mut plant.bridges[place];
        let ability = bridge.ability(now);
        self.processes[place].lease.handle_hears_since(bridge.hears_since());
        let figures = self.processes[place].lease.figures(now);
        if bridge.mode == Mode::Follows
            && let Some(at) = figures.renewed_at
        {
            for value in bridge.release((at, figures.heard), false, self.now) {
                plant.fate(place, value, Fate::Released);
            }
        }
        let bridge = &mut plant.bridges[place];
        let mut send = None;
        if !bridge.is_sending && bridge.cut_off_since.is_none() && !bridge.outbox.is_empty() {
            bridge.is_sending = true;
            let mut values: Vec<Value> = bridge.outbox.iter().map(|(value, _)| *value).collect();
            values.sort_unstable();
            send = Some(values);
        }
        if let Some(values) = send {
            let after = self.random.u64(5_000..400_000);
            self.plan(place, after, Turn::Put(values));
        }
        self.note_ability(place, ability);
        self.plan(place, TICK, Turn::Tick);
    }

    /// Values arrive at SiteWise, whatever became of who sent them.
    fn put(&mut self, place: usize, values: Vec<Value>) {
        let Some(plant) = &mut self.plant else { return };
        for value in &values {
            plant.delivered[*value] = true;
        }
        self.plan(place, 5_000, Turn::Accepted(values));
    }
}
