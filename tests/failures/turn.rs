//! Time as a process has it on a machine that others keep busy.

use std::time::{Duration, Instant};

use super::program::Bridge;
use super::waits::{most_since, waited};

/// How often it is looked.
const STEP: Duration = Duration::from_millis(20);
/// Nothing waits longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Waits for `time`, and in addition as long as one of the process's threads waited for a processor
/// meanwhile: the longest of them counts. Where the kernel does not tell, for `time` alone.
pub(crate) async fn pass(process: u32, time: Duration) {
    let (before, began) = (waited(process), Instant::now());
    loop {
        tokio::time::sleep(STEP).await;
        let most = most_since(&before, &waited(process));
        if began.elapsed() >= (time + most).min(PATIENCE) {
            return;
        }
    }
}

/// Kills the bridge once what was written before has had `safe` to be saved, as [`pass`] counts it. Until
/// when that was written.
pub(crate) async fn kill(bridge: Bridge, safe: Duration) -> Instant {
    let until = Instant::now();
    pass(bridge.id(), safe).await;
    bridge.kill().await;
    until
}

/// How long all threads of a process together have waited for a processor since it began.
pub(crate) fn waited_by_all(process: u32) -> Duration {
    waited(process).into_values().sum()
}
