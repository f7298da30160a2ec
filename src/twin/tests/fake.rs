//! SiteWise's control plane in memory: strict, asynchronous, able to fail on order.

mod assets;
mod tags;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::sitewise::api::{
    ActiveVersion, ApiFault, ApiFaultKind, Asset, AssetProperty, Composite, Hierarchy, LatestValue,
    Model, ModelHierarchy, ModelProperty, ModelSummary, NotificationState, Page, Property,
    ResourceState, Tqv, UpdateProperty,
};
use crate::sitewise::limits;
use crate::sitewise::tags::{Taggable, Tags};
use crate::twin::plan::api_call::{ApiCall, CallResult};

/// A model as it stands in SiteWise.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FakeModel {
    pub(crate) name: String,
    pub(crate) external_id: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) properties: Vec<Property>,
    pub(crate) composites: BTreeMap<Uuid, (String, Vec<Property>)>,
    pub(crate) hierarchies: Vec<Hierarchy>,
    pub(crate) updates: usize,
    pub(crate) looks: u32,
    /// Why it is FAILED.
    pub(crate) failed: Option<String>,
    /// What its last ACTIVE version has, while it is FAILED.
    pub(crate) usable: Option<ActiveVersion>,
}

/// An asset as it stands in SiteWise.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FakeAsset {
    pub(crate) name: String,
    pub(crate) external_id: Option<String>,
    pub(crate) model: Uuid,
    pub(crate) description: Option<String>,
    pub(crate) parent: Option<Uuid>,
    pub(crate) looks: u32,
}

/// The control plane.
#[derive(Clone, Debug, Default)]
pub(crate) struct FakeSiteWise {
    pub(crate) models: BTreeMap<Uuid, FakeModel>,
    pub(crate) assets: BTreeMap<Uuid, FakeAsset>,
    /// Writes in the order in which they came.
    pub(crate) writes: Vec<String>,
    pub(crate) reads: usize,
    /// Names of models that it does not take.
    pub(crate) refused: BTreeSet<String>,
    /// Names of properties and hierarchies that it takes on no model, without saying which.
    pub(crate) refused_properties: BTreeSet<String>,
    /// It does so since a quota is used up.
    pub(crate) refused_by_quota: bool,
    /// How many properties it takes at a model's root, where that is fewer than usual.
    pub(crate) root_quota: Option<usize>,
    /// Names of properties with which a model ends FAILED, for a reason that names them.
    pub(crate) failing_properties: BTreeSet<String>,
    /// Names of models that end FAILED when they are written.
    pub(crate) failing: BTreeSet<String>,
    /// How often a new state must be looked at before it is reached.
    pub(crate) slowness: u32,
    /// The latest values.
    pub(crate) latest: BTreeMap<(Uuid, Uuid), Tqv>,
    /// What properties of single assets have beyond their models'.
    pub(crate) properties: BTreeMap<(Uuid, Uuid), AssetProperty>,
    pub(crate) tags: BTreeMap<Taggable, Tags>,
    /// Why properties of assets cannot be written.
    pub(crate) unwritable: Option<ApiFaultKind>,
    /// Why values cannot be read.
    pub(crate) unreadable: Option<ApiFaultKind>,
    /// So many reads of values are throttled before.
    pub(crate) throttled_values: u32,
    /// Why models or assets cannot be described.
    pub(crate) undescribable: BTreeMap<Uuid, ApiFaultKind>,
    /// Why assets of a model, or what hangs under an asset, cannot be listed.
    pub(crate) unlistable: BTreeMap<Uuid, ApiFaultKind>,
    /// Properties whose values alone cannot be.
    pub(crate) unreadable_properties: BTreeSet<(Uuid, Uuid)>,
    /// So many tokens of next pages have expired when they come.
    pub(crate) expired_tokens: u32,
}

fn fault(kind: ApiFaultKind, message: impl Into<String>) -> ApiFault {
    ApiFault::new(kind, message)
}

impl FakeSiteWise {
    /// Carries out a call.
    pub(crate) fn call(&mut self, call: ApiCall) -> Result<CallResult, ApiFault> {
        if call.is_write() {
            self.writes.push(call.to_string());
        } else {
            self.reads += 1;
        }
        self.check_token(&call)?;
        match call {
            ApiCall::ListModels(token) => {
                let items = self.models.iter().map(|(id, model)| ModelSummary {
                    id: *id,
                    external_id: model.external_id.clone(),
                    name: model.name.clone(),
                    state: model
                        .failed
                        .clone()
                        .map_or(ResourceState::Active, ResourceState::Failed),
                    description: model.description.clone(),
                });
                Ok(CallResult::Models(page(items.collect(), token)))
            }
            ApiCall::DescribeModel(id) => match self.undescribable.get(&id) {
                Some(kind) => Err(fault(*kind, "it cannot be described")),
                None => self.describe_model(id),
            },
            ApiCall::CreateModel(create) => {
                let taken = self.models.values().any(|model| model.name == create.name);
                if taken || self.models.contains_key(&create.id) {
                    return Err(fault(ApiFaultKind::AlreadyExists, "model"));
                }
                self.check_model(&create.properties, &create.hierarchies)?;
                if self.refused.contains(&create.name) {
                    return Err(fault(ApiFaultKind::Invalid, "this name is not wanted here"));
                }
                let model = FakeModel {
                    failed: self.failure(&create.name, &create.properties),
                    usable: None,
                    composites: BTreeMap::new(),
                    name: create.name,
                    external_id: Some(create.external_id),
                    description: create.description,
                    properties: create.properties,
                    hierarchies: create.hierarchies,
                    updates: 0,
                    looks: self.slowness,
                };
                self.models.insert(create.id, model);
                Ok(CallResult::Accepted)
            }
            ApiCall::GrowModel(grow) => {
                let mut grown = self.at_rest(grow.id)?;
                let usable = grown.usable.as_ref();
                let kept = |id: &Uuid| usable.is_some_and(|usable| usable.properties.contains(id));
                assert!(grown.failed.is_some() || grow.without.is_empty());
                assert!(!grow.without.iter().any(kept), "{grow:?}");
                grown.properties.retain(|had| !grow.without.contains(&had.id));
                // As the client merges: what is there already is left out.
                let is_new = |p: &Property| !grown.properties.iter().any(|had| had.id == p.id);
                let new: Vec<_> = grow.properties.into_iter().filter(is_new).collect();
                grown.properties.extend(new);
                let taken = |p: &Hierarchy| {
                    grown.hierarchies.iter().any(|had| had.id == p.id || had.name == p.name)
                };
                let new: Vec<_> = grow.hierarchies.into_iter().filter(|p| !taken(p)).collect();
                grown.hierarchies.extend(new);
                self.check_model(&grown.properties, &grown.hierarchies)?;
                self.updated(grow.id, grown)
            }
            ApiCall::CreateComposite(create) => {
                let mut grown = self.at_rest(create.model)?;
                let named = |(name, _): &(String, Vec<Property>)| *name == create.name;
                if grown.composites.values().any(named) || grown.composites.contains_key(&create.id)
                {
                    return Err(fault(ApiFaultKind::AlreadyExists, "composite model"));
                }
                self.check_composite(&create.properties)?;
                grown.composites.insert(create.id, (create.name, create.properties));
                self.updated(create.model, grown)
            }
            ApiCall::GrowComposite(grow) => {
                let mut grown = self.at_rest(grow.model)?;
                let composite = grown.composites.get_mut(&grow.id);
                let (_, properties) =
                    composite.ok_or(fault(ApiFaultKind::NotFound, "composite"))?;
                properties.extend(grow.properties);
                self.check_composite(properties)?;
                self.updated(grow.model, grown)
            }
            ApiCall::ListAssets(model, token) => {
                self.listable(model)?;
                let of_model = self.assets.iter().filter(|(_, asset)| asset.model == model);
                Ok(CallResult::Assets(page(
                    of_model.map(|(id, asset)| asset.tell(*id)).collect(),
                    token,
                )))
            }
            ApiCall::CreateAsset(create) => self.create_asset(create),
            ApiCall::ReadValues(_) if self.throttled_values > 0 => {
                self.throttled_values -= 1;
                Err(fault(ApiFaultKind::Throttled, "too fast"))
            }
            ApiCall::ReadValues(of) => match self.unreadable {
                Some(kind) => Err(fault(kind, "values cannot be read")),
                None => {
                    let read = of.iter().map(|(asset, property)| self.read(*asset, *property));
                    Ok(CallResult::Values(read.collect()))
                }
            },
            ApiCall::DescribeProperty { asset, property } => {
                self.property(asset, property).map(CallResult::Property)
            }
            ApiCall::UpdateProperty(update) => {
                let UpdateProperty { asset, property, alias, notification, unit } = update;
                let of_model = self.model_unit(asset, property)?;
                if let Some(kind) = self.unwritable {
                    return Err(fault(kind, "it cannot be written"));
                }
                let others = self.properties.iter().filter(|(of, _)| **of != (asset, property));
                let mut aliases = others.filter_map(|(_, has)| has.alias.as_deref());
                if let Some(alias) = aliases.find(|has| Some(*has) == alias.as_deref()) {
                    let said = format!("Given alias {alias} already in use by another property");
                    return Err(fault(ApiFaultKind::Conflict, said));
                }
                let written = AssetProperty { alias, notification, unit: unit.or(of_model) };
                self.properties.insert((asset, property), written);
                Ok(CallResult::Accepted)
            }
            ApiCall::ReadTags(of) => self.tags_of(of).map(|tags| CallResult::Tags(tags.clone())),
            ApiCall::Tag(of, tags) => self.put_tags(of, tags),
            ApiCall::DescribeAsset(id) => {
                if let Some(kind) = self.undescribable.get(&id) {
                    return Err(fault(*kind, "it cannot be described"));
                }
                let asset =
                    self.assets.get_mut(&id).ok_or(fault(ApiFaultKind::NotFound, "asset"))?;
                let told = asset.tell(id);
                asset.looks = asset.looks.saturating_sub(1);
                Ok(CallResult::Asset(told))
            }
            ApiCall::ReadProperties(id, token) => {
                let asset = self.assets.get(&id).ok_or(fault(ApiFaultKind::NotFound, "asset"))?;
                let model = self.models.get(&asset.model);
                let all = model.into_iter().flat_map(FakeModel::all_properties);
                let shown = |of: &Property| match self.properties.get(&(id, of.id)) {
                    Some(own) => own.clone(),
                    None => AssetProperty {
                        alias: None,
                        notification: NotificationState::Disabled,
                        unit: of.unit.clone(),
                    },
                };
                Ok(CallResult::Properties(page(all.map(|of| (of.id, shown(of))).collect(), token)))
            }
            ApiCall::ListChildren(parent, token) => {
                self.listable(parent)?;
                let below = self.assets.iter().filter(|(_, asset)| asset.parent == Some(parent));
                Ok(CallResult::Assets(page(
                    below.map(|(id, asset)| asset.tell(*id)).collect(),
                    token,
                )))
            }
            ApiCall::Associate(link) => {
                let parent = self.assets.get(&link.parent).map(|asset| asset.model);
                let parent = parent.and_then(|model| self.models.get(&model));
                let place = parent
                    .and_then(|model| model.hierarchies.iter().find(|h| h.id == link.hierarchy))
                    .ok_or(fault(ApiFaultKind::NotFound, "hierarchy"))?
                    .child_model;
                let below = self.assets.values().filter(|asset| asset.parent == Some(link.parent));
                if below.count() >= limits::CHILDREN_PER_ASSET {
                    return Err(fault(ApiFaultKind::Limit, "children"));
                }
                let child = self
                    .assets
                    .get_mut(&link.child)
                    .ok_or(fault(ApiFaultKind::NotFound, "child"))?;
                if child.model != place {
                    return Err(fault(ApiFaultKind::Invalid, "model of child"));
                }
                if child.parent.is_some() {
                    return Err(fault(ApiFaultKind::AlreadyExists, "association"));
                }
                child.parent = Some(link.parent);
                Ok(CallResult::Accepted)
            }
        }
    }

    fn listable(&self, id: Uuid) -> Result<(), ApiFault> {
        match self.unlistable.get(&id) {
            Some(kind) => Err(fault(*kind, "it cannot be listed")),
            None => Ok(()),
        }
    }

    /// Takes a value, as the data plane does: the latest is the one with the highest time.
    pub(crate) fn put(&mut self, asset: Uuid, property: Uuid, tqv: Tqv) {
        let latest = self.latest.entry((asset, property)).or_insert_with(|| tqv.clone());
        if latest.time <= tqv.time {
            *latest = tqv;
        }
    }

    /// What an asset's property has.
    pub(crate) fn property(&self, asset: Uuid, property: Uuid) -> Result<AssetProperty, ApiFault> {
        let unit = self.model_unit(asset, property)?;
        let own = self.properties.get(&(asset, property)).cloned();
        let notification = NotificationState::Disabled;
        Ok(own.unwrap_or(AssetProperty { alias: None, notification, unit }))
    }

    fn model_unit(&self, asset: Uuid, property: Uuid) -> Result<Option<String>, ApiFault> {
        let model = self.assets.get(&asset).and_then(|asset| self.models.get(&asset.model));
        let property =
            model.and_then(|model| model.all_properties().find(|has| has.id == property));
        Ok(property.ok_or(fault(ApiFaultKind::NotFound, "property"))?.unit.clone())
    }

    /// The latest value of a property that an asset has.
    fn read(&self, asset: Uuid, property: Uuid) -> LatestValue {
        if self.unreadable_properties.contains(&(asset, property)) {
            return Err(fault(ApiFaultKind::Denied, "this one is not for you"));
        }
        let model = self.assets.get(&asset).and_then(|asset| self.models.get(&asset.model));
        let there = model.is_some_and(|model| model.all_properties().any(|has| has.id == property));
        Ok(self.latest.get(&(asset, property)).filter(|_| there).cloned())
    }

    /// The asset of this name.
    pub(crate) fn asset(&self, name: &str) -> (Uuid, &FakeAsset) {
        let found = self.assets.iter().find(|(_, asset)| asset.name == name);
        let (id, asset) = found.unwrap_or_else(|| panic!("no asset {name}: {self:#?}"));
        (*id, asset)
    }

    /// The model of this name.
    pub(crate) fn model(&self, name: &str) -> (Uuid, &FakeModel) {
        let found = self.models.iter().find(|(_, model)| model.name == name);
        let (id, model) = found.unwrap_or_else(|| panic!("no model {name}: {self:#?}"));
        (*id, model)
    }

    /// The names from the root down to an asset.
    pub(crate) fn path(&self, name: &str) -> Vec<&str> {
        let (_, mut asset) = self.asset(name);
        let mut path = vec![asset.name.as_str()];
        while let Some(above) = asset.parent.and_then(|parent| self.assets.get(&parent)) {
            path.insert(0, &above.name);
            asset = above;
        }
        path
    }

    /// A model that can be written.
    fn at_rest(&self, id: Uuid) -> Result<FakeModel, ApiFault> {
        let model = self.models.get(&id).ok_or(fault(ApiFaultKind::NotFound, "model"))?;
        if model.looks > 0 {
            return Err(fault(ApiFaultKind::Conflict, "model is busy"));
        }
        Ok(model.clone())
    }

    fn updated(&mut self, id: Uuid, mut model: FakeModel) -> Result<CallResult, ApiFault> {
        model.updates += 1;
        model.looks = self.slowness;
        model.failed = self.failure(&model.name, &model.properties);
        let before = self.models.get(&id).filter(|_| model.failed.is_some());
        model.usable = before.and_then(|before| match before.failed {
            None => Some(before.version()),
            Some(_) => before.usable.clone(),
        });
        self.models.insert(id, model);
        Ok(CallResult::Accepted)
    }

    /// Why a model of this name with these properties ends FAILED, if it does.
    fn failure(&self, name: &str, properties: &[Property]) -> Option<String> {
        if self.failing.contains(name) {
            return Some("it failed".into());
        }
        let mut names = properties.iter().map(|property| &property.name);
        let named = names.find(|name| self.failing_properties.contains(*name))?;
        Some(format!("VALIDATION_ERROR: the default of \"{named}\" is no number"))
    }

    fn describe_model(&mut self, id: Uuid) -> Result<CallResult, ApiFault> {
        let model = self.models.get_mut(&id).ok_or(fault(ApiFaultKind::NotFound, "model"))?;
        let state = match &model.failed {
            _ if model.looks > 0 => ResourceState::Updating,
            Some(reason) => ResourceState::Failed(reason.clone()),
            None => ResourceState::Active,
        };
        model.looks = model.looks.saturating_sub(1);
        Ok(CallResult::Model(Model {
            id,
            external_id: model.external_id.clone(),
            name: model.name.clone(),
            state,
            properties: model.all_properties().map(as_described).collect(),
            root: model.properties.len(),
            composites: model
                .composites
                .iter()
                .map(|(id, (_, part))| Composite { id: *id, properties: part.len() })
                .collect(),
            hierarchies: model.hierarchies.iter().map(hierarchy_described).collect(),
            usable: model.usable.clone(),
        }))
    }

    fn check_model(&self, properties: &[Property], places: &[Hierarchy]) -> Result<(), ApiFault> {
        let names = properties.iter().map(|property| &property.name);
        let mut all = names.chain(places.iter().map(|place| &place.name));
        if all.any(|name| self.refused_properties.contains(name)) {
            return Err(self.refusal());
        }
        let ids: BTreeSet<_> = properties.iter().map(|property| property.id).collect();
        let names: BTreeSet<_> = properties.iter().map(|property| &property.name).collect();
        if ids.len() < properties.len() || names.len() < properties.len() {
            return Err(fault(ApiFaultKind::Invalid, "two properties of one name or id"));
        }
        if properties.len() > self.root_quota.unwrap_or(limits::ROOT_PROPERTIES) {
            return Err(fault(ApiFaultKind::Limit, "properties"));
        }
        for place in places {
            if self.models.get(&place.child_model).is_none_or(|model| model.looks > 0) {
                return Err(fault(ApiFaultKind::Invalid, "the child's model is not active"));
            }
        }
        Ok(())
    }

    fn refusal(&self) -> ApiFault {
        match self.refused_by_quota {
            true => fault(ApiFaultKind::Limit, "a quota is used up"),
            false => fault(ApiFaultKind::Invalid, "something is not valid"),
        }
    }

    fn check_composite(&self, properties: &[Property]) -> Result<(), ApiFault> {
        if properties.len() > limits::PROPERTIES_PER_COMPOSITE {
            return Err(fault(ApiFaultKind::Limit, "properties of a composite model"));
        }
        if properties.iter().any(|property| self.refused_properties.contains(&property.name)) {
            return Err(self.refusal());
        }
        Ok(())
    }
}

fn as_described(property: &Property) -> ModelProperty {
    ModelProperty {
        id: property.id,
        external_id: Some(property.external_id.clone()),
        name: property.name.clone(),
        data_type: property.data_type,
        unit: property.unit.clone(),
        kind: property.kind.clone(),
    }
}

fn hierarchy_described(place: &Hierarchy) -> ModelHierarchy {
    ModelHierarchy { id: place.id, name: place.name.clone(), child_model: place.child_model }
}

impl FakeModel {
    /// Those of the root, then those of the composite models.
    pub(crate) fn all_properties(&self) -> impl Iterator<Item = &Property> {
        self.properties.iter().chain(self.composites.values().flat_map(|(_, part)| part))
    }

    fn version(&self) -> ActiveVersion {
        ActiveVersion {
            properties: self.all_properties().map(|property| property.id).collect(),
            hierarchies: self.hierarchies.iter().map(|place| place.id).collect(),
        }
    }
}

impl FakeAsset {
    fn tell(&self, id: Uuid) -> Asset {
        Asset {
            id,
            external_id: self.external_id.clone(),
            name: self.name.clone(),
            model: self.model,
            description: self.description.clone(),
            state: if self.looks > 0 { ResourceState::Creating } else { ResourceState::Active },
        }
    }
}

/// Pages of two, so that every list has several.
fn page<T>(items: Vec<T>, token: Option<String>) -> Page<T> {
    let start = token.map_or(0, |token| token.parse::<usize>().unwrap());
    let more = items.len() > start + 2;
    Page {
        items: items.into_iter().skip(start).take(2).collect(),
        next: more.then(|| (start + 2).to_string()),
    }
}
