//! Processor time of a process, all its threads together or one alone, as the kernel counts it.

#![allow(dead_code, reason = "each benchmark uses a part of it")]

use std::fs;
use std::path::Path;
use std::time::Duration;

/// The kernel's clock tick as user space sees it: fixed at 100 a second on Linux.
const TICK: Duration = Duration::from_millis(10);

/// Processor time that the process with this id has used so far; none where the kernel does not
/// tell in Linux's way.
pub(crate) fn used(process: u32) -> Option<Duration> {
    of_stat(Path::new("/proc").join(process.to_string()).as_path())
}

/// Processor time of the thread of this process that has this name.
pub(crate) fn of_thread(name: &str) -> Option<Duration> {
    let named = |thread: &Path| {
        let comm = fs::read_to_string(thread.join("comm"));
        comm.is_ok_and(|comm| comm.trim_end() == name)
    };
    let mut threads = fs::read_dir("/proc/self/task").ok()?.flatten().map(|entry| entry.path());
    of_stat(&threads.find(|thread| named(thread))?)
}

fn of_stat(folder: &Path) -> Option<Duration> {
    let stat = fs::read_to_string(folder.join("stat")).ok()?;
    // The name before the last parenthesis may hold spaces; user and system time are the 12th and
    // 13th field after it.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_ascii_whitespace().skip(11);
    let user: u32 = times.next()?.parse().ok()?;
    let system: u32 = times.next()?.parse().ok()?;
    Some(TICK * (user + system))
}
