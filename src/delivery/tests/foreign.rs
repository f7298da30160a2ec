//! Answers that are none of SiteWise's, and values that are never taken although they could be.

use super::*;
use crate::delivery::failing::FailingValues;
use crate::delivery::rejections::OtherProperties;
use crate::sitewise::cause::Cause;

/// A stub of SiteWise behind something that answers by itself where `meets` says so.
fn through(plant: &mut Plant, seconds: u32, meets: impl Fn(&Entry) -> bool) -> usize {
    let mut met = 0;
    for _ in 0..seconds * 10 {
        plant.wait(Duration::from_millis(100));
        while let Some((_, entries)) = plant.in_flight.front() {
            let foreign = entries.iter().any(&meets);
            met += usize::from(foreign);
            plant.answer(match foreign {
                true => Err(fault(ApiFaultKind::Foreign)),
                false => Ok(Vec::new()),
            });
        }
    }
    met
}

fn has(entry: &Entry, stream: u8, millis: i64) -> bool {
    let bad = point(stream, millis, Class::Live);
    entry.asset == bad.stream.asset && entry.values.iter().any(|value| value.time == bad.time)
}

#[test]
fn a_value_that_a_firewall_stops_waits_alone_and_is_told_by_name() {
    let mut plant = Plant::new(config());
    plant.give((0..10).flat_map(|of| (0..10).map(move |n| point(of, n * 1000, Class::Live))));
    let met = through(&mut plant, 10, |entry| has(entry, 4, 6_000));
    assert_eq!(plant.delivery.figures().delivered, 99);
    assert_eq!((plant.refused().count(), plant.delivery.waiting()), (0, 1));
    assert!(met <= 7, "the request, the entry, the value, and then ever rarer: {met}");
    assert!(!plant.delivery.is_unreachable());
    let stream = point(4, 0, Class::Live).stream;
    let (cause, others) = (Cause::Foreign, OtherProperties::Accepted);
    let told = Output::ValuesFailing { stream, reason: "Foreign".to_owned(), cause, others };
    assert_eq!(plant.told.iter().filter(|output| **output == told).count(), 1);
    let held = FailingValues { stream, values: 1, words: "Foreign", cause, others };
    assert_eq!(plant.delivery.failing_values().collect::<Vec<_>>(), [held]);
    // What comes later passes, and nobody waits.
    plant.give([point(4, 20_000, Class::Live)]);
    through(&mut plant, 2, |entry| has(entry, 4, 6_000));
    assert_eq!(plant.delivery.figures().delivered, 100);
    // Once it passes, it is named no longer.
    through(&mut plant, 60, |_| false);
    assert_eq!((plant.delivery.waiting(), plant.delivery.failing_values().count()), (0, 0));
}

#[test]
fn one_value_that_is_stopped_in_a_quiet_plant_does_not_make_sitewise_unreachable() {
    let mut plant = Plant::new(config());
    plant.give([point(1, 0, Class::Live)]);
    for _ in 0..60 {
        through(&mut plant, 1, |_| true);
        assert!(!plant.delivery.is_unreachable());
    }
    assert_eq!(plant.delivery.failing_values().count(), 1);
}

#[test]
fn where_nothing_passes_sitewise_is_away_and_nothing_is_lost() {
    let mut plant = Plant::new(config());
    let mut met = 0;
    for second in 0..60 {
        plant.give((0..20).map(|n| point(n, second * 1000, Class::Live)));
        met += through(&mut plant, 1, |_| true);
    }
    assert!(plant.delivery.is_unreachable());
    assert_eq!(plant.delivery.last_error(), Some("Foreign"));
    assert_eq!((plant.delivery.waiting(), plant.refused().count()), (20 * 60, 0));
    assert!(met < 1_000, "{met} requests");
    // As soon as somebody mends it all of it goes.
    through(&mut plant, 120, |_| false);
    assert_eq!((plant.delivery.waiting(), plant.delivery.is_unreachable()), (0, false));
    assert_eq!(plant.delivery.figures().delivered, 20 * 60);
}

#[test]
fn while_sitewise_is_away_a_value_that_is_always_stopped_is_not_all_that_asks() {
    let mut plant = Plant::new(config());
    for second in 0..20 {
        plant.give((0..5).map(|n| point(n, second * 1000, Class::Live)));
        through(&mut plant, 1, |_| true);
    }
    assert!(plant.delivery.is_unreachable());
    through(&mut plant, 300, |entry| has(entry, 0, 0) || has(entry, 3, 5_000));
    assert!(!plant.delivery.is_unreachable());
    assert_eq!(plant.delivery.waiting(), 2);
}

#[test]
fn a_value_that_sitewise_itself_fails_at_takes_no_others_along() {
    let mut plant = Plant::new(config());
    for second in 0..120 {
        plant.give((0..10).map(|n| point(n, second * 1000, Class::Live)));
        plant.wait(Duration::from_secs(1));
        while let Some((_, entries)) = plant.in_flight.front() {
            let fails = entries.iter().any(|entry| has(entry, 3, 7_000));
            plant.answer(if fails {
                Err(fault(ApiFaultKind::Unavailable))
            } else {
                Ok(Vec::new())
            });
        }
    }
    let figures = plant.delivery.figures();
    assert!(plant.delivery.waiting() <= 20, "{figures:?}");
    assert_eq!(plant.refused().count(), 0);
    assert_eq!(plant.delivery.failing_values().count(), 1);
}

#[test]
fn what_could_yet_succeed_is_kept_for_seven_days_and_tried_ever_rarer() {
    for kind in [
        ApiFaultKind::NotFound,
        ApiFaultKind::Conflict,
        ApiFaultKind::Denied,
        ApiFaultKind::Foreign,
    ] {
        let mut plant = Plant::new(config());
        plant.give([point(1, 0, Class::Live)]);
        let hour = |plant: &mut Plant| {
            let mut tries = 0;
            for _ in 0..60 {
                plant.wait(Duration::from_secs(60));
                while !plant.in_flight.is_empty() {
                    tries += 1;
                    plant.answer(match kind {
                        ApiFaultKind::Foreign => Err(fault(kind)),
                        _ => Ok(vec![EntryError { entry: 0, fault: fault(kind), times: vec![] }]),
                    });
                }
            }
            tries
        };
        let hours: Vec<usize> = (1..24 * 7).map(|_| hour(&mut plant)).collect();
        assert_eq!(plant.delivery.waiting(), 1, "{kind:?}");
        assert!(hours[4..].iter().all(|tries| *tries <= 2), "{kind:?}: {hours:?}");
        let held: Vec<_> = plant.delivery.failing_values().map(|held| held.stream).collect();
        assert_eq!(held, [point(1, 0, Class::Live).stream], "{kind:?}");
        (0..3).for_each(|_| _ = hour(&mut plant));
        let refusal = match kind {
            ApiFaultKind::Denied => RejectReason::Denied,
            _ => RejectReason::OutOfRange,
        };
        let refused: Vec<_> = plant.refused().map(|(_, why)| why).collect();
        assert_eq!(refused, [refusal], "{kind:?}");
        assert_eq!(plant.delivery.failing_values().count(), 0);
    }
}

#[test]
fn a_value_beyond_the_ten_of_its_second_ends_and_delays_no_end() {
    let mut plant = Plant::new(config());
    let ten = || (0..10).map(|n| point(1, n * 50, Class::Birth));
    plant.give(ten());
    let full = |plant: &mut Plant| {
        plant.wait(Duration::from_secs(1));
        let time = point(1, 450, Class::Birth).time;
        while let Some((_, entries)) = plant.in_flight.front() {
            let has = entries[0].values.iter().any(|value| value.time == time);
            let (fault, times) = (fault(ApiFaultKind::Limit), vec![time]);
            let errors = has.then_some(EntryError { entry: 0, fault, times });
            let errors = errors.into_iter().collect();
            plant.answer(Ok(errors));
        }
    };
    for _ in 0..30 {
        full(&mut plant);
    }
    let (key, why) = (point(1, 450, Class::Birth).key(), DiscardReason::SecondFull);
    // It may be the latest: the ten were sent by an earlier process, or long ago.
    assert!(plant.told.ends_with(&[Output::Discarded { key, why }, Output::LatestDiscarded(key)]));
    assert_eq!((plant.delivery.waiting(), plant.delivery.figures().discarded.rate), (0, 1));

    let mut plant = Plant::new(config());
    plant.give(ten());
    plant.delivery.flush(plant.now);
    plant.drain();
    for _ in 0..4 {
        full(&mut plant);
    }
    assert_eq!(plant.delivery.waiting(), 0);
}

/// Whoever had filled the second, an earlier process or this one long ago, a value that SiteWise
/// refuses by its time was tried for seven days.
#[test]
fn a_value_of_a_second_that_is_forgotten_and_full_ends_too() {
    let mut plant = Plant::new(config());
    plant.give([point(1, 450, Class::Birth)]);
    let time = point(1, 450, Class::Birth).time;
    let mut tries = 0;
    for second in 1..600 {
        // The stream goes on.
        plant.give([point(1, second * 1_000, Class::Live)]);
        plant.wait(Duration::from_secs(1));
        while let Some((_, entries)) = plant.in_flight.front() {
            let has = entries[0].values.iter().any(|value| value.time == time);
            tries += usize::from(has);
            let (fault, times) = (fault(ApiFaultKind::Limit), vec![time]);
            let errors = has.then_some(EntryError { entry: 0, fault, times });
            plant.answer(Ok(errors.into_iter().collect()));
        }
    }
    let (key, why) = (point(1, 450, Class::Birth).key(), DiscardReason::SecondFull);
    assert!(plant.told.contains(&Output::Discarded { key, why }), "after {tries} tries");
    assert_eq!(plant.delivery.figures().discarded.rate, 1);
}

/// In memory an end waited most of its grace for it.
#[test]
fn a_value_of_a_second_that_is_forgotten_and_full_delays_no_end() {
    let mut plant = Plant::new(config());
    plant.give([point(1, 450, Class::Birth)]);
    let refuse = |plant: &mut Plant| {
        let mut refused = 0;
        while let Some((_, entries)) = plant.in_flight.front() {
            let times: Vec<_> = entries[0].values.iter().map(|value| value.time).collect();
            let fault = fault(ApiFaultKind::Limit);
            plant.answer(Ok(vec![EntryError { entry: 0, fault, times }]));
            refused += 1;
        }
        refused
    };
    let mut tries = 0;
    while tries == 0 {
        plant.wait(Duration::from_secs(1));
        tries += refuse(&mut plant);
    }
    assert_eq!(plant.delivery.waiting(), 1);
    plant.delivery.flush(plant.now);
    plant.drain();
    // A limit of the property's rate would have passed by then.
    for _ in 0..8 {
        refuse(&mut plant);
        plant.wait(Duration::from_secs(1));
    }
    assert_eq!(plant.delivery.waiting(), 0);
    assert_eq!(plant.delivery.figures().discarded.rate, 1);
}

#[test]
fn an_end_does_not_wait_for_what_is_tried_once_an_hour() {
    let mut plant = Plant::new(config());
    plant.give([point(1, 0, Class::Live)]);
    let end = |plant: &Plant| plant.now.instant + Duration::from_secs(20);
    assert!(!plant.delivery.sends_nothing_before(end(&plant)));
    through(&mut plant, 900, |entry| has(entry, 1, 0));
    assert!(plant.delivery.sends_nothing_before(end(&plant)));
    plant.give([point(2, 0, Class::Live)]);
    assert!(!plant.delivery.sends_nothing_before(end(&plant)));
}

/// One value that is tried every half a minute held up each end for most of the grace.
#[test]
fn an_end_does_not_wait_for_what_failed_before_where_that_is_on_disk() {
    let mut plant = Plant::new(config());
    plant.give([point(1, 0, Class::Live)]);
    assert!(!plant.delivery.has_only_failed(), "it was not tried yet");
    through(&mut plant, 60, |entry| has(entry, 1, 0));
    plant.delivery.flush(plant.now);
    plant.drain();
    assert!(plant.delivery.has_only_failed());
    // Also while it is on its way.
    while plant.in_flight.is_empty() {
        plant.wait(Duration::from_secs(1));
    }
    assert!(plant.delivery.has_only_failed());
    plant.give([point(1, 20_000, Class::Live)]);
    assert!(!plant.delivery.has_only_failed());
    while plant.answer(Err(fault(ApiFaultKind::Foreign))) {}
    through(&mut plant, 1, |entry| has(entry, 1, 0));
    assert!(plant.delivery.has_only_failed());
    assert_eq!(plant.delivery.waiting(), 1);
}

#[test]
fn an_end_does_not_wait_for_sitewise_where_all_is_on_disk() {
    let mut plant = Plant::new(config());
    for second in 0..20 {
        plant.give((0..5).map(|n| point(n, second * 1000, Class::Live)));
        through(&mut plant, 1, |_| true);
    }
    assert!(plant.delivery.is_unreachable() && plant.delivery.has_only_failed());
}

#[test]
fn while_the_clocks_differ_sitewise_alone_refuses_a_time() {
    let mut plant = Plant::new(config());
    plant.delivery.handle_clocks(ClockAgreement::Differ);
    let year = 365 * 24 * 3_600 * 1_000;
    plant.give([point(1, -year, Class::Live), point(2, year, Class::Live)]);
    plant.wait(Duration::from_secs(2));
    assert_eq!((shape(&plant.sent()), plant.refused().count()), (vec![vec![1, 1]], 0));
    let errors =
        vec![EntryError { entry: 0, fault: fault(ApiFaultKind::OutOfRange), times: vec![] }];
    plant.answer(Ok(errors));
    let refused: Vec<_> = plant.refused().map(|(point, why)| (millis(&point), why)).collect();
    assert_eq!(refused, [(-year, RejectReason::OutOfRange)]);
    assert_eq!(plant.delivery.figures().delivered, 1);
}
