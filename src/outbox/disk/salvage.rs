//! A log whose end is damaged.
//!
//! The store reads its log up to the last whole batch, and takes what follows for a write that
//! was cut short. But when a machine loses its power, sectors in the middle of the last write
//! can be missing while later ones are there; some of what then stands in the log the store
//! takes for an error, some makes it panic. Nothing that is safe comes after such a place:
//! the log is cut off before it.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use tracing::warn;

use super::store::{Fault, Fjall};

/// What a damaged log is called, to be looked at.
const DAMAGED: &str = "damaged-log";
/// Bytes that are read at once.
const CHUNK: u64 = 1 << 16;

/// Opens the store, without the end of its log where that is damaged.
///
/// # Errors
///
/// As [`Fjall::open`]; what is damaged is more than the end of the log.
pub(super) fn open(folder: &Path) -> Result<Fjall, Fault> {
    let reason = match attempt(folder) {
        Err(Fault::Damaged(reason)) => reason,
        done => return done,
    };
    let disk = |error: io::Error| Fault::Disk(error.to_string());
    let Some(log) = last_log(folder).map_err(disk)? else { return Err(Fault::Damaged(reason)) };
    let damaged = folder.join(DAMAGED);
    fs::rename(&log, &damaged).map_err(disk)?;
    let end = end_of(&damaged).map_err(disk)?;
    // As many bytes from the front as can be read, between none and all.
    let (mut good, mut bad) = (0, end);
    while bad - good > 1 {
        let middle = good + (bad - good) / 2;
        copy(&damaged, &log, middle).map_err(disk)?;
        match attempt(folder) {
            Ok(_) => good = middle,
            Err(Fault::Damaged(_)) => bad = middle,
            Err(fault) => return Err(fault),
        }
    }
    copy(&damaged, &log, good).map_err(disk)?;
    let store = attempt(folder).inspect_err(|_| {
        // More than the log is damaged: leave it as it was found.
        let _ = fs::rename(&damaged, &log);
    })?;
    warn!(
        "the end of the outbox's log was damaged ({reason}): its last {} bytes are left out, and \
         kept in {}",
        end - good,
        damaged.display()
    );
    Ok(store)
}

fn attempt(folder: &Path) -> Result<Fjall, Fault> {
    catch_unwind(AssertUnwindSafe(|| Fjall::open(folder)))
        .unwrap_or_else(|_| Err(Fault::Damaged("its log cannot be read".to_owned())))
}

/// The log that was written last.
fn last_log(folder: &Path) -> io::Result<Option<PathBuf>> {
    let mut last: Option<(u64, PathBuf)> = None;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_log = path.extension().is_some_and(|extension| extension == "jnl");
        let number = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
        if let Some(number) = number.filter(|_| is_log)
            && last.as_ref().is_none_or(|(other, _)| *other < number)
        {
            last = Some((number, path));
        }
    }
    Ok(last.map(|(_, path)| path))
}

/// Bytes of a file without the zeroes at its end, which were allocated ahead.
fn end_of(path: &Path) -> io::Result<u64> {
    let mut file = File::open(path)?;
    let mut end = file.metadata()?.len();
    let mut chunk = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(CHUNK);
        file.seek(SeekFrom::Start(start))?;
        chunk.clear();
        (&file).take(end - start).read_to_end(&mut chunk)?;
        if let Some(last) = chunk.iter().rposition(|byte| *byte != 0) {
            return Ok(start + last as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

/// Makes a file of the first bytes of another.
fn copy(from: &Path, to: &Path, bytes: u64) -> io::Result<()> {
    let mut to = File::create(to)?;
    io::copy(&mut File::open(from)?.take(bytes), &mut to)?;
    to.flush()?;
    to.sync_all()
}
