//! Bridges with clocks of their own around one item, over networks that cut, slow and lose. Every
//! moment is simulated.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use super::plant::{Plant, Turn};
use super::process::{Micros, Network, Process, SECOND, Way, name};
use super::store::Store;
use crate::lease::item::{Answer, Call};
use crate::lease::{Ability, CallId, Lease, Output, Role, StopReason};
use crate::time::Instant;

/// How long a process stays after SIGTERM.
const GRACE: Micros = 25 * SECOND;
/// Until calls have ended that were made before the network was fine.
const SETTLED: Micros = 3 * SECOND;

#[derive(Debug)]
pub(super) enum Event {
    Wake(usize),
    AtStore(usize, CallId, Call),
    Answered(usize, CallId, Answer),
    Fault(Fault),
    /// Of a bridge, or of the plant around it.
    Plant(usize, Turn),
}

/// What happens to a process; the number is taken modulo the processes that live.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    Start,
    Kill(usize),
    Pause(usize, Micros),
    Leave(usize),
    Network(usize, Network),
    Ability(usize, Ability),
    DeleteItem,
    /// To what is around it.
    Around(usize, Turn),
}

struct Queued(Micros, u64, Event);

impl PartialEq for Queued {
    fn eq(&self, other: &Self) -> bool {
        (self.0, self.1) == (other.0, other.1)
    }
}
impl Eq for Queued {}
impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Queued {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.0, self.1).cmp(&(other.0, other.1))
    }
}

/// The last write of a holder, or the item's creation or deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Write {
    Holding,
    Release,
    Deletion,
}

/// A whole life of some bridges.
pub(super) struct World {
    pub(super) now: Micros,
    queue: BinaryHeap<Reverse<Queued>>,
    queued: u64,
    pub(super) random: fastrand::Rng,
    store: Store,
    pub(super) processes: Vec<Process>,
    /// What the bridges are between, where that is looked at.
    pub(super) plant: Option<Plant>,
    last_write: (Micros, Write),
    /// Until when somebody acted last.
    acted_until: Micros,
    epoch: u64,
    was_deleted: bool,
    /// Whether every event is printed.
    pub(super) traces: bool,
    /// What was reached, for the count of corners.
    pub(super) reached: BTreeMap<&'static str, u32>,
    /// The shortest true time between the end of one's acting and another's taking, by expiry.
    pub(super) closest: Option<Micros>,
    /// The longest true time from the last renewal until an able bridge acted.
    pub(super) longest_takeover: Micros,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            now: 0,
            queue: BinaryHeap::new(),
            queued: 0,
            random: fastrand::Rng::with_seed(seed),
            store: Store::default(),
            processes: Vec::new(),
            plant: None,
            last_write: (0, Write::Deletion),
            acted_until: 0,
            epoch: 0,
            was_deleted: false,
            traces: false,
            reached: BTreeMap::new(),
            closest: None,
            longest_takeover: 0,
        }
    }

    pub(super) fn random(&mut self) -> &mut fastrand::Rng {
        &mut self.random
    }

    pub(super) fn at(&mut self, at: Micros, fault: Fault) {
        self.push(at, Event::Fault(fault));
    }

    /// Lives until `end`.
    pub(super) fn run(&mut self, end: Micros) {
        while let Some(Reverse(Queued(at, _, event))) = self.queue.pop() {
            if at > end {
                return;
            }
            self.now = at;
            self.handle(event);
            self.check();
        }
    }

    /// Who acts now.
    fn acting(&self) -> Vec<usize> {
        (0..self.processes.len()).filter(|&place| self.acts(place)).collect()
    }

    fn reach(&mut self, corner: &'static str) {
        *self.reached.entry(corner).or_default() += 1;
    }

    pub(super) fn push(&mut self, at: Micros, event: Event) {
        self.queued += 1;
        self.queue.push(Reverse(Queued(at, self.queued, event)));
    }

    fn handle(&mut self, event: Event) {
        if self.traces && !matches!(event, Event::Wake(_)) {
            eprintln!("{:>11} {event:?}", self.now);
        }
        match event {
            Event::Fault(fault) => self.fail(fault),
            Event::AtStore(place, id, call) => self.at_store(place, id, call),
            Event::Wake(place) | Event::Answered(place, ..)
                if self.processes[place].paused_until > self.now =>
            {
                let until = self.processes[place].paused_until;
                self.push(until, event);
            }
            Event::Plant(place, ref turn)
                if turn.is_its_own() && self.processes[place].paused_until > self.now =>
            {
                let until = self.processes[place].paused_until;
                self.push(until, event);
            }
            Event::Plant(place, turn) => self.turn(place, turn),
            Event::Wake(place) => {
                self.run_process(place, |lease, now| {
                    if lease.poll_timeout().is_some_and(|at| at <= now) {
                        lease.handle_timeout(now);
                    }
                });
            }
            Event::Answered(place, id, answer) => {
                self.run_process(place, |lease, now| lease.handle_answer(id, answer, now));
            }
        }
    }

    fn fail(&mut self, fault: Fault) {
        let living: Vec<usize> =
            (0..self.processes.len()).filter(|&place| self.processes[place].is_alive).collect();
        let place = |number: usize| living.get(number % living.len().max(1)).copied();
        match fault {
            Fault::Start if living.len() < 3 => self.start(),
            Fault::Start => {}
            Fault::DeleteItem => {
                self.store.item = None;
                self.was_deleted = true;
                self.last_write = (self.now, Write::Deletion);
            }
            Fault::Kill(number) => {
                let Some(place) = place(number) else { return };
                if self.acts(place) {
                    self.reach("a holder is killed");
                }
                self.processes[place].is_alive = false;
                self.killed(place);
            }
            Fault::Pause(number, length) => {
                let Some(place) = place(number) else { return };
                if self.acts(place) && length > 12 * SECOND {
                    self.reach("a holder is paused for longer than its lease");
                }
                let process = &mut self.processes[place];
                process.paused_until = process.paused_until.max(self.now + length);
                process.good_since = None;
            }
            Fault::Leave(number) => {
                let Some(place) = place(number) else { return };
                if self.acts(place) {
                    self.reach("a holder leaves");
                }
                let process = &mut self.processes[place];
                process.left_at.get_or_insert(self.now);
                self.run_process(place, |lease, now| lease.handle_leave(now));
            }
            Fault::Network(number, network) => {
                let Some(place) = place(number) else { return };
                self.processes[place].network = network;
            }
            Fault::Ability(number, ability) => {
                let Some(place) = place(number) else { return };
                self.note_ability(place, ability);
            }
            Fault::Around(number, turn) => {
                let Some(place) = place(number) else { return };
                self.turn(place, turn);
            }
        }
    }

    fn start(&mut self) {
        let place = self.processes.len();
        let drift = match self.random.u32(..4) {
            0 => 50_000,
            1 => -50_000,
            _ => self.random.i64(-50_000..=50_000),
        };
        let clock_at_birth = self.random.u64(..1_000 * SECOND);
        let seed = self.random.u64(..);
        let born = Instant::from_start(Duration::from_micros(clock_at_birth));
        self.processes.push(Process {
            lease: Lease::new(name(place), seed, born),
            drift,
            born: self.now,
            clock_at_birth,
            network: Network::Fine,
            ability: Ability::default(),
            paused_until: 0,
            is_alive: true,
            left_at: None,
            good_since: None,
            abilities: vec![(self.now, Ability::default())],
            should_yield_since: None,
            is_lapsed: false,
        });
        self.started(place);
        self.run_process(place, |_, _| {});
    }

    pub(super) fn note_ability(&mut self, place: usize, ability: Ability) {
        let process = &mut self.processes[place];
        if process.ability != ability {
            process.ability = ability;
            process.abilities.push((self.now, ability));
            self.run_process(place, |lease, now| lease.handle_ability(ability, now));
        }
    }

    /// Lets a process that is neither dead nor stopped do something, and does what it wants.
    fn run_process(&mut self, place: usize, act: impl FnOnce(&mut Lease, Instant)) {
        let process = &mut self.processes[place];
        if !process.is_alive {
            return;
        }
        let clock = process.clock(self.now);
        act(&mut process.lease, clock);
        while let Some(output) = self.processes[place].lease.poll_output() {
            self.perform(place, output);
        }
        let process = &self.processes[place];
        if let Some(due) = process.lease.poll_timeout() {
            let at = process.when(due).max(self.now + 1);
            self.push(at, Event::Wake(place));
        }
        let process = &self.processes[place];
        let is_over = process.left_at.is_some_and(|at| at + GRACE <= self.now);
        if is_over || process.lease.role(clock) == Role::HandedOver {
            self.processes[place].is_alive = false;
            self.ended(place);
        }
    }

    fn perform(&mut self, place: usize, output: Output) {
        match output {
            Output::Call(id, call) => {
                if let Some(after) = self.way(place, Way::There) {
                    self.push(self.now + after, Event::AtStore(place, id, call));
                } else if self.random.bool() {
                    // The connection is refused.
                    self.push(self.now + 1_000, Event::Answered(place, id, Answer::Failed));
                }
            }
            Output::Acts(epoch) => {
                if std::mem::take(&mut self.processes[place].is_lapsed) {
                    self.reach("a lapsed holder acts again");
                }
                assert!(self.acts(place), "{place} says that it acts");
                assert!(epoch <= self.epoch || self.was_deleted, "nobody took epoch {epoch}");
                self.processes[place].should_yield_since = None;
                self.acts_from_now(place);
            }
            Output::Stops(why) => {
                // One answer can show that a lapsed holder may act again.
                assert!(why == StopReason::Lapsed || !self.acts(place), "{place} stops and acts");
                self.processes[place].is_lapsed = why == StopReason::Lapsed;
                let corner = match why {
                    StopReason::Lapsed => "a holder lapses",
                    StopReason::Lost => "a holder sees that it lost the lease",
                    StopReason::Deaf => "a deaf holder yields",
                    StopReason::Unreachable => "a holder without SiteWise yields",
                    StopReason::Leaving => "a leaving holder releases",
                };
                self.reach(corner);
                self.stops_now(place, why);
                if matches!(why, StopReason::Deaf | StopReason::Unreachable) {
                    let mine = self.processes[place].ability;
                    let abler = |other: &Process| other.was_better(mine, self.now);
                    let any = self.processes.iter().any(abler);
                    assert!(any, "{place} yields, and no other bridge was abler");
                }
            }
            Output::Asked(_) => self.reach("asks are heard"),
        }
    }

    fn at_store(&mut self, place: usize, id: CallId, call: Call) {
        let taken = match &call {
            Call::Take { version, .. } => Some(*version),
            _ => None,
        };
        let write = match &call {
            Call::Take { .. } | Call::Renew { .. } => Some(Write::Holding),
            Call::Create { .. } => Some(Write::Deletion),
            Call::Release { .. } => Some(Write::Release),
            Call::Look | Call::Follow { .. } => None,
        };
        let holder = self.store.item.as_ref().and_then(|item| item.holder.clone());
        let answer = self.store.perform(call);
        if let (Answer::Done(_), Some(write)) = (&answer, write) {
            self.last_write = (self.now, write);
        }
        if let (Answer::Done(_), Some(version)) = (&answer, taken) {
            self.reach(match holder {
                Some(_) => "a lease that ran out is taken",
                None => "a free lease is taken",
            });
            // The rule that all others are for: before a lease can be taken, its holder has stopped,
            // also one that is asleep.
            for other in (0..self.processes.len()).filter(|other| *other != place) {
                assert!(!self.acts(other), "{place} takes the lease while {other} acts");
                if holder.as_deref() == Some(name(other).as_str()) {
                    let process = &self.processes[other];
                    let end = process.when(process.lease.holds_until).max(process.born);
                    let margin = self.now.saturating_sub(end);
                    self.closest = Some(self.closest.map_or(margin, |least| least.min(margin)));
                }
            }
            assert!(version.epoch > self.epoch || self.was_deleted, "the epoch rises");
            self.epoch = self.epoch.max(version.epoch);
        }
        match self.way(place, Way::Back) {
            Some(after) => self.push(self.now + after, Event::Answered(place, id, answer)),
            None => {
                if taken.is_some() && matches!(answer, Answer::Done(_)) {
                    self.reach("the answer to a take is lost");
                }
                if self.random.bool() {
                    self.push(self.now + 1_000, Event::Answered(place, id, Answer::Failed));
                }
            }
        }
    }

    /// How long a message takes; none if it is lost.
    fn way(&mut self, place: usize, way: Way) -> Option<Micros> {
        let random = &mut self.random;
        match (self.processes[place].network, way) {
            (Network::Slow, _) if random.u32(..100) == 0 => Some(random.u64(..40 * SECOND)),
            (Network::Slow, _) => Some(random.u64(..4 * SECOND)),
            (Network::Lossy, _) if random.u32(..3) == 0 => None,
            (Network::Cut, _) | (Network::AnswersLost, Way::Back) => None,
            _ => Some(random.u64(500..50_000)),
        }
    }

    /// Whether its lease lasts; also of one that sleeps and does nothing with it.
    fn acts(&self, place: usize) -> bool {
        let process = &self.processes[place];
        process.is_alive && process.lease.acts(process.clock(self.now))
    }

    /// What has to hold at every moment.
    fn check(&mut self) {
        let acting = self.acting();
        assert!(acting.len() <= 1, "{acting:?} act at {}", self.now);
        for place in 0..self.processes.len() {
            let is_good = self.processes[place].is_good(self.now);
            let since = &mut self.processes[place].good_since;
            *since = if is_good { since.or(Some(self.now)) } else { None };
        }
        let settled = |process: &Process| process.good_since.map(|since| since + SETTLED);
        match acting.first() {
            Some(&place) => {
                let process = &self.processes[place];
                self.acted_until = process.when(process.lease.holds_until);
                self.check_yielding(place);
            }
            None => {
                let (written, write) = self.last_write;
                let bound = match write {
                    Write::Release => 2 * SECOND,
                    Write::Holding => 12 * SECOND,
                    // A holder finds out by its next renewal.
                    Write::Deletion => 16 * SECOND,
                };
                for process in &self.processes {
                    let Some(settled) = settled(process) else { continue };
                    // One that was not there at a release has to see it first.
                    let bound = if settled > written { bound.max(12 * SECOND) } else { bound };
                    let waited = self.now.saturating_sub(settled.max(written));
                    assert!(waited <= bound, "nobody acts {waited} µs after {write:?}");
                    if write == Write::Holding {
                        self.longest_takeover = self.longest_takeover.max(waited);
                    }
                    let waited = self.now.saturating_sub(settled.max(self.acted_until));
                    assert!(waited <= 40 * SECOND, "nobody acts for {waited} µs");
                }
            }
        }
    }

    /// A holder that is worse than another, with nothing in the way, yields.
    fn check_yielding(&mut self, place: usize) {
        let now = self.now;
        let process = &self.processes[place];
        let in_touch = process.network == Network::Fine && process.paused_until <= now;
        let abler = self
            .processes
            .iter()
            .any(|other| other.good_since.is_some() && other.ability.is_better(process.ability));
        let process = &mut self.processes[place];
        let since = &mut process.should_yield_since;
        *since = if in_touch && abler { since.or(Some(now)) } else { None };
        let waited = since.map_or(0, |since| now - since);
        assert!(waited < 20 * SECOND, "{place} does not yield to an abler bridge");
    }
}

/// A number from a variable of the build, or the usual one.
pub(super) fn number(text: Option<&str>, usual: u64) -> u64 {
    text.and_then(|text| text.parse().ok()).unwrap_or(usual)
}
