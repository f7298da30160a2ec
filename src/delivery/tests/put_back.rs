//! What SiteWise keeps rejecting takes no room of the others, and is not lost.

use super::*;
use crate::delivery::point::GateState;
use crate::delivery::put_back::FAILED_SET;
use crate::delivery::stream::put_back::MAX_SET_ASIDE;

/// A property of the asset that is rejected.
fn bad(property: u128, millis: i64) -> Point {
    let mut point = point(0, millis, Class::Live);
    point.stream.property = Uuid::from_u128(property);
    point
}

/// So many seconds, in which the entries of asset 0 have this error.
fn reject(plant: &mut Plant, seconds: u32, kind: ApiFaultKind) -> usize {
    let mut met = 0;
    for _ in 0..seconds {
        plant.wait(Duration::from_secs(1));
        while let Some((_, entries)) = plant.in_flight.front() {
            let rejected = (0..entries.len()).filter(|at| entries[*at].asset.is_nil());
            let rejected: Vec<usize> = rejected.collect();
            met += rejected.len();
            let error = |entry| EntryError { entry, fault: fault(kind), times: Vec::new() };
            plant.answer(Ok(rejected.into_iter().map(error).collect()));
        }
    }
    met
}

/// SiteWise takes everything again, until nothing is left.
fn accept(plant: &mut Plant) {
    for _ in 0..3 * 3_600 {
        plant.wait(Duration::from_secs(1));
        while plant.answer(Ok(Vec::new())) {}
        if plant.undecided() == 0 {
            return;
        }
    }
}

/// An asset whose values were denied for half an hour stopped the whole plant: they filled the
/// working set, and nothing of any machine was taken any more until they were seven days old.
#[test]
fn what_is_rejected_for_long_takes_no_room_of_the_others() {
    let kinds =
        [(ApiFaultKind::Denied, 20), (ApiFaultKind::NotFound, 20), (ApiFaultKind::Unavailable, 10)];
    for (kind, properties) in kinds {
        let mut plant = Plant::new(config());
        for second in 0..300 {
            let values = (0..properties).map(|property| bad(property, second * 1_000));
            plant.give(values.chain([point(1, second * 1_000, Class::Live)]));
            reject(&mut plant, 1, kind);
        }
        let given = 300 * (properties as usize + 1);
        reject(&mut plant, 2, kind);
        assert!(plant.delivery.figures().delivered >= 299, "{kind:?}");
        assert_eq!(plant.undecided() as u64, given as u64 - plant.delivery.figures().delivered);
        let here = plant.delivery.waiting();
        assert!(here <= properties as usize * (MAX_SET_ASIDE + 40), "{kind:?}: {here}");
        assert!(plant.delivery.room().points >= WORKING_SET - 20, "{kind:?}");
        // The outbox knows which of its points are not to be sent.
        let expected = match kind {
            ApiFaultKind::Unavailable => GateState::Others,
            _ => GateState::Closed,
        };
        assert_eq!(plant.delivery.gate_state(bad(0, 0).stream), expected, "{kind:?}");
        assert_eq!(plant.delivery.gate_state(point(1, 0, Class::Live).stream), GateState::Open);
        // It is asked ever more rarely, and how much waits is told.
        let met = reject(&mut plant, 3_600, kind);
        let least = properties as usize;
        assert!((least..150 * least).contains(&met), "{kind:?}: {met}");
        let failing: Vec<_> = plant.delivery.failing_values().collect();
        assert_eq!(failing.len(), properties as usize, "{kind:?}");
        assert!(failing.iter().all(|row| (250..=300).contains(&row.values)), "{failing:?}");
        // Once it passes, all of it does, each value once.
        accept(&mut plant);
        let figures = plant.delivery.figures();
        assert_eq!((figures.delivered, plant.undecided()), (given as u64, 0), "{kind:?}");
        assert_eq!(plant.delivery.gate_state(bad(0, 0).stream), GateState::Open);
        assert_eq!(plant.delivery.room(), Plant::new(config()).delivery.room());
    }
}

/// The same where nearly everything is rejected: one of each property stays.
#[test]
fn of_very_many_properties_that_are_rejected_one_value_each_stays() {
    let mut plant = Plant::new(config());
    let properties = 3 * FAILED_SET as u128;
    for batch in 0..properties / 1_000 {
        let from = batch * 1_000;
        let of = |property| (0..15).map(move |second| bad(property, second * 1_000));
        plant.give((from..from + 1_000).flat_map(of));
        plant.give([point(1, batch as i64 * 1_000, Class::Live)]);
        reject(&mut plant, 2, ApiFaultKind::Denied);
    }
    reject(&mut plant, 60, ApiFaultKind::Denied);
    let (here, all) = (plant.delivery.waiting(), plant.undecided());
    assert_eq!(all, properties as usize * 15);
    assert!(here < 3 * properties as usize, "{here}");
}

/// The second rejected value too many of a property was always in front of its good ones.
#[test]
fn many_rejected_values_of_a_property_block_none_of_its_good_ones() {
    let mut plant = Plant::new(config());
    let is_bad = |entry: &Entry| {
        let of = |value: &crate::sitewise::api::Tqv| value.time < point(1, 0, Class::Live).time;
        entry.values.iter().any(of)
    };
    let through = |plant: &mut Plant, seconds: u32, is_bad: &dyn Fn(&Entry) -> bool| {
        let mut met = 0;
        for _ in 0..seconds * 10 {
            plant.wait(Duration::from_millis(100));
            while let Some((_, entries)) = plant.in_flight.front() {
                let stopped = entries.iter().any(is_bad);
                met += usize::from(stopped);
                plant.answer(match stopped {
                    true => Err(fault(ApiFaultKind::Foreign)),
                    false => Ok(Vec::new()),
                });
            }
        }
        met
    };
    for n in 1..=200 {
        plant.give([point(1, n * -1_000, Class::Live), point(2, n * 10, Class::Live)]);
        through(&mut plant, 1, &is_bad);
    }
    through(&mut plant, 120, &is_bad);
    assert_eq!(plant.undecided(), 200);
    let delivered = plant.delivery.figures().delivered;
    for n in 0..20 {
        plant.give([point(1, n * 1_000, Class::Live)]);
        through(&mut plant, 5, &is_bad);
        assert_eq!(plant.delivery.figures().delivered, delivered + n as u64 + 1);
    }
    let met = through(&mut plant, 3_600, &is_bad);
    assert!(met < 40 * MAX_SET_ASIDE, "{met}");
    assert_eq!((plant.undecided(), plant.delivery.is_unreachable()), (200, false));
    accept(&mut plant);
    assert_eq!(plant.undecided(), 0);
}

/// What waits in the outbox ends as the others do, with the reason.
#[test]
fn what_was_put_back_and_becomes_too_old_says_why() {
    let mut plant = Plant::new(config());
    for second in 0..600 {
        plant.give([bad(1, second * 1_000), point(1, second * 1_000, Class::Live)]);
        reject(&mut plant, 1, ApiFaultKind::Denied);
    }
    let week = 7 * 24 * 3_600;
    reject(&mut plant, week - 900, ApiFaultKind::Denied);
    for _ in 0..150 {
        // The outbox finds those that are too old.
        let oldest = plant.now.wall.minus(limits::OLDEST_VALUE);
        let old: Vec<Point> = plant
            .parked
            .extract_if(.., |key, _| key.time < oldest)
            .map(|(_, point)| point)
            .collect();
        plant.give(old);
        reject(&mut plant, 60, ApiFaultKind::Denied);
    }
    assert_eq!(plant.undecided(), 0);
    let reasons: Vec<&Output> =
        plant.told.iter().filter(|told| matches!(told, Output::Rejected { .. })).collect();
    assert_eq!(reasons.len(), 600);
    let says_why = |told: &&Output| {
        let Output::Rejected { refusal, reason, .. } = told else { return false };
        *refusal == RejectReason::Denied && reason.contains("access denied until")
    };
    let rest: Vec<_> = reasons.into_iter().filter(|told| !says_why(told)).collect();
    assert!(rest.is_empty(), "{rest:?}");
}

/// A property that was dropped stayed counted in its lane: once it was forgotten, requests were cut
/// short, and a flush never ended.
#[test]
fn a_property_that_is_dropped_leaves_its_lane() {
    let mut plant = Plant::new(Config { in_flight: 1, ..config() });
    plant.give([point(1, 0, Class::Live)]);
    plant.wait(Duration::from_secs(2));
    // No request can leave: the next entry is queued when its property is dropped.
    plant.give((0..10).map(|n| point(2, n * 1_000, Class::Live)));
    plant.wait(Duration::from_secs(2));
    plant.delivery.drop_stream(point(2, 0, Class::Live).stream, plant.now);
    plant.drain();
    assert_eq!((plant.in_flight.len(), plant.delivery.ready.len()), (1, 0));
    plant.wait(Duration::from_secs(30));
    plant.give((0..10).map(|n| point(3, n * 1_000, Class::Live)));
    plant.answer(Ok(Vec::new()));
    plant.delivery.flush(plant.now);
    plant.drain();
    while plant.answer(Ok(Vec::new())) {}
    assert_eq!((plant.delivery.waiting(), plant.delivery.ready.len()), (0, 0));
    assert_eq!(plant.delivery.figures().delivered, 11);
    plant.wait(Duration::from_secs(60));
    assert_eq!(plant.delivery.poll_timeout(), None);
}
