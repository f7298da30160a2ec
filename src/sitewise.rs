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
