//! What the lanes would do for a plant, for `sparkwise plan`: at most, since what SiteWise has already is
//! not read for it.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use rustc_hash::{FxHashMap, FxHasher};

use super::lane::{READS, UPDATES};
use super::visit::Visit;
use super::{Config, Plant, Readiness, Remark, RemarkKind, TagPlace, TagTemplate, tag_lane};
use crate::sitewise::limits;

/// Remarks that are kept.
const REMARKS: usize = 100;

/// What would be set, and how long that takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSurvey {
    /// Assets that are read for it.
    pub assets: u64,
    /// Aliases.
    pub aliases: u64,
    /// Notifications.
    pub notifications: u64,
    /// Properties that get one or both: two calls each.
    pub properties: u64,
    /// Pages of properties that are read.
    pub pages: u64,
    /// Models and assets that get tags: two calls each.
    pub tagged: u64,
    /// What would be left as it is, as far as the plant shows it; a hundred at most.
    pub remarks: Vec<Remark>,
    /// How many there are.
    pub all_remarks: u64,
}

impl LabelSurvey {
    /// Of all models and assets that are there.
    pub fn of(config: &Config, plant: &impl Plant) -> Self {
        let mut survey = Self::default();
        if config.is_of_properties() {
            survey.see_properties(config, plant);
        }
        if let Some(template) = &config.tags {
            survey.see_tags(template, plant);
        }
        survey
    }

    fn see_tags(&mut self, template: &TagTemplate, plant: &impl Plant) {
        let models = (0..plant.models()).map(TagPlace::Model);
        for at in models.chain((0..plant.assets()).map(TagPlace::Asset)) {
            if let Readiness::Ready(_) = plant.tag_readiness(at) {
                let mut remarks = Vec::new();
                let tags = template.of(&plant.tag_subject(at), &mut remarks);
                self.tagged += u64::from(!tags.is_empty());
                self.note(remarks);
            }
        }
    }

    fn see_properties(&mut self, config: &Config, plant: &impl Plant) {
        // By a hash of each alias: a plant may have a million.
        let mut owners: FxHashMap<u64, u32> = FxHashMap::default();
        for asset in 0..plant.assets() {
            if !matches!(plant.readiness(asset), Readiness::Ready(_)) {
                continue;
            }
            let subject = plant.subject(asset);
            let pages = subject.properties.len().div_ceil(limits::PAGE_ITEMS as usize) as u64;
            let mut remarks = Vec::new();
            let visit = Visit::begin(asset, 0, subject, config, &mut remarks);
            for (property, alias, notify) in visit.wanted() {
                self.properties += 1;
                self.notifications += u64::from(notify);
                let Some(alias) = alias else { continue };
                self.aliases += 1;
                let mut hash = FxHasher::default();
                alias.hash(&mut hash);
                if let Some(other) = owners.insert(hash.finish(), asset) {
                    let other = plant.subject(other).place.address("");
                    let reason = format!(
                        "its alias `{alias}` is also that of a property of {}: only the first that is \
                         set has it",
                        other.trim_end_matches('/')
                    );
                    remarks.push(Remark { kind: RemarkKind::AliasTaken, property, reason });
                }
            }
            self.assets += u64::from(!visit.is_over());
            self.pages += if visit.is_over() { 0 } else { pages };
            self.note(remarks);
        }
    }

    fn note(&mut self, remarks: Vec<Remark>) {
        self.all_remarks += remarks.len() as u64;
        let room = REMARKS.saturating_sub(self.remarks.len());
        self.remarks.extend(remarks.into_iter().take(room));
    }

    /// Calls for tags.
    pub fn tag_calls(&self) -> u64 {
        2 * self.tagged
    }

    /// How long tags take at their lane's pace, beside the others.
    pub fn tags_take(&self) -> Duration {
        Duration::from_secs_f64(self.tagged as f64 / f64::from(tag_lane::CALLS))
    }

    /// Calls for aliases and notifications.
    pub fn calls(&self) -> u64 {
        self.pages + 2 * self.properties
    }

    /// How long these take at the lane's pace, where nothing else has work.
    pub fn takes(&self) -> Duration {
        let seconds = |calls: u64, each: u32| calls as f64 / f64::from(each);
        let slower = seconds(self.properties, UPDATES).max(seconds(self.pages, READS));
        Duration::from_secs_f64(slower)
    }
}
