//! What survives when things fail, over real sockets: the real program, killed; an MQTT server
//! that notes what it wrote to the program's socket, and when; the emulator, read back with the
//! AWS SDK.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod away;
mod beside;
mod buffered;
mod damaged;
mod ending;
mod foreign;
mod full;
mod fuse;
mod hostile;
mod killed;
mod late;
mod outage;
mod plant;
mod reader;
mod retried;
#[path = "../support/sdk.rs"]
mod sdk;
mod starting;
#[path = "../support/turbine.rs"]
mod turbine;
mod turn;

#[path = "../../benches/support/memory.rs"]
mod memory;
#[path = "../../benches/support/mqtt.rs"]
mod mqtt;
#[path = "../../benches/support/program.rs"]
mod program;
#[path = "../../benches/support/stub.rs"]
mod stub;
#[path = "../../benches/support/waits.rs"]
mod waits;

/// One at a time: each of them measures what the whole machine gives it.
async fn alone() -> tokio::sync::MutexGuard<'static, ()> {
    static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    TURN.lock().await
}
