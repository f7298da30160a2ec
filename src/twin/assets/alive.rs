//! Which of the assets are of machines that are there.

use super::{AssetIx, AssetKind, DesiredAssets};

impl DesiredAssets {
    /// A node or device was born.
    pub fn born(&mut self, ix: AssetIx) {
        self.dead.remove(&ix);
    }

    /// A node or device has died.
    pub fn died(&mut self, ix: AssetIx) {
        self.dead.insert(ix);
    }

    /// Whether the machine that an asset is of has not died; of a group and its overflow levels,
    /// whether any has not that is below them.
    pub fn is_there(&self, ix: AssetIx) -> bool {
        match self.own_source(ix) {
            Some(source) => !self.dead.contains(&source),
            None => match self.get(ix).kind {
                AssetKind::Bridge => true,
                AssetKind::Group
                | AssetKind::Level(..)
                | AssetKind::Source(_)
                | AssetKind::Instance => {
                    self.children(Some(ix), None).any(|(child, _)| self.is_there(child))
                }
            },
        }
    }

    /// The asset of the node or device that an asset belongs to.
    fn own_source(&self, ix: AssetIx) -> Option<AssetIx> {
        let mut at = ix;
        loop {
            let asset = self.get(at);
            match asset.kind {
                AssetKind::Source(_) => return Some(at),
                AssetKind::Instance | AssetKind::Level(..) => at = asset.parent?,
                AssetKind::Group | AssetKind::Bridge => return None,
            }
        }
    }
}
