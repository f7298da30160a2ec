//! Desired models: what all definitions and instances of one name have together.
//!
//! A model only grows: properties and hierarchies are appended, never changed or removed.

use std::collections::BTreeSet;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use uuid::Uuid;

use super::differences::Differences;
use super::identity::{Namespace, PropertyRole, short_hash};
use super::property::{Property, Rare};
use super::{mapping, names};
use crate::sitewise::api::{self, DataType, Hierarchy};
use crate::sitewise::limits;
use crate::sparkplug::address::Source;

/// Place of a model among all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelIx(pub u32);

/// Place of a property in its [`Model`]: properties are appended, so a model that has the
/// first `n` has all that was wanted when it had `n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PropertyIx(pub u32);

/// A model as wanted.
#[derive(Debug)]
pub struct Model {
    /// Its id.
    pub id: Uuid,
    /// Its name, prefix included.
    pub name: String,
    /// Its external id.
    pub external_id: String,
    /// What it is, for people.
    pub description: Option<String>,
    /// In the order in which they were first wanted.
    pub properties: Vec<Property>,
    /// In the order in which they were first wanted.
    pub hierarchies: Vec<(ModelIx, Hierarchy)>,
    index: FxHashMap<Uuid, PropertyIx>,
    names: FxHashSet<Arc<str>>,
}

/// A property as a birth or definition asks for it.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Why it is there.
    pub role: PropertyRole,
    /// Names of the members down to it; of a static property, its own name last.
    pub path: &'a [&'a str],
    /// The last of these names as the session has it, to be shared.
    pub name: Option<&'a Arc<str>>,
    /// Its type.
    pub data_type: DataType,
    /// Its unit as sent.
    pub unit: Option<&'a str>,
    /// Default of an attribute.
    pub default: Option<&'a str>,
}

/// Why something wanted is not had: a configured cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cap {
    /// `TWIN_MAX_MODELS`.
    Models,
    /// `TWIN_MAX_PROPERTIES`.
    Properties,
    /// `TWIN_MAX_ASSETS`.
    Assets,
}

/// Why a child model gets no place under a parent model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TreeFull {
    /// The parent's model has 30 hierarchies.
    Hierarchies,
    /// The tree has 100 models.
    Models,
    /// The child's model is an ancestor of the parent's.
    Cycle,
}

/// All desired models.
#[derive(Debug)]
pub struct Models {
    namespace: Namespace,
    prefix: String,
    max_models: usize,
    max_properties: usize,
    list: Vec<Model>,
    by_id: FxHashMap<Uuid, ModelIx>,
    /// Whose birth is being laid out.
    pub(super) speaker: Option<Arc<Source>>,
    /// What that birth says otherwise than one before it.
    pub(super) differences: Differences,
}

impl Models {
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
            speaker: None,
            differences: Differences::default(),
        }
    }

    /// From now on properties are wanted by the birth of `source`.
    pub fn listen_to(&mut self, source: &Source) {
        self.speaker = Some(Arc::new(source.clone()));
    }

    /// The model called `name`, made if there is none.
    ///
    /// # Errors
    ///
    /// `TWIN_MAX_MODELS` is reached.
    pub fn named(&mut self, name: &str, description: Option<&str>) -> Result<ModelIx, Cap> {
        let name = names::clean(&format!("{}{name}", self.prefix));
        let id = self.namespace.model(&name);
        if let Some(ix) = self.by_id.get(&id) {
            return Ok(*ix);
        }
        if self.list.len() >= self.max_models {
            return Err(Cap::Models);
        }
        Ok(self.insert(id, name, description.and_then(names::description)))
    }

    /// The model that SiteWise has under `id`, whatever it is called there by now.
    pub fn known(&mut self, id: Uuid, name: &str) -> ModelIx {
        match self.by_id.get(&id) {
            Some(ix) => *ix,
            None => self.insert(id, name.to_owned(), None),
        }
    }

    /// The name of the `number`th model for what `base` has no room for, of whose assets there
    /// are `each` in a model. The number of its first asset tells people why it is there.
    pub fn part_name(base: &str, number: usize, each: usize) -> String {
        let first = each.saturating_mul(number.saturating_sub(1)).saturating_add(1);
        names::with_suffix(base, &format!("(from asset {first})"))
    }

    /// The `number`th model like `base`, made with all its properties if there is none; true
    /// if it was made.
    ///
    /// # Errors
    ///
    /// `TWIN_MAX_MODELS` is reached.
    pub fn part(
        &mut self,
        base: ModelIx,
        number: usize,
        each: usize,
    ) -> Result<(ModelIx, bool), Cap> {
        let name = Self::part_name(&self.get(base).name, number, each);
        let id = self.namespace.model(&name);
        let (part, made) = match self.by_id.get(&id) {
            Some(ix) => (*ix, false),
            None if self.list.len() >= self.max_models => return Err(Cap::Models),
            None => (self.insert(id, name, self.get(base).description.clone()), true),
        };
        for property in self.get(base).properties.clone() {
            let wanted = Wanted {
                role: property.role,
                path: &property.path(),
                name: Some(&property.name),
                data_type: property.data_type,
                unit: property.unit.as_deref(),
                default: property.default(),
            };
            // Both have the same cap.
            let _ = self.property(part, wanted);
        }
        Ok((part, made))
    }

    /// The models like `base` that there are besides it.
    pub fn parts(&self, base: ModelIx, each: usize) -> impl Iterator<Item = ModelIx> + '_ {
        let name = &self.get(base).name;
        (2..).map_while(move |number| {
            self.by_id(self.namespace.model(&Self::part_name(name, number, each)))
        })
    }

    fn insert(&mut self, id: Uuid, name: String, description: Option<String>) -> ModelIx {
        let ix = ModelIx(self.list.len() as u32);
        self.list.push(Model {
            id,
            external_id: self.namespace.external_id(&name, id),
            name,
            description,
            properties: Vec::new(),
            hierarchies: Vec::new(),
            index: FxHashMap::default(),
            names: FxHashSet::default(),
        });
        self.by_id.insert(id, ix);
        ix
    }

    /// The model at `ix`.
    pub fn get(&self, ix: ModelIx) -> &Model {
        // An index comes from this list alone, and nothing is ever taken out of it.
        #[expect(clippy::indexing_slicing, reason = "the list only grows")]
        &self.list[ix.0 as usize]
    }

    fn get_mut(&mut self, ix: ModelIx) -> &mut Model {
        #[expect(clippy::indexing_slicing, reason = "the list only grows")]
        &mut self.list[ix.0 as usize]
    }

    /// The model with this id.
    pub fn by_id(&self, id: Uuid) -> Option<ModelIx> {
        self.by_id.get(&id).copied()
    }

    /// All models, in the order in which they were first wanted.
    pub fn iter(&self) -> impl Iterator<Item = (ModelIx, &Model)> {
        self.list.iter().enumerate().map(|(ix, model)| (ModelIx(ix as u32), model))
    }

    /// The property `wanted` of a model, made if there is none; true if it was made.
    ///
    /// # Errors
    ///
    /// `TWIN_MAX_PROPERTIES` is reached.
    pub fn property(&mut self, ix: ModelIx, wanted: Wanted<'_>) -> Result<(PropertyIx, bool), Cap> {
        let (namespace, max) = (self.namespace, self.max_properties);
        let model = self.get(ix);
        let id = namespace.property(model.id, wanted.role, wanted.path, wanted.data_type);
        if let Some(property) = model.index.get(&id).copied() {
            self.compare(ix, property, wanted);
            return Ok((property, false));
        }
        if model.properties.len() >= max {
            return Err(Cap::Properties);
        }
        let source = match wanted.role {
            PropertyRole::Presence => None,
            PropertyRole::Member | PropertyRole::Parameter | PropertyRole::Property => {
                self.speaker.clone()
            }
        };
        let model = self.get_mut(ix);
        let name = model.free_name(&wanted, id);
        let name = match wanted.name {
            Some(shared) if **shared == *name => Arc::clone(shared),
            Some(_) | None => name.into(),
        };
        let property = PropertyIx(model.properties.len() as u32);
        model.names.insert(Arc::clone(&name));
        model.index.insert(id, property);
        let is_name = *wanted.path == [&*name];
        let path = || wanted.path.iter().map(|name| Box::from(*name)).collect();
        model.properties.push(Property {
            id,
            name,
            unit: wanted.unit.and_then(names::unit).map(Into::into),
            rare: Rare::of(wanted.default.map(Into::into), (!is_name).then(path)),
            source,
            role: wanted.role,
            data_type: wanted.data_type,
        });
        Ok((property, true))
    }

    /// A property of a model as SiteWise is told of it.
    pub fn for_sitewise(&self, ix: ModelIx, property: &Property) -> api::Property {
        property.for_model(&self.get(ix).name, self.namespace)
    }

    /// Gives back the room that a model's list of properties has beyond them.
    pub fn shrink(&mut self, ix: ModelIx) {
        self.get_mut(ix).properties.shrink_to_fit();
    }

    /// Makes a place for children of `child` under assets of `parent`; true if it was made.
    ///
    /// # Errors
    ///
    /// The tree's limits.
    pub fn hierarchy(&mut self, parent: ModelIx, child: ModelIx) -> Result<bool, TreeFull> {
        if self.hierarchy_id(parent, child).is_some() {
            return Ok(false);
        }
        if self.get(parent).hierarchies.len() >= limits::HIERARCHIES_PER_MODEL {
            return Err(TreeFull::Hierarchies);
        }
        if self.reaches(child, parent) {
            return Err(TreeFull::Cycle);
        }
        if self.tree_of_both(parent, child) > limits::MODELS_PER_TREE {
            return Err(TreeFull::Models);
        }
        let (child_id, child_name) = {
            let child = self.get(child);
            (child.id, child.name.clone())
        };
        let namespace = self.namespace;
        let parent = self.get_mut(parent);
        let id = namespace.hierarchy(parent.id, child_id);
        let words = format!("{}/{child_name}", parent.name);
        parent.hierarchies.push((
            child,
            Hierarchy {
                id,
                external_id: namespace.external_id(&words, id),
                name: child_name,
                child_model: child_id,
            },
        ));
        Ok(true)
    }

    /// The hierarchy of `parent` that holds assets of `child`.
    pub fn hierarchy_id(&self, parent: ModelIx, child: ModelIx) -> Option<Uuid> {
        let hierarchies = &self.get(parent).hierarchies;
        hierarchies.iter().find(|(ix, _)| *ix == child).map(|(_, hierarchy)| hierarchy.id)
    }

    fn reaches(&self, from: ModelIx, to: ModelIx) -> bool {
        let mut seen = BTreeSet::new();
        let mut next = vec![from];
        while let Some(ix) = next.pop() {
            if ix == to {
                return true;
            }
            if seen.insert(ix) {
                next.extend(self.get(ix).hierarchies.iter().map(|(child, _)| *child));
            }
        }
        false
    }

    /// How many models the tree has once `parent` and `child` are joined.
    fn tree_of_both(&self, parent: ModelIx, child: ModelIx) -> usize {
        let mut neighbours: FxHashMap<ModelIx, Vec<ModelIx>> = FxHashMap::default();
        for (ix, model) in self.iter() {
            for (below, _) in &model.hierarchies {
                neighbours.entry(ix).or_default().push(*below);
                neighbours.entry(*below).or_default().push(ix);
            }
        }
        let mut seen = BTreeSet::new();
        let mut next = vec![parent, child];
        while let Some(ix) = next.pop() {
            if seen.insert(ix) {
                next.extend(neighbours.get(&ix).into_iter().flatten());
            }
        }
        seen.len()
    }
}

impl Model {
    /// The wanted property with this id.
    pub fn property_ix(&self, id: Uuid) -> Option<PropertyIx> {
        self.index.get(&id).copied()
    }

    /// The id of a property of this model.
    pub fn property_id(&self, ix: PropertyIx) -> Uuid {
        #[expect(clippy::indexing_slicing, reason = "the list only grows")]
        self.properties[ix.0 as usize].id
    }

    /// A name that no other property of the model has.
    fn free_name(&self, wanted: &Wanted<'_>, id: Uuid) -> String {
        let name = names::clean(&wanted.path.join("/"));
        if !self.names.contains(&*name) {
            return name;
        }
        let word = match wanted.role {
            PropertyRole::Member => mapping::type_name(wanted.data_type),
            role => role.word(),
        };
        let named = names::with_suffix(&name, &format!("({word})"));
        if !self.names.contains(&*named) {
            return named;
        }
        names::with_suffix(&name, &format!("({word} {})", short_hash(&[&id.to_string()])))
    }
}

#[cfg(test)]
mod tests;
