//! AWS IoT SiteWise, emulated over HTTP on one machine.
//!
//! It answers the service's own wire protocol, so that the AWS SDKs, the AWS CLI and boto3 can be
//! pointed at it. Where the documentation is silent it takes the harsher reading; its README lists
//! these places.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use sitewise_local::{Options, Server};
//!
//! let server = Server::bind(([127, 0, 0, 1], 0).into(), Options::default())?;
//! println!("http://{}", server.local_addr());
//! server.run(std::future::pending()).await
//! # }
//! ```

pub mod aws;
pub mod program;

mod account;
mod admin;
mod fault;
mod http;
mod importer;
mod limits;
mod options;
mod pairs;
mod quota;
mod replay;
mod s3;
mod server;
mod service;
mod shared;
mod store;
mod usage;
mod values;
mod wire;

#[cfg(test)]
mod tests;

pub use fault::{Effect, Fault};
pub use limits::Limits;
pub use options::{Clock, EntriesPerSecond, Notification, Notify, Options};
pub use quota::Quotas;
pub use server::{Handle, Server};
pub use usage::Usage;
