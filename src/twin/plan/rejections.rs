//! Parts of a model that SiteWise rejects: found by bisection, named, and left out of further
//! writes.
//!
//! SiteWise rejects a write as a whole and does not say for which of its parts. So half of them are
//! written, and so on down to a single one, which alone is rejected then. If the parts are
//! not the cause, the search must end: a rejected creation is first repeated without parts; and if
//! [`TOO_MANY`] single parts from all over the model (or [`ALL`], where no other part is left) are
//! rejected and none accepted, the model itself counts as rejected.

use std::time::Duration;

use rustc_hash::FxHashSet;
use uuid::Uuid;

use super::api_call::ApiCall;
use super::state::{Backoff, ModelStage};
use super::{JobState, Plan, ProvisioningJob, RETRY_AFTER_REJECTION, WaitsFor};
use crate::sitewise::api::{self, ApiFault, ApiFaultKind};
use crate::time::Instant;
use crate::twin::models::{DesiredModels, ModelIx};

/// When a part that was rejected twice is tried again; doubled each time.
const FIRST_WAIT: Duration = Duration::from_secs(3_600);
/// The longest of these times.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3_600);
/// If this many single parts are rejected and none accepted, although others are left, the parts
/// are not the cause.
const TOO_MANY: usize = 8;
/// The same where no other part is left.
const ALL: usize = 3;

/// A property or hierarchy that SiteWise rejects.
#[derive(Debug)]
pub(super) struct RejectedPart {
    /// SiteWise's words.
    pub reason: String,
    /// What was rejected; none of a hierarchy.
    definition: Option<api::Property>,
    /// It is part of the next write again: its delay is over.
    pub in_next_write: bool,
    /// When it becomes part of a write again.
    retry_at: Instant,
    retry_delay: Duration,
}

/// The search for the part for which a model's write was rejected.
#[derive(Debug, Default)]
pub(super) struct RejectionSearch {
    extent: WriteExtent,
    /// The parts of the last write.
    last_parts: Vec<Uuid>,
    /// How many of the first parts are suspect: together they were rejected.
    suspect_count: usize,
    /// The model was described since a single part was rejected: what people put there meanwhile,
    /// such as a property of the same name, is known.
    redescribed: bool,
    /// Some part was accepted since the search began.
    any_accepted: bool,
    /// Single parts that were rejected since the search began.
    rejected_parts: Vec<Uuid>,
    /// Refusals that may be for what a child's model did meanwhile.
    concurrent_changes: u32,
}

/// What the next write holds of what the model lacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum WriteExtent {
    #[default]
    All,
    /// The model alone.
    Nothing,
    First(usize),
    Last,
    Single,
}

impl RejectionSearch {
    /// Those of the lacking parts that go with the next write of a model that is there.
    pub(super) fn next_subset<T>(&self, mut parts: Vec<T>) -> Vec<T> {
        let count = parts.len();
        let (from, to) = match self.extent {
            // `Nothing`: the model was to be created without parts, but somebody else created it.
            WriteExtent::All | WriteExtent::Nothing => (0, count),
            WriteExtent::First(most) => (0, most.min(count)),
            WriteExtent::Last => (count.saturating_sub(1), count),
            WriteExtent::Single => {
                // Each time elsewhere, spread over all, the first in the middle.
                let times = self.rejected_parts.len().saturating_sub(2);
                let place = count * ((500 + times * 618) % 1_000) / 1_000;
                (place, (place + 1).min(count))
            }
        };
        parts.truncate(to);
        parts.split_off(from.min(parts.len()))
    }

    /// Whether it is created alone.
    pub(super) fn is_bare(&self) -> bool {
        self.extent == WriteExtent::Nothing
    }

    pub(super) fn record_sent(&mut self, parts: Vec<Uuid>) {
        self.last_parts = parts;
    }

    /// SiteWise took the last write.
    pub(super) fn record_accepted(&mut self) {
        let sent = std::mem::take(&mut self.last_parts).len();
        match self.extent {
            WriteExtent::All => *self = Self::default(),
            // It is not the model: it is the parts.
            WriteExtent::Nothing | WriteExtent::Last | WriteExtent::Single => {
                (self.extent, self.any_accepted, self.redescribed) =
                    (WriteExtent::All, true, false);
            }
            WriteExtent::First(_) => {
                (self.any_accepted, self.redescribed) = (true, false);
                self.suspect_count = self.suspect_count.saturating_sub(sent);
                self.extent = match self.suspect_count {
                    0 => WriteExtent::All,
                    suspects => WriteExtent::First(suspects.div_ceil(2)),
                };
            }
        }
    }
}

impl Plan {
    /// Whether SiteWise rejects anything of a model.
    pub fn has_rejected(&self, model: ModelIx) -> bool {
        self.models.get(model.0 as usize).is_some_and(|state| !state.rejected_parts.is_empty())
    }

    /// SiteWise's words about a property that it rejects. Its values wait; nothing else does.
    pub fn rejected_property(&self, model: ModelIx, property: Uuid) -> Option<&str> {
        let rejected = self.models.get(model.0 as usize)?.rejected_parts.get(&property)?;
        Some(&rejected.reason)
    }

    /// Notes what a write holds, and whether it leaves properties for another one.
    pub(super) fn note_write(&mut self, ix: ModelIx, call: &ApiCall, models: &DesiredModels) {
        let lacking = self.lacking(ix, models).count();
        if call.is_write()
            && let Some(state) = self.models.get_mut(ix.0 as usize)
        {
            let (properties, hierarchies) = call.parts();
            let as_it_stands = state.stage == ModelStage::ToRewriteUnchanged;
            state.unfinished = !as_it_stands && lacking > properties.len();
            let parts = properties.iter().map(|property| property.id);
            state
                .search
                .record_sent(parts.chain(hierarchies.iter().map(|place| place.id)).collect());
        }
    }

    /// A write was rejected: the next holds less. False where that is the model itself, not a part.
    pub(super) fn narrow(
        &mut self,
        ix: ModelIx,
        fault: &ApiFault,
        models: &DesiredModels,
        now: Instant,
    ) -> bool {
        let hierarchies_move = !self.is_at_rest_below(ix, models);
        let left = self.lacking(ix, models).count() + self.lacking_hierarchies(ix, models).count();
        let Some(state) = self.models.get_mut(ix.0 as usize) else {
            return false;
        };
        let search = &mut state.search;
        let sent = std::mem::take(&mut search.last_parts);
        if state.stage == ModelStage::Absent {
            let narrower = !sent.is_empty();
            search.extent = if narrower { WriteExtent::Nothing } else { WriteExtent::All };
            return narrower;
        }
        // What a child's model does meanwhile is no fault of the parts.
        if hierarchies_move {
            let count = search.concurrent_changes;
            search.concurrent_changes = count.saturating_add(1);
            state.stage = ModelStage::Unknown;
            let tries = self.backoff(Backoff { count, at: now }, now);
            if let Some(state) = self.models.get_mut(ix.0 as usize) {
                state.tries = tries;
            }
            return true;
        }
        let is_new = sent.iter().any(|part| !state.rejected_parts.contains_key(part));
        if state.stage == ModelStage::Active && sent.len() == 1 && is_new && !search.redescribed {
            search.redescribed = true;
            state.stage = ModelStage::Unknown;
            return true;
        }
        match sent.as_slice() {
            [] => return false,
            [single] => {
                search.redescribed = false;
                search.rejected_parts.push(*single);
                let found = search.rejected_parts.len();
                search.extent = match found {
                    2.. if !search.any_accepted => WriteExtent::Single,
                    _ => WriteExtent::All,
                };
                // `left` counts this part as well.
                let enough = if left > 1 { TOO_MANY } else { ALL };
                if !search.any_accepted && found >= enough {
                    for part in std::mem::take(search).rejected_parts {
                        state.rejected_parts.remove(&part);
                        if let Some((subject, _)) = part_of(ix, part, models) {
                            self.problems.remove(&subject);
                        }
                    }
                    return false;
                }
                let single = *single;
                if fault.kind == ApiFaultKind::Limit {
                    return self.limit_reached(ix, single, &fault.message, models, now);
                }
                self.reject_part(ix, single, &fault.message, models, now);
            }
            // A part was found, but the others were rejected too: it may not have been the cause.
            several if !search.any_accepted && !search.rejected_parts.is_empty() => {
                search.suspect_count = several.len();
                search.extent = WriteExtent::Last;
            }
            several => {
                search.suspect_count = several.len();
                search.extent = WriteExtent::First(several.len() / 2);
            }
        }
        true
    }

    /// A quota leaves no room for a single part. A property may be one too many at the root alone:
    /// composite models take the others then.
    fn limit_reached(
        &mut self,
        ix: ModelIx,
        single: Uuid,
        reason: &str,
        models: &DesiredModels,
        now: Instant,
    ) -> bool {
        let Some(state) = self.models.get_mut(ix.0 as usize) else {
            return false;
        };
        if models.get(ix).property_ix(single).is_some() && state.root_room() > 0 {
            state.root_limit = state.root_properties;
            return true;
        }
        self.reject_part(ix, single, reason, models, now);
        if let Some((subject, _)) = part_of(ix, single, models) {
            self.note_limit(&subject);
        }
        true
    }

    /// Whether no model of a child is being created or changed.
    fn is_at_rest_below(&self, ix: ModelIx, models: &DesiredModels) -> bool {
        let is_at_rest = |child: ModelIx| {
            let stage = self.models.get(child.0 as usize).map(|state| state.stage);
            match stage {
                Some(ModelStage::Active | ModelStage::Failed | ModelStage::Absent) => {
                    self.job_states.get(&ProvisioningJob::Model(child)) != Some(&JobState::InFlight)
                }
                Some(
                    ModelStage::Unknown | ModelStage::ToRewrite | ModelStage::ToRewriteUnchanged,
                ) => false,
                None => true,
            }
        };
        models.get(ix).hierarchies.iter().all(|(child, _)| is_at_rest(*child))
    }

    /// Leaves a part out of all writes, for a while.
    fn reject_part(
        &mut self,
        ix: ModelIx,
        part: Uuid,
        reason: &str,
        models: &DesiredModels,
        now: Instant,
    ) {
        let Some((subject, definition)) = part_of(ix, part, models) else {
            return;
        };
        if let Some(state) = self.models.get_mut(ix.0 as usize) {
            let before = state.rejected_parts.get(&part).map(|rejected| rejected.retry_delay);
            // Soon at first: it may have been another model, which was just propagating.
            let retry_delay = before
                .map_or(RETRY_AFTER_REJECTION, |delay| (delay * 2).clamp(FIRST_WAIT, LONGEST_WAIT));
            let (reason, retry_at) = (reason.to_owned(), now + retry_delay);
            let rejected =
                RejectedPart { reason, definition, in_next_write: false, retry_at, retry_delay };
            state.rejected_parts.insert(part, rejected);
        }
        self.add_rejection(subject, reason.to_owned());
        let unfinished = self.lacking(ix, models).next().is_some();
        let over = !unfinished && self.lacking_hierarchies(ix, models).next().is_none();
        if let Some(state) = self.models.get_mut(ix.0 as usize) {
            state.unfinished = unfinished;
            if over {
                state.search = RejectionSearch::default();
            }
        }
        self.wake_waiters(WaitsFor::Model(ix));
    }

    /// Rejected parts that are due become part of the next write; when the next one is due.
    pub(super) fn retry_rejected(&mut self, ix: ModelIx, now: Instant) -> Option<Instant> {
        let state = self.models.get_mut(ix.0 as usize)?;
        let mut next = None;
        for rejected in state.rejected_parts.values_mut().filter(|rejected| !rejected.in_next_write)
        {
            if rejected.retry_at <= now {
                rejected.in_next_write = true;
            } else {
                next = Some(
                    next.map_or(rejected.retry_at, |next: Instant| next.min(rejected.retry_at)),
                );
            }
        }
        next
    }

    /// Rejected parts that are wanted in another way by now are tried at once.
    pub(super) fn forget_changed(&mut self, ix: ModelIx, models: &DesiredModels) {
        let Some(state) = self.models.get_mut(ix.0 as usize) else {
            return;
        };
        let changed = |part: &Uuid, rejected: &mut RejectedPart| match part_of(ix, *part, models) {
            Some((_, definition)) => definition != rejected.definition,
            None => true,
        };
        let changed = state.rejected_parts.extract_if(changed).map(|(part, _)| part);
        for (subject, _) in changed.filter_map(|part| part_of(ix, part, models)) {
            self.problems.remove(&subject);
        }
    }

    /// What the model has is not rejected.
    pub(super) fn forget_accepted(
        &mut self,
        ix: ModelIx,
        has: &FxHashSet<Uuid>,
        models: &DesiredModels,
    ) {
        let Some(state) = self.models.get_mut(ix.0 as usize) else {
            return;
        };
        let taken =
            state.rejected_parts.extract_if(|part, _| has.contains(part)).map(|(part, _)| part);
        for (subject, _) in taken.filter_map(|part| part_of(ix, part, models)) {
            self.problems.remove(&subject);
        }
    }

    /// A model ended FAILED: marks as rejected the properties that SiteWise names as the reason, of
    /// those that no version has which came through. Those are left out of what is written next:
    /// they never had a value. False if it names none that was not rejected before.
    pub(super) fn reject_named(
        &mut self,
        ix: ModelIx,
        (reason, tried): (&str, &FxHashSet<Uuid>),
        models: &DesiredModels,
        now: Instant,
    ) -> bool {
        let Some(state) = self.models.get(ix.0 as usize) else {
            return false;
        };
        let properties =
            models.get(ix).properties.iter().enumerate().skip(state.complete_properties);
        let new = properties.filter(|(_, property)| {
            tried.contains(&property.id)
                && !state.properties.contains(&property.id)
                && !state.leaves_out(property.id)
        });
        let named = new.filter(|(_, property)| {
            let quoted = ['"', '\'', '`'].map(|mark| format!("{mark}{}{mark}", property.name));
            reason.contains(&property.id.to_string())
                || quoted.iter().any(|name| reason.contains(name))
        });
        let named: Vec<_> = named.map(|(_, property)| property.id).collect();
        for part in &named {
            self.reject_part(ix, *part, reason, models, now);
        }
        if let Some(state) = self.models.get_mut(ix.0 as usize) {
            let rejected =
                state.rejected_parts.iter().filter(|(_, rejected)| !rejected.in_next_write);
            let failed = rejected.map(|(part, _)| *part).filter(|part| {
                tried.contains(part) && !state.has(*part, &models.get(ix).properties)
            });
            state.failed = failed.collect();
        }
        !named.is_empty()
    }
}

/// How people find a property or hierarchy of a model, and what it is.
fn part_of(
    ix: ModelIx,
    part: Uuid,
    models: &DesiredModels,
) -> Option<(String, Option<api::Property>)> {
    let model = models.get(ix);
    if let Some(place) = model.property_ix(part) {
        let property = model.properties.get(place.0 as usize)?;
        let subject = format!("property {}/{}", model.name, property.name);
        return Some((subject, Some(models.for_sitewise(ix, property))));
    }
    let (_, place) = model.hierarchies.iter().find(|(_, place)| place.id == part)?;
    Some((format!("hierarchy {}/{}", model.name, place.name), None))
}
