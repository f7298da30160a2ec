//! One value at which a request hangs, or meets a 429 that is none of SiteWise's.

use super::*;

/// Requests that met it and are not answered yet.
type Gone = Vec<(Instant, RequestId)>;

/// Lets a plant of so many tags go on, one value of each a second. Where `meets` says so, a request
/// is answered only `after` so long, with a fault. How many were.
fn go_on(
    (plant, gone): (&mut Plant, &mut Gone),
    (tags, seconds): (u8, u32),
    (kind, after): (ApiFaultKind, Duration),
    meets: impl Fn(&Entry) -> bool,
) -> usize {
    let mut met = 0;
    for tenth in 0..seconds * 10 {
        if tenth % 10 == 0 {
            let time = plant.now.wall.as_millis() - WALL;
            plant.give((0..tags).map(|n| point(n, time, Class::Live)));
        }
        plant.wait(Duration::from_millis(100));
        let now = plant.now.instant;
        let sent: Vec<_> = plant.in_flight.drain(..).collect();
        for (id, entries) in sent {
            match entries.iter().any(&meets) {
                true => gone.push((now + after, id)),
                false => plant.delivery.handle_put_response(id, Ok(Vec::new()), plant.now),
            }
        }
        while let Some(at) = gone.iter().position(|(until, _)| *until <= now) {
            met += 1;
            let (_, id) = gone.remove(at);
            plant.delivery.handle_put_response(id, Err(fault(kind)), plant.now);
        }
        plant.drain();
    }
    met
}

fn has(entry: &Entry, stream: u8, millis: i64) -> bool {
    let bad = point(stream, millis, Class::Live);
    entry.asset == bad.stream.asset && entry.values.iter().any(|value| value.time == bad.time)
}

const HANGS: (ApiFaultKind, Duration) = (ApiFaultKind::Unavailable, Duration::from_secs(30));
const BUSY: (ApiFaultKind, Duration) = (ApiFaultKind::Busy, Duration::from_millis(100));

/// It took the others of its request along, for good where they were all of a plant.
#[test]
fn one_value_at_which_requests_hang_or_are_slowed_down_waits_alone_and_is_told() {
    for fails in [HANGS, BUSY] {
        for tags in [8, 40] {
            let (mut plant, mut gone) = (Plant::new(config()), Vec::new());
            let bad = |entry: &Entry| has(entry, 3, 5_000);
            let mut met = go_on((&mut plant, &mut gone), (tags, 240), fails, bad);
            assert_eq!(
                plant.delivery.failing_values().count(),
                1,
                "{fails:?} {tags}: in four minutes"
            );
            met += go_on((&mut plant, &mut gone), (tags, 360), fails, bad);
            let (waiting, held) =
                (plant.delivery.waiting(), plant.delivery.failing_values().count());
            // Those of its own property wait while it is asked for, one request at a time.
            assert!(waiting <= 40 + 2 * usize::from(tags), "{fails:?} {tags}: {waiting} wait");
            assert_eq!((held, plant.refused().count()), (1, 0), "{fails:?} {tags}");
            assert!(!plant.delivery.is_unreachable(), "{fails:?} {tags}");
            assert!(met < 40, "{fails:?} {tags}: {met}");
            // Once it passes, it is named no longer.
            go_on((&mut plant, &mut gone), (0, 3_700), fails, |_| false);
            assert_eq!((plant.delivery.waiting(), plant.delivery.failing_values().count()), (0, 0));
        }
    }
}

#[test]
fn where_all_hang_or_are_slowed_down_sitewise_is_away_and_all_goes_on() {
    for fails in [HANGS, BUSY] {
        let (mut plant, mut gone) = (Plant::new(config()), Vec::new());
        let met = go_on((&mut plant, &mut gone), (40, 600), fails, |_| true);
        assert!(plant.delivery.is_unreachable(), "{fails:?}");
        assert!(met < 250, "{fails:?}: {met}");
        assert_eq!(plant.delivery.failing_values().count(), 0, "{fails:?}");
        let before = plant.delivery.figures().requests;
        go_on((&mut plant, &mut gone), (40, 120), fails, |_| false);
        assert!(plant.delivery.waiting() <= 80, "{fails:?}: {}", plant.delivery.waiting());
        let requests = plant.delivery.figures().requests - before;
        assert!(requests < 2_000, "{fails:?}: {requests}");
    }
}
