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

/// What a live message takes beside its topic and payload, at most.
const OVERHEAD: u64 = 32;

/// Until when the subscriptions are to be answered. Live messages are no sign that an answer is still to
/// come: a server that ignores a subscription may go on with those of the others for ever.
#[derive(Debug)]
pub(super) struct SubscribePatience {
    received: ReceivedBytes,
    /// How many bytes had come when the subscriptions were sent.
    begin: u64,
    /// What live messages took since.
    live: u64,
    /// The most that anything else took.
    stored: u64,
}

impl SubscribePatience {
    pub(super) fn new(received: ReceivedBytes) -> Self {
        Self { begin: received.get(), live: 0, stored: 0, received }
    }

    /// The subscriptions are sent. Returns when to look again.
    pub(super) fn start(&mut self) -> Instant {
        (self.begin, self.live, self.stored) = (self.received.get(), 0, 0);
        Instant::now() + SUBSCRIBE_TIMEOUT
    }

    /// A live message came, of so many bytes.
    pub(super) fn note_live(&mut self, bytes: usize) {
        self.live += bytes as u64 + OVERHEAD;
    }

    /// It is time to look: when to look again; none if the server sends nothing that it has stored.
    pub(super) fn look(&mut self) -> Option<Instant> {
        let stored = (self.received.get() - self.begin).saturating_sub(self.live);
        let goes_on = stored >= self.stored + PROGRESS;
        self.stored = self.stored.max(stored);
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

    /// It waited for the answer as long as the plant sent.
    #[test]
    fn live_messages_are_no_sign_that_an_answer_is_to_come() {
        let received = ReceivedBytes::default();
        let mut patience = SubscribePatience::new(received.clone());
        patience.start();
        for _ in 0..100 {
            received.add(70);
            patience.note_live(60);
        }
        assert_eq!(patience.look(), None);
    }
}
