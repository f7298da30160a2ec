//! Errors that are no damage, and repairs that fail.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::super::folder::{inspect, opener};
use super::super::store::StoreError;
use super::damage::{contents, filled, flip, late};
use super::fjall::journal;
use super::tempdir::Folder;

/// A repair that failed for want of room counted as the one of the hour: nothing of the outbox was
/// delivered for that long, although there was room again after minutes.
#[test]
fn a_repair_that_failed_is_tried_again_once_its_cause_is_gone() {
    let folder = filled();
    flip(&journal(&folder), late(&folder));
    let mut open = opener(folder.path());
    let damage = open(None).err();
    assert!(matches!(damage, Some(StoreError::Damaged(_))), "{damage:?}");
    // What is in the way can be neither removed as a folder nor used as one.
    let in_the_way = folder.path().join("points.sorting");
    fs::write(&in_the_way, "").unwrap();
    let failed = open(damage.as_ref()).err();
    assert!(matches!(failed, Some(StoreError::Disk(_))), "{failed:?}");
    assert!(!folder.path().join("points.mending").exists(), "it takes the room that is missing");
    fs::remove_file(&in_the_way).unwrap();
    let damage = open(failed.as_ref()).err();
    assert!(matches!(damage, Some(StoreError::Damaged(_))), "{damage:?}");
    let store = open(damage.as_ref()).unwrap();
    assert!(store.stats().points > 1_000);
    drop(store);
    // One that succeeded is not repeated within the hour.
    let again = open(damage.as_ref()).err();
    assert_eq!(again, damage);
}

/// Without file descriptors the whole outbox was moved aside as somebody else's, and its values were
/// counted as lost. A loop of links stands for such errors, which root meets as well.
#[test]
fn an_error_that_says_nothing_of_what_lies_there_changes_nothing() {
    let table = |folder: &Folder| {
        let tables = folder.path().join("points/keyspaces/1/tables");
        let mut tables = fs::read_dir(tables).unwrap();
        tables.next().unwrap().unwrap().path()
    };
    type Place = fn(&Path) -> std::path::PathBuf;
    let named: [(&str, Place); 4] = [
        ("points", |folder| folder.join("points")),
        ("books", |folder| folder.join("books")),
        ("mark", |folder| folder.join("points/version")),
        ("current", |folder| folder.join("points/keyspaces/1/current")),
    ];
    let mut cases: Vec<(&str, Folder, std::path::PathBuf)> = Vec::new();
    for (what, place) in named {
        let folder = filled();
        let place = place(folder.path());
        cases.push((what, folder, place));
    }
    let folder = filled();
    let place = journal(&folder);
    cases.push(("journal", folder, place));
    let folder = filled();
    let place = table(&folder);
    cases.push(("table", folder, place));
    for (what, folder, place) in cases {
        let hidden = place.with_extension("hidden");
        fs::rename(&place, &hidden).unwrap();
        symlink(&place, &place).unwrap();
        let mut open = opener(folder.path());
        let first = open(None).err();
        // A table of points is opened only by the store itself, or to be repaired.
        let fault = match &first {
            Some(StoreError::Disk(_)) => first.clone(),
            fault => open(fault.as_ref()).err(),
        };
        assert!(matches!(fault, Some(StoreError::Disk(_))), "{what}: {first:?}, {fault:?}");
        let check = inspect(folder.path(), true);
        assert!(check.is_err(), "{what}: {check:?}");
        fs::remove_file(&place).unwrap();
        fs::rename(&hidden, &place).unwrap();
        let store = open(fault.as_ref()).unwrap();
        assert_eq!((store.stats().points, store.stats().unreadable), (1_400, 0), "{what}");
        drop(store);
        let aside = contents(folder.path());
        let aside = aside.iter().any(|(path, _)| path.to_string_lossy().contains("aside"));
        assert!(!aside, "{what}: something was moved aside");
    }
}
