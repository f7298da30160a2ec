//! BatchPutAssetPropertyValue, the one call that is made for every value there is.
//!
//! The SDK's orchestrator, signer, credential cache, endpoint rules and connections carry it, as
//! they carry every other call. But it is put together here: what the generated client does for
//! each request of this operation takes more of the processor than all the rest, signing and
//! sending included (`docs/decisions/0006-values-without-the-generated-client.md`).

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_runtime::service_clock_skew::ServiceClockSkewInterceptor;
use aws_sdk_iotsitewise::config::StalledStreamProtectionConfig;
use aws_sdk_iotsitewise::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
use aws_sdk_iotsitewise::error::{BoxError, SdkError};
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::client::endpoint::{EndpointPrefix, EndpointResolverParams};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::ErrorMetadata;

use super::body::PutResponseBody;
use super::response_inspector::ResponseInspector;
use super::unmodelled;
use crate::sitewise::endpoint::Endpoint;

/// The service, as signatures name it.
const SERVICE: &str = "iotsitewise";
const OPERATION: &str = "BatchPutAssetPropertyValue";
const PATH: &str = "/properties";
/// The host label of the data plane, before the name of the service's endpoint.
const DATA_PLANE: &str = "data.";

/// The call, ready to be made.
#[derive(Debug)]
pub(super) struct PutValues(Operation<Vec<u8>, PutResponseBody, ErrorMetadata>);

impl PutValues {
    /// With the credentials and the HTTP client of `config`, and the region and URL of
    /// `endpoint`.
    ///
    /// # Errors
    ///
    /// When the endpoint cannot be expressed, which no region's name brings about.
    pub(super) fn new(
        config: &SdkConfig,
        endpoint: &Endpoint,
        timeouts: TimeoutConfig,
        inspector: ResponseInspector,
    ) -> Result<Self, BoxError> {
        let mut operation = Operation::builder()
            .service_name(SERVICE)
            .operation_name(OPERATION)
            .behavior_version(BehaviorVersion::latest())
            .no_retry()
            .timeout_config(timeouts)
            // The whole call has its timeout, and its body is in memory.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .with_connection_poisoning()
            .interceptor(ServiceClockSkewInterceptor::new())
            .interceptor(inspector);
        if let Some(client) = config.http_client() {
            operation = operation.http_client(client);
        }
        if let Some(source) = config.time_source() {
            operation = operation.time_source(source);
        }
        let operation = operation
            .runtime_plugin(signed_and_addressed(config, endpoint)?)
            .serializer(request)
            .deserializer(answer)
            .build();
        Ok(Self(operation))
    }

    /// Sends a body that [`batch_put`](super::body::batch_put) made.
    pub(super) async fn send(
        &self,
        body: Vec<u8>,
    ) -> Result<PutResponseBody, SdkError<ErrorMetadata, HttpResponse>> {
        self.0.invoke(body).await
    }
}

/// Where the call goes and who signs it, by the same rules as the generated client's calls.
fn signed_and_addressed(
    config: &SdkConfig,
    endpoint: &Endpoint,
) -> Result<StaticRuntimePlugin, BoxError> {
    let (mut layer, components) = unmodelled::signed(config, &endpoint.region, SERVICE);
    let params = Params::builder()
        .region(&endpoint.region)
        .set_use_fips(config.use_fips())
        .set_use_dual_stack(config.use_dual_stack())
        .set_endpoint(endpoint.url.clone())
        .build()?;
    layer.store_put(EndpointResolverParams::new(params));
    // An emulator has one name, AWS has one for each plane.
    if endpoint.url.is_none() {
        layer.store_put(EndpointPrefix::new(DATA_PLANE)?);
    }

    let components =
        components.with_endpoint_resolver(Some(DefaultResolver::new().into_shared_resolver()));
    Ok(StaticRuntimePlugin::new().with_config(layer.freeze()).with_runtime_components(components))
}

fn request(body: Vec<u8>) -> Result<HttpRequest, BoxError> {
    let length = body.len().to_string();
    let mut request = HttpRequest::new(SdkBody::from(body));
    request.set_method("POST")?;
    request.set_uri(PATH)?;
    let headers = request.headers_mut();
    headers.insert("content-type", "application/json");
    headers.insert("content-length", length);
    headers.insert("user-agent", unmodelled::USER_AGENT);
    Ok(request)
}

fn answer(response: &HttpResponse) -> Result<PutResponseBody, OrchestratorError<ErrorMetadata>> {
    let body = response.body().bytes().unwrap_or_default();
    if !response.status().is_success() {
        return Err(OrchestratorError::operation(unmodelled::error(response)));
    }
    PutResponseBody::read(body).map_err(|error| OrchestratorError::response(error.into()))
}
