//! What becomes of an outbox whose disk is damaged, or that is not ours.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::super::folder::{inspect, inspect_inbound, open, opener};
use super::super::store::Store;
use super::fjall::{all, journal, reopened, save};
use super::tempdir::Folder;
use super::*;

/// Points that are left of those that were saved: the first hundred were removed.
const LEFT: i64 = 1_400;

/// A folder with points in tables and in the log, some of them removed.
pub(super) fn filled() -> Folder {
    let folder = Folder::new();
    let mut store = open(folder.path()).unwrap();
    let mut next = 0;
    let mut put = |store: &mut dyn Store, batches: i64| {
        for _ in 0..batches {
            let ops: Vec<StoreOp> = (0..50).map(|at| save(1, 1_000 * (next + at))).collect();
            store.apply(&ops).unwrap();
            next += 50;
        }
    };
    put(&mut store, 10);
    store.flush();
    put(&mut store, 10);
    let removes = (0..100).map(|at| StoreOp::Remove(point(1, 1_000 * at, 0.0).key()));
    store.apply(&removes.collect::<Vec<_>>()).unwrap();
    store.flush();
    put(&mut store, 10);
    store.sync().unwrap();
    drop(store);
    folder
}

/// Copies a folder; logs, which are allocated ahead, as far as they are written.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &to);
        } else {
            let mut bytes = Vec::new();
            File::open(&path).unwrap().take(1 << 20).read_to_end(&mut bytes).unwrap();
            if path.extension().is_some_and(|extension| extension == "jnl") {
                let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
                bytes.truncate(end);
            }
            fs::write(to, bytes).unwrap();
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// All that a folder has, but for the lock.
pub(super) fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let files = files(folder).into_iter().filter(|path| !path.ends_with("lock"));
    files
        .map(|path| (path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap()))
        .collect()
}

pub(super) fn flip(path: &Path, at: u64) {
    let file = fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], at).unwrap();
}

/// A place in the log that is in no table.
pub(super) fn late(folder: &Folder) -> u64 {
    super::fjall::written(&journal(folder)).len() as u64 - 9_000
}

/// What can be read is there and as it was, and what cannot is counted.
fn is_sound(mut store: Box<dyn Store>, what: &str) -> u64 {
    let points = all(&mut *store);
    assert!(points.iter().all(|point| number(point) == point.time.as_millis() as f64), "{what}");
    let stats = store.stats();
    assert_eq!(stats.points, points.len() as u64, "{what}");
    assert!(stats.points + stats.unreadable >= LEFT as u64, "{what}: {stats:?}");
    if points.iter().all(|point| point.time.as_millis() >= 100_000) {
        assert_eq!(stats.points + stats.unreadable, LEFT as u64, "{what}: {stats:?}");
    }
    stats.unreadable
}

/// Opens a store, reads all, and where that fails opens it again, as the disk thread does.
fn kept_going(folder: &Folder) -> Box<dyn Store> {
    let mut open = opener(folder.path());
    let mut fault = None;
    for _ in 0..4 {
        let read = open(fault.as_ref()).and_then(|mut store| {
            store.read(None, usize::MAX)?;
            Ok(store)
        });
        match read {
            Ok(store) => return store,
            Err(again) => fault = Some(again),
        }
    }
    panic!("it does not open: {fault:?}")
}

#[test]
fn a_flipped_byte_costs_what_it_hits_and_no_more() {
    let whole = filled();
    let sound = Folder::new();
    copy(whole.path(), sound.path());
    let paths = files(&sound.path().join("points"));
    let mut random = fastrand::Rng::with_seed(13);
    let mut lost = 0;
    let mut tried = 0;
    for path in paths {
        let name = path.strip_prefix(sound.path()).unwrap();
        let size = fs::metadata(&path).unwrap().len();
        // In log and tables of points at many places, in what is small at a few.
        let times = if size > 8_192 { 12 } else { 3 };
        for _ in 0..times.min(size) {
            let at = random.u64(..size);
            let folder = Folder::new();
            copy(sound.path(), folder.path());
            flip(&folder.path().join(name), at);
            let unreadable = is_sound(kept_going(&folder), &format!("{} at {at}", name.display()));
            // A table's block has at most a hundred or so, a batch fifty.
            assert!(unreadable <= 160, "{unreadable} for {} at {at}", name.display());
            lost += u64::from(unreadable > 0);
            tried += 1;
        }
    }
    assert!(tried > 40 && lost > 3, "{lost} of {tried} cost something");
}

#[test]
fn a_log_that_is_gone_is_counted() {
    let folder = filled();
    fs::remove_file(journal(&folder)).unwrap();
    let store = reopened(&folder);
    // The last ten batches were in it alone.
    assert_eq!(store.stats().unreadable, 500);
    is_sound(store, "without its log");
}

#[test]
fn a_folder_that_is_gone_is_counted() {
    let folder = filled();
    fs::remove_dir_all(folder.path().join("points")).unwrap();
    let mut store = reopened(&folder);
    assert_eq!((store.stats().points, store.stats().unreadable), (0, LEFT as u64));
    // It is told once.
    store.sync().unwrap();
    drop(store);
    assert_eq!(reopened(&folder).stats(), StoreStats::default());
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let found = entries.filter(|path| path.is_dir());
    found.flat_map(|path| folders(&path).into_iter().chain([path])).collect()
}

#[test]
fn a_part_that_is_gone_costs_what_was_in_it_and_no_more() {
    let whole = filled();
    let points = whole.path().join("points");
    for path in files(&points).into_iter().chain(folders(&points)) {
        let name = path.strip_prefix(whole.path()).unwrap();
        let what = name.display().to_string();
        let folder = Folder::new();
        copy(whole.path(), folder.path());
        let gone = folder.path().join(name);
        if path.is_dir() {
            fs::remove_dir_all(&gone).unwrap();
        } else {
            fs::remove_file(&gone).unwrap();
        }
        let report = inspect(folder.path(), false).unwrap();
        let store = kept_going(&folder);
        assert_eq!(store.stats().points, report.found, "{what}");
        let unreadable = is_sound(store, &what);
        assert_eq!(unreadable, report.lost, "{what}");
        let holds_points = ["keyspaces", "keyspaces/1", "keyspaces/1/tables"];
        let holds_points = holds_points.map(|name| Path::new("points").join(name));
        let is_table = name.parent() == Some(&holds_points[2]);
        if !is_table && !holds_points.iter().any(|path| path == name) && !what.ends_with("jnl") {
            assert_eq!(unreadable, 0, "{what}");
        }
        let is_part = name.parent() == Some(&holds_points[0]) || name == holds_points[0];
        if is_part || name.ends_with("current") {
            assert!(report.damage.is_some(), "{what}");
        }
    }
}

#[test]
fn a_store_without_its_mark_is_read_all_the_same() {
    for mark in [None, Some("?")] {
        let folder = filled();
        let path = folder.path().join("points/version");
        match mark {
            None => fs::remove_file(&path).unwrap(),
            Some(mark) => fs::write(&path, mark).unwrap(),
        }
        let store = reopened(&folder);
        assert_eq!(store.stats().unreadable, 0);
        is_sound(store, "without its mark");
        assert!(folder.path().join("points.aside-1").is_dir());
    }
}

#[test]
fn what_is_not_ours_is_moved_aside_and_kept() {
    let folder = Folder::new();
    fs::create_dir_all(folder.path().join("points/of others")).unwrap();
    fs::write(folder.path().join("points/of others/data"), "precious").unwrap();
    let mut store = reopened(&folder);
    assert_eq!(all(&mut *store), []);
    let kept = folder.path().join("points.aside-1/of others/data");
    assert_eq!(fs::read_to_string(kept).unwrap(), "precious");
}

#[test]
fn what_a_newer_version_left_is_not_touched() {
    // The store's own mark, and our own number in it.
    let folder = Folder::new();
    drop(open(folder.path()).unwrap());
    let newer = Folder::new();
    copy(folder.path(), newer.path());
    fs::remove_file(newer.path().join("books")).unwrap();
    fs::remove_file(newer.path().join("points/0.jnl")).unwrap();
    fs::write(newer.path().join("points/version"), b"FJL\x04").unwrap();
    let before = contents(newer.path());
    assert_eq!(opener(newer.path())(None).err(), Some(StoreError::Foreign));
    assert_eq!(inspect(newer.path(), true).err(), Some(StoreError::Foreign));
    assert_eq!(contents(newer.path()), before);
}

#[test]
fn a_newer_mark_is_not_touched_although_all_else_can_be_read() {
    let whole = filled();
    for mark in [b"FJL\x04", b"FJL\x09"] {
        let newer = Folder::new();
        copy(whole.path(), newer.path());
        fs::write(newer.path().join("points/version"), mark).unwrap();
        let before = contents(newer.path());
        assert_eq!(opener(newer.path())(None).err(), Some(StoreError::Foreign));
        assert_eq!(inspect(newer.path(), true).err(), Some(StoreError::Foreign));
        assert_eq!(contents(newer.path()), before);
    }
}

#[test]
fn a_kill_while_it_is_mended_leaves_the_old_or_the_new() {
    let whole = filled();
    flip(&journal(&whole), late(&whole));
    let lost = {
        let folder = Folder::new();
        copy(whole.path(), folder.path());
        is_sound(kept_going(&folder), "repaired")
    };
    assert!(lost > 0);
    // Killed while the copy was made, before the names were changed, and between the two names.
    for cut in 0..3 {
        let folder = Folder::new();
        copy(whole.path(), folder.path());
        let in_it = |name: &str| folder.path().join(name);
        super::super::repair::copy(folder.path()).unwrap();
        match cut {
            0 => fs::remove_file(in_it("points.mending/unreadable")).unwrap(),
            1 => {}
            _ => fs::rename(in_it("points"), in_it("points.aside-1")).unwrap(),
        }
        let store = kept_going(&folder);
        assert_eq!(store.stats().unreadable, lost, "{cut}");
        is_sound(store, "after a kill");
        assert!(in_it("points.aside-1").is_dir());
        assert!(!in_it("points.mending").exists());
    }
}

#[test]
fn it_is_checked_without_a_change_and_repaired_on_a_copy() {
    let folder = filled();
    let report = inspect(folder.path(), false).unwrap();
    assert_eq!((report.damage, report.found, report.lost), (None, LEFT as u64, 0));
    flip(&journal(&folder), late(&folder));
    let before = contents(&folder.path().join("points"));
    let report = inspect(folder.path(), false).unwrap();
    assert!(report.damage.is_some() && report.moved_to.is_none() && report.lost > 0);
    assert_eq!(contents(&folder.path().join("points")), before);
    let repaired = inspect(folder.path(), true).unwrap();
    assert_eq!((repaired.found, repaired.lost), (report.found, report.lost));
    assert_eq!(contents(&repaired.moved_to.unwrap()), before);
    // Then there is nothing left to mend, and the next start tells what was lost.
    let again = inspect(folder.path(), true).unwrap();
    assert_eq!((again.damage, again.moved_to), (None, None));
    assert!(!folder.path().join("points.aside-2").exists());
    assert_eq!(is_sound(reopened(&folder), "repaired"), report.lost);
    assert_eq!(inspect(folder.path(), false).unwrap().lost, 0);
}

#[test]
fn what_an_end_that_was_cut_short_left_of_a_log_is_no_damage() {
    let folder = filled();
    let mut log = fs::OpenOptions::new().append(true).open(journal(&folder)).unwrap();
    let end = super::fjall::written(&journal(&folder)).len() as u64;
    log.set_len(end).unwrap();
    log.write_all(&[1, 50, 0, 0, 0, 9]).unwrap();
    let store = opener(folder.path())(None).unwrap();
    assert_eq!(is_sound(store, "torn"), 0);
}

#[test]
fn what_the_first_version_left_is_delivered() {
    use crate::outbox::dead_letters::files;

    let folder = Folder::new();
    let left = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/outbox/disk/tests/0.1.0");
    copy(&left, folder.path());
    let mut store = opener(folder.path())(None).unwrap();
    let points = all(&mut *store);
    assert_eq!((points.len(), store.stats().points), (25, 25));
    let values: Vec<&Variant> = points.iter().take(4).map(|point| &point.value).collect();
    assert_eq!(values[0], &Variant::Double(1.5));
    assert!(points.iter().any(|point| point.value == Variant::String("läuft".into())));
    assert!(points.iter().any(|point| point.value == Variant::Null(PropertyDataType::Double)));
    let letters = files::read(&folder.path().join("dead-letters"));
    let why: Vec<&str> = letters.values().map(|letter| letter.refusal.as_str()).collect();
    assert_eq!(why, ["out_of_range", "invalid", "denied"]);
    assert!(letters.values().all(|letter| letter.point().is_some()));
    // It goes on, and has books from then on.
    store.apply(&[save(9, 1)]).unwrap();
    store.sync().unwrap();
    drop(store);
    assert_eq!(opener(folder.path())(None).unwrap().stats().points, 26);
    assert_eq!(super::super::folder::recorded_count(folder.path()), Some(26));
}

#[test]
fn a_folder_that_is_taken_away_while_it_is_used_is_seen_at_the_next_commit() {
    for all in [false, true] {
        let folder = filled();
        let mut open = opener(folder.path());
        let mut store = open(None).unwrap();
        store.apply(&[save(7, 1)]).unwrap();
        assert_eq!(store.sync(), Ok(()));
        let gone = if all { folder.path().to_owned() } else { folder.path().join("points") };
        fs::remove_dir_all(gone).unwrap();
        store.apply(&[save(7, 2)]).unwrap();
        let fault = store.sync().unwrap_err();
        assert!(matches!(&fault, StoreError::Disk(why) if why.contains("removed")), "{fault:?}");
        drop(store);
        let mut fault = Some(fault);
        let opened = (0..2).find_map(|_| match open(fault.as_ref()) {
            Ok(store) => Some(store),
            Err(again) => {
                fault = Some(again);
                None
            }
        });
        let mut store = opened.unwrap();
        // What was flushed is counted where the books are left to tell of it.
        let unreadable = if all { 0 } else { LEFT as u64 + 1 };
        assert_eq!((store.stats().points, store.stats().unreadable), (0, unreadable));
        store.apply(&[save(7, 2)]).unwrap();
        assert_eq!(store.sync(), Ok(()));
        assert_eq!(opener(folder.path())(None).err(), Some(StoreError::Locked));
    }
}

#[test]
fn a_store_that_begins_anew_is_told_from_the_same_by_its_batches() {
    let folder = filled();
    let mut open = opener(folder.path());
    let store = open(None).unwrap();
    let batch = store.batch();
    drop(store);
    let fault = StoreError::Disk("it was taken away".to_owned());
    let store = open(Some(&fault)).unwrap();
    assert_eq!(store.batch(), batch);
    drop(store);
    fs::remove_dir_all(folder.path()).unwrap();
    assert!(open(Some(&fault)).unwrap().batch() < batch);
}

fn number(point: &Point) -> f64 {
    super::world::number(point)
}

/// It cost four thousand values: what was repaired was written in batches of so many.
#[test]
fn a_second_flip_costs_no_more_than_the_first() {
    let folder = filled();
    flip(&journal(&folder), late(&folder));
    let mut store = kept_going(&folder);
    let left = store.stats().points;
    assert_eq!(all(&mut *store).len() as u64, left);
    drop(store);
    let log = journal(&folder);
    flip(&log, super::fjall::written(&log).len() as u64 / 2);
    let mut store = kept_going(&folder);
    let found = all(&mut *store).len() as u64;
    assert!(found < left && left - found <= 160, "{found} of {left}");
}

/// It made a lock, which then belonged to whoever had looked.
#[test]
fn a_check_makes_nothing_in_a_folder() {
    let folder = Folder::new();
    fs::create_dir_all(folder.path()).unwrap();
    for check in [inspect, inspect_inbound] {
        assert_eq!(check(folder.path(), false).unwrap().damage, None);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    let folder = filled();
    let before = contents(folder.path());
    for check in [inspect, inspect_inbound] {
        assert_eq!(check(folder.path(), false).unwrap().damage, None);
    }
    assert_eq!(contents(folder.path()), before);
    assert!(!folder.path().join("lock").exists());
}

/// Emptied books, or none beside a log, were "no damage", and what was cut off the log as well then
/// vanished uncounted.
#[test]
fn books_that_are_gone_or_garbage_are_damage_and_are_begun_anew() {
    type Harm = fn(&Path);
    let harms: [(&str, Harm, &str); 3] = [
        ("emptied", |books| fs::write(books, "").unwrap(), "unreadable"),
        ("garbage", |books| fs::write(books, vec![7; 9_000]).unwrap(), "unreadable"),
        ("removed", |books| fs::remove_file(books).unwrap(), "missing"),
    ];
    for (what, harm, word) in harms {
        for cut in [false, true] {
            let folder = filled();
            harm(&folder.path().join("books"));
            if cut {
                fs::remove_file(journal(&folder)).unwrap();
            }
            let found = inspect(folder.path(), false).unwrap();
            let damage = found.damage.unwrap_or_default();
            let said = damage.contains(word) || cut;
            assert!(said && !damage.is_empty(), "{what}, {cut}: {damage}");
            let repaired = inspect(folder.path(), true).unwrap();
            assert!(repaired.damage.is_some(), "{what}, {cut}");
            assert_eq!(inspect(folder.path(), false).unwrap().damage, None, "{what}, {cut}");
            let store = reopened(&folder);
            let expected = if cut { LEFT - 500 } else { LEFT };
            assert_eq!(store.stats().points, expected as u64, "{what}, {cut}");
            drop(store);
            // The process does the same by itself.
            harm(&folder.path().join("books"));
            assert_eq!(kept_going(&folder).stats().points, expected as u64, "{what}, {cut}");
        }
    }
}

/// With nothing to be read and no counts it was taken for an outbox that was never used.
#[test]
fn a_log_that_was_cut_off_without_counts_beside_it_is_damage() {
    let folder = Folder::new();
    let mut store = open(folder.path()).unwrap();
    store.apply(&(0..50).map(|at| save(1, at)).collect::<Vec<_>>()).unwrap();
    store.sync().unwrap();
    drop(store);
    fs::write(journal(&folder), "").unwrap();
    fs::remove_file(folder.path().join("books")).unwrap();
    let damage = inspect(folder.path(), false).unwrap().damage.unwrap_or_default();
    assert!(damage.contains("missing"), "{damage}");
}
