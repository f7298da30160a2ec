//! The table, through the SDK's orchestrator
//! (`docs/decisions/0009-the-lease-without-a-generated-client.md`).

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_runtime_api::client::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::ErrorMetadata;
use serde_json::Value as Json;

use super::LeaseUrl;
use super::item::{self, Request};
use crate::lease::CALL_TIMEOUT;
use crate::lease::item::{Answer, Call};
use crate::sitewise::api::{ApiFault, ApiFaultKind};
use crate::sitewise::aws::sdk::{NoRegion, ServiceConfig};
use crate::sitewise::aws::{NoClient, unmodelled};
use crate::sitewise::cause::Cause;
use crate::sitewise::{endpoint, fault};

const SERVICE: &str = "dynamodb";
/// The service and its version, before the operation's name.
const TARGET: &str = "DynamoDB_20120810";
/// The error of an update whose condition does not hold.
const CONDITION_FAILED: &str = "ConditionalCheckFailedException";

/// The lease's item in DynamoDB, or in whatever stands in for it.
#[derive(Debug)]
pub struct LeaseTable {
    url: LeaseUrl,
    /// Of both operations: they differ in a header and in the body.
    call: Operation<Request, Json, ErrorMetadata>,
}

impl LeaseTable {
    /// From the SDK's own variables, profiles and credential sources.
    ///
    /// # Errors
    ///
    /// No region is known, or the certificate authorities are none.
    pub async fn from_env(url: LeaseUrl) -> Result<Self, NoClient> {
        let config = ServiceConfig::from_env(CALL_TIMEOUT).await?;
        Ok(Self::with(&config, url)?)
    }

    /// From a configuration of the SDK, whose retries, timeouts and behaviour version are
    /// replaced by ours.
    ///
    /// # Errors
    ///
    /// Without a region.
    pub fn new(config: &SdkConfig, url: LeaseUrl) -> Result<Self, NoRegion> {
        Self::with(&ServiceConfig::new(config, CALL_TIMEOUT, None), url)
    }

    /// One that nobody reaches.
    #[cfg(test)]
    pub(crate) fn unreachable(url: LeaseUrl) -> Self {
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .endpoint_url("http://127.0.0.1:1")
            .build();
        Self::new(&config, url).unwrap()
    }

    pub(super) fn with(config: &ServiceConfig, url: LeaseUrl) -> Result<Self, NoRegion> {
        let sdk = &config.sdk;
        let region = sdk.region().ok_or(NoRegion)?;
        let mut call = Operation::builder()
            .service_name(SERVICE)
            .operation_name("Lease")
            .behavior_version(BehaviorVersion::latest())
            .no_retry()
            .timeout_config(config.timeouts.clone())
            // The whole call has its timeout, and its body is in memory.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .with_connection_poisoning()
            .interceptor(config.inspector.clone())
            .endpoint_url(&endpoint_url(config, region));
        if let Some(client) = sdk.http_client() {
            call = call.http_client(client);
        }
        if let Some(source) = sdk.time_source() {
            call = call.time_source(source);
        }
        let (layer, components) = unmodelled::signed(sdk, region.as_ref(), SERVICE);
        let plugin = StaticRuntimePlugin::new()
            .with_config(layer.freeze())
            .with_runtime_components(components);
        let call = call.runtime_plugin(plugin).serializer(request).deserializer(answer).build();
        Ok(Self { url, call })
    }

    /// Makes a call, once.
    ///
    /// # Errors
    ///
    /// There was no answer that tells whether it was done: [`Answer::Failed`] to the lease.
    pub async fn perform(&self, call: &Call) -> Result<Answer, ApiFault> {
        let request = item::request(&self.url, call);
        let name = request.operation;
        let operation = format!("{name} of the lease {}", self.url);
        match self.call.invoke(request).await {
            Ok(body) => {
                let item = item::parse_item(&body);
                item.map(Answer::Done).map_err(|error| fault::of_answer(operation, error))
            }
            Err(SdkError::ServiceError(error)) if error.err().code() == Some(CONDITION_FAILED) => {
                Ok(Answer::Refused)
            }
            Err(error) => Err(fault::of_operation(name, operation, &error)),
        }
    }
}

/// Why the table cannot be reached, in a sentence, with what to do.
pub fn explain(fault: &ApiFault) -> String {
    let message = &fault.message;
    let says = |code: &str| message.contains(code);
    match fault.cause {
        Cause::Denied(operation) => format!(
            "DynamoDB denies dynamodb:{operation}: {message}; allow it on the table in the policy of the \
             role or user"
        ),
        _ if says("ResourceNotFoundException") => format!(
            "DynamoDB has no such table in this account and region: {message}; create it (infra/lease.yaml), \
             or correct LEASE, AWS_REGION or the account"
        ),
        _ if fault.kind == ApiFaultKind::Throttled || says("ThroughputExceeded") => format!(
            "DynamoDB throttles the table: {message}; switch it to on-demand capacity, or raise its capacity"
        ),
        // What is on the way is the same to any service of AWS.
        cause => {
            let [what, remedy] = [cause.description(), cause.remedy_once().to_owned()];
            let [what, remedy] = [what, remedy].map(|text| text.replace("SiteWise", "DynamoDB"));
            format!("{what}: {message}; {remedy}")
        }
    }
}

/// Where the calls go: to what replaces DynamoDB in the environment, else to AWS.
fn endpoint_url(config: &ServiceConfig, region: &Region) -> String {
    let sdk = &config.sdk;
    let custom = endpoint::custom_url(sdk, "DynamoDB");
    custom.unwrap_or_else(|| {
        let name = if sdk.use_fips() == Some(true) { "dynamodb-fips" } else { SERVICE };
        let is_china = region.as_ref().starts_with("cn-");
        let domain = match (sdk.use_dual_stack() == Some(true), is_china) {
            (false, false) => "amazonaws.com",
            (false, true) => "amazonaws.com.cn",
            (true, false) => "api.aws",
            (true, true) => "api.amazonwebservices.com.cn",
        };
        format!("https://{name}.{region}.{domain}")
    })
}

fn request(Request { operation, body }: Request) -> Result<HttpRequest, BoxError> {
    let body = serde_json::to_vec(&body)?;
    let length = body.len().to_string();
    let mut request = HttpRequest::new(SdkBody::from(body));
    request.set_method("POST")?;
    request.set_uri("/")?;
    let headers = request.headers_mut();
    headers.insert("content-type", "application/x-amz-json-1.0");
    headers.insert("content-length", length);
    headers.insert("x-amz-target", format!("{TARGET}.{operation}"));
    headers.insert("user-agent", unmodelled::USER_AGENT);
    Ok(request)
}

fn answer(response: &HttpResponse) -> Result<Json, OrchestratorError<ErrorMetadata>> {
    if !response.status().is_success() {
        return Err(OrchestratorError::operation(unmodelled::error(response)));
    }
    let body = response.body().bytes().unwrap_or_default();
    serde_json::from_slice(body).map_err(|error| OrchestratorError::response(error.into()))
}
