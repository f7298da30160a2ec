//! Where an instance's own definition differs from its model.
//!
//! SiteWise has one unit and one default for all assets of a model, those that came first. An
//! instance whose definition says another gets it as its own. Most definitions agree with their
//! model, so what differs is looked for once for a definition, not for every instance.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::Config;
use super::identity::PropertyRole;
use super::layout::{self, statics};
use super::mapping::{self, Adjustment};
use super::models::{DesiredModels, ModelIx, PropertyIx, PropertyRequest};
use crate::sparkplug::event::{Definition, MemberKind, StaticProperty};

/// Definitions that are remembered; then the cache is cleared.
const REMEMBERED: usize = 1_000;

/// Where a definition differs from a model.
#[derive(Debug, Default)]
pub(super) struct DefinitionDiff {
    /// Units that the definition declares for its members, equal ones included.
    pub units: FxHashMap<Arc<str>, Arc<str>>,
    /// Indexes of parameters whose default differs.
    pub parameters: Vec<usize>,
    /// Indexes of members and of their static properties whose default differs.
    pub statics: Vec<(usize, usize)>,
    /// Attributes of the model that it names.
    pub named: FxHashSet<PropertyIx>,
    /// Attributes of the model that it does not name, and that have a default by another one.
    pub unnamed: Vec<PropertyIx>,
}

#[derive(Debug)]
struct Compared {
    /// Keeps the definition alive, so that its address stays unique.
    definition: Arc<Definition>,
    /// How many properties the model had, and how many units and defaults had changed.
    state: (usize, u32),
    diff: Arc<DefinitionDiff>,
}

/// Definitions that were compared with models.
#[derive(Debug, Default)]
pub(super) struct DefinitionCache(FxHashMap<(usize, ModelIx, Box<str>), Compared>);

impl DefinitionCache {
    /// Where a definition differs from a model, whose properties it is about from `above` on: the
    /// names of the members down to an instance that has no asset of its own.
    pub(super) fn differing(
        &mut self,
        definition: &Arc<Definition>,
        (ix, above): (ModelIx, &[&str]),
        models: &DesiredModels,
        config: &Config,
    ) -> Arc<DefinitionDiff> {
        let key = (Arc::as_ptr(definition).addr(), ix, above.join("\0").into());
        let state = (models.get(ix).properties.len(), models.corrections);
        if let Some(compared) = self.0.get(&key)
            && Arc::ptr_eq(&compared.definition, definition)
            && compared.state == state
        {
            return Arc::clone(&compared.diff);
        }
        if self.0.len() >= REMEMBERED {
            self.0.clear();
        }
        let differing = Arc::new(compare(definition, (ix, above), models, config));
        let compared =
            Compared { definition: Arc::clone(definition), state, diff: Arc::clone(&differing) };
        self.0.insert(key, compared);
        differing
    }
}

fn below<'a>(above: &[&'a str], names: &[&'a str]) -> Vec<&'a str> {
    [above, names].concat()
}

/// The value of the same name.
fn named_as<'a>(values: &'a [StaticProperty], like: &StaticProperty) -> Option<&'a StaticProperty> {
    values.iter().find(|value| value.name == like.name)
}

fn compare(
    definition: &Definition,
    (ix, above): (ModelIx, &[&str]),
    models: &DesiredModels,
    config: &Config,
) -> DefinitionDiff {
    let mut differing = DefinitionDiff::default();
    let mut named = FxHashSet::default();
    let base = definition.base.as_deref().filter(|_| above.is_empty());
    // The default that a model will get is its template's.
    let is_changed = |in_base: Option<&StaticProperty>, sent: &StaticProperty| {
        base.is_some() && in_base.is_none_or(|in_base| in_base.value != sent.value)
    };
    let mut default_differs = |role,
                               path: &[&str],
                               sent: &StaticProperty,
                               in_base: Option<&StaticProperty>| {
        let Some(form) = layout::form(config, sent.datatype) else { return false };
        // One that has no default, while its model has another's, differs as well.
        let default = sent.value.as_ref().and_then(|value| mapping::default_text(value, form));
        let wanted = PropertyRequest { role, path, name: None, form, unit: None, default: None };
        let existing = models.find(ix, wanted);
        named.extend(existing);
        let existing = existing.and_then(|place| models.get(ix).properties.get(place.0 as usize));
        // A default shows as GOOD. What is rounded is UNCERTAIN, and so a value of the asset's own.
        let adjusted = sent.value.as_ref().and_then(|value| mapping::adjustment(value, form));
        if adjusted == Some(Adjustment::Rounded) {
            return true;
        }
        match existing {
            Some(existing) => existing.default() != default.as_deref(),
            None => is_changed(in_base, sent),
        }
    };
    for (at, parameter) in definition.parameters.iter().enumerate() {
        let in_base = base.and_then(|base| named_as(&base.parameters, parameter));
        let path = below(above, &[&parameter.name]);
        if default_differs(PropertyRole::Parameter, &path, parameter, in_base) {
            differing.parameters.push(at);
        }
    }
    for (at, member) in definition.members.iter().enumerate() {
        let path = below(above, &[&member.name]);
        let in_base =
            base.and_then(|base| base.members.iter().find(|in_base| in_base.name == member.name));
        for (place, property) in member.properties.iter().enumerate() {
            let taken = statics(config, &path, std::slice::from_ref(property)).next().is_some();
            let path = below(above, &[&member.name, &property.name]);
            let in_base = in_base.and_then(|in_base| named_as(&in_base.properties, property));
            if default_differs(PropertyRole::Property, &path, property, in_base) && taken {
                differing.statics.push((at, place));
            }
        }
        if let MemberKind::Leaf(_) = member.kind
            && let Some(unit) = layout::declared_unit(&member.properties)
        {
            differing.units.insert(Arc::clone(&member.name), unit.into());
        }
    }
    let others = (0..).map(PropertyIx).zip(&models.get(ix).properties);
    let others = others.filter(|(place, property)| {
        property.is_attribute() && property.default().is_some() && !named.contains(place)
    });
    differing.unnamed = others.map(|(place, _)| place).collect();
    differing.named = named;
    differing
}
