//! Whether a bridge hears its MQTT servers, as it says to the other one.

use std::time::Duration;

use super::Sense;
use crate::time::Instant;

/// How long all servers have to be heard without a break before a bridge says that it hears them.
/// Longer than a lease outlives its holder: what a dead one had not delivered, who began to hear after
/// its death cannot deliver, and lets the other go first.
pub const SETTLED: Duration = Duration::from_secs(15);

/// Since when all servers are heard.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hearing {
    up_since: Option<Instant>,
    was_up: bool,
}

impl Hearing {
    /// Whether the connections to all servers are up now.
    pub fn record(&mut self, all_up: bool, now: Instant) {
        self.up_since = all_up.then(|| self.up_since.unwrap_or(now));
        self.was_up |= all_up;
    }

    /// What this bridge says.
    pub fn sense(&self, now: Instant) -> Sense {
        match self.up_since {
            Some(since) if now.since(since) >= SETTLED => Sense::Yes,
            Some(_) => Sense::Unknown,
            None if self.was_up => Sense::No,
            None => Sense::Unknown,
        }
    }
}
