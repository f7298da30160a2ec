//! Results of calls, except those of the initial sync.

use rustc_hash::FxHashSet;

use super::state::{AssetStage, Children, Looks, ModelStage, Tries};
use super::step::{Done, StepId};
use super::{
    AFTER_REFUSAL, FIRST_LOOK, FIRST_RETRY, Job, LONGEST_LOOK, LONGEST_RETRY, On, Output, Plan,
    RAREST,
};
use crate::sitewise::api::{Fault, FaultKind, Model, State};
use crate::time::Instant;
use crate::twin::assets::{AssetIx, Assets};
use crate::twin::models::{ModelIx, Models};

/// What can be done about a fault of the control plane.
pub(super) enum Remedy {
    /// Retry, with backoff.
    Again,
    /// It may exist already: describe it.
    Look,
    /// Time alone will not help.
    Refused,
}

/// What can be done about this one.
pub(super) fn remedy(fault: &Fault) -> Remedy {
    match fault.kind {
        FaultKind::Throttled
        | FaultKind::Busy
        | FaultKind::Unavailable
        | FaultKind::Conflict
        | FaultKind::Changed
        | FaultKind::NotFound
        | FaultKind::Foreign
        | FaultKind::Denied => Remedy::Again,
        FaultKind::AlreadyExists => Remedy::Look,
        FaultKind::Invalid | FaultKind::OutOfRange | FaultKind::Limit => Remedy::Refused,
    }
}

impl Plan {
    /// Takes the answer to a step; one to an unknown step is ignored.
    pub fn handle_done(
        &mut self,
        id: StepId,
        answer: Result<Done, Fault>,
        models: &mut Models,
        assets: &mut Assets,
        now: Instant,
    ) {
        let Some(job) = self.flights.remove(&id) else {
            return;
        };
        self.lanes.answered();
        self.places.remove(&job);
        if answer.is_err() {
            self.figures.failures += 1;
        }
        match job {
            Job::ListModels => self.models_listed(answer, models, now),
            Job::ListAssets(list) => {
                self.assets_listed(list as usize, answer, models, assets, now);
            }
            Job::Presence(list) => self.presence_read(list as usize, answer, now),
            Job::Check(at) => self.checked(at, answer, assets, now),
            Job::LookUp(part) => self.looked_up(part, answer, now),
            Job::Model(ix) => self.model_answered(ix, answer, models, assets, now),
            Job::Asset(ix) => self.asset_answered(ix, answer, assets, now),
            Job::Children(ix) => self.children_listed(ix, answer, assets, now),
            Job::Link(ix) => self.link_answered(ix, answer, assets, now),
            Job::Units(asset) => self.units_read(asset, answer, models, assets, now),
            Job::Unit(asset, property) => {
                self.unit_answered((asset, property), answer, models, assets, now);
            }
        }
        if !self.learning.done {
            self.finish_learning();
        }
        self.touch(job);
    }

    fn model_answered(
        &mut self,
        ix: ModelIx,
        answer: Result<Done, Fault>,
        models: &mut Models,
        assets: &Assets,
        now: Instant,
    ) {
        let Some(state) = self.models.get(ix.0 as usize) else {
            return;
        };
        let writing = match state.stage {
            ModelStage::Absent | ModelStage::Active | ModelStage::Mending | ModelStage::Again => {
                true
            }
            ModelStage::Unknown | ModelStage::Failed => false,
        };
        let creating = state.stage == ModelStage::Absent;
        let undescribed = self.learning.undescribed.contains(&ix);
        match &answer {
            Ok(_) if undescribed => {
                let failed = state.tries.count > 0;
                self.learning.undescribed.remove(&ix);
                self.learning.some_read = true;
                if self.learning.done {
                    self.tell_more();
                    if failed {
                        self.read_again(now);
                    }
                }
            }
            Err(fault)
                if undescribed
                    && !(fault.kind == FaultKind::NotFound
                        && self.is_missing(models.get(ix).id)) =>
            {
                return self.undescribed(ix, fault, models, now);
            }
            Ok(_) | Err(_) => {}
        }
        if let Err(Fault { kind: FaultKind::Invalid, message, .. }) = &answer
            && writing
            && self.narrow(ix, message, models, now)
        {
            return;
        }
        let Some(state) = self.models.get_mut(ix.0 as usize) else {
            return;
        };
        match answer {
            Ok(Done::Model(model)) => self.model_described(ix, model, models, assets, now),
            Ok(_) => {
                state.stage = ModelStage::Unknown;
                state.search.accepted();
                state.failed.clear();
                state.taken = false;
                state.tries = Tries { count: 0, at: now + FIRST_LOOK };
                state.growth.wanted_since = None;
                state.ended.written = true;
                if creating {
                    self.figures.models_created += 1;
                    state.growth.founding = state.unfinished;
                } else {
                    self.figures.models_updated += 1;
                }
                // What needs several writes is one growth, or still the creation.
                if !creating && !state.unfinished {
                    let founded = std::mem::take(&mut state.growth.founding);
                    state.growth.updated = if founded { None } else { Some(now) };
                }
            }
            Err(fault) if fault.kind == FaultKind::NotFound && !writing => {
                self.model_gone(ix, models);
                let Some(state) = self.models.get_mut(ix.0 as usize) else {
                    return;
                };
                let named = format!("model {}", models.get(ix).name);
                if state.taken && models.rename_taken(ix) {
                    self.problems.remove(&named);
                    state.taken = false;
                    state.stage = ModelStage::Absent;
                    state.tries = Tries::default();
                } else if state.taken {
                    let name = &models.get(ix).name;
                    let reason = "a model that Sparkwise did not create has this name and is not \
                                  touched: rename it, or set TWIN_MODEL_PREFIX";
                    self.model_failed(ix, (format!("model {name}"), reason.into()), assets, now);
                } else {
                    state.gone();
                }
            }
            Err(fault) => match remedy(&fault) {
                Remedy::Look => {
                    state.taken = true;
                    state.stage = ModelStage::Unknown;
                }
                Remedy::Refused if writing => {
                    let subject = format!("model {}", models.get(ix).name);
                    self.model_failed(ix, (subject, fault.message), assets, now);
                }
                Remedy::Again | Remedy::Refused => {
                    let tries = Tries { count: state.tries.count, at: now };
                    let stage = match fault.kind {
                        // It may have been written nevertheless, or by somebody else: re-check.
                        FaultKind::NotFound
                        | FaultKind::Unavailable
                        | FaultKind::Busy
                        | FaultKind::Conflict
                        | FaultKind::Foreign
                        | FaultKind::Changed
                            if writing && !creating =>
                        {
                            ModelStage::Unknown
                        }
                        FaultKind::NotFound if writing => ModelStage::Unknown,
                        _ => state.stage,
                    };
                    let tries = self.again(tries, now);
                    if let Some(state) = self.models.get_mut(ix.0 as usize) {
                        state.stage = stage;
                        state.tries = tries;
                    }
                    self.problem(format!("model {}", models.get(ix).name), fault.message);
                }
            },
        }
    }

    fn model_described(
        &mut self,
        ix: ModelIx,
        model: Model,
        models: &mut Models,
        assets: &Assets,
        now: Instant,
    ) {
        models.learn(ix, &model);
        let models = &*models;
        let subject = format!("model {}", models.get(ix).name);
        let Some(state) = self.models.get_mut(ix.0 as usize) else {
            return;
        };
        let mut taken = FxHashSet::default();
        match model.state {
            State::Active => {
                if !state.refused.is_empty() {
                    let properties = model.properties.iter().map(|property| property.id);
                    let places = model.hierarchies.iter().map(|place| place.id);
                    taken.extend(properties.chain(places));
                }
                self.outputs.extend(state.take(model, &models.get(ix).properties));
                state.stage = ModelStage::Active;
                state.taken = false;
                state.tries = Tries::default();
                (state.ended.count, state.ended.again) = (0, None);
                self.problems.remove(&subject);
                self.forget_taken(ix, &taken, models);
                self.wake(On::Model(ix));
                let parents = models
                    .iter()
                    .filter(|(_, parent)| parent.hierarchies.iter().any(|(child, _)| *child == ix));
                for (parent, _) in parents {
                    if (parent.0 as usize) < self.models.len() {
                        self.touch(Job::Model(parent));
                    }
                }
            }
            State::Failed(ref reason) => {
                let reason = reason.clone();
                let tried: FxHashSet<_> =
                    model.properties.iter().map(|property| property.id).collect();
                let wanted = &models.get(ix).properties;
                self.outputs.extend(state.take(model, wanted));
                let more = wanted.iter().any(|property| {
                    !tried.contains(&property.id) && !state.leaves_out(property.id)
                });
                if self.refuse_named(ix, (&reason, &tried), models, now) || more {
                    let Some(state) = self.models.get_mut(ix.0 as usize) else { return };
                    state.stage = ModelStage::Mending;
                    state.tries = Tries::default();
                    self.problem(subject, reason);
                    self.wake(On::Model(ix));
                } else {
                    self.model_failed(ix, (subject, reason), assets, now);
                    self.ended_failed(ix, now);
                }
            }
            State::Creating | State::Updating | State::Deleting => {
                let tries = Tries { count: state.tries.count, at: now };
                let tries = self.look_again(tries, now);
                if let Some(state) = self.models.get_mut(ix.0 as usize) {
                    state.tries = tries;
                }
            }
        }
    }

    fn asset_answered(
        &mut self,
        ix: AssetIx,
        answer: Result<Done, Fault>,
        assets: &mut Assets,
        now: Instant,
    ) {
        let Some(state) = self.assets.get_mut(ix.0 as usize) else {
            return;
        };
        let creating = state.stage == AssetStage::Absent;
        state.look = false;
        let subject = format!("asset {}", assets.get(ix).address);
        match answer {
            Ok(Done::Asset(asset)) => match asset.state {
                State::Active | State::Updating => {
                    state.stage = AssetStage::Active;
                    state.taken = false;
                    state.filled = true;
                    state.tries = Tries::default();
                    self.problems.remove(&subject);
                    self.wake(On::Asset(ix));
                }
                State::Creating | State::Deleting => {
                    let tries = Tries { count: state.tries.count, at: now };
                    let tries = self.look_again(tries, now);
                    if let Some(state) = self.assets.get_mut(ix.0 as usize) {
                        state.tries = tries;
                    }
                }
                State::Failed(reason) => {
                    state.tries = Tries { count: 0, at: now + AFTER_REFUSAL };
                    self.problem(subject, reason);
                }
            },
            Ok(_) => {
                state.stage = AssetStage::Unknown;
                state.taken = false;
                state.tries = Tries { count: 0, at: now + FIRST_LOOK };
                state.children = Children::Known(FxHashSet::default());
                state.fresh = true;
                self.figures.assets_created += 1;
            }
            Err(fault) if fault.kind == FaultKind::NotFound && !creating => {
                if state.taken {
                    assets.rename(ix);
                }
                state.taken = false;
                state.fresh = false;
                state.looks = Looks::default();
                state.stage = AssetStage::Absent;
                state.tries = Tries::default();
                if std::mem::take(&mut state.filled) {
                    self.outputs.push_back(Output::Gone(ix));
                }
                self.unlink(ix, assets);
                self.forget_units(ix);
            }
            Err(fault) => {
                let count = state.tries.count;
                // Somebody deleted what it was to be made of.
                let model =
                    (creating && fault.kind == FaultKind::NotFound).then(|| assets.get(ix).model);
                let tries = match remedy(&fault) {
                    Remedy::Look => {
                        state.taken = true;
                        state.stage = AssetStage::Unknown;
                        Tries { count, at: now }
                    }
                    Remedy::Refused => Tries { count, at: now + AFTER_REFUSAL },
                    Remedy::Again => self.again(Tries { count, at: now }, now),
                };
                if let Some(state) = self.assets.get_mut(ix.0 as usize) {
                    state.tries = tries;
                }
                self.problem(subject, fault.message);
                if let Some(model) = model {
                    self.doubt_model(model, now);
                }
            }
        }
    }

    /// A model that should be there may not be: look.
    pub(super) fn doubt_model(&mut self, ix: ModelIx, now: Instant) {
        if let Some(state) = self.models.get_mut(ix.0 as usize)
            && state.stage == ModelStage::Active
        {
            state.stage = ModelStage::Unknown;
            state.tries = Tries { count: 0, at: now };
            self.touch(Job::Model(ix));
        }
    }

    /// An asset that should be there may not be: look. Its values wait meanwhile.
    pub(super) fn doubt_asset(&mut self, ix: AssetIx, now: Instant) {
        if let Some(state) = self.assets.get_mut(ix.0 as usize)
            && state.stage == AssetStage::Active
        {
            state.stage = AssetStage::Unknown;
            state.open = false;
            state.tries = Tries { count: 0, at: now };
            self.touch(Job::Asset(ix));
        }
    }

    /// One more failed try.
    pub(super) fn again(&mut self, tries: Tries, now: Instant) -> Tries {
        let delay = self.delay(tries.count, FIRST_RETRY, LONGEST_RETRY);
        Tries { count: tries.count.saturating_add(1), at: now + delay }
    }

    /// One more failed try; slower backoff if the fault does not pass by itself.
    pub(super) fn again_by(&mut self, fault: &Fault, tries: Tries, now: Instant) -> Tries {
        match fault.kind {
            FaultKind::Throttled
            | FaultKind::Busy
            | FaultKind::Unavailable
            | FaultKind::Conflict
            | FaultKind::Changed => self.again(tries, now),
            FaultKind::NotFound
            | FaultKind::Foreign
            | FaultKind::Denied
            | FaultKind::AlreadyExists
            | FaultKind::Invalid
            | FaultKind::OutOfRange
            | FaultKind::Limit => self.rarer(tries, now),
        }
    }

    /// One more failed try of what may fail for ever, and what others do not wait for.
    pub(super) fn rarer(&mut self, tries: Tries, now: Instant) -> Tries {
        let delay = self.delay(tries.count, FIRST_RETRY, RAREST);
        Tries { count: tries.count.saturating_add(1), at: now + delay }
    }

    /// One more rejected try: slow backoff.
    pub(super) fn refused_again(&mut self, tries: Tries, now: Instant) -> Tries {
        let delay = self.delay(tries.count, AFTER_REFUSAL, RAREST);
        Tries { count: tries.count.saturating_add(1), at: now + delay }
    }

    /// Not there yet.
    fn look_again(&mut self, tries: Tries, now: Instant) -> Tries {
        let delay = self.delay(tries.count.saturating_add(1), FIRST_LOOK, LONGEST_LOOK);
        Tries { count: tries.count.saturating_add(1), at: now + delay }
    }
}
