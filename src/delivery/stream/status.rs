//! How many values of a property are here, for the console.

use super::{PendingValue, SecondaryQueues, StreamState};

impl StreamState {
    /// Values that wait here, those in flight excepted.
    pub(in crate::delivery) fn waiting(&self) -> usize {
        self.queued() + self.secondary_queues().set_aside.len() + self.seconds.len()
    }

    /// The value that failed most often of those that wait in the queues.
    pub(in crate::delivery) fn most_failed(&self) -> Option<&PendingValue> {
        let SecondaryQueues { history, set_aside: aside } = self.secondary_queues();
        let waiting = self.main_queue.iter().chain(history);
        waiting.chain(aside.iter().map(|(_, value)| value)).max_by_key(|value| value.failures)
    }
}
