//! Which aliases the sources of a node use [payloads-alias-uniqueness].

use rustc_hash::FxHashMap;

use crate::sparkplug::table::Table;

/// How many sources of a node use an alias. Bounded by what their tables hold.
#[derive(Debug, Default)]
pub(super) struct Claims(FxHashMap<u64, u32>);

impl Claims {
    /// Adds a source's aliases. Returns how many of them another source uses.
    pub(super) fn add(&mut self, table: &Table) -> u64 {
        let mut shared = 0;
        for alias in table.aliases() {
            let users = self.0.entry(alias).or_default();
            shared += u64::from(*users > 0);
            *users += 1;
        }
        shared
    }

    /// Takes a source's aliases away.
    pub(super) fn remove(&mut self, table: &Table) {
        for alias in table.aliases() {
            match self.0.get_mut(&alias) {
                Some(users) if *users > 1 => *users -= 1,
                Some(_) => {
                    self.0.remove(&alias);
                }
                None => {}
            }
        }
    }
}
