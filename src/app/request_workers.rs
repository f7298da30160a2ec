//! The tasks that send values.
//!
//! There may be thousands of requests a second, and the future of one is too large to allocate each
//! time. So a task does not end with its request, but waits for the next.

use std::sync::Arc;

use tokio::select;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};

use crate::delivery::output::RequestId;
use crate::sitewise::api::{ApiFault, Entry, EntryError};
use crate::sitewise::client::SiteWise;

/// Responses that are read in one batch.
const RESPONSE_BATCH: usize = 64;

/// The response to a request.
#[derive(Debug)]
pub(super) struct PutResponse {
    pub id: RequestId,
    pub answer: Result<Vec<EntryError>, ApiFault>,
    sender: usize,
}

/// As many tasks as the most requests that were ever in flight.
pub(super) struct RequestWorkers<S> {
    sitewise: Arc<S>,
    tasks: JoinSet<()>,
    queues: Vec<mpsc::Sender<(RequestId, Vec<Entry>)>>,
    /// Those without a request; the last one that had one is the next that gets one.
    idle_workers: Vec<usize>,
    answer_tx: mpsc::UnboundedSender<PutResponse>,
    answer_rx: mpsc::UnboundedReceiver<PutResponse>,
    response_batch: Vec<PutResponse>,
}

impl<S: SiteWise> RequestWorkers<S> {
    /// No task yet.
    pub(super) fn new(sitewise: Arc<S>) -> Self {
        let (answer_tx, answer_rx) = mpsc::unbounded_channel();
        Self {
            sitewise,
            tasks: JoinSet::new(),
            queues: Vec::new(),
            idle_workers: Vec::new(),
            answer_tx,
            answer_rx,
            response_batch: Vec::with_capacity(RESPONSE_BATCH),
        }
    }

    /// Makes a request, once.
    pub(super) fn send(&mut self, id: RequestId, entries: Vec<Entry>) {
        let sender = self.idle_workers.pop().unwrap_or_else(|| self.spawn_worker());
        if let Some(queue) = self.queues.get(sender) {
            // An idle task's queue is empty; one that failed shows in `ready`.
            let _ = queue.try_send((id, entries));
        }
    }

    /// Waits until there are answers. Can be cancelled.
    ///
    /// # Errors
    ///
    /// A task failed: a bug.
    pub(super) async fn wait_for_responses(&mut self) -> Result<(), JoinError> {
        select! {
            biased;
            _ = self.answer_rx.recv_many(&mut self.response_batch, RESPONSE_BATCH) => Ok(()),
            Some(ended) = self.tasks.join_next() => ended,
        }
    }

    /// The next answer of those that are there.
    pub(super) fn next(&mut self) -> Option<PutResponse> {
        let answer = self.response_batch.pop()?;
        self.idle_workers.push(answer.sender);
        Some(answer)
    }

    fn spawn_worker(&mut self) -> usize {
        let sender = self.queues.len();
        let (queue, mut requests) = mpsc::channel(1);
        let (sitewise, answered) = (Arc::clone(&self.sitewise), self.answer_tx.clone());
        self.queues.push(queue);
        self.tasks.spawn(async move {
            while let Some((id, entries)) = requests.recv().await {
                let answer = sitewise.put(entries).await;
                if answered.send(PutResponse { id, answer, sender }).is_err() {
                    return;
                }
            }
        });
        sender
    }
}
