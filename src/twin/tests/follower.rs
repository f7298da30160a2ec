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
