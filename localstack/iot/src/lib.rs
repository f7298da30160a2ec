//! AWS IoT commands on one machine: the control plane over HTTP, the executions over MQTT.
//!
//! It answers the operations for commands of the services `iot` and `iot-jobs-data`, so that the AWS
//! CLI, boto3 and the AWS SDKs can be pointed at it. It is no MQTT server: requests and responses
//! travel through one that is given. Where the documentation is silent it takes the harsher reading;
//! its README lists these places.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use iot_local::{Options, Server};
//!
//! let server = Server::bind(([127, 0, 0, 1], 0).into(), Options::default())?;
//! println!("http://{}", server.local_addr());
//! server.run(std::future::pending()).await
//! # }
//! ```

mod arn;
mod cloud;
mod error;
mod link;
mod operations;
mod options;
mod parameter;
mod server;
mod service;
mod shapes;
mod template;

pub use options::{Clock, Options, Rendering};
pub use server::Server;
