//! A disk on which waiting for it is slow, or fails: a file system in user space (`disk.py`).
//!
//! It needs `/dev/fuse`, root, and fusepy with libfuse 2 (`apt install fuse libfuse2
//! python3-fusepy`). Where it cannot be mounted the test fails, unless `FAILURES_WITHOUT_ROOT` says
//! that this is known.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sitewise_local::{Effect, Fault, Options, Server as SiteWise};
use tokio::time::interval;

use super::full::logged;
use super::killed::all_arrive;
use super::plant::{Server, Written};
use super::program::{Bridge, Folder};
use super::reader::Reader;
use super::turn::{self, Shared};

const PATIENCE: Duration = Duration::from_secs(60);
/// What was written so long before a kill is safe on a disk that is waited for a second at a time:
/// what comes while all is flushed is written after it, and that is three waits one after the other,
/// for messages, the store and its books; one more for what the bridge takes itself on a busy
/// machine.
const SAFE_ON_SLOW: Duration = Duration::from_millis(4_000 + 200);
const SAFE: Duration = Duration::from_millis(200);

/// A mounted disk, there until it is dropped.
struct Fuse {
    folder: Folder,
    process: Child,
}

impl Fuse {
    async fn mount() -> Option<Self> {
        let folder = Folder::new();
        for part in ["behind", "disk"] {
            fs::create_dir_all(folder.path().join(part)).unwrap();
        }
        fs::write(folder.path().join("control"), "well").unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/failures/disk.py");
        // Debian's package is for Debian's own Python.
        let python = std::env::var_os("FUSE_PYTHON").unwrap_or_else(|| "/usr/bin/python3".into());
        let process = Command::new(python)
            .arg(script)
            .args(["behind", "disk", "control"].map(|part| folder.path().join(part)))
            .stdin(Stdio::null())
            .spawn()
            .ok()?;
        let mut fuse = Self { folder, process };
        let until = Instant::now() + PATIENCE;
        let mut pause = interval(Duration::from_millis(50));
        while Instant::now() < until && fuse.process.try_wait().ok()?.is_none() {
            pause.tick().await;
            let mounts = fs::read_to_string("/proc/mounts").unwrap();
            if mounts.contains(&*fuse.path().to_string_lossy()) {
                return Some(fuse);
            }
        }
        None
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    /// What the disk does from now on with those that wait for it.
    fn order(&self, what: &str) {
        // By a rename: the disk reads all of it or what was there before.
        let control = self.folder.path().join("control");
        let new = control.with_extension("new");
        fs::write(&new, what).unwrap();
        fs::rename(new, control).unwrap();
    }
}

impl Drop for Fuse {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Waits until no more is in memory alone than comes in a second.
async fn saved(bridge: &Bridge) {
    let until = Instant::now() + PATIENCE;
    let mut pause = interval(Duration::from_millis(200));
    loop {
        pause.tick().await;
        let unsaved = bridge.metric("sparkwise_outbox_unsaved").await;
        if unsaved < 500.0 {
            return;
        }
        assert!(Instant::now() < until, "{unsaved} are not on disk: {:#?}", bridge.log().await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_disk_was_slow_or_failed_to_flush_outlives_a_kill_after_it() {
    let _turn = super::alone().await;
    let Some(disk) = Fuse::mount().await else {
        let known = std::env::var_os("FAILURES_WITHOUT_ROOT").is_some();
        assert!(
            known,
            "a disk that fails to flush needs /dev/fuse, root and fusepy: FAILURES_WITHOUT_ROOT=1 \
             leaves it out"
        );
        eprintln!("LEFT OUT: a disk that is slow or fails to flush, for want of FUSE");
        return;
    };
    let sitewise = SiteWise::bind(([127, 0, 0, 1], 0).into(), Options::default()).unwrap();
    let (at, handle) = (sitewise.local_addr().port(), sitewise.handle());
    tokio::spawn(sitewise.run(std::future::pending()));
    let mut server = Server::start().await;
    let mqtt = server.port;
    let outbox = disk.path().join("outbox");
    let start = || Bridge::start(mqtt, at, &[("OUTBOX_DIR", outbox.as_os_str())]);
    let refuse = || {
        let mut refusal = Fault::always(Effect::Error {
            code: "ServiceUnavailableException".to_owned(),
            carried_out: false,
            retry_after_milliseconds: None,
        });
        refusal.operations = vec!["BatchPutAssetPropertyValue".to_owned()];
        handle.order(refusal).unwrap();
    };
    let mut owed: Vec<Written> = Vec::new();

    // Each flush takes a second: nothing is told, for all is flushed together, and values are safe
    // once they were waited for.
    let bridge = start();
    let learned = bridge.learned().await;
    server.born(1).await;
    refuse();
    disk.order("slow 1");
    tokio::time::sleep_until((Instant::now() + Duration::from_secs(10)).into()).await;
    let safe_until = turn::kill(bridge, SAFE_ON_SLOW, Shared::Processor).await;
    disk.order("well");
    let written = server.written().await;
    let safe = written.iter().filter(|of| of.at >= learned && of.at < safe_until);
    owed.extend(safe.copied());
    let slow = owed.len();
    assert!(slow > 500, "there was no load: {slow} values");

    // Flushes fail, and work again: what came meanwhile is flushed then.
    let bridge = start();
    let learned = bridge.learned().await;
    server.born(2).await;
    disk.order("fail");
    logged(&bridge, "cannot write the outbox").await;
    tokio::time::sleep_until((Instant::now() + Duration::from_secs(2)).into()).await;
    disk.order("well");
    logged(&bridge, "the outbox is writable again").await;
    saved(&bridge).await;
    let safe_until = turn::kill(bridge, SAFE, Shared::Processor).await;
    let written = server.written().await;
    let safe = written.iter().filter(|of| of.at >= learned && of.at < safe_until);
    owed.extend(safe.copied());
    assert!(owed.len() > slow + 1_000, "there was no load: {} values", owed.len() - slow);

    handle.clear_faults();
    let bridge = start();
    bridge.learned().await;
    all_arrive(&Reader::new(at), &owed).await;
    let log = bridge.terminate().await;
    assert!(!log.iter().any(|line| line.contains("do not balance")), "{log:#?}");
}
