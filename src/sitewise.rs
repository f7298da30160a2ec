//! AWS IoT SiteWise: the API as our own types, and the client.
//!
//! Nothing outside this module, `sqs` and `dynamodb` names the AWS SDK.

pub mod api;
pub mod aws;
mod cache;
pub mod cause;
pub mod client;
mod convert;
pub mod endpoint;
pub(crate) mod fault;
mod host_prefix;
mod http;
pub mod import;
pub mod limits;
mod merge;
#[cfg(test)]
pub(crate) mod stub;
pub mod tags;

/// Decodes padded base64, as the SDK does.
pub(crate) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    aws_smithy_types::base64::decode(text).ok()
}
