//! The writes that this bridge has tried as a holder, and when each was sent.

use std::collections::VecDeque;

use super::item::Version;
use crate::time::Instant;

/// More than can be sent while one of them still counts.
const KEPT: usize = 32;

/// The latest attempts.
#[derive(Debug, Default)]
pub(super) struct Attempts(VecDeque<(Version, Instant)>);

impl Attempts {
    pub(super) fn record(&mut self, version: Version, sent_at: Instant) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back((version, sent_at));
    }

    /// When the write with this version was sent; none if it is too long ago to matter.
    pub(super) fn sent_at(&self, version: Version) -> Option<Instant> {
        self.0.iter().rev().find(|(tried, _)| *tried == version).map(|(_, sent_at)| *sent_at)
    }
}
