//! The lane of properties and the lane of tags, behind one interface.

use std::collections::VecDeque;

use uuid::Uuid;

use super::lane::PropertyLane;
use super::tag_lane::TagLane;
use super::{Config, Figures, Measurement, Output, Plant, Remark, RemarkKind};
use crate::sitewise::api::ApiFault;
use crate::time::Instant;
use crate::twin::plan::api_call::{CallId, CallResult};

/// Ids of calls of the lane of properties begin here: the plan counts its own from 0.
const FIRST_CALL: u64 = 1 << 62;
/// Ids of calls of the lane of tags begin here.
const FIRST_TAG_CALL: u64 = FIRST_CALL | 1 << 61;
/// Latest remarks that are kept for the console.
const MAX_REMARKS: usize = 1_000;

/// The lanes of labels.
///
/// After each `handle_*` the caller drains [`poll_output`](Self::poll_output), which is also due at
/// [`poll_timeout`](Self::poll_timeout).
#[derive(Debug)]
pub struct Labels {
    config: Config,
    /// None if neither aliases nor notifications are configured.
    properties: Option<PropertyLane>,
    /// None if no tags are configured.
    tags: Option<TagLane>,
    remarks: VecDeque<Remark>,
    remark_counts: [u64; RemarkKind::ALL.len()],
}

impl Labels {
    /// With nothing visited yet; `seed` is for the jitter of retries.
    pub fn new(config: Config, seed: u64) -> Self {
        let of_properties = config.has_property_labels();
        Self {
            properties: of_properties.then(|| PropertyLane::new(config.clone(), FIRST_CALL, seed)),
            tags: config
                .tags
                .clone()
                .map(|tags| TagLane::new(tags, FIRST_TAG_CALL, seed.wrapping_add(1))),
            config,
            remarks: VecDeque::new(),
            remark_counts: [0; RemarkKind::ALL.len()],
        }
    }

    /// The labels that are configured.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Counters since the start.
    pub fn figures(&self) -> Figures {
        let of_properties = self.properties.as_ref().map(PropertyLane::figures).unwrap_or_default();
        let of_tags = self.tags.as_ref().map(TagLane::figures).unwrap_or_default();
        Figures {
            tags: of_tags.tags,
            settled_tags: of_tags.settled_tags,
            failures: of_properties.failures + of_tags.failures,
            remarks: self.remark_counts,
            ..of_properties
        }
    }

    /// The latest thousand remarks, the latest first.
    pub fn remarks(&self) -> impl Iterator<Item = &Remark> {
        self.remarks.iter().rev()
    }

    /// What SiteWise has in place of a property's desired alias, as far as it is known: another alias, or
    /// none since something else has the desired one. None if the property has its desired alias, or
    /// will get it.
    pub fn kept_alias(&self, asset: Uuid, property: Uuid) -> Option<Option<&str>> {
        self.properties.as_ref()?.kept().of(asset, property)
    }

    /// The asset and the property that have this alias in place of their desired one.
    pub fn holder(&self, alias: &str) -> Option<(Uuid, Uuid)> {
        self.properties.as_ref()?.kept().holder(alias)
    }

    /// Whether a call is one of the lanes'.
    pub fn owns(id: CallId) -> bool {
        id.0 >= FIRST_CALL
    }

    /// The assets that are being visited: nobody else may write their properties.
    pub fn visited(&self) -> impl Iterator<Item = u32> + '_ {
        self.properties.iter().flat_map(PropertyLane::visited)
    }

    /// The process is about to stop: nothing more is read, but what was just read is still written.
    pub fn handle_stop(&mut self) {
        if let Some(lane) = &mut self.properties {
            lane.handle_stop();
        }
        if let Some(lane) = &mut self.tags {
            lane.handle_stop();
        }
    }

    /// Whether another bridge acts: no call is made then, and what was read is read again before it
    /// is written.
    pub fn handle_hold(&mut self, held: bool) {
        if let Some(lane) = &mut self.properties {
            lane.handle_hold(held);
        }
        if let Some(lane) = &mut self.tags {
            lane.handle_hold(held);
        }
    }

    /// When there may be an output.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let of_properties = self.properties.as_ref().and_then(PropertyLane::poll_timeout);
        let of_tags = self.tags.as_ref().and_then(TagLane::poll_timeout);
        [of_properties, of_tags].into_iter().flatten().min()
    }

    /// The next output.
    pub fn poll_output(&mut self, plant: &impl Plant, now: Instant) -> Option<Output> {
        let Self { properties, tags, config, .. } = self;
        let mut output = properties
            .as_mut()
            .and_then(|lane| lane.poll_output(plant, now))
            .or_else(|| tags.as_mut()?.poll_output(plant, now))?;
        if let Output::Remark(remark) = &mut output {
            name_holder(remark, config, plant);
            self.remember(remark.clone());
        }
        Some(output)
    }

    /// Handles the result of one of the lanes' calls.
    pub fn handle_result(
        &mut self,
        id: CallId,
        answer: Result<CallResult, ApiFault>,
        now: Instant,
    ) {
        match (&mut self.properties, &mut self.tags) {
            (_, Some(lane)) if id.0 >= FIRST_TAG_CALL => lane.handle_result(id, answer, now),
            (Some(lane), _) => lane.handle_result(id, answer, now),
            (None, _) => {}
        }
    }

    fn remember(&mut self, remark: Remark) {
        let index = RemarkKind::ALL.iter().position(|kind| *kind == remark.kind);
        if let Some(count) = index.and_then(|at| self.remark_counts.get_mut(at)) {
            *count += 1;
        }
        if self.remarks.len() >= MAX_REMARKS {
            self.remarks.pop_front();
        }
        self.remarks.push_back(remark);
    }
}

/// Says of an alias that is taken which other property of the plant `TWIN_ALIASES` gives the same one: names
/// with slashes can cause that. Of what else may have it, SiteWise says nothing.
fn name_holder(remark: &mut Remark, config: &Config, plant: &impl Plant) {
    let (Some(alias), Some(template), Some(wants)) = (&remark.taken, &config.aliases, remark.ids)
    else {
        return;
    };
    let Some(address) = template.address(alias) else { return };
    for subject in plant.assets_at(&address).into_iter().map(|asset| plant.subject(asset)) {
        let gets_it = |of: &&Measurement| {
            let its = template.alias(&subject.place, &of.name);
            // Assets of one model share the ids of properties.
            (subject.id, of.id) != wants && its.is_ok_and(|its| *its == **alias)
        };
        if let Some(of) = subject.properties.iter().find(gets_it) {
            remark.reason += &format!(
                "; TWIN_ALIASES gives it to property {} of asset {} as well",
                of.id, subject.id
            );
            return;
        }
    }
}
