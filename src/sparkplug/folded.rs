//! Names that differ in their case alone: people take them for one
//! [case-sensitivity-sparkplug-ids, case-sensitivity-metric-names].

use std::hash::{Hash, Hasher};

use rustc_hash::{FxHashMap, FxHasher};

use super::limits;

/// Names remembered; past it all are forgotten.
const NAMES: usize = 2 * limits::LEAVES;

/// Hashes of names, by the hash of the name without its case.
#[derive(Debug, Default)]
pub(crate) struct Folded(FxHashMap<u64, u64>);

impl Folded {
    /// Remembers `name` in `scope`. True if there was one that differs in case alone.
    pub(crate) fn clashes(&mut self, scope: impl Hash, name: &str) -> bool {
        if self.0.len() >= NAMES {
            self.0.clear();
        }
        let (mut exact, mut folded) = (FxHasher::default(), FxHasher::default());
        scope.hash(&mut exact);
        name.hash(&mut exact);
        scope.hash(&mut folded);
        for c in name.chars().flat_map(char::to_lowercase) {
            c.hash(&mut folded);
        }
        let exact = exact.finish();
        *self.0.entry(folded.finish()).or_insert(exact) != exact
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_one_scope_that_differ_in_case_alone_clash() {
        let mut folded = Folded::default();
        for (scope, name, clashes) in [
            (1, "Größe", false),
            (1, "Größe", false),
            (1, "GRÖßE", true),
            (1, "Größe", false),
            (2, "größe", false),
            (1, "Größe 2", false),
        ] {
            assert_eq!(folded.clashes(scope, name), clashes, "{scope} {name}");
        }
    }

    #[test]
    fn they_are_bounded() {
        let mut folded = Folded::default();
        for name in 0..=NAMES {
            folded.clashes(0, &name.to_string());
        }
        assert_eq!(folded.0.len(), 1);
    }
}
