//! A read of points in flight from the disk thread.

use rustc_hash::FxHashSet;

use crate::delivery::point::Key;

/// Whether a read is in flight, and which keys were settled since it was requested.
///
/// A point that comes meanwhile needs no entry: it is in memory until the disk has it, which is
/// told after what was asked for before.
#[derive(Debug, Default)]
pub(super) struct Asked(Option<FxHashSet<Key>>);

impl Asked {
    pub(super) fn is_waited_for(&self) -> bool {
        self.0.is_some()
    }

    /// They are asked for now.
    pub(super) fn ask(&mut self) {
        self.0 = Some(FxHashSet::default());
    }

    /// The point with this key is decided, or given up.
    pub(super) fn decide(&mut self, key: &Key) {
        if let Some(decided) = &mut self.0 {
            decided.insert(*key);
        }
    }

    /// They are here: the keys that were decided since. None if nobody waits for them any more.
    pub(super) fn answer(&mut self) -> Option<FxHashSet<Key>> {
        self.0.take()
    }
}
