//! The interface to SiteWise.
//!
//! Each call is tried once, with a timeout, and tells how it ended; whether and when it is
//! tried again is decided by whoever asked. The only real implementation is
//! [`AwsSiteWise`](super::aws::AwsSiteWise); tests and simulations bring their own.

use uuid::Uuid;

use super::api::{
    ApiFault, Asset, AssetProperty, Associate, CreateAsset, CreateComposite, CreateModel, Entry,
    EntryError, GrowComposite, GrowModel, LatestValue, Model, ModelSummary, Page, Quotas,
    UpdateProperty,
};
use super::cause::Plane;
use super::tags::{Taggable, Tags};

/// SiteWise, as far as the bridge uses it.
///
/// # Errors
///
/// Every method answers with a [`ApiFault`] whose kind says what can be done about it and whose
/// message says what was tried. A call that timed out may have been carried out all the same.
pub trait SiteWise: Send + Sync + 'static {
    /// Asks for a model with our ids; SiteWise accepts and creates it afterwards.
    /// [CreateAssetModel](https://docs.aws.amazon.com/iot-sitewise/latest/APIReference/API_CreateAssetModel.html)
    fn create_model(&self, model: CreateModel)
    -> impl Future<Output = Result<(), ApiFault>> + Send;

    /// Adds to a model what it lacks and keeps everything it has, foreign parts included.
    ///
    /// One try: read with its ETag, merge, write on condition that nobody wrote in between
    /// ([`Changed`](super::api::ApiFaultKind::Changed) if somebody did). An addition whose id or
    /// name the model already has is left out; nothing is written when nothing is left.
    /// [UpdateAssetModel](https://docs.aws.amazon.com/iot-sitewise/latest/APIReference/API_UpdateAssetModel.html)
    fn grow_model(&self, growth: GrowModel) -> impl Future<Output = Result<(), ApiFault>> + Send;

    /// Asks for a composite model in a model, with our ids.
    /// [CreateAssetModelCompositeModel](https://docs.aws.amazon.com/iot-sitewise/latest/APIReference/API_CreateAssetModelCompositeModel.html)
    fn create_composite(
        &self,
        composite: CreateComposite,
    ) -> impl Future<Output = Result<(), ApiFault>> + Send;

    /// Adds to a composite model what it lacks and keeps everything it has, as
    /// [`grow_model`](Self::grow_model) does.
    /// [UpdateAssetModelCompositeModel](https://docs.aws.amazon.com/iot-sitewise/latest/APIReference/API_UpdateAssetModelCompositeModel.html)
    fn grow_composite(
        &self,
        growth: GrowComposite,
    ) -> impl Future<Output = Result<(), ApiFault>> + Send;

    /// Reads a model; one that is active may be some minutes old.
    /// [DescribeAssetModel](https://docs.aws.amazon.com/iot-sitewise/latest/APIReference/API_DescribeAssetModel.html)
    fn describe_model(&self, id: Uuid) -> impl Future<Output = Result<Model, ApiFault>> + Send;

    /// Reads a page of all models of the account and region.
    /// [ListAssetModels](https://docs.aws.amazon.com/iot-sitewise/latest/APIReference/API_ListAssetModels.html)
    fn list_models(
        &self,
        token: Option<String>,
    ) -> impl Future<Output = Result<Page<ModelSummary>, ApiFault>> + Send;

    /// Asks for an asset with our id; SiteWise accepts and creates it afterwards.
    /// [CreateAsset](https://docs.aws.amazon.com/iot-sitewise/latest/APIReference/API_CreateAsset.html)
    fn create_asset(&self, asset: CreateAsset)
    -> impl Future<Output = Result<(), ApiFault>> + Send;

    /// Reads an asset, without its properties.
    /// [DescribeAsset](https://docs.aws.amazon.com/iot-sitewise/latest/APIReference/API_DescribeAsset.html)
    fn describe_asset(&self, id: Uuid) -> impl Future<Output = Result<Asset, ApiFault>> + Send;

    /// Reads a page of the assets of a model.
    /// [ListAssets](https://docs.aws.amazon.com/iot-sitewise/latest/APIReference/API_ListAssets.html)
    fn list_assets(
        &self,
        model: Uuid,
        token: Option<String>,
    ) -> impl Future<Output = Result<Page<Asset>, ApiFault>> + Send;

    /// Puts an asset under another; once it is there already, the fault is `AlreadyExists`.
    /// [AssociateAssets](https://docs.aws.amazon.com/iot-sitewise/latest/APIReference/API_AssociateAssets.html)
    fn associate(
        &self,
        association: Associate,
    ) -> impl Future<Output = Result<(), ApiFault>> + Send;

    /// Reads a page of an asset's children, whatever the hierarchy.
    /// [ListAssociatedAssets](https://docs.aws.amazon.com/iot-sitewise/latest/APIReference/API_ListAssociatedAssets.html)
    fn list_children(
        &self,
        parent: Uuid,
        token: Option<String>,
    ) -> impl Future<Output = Result<Page<Asset>, ApiFault>> + Send;

    /// Reads a page of what an asset's properties have beyond their model's, those of composite
    /// models included.
    /// [ListAssetProperties](https://docs.aws.amazon.com/iot-sitewise/latest/APIReference/API_ListAssetProperties.html)
    fn read_properties(
        &self,
        asset: Uuid,
        token: Option<String>,
    ) -> impl Future<Output = Result<Page<(Uuid, AssetProperty)>, ApiFault>> + Send;

    /// Reads what an asset's property has beyond its model's.
    /// [DescribeAssetProperty](https://docs.aws.amazon.com/iot-sitewise/latest/APIReference/API_DescribeAssetProperty.html)
    fn describe_property(
        &self,
        asset: Uuid,
        property: Uuid,
    ) -> impl Future<Output = Result<AssetProperty, ApiFault>> + Send;

    /// Overwrites the alias, the notification and the unit of an asset's property.
    /// [UpdateAssetProperty](https://docs.aws.amazon.com/iot-sitewise/latest/APIReference/API_UpdateAssetProperty.html)
    fn update_property(
        &self,
        update: UpdateProperty,
    ) -> impl Future<Output = Result<(), ApiFault>> + Send;

    /// Reads the tags of an asset or a model.
    /// [ListTagsForResource](https://docs.aws.amazon.com/iot-sitewise/latest/APIReference/API_ListTagsForResource.html)
    fn read_tags(&self, of: Taggable) -> impl Future<Output = Result<Tags, ApiFault>> + Send;

    /// Gives an asset or a model these tags; those with other keys stay.
    /// [TagResource](https://docs.aws.amazon.com/iot-sitewise/latest/APIReference/API_TagResource.html)
    fn tag(&self, of: Taggable, tags: Tags) -> impl Future<Output = Result<(), ApiFault>> + Send;

    /// Writes values: each is taken by itself, and what was not is reported by entry and time.
    /// [BatchPutAssetPropertyValue](https://docs.aws.amazon.com/iot-sitewise/latest/APIReference/API_BatchPutAssetPropertyValue.html)
    fn put(
        &self,
        entries: Vec<Entry>,
    ) -> impl Future<Output = Result<Vec<EntryError>, ApiFault>> + Send;

    /// Reads the account's quotas, once and for two seconds at most; none where there is nobody to
    /// ask.
    /// [ListServiceQuotas](https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_ListServiceQuotas.html)
    fn quotas(&self) -> impl Future<Output = Option<Result<Quotas, ApiFault>>> + Send {
        std::future::ready(None)
    }

    /// By how many milliseconds our wall clock is ahead of SiteWise's now: what its last answer told
    /// is carried on by the clock that nobody sets. None where that is not known.
    fn clock_ahead(&self) -> Option<i64> {
        None
    }

    /// Where calls go; for people.
    fn host(&self, plane: Plane) -> String {
        let _ = plane;
        String::new()
    }

    /// Reads the latest values of properties, each an asset's, at most
    /// [`ENTRIES_PER_BATCH_READ`](super::limits::ENTRIES_PER_BATCH_READ), each by itself: none
    /// where there is no value or no such property, a fault where that one cannot be read.
    /// [BatchGetAssetPropertyValue](https://docs.aws.amazon.com/iot-sitewise/latest/APIReference/API_BatchGetAssetPropertyValue.html)
    fn read_values(
        &self,
        of: Vec<(Uuid, Uuid)>,
    ) -> impl Future<Output = Result<Vec<LatestValue>, ApiFault>> + Send;
}
