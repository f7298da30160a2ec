//! AWS IoT SiteWise: the API in our own words, and the client that speaks it.
//!
//! Nothing outside this module names the AWS SDK.

pub mod api;
pub mod client;
pub mod limits;
