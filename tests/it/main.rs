//! The whole way over real sockets: an MQTT server, an edge node, the bridge, the emulator,
//! and the AWS SDK reading back.

mod architecture;
mod documents;
mod way;

mod support;
