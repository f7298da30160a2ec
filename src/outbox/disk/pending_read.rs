//! A read of points in flight from the disk thread.

use rustc_hash::FxHashSet;

use crate::delivery::point::Key;

/// Whether a read is in flight, and which keys were settled since it was requested.
///
/// A point that arrives meanwhile needs none: it stays in memory until its flush is reported, which
/// is after this read.
#[derive(Debug, Default)]
pub(super) struct PendingRead(Option<FxHashSet<Key>>);

impl PendingRead {
    pub(super) fn is_pending(&self) -> bool {
        self.0.is_some()
    }

    /// They are asked for now.
    pub(super) fn start(&mut self) {
        self.0 = Some(FxHashSet::default());
    }

    /// The point with this key is decided, or dropped.
    pub(super) fn note_settled(&mut self, key: &Key) {
        if let Some(settled) = &mut self.0 {
            settled.insert(*key);
        }
    }

    /// They are here: the keys that were decided since. None if nobody waits for them any more.
    pub(super) fn finish(&mut self) -> Option<FxHashSet<Key>> {
        self.0.take()
    }
}
