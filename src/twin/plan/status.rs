//! Provisioning status, for the console.

use super::state::{AssetStage, ModelStage, ParentLink};
use super::{JobState, Plan, ProvisioningJob};
use crate::twin::assets::AssetIx;
use crate::twin::models::{DesiredModels, ModelIx, PropertyIx};

/// Provisioning status of a model or an asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProvisioningStatus {
    /// Not there yet.
    Wanted,
    /// There, or perhaps: being checked.
    Checking,
    /// Usable.
    Active,
    /// Rejected; tried again later.
    Rejected,
}

/// Whether an asset is associated with its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TreePlacement {
    /// It has none above it.
    Root,
    /// Not yet.
    Wanted,
    /// It is.
    Placed,
    /// The tree has no place for it, or no room: it is live at the root.
    NoPlace,
}

impl Plan {
    /// Whether a model was never sent to SiteWise.
    pub fn is_unsent(&self, ix: ModelIx) -> bool {
        let absent =
            self.models.get(ix.0 as usize).is_none_or(|state| state.stage == ModelStage::Absent);
        absent && self.job_states.get(&ProvisioningJob::Model(ix)) != Some(&JobState::InFlight)
    }

    /// Whether a property of a model was never sent to SiteWise.
    pub fn is_property_unsent(
        &self,
        ix: ModelIx,
        property: PropertyIx,
        models: &DesiredModels,
    ) -> bool {
        let Some(state) = self.models.get(ix.0 as usize) else { return true };
        let id = models.get(ix).property_id(property);
        // One that was just written may have it already.
        state.stage != ModelStage::Unknown
            && property.0 as usize >= state.complete_properties
            && !state.properties.contains(&id)
            && self.job_states.get(&ProvisioningJob::Model(ix)) != Some(&JobState::InFlight)
    }

    /// Provisioning status of an asset.
    pub fn asset_state(&self, ix: AssetIx) -> ProvisioningStatus {
        match self.assets.get(ix.0 as usize) {
            None => ProvisioningStatus::Wanted,
            Some(state) if state.gate_open => ProvisioningStatus::Active,
            Some(state) => match state.stage {
                AssetStage::Absent => ProvisioningStatus::Wanted,
                AssetStage::Unknown | AssetStage::Active => ProvisioningStatus::Checking,
            },
        }
    }

    /// The place of an asset in the tree.
    pub fn placement(&self, ix: AssetIx) -> TreePlacement {
        match self.assets.get(ix.0 as usize).map(|state| state.link) {
            Some(ParentLink::Root) => TreePlacement::Root,
            None | Some(ParentLink::Wanted | ParentLink::Dead) => TreePlacement::Wanted,
            Some(ParentLink::Done) => TreePlacement::Placed,
            Some(ParentLink::ParentFull | ParentLink::Unplaced) => TreePlacement::NoPlace,
        }
    }

    /// Provisioning status of a model, and how many of its wanted properties it has.
    pub fn model_state(&self, ix: ModelIx, models: &DesiredModels) -> (ProvisioningStatus, usize) {
        let Some(state) = self.models.get(ix.0 as usize) else {
            return (ProvisioningStatus::Wanted, 0);
        };
        let standing = match state.stage {
            ModelStage::Absent => ProvisioningStatus::Wanted,
            ModelStage::Unknown => ProvisioningStatus::Checking,
            ModelStage::Active => ProvisioningStatus::Active,
            ModelStage::Failed | ModelStage::ToRewrite | ModelStage::ToRewriteUnchanged => {
                ProvisioningStatus::Rejected
            }
        };
        // SiteWise may have rejected one in between.
        let behind = models.get(ix).properties.iter().skip(state.complete_properties);
        let behind = behind.filter(|property| state.properties.contains(&property.id)).count();
        (standing, state.complete_properties + behind)
    }
}
