//! What each job needs next: the order of provisioning.

use super::lanes::Lane;
use super::state::{AssetStage, AssetState, Children, ModelStage, Tries};
use super::{BETWEEN_UPDATES, Job, Next, On, Output, Plan, SETTLE, SETTLE_MOST};
use crate::delivery::point::Gate;
use crate::sitewise::api::Hierarchy;
use crate::time::Instant;
use crate::twin::assets::{AssetIx, Assets};
use crate::twin::models::{ModelIx, Models};

impl Plan {
    /// What a job needs next.
    pub(super) fn next(
        &mut self,
        job: Job,
        models: &Models,
        assets: &Assets,
        now: Instant,
    ) -> Next {
        match job {
            Job::ListModels if self.learning.models_done => Next::Nothing,
            Job::ListModels => after(&self.learning.tries, now, Lane::ListModels),
            Job::ListAssets(list) => match self.learning.assets.get(list as usize) {
                Some(list) if !list.done || list.again => after(&list.tries, now, Lane::ListAssets),
                _ => Next::Nothing,
            },
            Job::Presence(list) => match self.presence_list(list) {
                Some(list) if !list.done => after(&list.tries, now, Lane::ReadPresence),
                _ => Next::Nothing,
            },
            Job::Check(at) => self.next_of_check(at, now),
            Job::LookUp(part) => match self.look_up_tries(part) {
                Some(tries) => after(tries, now, Lane::LookUp),
                None => Next::Nothing,
            },
            Job::Model(ix) => {
                let again = self.retry_refused(ix, now);
                let next = self.next_of_model(ix, models, now);
                if let Next::Nothing = next
                    && let Some(state) = self.models.get_mut(ix.0 as usize)
                {
                    // It has what was wanted: the next growth is collected again.
                    state.growth.wanted_since = None;
                }
                match (next, again) {
                    (Next::Nothing, Some(at)) => Next::At(at),
                    (next, _) => next,
                }
            }
            Job::Asset(ix) => self.next_of_asset(ix, assets, now),
            Job::Children(ix) => match self.assets.get(ix.0 as usize) {
                Some(AssetState { children: Children::Reading { tries, .. }, .. }) => {
                    after(tries, now, Lane::ListChildren)
                }
                _ => Next::Nothing,
            },
            Job::Link(ix) => self.next_of_link(ix, models, assets, now),
            Job::Units(asset) => self.next_of_units(asset, now),
            Job::Unit(asset, property) => self.next_of_unit((asset, property), models, assets, now),
        }
    }

    fn next_of_model(&self, ix: ModelIx, models: &Models, now: Instant) -> Next {
        let Some(state) = self.models.get(ix.0 as usize) else {
            return Next::Nothing;
        };
        if state.tries.at > now {
            return Next::At(state.tries.at);
        }
        let settled = (state.growth.wanted_last + SETTLE)
            .min(state.growth.wanted_since.unwrap_or(now) + SETTLE_MOST);
        match state.stage {
            ModelStage::Unknown | ModelStage::Failed => Next::Call(Lane::DescribeModel),
            ModelStage::Absent => {
                let below = models.get(ix).hierarchies.iter().map(|(child, _)| *child);
                match below.into_iter().find(|child| self.is_coming(*child)) {
                    _ if settled > now => Next::At(settled),
                    Some(child) => Next::Wait(On::Model(child)),
                    None => Next::Call(Lane::WriteModel),
                }
            }
            ModelStage::Mending if settled > now => Next::At(settled),
            ModelStage::Mending | ModelStage::Again => Next::Call(Lane::WriteModel),
            ModelStage::Active => {
                if self.lacking(ix, models).next().is_none() && !self.lacks_place(ix, models) {
                    return Next::Nothing;
                }
                let spaced = state.growth.updated.map_or(now, |last| last + BETWEEN_UPDATES);
                match settled.max(spaced) {
                    at if at > now => Next::At(at),
                    _ => Next::Call(Lane::WriteModel),
                }
            }
        }
    }

    /// Whether a child's model is on its way, so that its parent's should wait for it.
    fn is_coming(&self, child: ModelIx) -> bool {
        self.models.get(child.0 as usize).is_some_and(|state| match state.stage {
            // One that cannot be read may never be.
            ModelStage::Unknown if self.is_undescribed(child) => false,
            ModelStage::Absent | ModelStage::Unknown => true,
            ModelStage::Active | ModelStage::Failed | ModelStage::Mending | ModelStage::Again => {
                false
            }
        })
    }

    /// Whether a model has an ACTIVE version, be it that one after it failed.
    pub(super) fn is_usable(&self, ix: ModelIx) -> bool {
        self.models.get(ix.0 as usize).is_some_and(|state| match state.stage {
            ModelStage::Active => true,
            ModelStage::Failed | ModelStage::Mending | ModelStage::Again => state.usable,
            ModelStage::Absent | ModelStage::Unknown => false,
        })
    }

    /// Whether a model is usable, and no further write of it follows at once: each locks its
    /// assets.
    fn is_finished(&self, ix: ModelIx) -> bool {
        let follows = self.models.get(ix.0 as usize).is_some_and(|state| match state.stage {
            ModelStage::Active => state.unfinished,
            ModelStage::Mending | ModelStage::Again => true,
            ModelStage::Absent | ModelStage::Unknown | ModelStage::Failed => false,
        });
        self.is_usable(ix) && !follows
    }

    /// Places of properties that a model lacks.
    pub(super) fn lacking<'a>(
        &'a self,
        ix: ModelIx,
        models: &'a Models,
    ) -> impl Iterator<Item = usize> + 'a {
        let state = self.models.get(ix.0 as usize);
        let start = state.map_or(0, |state| state.complete);
        let wanted = models.get(ix).properties.iter().enumerate().skip(start);
        wanted
            .filter(move |(_, property)| {
                !state.is_some_and(|state| {
                    state.properties.contains(&property.id) || state.leaves_out(property.id)
                })
            })
            .map(|(place, _)| place)
    }

    fn lacks_place(&self, ix: ModelIx, models: &Models) -> bool {
        self.lacking_places(ix, models).next().is_some()
    }

    /// Hierarchies that a model lacks, and for which the child's model is there.
    pub(super) fn lacking_places<'a>(
        &'a self,
        ix: ModelIx,
        models: &'a Models,
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

    fn next_of_asset(&mut self, ix: AssetIx, assets: &Assets, now: Instant) -> Next {
        let model = assets.get(ix).model;
        let Some(state) = self.assets.get(ix.0 as usize) else {
            return Next::Nothing;
        };
        match state.stage {
            _ if state.tries.at > now => Next::At(state.tries.at),
            AssetStage::Absent if self.is_finished(model) => Next::Call(Lane::CreateAsset),
            AssetStage::Absent => Next::Wait(On::Model(model)),
            AssetStage::Unknown => Next::Call(Lane::DescribeAsset),
            AssetStage::Active if state.look => Next::Call(Lane::DescribeAsset),
            AssetStage::Active if state.open => Next::Nothing,
            AssetStage::Active if !self.is_usable(model) => Next::Wait(On::Model(model)),
            AssetStage::Active => {
                if let Some(state) = self.assets.get_mut(ix.0 as usize) {
                    state.open = true;
                }
                self.outputs.push_back(Output::Open(Gate::Asset(assets.get(ix).id)));
                Next::Nothing
            }
        }
    }
}

pub(super) fn after(tries: &Tries, now: Instant, lane: Lane) -> Next {
    if tries.at > now { Next::At(tries.at) } else { Next::Call(lane) }
}
