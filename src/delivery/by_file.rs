//! Values of a property that go by file instead: they count in their seconds all the same.

use super::Delivery;
use super::point::Key;
use crate::time::Now;

impl Delivery {
    /// Whether a value may go into a file: one of the first nine of its second. Of the others, which
    /// are handed in here, the last takes the tenth place.
    pub fn admit_to_file(&mut self, key: Key, now: Now) -> bool {
        let slot = self.streams.get_or_insert(key.stream, now.instant);
        let Some(state) = self.streams.get_mut(slot) else { return false };
        let is_admitted = state.admit_elsewhere(key.time, key.quality, now.instant);
        // It may be without values, and is forgotten then.
        self.schedule(slot, now);
        is_admitted
    }

    /// A value that was admitted is in no file.
    pub fn withdraw_from_file(&mut self, key: Key) {
        let slot = self.streams.find(key.stream);
        if let Some(state) = slot.and_then(|slot| self.streams.get_mut(slot)) {
            state.withdraw_elsewhere(key.time, key.quality);
        }
    }
}
