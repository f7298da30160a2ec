//! Queries to the engine, which owns all state.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use super::view::EngineView;

/// Queries queued for the engine; further ones are rejected as busy.
const MAX_QUERIES: usize = 64;
/// How long a query may take until the engine counts as hung: it is never that busy.
const QUERY_TIMEOUT: Duration = Duration::from_secs(5);

/// A query: a closure that the engine runs between two inputs, so it reads a page at most.
pub type EngineQuery = Box<dyn FnOnce(&EngineView<'_>) + Send>;

/// Lifecycle of the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineLifecycle {
    /// The engine does not run yet, for this reason.
    Starting(Arc<str>),
    /// The engine answers queries.
    Running,
}

/// Why a query has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueryError {
    /// The engine does not run yet.
    Starting(Arc<str>),
    /// Too many queries wait already.
    Busy,
    /// The engine does not answer in time, or has ended.
    Silent,
}

/// Sends queries to the engine. A clone sends to the same engine.
#[derive(Clone, Debug)]
pub struct EngineQueries {
    queue: mpsc::Sender<EngineQuery>,
    lifecycle: watch::Receiver<EngineLifecycle>,
}

/// The engine's end of the queries.
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
        let (lifecycle_tx, lifecycle) = watch::channel(EngineLifecycle::Starting(reason.into()));
        (Self { queue, lifecycle }, QueryReceiver { queries, lifecycle: lifecycle_tx })
    }

    /// Runs `read` in the engine, and returns its result.
    ///
    /// # Errors
    ///
    /// The engine does not answer.
    pub async fn ask<T: Send + 'static>(
        &self,
        read: impl FnOnce(&EngineView<'_>) -> T + Send + 'static,
    ) -> Result<T, QueryError> {
        if let EngineLifecycle::Starting(reason) = &*self.lifecycle.borrow() {
            return Err(QueryError::Starting(Arc::clone(reason)));
        }
        let (response_tx, response_rx) = oneshot::channel();
        let query: EngineQuery = Box::new(move |view| {
            // The receiver may have timed out.
            let _ = response_tx.send(read(view));
        });
        self.queue.try_send(query).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => QueryError::Busy,
            mpsc::error::TrySendError::Closed(_) => QueryError::Silent,
        })?;
        match timeout(QUERY_TIMEOUT, response_rx).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) | Err(_) => Err(QueryError::Silent),
        }
    }
}

impl QueryReceiver {
    /// From now on queries are answered.
    pub fn set_running(&self) {
        self.lifecycle.send_replace(EngineLifecycle::Running);
    }
}
