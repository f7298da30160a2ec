//! The SDK's configuration: from the environment, with our own retries, timeouts and credentials.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::time::SharedTimeSource;
use aws_smithy_runtime_api::client::identity::SharedIdentityCache;

use super::credentials::{ProviderFactory, RenewableCredentials};
use super::response_inspector::ResponseInspector;
use crate::sitewise::http;

/// How long a connection may take to stand.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How the calls name themselves to AWS.
const APP_NAME: &str = "sparkwise";

/// There is no AWS region in the environment, nor in a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no AWS region: set AWS_REGION")]
pub struct NoRegion;

/// There can be no client with what the environment says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoClient {
    /// There is no AWS region in the environment, nor in a profile.
    #[error(transparent)]
    Region(#[from] NoRegion),
    /// `AWS_CA_BUNDLE` is no bundle of certificate authorities.
    #[error("AWS_CA_BUNDLE={0} cannot be used: {1}")]
    Authorities(String, String),
}

/// The region that the environment names, without the blanks around it, which the SDK would keep.
fn region_of_environment() -> Option<Region> {
    let names = ["AWS_REGION", "AWS_DEFAULT_REGION"];
    let mut values = names.iter().filter_map(|name| std::env::var(name).ok());
    let region = values.find(|value| !value.trim().is_empty())?;
    Some(Region::new(region.trim().to_owned()))
}

/// What the SDK's own variables, profiles and credential sources say, with `AWS_CA_BUNDLE`, and
/// what loads the credentials again.
///
/// # Errors
///
/// With authorities that are none.
pub(super) async fn from_env() -> Result<(SdkConfig, ProviderFactory), NoClient> {
    let mut trusting = None;
    if let Some(path) = std::env::var("AWS_CA_BUNDLE").ok().filter(|path| !path.trim().is_empty()) {
        let read = std::fs::read_to_string(&path).map_err(|error| error.to_string());
        let client = read.and_then(|pem| http::trusting(&pem));
        trusting = Some(client.map_err(|why| NoClient::Authorities(path, why))?);
    }
    let load = move |region: Option<Region>| {
        let mut loader = aws_config::defaults(BehaviorVersion::latest());
        if let Some(trusting) = &trusting {
            loader = loader.http_client(trusting.clone());
        }
        if let Some(region) = region {
            loader = loader.region(region);
        }
        Box::pin(loader.load())
    };
    let config = load(region_of_environment()).await;
    let region = config.region().cloned();
    let make: ProviderFactory = Box::new(move || {
        let config = load(region.clone());
        Box::pin(async move { config.await.credentials_provider() })
    });
    Ok((config, make))
}

/// What the client of a service is built from.
#[derive(Debug)]
pub(crate) struct ServiceConfig {
    pub(crate) sdk: SdkConfig,
    pub(crate) timeouts: TimeoutConfig,
    /// To be added to each client: it invalidates credentials that AWS rejects.
    pub(crate) inspector: ResponseInspector,
    /// For what is signed without a client.
    pub(super) credentials: RenewableCredentials,
}

impl ServiceConfig {
    /// From the environment; a call takes `call_timeout` at most.
    ///
    /// # Errors
    ///
    /// With authorities that are none.
    pub(crate) async fn from_env(call_timeout: Duration) -> Result<Self, NoClient> {
        let (config, make) = from_env().await?;
        Ok(Self::new(&config, call_timeout, Some(make)))
    }

    /// From a configuration of the SDK: each call is tried once, takes `call_timeout` at most, and
    /// is signed with credentials that `make` loads again where AWS rejects them.
    pub(crate) fn new(
        base: &SdkConfig,
        call_timeout: Duration,
        make: Option<ProviderFactory>,
    ) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_timeout(call_timeout)
            .build();
        let mut config = base
            .to_builder()
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts.clone());
        let renewed = RenewableCredentials::new(base.credentials_provider(), make, call_timeout);
        let inspector = ResponseInspector::new(Some(renewed.clone()));
        config.set_credentials_provider(Some(SharedCredentialsProvider::new(renewed.clone())));
        config.set_identity_cache(Some(SharedIdentityCache::new(renewed.clone())));
        config.set_time_source(Some(SharedTimeSource::new(inspector.clone())));
        config.set_app_name(AppName::new(APP_NAME).ok());
        config.set_behavior_version(Some(BehaviorVersion::latest()));
        Self { sdk: config.build(), timeouts, inspector, credentials: renewed }
    }
}
