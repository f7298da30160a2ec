//! A simulated energy company: wind farms whose edge nodes speak Sparkplug B, and the MQTT
//! server that they need.

mod broker;

pub use broker::Broker;
