//! Units of an asset's properties that differ from their model's: set on the asset.
//!
//! UpdateAssetProperty overwrites the alias and the notification as well, so that each property
//! is read first, and what was read goes back with it. The lane is slow: nothing waits for it.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::lanes::Lane;
use super::needs::after;
use super::state::{AssetStage, Tries};
use super::step::{Done, Step};
use super::{AFTER_REFUSAL, Job, Next, On, Plan};
use crate::sitewise::api::{AssetProperty, Fault, FaultKind, Page, UpdateProperty};
use crate::time::Instant;
use crate::twin::assets::{AssetIx, Assets};
use crate::twin::models::{ModelIx, Models, PropertyIx};

/// What somebody has to do where it is refused.
const REMEDY: &str = "allow the bridge iotsitewise:DescribeAssetProperty and \
                      iotsitewise:UpdateAssetProperty";
/// What somebody has to do where reading is.
const READ_REMEDY: &str = "allow the bridge iotsitewise:ListAssetProperties";
/// The subject under which people find that.
const READ_SUBJECT: &str = "read the units of assets";

/// How often the units of an asset are read in vain, for a reason that does not pass by itself,
/// before its model's are assumed.
pub(super) const READS: u32 = 5;

/// How far an asset's own unit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitStanding {
    /// Not set yet: the asset shows its model's.
    Wanted,
    /// As it should be.
    Done,
    /// SiteWise rejected it; tried again later.
    Refused,
}

/// The units that are wanted, and when the lane may go on.
#[derive(Debug, Default)]
pub(super) struct Units {
    wanted: BTreeMap<(AssetIx, PropertyIx), Unit>,
    /// Assets of which another process may have set units, and the properties whose unit should
    /// be their model's.
    doubted: BTreeMap<AssetIx, Doubt>,
    /// Denied once, nothing is asked until then.
    rest: Instant,
    /// The same for reading what is doubted.
    reads_rest: Instant,
}

#[derive(Debug)]
struct Doubt {
    of: Vec<PropertyIx>,
    /// The page that comes next.
    token: Option<String>,
    tries: Tries,
}

#[derive(Debug)]
struct Unit {
    /// None: the model's.
    unit: Option<Box<str>>,
    stage: Stage,
    refused: bool,
    tries: Tries,
}

#[derive(Debug)]
enum Stage {
    /// To be read.
    Unknown,
    /// To be written, with what was read.
    Other(AssetProperty),
    Done,
}

impl Plan {
    /// What the unit of an asset's property should be, where that is not its model's; none for
    /// the model's again.
    pub fn unit_wanted(&mut self, asset: AssetIx, property: PropertyIx, unit: Option<Box<str>>) {
        let wanted = &mut self.units.wanted;
        if wanted.get(&(asset, property)).is_some_and(|had| had.unit == unit) {
            return;
        }
        let (stage, tries) = (Stage::Unknown, Tries::default());
        wanted.insert((asset, property), Unit { unit, stage, refused: false, tries });
        self.touch(Job::Unit(asset, property));
    }

    /// An asset that SiteWise had at the start should have its model's units for these properties:
    /// an earlier process may have given it others.
    pub fn units_doubted(&mut self, asset: AssetIx, of: Vec<PropertyIx>) {
        let (token, tries) = (None, Tries::default());
        self.units.doubted.insert(asset, Doubt { of, token, tries });
        self.touch(Job::Units(asset));
    }

    pub(super) fn next_of_units(&self, asset: AssetIx, now: Instant) -> Next {
        let Some(Doubt { tries, .. }) = self.units.doubted.get(&asset) else {
            return Next::Nothing;
        };
        if self.units.reads_rest > now {
            return Next::At(self.units.reads_rest);
        }
        match self.assets.get(asset.0 as usize).map(|state| state.stage) {
            Some(AssetStage::Active) => after(tries, now, Lane::ReadUnits),
            _ => Next::Wait(On::Asset(asset)),
        }
    }

    pub(super) fn read_units(&self, asset: AssetIx, assets: &Assets) -> Option<Step> {
        let doubt = self.units.doubted.get(&asset)?;
        Some(Step::ReadUnits(assets.get(asset).id, doubt.token.clone()))
    }

    pub(super) fn units_read(
        &mut self,
        asset: AssetIx,
        answer: Result<Done, Fault>,
        models: &Models,
        assets: &Assets,
        now: Instant,
    ) {
        let Some(mut doubt) = self.units.doubted.remove(&asset) else { return };
        let of = assets.get(asset);
        let subject = || format!("units of {}", of.address);
        let fault = match answer {
            Ok(Done::Units(Page { items, next })) => {
                let model = models.get(of.model);
                let shown: FxHashMap<_, _> = items.into_iter().collect();
                for property in &doubt.of {
                    let Some(has) = model.properties.get(property.0 as usize) else { continue };
                    let shown = shown.get(&has.id);
                    let own = self.units.wanted.contains_key(&(asset, *property));
                    if !own && shown.is_some_and(|unit| unit.as_deref() != has.unit.as_deref()) {
                        self.unit_wanted(asset, *property, has.unit.clone());
                    }
                }
                self.problems.remove(READ_SUBJECT);
                self.problems.remove(&subject());
                if next.is_some() {
                    (doubt.token, doubt.tries) = (next, Tries::default());
                    self.units.doubted.insert(asset, doubt);
                }
                return;
            }
            Ok(_) => return,
            Err(fault) => fault,
        };
        let count = doubt.tries.count;
        match fault.kind {
            // What is made in its place has its model's.
            FaultKind::NotFound => return,
            FaultKind::Denied => {
                self.units.reads_rest = now + AFTER_REFUSAL;
                doubt.tries.at = self.units.reads_rest;
                self.problem(READ_SUBJECT.into(), format!("{}; {READ_REMEDY}", fault.message));
            }
            FaultKind::Throttled
            | FaultKind::Busy
            | FaultKind::Unavailable
            | FaultKind::Foreign => {
                doubt.tries = self.again(Tries { count, at: now }, now);
            }
            FaultKind::Invalid
            | FaultKind::OutOfRange
            | FaultKind::Limit
            | FaultKind::AlreadyExists
            | FaultKind::Conflict
            | FaultKind::Changed => {
                // A page of an earlier list may be none of this one.
                doubt.token = None;
                doubt.tries = self.again(Tries { count, at: now }, now);
                self.problem(subject(), fault.message);
                if count + 1 >= READS {
                    return;
                }
            }
        }
        self.units.doubted.insert(asset, doubt);
    }

    /// How far it is; none where the model's unit is the asset's.
    pub fn unit_standing(&self, asset: AssetIx, property: PropertyIx) -> Option<UnitStanding> {
        let unit = self.units.wanted.get(&(asset, property))?;
        Some(match unit.stage {
            Stage::Done => UnitStanding::Done,
            Stage::Unknown | Stage::Other(_) if unit.refused => UnitStanding::Refused,
            Stage::Unknown | Stage::Other(_) => UnitStanding::Wanted,
        })
    }

    pub(super) fn next_of_unit(
        &self,
        (asset, property): (AssetIx, PropertyIx),
        models: &Models,
        assets: &Assets,
        now: Instant,
    ) -> Next {
        let Some(unit) = self.units.wanted.get(&(asset, property)) else {
            return Next::Nothing;
        };
        if matches!(unit.stage, Stage::Done) {
            return Next::Nothing;
        }
        if self.units.rest > now {
            return Next::At(self.units.rest);
        }
        let there = self.assets.get(asset.0 as usize).map(|state| state.stage);
        let model = assets.get(asset).model;
        if there != Some(AssetStage::Active) {
            Next::Wait(On::Asset(asset))
        } else if !self.has_property(model, property, models) {
            Next::Wait(On::Model(model))
        } else {
            after(&unit.tries, now, Lane::Unit)
        }
    }

    fn has_property(&self, model: ModelIx, property: PropertyIx, models: &Models) -> bool {
        let place = property.0 as usize;
        let wanted = models.get(model).properties.get(place).map(|property| property.id);
        self.models.get(model.0 as usize).is_some_and(|state| {
            place < state.complete || wanted.is_some_and(|id| state.properties.contains(&id))
        })
    }

    pub(super) fn write_unit(
        &self,
        (asset, property): (AssetIx, PropertyIx),
        models: &Models,
        assets: &Assets,
    ) -> Option<Step> {
        let unit = self.units.wanted.get(&(asset, property))?;
        let of = assets.get(asset);
        let (asset, property) = (of.id, models.get(of.model).property_id(property));
        match &unit.stage {
            Stage::Unknown => Some(Step::DescribeProperty { asset, property }),
            Stage::Other(AssetProperty { alias, notification, .. }) => {
                Some(Step::UpdateProperty(UpdateProperty {
                    asset,
                    property,
                    alias: alias.clone(),
                    notification: *notification,
                    unit: unit.unit.as_deref().map(str::to_owned),
                }))
            }
            Stage::Done => None,
        }
    }

    pub(super) fn unit_answered(
        &mut self,
        (asset, property): (AssetIx, PropertyIx),
        answer: Result<Done, Fault>,
        models: &Models,
        assets: &Assets,
        now: Instant,
    ) {
        let of = assets.get(asset);
        let Some(of_model) = models.get(of.model).properties.get(property.0 as usize) else {
            return;
        };
        let subject = format!("unit of {}/{}", of.address, of_model.name);
        let Some(unit) = self.units.wanted.get_mut(&(asset, property)) else {
            return;
        };
        let fault = match (answer, &unit.stage) {
            (Ok(Done::Property(read)), Stage::Unknown) => {
                let wanted = unit.unit.as_deref().or(of_model.unit.as_deref());
                unit.tries = Tries::default();
                if read.unit.as_deref() == wanted {
                    unit.stage = Stage::Done;
                    self.problems.remove(&subject);
                } else {
                    unit.stage = Stage::Other(read);
                }
                return;
            }
            (Ok(Done::Accepted), Stage::Other(_)) => {
                unit.stage = Stage::Done;
                self.figures.units_set += 1;
                self.problems.remove(&subject);
                return;
            }
            // Another was wanted meanwhile: it is read again.
            (Ok(_), _) => return,
            (Err(fault), _) => fault,
        };
        // Whatever is written then is what is read then.
        unit.stage = Stage::Unknown;
        let (shown, count) = (of_model.unit.as_deref().unwrap_or("none"), unit.tries.count);
        let meant = unit.unit.as_deref().unwrap_or(shown);
        let reason = format!("it should be {meant}, SiteWise shows {shown}: {}", fault.message);
        let refusal = Tries { count: 0, at: now + AFTER_REFUSAL };
        let (refused, tries, reason) = match fault.kind {
            FaultKind::Denied => {
                self.units.rest = refusal.at;
                (true, refusal, format!("{reason}; {REMEDY}"))
            }
            FaultKind::Invalid
            | FaultKind::OutOfRange
            | FaultKind::Limit
            | FaultKind::AlreadyExists => (true, refusal, reason),
            FaultKind::Throttled
            | FaultKind::Busy
            | FaultKind::Unavailable
            | FaultKind::Conflict
            | FaultKind::Changed
            | FaultKind::Foreign
            | FaultKind::NotFound => {
                let refused = unit.refused;
                (refused, self.again(Tries { count, at: now }, now), reason)
            }
        };
        if let Some(unit) = self.units.wanted.get_mut(&(asset, property)) {
            unit.refused = refused;
            unit.tries = tries;
        }
        self.problem(subject, reason);
    }

    /// An asset is gone: what is made in its place has its model's units.
    pub(super) fn forget_units(&mut self, asset: AssetIx) {
        let all = (asset, PropertyIx(0))..=(asset, PropertyIx(u32::MAX));
        let mut again = Vec::new();
        for (of, unit) in self.units.wanted.range_mut(all) {
            unit.stage = Stage::Unknown;
            again.push(*of);
        }
        for (asset, property) in again {
            self.touch(Job::Unit(asset, property));
        }
    }

    /// Whether the next call writes what was just read: nothing goes in between.
    pub(super) fn has_read_unit(&self, asset: AssetIx, property: PropertyIx) -> bool {
        let unit = self.units.wanted.get(&(asset, property));
        unit.is_some_and(|unit| matches!(unit.stage, Stage::Other(_)))
    }
}
