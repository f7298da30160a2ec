//! Sparkwise: the bridge from MQTT Sparkplug B to AWS IoT SiteWise.
//!
//! From `mqtt` to `sitewise` the modules are in the order of the data flow; before them stand the
//! program, its configuration and what all share. `sparkplug`, `twin`, `delivery`, `labels`,
//! `late`, `command`, `bridge` and `lease` are pure: they read no clock, do no I/O and spawn nothing.
//! `ARCHITECTURE.md` says how they interact.

#![warn(missing_docs)]

pub mod cli;
pub mod config;
pub mod telemetry;

pub mod app;
pub mod dashboards;
pub mod doctor;
pub mod preview;

mod clock;
pub mod globs;
pub mod time;
mod tls;

#[cfg(test)]
mod random;

pub mod mqtt;

pub mod sparkplug;

pub mod twin;

pub mod outbox;

pub mod delivery;

pub mod labels;

pub mod late;

pub mod command;

pub mod bridge;

pub mod lease;

pub mod sitewise;

pub mod sqs;

pub mod dynamodb;

pub mod console;
