//! The units of assets: their model's, or their own.

use rustc_hash::{FxHashMap, FxHashSet};

use super::DesiredWorld;
use crate::sparkplug::findings::Finding;
use crate::twin::assets::{AssetIx, AtStart};
use crate::twin::mapping::ValueForm;
use crate::twin::models::PropertyIx;
use crate::twin::names;

/// Units of one birth that are reported; further ones are reported with the next.
const MAX_REPORTED: usize = 100;

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
        self.unreported.len() < MAX_REPORTED && self.known.insert(place)
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
        let desired = self.models.get(of.model).properties.get(property.0 as usize);
        if desired.is_some_and(|desired| desired.unit.is_some())
            && self.verified_units.insert(asset, property)
        {
            self.units_to_verify.entry(asset).or_default().push(property);
        }
    }

    /// An asset has another model: what is known of the units of its properties is none of that.
    pub(in crate::twin) fn forget_units(&mut self, ix: AssetIx) {
        self.units.retain(|(asset, _), _| *asset != ix);
        self.units_to_verify.remove(&ix);
        self.verified_units.0.remove(&ix);
        self.plan.forget_units(ix, &self.assets);
    }

    /// Has the units read that are in doubt.
    pub(in crate::twin) fn verify_units(&mut self) {
        for (asset, of) in std::mem::take(&mut self.units_to_verify) {
            self.plan.verify_units(asset, of);
        }
    }

    /// A machine declares the unit of a property. If that is not its model's, its asset gets a unit of
    /// its own.
    pub(in crate::twin) fn unit(&mut self, asset: AssetIx, property: PropertyIx, declared: &str) {
        let model = self.assets.get(asset).model;
        let Some(desired) = self.models.get(model).properties.get(property.0 as usize) else {
            return;
        };
        if desired.form == ValueForm::Seconds {
            // It is converted to seconds, whatever unit the sender declares.
            return;
        }
        let place = (asset, property);
        let is_models = |declared_unit: &str| desired.unit.as_deref() == Some(declared_unit);
        if is_models(declared) && self.units.is_empty() {
            return;
        }
        let Some(declared_unit) = names::unit(declared) else { return };
        let unit = if is_models(&declared_unit) {
            // The asset's own unit, if it had one, becomes its model's again.
            if self.units.remove(&place).is_none() {
                return;
            }
            Some(declared_unit.into_boxed_str())
        } else if desired.unit.is_none()
            // With other assets the unit would show on those as well, though they declare none.
            && self.assets.of_model(model) <= 1
            && self.plan.is_property_unsent(model, property, &self.models)
        {
            self.models.set_unit(model, property, declared_unit.into());
            return;
        } else {
            let declared_unit: Option<Box<str>> = Some(declared_unit.into());
            let is_new = self.units.get(&place) != Some(&declared_unit);
            if is_new {
                self.unit_findings.known.remove(&place);
                self.units.insert(place, declared_unit.clone());
            }
            self.report_own_unit(place);
            if !is_new {
                return;
            }
            declared_unit
        };
        self.plan.unit_wanted(asset, property, unit);
    }

    /// Reports that a machine declares another unit than its model's. SiteWise shows the model's until
    /// the asset's own is set, and for good if the bridge lacks the permission.
    fn report_own_unit(&mut self, place: (AssetIx, PropertyIx)) {
        let desired_asset = self.assets.get(place.0);
        let model = self.models.get(desired_asset.model);
        let Some(desired) = model.properties.get(place.1.0 as usize) else { return };
        let Some(Some(unit)) = self.units.get(&place) else { return };
        if !self.unit_findings.is_due(place) {
            return;
        }
        let shown = match &desired.unit {
            Some(unit) => format!("in {unit:?}"),
            None => "without a unit".to_owned(),
        };
        let (address, name, model) = (&desired_asset.address, &desired.name, &model.name);
        let example = format!("{address}/{name} is in {unit:?}, its model {model} has it {shown}");
        self.unit_findings.unreported.push((Finding::DefinitionsDiffer, example));
    }

    /// A machine declares no unit for a property. If its model has one, SiteWise shows that, since an
    /// asset without a unit of its own has its model's. So it is reported, once.
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
