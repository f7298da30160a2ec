//! Receiving and answering against queues of a test, and the client against a stub.

mod answers;
pub(crate) mod by_hand;
mod calls;
mod requests;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc;

use super::clock::{Clock, ClockTime};
use super::*;
use crate::sitewise::api::ApiFaultKind;

/// What a call answers.
type Batch = Result<Vec<Result<(), ApiFault>>, ApiFault>;

/// Time that passes only where somebody waits for it.
#[derive(Clone, Debug, Default)]
struct TestPace {
    now: Arc<Mutex<Duration>>,
    /// What was waited for.
    waits: Arc<Mutex<Vec<Duration>>>,
}

impl TestPace {
    fn pass(&self, time: Duration) {
        *self.now.lock().unwrap() += time;
    }
}

impl Clock for TestPace {
    fn now(&self) -> ClockTime {
        let now = *self.now.lock().unwrap();
        ClockTime { monotonic: now, wall: now }
    }

    async fn sleep(&self, time: Duration) {
        self.waits.lock().unwrap().push(time);
        self.pass(time);
        tokio::task::yield_now().await;
    }
}

/// How a deletion goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum DeletionAnswer {
    #[default]
    Answered,
    NeverAnswered,
}

/// Queues that do what a test says.
#[derive(Debug, Default)]
struct FakeQueues {
    /// What is received, call by call; then nothing more comes.
    received: Mutex<VecDeque<Result<Vec<ReceivedMessage>, ApiFault>>>,
    /// What deletions answer; by default that all is well.
    deletions: Mutex<VecDeque<Batch>>,
    /// The same of answers.
    sends: Mutex<VecDeque<Batch>>,
    /// What was done, in order.
    done: Mutex<Vec<String>>,
    clock: TestPace,
    /// How long messages take to arrive.
    receiving_takes: Duration,
    deletion: DeletionAnswer,
    /// What AWS's clock shows in the answer to a call for messages, and to a deletion.
    dates: (Option<Timestamp>, Option<Timestamp>),
    /// What the answers tell of the time; each deletion tells it.
    time_at_start: Mutex<Option<Timestamp>>,
    /// Whether the status said at each call that requests can be received.
    seen: Mutex<Vec<bool>>,
    status: Option<QueueStatus>,
}

impl FakeQueues {
    fn done(&self) -> Vec<String> {
        self.done.lock().unwrap().clone()
    }
}

impl CommandQueues for FakeQueues {
    async fn receive(&self) -> Result<Received, ApiFault> {
        self.seen.lock().unwrap().extend(self.status.as_ref().map(QueueStatus::is_receiving));
        let next = self.received.lock().unwrap().pop_front();
        self.clock.pass(self.receiving_takes);
        match next {
            Some(next) => next.map(|messages| Received { messages, at: self.dates.0 }),
            None => std::future::pending().await,
        }
    }

    async fn delete(&self, receipts: Vec<String>) -> Result<Deleted, ApiFault> {
        self.done.lock().unwrap().push(format!("delete {}", receipts.join(" ")));
        if self.deletion == DeletionAnswer::NeverAnswered {
            std::future::pending::<()>().await;
        }
        *self.time_at_start.lock().unwrap() = Some(Timestamp::from_millis(7));
        let next = self.deletions.lock().unwrap().pop_front();
        let results = next.unwrap_or_else(|| Ok(vec![Ok(()); receipts.len()]));
        results.map(|results| Deleted { results, at: self.dates.1 })
    }

    fn time_at_start(&self) -> Option<Timestamp> {
        *self.time_at_start.lock().unwrap()
    }

    async fn send(&self, bodies: Vec<String>) -> Batch {
        self.done.lock().unwrap().push(format!("send {}", bodies.join(" ")));
        let next = self.sends.lock().unwrap().pop_front();
        next.unwrap_or_else(|| Ok(vec![Ok(()); bodies.len()]))
    }
}

fn url(name: &str) -> QueueUrl {
    format!("https://sqs.eu-west-1.amazonaws.com/111122223333/{name}").parse().unwrap()
}

fn status() -> QueueStatus {
    QueueStatus::new(url("requests"), Some(url("answers")))
}

fn fault() -> ApiFault {
    ApiFault::new(ApiFaultKind::Unavailable, "away")
}

const READABLE: &str = r#"{"asset":"A","property":"P","value":1}"#;

fn message(id: &str, body: &str) -> ReceivedMessage {
    let sent_at = Timestamp::from_millis(1);
    let body = body.to_owned();
    let request =
        QueueRequest { id: id.into(), sent_at, time_at_start: None, deleted_at: None, body };
    ReceivedMessage { request, receipt: format!("r-{id}") }
}

fn ids(requests: &[QueueRequest]) -> Vec<&str> {
    requests.iter().map(|request| &*request.id).collect()
}

/// All that is handed over, until the queues have nothing more.
async fn handed_over(queues: Arc<FakeQueues>, status: QueueStatus) -> Vec<QueueRequest> {
    let (sender, mut requests) = mpsc::channel(64);
    let clock = queues.clock.clone();
    let running = receiving::run_at(&clock, Arc::clone(&queues), sender, status);
    let idle = async {
        while !queues.received.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        // What came last is dealt with within a few turns.
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        requests.close();
    };
    tokio::join!(running, idle);
    let mut all = Vec::new();
    while let Some(request) = requests.recv().await {
        all.push(request);
    }
    all
}
