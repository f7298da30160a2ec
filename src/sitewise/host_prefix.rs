//! The SDK puts `api.` and `data.` before every host, a custom endpoint's included.

use aws_sdk_iotsitewise::config::interceptors::BeforeSerializationInterceptorContextMut;
use aws_sdk_iotsitewise::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_iotsitewise::error::BoxError;
use aws_smithy_runtime_api::client::endpoint::EndpointPrefix;
use aws_types::endpoint_config::EndpointUrl;

/// Drops the modelled host label where a custom endpoint is configured, and only there: an
/// emulator has one name, AWS has one for each plane.
///
/// This hook runs after the operation has stored its label and before the endpoint is
/// resolved; neither an endpoint resolver nor an earlier hook could do it.
#[derive(Debug)]
pub(super) struct NoHostPrefix;

impl Intercept for NoHostPrefix {
    fn name(&self) -> &'static str {
        "NoHostPrefix"
    }

    fn modify_before_serialization(
        &self,
        _context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if config.load::<EndpointUrl>().is_some() {
            config.interceptor_state().unset::<EndpointPrefix>();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use aws_config::{BehaviorVersion, Region, SdkConfig};
    use aws_sdk_iotsitewise::config::interceptors::BeforeTransmitInterceptorContextRef;
    use aws_sdk_iotsitewise::config::{Builder, Credentials, SharedCredentialsProvider};

    use super::*;

    #[tokio::test]
    async fn the_label_stays_for_aws_itself() {
        assert_eq!(
            hosts(None).await,
            ["api.iotsitewise.eu-west-1.amazonaws.com", "data.iotsitewise.eu-west-1.amazonaws.com",]
        );
    }

    #[tokio::test]
    async fn the_label_goes_for_a_custom_endpoint() {
        assert_eq!(
            hosts(Some("http://127.0.0.1:4567/base")).await,
            ["127.0.0.1:4567", "127.0.0.1:4567"]
        );
    }

    /// Hosts that a control plane call and a data plane call would go to.
    async fn hosts(endpoint: Option<&str>) -> Vec<String> {
        let seen = Seen::default();
        let mut shared = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
                "id", "secret", None, None, "test",
            )));
        shared.set_endpoint_url(endpoint.map(str::to_owned));
        let config = Builder::from(&shared.build())
            .interceptor(NoHostPrefix)
            .interceptor(seen.clone())
            .build();
        let client = aws_sdk_iotsitewise::Client::from_conf(config);
        client.list_asset_models().send().await.unwrap_err();
        client
            .batch_put_asset_property_value()
            .set_entries(Some(Vec::new()))
            .send()
            .await
            .unwrap_err();
        seen.0.lock().unwrap().clone()
    }

    /// Notes where a request goes, and keeps it from going.
    #[derive(Clone, Debug, Default)]
    struct Seen(Arc<Mutex<Vec<String>>>);

    impl Intercept for Seen {
        fn name(&self) -> &'static str {
            "Seen"
        }

        fn read_before_transmit(
            &self,
            context: &BeforeTransmitInterceptorContextRef<'_>,
            _components: &RuntimeComponents,
            _config: &mut ConfigBag,
        ) -> Result<(), BoxError> {
            let uri = context.request().uri().to_owned();
            let host = uri.split('/').nth(2).unwrap_or_default();
            let mut seen = self.0.lock().unwrap();
            if seen.last().map(String::as_str) != Some(host) || seen.len() < 2 {
                seen.push(host.to_owned());
            }
            Err("not sent".into())
        }
    }
}
