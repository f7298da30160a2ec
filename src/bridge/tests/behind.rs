//! What is given up while SiteWise is learned is asked for afterwards.

use super::plant::Plant;
use super::*;
use crate::bridge::deferral::Deferred;
use crate::sparkplug::host::NodePhase;
use crate::twin::counts::DropReason;

/// What SiteWise shows of `Load` of the first node.
fn load(world: &World) -> Option<Variant> {
    let (asset, of) = world.sitewise.asset("gw1");
    let model = &world.sitewise.models[&of.model];
    let property = model.properties.iter().find(|has| has.name == "Load")?.id;
    let stream = Stream { asset, property };
    world.written.iter().rfind(|(key, _)| key.stream == stream).map(|(_, value)| value.clone())
}

#[test]
fn after_learning_a_node_whose_data_was_given_up_is_asked_and_its_latest_is_shown() {
    let mut world = World::new(7);
    world.pass(Duration::from_secs(60));
    world.weather = Weather { steps: 100, ..Weather::default() };
    world.restart_on_disk();
    let birth = |world: &mut World, value: i32| {
        let time = world.true_time();
        let message = world.edges[0].nbirth(time, [Metric::new("Load", value).at(time)]);
        world.deliver(message);
    };
    world.pass(Duration::from_secs(5));
    birth(&mut world, 7);
    let many = |time| (0..1_000).map(move |n| Metric::new(&format!("M{n}"), 1).at(time));
    let time = world.true_time();
    let message = world.edges[1].nbirth(time, many(time));
    world.deliver(message);
    let given_up = |world: &World| world.bridge.twin().counts().dropped(DropReason::BeforeSync);
    while given_up(&world) == 0 {
        let message = world.edges[1].ndata(time, many(time));
        world.deliver(message);
    }
    let before = given_up(&world);
    while given_up(&world) == before {
        let message = world.edges[1].ndata(time, many(time).take(1));
        world.deliver(message);
    }
    world.pass(Duration::from_secs(1));
    // It changes for the last time.
    let time = world.true_time();
    let message = world.edges[0].ndata(time, [Metric::new("Load", 8).at(time)]);
    world.deliver(message);
    assert_eq!(given_up(&world), before + 2);
    world.check_conservation();
    assert_eq!(world.rebirths, 0);

    world.weather = Weather::default();
    world.pass(Duration::from_secs(60));
    assert_eq!(load(&world), Some(Variant::Integer(7)));
    // Both, and ever rarer, since neither answers.
    let asked = |node: &str| {
        let topic = format!("spBv1.0/Nordsee/NCMD/{node}");
        world.log.iter().filter(|line| line.contains(&topic)).count()
    };
    assert_eq!((asked("gw1"), asked("gw2")), (4, 4));
    birth(&mut world, 8);
    world.pass(Duration::from_secs(60));
    assert_eq!(load(&world), Some(Variant::Integer(8)));
    world.check_conservation();
}

/// A living node that nobody had asked yet was told dead for minutes, in the past.
#[test]
fn who_is_expected_after_the_initial_sync_is_not_silent_before_it() {
    let Plant { mut bridge, now, .. } = Plant::new(|_| {});
    let after = |seconds: u64| now.plus(Duration::from_secs(seconds));
    let value = || [Metric::new("a", 1_i32)];
    bridge.set_deferrable(true);
    bridge.defer(after(120));
    let (quiet, other) = (EdgeNode::new("g", "quiet"), EdgeNode::new("g", "other"));
    let synced = after(600);
    bridge.host.expect_online(&quiet, &[], synced);
    bridge.expect_deferred(&quiet, &[], synced);
    let hear = |bridge: &mut Bridge, edge: &EdgeNode, at: Now| {
        let birth = Edge::new(edge.clone(), 0).nbirth(at.wall, value());
        let (topic, payload) = (&birth.topic, &birth.payload);
        let stored = Deferred::Message { topic, payload, retain: false };
        bridge.handle_deferred(SERVER, &stored, at, synced);
        bridge.deferral.as_ref().unwrap().host.phase(&quiet)
    };
    for second in (130..600).step_by(10) {
        assert_eq!(hear(&mut bridge, &other, after(second)), NodePhase::Unknown, "{second}");
    }
    assert_eq!(hear(&mut bridge, &other, synced), NodePhase::Awaited);
    assert_eq!(hear(&mut bridge, &quiet, after(601)), NodePhase::Online);
    assert_eq!(hear(&mut bridge, &other, after(660)), NodePhase::Online);
    // One that does not answer is dead ten seconds after it was asked.
    let gone = EdgeNode::new("g", "gone");
    bridge.expect_deferred(&gone, &[], after(700));
    for (second, phase) in [(705, NodePhase::Awaited), (720, NodePhase::Offline)] {
        hear(&mut bridge, &other, after(second));
        hear(&mut bridge, &other, after(second + 1));
        assert_eq!(bridge.deferral.as_ref().unwrap().host.phase(&gone), phase, "{second}");
    }
}

/// The twin had it online for ever: the running host alone was told of the death, which is not stored.
#[test]
fn who_dies_unheard_while_messages_wait_on_disk_is_offline_once_they_are_read() {
    for last in [30, 70] {
        let Plant { mut bridge, now, .. } = Plant::new(|_| {});
        let after = |seconds: u64| now.plus(Duration::from_secs(seconds));
        let [gone, other] = ["gone", "other"].map(|node| EdgeNode::new("g", node));
        let birth = |edge: &EdgeNode, at: Now| {
            Edge::new(edge.clone(), 0).nbirth(at.wall, [Metric::new("a", 1_i32)])
        };
        bridge.set_deferrable(true);
        let first = birth(&gone, now);
        bridge.handle_message(SERVER, &first.topic, &first.payload, false, now);
        let source = Source { edge: gone.clone(), device: None };
        assert!(bridge.twin.presence_of(&source).is_heard_alive());
        bridge.defer(now);
        let lost = LostSenders { deaths: [gone.clone()].into(), ..LostSenders::default() };
        bridge.handle_lost(SERVER, &lost, after(20));
        for second in 20..60 {
            bridge.handle_timeout(after(second));
        }
        assert_eq!(bridge.host.phase(&gone), NodePhase::Offline);
        // What another one said before, or long after.
        let stored = birth(&other, after(last));
        let (topic, payload) = (&stored.topic, &stored.payload);
        let stored = Deferred::Message { topic, payload, retain: false };
        bridge.handle_deferred(SERVER, &stored, after(last), after(90));
        bridge.end_deferral(true, after(90));
        assert!(!bridge.is_deferring());
        assert!(!bridge.twin.presence_of(&source).is_heard_alive(), "{last}");
    }
}
