use std::time::Duration;

use proptest::prelude::*;
use uuid::Uuid;

use self::world::{World, on_platter, point, size};
use super::store::StoreOp;
use super::*;
use crate::delivery::point::{Class, Gate, GateState, Key, Point, RejectReason};
use crate::outbox::Outbox;
use crate::outbox::dead_letters::DeadLetter;
use crate::sitewise::api::{PropertyDataType, Variant};
use crate::time::Timestamp;

mod damage;
mod faults;
mod fjall;
mod heard;
mod late;
mod left;
mod lost;
mod rounds;
pub(crate) mod tempdir;
pub(super) mod world;

#[derive(Clone, Debug)]
enum Step {
    Put(Vec<(u8, u8)>),
    Take(usize),
    Settle(usize),
    PutBack(usize),
    Work(usize),
    Sync,
    Poll,
    Refuse(bool),
    Gate(u8, bool),
    Crash(usize),
    Rest,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => prop::collection::vec((0..4u8, 0..12u8), 0..6).prop_map(Step::Put),
        4 => (0..6usize).prop_map(Step::Take),
        6 => any::<usize>().prop_map(Step::Settle),
        2 => any::<usize>().prop_map(Step::PutBack),
        4 => (0..4usize).prop_map(Step::Work),
        2 => Just(Step::Sync),
        4 => Just(Step::Poll),
        1 => any::<bool>().prop_map(Step::Refuse),
        1 => (0..4u8, any::<bool>()).prop_map(|(asset, open)| Step::Gate(asset, open)),
        1 => (0..4usize).prop_map(Step::Crash),
        2 => Just(Step::Rest),
    ];
    prop::collection::vec(step, 0..120)
}

fn run(world: &mut World, steps: Vec<Step>) {
    for step in steps {
        match step {
            Step::Put(points) => world.put(points),
            Step::Take(room) => world.take(room),
            Step::Settle(which) => world.settle(which),
            Step::PutBack(which) => world.put_back(which),
            Step::Work(jobs) => world.work(jobs),
            Step::Sync => world.writer.handle_timeout(),
            Step::Poll => world.poll(),
            Step::Refuse(refuses) => {
                let mut platter = world.platter.platter();
                platter.refuses = refuses;
            }
            Step::Gate(asset, open) => {
                let asset = Uuid::from_u128(asset.into());
                if open && world.closed.remove(&asset) {
                    world.disk.open(Gate::Asset(asset), &|_| None);
                    world.disk.open(Gate::Rejected(world::stream(asset)), &|_| None);
                } else if !open {
                    world.closed.insert(asset);
                }
            }
            Step::Crash(kept) => world.crash(kept),
            Step::Rest => {
                world.rest();
                // Whatever happened before: what waits, or delivery has, is flushed now.
                let platter = world.platter.platter();
                if !platter.refuses && world.bound == u64::MAX {
                    let mut safe = on_platter(&platter.safe);
                    let undecided = &world.undecided;
                    safe.retain(|key, _| {
                        undecided.contains_key(key) || !world.given_up.contains(key)
                    });
                    assert_eq!(safe, world.undecided);
                }
            }
        }
        world.balance();
    }
}

/// Cases of each property, until `OUTBOX_CASES` says another number when this is built.
fn cases() -> u32 {
    option_env!("OUTBOX_CASES").and_then(|text| text.parse().ok()).unwrap_or(512)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 3_000, ..ProptestConfig::default() })]

    /// Whatever happens to disk and process, at whatever moment: what was flushed is delivered,
    /// the last value of a key last, and nothing is handed out twice at a time.
    #[test]
    fn what_is_safe_survives_everything(steps in steps(), head in 0..3_000usize) {
        let mut world = World::new(u64::MAX, head);
        run(&mut world, steps);
        world.platter.platter().refuses = false;
        world.rest();
        let expected = world.undecided.clone();
        let delivered = world.drain();
        for (key, value) in expected {
            prop_assert_eq!(delivered.get(&key).copied(), Some(value), "{:?}", key);
        }
        prop_assert_eq!(world.disk.len(), 0, "{:?}", world.disk.disk());
        prop_assert!(world.platter.platter().last().is_empty());
    }

    /// With any bound in bytes every point is accounted for, and at rest the bound holds but
    /// for what delivery and the head have.
    #[test]
    fn a_full_disk_gives_up_what_it_counts(steps in steps(), bound in 0..2_000u64) {
        let mut world = World::new(bound, 600);
        run(&mut world, steps);
        world.platter.platter().refuses = false;
        world.rest();
        world.rest();
        let in_memory = (world.disk.memory.waiting() + world.taken.len()) as u64;
        let bytes = world.platter.platter().last().values().map(size).sum::<u64>();
        prop_assert!(bytes <= bound + in_memory * 60, "{} of {}", bytes, bound);
        world.drain();
        prop_assert_eq!(world.disk.len(), 0, "{:?}", world.disk.disk());
    }
}

#[test]
fn a_disk_that_refuses_is_told_and_lived_through() {
    let mut world = World::new(u64::MAX, 100_000);
    world.platter.platter().refuses = true;
    world.put(vec![(1, 1)]);
    assert_eq!(world.disk.poll_event(), None);
    world.work(1);
    let refused = DiskEvent::NotWritable("no space left on device".to_owned());
    assert_eq!(world.disk.poll_event(), Some(refused));
    assert_eq!(world.disk.disk().unwrap().unsaved, 1);
    world.put(vec![(2, 2)]);
    // Values still go their way.
    world.take(1);
    assert_eq!(world.taken.len(), 1);
    world.platter.platter().refuses = false;
    world.writer.handle_timeout();
    assert_eq!(world.disk.poll_event(), Some(DiskEvent::Recovered));
    world.rest();
    // What came meanwhile is flushed, also what delivery has.
    assert_eq!(world.disk.disk().unwrap().unsaved, 0);
    assert_eq!(world.platter.platter().safe.len(), 2);
    world.settle(0);
    world.rest();
    assert_eq!(world.platter.platter().safe.len(), 1);
}

#[test]
fn what_is_too_much_goes_although_the_disk_refused_meanwhile() {
    let mut world = World::new(0, 600);
    world.put(vec![(0, 0), (0, 1)]);
    world.take(2);
    world.rest();
    world.crash(0);
    // The oldest were asked for at once. Now they cannot be read.
    world.platter.platter().refuses = true;
    world.rest();
    world.platter.platter().refuses = false;
    world.rest();
    assert_eq!(world.disk.disk().unwrap().full, 2);
    assert!(world.platter.platter().safe.is_empty());
    world.balance();
}

#[test]
fn a_disk_that_was_far_behind_makes_up_for_it_once() {
    let mut world = World::new(u64::MAX, usize::MAX);
    let points = |from: i64| {
        let points = (from..from + 1_500).map(|number| point(1, number * 100, 1.0));
        points.map(|point| QueuedPoint { point, gate: None }).collect::<Vec<_>>()
    };
    let mut changes = Vec::new();
    for from in [0, 1_500, 3_000] {
        let _ = world.disk.put(points(from));
        changes.extend(world.disk.poll_event());
    }
    assert_eq!(changes, [DiskEvent::TooSlow]);
    for later in 5_000..5_003 {
        while let Ok(job) = world.jobs.try_recv() {
            world.writer.handle(job);
        }
        world.writer.handle_timeout();
        changes.extend(std::iter::from_fn(|| world.disk.poll_event()));
        let point = point(1, later * 100, 1.0);
        let _ = world.disk.put(vec![QueuedPoint { point, gate: None }]);
        changes.extend(world.disk.poll_event());
    }
    world.rest();
    assert_eq!(changes, [DiskEvent::TooSlow, DiskEvent::Recovered]);
    assert_eq!(world.disk.disk().unwrap().unsaved, 0);
    assert_eq!(world.platter.platter().safe.len(), 4_503);
}

/// What came since it was behind was never handed over, and counted as lost at the end.
#[test]
fn an_end_while_the_disk_is_behind_saves_what_it_can() {
    let mut world = World::new(u64::MAX, usize::MAX);
    for from in [0, 1_500, 3_000] {
        let points = (from..from + 1_500).map(|number| point(1, number * 100, 1.0));
        let _ = world.disk.put(points.map(|point| QueuedPoint { point, gate: None }).collect());
        let _ = world.disk.poll_event();
    }
    assert_eq!(world.disk.disk().unwrap().state, DiskState::TooSlow);
    world.disk.close(Duration::ZERO);
    assert_eq!(world.disk.disk().unwrap().unsaved, 4_500, "nothing is saved yet");
    while let Ok(job) = world.jobs.try_recv() {
        world.writer.handle(job);
    }
    while world.disk.poll_event().is_some() {}
    assert_eq!(world.disk.disk().unwrap().unsaved, 0);
    assert_eq!(world.platter.platter().safe.len(), 4_500);
}

#[test]
fn what_was_decided_does_not_come_back_after_the_disk_fell_behind() {
    let mut world = World::new(u64::MAX, usize::MAX);
    world.put(vec![(2, 1), (3, 1)]);
    world.rest();
    world.crash(0);
    let points = (0..2_100).map(|number| point(1, number * 100, 1.0));
    let _ = world.disk.put(points.map(|point| QueuedPoint { point, gate: None }).collect());
    // A page is asked for, and what is sent before it is too much.
    assert_eq!(world.disk.take_cold(0.into(), &|_| GateState::Open), []);
    world.work(1);
    world.writer.handle_timeout();
    let changes: Vec<DiskEvent> = std::iter::from_fn(|| world.disk.poll_event()).collect();
    assert_eq!(changes, [DiskEvent::TooSlow, DiskEvent::Recovered]);
    let decided: Vec<Key> = world.disk.take(1.into()).iter().map(Point::key).collect();
    world.disk.settle(&decided);
    // Another page is asked for.
    assert_eq!(world.disk.take_cold(0.into(), &|_| GateState::Open), []);
    world.rest();
    let points = world.disk.take_cold(9.into(), &|_| GateState::Open);
    assert_eq!(points.len(), 2);
    assert!(points.iter().all(|point| !decided.contains(&point.key())));
}

fn letter(point: Point) -> DeadLetter {
    DeadLetter {
        point,
        refusal: RejectReason::Invalid,
        reason: "because".to_owned(),
        at: Timestamp::from_millis(1),
        names: (None, None),
        alias: None,
    }
}

#[test]
fn dead_letters_go_again_or_for_ever_as_asked() {
    use crate::outbox::dead_letters::files;
    use crate::outbox::dead_letters::requests::{self, DeadLetterAction, DeadLetterRequest};

    let mut world = World::new(u64::MAX, 100_000);
    let folder = world.folder.path().join("dead-letters");
    world.put(vec![(1, 1), (2, 2)]);
    world.rest();
    world.take(2);
    let points = [point(1, 200_000, 1.0), point(2, 400_000, 2.0)];
    for point in points.clone() {
        world.disk.store_dead_letter(&letter(point));
    }
    world.settle(0);
    world.settle(0);
    world.rest();
    assert_eq!(files::read(&folder).len(), 2);
    requests::submit(
        &folder,
        &DeadLetterRequest { wish: DeadLetterAction::Retry, ids: vec![1, 9] },
    )
    .unwrap();
    requests::submit(&folder, &DeadLetterRequest { wish: DeadLetterAction::Drop, ids: vec![2] })
        .unwrap();
    world.writer.handle_requests();
    // Each is told of once, so that nobody goes on about it.
    let mut gone = Vec::new();
    for _ in 0..5 {
        while let Some(event) = world.disk.poll_event() {
            let DiskEvent::LettersRemoved(letters) = event else { panic!("{event:?}") };
            gone.extend(letters.into_iter().map(|letter| letter.id));
        }
        world.work(usize::MAX);
        world.writer.handle_timeout();
    }
    gone.sort_unstable();
    assert_eq!(gone, [1, 2]);
    world.rest();
    assert_eq!(files::read(&folder).len(), 0);
    assert_eq!(requests::pending(&folder, &mut Default::default()), []);
    let again = world.disk.take(9.into());
    assert_eq!(again.iter().map(Point::key).collect::<Vec<_>>(), [points[0].key()]);
    assert_eq!(world.platter.platter().safe.len(), 1);
}

#[test]
fn points_of_an_earlier_process_fill_entries() {
    let mut world = World::new(u64::MAX, 100_000);
    for time in 0..3 {
        world.put(vec![(3, time), (1, time), (2, time)]);
    }
    world.rest();
    world.crash(0);
    world.rest();
    world.disk.take_cold(9.into(), &|_| GateState::Unknown);
    world.rest();
    assert_eq!(world.disk.take_cold(9.into(), &|_| GateState::Unknown), []);
    let points = world.disk.take_cold(9.into(), &|_| GateState::Open);
    let assets: Vec<u128> = points.iter().map(|point| point.stream.asset.as_u128()).collect();
    assert_eq!(assets, [1, 1, 1, 2, 2, 2, 3, 3, 3]);
    assert!(points.iter().all(|point| point.class == Class::History));
}

/// Stale marks that were read back from disk counted as values of measurements: they were sent by
/// bulk import.
#[test]
fn a_point_of_an_earlier_process_is_still_an_attribute_or_a_stale_mark() {
    let mut world = World::new(u64::MAX, 100_000);
    let classes = [Class::Live, Class::Birth, Class::Static, Class::Stale, Class::History];
    for (class, time) in classes.into_iter().zip(1..) {
        let point = Point { class, ..point(1, time * 100, 1.0) };
        let _ = world.disk.put(vec![QueuedPoint { point, gate: None }]);
    }
    world.rest();
    world.crash(0);
    world.rest();
    world.disk.take_cold(9.into(), &|_| GateState::Open);
    world.rest();
    let points = world.disk.take_cold(9.into(), &|_| GateState::Open);
    let classes: Vec<Class> = points.iter().map(|point| point.class).collect();
    let history = Class::History;
    assert_eq!(classes, [history, history, Class::Static, Class::Stale, history]);
}

/// An attribute's value that was denied came back from the dead letters as one of a measurement.
#[test]
fn a_dead_letter_of_an_attribute_comes_back_as_one() {
    use crate::outbox::dead_letters::DeadLetterRecord;

    for class in [Class::Static, Class::Stale, Class::History, Class::Live] {
        let point = Point { class, ..point(1, 100, 1.0) };
        let letter = DeadLetter {
            point,
            refusal: RejectReason::Denied,
            reason: "no".to_owned(),
            at: Timestamp::from_millis(1),
            names: (None, None),
            alias: None,
        };
        let line = serde_json::to_string(&DeadLetterRecord::new(1, letter, None)).unwrap();
        let again: DeadLetterRecord = serde_json::from_str(&line).unwrap();
        let expected = if class == Class::Live { Class::History } else { class };
        assert_eq!(again.point().map(|point| point.class), Some(expected), "{line}");
        // Earlier versions did not write it.
        assert_eq!(line.contains("class"), class != Class::History && class != Class::Live);
    }
}

#[test]
fn a_backlog_is_not_held_in_memory() {
    let mut world = World::new(u64::MAX, 10_000);
    for value in 0..2_000i64 {
        let point = point(1, value * 100, value as f64);
        let _ = world.disk.put(vec![QueuedPoint { point, gate: None }]);
        if value % 100 == 0 {
            world.rest();
        }
    }
    world.rest();
    let figures = world.disk.disk().unwrap();
    assert!(world.disk.bytes() <= 10_000, "{}", world.disk.bytes());
    assert_eq!(figures.cold + world.disk.memory.waiting(), 2_000);
    assert_eq!(world.disk.memory.keys(), world.disk.memory.waiting());
}
