//! Queries to the engine, which owns all state.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use super::view::EngineView;

/// Queries queued for the engine; further ones are rejected as busy.
const MAX_QUERIES: usize = 64;
/// How long the engine may take: it is never that busy.
const QUERY_TIMEOUT: Duration = Duration::from_secs(5);

/// A query: a closure that the engine runs between two inputs. It reads a page at most.
pub type EngineQuery = Box<dyn FnOnce(&EngineView<'_>) + Send>;

/// Lifecycle of the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineLifecycle {
    /// The engine does not run yet, for this reason.
    Starting(Arc<str>),
    /// The engine answers questions.
    Running,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueryError {
    /// The engine does not run yet.
    Starting(Arc<str>),
    /// Too many ask.
    Busy,
    /// The engine does not answer in time, or no more.
    Silent,
}

/// Asks the engine. Clones ask the same one.
#[derive(Clone, Debug)]
pub struct EngineQueries {
    queue: mpsc::Sender<EngineQuery>,
    lifecycle: watch::Receiver<EngineLifecycle>,
}

/// The engine's end of the questions.
#[derive(Debug)]
pub struct QueryReceiver {
    /// Queries to be run.
    pub queries: mpsc::Receiver<EngineQuery>,
    lifecycle: watch::Sender<EngineLifecycle>,
}

impl EngineQueries {
    /// A connected pair. Until [`QueryReceiver::set_running`] every query fails with `reason`.
    pub fn new(reason: &str) -> (Self, QueryReceiver) {
        let (queue, queries) = mpsc::channel(MAX_QUERIES);
        let (begin, lifecycle) = watch::channel(EngineLifecycle::Starting(reason.into()));
        (Self { queue, lifecycle }, QueryReceiver { queries, lifecycle: begin })
    }

    /// Reads something off the engine.
    ///
    /// # Errors
    ///
    /// It does not answer.
    pub async fn ask<T: Send + 'static>(
        &self,
        read: impl FnOnce(&EngineView<'_>) -> T + Send + 'static,
    ) -> Result<T, QueryError> {
        if let EngineLifecycle::Starting(reason) = &*self.lifecycle.borrow() {
            return Err(QueryError::Starting(Arc::clone(reason)));
        }
        let (tell, told) = oneshot::channel();
        let question: EngineQuery = Box::new(move |look| {
            // The receiver may have timed out.
            let _ = tell.send(read(look));
        });
        self.queue.try_send(question).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => QueryError::Busy,
            mpsc::error::TrySendError::Closed(_) => QueryError::Silent,
        })?;
        match timeout(QUERY_TIMEOUT, told).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) | Err(_) => Err(QueryError::Silent),
        }
    }
}

impl QueryReceiver {
    /// Until [`set_running`](Self::set_running), every query fails with this reason.
    pub fn set_starting_reason(&self, reason: &str) {
        self.lifecycle.send_replace(EngineLifecycle::Starting(reason.into()));
    }

    /// From now on questions are answered.
    pub fn set_running(&self) {
        self.lifecycle.send_replace(EngineLifecycle::Running);
    }
}
