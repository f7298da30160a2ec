//! How the AWS SDK reaches the emulator.

use aws_credential_types::Credentials;
use aws_sdk_iotsitewise::Client;
use aws_sdk_iotsitewise::config::{BehaviorVersion, Region, SharedCredentialsProvider};
use aws_types::SdkConfig;

/// The configuration for an emulator at `endpoint`, as the bridge gets it.
pub(crate) fn config(endpoint: &str) -> SdkConfig {
    let credentials = Credentials::new("test", "test", None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(endpoint)
        .build()
}

/// A client that reads back: the label that the SDK puts before the host falls into the user part.
pub(crate) fn reader(endpoint: &str) -> Client {
    Client::new(&config(&endpoint.replace("http://", "http://x@")))
}
