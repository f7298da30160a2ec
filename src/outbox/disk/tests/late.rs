//! Late values between the store and their files, with a process that ends at every point.

use std::fs;

use super::super::late::{LateRows, Restored, restoring};
use super::super::late_files::LateFolder;
use super::world::Faulty;
use super::*;
use crate::late::{FileName, RestoredFile, row};
use crate::outbox::LateEvent;

const FILE: FileName = FileName::new(1, 2);

struct Late {
    disk: DiskOutbox,
    writer: DiskWriter,
    jobs: Receiver<DiskJob>,
    platter: Faulty,
    folder: tempdir::Folder,
}

impl Late {
    fn new() -> Self {
        let (platter, folder) = (Faulty::default(), tempdir::Folder::new());
        let (disk, writer, jobs) = start(&platter, &folder);
        Self { disk, writer, jobs, platter, folder }
    }

    /// The process ends without a commit, and another begins.
    fn restart(self) -> Self {
        let Self { platter, folder, disk, writer, jobs } = self;
        drop((disk, writer, jobs));
        platter.platter().written.clear();
        let (disk, writer, jobs) = start(&platter, &folder);
        Self { disk, writer, jobs, platter, folder }
    }

    fn put(&mut self, value: f64) -> Point {
        let point = point(1, 5_000, value);
        let dropped = self.disk.put(vec![QueuedPoint { point: point.clone(), gate: None }]);
        assert!(dropped.is_empty());
        point
    }

    /// The disk thread does all jobs, without a commit.
    fn work(&mut self) {
        while self.disk.poll_event().is_some() {}
        while let Ok(job) = self.jobs.try_recv() {
            self.writer.handle(job);
        }
    }

    /// And with one.
    fn commit(&mut self) -> Vec<LateEvent> {
        self.work();
        self.writer.handle_timeout();
        while self.disk.poll_event().is_some() {}
        std::iter::from_fn(|| self.disk.poll_late()).collect()
    }

    fn append(&mut self, number: u64, point: &Point) {
        self.disk.append_late(FILE, number, row::line(point).unwrap());
    }

    fn stored(&self) -> usize {
        self.platter.platter().last().len()
    }

    fn open_file(&self) -> String {
        let path = self.folder.path().join("late").join(format!("{FILE}.open"));
        fs::read_to_string(path).unwrap_or_default()
    }
}

fn start(
    platter: &Faulty,
    folder: &tempdir::Folder,
) -> (DiskOutbox, DiskWriter, Receiver<DiskJob>) {
    let restored = Restored::default();
    let late = LateFolder::new(&folder.path().join("late"));
    let mut open = restoring(platter.opener(), late.clone(), restored.clone());
    let store = open(None);
    let letters = DeadLetterFiles::open(&folder.path().join("dead-letters"));
    let (mut disk, mut writer, jobs) =
        DiskOutbox::parts(open, store, letters, 1 << 20, 1 << 20, Arc::new(Notify::new()));
    writer.write_late(LateRows::new(late, restored.clone()));
    disk.restored = restored;
    (disk, writer, jobs)
}

fn restored(events: Vec<LateEvent>) -> Vec<RestoredFile> {
    let mut events = events.into_iter();
    match events.next() {
        Some(LateEvent::Restored(files)) => files,
        other => panic!("{other:?}"),
    }
}

/// Never deleted from the store before its file has it, flushed.
#[test]
fn a_point_leaves_the_store_once_its_file_is_flushed() {
    let mut late = Late::new();
    assert_eq!(restored(late.commit()), []);
    let point = late.put(1.0);
    assert_eq!(late.commit(), []);
    assert_eq!(late.disk.take(9.into()).len(), 1);
    late.append(1, &point);
    late.work();
    assert_eq!((late.open_file(), late.stored()), (String::new(), 1));
    assert_eq!(late.commit(), [LateEvent::Saved(1)]);
    assert_eq!((late.open_file(), late.stored()), (row::line(&point).unwrap(), 1));
    late.disk.settle_late(&[point.key()], 1);
    late.work();
    assert_eq!(std::iter::from_fn(|| late.disk.poll_late()).collect::<Vec<_>>(), []);
    assert_eq!(late.commit(), [LateEvent::Settled(1)]);
    assert_eq!(late.stored(), 0);
    late.disk.close_late(FILE);
    assert_eq!(late.commit(), [LateEvent::Closed(FILE)]);
    let files = restored(late.restart().commit());
    assert_eq!(files.iter().map(|file| file.rows).collect::<Vec<_>>(), [1]);
}

/// It would be sent twice.
#[test]
fn what_an_open_file_holds_is_not_in_the_store_after_a_crash() {
    let mut late = Late::new();
    let point = late.put(1.0);
    late.commit();
    late.disk.take(9.into());
    late.append(1, &point);
    late.commit();
    late.disk.settle_late(&[point.key()], 1);
    late.work();
    // The deletion was not flushed.
    let mut late = late.restart();
    assert_eq!((late.stored(), late.disk.len()), (0, 0));
    let files = restored(late.commit());
    assert_eq!(files.iter().map(|file| (file.name, file.rows)).collect::<Vec<_>>(), [(FILE, 1)]);
    assert_eq!(late.disk.disk().unwrap().restored, 0);
}

/// What came later under the same key is another value, and stays.
#[test]
fn a_later_value_of_the_key_survives_the_restart() {
    let mut late = Late::new();
    let first = late.put(1.0);
    late.commit();
    late.disk.take(9.into());
    late.append(1, &first);
    late.put(2.0);
    late.commit();
    let mut late = late.restart();
    assert_eq!((late.stored(), late.disk.len()), (1, 1));
    assert_eq!(restored(late.commit())[0].rows, 1);
}

/// A deletion that the disk refused is told only when it was made up for.
#[test]
fn a_deletion_that_failed_is_not_told_as_done() {
    let mut late = Late::new();
    let point = late.put(1.0);
    late.commit();
    late.disk.take(9.into());
    late.append(1, &point);
    late.commit();
    late.platter.platter().refuses = true;
    late.disk.settle_late(&[point.key()], 1);
    assert_eq!(late.commit(), []);
    assert_eq!(late.commit(), []);
    late.platter.platter().refuses = false;
    let mut told = Vec::new();
    for _ in 0..4 {
        told.extend(late.commit());
    }
    assert_eq!(told, [LateEvent::Settled(1)]);
    assert_eq!(late.stored(), 0);
}

/// Otherwise a file of this process would be taken for one of an earlier.
#[test]
fn no_file_is_begun_before_the_store_was_opened() {
    let mut late = Late::new();
    let point = late.put(1.0);
    late.commit();
    late.append(1, &point);
    late.commit();
    late.platter.platter().refuses = true;
    let mut late = late.restart();
    late.append(1, &point);
    late.platter.platter().refuses = true;
    assert_eq!(late.commit(), []);
    late.platter.platter().refuses = false;
    let mut told = Vec::new();
    for _ in 0..4 {
        told.extend(late.commit());
    }
    assert_eq!(restored(told.clone())[0].rows, 1, "{told:?}");
}

/// The rows that a job refused are told as kept once they are flushed as dead letters.
#[test]
fn refused_rows_are_kept_as_dead_letters() {
    let mut late = Late::new();
    let point = late.put(1.0);
    let letter = DeadLetter {
        point,
        refusal: crate::delivery::point::RejectReason::Invalid,
        reason: "no such asset".to_owned(),
        at: Timestamp::from_millis(9),
        names: (None, None),
        alias: None,
    };
    late.commit();
    late.disk.keep_late_letters(FILE, vec![letter]);
    assert_eq!(late.commit(), [LateEvent::LettersKept(FILE, 1)]);
    let kept = crate::outbox::dead_letters::files::read(&late.folder.path().join("dead-letters"));
    assert_eq!(kept.len(), 1);
}

/// The process was killed before it deleted the file, and the next read the report as well: each
/// dead letter was there twice, and others had to go for the second ones.
#[test]
fn dead_letters_of_a_report_that_is_read_by_two_processes_are_kept_once() {
    let mut late = Late::new();
    late.commit();
    let letter = |point: &Point, at| DeadLetter {
        point: point.clone(),
        refusal: crate::delivery::point::RejectReason::Invalid,
        reason: format!("no such asset at {at}"),
        at: Timestamp::from_millis(at),
        names: (None, None),
        alias: None,
    };
    let points = [point(1, 5_000, 1.0), point(2, 6_000, 2.0)];
    for (number, point) in (1..).zip(&points) {
        late.append(number, point);
    }
    late.disk.close_late(FILE);
    late.commit();
    late.disk.keep_late_letters(FILE, vec![letter(&points[0], 9)]);
    late.commit();
    let mut late = late.restart();
    assert_eq!(restored(late.commit()).len(), 1);
    late.disk.keep_late_letters(FILE, points.iter().map(|point| letter(point, 10)).collect());
    assert_eq!(late.commit(), [LateEvent::LettersKept(FILE, 2)], "both rows were refused");
    let kept = || {
        let folder = late.folder.path().join("dead-letters");
        let kept = crate::outbox::dead_letters::files::read(&folder).into_values();
        kept.map(|letter| (letter.time, letter.last_attempt)).collect::<Vec<_>>()
    };
    assert_eq!(kept(), [(5_000, 9), (6_000, 10)]);
}
