//! Who owns the outbox's folder, and what happens where that is not the process's user.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, lchown};
use std::path::Path;

use super::store::StoreError;

/// The user of this process; none where the system does not tell.
fn user() -> Option<u32> {
    fs::metadata("/proc/self").ok().map(|own| own.uid())
}

/// A fault at a path of the outbox: one of permission says whose it is.
pub(super) fn fault_at(path: &Path, error: &io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::PermissionDenied => denied(path, error),
        _ => StoreError::Disk(error.to_string()),
    }
}

/// Whether an error says that something is not there, or not as it was written. Any other, for want of
/// permission, of file descriptors or of memory, says nothing of what lies there.
pub(super) fn is_damage(error: &io::Error) -> bool {
    /// EIO, EBADMSG, and EUCLEAN, by which file systems tell of their own damage.
    const OF_THE_MEDIUM: [i32; 3] = [5, 74, 117];
    let is_wrong = matches!(
        error.kind(),
        io::ErrorKind::NotFound
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::IsADirectory
            | io::ErrorKind::InvalidData
            | io::ErrorKind::UnexpectedEof
    );
    is_wrong || error.raw_os_error().is_some_and(|code| OF_THE_MEDIUM.contains(&code))
}

fn denied(path: &Path, error: &io::Error) -> StoreError {
    // What cannot be looked at lies in a folder that can, or in that one's.
    let mut seen = path.ancestors().filter_map(|place| Some((place, fs::metadata(place).ok()?)));
    let (place, owner) = match seen.next() {
        Some((place, found)) => {
            let (uid, mode) = (found.uid(), found.mode() & 0o7777);
            (place, format!("{} belongs to user {uid} (mode {mode:o})", place.display()))
        }
        None => (path, "no folder of its path can be read".to_owned()),
    };
    let ours = user().map(|uid| format!(", and sparkwise runs as user {uid}")).unwrap_or_default();
    StoreError::Denied(format!(
        "{}: {error}: {owner}{ours}: nothing was changed; give it to that user with `chown -R USER \
         {}`, or run sparkwise as the owner",
        path.display(),
        place.display()
    ))
}

/// Gives what root made in a folder to the folder's owner, so that the bridge can use it.
///
/// # Errors
///
/// What could not be given.
pub fn give_to_owner(folder: &Path) -> Result<(), String> {
    let Ok(owner) = fs::metadata(folder) else { return Ok(()) };
    match user() {
        Some(0) if owner.uid() != 0 => chown_all(folder, 0, (owner.uid(), owner.gid())),
        _ => Ok(()),
    }
}

/// Gives what belongs to user `from`. Links are not followed, and a file that has another name is
/// left: that may be anywhere.
fn chown_all(folder: &Path, from: u32, (uid, gid): (u32, u32)) -> Result<(), String> {
    let why = |path: &Path, error: io::Error| {
        format!(
            "{} cannot be given to user {uid}, the owner of the outbox: {error}",
            path.display()
        )
    };
    for entry in fs::read_dir(folder).map_err(|error| why(folder, error))? {
        let path = entry.map_err(|error| why(folder, error))?.path();
        let Ok(found) = path.symlink_metadata() else { continue };
        if found.is_dir() {
            chown_all(&path, from, (uid, gid))?;
        }
        if found.uid() == from && (found.is_dir() || found.nlink() == 1) {
            lchown(&path, Some(uid), Some(gid)).map_err(|error| why(&path, error))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::tempdir::Folder;
    use super::*;

    /// It was taken for something that is not the outbox's, moved away, and counted as lost.
    #[test]
    fn what_may_not_be_read_is_no_damage_and_says_whose_it_is() {
        let folder = Folder::new();
        let error = io::Error::from(io::ErrorKind::PermissionDenied);
        let StoreError::Denied(why) = fault_at(&folder.path().join("points/0.jnl"), &error) else {
            panic!("another fault");
        };
        let uid = fs::metadata(folder.path()).unwrap().uid();
        assert!(why.contains(&format!("belongs to user {uid} ")), "{why}");
        assert!(why.contains("points/0.jnl") && why.contains("nothing was changed"), "{why}");
        assert!(matches!(StoreError::from(error), StoreError::Denied(_)));
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert!(matches!(fault_at(folder.path(), &full), StoreError::Disk(_)));
    }

    /// What `outbox repair` and `dead-letters retry` made as root the bridge could not use.
    #[test]
    fn what_another_user_made_is_given_to_the_owner_and_links_are_not_followed() {
        let (folder, beyond) = (Folder::new(), Folder::new());
        let outside = beyond.path().join("outside");
        fs::write(&outside, "").unwrap();
        fs::create_dir(folder.path().join("requests")).unwrap();
        fs::write(folder.path().join("requests/1.json"), "").unwrap();
        std::os::unix::fs::symlink(&outside, folder.path().join("link")).unwrap();
        fs::hard_link(&outside, folder.path().join("hard")).unwrap();
        let us = fs::metadata(folder.path()).unwrap();
        let owner = |path: &Path| fs::symlink_metadata(path).unwrap().uid();
        // Only root can give anything away; the others can give to themselves.
        let to = if us.uid() == 0 { (12_345, 12_345) } else { (us.uid(), us.gid()) };
        chown_all(folder.path(), us.uid(), to).unwrap();
        for made in ["requests", "requests/1.json", "link"] {
            assert_eq!(owner(&folder.path().join(made)), to.0, "{made}");
        }
        assert_eq!(owner(&outside), us.uid());
        // What belongs to neither is left.
        chown_all(folder.path(), 54_321, (0, 0)).unwrap();
        assert_eq!(owner(&folder.path().join("requests")), to.0);
    }
}
