//! SiteWise's control plane that accepts everything at once. It keeps no copy of what it is told:
//! a model has as many of the wanted properties as were written, and an asset is there.

use std::collections::BTreeMap;

use sparkwise::sitewise::api::{
    Asset, Hierarchy, Model, ModelHierarchy, ModelProperty, Page, PropertyKind, ResourceState,
};
use sparkwise::sitewise::tags::Tags;
use sparkwise::twin::plan::api_call::{ApiCall, CallResult};
use sparkwise::twin::{Twin, view};
use uuid::Uuid;

/// What was created.
#[derive(Debug, Default)]
pub(crate) struct ControlPlane {
    models: BTreeMap<Uuid, Written>,
    pub(crate) assets: usize,
}

/// What was written of a model.
#[derive(Debug, Default)]
struct Written {
    /// So many properties, in the order in which the twin wants them.
    properties: usize,
    /// Hierarchies, each with the model of the children.
    hierarchies: Vec<ModelHierarchy>,
}

impl ControlPlane {
    /// Carries out a call of the twin.
    pub(crate) fn answer(&mut self, step: ApiCall, twin: &Twin) -> CallResult {
        match step {
            ApiCall::ListModels(_) => CallResult::Models(Page { items: Vec::new(), next: None }),
            ApiCall::ListAssets(..) | ApiCall::ListChildren(..) => {
                CallResult::Assets(Page { items: Vec::new(), next: None })
            }
            ApiCall::DescribeModel(id) => CallResult::Model(self.model(id, twin)),
            ApiCall::DescribeAsset(id) => CallResult::Asset(asset(id)),
            ApiCall::CreateModel(model) => {
                self.write(model.id, model.properties.len(), &model.hierarchies)
            }
            ApiCall::GrowModel(growth) => {
                self.write(growth.id, growth.properties.len(), &growth.hierarchies)
            }
            ApiCall::ReadProperties(..) => {
                CallResult::Properties(Page { items: Vec::new(), next: None })
            }
            ApiCall::DescribeProperty { .. } => {
                unreachable!("no asset here has a unit of its own")
            }
            ApiCall::ReadValues(of) => CallResult::Values(vec![Ok(None); of.len()]),
            ApiCall::CreateComposite(_) | ApiCall::GrowComposite(_) => {
                unreachable!("no model here has more members than its root")
            }
            ApiCall::CreateAsset(_) => {
                self.assets += 1;
                CallResult::Accepted
            }
            ApiCall::ReadTags(_) => CallResult::Tags(Tags::new()),
            ApiCall::Associate(_) | ApiCall::UpdateProperty(_) | ApiCall::Tag(..) => {
                CallResult::Accepted
            }
        }
    }

    fn write(&mut self, id: Uuid, properties: usize, hierarchies: &[Hierarchy]) -> CallResult {
        let written = self.models.entry(id).or_default();
        written.properties += properties;
        written.hierarchies.extend(hierarchies.iter().map(|place| ModelHierarchy {
            id: place.id,
            name: place.name.clone(),
            child_model: place.child_model,
        }));
        CallResult::Accepted
    }

    fn model(&self, id: Uuid, twin: &Twin) -> Model {
        let Written { properties, hierarchies } = self.models.get(&id).unwrap();
        let (_, wanted) = twin.model(id).unwrap();
        let written = wanted.properties.iter().take(*properties);
        Model {
            id,
            external_id: Some(wanted.external_id.clone()),
            name: wanted.name.clone(),
            state: ResourceState::Active,
            properties: written.map(described).collect(),
            root: *properties,
            composites: Vec::new(),
            hierarchies: hierarchies.clone(),
            usable: None,
        }
    }
}

fn described(property: &view::DesiredProperty) -> ModelProperty {
    ModelProperty {
        id: property.id,
        external_id: None,
        name: property.name.to_string(),
        data_type: property.form.data_type(),
        unit: property.unit.as_deref().map(str::to_owned),
        kind: PropertyKind::Measurement,
    }
}

/// An asset that is there; the plan asks for no more.
fn asset(id: Uuid) -> Asset {
    Asset {
        id,
        external_id: None,
        name: String::new(),
        description: None,
        model: Uuid::nil(),
        state: ResourceState::Active,
    }
}
