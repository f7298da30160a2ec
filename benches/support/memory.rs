//! Memory of a process, as Linux counts it; none where the kernel does not tell in its way.

#![allow(dead_code, reason = "each benchmark uses a part of it")]

use std::fs;
use std::path::Path;

/// What it has now, in MiB.
pub(crate) fn now(process: u32) -> Option<f64> {
    status(process, "VmRSS:")
}

/// The most that it has had at one time, in MiB.
pub(crate) fn peak(process: u32) -> Option<f64> {
    status(process, "VmHWM:")
}

fn status(process: u32, field: &str) -> Option<f64> {
    let path = Path::new("/proc").join(process.to_string()).join("status");
    let status = fs::read_to_string(path).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes / 1024.0)
}
