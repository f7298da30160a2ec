//! The account's quotas, read from Service Quotas by one signed call.
//!
//! What the quotas are called there was never compared with the service, so that they are matched by
//! the operations in their names, and what is not found is left to what AWS gives at first.

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_iotsitewise::config::StalledStreamProtectionConfig;
use aws_sdk_iotsitewise::error::BoxError;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::ErrorMetadata;
use aws_types::service_config::ServiceConfigKey;
use serde::Deserialize;

use super::response_inspector::ResponseInspector;
use super::unmodelled;
use crate::sitewise::api::{ApiFault, Quotas};
use crate::sitewise::endpoint::Endpoint;
use crate::sitewise::fault;

/// How long it may take: whatever the quotas are, values go meanwhile.
const PATIENCE: Duration = Duration::from_secs(2);
const SERVICE: &str = "servicequotas";
const TARGET: &str = "ServiceQuotasV20190624.ListServiceQuotas";
/// A page holds all there are.
const QUESTION: &str = r#"{"ServiceCode":"iotsitewise","MaxResults":100}"#;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct QuotasBody {
    quotas: Vec<Quota>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Quota {
    quota_name: String,
    value: f64,
    #[serde(default)]
    period: Option<Period>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Period {
    period_unit: String,
}

/// Where Service Quotas is: for AWS itself at AWS, for anything else only where that is said.
fn url(config: &SdkConfig, endpoint: &Endpoint) -> Option<String> {
    let key = ServiceConfigKey::builder()
        .service_id("Service Quotas")
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build()
        .ok()?;
    let own = config.service_config().and_then(|settings| settings.load_config(key));
    let own = own.filter(|url| !url.trim().is_empty());
    let region = &endpoint.region;
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    match &endpoint.url {
        _ if own.is_some() => own,
        Some(_) => None,
        None => Some(format!("https://{SERVICE}.{region}.{domain}")),
    }
}

/// Asks; none where there is nobody to ask.
pub(super) async fn ask(
    config: &SdkConfig,
    endpoint: &Endpoint,
    inspector: &ResponseInspector,
) -> Option<Result<Quotas, ApiFault>> {
    Some(ask_at(&url(config, endpoint)?, config, endpoint, inspector).await)
}

pub(super) async fn ask_at(
    url: &str,
    config: &SdkConfig,
    endpoint: &Endpoint,
    inspector: &ResponseInspector,
) -> Result<Quotas, ApiFault> {
    let tried = "read the account's quotas";
    let operation = operation(config, endpoint, url, inspector)
        .map_err(|error| fault::of_answer(tried, error))?;
    let answer = operation.invoke(()).await;
    answer.map(|answer| quotas(&answer.quotas)).map_err(|error| fault::of_call(tried, &error))
}

fn operation(
    config: &SdkConfig,
    endpoint: &Endpoint,
    url: &str,
    inspector: &ResponseInspector,
) -> Result<Operation<(), QuotasBody, ErrorMetadata>, BoxError> {
    let timeouts = TimeoutConfig::builder().operation_timeout(PATIENCE).build();
    let mut operation = Operation::builder()
        .service_name(SERVICE)
        .operation_name("ListServiceQuotas")
        .behavior_version(BehaviorVersion::latest())
        .no_retry()
        .timeout_config(timeouts)
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .interceptor(inspector.clone())
        .endpoint_url(url);
    if let Some(client) = config.http_client() {
        operation = operation.http_client(client);
    }
    if let Some(source) = config.time_source() {
        operation = operation.time_source(source);
    }
    let (layer, components) = unmodelled::signed(config, &endpoint.region, SERVICE);
    let plugin =
        StaticRuntimePlugin::new().with_config(layer.freeze()).with_runtime_components(components);
    Ok(operation.runtime_plugin(plugin).serializer(|()| question()).deserializer(answer).build())
}

fn question() -> Result<HttpRequest, BoxError> {
    let mut request = HttpRequest::new(SdkBody::from(QUESTION));
    request.set_method("POST")?;
    request.set_uri("/")?;
    let headers = request.headers_mut();
    headers.insert("content-type", "application/x-amz-json-1.1");
    headers.insert("content-length", QUESTION.len().to_string());
    headers.insert("x-amz-target", TARGET);
    headers.insert("user-agent", unmodelled::USER_AGENT);
    Ok(request)
}

fn answer(response: &HttpResponse) -> Result<QuotasBody, OrchestratorError<ErrorMetadata>> {
    if !response.status().is_success() {
        return Err(OrchestratorError::operation(unmodelled::error(response)));
    }
    let body = response.body().bytes().unwrap_or_default();
    serde_json::from_slice(body).map_err(|error| OrchestratorError::response(error.into()))
}

/// What each of ours is called there: rates of operations by the operations' names. Of several the
/// least counts.
fn quotas(all: &[Quota]) -> Quotas {
    let least = |fits: &dyn Fn(&str) -> bool| {
        let found = all.iter().filter(|quota| quota.is_a_second() && fits(&quota.quota_name));
        let found = found.filter(|quota| quota.value >= 1.0 && quota.value <= f64::from(u32::MAX));
        found.map(|quota| quota.value as u32).min()
    };
    let of = |operations: &[&str]| {
        least(&|name| {
            let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
            !is_of_one(name) && words.any(|word| operations.contains(&word)) && !is_of_values(name)
        })
    };
    Quotas {
        requests: of(&["BatchPutAssetPropertyValue"]),
        values: least(&|name| !is_of_one(name) && is_of_values(name)),
        model_writes: of(&["CreateAssetModel", "UpdateAssetModel", "ListAssetModels"]),
        asset_creations: of(&["CreateAsset"]),
        associations: of(&["AssociateAssets"]),
        describes: of(&["DescribeAsset", "DescribeAssetModel"]),
        lists: of(&["ListAssets", "ListAssociatedAssets"]),
    }
}

/// A quota of single properties or entries, and no rate of the account's.
fn is_of_one(name: &str) -> bool {
    let name = name.to_lowercase();
    [
        "per property",
        "per asset property",
        "per data stream",
        "per entry",
        "same timestamp",
        "entries",
    ]
    .iter()
    .any(|words| name.contains(words))
}

fn is_of_values(name: &str) -> bool {
    let name = name.to_lowercase();
    ["tqv", "timestamp-quality-value", "data points"].iter().any(|words| name.contains(words))
        && !["get", "retriev", "quer", "import"].iter().any(|words| name.contains(words))
}

impl Quota {
    fn is_a_second(&self) -> bool {
        let told = self.period.as_ref().map(|period| period.period_unit == "SECOND");
        let named = || {
            let name = self.quota_name.to_lowercase();
            name.contains("rate") || name.contains("per second")
        };
        told.unwrap_or_else(named)
    }
}
