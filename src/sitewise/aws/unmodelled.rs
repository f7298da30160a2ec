//! What calls have in common that are made without a generated client: who signs them, how they name
//! themselves, and what their errors say.

use aws_config::{Region, SdkConfig};
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::auth::{SigV4OperationSigningConfig, SigningOptions};
use aws_sdk_iotsitewise::config::{Layer, RuntimeComponentsBuilder};
use aws_smithy_runtime_api::client::auth::AuthSchemeOptionResolverParams;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::error::ErrorMetadata;
use aws_types::SigningName;

use crate::sitewise::fault::ErrorDetails;

/// How a call names itself to AWS: the SDK's way to name an application, and its version.
pub(crate) const USER_AGENT: &str = concat!("app/sparkwise sparkwise/", env!("CARGO_PKG_VERSION"));

/// Who signs a call to a service, and how.
pub(crate) fn signed(
    config: &SdkConfig,
    region: &str,
    service: &'static str,
) -> (Layer, RuntimeComponentsBuilder) {
    signed_with(config, region, service, SigningOptions::default())
}

/// The same for a service that signs in a way of its own.
pub(super) fn signed_with(
    config: &SdkConfig,
    region: &str,
    service: &'static str,
    signing_options: SigningOptions,
) -> (Layer, RuntimeComponentsBuilder) {
    let mut layer = Layer::new(service);
    layer.store_put(AuthSchemeOptionResolverParams::new(()));
    let region = Region::new(region.to_owned());
    layer.store_put(SigV4OperationSigningConfig {
        region: Some(region.into()),
        name: Some(SigningName::from_static(service)),
        signing_options,
        ..SigV4OperationSigningConfig::default()
    });
    let scheme = StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]);
    let mut components = RuntimeComponentsBuilder::new(service)
        .with_auth_scheme_option_resolver(Some(scheme))
        .with_auth_scheme(SigV4AuthScheme::new());
    if let Some(credentials) = config.credentials_provider() {
        components.set_identity_resolver(SCHEME_ID, credentials);
    }
    components.set_identity_cache(config.identity_cache());
    (layer, components)
}

/// What an error response says.
pub(crate) fn error(response: &HttpResponse) -> ErrorMetadata {
    let details = ErrorDetails::of(response);
    let mut error = ErrorMetadata::builder();
    if let Some(code) = details.code {
        error = error.code(code);
    }
    if let Some(message) = details.message {
        error = error.message(message);
    }
    error.build()
}
