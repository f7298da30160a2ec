//! What the lanes would set, for `sparkwise plan`: an upper bound, since it is not read what SiteWise
//! has already.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use rustc_hash::{FxHashMap, FxHasher};

use super::lane::{READS, UPDATES};
use super::visit::{PropertyLabels, Visit};
use super::{
    Config, Measurement, Plant, Readiness, Remark, RemarkKind, Subject, TagTarget, TagTemplate,
    tag_lane,
};
use crate::sitewise::limits;

/// Remarks that are kept; further ones are only counted.
const MAX_REMARKS: usize = 100;

/// What the lanes would set, and how long that takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSurvey {
    /// Assets whose properties would be listed.
    pub assets: u64,
    /// Aliases to be set.
    pub aliases: u64,
    /// Notifications to be switched on.
    pub notifications: u64,
    /// Properties that get an alias, a notification or both: two calls each.
    pub properties: u64,
    /// Pages of properties to be listed.
    pub pages: u64,
    /// Models and assets that get tags: two calls each.
    pub tagged: u64,
    /// The first hundred labels that could not be set, as far as that shows without SiteWise.
    pub remarks: Vec<Remark>,
    /// Number of all labels that could not be set.
    pub remark_count: u64,
}

impl LabelSurvey {
    /// Surveys all models and assets of the plant.
    pub fn of(config: &Config, plant: &impl Plant) -> Self {
        let mut survey = Self::default();
        if config.has_property_labels() {
            survey.survey_properties(config, plant);
        }
        if let Some(template) = &config.tags {
            survey.survey_tags(template, plant);
        }
        survey
    }

    fn survey_tags(&mut self, template: &TagTemplate, plant: &impl Plant) {
        let models = (0..plant.models()).map(TagTarget::Model);
        for at in models.chain((0..plant.assets()).map(TagTarget::Asset)) {
            if let Readiness::Ready(_) = plant.tag_readiness(at) {
                let mut remarks = Vec::new();
                let tags = template.of(&plant.tag_subject(at), &mut remarks);
                self.tagged += u64::from(!tags.is_empty());
                self.add_remarks(remarks);
            }
        }
    }

    fn survey_properties(&mut self, config: &Config, plant: &impl Plant) {
        // Keyed by a hash, to save memory: a plant may have a million aliases.
        let mut asset_by_alias: FxHashMap<u64, u32> = FxHashMap::default();
        for asset in 0..plant.assets() {
            if !matches!(plant.readiness(asset), Readiness::Ready(_)) {
                continue;
            }
            let subject = plant.subject(asset);
            let pages = subject.properties.len().div_ceil(limits::PAGE_ITEMS as usize) as u64;
            let mut remarks = Vec::new();
            let visit = Visit::begin(asset, 0, subject, config, &mut remarks);
            for PropertyLabels { address, alias, notify, property } in visit.desired() {
                self.properties += 1;
                self.notifications += u64::from(notify);
                let Some(alias) = alias else { continue };
                self.aliases += 1;
                let mut hash = FxHasher::default();
                alias.hash(&mut hash);
                if let Some(other) = asset_by_alias.insert(hash.finish(), asset) {
                    let reason = format!(
                        "property {property} of asset {} has the same alias `{alias}` as {}: only the \
                         first one gets it",
                        visit.id,
                        whose(alias, config, &plant.subject(other))
                    );
                    let ids = Some((visit.id, property));
                    let remark = Remark::new(RemarkKind::AliasTaken, address, reason);
                    remarks.push(Remark { ids, ..remark });
                }
            }
            self.assets += u64::from(!visit.is_over());
            self.pages += if visit.is_over() { 0 } else { pages };
            self.add_remarks(remarks);
        }
    }

    fn add_remarks(&mut self, remarks: Vec<Remark>) {
        self.remark_count += remarks.len() as u64;
        let room = MAX_REMARKS.saturating_sub(self.remarks.len());
        self.remarks.extend(remarks.into_iter().take(room));
    }

    /// Number of calls for tags.
    pub fn tag_calls(&self) -> u64 {
        2 * self.tagged
    }

    /// How long the lane of tags takes at its rate limit. Both lanes run at the same time.
    pub fn tag_duration(&self) -> Duration {
        Duration::from_secs_f64(self.tagged as f64 / f64::from(tag_lane::CALLS))
    }

    /// Number of calls for aliases and notifications.
    pub fn property_calls(&self) -> u64 {
        self.pages + 2 * self.properties
    }

    /// How long the lane of properties takes at its rate limits, if nothing else has work.
    pub fn property_duration(&self) -> Duration {
        let seconds = |calls: u64, per_second: u32| calls as f64 / f64::from(per_second);
        let slower = seconds(self.properties, UPDATES).max(seconds(self.pages, READS));
        Duration::from_secs_f64(slower)
    }
}

/// The property of `subject` that gets `alias`, by its ids.
fn whose(alias: &str, config: &Config, subject: &Subject) -> String {
    let gets_it = |of: &&Measurement| {
        let template = config.aliases.as_ref();
        template.and_then(|of_all| of_all.alias(&subject.place, &of.name).ok()).as_deref()
            == Some(alias)
    };
    let (address, asset) = (subject.place.address(""), subject.id);
    match subject.properties.iter().find(gets_it) {
        Some(of) => format!("property {} of asset {asset}", of.id),
        None => format!("a property of {} (asset {asset})", address.trim_end_matches('/')),
    }
}
