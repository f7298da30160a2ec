//! What each job needs next: the order of provisioning.

use super::lanes::CallLane;
use super::state::{AssetStage, AssetState, Backoff, Children, ModelStage};
use super::{
    BETWEEN_UPDATES, NextNeed, Output, Plan, ProvisioningJob, SETTLE, SETTLE_MAX, WaitsFor,
};
use crate::delivery::point::Gate;
use crate::sitewise::api::Hierarchy;
use crate::time::Instant;
use crate::twin::assets::{AssetIx, DesiredAssets};
use crate::twin::models::{DesiredModels, ModelIx};

impl Plan {
    /// What a job needs next.
    pub(super) fn next(
        &mut self,
        job: ProvisioningJob,
        models: &DesiredModels,
        assets: &DesiredAssets,
        now: Instant,
    ) -> NextNeed {
        match job {
            ProvisioningJob::ListModels if self.initial_sync.models_done => NextNeed::Nothing,
            ProvisioningJob::ListModels => {
                not_before(&self.initial_sync.tries, now, CallLane::ListModels)
            }
            ProvisioningJob::ListAssets(list) => {
                match self.initial_sync.assets.get(list as usize) {
                    Some(list) if !list.done || list.is_reread => {
                        not_before(&list.tries, now, CallLane::ListAssets)
                    }
                    _ => NextNeed::Nothing,
                }
            }
            ProvisioningJob::Presence(list) => match self.presence_list(list) {
                Some(list) if list.is_wanted() => {
                    not_before(&list.tries, now, CallLane::ReadPresence)
                }
                _ => NextNeed::Nothing,
            },
            ProvisioningJob::Check(at) => self.next_of_check(at, now),
            ProvisioningJob::LookUp(part) => match self.look_up_tries(part) {
                Some(tries) => not_before(tries, now, CallLane::LookUp),
                None => NextNeed::Nothing,
            },
            ProvisioningJob::Model(ix) => {
                let retry_at = self.retry_rejected(ix, now);
                let next = self.next_of_model(ix, models, now);
                if let NextNeed::Nothing = next
                    && let Some(state) = self.models.get_mut(ix.0 as usize)
                {
                    // The model is complete: from the next addition on, additions are collected anew.
                    state.update_timing.wanted_since = None;
                }
                match (next, retry_at) {
                    (NextNeed::Nothing, Some(at)) => NextNeed::At(at),
                    (next, _) => next,
                }
            }
            ProvisioningJob::Asset(ix) => self.next_of_asset(ix, assets, now),
            ProvisioningJob::Children(ix) => match self.assets.get(ix.0 as usize) {
                Some(AssetState { children: Children::Reading { tries, .. }, .. }) => {
                    not_before(tries, now, CallLane::ListChildren)
                }
                _ => NextNeed::Nothing,
            },
            ProvisioningJob::Link(ix) => self.next_of_link(ix, models, assets, now),
            ProvisioningJob::Units(asset) => self.next_of_units(asset, now),
            ProvisioningJob::Unit(asset, property) => {
                self.next_of_unit((asset, property), models, assets, now)
            }
        }
    }

    fn next_of_model(&self, ix: ModelIx, models: &DesiredModels, now: Instant) -> NextNeed {
        let Some(state) = self.models.get(ix.0 as usize) else {
            return NextNeed::Nothing;
        };
        if state.tries.at > now {
            return NextNeed::At(state.tries.at);
        }
        let settled = (state.update_timing.wanted_last + SETTLE)
            .min(state.update_timing.wanted_since.unwrap_or(now) + SETTLE_MAX);
        match state.stage {
            ModelStage::Unknown | ModelStage::Failed => NextNeed::Call(CallLane::DescribeModel),
            // SiteWise had it at the start, somebody deleted it, and nothing needs it.
            ModelStage::Absent if !state.is_wanted => NextNeed::Nothing,
            ModelStage::Absent => {
                let below = models.get(ix).hierarchies.iter().map(|(child, _)| *child);
                match below.into_iter().find(|child| self.is_being_created(*child)) {
                    _ if settled > now => NextNeed::At(settled),
                    Some(child) => NextNeed::Wait(WaitsFor::Model(child)),
                    None => NextNeed::Call(CallLane::WriteModel),
                }
            }
            ModelStage::ToRewrite if settled > now => NextNeed::At(settled),
            ModelStage::ToRewrite | ModelStage::ToRewriteUnchanged => {
                NextNeed::Call(CallLane::WriteModel)
            }
            ModelStage::Active => {
                if self.lacking(ix, models).next().is_none() && !self.lacks_hierarchy(ix, models) {
                    return NextNeed::Nothing;
                }
                let spaced =
                    state.update_timing.last_update.map_or(now, |last| last + BETWEEN_UPDATES);
                match settled.max(spaced) {
                    at if at > now => NextNeed::At(at),
                    _ => NextNeed::Call(CallLane::WriteModel),
                }
            }
        }
    }

    /// Whether a child's model is on its way, so that its parent's should wait for it.
    fn is_being_created(&self, child: ModelIx) -> bool {
        self.models.get(child.0 as usize).is_some_and(|state| match state.stage {
            // One that cannot be read may never be.
            ModelStage::Unknown if self.is_undescribed(child) => false,
            ModelStage::Absent => state.is_wanted,
            ModelStage::Unknown => true,
            ModelStage::Active
            | ModelStage::Failed
            | ModelStage::ToRewrite
            | ModelStage::ToRewriteUnchanged => false,
        })
    }

    /// Whether a model has an ACTIVE version, be it that one after it failed.
    pub(super) fn is_usable(&self, ix: ModelIx) -> bool {
        self.models.get(ix.0 as usize).is_some_and(|state| match state.stage {
            ModelStage::Active => true,
            ModelStage::Failed | ModelStage::ToRewrite | ModelStage::ToRewriteUnchanged => {
                state.usable
            }
            ModelStage::Absent | ModelStage::Unknown => false,
        })
    }

    /// Whether a model is usable, and no further write of it follows at once: each locks its
    /// assets.
    fn is_finished(&self, ix: ModelIx) -> bool {
        let follows = self.models.get(ix.0 as usize).is_some_and(|state| match state.stage {
            ModelStage::Active => state.unfinished,
            ModelStage::ToRewrite | ModelStage::ToRewriteUnchanged => true,
            ModelStage::Absent | ModelStage::Unknown | ModelStage::Failed => false,
        });
        self.is_usable(ix) && !follows
    }

    /// Places of properties that a model lacks.
    pub(super) fn lacking<'a>(
        &'a self,
        ix: ModelIx,
        models: &'a DesiredModels,
    ) -> impl Iterator<Item = usize> + 'a {
        let state = self.models.get(ix.0 as usize);
        let start = state.map_or(0, |state| state.complete_properties);
        let wanted = models.get(ix).properties.iter().enumerate().skip(start);
        wanted
            .filter(move |(_, property)| {
                !state.is_some_and(|state| {
                    state.properties.contains(&property.id) || state.leaves_out(property.id)
                })
            })
            .map(|(place, _)| place)
    }

    fn lacks_hierarchy(&self, ix: ModelIx, models: &DesiredModels) -> bool {
        self.lacking_hierarchies(ix, models).next().is_some()
    }

    /// Hierarchies that a model lacks, and for which the child's model is there.
    pub(super) fn lacking_hierarchies<'a>(
        &'a self,
        ix: ModelIx,
        models: &'a DesiredModels,
    ) -> impl Iterator<Item = &'a Hierarchy> + 'a {
        let state = self.models.get(ix.0 as usize);
        let lacking = models.get(ix).hierarchies.iter().filter(move |(child, place)| {
            self.is_usable(*child)
                && state.is_some_and(|state| {
                    !state.hierarchies.contains(&place.id) && !state.leaves_out(place.id)
                })
        });
        lacking.map(|(_, place)| place)
    }

    fn next_of_asset(&mut self, ix: AssetIx, assets: &DesiredAssets, now: Instant) -> NextNeed {
        let model = assets.get(ix).model;
        let Some(state) = self.assets.get(ix.0 as usize) else {
            return NextNeed::Nothing;
        };
        match state.stage {
            _ if state.tries.at > now => NextNeed::At(state.tries.at),
            AssetStage::Absent if self.is_finished(model) => NextNeed::Call(CallLane::CreateAsset),
            AssetStage::Absent => NextNeed::Wait(WaitsFor::Model(model)),
            AssetStage::Unknown => NextNeed::Call(CallLane::DescribeAsset),
            AssetStage::Active if state.recheck => NextNeed::Call(CallLane::DescribeAsset),
            AssetStage::Active if state.gate_open => NextNeed::Nothing,
            AssetStage::Active if !self.is_usable(model) => NextNeed::Wait(WaitsFor::Model(model)),
            AssetStage::Active => {
                if let Some(state) = self.assets.get_mut(ix.0 as usize) {
                    state.gate_open = true;
                }
                self.outputs.push_back(Output::Open(Gate::Asset(assets.get(ix).id)));
                NextNeed::Nothing
            }
        }
    }
}

pub(super) fn not_before(tries: &Backoff, now: Instant, lane: CallLane) -> NextNeed {
    if tries.at > now { NextNeed::At(tries.at) } else { NextNeed::Call(lane) }
}
