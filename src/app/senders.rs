//! The tasks that send values.
//!
//! There may be thousands of requests a second, and the future of one is too large to allocate each
//! time. So a task does not end with its request, but waits for the next.

use std::sync::Arc;

use tokio::select;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};

use crate::delivery::output::RequestId;
use crate::sitewise::api::{Entry, EntryError, Fault};
use crate::sitewise::client::SiteWise;

/// Responses that are read in one batch.
const LOT: usize = 64;

/// The response to a request.
#[derive(Debug)]
pub(super) struct Answer {
    pub id: RequestId,
    pub answer: Result<Vec<EntryError>, Fault>,
    sender: usize,
}

/// As many tasks as the most requests that were ever in flight.
pub(super) struct Senders<S> {
    sitewise: Arc<S>,
    tasks: JoinSet<()>,
    queues: Vec<mpsc::Sender<(RequestId, Vec<Entry>)>>,
    /// Those without a request; the last one that had one is the next that gets one.
    idle: Vec<usize>,
    answered: mpsc::UnboundedSender<Answer>,
    answers: mpsc::UnboundedReceiver<Answer>,
    lot: Vec<Answer>,
}

impl<S: SiteWise> Senders<S> {
    /// No task yet.
    pub(super) fn new(sitewise: Arc<S>) -> Self {
        let (answered, answers) = mpsc::unbounded_channel();
        Self {
            sitewise,
            tasks: JoinSet::new(),
            queues: Vec::new(),
            idle: Vec::new(),
            answered,
            answers,
            lot: Vec::with_capacity(LOT),
        }
    }

    /// Makes a request, once.
    pub(super) fn send(&mut self, id: RequestId, entries: Vec<Entry>) {
        let sender = self.idle.pop().unwrap_or_else(|| self.start());
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
    pub(super) async fn ready(&mut self) -> Result<(), JoinError> {
        select! {
            biased;
            _ = self.answers.recv_many(&mut self.lot, LOT) => Ok(()),
            Some(ended) = self.tasks.join_next() => ended,
        }
    }

    /// The next answer of those that are there.
    pub(super) fn next(&mut self) -> Option<Answer> {
        let answer = self.lot.pop()?;
        self.idle.push(answer.sender);
        Some(answer)
    }

    fn start(&mut self) -> usize {
        let sender = self.queues.len();
        let (queue, mut requests) = mpsc::channel(1);
        let (sitewise, answered) = (Arc::clone(&self.sitewise), self.answered.clone());
        self.queues.push(queue);
        self.tasks.spawn(async move {
            while let Some((id, entries)) = requests.recv().await {
                let answer = sitewise.put(entries).await;
                if answered.send(Answer { id, answer, sender }).is_err() {
                    return;
                }
            }
        });
        sender
    }
}
