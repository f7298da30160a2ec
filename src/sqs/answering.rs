//! The loop that sends answers.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::select;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::warn;

use super::status::QueueSide;
use super::{BATCH, CommandQueues, QueueStatus};

/// How long an answer is tried to be sent: its sender waits no longer.
const PATIENCE: Duration = Duration::from_secs(60);
/// The same once the process is about to end.
const LAST_PATIENCE: Duration = Duration::from_secs(5);

/// The final answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueAnswer {
    /// The request's id.
    pub id: Arc<str>,
    /// The message's body.
    pub body: String,
}

/// Sends answers, each until SQS has it or its time is over. Ends once the other end of `answers`
/// is dropped and what was in it is sent, or five seconds have passed.
pub async fn run(
    queues: Arc<impl CommandQueues>,
    mut answers: mpsc::Receiver<QueueAnswer>,
    status: QueueStatus,
) {
    let mut waiting: Vec<(Instant, QueueAnswer)> = Vec::new();
    let mut pauses = pauses().build();
    let mut last: Option<Instant> = None;
    loop {
        let mut new = Vec::new();
        if waiting.is_empty() && answers.recv_many(&mut new, BATCH).await == 0 {
            return;
        }
        let room = BATCH.saturating_sub(waiting.len() + new.len());
        new.extend(std::iter::from_fn(|| answers.try_recv().ok()).take(room));
        let until = Instant::now() + PATIENCE;
        waiting.extend(new.into_iter().map(|answer| (until, answer)));
        if answers.is_closed() {
            last = last.or(Some(Instant::now() + LAST_PATIENCE));
        }
        let bodies = waiting.iter().map(|(_, answer)| answer.body.clone()).collect();
        let sent = select! {
            sent = queues.send(bodies) => sent,
            () = end(last) => return give_up(waiting, &status),
        };
        let fault = match sent {
            Ok(results) => {
                let mut fault = None;
                let mut results = results.into_iter();
                // One without a word is not sent.
                waiting.retain(|_| match results.next() {
                    Some(Ok(())) => false,
                    Some(Err(why)) => {
                        fault = Some(why);
                        true
                    }
                    None => true,
                });
                fault
            }
            Err(fault) => Some(fault),
        };
        let Some(fault) = fault else {
            status.works(QueueSide::Answers);
            pauses = self::pauses().build();
            continue;
        };
        status.fails(QueueSide::Answers, &fault);
        let now = Instant::now();
        let over = waiting.extract_if(.., |(until, _)| *until <= now).collect();
        give_up(over, &status);
        let pause = pauses.next().unwrap_or(Duration::from_secs(10));
        select! {
            () = sleep(pause) => {}
            () = end(last) => return give_up(waiting, &status),
        }
    }
}

async fn end(last: Option<Instant>) {
    match last {
        Some(last) => sleep_until(last).await,
        None => std::future::pending().await,
    }
}

/// Answers that are not sent any more.
fn give_up(answers: Vec<(Instant, QueueAnswer)>, status: &QueueStatus) {
    status.count_unanswered(answers.len());
    for (_, QueueAnswer { id, .. }) in answers {
        warn!(
            command.id = &*id,
            "command queue:{id}: its answer was dropped, since it could not be sent to the answer \
                queue; this log has it"
        );
    }
}

fn pauses() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(500))
        .with_max_delay(Duration::from_secs(10))
        .with_jitter()
        .without_max_times()
}
