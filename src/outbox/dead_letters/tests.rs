//! Letters in memory, and what people take away of them.

use uuid::Uuid;

use super::*;
use crate::delivery::point::{Class, Stream};
use crate::sitewise::api::{PropertyDataType, Quality, Variant};

#[test]
fn the_oldest_letters_go_but_stay_counted() {
    let mut letters = DeadLetters::new(2);
    for (at, refusal) in
        [(1, RejectReason::Invalid), (2, RejectReason::OutOfRange), (3, RejectReason::Invalid)]
    {
        letters.push(letter(at, refusal));
    }
    let kept: Vec<i64> = letters.iter().map(|letter| letter.at.as_millis()).collect();
    assert_eq!(kept, [2, 3]);
    // Each has its number for good.
    let numbers = |after| letters.numbered(after).map(|(id, _)| id).collect::<Vec<_>>();
    assert_eq!([0, 1, 2, 3, 9].map(numbers), [vec![2, 3], vec![2, 3], vec![3], vec![], vec![]]);
    let refused = letters.refused();
    assert_eq!((refused.invalid, refused.out_of_range, refused.denied), (2, 1, 0));
}

#[test]
fn long_reasons_are_cut_between_characters() {
    let mut letters = DeadLetters::new(1);
    letters.push(DeadLetter {
        reason: "ü".repeat(REASON_CHARS + 1),
        ..letter(1, RejectReason::Invalid)
    });
    assert_eq!(letters.iter().next().unwrap().reason, "ü".repeat(REASON_CHARS));
}

/// A letter of this property, whose value has the time of its rejection.
fn of(property: u128, at: i64) -> DeadLetter {
    let mut letter = letter(at, RejectReason::Invalid);
    letter.point.stream.property = Uuid::from_u128(property);
    letter.point.time = Timestamp::from_millis(at);
    DeadLetter { reason: format!("because {property}"), ..letter }
}

fn records(letters: &[DeadLetter]) -> Vec<DeadLetterRecord> {
    let record = |(id, letter): (u64, &DeadLetter)| DeadLetterRecord::new(id, letter.clone(), None);
    (1..).zip(letters).map(record).collect()
}

/// Console and `/readyz` went on for an hour as if nobody had retried or dropped them.
#[test]
fn letters_that_people_retried_or_dropped_are_no_longer_there() {
    let mut letters = DeadLetters::new(10);
    let all = [of(1, 1_000), of(1, 2_000), of(2, 3_000), of(2, 3_000)];
    all.iter().for_each(|letter| letters.push(letter.clone()));
    let shown = |letters: &DeadLetters| {
        let recent = letters.recent(Timestamp::from_millis(0));
        let recent = recent.map(|of| (of.values(Timestamp::from_millis(0)), of.reason.clone()));
        recent.collect::<Vec<_>>()
    };
    assert_eq!(shown(&letters), [(4, "because 1".to_owned())]);
    // One of two that are alike, and one of an earlier process.
    letters.remove(&records(&[all[3].clone(), of(1, 900)]));
    assert_eq!((letters.len(), shown(&letters)), (3, vec![(3, "because 2".to_owned())]));
    letters.remove(&records(&all[2..3]));
    assert_eq!(shown(&letters), [(2, "because 1".to_owned())], "the last of those left");
    assert!(letters.last_of(all[2].point.stream).is_none());
    assert_eq!(letters.last_of(all[0].point.stream).unwrap().at, all[1].at);
    letters.remove(&records(&all));
    assert_eq!((letters.len(), shown(&letters)), (0, Vec::new()));
    // What was rejected since the start stays counted, and the numbers go on.
    assert_eq!(letters.refused().total(), 4);
    letters.push(of(3, 4_000));
    assert_eq!(letters.numbered(0).map(|(id, _)| id).collect::<Vec<_>>(), [5]);
}

/// A job's report was read by a process that was killed, and again by the next one: the letters are on
/// disk with the time of the first. Dropped, they stayed in the console until the next start.
#[test]
fn letters_that_an_earlier_process_has_written_can_be_dropped() {
    let mut letters = DeadLetters::new(10);
    let ours = [1_000, 2_000].map(|time| {
        let mut letter = of(1, 5_000);
        letter.point.time = Timestamp::from_millis(time);
        letter
    });
    letters.push(ours[0].clone());
    letters.push(ours[1].clone());
    // The other one by its own time, which takes away no letter of another value.
    let theirs = DeadLetter { at: Timestamp::from_millis(3_000), ..ours[0].clone() };
    letters.remove(&records(&[theirs, ours[1].clone()]));
    let recent = letters.recent(Timestamp::from_millis(0)).count();
    assert_eq!((letters.len(), recent), (0, 0));
    assert!(letters.last_of(ours[0].point.stream).is_none());
    // Of two of one value the very same goes, whichever is told first.
    let twice =
        [6_000, 7_000].map(|at| DeadLetter { at: Timestamp::from_millis(at), ..ours[0].clone() });
    twice.iter().for_each(|letter| letters.push(letter.clone()));
    letters.remove(&records(&[twice[0].clone()]));
    assert_eq!(letters.iter().next().unwrap().at, twice[1].at);
}

/// A sender whose clock is behind, or that catches up: for as long the rejection stood, while its
/// values flowed. One whose clock is far ahead never gets there with right times.
#[test]
fn a_rejection_ends_by_the_senders_own_times() {
    for (time, later) in [(1_000, 2_000), (9_000_000, 5_001)] {
        let mut letters = DeadLetters::new(10);
        let mut letter = of(1, 5_000);
        letter.point.time = Timestamp::from_millis(time);
        letters.push(letter.clone());
        let mut key = letter.point.key();
        key.time = Timestamp::from_millis(1_000);
        letters.record_accepted(&[key]);
        assert!(letters.last_of(key.stream).is_some(), "an earlier one");
        key.time = Timestamp::from_millis(later);
        letters.record_accepted(&[key]);
        assert!(letters.last_of(key.stream).is_none(), "{time}");
    }
}

/// Ten minutes later, with values flowing, the rejection was still what was wrong.
#[test]
fn a_rejection_is_over_once_sitewise_took_a_later_value_of_the_property() {
    let mut letters = DeadLetters::new(10);
    letters.push(of(1, 1_000));
    letters.push(of(2, 1_000));
    let key = |property, time| of(property, time).point.key();
    letters.record_accepted(&[key(1, 1_000), key(3, 2_000)]);
    assert!(letters.last_of(key(1, 0).stream).is_some(), "one that was sent before");
    letters.record_accepted(&[key(1, 1_001)]);
    assert!(letters.last_of(key(1, 0).stream).is_none());
    assert!(letters.last_of(key(2, 0).stream).is_some());
    letters.push(of(1, 3_000));
    assert!(letters.last_of(key(1, 0).stream).is_some(), "the next one");
}

pub(super) fn letter(at: i64, refusal: RejectReason) -> DeadLetter {
    DeadLetter {
        point: Point {
            stream: Stream { asset: Uuid::from_u128(1), property: Uuid::from_u128(2) },
            time: Timestamp::from_millis(0),
            quality: Quality::Bad,
            value: Variant::Null(PropertyDataType::Double),
            class: Class::Live,
        },
        refusal,
        reason: "because".to_owned(),
        at: Timestamp::from_millis(at),
        names: (None, None),
        alias: None,
    }
}
