//! Which models or assets a lane has visited, and in which version.

/// The version of each model or asset at its last complete visit, by its index.
#[derive(Debug, Default)]
pub(super) struct SettledVersions {
    /// One more than the version; 0 before the first visit. There may be a million, so four bytes
    /// each.
    stored: Vec<u32>,
}

impl SettledVersions {
    /// Makes room for this many. There are never fewer than before.
    pub(super) fn grow(&mut self, count: u32) {
        self.stored.resize(self.stored.len().max(count as usize), 0);
    }

    /// Whether the last complete visit was to this version.
    pub(super) fn is_settled(&self, index: u32, version: u32) -> bool {
        self.stored.get(index as usize) == Some(&stored(version))
    }

    /// A visit to this version is complete. True if no version was settled before.
    pub(super) fn settle(&mut self, index: u32, version: u32) -> bool {
        let settled = self.stored.get_mut(index as usize);
        settled.is_some_and(|settled| std::mem::replace(settled, stored(version)) == 0)
    }

    /// It is gone, and to be visited again if it comes back. True if a version was settled.
    pub(super) fn unsettle(&mut self, index: u32) -> bool {
        let settled = self.stored.get_mut(index as usize);
        settled.is_some_and(|settled| std::mem::take(settled) != 0)
    }
}

fn stored(version: u32) -> u32 {
    version.saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_settled_until_there_is_another_or_it_is_gone() {
        let mut settled = SettledVersions::default();
        assert!(!settled.settle(0, 7), "there is none yet");
        settled.grow(2);
        settled.grow(1);
        assert!(!settled.is_settled(1, 0));
        assert_eq!((settled.settle(1, 0), settled.settle(1, 3)), (true, false));
        assert_eq!((settled.is_settled(1, 0), settled.is_settled(1, 3)), (false, true));
        assert_eq!((settled.unsettle(1), settled.unsettle(1)), (true, false));
        assert_eq!((settled.is_settled(1, 3), settled.settle(1, 3)), (false, true));
    }
}
