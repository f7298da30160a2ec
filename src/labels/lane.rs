//! The lane of properties: visits assets and sets their aliases and notifications.

use std::collections::VecDeque;

use uuid::Uuid;

use super::kept::KeptAliases;
use super::lane_calls::{LaneCalls, earliest};
use super::pace::{Pace, Round, Rounds};
use super::settled::SettledVersions;
use super::visit::{Decision, Reading, SetLabels, Visit};
use super::{Config, Figures, Output, Plant, Readiness, Remark};
use crate::sitewise::api::{ApiFault, ApiFaultKind, UpdateProperty};
use crate::sitewise::limits;
use crate::time::Instant;
use crate::twin::plan::api_call::{ApiCall, CallId, CallResult};

/// Assets that are visited at the same time.
const MAX_VISITS: usize = 8;
/// Properties that are read again or written at the same time.
const MAX_PROPERTIES: usize = 16;
/// Assets scanned in one step.
const ASSETS_PER_STEP: u32 = 256;
/// UpdateAssetProperty a second: half the quota.
pub(super) const UPDATES: u32 = limits::PROPERTY_UPDATES_PER_SECOND / 2;
/// DescribeAssetProperty a second: no more than can be written, which is a third of the quota.
const DESCRIBES: u32 = UPDATES;
/// ListAssetProperties a second. AWS publishes no quota for it.
pub(super) const READS: u32 = limits::DESCRIBES_PER_SECOND / 10;

/// A call in flight, and what it is for.
#[derive(Debug)]
enum Job {
    Read { asset: u32 },
    Describe { asset: u32, property: Uuid },
    Update { asset: u32, property: Uuid, sets: SetLabels },
}

impl Job {
    fn operation(&self) -> &'static str {
        match self {
            Self::Read { .. } => "ListAssetProperties",
            Self::Describe { .. } => "DescribeAssetProperty",
            Self::Update { .. } => "UpdateAssetProperty",
        }
    }

    fn asset(&self) -> u32 {
        match self {
            Self::Read { asset } | Self::Describe { asset, .. } | Self::Update { asset, .. } => {
                *asset
            }
        }
    }
}

/// A property that was just read, and is to be written with what was read.
#[derive(Debug)]
struct PreparedUpdate {
    asset: u32,
    update: UpdateProperty,
    sets: SetLabels,
}

/// What the lane can do next, in the order of priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Update,
    Describe,
    Read,
    Scan,
}

/// The lane of properties.
#[derive(Debug)]
pub(super) struct PropertyLane {
    config: Config,
    /// By index of the asset.
    settled: SettledVersions,
    /// The next asset to be scanned.
    cursor: u32,
    rounds: Rounds,
    visits: Vec<Visit>,
    prepared: VecDeque<PreparedUpdate>,
    calls: LaneCalls<Job>,
    update_pace: Pace,
    describe_pace: Pace,
    read_pace: Pace,
    /// Remarks that are not among the outputs yet.
    new_remarks: Vec<Remark>,
    kept: KeptAliases,
    figures: Figures,
}

impl PropertyLane {
    /// With nothing visited yet. Ids of its calls begin with `first`; `seed` is for the jitter of
    /// retries.
    pub(super) fn new(config: Config, first: u64, seed: u64) -> Self {
        Self {
            config,
            settled: SettledVersions::default(),
            cursor: 0,
            rounds: Rounds::new(),
            visits: Vec::new(),
            prepared: VecDeque::new(),
            calls: LaneCalls::new(first, seed),
            update_pace: Pace::new(UPDATES),
            describe_pace: Pace::new(DESCRIBES),
            read_pace: Pace::new(READS),
            new_remarks: Vec::new(),
            kept: KeptAliases::default(),
            figures: Figures::default(),
        }
    }

    /// Counters since the start.
    pub(super) fn figures(&self) -> Figures {
        self.figures
    }

    /// The assets that are being visited: nobody else may write their properties.
    pub(super) fn visited(&self) -> impl Iterator<Item = u32> + '_ {
        self.visits.iter().map(|visit| visit.asset)
    }

    /// What properties have in place of their desired aliases.
    pub(super) fn kept(&self) -> &KeptAliases {
        &self.kept
    }

    /// The process is about to stop: nothing more is read, but what was just read is still written.
    pub(super) fn handle_stop(&mut self) {
        self.calls.turn.stop();
    }

    /// Whether another bridge acts. It may write what was read here before.
    pub(super) fn handle_hold(&mut self, held: bool) {
        self.calls.is_held = held;
        if held {
            self.put_back_prepared(None);
        }
    }

    /// When there may be an output.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.calls.poll_timeout(self.next_step())
    }

    /// The next output.
    pub(super) fn poll_output(&mut self, plant: &impl Plant, now: Instant) -> Option<Output> {
        loop {
            if let Some(output) = self.calls.outputs.pop_front() {
                return Some(output);
            }
            let next = self.next_step();
            let step = self.calls.due(next, Step::Update, plant, now)?;
            match step {
                Step::Update => self.write(now),
                Step::Describe => self.describe(now),
                Step::Read => self.read(now),
                Step::Scan => {
                    // A scan that found nothing gives way: there may be a million assets.
                    if self.scan(plant, now) == ScanResult::NothingFound {
                        return None;
                    }
                }
            }
        }
    }

    /// Handles the result of one of the lane's calls.
    pub(super) fn handle_result(
        &mut self,
        id: CallId,
        answer: Result<CallResult, ApiFault>,
        now: Instant,
    ) {
        let Some(job) = self.calls.answered(id) else { return };
        let asset = job.asset();
        let Some(at) = self.visits.iter().position(|visit| visit.asset == asset) else { return };
        let mut visit = self.visits.swap_remove(at);
        match answer {
            Ok(result) => self.succeeded(&mut visit, job, result, now),
            Err(fault) => self.failed(&mut visit, job, fault, now),
        }
        self.emit_remarks();
        self.keep_or_finish(visit);
    }

    fn succeeded(&mut self, visit: &mut Visit, job: Job, result: CallResult, now: Instant) {
        self.calls.outputs.extend(self.calls.pauses.succeeded(job.operation()));
        match (job, result) {
            (Job::Read { .. }, CallResult::Properties(page)) => {
                visit.handle_page(page.items, page.next, &mut self.new_remarks);
            }
            // Somebody may set a label during the pause: it is read again after it.
            (Job::Describe { property, .. }, CallResult::Property(_))
                if self.calls.is_held || self.calls.pauses.until() > now =>
            {
                visit.put_back(property);
            }
            (Job::Describe { property, .. }, CallResult::Property(current)) => {
                match visit.decide(property, &current, &mut self.new_remarks) {
                    Decision::Nothing => visit.settle(property),
                    Decision::Write(update) => {
                        let sets = Visit::set_by(&update, &current);
                        self.prepared.push_back(PreparedUpdate {
                            asset: visit.asset,
                            update,
                            sets,
                        });
                    }
                }
            }
            (Job::Update { property, sets, .. }, _) => {
                self.figures.aliases += u64::from(sets.alias);
                self.figures.notifications += u64::from(sets.notification);
                visit.settle(property);
            }
            // Not reached: a call is answered with a result of its own kind.
            (Job::Read { .. }, _) => visit.mark_gone(),
            (Job::Describe { property, .. }, _) => visit.settle(property),
        }
    }

    fn failed(&mut self, visit: &mut Visit, job: Job, fault: ApiFault, now: Instant) {
        let property = match &job {
            Job::Read { .. } => None,
            Job::Describe { property, .. } | Job::Update { property, .. } => Some(*property),
        };
        let (is_update, operation) = (matches!(job, Job::Update { .. }), job.operation());
        match fault.kind {
            ApiFaultKind::NotFound => {
                property.into_iter().for_each(|property| visit.settle(property));
                visit.mark_gone();
            }
            _ if is_update && is_alias_taken(&fault) => {
                let said = &fault.message;
                let remark = property.and_then(|property| visit.drop_alias(property, said));
                self.new_remarks.extend(remark);
            }
            ApiFaultKind::Invalid
            | ApiFaultKind::AlreadyExists
            | ApiFaultKind::Limit
            | ApiFaultKind::OutOfRange => match property {
                Some(property) => {
                    let remark = visit.reject(property, &fault.message);
                    self.new_remarks.extend(remark);
                }
                // The page's token may have expired: the list is begun again.
                None => {
                    visit.count_failure();
                    self.retry(visit, None, operation, fault, now);
                }
            },
            // AWS does not document what a conflict means here, and it may never end: after some
            // tries the property is left as it is, so that others need not wait.
            ApiFaultKind::Conflict if is_update => {
                match property.filter(|property| visit.count_conflict(*property)) {
                    Some(property) => {
                        let remark = visit.reject(property, &fault.message);
                        self.new_remarks.extend(remark);
                    }
                    None => self.retry(visit, property, operation, fault, now),
                }
            }
            ApiFaultKind::Denied => {
                self.put_back(visit, property);
                self.calls.outputs.extend(self.calls.pauses.denied(operation, fault.message, now));
            }
            ApiFaultKind::Throttled
            | ApiFaultKind::Busy
            | ApiFaultKind::Unavailable
            | ApiFaultKind::Conflict
            | ApiFaultKind::Changed
            | ApiFaultKind::Foreign => {
                visit.count_failure();
                self.retry(visit, property, operation, fault, now);
            }
        }
    }

    /// A call failed, and is retried after a pause.
    fn retry(
        &mut self,
        visit: &mut Visit,
        property: Option<Uuid>,
        operation: &'static str,
        fault: ApiFault,
        now: Instant,
    ) {
        self.put_back(visit, property);
        self.figures.failures += 1;
        self.calls.outputs.extend(self.calls.pauses.failed(operation, fault.message, now));
    }

    /// The lane pauses: what was read before is read again before it is written.
    fn put_back(&mut self, visit: &mut Visit, property: Option<Uuid>) {
        match property {
            Some(property) => visit.put_back(property),
            None => visit.reading = Reading::Page(None),
        }
        self.put_back_prepared(Some(visit));
    }

    /// What was read is read again before it is written. `at_hand` is a visit that is not among the
    /// others now.
    fn put_back_prepared(&mut self, mut at_hand: Option<&mut Visit>) {
        for PreparedUpdate { asset, update, .. } in std::mem::take(&mut self.prepared) {
            let at_hand = at_hand.as_deref_mut().filter(|visit| visit.asset == asset);
            let other = self.visits.iter_mut().find(|of| of.asset == asset);
            if let Some(visit) = at_hand.or(other) {
                visit.put_back(update.property);
            }
        }
    }

    /// What can be done next, and when.
    fn next_step(&self) -> Option<(Instant, Step)> {
        let unpaused = self.calls.pauses.until();
        let turn = self.calls.turn.not_before(unpaused);
        let update = (!self.prepared.is_empty()).then(|| unpaused.max(self.update_pace.next()));
        let has_room = self.properties_in_flight() < MAX_PROPERTIES;
        let describe = (has_room && self.visits.iter().any(Visit::has_queued))
            .then(|| turn.max(self.describe_pace.next()));
        let has_page = |visit: &Visit| matches!(visit.reading, Reading::Page(_));
        let read = self.visits.iter().any(has_page).then(|| turn.max(self.read_pace.next()));
        let next_scan = if self.cursor == 0 { self.rounds.next() } else { Instant::START };
        let scan = (self.visits.len() < MAX_VISITS).then(|| turn.max(next_scan));
        earliest([
            (update, Step::Update),
            (describe, Step::Describe),
            (read, Step::Read),
            (scan, Step::Scan),
        ])
    }

    fn properties_in_flight(&self) -> usize {
        let of_properties = |job: &&Job| !matches!(job, Job::Read { .. });
        self.calls.in_flight().filter(of_properties).count() + self.prepared.len()
    }

    fn write(&mut self, now: Instant) {
        let Some(PreparedUpdate { asset, update, sets }) = self.prepared.pop_front() else {
            return;
        };
        self.update_pace.record_call(now);
        let job = Job::Update { asset, property: update.property, sets };
        self.calls.call(job, ApiCall::UpdateProperty(update));
    }

    fn describe(&mut self, now: Instant) {
        let Some(visit) = self.visits.iter_mut().find(|visit| visit.has_queued()) else { return };
        let (at, id) = (visit.asset, visit.id);
        let Some(property) = visit.next_queued() else { return };
        self.describe_pace.record_call(now);
        let job = Job::Describe { asset: at, property };
        self.calls.call(job, ApiCall::DescribeProperty { asset: id, property });
    }

    fn read(&mut self, now: Instant) {
        let mut visits = self.visits.iter_mut();
        let Some(visit) = visits.find(|visit| matches!(visit.reading, Reading::Page(_))) else {
            return;
        };
        let Reading::Page(token) = std::mem::replace(&mut visit.reading, Reading::InFlight) else {
            return;
        };
        let (asset, id) = (visit.asset, visit.id);
        self.read_pace.record_call(now);
        self.calls.call(Job::Read { asset }, ApiCall::ReadProperties(id, token));
    }

    /// Scans the next assets for those that need a visit.
    fn scan(&mut self, plant: &impl Plant, now: Instant) -> ScanResult {
        let assets = plant.assets();
        self.settled.grow(assets);
        let end = self.cursor.saturating_add(ASSETS_PER_STEP).min(assets);
        let mut found = ScanResult::NothingFound;
        while self.cursor < end && self.visits.len() < MAX_VISITS {
            let asset = self.cursor;
            self.cursor += 1;
            let is_visited = self.visits.iter().any(|visit| visit.asset == asset);
            match plant.readiness(asset) {
                Readiness::Ready(version)
                    if !self.settled.is_settled(asset, version) && !is_visited =>
                {
                    found = ScanResult::VisitBegun;
                    self.rounds.note_begun();
                    let (subject, remarks) = (plant.subject(asset), &mut self.new_remarks);
                    self.kept.forget(subject.id);
                    let visit = Visit::begin(asset, version, subject, &self.config, remarks);
                    self.emit_remarks();
                    self.keep_or_finish(visit);
                }
                Readiness::NotNow => self.rounds.note_not_ready(),
                Readiness::Ready(_) | Readiness::Never => {}
            }
        }
        if self.cursor >= assets {
            self.cursor = 0;
            if self.rounds.end(now) == Round::AllSettled && self.visits.is_empty() {
                self.calls.outputs.extend(self.calls.pauses.nothing_left());
            }
        }
        found
    }

    fn keep_or_finish(&mut self, visit: Visit) {
        match visit.is_over() {
            false => self.visits.push(visit),
            // The next round begins it again.
            true if visit.is_given_up() => {}
            true if visit.is_gone() => self.settle(visit.asset, None),
            true => self.settle(visit.asset, Some(visit.version)),
        }
    }

    /// A visit is complete; without a version, since the asset is gone.
    fn settle(&mut self, asset: u32, version: Option<u32>) {
        let settled = &mut self.figures.settled_assets;
        match version {
            Some(version) => *settled += u64::from(self.settled.settle(asset, version)),
            None => *settled = settled.saturating_sub(self.settled.unsettle(asset).into()),
        }
    }

    fn emit_remarks(&mut self) {
        self.new_remarks.iter().for_each(|remark| self.kept.note(remark));
        self.calls.outputs.extend(self.new_remarks.drain(..).map(Output::Remark));
    }
}

/// Whether a scan began a visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ScanResult {
    VisitBegun,
    NothingFound,
}

/// Whether SiteWise says that an alias belongs to something else. Neither the error's code nor its
/// text is documented: this is the text that the service was seen to return.
fn is_alias_taken(fault: &ApiFault) -> bool {
    fault.message.contains("already in use")
}
