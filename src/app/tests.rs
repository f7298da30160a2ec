use std::fs::{self, OpenOptions, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::*;
use crate::delivery::point::{Class, Point, RejectReason, Stream};
use crate::late::FileName;
use crate::outbox::dead_letters::DeadLetter;
use crate::outbox::{InboundKind, StoredInbound};
use crate::sitewise::api::{Quality, Variant};
use crate::time::Timestamp;

/// A folder that goes with its user.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("sparkwise-app-{name}-{}", std::process::id())))
    }

    fn config(&self) -> config::Outbox {
        config::Outbox { dir: Some(self.0.clone()), max_bytes: 1 << 20 }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Tries to open a folder that another process lets go after this many seconds, if ever; after how
/// many it was open, or was given up.
async fn after(lets_go: Option<u32>) -> (Result<(), DiskFault>, u32) {
    let folder = Folder::new(&format!("owned-{lets_go:?}"));
    fs::create_dir_all(&folder.0).unwrap();
    let owner = OpenOptions::new().create(true).append(true).open(folder.0.join("lock")).unwrap();
    owner.lock().unwrap();
    let mut owner = Some(owner);
    let mut waited = 0;
    let open = || DiskOutbox::open(&folder.0, 1 << 20, Arc::new(Notify::new())).map(drop);
    let opened = retry_while_locked("it", open, |pause| {
        assert_eq!(pause, Duration::from_secs(1));
        waited += 1;
        if lets_go == Some(waited) {
            owner = None;
        }
        std::future::ready(())
    });
    let opened = opened.await;
    (opened, waited)
}

#[tokio::test]
async fn a_folder_whose_owner_lets_go_within_a_minute_is_waited_for() {
    assert_eq!(after(Some(40)).await, (Ok(()), 40));
}

#[tokio::test]
async fn a_folder_whose_owner_does_not_let_go_is_none_of_ours() {
    assert_eq!(after(None).await, (Err(DiskFault::Locked), 60));
}

/// Who comes after a dead one takes its place, and delivers what it has left.
#[tokio::test]
async fn bridges_that_share_a_folder_have_each_a_place_in_it() {
    let folder = Folder::new("shared");
    let places = || {
        let taken = |place: &&str| {
            let lock = OpenOptions::new().append(true).open(folder.0.join(place).join("lock"));
            lock.is_ok_and(|lock| lock.try_lock().is_err())
        };
        ["", "bridge-2", "bridge-3", "bridge-4"].into_iter().filter(taken).collect::<Vec<_>>()
    };
    let config = folder.config();
    let open = || outbox(&config, LateFileUse::Disabled, lease::BRIDGES);
    let first = open().await.unwrap();
    assert_eq!(places(), [""]);
    let second = open().await.unwrap();
    let third = open().await.unwrap();
    assert_eq!(places(), ["", "bridge-2", "bridge-3"]);
    let end = |(mut outbox, _): (Box<dyn Outbox>, Arc<Notify>)| {
        outbox.close(Duration::from_secs(10));
    };
    end(second);
    assert_eq!(places(), ["", "bridge-3"]);
    let second = open().await.unwrap();
    assert_eq!(places(), ["", "bridge-2", "bridge-3"]);
    [first, second, third].into_iter().for_each(end);
    let alone = outbox(&config, LateFileUse::Disabled, 1).await.unwrap();
    assert_eq!(places(), [""]);
    end(alone);
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_no_start() {
    let folder = Folder::new("a-file");
    fs::write(&folder.0, "").unwrap();
    let below = Folder(folder.0.join("outbox"));
    // A file was "File exists (os error 17)", with nothing of what to do.
    for (folder, remedy) in [
        (&folder, "is a file: name a folder"),
        (&below, "is a file: name a folder"),
        (&Folder("/proc/x".into()), "name a folder on a disk"),
    ] {
        let refused = outbox(&folder.config(), LateFileUse::Disabled, 1).await;
        let refused = refused.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(refused.contains("cannot create the folder: "), "{refused}");
        assert!(refused.contains(remedy), "{refused}");
    }
    fs::remove_file(&folder.0).unwrap();
}

/// Dead letters were readable for everybody, and so was all that an earlier version had made.
#[tokio::test]
async fn folders_are_for_nobody_else() {
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let folder = Folder::new("private");
    let of_earlier = Folder::new("private-of-earlier");
    for name in ["points", "dead-letters", "heard", "late"] {
        fs::create_dir_all(of_earlier.0.join(name)).unwrap();
        fs::set_permissions(of_earlier.0.join(name), Permissions::from_mode(0o755)).unwrap();
    }
    // The folder around them is the operator's own, perhaps a mount.
    fs::set_permissions(&of_earlier.0, Permissions::from_mode(0o755)).unwrap();
    for (folder, around) in [(&folder, 0o700), (&of_earlier, 0o755)] {
        let one = outbox(&folder.config(), LateFileUse::Enabled, 2).await.unwrap();
        let mut second = outbox(&folder.config(), LateFileUse::Enabled, 2).await.unwrap().0;
        second.store_inbound(&StoredInbound {
            at: Timestamp::from_millis(0),
            server: 0,
            kind: InboundKind::Disconnected,
        });
        second.store_dead_letter(&letter());
        second.append_late(FileName::new(1, 1), 1, "a row\n".to_owned());
        second.close(Duration::from_secs(10));
        drop(one);
        assert_eq!(mode(&folder.0), around);
        let mut files = 0;
        for place in [folder.0.clone(), folder.0.join("bridge-2")] {
            for entry in fs::read_dir(&place).unwrap().flatten() {
                match entry.file_type().unwrap().is_dir() {
                    true => assert_eq!(mode(&entry.path()), 0o700, "{:?}", entry.path()),
                    false => assert_eq!(mode(&entry.path()), 0o600, "{:?}", entry.path()),
                }
            }
        }
        for name in ["dead-letters", "heard", "late"] {
            for entry in fs::read_dir(folder.0.join("bridge-2").join(name)).unwrap().flatten() {
                files += 1;
                assert_eq!(mode(&entry.path()), 0o600, "{:?}", entry.path());
            }
        }
        assert!(files >= 3, "each has one");
    }
}

fn letter() -> DeadLetter {
    let point = Point {
        stream: Stream { asset: Uuid::from_u128(1), property: Uuid::from_u128(2) },
        time: Timestamp::from_millis(0),
        quality: Quality::Good,
        value: Variant::Boolean(true),
        class: Class::Live,
    };
    DeadLetter {
        point,
        refusal: RejectReason::Invalid,
        reason: "because".to_owned(),
        at: Timestamp::from_millis(0),
        names: (None, None),
        alias: None,
    }
}

#[tokio::test]
async fn a_console_whose_port_is_in_use_names_its_address() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = taken.local_addr().unwrap();
    let console = config::Console { addr: Some(addr), token: None, emf: false, price: None };
    let error = Error::Console(Listener::bind(&console).await.unwrap_err()).to_string();
    assert!(error.contains(&addr.to_string()) && error.contains("CONSOLE_ADDR"), "{error}");
}

/// After a return from two bridges to one nobody delivered them, and nobody was told.
#[tokio::test]
async fn what_another_bridge_left_is_found_by_one_that_is_alone() {
    use crate::delivery::point::{Class, Point, Stream};
    use crate::outbox::QueuedPoint;
    use crate::sitewise::api::{Quality, Variant};

    let folder = Folder::new("alone");
    let place = folder.0.join("bridge-2");
    let stream = Stream { asset: uuid::Uuid::from_u128(1), property: uuid::Uuid::from_u128(2) };
    let (time, value) = (crate::clock::wall(), Variant::Double(1.0));
    let point = Point { stream, time, quality: Quality::Good, value, class: Class::Live };
    let mut disk = DiskOutbox::open(&place, 1 << 20, Arc::new(Notify::new())).unwrap();
    assert!(disk.put(vec![QueuedPoint { point, gate: None }]).is_empty());
    disk.close(Duration::from_secs(10));
    drop(disk);
    let places = || [folder.0.join("bridge-3"), place.clone()].into_iter();
    assert_eq!(left_in(places()), [(place.clone(), 1)]);
}
