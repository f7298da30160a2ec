//! How long the threads of a process waited for a processor, which on a machine that others keep
//! busy is no property of the program.

#![allow(dead_code, reason = "each user uses a part of it")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// How long each thread of a process has waited for a processor since it began; nothing where the
/// kernel does not tell.
/// Source: Linux, `Documentation/scheduler/sched-stats.rst`, `/proc/<pid>/schedstat`.
pub(crate) fn waited(process: u32) -> BTreeMap<u64, Duration> {
    let tasks = Path::new("/proc").join(process.to_string()).join("task");
    let threads = fs::read_dir(tasks).into_iter().flatten().flatten();
    let waited = threads.filter_map(|thread| {
        let told = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        let nanos = told.split_whitespace().nth(1)?.parse().ok()?;
        let id = thread.file_name().to_str()?.parse().ok()?;
        Some((id, Duration::from_nanos(nanos)))
    });
    waited.collect()
}

/// The longest that a thread waited from one look to another.
pub(crate) fn most_since(
    before: &BTreeMap<u64, Duration>,
    now: &BTreeMap<u64, Duration>,
) -> Duration {
    let since = |(thread, waited): (&u64, &Duration)| {
        waited.saturating_sub(before.get(thread).copied().unwrap_or_default())
    };
    now.iter().map(since).max().unwrap_or_default()
}

/// Looks at processes now and then.
#[derive(Debug, Default)]
pub(crate) struct Waits(Vec<(Duration, Vec<BTreeMap<u64, Duration>>)>);

impl Waits {
    /// Looks at these processes, some time after the start.
    pub(crate) fn look(&mut self, at: Duration, processes: &[u32]) {
        self.0.push((at, processes.iter().map(|process| waited(*process)).collect()));
    }

    /// How long each of the processes was kept waiting between two moments: of its threads the one
    /// that waited longest counts.
    pub(crate) fn between(&self, from: Duration, to: Duration) -> Duration {
        let first = self.0.partition_point(|(at, _)| *at <= from).saturating_sub(1);
        let last = self.0.partition_point(|(at, _)| *at < to).min(self.0.len().saturating_sub(1));
        let (Some((_, before)), Some((_, after))) = (self.0.get(first), self.0.get(last)) else {
            return Duration::ZERO;
        };
        before.iter().zip(after).map(|(before, after)| most_since(before, after)).sum()
    }

    /// How long something took that came at this time, without the time for which the processes were
    /// kept waiting when it came, and when its linger was over: what they waited meanwhile did not
    /// matter to it.
    pub(crate) fn less(&self, came: Duration, took: Duration, linger: Duration) -> Duration {
        let (beyond, taken) = (took.saturating_sub(linger), came + took);
        let waited = self.between(came, came + beyond) + self.between(taken - beyond, taken);
        took - waited.min(beyond)
    }
}
