//! Associations: assets under their parents, as far as these have room.

use super::answers::{FailureAction, failure_action};
use super::api_call::CallResult;
use super::lanes::CallLane;
use super::state::{AssetStage, Backoff, Children, ParentLink};
use super::{
    LONGEST_SLOW_RETRY, NextNeed, Output, Plan, ProvisioningJob, RETRY_AFTER_REJECTION, WaitsFor,
    pages,
};
use crate::sitewise::api::{ApiFault, ApiFaultKind, Page};
use crate::sitewise::limits;
use crate::time::Instant;
use crate::twin::assets::{AssetIx, DesiredAssets};
use crate::twin::models::DesiredModels;

impl Plan {
    /// What an asset needs to be associated with its parent.
    pub(super) fn next_of_link(
        &mut self,
        ix: AssetIx,
        models: &DesiredModels,
        assets: &DesiredAssets,
        now: Instant,
    ) -> NextNeed {
        let asset = assets.get(ix);
        let (Some(state), Some(above)) = (self.assets.get(ix.0 as usize), asset.parent) else {
            return NextNeed::Nothing;
        };
        match state.link {
            ParentLink::Wanted | ParentLink::ParentFull => {}
            ParentLink::Root | ParentLink::Done | ParentLink::Unplaced | ParentLink::Dead => {
                return NextNeed::Nothing;
            }
        }
        if state.link_tries.at > now {
            return NextNeed::At(state.link_tries.at);
        }
        if state.stage != AssetStage::Active {
            return NextNeed::Wait(WaitsFor::Asset(ix));
        }
        let Some(parent) = self.assets.get(above.0 as usize) else {
            return NextNeed::Nothing;
        };
        if parent.stage != AssetStage::Active {
            return NextNeed::Wait(WaitsFor::Asset(above));
        }
        let model = assets.get(above).model;
        let Some(hierarchy) = models.hierarchy_id(model, asset.model) else {
            let why = "its parent's model cannot take another hierarchy: SiteWise allows 30 \
                hierarchies in a model and 100 models in a tree. The asset is at the root of the \
                tree, with all its values; give similar machines one model with TWIN_KINDS, or \
                spread them over more groups";
            return self.no_place(ix, why);
        };
        let known = self.models.get(model.0 as usize);
        if !known.is_some_and(|model| model.hierarchies.contains(&hierarchy)) {
            return NextNeed::Wait(WaitsFor::Model(model));
        }
        match &parent.children {
            // Only SiteWise knows whether people have made room.
            _ if state.link == ParentLink::ParentFull => NextNeed::Call(CallLane::Associate),
            // SiteWise counts the children itself, and says so if there are too many.
            Children::Reading { .. } if state.just_created => NextNeed::Call(CallLane::Associate),
            Children::Reading { .. } => {
                self.mark_dirty(ProvisioningJob::Children(above));
                NextNeed::Wait(WaitsFor::Children(above))
            }
            Children::Known(children) if children.contains(&asset.id) => {
                if let Some(state) = self.assets.get_mut(ix.0 as usize) {
                    state.link = ParentLink::Done;
                }
                self.problems.remove(&format!("placement of asset {}", asset.address));
                NextNeed::Nothing
            }
            Children::Known(children) if children.len() >= limits::CHILDREN_PER_ASSET => {
                self.no_place(ix, "its parent has 2,000 children, the most in SiteWise")
            }
            Children::Known(_) => NextNeed::Call(CallLane::Associate),
        }
    }

    /// Asks the twin for another parent.
    pub(super) fn no_place(&mut self, ix: AssetIx, why: &'static str) -> NextNeed {
        if let Some(state) = self.assets.get_mut(ix.0 as usize) {
            state.link = ParentLink::Unplaced;
        }
        self.outputs.push_back(Output::NoPlace(ix, why));
        NextNeed::Nothing
    }

    /// An asset's desired parent changed.
    pub fn parent_changed(&mut self, ix: AssetIx) {
        if let Some(state) = self.assets.get_mut(ix.0 as usize) {
            state.link = ParentLink::Wanted;
            self.mark_dirty(ProvisioningJob::Link(ix));
        }
    }

    /// A birth has an asset.
    pub fn asset_born(&mut self, ix: AssetIx) {
        if self.assets.get(ix.0 as usize).is_some_and(|state| state.link == ParentLink::Dead) {
            self.parent_changed(ix);
        }
    }

    /// There is no other place for an asset: it lives on at the root.
    pub fn stay_at_root(
        &mut self,
        ix: AssetIx,
        models: &DesiredModels,
        assets: &DesiredAssets,
        why: &str,
        now: Instant,
    ) {
        self.figures.tree_full += 1;
        let asset = assets.get(ix);
        let parent = asset.parent.map(|parent| assets.get(parent).model);
        // That its parent is full may pass; that there is no place for its model does not.
        if parent.is_some_and(|parent| models.hierarchy_id(parent, asset.model).is_some()) {
            self.parent_full(ix, 0, now);
            let why = format!(
                "{why}; the asset is at the root of the tree, with all its values, until there is \
                room"
            );
            self.add_problem(format!("placement of asset {}", asset.address), why);
        } else {
            self.add_problem(format!("placement of asset {}", asset.address), why.to_owned());
        }
    }

    /// There is no room under the parent of an asset: retried with backoff.
    fn parent_full(&mut self, ix: AssetIx, count: u32, now: Instant) {
        let at = now + self.delay(count, RETRY_AFTER_REJECTION, LONGEST_SLOW_RETRY);
        if let Some(state) = self.assets.get_mut(ix.0 as usize) {
            state.link = ParentLink::ParentFull;
            state.link_tries = Backoff { count: count.saturating_add(1), at };
            self.mark_dirty(ProvisioningJob::Link(ix));
        }
    }

    /// An asset is gone, and with it its places above and below.
    pub(super) fn unlink(&mut self, ix: AssetIx, assets: &DesiredAssets) {
        let gone = assets.get(ix);
        let above = gone.parent.and_then(|parent| self.assets.get_mut(parent.0 as usize));
        if let Some(Children::Known(children)) = above.map(|above| &mut above.children) {
            children.remove(&gone.id);
        }
        let below = assets.iter().filter(|(_, asset)| asset.parent == Some(ix));
        for ix in below.map(|(child, _)| child).chain([ix]) {
            if let Some(state) = self.assets.get_mut(ix.0 as usize)
                && matches!(
                    state.link,
                    ParentLink::Done | ParentLink::ParentFull | ParentLink::Dead
                )
            {
                state.link = ParentLink::Wanted;
                state.link_tries = Backoff::default();
                self.mark_dirty(ProvisioningJob::Link(ix));
            }
        }
    }

    /// The children of an asset were listed.
    pub(super) fn handle_children_result(
        &mut self,
        ix: AssetIx,
        answer: Result<CallResult, ApiFault>,
        assets: &DesiredAssets,
        now: Instant,
    ) {
        let Some(state) = self.assets.get_mut(ix.0 as usize) else {
            return;
        };
        let sent = match &state.children {
            Children::Reading { token, .. } => token.as_deref(),
            Children::Known(_) => None,
        };
        match pages::checked(answer, sent) {
            Ok(CallResult::Assets(Page { items, next })) => {
                let Children::Reading { token, found, tries } = &mut state.children else {
                    return;
                };
                *tries = Backoff::default();
                found.extend(items.into_iter().map(|asset| asset.id));
                if next.is_some() {
                    *token = next;
                    return;
                }
                state.children = Children::Known(std::mem::take(found));
                self.problems.remove(&format!("children of asset {}", assets.get(ix).address));
                self.wake_waiters(WaitsFor::Children(ix));
            }
            Ok(_) => {}
            Err(fault) => {
                let Children::Reading { tries, .. } = &state.children else { return };
                let count = tries.count;
                let backoff = self.backoff_for(&fault, Backoff { count, at: now }, now);
                if let Some(Children::Reading { tries, token, .. }) =
                    self.assets.get_mut(ix.0 as usize).map(|state| &mut state.children)
                {
                    *tries = backoff;
                    token.take_if(|_| !pages::keeps_token(&fault, count));
                }
                self.add_problem(
                    format!("children of asset {}", assets.get(ix).address),
                    fault.message,
                );
                if fault.kind == ApiFaultKind::NotFound {
                    self.recheck_asset(ix, now);
                }
            }
        }
    }

    /// SiteWise has put an asset under its parent, or not.
    pub(super) fn handle_link_result(
        &mut self,
        ix: AssetIx,
        answer: Result<CallResult, ApiFault>,
        assets: &DesiredAssets,
        now: Instant,
    ) {
        let child = assets.get(ix);
        let Some(state) = self.assets.get_mut(ix.0 as usize) else {
            return;
        };
        let fault = match answer {
            Ok(_) => None,
            Err(fault) if fault.kind == ApiFaultKind::AlreadyExists => None,
            Err(fault) => Some(fault),
        };
        let Some(fault) = fault else {
            state.link = ParentLink::Done;
            state.link_tries = Backoff::default();
            self.problems.remove(&format!("placement of asset {}", child.address));
            self.figures.assets_linked += 1;
            let parent = child.parent.and_then(|parent| self.assets.get_mut(parent.0 as usize));
            if let Some(Children::Known(children)) = parent.map(|parent| &mut parent.children) {
                children.insert(child.id);
            }
            return;
        };
        if fault.kind == ApiFaultKind::Limit && state.link == ParentLink::ParentFull {
            let count = state.link_tries.count;
            return self.parent_full(ix, count, now);
        }
        if fault.kind == ApiFaultKind::Limit {
            self.no_place(ix, "SiteWise says that its parent is full");
            return;
        }
        let count = state.link_tries.count;
        let tries = match failure_action(&fault) {
            FailureAction::Reject => self.backoff_rejected(Backoff { count, at: now }, now),
            FailureAction::Describe | FailureAction::Retry => {
                self.backoff(Backoff { count, at: now }, now)
            }
        };
        if let Some(state) = self.assets.get_mut(ix.0 as usize) {
            state.link_tries = tries;
        }
        let is_dead = fault.kind == ApiFaultKind::NotFound && !assets.is_there(ix);
        let subject = format!("placement of asset {}", child.address);
        if is_dead {
            self.problems.remove(&subject);
            if let Some(state) = self.assets.get_mut(ix.0 as usize) {
                state.link = ParentLink::Dead;
            }
        } else {
            self.add_failure(subject, &fault);
        }
        if fault.kind == ApiFaultKind::NotFound {
            if !is_dead {
                self.recheck_asset(ix, now);
            }
            if let Some(parent) = child.parent {
                self.recheck_asset(parent, now);
                self.recheck_model(assets.get(parent).model, now);
            }
        }
    }
}
