use std::io::Write as _;

use super::*;
use crate::delivery::point::{Class, Point, RejectReason, Stream};
use crate::outbox::disk::tests::tempdir::Folder;
use crate::sitewise::api::{Quality, Variant};
use crate::time::Timestamp;
use uuid::Uuid;

fn letter(time: i64, at: i64) -> DeadLetter {
    DeadLetter {
        point: Point {
            stream: Stream { asset: Uuid::from_u128(1), property: Uuid::from_u128(2) },
            time: Timestamp::from_millis(time),
            quality: Quality::Uncertain,
            value: Variant::Double(0.1),
            class: Class::History,
        },
        refusal: RejectReason::Invalid,
        reason: "because".to_owned(),
        at: Timestamp::from_millis(at),
        names: (Some("T7".to_owned()), None),
        alias: None,
    }
}

#[test]
fn what_is_remembered_of_values_sent_again_is_bounded() {
    let folder = Folder::new();
    let mut letters = DeadLetterFiles::open(folder.path());
    for time in 0..MAX_RETRIED as i64 + 10 {
        letters.remember(DeadLetterRecord::new(1, letter(time, 10), None));
    }
    assert_eq!(letters.retried.len(), MAX_RETRIED);
}

#[test]
fn letters_are_there_again_and_numbered_on() {
    let folder = Folder::new();
    let mut letters = DeadLetterFiles::open(folder.path());
    letters.push(letter(1, 10));
    letters.push(letter(2, 20));
    letters.sync().unwrap();
    let all = read(folder.path());
    assert_eq!(all.keys().copied().collect::<Vec<_>>(), [1, 2]);
    assert_eq!(all[&1].point(), Some(letter(1, 10).point));
    assert_eq!((all[&2].first_attempt, all[&2].attempts), (20, 1));
    let mut letters = DeadLetterFiles::open(folder.path());
    letters.push(letter(3, 30));
    assert_eq!(read(folder.path()).keys().copied().collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn a_value_that_is_refused_again_remembers_its_first_attempt() {
    let folder = Folder::new();
    let mut letters = DeadLetterFiles::open(folder.path());
    letters.push(letter(1, 10));
    letters.record_removed(read(folder.path())[&1].clone(), true);
    assert!(read(folder.path()).is_empty());
    // Even by the next process.
    let mut letters = DeadLetterFiles::open(folder.path());
    letters.push(letter(1, 50));
    let all = read(folder.path());
    let again = all.values().next().unwrap();
    assert_eq!((again.first_attempt, again.last_attempt, again.attempts), (10, 50, 2));
}

/// A flush that failed was repeated alone, and the value left the outbox without its letter.
#[test]
fn letters_whose_flush_failed_are_written_again() {
    let folder = Folder::new();
    let mut letters = DeadLetterFiles::open(folder.path());
    // It takes everything, and cannot be flushed.
    letters.file = Some(OpenOptions::new().write(true).open("/dev/null").unwrap());
    letters.push(letter(1, 10));
    assert!(letters.sync().is_err());
    letters.push(letter(2, 20));
    letters.sync().unwrap();
    assert_eq!(read(folder.path()).keys().copied().collect::<Vec<_>>(), [1, 2]);
}

/// Each letter past the bound was tried by itself, and left a copy of all that waited.
#[test]
fn a_disk_that_fails_is_tried_by_the_timer_alone_and_gets_no_copies() {
    let folder = Folder::new();
    let mut letters = DeadLetterFiles::open(folder.path());
    letters.push(letter(0, 10));
    letters.sync().unwrap();
    // It takes everything, and cannot be flushed.
    letters.file = Some(OpenOptions::new().write(true).open("/dev/null").unwrap());
    let long = |time| DeadLetter { reason: "x".repeat(500), ..letter(time, 10) };
    for time in 1..10_000 {
        letters.push(long(time));
    }
    let fill = letters.unflushed.len();
    assert!(letters.dropped > 0 && fill <= MAX_UNFLUSHED, "{fill}");
    assert!(files(folder.path()).len() <= 2, "{:?}", files(folder.path()));
    letters.sync().unwrap();
    let kept = read(folder.path()).len() as u64;
    assert!(kept > 4_000, "{kept}");
    assert_eq!(letters.dropped, 0);
}

/// All of it stood in one file that was full, or in memory.
#[test]
fn letters_of_a_long_run_are_kept_over_several_files() {
    const LETTERS: u64 = 30_000;
    let folder = Folder::new();
    let mut letters = DeadLetterFiles::open(folder.path());
    for time in 0..LETTERS {
        letters.push(letter(time as i64, 10));
        assert!(letters.unflushed.len() <= MAX_UNFLUSHED);
    }
    letters.sync().unwrap();
    assert_eq!(read(folder.path()).len() as u64, LETTERS);
    assert!(files(folder.path()).len() > 1);
}

#[test]
fn a_torn_line_is_no_letter_and_hides_none() {
    let folder = Folder::new();
    let mut letters = DeadLetterFiles::open(folder.path());
    letters.push(letter(1, 10));
    let (_, path) = files(folder.path()).remove(0);
    OpenOptions::new().append(true).open(path).unwrap().write_all(b"{\"letter\":{\"id").unwrap();
    let mut letters = DeadLetterFiles::open(folder.path());
    letters.push(letter(2, 20));
    assert_eq!(read(folder.path()).keys().copied().collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn the_oldest_file_goes_when_all_are_too_large() {
    let folder = Folder::new();
    let long = || DeadLetter { reason: "x".repeat(500), ..letter(1, 10) };
    let mut letters = DeadLetterFiles::open(folder.path());
    for number in 0..20u64 {
        fs::write(
            folder.path().join(format!("{number:08}.jsonl")),
            vec![b'\n'; usize::try_from(MAX_FILE_BYTES).unwrap()],
        )
        .unwrap();
    }
    letters.file_number = 20;
    letters.push(long());
    let all = files(folder.path());
    let bytes: u64 = all.iter().map(|(_, path)| fs::metadata(path).unwrap().len()).sum();
    assert!(bytes <= MAX_TOTAL_BYTES + MAX_FILE_BYTES, "{bytes}");
    assert_eq!(read(folder.path()).len(), 1);
}
