//! Requests of the command line to a running bridge: retry or drop dead letters.
//!
//! A request is a file, put in place whole; the process that owns the outbox looks for them once a
//! second, and deletes them when they are done.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Requests per poll, and bytes of one.
const AT_ONCE: usize = 64;
const BYTES: u64 = 1 << 20;
/// Dead letters of one request at most, so that it stays within these bytes.
const IDS: usize = 40_000;

/// What to do with dead letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadLetterAction {
    /// Their values are sent again.
    Retry,
    /// They are forgotten.
    Drop,
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetterRequest {
    /// What is to be done.
    pub wish: DeadLetterAction,
    /// With which letters.
    pub ids: Vec<u64>,
}

fn folder(letters: &Path) -> PathBuf {
    letters.join("requests")
}

/// Puts a request in place, as several where it is about many dead letters.
///
/// # Errors
///
/// The folder of the dead letters cannot be written.
pub fn ask(letters: &Path, request: &DeadLetterRequest) -> io::Result<()> {
    let folder = folder(letters);
    super::make_folder(&folder)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    for (part_number, ids) in request.ids.chunks(IDS).enumerate() {
        let part = DeadLetterRequest { wish: request.wish, ids: ids.to_vec() };
        let name = format!("{:020}-{}-{part_number:05}", now.as_nanos(), std::process::id());
        let unfinished = folder.join(format!("{name}.part"));
        let mut file = fs::File::create(&unfinished)?;
        file.write_all(&serde_json::to_vec(&part)?)?;
        file.sync_all()?;
        fs::rename(unfinished, folder.join(format!("{name}.json")))?;
    }
    Ok(())
}

/// Pending requests, the oldest first. An invalid one is deleted.
pub(in crate::outbox) fn asked(letters: &Path) -> Vec<(PathBuf, DeadLetterRequest)> {
    let entries = fs::read_dir(folder(letters)).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    let is_whole = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "json");
    let mut paths: Vec<PathBuf> = paths.filter(is_whole).collect();
    paths.sort();
    let read = |path: &Path| {
        let size = fs::metadata(path).ok()?.len();
        let text = if size <= BYTES { fs::read(path).ok()? } else { Vec::new() };
        serde_json::from_slice(&text).ok()
    };
    let mut requests = Vec::new();
    for path in paths.into_iter().take(AT_ONCE) {
        match read(&path) {
            Some(request) => requests.push((path, request)),
            None => done(&path),
        }
    }
    requests
}

/// Deletes a request that is done.
pub(in crate::outbox) fn done(path: &Path) {
    // A request that cannot be deleted is done again, which is harmless.
    let _ = fs::remove_file(path);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of 150,000 dead letters one request was larger than is read, and was deleted unread.
    #[test]
    fn a_request_about_all_dead_letters_is_read() {
        let folder =
            std::env::temp_dir().join(format!("sparkwise-requests-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        let ids: Vec<u64> = (0..150_000).map(|id| u64::MAX - id).collect();
        let wish = DeadLetterAction::Retry;
        ask(&folder, &DeadLetterRequest { wish, ids: ids.clone() }).unwrap();
        let asked = asked(&folder);
        assert!(asked.iter().all(|(_, request)| request.wish == wish));
        let found: Vec<u64> = asked.into_iter().flat_map(|(_, request)| request.ids).collect();
        assert_eq!(found, ids);
        fs::remove_dir_all(&folder).unwrap();
    }
}
