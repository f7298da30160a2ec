//! The state on disk: one file, written anew as a whole while the emulator runs and when it ends.
//!
//! A crash loses what came after the last writing. The folder is locked, so that two emulators
//! can't share it.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use crate::account::State;

const STATE: &str = "state.json";
const NEW_STATE: &str = "state.json.new";
const LOCK: &str = "lock";

/// A folder that holds the state.
#[derive(Debug)]
pub(crate) struct Store {
    dir: PathBuf,
    /// Held for as long as the store lives.
    _lock: File,
}

impl Store {
    /// Opens the folder, which is made if need be.
    ///
    /// # Errors
    ///
    /// What the operating system says, or that another emulator has the folder.
    pub(crate) fn open(dir: &Path) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let lock = File::create(dir.join(LOCK))?;
        lock.try_lock()
            .map_err(|error| io::Error::other(format!("lock {}: {error}", dir.display())))?;
        Ok(Self { dir: dir.to_owned(), _lock: lock })
    }

    /// The state that was kept.
    ///
    /// # Errors
    ///
    /// What the operating system says, or that the file can't be understood.
    pub(crate) fn load(&self) -> io::Result<Option<State>> {
        let path = self.dir.join(STATE);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        serde_json::from_reader(BufReader::new(file)).map(Some).map_err(|error| {
            io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", path.display()))
        })
    }

    /// Writes the state beside the old one, and puts it in its place.
    ///
    /// # Errors
    ///
    /// What the operating system says; the old state is whole then.
    pub(crate) fn save(&self, state: &State) -> io::Result<()> {
        let new = self.dir.join(NEW_STATE);
        let mut writer = BufWriter::with_capacity(1 << 20, File::create(&new)?);
        serde_json::to_writer(&mut writer, state)?;
        writer.flush()?;
        writer.get_ref().sync_all()?;
        fs::rename(new, self.dir.join(STATE))
    }
}
