//! Requests to write to the plant over SQS: received from one queue, answered into another.
//!
//! A request is deleted from its queue, and the deletion answered, before it is handed over. So it
//! is handed over by one process at most, whatever ends in between: what is deleted and not handed
//! over is lost, and its sender waits in vain. What is not deleted comes again.

mod answering;
mod asking;
mod client;
mod clock;
mod receiving;
mod status;
mod url;

use std::sync::Arc;

pub use self::answering::{QueueAnswer, run as answer};
pub use self::asking::{Asked, ask};
pub use self::client::SqsQueues;
pub use self::receiving::run as receive;
pub use self::status::{QueueFigures, QueueStatus, explain};
pub use self::url::QueueUrl;
use crate::sitewise::api::ApiFault;
use crate::time::Timestamp;

/// Messages of one call at most, by SQS's limit.
pub const BATCH: usize = 10;

/// A request, taken off its queue; or one that cannot be read, which stays there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueRequest {
    /// The message's id.
    pub id: Arc<str>,
    /// When SQS got it, by AWS's clock.
    pub sent_at: Timestamp,
    /// What AWS's clock showed at this process's start, or somewhat more; none while that is not
    /// known.
    pub time_at_start: Option<Timestamp>,
    /// What AWS's clock showed when it was deleted; none where it is not known, or was not deleted.
    pub deleted_at: Option<Timestamp>,
    /// Its body.
    pub body: String,
}

/// A message as it was received: it is hidden from others for a while, not deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedMessage {
    /// What is in it.
    pub request: QueueRequest,
    /// The receipt handle, for deletion.
    pub receipt: String,
}

/// Messages as they were received together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// The messages.
    pub messages: Vec<ReceivedMessage>,
    /// What AWS's clock showed; none where the answer has no date.
    pub at: Option<Timestamp>,
}

/// The answer to a deletion.
#[derive(Debug)]
pub struct Deleted {
    /// For each message, in order, whether SQS says that it is deleted.
    pub results: Vec<Result<(), ApiFault>>,
    /// What AWS's clock showed; none where the answer has no date.
    pub at: Option<Timestamp>,
}

/// The two queues, or what stands in for them.
pub trait CommandQueues: Send + Sync + 'static {
    /// Waits for messages for a while: up to [`BATCH`], or none.
    fn receive(&self) -> impl Future<Output = Result<Received, ApiFault>> + Send;

    /// Deletes messages by their receipts, at most [`BATCH`].
    fn delete(
        &self,
        receipts: Vec<String>,
    ) -> impl Future<Output = Result<Deleted, ApiFault>> + Send;

    /// What SQS's clock showed at this process's start, or somewhat more, as far as its answers tell;
    /// none before the first one that tells the time.
    fn time_at_start(&self) -> Option<Timestamp>;

    /// Sends answers, at most [`BATCH`]. For each, in order, whether SQS has it.
    fn send(
        &self,
        bodies: Vec<String>,
    ) -> impl Future<Output = Result<Vec<Result<(), ApiFault>>, ApiFault>> + Send;
}

#[cfg(test)]
pub(crate) mod tests;
