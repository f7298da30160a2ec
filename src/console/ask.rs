//! Queries to the engine, which owns all state.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use super::look::Look;

/// Queries queued for the engine; further ones are rejected as busy.
const WAITING: usize = 64;
/// How long the engine may take: it is never that busy.
const PATIENCE: Duration = Duration::from_secs(5);

/// A query: a closure that the engine runs between two inputs. It reads a page at most.
pub type Question = Box<dyn FnOnce(&Look<'_>) + Send>;

/// Lifecycle of the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Life {
    /// The engine does not run yet, for this reason.
    Starting(Arc<str>),
    /// The engine answers questions.
    Running,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// The engine does not run yet.
    Starting(Arc<str>),
    /// Too many ask.
    Busy,
    /// The engine does not answer in time, or no more.
    Silent,
}

/// Asks the engine. Clones ask the same one.
#[derive(Clone, Debug)]
pub struct Questions {
    queue: mpsc::Sender<Question>,
    life: watch::Receiver<Life>,
}

/// The engine's end of the questions.
#[derive(Debug)]
pub struct Answers {
    /// What is asked.
    pub questions: mpsc::Receiver<Question>,
    life: watch::Sender<Life>,
}

impl Questions {
    /// A connected pair. Until [`Answers::begin`] every query fails with `reason`.
    pub fn new(reason: &str) -> (Self, Answers) {
        let (queue, questions) = mpsc::channel(WAITING);
        let (begin, life) = watch::channel(Life::Starting(reason.into()));
        (Self { queue, life }, Answers { questions, life: begin })
    }

    /// Reads something off the engine.
    ///
    /// # Errors
    ///
    /// It does not answer.
    pub async fn ask<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Look<'_>) -> T + Send + 'static,
    ) -> Result<T, NoAnswer> {
        if let Life::Starting(reason) = &*self.life.borrow() {
            return Err(NoAnswer::Starting(Arc::clone(reason)));
        }
        let (tell, told) = oneshot::channel();
        let question: Question = Box::new(move |look| {
            // Whoever asked may be gone.
            let _ = tell.send(read(look));
        });
        self.queue.try_send(question).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => NoAnswer::Busy,
            mpsc::error::TrySendError::Closed(_) => NoAnswer::Silent,
        })?;
        match timeout(PATIENCE, told).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) | Err(_) => Err(NoAnswer::Silent),
        }
    }
}

impl Answers {
    /// Until then everybody is told this reason.
    pub fn wait_for(&self, reason: &str) {
        self.life.send_replace(Life::Starting(reason.into()));
    }

    /// From now on questions are answered.
    pub fn begin(&self) {
        self.life.send_replace(Life::Running);
    }
}
