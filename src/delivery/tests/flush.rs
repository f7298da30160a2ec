//! The end, where all that waits is on disk.

use super::*;

/// Answers the oldest request: each of its entries has this error.
fn refuse(plant: &mut Plant, kind: ApiFaultKind) -> bool {
    let Some((_, entries)) = plant.in_flight.front() else { return false };
    let errors = (0..entries.len())
        .map(|entry| EntryError { entry, fault: fault(kind), times: Vec::new() })
        .collect();
    plant.answer(Ok(errors))
}

/// The values behind one that is denied could not go before its backoff was over, and the end waited
/// for them.
#[test]
fn an_end_does_not_wait_for_what_is_behind_a_value_that_failed() {
    for kind in [ApiFaultKind::Denied, ApiFaultKind::NotFound, ApiFaultKind::Conflict] {
        let mut plant = Plant::new(config());
        plant.give((0..30).map(|n| point(1, n * 1_000, Class::Live)));
        plant.delivery.flush(plant.now);
        plant.drain();
        assert!(!plant.delivery.has_only_failed(), "{kind:?}: none was tried yet");
        assert!(refuse(&mut plant, kind));
        assert_eq!(plant.delivery.waiting(), 30);
        assert!(plant.delivery.has_only_failed(), "{kind:?}");
        // One of another property was not tried yet.
        plant.give([point(2, 0, Class::Live)]);
        assert!(!plant.delivery.has_only_failed(), "{kind:?}");
    }
}

/// All that was in delivery was tried once, at the rate of the quotas: 20 s.
#[test]
fn a_flush_in_which_nothing_is_accepted_is_in_vain() {
    let mut plant = Plant::new(Config { in_flight: 4, ..config() });
    let all = || (0..=u8::MAX).map(|n| point(n, 0, Class::Live));
    plant.give(all());
    for _ in 0..20 {
        refuse(&mut plant, ApiFaultKind::Limit);
        plant.wait(Duration::from_millis(50));
    }
    assert!(!plant.delivery.is_flush_futile(), "there is no flush yet");
    plant.delivery.flush(plant.now);
    plant.drain();
    let mut answers = 0;
    let refused = |plant: &mut Plant, answers: &mut u32| {
        while !plant.delivery.is_flush_futile() {
            if refuse(plant, ApiFaultKind::Limit) {
                *answers += 1;
            } else {
                plant.wait(Duration::from_millis(50));
            }
        }
    };
    for _ in 0..8 {
        refuse(&mut plant, ApiFaultKind::Limit);
        plant.wait(Duration::from_millis(50));
    }
    // One that is accepted gives hope.
    while !plant.answer(Ok(Vec::new())) {
        plant.wait(Duration::from_millis(50));
    }
    refused(&mut plant, &mut answers);
    assert!((15..=17).contains(&answers), "{answers}");
    // Nothing more is sent, and what is in flight is waited for.
    plant.delivery.stop_sending();
    let sent = plant.delivery.figures().requests;
    plant.give((0..10).map(|n| point(n, 5_000, Class::Live)));
    plant.wait(Duration::from_secs(60));
    assert_eq!(plant.delivery.figures().requests, sent);
    while refuse(&mut plant, ApiFaultKind::Limit) {
        plant.wait(Duration::from_millis(50));
    }
    assert!(plant.delivery.has_stopped());
    assert_eq!(plant.delivery.figures().requests, sent);
    assert!(plant.delivery.waiting() > 200);
}

/// It is SiteWise's quota, and what waits for that may pass.
#[test]
fn a_flush_that_is_throttled_is_not_in_vain() {
    let mut plant = Plant::new(config());
    plant.give((0..100).map(|n| point(n, 0, Class::Live)));
    plant.delivery.flush(plant.now);
    plant.drain();
    for _ in 0..100 {
        plant.answer(Err(fault(ApiFaultKind::Throttled)));
        plant.wait(Duration::from_secs(1));
    }
    assert!(!plant.delivery.is_flush_futile());
}
