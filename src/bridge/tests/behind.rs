//! What is given up while SiteWise is learned is asked for afterwards.

use super::*;
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
