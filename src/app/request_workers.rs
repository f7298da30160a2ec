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
    worker: usize,
}

/// A pool of tasks, grown to the highest number of requests in flight.
pub(super) struct RequestWorkers<S> {
    sitewise: Arc<S>,
    tasks: JoinSet<()>,
    queues: Vec<mpsc::Sender<(RequestId, Vec<Entry>)>>,
    /// Idle workers, used last in first out.
    idle_workers: Vec<usize>,
    response_tx: mpsc::UnboundedSender<PutResponse>,
    response_rx: mpsc::UnboundedReceiver<PutResponse>,
    response_batch: Vec<PutResponse>,
}

impl<S: SiteWise> RequestWorkers<S> {
    /// No task yet.
    pub(super) fn new(sitewise: Arc<S>) -> Self {
        let (response_tx, response_rx) = mpsc::unbounded_channel();
        Self {
            sitewise,
            tasks: JoinSet::new(),
            queues: Vec::new(),
            idle_workers: Vec::new(),
            response_tx,
            response_rx,
            response_batch: Vec::with_capacity(RESPONSE_BATCH),
        }
    }

    /// Makes a request, once.
    pub(super) fn send(&mut self, id: RequestId, entries: Vec<Entry>) {
        let worker = self.idle_workers.pop().unwrap_or_else(|| self.spawn_worker());
        if let Some(queue) = self.queues.get(worker) {
            // An idle task's queue is empty; one that failed shows in `wait_for_responses`.
            let _ = queue.try_send((id, entries));
        }
    }

    /// Waits until there are responses. Cancel safe.
    ///
    /// # Errors
    ///
    /// A task failed: a bug.
    pub(super) async fn wait_for_responses(&mut self) -> Result<(), JoinError> {
        select! {
            biased;
            _ = self.response_rx.recv_many(&mut self.response_batch, RESPONSE_BATCH) => Ok(()),
            Some(ended) = self.tasks.join_next() => ended,
        }
    }

    /// The next response of the batch.
    pub(super) fn next(&mut self) -> Option<PutResponse> {
        let answer = self.response_batch.pop()?;
        self.idle_workers.push(answer.worker);
        Some(answer)
    }

    fn spawn_worker(&mut self) -> usize {
        let worker = self.queues.len();
        let (queue, mut requests) = mpsc::channel(1);
        let (sitewise, answered) = (Arc::clone(&self.sitewise), self.response_tx.clone());
        self.queues.push(queue);
        self.tasks.spawn(async move {
            while let Some((id, entries)) = requests.recv().await {
                let answer = sitewise.put(entries).await;
                if answered.send(PutResponse { id, answer, worker }).is_err() {
                    return;
                }
            }
        });
        worker
    }
}
