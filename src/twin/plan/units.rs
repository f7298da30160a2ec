//! Units of an asset's properties that differ from their model's: set on the asset.
//!
//! UpdateAssetProperty overwrites the alias and the notification as well, so that each property
//! is read first, and what was read goes back with it. The lane is slow: nothing waits for it.

use std::collections::BTreeMap;
use std::time::Duration;

use rustc_hash::FxHashMap;

use super::api_call::{ApiCall, CallResult};
use super::lanes::CallLane;
use super::needs::not_before;
use super::state::{AssetStage, Backoff};
use super::{NextNeed, Plan, ProvisioningJob, RETRY_AFTER_REJECTION, WaitsFor, pages};
use crate::sitewise::api::{ApiFault, ApiFaultKind, AssetProperty, Page, UpdateProperty};
use crate::time::Instant;
use crate::twin::assets::{AssetIx, DesiredAssets};
use crate::twin::models::{DesiredModels, ModelIx, PropertyIx};

/// What somebody has to do where writing is denied.
const REMEDY: &str = "allow the bridge iotsitewise:DescribeAssetProperty and \
                      iotsitewise:UpdateAssetProperty";
/// What somebody has to do where reading is denied.
const READ_REMEDY: &str = "allow the bridge iotsitewise:ListAssetProperties";
/// The subject under which people find that.
const READ_SUBJECT: &str = "read the units of assets";

/// How long until it is checked again whether the lane of labels still writes an asset's properties.
const HELD: Duration = Duration::from_secs(1);

/// Failed reads of an asset's units after which its model's are assumed.
pub(super) const READS: u32 = 5;

/// Provisioning status of an asset's own unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitStatus {
    /// Not set yet: the asset shows its model's.
    Wanted,
    /// As it should be.
    Done,
    /// SiteWise rejected it; tried again later.
    Rejected,
}

/// The units that are wanted, and when the lane may go on.
#[derive(Debug, Default)]
pub(super) struct Units {
    pub(super) wanted: BTreeMap<(AssetIx, PropertyIx), DesiredUnit>,
    /// Assets of which another process may have set units, and the properties whose unit should
    /// be their model's.
    to_verify: BTreeMap<AssetIx, UnitVerification>,
    /// After an access denial no unit is written before this.
    write_paused_until: Instant,
    /// The same for reading units to verify them.
    read_paused_until: Instant,
    /// Assets whose properties others write.
    pub(super) held: Vec<AssetIx>,
    /// How often assets were found to be gone.
    pub(super) deletions: BTreeMap<AssetIx, u32>,
}

#[derive(Debug, Default)]
struct UnitVerification {
    properties: Vec<PropertyIx>,
    /// The page that comes next.
    token: Option<String>,
    /// Whether properties were added that may have been on an earlier page.
    starts_over: bool,
    tries: Backoff,
}

#[derive(Debug)]
pub(super) struct DesiredUnit {
    /// None: the model's.
    unit: Option<Box<str>>,
    pub(super) stage: UnitStage,
    rejected: bool,
    tries: Backoff,
}

#[derive(Debug)]
pub(super) enum UnitStage {
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
        let (stage, tries) = (UnitStage::Unknown, Backoff::default());
        wanted.insert((asset, property), DesiredUnit { unit, stage, rejected: false, tries });
        self.mark_dirty(ProvisioningJob::Unit(asset, property));
    }

    /// An asset that SiteWise had at the start should have its model's units for these properties:
    /// an earlier process may have given it others.
    pub fn verify_units(&mut self, asset: AssetIx, properties: Vec<PropertyIx>) {
        let verification = self.units.to_verify.entry(asset).or_default();
        // If the list is being read already, they may have been on an earlier page.
        verification.starts_over = !verification.properties.is_empty();
        verification.properties.extend(properties);
        self.mark_dirty(ProvisioningJob::Units(asset));
    }

    pub(super) fn next_of_units(&self, asset: AssetIx, now: Instant) -> NextNeed {
        let Some(UnitVerification { tries, .. }) = self.units.to_verify.get(&asset) else {
            return NextNeed::Nothing;
        };
        if self.units.read_paused_until > now {
            return NextNeed::At(self.units.read_paused_until);
        }
        match self.assets.get(asset.0 as usize).map(|state| state.stage) {
            Some(AssetStage::Active) => not_before(tries, now, CallLane::ReadUnits),
            _ => NextNeed::Wait(WaitsFor::Asset(asset)),
        }
    }

    pub(super) fn units_call(&self, asset: AssetIx, assets: &DesiredAssets) -> Option<ApiCall> {
        let doubt = self.units.to_verify.get(&asset)?;
        Some(ApiCall::ReadProperties(assets.get(asset).id, doubt.token.clone()))
    }

    pub(super) fn handle_units_result(
        &mut self,
        asset: AssetIx,
        answer: Result<CallResult, ApiFault>,
        models: &DesiredModels,
        assets: &DesiredAssets,
        now: Instant,
    ) {
        let Some(mut verification) = self.units.to_verify.remove(&asset) else { return };
        let of = assets.get(asset);
        let subject = || format!("units of {}", of.address);
        let fault = match pages::checked(answer, verification.token.as_deref()) {
            Ok(CallResult::Properties(Page { items, next })) => {
                let model = models.get(of.model);
                let shown: FxHashMap<_, _> = items.into_iter().collect();
                for property in &verification.properties {
                    let Some(property_of_model) = model.properties.get(property.0 as usize) else {
                        continue;
                    };
                    let shown = shown.get(&property_of_model.id);
                    let has_own_unit = self.units.wanted.contains_key(&(asset, *property));
                    if !has_own_unit
                        && shown.is_some_and(|shown| {
                            shown.unit.as_deref() != property_of_model.unit.as_deref()
                        })
                    {
                        self.unit_wanted(asset, *property, property_of_model.unit.clone());
                    }
                }
                self.problems.remove(READ_SUBJECT);
                self.problems.remove(&subject());
                let starts_over = std::mem::take(&mut verification.starts_over);
                if starts_over || next.is_some() {
                    verification.token = next.filter(|_| !starts_over);
                    verification.tries = Backoff::default();
                    self.units.to_verify.insert(asset, verification);
                }
                return;
            }
            Ok(_) => return,
            Err(fault) => fault,
        };
        let count = verification.tries.count;
        match fault.kind {
            // What is made in the place of one that is gone has its model's.
            ApiFaultKind::NotFound => {
                self.problems.remove(READ_SUBJECT);
                self.problems.remove(&subject());
                verification.token = None;
                verification.tries = self.backoff_slow(Backoff { count, at: now }, now);
                self.recheck_asset(asset, now);
            }
            ApiFaultKind::Denied => {
                self.units.read_paused_until = now + RETRY_AFTER_REJECTION;
                verification.tries.at = self.units.read_paused_until;
                let why = format!("of {}: {}; {READ_REMEDY}", of.address, fault.message);
                self.add_problem(READ_SUBJECT.into(), why);
            }
            ApiFaultKind::Throttled
            | ApiFaultKind::Busy
            | ApiFaultKind::Unavailable
            | ApiFaultKind::Foreign => {
                verification.tries = self.backoff(Backoff { count, at: now }, now);
            }
            ApiFaultKind::Invalid
            | ApiFaultKind::OutOfRange
            | ApiFaultKind::Limit
            | ApiFaultKind::AlreadyExists
            | ApiFaultKind::Conflict
            | ApiFaultKind::Changed => {
                // A page of an earlier list may be none of this one.
                verification.token = None;
                verification.tries = self.backoff(Backoff { count, at: now }, now);
                self.add_problem(subject(), fault.message);
                if count + 1 >= READS {
                    return;
                }
            }
        }
        self.units.to_verify.insert(asset, verification);
    }

    /// Status of an asset's own unit; none where it has the model's.
    pub fn unit_status(&self, asset: AssetIx, property: PropertyIx) -> Option<UnitStatus> {
        let unit = self.units.wanted.get(&(asset, property))?;
        Some(match unit.stage {
            UnitStage::Done => UnitStatus::Done,
            UnitStage::Unknown | UnitStage::Other(_) if unit.rejected => UnitStatus::Rejected,
            UnitStage::Unknown | UnitStage::Other(_) => UnitStatus::Wanted,
        })
    }

    pub(super) fn next_of_unit(
        &self,
        (asset, property): (AssetIx, PropertyIx),
        models: &DesiredModels,
        assets: &DesiredAssets,
        now: Instant,
    ) -> NextNeed {
        let Some(unit) = self.units.wanted.get(&(asset, property)) else {
            return NextNeed::Nothing;
        };
        if matches!(unit.stage, UnitStage::Done) {
            return NextNeed::Nothing;
        }
        if self.units.write_paused_until > now {
            return NextNeed::At(self.units.write_paused_until);
        }
        let there = self.assets.get(asset.0 as usize).map(|state| state.stage);
        let model = assets.get(asset).model;
        if there != Some(AssetStage::Active) {
            NextNeed::Wait(WaitsFor::Asset(asset))
        } else if self.units.held.contains(&asset) {
            NextNeed::At(now + HELD)
        } else if !self.has_property(model, property, models) {
            NextNeed::Wait(WaitsFor::Model(model))
        } else {
            not_before(&unit.tries, now, CallLane::Unit)
        }
    }

    /// Whether SiteWise has a property of a model, in a version that is in force.
    pub fn has_property(
        &self,
        model: ModelIx,
        property: PropertyIx,
        models: &DesiredModels,
    ) -> bool {
        let place = property.0 as usize;
        let wanted = models.get(model).properties.get(place).map(|property| property.id);
        self.models.get(model.0 as usize).is_some_and(|state| {
            place < state.complete_properties
                || wanted.is_some_and(|id| state.properties.contains(&id))
        })
    }

    pub(super) fn unit_call(
        &self,
        (asset, property): (AssetIx, PropertyIx),
        models: &DesiredModels,
        assets: &DesiredAssets,
    ) -> Option<ApiCall> {
        let unit = self.units.wanted.get(&(asset, property))?;
        let of = assets.get(asset);
        let (asset, property) = (of.id, models.get(of.model).property_id(property));
        match &unit.stage {
            UnitStage::Unknown => Some(ApiCall::DescribeProperty { asset, property }),
            UnitStage::Other(AssetProperty { alias, notification, .. }) => {
                Some(ApiCall::UpdateProperty(UpdateProperty {
                    asset,
                    property,
                    alias: alias.clone(),
                    notification: *notification,
                    unit: unit.unit.as_deref().map(str::to_owned),
                }))
            }
            UnitStage::Done => None,
        }
    }

    pub(super) fn handle_unit_result(
        &mut self,
        (asset, property): (AssetIx, PropertyIx),
        answer: Result<CallResult, ApiFault>,
        models: &DesiredModels,
        assets: &DesiredAssets,
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
            (Ok(CallResult::Property(read)), UnitStage::Unknown) => {
                let wanted = unit.unit.as_deref().or(of_model.unit.as_deref());
                unit.tries = Backoff::default();
                if read.unit.as_deref() == wanted {
                    unit.stage = UnitStage::Done;
                    self.problems.remove(&subject);
                } else {
                    unit.stage = UnitStage::Other(read);
                }
                return;
            }
            (Ok(CallResult::Accepted), UnitStage::Other(_)) => {
                unit.stage = UnitStage::Done;
                self.figures.units_set += 1;
                self.problems.remove(&subject);
                return;
            }
            // Another was wanted meanwhile: it is read again.
            (Ok(_), _) => return,
            (Err(fault), _) => fault,
        };
        // Whatever is written then is what is read then.
        unit.stage = UnitStage::Unknown;
        let (shown, count) = (of_model.unit.as_deref().unwrap_or("none"), unit.tries.count);
        let meant = unit.unit.as_deref().unwrap_or(shown);
        let reason = format!("it should be {meant}, but SiteWise shows {shown}: {}", fault.message);
        let refusal = Backoff { count: 0, at: now + RETRY_AFTER_REJECTION };
        let (rejected, tries, reason) = match fault.kind {
            ApiFaultKind::Denied => {
                self.units.write_paused_until = refusal.at;
                (true, refusal, format!("{reason}; {REMEDY}"))
            }
            ApiFaultKind::Invalid
            | ApiFaultKind::OutOfRange
            | ApiFaultKind::Limit
            | ApiFaultKind::AlreadyExists => (true, refusal, reason),
            ApiFaultKind::Throttled
            | ApiFaultKind::Busy
            | ApiFaultKind::Unavailable
            | ApiFaultKind::Conflict
            | ApiFaultKind::Changed
            | ApiFaultKind::Foreign => {
                let rejected = unit.rejected;
                (rejected, self.backoff(Backoff { count, at: now }, now), reason)
            }
            // Somebody may have deleted either.
            ApiFaultKind::NotFound => {
                let rejected = unit.rejected;
                self.recheck_asset(asset, now);
                self.recheck_model(of.model, now);
                (rejected, self.backoff_slow(Backoff { count, at: now }, now), reason)
            }
        };
        if let Some(unit) = self.units.wanted.get_mut(&(asset, property)) {
            unit.rejected = rejected;
            unit.tries = tries;
        }
        self.add_problem(subject, reason);
    }

    /// An asset is gone. The one created in its place has its model's units, so all are set again.
    pub(super) fn drop_units(&mut self, asset: AssetIx, assets: &DesiredAssets) {
        *self.units.deletions.entry(asset).or_default() += 1;
        self.units.to_verify.remove(&asset);
        self.problems.remove(&format!("units of {}", assets.get(asset).address));
        if self.units.to_verify.is_empty() {
            self.problems.remove(READ_SUBJECT);
        }
        let all = (asset, PropertyIx(0))..=(asset, PropertyIx(u32::MAX));
        let mut dirty = Vec::new();
        for (key, unit) in self.units.wanted.range_mut(all) {
            (unit.stage, unit.tries) = (UnitStage::Unknown, Backoff::default());
            dirty.push(*key);
        }
        for (asset, property) in dirty {
            self.mark_dirty(ProvisioningJob::Unit(asset, property));
        }
    }

    /// Whether a unit was just read, and its write is next: no other call goes in between.
    pub(super) fn has_read_unit(&self, asset: AssetIx, property: PropertyIx) -> bool {
        let unit = self.units.wanted.get(&(asset, property));
        unit.is_some_and(|unit| matches!(unit.stage, UnitStage::Other(_)))
    }
}
