//! Where variables come from: the process's environment, or a map.

use std::collections::BTreeMap;
use std::path::Path;
use std::{env, fs, io};

/// A set of named values, and the files they point to.
pub trait VariableSource {
    /// The value of `name`.
    ///
    /// # Errors
    ///
    /// The value is not Unicode.
    fn get(&self, name: &str) -> Result<Option<String>, NotUnicode>;

    /// All names that are set.
    fn names(&self) -> Vec<String>;

    /// The text of the file at `path`.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is not text.
    fn file(&self, path: &Path) -> io::Result<String>;

    /// Whether there is a file at `path`.
    fn has_file(&self, path: &Path) -> bool;

    /// What takes the place of a required variable whose value is not used.
    fn stand_in(&self, _name: &str) -> Option<&'static str> {
        None
    }
}

/// A value is not Unicode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotUnicode;

/// The environment of this process.
#[derive(Clone, Copy, Debug)]
pub struct Environment;

impl VariableSource for Environment {
    fn get(&self, name: &str) -> Result<Option<String>, NotUnicode> {
        env::var_os(name).map(|value| value.into_string().map_err(|_| NotUnicode)).transpose()
    }

    fn names(&self) -> Vec<String> {
        env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect()
    }

    fn file(&self, path: &Path) -> io::Result<String> {
        fs::read_to_string(path)
    }

    fn has_file(&self, path: &Path) -> bool {
        path.is_file()
    }
}

/// For programs that carry their configuration in themselves: it has no files.
impl VariableSource for BTreeMap<String, String> {
    fn get(&self, name: &str) -> Result<Option<String>, NotUnicode> {
        Ok(BTreeMap::get(self, name).cloned())
    }

    fn names(&self) -> Vec<String> {
        self.keys().cloned().collect()
    }

    fn file(&self, _path: &Path) -> io::Result<String> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn has_file(&self, _path: &Path) -> bool {
        false
    }
}
