//! Requests of the command line to a running bridge: retry or drop dead letters.
//!
//! A request is a file, put in place whole; the process that owns the outbox looks for them once a
//! second, and deletes them when they are done.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tracing::warn;

/// Requests per poll, and bytes of one.
const MAX_PER_POLL: usize = 64;
const MAX_BYTES: u64 = 1 << 20;
/// Dead letters of one request at most, so that it stays within these bytes.
const MAX_IDS: usize = 40_000;
/// The extension of a request that could not be read.
const UNREADABLE: &str = "unreadable";

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

/// One file of a request, and how many dead letters it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestPart {
    /// The file.
    pub file: PathBuf,
    /// The dead letters of this part.
    pub letters: usize,
}

/// Where a request stands: dead letters by what became of the file that asks for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestProgress {
    /// Of files that were taken and carried out.
    pub done: usize,
    /// Of files that no running bridge has taken.
    pub pending: usize,
    /// Of files that the running bridge could not read.
    pub unreadable: usize,
    /// Those files, as it kept them.
    pub unreadable_files: Vec<PathBuf>,
}

/// Reads the progress of a request from its files.
pub fn progress(parts: &[RequestPart]) -> RequestProgress {
    let mut progress = RequestProgress::default();
    for RequestPart { file, letters } in parts {
        let aside = file.with_extension(UNREADABLE);
        // In this order: it is moved aside by one rename.
        if file.exists() {
            progress.pending += letters;
        } else if aside.exists() {
            progress.unreadable += letters;
            progress.unreadable_files.push(aside);
        } else {
            progress.done += letters;
        }
    }
    progress
}

/// Puts a request in place, as several where it is about many dead letters; gives back its files.
///
/// # Errors
///
/// The folder of the dead letters cannot be written.
pub fn submit(letters: &Path, request: &DeadLetterRequest) -> io::Result<Vec<RequestPart>> {
    let folder = folder(letters);
    super::make_folder(&folder)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut parts = Vec::new();
    for (part_number, ids) in request.ids.chunks(MAX_IDS).enumerate() {
        let part = DeadLetterRequest { wish: request.wish, ids: ids.to_vec() };
        let name = format!("{:020}-{}-{part_number:05}", now.as_nanos(), std::process::id());
        let unfinished = folder.join(format!("{name}.part"));
        let mut file = fs::File::create(&unfinished)?;
        file.write_all(&serde_json::to_vec(&part)?)?;
        file.sync_all()?;
        let file = folder.join(format!("{name}.json"));
        fs::rename(unfinished, &file)?;
        parts.push(RequestPart { file, letters: ids.len() });
    }
    Ok(parts)
}

/// Whether a request waits.
pub(super) fn is_any(letters: &Path) -> bool {
    let entries = fs::read_dir(folder(letters)).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).any(|path| path.extension().is_some_and(|it| it == "json"))
}

/// Pending requests, the oldest first. One that cannot be parsed is moved aside; where that fails
/// it stays, and `reported` keeps it from being logged again.
pub(in crate::outbox) fn pending(
    letters: &Path,
    reported: &mut BTreeSet<PathBuf>,
) -> Vec<(PathBuf, DeadLetterRequest)> {
    let folder = folder(letters);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound && reported.insert(folder.clone()) {
                warn!(
                    "cannot look for requests about dead letters in {}: {error}; give it to the \
                     user that the bridge runs as, and run `sparkwise dead-letters` as that user",
                    folder.display()
                );
            }
            return Vec::new();
        }
    };
    reported.remove(&folder);
    let paths = entries.flatten().map(|entry| entry.path());
    let is_whole = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "json");
    let mut paths: Vec<PathBuf> = paths.filter(is_whole).collect();
    reported.retain(|path| paths.contains(path));
    paths.retain(|path| !reported.contains(path));
    paths.sort();
    let mut requests = Vec::new();
    for path in paths.into_iter().take(MAX_PER_POLL) {
        match read(&path) {
            Ok(request) => requests.push((path, request)),
            Err(why) => quarantine(path, &why, reported),
        }
    }
    requests
}

fn read(path: &Path) -> Result<DeadLetterRequest, String> {
    let size = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > MAX_BYTES {
        return Err(format!("it has {size} bytes, more than {MAX_BYTES}"));
    }
    let text = fs::read(path).map_err(|error| error.to_string())?;
    serde_json::from_slice(&text).map_err(|error| error.to_string())
}

/// Leaves a request that cannot be used to people.
fn quarantine(path: PathBuf, reason: &str, reported: &mut BTreeSet<PathBuf>) {
    let aside = path.with_extension(UNREADABLE);
    let moved = fs::rename(&path, &aside).is_ok();
    let current_path = if moved { &aside } else { &path };
    warn!(
        "cannot read the request about dead letters {}: {reason}; nothing was done, the file is kept \
         as {}: repeat `sparkwise dead-letters` as the user that the bridge runs as",
        path.display(),
        current_path.display()
    );
    if !moved {
        reported.insert(path);
    }
}

/// Deletes a request that is done.
pub(in crate::outbox) fn delete_request(path: &Path) {
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
        let parts = submit(&folder, &DeadLetterRequest { wish, ids: ids.clone() }).unwrap();
        let counts = || {
            let RequestProgress { done, pending, unreadable, .. } = progress(&parts);
            (done, pending, unreadable)
        };
        assert_eq!(counts(), (0, 150_000, 0));
        let asked = pending(&folder, &mut BTreeSet::new());
        asked.iter().skip(1).for_each(|(file, _)| delete_request(file));
        assert_eq!(counts(), (110_000, 40_000, 0), "a part is left");
        delete_request(&asked[0].0);
        assert_eq!(counts(), (150_000, 0, 0));
        assert!(asked.iter().all(|(_, request)| request.wish == wish));
        let found: Vec<u64> = asked.into_iter().flat_map(|(_, request)| request.ids).collect();
        assert_eq!(found, ids);
        fs::remove_dir_all(&folder).unwrap();
    }

    /// They were deleted, and nobody heard of it.
    #[test]
    fn requests_that_cannot_be_read_are_kept_aside() {
        let name = format!("sparkwise-requests-aside-{}", std::process::id());
        let letters = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&letters);
        let requests = letters.join("requests");
        fs::create_dir_all(requests.join("2.json")).unwrap();
        fs::write(requests.join("1.json"), "{").unwrap();
        let large = vec![b' '; usize::try_from(MAX_BYTES).unwrap() + 1];
        fs::write(requests.join("3.json"), large).unwrap();
        let mut told = BTreeSet::new();
        assert_eq!(pending(&letters, &mut told), []);
        for number in 1..4 {
            let aside = requests.join(format!("{number}.unreadable"));
            assert!(aside.exists() && !requests.join(format!("{number}.json")).exists());
            // The first of three was carried out, the last is not looked at yet.
            fs::write(requests.join("9.json"), "").unwrap();
            let file = |name: &str| requests.join(format!("{name}.json"));
            let part = |name: &str, letters| RequestPart { file: file(name), letters };
            let parts = [part("0", 40_000), part(&number.to_string(), 40_000), part("9", 7)];
            let unreadable_files = vec![aside];
            let expected =
                RequestProgress { done: 40_000, pending: 7, unreadable: 40_000, unreadable_files };
            assert_eq!(progress(&parts), expected);
            fs::remove_file(file("9")).unwrap();
        }
        assert!(told.is_empty(), "none is left in place");
        fs::remove_dir_all(&letters).unwrap();
        // A folder that cannot be listed is told of once.
        fs::create_dir(&letters).unwrap();
        fs::write(&requests, "").unwrap();
        assert_eq!(pending(&letters, &mut told), []);
        assert_eq!(told.iter().collect::<Vec<_>>(), [&requests]);
        fs::remove_dir_all(&letters).unwrap();
    }
}
