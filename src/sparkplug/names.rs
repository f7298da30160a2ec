//! Interns names of metrics, which repeat over instances and devices.

use std::sync::Arc;

use rustc_hash::FxHashSet;

/// Names that are kept before the first look at which of them are still in use.
const MIN_NAMES: usize = 1024;

/// Names of metrics. Those that nobody uses any more are forgotten once they may be half of all.
#[derive(Clone, Debug, Default)]
pub(crate) struct NameInterner {
    known: FxHashSet<Arc<str>>,
    /// How many were in use when that was looked at last.
    used_at_last_count: usize,
}

impl NameInterner {
    /// `name`, the same one for all who ask.
    pub(crate) fn get(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.known.get(name) {
            return Arc::clone(known);
        }
        if self.known.len() >= 2 * self.used_at_last_count.max(MIN_NAMES) {
            self.known.retain(|known| Arc::strong_count(known) > 1);
            self.used_at_last_count = self.known.len();
        }
        let name: Arc<str> = name.into();
        self.known.insert(Arc::clone(&name));
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_once() {
        let mut names = NameInterner::default();
        assert!(Arc::ptr_eq(&names.get("Speed"), &names.get("Speed")));
        assert!(!Arc::ptr_eq(&names.get("Speed"), &names.get("Pitch")));
    }

    #[test]
    fn names_that_nobody_uses_are_forgotten() {
        let mut names = NameInterner::default();
        let used: Vec<_> =
            (0..MIN_NAMES).map(|number| names.get(&format!("used {number}"))).collect();
        for number in 0..100 * MIN_NAMES {
            names.get(&format!("gone {number}"));
        }
        assert!(names.known.len() <= 4 * MIN_NAMES, "{}", names.known.len());
        assert!(used.iter().all(|name| Arc::ptr_eq(name, &names.get(name))));
    }
}
