//! Time as a process has it on a machine that others keep busy.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::program::Bridge;
use super::waits::{most_since, on_disk, waited};

/// How often it is looked.
const STEP: Duration = Duration::from_millis(5);
/// Nothing waits longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What others may keep busy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shared {
    Processor,
    ProcessorAndDisk,
}

/// Waits for `time`, and in addition as long as one of the process's threads waited meanwhile for what
/// is shared: of those that waited for a processor the longest counts, and so for the disk. Where the
/// kernel does not tell, for `time` alone.
pub(crate) async fn pass(process: u32, time: Duration, shared: Shared) {
    let (before, began) = (waited(process), Instant::now());
    let (mut for_disk, mut looked) = (BTreeMap::<u64, Duration>::new(), began);
    loop {
        tokio::time::sleep(STEP).await;
        let since = looked.elapsed();
        looked += since;
        if shared == Shared::ProcessorAndDisk {
            for thread in on_disk(process) {
                *for_disk.entry(thread).or_default() += since;
            }
        }
        let for_disk = for_disk.values().max().copied().unwrap_or_default();
        let most = most_since(&before, &waited(process)) + for_disk;
        if began.elapsed() >= (time + most).min(PATIENCE) {
            return;
        }
    }
}

/// Kills the bridge once what was written before has had `safe` to be saved, as [`pass`] counts it. Until
/// when that was written.
pub(crate) async fn kill(bridge: Bridge, safe: Duration, shared: Shared) -> Instant {
    let until = Instant::now();
    pass(bridge.id(), safe, shared).await;
    bridge.kill().await;
    until
}
