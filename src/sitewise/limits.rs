//! Every limit of SiteWise, each once.
//!
//! Sources: the AWS IoT SiteWise quotas page of the user guide and the API reference.

use std::time::Duration;

/// Entries in one BatchPutAssetPropertyValue request.
pub const ENTRIES_PER_REQUEST: usize = 10;
/// Values (TQVs) in one entry.
pub const VALUES_PER_ENTRY: usize = 10;
/// Values of one property, quality and second of timestamps.
pub const VALUES_PER_SECOND_AND_QUALITY: usize = 10;
/// Entries of one measurement in a second.
pub const MEASUREMENT_ENTRIES_PER_SECOND: u32 = 10;
/// Entries of one attribute in a second.
pub const ATTRIBUTE_ENTRIES_PER_SECOND: u32 = 1;
/// BatchPutAssetPropertyValue requests a second, default quota.
pub const BATCH_PUTS_PER_SECOND: u32 = 1_000;
/// Values a second over all properties, default quota.
pub const VALUES_PER_SECOND: u32 = 5_000;
/// Values of one property that are billed as one message.
pub const VALUES_PER_MESSAGE: usize = 10;
/// Bytes of one property's values that are billed as one message.
pub const BYTES_PER_MESSAGE: usize = 1_024;

/// How far a value's time may lie in the past.
pub const OLDEST_VALUE: Duration = Duration::from_secs(7 * 24 * 3600);
/// How far a value's time may lie in the future: the API says ten minutes, older pages five.
pub const NEWEST_VALUE: Duration = Duration::from_secs(5 * 60);

/// Bytes of a string value.
pub const STRING_BYTES: usize = 1_024;
/// Magnitude of a double value (user guide, "data types"): what is larger is not sent.
pub const DOUBLE_MAGNITUDE: f64 = 1e100;
/// The same by the API's model (`Variant`): what is larger is sent, and may be refused.
pub const DOUBLE_MAGNITUDE_OF_MODEL: f64 = 1e10;
/// Characters of a name.
pub const NAME_CHARS: usize = 256;
/// Characters of a unit.
pub const UNIT_CHARS: usize = 256;
/// Characters of a description.
pub const DESCRIPTION_CHARS: usize = 2_048;
/// Characters of a property's alias: CreateMetadataTransferJob's limit, the smallest of those that
/// are documented (the data plane takes 2,048).
pub const ALIAS_CHARS: usize = 1_000;
/// Characters of an external id.
pub const EXTERNAL_ID_CHARS: usize = 128;
/// Characters of an attribute's default.
pub const DEFAULT_CHARS: usize = 1_024;

/// Properties at the root of a model.
pub const ROOT_PROPERTIES: usize = 500;
/// Properties of a model, those of its composite models included.
pub const PROPERTIES_PER_MODEL: usize = 5_000;
/// Properties of a composite model.
pub const PROPERTIES_PER_COMPOSITE: usize = 100;
/// Composite models of a model.
pub const COMPOSITES_PER_MODEL: usize = 50;
/// Assets of one model.
pub const ASSETS_PER_MODEL: usize = 10_000;
/// Hierarchy definitions of a model.
pub const HIERARCHIES_PER_MODEL: usize = 30;
/// Models in one tree.
pub const MODELS_PER_TREE: usize = 100;
/// Children of one asset.
pub const CHILDREN_PER_ASSET: usize = 2_000;
/// Levels of assets in a tree.
pub const TREE_DEPTH: usize = 30;

/// CreateAssetModel, UpdateAssetModel and ListAssetModels, each, a second.
pub const MODEL_CALLS_PER_SECOND: u32 = 10;
/// CreateAsset a second.
pub const ASSET_CREATIONS_PER_SECOND: u32 = 50;
/// AssociateAssets a second.
pub const ASSOCIATIONS_PER_SECOND: u32 = 100;
/// UpdateAssetProperty a second.
pub const PROPERTY_UPDATES_PER_SECOND: u32 = 100;
/// TagResource and ListTagsForResource, each, a second.
pub const TAG_CALLS_PER_SECOND: u32 = 10;
/// Tags of one resource.
pub const TAGS_PER_RESOURCE: usize = 50;
/// Characters of a tag's key.
pub const TAG_KEY_CHARS: usize = 128;
/// Characters of a tag's value.
pub const TAG_VALUE_CHARS: usize = 256;
/// DescribeAsset, DescribeAssetModel and DescribeAssetProperty, each, a second.
pub const DESCRIBES_PER_SECOND: u32 = 150;
/// ListAssets and ListAssociatedAssets, each, a second.
pub const LISTS_PER_SECOND: u32 = 30;
/// Items on a page of any list.
pub const PAGE_ITEMS: i32 = 250;
/// BatchGetAssetPropertyValue requests a second, default quota.
pub const BATCH_READS_PER_SECOND: u32 = 500;
/// Entries of one BatchGetAssetPropertyValue.
pub const ENTRIES_PER_BATCH_READ: usize = 128;
