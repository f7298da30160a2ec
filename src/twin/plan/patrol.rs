//! Periodic checks for assets that were deleted, and models without room.

use std::time::Duration;

use super::state::AssetStage;
use super::{Job, On, Plan};
use crate::time::Instant;
use crate::twin::assets::Assets;
use crate::twin::models::{ModelIx, Models};

/// Between two looks at assets without values.
pub(super) const EVERY: Duration = Duration::from_secs(3600);

impl Plan {
    /// Looks again at the assets that have no values of their own.
    pub(super) fn patrol(&mut self, assets: &Assets, now: Instant) {
        self.patrol = now + EVERY;
        for (ix, _) in assets.iter().filter(|(_, asset)| asset.kind.is_without_values()) {
            if let Some(state) = self.assets.get_mut(ix.0 as usize)
                && state.stage == AssetStage::Active
            {
                state.look = true;
                self.touch(Job::Asset(ix));
            }
        }
    }

    /// SiteWise has no room for what a model lacks. Its existing properties work, and its assets
    /// are created.
    pub(super) fn no_room(&mut self, ix: ModelIx, models: &Models) {
        let Some(state) = self.models.get_mut(ix.0 as usize) else { return };
        state.unfinished = false;
        let reason = "it has no room for all of its properties: what people added, including \
                      composite models, uses up SiteWise's limits; values of the missing ones are \
                      queued until there is room";
        self.problem(format!("model {}", models.get(ix).name), reason.to_owned());
        self.wake(On::Model(ix));
    }
}
