//! Periodic checks for assets that were deleted, and models without room.

use std::time::Duration;

use super::state::AssetStage;
use super::{Plan, ProvisioningJob, WaitsFor};
use crate::time::Instant;
use crate::twin::assets::DesiredAssets;
use crate::twin::models::{DesiredModels, ModelIx};

/// Interval of the checks of assets without values.
pub(super) const PATROL_INTERVAL: Duration = Duration::from_secs(3600);

impl Plan {
    /// Checks again whether the assets without values of their own exist. What has nothing below it
    /// that is there may be deleted. A bridge that follows looks for what it lacks instead.
    pub(super) fn patrol(&mut self, models: &DesiredModels, assets: &DesiredAssets, now: Instant) {
        if self.holds_writes() {
            return self.look_for_made(models, now);
        }
        self.next_patrol = now + PATROL_INTERVAL;
        for (ix, _) in assets.iter().filter(|(_, asset)| asset.kind.is_without_values()) {
            if let Some(state) = self.assets.get_mut(ix.0 as usize)
                && state.stage == AssetStage::Active
                && assets.is_there(ix)
            {
                state.recheck = true;
                self.mark_dirty(ProvisioningJob::Asset(ix));
            }
        }
    }

    /// SiteWise has no room for what a model lacks. Its existing properties work, and its assets
    /// are created.
    pub(super) fn no_room(&mut self, ix: ModelIx, models: &DesiredModels) {
        let Some(state) = self.models.get_mut(ix.0 as usize) else { return };
        state.unfinished = false;
        let reason = "it has no room for all of its properties: what people added, including \
                      composite models, uses up SiteWise's limits; values of the missing ones are \
                      queued until there is room";
        self.add_problem(format!("model {}", models.get(ix).name), reason.to_owned());
        self.wake_waiters(WaitsFor::Model(ix));
    }
}
