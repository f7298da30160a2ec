//! Time as a process has it on a machine that others keep busy.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::program::Bridge;
use super::waits::{most_since, waited};

/// How often it is looked.
const STEP: Duration = Duration::from_millis(5);
/// Nothing waits longer.
const PATIENCE: Duration = Duration::from_secs(10);
/// A commit flushes three files, and what is written waits for two; and what else is written meanwhile.
const FLUSHES: u32 = 10;

/// What others may keep busy.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shared<'a> {
    Processor,
    /// Also the disk that this folder is on.
    ProcessorAndDisk(&'a Path),
}

/// Flushes of a file of our own, one after the other, for as long as this is there: what the disk takes,
/// whatever the process does there.
struct DiskProbe {
    longest: Arc<Mutex<Duration>>,
    path: PathBuf,
}

impl DiskProbe {
    fn start(folder: &Path) -> Self {
        let (longest, path) = (Arc::new(Mutex::new(Duration::ZERO)), folder.join("busy"));
        let mut file = File::create(&path).unwrap();
        let weak = Arc::downgrade(&longest);
        std::thread::spawn(move || {
            while let Some(longest) = weak.upgrade() {
                let began = Instant::now();
                file.write_all(&[0; 4_096]).and_then(|()| file.sync_all()).unwrap();
                let mut longest = longest.lock().unwrap();
                *longest = longest.max(began.elapsed());
            }
        });
        Self { longest, path }
    }

    fn longest(&self) -> Duration {
        *self.longest.lock().unwrap()
    }
}

impl Drop for DiskProbe {
    fn drop(&mut self) {
        // Its thread may have it open a moment longer.
        std::fs::remove_file(&self.path).unwrap();
    }
}

/// Waits for `time`, and in addition for as long as one of the process's threads waited for a processor
/// meanwhile, the longest of them; and for so many flushes as the slowest of our own took on the same
/// disk. Where the kernel does not tell, for `time` alone.
pub(crate) async fn pass(process: u32, time: Duration, shared: Shared<'_>) {
    let probe = match shared {
        Shared::Processor => None,
        Shared::ProcessorAndDisk(folder) => Some(DiskProbe::start(folder)),
    };
    let (before, began) = (waited(process), Instant::now());
    loop {
        tokio::time::sleep(STEP).await;
        let for_disk = probe.as_ref().map_or(Duration::ZERO, |probe| FLUSHES * probe.longest());
        let most = most_since(&before, &waited(process)) + for_disk;
        if began.elapsed() >= (time + most).min(PATIENCE) {
            return;
        }
    }
}

/// Kills the bridge once what was written before has had `safe` to be saved, as [`pass`] counts it. Until
/// when that was written.
pub(crate) async fn kill(bridge: Bridge, safe: Duration, shared: Shared<'_>) -> Instant {
    let until = Instant::now();
    pass(bridge.id(), safe, shared).await;
    bridge.kill().await;
    until
}
