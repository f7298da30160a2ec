//! The units of assets: their model's, or their own.

use rustc_hash::{FxHashMap, FxHashSet};

use super::DesiredWorld;
use crate::sparkplug::findings::Finding;
use crate::twin::assets::{AssetIx, AtStart};
use crate::twin::mapping::ValueForm;
use crate::twin::models::PropertyIx;
use crate::twin::names;

/// Properties of one birth that are reported; further ones are with the next.
const TOLD: usize = 100;

/// Properties whose machine says another unit than their model's, or none: each is reported once.
#[derive(Debug, Default)]
pub(in crate::twin) struct UnitFindings {
    known: FxHashSet<(AssetIx, PropertyIx)>,
    unreported: Vec<(Finding, String)>,
}

impl UnitFindings {
    /// Those that were found since this was last called, in words.
    pub(in crate::twin) fn take(&mut self) -> Vec<(Finding, String)> {
        std::mem::take(&mut self.unreported)
    }

    /// Whether a property is to be reported.
    fn is_due(&mut self, place: (AssetIx, PropertyIx)) -> bool {
        self.unreported.len() < TOLD && self.known.insert(place)
    }
}

/// Properties whose units were verified, or are about to be: a bit each.
#[derive(Debug, Default)]
pub(in crate::twin) struct VerifiedUnits(FxHashMap<AssetIx, Vec<u64>>);

impl VerifiedUnits {
    /// Whether this is new.
    fn insert(&mut self, asset: AssetIx, property: PropertyIx) -> bool {
        let bits = self.0.entry(asset).or_default();
        let (word, bit) = (property.0 as usize / 64, 1 << (property.0 % 64));
        if bits.len() <= word {
            bits.resize(word + 1, 0);
        }
        let Some(word) = bits.get_mut(word) else { return false };
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }
}

impl DesiredWorld {
    /// Notes a property whose unit an earlier process may have set on its asset: once, with the
    /// first birth or data that says its unit.
    pub(in crate::twin) fn doubt_unit(&mut self, asset: AssetIx, property: PropertyIx) {
        let of = self.assets.get(asset);
        if of.known == AtStart::No {
            return;
        }
        let has = self.models.get(of.model).properties.get(property.0 as usize);
        if has.is_some_and(|has| has.unit.is_some()) && self.verified_units.insert(asset, property)
        {
            self.units_to_verify.entry(asset).or_default().push(property);
        }
    }

    /// Has the units read that are in doubt.
    pub(in crate::twin) fn verify_units(&mut self) {
        for (asset, of) in std::mem::take(&mut self.units_to_verify) {
            self.plan.verify_units(asset, of);
        }
    }

    /// A machine says the unit of a property. Where it is not its model's, its asset gets its own.
    pub(in crate::twin) fn unit(&mut self, asset: AssetIx, property: PropertyIx, declared: &str) {
        let model = self.assets.get(asset).model;
        let Some(has) = self.models.get(model).properties.get(property.0 as usize) else { return };
        if has.form == ValueForm::Seconds {
            // It is written in seconds, whatever its sender counts in.
            return;
        }
        let place = (asset, property);
        let is_models = |said: &str| has.unit.as_deref() == Some(said);
        if is_models(declared) && self.units.is_empty() {
            return;
        }
        let Some(said) = names::unit(declared) else { return };
        let unit = if is_models(&said) {
            // It has come back to its model's.
            if self.units.remove(&place).is_none() {
                return;
            }
            Some(said.into_boxed_str())
        } else if has.unit.is_none()
            // Others that say none would show it.
            && self.assets.of_model(model) <= 1
            && self.plan.is_property_unsent(model, property, &self.models)
        {
            self.models.set_unit(model, property, said.into());
            return;
        } else {
            let said: Option<Box<str>> = Some(said.into());
            let is_new = self.units.get(&place) != Some(&said);
            if is_new {
                self.unit_findings.known.remove(&place);
                self.units.insert(place, said.clone());
            }
            self.report_own_unit(place);
            if !is_new {
                return;
            }
            said
        };
        self.plan.unit_wanted(asset, property, unit);
    }

    /// A machine says another unit of a property than its model's, which SiteWise shows until its
    /// asset has its own, and longer where nobody lets the bridge set that.
    fn report_own_unit(&mut self, place: (AssetIx, PropertyIx)) {
        let of = self.assets.get(place.0);
        let model = self.models.get(of.model);
        let Some(has) = model.properties.get(place.1.0 as usize) else { return };
        let Some(Some(own)) = self.units.get(&place) else { return };
        if !self.unit_findings.is_due(place) {
            return;
        }
        let shown = match &has.unit {
            Some(unit) => format!("in {unit:?}"),
            None => "without a unit".to_owned(),
        };
        let (address, name, model) = (&of.address, &has.name, &model.name);
        let example = format!("{address}/{name} is in {own:?}, its model {model} has it {shown}");
        self.unit_findings.unreported.push((Finding::DefinitionsDiffer, example));
    }

    /// A machine says no unit of a property. Where its model has one, SiteWise cannot show none:
    /// without a unit of its own an asset has its model's. So it is reported, once.
    pub(in crate::twin) fn no_unit(&mut self, asset: AssetIx, property: PropertyIx) {
        let place = (asset, property);
        let of = self.assets.get(asset);
        let model = self.models.get(of.model);
        let Some(has) = model.properties.get(property.0 as usize) else { return };
        let Some(unit) = &has.unit else { return };
        if has.form == ValueForm::Seconds
            // Its last unit is its own.
            || self.units.contains_key(&place)
            || !self.unit_findings.is_due(place)
        {
            return;
        }
        let first = match &has.source {
            Some(first) => format!(" from {first}"),
            None => String::new(),
        };
        let unless = match of.known {
            AtStart::Unread => ", unless it had one of its own before",
            _ => "",
        };
        let example = format!(
            "{}/{} has no unit and shows {unit:?}, which the model {} got{first}{unless}",
            of.address, has.name, model.name
        );
        self.unit_findings.unreported.push((Finding::MissingUnit, example));
    }
}
