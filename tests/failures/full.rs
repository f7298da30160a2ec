//! A disk that is really full, and a kill after it.
//!
//! The disk is a small file system in memory, which only root can mount. Where that cannot be done
//! the test fails, unless `FAILURES_WITHOUT_ROOT` says that this is known.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use sitewise_local::{Effect, Fault, Options, Server as SiteWise};
use tokio::time::interval;

use super::killed::all_arrive;
use super::plant::Server;
use super::program::{Bridge, Folder};
use super::reader::Reader;
use super::turn::{self, Shared};

/// What was written so long before a kill is safe.
const SAFE: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_secs(60);

/// A small disk, there until it is dropped.
struct Small(Folder);

impl Small {
    fn mount() -> Option<Self> {
        let folder = Folder::new();
        fs::create_dir_all(folder.path()).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=32m", "sparkwise-full"])
            .arg(folder.path())
            .status();
        mounted.is_ok_and(|status| status.success()).then_some(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

/// Waits until a line is logged so many times.
pub(super) async fn logged(bridge: &Bridge, line: &str) {
    let until = Instant::now() + PATIENCE;
    let mut pause = interval(Duration::from_millis(50));
    loop {
        pause.tick().await;
        let log = bridge.log().await;
        if log.iter().any(|logged| logged.contains(line)) {
            return;
        }
        assert!(Instant::now() < until, "never logged: {line}: {log:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_while_the_disk_was_full_outlives_a_kill_after_it() {
    let _turn = super::alone().await;
    let Some(disk) = Small::mount() else {
        let known = std::env::var_os("FAILURES_WITHOUT_ROOT").is_some();
        assert!(
            known,
            "a full disk needs root to be mounted: FAILURES_WITHOUT_ROOT=1 leaves it out"
        );
        eprintln!("LEFT OUT: a disk that is really full, for want of root");
        return;
    };
    let sitewise = SiteWise::bind(([127, 0, 0, 1], 0).into(), Options::default()).unwrap();
    let (at, handle) = (sitewise.local_addr().port(), sitewise.handle());
    tokio::spawn(sitewise.run(std::future::pending()));
    let mut server = Server::start().await;
    let mqtt = server.port;
    let outbox = disk.path().join("outbox");
    let start = || Bridge::start(mqtt, at, &[("OUTBOX_DIR", outbox.as_os_str())]);

    let bridge = start();
    let learned = bridge.learned().await;
    server.born(1).await;
    // From here on SiteWise takes no value: all that comes waits, most of it in delivery's hands.
    let mut refusal = Fault::always(Effect::Error {
        code: "ServiceUnavailableException".to_owned(),
        carried_out: false,
        retry_after_milliseconds: None,
    });
    refusal.operations = vec!["BatchPutAssetPropertyValue".to_owned()];
    handle.order(refusal).unwrap();

    let filler = disk.path().join("filler");
    let mut file = fs::File::create(&filler).unwrap();
    while file.write_all(&[0; 4_096]).is_ok() {}
    logged(&bridge, "cannot write the outbox").await;
    // It stays full while values come.
    tokio::time::sleep_until((Instant::now() + Duration::from_secs(2)).into()).await;
    drop(file);
    fs::remove_file(&filler).unwrap();
    logged(&bridge, "the outbox is writable again").await;
    // All that came is saved, also what delivery has: no more is in memory alone than comes in a
    // second.
    let until = Instant::now() + PATIENCE;
    let mut pause = interval(Duration::from_millis(200));
    loop {
        pause.tick().await;
        let unsaved = bridge.metric("sparkwise_outbox_unsaved").await;
        if unsaved < 500.0 {
            break;
        }
        assert!(Instant::now() < until, "{unsaved} are not on disk: {:#?}", bridge.log().await);
    }
    let safe_until = turn::kill(bridge, SAFE, Shared::Processor).await;
    let written = server.written().await;
    let safe = written.iter().filter(|of| of.at >= learned && of.at < safe_until);
    let owed: Vec<_> = safe.copied().collect();
    assert!(owed.len() > 1_000, "there was no load: {} values", owed.len());

    handle.clear_faults();
    let bridge = start();
    bridge.learned().await;
    all_arrive(&Reader::new(at), &owed).await;
    let log = bridge.terminate().await;
    assert!(!log.iter().any(|line| line.contains("do not balance")), "{log:#?}");
}
