//! Parts of answers that several operations share.

use serde::Serialize;
use serde_json::{Value, json};

use super::definition::{Composite, Definition, Hierarchy, Property};
use super::model::AssetModel;
use super::states::Phase;

/// Adds members that may be absent.
pub(crate) trait With {
    fn with(self, name: &str, value: Option<impl Serialize>) -> Self;
}

impl With for Value {
    fn with(mut self, name: &str, value: Option<impl Serialize>) -> Self {
        if let (Some(value), Some(object)) = (value, self.as_object_mut()) {
            object.insert(name.to_owned(), json!(value));
        }
        self
    }
}

pub(crate) fn status(phase: Phase, failure: Option<&str>) -> Value {
    let error = failure.map(|message| json!({ "code": "VALIDATION_ERROR", "message": message }));
    json!({ "state": phase.name() }).with("error", error)
}

pub(crate) fn model_status(model: &AssetModel) -> Value {
    status(model.phase, model.failure.as_deref().filter(|_| model.phase == Phase::Failed))
}

/// `AssetModelProperty`.
pub(crate) fn model_property(
    definition: &Definition,
    property: &Property,
    composite: Option<&Composite>,
) -> Value {
    json!({
        "id": property.id,
        "name": property.name,
        "dataType": property.data_type,
        "type": property.shape,
        "path": definition.property_path(property, composite),
    })
    .with("externalId", property.external_id.as_ref())
    .with("dataTypeSpec", property.data_type_spec.as_ref())
    .with("unit", property.unit.as_ref())
}

/// `AssetModelHierarchy`.
pub(crate) fn model_hierarchy(hierarchy: &Hierarchy) -> Value {
    json!({ "id": hierarchy.id, "name": hierarchy.name, "childAssetModelId": hierarchy.child_model })
        .with("externalId", hierarchy.external_id.as_ref())
}

/// `AssetHierarchy`.
pub(crate) fn asset_hierarchies(definition: &Definition) -> Vec<Value> {
    let hierarchy = |hierarchy: &Hierarchy| {
        json!({ "id": hierarchy.id, "name": hierarchy.name })
            .with("externalId", hierarchy.external_id.as_ref())
    };
    definition.hierarchies.iter().map(hierarchy).collect()
}

/// `AssetModelCompositeModelSummary`.
pub(crate) fn composite_summary(definition: &Definition, composite: &Composite) -> Value {
    json!({
        "id": composite.id,
        "name": composite.name,
        "type": composite.kind,
        "description": composite.description.as_deref().unwrap_or_default(),
        "path": definition.composite_path(composite),
    })
    .with("externalId", composite.external_id.as_ref())
}
