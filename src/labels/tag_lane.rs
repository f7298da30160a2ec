//! The lane of tags: visits models and assets, and adds the tags that they lack.
//!
//! TagResource keeps tags with other keys, so only missing keys are written: directly after the
//! read, and after a pause only once they were read again.

use super::lane_calls::{LaneCalls, earliest};
use super::pace::{Pace, Round, Rounds};
use super::settled::SettledVersions;
use super::tags::TagTemplate;
use super::{Figures, Output, Plant, Readiness, Remark, RemarkKind, TagSubject, TagTarget};
use crate::sitewise::api::{ApiFault, ApiFaultKind};
use crate::sitewise::limits;
use crate::sitewise::tags::{Taggable, Tags};
use crate::time::Instant;
use crate::twin::plan::api_call::{ApiCall, CallId, CallResult};

/// ListTagsForResource and TagResource, each, a second: half the quota.
pub(super) const CALLS: u32 = limits::TAG_CALLS_PER_SECOND / 2;
/// Models and assets that are visited at the same time.
const MAX_VISITS: usize = 4;
/// Models and assets scanned in one step.
const SCANNED_PER_STEP: u32 = 256;
/// Failed calls after which a visit is given up: the next round begins it again.
const MAX_FAILURES: u32 = 8;

/// A visit to a model or an asset.
#[derive(Debug)]
struct Visit {
    target: TagTarget,
    version: u32,
    resource: Taggable,
    name: String,
    wanted: Tags,
    stage: Stage,
    failures: u32,
}

#[derive(Debug)]
enum Stage {
    ToRead,
    ToWrite(Tags),
    InFlight(TagCall),
}

/// A call in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TagCall {
    Read,
    /// It puts this many tags on the model or asset.
    Write {
        tags: u64,
    },
}

impl TagCall {
    fn operation(self) -> &'static str {
        match self {
            Self::Read => "ListTagsForResource",
            Self::Write { .. } => "TagResource",
        }
    }
}

/// What the lane can do next, in the order of priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Write,
    Read,
    Scan,
}

/// The lane of tags.
#[derive(Debug)]
pub(super) struct TagLane {
    template: TagTemplate,
    /// By index.
    settled_models: SettledVersions,
    settled_assets: SettledVersions,
    /// The next model or asset to be scanned.
    cursor: TagTarget,
    rounds: Rounds,
    visits: Vec<Visit>,
    calls: LaneCalls<TagTarget>,
    write_pace: Pace,
    read_pace: Pace,
    figures: Figures,
}

impl TagLane {
    /// With nothing visited yet. Ids of its calls begin with `first`; `seed` is for the jitter of
    /// retries.
    pub(super) fn new(template: TagTemplate, first: u64, seed: u64) -> Self {
        Self {
            template,
            settled_models: SettledVersions::default(),
            settled_assets: SettledVersions::default(),
            cursor: TagTarget::Model(0),
            rounds: Rounds::new(),
            visits: Vec::new(),
            calls: LaneCalls::new(first, seed),
            write_pace: Pace::new(CALLS),
            read_pace: Pace::new(CALLS),
            figures: Figures::default(),
        }
    }

    pub(super) fn figures(&self) -> Figures {
        self.figures
    }

    /// The process is about to stop: nothing more is read, but what was just read is still written.
    pub(super) fn handle_stop(&mut self) {
        self.calls.turn.stop();
    }

    /// Whether another bridge acts. It may write what was read here before.
    pub(super) fn handle_hold(&mut self, held: bool) {
        self.calls.is_held = held;
        for visit in self.visits.iter_mut().filter(|_| held) {
            if matches!(visit.stage, Stage::ToWrite(_)) {
                visit.stage = Stage::ToRead;
            }
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
            let step = self.calls.due(next, Step::Write, plant, now)?;
            match step {
                Step::Write => self.write(now),
                Step::Read => self.read(now),
                Step::Scan => {
                    let visits = self.visits.len();
                    self.scan(plant, now);
                    // A scan that found nothing gives way: there may be a million assets.
                    if self.visits.len() == visits && self.calls.outputs.is_empty() {
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
        let Some(target) = self.calls.answered(id) else { return };
        let Some(at) = self.visits.iter().position(|visit| visit.target == target) else { return };
        let mut visit = self.visits.swap_remove(at);
        let Stage::InFlight(call) = visit.stage else { return };
        let operation = call.operation();
        match answer {
            Ok(result) => {
                self.calls.outputs.extend(self.calls.pauses.succeeded(operation));
                self.succeeded(visit, call, result, now);
            }
            Err(ApiFault { kind, message, .. }) => match kind {
                // It is gone, or not there yet: the next round scans it again.
                ApiFaultKind::NotFound => {}
                ApiFaultKind::Invalid
                | ApiFaultKind::AlreadyExists
                | ApiFaultKind::Limit
                | ApiFaultKind::OutOfRange => {
                    let reason = format!("SiteWise rejected its tags: {message}");
                    self.remark(RemarkKind::Rejected, &visit, reason);
                    self.settle(visit.target, visit.version);
                }
                ApiFaultKind::Denied => {
                    self.calls.outputs.extend(self.calls.pauses.denied(operation, message, now));
                    self.read_again(visit);
                }
                ApiFaultKind::Throttled
                | ApiFaultKind::Busy
                | ApiFaultKind::Unavailable
                | ApiFaultKind::Conflict
                | ApiFaultKind::Changed
                | ApiFaultKind::Foreign => {
                    self.figures.failures += 1;
                    self.calls.outputs.extend(self.calls.pauses.failed(operation, message, now));
                    visit.failures += 1;
                    if visit.failures < MAX_FAILURES {
                        self.read_again(visit);
                    }
                }
            },
        }
    }

    fn succeeded(&mut self, mut visit: Visit, call: TagCall, result: CallResult, now: Instant) {
        match result {
            // Somebody may set a tag during the pause: they are read again after it.
            CallResult::Tags(_) if self.calls.is_held || self.calls.pauses.until() > now => {
                self.read_again(visit);
            }
            CallResult::Tags(current) => {
                let missing = self.missing(&visit, &current);
                if missing.is_empty() {
                    self.settle(visit.target, visit.version);
                } else {
                    visit.stage = Stage::ToWrite(missing);
                    self.visits.push(visit);
                }
            }
            _ => {
                if let TagCall::Write { tags } = call {
                    self.figures.tags += tags;
                }
                self.settle(visit.target, visit.version);
            }
        }
    }

    /// The tags that a model or an asset lacks. A tag with another value keeps it.
    fn missing(&mut self, visit: &Visit, current: &Tags) -> Tags {
        let mut missing = Tags::new();
        for (key, value) in &visit.wanted {
            match current.get(key) {
                None if current.len() + missing.len() < limits::TAGS_PER_RESOURCE => {
                    missing.insert(key.clone(), value.clone());
                }
                None => {
                    let most = limits::TAGS_PER_RESOURCE;
                    let reason = format!(
                        "it does not get its tag `{key}`, since it has {most} tags already"
                    );
                    self.remark(RemarkKind::TagsFull, visit, reason);
                }
                Some(other) if other != value => {
                    let reason = format!(
                        "its tag `{key}` keeps the value `{other}`, and does not get `{value}`"
                    );
                    self.remark(RemarkKind::OtherTag, visit, reason);
                }
                Some(_) => {}
            }
        }
        missing
    }

    fn remark(&mut self, kind: RemarkKind, visit: &Visit, reason: String) {
        let tagged = Some(visit.resource);
        let remark = Remark { tagged, ..Remark::new(kind, visit.name.clone(), reason) };
        self.calls.outputs.push_back(Output::Remark(remark));
    }

    /// The lane pauses: what was read before is read again before it is written.
    fn read_again(&mut self, visit: Visit) {
        self.visits.push(Visit { stage: Stage::ToRead, ..visit });
        for visit in &mut self.visits {
            if let Stage::ToWrite(_) = visit.stage {
                visit.stage = Stage::ToRead;
            }
        }
    }

    /// What can be done next, and when.
    fn next_step(&self) -> Option<(Instant, Step)> {
        let unpaused = self.calls.pauses.until();
        let turn = self.calls.turn.not_before(unpaused);
        let any = |is: fn(&Stage) -> bool| self.visits.iter().any(|visit| is(&visit.stage));
        let can_write = any(|stage| matches!(stage, Stage::ToWrite(_)));
        let write = can_write.then(|| unpaused.max(self.write_pace.next()));
        let can_read = any(|stage| matches!(stage, Stage::ToRead));
        let read = can_read.then(|| turn.max(self.read_pace.next()));
        let begins = self.cursor == TagTarget::Model(0);
        let next_scan = if begins { self.rounds.next() } else { Instant::START };
        let scan = (self.visits.len() < MAX_VISITS).then(|| turn.max(next_scan));
        earliest([(write, Step::Write), (read, Step::Read), (scan, Step::Scan)])
    }

    fn write(&mut self, now: Instant) {
        for visit in &mut self.visits {
            let Stage::ToWrite(tags) = &mut visit.stage else { continue };
            let tags = std::mem::take(tags);
            visit.stage = Stage::InFlight(TagCall::Write { tags: tags.len() as u64 });
            let (target, resource) = (visit.target, visit.resource);
            self.write_pace.record_call(now);
            return self.calls.call(target, ApiCall::Tag(resource, tags));
        }
    }

    fn read(&mut self, now: Instant) {
        let mut visits = self.visits.iter_mut();
        let Some(visit) = visits.find(|visit| matches!(visit.stage, Stage::ToRead)) else { return };
        visit.stage = Stage::InFlight(TagCall::Read);
        let (target, resource) = (visit.target, visit.resource);
        self.read_pace.record_call(now);
        self.calls.call(target, ApiCall::ReadTags(resource));
    }

    /// Scans the next models and assets for those that need a visit: models first, since there are
    /// few.
    fn scan(&mut self, plant: &impl Plant, now: Instant) {
        let (models, assets) = (plant.models(), plant.assets());
        self.settled_models.grow(models);
        self.settled_assets.grow(assets);
        for _ in 0..SCANNED_PER_STEP {
            if self.visits.len() >= MAX_VISITS {
                return;
            }
            let target = self.cursor;
            self.cursor = match target {
                TagTarget::Model(model) if model < models => TagTarget::Model(model + 1),
                TagTarget::Model(_) => {
                    self.cursor = TagTarget::Asset(0);
                    continue;
                }
                TagTarget::Asset(asset) if asset < assets => TagTarget::Asset(asset + 1),
                TagTarget::Asset(_) => {
                    self.cursor = TagTarget::Model(0);
                    if self.rounds.end(now) == Round::AllSettled && self.visits.is_empty() {
                        self.calls.outputs.extend(self.calls.pauses.nothing_left());
                    }
                    return;
                }
            };
            let is_visited = self.visits.iter().any(|visit| visit.target == target);
            match plant.tag_readiness(target) {
                Readiness::Ready(version) if !self.is_settled(target, version) && !is_visited => {
                    self.rounds.note_begun();
                    self.begin(target, version, plant.tag_subject(target));
                }
                Readiness::NotNow => self.rounds.note_not_ready(),
                Readiness::Ready(_) | Readiness::Never => {}
            }
        }
    }

    fn begin(&mut self, target: TagTarget, version: u32, subject: TagSubject) {
        let mut remarks = Vec::new();
        let wanted = self.template.of(&subject, &mut remarks);
        self.calls.outputs.extend(remarks.into_iter().map(Output::Remark));
        if wanted.is_empty() {
            return self.settle(target, version);
        }
        let TagSubject { resource, name, .. } = subject;
        let (stage, failures) = (Stage::ToRead, 0);
        self.visits.push(Visit { target, version, resource, name, wanted, stage, failures });
    }

    fn is_settled(&self, target: TagTarget, version: u32) -> bool {
        match target {
            TagTarget::Model(index) => self.settled_models.is_settled(index, version),
            TagTarget::Asset(index) => self.settled_assets.is_settled(index, version),
        }
    }

    fn settle(&mut self, target: TagTarget, version: u32) {
        let is_first = match target {
            TagTarget::Model(index) => self.settled_models.settle(index, version),
            TagTarget::Asset(index) => self.settled_assets.settle(index, version),
        };
        self.figures.settled_tags += u64::from(is_first);
    }
}
