//! The lane against a SiteWise in memory, in simulated time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::*;
use crate::sitewise::api::{
    ApiFault, ApiFaultKind, AssetProperty, NotificationState, Page, UpdateProperty,
};
use crate::sitewise::limits;
use crate::sitewise::tags::{Taggable, Tags};
use crate::time::Instant;
use crate::twin::plan::api_call::{ApiCall, CallId, CallResult};

mod calls;
mod million;
mod tags;

const SECOND: Duration = Duration::from_secs(1);
const MODEL: Uuid = Uuid::from_u128(3 << 64);
const TEMPLATE: &str = "/{group}/{node}/{device}/{asset}/{member}";

fn aliases() -> Config {
    Config { aliases: Some(AliasTemplate::parse(TEMPLATE).unwrap()), ..Config::default() }
}

fn notify(globs: &str) -> Config {
    Config { notify: Some(Globs::parse(globs).unwrap()), ..Config::default() }
}

fn asset_id(asset: u32) -> Uuid {
    Uuid::from_u128(1 << 64 | u128::from(asset))
}

fn property_id(property: u32) -> Uuid {
    Uuid::from_u128(2 << 64 | u128::from(property))
}

fn number(id: Uuid) -> u32 {
    id.as_u128() as u32
}

fn alias_of(asset: u32, property: u32) -> String {
    format!("/Nordsee/gw/T{asset}/p{property}")
}

/// What SiteWise has of properties, and what it was asked.
#[derive(Debug, Default)]
struct SiteWise {
    /// Properties of each asset.
    each: u32,
    /// What properties have beyond nothing.
    has: BTreeMap<(u32, u32), AssetProperty>,
    /// Aliases of data streams without an asset.
    streams: BTreeSet<String>,
    /// Updates in their order.
    updates: Vec<UpdateProperty>,
    /// Calls by their operation.
    calls: BTreeMap<&'static str, usize>,
    /// Assets that are gone.
    gone: BTreeSet<u32>,
    /// What models and assets are tagged with.
    tags: BTreeMap<Taggable, Tags>,
    /// Keys of tags in the order in which they were put on.
    tagged: Vec<(Taggable, String)>,
}

impl SiteWise {
    fn property(&self, asset: u32, property: u32) -> AssetProperty {
        self.has.get(&(asset, property)).cloned().unwrap_or(AssetProperty {
            alias: None,
            notification: NotificationState::Disabled,
            unit: None,
        })
    }

    fn call(&mut self, call: &ApiCall) -> Result<CallResult, ApiFault> {
        *self.calls.entry(call.operation()).or_default() += 1;
        match call {
            ApiCall::ReadProperties(id, token) => {
                if self.gone.contains(&number(*id)) {
                    return Err(ApiFault::new(ApiFaultKind::NotFound, "asset"));
                }
                let from: u32 = token.as_deref().map_or(0, |token| token.parse().unwrap());
                let end = (from + limits::PAGE_ITEMS as u32).min(self.each);
                let one = |at| (property_id(at), self.property(number(*id), at));
                Ok(CallResult::Properties(Page {
                    items: (from..end).map(one).collect(),
                    next: (end < self.each).then(|| end.to_string()),
                }))
            }
            ApiCall::DescribeProperty { asset, property } => {
                Ok(CallResult::Property(self.property(number(*asset), number(*property))))
            }
            ApiCall::UpdateProperty(update) => {
                let at = (number(update.asset), number(update.property));
                if let Some(alias) = &update.alias
                    && (self.streams.contains(alias)
                        || self
                            .has
                            .iter()
                            .any(|(of, has)| *of != at && has.alias.as_deref() == Some(alias)))
                {
                    let said = format!("Given alias {alias} already in use by another property");
                    return Err(ApiFault::new(ApiFaultKind::Conflict, said));
                }
                self.updates.push(update.clone());
                let UpdateProperty { alias, notification, unit, .. } = update.clone();
                self.has.insert(at, AssetProperty { alias, notification, unit });
                Ok(CallResult::Accepted)
            }
            ApiCall::ReadTags(of) => {
                if matches!(of, Taggable::Asset(id) if self.gone.contains(&number(*id))) {
                    return Err(ApiFault::new(ApiFaultKind::NotFound, "asset"));
                }
                Ok(CallResult::Tags(self.tags.get(of).cloned().unwrap_or_default()))
            }
            ApiCall::Tag(of, tags) => {
                self.tagged.extend(tags.keys().map(|key| (*of, key.clone())));
                self.tags.entry(*of).or_default().extend(tags.clone());
                Ok(CallResult::Accepted)
            }
            other => panic!("{other}"),
        }
    }
}

/// A plant of turbines.
#[derive(Debug)]
struct Turbines {
    assets: u32,
    each: u32,
    not_now: BTreeSet<u32>,
    turn: Turn,
    /// How often assets were deleted and made again.
    deletions: u32,
    /// The unit that the model has for each property.
    unit: Option<&'static str>,
}

impl Turbines {
    fn new(assets: u32, each: u32) -> Self {
        Self { assets, each, not_now: BTreeSet::new(), turn: Turn::Go, deletions: 0, unit: None }
    }
}

impl Plant for Turbines {
    fn assets(&self) -> u32 {
        self.assets
    }

    fn readiness(&self, asset: u32) -> Readiness {
        match self.not_now.contains(&asset) {
            true => Readiness::NotNow,
            false => Readiness::Ready(self.each | self.deletions << 16),
        }
    }

    fn subject(&self, asset: u32) -> Subject {
        let [group, node, device] = ["Nordsee", "gw", ""].map(str::to_owned);
        let place = Place { group, node, device, asset: format!("T{asset}") };
        let one = |at| {
            let unit = self.unit.map(Into::into);
            Measurement { id: property_id(at), name: format!("p{at}"), unit }
        };
        let properties = (0..self.each).map(one).collect();
        Subject { id: asset_id(asset), place, model: "Turbine".to_owned(), properties }
    }

    fn models(&self) -> u32 {
        1
    }

    fn tag_readiness(&self, of: TagTarget) -> Readiness {
        match of {
            TagTarget::Asset(asset) if self.not_now.contains(&asset) => Readiness::NotNow,
            TagTarget::Asset(_) => Readiness::Ready(self.deletions),
            TagTarget::Model(_) => Readiness::Ready(0),
        }
    }

    fn tag_subject(&self, of: TagTarget) -> TagSubject {
        match of {
            TagTarget::Model(_) => TagSubject {
                resource: Taggable::Model(MODEL),
                name: "Turbine".to_owned(),
                place: Place::default(),
            },
            TagTarget::Asset(asset) => TagSubject {
                resource: Taggable::Asset(asset_id(asset)),
                name: format!("Nordsee/gw/T{asset}"),
                place: self.subject(asset).place,
            },
        }
    }

    fn turn(&self) -> Turn {
        self.turn
    }
}

/// The lane, the plant and SiteWise, whose answers take a while.
struct Rig {
    lane: Labels,
    plant: Turbines,
    sitewise: SiteWise,
    now: Instant,
    /// Answers on their way.
    answers: VecDeque<(Instant, CallId, Result<CallResult, ApiFault>)>,
    /// When each operation was called.
    times: BTreeMap<&'static str, Vec<Instant>>,
    reported: Vec<String>,
    /// Updates that are carried out, and whose answer is lost.
    lost_answers: usize,
}

impl Rig {
    fn new(config: Config, assets: u32, each: u32) -> Self {
        Self {
            lane: Labels::new(config, 1),
            plant: Turbines::new(assets, each),
            sitewise: SiteWise { each, ..SiteWise::default() },
            now: Instant::START,
            answers: VecDeque::new(),
            times: BTreeMap::new(),
            reported: Vec::new(),
            lost_answers: 0,
        }
    }

    /// The process is killed, and another begins: what is in flight was carried out, and its answers
    /// are lost.
    fn kill(&mut self) {
        self.lane = Labels::new(self.lane.config().clone(), 2);
        self.answers.clear();
    }

    fn pass(&mut self, duration: Duration) {
        self.pass_with(duration, &mut |_| None);
    }

    /// Lets time pass; `instead` may answer in SiteWise's place.
    fn pass_with(
        &mut self,
        duration: Duration,
        instead: &mut dyn FnMut(&ApiCall) -> Option<ApiFault>,
    ) {
        let end = self.now + duration;
        loop {
            while let Some(output) = self.lane.poll_output(&self.plant, self.now) {
                match output {
                    Output::Call(id, call) => {
                        assert!(Labels::owns(id));
                        self.times.entry(call.operation()).or_default().push(self.now);
                        let answer = match instead(&call) {
                            Some(fault) => Err(fault),
                            None => self.sitewise.call(&call),
                        };
                        let answer = match (call.is_write(), self.lost_answers) {
                            (true, 1..) => {
                                self.lost_answers -= 1;
                                Err(ApiFault::new(ApiFaultKind::Unavailable, "no answer"))
                            }
                            _ => answer,
                        };
                        self.answers.push_back((self.now + SECOND / 10, id, answer));
                    }
                    Output::Remark(remark) => {
                        self.reported.push(format!("{}: {remark}", remark.kind.name()));
                    }
                    Output::Denied { operation, message } => {
                        self.reported.push(format!("denied {operation}: {message}"));
                    }
                    Output::Failing { operation, message } => {
                        self.reported.push(format!("failing {operation}: {message}"));
                    }
                    Output::Allowed(operation) => {
                        self.reported.push(format!("allowed {operation}"))
                    }
                }
            }
            let next = self.answers.front().map(|(at, ..)| *at);
            let due = [next, self.lane.poll_timeout()].into_iter().flatten().min();
            match due {
                Some(due) if due <= end => self.now = self.now.max(due),
                _ => break,
            }
            while let Some((at, ..)) = self.answers.front()
                && *at <= self.now
                && let Some((_, id, answer)) = self.answers.pop_front()
            {
                self.lane.handle_result(id, answer, self.now);
            }
        }
        self.now = end;
    }

    fn count(&self, operation: &str) -> usize {
        self.sitewise.calls.get(operation).copied().unwrap_or_default()
    }

    /// The most calls of an operation within a second.
    fn most_in_a_second(&self, operation: &str) -> usize {
        let times = self.times.get(operation).map(Vec::as_slice).unwrap_or_default();
        let within = |first: usize| {
            let later = times[first..].iter();
            later.take_while(|time| time.since(times[first]) < SECOND).count()
        };
        (0..times.len()).map(within).max().unwrap_or_default()
    }
}
