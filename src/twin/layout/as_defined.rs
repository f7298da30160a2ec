//! An instance's own definition fills in what the instance does not send, where that definition
//! differs from the model (SiteWise has one default and unit per model).

use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::{
    AssetOrigin, AttributeTarget, LayoutBuilder, LeafTarget, PendingAttribute, Spot, declared_unit,
};
use crate::sparkplug::event::{BirthMetric, Instance, StaticProperty};
use crate::sparkplug::value::Value;
use crate::twin::defined::DefinitionDiff;
use crate::twin::identity::PropertyRole;
use crate::twin::models::{ModelIx, PropertyIx};
use crate::twin::world::DesiredWorld;

/// What a birth or definition declares for an attribute.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::twin) enum AttributeDeclaration {
    Value(Value),
    /// This, which is none of its type: it has no value.
    Rejected(Value),
    /// That it has no value, whatever the default is.
    Null,
    /// Nothing: it is its model's default.
    Default,
    /// Its own definition has no default, whatever another one gave the model.
    NoDefault,
}

impl AttributeDeclaration {
    /// The value that is sent, or what it means that one is named without any. What a definition says
    /// that is none of its type is said by no machine.
    pub(in crate::twin) fn of(sent: &StaticProperty, none: Self) -> Self {
        match (&sent.value, &sent.rejected_value) {
            (Some(value), _) => Self::Value(value.clone()),
            (None, Some(came)) if none == Self::Null => Self::Rejected((**came).clone()),
            (None, _) => none,
        }
    }
}

impl<'a> LayoutBuilder<'a> {
    /// Where the definition of an instance differs from its model; none where it has none. The path
    /// leads to it from the current asset.
    pub(super) fn differing(
        &mut self,
        instance: &Instance,
        model: ModelIx,
    ) -> Option<Arc<DefinitionDiff>> {
        let definition = instance.defined.as_ref()?;
        let DesiredWorld { defined, models, .. } = &mut *self.world;
        Some(defined.differing(definition, (model, &self.path), models, self.config))
    }

    /// Starts collecting the attributes of an asset that have a default but are named by no
    /// definition of its own. Returns the collection of the enclosing asset. Of an instance within
    /// an asset, it narrows that asset's collection.
    pub(super) fn begin_unnamed(
        &mut self,
        model: ModelIx,
        differing: Option<&DefinitionDiff>,
    ) -> Option<Vec<PropertyIx>> {
        if self.path.is_empty() {
            let unnamed = differing.map(|differing| differing.unnamed.clone());
            return Some(std::mem::replace(&mut self.unnamed, unnamed.unwrap_or_default()));
        }
        match differing {
            Some(differing) => self.unnamed.retain(|place| !differing.named.contains(place)),
            // An instance without a definition keeps the model's defaults.
            None if self.unnamed.is_empty() => {}
            None => {
                let (models, path) = (&self.world.models, &self.path);
                self.unnamed.retain(|place| {
                    let has = models.get(model).properties.get(place.0 as usize);
                    has.is_some_and(|has| {
                        let mut names = has.path();
                        !has.imported && !path.iter().all(|name| names.next() == Some(*name))
                    })
                });
            }
        }
        None
    }

    /// Ends an asset: what no definition of its own names has no default.
    pub(super) fn end_unnamed(&mut self, spot: Spot, around: Option<Vec<PropertyIx>>) {
        let Some(around) = around else { return };
        for property in std::mem::replace(&mut self.unnamed, around) {
            let model = self.world.models.get(spot.model);
            if let Some(form) = model.properties.get(property.0 as usize).map(|has| has.form) {
                self.undefined.push(LeafTarget { asset: spot.asset, property, form });
            }
        }
    }

    /// Writes null for attributes whose default comes from another definition and that the instance
    /// does not send.
    pub(super) fn null_undefined(&mut self) {
        if self.undefined.is_empty() {
            return;
        }
        let declared: FxHashSet<_> =
            self.attributes.iter().map(|attribute| attribute.target).collect();
        let undefined = std::mem::take(&mut self.undefined).into_iter();
        let undefined = undefined.filter(|target| !declared.contains(target));
        self.attributes.extend(
            undefined.map(|target| AttributeTarget {
                target,
                declared: AttributeDeclaration::NoDefault,
            }),
        );
    }

    /// Fills in, from its own definition, the attributes that an instance does not send.
    pub(super) fn as_defined(
        &mut self,
        spot: Spot,
        instance: &'a Instance,
        differing: &DefinitionDiff,
    ) {
        let Some(definition) = instance.defined.as_deref() else { return };
        for property in differing.parameters.iter().filter_map(|at| definition.parameters.get(*at))
        {
            if instance.parameters.iter().all(|sent| sent.name != property.name) {
                let (path, if_absent) =
                    (self.below(&[&property.name]), AttributeDeclaration::NoDefault);
                self.pending_attributes.push(PendingAttribute {
                    spot,
                    role: PropertyRole::Parameter,
                    path,
                    property,
                    if_absent,
                });
            }
        }
        for (at, place) in &differing.statics {
            let Some(member) = definition.members.get(*at) else { continue };
            let Some(sent) = member.properties.get(*place) else { continue };
            let sent_member = instance.members.iter().find(|sent| sent.name == member.name);
            let sends_it =
                |metric: &BirthMetric| metric.properties.iter().any(|own| own.name == sent.name);
            if sent_member.is_some_and(|metric| !sends_it(metric)) {
                let path = self.below(&[&member.name, &sent.name]);
                let none = AttributeDeclaration::NoDefault;
                self.pending_attributes.push(PendingAttribute {
                    spot,
                    role: PropertyRole::Property,
                    path,
                    property: sent,
                    if_absent: none,
                });
            }
        }
    }

    /// The path, with more names behind it.
    fn below(&self, names: &[&'a str]) -> Vec<&'a str> {
        [&self.path, names].concat()
    }

    /// Sets the unit of a leaf's property: the one that it declares, else its own definition's.
    pub(super) fn unit_of(
        &mut self,
        spot: Spot,
        property: PropertyIx,
        metric: &BirthMetric,
        absent: bool,
    ) {
        if let Some(unit) = declared_unit(&metric.properties) {
            self.world.doubt_unit(spot.asset, property);
            self.world.unit(spot.asset, property, unit);
        } else if !(absent && spot.origin == AssetOrigin::Before) {
            // An absent member keeps the unit in which its last value was sent.
            let is_defined = self.unit_as_defined(spot, property, &metric.name);
            if !is_defined && !absent && !self.comes_from_own_tag(spot, property) {
                self.world.no_unit(spot.asset, property);
            }
        }
    }

    /// Whether the property came into the model by a plain tag of this node or device.
    fn comes_from_own_tag(&self, spot: Spot, property: PropertyIx) -> bool {
        let desired = self.world.models.get(spot.model).properties.get(property.0 as usize);
        let first = desired.and_then(|desired| desired.source.as_deref());
        spot.depth == 0 && first == Some(self.source)
    }

    /// Gives a member that declares no unit that of its own definition. False if that has none.
    fn unit_as_defined(&mut self, spot: Spot, property: PropertyIx, name: &Arc<str>) -> bool {
        let Some(Some(definition)) = self.definition_diffs.last() else { return false };
        let Some(unit) = definition.units.get(name) else { return false };
        self.world.doubt_unit(spot.asset, property);
        self.world.unit(spot.asset, property, unit);
        true
    }
}
