//! An MQTT message to be published, by host or edge.

/// The two qualities of service that Sparkplug uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Qos {
    /// QoS 0: births, data, commands.
    AtMostOnce,
    /// QoS 1: STATE and the wills.
    AtLeastOnce,
}

/// A message with everything that MQTT must know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Where to.
    pub topic: String,
    /// What.
    pub payload: Vec<u8>,
    /// How surely.
    pub qos: Qos,
    /// Whether the server keeps it.
    pub retain: bool,
}
