//! Two twins on one stream: one acts, the other follows and takes over.

use std::collections::BTreeMap;

use super::*;

fn both(one: &mut Rig, other: &mut Rig, event: &Event) {
    one.event(event.clone());
    other.event(event.clone());
}

/// A bridge that acts, and one that follows it.
fn two() -> (Rig, Rig) {
    let (holder, mut follower) = (Rig::new(), Rig::new());
    follower.twin.follow();
    (holder, follower)
}

fn is_beat(rig: &Rig) -> bool {
    let bridge = rig.sitewise.assets.iter().find(|(_, asset)| asset.name == "sparkwise");
    bridge.is_some_and(|(id, _)| rig.points.iter().any(|it| it.point.stream.asset == *id))
}

#[test]
fn a_follower_decides_what_the_holder_does_and_writes_nothing() {
    let (mut holder, mut follower) = two();
    both(
        &mut holder,
        &mut follower,
        &birth(node(), definitions(), vec![turbine("T1", 0, 12.0, 0)]),
    );
    holder.seconds(10);
    follower.seconds(10);
    both(&mut holder, &mut follower, &data(node(), vec![(0, sample(11_000, Value::Double(1.0)))]));
    assert!(!holder.sitewise.writes.is_empty());
    assert_eq!(follower.sitewise.writes, [""; 0]);
    let plant = |rig: &Rig, known: &FakeSiteWise| {
        let (bridge, _) = known.asset("sparkwise");
        let points = rig.points.iter().map(|waiting| waiting.point.clone());
        points.filter(|point| point.stream.asset != bridge).collect::<Vec<_>>()
    };
    assert_eq!(plant(&holder, &holder.sitewise), plant(&follower, &holder.sitewise));
    assert!(is_beat(&holder));
    follower.check_conservation();
}

/// What the holder made meanwhile is found, not made again; every gate opens.
#[test]
fn a_follower_that_takes_over_makes_only_what_is_missing() {
    let (mut holder, mut follower) = two();
    let first = birth(node(), definitions(), vec![turbine("T1", 0, 12.0, 0)]);
    both(&mut holder, &mut follower, &first);
    holder.seconds(10);
    follower.seconds(10);
    // Of this one the holder dies before it has made anything.
    follower.event(birth(device("T2"), Vec::new(), vec![turbine("T2", 0, 12.0, 0)]));
    follower.seconds(5);
    follower.sitewise = holder.sitewise.clone();
    follower.sitewise.writes.clear();
    follower.twin.act(follower.now);
    follower.seconds(120);
    let writes = follower.sitewise.writes.join("\n");
    assert!(writes.contains("T2") && !writes.contains("T1"), "{writes}");
    assert_eq!(follower.sitewise.path("T1/Gearbox"), ["Nordsee", "gw", "T1", "T1/Gearbox"]);
    assert_eq!(follower.sitewise.asset("T2/Gearbox").1.name, "T2/Gearbox");
    let waiting = follower.points.iter().filter(|waiting| waiting.gate.is_some());
    assert_eq!(waiting.count(), 0);
    assert!(is_beat(&follower));
    assert_eq!(follower.twin.plan().problems().count(), 0);
}

/// The holder lost its connection, and wrote all that it heard no longer as offline.
#[test]
fn what_a_deaf_holder_wrote_of_presence_is_corrected_by_who_takes_over() {
    let (mut holder, mut follower) = two();
    let born = birth(node(), definitions(), vec![turbine("T1", 0, 12.0, 0)]);
    both(&mut holder, &mut follower, &born);
    holder.seconds(10);
    follower.seconds(10);
    holder.event(death(node(), 10_000));
    let offline = Some((Quality::Good, Variant::Boolean(false)));
    assert_eq!(holder.shown("gw", "Online"), offline);
    follower.seconds(3);
    let mut taken = holder.sitewise.clone();
    for QueuedPoint { point, .. } in holder.points {
        let Point { stream, time, quality, value, .. } = point;
        taken.put(stream.asset, stream.property, Tqv { time, quality, value });
    }
    follower.sitewise = taken;
    assert_eq!(follower.shown("gw", "Online"), offline);
    follower.twin.act(follower.now);
    follower.seconds(1);
    assert_eq!(follower.shown("gw", "Online"), Some((Quality::Good, Variant::Boolean(true))));
}

/// Who takes over had founded the kind of these machines otherwise: it wrote to properties that their
/// assets do not have, until a restart.
#[test]
fn a_follower_that_takes_over_writes_to_the_models_that_machines_are_on() {
    let (mut holder, mut follower) = two();
    both(&mut holder, &mut follower, &birth(node(), Vec::new(), Vec::new()));
    let pump = |name: &str, flow| {
        let double = |slot, name: &str, value| {
            leaf(slot, name, DataType::Double, sample(0, Value::Double(value)))
        };
        birth(device(name), Vec::new(), vec![double(0, "Flow", flow), double(1, "Head", 2.0)])
    };
    let (first, second) = (pump("P1", 1.0), pump("P2", 2.0));
    for event in [&first, &second] {
        holder.event(event.clone());
    }
    for event in [&second, &first] {
        follower.event(event.clone());
    }
    holder.seconds(60);
    follower.seconds(60);
    let models = |rig: &Rig| {
        let models = rig.twin.writer.world.models.iter();
        models.map(|(_, model)| model.id).collect::<BTreeSet<_>>()
    };
    assert_ne!(models(&holder), models(&follower), "the case");
    follower.sitewise = holder.sitewise.clone();
    follower.sitewise.writes.clear();
    follower.twin.act(follower.now);
    follower.seconds(120);
    let created = |rig: &Rig| {
        let writes = rig.sitewise.writes.iter();
        writes.filter(|write| write.starts_with("create")).cloned().collect::<Vec<_>>()
    };
    assert_eq!(created(&follower), [""; 0]);
    let good = |value| Some((Quality::Good, Variant::Double(value)));
    let online = Some((Quality::Good, Variant::Boolean(true)));
    for (name, flow) in [("P1", 1.0), ("P2", 2.0)] {
        assert_eq!(follower.shown(name, "Flow"), good(flow), "{name}");
        assert_eq!(follower.shown(name, "Online"), online, "{name}");
        assert_eq!(follower.sitewise.path(name), ["Nordsee", "gw", name]);
    }
    let time = follower.offset();
    follower.event(data(device("P1"), vec![(0, sample(time, Value::Double(9.0)))]));
    follower.seconds(10);
    assert_eq!(follower.shown("P1", "Flow"), good(9.0));
    assert_eq!(follower.points.iter().filter(|waiting| waiting.gate.is_some()).count(), 0);
    assert_eq!(follower.twin.plan().problems().collect::<Vec<_>>(), []);
    // Its births bring the rest.
    assert!(follower.expected.contains(&"again Nordsee/gw".to_owned()));
    follower.event(birth(node(), Vec::new(), Vec::new()));
    follower.event(pump("P1", 3.0));
    follower.seconds(10);
    assert_eq!(created(&follower), [""; 0]);
    assert_eq!(follower.shown("P1", "Flow"), good(3.0));
    // The next of its kind joins them.
    follower.event(pump("P3", 4.0));
    follower.seconds(60);
    assert_eq!(follower.shown("P3", "Flow"), good(4.0));
    assert_eq!(created(&follower).len(), 1, "its asset: {:?}", created(&follower));
    follower.check_conservation();
}

/// A process before it still made assets after it had listed them.
#[test]
fn a_machine_that_exists_on_another_model_is_written_there() {
    let pump = |name: &str| {
        let flow = leaf(0, "Flow", DataType::Double, sample(0, Value::Double(1.0)));
        birth(device(name), Vec::new(), vec![flow])
    };
    let mut before = Rig::new();
    for event in [birth(node(), Vec::new(), Vec::new()), pump("P1"), pump("P2")] {
        before.event(event);
    }
    before.seconds(60);
    let mut rig = Rig::new();
    rig.seconds(1);
    for event in [birth(node(), Vec::new(), Vec::new()), pump("P2"), pump("P1")] {
        rig.event(event);
    }
    rig.sitewise = before.sitewise;
    rig.seconds(200);
    for name in ["P1", "P2"] {
        let flow = Some((Quality::Good, Variant::Double(1.0)));
        assert_eq!(rig.shown(name, "Flow"), flow, "{name}");
        assert_eq!(rig.sitewise.path(name), ["Nordsee", "gw", name]);
    }
    assert_eq!(rig.points.iter().filter(|waiting| waiting.gate.is_some()).count(), 0);
    assert_eq!(rig.twin.plan().problems().collect::<Vec<_>>(), []);
    // The next of its kind joins them, and not the model that nothing is on.
    rig.event(birth(node(), Vec::new(), Vec::new()));
    rig.event(pump("P3"));
    rig.seconds(60);
    let model = |name: &str| rig.sitewise.asset(name).1.model;
    assert_eq!(model("P3"), model("P1"));
    assert_eq!(rig.shown("P3", "Flow"), Some((Quality::Good, Variant::Double(1.0))));
    rig.check_conservation();
}

/// Models were called otherwise when these assets were made. It is found at the start, or not before
/// they are to be made.
#[test]
fn the_bridge_and_its_groups_are_written_on_the_models_that_their_assets_are_on() {
    for is_listed in [false, true] {
        let mut before =
            Rig::with(Config { model_prefix: "Old ".into(), ..config() }, FakeSiteWise::default());
        let born = || birth(node(), definitions(), vec![turbine("T1", 0, 12.0, 0)]);
        before.event(born());
        before.seconds(60);
        let sitewise = before.restart().sitewise;
        let models = sitewise.models.keys().copied().collect::<BTreeSet<_>>();
        let mut rig = Rig::new();
        if is_listed {
            rig = Rig::with(config(), sitewise.clone());
        }
        rig.twin.follow();
        rig.seconds(30);
        rig.sitewise = sitewise;
        rig.twin.act(rig.now);
        rig.event(born());
        rig.seconds(200);
        for name in ["sparkwise", "Nordsee", "gw", "T1"] {
            assert!(models.contains(&rig.sitewise.asset(name).1.model), "{is_listed} {name}");
        }
        let (bridge, on) = rig.sitewise.asset("sparkwise");
        let beat = rig.sitewise.models[&on.model].properties.iter();
        let beat = beat.filter(|has| has.name == "Heartbeat").map(|has| has.id).next().unwrap();
        let of = Stream { asset: bridge, property: beat };
        let beats = rig.points.iter().filter(|it| it.point.stream == of && it.gate.is_none());
        assert!(beats.count() > 1, "{is_listed}");
        assert_eq!(rig.sitewise.path("T1"), ["Nordsee", "gw", "T1"], "{is_listed}");
        let online = Some((Quality::Good, Variant::Boolean(true)));
        assert_eq!(rig.shown("gw", "Online"), online, "{is_listed}");
        assert_eq!(rig.points.iter().filter(|it| it.gate.is_some()).count(), 0, "{is_listed}");
        assert_eq!(rig.twin.plan().problems().collect::<Vec<_>>(), [], "{is_listed}");
        rig.check_conservation();
    }
}

/// People put it there: what Sparkwise did not create is not touched.
#[test]
fn an_asset_on_a_model_of_other_people_is_told() {
    let mut before = Rig::new();
    before.event(birth(node(), definitions(), vec![turbine("T1", 0, 12.0, 0)]));
    before.seconds(60);
    let mut sitewise = before.sitewise;
    let (asset, of) = sitewise.asset("T1");
    let theirs = fake::FakeModel {
        name: "Theirs".into(),
        external_id: None,
        ..sitewise.models[&of.model].clone()
    };
    let theirs_id = Uuid::from_u128(1);
    sitewise.models.insert(theirs_id, theirs.clone());
    sitewise.assets.get_mut(&asset).unwrap().model = theirs_id;
    let mut rig = Rig::with(config(), sitewise);
    rig.event(birth(node(), definitions(), vec![turbine("T1", 0, 12.0, 0)]));
    rig.seconds(3_700);
    assert_eq!(rig.sitewise.models[&theirs_id], theirs);
    let mut problems = rig.twin.plan().problems();
    assert!(
        problems.any(|(subject, why)| subject == "model Theirs" && why.contains("not touched"))
    );
}

/// What SiteWise has once all of this holder arrived, whose clock is ahead by five minutes.
fn written_ahead(holder: Rig) -> FakeSiteWise {
    let mut taken = holder.sitewise;
    for QueuedPoint { point, .. } in holder.points {
        let Point { stream, time, quality, value, .. } = point;
        let time = time.plus(Duration::from_secs(300));
        taken.put(stream.asset, stream.property, Tqv { time, quality, value });
    }
    taken
}

/// Its own connection to the server is lost.
fn lost(rig: &Rig, source: Source) -> Event {
    let (time, clock) = (rig.now.wall, ClockSource::Host);
    Event::Death(Death { source, time, clock, cause: DeathCause::ConnectionLost })
}

/// Two bridges that know a node with a turbine, after two minutes: the follower has looked for what the
/// holder made.
fn two_with_a_turbine() -> (Rig, Rig, Event) {
    let (mut holder, mut follower) = two();
    let born = birth(node(), definitions(), vec![turbine("T1", 0, 12.0, 0)]);
    both(&mut holder, &mut follower, &born);
    holder.seconds(10);
    follower.sitewise = holder.sitewise.clone();
    holder.seconds(110);
    follower.seconds(120);
    (holder, follower, born)
}

fn told(rig: &Rig, from: usize) -> BTreeMap<Stream, (Quality, Variant)> {
    let points = rig.points[from..].iter().map(|waiting| &waiting.point);
    points.map(|point| (point.stream, (point.quality, point.value.clone()))).collect()
}

/// It wrote machines as offline, and their values as stale, that the holder heard: and what repaired
/// that was let go, since the holder had heard it.
#[test]
fn a_follower_that_lost_its_connection_says_nothing_of_the_machines_behind_it() {
    for (away, rewrites) in [(10, false), (200, true)] {
        let (_, mut follower, born) = two_with_a_turbine();
        let before = follower.points.len();
        follower.event(lost(&follower, node()));
        follower.seconds(away);
        assert_eq!(told(&follower, before), BTreeMap::new(), "{away}");
        assert_eq!(
            follower.twin.presence_of(&node()).liveness,
            crate::twin::view::Liveness::Unknown
        );
        follower.event(born);
        let told = told(&follower, before);
        assert!(told.values().any(|told| *told == (Quality::Good, Variant::Boolean(true))));
        // Whether the holder, as deaf, has marked its values meanwhile is not known.
        let speed = (Quality::Good, Variant::Double(12.0));
        assert_eq!(told.values().any(|told| *told == speed), rewrites, "{told:?}");
        follower.seconds(200);
        assert!(!told.values().any(|(quality, _)| *quality != Quality::Good));
        follower.check_conservation();
    }
}

/// Nobody is left who hears them.
#[test]
fn who_begins_to_act_without_its_connection_decides_what_it_did_not_while_it_followed() {
    let (holder, mut follower, born) = two_with_a_turbine();
    let died = follower.offset();
    follower.event(lost(&follower, node()));
    follower.seconds(100);
    follower.sitewise = holder.sitewise.clone();
    follower.twin.decide_lost(|_| true, follower.now);
    follower.twin.act(follower.now);
    follower.seconds(1);
    let offline = Some((Quality::Good, Variant::Boolean(false)));
    assert_eq!(follower.shown("gw", "Online"), offline);
    let last_death = Some((Quality::Good, Variant::Double((START + died) as f64 / 1_000.0)));
    assert_eq!(follower.shown("gw", "Last death"), last_death);
    assert_eq!(follower.shown("T1", "Speed"), Some((Quality::Uncertain, Variant::Double(12.0))));
    assert_eq!(follower.expected, [""; 0]);
    follower.event(born);
    follower.seconds(1);
    assert_eq!(follower.shown("gw", "Online"), Some((Quality::Good, Variant::Boolean(true))));
    assert_eq!(follower.shown("T1", "Speed"), Some((Quality::Good, Variant::Double(12.0))));
}

/// Its connection is back, and the births are not there yet.
#[test]
fn who_begins_to_act_asks_those_that_it_has_not_heard_again() {
    let (_, mut follower, _) = two_with_a_turbine();
    let device_born = birth(device("D"), Vec::new(), vec![turbine("T2", 0, 12.0, 0)]);
    follower.event(device_born);
    follower.event(lost(&follower, device("D")));
    follower.event(lost(&follower, node()));
    follower.seconds(100);
    let before = follower.points.len();
    follower.twin.decide_lost(|_| false, follower.now);
    follower.twin.act(follower.now);
    follower.drain();
    assert_eq!(follower.expected, ["Nordsee/gw D"]);
    let presence = told(&follower, before);
    assert!(!presence.values().any(|(_, value)| matches!(value, Variant::Boolean(_))));
    let died = follower.offset();
    let Event::Death(silent) = death(node(), died) else { unreachable!("it is a death") };
    follower.event(Event::Death(Death { cause: DeathCause::Silent, ..silent }));
    follower.seconds(1);
    let offline = Some((Quality::Good, Variant::Boolean(false)));
    assert_eq!(follower.shown("gw", "Online"), offline);
    let last_death = Some((Quality::Good, Variant::Double((START + died) as f64 / 1_000.0)));
    assert_eq!(follower.shown("gw", "Last death"), last_death);
}

/// It was cut off, gave the lease back, and marked all values a minute later: nothing that does not
/// change was repaired.
#[test]
fn a_holder_that_was_cut_off_marks_nothing_once_it_follows() {
    let (mut holder, _, _) = two_with_a_turbine();
    holder.event(lost(&holder, node()));
    assert_eq!(holder.shown("gw", "Online"), Some((Quality::Good, Variant::Boolean(false))));
    holder.seconds(2);
    holder.twin.follow();
    holder.seconds(600);
    let speed = |rig: &Rig| rig.shown("T1", "Speed").map(|(quality, _)| quality);
    assert_eq!(speed(&holder), Some(Quality::Good));
    holder.twin.decide_lost(|_| true, holder.now);
    holder.twin.act(holder.now);
    holder.seconds(1);
    assert_eq!(speed(&holder), Some(Quality::Uncertain));
}

/// The clock of the bridge before was ahead: what it had written stayed the latest, and a dead machine
/// online.
#[test]
fn presence_after_a_take_over_is_later_than_what_the_bridge_before_wrote() {
    let (holder, mut follower, _) = two_with_a_turbine();
    follower.sitewise = written_ahead(holder);
    follower.twin.act(follower.now);
    follower.seconds(5);
    let online = |rig: &Rig| rig.shown("gw", "Online");
    assert_eq!(online(&follower), Some((Quality::Good, Variant::Boolean(true))));
    follower.event(death(node(), follower.offset()));
    assert_eq!(online(&follower), Some((Quality::Good, Variant::Boolean(false))));
}

/// It is dead already when SiteWise is read.
#[test]
fn what_hides_presence_after_a_take_over_is_corrected() {
    let (holder, mut follower, _) = two_with_a_turbine();
    follower.event(death(node(), follower.offset()));
    follower.sitewise = written_ahead(holder);
    follower.twin.act(follower.now);
    follower.seconds(5);
    let offline = Some((Quality::Good, Variant::Boolean(false)));
    assert_eq!(follower.shown("gw", "Online"), offline);
}

/// What it had queued waited until it acted itself, in memory or on disk, perhaps for weeks.
#[test]
fn what_a_follower_has_queued_goes_once_the_holder_has_made_the_asset() {
    let flow = |slot, name: &str| leaf(slot, name, DataType::Double, sample(0, Value::Double(1.0)));
    let pump = birth(device("P1"), Vec::new(), vec![flow(0, "Flow")]);
    let larger = birth(device("P1"), Vec::new(), vec![flow(0, "Flow"), flow(1, "Head")]);
    let (mut other, mut rig) = (Rig::new(), Rig::new());
    both(&mut other, &mut rig, &birth(node(), Vec::new(), Vec::new()));
    both(&mut other, &mut rig, &pump);
    // In the midst of the creation its lease lapses.
    rig.twin.follow();
    other.seconds(60);
    let gated = |rig: &Rig| rig.points.iter().filter(|waiting| waiting.gate.is_some()).count();
    assert!(gated(&rig) > 0, "the case");
    rig.sitewise = other.sitewise.clone();
    rig.sitewise.writes.clear();
    rig.seconds(180);
    assert_eq!(gated(&rig), 0);
    // A property that comes later, too.
    both(&mut other, &mut rig, &larger);
    rig.seconds(5);
    assert!(gated(&rig) > 0, "the case");
    other.seconds(60);
    rig.sitewise = other.sitewise.clone();
    rig.sitewise.writes.clear();
    rig.seconds(180);
    assert_eq!(gated(&rig), 0);
    assert_eq!(rig.sitewise.writes, [""; 0]);
    assert_eq!(rig.twin.plan().problems().collect::<Vec<_>>(), []);
    rig.twin.act(rig.now);
    rig.seconds(60);
    let created = rig.sitewise.writes.iter().filter(|write| write.starts_with("create"));
    assert_eq!(created.collect::<Vec<_>>(), [""; 0]);
}
