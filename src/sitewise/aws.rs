//! The client: one call, one try, the response as our own types.

mod body;
pub(super) mod bounded;
mod credentials;
mod import;
mod models;
mod pages;
mod property;
mod quotas;
mod read;
mod response_inspector;
mod s3;
pub(crate) mod sdk;
mod tags;
pub(crate) mod unmodelled;
mod values;
mod websocket;

use std::fmt::Display;
use std::pin::Pin;
use std::sync::OnceLock;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_iotsitewise::Client;
use aws_sdk_iotsitewise::config::Builder;
use aws_sdk_iotsitewise::types::{ListAssetPropertiesFilter, ListAssetsFilter, TraversalDirection};
use uuid::Uuid;

use super::api::{
    ApiFault, ApiFaultKind, Asset, AssetProperty, Associate, CreateAsset, CreateComposite,
    CreateModel, Entry, EntryError, GrowComposite, GrowModel, LatestValue, Model, ModelSummary,
    Page, Quotas, UpdateProperty,
};
use super::cache::ModelCache;
use super::cause::{self, Cause, Plane};
use super::client::SiteWise;
use super::convert::{self, NotAnId};
use super::endpoint::{self, Endpoint};
use super::fault;
use super::host_prefix::NoHostPrefix;
use super::limits::PAGE_ITEMS;
use super::tags::{Taggable, Tags};
use credentials::ProviderFactory;
pub use import::AwsBulkImport;
pub(crate) use response_inspector::ResponseInspector;
pub use sdk::NoClient;
use sdk::NoRegion;
use sdk::ServiceConfig;
use values::PutValues;
pub use websocket::WebSocketSigner;

/// The AWS account and region, or why they are not known.
type AccountAndRegion = Result<(String, String), ApiFault>;

/// How long a call may take as a whole, loading credentials included.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// How long credentials may take that are asked for by themselves: longer than their source.
const CREDENTIALS_TIMEOUT: Duration = Duration::from_secs(12);
/// The part of the SDK that looks for credentials, as the log names it.
pub const CREDENTIALS: &str = "aws_config";

/// AWS IoT SiteWise through the AWS SDK, or whatever answers at its custom endpoint.
#[derive(Debug)]
pub struct AwsSiteWise {
    client: Client,
    values: PutValues,
    config: SdkConfig,
    endpoint: Endpoint,
    models: ModelCache,
    inspector: ResponseInspector,
    /// What the ARNs of this account and region begin with, once it is known.
    scope: OnceLock<String>,
}

impl AwsSiteWise {
    /// From the SDK's own variables, profiles and credential sources, and `AWS_CA_BUNDLE`.
    ///
    /// # Errors
    ///
    /// Without a region, or with authorities that are none. Credentials are looked for by the
    /// first call.
    pub async fn from_env() -> Result<Self, NoClient> {
        let (config, make) = sdk::from_env().await?;
        Ok(Self::with(&config, CALL_TIMEOUT, Some(make))?)
    }

    /// From a configuration of the SDK, whose retries, timeouts and behaviour version are
    /// replaced by ours.
    ///
    /// # Errors
    ///
    /// Without a region.
    pub fn new(config: &SdkConfig) -> Result<Self, NoRegion> {
        Self::with(config, CALL_TIMEOUT, None)
    }

    fn with(
        base: &SdkConfig,
        call_timeout: Duration,
        make: Option<ProviderFactory>,
    ) -> Result<Self, NoRegion> {
        let endpoint = Endpoint::of(base).ok_or(NoRegion)?;
        let ServiceConfig { sdk: config, timeouts, inspector, .. } =
            ServiceConfig::new(base, call_timeout, make);
        let service = Builder::from(&config).interceptor(NoHostPrefix);
        let mut service = service.interceptor(inspector.clone());
        // An empty variable counts as unset: templates leave them behind.
        service.set_endpoint_url(endpoint.url.clone());
        let service = service.build();
        let client = Client::from_conf(service);
        // All that the rules of endpoints can miss is the region.
        let values = PutValues::new(&config, &endpoint, timeouts, inspector.clone());
        let values = values.map_err(|_| NoRegion)?;
        let (models, scope) = (ModelCache::new(), OnceLock::new());
        Ok(Self { client, values, config, endpoint, models, inspector, scope })
    }

    /// Where the calls go.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Whether there are credentials.
    ///
    /// # Errors
    ///
    /// Why there are none.
    pub async fn find_credentials(&self) -> Result<(), ApiFault> {
        let Some(provider) = self.config.credentials_provider() else { return Ok(()) };
        load_credentials(&provider).await.map(drop)
    }

    /// The AWS account and region, which name the twin.
    ///
    /// # Errors
    ///
    /// See [`account_and_region`].
    pub async fn account_and_region(&self) -> Result<(String, String), ApiFault> {
        ask_for_account(&self.config, &self.inspector).await
    }

    /// What asks the same, as often as it is called, beside the client.
    pub(crate) fn account_request(
        &self,
    ) -> impl FnMut() -> Pin<Box<dyn Future<Output = AccountAndRegion> + Send>> + Send + use<> {
        let (config, inspector) = (self.config.clone(), self.inspector.clone());
        move || {
            let (config, inspector) = (config.clone(), inspector.clone());
            Box::pin(async move { ask_for_account(&config, &inspector).await })
        }
    }
}

impl SiteWise for AwsSiteWise {
    async fn create_model(&self, model: CreateModel) -> Result<(), ApiFault> {
        let tried = || format!("create asset model {:?}", model.name);
        let properties = model.properties.iter().map(convert::new_property);
        let hierarchies = model.hierarchies.iter().map(convert::new_hierarchy);
        let properties: Result<_, _> = properties.collect();
        let hierarchies: Result<_, _> = hierarchies.collect();
        let created = self
            .client
            .create_asset_model()
            .asset_model_id(model.id.to_string())
            .asset_model_external_id(&model.external_id)
            .asset_model_name(&model.name)
            .set_asset_model_description(model.description.clone())
            .set_asset_model_properties(Some(properties.map_err(inexpressible(tried()))?))
            .set_asset_model_hierarchies(Some(hierarchies.map_err(inexpressible(tried()))?))
            .send()
            .await;
        self.models.forget(model.id).await;
        created.map_err(|error| fault::of_call(tried(), &error))?;
        Ok(())
    }

    async fn grow_model(&self, growth: GrowModel) -> Result<(), ApiFault> {
        let updated = Box::pin(self.update(&growth)).await;
        self.models.forget(growth.id).await;
        updated
    }

    async fn create_composite(&self, composite: CreateComposite) -> Result<(), ApiFault> {
        let model = composite.model;
        let created = Box::pin(self.add_composite(composite)).await;
        self.models.forget(model).await;
        created
    }

    async fn grow_composite(&self, growth: GrowComposite) -> Result<(), ApiFault> {
        let updated = Box::pin(self.update_composite(&growth)).await;
        self.models.forget(growth.model).await;
        updated
    }

    async fn describe_model(&self, id: Uuid) -> Result<Model, ApiFault> {
        let describe = Box::pin(self.describe_whole(id));
        self.models.get(id, describe).await
    }

    async fn list_models(&self, token: Option<String>) -> Result<Page<ModelSummary>, ApiFault> {
        let tried = "list asset models";
        let page = self
            .client
            .list_asset_models()
            .max_results(PAGE_ITEMS)
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| fault::of_call(tried, &error))?;
        let items = page.asset_model_summaries().iter();
        let items: Result<_, _> = items.map(convert::model_summary).collect();
        Ok(Page { items: items.map_err(unreadable(tried))?, next: page.next_token })
    }

    async fn create_asset(&self, asset: CreateAsset) -> Result<(), ApiFault> {
        self.client
            .create_asset()
            .asset_id(asset.id.to_string())
            .asset_external_id(asset.external_id)
            .asset_name(&asset.name)
            .asset_model_id(asset.model.to_string())
            .set_asset_description(asset.description)
            .send()
            .await
            .map_err(|error| {
                let tried = format_args!("create asset {:?}", asset.name);
                self.invalidate_on_not_found(fault::of_call(tried, &error))
            })?;
        Ok(())
    }

    async fn describe_asset(&self, id: Uuid) -> Result<Asset, ApiFault> {
        let tried = format!("describe asset {id}");
        let output = self
            .client
            .describe_asset()
            .asset_id(id.to_string())
            .exclude_properties(true)
            .send()
            .await
            .map_err(|error| fault::of_call(&tried, &error))?;
        convert::asset(&output).map_err(unreadable(tried))
    }

    async fn read_properties(
        &self,
        asset: Uuid,
        token: Option<String>,
    ) -> Result<Page<(Uuid, AssetProperty)>, ApiFault> {
        let tried = format!("read the properties of asset {asset}");
        let page = self
            .client
            .list_asset_properties()
            .asset_id(asset.to_string())
            .filter(ListAssetPropertiesFilter::All)
            .max_results(PAGE_ITEMS)
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| fault::of_call(&tried, &error))?;
        let items = page.asset_property_summaries().iter().map(convert::asset_property);
        let items: Result<_, _> = items.collect();
        Ok(Page { items: items.map_err(unreadable(tried))?, next: page.next_token })
    }

    async fn list_assets(
        &self,
        model: Uuid,
        token: Option<String>,
    ) -> Result<Page<Asset>, ApiFault> {
        let tried = format!("list assets of model {model}");
        let page = self
            .client
            .list_assets()
            .asset_model_id(model.to_string())
            .filter(ListAssetsFilter::All)
            .max_results(PAGE_ITEMS)
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| fault::of_call(&tried, &error))?;
        let items = page.asset_summaries().iter();
        let items: Result<_, _> = items.map(convert::asset_summary).collect();
        Ok(Page { items: items.map_err(unreadable(tried))?, next: page.next_token })
    }

    async fn associate(&self, association: Associate) -> Result<(), ApiFault> {
        let Associate { parent, hierarchy, child } = association;
        self.client
            .associate_assets()
            .asset_id(parent.to_string())
            .hierarchy_id(hierarchy.to_string())
            .child_asset_id(child.to_string())
            .send()
            .await
            .map_err(|error| {
                let tried = format_args!("associate asset {child} with its parent {parent}");
                self.invalidate_on_not_found(fault::of_call(tried, &error))
            })?;
        Ok(())
    }

    async fn list_children(
        &self,
        parent: Uuid,
        token: Option<String>,
    ) -> Result<Page<Asset>, ApiFault> {
        let tried = format!("list children of asset {parent}");
        let page = self
            .client
            .list_associated_assets()
            .asset_id(parent.to_string())
            .traversal_direction(TraversalDirection::Child)
            .max_results(PAGE_ITEMS)
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| fault::of_call(&tried, &error))?;
        let items = page.asset_summaries().iter();
        let items: Result<_, _> = items.map(convert::child_summary).collect();
        Ok(Page { items: items.map_err(unreadable(tried))?, next: page.next_token })
    }

    async fn put(&self, entries: Vec<Entry>) -> Result<Vec<EntryError>, ApiFault> {
        let tried = "write values";
        let body = body::batch_put(&entries).map_err(inexpressible(tried))?;
        let answer = self.values.send(body).await;
        let answer =
            answer.map_err(|error| fault::of_operation(cause::PUT_OPERATION, tried, &error))?;
        let errors = answer.errors();
        let errors =
            errors.map_err(|id| fault::of_answer(tried, format_args!("unknown entry {id:?}")))?;
        if errors.iter().any(|error| error.fault.kind == ApiFaultKind::NotFound) {
            self.models.forget_all();
        }
        Ok(errors)
    }

    async fn describe_property(
        &self,
        asset: Uuid,
        property: Uuid,
    ) -> Result<AssetProperty, ApiFault> {
        Box::pin(self.property(asset, property)).await
    }

    async fn read_tags(&self, of: Taggable) -> Result<Tags, ApiFault> {
        Box::pin(self.tags(of)).await
    }

    async fn tag(&self, of: Taggable, tags: Tags) -> Result<(), ApiFault> {
        Box::pin(self.write_tags(of, tags)).await
    }

    async fn update_property(&self, update: UpdateProperty) -> Result<(), ApiFault> {
        Box::pin(self.write_property(update)).await
    }

    async fn quotas(&self) -> Option<Result<Quotas, ApiFault>> {
        Box::pin(quotas::ask(&self.config, &self.endpoint, &self.inspector)).await
    }

    fn clock_ahead(&self) -> Option<i64> {
        self.inspector.ahead()
    }

    fn host(&self, plane: Plane) -> String {
        self.endpoint.host(plane)
    }

    async fn read_values(
        &self,
        properties: Vec<(Uuid, Uuid)>,
    ) -> Result<Vec<LatestValue>, ApiFault> {
        Box::pin(self.read(&properties)).await
    }
}

impl AwsSiteWise {
    /// Where something is not found that should be there, what is remembered of models may be
    /// wrong as well.
    fn invalidate_on_not_found(&self, fault: ApiFault) -> ApiFault {
        if fault.kind == ApiFaultKind::NotFound {
            self.models.forget_all();
        }
        fault
    }
}

/// The AWS account, as the credentials or else STS tell it, and the region.
///
/// # Errors
///
/// [`Denied`](ApiFaultKind::Denied) without credentials or region, or what STS answered.
/// Source:
/// [GetCallerIdentity](https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html).
pub async fn account_and_region(config: &SdkConfig) -> Result<(String, String), ApiFault> {
    ask_for_account(config, &ResponseInspector::new(None)).await
}

async fn ask_for_account(
    config: &SdkConfig,
    answered: &ResponseInspector,
) -> Result<(String, String), ApiFault> {
    let denied = |why: &str| ApiFault {
        cause: Cause::NoCredentials,
        ..ApiFault::new(
            ApiFaultKind::Denied,
            format!("determine the AWS account and region: {why}"),
        )
    };
    let region = config.region().ok_or_else(|| denied("no region"))?;
    let provider =
        config.credentials_provider().ok_or_else(|| denied("no source of credentials"))?;
    let credentials = load_credentials(&provider).await?;
    let account = match credentials.account_id() {
        Some(account) => account.as_str().to_owned(),
        None => sts(config, answered)
            .get_caller_identity()
            .send()
            .await
            .map_err(|error| fault::of_call("ask STS for the AWS account", &error))?
            .account
            .ok_or_else(|| denied("the answer of STS has no account"))?,
    };
    Ok((account, region.as_ref().to_owned()))
}

/// What a source gives, within a time: one that hangs has no other end.
async fn load_credentials(provider: &SharedCredentialsProvider) -> Result<Credentials, ApiFault> {
    let loaded = tokio::time::timeout(CREDENTIALS_TIMEOUT, provider.provide_credentials()).await;
    let late = |_| CredentialsError::provider_timed_out(CREDENTIALS_TIMEOUT);
    loaded.map_err(late).flatten().map_err(|error| fault::of_credentials(&error))
}

fn sts(config: &SdkConfig, answered: &ResponseInspector) -> aws_sdk_sts::Client {
    let mut sts = aws_sdk_sts::config::Builder::from(config).interceptor(answered.clone());
    // Else an empty variable would be the address of each call.
    sts.set_endpoint_url(endpoint::custom_url(config, "STS"));
    aws_sdk_sts::Client::from_conf(sts.build())
}

/// Something that SiteWise's API has no way to say.
fn inexpressible<E: Display>(tried: impl Display) -> impl FnOnce(E) -> ApiFault {
    move |error| ApiFault::new(ApiFaultKind::Invalid, format!("{tried}: {error}"))
}

fn unreadable(tried: impl Display) -> impl FnOnce(NotAnId) -> ApiFault {
    move |error| fault::of_answer(tried, error)
}

#[cfg(test)]
mod tests;
