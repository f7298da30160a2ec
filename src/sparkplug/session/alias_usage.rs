//! Detects aliases that several sources of a node use [payloads-alias-uniqueness].

use rustc_hash::{FxHashMap, FxHashSet};

use crate::sparkplug::table::BirthTable;

/// The aliases that sources of a node use. Bounded by what their tables hold.
#[derive(Clone, Debug, Default)]
pub(super) struct AliasUsage {
    used: FxHashSet<u64>,
    /// How many use an alias beyond the first, where there are any: there should be none.
    extra_uses: FxHashMap<u64, u32>,
}

impl AliasUsage {
    /// Adds a source's aliases. Returns how many of them another source uses.
    pub(super) fn add(&mut self, table: &BirthTable) -> u64 {
        let mut shared = 0;
        self.used.reserve(table.aliases().len());
        for alias in table.aliases().filter(|alias| !self.used.insert(*alias)) {
            *self.extra_uses.entry(alias).or_default() += 1;
            shared += 1;
        }
        shared
    }

    /// Whether more than one source uses an alias.
    pub(super) fn is_shared(&self, alias: u64) -> bool {
        self.extra_uses.contains_key(&alias)
    }

    /// Removes the aliases of a source.
    pub(super) fn remove(&mut self, table: &BirthTable) {
        for alias in table.aliases() {
            match self.extra_uses.get_mut(&alias) {
                Some(users) if *users > 1 => *users -= 1,
                Some(_) => {
                    self.extra_uses.remove(&alias);
                }
                None => {
                    self.used.remove(&alias);
                }
            }
        }
    }
}
