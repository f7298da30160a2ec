//! What a bridge that died left in its folder.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::thread::park_timeout;
use std::time::Instant;

use super::tempdir::Folder;
use super::*;
use crate::delivery::output::Room;
use crate::outbox::dead_letters::files;

const PATIENCE: Duration = Duration::from_secs(20);

fn open(folder: &Path) -> DiskOutbox {
    DiskOutbox::open(folder, u64::MAX, Arc::default()).unwrap()
}

fn put(disk: &mut DiskOutbox, points: impl IntoIterator<Item = Point>) {
    let queued = |point| QueuedPoint { point, gate: None };
    assert_eq!(disk.put(points.into_iter().map(queued).collect()), []);
}

/// A bridge had these, and is dead.
fn leave(folder: &Path, points: impl IntoIterator<Item = Point>, letters: &[Point]) {
    let mut disk = open(folder);
    put(&mut disk, points);
    for point in letters {
        disk.store_dead_letter(&letter(point.clone()));
    }
    disk.close(PATIENCE);
}

/// Polls until this holds.
fn until(disk: &mut DiskOutbox, holds: impl Fn(&mut DiskOutbox) -> bool) {
    let began = Instant::now();
    while !holds(disk) {
        assert!(began.elapsed() < PATIENCE, "{:?}", disk.disk());
        while disk.poll_event().is_some() {}
        park_timeout(Duration::from_millis(5));
    }
}

fn restored(disk: &DiskOutbox) -> u64 {
    disk.disk().unwrap().restored
}

/// What waits, by asset and time.
fn drain(disk: &mut DiskOutbox, count: usize) -> BTreeMap<(u128, i64), Variant> {
    let room = Room { points: 1_000, history: 1_000 };
    let found = std::cell::RefCell::new(BTreeMap::new());
    until(disk, |disk| {
        let mut points = disk.take(room);
        points.extend(disk.take_cold(room, &|_| GateState::Open));
        for point in points {
            disk.settle(&[point.key()]);
            let key = (point.stream.asset.as_u128(), point.time.as_millis());
            assert_eq!(found.borrow_mut().insert(key, point.value), None, "{key:?} twice");
        }
        found.borrow().len() >= count
    });
    assert_eq!(disk.len(), 0);
    found.into_inner()
}

/// It waited for the process that was started in the dead one's place, however long that took.
#[test]
fn what_a_bridge_that_died_left_is_taken_over_by_one_that_runs() {
    let (left, own) = (Folder::new(), Folder::new());
    let points = (0..30).map(|time| point(1, time * 1_000, time as f64));
    leave(left.path(), points, &[point(2, 5, 1.0), point(2, 6, 1.0)]);
    let mut disk = open(own.path());
    // It has heard some of them itself, one with a value that was corrected.
    let newer = [point(1, 3_000, 3.5), point(1, 99_000, 99.0)];
    put(&mut disk, newer);
    disk.store_dead_letter(&letter(point(3, 7, 1.0)));
    until(&mut disk, |disk| disk.disk().unwrap().unsaved == 0);
    disk.set_beside(vec![PathBuf::from("/nowhere/at/all"), left.path().to_owned()]);
    disk.take_over_left();
    until(&mut disk, |disk| restored(disk) == 30);
    until(&mut disk, |_| files::read(&left.path().join("dead-letters")).is_empty());
    let figures = disk.disk().unwrap();
    assert_eq!((figures.restored, figures.overwritten, disk.len()), (30, 1, 31));
    let letters = files::read(&own.path().join("dead-letters"));
    assert_eq!(letters.keys().copied().collect::<Vec<_>>(), [1, 2, 3]);
    let found = drain(&mut disk, 31);
    assert_eq!(found.len(), 31);
    assert_eq!(found.get(&(1, 3_000)), Some(&Variant::Double(3.5)));
    // The next process finds the folder free, and nothing in it.
    assert_eq!(folder::recorded_count(left.path()), Some(0));
    let mut next = open(left.path());
    assert_eq!(next.len(), 0);
    next.close(PATIENCE);
    disk.close(PATIENCE);
}

#[test]
fn the_folder_of_a_bridge_that_lives_is_its_own() {
    let (theirs, own) = (Folder::new(), Folder::new());
    let mut alive = open(theirs.path());
    put(&mut alive, [point(1, 1_000, 1.0)]);
    until(&mut alive, |disk| disk.disk().unwrap().unsaved == 0);
    let mut disk = open(own.path());
    disk.set_beside(vec![theirs.path().to_owned()]);
    disk.take_over_left();
    // The disk thread looks once a second.
    let began = Instant::now();
    until(&mut disk, |_| began.elapsed() > Duration::from_millis(1_500));
    assert_eq!(restored(&disk), 0);
    // Once it is dead, its folder is anybody's.
    alive.close(PATIENCE);
    drop(alive);
    disk.take_over_left();
    until(&mut disk, |disk| restored(disk) == 1);
    assert_eq!(drain(&mut disk, 1).len(), 1);
    disk.close(PATIENCE);
}

/// Killed after it had saved a page and before it had deleted it there: the page is in both.
#[test]
fn what_is_in_both_folders_after_a_kill_is_delivered_once() {
    let (left, own) = (Folder::new(), Folder::new());
    let points = || (0..10).map(|time| point(1, time * 1_000, 1.0));
    leave(left.path(), points(), &[]);
    leave(own.path(), points().take(4), &[]);
    let mut disk = open(own.path());
    disk.set_beside(vec![left.path().to_owned()]);
    disk.take_over_left();
    until(&mut disk, |disk| restored(disk) == 14);
    assert_eq!((disk.disk().unwrap().overwritten, disk.len()), (4, 10));
    assert_eq!(drain(&mut disk, 10).len(), 10);
    disk.close(PATIENCE);
}
