//! Single rules: names, when a file is closed, what is refused.

use std::time::Duration;

use uuid::Uuid;

use super::config;
use crate::delivery::point::{Class, Point, Stream};
use crate::globs::Globs;
use crate::late::file_import::{JobRecord, JobState, Step, StepResult};
use crate::late::{
    Buffered, Config, FileKind, FileName, Late, NotQueued, Obstacle, Output, RestoredFile, Tiers,
};
use crate::sitewise::api::{Quality, Variant};
use crate::time::{Instant, Now, Timestamp};

fn at(seconds: u64) -> Now {
    let start = Timestamp::from_millis(1_800_000_000_000);
    Now { instant: Instant::START, wall: start }.plus(Duration::from_secs(seconds))
}

fn point(asset: u128, value: Variant) -> Point {
    Point {
        stream: Stream { asset: Uuid::from_u128(asset), property: Uuid::from_u128(1) },
        time: Timestamp::from_millis(1_700_000_000_000),
        quality: Quality::Good,
        value,
        class: Class::History,
    }
}

fn outputs(late: &mut Late) -> Vec<Output> {
    std::iter::from_fn(|| late.poll_output()).collect()
}

/// The files that rows were appended to, in their order.
fn files(outputs: &[Output]) -> Vec<FileName> {
    let mut files: Vec<FileName> = Vec::new();
    for output in outputs {
        if let Output::Append { file, .. } = output
            && files.last() != Some(file)
        {
            files.push(*file);
        }
    }
    files
}

#[test]
fn names_are_read_as_they_are_written() {
    let name = FileName::new(1_800_000_000_123, 0xab);
    assert_eq!(name.to_string(), "1800000000123-00000000000000ab");
    assert_eq!(FileName::parse(&name.to_string()), Some(name));
    let buffered = name.of_kind(FileKind::Buffered);
    assert_eq!(buffered.to_string(), "1800000000123-00000000000000ab-buffered");
    assert_eq!(FileName::parse(&buffered.to_string()), Some(buffered));
    for foreign in
        ["", "-buffered", "1-2", "1800000000123", "1800000000123-00000000000000AB", "notes"]
    {
        assert_eq!(FileName::parse(foreign), None, "{foreign}");
    }
}

#[test]
fn a_job_is_named_by_its_key() {
    let name = FileName::new(1, 2);
    let config = Config { prefix: "a/b".to_owned(), host_id: "plant+1".to_owned(), ..config() };
    let key = "a/b/plant+1/0000000000001-0000000000000002.csv";
    assert_eq!(config.key(name), key);
    // Not all that a key may have is taken in a job's name.
    let job = "a/b/plant-1/0000000000001-0000000000000002.csv";
    assert_eq!(config.job_name(name, 1), job);
    assert_eq!(config.job_name(name, 3), format!("{job}:3"));
    assert!(config.report_prefix(name, 1).ends_with("/1/"));
}

/// SiteWise takes letters and numbers of any script, but no vowel sign, which Rust counts among the
/// letters: the job was refused for ever.
#[test]
fn a_job_is_named_in_letters_that_sitewise_takes() {
    let config = Config {
        host_id: "เครื่อง-กำลัง हिन्दी ü".to_owned(), ..config()
    };
    let name = config.job_name(FileName::new(1, 2), 1);
    let is_taken = |letter: char| letter.is_ascii_alphanumeric() || " ._:/-".contains(letter);
    assert!(name.chars().all(is_taken), "{name}");
    assert!(name.ends_with("0000000000001-0000000000000002.csv"), "{name}");
}

#[test]
fn a_file_is_closed_when_its_points_have_left_the_outbox() {
    let mut late = Late::new(config(), Vec::new(), 1, at(0));
    late.handle_tiers(Tiers::Enabled, at(0));
    late.handle_point(point(1, Variant::Boolean(true)), at(5)).unwrap();
    late.handle_timeout(at(3_604));
    late.handle_saved(1);
    assert!(!outputs(&mut late).iter().any(|output| matches!(output, Output::Close(_))));
    late.handle_timeout(at(3_605));
    late.handle_settled(0, at(3_605));
    let before = outputs(&mut late);
    assert!(!before.iter().any(|output| matches!(output, Output::Close(_))), "{before:?}");
    late.handle_settled(1, at(3_606));
    let after = outputs(&mut late);
    assert!(matches!(after[..], [Output::Close(_), Output::Do(_, Step::Upload)]), "{after:?}");
    assert_eq!(late.waiting(), 1);
}

#[test]
fn a_file_has_its_most_streams_and_bytes() {
    let mut late = Late::new(config(), Vec::new(), 1, at(0));
    for asset in 1..=10_000 {
        late.handle_point(point(asset, Variant::Boolean(true)), at(0)).unwrap();
    }
    // One that it has already still belongs into it.
    late.handle_point(point(1, Variant::Boolean(false)), at(0)).unwrap();
    assert_eq!(files(&outputs(&mut late)).len(), 1);
    late.handle_point(point(10_001, Variant::Boolean(true)), at(0)).unwrap();
    late.handle_point(point(1, Variant::Boolean(true)), at(0)).unwrap();
    assert_eq!(files(&outputs(&mut late)).len(), 1);
    let text = Variant::String("x".repeat(1_000).into());
    let mut seen = Vec::new();
    for row in 0..17_000 {
        late.handle_point(point(1, text.clone()), at(0)).unwrap();
        late.handle_saved(row);
        seen.extend(files(&outputs(&mut late)));
    }
    seen.dedup();
    assert_eq!(seen.len(), 2, "16 MiB are less than 17,000 rows of a kilobyte");
}

/// What is by choice would keep late values waiting, or leave with them, with another ingestion.
#[test]
fn buffered_rows_have_files_and_times_of_their_own() {
    let globs = Globs::parse_trees("*").unwrap();
    let buffered = Some(Buffered { globs, every: Duration::from_secs(900) });
    let mut late = Late::new(Config { buffered, ..config() }, Vec::new(), 1, at(0));
    let one = || point(1, Variant::Boolean(true));
    // Nothing says that the account has what jobs need: there is live ingestion.
    assert_eq!(late.handle_buffered(one(), at(0)), Err((one(), NotQueued::NoTier)));
    late.handle_tiers(Tiers::Enabled, at(0));
    late.handle_buffered(one(), at(0)).unwrap();
    late.handle_point(one(), at(1)).unwrap();
    late.handle_buffered(one(), at(2)).unwrap();
    let kinds: Vec<_> = files(&outputs(&mut late)).iter().map(|file| file.kind()).collect();
    assert_eq!(kinds, [FileKind::Buffered, FileKind::Late, FileKind::Buffered]);
    late.handle_saved(3);
    late.handle_settled(3, at(3));
    let closed = |late: &mut Late, second| {
        late.handle_timeout(at(second));
        let outputs = outputs(late).into_iter();
        let closed = outputs.filter_map(|output| match output {
            Output::Close(file) => Some(file.kind()),
            _ => None,
        });
        closed.collect::<Vec<_>>()
    };
    assert_eq!(closed(&mut late, 899), []);
    assert_eq!(closed(&mut late, 900), [FileKind::Buffered]);
    assert_eq!(closed(&mut late, 3_600), []);
    assert_eq!(closed(&mut late, 3_601), [FileKind::Late]);
    assert_eq!(late.waiting(), 3);
}

#[test]
fn what_cannot_be_taken_is_given_back() {
    let mut late = Late::new(Config { max_bytes: 200, ..config() }, Vec::new(), 1, at(0));
    let one = || point(1, Variant::Boolean(true));
    late.handle_point(one(), at(0)).unwrap();
    assert_eq!(late.handle_point(one(), at(0)), Err((one(), NotQueued::Full)));
    late.handle_tiers(Tiers::Disabled, at(0));
    assert_eq!(late.handle_point(one(), at(0)), Err((one(), NotQueued::NoTier)));
    assert!(late.figures().balances(late.waiting()));
}

/// The disk refused each row, and buffered values were held back, a hundred thousand of them: neither
/// in SiteWise nor in a file.
#[test]
fn while_the_disk_refuses_the_files_no_buffered_value_is_taken() {
    let globs = Globs::parse_trees("*").unwrap();
    let buffered = Some(Buffered { globs, every: Duration::from_secs(900) });
    let mut late = Late::new(Config { buffered, ..config() }, Vec::new(), 1, at(0));
    late.handle_tiers(Tiers::Enabled, at(0));
    let one = || point(1, Variant::Boolean(true));
    late.handle_buffered(one(), at(0)).unwrap();
    late.handle_disk_fault(Some("Permission denied".to_owned()));
    assert_eq!(late.handle_buffered(one(), at(1)), Err((one(), NotQueued::Disk)));
    // It has no other way.
    late.handle_point(one(), at(1)).unwrap();
    assert_eq!(late.status().disk.as_deref(), Some("Permission denied"));
    late.handle_disk_fault(None);
    assert_eq!(late.handle_buffered(one(), at(2)), Ok(()));
    assert_eq!(late.status().obstacle(), None);
}

/// Its row would be one without a value, and was rejected.
#[test]
fn an_empty_text_is_given_back() {
    let mut late = Late::new(config(), Vec::new(), 1, at(0));
    late.handle_tiers(Tiers::Enabled, at(0));
    let empty = || point(1, Variant::String("".into()));
    assert_eq!(late.handle_buffered(empty(), at(0)), Err((empty(), NotQueued::NoRow)));
}

/// Values were collected for an hour after somebody had disabled the tiers.
#[test]
fn a_job_that_is_refused_may_be_so_since_the_tiers_are_disabled() {
    let name = FileName::new(1, 1);
    let file = RestoredFile {
        name,
        rows: 5,
        bytes: 50,
        record: JobRecord { attempt: 1, job: None },
        latest: Vec::new(),
    };
    let mut late = Late::new(config(), vec![file], 1, at(0));
    late.handle_timeout(at(0));
    late.handle_tiers(Tiers::Enabled, at(0));
    assert_eq!(outputs(&mut late), [Output::ReadTiers, Output::Do(name, Step::Create(1))]);
    let refused = StepResult::NotCreated("the warm tier is disabled".to_owned());
    late.handle_step(name, refused, at(1));
    assert_eq!(late.poll_timeout(), Some(at(1).instant));
    late.handle_timeout(at(1));
    assert_eq!(outputs(&mut late), [Output::ReadTiers]);
}

/// Without the permission to read them nothing was ever sent, and nothing was wrong.
#[test]
fn tiers_that_cannot_be_read_are_an_obstacle_while_something_waits() {
    let mut late = Late::new(config(), Vec::new(), 1, at(0));
    late.handle_tiers_unread("denied".to_owned(), at(0));
    assert_eq!(late.status().obstacle(), None);
    late.handle_point(point(1, Variant::Boolean(true)), at(0)).unwrap();
    assert_eq!(late.status().obstacle(), Some(Obstacle::TiersUnread("denied")));
    late.handle_tiers(Tiers::Enabled, at(1));
    late.handle_tiers_unread("no answer".to_owned(), at(2));
    assert_eq!(late.status().obstacle(), None, "what is known stays");
}

/// A disk that hangs must not let rows fill the memory.
#[test]
fn rows_that_are_not_flushed_are_bounded() {
    let mut late = Late::new(config(), Vec::new(), 1, at(0));
    let one = || point(1, Variant::Boolean(true));
    let taken = (0..).take_while(|_| late.handle_point(one(), at(0)).is_ok()).count();
    assert_eq!(taken, 100_000);
    assert_eq!(late.handle_point(one(), at(0)), Err((one(), NotQueued::Disk)));
    late.handle_saved(1);
    assert_eq!(late.handle_point(one(), at(0)), Ok(()));
}

#[test]
fn nothing_travels_before_a_tier_is_known_to_be_enabled() {
    let file = |random, rows| RestoredFile {
        name: FileName::new(1, random),
        rows,
        bytes: 10 * rows,
        record: JobRecord::default(),
        latest: Vec::new(),
    };
    let mut late = Late::new(config(), vec![file(1, 5), file(2, 0)], 1, at(0));
    late.handle_timeout(at(0));
    late.handle_step(FileName::new(9, 9), StepResult::Done, at(0));
    // An empty file is only deleted.
    let first = outputs(&mut late);
    let remove = Output::Do(FileName::new(1, 2), Step::Remove);
    assert_eq!(first, [Output::ReadTiers, remove]);
    late.handle_tiers(Tiers::Disabled, at(1));
    assert_eq!(outputs(&mut late), []);
    assert_eq!(late.poll_timeout(), Some(at(301).instant), "it is read again in five minutes");
    late.handle_timeout(at(301));
    assert_eq!(outputs(&mut late), [Output::ReadTiers]);
    late.handle_tiers(Tiers::Enabled, at(302));
    assert_eq!(outputs(&mut late), [Output::Do(FileName::new(1, 1), Step::Upload)]);
    assert_eq!((late.waiting(), late.figures().restored), (5, 5));
}

#[test]
fn only_some_jobs_are_under_way() {
    let file = |random| RestoredFile {
        name: FileName::new(1, random),
        rows: 1,
        bytes: 10,
        record: JobRecord::default(),
        latest: Vec::new(),
    };
    let mut late = Late::new(config(), (0..100).map(file).collect(), 1, at(0));
    late.handle_tiers(Tiers::Enabled, at(0));
    let mut jobs = 0;
    for second in 0..500 {
        for output in outputs(&mut late) {
            let Output::Do(file, step) = output else { continue };
            let result = match step {
                Step::Create(_) => {
                    jobs += 1;
                    StepResult::Job(file.to_string())
                }
                Step::Describe(_) => StepResult::State(JobState::Running),
                _ => StepResult::Done,
            };
            late.handle_step(file, result, at(second));
        }
        late.handle_timeout(at(second));
    }
    assert!((20..=24).contains(&jobs), "{jobs}");
    assert_eq!(late.status().jobs, jobs);
}
