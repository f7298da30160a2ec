//! What a bridge with a lease starts with: the client of its table, and connections as an observer.

use tokio::sync::mpsc;
use tracing::info;
use uuid::Uuid;

use super::Error;
use super::engine::LeaseParts;
use super::links::{LinkFactory, Links};
use super::servers::ServerState;
use crate::config::Config;
use crate::dynamodb::{LeaseTable, LeaseUrl};
use crate::lease::window;
use crate::mqtt::Inbound;

/// Bytes of the follower's window at most, or `OUTBOX_MAX_BYTES` if that is less.
const WINDOW_BYTES: u64 = 256 << 20;
/// Places in a shared folder: for two processes, for one that replaces one of them, and for one that
/// died, while its values are taken over.
pub(super) const BRIDGES: usize = 4;
/// Letters of this process's own name in the client identifiers of observers.
const SUFFIX: usize = 8;

/// Opens the client of the table and the connections, and adds the servers' states.
pub(super) async fn open(
    at: &LeaseUrl,
    config: &Config,
    inbound: mpsc::Sender<Inbound>,
    servers: &mut Vec<ServerState>,
) -> Result<LeaseParts, Error> {
    let table = Box::pin(LeaseTable::from_env(at.clone())).await.map_err(Error::Lease)?;
    let process = Uuid::from_u128(fastrand::u128(..)).simple().to_string();
    let host_id = &config.sparkplug.host_id;
    let client_id = config.mqtt.client_id.as_ref().unwrap_or(host_id);
    let suffix: String = process.chars().take(SUFFIX).collect();
    let observer_id = format!("{client_id}-{suffix}");
    let id = format!("{host_id}-{process}");
    info!(
        "this bridge shares the lease {at} with another one: this process is called {id} there, \
         and {observer_id} is its MQTT client identifier while it follows"
    );
    let factory = LinkFactory {
        mqtt: config.mqtt.clone(),
        sparkplug: config.sparkplug.clone(),
        observer_id,
        inbound,
    };
    let links = Links::open(factory)?;
    for (url, outbound, figures) in links.current() {
        servers.push(ServerState::new(url, outbound, figures));
    }
    let bytes = config.outbox.max_bytes.min(WINDOW_BYTES);
    let window_bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    let window_span = window::span(config.mqtt.keep_alive);
    Ok(LeaseParts { table, id, links, window_span, window_bytes })
}
