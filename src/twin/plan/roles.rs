//! Provisioning of a bridge that follows: it reads, and writes nothing until it acts.
//!
//! It has values too that nobody else has: those that it had queued while it acted, those that a process
//! before it left on disk, and those that the bridge that acts may not have heard. What they wait for the
//! other one makes, so it is looked for now and then.

use std::time::Duration;

use super::lanes::Writes;
use super::patrol::PATROL_INTERVAL;
use super::state::{AssetStage, Backoff, ModelStage};
use super::{AssetIx, LONGEST_SLOW_RETRY, ModelIx, Plan, ProvisioningJob};
use crate::time::Instant;
use crate::twin::assets::DesiredAssets;
use crate::twin::models::DesiredModels;

/// First delay before what was missing is looked for; doubled as long as none of it is found.
const FIRST_LOOK: Duration = Duration::from_secs(60);

/// How often a bridge that follows has looked for what another one makes.
#[derive(Debug, Default)]
pub(super) struct FollowerLooks {
    /// In vain.
    count: u32,
    /// What was missing the last time.
    missing: usize,
}

impl Plan {
    /// Makes no calls from now on that change something in SiteWise. Jobs that need one wait.
    pub fn hold_writes(&mut self) {
        self.lanes.set_writes(Writes::Held);
        self.looks = FollowerLooks::default();
        self.next_patrol = Instant::START;
    }

    /// Whether another process provisions, and this one only reads.
    pub fn holds_writes(&self) -> bool {
        self.lanes.writes() == Writes::Held
    }

    /// Provisions from now on. What was missing when it was looked at last may have been made by the
    /// process before: it is read again before it is made.
    pub(in crate::twin) fn allow_writes(
        &mut self,
        models: &DesiredModels,
        assets: &DesiredAssets,
        now: Instant,
    ) {
        if !self.holds_writes() {
            return;
        }
        self.lanes.set_writes(Writes::Allowed);
        self.next_patrol = now + PATROL_INTERVAL;
        // Whether it is needed shows once it is known which of its assets are there.
        for (_, asset) in assets.iter() {
            if let Some(state) = self.models.get_mut(asset.model.0 as usize)
                && matches!(state.stage, ModelStage::Absent | ModelStage::Unknown)
            {
                state.is_wanted = false;
            }
        }
        self.look_again(models, now);
    }

    /// Looks whether the bridge that acts has made by now what was missing.
    pub(super) fn look_for_made(&mut self, models: &DesiredModels, now: Instant) {
        // What waits in a lane that is held is decided anew.
        for job in self.lanes.take_held() {
            self.job_states.remove(&job);
            self.mark_dirty(job);
        }
        let missing = self.look_again(models, now);
        let FollowerLooks { count, missing: before } = self.looks;
        let count = if missing < before { 0 } else { count };
        let pause = self.delay(count, FIRST_LOOK, LONGEST_SLOW_RETRY);
        self.looks = FollowerLooks { count: count + 1, missing };
        self.next_patrol = now + pause;
    }

    /// Reads again what was missing when it was looked at last. Returns how much that is.
    fn look_again(&mut self, models: &DesiredModels, now: Instant) -> usize {
        let at_once = Backoff { count: 0, at: now };
        let mut stale = Vec::new();
        for ix in (0..self.models.len() as u32).map(ModelIx) {
            let is_incomplete = self.lacking(ix, models).next().is_some();
            let Some(state) = self.models.get_mut(ix.0 as usize) else { continue };
            match state.stage {
                ModelStage::Active if !is_incomplete => continue,
                ModelStage::Absent | ModelStage::Active => state.stage = ModelStage::Unknown,
                ModelStage::Unknown
                | ModelStage::Failed
                | ModelStage::ToRewrite
                | ModelStage::ToRewriteUnchanged => {}
            }
            state.tries = at_once;
            stale.push(ProvisioningJob::Model(ix));
        }
        for (ix, state) in (0..).map(AssetIx).zip(&mut self.assets) {
            if state.stage == AssetStage::Absent {
                (state.stage, state.tries) = (AssetStage::Unknown, at_once);
                stale.push(ProvisioningJob::Asset(ix));
            }
        }
        let missing = stale.len();
        for job in stale {
            self.mark_dirty(job);
        }
        missing
    }

    /// An asset turned out to be on a model that was not known: what that has is to be read.
    pub(in crate::twin) fn model_found(&mut self, ix: ModelIx, models: &DesiredModels) {
        self.follow_models(ix, models);
        if let Some(state) = self.models.get_mut(ix.0 as usize)
            && state.stage == ModelStage::Absent
        {
            (state.stage, state.is_found, state.tries) =
                (ModelStage::Unknown, true, Backoff::default());
        }
        self.mark_dirty(ProvisioningJob::Model(ix));
    }

    /// An asset has another model than it was desired to have: units are set for its properties anew.
    pub(in crate::twin) fn forget_units(&mut self, ix: AssetIx, assets: &DesiredAssets) {
        self.drop_units(ix, assets);
        self.units.wanted.retain(|(asset, _), _| *asset != ix);
    }
}
