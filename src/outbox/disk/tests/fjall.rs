//! The store itself, on a real file system.

use std::fs::{self, OpenOptions};
use std::io::Read;
use std::path::PathBuf;

use super::super::folder::{open, opener};
use super::super::store::Store;
use super::tempdir::Folder;
use super::*;

pub(super) fn save(asset: u8, time: i64) -> StoreOp {
    StoreOp::Save { point: point(asset, time, time as f64), fresh: true }
}

pub(super) fn all(store: &mut dyn Store) -> Vec<Point> {
    store.read(None, usize::MAX).unwrap().into_iter().map(|(point, _)| point).collect()
}

pub(super) fn journal(folder: &Folder) -> PathBuf {
    let mut journals: Vec<PathBuf> = fs::read_dir(folder.path().join("points"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jnl"))
        .collect();
    assert_eq!(journals.len(), 1);
    journals.remove(0)
}

/// Bytes of a journal up to the last that is not zero: it is allocated ahead.
pub(super) fn written(journal: &PathBuf) -> Vec<u8> {
    let mut bytes = Vec::new();
    fs::File::open(journal).unwrap().take(1 << 20).read_to_end(&mut bytes).unwrap();
    assert!(bytes.len() < 1 << 20 || bytes.ends_with(&[0]));
    bytes.truncate(bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1));
    bytes
}

#[test]
fn what_was_saved_is_there_again() {
    let folder = Folder::new();
    let mut store = open(folder.path()).unwrap();
    assert_eq!(store.apply(&[save(2, 1), save(1, 2), save(1, 1), save(1, 1)]), Ok(0));
    assert_eq!(store.apply(&[save(1, 2), StoreOp::Remove(point(2, 1, 0.0).key())]), Ok(1));
    store.sync().unwrap();
    let stats = store.stats();
    drop(store);
    let mut store = open(folder.path()).unwrap();
    assert_eq!(all(&mut store), [point(1, 1, 1.0), point(1, 2, 2.0)]);
    assert_eq!(store.stats(), stats);
    assert_eq!(stats.points, 2);
    assert_eq!(stats.bytes, 2 * size(&point(1, 1, 1.0)));
    let after = record::RecordKey::of(point(1, 1, 0.0).key());
    assert_eq!(store.read(Some(after), 9).unwrap().len(), 1);
}

#[test]
fn a_folder_has_one_owner() {
    let folder = Folder::new();
    let mut first = opener(folder.path());
    let store = first(None).unwrap();
    assert_eq!(opener(folder.path())(None).err(), Some(StoreError::Locked));
    drop((first, store));
    assert!(opener(folder.path())(None).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, max_shrink_iters: 50, ..ProptestConfig::default() })]

    /// A journal that ends at any byte, or whose last sectors never came to the disk, gives
    /// back all batches before that, and none in part.
    #[test]
    fn a_torn_last_write_is_none(
        sizes in prop::collection::vec(1..20i64, 1..8),
        cut in any::<prop::sample::Index>(),
        zeroes in any::<bool>(),
    ) {
        let folder = Folder::new();
        let mut store = open(folder.path()).unwrap();
        let path = journal(&folder);
        store.sync().unwrap();
        let mut ends = vec![(written(&path).len(), 0)];
        let mut count = 0;
        for size in sizes {
            let ops: Vec<StoreOp> = (0..size).map(|at| save(1, 1_000 * (count + at))).collect();
            store.apply(&ops).unwrap();
            store.sync().unwrap();
            count += size;
            ends.push((written(&path).len(), count));
        }
        drop(store);
        // What is torn was never waited for: the books do not know of it.
        fs::remove_file(folder.path().join("books")).unwrap();
        let start = ends[0].0;
        let bytes = written(&path);
        let cut = start + cut.index(bytes.len() - start + 1);
        if zeroes {
            // One sector is missing, and what follows is there.
            let mut torn = bytes.clone();
            let end = (cut + 512).min(torn.len());
            torn[cut..end].fill(0);
            fs::write(&path, torn).unwrap();
        } else {
            OpenOptions::new().write(true).open(&path).unwrap().set_len(cut as u64).unwrap();
        }
        let whole = ends.iter().rfind(|(end, _)| *end <= cut).unwrap().1;
        let mut store = reopened(&folder);
        let found = all(&mut *store).len() as i64;
        if zeroes {
            // The sector may have been full of zeroes before, and what comes after it is whole.
            prop_assert!(found >= whole);
        } else {
            prop_assert_eq!(found, whole);
        }
        prop_assert_eq!(store.stats().points as i64, found);
        // And it goes on from there.
        store.apply(&[save(3, 1)]).unwrap();
        store.sync().unwrap();
        drop(store);
        let mut store = open(folder.path()).unwrap();
        prop_assert_eq!(all(&mut store).len() as i64, found + 1);
    }
}

/// Opens the store as the disk thread does: what is damaged is repaired the second time.
pub(super) fn reopened(folder: &Folder) -> Box<dyn Store> {
    let mut open = opener(folder.path());
    match open(None) {
        Err(fault @ StoreError::Damaged(_)) => open(Some(&fault)).unwrap(),
        opened => opened.unwrap(),
    }
}

/// `rm points/0.jnl` was never noticed, and what came afterwards was lost as well.
#[test]
fn a_file_or_folder_that_is_removed_in_use_is_noticed_and_opened_anew() {
    type Removal = fn(&Folder);
    let removals: [(&str, Removal); 6] = [
        ("all", |folder| fs::remove_dir_all(folder.path()).unwrap()),
        ("points", |folder| fs::remove_dir_all(folder.path().join("points")).unwrap()),
        ("moved", |folder| {
            let points = folder.path().join("points");
            fs::rename(&points, points.with_extension("moved")).unwrap();
        }),
        ("log", |folder| fs::remove_file(journal(folder)).unwrap()),
        ("files", |folder| {
            let files = fs::read_dir(folder.path().join("points")).unwrap();
            for file in files {
                let _ = fs::remove_file(file.unwrap().path());
            }
        }),
        ("books", |folder| fs::remove_file(folder.path().join("books")).unwrap()),
    ];
    for (what, remove) in removals {
        let folder = Folder::new();
        let mut open = opener(folder.path());
        let mut store = open(None).unwrap();
        store.apply(&[save(1, 1), save(1, 2)]).unwrap();
        store.sync().unwrap();
        assert_eq!(store.check_in_place(), Ok(()), "{what}");
        remove(&folder);
        let fault = store.check_in_place().unwrap_err();
        assert!(fault.to_string().contains("was removed"), "{what}: {fault}");
        store.apply(&[save(1, 3)]).unwrap();
        assert!(store.sync().is_err(), "{what}");
        drop(store);
        // As the disk thread does: what is damaged is repaired at the second attempt.
        let opened = open(Some(&fault)).or_else(|fault| open(Some(&fault)));
        let mut store = opened.unwrap();
        store.apply(&[save(1, 4)]).unwrap();
        assert_eq!((store.sync(), store.check_in_place()), (Ok(()), Ok(())), "{what}");
        drop(store);
        drop(open);
        let mut open = opener(folder.path());
        let again = all(&mut *open(None).unwrap());
        assert!(again.contains(&point(1, 4, 4.0)), "{what}: {again:?}");
    }
}

/// The store begins new logs and removes old ones by itself.
#[test]
fn logs_that_the_store_itself_turns_over_are_in_place() {
    let folder = Folder::new();
    let mut store = open(folder.path()).unwrap();
    for batch in 0..40 {
        let ops: Vec<StoreOp> = (0..500).map(|at| save(1, batch * 500 + at)).collect();
        store.apply(&ops).unwrap();
        store.sync().unwrap();
        if batch % 4 == 0 {
            store.flush();
        }
        assert_eq!(store.check_in_place(), Ok(()), "{batch}");
    }
}
