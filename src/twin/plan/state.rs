//! State of each model and asset in SiteWise.

use std::time::Duration;

use rustc_hash::{FxHashMap, FxHashSet};
use uuid::Uuid;

use super::Output;
use super::rejections::{RejectedPart, RejectionSearch};
use crate::delivery::point::Gate;
use crate::sitewise::api::{ActiveVersion, Composite, Model, ResourceState};
use crate::sitewise::limits;
use crate::time::Instant;
use crate::twin::property::DesiredProperty;

/// The state of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ModelStage {
    /// Not in SiteWise.
    Absent,
    /// In SiteWise, or perhaps; to be described.
    Unknown,
    /// Usable.
    Active,
    /// Rejected by SiteWise, or somebody else's: to be described again after a while.
    Failed,
    /// FAILED in SiteWise, and more is wanted than what failed: to be written again.
    ToRewrite,
    /// FAILED in SiteWise for a reason that may have passed: to be written again unchanged.
    ToRewriteUnchanged,
}

/// What is known of a model.
#[derive(Debug)]
pub(super) struct ModelState {
    pub stage: ModelStage,
    /// An asset turned out to be on it: whether it is ours its description tells.
    pub is_found: bool,
    /// A birth has asked for something of it: without that it is not created.
    pub is_wanted: bool,
    /// Ids of the properties it has beyond the complete ones.
    pub properties: FxHashSet<Uuid>,
    /// The names of its properties that are not what the wanted ones are called.
    pub names: FxHashSet<String>,
    pub hierarchies: FxHashSet<Uuid>,
    /// Its hierarchies by name, whosever they are.
    pub hierarchy_names: FxHashMap<String, Uuid>,
    /// It has an ACTIVE version, so that its assets take values.
    pub usable: bool,
    /// How many properties stand at its root.
    pub root_properties: usize,
    /// How many there may be, as far as is known.
    pub root_limit: usize,
    /// Its composite models, with the number of their properties.
    pub composites: Vec<Composite>,
    /// The last write left something for the next one: it needs several.
    pub unfinished: bool,
    /// How many of the wanted properties, from the first on, it has.
    pub complete_properties: usize,
    /// SiteWise said that its id or name is taken when it was to be created.
    pub name_taken: bool,
    /// Properties and hierarchies that SiteWise rejects.
    pub rejected_parts: FxHashMap<Uuid, RejectedPart>,
    /// Of these, what the version that FAILED has, and none before it.
    pub failed: Vec<Uuid>,
    pub search: RejectionSearch,
    pub update_timing: UpdateTiming,
    pub tries: Backoff,
    pub failed_state: FailedState,
}

/// When a model may be written.
#[derive(Debug, Default)]
pub(super) struct UpdateTiming {
    /// Since when something is wanted that it lacks.
    pub wanted_since: Option<Instant>,
    /// When something was wanted last.
    pub wanted_last: Instant,
    /// Its creation needs further writes.
    pub creation_unfinished: bool,
    /// When it was updated last.
    pub last_update: Option<Instant>,
}

/// How a model ended FAILED, and when it is written again nevertheless.
#[derive(Debug, Default)]
pub(super) struct FailedState {
    /// An asset of it is desired.
    pub wanted: bool,
    /// It was FAILED at the start, and no asset of it was desired.
    pub failed_at_start: bool,
    /// This process has written it.
    pub is_written_here: bool,
    /// Consecutive failures.
    pub count: u32,
    /// When it is written again, if that is known.
    pub retry_at: Option<Instant>,
}

/// Failures of one call, and when it may be tried again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Backoff {
    /// Failed or premature attempts in a row.
    pub count: u32,
    /// When the next attempt is due.
    pub at: Instant,
}

impl ModelState {
    pub(super) fn new(stage: ModelStage) -> Self {
        Self {
            stage,
            is_found: false,
            is_wanted: false,
            properties: FxHashSet::default(),
            names: FxHashSet::default(),
            hierarchies: FxHashSet::default(),
            hierarchy_names: FxHashMap::default(),
            usable: false,
            root_properties: 0,
            root_limit: limits::ROOT_PROPERTIES,
            composites: Vec::new(),
            unfinished: false,
            complete_properties: 0,
            name_taken: false,
            rejected_parts: FxHashMap::default(),
            failed: Vec::new(),
            search: RejectionSearch::default(),
            update_timing: UpdateTiming::default(),
            tries: Backoff::default(),
            failed_state: FailedState::default(),
        }
    }

    /// Applies a description, compared with what is desired.
    ///
    /// Where the version that is written next has FAILED, an update adds to that one, but what
    /// the model has is what the last usable one had. Returns the gates that open with it.
    pub(super) fn apply_description(
        &mut self,
        model: Model,
        wanted: &[DesiredProperty],
    ) -> Vec<Output> {
        let (had, complete) = (std::mem::take(&mut self.properties), self.complete_properties);
        let usable = match model.state {
            ResourceState::Failed(_) => model.usable,
            ResourceState::Creating
            | ResourceState::Active
            | ResourceState::Updating
            | ResourceState::Deleting => Some(ActiveVersion {
                properties: model.properties.iter().map(|property| property.id).collect(),
                hierarchies: model.hierarchies.iter().map(|place| place.id).collect(),
            }),
        };
        self.usable = usable.is_some();
        let ActiveVersion { properties, hierarchies } = usable.unwrap_or_default();
        self.root_properties = model.root;
        self.composites = model.composites;
        self.properties = properties.into_iter().collect();
        self.hierarchies = hierarchies.into_iter().collect();
        self.hierarchy_names =
            model.hierarchies.into_iter().map(|place| (place.name, place.id)).collect();
        let ours: FxHashMap<_, _> =
            wanted.iter().map(|wanted| (wanted.id, &*wanted.name)).collect();
        let others = model.properties.into_iter().filter(|had| match ours.get(&had.id) {
            // What is ours and failed keeps its name for the next try.
            Some(ours) => self.properties.contains(&had.id) && **ours != had.name,
            None => true,
        });
        self.names = others.map(|had| had.name).collect();
        let lacked = wanted.iter().skip(complete).map(|property| property.id);
        let new = lacked.filter(|id| self.properties.contains(id) && !had.contains(id));
        let gates = new.map(|id| Output::Open(Gate::Property(id))).collect();
        self.complete_properties = 0;
        self.count_complete(wanted);
        self.properties.shrink_to_fit();
        gates
    }

    /// How many further properties its root takes.
    pub(super) fn root_room(&self) -> usize {
        self.root_limit.saturating_sub(self.root_properties)
    }

    /// It is not in SiteWise: nothing of what it had is.
    pub(super) fn clear(&mut self) {
        self.stage = ModelStage::Absent;
        self.name_taken = false;
        self.usable = false;
        self.complete_properties = 0;
        self.root_properties = 0;
        self.root_limit = limits::ROOT_PROPERTIES;
        self.properties.clear();
        self.names.clear();
        self.hierarchies.clear();
        self.hierarchy_names.clear();
        self.composites.clear();
        self.tries = Backoff::default();
    }

    /// Whether it has a property, in a version that came through.
    pub(super) fn has(&self, property: Uuid, wanted: &[DesiredProperty]) -> bool {
        let complete = wanted.iter().take(self.complete_properties);
        self.properties.contains(&property) || complete.into_iter().any(|has| has.id == property)
    }

    /// Whether a part is left out of writes, since SiteWise rejects it.
    pub(super) fn leaves_out(&self, part: Uuid) -> bool {
        self.rejected_parts.get(&part).is_some_and(|part| !part.in_next_write)
    }

    /// Counts on over the wanted properties that the model has.
    pub(super) fn count_complete(&mut self, wanted: &[DesiredProperty]) {
        let more = wanted.iter().skip(self.complete_properties);
        self.complete_properties +=
            more.take_while(|more| self.properties.remove(&more.id)).count();
    }
}

/// The state of an asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AssetStage {
    /// Not in SiteWise.
    Absent,
    /// In SiteWise, or perhaps; to be described.
    Unknown,
    /// Usable.
    Active,
}

/// Whether an asset is associated with its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ParentLink {
    /// It has no parent.
    Root,
    /// To be looked up, or to be made.
    Wanted,
    /// It is.
    Done,
    /// Its parent has no room for it.
    ParentFull,
    /// The tree has no place for it.
    Unplaced,
    /// Its machine is dead, and SiteWise has no such asset: whoever deleted it wants it gone. Looked
    /// up again with its next birth.
    Dead,
}

/// What is known of an asset.
#[derive(Debug)]
pub(super) struct AssetState {
    pub stage: AssetStage,
    /// Its values may go, each as soon as the model has its property.
    pub gate_open: bool,
    /// SiteWise said that its id or name is taken when it was to be created.
    pub name_taken: bool,
    /// It was just created, so it has no parent yet.
    pub just_created: bool,
    /// It was there once, and its values with it.
    pub had_values: bool,
    /// To be checked whether it still exists.
    pub recheck: bool,
    pub link: ParentLink,
    pub children: Children,
    pub tries: Backoff,
    pub link_tries: Backoff,
    pub not_found: NotFoundCount,
}

/// Consecutive not-found errors of an existing asset.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct NotFoundCount {
    count: u8,
    last: Instant,
}

impl NotFoundCount {
    /// Errors in a row after which the asset counts as deleted.
    const NOT_FOUND_LIMIT: u8 = 2;
    /// After this time the count is reset.
    const NOT_FOUND_RESET: Duration = Duration::from_secs(6 * 3_600);

    /// Whether the asset is to be described once more.
    pub(super) fn should_recheck(&mut self, now: Instant) -> bool {
        if now.since(self.last) >= Self::NOT_FOUND_RESET {
            self.count = 0;
        }
        let worth = self.count < Self::NOT_FOUND_LIMIT;
        if worth {
            *self = Self { count: self.count + 1, last: now };
        }
        worth
    }
}

/// The assets under an asset.
#[derive(Debug)]
pub(super) enum Children {
    /// Being read, from this page on.
    Reading { token: Option<String>, found: FxHashSet<Uuid>, tries: Backoff },
    /// These.
    Known(FxHashSet<Uuid>),
}

impl AssetState {
    pub(super) fn new(stage: AssetStage, has_parent: bool) -> Self {
        Self {
            stage,
            // Nothing waits yet behind a gate of its own, so that none has to be opened.
            gate_open: stage == AssetStage::Active,
            name_taken: false,
            just_created: false,
            had_values: stage == AssetStage::Active,
            recheck: false,
            link: if has_parent { ParentLink::Wanted } else { ParentLink::Root },
            children: match stage {
                AssetStage::Absent => Children::Known(FxHashSet::default()),
                AssetStage::Unknown | AssetStage::Active => Children::Reading {
                    token: None,
                    found: FxHashSet::default(),
                    tries: Backoff::default(),
                },
            },
            tries: Backoff::default(),
            link_tries: Backoff::default(),
            not_found: NotFoundCount::default(),
        }
    }
}
