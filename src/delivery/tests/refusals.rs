//! Answers that go well as a whole and reject every entry.

use super::*;
use crate::delivery::rejections::OtherProperties;
use crate::sitewise::cause::{Cause, PUT_OPERATION};

/// So many seconds, in which each entry for which `refuses` says so has this error.
fn through(plant: &mut Plant, seconds: i64, kind: ApiFaultKind, refuses: impl Fn(&Entry) -> bool) {
    for _ in 0..seconds {
        let from = plant.now.wall.as_millis() - WALL;
        plant.give((0..20).map(|n| point(n, from, Class::Live)));
        plant.wait(Duration::from_secs(1));
        while let Some((_, entries)) = plant.in_flight.front() {
            let places = (0..entries.len()).filter(|at| refuses(&entries[*at]));
            let errors =
                places.map(|entry| EntryError { entry, fault: fault(kind), times: vec![] });
            let errors = errors.collect();
            plant.answer(Ok(errors));
        }
    }
}

fn held(plant: &Plant) -> usize {
    plant.told.iter().filter(|told| matches!(told, Output::ValuesFailing { .. })).count()
}

#[test]
fn where_every_entry_is_denied_that_is_one_cause_within_ten_seconds() {
    for kind in [ApiFaultKind::Denied, ApiFaultKind::Unavailable, ApiFaultKind::NotFound] {
        let mut plant = Plant::new(config());
        through(&mut plant, 5, kind, |_| false);
        assert_eq!(plant.delivery.all_rejected(), None);
        through(&mut plant, 8, kind, |_| true);
        let told = plant.delivery.all_rejected().unwrap_or_else(|| panic!("{kind:?}"));
        let cause = match kind {
            ApiFaultKind::Denied => Cause::Denied(PUT_OPERATION),
            ApiFaultKind::NotFound => Cause::NotFound,
            _ => Cause::ServerError,
        };
        assert_eq!(told.fault.cause, cause);
        // Where assets are gone SiteWise is not away.
        assert_eq!(plant.delivery.is_unreachable(), kind != ApiFaultKind::NotFound, "{kind:?}");
        through(&mut plant, 600, kind, |_| true);
        assert_eq!((held(&plant), plant.delivery.failing_values().count()), (0, 0), "{kind:?}");
        // It passes again: all of it goes within a minute, however long it failed.
        through(&mut plant, 60, kind, |_| false);
        assert!(!plant.delivery.is_unreachable());
        assert_eq!(plant.delivery.all_rejected(), None);
        plant.wait(Duration::from_secs(1));
        while plant.answer(Ok(Vec::new())) {}
        assert!(plant.delivery.waiting() <= 20, "{kind:?}: {}", plant.delivery.waiting());
    }
}

#[test]
fn where_one_asset_is_denied_it_is_named_and_sitewise_is_not_away() {
    let mut plant = Plant::new(config());
    let asset = point(4, 0, Class::Live).stream.asset;
    for _ in 0..60 {
        through(&mut plant, 1, ApiFaultKind::Denied, |entry| entry.asset == asset);
        assert_eq!(plant.delivery.all_rejected(), None);
    }
    let rows: Vec<_> = plant.delivery.failing_values().collect();
    let [row] = rows[..] else { panic!("{rows:?}") };
    assert_eq!(
        (row.stream.asset, row.cause, row.others),
        (asset, Cause::Denied(PUT_OPERATION), OtherProperties::Accepted)
    );
    assert_eq!(held(&plant), 1);
}

/// It was named only when it had failed so often: after 20 to 54 s, where nothing else changes.
#[test]
fn a_property_that_changes_alone_is_named_within_ten_seconds() {
    let kinds = [
        ApiFaultKind::Denied,
        ApiFaultKind::NotFound,
        ApiFaultKind::Conflict,
        ApiFaultKind::Unavailable,
    ];
    // With a value each second, with a single one, and with others that are accepted.
    for (kind, every, others) in kinds
        .into_iter()
        .flat_map(|kind| [(kind, 1, 0), (kind, 60, 0), (kind, 1, 5), (kind, 60, 5)])
    {
        let mut plant = Plant::new(config());
        let bad = point(1, 0, Class::Live).stream.asset;
        let mut failed_at = None;
        for second in 0..40_u8 {
            let from = plant.now.wall.as_millis() - WALL;
            let first = u8::from(second % every != 0) + 1;
            plant.give((first..=1 + others).map(|n| point(n, from, Class::Live)));
            for _ in 0..10 {
                plant.wait(Duration::from_millis(100));
                while let Some((_, entries)) = plant.in_flight.front() {
                    let places = (0..entries.len()).filter(|at| entries[*at].asset == bad);
                    let refuse =
                        |entry| EntryError { entry, fault: fault(kind), times: Vec::new() };
                    let errors: Vec<_> = places.map(refuse).collect();
                    if !errors.is_empty() {
                        failed_at.get_or_insert(plant.now.instant);
                    }
                    plant.answer(Ok(errors));
                }
                let case = format!("{kind:?}, every {every} s, {others} others");
                let since = failed_at.map(|at| plant.now.instant.since(at)).unwrap_or_default();
                assert!(held(&plant) == 1 || since < Duration::from_secs(10), "{case}: {since:?}");
                assert!(held(&plant) == 0 || since > Duration::from_secs(3), "{case}: {since:?}");
            }
        }
        let rows: Vec<_> = plant.delivery.failing_values().map(|row| row.stream.asset).collect();
        assert_eq!((rows, held(&plant)), (vec![bad], 1), "{kind:?} {every} {others}");
    }
}

#[test]
fn a_property_that_fails_for_a_moment_is_not_named() {
    let mut plant = Plant::new(config());
    for second in 0..60 {
        let from = plant.now.wall.as_millis() - WALL;
        plant.give([point(1, from, Class::Live)]);
        plant.wait(Duration::from_secs(1));
        while !plant.in_flight.is_empty() {
            let error =
                EntryError { entry: 0, fault: fault(ApiFaultKind::NotFound), times: vec![] };
            plant.answer(Ok(if second % 15 < 3 { vec![error] } else { Vec::new() }));
        }
    }
    plant.wait(Duration::from_secs(60));
    assert_eq!((held(&plant), plant.delivery.failing_values().count()), (0, 0));
}

#[test]
fn the_limit_of_a_few_properties_slows_them_and_nobody_else() {
    let mut plant = Plant::new(config());
    let limited = |entry: &Entry| entry.asset.as_u128() < 15;
    for _ in 0..60 {
        through(&mut plant, 1, ApiFaultKind::Limit, limited);
        assert!((plant.delivery.share(plant.now.instant) - 1.0).abs() < 1e-9);
    }
    // The other five have all of theirs within two seconds.
    assert!(plant.delivery.figures().delivered >= 5 * 58);
    assert_eq!(plant.delivery.all_rejected(), None);
    // Where the account is throttled all are slowed.
    through(&mut plant, 1, ApiFaultKind::Throttled, |_| true);
    assert!(plant.delivery.share(plant.now.instant) < 0.6);
}

#[test]
fn what_sitewise_limits_below_ten_a_second_is_held_and_told_and_never_dropped() {
    let mut plant = Plant::new(config());
    for _ in 0..60 {
        let from = plant.now.wall.as_millis() - WALL;
        plant.give((0..2).map(|n| point(1, from + n * 500, Class::Live)));
        plant.wait(Duration::from_secs(1));
        while let Some((_, entries)) = plant.in_flight.front() {
            let times = entries[0].values.iter().map(|value| value.time).collect();
            plant.answer(Ok(vec![EntryError {
                entry: 0,
                fault: fault(ApiFaultKind::Limit),
                times,
            }]));
        }
    }
    assert_eq!(plant.delivery.figures().discarded.rate, 0);
    assert_eq!(plant.undecided(), 120);
    let rows: Vec<_> = plant.delivery.failing_values().map(|row| (row.cause, row.others)).collect();
    assert_eq!(rows, [(Cause::PropertyLimit, OtherProperties::NotTried)]);
    assert_eq!(held(&plant), 1);
    plant.wait(Duration::from_secs(3_600));
    assert!(plant.in_flight.len() <= 1);
}
