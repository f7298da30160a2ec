//! Provisioning status, for the console.

use super::Plan;
use super::state::{AssetStage, Link, ModelStage};
use crate::twin::assets::AssetIx;
use crate::twin::models::ModelIx;

/// Provisioning status of a model or an asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Not there yet.
    Wanted,
    /// There, or perhaps: being checked.
    Checking,
    /// Usable.
    Live,
    /// Refused; tried again later.
    Refused,
}

/// Whether an asset is associated with its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placing {
    /// It has none above it.
    Root,
    /// Not yet.
    Wanted,
    /// It does.
    Placed,
    /// The tree has no place for it, or no room: it is live at the root.
    NoPlace,
}

impl Plan {
    /// How far an asset is.
    pub fn asset_standing(&self, ix: AssetIx) -> Standing {
        match self.assets.get(ix.0 as usize) {
            None => Standing::Wanted,
            Some(state) if state.open => Standing::Live,
            Some(state) => match state.stage {
                AssetStage::Absent => Standing::Wanted,
                AssetStage::Unknown | AssetStage::Active => Standing::Checking,
            },
        }
    }

    /// The place of an asset in the tree.
    pub fn placing(&self, ix: AssetIx) -> Placing {
        match self.assets.get(ix.0 as usize).map(|state| state.link) {
            Some(Link::Root) => Placing::Root,
            None | Some(Link::Wanted) => Placing::Wanted,
            Some(Link::Done) => Placing::Placed,
            Some(Link::Full | Link::Unplaced) => Placing::NoPlace,
        }
    }

    /// How far a model is, and how many of its wanted properties, from the first on, it has.
    pub fn model_standing(&self, ix: ModelIx) -> (Standing, usize) {
        let Some(state) = self.models.get(ix.0 as usize) else {
            return (Standing::Wanted, 0);
        };
        let standing = match state.stage {
            ModelStage::Absent => Standing::Wanted,
            ModelStage::Unknown => Standing::Checking,
            ModelStage::Active => Standing::Live,
            ModelStage::Failed | ModelStage::Mending | ModelStage::Again => Standing::Refused,
        };
        (standing, state.complete)
    }
}
