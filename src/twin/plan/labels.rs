//! What the lane of labels needs to know of the plan, and how the two keep out of each other's way:
//! UpdateAssetProperty writes unit, alias and notification together.

use super::state::{AssetStage, ModelStage};
use super::units::UnitStage;
use super::{JobState, Plan, ProvisioningJob};
use crate::labels::{Readiness, TagTarget};
use crate::twin::assets::{AssetIx, DesiredAssets};
use crate::twin::models::PropertyIx;

/// A readiness counts the properties of a model in its lower bits, and deletions of the asset from
/// this bit on.
const DELETIONS_SHIFT: u32 = 16;

impl Plan {
    /// Whether the properties of an asset can be given labels.
    pub fn label_readiness(&self, ix: AssetIx, assets: &DesiredAssets) -> Readiness {
        let asset = self.assets.get(ix.0 as usize).map(|state| state.stage);
        let model = self.models.get(assets.get(ix).model.0 as usize);
        let Some(model) = model.filter(|model| model.stage == ModelStage::Active) else {
            return Readiness::NotNow;
        };
        if asset != Some(AssetStage::Active) || self.is_writing_unit(ix) {
            return Readiness::NotNow;
        }
        let properties = model.complete_properties + model.properties.len();
        let deletions = self.units.deletions.get(&ix).copied().unwrap_or_default();
        let properties =
            u32::try_from(properties).unwrap_or(u32::MAX) & ((1 << DELETIONS_SHIFT) - 1);
        Readiness::Ready(properties | deletions << DELETIONS_SHIFT)
    }

    /// Whether a model or an asset can be tagged. An asset that was deleted and made again is
    /// another version.
    pub fn tag_readiness(&self, of: TagTarget) -> Readiness {
        match of {
            TagTarget::Model(at) => match self.models.get(at as usize).map(|model| model.stage) {
                Some(ModelStage::Active) => Readiness::Ready(0),
                _ => Readiness::NotNow,
            },
            TagTarget::Asset(at) => match self.assets.get(at as usize).map(|asset| asset.stage) {
                Some(AssetStage::Active) => {
                    let deletions = self.units.deletions.get(&AssetIx(at));
                    Readiness::Ready(deletions.copied().unwrap_or_default())
                }
                _ => Readiness::NotNow,
            },
        }
    }

    /// Units of these assets are written by nobody until they are released: others write their
    /// properties.
    pub fn hold_units(&mut self, assets: impl Iterator<Item = AssetIx>) {
        self.units.held.clear();
        self.units.held.extend(assets);
    }

    /// Whether anything that values are queued for waits for a call or its answer.
    pub fn is_provisioning(&self) -> bool {
        !self.is_idle_until(crate::time::Instant::START)
    }

    /// Notes why labels cannot be set, or that they can be again: `subject` says which.
    pub fn note_labels(&mut self, subject: &str, denied: Option<String>) {
        match denied {
            Some(why) => self.add_problem(subject.to_owned(), why),
            None => {
                self.problems.remove(subject);
            }
        }
    }

    /// Whether a unit of an asset was read to be written, or is being read or written.
    fn is_writing_unit(&self, ix: AssetIx) -> bool {
        let all = (ix, PropertyIx(0))..=(ix, PropertyIx(u32::MAX));
        self.units.wanted.range(all).any(|((asset, property), unit)| {
            let job = ProvisioningJob::Unit(*asset, *property);
            matches!(unit.stage, UnitStage::Other(_))
                || self.job_states.get(&job) == Some(&JobState::InFlight)
        })
    }
}
