//! What SiteWise keeps rejecting, between the outbox and delivery.

use super::*;
use crate::delivery::point::{Class, Stream};
use crate::outbox::QueuedPoint;
use crate::sitewise::api::Quality;

/// A turbine's speed, so many seconds ago.
fn speed(world: &World, turbine: &str, seconds: u64) -> Point {
    let (asset, of) = world.sitewise.asset(turbine);
    let model = &world.sitewise.models[&of.model];
    let property = model.properties.iter().find(|has| has.name == "Speed").unwrap().id;
    Point {
        stream: Stream { asset, property },
        time: world.now.wall.minus(Duration::from_secs(seconds)),
        quality: Quality::Good,
        value: Variant::Double(seconds as f64),
        class: Class::Live,
    }
}

fn rejecting(turbine: &str) -> World {
    let mut world = World::new(3);
    world.birth(0, 3, false);
    world.pass(Duration::from_secs(60));
    world.outbox = MemoryOutbox::new(1 << 30);
    world.weather.denied = Some(world.sitewise.asset(turbine).0);
    world
}

/// One property whose values are denied stopped all machines once 200,000 of them had come: each
/// took a place of the others.
#[test]
fn a_property_that_is_denied_stops_no_other_and_comes_once_it_is_allowed() {
    let mut world = rejecting("T1");
    let (batches, each) = (15, 400);
    for batch in 0..batches {
        let points = (0..each).map(|n| speed(&world, "T1", 1_000 + (batches - batch) * each - n));
        let points: Vec<Point> = points.chain([speed(&world, "T2", 1)]).collect();
        world.restored += points.len() as u64;
        let queued = points.iter().map(|point| QueuedPoint { point: point.clone(), gate: None });
        world.perform(Output::Store(queued.collect()));
        world.drain();
        world.pass(Duration::from_secs(2));
        world.check_conservation();
        let last = points.last().unwrap();
        assert_eq!(world.written.get(&last.key()), Some(&last.value), "batch {batch}");
    }
    let (here, parked) = (world.bridge.delivery().waiting(), world.outbox.parked());
    assert!(here < 500 && parked > 5_500, "{here} and {parked}");
    world.weather.denied = None;
    world.pass(Duration::from_secs(2 * 3_600));
    world.check_conservation();
    // A heartbeat may just have come.
    assert!(world.outbox.len() == 0 && world.bridge.delivery().waiting() <= 1);
    let stream = speed(&world, "T1", 0).stream;
    let written = world.written.keys().filter(|key| key.stream == stream).count() as u64;
    assert!(written >= batches * each, "{written}");
}

/// The same after a restart: what lay on disk of it kept the backlog of all others there.
#[test]
fn a_backlog_that_is_denied_stops_no_other_backlog() {
    let mut world = rejecting("T1");
    world.disk = (0..2_000).map(|n| speed(&world, "T1", 300_000 - n)).collect();
    world.drain();
    world.pass(Duration::from_secs(60));
    assert_eq!(world.disk.len(), 0, "it is not known yet");
    let of_t1 = (0..4_000).map(|n| speed(&world, "T1", 200_000 - n));
    let of_t2 = (0..500).map(|n| speed(&world, "T2", 20_000 - n));
    world.disk = of_t1.chain(of_t2).collect();
    world.drain();
    world.pass(Duration::from_secs(120));
    world.check_conservation();
    let count = |world: &World, turbine| {
        let stream = speed(world, turbine, 0).stream;
        world.written.keys().filter(|key| key.stream == stream).count()
    };
    assert!(count(&world, "T2") >= 500, "{}", count(&world, "T2"));
    let (left, room) = (world.disk.len(), world.bridge.room());
    assert!(room.history > 99_900 && room.points > 199_900, "{room:?}");
    assert_eq!(left, 4_000, "it is passed over");
    world.pass(Duration::from_secs(3_600));
    assert_eq!(world.disk.len(), left, "and not read again and again");
    world.weather.denied = None;
    world.pass(Duration::from_secs(3 * 3_600));
    world.check_conservation();
    assert!(count(&world, "T1") >= 6_000, "{}", count(&world, "T1"));
    assert_eq!((world.outbox.len(), world.disk.len()), (0, 0));
}

/// Without a disk the bound holds for what is rejected as well: the oldest of it goes, counted.
#[test]
fn what_is_rejected_keeps_within_the_memory_of_the_outbox() {
    let mut world = rejecting("T1");
    world.outbox = MemoryOutbox::new(1 << 20);
    for batch in 0..12 {
        let points = (0..1_000).map(|n| speed(&world, "T1", 100_000 - batch * 1_000 - n));
        let points: Vec<QueuedPoint> =
            points.map(|point| QueuedPoint { point, gate: None }).collect();
        world.restored += points.len() as u64;
        world.perform(Output::Store(points));
        world.drain();
        world.pass(Duration::from_secs(5));
        world.check_conservation();
        assert!(world.outbox.bytes() <= 1 << 20);
    }
    assert!(world.discarded > 5_000 && world.outbox.parked() > 1_000, "{}", world.discarded);
    world.weather.denied = None;
    world.pass(Duration::from_secs(2 * 3_600));
    world.check_conservation();
    // A heartbeat may just have come.
    assert!(world.outbox.len() == 0 && world.bridge.delivery().waiting() <= 1);
}
