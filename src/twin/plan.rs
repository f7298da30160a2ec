//! Provisioning: compares the desired state with what exists, and emits single calls as their
//! dependencies are met.
//!
//! A job is about one model, asset, list or link and decides what it needs next. Nothing that
//! was ever usable is deleted, and no type is changed.

mod answers;
pub mod api_call;
mod asset_answers;
mod asset_checks;
mod calls;
mod failures;
mod initial_sync;
mod labels;
mod lanes;
mod links;
mod lookups;
mod needs;
mod pages;
mod patrol;
pub mod presence;
pub mod problems;
pub mod rates;
mod rejections;
mod roles;
mod state;
pub mod status;
pub mod units;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use rustc_hash::FxHashMap;
use uuid::Uuid;

use self::api_call::{ApiCall, CallId};
use self::asset_checks::AssetChecks;
use self::initial_sync::InitialSync;
pub use self::initial_sync::KnownAsset;
use self::lanes::{CallLane, Lanes};
use self::lookups::LatestValueReads;
pub use self::lookups::ShownRead;
use self::problems::{Problem, RejectionKind};
use self::rates::ProvisioningRates;
use self::state::{AssetStage, AssetState, Backoff, ModelStage, ModelState};
use self::units::Units;
use super::assets::{AssetIx, DesiredAssets};
use super::identity::Namespace;
use super::models::{DesiredModels, ModelIx, PropertyIx};
use crate::delivery::point::Gate;
use crate::sitewise::api::ModelSummary;
use crate::time::Instant;

/// A model is written once nothing was added to it for this long …
const SETTLE: Duration = Duration::from_millis(250);
/// … or this long after the first addition.
const SETTLE_MAX: Duration = Duration::from_secs(2);
/// Between two updates of a model: each locks all its assets while it propagates.
const BETWEEN_UPDATES: Duration = Duration::from_secs(60);
/// After a rejection that does not pass by itself.
const RETRY_AFTER_REJECTION: Duration = Duration::from_secs(300);
/// Longest retry delay of calls that nothing else waits for.
const LONGEST_SLOW_RETRY: Duration = Duration::from_secs(3600);
/// First delay after a failed call; doubled each time.
const FIRST_RETRY: Duration = Duration::from_millis(500);
/// Longest delay after a failed call.
const LONGEST_RETRY: Duration = Duration::from_secs(30);
/// First delay before an asynchronous state is polled; doubled each time.
const FIRST_POLL: Duration = Duration::from_millis(200);
/// Longest delay before an asynchronous state is polled.
const LONGEST_POLL: Duration = Duration::from_secs(5);
/// Problems kept for people to read.
const PROBLEMS: usize = 1_000;

/// An output of the plan.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Make this call once and hand back the result.
    Call(CallId, ApiCall),
    /// Points behind this gate can be sent.
    Open(Gate),
    /// An asset has no place under the one above it, and why.
    NoPlace(AssetIx, &'static str),
    /// Somebody deleted an asset, and its values with it. It is created again.
    AssetDeleted(AssetIx),
    /// An asset is there, on this model, which is not the desired one.
    OnOtherModel(AssetIx, Uuid),
    /// The initial sync is complete, except for what cannot be read.
    SyncComplete,
    /// More of what existed at the start is known.
    SyncProgress,
    /// What SiteWise has as the latest values, in the order of the streams of
    /// [`Plan::look_up`].
    LookedUp {
        /// The id that was passed to [`Plan::look_up`].
        batch: u64,
        /// What was read of each.
        values: Vec<ShownRead>,
    },
    /// Latest values can be read again, after some could not.
    ReadsRecovered,
}

/// What has been done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProvisioningFigures {
    /// Models created.
    pub models_created: u64,
    /// Updates of models.
    pub models_updated: u64,
    /// Assets created.
    pub assets_created: u64,
    /// Assets put under their parent.
    pub assets_linked: u64,
    /// Assets for which the tree has no place.
    pub tree_full: u64,
    /// Calls that failed, whatever the reason.
    pub failures: u64,
    /// Latest values that could not be read.
    pub reads_given_up: u64,
    /// Units set on single assets.
    pub units_set: u64,
}

/// A job of the plan, by its subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum ProvisioningJob {
    ListModels,
    ListAssets(u32),
    Presence(u32),
    Check(u64),
    LookUp(u64),
    Model(ModelIx),
    Asset(AssetIx),
    Children(AssetIx),
    Link(AssetIx),
    Unit(AssetIx, PropertyIx),
    Units(AssetIx),
}

/// What a job waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum WaitsFor {
    Model(ModelIx),
    Asset(AssetIx),
    Children(AssetIx),
}

/// The state of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum JobState {
    /// In `dirty`, to be decided.
    Undecided,
    Queued,
    Timer(Instant),
    InFlight,
}

/// What a job needs next.
enum NextNeed {
    Call(CallLane),
    Wait(WaitsFor),
    At(Instant),
    Nothing,
}

/// The plan.
#[derive(Debug)]
pub struct Plan {
    namespace: Namespace,
    // Boxed, since the plan is part of futures.
    initial_sync: Box<InitialSync>,
    checks: AssetChecks,
    look_ups: LatestValueReads,
    units: Units,
    known_models: FxHashMap<Uuid, ModelSummary>,
    known_assets: FxHashMap<Uuid, KnownAsset>,
    models: Vec<ModelState>,
    assets: Vec<AssetState>,
    job_states: FxHashMap<ProvisioningJob, JobState>,
    dirty: VecDeque<ProvisioningJob>,
    lanes: Lanes<ProvisioningJob>,
    timers: BTreeSet<(Instant, ProvisioningJob)>,
    waiters: BTreeMap<WaitsFor, Vec<ProvisioningJob>>,
    in_flight: BTreeMap<CallId, ProvisioningJob>,
    next_call_id: u64,
    outputs: VecDeque<Output>,
    problems: BTreeMap<String, Problem>,
    /// Subjects of those that are SiteWise's verdict.
    rejections: BTreeMap<String, RejectionKind>,
    /// Rejections to be logged: subject and reason.
    unreported_rejections: Vec<(String, String)>,
    /// Conflicts that were not logged yet.
    conflicts: Vec<(String, String)>,
    figures: ProvisioningFigures,
    rng: fastrand::Rng,
    /// When assets without values are checked again, since no failing value would show that they
    /// are gone.
    next_patrol: Instant,
    looks: roles::FollowerLooks,
}

impl Plan {
    /// Empty; begins with the initial sync.
    pub fn new(namespace: Namespace, rates: ProvisioningRates, seed: u64) -> Self {
        let mut plan = Self {
            namespace,
            initial_sync: Box::default(),
            checks: AssetChecks::default(),
            look_ups: LatestValueReads::default(),
            units: Units::default(),
            known_models: FxHashMap::default(),
            known_assets: FxHashMap::default(),
            models: Vec::new(),
            assets: Vec::new(),
            job_states: FxHashMap::default(),
            dirty: VecDeque::new(),
            lanes: Lanes::new(rates),
            timers: BTreeSet::new(),
            waiters: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            next_call_id: 0,
            outputs: VecDeque::new(),
            problems: BTreeMap::new(),
            rejections: BTreeMap::new(),
            unreported_rejections: Vec::new(),
            conflicts: Vec::new(),
            figures: ProvisioningFigures::default(),
            rng: fastrand::Rng::with_seed(seed),
            next_patrol: Instant::START + patrol::PATROL_INTERVAL,
            looks: roles::FollowerLooks::default(),
        };
        plan.mark_dirty(ProvisioningJob::ListModels);
        plan
    }

    /// What has been done so far.
    pub fn figures(&self) -> ProvisioningFigures {
        self.figures
    }

    /// Pending jobs: zero once SiteWise is as desired, except for failures.
    pub fn pending(&self) -> usize {
        self.lanes.pending() + self.dirty.len() + self.timers.len() + self.waiters.len()
    }

    /// Whether nothing that values are queued for can become known or be created until `end`.
    pub fn is_idle_until(&self, end: Instant) -> bool {
        !self.job_states.iter().any(|(job, place)| match (job, place) {
            // No value is queued for these.
            (
                ProvisioningJob::LookUp(_)
                | ProvisioningJob::Children(_)
                | ProvisioningJob::Link(_)
                | ProvisioningJob::Unit(..)
                | ProvisioningJob::Units(_),
                _,
            ) => false,
            (_, JobState::Timer(at)) => *at <= end,
            (_, JobState::Undecided | JobState::Queued | JobState::InFlight) => true,
        })
    }

    /// Something is wanted of a model that it may lack.
    pub fn model_wanted(&mut self, ix: ModelIx, models: &DesiredModels, now: Instant) {
        self.follow_models(ix, models);
        if let Some(state) = self.models.get_mut(ix.0 as usize) {
            state.is_wanted = true;
            state.update_timing.wanted_since.get_or_insert(now);
            state.update_timing.wanted_last = now;
            state.count_complete(&models.get(ix).properties);
            if state.stage == ModelStage::Failed {
                state.tries.at = now + SETTLE;
            }
        }
        self.forget_changed(ix, models);
        self.mark_dirty(ProvisioningJob::Model(ix));
    }

    /// Has a state for each model up to this one.
    fn follow_models(&mut self, ix: ModelIx, models: &DesiredModels) {
        while self.models.len() <= ix.0 as usize {
            let id = models.get(ModelIx(self.models.len() as u32)).id;
            let stage = if self.known_models.contains_key(&id) {
                ModelStage::Unknown
            } else {
                ModelStage::Absent
            };
            self.models.push(ModelState::new(stage));
        }
    }

    /// An asset is wanted that was not.
    pub fn asset_wanted(&mut self, ix: AssetIx, assets: &DesiredAssets) {
        while self.assets.len() <= ix.0 as usize {
            let asset = assets.get(AssetIx(self.assets.len() as u32));
            let stage = match self.known_assets.get(&asset.id) {
                Some(known) if known.active => AssetStage::Active,
                Some(_) => AssetStage::Unknown,
                None => AssetStage::Absent,
            };
            self.assets.push(AssetState::new(stage, asset.parent.is_some()));
        }
        self.mark_dirty(ProvisioningJob::Asset(ix));
        self.mark_dirty(ProvisioningJob::Link(ix));
        self.asset_requested(assets.get(ix).model);
    }

    /// SiteWise does not know an asset or a property of it, although it should.
    ///
    /// If a re-check did not help it is not repeated endlessly: somebody may have deleted a
    /// property that values still arrive for.
    pub fn asset_not_found(&mut self, ix: AssetIx, assets: &DesiredAssets, now: Instant) {
        let model = assets.get(ix).model;
        if let Some(state) = self.assets.get_mut(ix.0 as usize)
            && state.stage == AssetStage::Active
            && !state.not_found.should_recheck(now)
        {
            return;
        }
        self.recheck_asset_after(2, ix, now);
        if let Some(state) = self.models.get_mut(model.0 as usize)
            && state.stage == ModelStage::Active
        {
            state.stage = ModelStage::Unknown;
            state.tries = Backoff { count: 2, at: now };
            self.mark_dirty(ProvisioningJob::Model(model));
        }
    }

    /// What a value of this property has to wait for.
    pub fn gate(
        &self,
        ix: AssetIx,
        property: PropertyIx,
        models: &DesiredModels,
        assets: &DesiredAssets,
    ) -> Option<Gate> {
        let asset = assets.get(ix);
        if !self.assets.get(ix.0 as usize).is_some_and(|state| state.gate_open) {
            return Some(Gate::Asset(asset.id));
        }
        let model = self.models.get(asset.model.0 as usize)?;
        if (property.0 as usize) < model.complete_properties {
            return None;
        }
        let id = models.get(asset.model).properties.get(property.0 as usize)?.id;
        (!model.properties.contains(&id)).then_some(Gate::Property(id))
    }

    /// Whether an asset takes values of a property that nothing has asked for so far.
    pub fn has(&self, ix: AssetIx, property: Uuid, assets: &DesiredAssets) -> bool {
        let model = self.models.get(assets.get(ix).model.0 as usize);
        self.assets.get(ix.0 as usize).is_some_and(|asset| asset.gate_open)
            && model.is_some_and(|model| model.properties.contains(&property))
    }

    /// When the next timer expires.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let timer = self.timers.first().map(|(at, _)| *at);
        let patrol = (!self.assets.is_empty()).then_some(self.next_patrol);
        [timer, self.lanes.poll_timeout(), patrol].into_iter().flatten().min()
    }

    /// The next output.
    pub fn poll_output(
        &mut self,
        models: &DesiredModels,
        assets: &mut DesiredAssets,
        now: Instant,
    ) -> Option<Output> {
        loop {
            if let Some(output) = self.outputs.pop_front() {
                return Some(output);
            }
            if self.is_unnamed() {
                return None;
            }
            while let Some((at, job)) = self.timers.first().copied()
                && at <= now
            {
                self.mark_dirty(job);
            }
            if self.next_patrol <= now {
                self.patrol(models, assets, now);
            }
            if let Some(job) = self.dirty.pop_front() {
                self.job_states.remove(&job);
                self.advance_job(job, models, assets, now);
            } else if let Some(job) = self.lanes.pop(now) {
                self.job_states.remove(&job);
                self.start_call(job, models, assets, now);
            } else {
                return None;
            }
        }
    }

    /// Marks a job to be decided again, wherever it is; one in flight is decided when answered.
    fn mark_dirty(&mut self, job: ProvisioningJob) {
        match self.job_states.get(&job) {
            Some(JobState::Undecided | JobState::Queued | JobState::InFlight) => return,
            Some(JobState::Timer(at)) => {
                self.timers.remove(&(*at, job));
            }
            None => {}
        }
        self.job_states.insert(job, JobState::Undecided);
        self.dirty.push_back(job);
    }

    fn wake_waiters(&mut self, on: WaitsFor) {
        for job in self.waiters.remove(&on).unwrap_or_default() {
            self.mark_dirty(job);
        }
    }

    /// Decides what a job needs next.
    fn advance_job(
        &mut self,
        job: ProvisioningJob,
        models: &DesiredModels,
        assets: &DesiredAssets,
        now: Instant,
    ) {
        match self.next(job, models, assets, now) {
            NextNeed::Call(lane) => {
                self.job_states.insert(job, JobState::Queued);
                // From the top down: children can be associated only then.
                match job {
                    ProvisioningJob::Asset(ix) if assets.get(ix).children > 0 => {
                        self.lanes.push_first(lane, job)
                    }
                    ProvisioningJob::Unit(asset, property)
                        if self.has_read_unit(asset, property) =>
                    {
                        self.lanes.push_first(lane, job);
                    }
                    _ => self.lanes.push(lane, job),
                }
            }
            NextNeed::Wait(on) => {
                let waiting = self.waiters.entry(on).or_default();
                if !waiting.contains(&job) {
                    waiting.push(job);
                }
            }
            NextNeed::At(at) => {
                self.job_states.insert(job, JobState::Timer(at));
                self.timers.insert((at, job));
            }
            NextNeed::Nothing => {}
        }
    }

    /// A job has its lane's turn: things may have changed since it was queued.
    fn start_call(
        &mut self,
        job: ProvisioningJob,
        models: &DesiredModels,
        assets: &mut DesiredAssets,
        now: Instant,
    ) {
        match self.next(job, models, assets, now) {
            NextNeed::Call(lane) => {
                let Some(call) = self.call_of(job, models, assets) else {
                    if let ProvisioningJob::Model(ix) = job {
                        self.no_room(ix, models);
                    }
                    return;
                };
                if let ProvisioningJob::Model(ix) = job {
                    self.note_write(ix, &call, models);
                }
                let id = CallId(self.next_call_id);
                self.next_call_id += 1;
                self.in_flight.insert(id, job);
                self.job_states.insert(job, JobState::InFlight);
                self.lanes.sent(lane, now);
                self.outputs.push_back(Output::Call(id, call));
            }
            NextNeed::Wait(_) | NextNeed::At(_) | NextNeed::Nothing => self.mark_dirty(job),
        }
    }

    /// A delay that doubles with each try, spread over its upper half.
    fn delay(&mut self, count: u32, first: Duration, longest: Duration) -> Duration {
        let full = first.saturating_mul(1 << count.min(16)).min(longest);
        full.mul_f64(0.5 + self.rng.f64() / 2.0)
    }
}

#[cfg(test)]
mod tests;
