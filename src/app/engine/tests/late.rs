//! Values that are too old for SiteWise's usual call.

use super::super::SyncState;
use super::super::late::LateDone;
use super::*;
use crate::app::late::Outcome;
use crate::late::report::RowRefusal;
use crate::late::{self, FileName};
use crate::time::{Now, Timestamp};

const DAY: u64 = 86_400;

fn old(engine: &Engine<Silent>, days: u64) -> Point {
    let stream = Stream { asset: Uuid::from_u128(1), property: Uuid::from_u128(days.into()) };
    let time = engine.clock.now().wall.minus(Duration::from_secs(days * DAY));
    let (quality, value) = (Quality::Good, Variant::Double(1.0));
    Point { stream, time, quality, value, class: Class::History }
}

fn with_files(engine: Engine<Silent>, now: Now) -> Engine<Silent> {
    let bridge = engine.bridge.with_late(late::tests::config(), 1, now);
    Engine { bridge, ..engine }
}

/// In a running process it waited for ever: only what was on disk alone went on.
#[tokio::test]
async fn a_value_waits_for_its_asset_until_it_is_too_old() {
    for (has_files, too_old) in [(false, 8), (true, 15)] {
        let (mut engine, _published) = engine();
        let now = engine.clock.now();
        if has_files {
            engine = with_files(engine, now);
        }
        engine.sync_state = SyncState::Done;
        for days in [too_old - 2, too_old] {
            let point = old(&engine, days);
            let gate = Some(Gate::Asset(point.stream.asset));
            assert_eq!(engine.outbox.put(vec![QueuedPoint { point, gate }]), []);
        }
        engine.expire_parked(now);
        engine.drain_outputs();
        assert_eq!(engine.outbox.parked(), 1, "the younger one waits still");
        let in_files = engine.bridge.late().map_or(0, late::Late::waiting);
        let expected = if has_files { (1, 0) } else { (0, 1) };
        assert_eq!((in_files, engine.dead_letters.len()), expected);
    }
}

/// The log had one line with a number, and named no machine.
#[tokio::test]
async fn rows_that_a_job_rejects_are_told_as_any_rejected_value() {
    let (engine, _published) = engine();
    let now = engine.clock.now();
    let mut engine = with_files(engine, now);
    let refusal = RowRefusal { reason: "no such asset".to_owned(), is_named: true };
    let rows = vec![(old(&engine, 9), refusal)];
    let done = LateDone::Step(FileName::new(1, 1), Outcome::Refused(rows));
    engine.handle_late_done(Ok(done)).unwrap();
    assert_eq!(engine.dead_letters.len(), 1);
    let told = format!("{:?}", engine.rejection_lines);
    assert!(told.contains(&Uuid::from_u128(1).to_string()), "{told}");
}

/// Its values went by file ever after, and the rejection stood until its letter was dropped.
#[tokio::test]
async fn a_rejection_ends_with_the_file_that_takes_a_later_value() {
    let (engine, _published) = engine();
    let now = engine.clock.now();
    let mut engine = with_files(engine, now);
    let point = old(&engine, 9);
    let stream = point.stream;
    let refusal = RowRefusal { reason: "no such asset".to_owned(), is_named: true };
    let rows = vec![(point.clone(), refusal)];
    engine
        .handle_late_done(Ok(LateDone::Step(FileName::new(1, 1), Outcome::Refused(rows))))
        .unwrap();
    let mut through = |number: u64, time: Timestamp, is_lost: bool| {
        let file = FileName::new(number, 1);
        let key = Point { time, ..point.clone() }.key();
        let line = "a row".to_owned();
        engine.handle_late_output(late::Output::Append { file, row: number, line, key });
        engine.handle_late_output(match is_lost {
            true => late::Output::Lost { file, rows: 1 },
            false => late::Output::Delivered { file, taken: 1, refused: 0 },
        });
        engine.dead_letters.last_of(stream).is_some()
    };
    let later = point.time.plus(Duration::from_secs(1));
    assert!(through(2, point.time, false), "the very value again");
    assert!(through(3, later, true), "it never came there");
    assert!(!through(4, later, false));
}
