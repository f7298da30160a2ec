//! Writes the files: each beside its place first, then renamed. What is not ours stays.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::dashboards::{DASHBOARDS, File, MARK};

/// Why nothing was written, or not all.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotWritten {
    /// There is something else in its place.
    #[error(
        "{0} was not written by this command, and is left alone: name another folder, or move it"
    )]
    Foreign(PathBuf),
    /// The disk says no.
    #[error("{path} cannot be written: {error}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// Writes `files` below `out`, which is made if there is none.
///
/// # Errors
///
/// Something is in the way, and nothing was written; or the disk fails.
pub(super) fn write(out: &Path, files: &[File]) -> Result<(), NotWritten> {
    for file in files {
        let path = out.join(&file.path);
        if !is_ours(&path).map_err(|error| NotWritten::Io { path: path.clone(), error })? {
            return Err(NotWritten::Foreign(path));
        }
    }
    for file in files {
        let path = out.join(&file.path);
        put(&path, &file.text).map_err(|error| NotWritten::Io { path, error })?;
    }
    Ok(())
}

/// What a file has that an earlier run wrote; nothing where there is none, or another's.
pub(super) fn ours(out: &Path, path: &str) -> String {
    let bytes = fs::read(out.join(path)).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    if text.contains(MARK) { text } else { String::new() }
}

/// Dashboards of an earlier run that are none of `files`, in order.
pub(super) fn left(out: &Path, files: &[File]) -> Vec<String> {
    let there = fs::read_dir(out.join(DASHBOARDS)).into_iter().flatten().flatten();
    let names = there.filter_map(|entry| entry.file_name().into_string().ok());
    let paths = names.filter(|name| name.ends_with(".json"));
    let mut left: Vec<String> = paths.map(|name| format!("{DASHBOARDS}/{name}")).collect();
    left.retain(|path| files.iter().all(|file| file.path != *path) && !ours(out, path).is_empty());
    left.sort_unstable();
    left
}

/// Whether a place is free, or holds what this command wrote.
fn is_ours(path: &Path) -> io::Result<bool> {
    match fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).contains(MARK)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => Ok(false),
        Err(error) => Err(error),
    }
}

fn put(path: &Path, text: &str) -> io::Result<()> {
    if fs::read(path).is_ok_and(|there| there == text.as_bytes()) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.tmp", std::process::id()));
    let beside = PathBuf::from(beside);
    // In a container every process has the same id: a run that was cut off has left it.
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).open(&beside)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    let written = written.and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // The one that was just made.
        let _ = fs::remove_file(&beside);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path =
                std::env::temp_dir().join(format!("sparkwise-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn file(path: &str, text: &str) -> File {
        File { path: path.into(), text: text.into() }
    }

    #[test]
    fn files_are_replaced_if_they_are_ours_and_nothing_else_is_touched() {
        let folder = Folder::new("dashboards");
        let out = folder.0.join("new");
        let ours = format!("{MARK} 1");
        write(&out, &[file("a/b.json", &ours), file("c.json", &ours)]).unwrap();
        fs::write(out.join("a/other.json"), "theirs").unwrap();
        let again = format!("{MARK} 2");
        write(&out, &[file("a/b.json", &again)]).unwrap();
        assert_eq!(fs::read_to_string(out.join("a/b.json")).unwrap(), again);
        assert_eq!(fs::read_to_string(out.join("c.json")).unwrap(), ours);
        assert_eq!(fs::read_to_string(out.join("a/other.json")).unwrap(), "theirs");
        assert_eq!(fs::read_dir(out.join("a")).unwrap().count(), 2, "nothing is left beside");
    }

    #[test]
    fn what_a_run_that_was_cut_off_left_beside_is_in_nobodys_way() {
        let folder = Folder::new("cut-off");
        let left = folder.0.join(format!("a.json.{}.tmp", std::process::id()));
        fs::write(&left, "half").unwrap();
        write(&folder.0, &[file("a.json", MARK)]).unwrap();
        assert_eq!(fs::read_to_string(folder.0.join("a.json")).unwrap(), MARK);
        assert!(!left.exists());
    }

    #[test]
    fn a_file_of_somebody_else_stops_all_before_anything_is_written() {
        let folder = Folder::new("foreign");
        fs::write(folder.0.join("README.md"), "mine").unwrap();
        let files = [file("a.json", MARK), file("README.md", MARK)];
        let refused = write(&folder.0, &files).unwrap_err();
        assert!(refused.to_string().contains("README.md was not written by"), "{refused}");
        assert_eq!(fs::read_to_string(folder.0.join("README.md")).unwrap(), "mine");
        assert!(!folder.0.join("a.json").exists());
    }
}
