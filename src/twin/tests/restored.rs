//! What an earlier process left on disk and is sent after the births that it is older than.

use super::latest::{born, shown, temp};
use super::*;

/// Another process: of the points so far those past the first `arrived` lie on disk.
fn restart(mut rig: Rig, arrived: usize) -> (Rig, Vec<Point>) {
    let left = rig.points.split_off(arrived).into_iter().map(|waiting| waiting.point).collect();
    (rig.restart(), left)
}

fn metrics() -> Vec<BirthMetric> {
    vec![temp(Value::Double(8.0), 0)]
}

/// They leave the disk.
fn leave(rig: &mut Rig, left: &[Point]) {
    rig.twin.handle_restored(left, rig.now);
    rig.drain();
}

/// SiteWise has them.
fn arrive(rig: &mut Rig, left: &[Point]) {
    for Point { stream, time, quality, value, .. } in left.iter().cloned() {
        rig.sitewise.put(stream.asset, stream.property, Tqv { time, quality, value });
    }
    let keys: Vec<_> = left.iter().map(Point::key).collect();
    rig.twin.handle_decided(&keys);
    rig.drain();
}

/// The network was away, the machine died and was marked, and it is back with the bridge: its birth
/// repeats the old time of change, and the mark comes after it was looked up.
#[test]
fn a_mark_that_lay_on_disk_does_not_hide_what_a_machine_says() {
    for underway in [false, true] {
        let mut rig = Rig::new();
        born(&mut rig, 80.0, 0);
        rig.seconds(10);
        let arrived = rig.points.len();
        rig.event(death(node(), 20_000));
        rig.seconds(70);
        let (mut rig, left) = restart(rig, arrived);
        rig.seconds(10);
        if underway {
            leave(&mut rig, &left);
        }
        born(&mut rig, 80.0, 0);
        rig.seconds(30);
        if !underway {
            leave(&mut rig, &left);
        }
        arrive(&mut rig, &left);
        assert_eq!(shown(&rig), (Quality::Uncertain, Variant::Double(80.0)), "{underway}");
        rig.seconds(70);
        assert_eq!(shown(&rig), (Quality::Good, Variant::Double(80.0)), "{underway}");
        // Once, and the next birth has nothing to add.
        let written = rig.written("gw", "Temp").len();
        born(&mut rig, 80.0, 0);
        rig.seconds(200);
        assert_eq!(rig.written("gw", "Temp").len(), written, "{underway}");
    }
}

/// The mark came from disk, and what the sender said next was written at its very time.
#[test]
fn a_value_after_a_hidden_one_does_not_take_its_time() {
    let mut rig = Rig::new();
    born(&mut rig, 80.0, 0);
    rig.seconds(10);
    let arrived = rig.points.len();
    rig.event(death(node(), 20_000));
    rig.seconds(70);
    let mark = rig.written("gw", "Temp").pop().unwrap();
    let (mut rig, left) = restart(rig, arrived);
    rig.seconds(10);
    rig.event(birth_at(10_000, node(), Vec::new(), vec![temp(Value::Double(80.0), 0)]));
    rig.seconds(5);
    rig.twin.handle_restored(&left, rig.now);
    rig.event(data(node(), vec![(0, sample(mark.0 - 1, Value::Double(81.0)))]));
    let last = rig.written("gw", "Temp").pop().unwrap();
    assert_eq!(last, (mark.0 + 1, Quality::Good, Variant::Double(81.0)));
    assert_eq!(shown(&rig), (Quality::Good, Variant::Double(81.0)));
}

/// What comes meanwhile would hide it again.
#[test]
fn what_is_hidden_by_what_lay_on_disk_is_written_once_more_after_a_minute() {
    let mut rig = Rig::new();
    born(&mut rig, 80.0, 0);
    rig.seconds(10);
    let arrived = rig.points.len();
    rig.event(death(node(), 20_000));
    rig.seconds(70);
    let (mut rig, left) = restart(rig, arrived);
    rig.seconds(10);
    born(&mut rig, 80.0, 0);
    rig.seconds(30);
    leave(&mut rig, &left);
    arrive(&mut rig, &left);
    rig.seconds(59);
    assert_eq!(shown(&rig), (Quality::Uncertain, Variant::Double(80.0)));
    rig.seconds(2);
    assert_eq!(shown(&rig), (Quality::Good, Variant::Double(80.0)));
}

/// SiteWise shows which of them came last.
#[test]
fn what_lay_on_disk_hides_a_value_of_the_same_time_and_another_quality() {
    for (quality, times) in [(Quality::Uncertain, &[0, 1][..]), (Quality::Good, &[0])] {
        let mut rig = Rig::new();
        born(&mut rig, 80.0, 0);
        let is_it = |waiting: &&QueuedPoint| waiting.point.value == Variant::Double(80.0);
        let said = rig.points.iter().find(is_it);
        let left = Point { quality, ..said.unwrap().point.clone() };
        let mut rig = rig.restart();
        rig.seconds(10);
        born(&mut rig, 80.0, 0);
        rig.seconds(30);
        leave(&mut rig, &[left]);
        rig.seconds(70);
        let written: Vec<_> = rig.written("gw", "Temp").into_iter().map(|(at, ..)| at).collect();
        assert_eq!(written, times, "{quality:?}");
    }
}

/// They leave the disk one after the other, and the birth repeats an older value than both.
#[test]
fn of_what_lay_on_disk_and_leaves_before_a_birth_the_latest_counts() {
    for later_first in [false, true] {
        let mut rig = Rig::new();
        born(&mut rig, 80.0, 0);
        rig.seconds(10);
        let arrived = rig.points.len();
        for (at, value) in [(10_000, 90.0), (12_000, 95.0)] {
            rig.event(data(node(), vec![(0, sample(at, Value::Double(value)))]));
        }
        let (mut rig, mut left) = restart(rig, arrived);
        assert_eq!(left.len(), 2);
        if later_first {
            left.reverse();
        }
        rig.seconds(10);
        for point in &left {
            leave(&mut rig, std::slice::from_ref(point));
        }
        born(&mut rig, 80.0, 0);
        rig.seconds(30);
        arrive(&mut rig, &left);
        rig.seconds(70);
        let expected = (Quality::Good, Variant::Double(80.0));
        assert_eq!(shown(&rig), expected, "later first: {later_first}");
    }
}

/// Nothing of the machine was there, so that nothing was looked up either.
#[test]
fn what_lay_on_disk_behind_a_gate_does_not_hide_what_a_machine_says() {
    let mut rig = Rig::new();
    born(&mut rig, 80.0, 0);
    rig.event(death(node(), 20_000));
    rig.seconds(70);
    let left: Vec<_> = rig.points.into_iter().map(|waiting| waiting.point).collect();
    let mut rig = Rig::with(config(), FakeSiteWise::default());
    rig.now.wall = rig.at(100_000);
    rig.seconds(10);
    born(&mut rig, 80.0, 0);
    rig.seconds(30);
    leave(&mut rig, &left);
    arrive(&mut rig, &left);
    assert_eq!(shown(&rig).0, Quality::Uncertain);
    rig.seconds(70);
    assert_eq!(shown(&rig), (Quality::Good, Variant::Double(80.0)));
    assert_eq!(rig.shown("gw", "Online"), Some((Quality::Good, Variant::Boolean(true))));
}

/// What is later than all that was left needs no second word.
#[test]
fn what_lay_on_disk_is_not_written_over_where_it_hides_nothing() {
    let mut rig = Rig::new();
    born(&mut rig, 80.0, 0);
    let arrived = rig.points.len();
    rig.event(data(node(), vec![(0, sample(10_000, Value::Double(95.0)))]));
    rig.seconds(20);
    let (mut rig, left) = restart(rig, arrived);
    rig.seconds(5);
    let at = rig.offset();
    born(&mut rig, 80.0, at);
    leave(&mut rig, &left);
    arrive(&mut rig, &left);
    rig.seconds(100);
    assert_eq!(rig.written("gw", "Temp"), [(at, Quality::Good, Variant::Double(80.0))]);
    // One that data wrote over meanwhile is not either.
    let later = Point { time: rig.at(at + 1_000), ..left[0].clone() };
    leave(&mut rig, &[later]);
    let said = at + 2_000;
    rig.event(data(node(), vec![(0, sample(said, Value::Double(81.0)))]));
    rig.seconds(100);
    assert_eq!(rig.written("gw", "Temp").len(), 2);
}

#[test]
fn an_attributes_own_value_that_lay_on_disk_does_not_hide_what_is_said_now() {
    let with_serial = |serial: Option<&str>, offset: i64| {
        let mut metric = turbine("T1", 0, 1.0, 0);
        if let Content::Instance(instance) = &mut metric.content {
            let own = serial.map(|serial| property("Serial", DataType::String, text(serial)));
            instance.parameters.extend(own);
        }
        birth_at(offset, node(), definitions(), vec![metric])
    };
    for (now, expected) in [(None, "unknown"), (Some("B-18"), "B-18")] {
        for underway in [false, true] {
            let mut rig = Rig::new();
            rig.event(with_serial(None, 0));
            rig.seconds(30);
            let arrived = rig.points.len();
            rig.event(with_serial(Some("A-17"), 40_000));
            rig.seconds(30);
            let (mut rig, left) = restart(rig, arrived);
            rig.seconds(10);
            if underway {
                leave(&mut rig, &left);
            }
            rig.event(with_serial(now, 20_000));
            rig.seconds(30);
            if !underway {
                leave(&mut rig, &left);
            }
            arrive(&mut rig, &left);
            let is = Some((Quality::Good, Variant::String(expected.into())));
            assert_eq!(rig.shown("T1", "Serial"), is, "{underway}");
        }
    }
}

/// A device whose clock is ahead died, and its death by that clock lay on disk.
#[test]
fn a_death_that_lay_on_disk_does_not_hide_that_a_machine_is_alive() {
    for underway in [false, true] {
        let mut rig = Rig::new();
        rig.event(birth(device("mast"), Vec::new(), metrics()));
        rig.seconds(10);
        let arrived = rig.points.len();
        rig.event(death(device("mast"), 200_000));
        let (mut rig, left) = restart(rig, arrived);
        rig.seconds(10);
        if underway {
            leave(&mut rig, &left);
        }
        let at = rig.offset();
        rig.event(birth_at(at, device("mast"), Vec::new(), metrics()));
        rig.seconds(10);
        if !underway {
            leave(&mut rig, &left);
        }
        arrive(&mut rig, &left);
        let online = Some((Quality::Good, Variant::Boolean(true)));
        assert_eq!(rig.shown("mast", "Online"), online, "{underway}");
    }
}

/// SiteWise has it as offline; that it was born lay on disk.
#[test]
fn who_was_online_by_what_lay_on_disk_is_expected() {
    let mut rig = Rig::new();
    rig.event(birth(device("mast"), Vec::new(), metrics()));
    rig.seconds(5);
    rig.event(death(device("mast"), 5_000));
    rig.seconds(5);
    let arrived = rig.points.len();
    let at = rig.offset();
    rig.event(birth_at(at, device("mast"), Vec::new(), metrics()));
    rig.seconds(5);
    let (mut rig, left) = restart(rig, arrived);
    rig.seconds(10);
    rig.expected.clear();
    leave(&mut rig, &left);
    arrive(&mut rig, &left);
    assert_eq!(rig.expected, ["Nordsee/gw mast"]);
    assert_eq!(rig.shown("mast", "Online"), Some((Quality::Good, Variant::Boolean(true))));
    // It may live, and its values are not marked while it is expected.
    rig.seconds(120);
    assert_eq!(rig.shown("mast", "Temp"), Some((Quality::Good, Variant::Double(8.0))));
    let at = rig.offset();
    rig.event(death(device("mast"), at));
    assert_eq!(rig.shown("mast", "Online"), Some((Quality::Good, Variant::Boolean(false))));
}

/// A plant, its bridge, and a network that fails between the bridge and SiteWise.
struct Plant {
    rig: Rig,
    rng: fastrand::Rng,
    away: bool,
    /// So many of the points of this process have arrived.
    arrived: usize,
    disk: Vec<Point>,
    underway: Vec<Point>,
    /// What the plant said last.
    speed: f64,
    serial: Option<&'static str>,
    said: i64,
}

impl Plant {
    /// The value has an old time of change where it is repeated.
    fn birth(&mut self, repeats: bool) {
        if !repeats {
            self.speed = f64::from(self.rng.u8(..4));
            self.said = self.rig.offset();
        }
        self.serial = self.rng.choice([None, Some("A-17"), Some("B-18")]).unwrap();
        let mut metric = turbine("T1", 0, self.speed, self.said);
        if let Content::Instance(instance) = &mut metric.content {
            let own = self.serial.map(|own| property("Serial", DataType::String, text(own)));
            instance.parameters.extend(own);
        }
        let at = self.rig.offset();
        self.rig.event(birth_at(at, node(), definitions(), vec![metric]));
    }

    fn act(&mut self) {
        match self.rng.u8(..10) {
            0 | 1 => {
                let repeats = self.rng.bool();
                self.birth(repeats);
            }
            2 => {
                (self.speed, self.said) = (f64::from(self.rng.u8(..4)), self.rig.offset());
                let said = sample(self.said, Value::Double(self.speed));
                self.rig.event(data(node(), vec![(0, said)]));
            }
            3 => {
                let at = self.rig.offset() + self.rng.i64(-5_000..5_000);
                self.rig.event(death(node(), at));
                self.rig.seconds(self.rng.u64(..100));
            }
            4 => self.away = !self.away,
            5 => self.restart(),
            6 => self.leave(),
            7 => arrive(&mut self.rig, &std::mem::take(&mut self.underway)),
            _ => self.rig.seconds(self.rng.u64(..40)),
        }
        self.rig.seconds(1);
        if !self.away {
            let new = self.rig.points.split_at(self.arrived).1.iter();
            let new: Vec<_> = new.map(|waiting| waiting.point.clone()).collect();
            arrive(&mut self.rig, &new);
            self.arrived = self.rig.points.len();
        }
    }

    /// Some of what is on disk, by property and time.
    fn leave(&mut self) {
        self.disk.sort_by_key(Point::key);
        let some = self.disk.drain(..self.rng.usize(..=self.disk.len())).collect::<Vec<_>>();
        leave(&mut self.rig, &some);
        self.underway.extend(some);
    }

    fn restart(&mut self) {
        let rig = std::mem::replace(&mut self.rig, Rig::new());
        let (rig, left) = restart(rig, self.arrived);
        self.rig = rig;
        self.disk.extend(left);
        self.disk.append(&mut self.underway);
        self.arrived = 0;
        self.rig.seconds(5);
    }
}

/// However often the bridge started anew, and whatever it had left.
#[test]
fn the_latest_is_the_latest_whatever_lay_on_disk() {
    for seed in 0..100 {
        let mut rig = Rig::new();
        rig.seconds(5);
        let mut plant = Plant {
            rig,
            rng: fastrand::Rng::with_seed(seed),
            away: false,
            arrived: 0,
            disk: Vec::new(),
            underway: Vec::new(),
            speed: 0.0,
            serial: None,
            said: 0,
        };
        plant.birth(false);
        for _ in 0..60 {
            plant.act();
        }
        plant.birth(true);
        while !plant.disk.is_empty() {
            plant.rig.seconds(plant.rng.u64(..100));
            plant.leave();
        }
        arrive(&mut plant.rig, &std::mem::take(&mut plant.underway));
        plant.rig.seconds(200);
        let rig = &plant.rig;
        let speed = Some((Quality::Good, Variant::Double(plant.speed)));
        assert_eq!(rig.shown("T1", "Speed"), speed, "seed {seed}");
        let serial = Variant::String(plant.serial.unwrap_or("unknown").into());
        if let Some((_, shown)) = rig.shown("T1", "Serial") {
            assert_eq!(shown, serial, "seed {seed}");
        } else {
            assert_eq!(plant.serial, None, "seed {seed}");
        }
        let online = Some((Quality::Good, Variant::Boolean(true)));
        assert_eq!(rig.shown("gw", "Online"), online, "seed {seed}");
    }
}

/// The machine died, and what it said last lay on disk longer than its values were looked at.
#[test]
fn what_the_dead_said_last_and_lay_on_disk_is_marked() {
    for underway in [false, true] {
        let mut rig = Rig::new();
        born(&mut rig, 80.0, 0);
        rig.event(data(node(), vec![(0, sample(8_000, Value::Double(81.0)))]));
        rig.event(death(node(), 20_000));
        let held = |waiting: &QueuedPoint| waiting.point.value == Variant::Double(81.0);
        let left: Vec<_> = rig.points.extract_if(.., |waiting| held(waiting)).collect();
        let left: Vec<_> = left.into_iter().map(|waiting| waiting.point).collect();
        assert_eq!(left.len(), 1);
        let mut rig = rig.restart();
        rig.seconds(10);
        if underway {
            leave(&mut rig, &left);
        }
        rig.seconds(90);
        if !underway {
            assert_eq!(shown(&rig), (Quality::Uncertain, Variant::Double(80.0)));
            leave(&mut rig, &left);
        }
        arrive(&mut rig, &left);
        rig.seconds(90);
        assert_eq!(shown(&rig), (Quality::Uncertain, Variant::Double(81.0)), "{underway}");
    }
}
