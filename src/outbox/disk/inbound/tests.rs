use std::fs;

use super::super::folder::inspect_inbound;
use super::super::tests::tempdir::Folder;
use super::*;

fn some(number: i64) -> StoredInbound {
    let kind = match number % 3 {
        0 => InboundKind::Connected(Timestamp::from_millis(number)),
        1 => InboundKind::Message {
            topic: format!("spBv1.0/g/NDATA/n{number}"),
            payload: Bytes::from(vec![number as u8; number as usize]),
            retain: number % 2 == 0,
        },
        _ => InboundKind::Disconnected,
    };
    StoredInbound { at: Timestamp::from_millis(1_000 + number), server: number as u16, kind }
}

/// A message of two metrics.
fn message(number: u8) -> StoredInbound {
    let payload = Bytes::from(vec![8, 1, 18, 2, 24, number, 18, 2, 24, number, 24, 1]);
    let kind =
        InboundKind::Message { topic: format!("spBv1.0/g/NDATA/{number}"), payload, retain: false };
    StoredInbound { at: Timestamp::from_millis(number.into()), server: 0, kind }
}

fn keep(log: &mut InboundLog, heard: &[StoredInbound]) {
    for heard in heard {
        log.append(record(heard));
    }
    log.write().unwrap();
    log.sync().unwrap();
}

fn read(folder: &Path) -> Vec<StoredInbound> {
    InboundReader::new(folder).collect()
}

/// A folder of two files with ten messages each.
fn filled() -> (Folder, PathBuf) {
    let folder = Folder::new();
    let path = folder.path().join("heard");
    for life in 0..2 {
        let messages: Vec<StoredInbound> = (10 * life..10 * life + 10).map(message).collect();
        keep(&mut InboundLog::new(path.clone()), &messages);
    }
    (folder, path)
}

fn lost(path: &Path) -> (u64, u64) {
    let mut reading = InboundReader::new(path);
    let count = reading.by_ref().count() as u64;
    assert_eq!(reading.values, 2 * count);
    (count, reading.lost(recorded_counts(path).unwrap()))
}

#[test]
fn what_was_heard_is_heard_again_by_the_next_process() {
    let folder = Folder::new();
    let path = folder.path().join("heard");
    for life in 0..2 {
        let heard: Vec<StoredInbound> = (0..6).map(|number| some(6 * life + number)).collect();
        keep(&mut InboundLog::new(path.clone()), &heard);
    }
    assert_eq!(read(&path), (0..12).map(some).collect::<Vec<_>>());
    // A record that was cut short is none, and hides nothing of the next file.
    let first = files(&path).remove(0);
    let bytes = fs::read(&first).unwrap();
    fs::write(&first, &bytes[..bytes.len() - 1]).unwrap();
    assert_eq!(read(&path).len(), 11);
    let mut log = InboundLog::new(path.clone());
    let size = |path: &PathBuf| fs::metadata(path).unwrap().len();
    assert_eq!(log.bytes(), files(&path).iter().map(size).sum::<u64>());
    log.clear();
    assert_eq!(read(&path).len(), 0);
    assert_eq!(recorded_counts(&path), Ok(None));
}

#[test]
fn a_damaged_message_hides_none_behind_it_and_is_counted() {
    let (_folder, path) = filled();
    assert_eq!(lost(&path), (20, 0));
    let first = files(&path).remove(0);
    let whole = fs::read(&first).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        fs::write(&first, bytes).unwrap();
        assert_eq!(lost(&path), (19, 2), "{at}");
    }
    // The end of a file, a file, and all of the folder.
    fs::write(&first, &whole[..whole.len() / 2]).unwrap();
    assert_eq!(lost(&path), (15, 10));
    fs::remove_file(&first).unwrap();
    assert_eq!(lost(&path), (10, 20));
    fs::remove_dir_all(&path).unwrap();
    assert_eq!(lost(&path), (0, 40));
}

#[test]
fn damage_of_what_was_heard_is_checked_and_repaired() {
    let (folder, path) = filled();
    let report = inspect_inbound(folder.path(), false).unwrap();
    assert_eq!((report.damage, report.found, report.lost), (None, 40, 0));
    let first = files(&path).remove(0);
    let mut bytes = fs::read(&first).unwrap();
    bytes[100] ^= 1;
    fs::write(&first, &bytes).unwrap();
    let report = inspect_inbound(folder.path(), false).unwrap();
    assert!(report.damage.is_some());
    assert_eq!((report.found, report.lost), (38, 2));
    let before = read(&path);
    let kept = inspect_inbound(folder.path(), true).unwrap().moved_to.unwrap();
    assert_eq!(fs::read(kept.join(first.file_name().unwrap())).unwrap(), bytes);
    assert_eq!(read(&path), before);
    let report = inspect_inbound(folder.path(), true).unwrap();
    assert_eq!((report.damage, report.moved_to), (None, None));
    // The next start counts what is lost, once.
    assert_eq!(lost(&path), (19, 2));
    let mut log = InboundLog::new(path.clone());
    log.replay_finished(38, 2);
    keep(&mut log, &[message(1)]);
    assert_eq!(lost(&path), (20, 0));
    assert_eq!(repair::unreported_loss(&path), None);
    log.clear();
    assert_eq!(read(&path), []);
    assert_eq!(read(&folder.path().join("heard.aside-2")).len(), 20);
}

#[test]
fn a_disk_that_refused_gets_what_was_heard_meanwhile() {
    let folder = Folder::new();
    let path = folder.path().join("heard");
    let mut log = InboundLog::new(path.clone());
    log.switch_file(fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
    log.append(record(&message(1)));
    assert!(log.write().is_err());
    log.append(record(&message(2)));
    assert!(!log.needs_sync());
    log.write().unwrap();
    log.sync().unwrap();
    assert_eq!(log.unflushed_bytes(), 0);
    assert_eq!(read(&path), [message(1), message(2)]);
    assert_eq!(files(&path).len(), 1);
}
