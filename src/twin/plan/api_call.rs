//! One call to the control plane, and its result.

use std::fmt;

use uuid::Uuid;

use crate::sitewise::api::{
    Asset, AssetProperty, Associate, CreateAsset, CreateComposite, CreateModel, GrowComposite,
    GrowModel, Hierarchy, LatestValue, Model, ModelSummary, Page, Property, UpdateProperty,
};
use crate::sitewise::cause::{GET_OPERATION, Plane};
use crate::sitewise::tags::{Taggable, Tags};

/// Identifies a call until its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u64);

/// A call to be made once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiCall {
    /// ListAssetModels, from this page on.
    ListModels(Option<String>),
    /// DescribeAssetModel.
    DescribeModel(Uuid),
    /// CreateAssetModel.
    CreateModel(CreateModel),
    /// UpdateAssetModel with additions.
    GrowModel(GrowModel),
    /// CreateAssetModelCompositeModel.
    CreateComposite(CreateComposite),
    /// UpdateAssetModelCompositeModel with additions.
    GrowComposite(GrowComposite),
    /// ListAssets of a model, from this page on.
    ListAssets(Uuid, Option<String>),
    /// CreateAsset.
    CreateAsset(CreateAsset),
    /// DescribeAsset.
    DescribeAsset(Uuid),
    /// ListAssetProperties of an asset, from this page on.
    ReadProperties(Uuid, Option<String>),
    /// ListAssociatedAssets of a parent, from this page on.
    ListChildren(Uuid, Option<String>),
    /// AssociateAssets.
    Associate(Associate),
    /// DescribeAssetProperty.
    DescribeProperty {
        /// The asset.
        asset: Uuid,
        /// The property.
        property: Uuid,
    },
    /// UpdateAssetProperty.
    UpdateProperty(UpdateProperty),
    /// ListTagsForResource.
    ReadTags(Taggable),
    /// TagResource.
    Tag(Taggable, Tags),
    /// BatchGetAssetPropertyValue of properties, each an asset's.
    ReadValues(Vec<(Uuid, Uuid)>),
}

/// What a call returned.
#[derive(Clone, Debug, PartialEq)]
pub enum CallResult {
    /// Of [`ApiCall::ListModels`].
    Models(Page<ModelSummary>),
    /// Of [`ApiCall::DescribeModel`].
    Model(Model),
    /// Of [`ApiCall::ListAssets`] and [`ApiCall::ListChildren`].
    Assets(Page<Asset>),
    /// Of [`ApiCall::DescribeAsset`].
    Asset(Asset),
    /// Of [`ApiCall::ReadProperties`], by property.
    Properties(Page<(Uuid, AssetProperty)>),
    /// Of [`ApiCall::DescribeProperty`].
    Property(AssetProperty),
    /// Of [`ApiCall::ReadTags`].
    Tags(Tags),
    /// Of [`ApiCall::ReadValues`], in its order.
    Values(Vec<LatestValue>),
    /// Of the others: SiteWise accepted it.
    Accepted,
}

impl ApiCall {
    /// Whether it changes something in SiteWise.
    pub fn is_write(&self) -> bool {
        match self {
            Self::CreateModel(_)
            | Self::GrowModel(_)
            | Self::CreateComposite(_)
            | Self::GrowComposite(_)
            | Self::CreateAsset(_)
            | Self::Associate(_)
            | Self::UpdateProperty(_)
            | Self::Tag(..) => true,
            Self::ListModels(_)
            | Self::DescribeModel(_)
            | Self::ListAssets(..)
            | Self::DescribeAsset(_)
            | Self::ReadProperties(..)
            | Self::ListChildren(..)
            | Self::DescribeProperty { .. }
            | Self::ReadTags(_)
            | Self::ReadValues(_) => false,
        }
    }

    /// Which calls it is one of.
    pub fn plane(&self) -> Plane {
        match self {
            Self::ReadValues(_) => Plane::Read,
            _ => Plane::Control,
        }
    }

    /// SiteWise's operation, as a policy names it.
    pub fn operation(&self) -> &'static str {
        match self {
            Self::ListModels(_) => "ListAssetModels",
            Self::DescribeModel(_) => "DescribeAssetModel",
            Self::CreateModel(_) => "CreateAssetModel",
            Self::GrowModel(_) => "UpdateAssetModel",
            Self::CreateComposite(_) => "CreateAssetModelCompositeModel",
            Self::GrowComposite(_) => "UpdateAssetModelCompositeModel",
            Self::ListAssets(..) => "ListAssets",
            Self::CreateAsset(_) => "CreateAsset",
            Self::DescribeAsset(_) => "DescribeAsset",
            Self::ReadProperties(..) => "ListAssetProperties",
            Self::ListChildren(..) => "ListAssociatedAssets",
            Self::Associate(_) => "AssociateAssets",
            Self::DescribeProperty { .. } => "DescribeAssetProperty",
            Self::UpdateProperty(_) => "UpdateAssetProperty",
            Self::ReadTags(_) => "ListTagsForResource",
            Self::Tag(..) => "TagResource",
            Self::ReadValues(_) => GET_OPERATION,
        }
    }

    /// The properties and hierarchies that it puts on a model.
    pub(super) fn parts(&self) -> (&[Property], &[Hierarchy]) {
        match self {
            Self::CreateModel(model) => (&model.properties, &model.hierarchies),
            Self::GrowModel(growth) => (&growth.properties, &growth.hierarchies),
            Self::CreateComposite(composite) => (&composite.properties, &[]),
            Self::GrowComposite(growth) => (&growth.properties, &[]),
            Self::ListModels(_)
            | Self::DescribeModel(_)
            | Self::ListAssets(..)
            | Self::CreateAsset(_)
            | Self::DescribeAsset(_)
            | Self::ReadProperties(..)
            | Self::ListChildren(..)
            | Self::Associate(_)
            | Self::DescribeProperty { .. }
            | Self::UpdateProperty(_)
            | Self::ReadTags(_)
            | Self::Tag(..)
            | Self::ReadValues(_) => (&[], &[]),
        }
    }
}

impl fmt::Display for ApiCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ListModels(_) => write!(f, "list asset models"),
            Self::DescribeModel(id) => write!(f, "describe asset model {id}"),
            Self::CreateModel(model) => write!(
                f,
                "create asset model \"{}\" with {} properties",
                model.name,
                model.properties.len()
            ),
            Self::GrowModel(grow) => write!(
                f,
                "add {} properties and {} hierarchies to asset model {}",
                grow.properties.len(),
                grow.hierarchies.len(),
                grow.id
            ),
            Self::CreateComposite(composite) => write!(
                f,
                "add composite model \"{}\" with {} properties to asset model {}",
                composite.name,
                composite.properties.len(),
                composite.model
            ),
            Self::GrowComposite(grow) => write!(
                f,
                "add {} properties to composite model {} of asset model {}",
                grow.properties.len(),
                grow.id,
                grow.model
            ),
            Self::ListAssets(model, _) => write!(f, "list assets of model {model}"),
            Self::CreateAsset(asset) => write!(f, "create asset \"{}\"", asset.name),
            Self::DescribeAsset(id) => write!(f, "describe asset {id}"),
            Self::ReadProperties(id, _) => write!(f, "read the properties of asset {id}"),
            Self::ListChildren(parent, _) => write!(f, "list children of asset {parent}"),
            Self::ReadValues(of) => write!(f, "read the latest values of {} properties", of.len()),
            Self::DescribeProperty { asset, property } => {
                write!(f, "describe property {property} of asset {asset}")
            }
            Self::UpdateProperty(UpdateProperty { asset, property, unit, .. }) => {
                let unit = unit.as_deref().unwrap_or("that of its model");
                write!(f, "set the unit of property {property} of asset {asset} to {unit}")
            }
            Self::ReadTags(of) => write!(f, "read the tags of {of}"),
            Self::Tag(of, tags) => write!(f, "put {} tags on {of}", tags.len()),
            Self::Associate(link) => {
                write!(f, "associate asset {} with its parent {}", link.child, link.parent)
            }
        }
    }
}
