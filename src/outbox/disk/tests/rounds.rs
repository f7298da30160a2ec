//! What waits on disk behind closed gates is read when they open, and not before.

use std::cell::Cell;

use super::*;

/// Points that wait for one of two assets, more than the head holds.
fn parked(world: &mut World, from: i64, count: i64) {
    let points = (from..from + count).map(|number| {
        let point = point(1 + (number % 2) as u8, number * 100, number as f64);
        QueuedPoint { gate: Some(Gate::Asset(point.stream.asset)), point }
    });
    let _ = world.disk.put(points.collect());
}

/// Lets the engine look for points as often as it likes; how many it looked at, and got.
fn looked(world: &mut World, open: Option<u128>) -> (u64, usize) {
    let looked = Cell::new(0);
    let mut got = 0;
    for _ in 0..50 {
        let gate_state = |point: &Point| {
            looked.set(looked.get() + 1);
            match open == Some(point.stream.asset.as_u128()) {
                true => GateState::Open,
                false => GateState::Closed,
            }
        };
        let points = world.disk.take_cold(100.into(), &gate_state);
        got += points.len();
        world.disk.settle(&points.iter().map(Point::key).collect::<Vec<_>>());
        world.rest();
    }
    (looked.get(), got)
}

#[test]
fn parked_points_are_not_read_again_and_again() {
    let mut world = World::new(u64::MAX, 10_000);
    for from in 0..10 {
        parked(&mut world, from * 100, 100);
        world.rest();
    }
    assert!(world.disk.disk().unwrap().cold > 900);
    // Nothing opened: nothing is read, however many more come. Each look asks whether the oldest
    // have become too old.
    let (first, got) = looked(&mut world, None);
    parked(&mut world, 1_000, 10);
    world.rest();
    let (then, more) = looked(&mut world, None);
    assert_eq!((got, more), (0, 0));
    assert!(first <= 50 && then <= 50, "{first} and {then}");
    // A gate that nothing waits for is none.
    world.disk.open(Gate::Asset(Uuid::from_u128(77)), &|_| None);
    assert!(looked(&mut world, None).0 <= 50);
}

#[test]
fn parked_points_are_read_once_their_gate_opens() {
    let mut world = World::new(u64::MAX, 10_000);
    for from in 0..10 {
        parked(&mut world, from * 100, 100);
        world.rest();
    }
    let before = world.disk.len();
    world.disk.open(Gate::Asset(Uuid::from_u128(1)), &|_| None);
    let head = world.disk.take(1_000.into());
    world.disk.settle(&head.iter().map(Point::key).collect::<Vec<_>>());
    let (_, got) = looked(&mut world, Some(1));
    assert_eq!(got + head.len(), 500);
    assert_eq!(world.disk.len(), before - 500);
    // The other half was passed over once.
    assert!(looked(&mut world, Some(1)).0 <= 50);
    assert_eq!(world.disk.parked(), 500);
}

#[test]
fn what_an_earlier_process_left_behind_a_gate_is_passed_over_once() {
    let mut world = World::new(u64::MAX, 10_000);
    parked(&mut world, 0, 1_000);
    world.rest();
    world.crash(0);
    let (first, _) = looked(&mut world, None);
    assert!((1_000..1_100).contains(&first), "{first}");
    assert!(looked(&mut world, None).0 <= 50);
    world.disk.open(Gate::Property(Uuid::from_u128(1)), &|_| None);
    assert_eq!(looked(&mut world, Some(2)).1, 500);
}

#[test]
fn parked_points_that_are_too_old_go_although_no_gate_opens() {
    let mut world = World::new(u64::MAX, 10_000);
    for from in 0..10 {
        parked(&mut world, from * 1_000, 1_000);
        world.rest();
    }
    assert_eq!(looked(&mut world, None).1, 0);
    // A span is ten minutes: the first is too old as a whole, the second is not.
    let mut got = 0;
    for _ in 0..100 {
        let old = Timestamp::from_millis(600_000);
        let points = world.disk.take_cold(1_000.into(), &|point| match point.time < old {
            true => GateState::Open,
            false => GateState::Closed,
        });
        got += points.len();
        world.disk.settle(&points.iter().map(Point::key).collect::<Vec<_>>());
        world.rest();
    }
    let head = world.disk.memory.waiting();
    assert_eq!(got, 6_000);
    assert_eq!(world.disk.len(), 4_000, "{head} in memory");
}

/// The age of what was on disk alone was told nowhere.
#[test]
fn the_oldest_on_disk_alone_is_told_to_ten_minutes() {
    const SPAN: i64 = 600_000;
    let mut world = World::new(u64::MAX, 10_000);
    let end_of = |span: i64| Some(Timestamp::from_millis((span + 1) * SPAN - 1));
    // The oldest comes last, waits behind a gate, and is on disk alone.
    for number in (0..400).rev() {
        let point = point(1 + (number % 2) as u8, number * SPAN / 2 + 7, number as f64);
        let gate = (number % 2 == 0).then_some(Gate::Asset(point.stream.asset));
        let _ = world.disk.put(vec![QueuedPoint { point, gate }]);
        world.rest();
    }
    let _ = world.disk.put(vec![QueuedPoint { point: point(3, 900 * SPAN, 1.0), gate: None }]);
    world.rest();
    assert!(world.disk.disk().unwrap().cold > 300);
    assert_eq!(world.disk.oldest(), end_of(0));
    // The next process knows it with the first page that it reads.
    world.crash(0);
    assert_eq!(world.disk.oldest(), None);
    let unknown = |_: &Point| GateState::Unknown;
    assert_eq!(world.disk.take_cold(10.into(), &unknown), []);
    world.rest();
    assert_eq!(world.disk.oldest(), end_of(0));
    // Those of the second asset go, all that are left wait for the first.
    let (_, got) = looked(&mut world, Some(2));
    assert_eq!((got, world.disk.oldest()), (200, end_of(0)));
    world.disk.open(Gate::Asset(Uuid::from_u128(1)), &|_| None);
    let mut got = 0;
    for _ in 0..4 {
        let open = |_: &Point| GateState::Open;
        let points = world.disk.take_cold(50.into(), &open);
        got += points.len();
        world.disk.settle(&points.iter().map(Point::key).collect::<Vec<_>>());
        world.rest();
        // Of a span with two, one of the second asset was delivered before.
        let oldest = world.disk.oldest().unwrap().as_millis();
        assert!(got == 0 || oldest > SPAN * (got as i64 - 1), "{got} {oldest}");
    }
    let (_, more) = looked(&mut world, Some(1));
    let (_, rest) = looked(&mut world, Some(3));
    assert_eq!(got + more + rest, 201);
    assert_eq!((world.disk.len(), world.disk.oldest()), (0, None));
}
