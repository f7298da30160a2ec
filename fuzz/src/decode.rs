//! Bytes as a birth, then the same bytes as data and as a death: nothing may panic, hang or
//! take memory beyond the limits.

use std::time::Duration;

use crate::sparkplug::config::Config;
use crate::sparkplug::host::{Host, ServerId};
use crate::time::{Instant, Now, Timestamp};

const TOPICS: [&str; 6] = [
    "spBv1.0/g/NBIRTH/n",
    "spBv1.0/g/NDATA/n",
    "spBv1.0/g/DBIRTH/n/d",
    "spBv1.0/g/DDATA/n/d",
    "spBv1.0/g/DDEATH/n/d",
    "spBv1.0/g/NDEATH/n",
];

/// Takes them.
pub fn run(payload: &[u8]) {
    let instant = Instant::from_start(Duration::from_secs(60));
    let now = Now { instant, wall: Timestamp::from_millis(1_800_000_000_000) };
    // Without waiting, so that every message is read at once whatever its number.
    let config = Config { reorder_timeout: Duration::ZERO, ..Config::new("fuzz") };
    let mut host = Host::new(config, 1);
    let server = ServerId(0);
    host.handle_connected(server, now.wall, now);
    for topic in TOPICS {
        host.handle_message(server, topic, payload, false, now);
        while host.poll_output().is_some() {}
    }
    host.handle_timeout(now.plus(Duration::from_secs(600)));
}
