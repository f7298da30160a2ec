//! Results of calls about single assets.

use rustc_hash::FxHashSet;

use super::answers::{FailureAction, failure_action};
use super::api_call::CallResult;
use super::state::{AssetStage, Backoff, Children, NotFoundCount};
use super::{FIRST_POLL, Output, Plan, ProvisioningJob, RETRY_AFTER_REJECTION, WaitsFor};
use crate::sitewise::api::{ApiFault, ApiFaultKind, Asset, ResourceState};
use crate::time::Instant;
use crate::twin::assets::{AssetIx, DesiredAssets};
use crate::twin::models::DesiredModels;

impl Plan {
    pub(super) fn handle_asset_answer(
        &mut self,
        ix: AssetIx,
        answer: Result<CallResult, ApiFault>,
        models: &DesiredModels,
        assets: &mut DesiredAssets,
        now: Instant,
    ) {
        let Some(state) = self.assets.get_mut(ix.0 as usize) else {
            return;
        };
        let creating = state.stage == AssetStage::Absent;
        state.recheck = false;
        match answer {
            Ok(CallResult::Asset(asset)) => self.asset_described(ix, asset, (models, assets), now),
            Ok(_) => {
                state.stage = AssetStage::Unknown;
                state.name_taken = false;
                state.tries = Backoff { count: 0, at: now + FIRST_POLL };
                state.just_created = true;
                self.figures.assets_created += 1;
                self.forget_children(ix, assets);
            }
            Err(fault) if fault.kind == ApiFaultKind::NotFound && !creating => {
                self.asset_gone(ix, assets, now);
            }
            Err(fault) => self.asset_call_failed((ix, creating), fault, assets, now),
        }
    }

    fn asset_described(
        &mut self,
        ix: AssetIx,
        asset: Asset,
        (models, assets): (&DesiredModels, &DesiredAssets),
        now: Instant,
    ) {
        let Some(state) = self.assets.get_mut(ix.0 as usize) else {
            return;
        };
        let subject = format!("asset {}", assets.get(ix).address);
        // It is there: its name is not what kept it from being created.
        state.name_taken = false;
        match asset.state {
            ResourceState::Active | ResourceState::Updating => {
                state.stage = AssetStage::Active;
                state.had_values = true;
                state.tries = Backoff::default();
                self.problems.remove(&subject);
                // Another process made it, and had founded its kind otherwise.
                if asset.model != models.get(assets.get(ix).model).id {
                    self.outputs.push_back(Output::OnOtherModel(ix, asset.model));
                }
                self.wake_waiters(WaitsFor::Asset(ix));
            }
            ResourceState::Creating | ResourceState::Deleting => {
                let tries = state.tries;
                let tries = self.backoff_poll(tries, now);
                if let Some(state) = self.assets.get_mut(ix.0 as usize) {
                    state.tries = tries;
                }
            }
            ResourceState::Failed(reason) => {
                state.tries = Backoff { count: 0, at: now + RETRY_AFTER_REJECTION };
                self.add_rejection(subject, reason);
            }
        }
    }

    /// SiteWise does not have an asset: it was deleted, or what it is to be called is another's.
    fn asset_gone(&mut self, ix: AssetIx, assets: &mut DesiredAssets, now: Instant) {
        let Some(state) = self.assets.get_mut(ix.0 as usize) else {
            return;
        };
        let is_taken = std::mem::take(&mut state.name_taken);
        state.just_created = false;
        state.not_found = NotFoundCount::default();
        state.stage = AssetStage::Absent;
        let tries = std::mem::take(&mut state.tries);
        if std::mem::take(&mut state.had_values) {
            self.outputs.push_back(Output::AssetDeleted(ix));
        }
        if is_taken && !assets.rename(ix) {
            self.asset_taken((ix, tries), assets, now);
        }
        self.unlink(ix, assets);
        self.forget_children(ix, assets);
        self.drop_units(ix, assets);
        // Where it was to be found out first whether it is there.
        self.asset_requested(assets.get(ix).model);
    }

    /// An asset cannot be created, and not for its name.
    fn asset_taken(
        &mut self,
        (ix, tries): (AssetIx, Backoff),
        assets: &DesiredAssets,
        now: Instant,
    ) {
        let tries = self.backoff_rejected(Backoff { at: now, ..tries }, now);
        if let Some(state) = self.assets.get_mut(ix.0 as usize) {
            state.tries = tries;
        }
        let asset = assets.get(ix);
        let reason = format!(
            "SiteWise says that it exists already, whatever it is called, but does not have it: \
             rename or delete the asset with the external id {:?}",
            assets.external_id(asset)
        );
        self.add_rejection(format!("asset {}", asset.address), reason);
    }

    fn asset_call_failed(
        &mut self,
        (ix, creating): (AssetIx, bool),
        fault: ApiFault,
        assets: &DesiredAssets,
        now: Instant,
    ) {
        let Some(state) = self.assets.get_mut(ix.0 as usize) else {
            return;
        };
        let subject = format!("asset {}", assets.get(ix).address);
        let count = state.tries.count;
        let tries = match failure_action(&fault) {
            FailureAction::Describe => {
                state.name_taken = true;
                state.stage = AssetStage::Unknown;
                Backoff { count, at: now }
            }
            FailureAction::Reject => Backoff { count, at: now + RETRY_AFTER_REJECTION },
            FailureAction::Retry => self.backoff(Backoff { count, at: now }, now),
        };
        if let Some(state) = self.assets.get_mut(ix.0 as usize) {
            state.tries = tries;
        }
        match failure_action(&fault) {
            FailureAction::Reject => {
                let limit = fault.kind == ApiFaultKind::Limit;
                self.add_rejection(subject.clone(), fault.message);
                if limit {
                    self.note_limit(&subject);
                }
            }
            // Until it is described it may be what an earlier call made.
            FailureAction::Describe if self.is_rejected(&subject) => {}
            FailureAction::Describe | FailureAction::Retry => self.add_failure(subject, &fault),
        }
        // Somebody deleted what it was to be made of.
        if creating && fault.kind == ApiFaultKind::NotFound {
            self.recheck_model(assets.get(ix).model, now);
        }
    }

    /// What hung under an asset that is gone, or was just created, hangs there no more.
    fn forget_children(&mut self, ix: AssetIx, assets: &DesiredAssets) {
        if let Some(state) = self.assets.get_mut(ix.0 as usize) {
            state.children = Children::Known(FxHashSet::default());
        }
        self.problems.remove(&format!("children of asset {}", assets.get(ix).address));
        self.wake_waiters(WaitsFor::Children(ix));
    }

    /// Schedules a describe of an asset that may have been deleted; its gate closes meanwhile.
    pub(super) fn recheck_asset(&mut self, ix: AssetIx, now: Instant) {
        self.recheck_asset_after(0, ix, now);
    }

    /// The same, after so many failed tries.
    pub(super) fn recheck_asset_after(&mut self, failures: u32, ix: AssetIx, now: Instant) {
        if let Some(state) = self.assets.get_mut(ix.0 as usize)
            && state.stage == AssetStage::Active
        {
            state.stage = AssetStage::Unknown;
            state.gate_open = false;
            state.tries = Backoff { count: failures, at: now };
            self.mark_dirty(ProvisioningJob::Asset(ix));
        }
    }
}
