//! The loop that receives requests: delete first, then hand over.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::select;
use tokio::sync::mpsc;
use tracing::warn;

use super::pace::{Moment, Pace, SystemPace, within};
use super::status::QueueSide;
use super::{BATCH, CommandQueues, QueueRequest, QueueStatus, ReceivedMessage};
use crate::command::request::{REQUEST_BYTES, WriteRequest};
use crate::sitewise::api::{ApiFault, ApiFaultKind};

/// The visibility timeout of a message that was received.
pub(super) const HIDDEN: Duration = Duration::from_secs(60);
/// How long a deletion may take.
const DELETION: Duration = Duration::from_secs(5);
/// A message is handed over only if it was deleted within this time after it was asked for, safely
/// before its visibility timeout ends.
const SURELY_HIDDEN: Duration = Duration::from_secs(45);
/// An empty long poll takes seconds: one that returns sooner than this did not wait.
const HASTE: Duration = Duration::from_secs(1);

/// Receives requests until the other end of `requests` is closed.
pub async fn run(
    queues: Arc<impl CommandQueues>,
    requests: mpsc::Sender<QueueRequest>,
    status: QueueStatus,
) {
    run_at(&SystemPace::start(), queues, requests, status).await;
}

pub(super) async fn run_at(
    pace: &impl Pace,
    queues: Arc<impl CommandQueues>,
    requests: mpsc::Sender<QueueRequest>,
    status: QueueStatus,
) {
    let mut pauses = pauses().build();
    loop {
        // What is deleted has to find room.
        let Ok(mut room) = requests.reserve_many(BATCH).await else { return };
        let asked = pace.now();
        let received = select! {
            received = queues.receive() => received,
            () = requests.closed() => return,
        };
        let outcome = match received {
            Ok(messages) => take(pace, &*queues, (messages, asked), &status).await,
            Err(fault) => (Vec::new(), Err(fault)),
        };
        let (taken, outcome) = outcome;
        let is_empty = taken.is_empty();
        let time_at_start = queues.time_at_start();
        for (request, permit) in taken.into_iter().zip(&mut room) {
            status.count_received();
            permit.send(QueueRequest { time_at_start, ..request });
        }
        drop(room);
        match outcome {
            Ok(()) => {
                status.works(QueueSide::Requests);
                pauses = self::pauses().build();
                if is_empty && pace.now().since(asked) < HASTE {
                    pace.sleep(HASTE).await;
                }
            }
            Err(fault) => {
                status.fails(QueueSide::Requests, &fault);
                let pause = pauses.next().unwrap_or(Duration::from_secs(30));
                select! {
                    () = pace.sleep(pause) => {}
                    () = requests.closed() => return,
                }
            }
        }
    }
}

/// Deletes what can be read. Returns what is to be handed over, and whether all went well.
async fn take(
    pace: &impl Pace,
    queues: &impl CommandQueues,
    (messages, asked): (Vec<ReceivedMessage>, Moment),
    status: &QueueStatus,
) -> (Vec<QueueRequest>, Result<(), ApiFault>) {
    let is_poison =
        |message: &ReceivedMessage| WriteRequest::parse(message.request.body.as_bytes()).is_err();
    let (poison, readable): (Vec<_>, Vec<_>) = messages.into_iter().partition(is_poison);
    // They are answered, and left in the queue, which moves them to its dead-letter queue.
    let mut taken: Vec<_> = poison.into_iter().map(|message| cut(message.request)).collect();
    taken.iter().for_each(|_| status.count_poisonous());
    if readable.is_empty() {
        return (taken, Ok(()));
    }
    let receipts = readable.iter().map(|message| message.receipt.clone()).collect();
    let deleted = match within(pace, DELETION, queues.delete(receipts)).await {
        Some(deleted) => deleted,
        None => Err(ApiFault::new(
            ApiFaultKind::Unavailable,
            format!("delete requests: no answer within {DELETION:.0?}"),
        )),
    };
    let deleted = match deleted {
        Ok(deleted) => deleted,
        Err(fault) => vec![Err(fault); readable.len()],
    };
    let in_time = pace.now().since(asked) < SURELY_HIDDEN;
    let mut outcome = Ok(());
    // An entry missing from the response counts as failed.
    let silent = || Err(ApiFault::new(ApiFaultKind::Unavailable, "delete requests: no result"));
    let results = deleted.into_iter().chain(std::iter::repeat_with(silent));
    for (ReceivedMessage { request, .. }, result) in readable.into_iter().zip(results) {
        match result {
            Ok(()) if in_time => taken.push(request),
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
    (taken, outcome)
}

/// What cannot be read may be a mebibyte: no more of it is kept than shows that it is too long.
fn cut(mut request: QueueRequest) -> QueueRequest {
    let body = &mut request.body;
    if let Some(end) = (REQUEST_BYTES + 1..body.len()).find(|end| body.is_char_boundary(*end)) {
        body.truncate(end);
        body.shrink_to_fit();
    }
    request
}

fn pauses() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_secs(1))
        .with_max_delay(Duration::from_secs(30))
        .with_jitter()
        .without_max_times()
}
