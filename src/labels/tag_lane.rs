//! The lane of tags: reads those of one model or asset after another, and adds what is missing.
//!
//! TagResource leaves tags with other keys as they are, so that only missing keys are written: right
//! behind the read, and after a pause only once they were read again.

use std::collections::{BTreeMap, VecDeque};

use super::pace::{Pace, Pauses, Rounds, TurnWatch};
use super::tags::TagTemplate;
use super::{Figures, Output, Plant, Readiness, Remark, RemarkKind, TagPlace, TagSubject, Turn};
use crate::sitewise::api::{ApiFault, ApiFaultKind};
use crate::sitewise::limits;
use crate::sitewise::tags::{Taggable, Tags};
use crate::time::Instant;
use crate::twin::plan::api_call::{ApiCall, CallId, CallResult};

/// ListTagsForResource and TagResource, each, a second: half the quota.
pub(super) const CALLS: u32 = limits::TAG_CALLS_PER_SECOND / 2;
/// Models and assets visited at once.
const VISITS: usize = 4;
/// Models and assets looked at in one step.
const PLACES_PER_STEP: u32 = 256;
/// Failed calls after which a visit is given up: the next round begins it again.
const FAILURES: u32 = 8;

/// A visit to a model or an asset.
#[derive(Debug)]
struct Visit {
    at: TagPlace,
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
    /// A call is on its way: how many tags it sets, none for a read.
    InFlight(u64),
}

/// What the lane can do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Write,
    Read,
    Look,
}

/// The lane.
#[derive(Debug)]
pub(super) struct TagLane {
    template: TagTemplate,
    /// By place: one more than the version at the last complete visit; 0 before the first.
    models: Vec<u32>,
    assets: Vec<u32>,
    /// The next place to be looked at.
    cursor: TagPlace,
    rounds: Rounds,
    visits: Vec<Visit>,
    in_flight: BTreeMap<CallId, TagPlace>,
    next_call: u64,
    writes: Pace,
    reads: Pace,
    pauses: Pauses,
    turn: TurnWatch,
    outputs: VecDeque<Output>,
    figures: Figures,
}

impl TagLane {
    /// With nothing visited yet; its calls are counted from `first`, and `seed` is for the jitter of
    /// retries.
    pub(super) fn new(template: TagTemplate, first: u64, seed: u64) -> Self {
        Self {
            template,
            models: Vec::new(),
            assets: Vec::new(),
            cursor: TagPlace::Model(0),
            rounds: Rounds::new(),
            visits: Vec::new(),
            in_flight: BTreeMap::new(),
            next_call: first,
            writes: Pace::new(CALLS),
            reads: Pace::new(CALLS),
            pauses: Pauses::new(seed),
            turn: TurnWatch::new(),
            outputs: VecDeque::new(),
            figures: Figures::default(),
        }
    }

    pub(super) fn figures(&self) -> Figures {
        self.figures
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
            if at > now || step > Step::Write && self.turn.ask(plant, now) == Turn::Wait {
                return None;
            }
            match step {
                Step::Write => self.write(now),
                Step::Read => self.read(now),
                Step::Look => {
                    let visits = self.visits.len();
                    self.look(plant, now);
                    // What there is to look at may be much: others get their turn in between.
                    if self.visits.len() == visits && self.outputs.is_empty() {
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
        let Some(place) = self.in_flight.remove(&id) else { return };
        let Some(at) = self.visits.iter().position(|visit| visit.at == place) else { return };
        let mut visit = self.visits.swap_remove(at);
        let Stage::InFlight(sets) = visit.stage else { return };
        let operation = if sets > 0 { "TagResource" } else { "ListTagsForResource" };
        match answer {
            Ok(result) => {
                self.outputs.extend(self.pauses.succeeded(operation));
                self.succeeded(visit, sets, result, now);
            }
            Err(ApiFault { kind, message, .. }) => match kind {
                // It is gone, or not there yet: it is looked at again in the next round.
                ApiFaultKind::NotFound => {}
                ApiFaultKind::Invalid
                | ApiFaultKind::AlreadyExists
                | ApiFaultKind::Limit
                | ApiFaultKind::OutOfRange => {
                    let reason = format!("SiteWise rejected its tags: {message}");
                    self.tell(RemarkKind::Rejected, &visit.name, reason);
                    self.settle(visit.at, visit.version);
                }
                ApiFaultKind::Denied => {
                    self.outputs.extend(self.pauses.denied(operation, message, now));
                    self.read_again(visit);
                }
                ApiFaultKind::Throttled
                | ApiFaultKind::Busy
                | ApiFaultKind::Unavailable
                | ApiFaultKind::Conflict
                | ApiFaultKind::Changed
                | ApiFaultKind::Foreign => {
                    self.figures.failures += 1;
                    self.outputs.extend(self.pauses.failed(operation, message, now));
                    visit.failures += 1;
                    if visit.failures < FAILURES {
                        self.read_again(visit);
                    }
                }
            },
        }
    }

    fn succeeded(&mut self, mut visit: Visit, sets: u64, result: CallResult, now: Instant) {
        match result {
            // By the end of the pause somebody may have set something.
            CallResult::Tags(_) if self.pauses.until() > now => self.read_again(visit),
            CallResult::Tags(has) => {
                let missing = self.missing(&visit, &has);
                if missing.is_empty() {
                    self.settle(visit.at, visit.version);
                } else {
                    visit.stage = Stage::ToWrite(missing);
                    self.visits.push(visit);
                }
            }
            _ => {
                self.figures.tags += sets;
                self.settle(visit.at, visit.version);
            }
        }
    }

    /// The tags that a model or an asset lacks; whose value is another keeps it.
    fn missing(&mut self, visit: &Visit, has: &Tags) -> Tags {
        let mut missing = Tags::new();
        for (key, value) in &visit.wanted {
            match has.get(key) {
                None if has.len() + missing.len() < limits::TAGS_PER_RESOURCE => {
                    missing.insert(key.clone(), value.clone());
                }
                None => {
                    let most = limits::TAGS_PER_RESOURCE;
                    let reason =
                        format!("it does not get its tag `{key}`, since it has {most} with others");
                    self.tell(RemarkKind::TagsFull, &visit.name, reason);
                }
                Some(other) if other != value => {
                    let reason = format!(
                        "its tag `{key}` keeps the value `{other}`, and does not get `{value}`"
                    );
                    self.tell(RemarkKind::OtherTag, &visit.name, reason);
                }
                Some(_) => {}
            }
        }
        missing
    }

    fn tell(&mut self, kind: RemarkKind, name: &str, reason: String) {
        let property = name.to_owned();
        self.outputs.push_back(Output::Remark(Remark { kind, property, reason }));
    }

    /// The lane pauses: what was read by then is read again before it is written.
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
        let free = self.pauses.until();
        let turn = self.turn.not_before(free);
        let has = |is: fn(&Stage) -> bool| self.visits.iter().any(|visit| is(&visit.stage));
        let writes = has(|stage| matches!(stage, Stage::ToWrite(_)));
        let write = writes.then(|| free.max(self.writes.next()));
        let reads = has(|stage| matches!(stage, Stage::ToRead));
        let read = reads.then(|| turn.max(self.reads.next()));
        let begins = self.cursor == TagPlace::Model(0);
        let looks_at = if begins { self.rounds.next() } else { Instant::START };
        let look = (self.visits.len() < VISITS).then(|| turn.max(looks_at));
        let steps = [(write, Step::Write), (read, Step::Read), (look, Step::Look)];
        steps.into_iter().filter_map(|(at, step)| Some((at?, step))).min()
    }

    fn call(&mut self, at: TagPlace, call: ApiCall) {
        let id = CallId(self.next_call);
        self.next_call += 1;
        self.in_flight.insert(id, at);
        self.outputs.push_back(Output::Call(id, call));
    }

    fn write(&mut self, now: Instant) {
        for visit in &mut self.visits {
            let Stage::ToWrite(tags) = &mut visit.stage else { continue };
            let tags = std::mem::take(tags);
            visit.stage = Stage::InFlight(tags.len() as u64);
            let (at, resource) = (visit.at, visit.resource);
            self.writes.sent(now);
            return self.call(at, ApiCall::Tag(resource, tags));
        }
    }

    fn read(&mut self, now: Instant) {
        let mut visits = self.visits.iter_mut();
        let Some(visit) = visits.find(|visit| matches!(visit.stage, Stage::ToRead)) else { return };
        visit.stage = Stage::InFlight(0);
        let (at, resource) = (visit.at, visit.resource);
        self.reads.sent(now);
        self.call(at, ApiCall::ReadTags(resource));
    }

    /// Looks for models and assets to be visited: models first, since there are few.
    fn look(&mut self, plant: &impl Plant, now: Instant) {
        let (models, assets) = (plant.models(), plant.assets());
        for (settled, count) in [(&mut self.models, models), (&mut self.assets, assets)] {
            settled.resize(settled.len().max(count as usize), 0);
        }
        for _ in 0..PLACES_PER_STEP {
            if self.visits.len() >= VISITS {
                return;
            }
            let at = self.cursor;
            self.cursor = match at {
                TagPlace::Model(model) if model < models => TagPlace::Model(model + 1),
                TagPlace::Model(_) => {
                    self.cursor = TagPlace::Asset(0);
                    continue;
                }
                TagPlace::Asset(asset) if asset < assets => TagPlace::Asset(asset + 1),
                TagPlace::Asset(_) => {
                    self.cursor = TagPlace::Model(0);
                    self.rounds.end(now);
                    return;
                }
            };
            let is_visited = self.visits.iter().any(|visit| visit.at == at);
            match plant.tag_readiness(at) {
                Readiness::Ready(version)
                    if version.saturating_add(1) != self.settled(at) && !is_visited =>
                {
                    self.begin(at, version, plant.tag_subject(at));
                }
                Readiness::NotNow => self.rounds.leave(),
                Readiness::Ready(_) | Readiness::Never => {}
            }
        }
    }

    fn begin(&mut self, at: TagPlace, version: u32, subject: TagSubject) {
        let mut remarks = Vec::new();
        let wanted = self.template.of(&subject, &mut remarks);
        self.outputs.extend(remarks.into_iter().map(Output::Remark));
        if wanted.is_empty() {
            return self.settle(at, version);
        }
        let TagSubject { resource, name, .. } = subject;
        let (stage, failures) = (Stage::ToRead, 0);
        self.visits.push(Visit { at, version, resource, name, wanted, stage, failures });
    }

    fn settled(&self, at: TagPlace) -> u32 {
        let settled = match at {
            TagPlace::Model(at) => self.models.get(at as usize),
            TagPlace::Asset(at) => self.assets.get(at as usize),
        };
        settled.copied().unwrap_or_default()
    }

    fn settle(&mut self, at: TagPlace, version: u32) {
        let settled = match at {
            TagPlace::Model(at) => self.models.get_mut(at as usize),
            TagPlace::Asset(at) => self.assets.get_mut(at as usize),
        };
        if let Some(settled) = settled
            && std::mem::replace(settled, version.saturating_add(1)) == 0
        {
            self.figures.tagged += 1;
        }
    }
}
