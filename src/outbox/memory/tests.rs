use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::delivery::point::Stream;
use crate::delivery::scheduler::CLASSES;
use crate::outbox::queues::cost;
use crate::sitewise::api::{Quality, Variant};

#[test]
fn the_oldest_of_the_best_class_is_taken_first() {
    let mut outbox = MemoryOutbox::new(1_000_000);
    let points = [
        point(1, 10, Class::History),
        point(1, 11, Class::Live),
        point(1, 12, Class::Birth),
        point(1, 9, Class::Live),
    ];
    assert_eq!(outbox.put(points.map(free).to_vec()), []);
    assert_eq!(outbox.oldest(), Some(Timestamp::from_millis(10)));
    assert_eq!(times(&outbox.take(3.into())), [11, 9, 12]);
    assert_eq!(times(&outbox.take(3.into())), [10]);
    assert_eq!((outbox.len(), outbox.bytes(), outbox.oldest()), (0, 0, None));
}

/// What came first was taken for the oldest: history of nearly seven days that waited behind a gate
/// was told as a minute old.
#[test]
fn the_oldest_is_told_by_its_own_time() {
    const DAY: i64 = 86_400_000;
    let mut outbox = MemoryOutbox::new(1_000_000);
    let gate = Gate::Asset(Uuid::from_u128(7));
    let history = QueuedPoint { point: point(1, DAY, Class::History), gate: Some(gate) };
    let _ = outbox.put(vec![free(point(2, 8 * DAY + 5, Class::Live)), history]);
    let told = outbox.oldest().unwrap().as_millis();
    assert!((DAY..DAY + 600_000).contains(&told), "{told}");
    // The same once more, and its gate opens: it is counted once.
    let _ = outbox.put(vec![free(point(1, DAY, Class::History))]);
    outbox.open(gate, &|_| None);
    assert_eq!(outbox.len(), 2);
    let room = Room { points: 1, history: 1 };
    assert_eq!(times(&outbox.take(room)), [8 * DAY + 5]);
    assert_eq!(times(&outbox.take(room)), [DAY]);
    assert_eq!(outbox.oldest(), None);
    // One alone is told exactly.
    let _ = outbox.put(vec![free(point(2, 8 * DAY + 5, Class::Live))]);
    assert_eq!(outbox.oldest(), Some(Timestamp::from_millis(8 * DAY + 5)));
}

#[test]
fn history_waits_while_there_is_no_room_for_it() {
    let mut outbox = MemoryOutbox::new(1_000_000);
    let points = [point(1, 1, Class::History), point(1, 2, Class::Live)];
    let _ = outbox.put(points.map(free).to_vec());
    let room = Room { points: 5, history: 0 };
    assert_eq!(times(&outbox.take(room)), [2]);
    assert_eq!(outbox.len(), 1);
}

#[test]
fn what_waits_of_an_asset_is_told_by_property_and_gate() {
    let mut outbox = MemoryOutbox::new(1_000_000);
    let Stream { asset, property } = point(1, 5, Class::Live).stream;
    let mut second = point(1, 7, Class::Birth);
    second.stream.property = Uuid::from_u128(2);
    let gate = Gate::Asset(asset);
    let parked = |time| QueuedPoint { point: point(1, time, Class::Live), gate: Some(gate) };
    let other = point(99, 1, Class::Live);
    let _ = outbox.put(vec![parked(9), parked(4), free(second), free(other)]);
    let waiting = |values, oldest, gate| {
        let oldest = Timestamp::from_millis(oldest);
        super::super::PropertyWaiting { values, oldest, gate }
    };
    let of = outbox.waiting_of(asset, 100);
    assert!(!of.is_partial);
    assert_eq!(of.properties.len(), 2);
    assert_eq!(of.properties[&property], waiting(2, 4, Some(gate)));
    assert_eq!(of.properties[&Uuid::from_u128(2)], waiting(1, 7, None));
    // No more than so many points are looked at, and that is said.
    let of = outbox.waiting_of(asset, 2);
    assert!(of.is_partial);
    assert_eq!(of.properties[&property].values, 2);
    assert_eq!(of.properties.len(), 1);
}

#[test]
fn a_point_behind_a_gate_is_taken_in_its_old_place_once_the_gate_opens() {
    let mut outbox = MemoryOutbox::new(1_000_000);
    let gate = Gate::Asset(Uuid::from_u128(7));
    let parked = QueuedPoint { point: point(1, 1, Class::Live), gate: Some(gate) };
    let _ = outbox.put(vec![parked, free(point(2, 2, Class::Live))]);
    assert_eq!((outbox.len(), outbox.parked()), (2, 1));
    outbox.open(Gate::Property(Uuid::from_u128(7)), &|_| None);
    assert_eq!(outbox.parked(), 1);
    outbox.open(gate, &|_| None);
    assert_eq!(outbox.parked(), 0);
    assert_eq!(times(&outbox.take(9.into())), [1, 2]);
}

#[test]
fn a_point_behind_two_gates_waits_for_both() {
    let mut outbox = MemoryOutbox::new(1_000_000);
    let (asset, property) = (Gate::Asset(Uuid::from_u128(7)), Gate::Property(Uuid::from_u128(8)));
    let parked = |time| QueuedPoint { point: point(1, time, Class::Live), gate: Some(asset) };
    let _ = outbox.put(vec![parked(1), parked(2)]);
    outbox.open(asset, &|point| (point.time.as_millis() == 1).then_some(property));
    assert_eq!((outbox.len(), outbox.parked()), (2, 1));
    assert_eq!(times(&outbox.take(9.into())), [2]);
    outbox.open(asset, &|_| None);
    assert_eq!(outbox.take(9.into()), []);
    outbox.open(property, &|_| None);
    assert_eq!(times(&outbox.take(9.into())), [1]);
    assert_eq!((outbox.len(), outbox.parked(), outbox.bytes()), (0, 0, 0));
}

#[test]
fn a_point_that_nothing_waits_before_passes_through() {
    let mut outbox = MemoryOutbox::new(1_000_000);
    let room = Room { points: 5, history: 1 };
    let gate = Some(Gate::Asset(Uuid::from_u128(7)));
    let points = vec![
        free(point(1, 1, Class::History)),
        free(point(1, 2, Class::History)),
        QueuedPoint { point: point(2, 3, Class::Live), gate },
        free(point(2, 3, Class::Live)),
        free(point(1, 4, Class::Live)),
    ];
    let PutResult { dropped, taken } = outbox.put_and_take(points, room);
    assert_eq!((dropped, times(&taken)), (vec![], vec![1, 3, 4]));
    assert_eq!((outbox.len(), outbox.parked()), (2, 1));
    // Now history waits: a later point waits behind it for its turn.
    let later = vec![free(point(1, 5, Class::Live))];
    assert!(outbox.put_and_take(later, room).taken.is_empty());
    assert_eq!(times(&outbox.take(room)), [5, 2]);
    // The same key is parked: it takes that one's place and does not overtake it.
    let PutResult { dropped: gone, taken } =
        outbox.put_and_take(vec![free(point(2, 3, Class::Live))], room);
    assert_eq!((gone.len(), taken.len(), outbox.len()), (1, 0, 1));
    assert_eq!(times(&outbox.take(room)), [3]);
    // Without room for all, none passes.
    let points = (10..16).map(|time| free(point(1, time, Class::Live))).collect();
    assert!(outbox.put_and_take(points, room).taken.is_empty());
    assert_eq!(outbox.len(), 6);
}

#[test]
fn the_same_key_again_takes_the_place_of_the_first() {
    let mut outbox = MemoryOutbox::new(1_000_000);
    let first = point(1, 1, Class::Live);
    let _ = outbox.put(vec![free(first.clone()), free(point(1, 2, Class::Live))]);
    let mut second = point(1, 1, Class::History);
    second.value = Variant::Integer(2);
    let gone = outbox.put(vec![free(second)]);
    assert_eq!(gone, [(first, DiscardReason::Overwritten)]);
    let taken = outbox.take(9.into());
    assert_eq!(times(&taken), [1, 2]);
    assert_eq!(taken[0].value, Variant::Integer(2));
    assert_eq!(taken[0].class, Class::Live);
}

#[test]
fn a_full_outbox_gives_up_the_oldest_history_and_then_the_lowest_class() {
    let one = cost(&point(1, 1, Class::Live));
    let mut outbox = MemoryOutbox::new(3 * one);
    let parked = QueuedPoint {
        point: point(1, 1, Class::History),
        gate: Some(Gate::Asset(Uuid::from_u128(1))),
    };
    let points = [point(1, 2, Class::Live), point(1, 3, Class::History)];
    assert_eq!(outbox.put(points.map(free).to_vec()), []);
    assert_eq!(outbox.put(vec![parked]), []);
    let gone = |outbox: &mut MemoryOutbox, time, class| {
        let gone = outbox.put(vec![free(point(1, time, class))]);
        assert!(gone.iter().all(|(_, why)| *why == DiscardReason::Full));
        gone.iter().map(|(point, _)| point.time.as_millis()).collect::<Vec<_>>()
    };
    assert_eq!(gone(&mut outbox, 4, Class::Live), [3]);
    assert_eq!(gone(&mut outbox, 5, Class::Birth), [1]);
    assert_eq!(gone(&mut outbox, 6, Class::Live), [5]);
    assert_eq!(gone(&mut outbox, 7, Class::Live), [2]);
    assert_eq!(gone(&mut outbox, 8, Class::History), [8]);
}

#[derive(Clone, Debug)]
enum Step {
    Put(Vec<(u8, u8, Class, Option<u8>, usize)>),
    Open(u8),
    Take(usize, usize),
    /// What was taken last comes back, so many of it, behind this gate.
    PutBack(usize, u8),
    Expire(u8, u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let class = prop::sample::select(CLASSES.to_vec());
    let put = (0..3_u8, 0..20_u8, class, prop::option::of(0..3_u8), 0..300_usize);
    let step = prop_oneof![
        3 => prop::collection::vec(put, 0..12).prop_map(Step::Put),
        1 => (0..3_u8).prop_map(Step::Open),
        2 => (0..8_usize, 0..8_usize).prop_map(|(points, history)| Step::Take(points, history)),
        2 => (0..8_usize, 0..3_u8).prop_map(|(points, gate)| Step::PutBack(points, gate)),
        1 => (0..3_u8, 0..20_u8).prop_map(|(gate, oldest)| Step::Expire(gate, oldest)),
    ];
    prop::collection::vec(step, 0..60)
}

proptest! {
    /// Whatever happens: what was put was taken, given back or waits, each point once; the
    /// bound in bytes holds; only points without a gate are taken.
    #[test]
    fn nothing_is_lost_and_the_bound_holds(steps in steps(), bound in 0..8_000_usize) {
        let mut outbox = MemoryOutbox::new(bound);
        // Keys that wait, with the bytes of their value and their gate.
        let mut waiting: BTreeMap<Key, (usize, Option<Gate>)> = BTreeMap::new();
        let mut last_taken: Vec<Point> = Vec::new();
        for step in steps {
            match step {
                Step::Put(points) => {
                    let points: Vec<QueuedPoint> = points.into_iter().map(|(stream, time, class, gate, text)| {
                        let mut point = point(stream, i64::from(time), class);
                        point.value = Variant::String("x".repeat(text).into());
                        QueuedPoint { point, gate: gate.map(gate_number) }
                    }).collect();
                    let mut put: Vec<Key> = Vec::new();
                    for QueuedPoint { point, gate } in &points {
                        put.push(point.key());
                        waiting.insert(point.key(), (cost(point), *gate));
                    }
                    let before = outbox.len();
                    let gone = outbox.put(points);
                    prop_assert_eq!(before + put.len(), outbox.len() + gone.len());
                    for (point, why) in gone {
                        match why {
                            DiscardReason::Full => prop_assert!(waiting.remove(&point.key()).is_some()),
                            DiscardReason::Overwritten => prop_assert!(put.contains(&point.key())),
                            other => prop_assert!(false, "{:?}", other),
                        }
                    }
                }
                Step::Open(gate) => {
                    let gate = gate_number(gate);
                    outbox.open(gate, &|_| None);
                    for (_, behind) in waiting.values_mut() {
                        *behind = behind.filter(|behind| *behind != gate);
                    }
                }
                Step::Take(points, history) => {
                    let taken = outbox.take(Room { points, history });
                    let historic = taken.iter().filter(|point| point.class == Class::History);
                    prop_assert!(taken.len() <= points && historic.count() <= history);
                    for point in &taken {
                        prop_assert_eq!(waiting.remove(&point.key()), Some((cost(point), None)));
                    }
                    last_taken = taken;
                }
                Step::PutBack(points, gate) => {
                    let at = points.min(last_taken.len());
                    let points: Vec<Point> = last_taken.drain(..at).collect();
                    let gate = gate_number(gate);
                    let mut later: Vec<Key> = Vec::new();
                    for point in &points {
                        match waiting.contains_key(&point.key()) {
                            true => later.push(point.key()),
                            false => _ = waiting.insert(point.key(), (cost(point), Some(gate))),
                        }
                    }
                    for (point, why) in outbox.put_back(points, gate) {
                        match why {
                            DiscardReason::Full => prop_assert!(waiting.remove(&point.key()).is_some()),
                            DiscardReason::Overwritten => prop_assert!(later.contains(&point.key())),
                            other => prop_assert!(false, "{:?}", other),
                        }
                    }
                }
                Step::Expire(gate, oldest) => {
                    let (gate, oldest) = (gate_number(gate), Timestamp::from_millis(oldest.into()));
                    let before = outbox.parked();
                    let never = Timestamp::from_millis(i64::MIN);
                    outbox.expire(&|of| if of == gate { oldest } else { never });
                    let mut freed = before - outbox.parked();
                    // Those that came first to it, of which the test does not know the order.
                    let taken = outbox.take(1_000.into());
                    for point in &taken {
                        let (bytes, behind) = waiting.remove(&point.key()).unwrap();
                        prop_assert_eq!(bytes, cost(point));
                        if let Some(behind) = behind {
                            prop_assert!(behind == gate && point.time < oldest);
                            freed -= 1;
                        }
                    }
                    prop_assert_eq!(freed, 0);
                }
            }
            prop_assert_eq!(outbox.len(), waiting.len());
            prop_assert_eq!(outbox.bytes(), waiting.values().map(|(cost, _)| cost).sum::<usize>());
            prop_assert_eq!(outbox.parked(), waiting.values().filter(|(_, gate)| gate.is_some()).count());
            let first = waiting.keys().map(|key| key.time).min();
            prop_assert_eq!(outbox.oldest().is_some(), first.is_some());
            if let (Some(first), Some(told)) = (first, outbox.oldest()) {
                let latest = first.plus(Duration::from_secs(600));
                prop_assert!(first <= told && told < latest, "{} and {}", first, told);
            }
            prop_assert!(outbox.bytes() <= bound);
        }
    }
}

fn gate_number(gate: u8) -> Gate {
    match gate {
        0 => Gate::Property(Uuid::from_u128(1)),
        asset => Gate::Asset(Uuid::from_u128(u128::from(asset))),
    }
}

fn point(stream: u8, time: i64, class: Class) -> Point {
    Point {
        stream: Stream { asset: Uuid::from_u128(u128::from(stream)), property: Uuid::from_u128(1) },
        time: Timestamp::from_millis(time),
        quality: Quality::Good,
        value: Variant::Double(1.0),
        class,
    }
}

fn free(point: Point) -> QueuedPoint {
    QueuedPoint { point, gate: None }
}

fn times(points: &[Point]) -> Vec<i64> {
    points.iter().map(|point| point.time.as_millis()).collect()
}
