//! What the lane would do for a plant, for `sparkwise plan`: at most, since what SiteWise has already is
//! not read for it.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use rustc_hash::{FxHashMap, FxHasher};

use super::lane::{READS, UPDATES};
use super::visit::Visit;
use super::{Config, Plant, Readiness, Remark, RemarkKind};
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
    /// What would be left as it is, as far as the plant shows it; a hundred at most.
    pub remarks: Vec<Remark>,
    /// How many there are.
    pub all_remarks: u64,
}

impl LabelSurvey {
    /// Of all assets that are there.
    pub fn of(config: &Config, plant: &impl Plant) -> Self {
        let mut survey = Self::default();
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
                survey.properties += 1;
                survey.notifications += u64::from(notify);
                let Some(alias) = alias else { continue };
                survey.aliases += 1;
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
            survey.assets += u64::from(!visit.is_over());
            survey.pages += if visit.is_over() { 0 } else { pages };
            survey.all_remarks += remarks.len() as u64;
            let room = REMARKS.saturating_sub(survey.remarks.len());
            survey.remarks.extend(remarks.into_iter().take(room));
        }
        survey
    }

    /// Calls that it takes.
    pub fn calls(&self) -> u64 {
        self.pages + 2 * self.properties
    }

    /// How long that takes at the lane's pace, where nothing else has work.
    pub fn takes(&self) -> Duration {
        let seconds = |calls: u64, each: u32| calls as f64 / f64::from(each);
        let slower = seconds(self.properties, UPDATES).max(seconds(self.pages, READS));
        Duration::from_secs_f64(slower)
    }
}
