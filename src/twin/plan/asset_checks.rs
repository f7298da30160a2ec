//! What cannot be read during the initial sync: a model, or the list of its assets.
//!
//! Everything else goes on, and the read is retried with backoff. An asset that is not listed may
//! belong to the model whose list is missing, so it is described alone: until that is answered it
//! is not created.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use uuid::Uuid;

use super::api_call::{ApiCall, CallResult};
use super::lanes::CallLane;
use super::needs::not_before;
use super::state::Backoff;
use super::{NextNeed, Output, Plan, ProvisioningJob, pages};
use crate::sitewise::api::{ApiFault, ApiFaultKind};
use crate::time::Instant;
use crate::twin::assets::DesiredAssets;
use crate::twin::models::{DesiredModels, ModelIx};

/// Failed tries to describe a model, or list its assets, before the sync goes on without it.
const TRIES: u32 = 5;
/// Assets whose checks are reported together, unless fewer are left.
const REPORTED_TOGETHER: usize = 64;

/// Assets that are checked one by one.
#[derive(Debug, Default)]
pub(super) struct AssetChecks {
    checks: BTreeMap<u64, AssetCheck>,
    by_asset: FxHashMap<Uuid, u64>,
    count: u64,
    /// How many were not answered at all yet.
    pending: usize,
}

#[derive(Debug)]
struct AssetCheck {
    asset: Uuid,
    /// What it stands for.
    address: String,
    answered: bool,
    /// SiteWise does not have it.
    absent: bool,
    tries: Backoff,
}

impl Plan {
    /// Whether anything is unread that SiteWise had at the start.
    pub fn has_unread(&self) -> bool {
        !self.initial_sync.undescribed.is_empty() || self.has_unlisted()
    }

    /// Whether it is not known what SiteWise has of a model that it had at the start.
    pub fn is_undescribed(&self, model: ModelIx) -> bool {
        self.initial_sync.undescribed.contains(&model)
    }

    fn has_unlisted(&self) -> bool {
        self.initial_sync.unlisted > 0
    }

    /// Whether an asset that was not listed may exist nevertheless.
    pub fn may_exist(&self, asset: Uuid) -> bool {
        let absent = || {
            let check = self.checks.by_asset.get(&asset).and_then(|at| self.checks.checks.get(at));
            check.is_some_and(|check| check.absent)
        };
        self.has_unlisted() && !self.known_assets.contains_key(&asset) && !absent()
    }

    /// Looks whether an asset is there, for which nothing may be made before.
    pub fn check_asset(&mut self, asset: Uuid, address: &str) {
        if self.checks.by_asset.contains_key(&asset) {
            return;
        }
        let at = self.checks.count;
        self.checks.count += 1;
        self.checks.by_asset.insert(asset, at);
        let address = address.to_owned();
        let (answered, absent, tries) = (false, false, Backoff::default());
        let check = AssetCheck { asset, address, answered, absent, tries };
        self.checks.pending += 1;
        self.checks.checks.insert(at, check);
        self.mark_dirty(ProvisioningJob::Check(at));
    }

    /// Cancels the check of an asset.
    pub fn forget_check(&mut self, asset: Uuid) {
        let Some(at) = self.checks.by_asset.remove(&asset) else { return };
        let Some(check) = self.checks.checks.remove(&at) else { return };
        self.checks.pending -= usize::from(!check.answered);
        self.problems.remove(&format!("asset {}", check.address));
    }

    /// The assets that became known since the start, or since this was asked.
    pub fn take_newly_known(&mut self) -> Vec<Uuid> {
        std::mem::take(&mut self.initial_sync.newly_known)
    }

    /// The assets that were known already, and turned out since to be of machines that are offline.
    pub fn take_found_offline(&mut self) -> Vec<Uuid> {
        std::mem::take(&mut self.initial_sync.found_offline)
    }

    pub(super) fn next_of_check(&self, at: u64, now: Instant) -> NextNeed {
        match self.checks.checks.get(&at) {
            Some(check) if !check.absent && self.may_exist(check.asset) => {
                not_before(&check.tries, now, CallLane::DescribeAsset)
            }
            _ => NextNeed::Nothing,
        }
    }

    pub(super) fn check_call(&self, at: u64) -> Option<ApiCall> {
        self.checks.checks.get(&at).map(|check| ApiCall::DescribeAsset(check.asset))
    }

    pub(super) fn handle_check_result(
        &mut self,
        at: u64,
        answer: Result<CallResult, ApiFault>,
        assets: &DesiredAssets,
        now: Instant,
    ) {
        let Some(check) = self.checks.checks.get_mut(&at) else { return };
        let first = !std::mem::replace(&mut check.answered, true);
        self.checks.pending -= usize::from(first);
        // Progress is reported in batches, not for each of ten thousand assets.
        let tells = !first || self.checks.pending.is_multiple_of(REPORTED_TOGETHER);
        let subject = format!("asset {}", check.address);
        match answer {
            Ok(CallResult::Asset(asset)) => {
                self.problems.remove(&subject);
                self.import_asset(asset, assets);
            }
            Ok(_) => {}
            Err(ApiFault { kind: ApiFaultKind::NotFound, .. }) => {
                check.absent = true;
                self.problems.remove(&subject);
            }
            Err(fault) => {
                let tries = check.tries;
                let tries = self.backoff_slow(tries, now);
                if let Some(check) = self.checks.checks.get_mut(&at) {
                    check.tries = tries;
                }
                let why = format!(
                    "{}; it may already exist, on a model whose assets cannot be listed, so \
                     nothing is created for its machine, and its values are queued as long as \
                     there is room; allow the bridge iotsitewise:ListAssets or \
                     iotsitewise:DescribeAsset for it",
                    fault.message
                );
                self.add_problem(subject, why);
            }
        }
        if tells {
            self.finish_sync();
        }
    }

    /// Whether the sync goes on without this read after so many tries. Not while nothing at all can be
    /// read: then SiteWise is unreachable.
    pub(super) fn is_out_of_retries(&self, tries: &Backoff) -> bool {
        self.initial_sync.is_reachable && tries.count >= TRIES
    }

    /// Counts a failed read of what SiteWise has; returns when it is retried.
    fn retry_unread(&mut self, count: u32, now: Instant) -> Backoff {
        let tries = Backoff { count, at: now };
        if self.initial_sync.done {
            self.backoff_slow(tries, now)
        } else {
            self.backoff(tries, now)
        }
    }

    /// A model could not be described that was never described.
    pub(super) fn describe_failed(
        &mut self,
        ix: ModelIx,
        fault: &ApiFault,
        models: &DesiredModels,
        now: Instant,
    ) {
        let Some(count) = self.models.get(ix.0 as usize).map(|state| state.tries.count) else {
            return;
        };
        let tries = self.retry_unread(count, now);
        if let Some(state) = self.models.get_mut(ix.0 as usize) {
            state.tries = tries;
        }
        let model = models.get(ix);
        let why = format!(
            "{}; the model is not updated, the values of its machines are queued, and new machines \
                that may be of its kind wait; all others are unaffected; allow the bridge \
             iotsitewise:DescribeAssetModel for it",
            fault.message
        );
        self.add_problem(format!("model {}", model.name), why);
        // A deleted model has no asset list either: the list is read again to tell.
        let list = self.initial_sync.assets.iter().position(|list| list.model == model.id);
        if fault.kind == ApiFaultKind::NotFound
            && let Some(at) = list
            && let Some(list) = self.initial_sync.assets.get_mut(at)
        {
            list.is_reread = true;
            self.mark_dirty(ProvisioningJob::ListAssets(at as u32));
        }
    }

    /// The assets of a model could not be listed.
    pub(super) fn list_failed(
        &mut self,
        at: usize,
        fault: ApiFault,
        models: &DesiredModels,
        now: Instant,
    ) {
        let Some(list) = self.initial_sync.assets.get_mut(at) else { return };
        let first = fault.kind == ApiFaultKind::NotFound && !list.missing;
        list.is_reread = false;
        list.missing = fault.kind == ApiFaultKind::NotFound;
        if list.done && !list.missing {
            return;
        }
        let (count, model) = (list.tries.count, list.model);
        let tries = self.retry_unread(count, now);
        if let Some(list) = self.initial_sync.assets.get_mut(at) {
            list.tries = tries;
            list.next_token.take_if(|_| !pages::keeps_token(&fault, count));
        }
        let Some(ix) = models.by_id(model) else { return };
        if first {
            // The model may have been deleted since it was listed, so it is described again.
            self.recheck_model(ix, now);
            if let Some(state) = self.models.get_mut(ix.0 as usize)
                && self.initial_sync.undescribed.contains(&ix)
            {
                state.tries.at = now;
                self.mark_dirty(ProvisioningJob::Model(ix));
            }
        }
        let why = format!(
            "{}; its assets are described one by one, and machines whose asset cannot be found \
             wait; all others are unaffected; allow the bridge iotsitewise:ListAssets for it",
            fault.message
        );
        self.add_problem(assets_of(&models.get(ix).name), why);
    }

    /// Whether SiteWise says that a model has no list of assets.
    pub(super) fn is_missing(&self, model: Uuid) -> bool {
        self.initial_sync.assets.iter().any(|list| list.model == model && list.missing)
    }

    /// A model has gone, and its assets with it.
    pub(super) fn handle_model_deleted(&mut self, ix: ModelIx, models: &DesiredModels) {
        self.initial_sync.undescribed.remove(&ix);
        let model = models.get(ix);
        let mut lists = self.initial_sync.assets.iter_mut();
        if let Some(list) = lists.find(|list| list.model == model.id && list.missing) {
            list.done = true;
            self.problems.remove(&assets_of(&model.name));
        }
        self.finish_sync();
    }

    /// A read succeeded that had failed before: the other failed reads are retried as well.
    pub(super) fn retry_failed_reads(&mut self, now: Instant) {
        self.initial_sync.is_reachable = true;
        for ix in self.initial_sync.undescribed.clone() {
            if let Some(state) = self.models.get_mut(ix.0 as usize) {
                state.tries.at = now;
                self.mark_dirty(ProvisioningJob::Model(ix));
            }
        }
        for at in 0..self.initial_sync.assets.len() {
            if let Some(list) = self.initial_sync.assets.get_mut(at)
                && !list.done
            {
                list.tries.at = now;
                self.mark_dirty(ProvisioningJob::ListAssets(at as u32));
            }
        }
        let checks: Vec<_> = self.checks.checks.keys().copied().collect();
        for at in checks {
            if let Some(check) = self.checks.checks.get_mut(&at) {
                check.tries.at = now;
            }
            self.mark_dirty(ProvisioningJob::Check(at));
        }
    }

    /// Emits that more of the unreadable parts became known.
    pub(super) fn emit_sync_progress(&mut self) {
        if !self.outputs.contains(&Output::SyncProgress) {
            self.outputs.push_back(Output::SyncProgress);
        }
    }
}

/// The subject under which people find that the assets of a model cannot be listed.
pub(super) fn assets_of(model: &str) -> String {
    format!("assets of model {model}")
}
