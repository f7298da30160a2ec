//! Models that SiteWise rejected, or that ended FAILED: who needs them, and when they are written
//! again.

use super::refusals::RejectionSearch;
use super::state::{AssetStage, Backoff, ModelStage};
use super::{AFTER_REFUSAL, Plan, ProvisioningJob, WaitsFor};
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
            state.tries = Backoff { count: 0, at: now + AFTER_REFUSAL };
        }
        let reason = match self.who_waits(ix, assets) {
            Some(who) => format!("{reason}; {who}"),
            None => reason,
        };
        self.add_rejection(subject, reason);
        self.wake_waiters(WaitsFor::Model(ix));
    }

    /// Whose asset cannot be made without a model, in words.
    fn who_waits(&self, ix: ModelIx, assets: &DesiredAssets) -> Option<String> {
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
        let at = match state.ended.retry_at {
            Some(at) if at <= now => return self.write_again(ix),
            Some(at) => at,
            None if state.ended.written => {
                let tries = Backoff { count: state.ended.count, at: now };
                self.backoff_rejected(tries, now).at
            }
            None if state.ended.wanted => return self.write_again(ix),
            None => {
                if let Some(state) = self.models.get_mut(ix.0 as usize) {
                    state.ended.failed_at_start = true;
                }
                return;
            }
        };
        if let Some(state) = self.models.get_mut(ix.0 as usize) {
            if state.ended.retry_at.replace(at).is_none() {
                state.ended.count = state.ended.count.saturating_add(1);
            }
            state.tries.at = at;
        }
    }

    /// An asset of a model is wanted.
    pub(super) fn asset_requested(&mut self, ix: ModelIx) {
        let Some(state) = self.models.get_mut(ix.0 as usize) else { return };
        let first = !std::mem::replace(&mut state.ended.wanted, true);
        if first && state.stage == ModelStage::Failed && state.ended.failed_at_start {
            self.write_again(ix);
        }
    }

    fn write_again(&mut self, ix: ModelIx) {
        if let Some(state) = self.models.get_mut(ix.0 as usize) {
            state.stage = ModelStage::Again;
            state.tries = Backoff::default();
            (state.ended.written, state.ended.retry_at) = (true, None);
            self.mark_dirty(ProvisioningJob::Model(ix));
        }
    }
}
