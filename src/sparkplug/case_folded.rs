//! Names that differ only in upper and lower case: people confuse them
//! [case-sensitivity-sparkplug-ids, case-sensitivity-metric-names].

use std::hash::{Hash, Hasher};

use rustc_hash::{FxHashMap, FxHasher};

use super::{limits, memory};

/// Names remembered; past it all are forgotten.
const NAMES: usize = 2 * limits::LEAVES;

/// Hashes of names, by the hash of the name without its case.
#[derive(Clone, Debug, Default)]
pub(crate) struct CaseFoldedNames {
    hashes: FxHashMap<u64, u64>,
    /// The name at hand without its case.
    buffer: String,
}

impl CaseFoldedNames {
    /// Remembers `name` in `scope`. True if there was one that differs in case alone.
    pub(crate) fn clashes(&mut self, scope: impl Hash, name: &str) -> bool {
        if self.hashes.len() >= NAMES {
            self.hashes.clear();
        }
        self.buffer.clear();
        if name.is_ascii() {
            self.buffer.push_str(name);
            self.buffer.make_ascii_lowercase();
        } else {
            self.buffer.extend(name.chars().flat_map(char::to_lowercase));
        }
        let hash = |name: &str| {
            let mut hasher = FxHasher::default();
            scope.hash(&mut hasher);
            name.hash(&mut hasher);
            hasher.finish()
        };
        let exact = hash(name);
        *self.hashes.entry(hash(&self.buffer)).or_insert(exact) != exact
    }

    /// Bytes that they take.
    pub(crate) fn bytes(&self) -> usize {
        memory::map(&self.hashes)
    }

    /// Makes room for this many names more.
    pub(crate) fn reserve(&mut self, names: usize) {
        self.hashes.reserve(names);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_one_scope_that_differ_in_case_alone_clash() {
        let mut folded = CaseFoldedNames::default();
        for (scope, name, clashes) in [
            (1, "Größe", false),
            (1, "Größe", false),
            (1, "GRÖßE", true),
            (1, "Größe", false),
            (2, "größe", false),
            // The sign of a kelvin, whose small letter is a plain one.
            (2, "\u{212a}", false),
            (2, "k", true),
            (1, "Größe 2", false),
        ] {
            assert_eq!(folded.clashes(scope, name), clashes, "{scope} {name}");
        }
    }

    #[test]
    fn they_are_bounded() {
        let mut folded = CaseFoldedNames::default();
        for name in 0..=NAMES {
            folded.clashes(0, &name.to_string());
        }
        assert_eq!(folded.hashes.len(), 1);
    }
}
