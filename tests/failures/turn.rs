//! Time as a process has it on a machine that others keep busy.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

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
        let since = |(thread, waited): (String, Duration)| {
            waited.saturating_sub(before.get(&thread).copied().unwrap_or_default())
        };
        let most = waited(process).into_iter().map(since).max().unwrap_or_default();
        if began.elapsed() >= (time + most).min(PATIENCE) {
            return;
        }
    }
}

/// How long all threads of a process together have waited for a processor since it began.
pub(crate) fn waited_by_all(process: u32) -> Duration {
    waited(process).into_values().sum()
}

/// How long each thread has waited for a processor since it began.
/// Source: Linux, `Documentation/scheduler/sched-stats.rst`, `/proc/<pid>/schedstat`.
fn waited(process: u32) -> BTreeMap<String, Duration> {
    let tasks = Path::new("/proc").join(process.to_string()).join("task");
    let threads = fs::read_dir(tasks).into_iter().flatten().flatten();
    let waited = threads.filter_map(|thread| {
        let told = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        let nanos = told.split_whitespace().nth(1)?.parse().ok()?;
        Some((thread.file_name().to_string_lossy().into_owned(), Duration::from_nanos(nanos)))
    });
    waited.collect()
}
