//! Two twins on one stream: one acts, the other follows and takes over.

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
