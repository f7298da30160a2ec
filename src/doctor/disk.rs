//! The outbox's disk: whether it can be written, and how long a flush takes.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use super::Check;
use crate::config;

/// A flush that takes longer holds up what shall survive a crash: it is made every 50 ms.
const SLOW: Duration = Duration::from_millis(200);

pub(super) fn check(outbox: &config::Outbox, report: &mut impl FnMut(Check)) {
    let Some(folder) = &outbox.dir else {
        let what = "OUTBOX_DIR is not set";
        let text = "values are queued in memory only: a crash loses them, and an outage of \
            SiteWise loses what exceeds OUTBOX_MAX_BYTES; set it to a folder where that must not be";
        return report(Check::not_checked(what, text));
    };
    let what = format!("OUTBOX_DIR={}", folder.display());
    match folder.try_exists() {
        Ok(true) => {}
        // Nothing is changed, so it is not made.
        Ok(false) => {
            return report(match above(folder).map(|above| (above, flush(above))) {
                Some((_, Ok(_))) | None => {
                    Check::not_checked(what, "it does not exist yet; the bridge creates it")
                }
                Some((above, Err(error))) => Check::wrong(
                    what,
                    format!(
                        "does not exist, and cannot be created in {}: {error}; create it, with the \
                         bridge's user as its owner, or name a folder on a disk",
                        above.display()
                    ),
                ),
            });
        }
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            let why = format!("cannot be a folder: {error}; name one that is below folders alone");
            return report(Check::wrong(what, why));
        }
        Err(error) => {
            let why =
                format!("cannot be read: {error}; make the bridge's user the owner of the folder");
            return report(Check::wrong(what, why));
        }
    }
    report(match flush(folder) {
        Ok(took) if took > SLOW => Check::wrong(
            what,
            format!(
                "a flush (fsync) takes {} ms: a crash may lose the values of that time, and the \
                    disk does not keep up under load; use a faster disk",
                took.as_millis()
            ),
        ),
        Ok(took) => Check::ok(what, format!("writable, a flush takes {:.1?}", took)),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            Check::wrong(what, format!("{error}: name a folder, which may be a new one"))
        }
        Err(error) => Check::wrong(
            what,
            format!(
                "cannot be written: {error}; make the bridge's user the owner of the folder, and \
                free disk space"
            ),
        ),
    });
}

/// The next folder above that exists.
fn above(folder: &Path) -> Option<&Path> {
    folder
        .ancestors()
        .skip(1)
        .map(|above| match above.as_os_str().is_empty() {
            true => Path::new("."),
            false => above,
        })
        .find(|above| above.exists())
}

/// How long it takes to write a small file, flushed.
fn flush(folder: &Path) -> io::Result<Duration> {
    if !folder.is_dir() {
        return Err(io::Error::new(io::ErrorKind::NotADirectory, "it is not a folder"));
    }
    let path = folder.join(format!(".doctor-{}", std::process::id()));
    // What a run left behind that did not end: in a container every process has the same id.
    if let Err(error) = fs::remove_file(&path)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let began = Instant::now();
    let written = File::create_new(&path).and_then(|mut file| {
        file.write_all(&[0; 4_096])?;
        file.sync_all()
    });
    let took = began.elapsed();
    let removed = fs::remove_file(&path);
    written?;
    removed?;
    Ok(took)
}

#[cfg(test)]
mod tests {
    use super::super::CheckResult;
    use super::*;

    fn of(dir: Option<&Path>) -> CheckResult {
        let outbox = config::Outbox { dir: dir.map(Path::to_owned), max_bytes: 0 };
        let mut checks = Vec::new();
        check(&outbox, &mut |check| checks.push(check));
        let [check] = checks.try_into().unwrap();
        check.verdict
    }

    #[test]
    fn a_disk_is_tried_and_nothing_is_left_on_it() {
        let folder = std::env::temp_dir().join(format!("doctor-{}", std::process::id()));
        assert!(matches!(of(Some(&folder)), CheckResult::NotChecked(_)));
        assert!(!folder.exists());
        fs::create_dir(&folder).unwrap();
        // A slow machine may take longer for a flush, and then says so.
        assert!(!matches!(of(Some(&folder)), CheckResult::NotChecked(_)));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
        // The next run called the disk wrong: of a process in a container there is one id.
        let left = folder.join(format!(".doctor-{}", std::process::id()));
        fs::write(&left, "").unwrap();
        assert!(!matches!(of(Some(&folder)), CheckResult::Wrong(_)));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
        let file = folder.join("file");
        fs::write(&file, "").unwrap();
        assert!(matches!(of(Some(&file)), CheckResult::Wrong(_)));
        assert!(matches!(of(Some(&file.join("below"))), CheckResult::Wrong(_)));
        fs::remove_dir_all(&folder).unwrap();
    }

    /// The first was `ok`, the second "not checked: the bridge creates it".
    #[test]
    fn no_folder_is_not_ok_and_one_that_cannot_be_made_is_wrong() {
        let CheckResult::NotChecked(told) = of(None) else { panic!("a crash loses values") };
        assert!(told.contains("set it to a folder"), "{told}");
        for folder in ["/proc/outbox", "/proc/outbox/below"] {
            let CheckResult::Wrong(told) = of(Some(Path::new(folder))) else { panic!("{folder}") };
            assert!(
                told.contains("cannot be created in /proc") && told.contains("create it"),
                "{told}"
            );
        }
    }
}
