//! SiteWise's control plane that accepts everything at once and remembers it.

use std::collections::BTreeMap;

use sparkwise::sitewise::api::{Asset, CreateAsset, CreateModel, Model, Page, State};
use sparkwise::twin::plan::step::{Done, Step};
use uuid::Uuid;

/// What was created.
#[derive(Debug, Default)]
pub(crate) struct ControlPlane {
    models: BTreeMap<Uuid, CreateModel>,
    pub(crate) assets: BTreeMap<Uuid, CreateAsset>,
}

impl ControlPlane {
    /// Carries out a call.
    pub(crate) fn answer(&mut self, step: Step) -> Done {
        match step {
            Step::ListModels(_) => Done::Models(Page { items: Vec::new(), next: None }),
            Step::ListAssets(..) | Step::ListChildren(..) => {
                Done::Assets(Page { items: Vec::new(), next: None })
            }
            Step::DescribeModel(id) => Done::Model(self.model(id)),
            Step::DescribeAsset(id) => Done::Asset(self.asset(id)),
            Step::CreateModel(model) => {
                self.models.insert(model.id, model);
                Done::Accepted
            }
            Step::GrowModel(growth) => {
                let model = self.models.get_mut(&growth.id).unwrap();
                model.properties.extend(growth.properties);
                model.hierarchies.extend(growth.hierarchies);
                Done::Accepted
            }
            Step::ReadBooleans(of) => Done::Booleans(vec![None; of.len()]),
            Step::CreateComposite(_) | Step::GrowComposite(_) => {
                unreachable!("no model here has more members than its root")
            }
            Step::CreateAsset(asset) => {
                self.assets.insert(asset.id, asset);
                Done::Accepted
            }
            Step::Associate(_) => Done::Accepted,
        }
    }

    fn model(&self, id: Uuid) -> Model {
        let model = self.models.get(&id).unwrap();
        let properties = model.properties.iter();
        let hierarchies = model.hierarchies.iter();
        Model {
            id,
            external_id: Some(model.external_id.clone()),
            name: model.name.clone(),
            state: State::Active,
            properties: properties.map(|property| (property.id, property.name.clone())).collect(),
            root: model.properties.len(),
            composites: Vec::new(),
            hierarchies: hierarchies.map(|place| (place.id, place.child_model)).collect(),
            usable: None,
        }
    }

    fn asset(&self, id: Uuid) -> Asset {
        let asset = self.assets.get(&id).unwrap();
        Asset {
            id,
            external_id: Some(asset.external_id.clone()),
            name: asset.name.clone(),
            description: asset.description.clone(),
            model: asset.model,
            state: State::Active,
        }
    }
}
