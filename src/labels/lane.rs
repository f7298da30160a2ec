//! The lane of properties: visits assets one after another, at its own pace, for as long as nothing
//! else has work.

use std::collections::{BTreeMap, VecDeque};

use uuid::Uuid;

use super::pace::{Pace, Pauses, Rounds, TurnWatch};
use super::visit::{Decision, Reading, SetLabels, Visit};
use super::{Config, Figures, Output, Plant, Readiness, Remark, Turn};
use crate::sitewise::api::{ApiFault, ApiFaultKind, UpdateProperty};
use crate::sitewise::limits;
use crate::time::Instant;
use crate::twin::plan::api_call::{ApiCall, CallId, CallResult};

/// Assets visited at once.
const VISITS: usize = 8;
/// Properties at once that are read again or written.
const PROPERTIES: usize = 16;
/// Assets looked at in one step.
const ASSETS_PER_STEP: u32 = 256;
/// UpdateAssetProperty a second: half the quota.
pub(super) const UPDATES: u32 = limits::PROPERTY_UPDATES_PER_SECOND / 2;
/// DescribeAssetProperty a second: no more than can be written, which is a third of the quota.
const DESCRIBES: u32 = UPDATES;
/// ListAssetProperties a second. AWS publishes no quota for it.
pub(super) const READS: u32 = limits::DESCRIBES_PER_SECOND / 10;

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
struct Prepared {
    asset: u32,
    update: UpdateProperty,
    sets: SetLabels,
}

/// What the lane can do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Update,
    Describe,
    Read,
    Look,
}

/// The lane.
#[derive(Debug)]
pub(super) struct PropertyLane {
    config: Config,
    /// By the place of an asset: one more than its version at its last complete visit; 0 before the
    /// first.
    settled: Vec<u32>,
    /// The next asset to be looked at.
    cursor: u32,
    rounds: Rounds,
    visits: Vec<Visit>,
    prepared: VecDeque<Prepared>,
    in_flight: BTreeMap<CallId, Job>,
    next_call: u64,
    updates: Pace,
    describes: Pace,
    reads: Pace,
    pauses: Pauses,
    turn: TurnWatch,
    outputs: VecDeque<Output>,
    /// Remarks since they were last told.
    new_remarks: Vec<Remark>,
    figures: Figures,
}

impl PropertyLane {
    /// With nothing visited yet; its calls are counted from `first`, and `seed` is for the jitter of
    /// retries.
    pub(super) fn new(config: Config, first: u64, seed: u64) -> Self {
        Self {
            config,
            settled: Vec::new(),
            cursor: 0,
            rounds: Rounds::new(),
            visits: Vec::new(),
            prepared: VecDeque::new(),
            in_flight: BTreeMap::new(),
            next_call: first,
            updates: Pace::new(UPDATES),
            describes: Pace::new(DESCRIBES),
            reads: Pace::new(READS),
            pauses: Pauses::new(seed),
            turn: TurnWatch::new(),
            outputs: VecDeque::new(),
            new_remarks: Vec::new(),
            figures: Figures::default(),
        }
    }

    /// What was done so far.
    pub(super) fn figures(&self) -> Figures {
        self.figures
    }

    /// The assets whose properties are being read or written: nobody else may write these.
    pub(super) fn visited(&self) -> impl Iterator<Item = u32> + '_ {
        self.visits.iter().map(|visit| visit.asset)
    }

    /// The process is about to stop: nothing more is read. What was read to be written still is.
    pub(super) fn handle_stop(&mut self) {
        self.turn.stop();
    }

    /// When there may be an output.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match self.outputs.is_empty() {
            true => self.next_step().map(|(at, _)| at),
            false => Some(Instant::START),
        }
    }

    /// The next output.
    pub(super) fn poll_output(&mut self, plant: &impl Plant, now: Instant) -> Option<Output> {
        loop {
            if let Some(output) = self.outputs.pop_front() {
                return Some(output);
            }
            let (at, step) = self.next_step()?;
            if at > now || step > Step::Update && self.turn.ask(plant, now) == Turn::Wait {
                return None;
            }
            match step {
                Step::Update => self.write(now),
                Step::Describe => self.describe(now),
                Step::Read => self.read(now),
                Step::Look => {
                    // What there is to look at may be much: others get their turn in between.
                    if self.look(plant, now) == Looked::Nothing {
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
        let Some(job) = self.in_flight.remove(&id) else { return };
        let asset = job.asset();
        let Some(at) = self.visits.iter().position(|visit| visit.asset == asset) else { return };
        let mut visit = self.visits.swap_remove(at);
        match answer {
            Ok(result) => self.succeeded(&mut visit, job, result, now),
            Err(fault) => self.failed(&mut visit, job, fault, now),
        }
        self.tell_remarks();
        self.end_or_go_on(visit);
    }

    fn succeeded(&mut self, visit: &mut Visit, job: Job, result: CallResult, now: Instant) {
        self.outputs.extend(self.pauses.succeeded(job.operation()));
        match (job, result) {
            (Job::Read { .. }, CallResult::Properties(page)) => {
                visit.page_read(page.items, page.next, &mut self.new_remarks);
            }
            // By the end of the pause somebody may have set something.
            (Job::Describe { property, .. }, CallResult::Property(_))
                if self.pauses.until() > now =>
            {
                visit.put_back(property);
            }
            (Job::Describe { property, .. }, CallResult::Property(has)) => {
                match visit.decide(property, &has, &mut self.new_remarks) {
                    Decision::Nothing => visit.settle(property),
                    Decision::Write(update) => {
                        let sets = Visit::set_by(&update, &has);
                        self.prepared.push_back(Prepared { asset: visit.asset, update, sets });
                    }
                }
            }
            (Job::Update { property, sets, .. }, _) => {
                self.figures.aliases += u64::from(sets.alias);
                self.figures.notifications += u64::from(sets.notification);
                visit.settle(property);
            }
            // The shell answers a call with its own result.
            (Job::Read { .. }, _) => visit.leave(),
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
                visit.leave();
            }
            _ if is_update && is_taken(&fault) => {
                let remark = property.and_then(|property| visit.without_alias(property));
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
                // A page of an earlier list may be none of this one.
                None => {
                    visit.fail();
                    self.again(visit, None, operation, fault, now);
                }
            },
            // What its text means is not known, and it may go on for ever: no other waits for it.
            ApiFaultKind::Conflict if is_update => {
                match property.filter(|property| visit.conflicts(*property)) {
                    Some(property) => {
                        let remark = visit.reject(property, &fault.message);
                        self.new_remarks.extend(remark);
                    }
                    None => self.again(visit, property, operation, fault, now),
                }
            }
            ApiFaultKind::Denied => {
                self.put_back(visit, property);
                self.outputs.extend(self.pauses.denied(operation, fault.message, now));
            }
            ApiFaultKind::Throttled
            | ApiFaultKind::Busy
            | ApiFaultKind::Unavailable
            | ApiFaultKind::Conflict
            | ApiFaultKind::Changed
            | ApiFaultKind::Foreign => {
                visit.fail();
                self.again(visit, property, operation, fault, now);
            }
        }
    }

    /// A call is made again after a pause.
    fn again(
        &mut self,
        visit: &mut Visit,
        property: Option<Uuid>,
        operation: &'static str,
        fault: ApiFault,
        now: Instant,
    ) {
        self.put_back(visit, property);
        self.figures.failures += 1;
        self.outputs.extend(self.pauses.failed(operation, fault.message, now));
    }

    /// The lane pauses: what was read by then is read again before it is written.
    fn put_back(&mut self, visit: &mut Visit, property: Option<Uuid>) {
        match property {
            Some(property) => visit.put_back(property),
            None => visit.reading = Reading::Page(None),
        }
        for Prepared { asset, update, .. } in std::mem::take(&mut self.prepared) {
            if asset == visit.asset {
                visit.put_back(update.property);
            } else if let Some(of) = self.visits.iter_mut().find(|of| of.asset == asset) {
                of.put_back(update.property);
            }
        }
    }

    /// What can be done next, and when.
    fn next_step(&self) -> Option<(Instant, Step)> {
        let free = self.pauses.until();
        let turn = self.turn.not_before(free);
        let update = (!self.prepared.is_empty()).then(|| free.max(self.updates.next()));
        let has_room = self.properties_in_flight() < PROPERTIES;
        let describe = (has_room && self.visits.iter().any(Visit::has_todo))
            .then(|| turn.max(self.describes.next()));
        let reads = |visit: &Visit| matches!(visit.reading, Reading::Page(_));
        let read = self.visits.iter().any(reads).then(|| turn.max(self.reads.next()));
        let looks_at = if self.cursor == 0 { self.rounds.next() } else { Instant::START };
        let look = (self.visits.len() < VISITS).then(|| turn.max(looks_at));
        let steps = [
            (update, Step::Update),
            (describe, Step::Describe),
            (read, Step::Read),
            (look, Step::Look),
        ];
        steps.into_iter().filter_map(|(at, step)| Some((at?, step))).min()
    }

    fn properties_in_flight(&self) -> usize {
        let reads = self.in_flight.values().filter(|job| matches!(job, Job::Read { .. }));
        self.in_flight.len() - reads.count() + self.prepared.len()
    }

    fn call(&mut self, job: Job, call: ApiCall) {
        let id = CallId(self.next_call);
        self.next_call += 1;
        self.in_flight.insert(id, job);
        self.outputs.push_back(Output::Call(id, call));
    }

    fn write(&mut self, now: Instant) {
        let Some(Prepared { asset, update, sets }) = self.prepared.pop_front() else { return };
        self.updates.sent(now);
        let job = Job::Update { asset, property: update.property, sets };
        self.call(job, ApiCall::UpdateProperty(update));
    }

    fn describe(&mut self, now: Instant) {
        let Some(visit) = self.visits.iter_mut().find(|visit| visit.has_todo()) else { return };
        let (at, id) = (visit.asset, visit.id);
        let Some(property) = visit.next_todo() else { return };
        self.describes.sent(now);
        let job = Job::Describe { asset: at, property };
        self.call(job, ApiCall::DescribeProperty { asset: id, property });
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
        self.reads.sent(now);
        self.call(Job::Read { asset }, ApiCall::ReadProperties(id, token));
    }

    /// Looks for assets to be visited.
    fn look(&mut self, plant: &impl Plant, now: Instant) -> Looked {
        let assets = plant.assets();
        if self.settled.len() < assets as usize {
            self.settled.resize(assets as usize, 0);
        }
        let end = self.cursor.saturating_add(ASSETS_PER_STEP).min(assets);
        let mut found = Looked::Nothing;
        while self.cursor < end && self.visits.len() < VISITS {
            let asset = self.cursor;
            self.cursor += 1;
            let last = self.settled.get(asset as usize).copied().unwrap_or_default();
            let is_visited = self.visits.iter().any(|visit| visit.asset == asset);
            match plant.readiness(asset) {
                Readiness::Ready(version) if version.saturating_add(1) != last && !is_visited => {
                    found = Looked::Something;
                    let (subject, remarks) = (plant.subject(asset), &mut self.new_remarks);
                    let visit = Visit::begin(asset, version, subject, &self.config, remarks);
                    self.tell_remarks();
                    self.end_or_go_on(visit);
                }
                Readiness::NotNow => self.rounds.leave(),
                Readiness::Ready(_) | Readiness::Never => {}
            }
        }
        if self.cursor >= assets {
            self.cursor = 0;
            self.rounds.end(now);
        }
        found
    }

    fn end_or_go_on(&mut self, visit: Visit) {
        match visit.is_over() {
            false => self.visits.push(visit),
            // It is begun again in the next round.
            true if visit.is_given_up() => {}
            true if visit.is_gone() => self.settle(visit.asset, None),
            true => self.settle(visit.asset, Some(visit.version)),
        }
    }

    fn settle(&mut self, asset: u32, version: Option<u32>) {
        if let Some(settled) = self.settled.get_mut(asset as usize) {
            let now = version.map_or(0, |version| version.saturating_add(1));
            match (std::mem::replace(settled, now), version) {
                (0, Some(_)) => self.figures.assets += 1,
                (1.., None) => self.figures.assets = self.figures.assets.saturating_sub(1),
                _ => {}
            }
        }
    }

    fn tell_remarks(&mut self) {
        self.outputs.extend(self.new_remarks.drain(..).map(Output::Remark));
    }
}

/// Whether a visit began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Looked {
    Something,
    Nothing,
}

/// Whether SiteWise says that an alias belongs to something else. Neither the error's name nor its
/// text is documented: the text is the one that the service was seen to give.
fn is_taken(fault: &ApiFault) -> bool {
    fault.message.contains("already in use")
}
