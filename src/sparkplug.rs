//! Sparkplug B, pure: what a host application must know of payloads, topics and sessions.
//!
//! [`Host`](host::Host) takes MQTT messages and time and gives [`Event`](event::Event)s and
//! commands. It knows nothing of SiteWise.

pub mod config;
pub mod limits;

pub mod address;
pub mod datatype;
pub mod edge;
pub mod event;
pub mod filter;
pub mod findings;
pub mod host;
pub mod message;
pub mod payload;
pub mod proto;
pub mod quality;
pub mod rebirth;
pub mod topic;
pub mod value;

mod birth;
mod case_folded;
mod inflation_debt;
mod memory;
mod metric;
mod names;
mod session;
mod table;
mod template;
pub(crate) mod text;
mod window;
