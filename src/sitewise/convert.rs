//! Conversion between our types and the SDK's.

use aws_sdk_iotsitewise::error::BuildError;
use aws_sdk_iotsitewise::operation::describe_asset::DescribeAssetOutput;
use aws_sdk_iotsitewise::operation::describe_asset_model::DescribeAssetModelOutput;
use aws_sdk_iotsitewise::types as sdk;
use uuid::Uuid;

use super::api::{
    Asset, AssetProperty, Hierarchy, Model, ModelHierarchy, ModelProperty, ModelSummary,
    NotificationState, Property, PropertyDataType, PropertyKind, ResourceState,
};

/// Something in an answer that should be an id of SiteWise, and is none.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a UUID")]
pub(super) struct NotAnId(String);

pub(super) fn id(text: &str) -> Result<Uuid, NotAnId> {
    Uuid::try_parse(text).map_err(|_| NotAnId(text.to_owned()))
}

fn data_type(data_type: PropertyDataType) -> sdk::PropertyDataType {
    match data_type {
        PropertyDataType::Integer => sdk::PropertyDataType::Integer,
        PropertyDataType::Double => sdk::PropertyDataType::Double,
        PropertyDataType::Boolean => sdk::PropertyDataType::Boolean,
        PropertyDataType::String => sdk::PropertyDataType::String,
    }
}

fn property_type(kind: &PropertyKind) -> sdk::PropertyType {
    match kind {
        PropertyKind::Attribute { default } => sdk::PropertyType::builder()
            .attribute(sdk::Attribute::builder().set_default_value(default.clone()).build())
            .build(),
        PropertyKind::Measurement => {
            sdk::PropertyType::builder().measurement(sdk::Measurement::builder().build()).build()
        }
    }
}

/// As CreateAssetModel takes it.
pub(super) fn new_property(
    property: &Property,
) -> Result<sdk::AssetModelPropertyDefinition, BuildError> {
    sdk::AssetModelPropertyDefinition::builder()
        .id(property.id.to_string())
        .external_id(&property.external_id)
        .name(&property.name)
        .data_type(data_type(property.data_type))
        .set_unit(property.unit.clone())
        .r#type(property_type(&property.kind))
        .build()
}

/// As UpdateAssetModel takes it.
pub(super) fn added_property(property: &Property) -> Result<sdk::AssetModelProperty, BuildError> {
    sdk::AssetModelProperty::builder()
        .id(property.id.to_string())
        .external_id(&property.external_id)
        .name(&property.name)
        .data_type(data_type(property.data_type))
        .set_unit(property.unit.clone())
        .r#type(property_type(&property.kind))
        .build()
}

/// As CreateAssetModel takes it.
pub(super) fn new_hierarchy(
    hierarchy: &Hierarchy,
) -> Result<sdk::AssetModelHierarchyDefinition, BuildError> {
    sdk::AssetModelHierarchyDefinition::builder()
        .id(hierarchy.id.to_string())
        .external_id(&hierarchy.external_id)
        .name(&hierarchy.name)
        .child_asset_model_id(hierarchy.child_model.to_string())
        .build()
}

/// As UpdateAssetModel takes it.
pub(super) fn added_hierarchy(
    hierarchy: &Hierarchy,
) -> Result<sdk::AssetModelHierarchy, BuildError> {
    sdk::AssetModelHierarchy::builder()
        .id(hierarchy.id.to_string())
        .external_id(&hierarchy.external_id)
        .name(&hierarchy.name)
        .child_asset_model_id(hierarchy.child_model.to_string())
        .build()
}

/// An entry of BatchGetAssetPropertyValue; its place becomes its id.
pub(super) fn reading(
    index: usize,
    asset: Uuid,
    property: Uuid,
) -> Result<sdk::BatchGetAssetPropertyValueEntry, BuildError> {
    sdk::BatchGetAssetPropertyValueEntry::builder()
        .entry_id(index.to_string())
        .asset_id(asset.to_string())
        .property_id(property.to_string())
        .build()
}

fn reason(error: Option<&sdk::ErrorDetails>) -> String {
    error.map_or_else(
        || "without a reason".to_owned(),
        |error| {
            let mut reason = format!("{}: {}", error.code(), error.message());
            for detail in error.details() {
                reason = format!("{reason}; {}: {}", detail.code(), detail.message());
            }
            reason
        },
    )
}

/// A model without a status, or with one that came later than this SDK, is in motion.
fn model_state(status: Option<&sdk::AssetModelStatus>) -> ResourceState {
    let Some(status) = status else {
        return ResourceState::Updating;
    };
    match status.state() {
        sdk::AssetModelState::Creating => ResourceState::Creating,
        sdk::AssetModelState::Active => ResourceState::Active,
        sdk::AssetModelState::Deleting => ResourceState::Deleting,
        sdk::AssetModelState::Failed => ResourceState::Failed(reason(status.error())),
        _ => ResourceState::Updating,
    }
}

fn asset_state(status: Option<&sdk::AssetStatus>) -> ResourceState {
    let Some(status) = status else {
        return ResourceState::Updating;
    };
    match status.state() {
        sdk::AssetState::Creating => ResourceState::Creating,
        sdk::AssetState::Active => ResourceState::Active,
        sdk::AssetState::Deleting => ResourceState::Deleting,
        sdk::AssetState::Failed => ResourceState::Failed(reason(status.error())),
        _ => ResourceState::Updating,
    }
}

/// What the description itself tells; custom composite models are only named in it.
pub(super) fn model(output: &DescribeAssetModelOutput) -> Result<Model, NotAnId> {
    let composites = output.asset_model_composite_models();
    let all = output
        .asset_model_properties()
        .iter()
        .chain(composites.iter().flat_map(|composite| composite.properties()));
    let mut properties = Vec::new();
    for property in all {
        properties.extend(model_property(property)?);
    }
    let mut hierarchies = Vec::new();
    for hierarchy in output.asset_model_hierarchies() {
        if let Some(text) = hierarchy.id() {
            hierarchies.push(ModelHierarchy {
                id: id(text)?,
                name: hierarchy.name().to_owned(),
                child_model: id(hierarchy.child_asset_model_id())?,
            });
        }
    }
    Ok(Model {
        id: id(output.asset_model_id())?,
        external_id: output.asset_model_external_id().map(str::to_owned),
        name: output.asset_model_name().to_owned(),
        state: model_state(output.asset_model_status()),
        properties,
        root: output.asset_model_properties().len(),
        composites: Vec::new(),
        hierarchies,
        usable: None,
    })
}

/// A property of a model; none for one without an id.
pub(super) fn model_property(
    property: &sdk::AssetModelProperty,
) -> Result<Option<ModelProperty>, NotAnId> {
    let Some(text) = property.id() else { return Ok(None) };
    Ok(Some(ModelProperty {
        id: id(text)?,
        external_id: property.external_id().map(str::to_owned),
        name: property.name().to_owned(),
        data_type: data_type_of(property.data_type()),
        unit: property.unit().map(str::to_owned),
        kind: property_kind_of(property.r#type()),
    }))
}

/// A property of a model or of one of its composite models; none for one without an id.
pub(super) fn listed_property(
    property: &sdk::AssetModelPropertySummary,
) -> Result<Option<ModelProperty>, NotAnId> {
    let Some(text) = property.id() else { return Ok(None) };
    Ok(Some(ModelProperty {
        id: id(text)?,
        external_id: property.external_id().map(str::to_owned),
        name: property.name().to_owned(),
        data_type: data_type_of(property.data_type()),
        unit: property.unit().map(str::to_owned),
        kind: property_kind_of(property.r#type()),
    }))
}

fn data_type_of(data_type: &sdk::PropertyDataType) -> PropertyDataType {
    match data_type {
        sdk::PropertyDataType::Boolean => PropertyDataType::Boolean,
        sdk::PropertyDataType::Double => PropertyDataType::Double,
        sdk::PropertyDataType::Integer => PropertyDataType::Integer,
        // What is written as text, structures among them.
        _ => PropertyDataType::String,
    }
}

fn property_kind_of(kind: Option<&sdk::PropertyType>) -> PropertyKind {
    match kind.and_then(sdk::PropertyType::attribute) {
        Some(attribute) => {
            PropertyKind::Attribute { default: attribute.default_value().map(str::to_owned) }
        }
        None => PropertyKind::Measurement,
    }
}

pub(super) fn model_summary(summary: &sdk::AssetModelSummary) -> Result<ModelSummary, NotAnId> {
    Ok(ModelSummary {
        id: id(summary.id())?,
        external_id: summary.external_id().map(str::to_owned),
        name: summary.name().to_owned(),
        state: model_state(summary.status()),
        description: Some(summary.description().to_owned()).filter(|text| !text.is_empty()),
    })
}

pub(super) fn asset(output: &DescribeAssetOutput) -> Result<Asset, NotAnId> {
    Ok(Asset {
        id: id(output.asset_id())?,
        external_id: output.asset_external_id().map(str::to_owned),
        name: output.asset_name().to_owned(),
        model: id(output.asset_model_id())?,
        description: output.asset_description().map(str::to_owned),
        state: asset_state(output.asset_status()),
    })
}

/// What an asset's property has.
pub(super) fn asset_property(
    property: &sdk::AssetPropertySummary,
) -> Result<(Uuid, AssetProperty), NotAnId> {
    let shown = AssetProperty {
        alias: property.alias().map(str::to_owned),
        notification: notification(property.notification()),
        unit: property.unit().map(str::to_owned),
    };
    Ok((id(property.id())?, shown))
}

/// Whether the values of a property are published; without a statement they are not.
pub(super) fn notification(
    sdk_notification: Option<&sdk::PropertyNotification>,
) -> NotificationState {
    match sdk_notification.map(sdk::PropertyNotification::state) {
        Some(sdk::PropertyNotificationState::Enabled) => NotificationState::Enabled,
        Some(_) | None => NotificationState::Disabled,
    }
}

pub(super) fn asset_summary(summary: &sdk::AssetSummary) -> Result<Asset, NotAnId> {
    Ok(Asset {
        id: id(summary.id())?,
        external_id: summary.external_id().map(str::to_owned),
        name: summary.name().to_owned(),
        model: id(summary.asset_model_id())?,
        description: summary.description().map(str::to_owned),
        state: asset_state(summary.status()),
    })
}

pub(super) fn child_summary(summary: &sdk::AssociatedAssetsSummary) -> Result<Asset, NotAnId> {
    Ok(Asset {
        id: id(summary.id())?,
        external_id: summary.external_id().map(str::to_owned),
        name: summary.name().to_owned(),
        model: id(summary.asset_model_id())?,
        description: summary.description().map(str::to_owned),
        state: asset_state(summary.status()),
    })
}
