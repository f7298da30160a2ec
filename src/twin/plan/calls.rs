//! The calls that jobs make.

use super::api_call::ApiCall;
use super::state::{AssetStage, Children, ModelStage};
use super::{Plan, ProvisioningJob};
use crate::sitewise::api::{
    Associate, CreateAsset, CreateComposite, CreateModel, GrowComposite, GrowModel, Hierarchy,
    Property,
};
use crate::sitewise::limits;
use crate::twin::assets::DesiredAssets;
use crate::twin::models::{DesiredModels, ModelIx};
use crate::twin::names;

/// What a write may add to a model.
enum WritePart {
    Property(Property),
    Hierarchy(Hierarchy),
}

impl Plan {
    /// The call that a job makes; none if there is nothing to do after all.
    pub(super) fn call_of(
        &self,
        job: ProvisioningJob,
        models: &DesiredModels,
        assets: &DesiredAssets,
    ) -> Option<ApiCall> {
        Some(match job {
            ProvisioningJob::ListModels => ApiCall::ListModels(self.initial_sync.models.clone()),
            ProvisioningJob::ListAssets(list) => {
                let list = self.initial_sync.assets.get(list as usize)?;
                ApiCall::ListAssets(list.model, list.next_token.clone())
            }
            ProvisioningJob::Presence(list) => self.presence_call(list)?,
            ProvisioningJob::Check(at) => self.check_call(at)?,
            ProvisioningJob::LookUp(part) => self.part_call(part)?,
            ProvisioningJob::Model(ix) => match self.models.get(ix.0 as usize)?.stage {
                ModelStage::Unknown | ModelStage::Failed => {
                    ApiCall::DescribeModel(models.get(ix).id)
                }
                ModelStage::Absent => ApiCall::CreateModel(self.create_model(ix, models)),
                ModelStage::Active | ModelStage::ToRewrite => self.next_update(ix, models)?,
                ModelStage::ToRewriteUnchanged => self.rewrite_failed(ix, models)?,
            },
            ProvisioningJob::Asset(ix) => {
                let asset = assets.get(ix);
                match self.assets.get(ix.0 as usize)?.stage {
                    AssetStage::Absent => ApiCall::CreateAsset(CreateAsset {
                        id: asset.id,
                        external_id: assets.external_id(asset),
                        name: asset.name.to_string(),
                        model: models.get(asset.model).id,
                        description: asset.description.as_deref().map_or_else(
                            || names::description(&asset.address),
                            |text| Some(text.to_owned()),
                        ),
                    }),
                    AssetStage::Unknown | AssetStage::Active => ApiCall::DescribeAsset(asset.id),
                }
            }
            ProvisioningJob::Children(ix) => match &self.assets.get(ix.0 as usize)?.children {
                Children::Reading { token, .. } => {
                    ApiCall::ListChildren(assets.get(ix).id, token.clone())
                }
                Children::Known(_) => return None,
            },
            ProvisioningJob::Units(asset) => self.units_call(asset, assets)?,
            ProvisioningJob::Unit(asset, property) => {
                self.unit_call((asset, property), models, assets)?
            }
            ProvisioningJob::Link(ix) => {
                let child = assets.get(ix);
                let parent = assets.get(child.parent?);
                ApiCall::Associate(Associate {
                    parent: parent.id,
                    hierarchy: models.hierarchy_id(parent.model, child.model)?,
                    child: child.id,
                })
            }
        })
    }

    fn create_model(&self, ix: ModelIx, models: &DesiredModels) -> CreateModel {
        let (model, state) = (models.get(ix), self.models.get(ix.0 as usize));
        let places = model.hierarchies.iter().filter(|(child, _)| self.is_usable(*child));
        let bare = state.is_some_and(|state| state.search.is_bare());
        let most = if bare { 0 } else { limits::ROOT_PROPERTIES };
        CreateModel {
            id: model.id,
            external_id: model.external_id.clone(),
            name: model.name.clone(),
            description: model.description.clone(),
            properties: model
                .properties
                .iter()
                .take(most)
                .map(|property| models.for_sitewise(ix, property))
                .collect(),
            hierarchies: places.take(most).map(|(_, hierarchy)| hierarchy.clone()).collect(),
        }
    }

    /// The write of a model that FAILED, with what it has.
    fn rewrite_failed(&self, ix: ModelIx, models: &DesiredModels) -> Option<ApiCall> {
        let without = self.models.get(ix.0 as usize)?.failed.clone();
        let (properties, hierarchies) = (Vec::new(), Vec::new());
        let id = models.get(ix).id;
        Some(ApiCall::GrowModel(GrowModel { id, properties, hierarchies, without }))
    }

    /// The next write of what a model lacks: the root is filled first, then composite models
    /// in their order. None if it has no room left.
    fn next_update(&self, ix: ModelIx, models: &DesiredModels) -> Option<ApiCall> {
        let (model, state) = (models.get(ix), self.models.get(ix.0 as usize)?);
        let properties = self.lacking_properties(ix, models, state.root_room());
        // Under names that nobody else has taken on it meanwhile.
        let places = self.lacking_hierarchies(ix, models).cloned().map(|mut place| {
            if state.hierarchy_names.get(&place.name).is_some_and(|id| *id != place.id) {
                place.name = names::with_hash(&place.name, place.id);
            }
            WritePart::Hierarchy(place)
        });
        let parts = properties.into_iter().map(WritePart::Property).chain(places).collect();
        let (mut properties, mut hierarchies) = (Vec::new(), Vec::new());
        for part in state.search.next_subset(parts) {
            match part {
                WritePart::Property(property) => properties.push(property),
                WritePart::Hierarchy(place) => hierarchies.push(place),
            }
        }
        let without = state.failed.clone();
        if !(properties.is_empty() && hierarchies.is_empty() && without.is_empty()) {
            let id = model.id;
            return Some(ApiCall::GrowModel(GrowModel { id, properties, hierarchies, without }));
        }
        let within = |room| state.search.next_subset(self.lacking_properties(ix, models, room));
        for number in 1..=limits::COMPOSITES_PER_MODEL {
            let id = self.namespace.composite(model.id, number);
            let Some(known) = state.composites.iter().find(|composite| composite.id == id) else {
                if state.composites.len() >= limits::COMPOSITES_PER_MODEL {
                    return None;
                }
                let name = format!("More members {number}");
                let words = format!("{}/{name}", model.name);
                return Some(ApiCall::CreateComposite(CreateComposite {
                    model: model.id,
                    id,
                    external_id: self.namespace.external_id(&words, id),
                    name,
                    properties: within(limits::PROPERTIES_PER_COMPOSITE),
                }));
            };
            let room = limits::PROPERTIES_PER_COMPOSITE.saturating_sub(known.properties);
            if room > 0 {
                let properties = within(room);
                let growth = GrowComposite { model: model.id, id, properties };
                return Some(ApiCall::GrowComposite(growth));
            }
        }
        None
    }

    /// The first `room` properties that a model lacks, under names that nobody else has taken
    /// on it meanwhile.
    fn lacking_properties(
        &self,
        ix: ModelIx,
        models: &DesiredModels,
        room: usize,
    ) -> Vec<Property> {
        let (model, Some(state)) = (models.get(ix), self.models.get(ix.0 as usize)) else {
            return Vec::new();
        };
        let named = |place: usize| {
            let wanted = model.properties.get(place)?;
            let mut property = models.for_sitewise(ix, wanted);
            if state.names.contains(&property.name) {
                property.name = model.name_beside(wanted, |name| state.names.contains(name));
            }
            Some(property)
        };
        self.lacking(ix, models).take(room).filter_map(named).collect()
    }
}
