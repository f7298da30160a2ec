//! The loop that sends answers.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::sync::mpsc;
use tracing::warn;

use super::pace::{Moment, Pace, SystemPace, within};
use super::status::QueueSide;
use super::{BATCH, CommandQueues, QueueStatus};
use crate::sitewise::api::{ApiFault, ApiFaultKind};

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
    answers: mpsc::Receiver<QueueAnswer>,
    status: QueueStatus,
) {
    run_at(&SystemPace::start(), queues, answers, status).await;
}

pub(super) async fn run_at(
    pace: &impl Pace,
    queues: Arc<impl CommandQueues>,
    mut answers: mpsc::Receiver<QueueAnswer>,
    status: QueueStatus,
) {
    let mut waiting: Vec<(Moment, QueueAnswer)> = Vec::new();
    let mut pauses = pauses().build();
    let mut ending: Option<Moment> = None;
    loop {
        let mut new = Vec::new();
        if waiting.is_empty() && answers.recv_many(&mut new, BATCH).await == 0 {
            return;
        }
        let room = BATCH.saturating_sub(waiting.len() + new.len());
        new.extend(std::iter::from_fn(|| answers.try_recv().ok()).take(room));
        let now = pace.now();
        waiting.extend(new.into_iter().map(|answer| (now, answer)));
        if answers.is_closed() {
            ending = ending.or(Some(now));
        }
        let left = ending.map_or(PATIENCE, |began| LAST_PATIENCE.saturating_sub(now.since(began)));
        if left.is_zero() {
            while let Ok(answer) = answers.try_recv() {
                waiting.push((now, answer));
            }
            return give_up(waiting, &status);
        }
        let bodies = waiting.iter().map(|(_, answer)| answer.body.clone()).collect();
        let fault = match within(pace, left, queues.send(bodies)).await {
            Some(Ok(results)) => {
                let mut fault = None;
                // An entry missing from the response counts as failed.
                let silent =
                    || Err(ApiFault::new(ApiFaultKind::Unavailable, "send answers: no result"));
                let mut results = results.into_iter().chain(std::iter::repeat_with(silent));
                waiting.retain(|_| match results.next() {
                    Some(Err(why)) => {
                        fault = Some(why);
                        true
                    }
                    Some(Ok(())) | None => false,
                });
                fault
            }
            Some(Err(fault)) => Some(fault),
            None => Some(ApiFault::new(ApiFaultKind::Unavailable, "send answers: no answer")),
        };
        let Some(fault) = fault else {
            status.works(QueueSide::Answers);
            pauses = self::pauses().build();
            continue;
        };
        status.fails(QueueSide::Answers, &fault);
        let now = pace.now();
        let is_over = |(since, _): &mut (Moment, _)| now.since(*since) >= PATIENCE;
        give_up(waiting.extract_if(.., is_over).collect(), &status);
        pace.sleep(pauses.next().unwrap_or_default().min(left)).await;
    }
}

/// Answers that are not sent any more.
fn give_up(answers: Vec<(Moment, QueueAnswer)>, status: &QueueStatus) {
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
