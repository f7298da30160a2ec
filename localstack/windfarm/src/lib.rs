//! A simulated energy company: wind farms whose edge nodes speak Sparkplug B, and the MQTT
//! server that they need.
//!
//! The plant itself is pure and the same for the same seed: [`model`] lets time pass, and
//! [`Publisher`] puts it into Sparkplug. [`Fleet`] brings both onto the network.

pub mod model;

mod orders;
mod random;
mod signal;

mod publisher;
mod spelling;

mod fault;
mod fleet;
mod gateway;

mod broker;

pub use broker::Broker;
pub use fault::Fault;
pub use fleet::Fleet;
pub use publisher::Publisher;
pub use spelling::Spelling;
