//! What becomes of values by what SiteWise answers.

use super::*;

#[test]
fn only_the_values_named_are_sent_again() {
    let mut plant = sent_ten();
    plant.answer(Ok(vec![error(0, ApiFaultKind::Throttled, &[3_000, 7_000])]));
    assert_eq!(settled(&plant), [0, 1, 2, 4, 5, 6, 8, 9]);
    plant.wait(Duration::from_secs(3));
    let sent = plant.sent();
    assert_eq!(times(&sent), [3, 7]);
    plant.answer(Ok(Vec::new()));
    assert!(plant.delivery.waiting() == 0);
    assert_eq!(plant.delivery.figures().retries, 2);
}

#[test]
fn final_errors_refuse_the_values_named() {
    let mut plant = sent_ten();
    plant.answer(Ok(vec![
        error(0, ApiFaultKind::Invalid, &[3_000]),
        error(0, ApiFaultKind::OutOfRange, &[4_000]),
    ]));
    let refused: Vec<(i64, RejectReason)> =
        plant.refused().map(|(p, why)| (millis(&p), why)).collect();
    assert_eq!(refused, [(3_000, RejectReason::Invalid), (4_000, RejectReason::OutOfRange)]);
    assert_eq!(settled(&plant), [0, 1, 2, 5, 6, 7, 8, 9]);
    assert_eq!(plant.delivery.waiting(), 0);
}

#[test]
fn an_error_without_times_or_with_foreign_ones_is_against_the_whole_entry() {
    for times in [&[][..], &[99_000]] {
        let mut plant = sent_ten();
        plant.answer(Ok(vec![error(0, ApiFaultKind::Invalid, times)]));
        assert_eq!(plant.refused().count(), 10);
    }
}

#[test]
fn a_value_that_fails_for_ever_blocks_nobody_and_ends_out_of_range() {
    let mut plant = Plant::new(config());
    plant.give([point(1, 0, Class::Live)]);
    for second in 1..200_i64 {
        plant.give([point(1, second * 1000, Class::Live)]);
        plant.wait(Duration::from_secs(1));
        while let Some((_, entries)) = plant.in_flight.front() {
            // An entry that holds the bad value fails as a whole, without telling why.
            let bad = point(1, 0, Class::Live).time;
            let fails = entries[0].values.iter().any(|value| value.time == bad);
            let errors = fails.then(|| error(0, ApiFaultKind::Unavailable, &[]));
            plant.answer(Ok(errors.into_iter().collect()));
        }
    }
    let figures = plant.delivery.figures();
    assert!(figures.delivered >= 190, "{figures:?}");
    plant.now = plant.now.plus(limits::OLDEST_VALUE);
    plant.wait(Duration::from_secs(60));
    while plant.answer(Ok(Vec::new())) {}
    assert!(
        plant.refused().any(|(point, why)| millis(&point) == 0 && why == RejectReason::OutOfRange)
    );
    assert_eq!(plant.delivery.waiting(), 0);
}

#[test]
fn what_is_denied_until_it_is_too_old_is_refused_as_denied() {
    let mut plant = sent_ten();
    plant.answer(Ok(vec![error(0, ApiFaultKind::Denied, &[])]));
    // One denial may be older than the permission.
    plant.wait(Duration::from_secs(3));
    assert_eq!(plant.in_flight.len(), 0);
    plant.wait(Duration::from_secs(4));
    assert_eq!(plant.in_flight.len(), 1);
    plant.answer(Ok(vec![error(0, ApiFaultKind::Denied, &[])]));
    plant.wait(Duration::from_millis(28_900));
    assert_eq!(plant.in_flight.len(), 0);
    plant.wait(Duration::from_secs(2));
    assert_eq!(plant.in_flight.len(), 1);
    plant.answer(Ok(vec![error(0, ApiFaultKind::Denied, &[])]));
    plant.now = plant.now.plus(limits::OLDEST_VALUE);
    plant.wait(Duration::from_secs(60));
    assert_eq!(plant.refused().filter(|(_, why)| *why == RejectReason::Denied).count(), 10);
}

#[test]
fn a_missing_asset_is_told_once_and_its_values_wait() {
    let mut plant = Plant::new(config());
    plant.give((0..3).map(|n| point(n, 0, Class::Live)));
    let mut same_asset = point(1, 0, Class::Live);
    same_asset.stream.property = Uuid::from_u128(2);
    plant.give([same_asset]);
    plant.wait(Duration::from_millis(1_050));
    let entries = plant.sent().remove(0);
    let of_asset = |entry: &Entry| entry.asset == Uuid::from_u128(1);
    let errors = (0..4).filter(|&at| of_asset(&entries[at]));
    plant.answer(Ok(errors.map(|at| error(at, ApiFaultKind::NotFound, &[])).collect()));
    let of = |asset, property| Stream {
        asset: Uuid::from_u128(asset),
        property: Uuid::from_u128(property),
    };
    let missing = Output::NotFound(vec![point(1, 0, Class::Live).stream, of(1, 2)]);
    assert_eq!(plant.told.iter().filter(|told| **told == missing).count(), 1);
    assert_eq!(plant.delivery.waiting(), 2);
    plant.wait(Duration::from_millis(1_900));
    assert!(plant.in_flight.is_empty());
    plant.wait(Duration::from_millis(1_200));
    while plant.answer(Ok(Vec::new())) {}
    assert_eq!(plant.delivery.waiting(), 0);
}

#[test]
fn one_bad_value_does_not_take_the_rest_of_its_request_along() {
    let mut plant = Plant::new(config());
    plant.give(
        (0..10).flat_map(|stream| (0..10).map(move |n| point(stream, n * 1000, Class::Live))),
    );
    let bad = |entry: &Entry, value: &crate::sitewise::api::Tqv| {
        entry.asset == Uuid::from_u128(4) && value.time == point(4, 6_000, Class::Live).time
    };
    let mut requests = 0;
    for _ in 0..100 {
        plant.wait(Duration::from_millis(100));
        while let Some((_, entries)) = plant.in_flight.front() {
            requests += 1;
            let invalid = entries.iter().any(|e| e.values.iter().any(|v| bad(e, v)));
            plant.answer(match invalid {
                true => Err(fault(ApiFaultKind::Invalid)),
                false => Ok(Vec::new()),
            });
        }
    }
    let refused: Vec<Point> = plant.refused().map(|(point, _)| point).collect();
    assert_eq!(refused, [point(4, 6_000, Class::Live)]);
    assert_eq!(plant.delivery.figures().delivered, 99);
    assert_eq!(requests, 1 + 10 + 10, "the request, each entry, each value of the bad one");
}

#[test]
fn throttling_slows_down_and_loses_nothing() {
    let mut plant = Plant::new(Config { requests_per_second: 100, ..config() });
    plant.give((0..200).map(|n| point(n, 0, Class::Live)));
    plant.wait(Duration::from_millis(1_001));
    for _ in 0..5 {
        assert!(plant.answer(Err(fault(ApiFaultKind::Throttled))));
    }
    let share = plant.delivery.rate_limiter.share(plant.now.instant);
    assert!((share - 0.5).abs() < 0.01, "all went before the first answer: {share}");
    assert_eq!(plant.delivery.figures().throttles, 5);
    plant.wait(Duration::from_secs(5));
    while plant.answer(Ok(Vec::new())) {
        plant.wait(Duration::from_secs(1));
    }
    assert_eq!(plant.delivery.figures().delivered, 200);
}

#[test]
fn a_tenth_of_the_quota_is_used_well() {
    let mut plant = Plant::new(Config { values_per_second: 5_000, ..config() });
    plant.give((0..20_000_i64).map(|n| point((n % 250) as u8, n / 250 * 1000, Class::Live)));
    // SiteWise takes 500 values a second, and of a request all or nothing.
    let mut tokens = 500.0_f64;
    let mut seconds = 0.0;
    while plant.delivery.waiting() > 0 {
        plant.wait(Duration::from_millis(10));
        seconds += 0.01;
        tokens = (tokens + 5.0).min(500.0);
        while let Some((_, entries)) = plant.in_flight.front() {
            let values = entries.iter().map(|entry| entry.values.len()).sum::<usize>() as f64;
            let taken = tokens >= values;
            tokens -= if taken { values } else { 0.0 };
            plant.answer(if taken { Ok(Vec::new()) } else { Err(fault(ApiFaultKind::Throttled)) });
        }
    }
    assert!(seconds < 60.0, "40 s would be the best: {seconds}");
}

#[test]
fn a_few_throttled_entries_are_their_own_affair() {
    let mut plant = Plant::new(config());
    plant.give((0..10).map(|n| point(n, 0, Class::Birth)));
    plant.wait(Duration::from_millis(1_001));
    let errors = (0..4).map(|at| error(at, ApiFaultKind::Throttled, &[]));
    plant.answer(Ok(errors.collect()));
    assert!(plant.delivery.rate_limiter.share(plant.now.instant) > 0.99);
    assert_eq!(plant.delivery.figures().throttles, 4);
}

#[test]
fn while_sitewise_is_away_one_request_asks_and_then_all_go_on() {
    let mut plant = Plant::new(config());
    plant.give((0..100).map(|n| point(n, 0, Class::Live)));
    for _ in 0..600 {
        plant.wait(Duration::from_millis(100));
        while plant.answer(Err(fault(ApiFaultKind::Unavailable))) {}
    }
    let asked = plant.sent().len();
    assert!(asked < 25, "{asked} in a minute");
    plant.wait(Duration::from_secs(60));
    assert_eq!(plant.in_flight.len(), 1, "one probe");
    plant.answer(Ok(Vec::new()));
    assert_eq!(plant.in_flight.len(), 8, "as many as may");
    while plant.answer(Ok(Vec::new())) {}
    plant.wait(Duration::from_millis(100));
    while plant.answer(Ok(Vec::new())) {}
    assert_eq!(plant.delivery.waiting(), 0);
}

#[test]
fn one_failure_in_three_keeps_nobody_away() {
    let mut plant = Plant::new(config());
    let mut answers = 0;
    for second in 0..60 {
        plant.give((0..100).map(|n| point(n, second * 1000, Class::Live)));
        plant.wait(Duration::from_secs(1));
        while !plant.in_flight.is_empty() {
            answers += 1;
            plant.answer(match answers % 3 {
                0 => Err(fault(ApiFaultKind::Unavailable)),
                _ => Ok(Vec::new()),
            });
        }
    }
    assert!(plant.delivery.waiting() < 400, "{}", plant.delivery.waiting());
}

#[test]
fn a_value_that_comes_back_gives_way_to_a_later_one() {
    let mut plant = Plant::new(config());
    plant.give([point(1, 0, Class::Live)]);
    plant.wait(Duration::from_secs(2));
    let mut second = point(1, 0, Class::Live);
    second.value = Variant::Integer(2);
    plant.give([second.clone()]);
    plant.answer(Ok(vec![error(0, ApiFaultKind::Conflict, &[])]));
    let (key, why) = (second.key(), DiscardReason::Overwritten);
    assert_eq!(plant.told, [Output::Discarded { key, why }]);
    plant.wait(Duration::from_secs(4));
    let sent = plant.sent();
    assert_eq!(sent[1][0].values[0].value, Variant::Integer(2));
}

#[test]
fn answers_to_unknown_requests_and_entries_are_ignored() {
    let mut plant = sent_ten();
    plant.delivery.handle_put_response(RequestId(99), Ok(Vec::new()), plant.now);
    assert_eq!(plant.delivery.waiting(), 10);
    let (id, _) = plant.in_flight[0];
    plant.answer(Ok(vec![error(7, ApiFaultKind::Invalid, &[])]));
    plant.delivery.handle_put_response(id, Ok(Vec::new()), plant.now);
    assert_eq!(plant.delivery.figures().delivered, 10);
}

/// Ten values of one stream in flight, a second apart.
fn sent_ten() -> Plant {
    let mut plant = Plant::new(config());
    plant.give((0..10).map(|n| point(1, n * 1000, Class::Live)));
    plant.wait(Duration::from_millis(50));
    assert_eq!(shape(&plant.sent()), [[10]]);
    plant
}

fn error(entry: usize, kind: ApiFaultKind, millis: &[i64]) -> EntryError {
    let time = |millis: &i64| Timestamp::from_millis(WALL + millis);
    EntryError { entry, fault: fault(kind), times: millis.iter().map(time).collect() }
}

/// Times settled, in seconds.
fn settled(plant: &Plant) -> Vec<i64> {
    let keys = plant.told.iter().filter_map(|output| match output {
        Output::Settled(keys) => Some(keys),
        _ => None,
    });
    let times = keys.flatten().map(|key| (key.time.as_millis() - WALL) / 1000);
    times.collect()
}

/// Times sent, in seconds.
fn times(sent: &[Vec<Entry>]) -> Vec<i64> {
    let values = sent.iter().flatten().flat_map(|entry| &entry.values);
    values.map(|value| (value.time.as_millis() - WALL) / 1000).collect()
}

#[test]
fn a_refused_number_past_what_the_api_model_takes_comes_with_the_remedy() {
    let past = 10_000_000_001.0;
    let remedy = "Invalid; SiteWise may not accept numbers past ±1e10; TWIN_INT64=string carries \
                  it as text if the metric is an integer";
    let large = "Invalid; SiteWise may not accept numbers past ±1e10";
    for (number, reason) in
        [(past, remedy), (-past, remedy), (past + 0.5, large), (1e10, "Invalid"), (7.0, "Invalid")]
    {
        // As an entry's error, and as the whole request's.
        for answer in
            [Ok(vec![error(0, ApiFaultKind::Invalid, &[])]), Err(fault(ApiFaultKind::Invalid))]
        {
            let mut plant = Plant::new(config());
            plant.give([Point { value: Variant::Double(number), ..point(1, 0, Class::Live) }]);
            plant.wait(Duration::from_secs(60));
            assert!(plant.answer(answer));
            let told = plant.told.iter().find_map(|output| match output {
                Output::Rejected { reason, .. } => Some(reason.as_str()),
                _ => None,
            });
            assert_eq!(told, Some(reason), "{number}");
        }
    }
}
