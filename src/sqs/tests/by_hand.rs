//! The loops of both queues, as the program runs them, polled by hand on a clock of the test: for
//! tests of all that they may do to requests.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::task::{Context, Waker};

use self::cloud::{Cloud, Queued, State};
use super::*;
use crate::command::request::Sent;
use crate::sqs::{answering, receiving};

mod cloud;

/// A loop; none once it has ended.
type Loop = Option<Pin<Box<dyn Future<Output = ()>>>>;

/// What one process has of the door.
struct Process {
    receiving: Loop,
    answering: Loop,
    requests: mpsc::Receiver<QueueRequest>,
    answers: Option<mpsc::Sender<QueueAnswer>>,
    status: QueueStatus,
}

/// The loops of one process after the other, and the queues.
pub(crate) struct QueueDoor {
    cloud: Cloud,
    process: Process,
    /// Requests to which answers were given, by this process and in all.
    answered: BTreeSet<usize>,
    /// Answers that were given up, as the status of each process said.
    dropped: u64,
    /// Requests that may have no answer: their process was killed.
    lapses: BTreeSet<usize>,
}

fn poll(it: &mut Loop) {
    if let Some(running) = it
        && running.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
    {
        *it = None;
    }
}

impl Process {
    fn start(cloud: &Cloud) -> Self {
        let url = |name: &str| {
            format!("https://sqs.eu-west-1.amazonaws.com/111122223333/{name}").parse().unwrap()
        };
        let status = QueueStatus::new(url("requests"), Some(url("answers")));
        let (inbound, requests) = mpsc::channel(64);
        let (answers, outbound) = mpsc::channel(64);
        let queues = Arc::new(cloud.clone());
        let (of_receiving, of_answering) = (cloud.clone(), cloud.clone());
        let (one, other) = (status.clone(), status.clone());
        let also = Arc::clone(&queues);
        Self {
            receiving: Some(Box::pin(async move {
                receiving::run_at(&of_receiving, queues, inbound, one).await;
            })),
            answering: Some(Box::pin(async move {
                answering::run_at(&of_answering, also, outbound, other).await;
            })),
            requests,
            answers: Some(answers),
            status,
        }
    }
}

impl QueueDoor {
    /// AWS's clock is `ahead` by so many milliseconds, and tells the time if it tells what it was at the
    /// start.
    pub(crate) fn new(
        seed: u64,
        (now, ahead): (Duration, i64),
        time_at_start: Option<Timestamp>,
    ) -> Self {
        let cloud = Cloud::new(State {
            now,
            rng: fastrand::Rng::with_seed(seed ^ 2),
            away: false,
            calm: false,
            messages: Vec::new(),
            answers: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            lost: BTreeSet::new(),
            waits: BTreeSet::new(),
            corners: BTreeSet::new(),
            time_at_start,
            ahead,
        });
        let process = Process::start(&cloud);
        let (answered, lapses) = (BTreeSet::new(), BTreeSet::new());
        Self { cloud, process, answered, dropped: 0, lapses }
    }

    pub(crate) fn set_away(&mut self, away: bool) {
        self.cloud.state().away = away;
    }

    pub(crate) fn quieten(&mut self) {
        let state = &mut *self.cloud.state();
        (state.calm, state.away) = (true, false);
    }

    /// A request is sent; or it comes again, although it was deleted.
    pub(crate) fn put(&mut self, id: usize, sent: i64, body: &str) {
        let state = &mut *self.cloud.state();
        let hidden_until = state.now;
        state.messages.retain(|message| message.id != id);
        let body = body.to_owned();
        state.messages.push(Queued { id, sent, body, hidden_until, deleted: false });
    }

    /// The loops go on. What is taken off the queue, and when it was sent.
    pub(crate) fn go_on(&mut self, now: Duration) -> Vec<(usize, Sent)> {
        self.set_time(now);
        poll(&mut self.process.receiving);
        poll(&mut self.process.answering);
        let mut taken = Vec::new();
        while let Ok(request) = self.process.requests.try_recv() {
            let id = request.id.parse().unwrap();
            self.cloud.state().lost.remove(&id);
            let QueueRequest { sent_at: at, time_at_start: start, deleted_at, .. } = request;
            taken.push((id, Sent::Before { at, start, taken: deleted_at }));
        }
        taken
    }

    /// What was taken off the queue is lost: the process is killed that has it.
    pub(crate) fn lose(&mut self, id: usize) {
        self.cloud.state().lost.insert(id);
    }

    /// An answer is given.
    pub(crate) fn answer(&mut self, id: usize, body: String) {
        self.answered.insert(id);
        let answer = QueueAnswer { id: id.to_string().into(), body };
        if self.process.answers.as_ref().is_none_or(|answers| answers.try_send(answer).is_err()) {
            self.process.status.count_unanswered(1);
        }
        poll(&mut self.process.answering);
    }

    pub(crate) fn close(&mut self) {
        self.process.requests.close();
    }

    pub(crate) fn no_more_answers(&mut self) {
        self.process.answers = None;
    }

    pub(crate) fn kill(&mut self, in_between: bool) {
        if in_between {
            // Something may be taken off the queue at the last moment.
            poll(&mut self.process.receiving);
            if self.process.requests.try_recv().is_ok() {
                self.cloud.state().corners.insert("killed before it was handed over");
            }
        }
        self.dropped += self.process.status.figures().unanswered;
        let state = self.cloud.state();
        let open = |id: &usize| !state.answers.contains_key(id);
        self.lapses.extend(self.answered.iter().filter(|id| open(id)));
        drop(state);
    }

    pub(crate) fn start(&mut self, now: Duration) {
        self.set_time(now);
        self.process = Process::start(&self.cloud);
    }

    fn set_time(&mut self, now: Duration) {
        let state = &mut *self.cloud.state();
        state.now = now;
        state.waits.retain(|until| *until > now);
    }

    /// When something goes on that waits now, since 1970.
    pub(crate) fn poll_timeout(&self) -> Option<Duration> {
        self.cloud.state().waits.first().copied()
    }

    /// What is wrong with a request in the end.
    pub(crate) fn judge(&self, id: usize, handed: u32) -> Option<String> {
        let state = self.cloud.state();
        let message = state.messages.iter().find(|message| message.id == id);
        let Some(message) = message else { return Some("it was never sent".to_owned()) };
        let answers = state.answers.get(&id).map_or(&[][..], Vec::as_slice);
        let acknowledged = state.acknowledged.get(&id).copied().unwrap_or_default();
        let lost = state.lost.contains(&id);
        let mut different = answers.to_vec();
        different.sort();
        different.dedup();
        // A process after the one that had it knows nothing of that, and rejects it.
        different.retain(|body| !body.contains("\"REJECTED\""));
        match () {
            () if !message.deleted => Some("it is still in the queue".to_owned()),
            () if different.len() > 1 => Some(format!("it has two answers: {answers:?}")),
            () if acknowledged > handed => Some(format!("answered too often: {answers:?}")),
            () if handed == 0 && !lost => Some("it was deleted and not handed over".to_owned()),
            () => None,
        }
    }

    /// Answers that are missing although nothing went wrong.
    pub(crate) fn dropped_without_a_word(&self) -> Option<String> {
        let state = self.cloud.state();
        let is_missing = |id: &&usize| !state.answers.contains_key(id) && !self.lapses.contains(id);
        let missing: Vec<_> = self.answered.iter().filter(is_missing).collect();
        let dropped = self.dropped + self.process.status.figures().unanswered;
        (missing.len() as u64 > dropped)
            .then(|| format!("no answer is in the queue to {missing:?}, {dropped} were dropped"))
    }

    pub(crate) fn corners(&self) -> BTreeSet<&'static str> {
        self.cloud.state().corners.clone()
    }
}
