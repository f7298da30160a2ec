//! Desired models: what all definitions and instances of one name have together.
//!
//! A model only grows: properties and hierarchies are appended, never changed or removed.

mod import;
mod index;
mod kinds;
mod parts;
mod tree;

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use uuid::Uuid;

use self::index::PropertyIndex;
pub(super) use self::kinds::{KindCandidate, Tags};
pub(super) use self::tree::TreeFull;
use super::caps::Cap;
use super::differences::Differences;
use super::identity::{Namespace, PropertyRole};
use super::mapping::ValueForm;
use super::names;
use super::property::{DesiredProperty, UncommonParts};
use crate::sitewise::api::{self, Hierarchy};
use crate::sitewise::limits;
use crate::sparkplug::address::Source;

/// Model of every group.
pub(super) const GROUP_MODEL: &str = "Sparkplug Group";
/// Model of edge nodes without plain metrics.
pub(super) const NODE_MODEL: &str = "Sparkplug Edge Node";
/// Model of devices without plain metrics.
pub(super) const DEVICE_MODEL: &str = "Sparkplug Device";
/// Model of the bridge's own asset.
pub(super) const BRIDGE_MODEL: &str = "Sparkwise Bridge";
/// The bridge's own models, for which there is always a place: without them nothing else would have
/// its own, and nobody's presence would be shown.
const BUILT_IN: [&str; 4] = [GROUP_MODEL, NODE_MODEL, DEVICE_MODEL, BRIDGE_MODEL];
/// Properties by which a node or device tells that it is alive.
const PRESENCE: usize = 5;

/// Index of a model among the desired ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelIx(pub u32);

/// Index of a property in its [`DesiredModel`]: properties are appended, so a model that has the
/// first `n` has all that was wanted when it had `n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PropertyIx(pub u32);

/// A desired model.
#[derive(Debug)]
pub struct DesiredModel {
    /// Its id.
    pub id: Uuid,
    /// Its name, prefix included.
    pub name: String,
    /// Its external id.
    pub external_id: String,
    /// What it is, for people.
    pub description: Option<String>,
    /// In the order in which they were first wanted.
    pub properties: Vec<DesiredProperty>,
    /// In the order in which they were first wanted.
    pub hierarchies: Vec<(ModelIx, Hierarchy)>,
    index: PropertyIndex,
    /// What properties are called that SiteWise has and that are none of ours.
    foreign_names: FxHashSet<Box<str>>,
    /// Properties and hierarchies that SiteWise has and that are none of ours.
    foreign_counts: (u32, u32),
    /// How many of its properties tell that a machine is alive.
    presence: usize,
    /// How many of its base's properties it certainly has, where it is a
    /// [part](DesiredModels::ensure_part) of another.
    copied_properties: usize,
    /// If its assets are overflow levels: the model whose assets they stand below, and which level.
    level_of: Option<(ModelIx, usize)>,
    /// What its assets have in common, where they were put together by their tags.
    kind: Option<Box<kinds::DeviceKind>>,
}

/// A property as a birth or definition asks for it.
#[derive(Clone, Copy, Debug)]
pub struct PropertyRequest<'a> {
    /// Why it is there.
    pub role: PropertyRole,
    /// Names of the members down to it; of a static property, its own name last.
    pub path: &'a [&'a str],
    /// The last of these names as the session has it, to be shared.
    pub name: Option<&'a Arc<str>>,
    /// The form of its values.
    pub form: ValueForm,
    /// Its unit as sent.
    pub unit: Option<&'a str>,
    /// Default of an attribute.
    pub default: Option<&'a str>,
}

/// All desired models.
#[derive(Debug)]
pub struct DesiredModels {
    namespace: Namespace,
    prefix: String,
    max_models: usize,
    max_properties: usize,
    list: Vec<DesiredModel>,
    by_id: FxHashMap<Uuid, ModelIx>,
    /// Models named by `TWIN_KINDS`: they keep room for the presence of nodes and devices.
    presence_models: FxHashSet<Uuid>,
    /// By the id of a model with parts: what it was called when they were made.
    former_names: FxHashMap<Uuid, Box<str>>,
    /// Number of changes to units and defaults, to invalidate comparisons.
    pub(super) corrections: u32,
    /// Whose birth is being laid out.
    pub(super) current_source: Option<Arc<Source>>,
    /// What that birth says otherwise than one before it.
    pub(super) differences: Differences,
}

impl DesiredModels {
    /// None yet.
    pub fn new(
        namespace: Namespace,
        prefix: String,
        max_models: usize,
        max_properties: usize,
    ) -> Self {
        Self {
            namespace,
            prefix,
            max_models,
            max_properties: max_properties.min(limits::PROPERTIES_PER_MODEL),
            list: Vec::new(),
            by_id: FxHashMap::default(),
            presence_models: FxHashSet::default(),
            former_names: FxHashMap::default(),
            corrections: 0,
            current_source: None,
            differences: Differences::default(),
        }
    }

    /// The namespace, which was not known; no model is wanted yet.
    pub fn set_namespace(&mut self, namespace: Namespace) {
        self.namespace = namespace;
    }

    /// Nodes and devices may come to the models of these names.
    pub fn reserve_presence<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        self.presence_models = names.map(|name| self.id_of(name)).collect();
    }

    /// From now on properties are wanted by the birth of `source`.
    pub fn set_current_source(&mut self, source: &Source) {
        self.current_source = Some(Arc::new(source.clone()));
    }

    /// The model called `name`, made if there is none.
    ///
    /// # Errors
    ///
    /// `TWIN_MAX_MODELS` is reached.
    pub fn ensure_named(&mut self, name: &str, description: Option<&str>) -> Result<ModelIx, Cap> {
        let id = self.id_of(name);
        if let Some(ix) = self.by_id.get(&id) {
            return Ok(*ix);
        }
        if self.is_full() {
            return Err(Cap::Models);
        }
        let name = format!("{}{name}", self.prefix);
        let taken = |name: &str| self.list.iter().any(|model| model.name == name);
        let shown = names::clean(&name);
        // Of names that display alike, the first keeps its plain form.
        let other = names::with_hex_bytes(&name, taken).filter(|_| taken(&shown));
        let name = other.unwrap_or_else(|| self.free_model_name(shown, id));
        Ok(self.insert(id, name, description.and_then(names::description)))
    }

    /// Whether no further model may be made but the bridge's own: of `TWIN_MAX_MODELS` each of
    /// these has its place, made or not.
    pub fn is_full(&self) -> bool {
        let to_come = |name: &&str| !self.by_id.contains_key(&self.id_of(name));
        self.list.len() + BUILT_IN.into_iter().filter(to_come).count() >= self.max_models
    }

    /// Whether a model is one of the bridge's own.
    fn is_built_in(&self, ix: ModelIx) -> bool {
        BUILT_IN.iter().any(|name| self.id_of(name) == self.get(ix).id)
    }

    /// A model of the bridge's own, which no cap keeps away.
    pub fn ensure_built_in(&mut self, name: &str, description: Option<&str>) -> ModelIx {
        let name = names::clean(&format!("{}{name}", self.prefix));
        let id = self.namespace.model(&name);
        match self.by_id.get(&id) {
            Some(ix) => *ix,
            None => {
                let name = self.free_model_name(name, id);
                self.insert(id, name, description.and_then(names::description))
            }
        }
    }

    /// `name` for the model with this id, told apart from that of another one, which people may have
    /// called so.
    fn free_model_name(&self, name: String, id: Uuid) -> String {
        let taken = self.list.iter().any(|model| model.name == name && model.id != id);
        if taken { names::with_hash(&name, id) } else { name }
    }

    /// The id of the model called `name`.
    pub fn id_of(&self, name: &str) -> Uuid {
        self.namespace.model(&names::fit_bytes(&format!("{}{name}", self.prefix)))
    }

    /// Gives a property its unit, before SiteWise has the property.
    pub fn set_unit(&mut self, ix: ModelIx, property: PropertyIx, unit: Box<str>) {
        if let Some(property) = self.get_mut(ix).properties.get_mut(property.0 as usize) {
            property.unit = Some(unit);
            self.corrections += 1;
        }
    }

    /// Takes the unit and the default that are wanted now of a property that SiteWise does not
    /// have; true if they are others. What is not said stays as it was said before.
    pub fn correct(
        &mut self,
        ix: ModelIx,
        property: PropertyIx,
        wanted: PropertyRequest<'_>,
    ) -> bool {
        let Some(has) = self.get_mut(ix).properties.get_mut(property.0 as usize) else {
            return false;
        };
        let unit = wanted.unit.and_then(names::unit);
        let unit = unit.filter(|unit| has.unit.as_deref() != Some(unit));
        let default = wanted.default.filter(|default| has.default() != Some(default));
        if unit.is_none() && default.is_none() {
            return false;
        }
        if let Some(unit) = unit {
            has.unit = Some(unit.into());
        }
        if let Some(default) = default {
            let path = has.uncommon.take().and_then(|uncommon| uncommon.path);
            has.uncommon = UncommonParts::of(Some(default.into()), path);
        }
        self.corrections += 1;
        true
    }

    fn insert(&mut self, id: Uuid, name: String, description: Option<String>) -> ModelIx {
        let ix = ModelIx(self.list.len() as u32);
        self.list.push(DesiredModel {
            id,
            external_id: self.namespace.external_id(&name, id),
            name,
            description,
            properties: Vec::new(),
            hierarchies: Vec::new(),
            index: PropertyIndex::default(),
            foreign_names: FxHashSet::default(),
            foreign_counts: (0, 0),
            presence: 0,
            copied_properties: 0,
            level_of: None,
            kind: None,
        });
        self.by_id.insert(id, ix);
        ix
    }

    /// The model at `ix`.
    pub fn get(&self, ix: ModelIx) -> &DesiredModel {
        // An index comes from this list alone, and nothing is ever taken out of it.
        #[expect(clippy::indexing_slicing, reason = "the list only grows")]
        &self.list[ix.0 as usize]
    }

    fn get_mut(&mut self, ix: ModelIx) -> &mut DesiredModel {
        #[expect(clippy::indexing_slicing, reason = "the list only grows")]
        &mut self.list[ix.0 as usize]
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// The model with this id.
    pub fn by_id(&self, id: Uuid) -> Option<ModelIx> {
        self.by_id.get(&id).copied()
    }

    /// All models, in the order in which they were first wanted.
    pub fn iter(&self) -> impl Iterator<Item = (ModelIx, &DesiredModel)> {
        self.list.iter().enumerate().map(|(ix, model)| (ModelIx(ix as u32), model))
    }

    /// The property `wanted` of a model, if there is one.
    pub fn find(&self, ix: ModelIx, wanted: PropertyRequest<'_>) -> Option<PropertyIx> {
        self.look_up(ix, wanted).ok()
    }

    /// As [`find`](Self::find), among what was asked for since the start: without making an id.
    pub fn find_asked(&self, ix: ModelIx, wanted: PropertyRequest<'_>) -> Option<PropertyIx> {
        let model = self.get(ix);
        model.index.by_path(wanted, &model.properties)
    }

    /// The property `wanted` of a model, or the id that it would have.
    fn look_up(&self, ix: ModelIx, wanted: PropertyRequest<'_>) -> Result<PropertyIx, Uuid> {
        let model = self.get(ix);
        if let Some(property) = model.index.by_path(wanted, &model.properties) {
            return Ok(property);
        }
        let id = self.namespace.property(model.id, wanted.role, wanted.path, wanted.form);
        model.property_ix(id).ok_or(id)
    }

    /// The property `wanted` of a model, made if there is none; true if it was made.
    ///
    /// # Errors
    ///
    /// `TWIN_MAX_PROPERTIES` is reached.
    pub fn ensure_property(
        &mut self,
        ix: ModelIx,
        wanted: PropertyRequest<'_>,
    ) -> Result<(PropertyIx, bool), Cap> {
        let id = match self.look_up(ix, wanted) {
            Ok(property) => {
                self.confirm(ix, property, wanted);
                self.compare(ix, property, wanted);
                return Ok((property, false));
            }
            Err(id) => id,
        };
        let model = self.get(ix);
        // Presence is created even past TWIN_MAX_PROPERTIES.
        let max = match wanted.role {
            PropertyRole::Presence => limits::PROPERTIES_PER_MODEL,
            PropertyRole::Member | PropertyRole::Parameter | PropertyRole::Property => {
                let kept = match self.presence_models.contains(&model.id) {
                    true => PRESENCE.saturating_sub(model.presence),
                    false => 0,
                };
                self.max_properties.min(limits::PROPERTIES_PER_MODEL - kept)
            }
        };
        if model.properties.len() + model.foreign_counts.0 as usize >= max {
            return Err(Cap::Properties);
        }
        let source = match wanted.role {
            PropertyRole::Presence => None,
            PropertyRole::Member | PropertyRole::Parameter | PropertyRole::Property => {
                self.current_source.clone()
            }
        };
        let model = self.get_mut(ix);
        let name = model.free_name(&wanted, id);
        let name = match wanted.name {
            Some(shared) if **shared == *name => Arc::clone(shared),
            Some(_) | None => name.into(),
        };
        let is_name = *wanted.path == [&*name];
        let path = || wanted.path.iter().map(|name| Box::from(*name)).collect();
        let property = model.append(DesiredProperty {
            id,
            name,
            unit: wanted.unit.and_then(names::unit).map(Into::into),
            uncommon: UncommonParts::of(wanted.default.map(Into::into), (!is_name).then(path)),
            source,
            role: wanted.role,
            form: wanted.form,
            imported: false,
        });
        Ok((property, true))
    }

    /// A property of a model as it is sent to SiteWise.
    pub fn for_sitewise(&self, ix: ModelIx, property: &DesiredProperty) -> api::Property {
        property.for_model(&self.get(ix).name, self.namespace)
    }

    /// Returns the room that a model's list of properties has beyond them.
    pub fn shrink(&mut self, ix: ModelIx) {
        self.get_mut(ix).properties.shrink_to_fit();
    }
}

impl DesiredModel {
    /// The wanted property with this id.
    pub fn property_ix(&self, id: Uuid) -> Option<PropertyIx> {
        self.index.by_id(id, &self.properties)
    }

    /// The id of a property of this model.
    pub fn property_id(&self, ix: PropertyIx) -> Uuid {
        #[expect(clippy::indexing_slicing, reason = "the list only grows")]
        self.properties[ix.0 as usize].id
    }

    fn append(&mut self, property: DesiredProperty) -> PropertyIx {
        let ix = PropertyIx(self.properties.len() as u32);
        self.presence += usize::from(property.role == PropertyRole::Presence);
        self.properties.push(property);
        self.index.add(ix, &self.properties);
        ix
    }

    /// Whether SiteWise has, or will have, a property that is called so.
    fn has_named(&self, name: &str) -> bool {
        self.foreign_names.contains(name) || self.index.is_named(name, &self.properties)
    }

    /// A name that no other property of the model has.
    fn free_name(&self, wanted: &PropertyRequest<'_>, id: Uuid) -> String {
        let path = wanted.path.join("/");
        names::free((&path, id), wanted.role, wanted.form, |name| self.has_named(name))
    }

    /// What a property of it is called beside what people named so meanwhile: as it would be, had
    /// they done so before it was wanted.
    pub(super) fn name_beside(
        &self,
        property: &DesiredProperty,
        foreign: impl Fn(&str) -> bool,
    ) -> String {
        let path = property.path().collect::<Vec<_>>().join("/");
        let others = |name: &str| *name != *property.name && self.has_named(name);
        let taken = |name: &str| foreign(name) || others(name);
        names::free((&path, property.id), property.role, property.form, taken)
    }
}

#[cfg(test)]
mod tests;
