//! Merging an update into a model, keeping all it has.
//!
//! UpdateAssetModel replaces the definition: what is left out is deleted, with its data. The
//! merge therefore happens in the SDK's own types, so that transforms, metrics, alarms and
//! whatever else people have added go back exactly as they came.

use std::collections::HashSet;

use aws_sdk_iotsitewise::error::BuildError;
use aws_sdk_iotsitewise::operation::describe_asset_model::DescribeAssetModelOutput;
use aws_sdk_iotsitewise::types::{AssetModelHierarchy, AssetModelProperty, AssetModelState};

use super::api::{GrowModel, Property};
use super::convert;

/// The lists of a model with what it lacked.
#[derive(Debug)]
pub(super) struct MergedModel {
    pub(super) properties: Vec<AssetModelProperty>,
    pub(super) hierarchies: Vec<AssetModelHierarchy>,
}

/// The model's lists with those additions whose id and name it has not, and without the
/// properties named in `without`; none if there is nothing to change in one that has not FAILED.
///
/// # Errors
///
/// An addition that the SDK cannot express.
pub(super) fn merge(
    model: &DescribeAssetModelOutput,
    growth: &GrowModel,
    without: &[String],
) -> Result<Option<MergedModel>, BuildError> {
    let all = model.asset_model_properties();
    let stays = |property: &&AssetModelProperty| match property.id() {
        Some(id) => !without.iter().any(|without| without == id),
        None => true,
    };
    let root: Vec<_> = all.iter().filter(stays).cloned().collect();
    let changed = root.len() < all.len();
    let composites = model.asset_model_composite_models();
    let elsewhere: Vec<&str> = composites
        .iter()
        .flat_map(|composite| composite.properties().iter().filter_map(|property| property.id()))
        .collect();
    let properties = self::properties(&root, &elsewhere, &growth.properties)?;
    let mut hierarchies = model.asset_model_hierarchies().to_vec();
    let before = root.len() + hierarchies.len();

    let mut taken: HashSet<String> = hierarchies
        .iter()
        .flat_map(|hierarchy| [hierarchy.id(), Some(hierarchy.name())])
        .flatten()
        .map(str::to_owned)
        .collect();
    for hierarchy in &growth.hierarchies {
        let id = hierarchy.id.to_string();
        if !taken.contains(&id) && !taken.contains(&hierarchy.name) {
            hierarchies.push(convert::added_hierarchy(hierarchy)?);
            taken.insert(id);
            taken.insert(hierarchy.name.clone());
        }
    }

    // One that FAILED is written as it stands: what it failed for may have passed.
    let state = model.asset_model_status().map(|status| status.state());
    let changed = changed
        || properties.len() + hierarchies.len() > before
        || state == Some(&AssetModelState::Failed);
    Ok(changed.then_some(MergedModel { properties, hierarchies }))
}

/// The properties that are there with those additions whose id and name none of them has, nor
/// an id that stands `elsewhere` in the model.
///
/// # Errors
///
/// An addition that the SDK cannot express.
pub(super) fn properties(
    before: &[AssetModelProperty],
    elsewhere: &[&str],
    additions: &[Property],
) -> Result<Vec<AssetModelProperty>, BuildError> {
    let mut properties = before.to_vec();
    let mut taken: HashSet<String> = before
        .iter()
        .flat_map(|property| [property.id(), Some(property.name())])
        .flatten()
        .chain(elsewhere.iter().copied())
        .map(str::to_owned)
        .collect();
    for property in additions {
        let id = property.id.to_string();
        if !taken.contains(&id) && !taken.contains(&property.name) {
            properties.push(convert::added_property(property)?);
            taken.insert(id);
            taken.insert(property.name.clone());
        }
    }
    Ok(properties)
}
