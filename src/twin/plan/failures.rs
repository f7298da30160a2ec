//! Models that SiteWise rejected, or that ended FAILED: who needs them, and when they are written
//! again.

use super::rejections::RejectionSearch;
use super::state::{AssetStage, Backoff, ModelStage};
use super::{Plan, ProvisioningJob, RETRY_AFTER_REJECTION, WaitsFor};
use crate::time::Instant;
use crate::twin::assets::DesiredAssets;
use crate::twin::models::ModelIx;

impl Plan {
    /// A model was rejected, or is FAILED: it is checked again after a while.
    pub(super) fn model_failed(
        &mut self,
        ix: ModelIx,
        (subject, reason): (String, String),
        assets: &DesiredAssets,
        now: Instant,
    ) {
        if let Some(state) = self.models.get_mut(ix.0 as usize) {
            state.stage = ModelStage::Failed;
            state.search = RejectionSearch::default();
            state.tries = Backoff { count: 0, at: now + RETRY_AFTER_REJECTION };
        }
        let reason = match self.first_waiting_source(ix, assets) {
            Some(who) => format!("{reason}; {who}"),
            None => reason,
        };
        self.add_rejection(subject, reason);
        self.wake_waiters(WaitsFor::Model(ix));
    }

    /// Whose asset cannot be made without a model, in words.
    fn first_waiting_source(&self, ix: ModelIx, assets: &DesiredAssets) -> Option<String> {
        let of_model = assets.iter().filter(|(_, asset)| asset.model == ix);
        let mut waiting = of_model.filter(|(asset, _)| {
            let state = self.assets.get(asset.0 as usize);
            state.is_none_or(|state| state.stage == AssetStage::Absent)
        });
        let (_, first) = waiting.next()?;
        Some(match waiting.count() {
            0 => format!("{} waits for it", first.address),
            more => format!("{} and {more} more wait for it", first.address),
        })
    }

    /// A model ended FAILED, and nothing more is wanted of it. Its reason may pass: it is written
    /// again, with backoff; where an earlier process wrote it, at once for the first asset that is
    /// wanted of it.
    pub(super) fn retry_failed(&mut self, ix: ModelIx, now: Instant) {
        let Some(state) = self.models.get(ix.0 as usize) else { return };
        let at = match state.failed_state.retry_at {
            Some(at) if at <= now => return self.mark_for_rewrite(ix),
            Some(at) => at,
            None if state.failed_state.is_written_here => {
                let tries = Backoff { count: state.failed_state.count, at: now };
                self.backoff_rejected(tries, now).at
            }
            None if state.failed_state.wanted => return self.mark_for_rewrite(ix),
            None => {
                if let Some(state) = self.models.get_mut(ix.0 as usize) {
                    state.failed_state.failed_at_start = true;
                }
                return;
            }
        };
        if let Some(state) = self.models.get_mut(ix.0 as usize) {
            if state.failed_state.retry_at.replace(at).is_none() {
                state.failed_state.count = state.failed_state.count.saturating_add(1);
            }
            state.tries.at = at;
        }
    }

    /// An asset of a model is wanted.
    pub(super) fn asset_requested(&mut self, ix: ModelIx) {
        let Some(state) = self.models.get_mut(ix.0 as usize) else { return };
        let first = !std::mem::replace(&mut state.failed_state.wanted, true);
        let was_wanted = std::mem::replace(&mut state.is_wanted, true);
        if first && state.stage == ModelStage::Failed && state.failed_state.failed_at_start {
            self.mark_for_rewrite(ix);
        } else if !was_wanted {
            self.mark_dirty(ProvisioningJob::Model(ix));
        }
    }

    fn mark_for_rewrite(&mut self, ix: ModelIx) {
        if let Some(state) = self.models.get_mut(ix.0 as usize) {
            state.stage = ModelStage::ToRewriteUnchanged;
            state.tries = Backoff::default();
            (state.failed_state.is_written_here, state.failed_state.retry_at) = (true, None);
            self.mark_dirty(ProvisioningJob::Model(ix));
        }
    }
}
