//! Results of calls, except those of the initial sync.

use rustc_hash::FxHashSet;

use super::api_call::{CallId, CallResult};
use super::state::{Backoff, ModelStage};
use super::{
    FIRST_POLL, FIRST_RETRY, LONGEST_POLL, LONGEST_RETRY, LONGEST_SLOW_RETRY, Plan,
    ProvisioningJob, RETRY_AFTER_REJECTION, WaitsFor,
};
use crate::sitewise::api::{ApiFault, ApiFaultKind, Model, ResourceState};
use crate::time::Instant;
use crate::twin::assets::DesiredAssets;
use crate::twin::models::{DesiredModel, DesiredModels, ModelIx};

/// What can be done about a fault of the control plane.
pub(super) enum FailureAction {
    /// Retry, with backoff.
    Retry,
    /// It may exist already: describe it.
    Describe,
    /// Time alone will not help.
    Reject,
}

/// What can be done about this one.
pub(super) fn failure_action(fault: &ApiFault) -> FailureAction {
    match fault.kind {
        ApiFaultKind::Throttled
        | ApiFaultKind::Busy
        | ApiFaultKind::Unavailable
        | ApiFaultKind::Conflict
        | ApiFaultKind::Changed
        | ApiFaultKind::NotFound
        | ApiFaultKind::Foreign
        | ApiFaultKind::Denied => FailureAction::Retry,
        ApiFaultKind::AlreadyExists => FailureAction::Describe,
        ApiFaultKind::Invalid | ApiFaultKind::OutOfRange | ApiFaultKind::Limit => {
            FailureAction::Reject
        }
    }
}

/// Why a model is left alone that assets are on.
const NOT_OURS: &str = "assets of this bridge are on it, and Sparkwise did not create it, so it is \
                        not touched: delete these assets and restart the bridge";

/// The subject under which people find what a model cannot get.
fn growth_of(model: &str) -> String {
    format!("growth of model {model}")
}

/// What was asked of SiteWise for a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ModelCall {
    Create,
    Update,
    Describe,
}

/// What is known of a model after a call that failed and is retried.
fn stage_after_failure(stage: ModelStage, call: ModelCall, fault: &ApiFault) -> ModelStage {
    match (call, fault.kind) {
        (ModelCall::Create | ModelCall::Update, ApiFaultKind::NotFound) => ModelStage::Unknown,
        // It may have been written nevertheless, or by somebody else: it is described again.
        (
            ModelCall::Update,
            ApiFaultKind::Unavailable
            | ApiFaultKind::Busy
            | ApiFaultKind::Conflict
            | ApiFaultKind::Foreign
            | ApiFaultKind::Changed,
        ) => ModelStage::Unknown,
        _ => stage,
    }
}

impl Plan {
    /// Handles the result of a call; that of an unknown one is ignored.
    pub fn handle_result(
        &mut self,
        id: CallId,
        answer: Result<CallResult, ApiFault>,
        models: &mut DesiredModels,
        assets: &mut DesiredAssets,
        now: Instant,
    ) {
        let Some(job) = self.in_flight.remove(&id) else {
            return;
        };
        self.lanes.answered();
        self.job_states.remove(&job);
        if answer.is_err() {
            self.figures.failures += 1;
        }
        match job {
            ProvisioningJob::ListModels => self.handle_models_result(answer, models, now),
            ProvisioningJob::ListAssets(list) => {
                self.handle_assets_result(list as usize, answer, models, assets, now);
            }
            ProvisioningJob::Presence(list) => {
                self.handle_presence_result(list as usize, answer, now)
            }
            ProvisioningJob::Check(at) => self.handle_check_result(at, answer, assets, now),
            ProvisioningJob::LookUp(part) => self.handle_part_result(part, answer, now),
            ProvisioningJob::Model(ix) => self.handle_model_answer(ix, answer, models, assets, now),
            ProvisioningJob::Asset(ix) => self.handle_asset_answer(ix, answer, models, assets, now),
            ProvisioningJob::Children(ix) => self.handle_children_result(ix, answer, assets, now),
            ProvisioningJob::Link(ix) => self.handle_link_result(ix, answer, assets, now),
            ProvisioningJob::Units(asset) => {
                self.handle_units_result(asset, answer, models, assets, now)
            }
            ProvisioningJob::Unit(asset, property) => {
                self.handle_unit_result((asset, property), answer, models, assets, now);
            }
        }
        if !self.initial_sync.done {
            self.finish_sync();
        }
        self.mark_dirty(job);
    }

    fn handle_model_answer(
        &mut self,
        ix: ModelIx,
        answer: Result<CallResult, ApiFault>,
        models: &mut DesiredModels,
        assets: &DesiredAssets,
        now: Instant,
    ) {
        let Some(state) = self.models.get(ix.0 as usize) else {
            return;
        };
        let call = match state.stage {
            ModelStage::Absent => ModelCall::Create,
            ModelStage::Active | ModelStage::ToRewrite | ModelStage::ToRewriteUnchanged => {
                ModelCall::Update
            }
            ModelStage::Unknown | ModelStage::Failed => ModelCall::Describe,
        };
        if self.initial_sync.undescribed.contains(&ix) {
            match &answer {
                Ok(_) => self.first_described(ix, now),
                Err(fault)
                    if fault.kind != ApiFaultKind::NotFound
                        || !self.is_missing(models.get(ix).id) =>
                {
                    return self.describe_failed(ix, fault, models, now);
                }
                Err(_) => {}
            }
        }
        match answer {
            Ok(CallResult::Model(model)) => self.model_described(ix, model, models, assets, now),
            Ok(_) => self.model_written(ix, call, now),
            Err(fault) if fault.kind == ApiFaultKind::NotFound && call == ModelCall::Describe => {
                self.model_not_found(ix, models, assets, now);
            }
            Err(fault) => {
                // A quota is met by one part too many as well: the others fit.
                let may_be_a_part =
                    matches!(fault.kind, ApiFaultKind::Invalid | ApiFaultKind::Limit);
                let is_narrowed = may_be_a_part
                    && call != ModelCall::Describe
                    && self.narrow(ix, &fault, models, now);
                if !is_narrowed {
                    self.model_call_failed((ix, call), fault, models, assets, now);
                }
            }
        }
    }

    /// A model that SiteWise had at the start is described.
    fn first_described(&mut self, ix: ModelIx, now: Instant) {
        let failed = self.models.get(ix.0 as usize).is_some_and(|state| state.tries.count > 0);
        self.initial_sync.undescribed.remove(&ix);
        self.initial_sync.is_reachable = true;
        if self.initial_sync.done {
            self.emit_sync_progress();
            if failed {
                self.retry_failed_reads(now);
            }
        }
    }

    /// SiteWise took a model, or a change of it.
    fn model_written(&mut self, ix: ModelIx, call: ModelCall, now: Instant) {
        let Some(state) = self.models.get_mut(ix.0 as usize) else {
            return;
        };
        state.stage = ModelStage::Unknown;
        state.search.record_accepted();
        state.failed.clear();
        state.name_taken = false;
        state.tries = Backoff { count: 0, at: now + FIRST_POLL };
        state.update_timing.wanted_since = None;
        state.failed_state.is_written_here = true;
        if call == ModelCall::Create {
            self.figures.models_created += 1;
            state.update_timing.creation_unfinished = state.unfinished;
            return;
        }
        self.figures.models_updated += 1;
        // What needs several writes is one growth, or still the creation.
        if !state.unfinished {
            let was_creation = std::mem::take(&mut state.update_timing.creation_unfinished);
            state.update_timing.last_update = if was_creation { None } else { Some(now) };
        }
    }

    /// SiteWise does not have a model: it was deleted, or its name is another's.
    fn model_not_found(
        &mut self,
        ix: ModelIx,
        models: &mut DesiredModels,
        assets: &DesiredAssets,
        now: Instant,
    ) {
        self.handle_model_deleted(ix, models);
        let Some(state) = self.models.get_mut(ix.0 as usize) else {
            return;
        };
        let subject = format!("model {}", models.get(ix).name);
        if state.is_found {
            models.forget_kind(ix);
            return self.model_failed(ix, (subject, NOT_OURS.into()), assets, now);
        }
        if !state.name_taken || state.stage == ModelStage::Failed {
            // Whether its name is still taken, creating it tells.
            if state.stage != ModelStage::Failed || !state.is_wanted {
                self.problems.remove(&subject);
            }
            state.clear();
        } else if models.rename_taken(ix) {
            self.problems.remove(&subject);
            state.name_taken = false;
            state.stage = ModelStage::Absent;
            state.tries = Backoff::default();
        } else {
            let reason = "a model that Sparkwise did not create has this name and is not touched: \
                          rename it, or set TWIN_MODEL_PREFIX";
            self.model_failed(ix, (subject, reason.into()), assets, now);
        }
    }

    fn model_call_failed(
        &mut self,
        (ix, call): (ModelIx, ModelCall),
        fault: ApiFault,
        models: &DesiredModels,
        assets: &DesiredAssets,
        now: Instant,
    ) {
        let Some(state) = self.models.get_mut(ix.0 as usize) else {
            return;
        };
        let subject = format!("model {}", models.get(ix).name);
        match failure_action(&fault) {
            FailureAction::Describe => {
                state.name_taken = true;
                state.stage = ModelStage::Unknown;
                if call == ModelCall::Update {
                    // Somebody else's composite model. No asset waits for what may never come.
                    state.unfinished = false;
                    state.update_timing.last_update = Some(now);
                    self.add_failure(growth_of(&models.get(ix).name), &fault);
                }
            }
            FailureAction::Reject if call != ModelCall::Describe => {
                self.model_failed(ix, (subject.clone(), fault.message), assets, now);
                if fault.kind == ApiFaultKind::Limit {
                    self.note_limit(&subject);
                }
            }
            FailureAction::Retry | FailureAction::Reject => {
                let (tries, stage) = (state.tries, stage_after_failure(state.stage, call, &fault));
                let tries = self.backoff(tries, now);
                if let Some(state) = self.models.get_mut(ix.0 as usize) {
                    (state.stage, state.tries) = (stage, tries);
                }
                self.add_failure(subject, &fault);
            }
        }
    }

    fn model_described(
        &mut self,
        ix: ModelIx,
        model: Model,
        models: &mut DesiredModels,
        assets: &DesiredAssets,
        now: Instant,
    ) {
        models.import(ix, &model);
        let is_ours = self.namespace.owns(model.id, model.external_id.as_deref());
        let is_found = self.models.get(ix.0 as usize).is_some_and(|state| state.is_found);
        if is_found && !is_ours {
            models.forget_kind(ix);
        }
        let models = &*models;
        let subject = format!("model {}", models.get(ix).name);
        let Some(state) = self.models.get_mut(ix.0 as usize) else {
            return;
        };
        if state.is_found && !is_ours {
            return self.model_failed(ix, (subject, NOT_OURS.into()), assets, now);
        }
        state.is_found = false;
        // It is there: its name is not what kept it from being created.
        state.name_taken = false;
        let mut taken = FxHashSet::default();
        match model.state {
            ResourceState::Active => {
                if !state.rejected_parts.is_empty() {
                    let properties = model.properties.iter().map(|property| property.id);
                    let places = model.hierarchies.iter().map(|place| place.id);
                    taken.extend(properties.chain(places));
                }
                self.outputs.extend(state.apply_description(model, &models.get(ix).properties));
                state.stage = ModelStage::Active;
                state.tries = Backoff::default();
                (state.failed_state.count, state.failed_state.retry_at) = (0, None);
                self.problems.remove(&subject);
                self.forget_accepted(ix, &taken, models);
                self.note_complete(ix, models);
                self.wake_waiters(WaitsFor::Model(ix));
                self.mark_parents_dirty(ix, models);
            }
            ResourceState::Failed(ref reason) => {
                let reason = reason.clone();
                let tried: FxHashSet<_> =
                    model.properties.iter().map(|property| property.id).collect();
                let wanted = &models.get(ix).properties;
                self.outputs.extend(state.apply_description(model, wanted));
                let more = wanted.iter().any(|property| {
                    !tried.contains(&property.id) && !state.leaves_out(property.id)
                });
                if self.reject_named(ix, (&reason, &tried), models, now) || more {
                    let Some(state) = self.models.get_mut(ix.0 as usize) else { return };
                    state.stage = ModelStage::ToRewrite;
                    state.tries = Backoff::default();
                    self.add_problem(subject, reason);
                    self.wake_waiters(WaitsFor::Model(ix));
                } else {
                    self.model_failed(ix, (subject, reason), assets, now);
                    self.retry_failed(ix, now);
                }
                // What it had before is usable.
                self.mark_parents_dirty(ix, models);
            }
            ResourceState::Creating | ResourceState::Updating | ResourceState::Deleting => {
                let tries = state.tries;
                let tries = self.backoff_poll(tries, now);
                if let Some(state) = self.models.get_mut(ix.0 as usize) {
                    state.tries = tries;
                }
            }
        }
    }

    /// What was left for another write may have been written by somebody else.
    fn note_complete(&mut self, ix: ModelIx, models: &DesiredModels) {
        let is_complete = self.lacking(ix, models).next().is_none();
        if let Some(state) = self.models.get_mut(ix.0 as usize).filter(|_| is_complete) {
            (state.unfinished, state.update_timing.creation_unfinished) = (false, false);
            self.problems.remove(&growth_of(&models.get(ix).name));
        }
    }

    /// The models above one that became usable may get the place for its assets.
    fn mark_parents_dirty(&mut self, ix: ModelIx, models: &DesiredModels) {
        let is_above = |parent: &DesiredModel| parent.hierarchies.iter().any(|(of, _)| *of == ix);
        for (parent, _) in models.iter().filter(|(_, parent)| is_above(parent)) {
            if (parent.0 as usize) < self.models.len() {
                self.mark_dirty(ProvisioningJob::Model(parent));
            }
        }
    }

    /// Schedules a describe of a model that may have been deleted.
    pub(super) fn recheck_model(&mut self, ix: ModelIx, now: Instant) {
        if let Some(state) = self.models.get_mut(ix.0 as usize)
            && state.stage == ModelStage::Active
        {
            state.stage = ModelStage::Unknown;
            state.tries = Backoff { count: 0, at: now };
            self.mark_dirty(ProvisioningJob::Model(ix));
        }
    }

    /// One more failed try.
    pub(super) fn backoff(&mut self, tries: Backoff, now: Instant) -> Backoff {
        let delay = self.delay(tries.count, FIRST_RETRY, LONGEST_RETRY);
        Backoff { count: tries.count.saturating_add(1), at: now + delay }
    }

    /// One more failed try; slower backoff if the fault does not pass by itself.
    pub(super) fn backoff_for(
        &mut self,
        fault: &ApiFault,
        tries: Backoff,
        now: Instant,
    ) -> Backoff {
        match fault.kind {
            ApiFaultKind::Throttled
            | ApiFaultKind::Busy
            | ApiFaultKind::Unavailable
            | ApiFaultKind::Conflict
            | ApiFaultKind::Changed => self.backoff(tries, now),
            ApiFaultKind::NotFound
            | ApiFaultKind::Foreign
            | ApiFaultKind::Denied
            | ApiFaultKind::AlreadyExists
            | ApiFaultKind::Invalid
            | ApiFaultKind::OutOfRange
            | ApiFaultKind::Limit => self.backoff_slow(tries, now),
        }
    }

    /// One more failed try of what may fail for ever, and what others do not wait for.
    pub(super) fn backoff_slow(&mut self, tries: Backoff, now: Instant) -> Backoff {
        let delay = self.delay(tries.count, FIRST_RETRY, LONGEST_SLOW_RETRY);
        Backoff { count: tries.count.saturating_add(1), at: now + delay }
    }

    /// One more rejected try: slow backoff.
    pub(super) fn backoff_rejected(&mut self, tries: Backoff, now: Instant) -> Backoff {
        let delay = self.delay(tries.count, RETRY_AFTER_REJECTION, LONGEST_SLOW_RETRY);
        Backoff { count: tries.count.saturating_add(1), at: now + delay }
    }

    /// Not there yet.
    pub(super) fn backoff_poll(&mut self, tries: Backoff, now: Instant) -> Backoff {
        let delay = self.delay(tries.count.saturating_add(1), FIRST_POLL, LONGEST_POLL);
        Backoff { count: tries.count.saturating_add(1), at: now + delay }
    }
}
