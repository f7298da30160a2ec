//! The control plane and the data plane of SiteWise, as far as the bridge uses them.

use std::ops::Deref;
use std::sync::Arc;

use uuid::Uuid;

use super::cause::Cause;
use crate::time::Timestamp;

/// Type of a property's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PropertyDataType {
    /// Signed, 32 bits.
    Integer,
    /// 64 bits.
    Double,
    /// True or false.
    Boolean,
    /// At most 1,024 bytes without control characters.
    String,
}

/// What a property of a model is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PropertyKind {
    /// Static; the default is text, parsed by the data type.
    Attribute {
        /// Value of every asset that has none of its own.
        default: Option<String>,
    },
    /// A stream.
    Measurement,
}

/// A property to be created on a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    /// Chosen by us, the same for ever.
    pub id: Uuid,
    /// Readable, within the alphabet of external ids.
    pub external_id: String,
    /// For people.
    pub name: String,
    /// Type of its values.
    pub data_type: PropertyDataType,
    /// Unit of its values.
    pub unit: Option<String>,
    /// Attribute or measurement.
    pub kind: PropertyKind,
}

/// A hierarchy: holds child assets of one model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hierarchy {
    /// Chosen by us.
    pub id: Uuid,
    /// Readable.
    pub external_id: String,
    /// For people.
    pub name: String,
    /// Model of the children.
    pub child_model: Uuid,
}

/// CreateAssetModel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateModel {
    /// Chosen by us.
    pub id: Uuid,
    /// Readable.
    pub external_id: String,
    /// Unique in the account and region.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// At most [`ROOT_PROPERTIES`](super::limits::ROOT_PROPERTIES).
    pub properties: Vec<Property>,
    /// At most [`HIERARCHIES_PER_MODEL`](super::limits::HIERARCHIES_PER_MODEL).
    pub hierarchies: Vec<Hierarchy>,
}

/// Additions to a model: read with its ETag, merged with all it has, written once. One that FAILED
/// is written also where there is nothing to add.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrowModel {
    /// The model.
    pub id: Uuid,
    /// Properties it lacks.
    pub properties: Vec<Property>,
    /// Hierarchies it lacks.
    pub hierarchies: Vec<Hierarchy>,
    /// Properties of its FAILED version that SiteWise refused: left out, unless the version that
    /// its assets go on with has them.
    pub without: Vec<Uuid>,
}

/// CreateAssetModelCompositeModel: properties that the root has no room for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateComposite {
    /// The model that it becomes part of.
    pub model: Uuid,
    /// Chosen by us.
    pub id: Uuid,
    /// Readable.
    pub external_id: String,
    /// For people.
    pub name: String,
    /// At most [`PROPERTIES_PER_COMPOSITE`](super::limits::PROPERTIES_PER_COMPOSITE).
    pub properties: Vec<Property>,
}

/// Additions to a composite model: read, merged with all it has, written once on condition
/// that nobody wrote the model in between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrowComposite {
    /// The model that it is part of.
    pub model: Uuid,
    /// The composite model.
    pub id: Uuid,
    /// Properties it lacks.
    pub properties: Vec<Property>,
}

/// CreateAsset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateAsset {
    /// Chosen by us.
    pub id: Uuid,
    /// Readable.
    pub external_id: String,
    /// For people.
    pub name: String,
    /// Its model.
    pub model: Uuid,
    /// For people.
    pub description: Option<String>,
}

/// AssociateAssets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Associate {
    /// The parent.
    pub parent: Uuid,
    /// Hierarchy of the parent's model.
    pub hierarchy: Uuid,
    /// The child.
    pub child: Uuid,
}

/// Whether SiteWise publishes a property's values over MQTT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotificationState {
    /// It does.
    Enabled,
    /// It does not, which is what SiteWise begins with.
    Disabled,
}

/// What an asset's property has beyond its model's, as DescribeAssetProperty tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetProperty {
    /// Another name of its values, unique in the account and region.
    pub alias: Option<String>,
    /// Whether its values are published.
    pub notification: NotificationState,
    /// The unit of its values: its model's, unless the asset has its own.
    pub unit: Option<String>,
}

/// UpdateAssetProperty: it overwrites all of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateProperty {
    /// The asset.
    pub asset: Uuid,
    /// The property.
    pub property: Uuid,
    /// None takes away what it has.
    pub alias: Option<String>,
    /// Whether its values are published.
    pub notification: NotificationState,
    /// None for its model's.
    pub unit: Option<String>,
}

/// State of a model or an asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResourceState {
    /// Being created.
    Creating,
    /// Usable.
    Active,
    /// Being updated, or propagating: its assets refuse writes.
    Updating,
    /// Being deleted.
    Deleting,
    /// Not usable, with SiteWise's reason.
    Failed(String),
}

/// A model as DescribeAssetModel tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// Its id.
    pub id: Uuid,
    /// Its external id.
    pub external_id: Option<String>,
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: ResourceState,
    /// All its properties, those of composite models included.
    pub properties: Vec<ModelProperty>,
    /// How many of these stand at its root.
    pub root: usize,
    /// Its composite models of the type CUSTOM.
    pub composites: Vec<Composite>,
    /// Its hierarchies.
    pub hierarchies: Vec<ModelHierarchy>,
    /// What its assets still have where it is FAILED: its last version that became ACTIVE; none
    /// if there is no such version.
    pub usable: Option<ActiveVersion>,
}

/// A property as DescribeAssetModel tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelProperty {
    /// Its id.
    pub id: Uuid,
    /// Its external id.
    pub external_id: Option<String>,
    /// Its name.
    pub name: String,
    /// Type of its values.
    pub data_type: PropertyDataType,
    /// Unit of its values.
    pub unit: Option<String>,
    /// Attribute or else: transforms and metrics of people are read as measurements.
    pub kind: PropertyKind,
}

/// A hierarchy as DescribeAssetModel tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelHierarchy {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// The model of the children.
    pub child_model: Uuid,
}

/// The version of a FAILED model that its assets go on with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActiveVersion {
    /// Ids of all its properties, those of composite models included.
    pub properties: Vec<Uuid>,
    /// Ids of its hierarchies.
    pub hierarchies: Vec<Uuid>,
}

/// A composite model within a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Composite {
    /// Its id.
    pub id: Uuid,
    /// How many properties it has.
    pub properties: usize,
}

/// A model as ListAssetModels tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelSummary {
    /// Its id.
    pub id: Uuid,
    /// Its external id.
    pub external_id: Option<String>,
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: ResourceState,
    /// For people.
    pub description: Option<String>,
}

/// An asset as ListAssets, ListAssociatedAssets and DescribeAsset tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// Its id.
    pub id: Uuid,
    /// Its external id.
    pub external_id: Option<String>,
    /// Its name.
    pub name: String,
    /// Its model.
    pub model: Uuid,
    /// For people; ours hold the address that the asset stands for.
    pub description: Option<String>,
    /// Its state.
    pub state: ResourceState,
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// At most [`PAGE_ITEMS`](super::limits::PAGE_ITEMS).
    pub items: Vec<T>,
    /// Token of the next page; none on the last.
    pub next: Option<String>,
}

/// Quality of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are SiteWise's own")]
pub enum Quality {
    Good,
    Uncertain,
    Bad,
}

/// A value of one type; null carries the type of its property.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names are SiteWise's own")]
pub enum Variant {
    Integer(i32),
    Double(f64),
    Boolean(bool),
    String(Text),
    Null(PropertyDataType),
}

/// The text of a string value. One word, so that numbers, which most values are, need not make
/// room for more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(Arc<String>);

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(Arc::new(text))
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// Time, quality, value.
#[derive(Clone, Debug, PartialEq)]
pub struct Tqv {
    /// When.
    pub time: Timestamp,
    /// How good.
    pub quality: Quality,
    /// What.
    pub value: Variant,
}

/// What reading the latest value of a property gave; none where it has no value, or is not there.
pub type LatestValue = Result<Option<Tqv>, ApiFault>;

/// Values of one property; its place in the request is its entry id.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The asset.
    pub asset: Uuid,
    /// The property.
    pub property: Uuid,
    /// At most [`VALUES_PER_ENTRY`](super::limits::VALUES_PER_ENTRY).
    pub values: Vec<Tqv>,
}

/// SiteWise's error for values of one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryError {
    /// Place of the entry in the request.
    pub entry: usize,
    /// What kind of refusal.
    pub fault: ApiFault,
    /// The values meant, by time; all of the entry's where empty.
    pub times: Vec<Timestamp>,
}

/// Quotas of the account, a second; none where it is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quotas {
    /// BatchPutAssetPropertyValue requests.
    pub requests: Option<u32>,
    /// Values in them.
    pub values: Option<u32>,
    /// Each operation that writes models, and ListAssetModels.
    pub model_writes: Option<u32>,
    /// CreateAsset.
    pub asset_creations: Option<u32>,
    /// AssociateAssets.
    pub associations: Option<u32>,
    /// DescribeAsset and DescribeAssetModel, each.
    pub describes: Option<u32>,
    /// ListAssets and ListAssociatedAssets, each.
    pub lists: Option<u32>,
}

impl Quotas {
    /// Those that are known here, before those of `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            requests: self.requests.or(other.requests),
            values: self.values.or(other.values),
            model_writes: self.model_writes.or(other.model_writes),
            asset_creations: self.asset_creations.or(other.asset_creations),
            associations: self.associations.or(other.associations),
            describes: self.describes.or(other.describes),
            lists: self.lists.or(other.lists),
        }
    }

    /// Each with its name.
    pub fn named(self) -> [(&'static str, Option<u32>); 7] {
        [
            ("requests", self.requests),
            ("values", self.values),
            ("model_writes", self.model_writes),
            ("asset_creations", self.asset_creations),
            ("associations", self.associations),
            ("describes", self.describes),
            ("lists", self.lists),
        ]
    }
}

/// A failed call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind:?}: {message}")]
pub struct ApiFault {
    /// Its kind, by what the caller can do.
    pub kind: ApiFaultKind,
    /// The service's or the client's own words.
    pub message: String,
    /// What lies behind it.
    pub cause: Cause,
}

impl ApiFault {
    /// One of whose cause nothing is known but its kind.
    pub fn new(kind: ApiFaultKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), cause: Cause::of(kind) }
    }
}

/// Why a list cannot be read that names the same page as the next one again.
pub const SAME_PAGE: &str = "the answer names the same page as the next one again; the list is begun \
                             anew; check what is between the bridge and SiteWise, such as a \
                             caching proxy";

/// Faults by what can be done about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ApiFaultKind {
    /// Too fast (ThrottlingException): slower, and again.
    Throttled,
    /// 429, but not from SiteWise: slow down; perhaps for a part of what was sent. Retry with
    /// backoff.
    Busy,
    /// No answer, or 5xx: again later.
    Unavailable,
    /// ConflictingOperationException: something is being updated; again in a while.
    Conflict,
    /// ResourceAlreadyExistsException.
    AlreadyExists,
    /// ResourceNotFoundException.
    NotFound,
    /// PreconditionFailedException: changed by somebody else; read again, merge again.
    Changed,
    /// LimitExceededException.
    Limit,
    /// InvalidRequestException: again would not help.
    Invalid,
    /// TimestampOutOfRangeException.
    OutOfRange,
    /// AccessDeniedException or missing credentials: again once somebody has acted.
    Denied,
    /// Rejected, but not by SiteWise: by a proxy or a firewall, or with an unrelated code. Perhaps
    /// for a part of what was sent. Retry with backoff.
    Foreign,
}
