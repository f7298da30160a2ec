//! Receiving and answering against queues of a test, and the client against a stub.

mod answers;
mod calls;
mod requests;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc;

use super::*;
use crate::sitewise::api::ApiFaultKind;

/// What a call answers.
type Batch = Result<Vec<Result<(), ApiFault>>, ApiFault>;

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
    /// How long messages take to arrive.
    receiving_takes: Duration,
    /// How long a deletion takes.
    deletion_takes: Duration,
}

impl FakeQueues {
    fn done(&self) -> Vec<String> {
        self.done.lock().unwrap().clone()
    }
}

impl CommandQueues for FakeQueues {
    async fn receive(&self) -> Result<Vec<ReceivedMessage>, ApiFault> {
        tokio::time::sleep(self.receiving_takes).await;
        let next = self.received.lock().unwrap().pop_front();
        match next {
            Some(next) => next,
            None => std::future::pending().await,
        }
    }

    async fn delete(&self, receipts: Vec<String>) -> Batch {
        tokio::time::sleep(self.deletion_takes).await;
        self.done.lock().unwrap().push(format!("delete {}", receipts.join(" ")));
        let next = self.deletions.lock().unwrap().pop_front();
        next.unwrap_or_else(|| Ok(vec![Ok(()); receipts.len()]))
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
    let request = QueueRequest { id: id.into(), sent_at, body: body.to_owned() };
    ReceivedMessage { request, receipt: format!("r-{id}") }
}

fn ids(requests: &[QueueRequest]) -> Vec<&str> {
    requests.iter().map(|request| &*request.id).collect()
}

/// All that is handed over until nothing more comes.
async fn handed_over(queues: Arc<FakeQueues>, status: QueueStatus) -> Vec<QueueRequest> {
    let (sender, mut requests) = mpsc::channel(64);
    let task = tokio::spawn(receive(queues, sender, status));
    let mut all = Vec::new();
    while let Ok(Some(request)) =
        tokio::time::timeout(Duration::from_secs(600), requests.recv()).await
    {
        all.push(request);
    }
    requests.close();
    while let Some(request) = requests.recv().await {
        all.push(request);
    }
    task.await.unwrap();
    all
}
