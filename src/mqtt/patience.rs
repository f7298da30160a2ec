//! How long the answer to the subscriptions may take: a server may send all that it has stored before
//! it, and need long for that over a slow link.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// From CONNACK to the last SUBACK, or from when the server last sent anything to speak of.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(10);
/// What a server sends that does not go on, such as ping responses, is less than this.
const PROGRESS: u64 = 1 << 10;

/// Bytes that came from a server, in all its sessions. Clones show the same number.
#[derive(Clone, Debug, Default)]
pub(super) struct ReceivedBytes(Arc<AtomicU64>);

impl ReceivedBytes {
    pub(super) fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Until when the subscriptions are to be answered.
#[derive(Debug)]
pub(super) struct SubscribePatience {
    received: ReceivedBytes,
    /// How many bytes had come when it was last seen to send.
    seen: u64,
}

impl SubscribePatience {
    pub(super) fn new(received: ReceivedBytes) -> Self {
        Self { seen: received.get(), received }
    }

    /// The subscriptions are sent. Returns when to look again.
    pub(super) fn start(&mut self) -> Instant {
        self.seen = self.received.get();
        Instant::now() + SUBSCRIBE_TIMEOUT
    }

    /// It is time to look: when to look again; none if the server sends nothing.
    pub(super) fn look(&mut self) -> Option<Instant> {
        let received = self.received.get();
        let goes_on = received.saturating_sub(self.seen) >= PROGRESS;
        self.seen = received;
        goes_on.then(|| Instant::now() + SUBSCRIBE_TIMEOUT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_sends_has_time_and_one_that_only_answers_pings_has_not() {
        let received = ReceivedBytes::default();
        let mut patience = SubscribePatience::new(received.clone());
        received.add(1 << 20);
        patience.start();
        assert_eq!(patience.look(), None);
        received.add(4);
        assert_eq!(patience.look(), None);
        for _ in 0..100 {
            received.add(1 << 14);
            assert!(patience.look().is_some());
        }
        assert_eq!(patience.look(), None);
    }
}
