//! What the stub has taken.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

use super::stub::{Door, Puts};

/// Values and requests, counted.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    values: AtomicU64,
    requests: AtomicU64,
    /// Told after every request.
    pub(crate) more: Notify,
}

impl Taken {
    pub(crate) fn values(&self) -> u64 {
        self.values.load(Ordering::Relaxed)
    }

    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}

impl Puts for Taken {
    fn door(&self) -> Door {
        Door::Open
    }

    fn taken(&self, body: &[u8]) {
        // The letter stands in the key `quality` of every value and nowhere else: ids are
        // hexadecimal, and no text is sent.
        let values = body.iter().filter(|byte| **byte == b'q').count();
        self.values.fetch_add(values as u64, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.more.notify_waiters();
    }
}
