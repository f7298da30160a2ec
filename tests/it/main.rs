//! The whole way over real sockets: an MQTT server, an edge node, the bridge, the emulator,
//! and the AWS SDK reading back.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod architecture;
mod aws;
mod commands;
mod console;
mod documents;
mod growth;
mod infra;
mod labels;
mod lost;
mod plan;
mod problems;
mod search;
mod sign_in;
mod start;
mod terminal;
mod trail;
mod way;

#[path = "../support/sdk.rs"]
mod sdk;
mod support;
