//! The loop that receives requests: delete first, then hand over.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::select;
use tokio::sync::mpsc;
use tracing::warn;

use super::clock::{Clock, ClockTime, SystemClock, within};
use super::status::QueueSide;
use super::{BATCH, CommandQueues, Deleted, QueueRequest, QueueStatus, Received, ReceivedMessage};
use crate::command::request::{REQUEST_BYTES, WriteRequest};
use crate::sitewise::api::{ApiFault, ApiFaultKind};

/// The visibility timeout of a message that was received.
pub(super) const HIDDEN: Duration = Duration::from_secs(60);
/// How long a deletion may take.
const DELETION_TIMEOUT: Duration = Duration::from_secs(5);
/// A message is handed over only if it was deleted within this time after it was asked for, safely
/// before its visibility timeout ends.
const SURELY_HIDDEN: Duration = Duration::from_secs(45);
/// An empty long poll takes seconds: one that returns sooner than this did not wait.
const MIN_POLL: Duration = Duration::from_secs(1);

/// Receives requests until the other end of `requests` is closed.
pub async fn run(
    queues: Arc<impl CommandQueues>,
    requests: mpsc::Sender<QueueRequest>,
    status: QueueStatus,
) {
    run_at(&SystemClock::start(), queues, requests, status).await;
}

pub(super) async fn run_at(
    clock: &impl Clock,
    queues: Arc<impl CommandQueues>,
    requests: mpsc::Sender<QueueRequest>,
    status: QueueStatus,
) {
    let mut delays = backoff().build();
    loop {
        // A message that is deleted must not be lost for lack of room.
        let Ok(mut permits) = requests.reserve_many(BATCH).await else { return };
        let asked_at = clock.now();
        let received = select! {
            received = queues.receive() => received,
            () = requests.closed() => return,
        };
        let outcome = match received {
            Ok(received) => delete_messages(clock, &*queues, (received, asked_at), &status).await,
            Err(fault) => (Vec::new(), Err(fault)),
        };
        let (accepted, outcome) = outcome;
        let is_empty = accepted.is_empty();
        let time_at_start = queues.time_at_start();
        for (request, permit) in accepted.into_iter().zip(&mut permits) {
            status.count_received();
            permit.send(QueueRequest { time_at_start, ..request });
        }
        drop(permits);
        match outcome {
            Ok(()) => {
                status.record_success(QueueSide::Requests);
                delays = backoff().build();
                if is_empty && clock.now().since(asked_at) < MIN_POLL {
                    clock.sleep(MIN_POLL).await;
                }
            }
            Err(fault) => {
                status.record_failure(QueueSide::Requests, &fault);
                let pause = delays.next().unwrap_or(Duration::from_secs(30));
                select! {
                    () = clock.sleep(pause) => {}
                    () = requests.closed() => return,
                }
            }
        }
    }
}

/// Deletes what can be read. Returns what is to be handed over, and whether all went well.
async fn delete_messages(
    clock: &impl Clock,
    queues: &impl CommandQueues,
    (Received { messages, at: received_at }, asked_at): (Received, ClockTime),
    status: &QueueStatus,
) -> (Vec<QueueRequest>, Result<(), ApiFault>) {
    let is_unreadable =
        |message: &ReceivedMessage| WriteRequest::parse(message.request.body.as_bytes()).is_err();
    let (unreadable, readable): (Vec<_>, Vec<_>) = messages.into_iter().partition(is_unreadable);
    // They are answered, and left in the queue, which moves them to its dead-letter queue.
    let mut accepted: Vec<_> =
        unreadable.into_iter().map(|message| truncate_body(message.request)).collect();
    accepted.iter().for_each(|_| status.count_poisonous());
    if readable.is_empty() {
        return (accepted, Ok(()));
    }
    let receipts = readable.iter().map(|message| message.receipt.clone()).collect();
    let deleted = match within(clock, DELETION_TIMEOUT, queues.delete(receipts)).await {
        Some(deleted) => deleted,
        None => Err(ApiFault::new(
            ApiFaultKind::Unavailable,
            format!("delete requests: no answer within {DELETION_TIMEOUT:.0?}"),
        )),
    };
    let Deleted { results, at: deleted_at } = match deleted {
        Ok(deleted) => deleted,
        Err(fault) => Deleted { results: vec![Err(fault); readable.len()], at: None },
    };
    // By AWS's clock as well: both of this host's stand still while it is stopped.
    let is_in_time_there = received_at
        .zip(deleted_at)
        .is_none_or(|(received, deleted)| deleted.minus(SURELY_HIDDEN) < received);
    let is_in_time = is_in_time_there && clock.now().since(asked_at) < SURELY_HIDDEN;
    let mut outcome = Ok(());
    // An entry missing from the response counts as failed.
    let missing_result =
        || Err(ApiFault::new(ApiFaultKind::Unavailable, "delete requests: no result"));
    let results = results.into_iter().chain(std::iter::repeat_with(missing_result));
    for (ReceivedMessage { request, .. }, result) in readable.into_iter().zip(results) {
        match result {
            Ok(()) if is_in_time => accepted.push(QueueRequest { deleted_at, ..request }),
            Ok(()) => {
                status.count_not_deleted();
                warn!(
                    command.id = &*request.id,
                    "command queue:{}: not sent: it was deleted from the queue so late that \
                        another process may have received it",
                    request.id
                );
            }
            Err(fault) => {
                status.count_not_deleted();
                warn!(
                    command.id = &*request.id,
                    "command queue:{}: not sent, since it could not be deleted from the queue: \
                        {fault}",
                    request.id
                );
                outcome = Err(fault);
            }
        }
    }
    (accepted, outcome)
}

/// What cannot be read may be a mebibyte: no more of it is kept than shows that it is too long.
fn truncate_body(mut request: QueueRequest) -> QueueRequest {
    let body = &mut request.body;
    if let Some(end) = (REQUEST_BYTES + 1..body.len()).find(|end| body.is_char_boundary(*end)) {
        body.truncate(end);
        body.shrink_to_fit();
    }
    request
}

fn backoff() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_secs(1))
        .with_max_delay(Duration::from_secs(30))
        .with_jitter()
        .without_max_times()
}
