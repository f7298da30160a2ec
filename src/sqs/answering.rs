//! The loop that sends answers.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::sync::mpsc;
use tracing::warn;

use super::clock::{Clock, ClockTime, SystemClock, within};
use super::status::QueueSide;
use super::{BATCH, CommandQueues, QueueStatus};
use crate::sitewise::api::{ApiFault, ApiFaultKind};

/// How long an answer is tried to be sent: its sender waits no longer.
const RETRY_FOR: Duration = Duration::from_secs(60);
/// The same once the process is about to end.
const RETRY_FOR_AT_SHUTDOWN: Duration = Duration::from_secs(5);

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
    run_at(&SystemClock::start(), queues, answers, status).await;
}

pub(super) async fn run_at(
    clock: &impl Clock,
    queues: Arc<impl CommandQueues>,
    mut answers: mpsc::Receiver<QueueAnswer>,
    status: QueueStatus,
) {
    let mut waiting: Vec<(ClockTime, QueueAnswer)> = Vec::new();
    let mut delays = backoff().build();
    let mut closed_at: Option<ClockTime> = None;
    loop {
        let mut new = Vec::new();
        if waiting.is_empty() && answers.recv_many(&mut new, BATCH).await == 0 {
            return;
        }
        let room = BATCH.saturating_sub(waiting.len() + new.len());
        new.extend(std::iter::from_fn(|| answers.try_recv().ok()).take(room));
        let now = clock.now();
        waiting.extend(new.into_iter().map(|answer| (now, answer)));
        if answers.is_closed() {
            closed_at = closed_at.or(Some(now));
        }
        let time_left = closed_at
            .map_or(RETRY_FOR, |began| RETRY_FOR_AT_SHUTDOWN.saturating_sub(now.since(began)));
        if time_left.is_zero() {
            while let Ok(answer) = answers.try_recv() {
                waiting.push((now, answer));
            }
            return give_up(waiting, &status);
        }
        let fault = send(clock, time_left, &*queues, &mut waiting).await;
        let Some(fault) = fault else {
            status.record_success(QueueSide::Answers);
            delays = backoff().build();
            continue;
        };
        status.record_failure(QueueSide::Answers, &fault);
        let now = clock.now();
        let is_over = |(since, _): &mut (ClockTime, _)| now.since(*since) >= RETRY_FOR;
        give_up(waiting.extract_if(.., is_over).collect(), &status);
        clock.sleep(delays.next().unwrap_or_default().min(time_left)).await;
    }
}

/// Sends the answers that wait, and takes out those that SQS has. Returns why others remain.
async fn send(
    clock: &impl Clock,
    time_left: Duration,
    queues: &impl CommandQueues,
    waiting: &mut Vec<(ClockTime, QueueAnswer)>,
) -> Option<ApiFault> {
    let bodies = waiting.iter().map(|(_, answer)| answer.body.clone()).collect();
    let results = match within(clock, time_left, queues.send(bodies)).await {
        Some(Ok(results)) => results,
        Some(Err(fault)) => return Some(fault),
        None => {
            return Some(ApiFault::new(ApiFaultKind::Unavailable, "send answers: no answer"));
        }
    };
    // An entry missing from the response counts as failed.
    let missing_result =
        || Err(ApiFault::new(ApiFaultKind::Unavailable, "send answers: no result"));
    let mut results = results.into_iter().chain(std::iter::repeat_with(missing_result));
    let mut fault = None;
    waiting.retain(|_| match results.next() {
        Some(Err(why)) => {
            fault = Some(why);
            true
        }
        Some(Ok(())) | None => false,
    });
    fault
}

/// Answers that are not sent any more.
fn give_up(answers: Vec<(ClockTime, QueueAnswer)>, status: &QueueStatus) {
    status.count_unanswered(answers.len());
    for (_, QueueAnswer { id, .. }) in answers {
        warn!(
            command.id = &*id,
            "command queue:{id}: its answer was dropped, since it could not be sent to the answer \
                queue; this log has it"
        );
    }
}

fn backoff() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(500))
        .with_max_delay(Duration::from_secs(10))
        .with_jitter()
        .without_max_times()
}
