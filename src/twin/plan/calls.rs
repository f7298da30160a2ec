//! The calls that jobs make.

use super::state::{AssetStage, Children, ModelStage};
use super::step::Step;
use super::{Job, Plan};
use crate::sitewise::api::{Associate, CreateAsset, CreateModel, GrowModel};
use crate::twin::assets::Assets;
use crate::twin::identity::short_hash;
use crate::twin::models::{ModelIx, Models};
use crate::twin::names;

impl Plan {
    /// The call that a job makes; none if there is nothing to do after all.
    pub(super) fn step(&self, job: Job, models: &Models, assets: &Assets) -> Option<Step> {
        Some(match job {
            Job::ListModels => Step::ListModels(self.learning.models.clone()),
            Job::ListAssets(list) => {
                let list = self.learning.assets.get(list as usize)?;
                Step::ListAssets(list.model, list.token.clone())
            }
            Job::Model(ix) => match self.models.get(ix.0 as usize)?.stage {
                ModelStage::Unknown | ModelStage::Failed => Step::DescribeModel(models.get(ix).id),
                ModelStage::Absent => Step::CreateModel(self.create_model(ix, models)),
                ModelStage::Active => Step::GrowModel(self.grow_model(ix, models)?),
            },
            Job::Asset(ix) => {
                let asset = assets.get(ix);
                match self.assets.get(ix.0 as usize)?.stage {
                    AssetStage::Absent => Step::CreateAsset(CreateAsset {
                        id: asset.id,
                        external_id: asset.external_id.clone(),
                        name: asset.name.clone(),
                        model: models.get(asset.model).id,
                        description: names::description(&asset.address),
                    }),
                    AssetStage::Unknown | AssetStage::Active => Step::DescribeAsset(asset.id),
                }
            }
            Job::Children(ix) => match &self.assets.get(ix.0 as usize)?.children {
                Children::Reading { token, .. } => {
                    Step::ListChildren(assets.get(ix).id, token.clone())
                }
                Children::Known(_) => return None,
            },
            Job::Link(ix) => {
                let child = assets.get(ix);
                let parent = assets.get(child.parent?);
                Step::Associate(Associate {
                    parent: parent.id,
                    hierarchy: models.hierarchy_id(parent.model, child.model)?,
                    child: child.id,
                })
            }
        })
    }

    fn create_model(&self, ix: ModelIx, models: &Models) -> CreateModel {
        let model = models.get(ix);
        let places = model.hierarchies.iter().filter(|(child, _)| self.is_active(*child));
        CreateModel {
            id: model.id,
            external_id: model.external_id.clone(),
            name: model.name.clone(),
            description: model.description.clone(),
            properties: model.properties.clone(),
            hierarchies: places.map(|(_, hierarchy)| hierarchy.clone()).collect(),
        }
    }

    /// What a model lacks, under names that nobody else has taken on it meanwhile.
    fn grow_model(&self, ix: ModelIx, models: &Models) -> Option<GrowModel> {
        let (model, state) = (models.get(ix), self.models.get(ix.0 as usize)?);
        let properties = self.lacking(ix, models).filter_map(|place| {
            let mut property = model.properties.get(place)?.clone();
            if state.names.contains(&property.name) {
                let mark = short_hash(&[&property.id.to_string()]);
                property.name = names::with_suffix(&property.name, &format!("({mark})"));
            }
            Some(property)
        });
        let places = model.hierarchies.iter().filter(|(child, hierarchy)| {
            !state.hierarchies.contains(&hierarchy.id) && self.is_active(*child)
        });
        Some(GrowModel {
            id: model.id,
            properties: properties.collect(),
            hierarchies: places.map(|(_, hierarchy)| hierarchy.clone()).collect(),
        })
    }
}
