//! Two queues of SQS, as far as their calls tell: what they answer is not always what they did.

use std::future::{pending, poll_fn};
use std::sync::MutexGuard;
use std::task::Poll;

use super::*;

/// How long a message is hidden once it was received.
const HIDDEN: Duration = Duration::from_secs(60);

/// A request in the queue.
#[derive(Clone, Debug)]
pub(super) struct Queued {
    pub(super) id: usize,
    pub(super) sent: i64,
    pub(super) body: String,
    pub(super) hidden_until: Duration,
    pub(super) deleted: bool,
}

/// What the cloud has.
#[derive(Debug)]
pub(super) struct State {
    pub(super) now: Duration,
    pub(super) rng: fastrand::Rng,
    pub(super) away: bool,
    pub(super) calm: bool,
    pub(super) messages: Vec<Queued>,
    /// The answers to each request, and how many of them it was said of that they are there.
    pub(super) answers: BTreeMap<usize, Vec<String>>,
    pub(super) acknowledged: BTreeMap<usize, u32>,
    /// Requests that are deleted and may not have been handed over.
    pub(super) lost: BTreeSet<usize>,
    /// Whoever waits until then looks again.
    pub(super) waits: BTreeSet<Duration>,
    pub(super) corners: BTreeSet<&'static str>,
    /// What the answers tell of the time.
    pub(super) time_at_start: Option<Timestamp>,
    /// By how many milliseconds its clock is ahead.
    pub(super) ahead: i64,
}

impl State {
    /// The date of an answer; none where answers tell no time.
    fn date(&self) -> Option<Timestamp> {
        let millis = i64::try_from(self.now.as_millis()).unwrap() + self.ahead;
        self.time_at_start.map(|_| Timestamp::from_millis(millis / 1_000 * 1_000))
    }
}

/// The queues; clones share them.
#[derive(Clone, Debug)]
pub(super) struct Cloud(Arc<Mutex<State>>);

impl Cloud {
    pub(super) fn new(state: State) -> Self {
        Self(Arc::new(Mutex::new(state)))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    async fn wait(&self, time: Duration) {
        let until = {
            let mut state = self.state();
            let until = state.now + time;
            state.waits.insert(until);
            until
        };
        let is_over = || self.state().now >= until;
        poll_fn(|_| if is_over() { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    /// What befalls a call: less than ten is a fault.
    fn fate(&self) -> u8 {
        let state = &mut *self.state();
        match (state.calm, state.away) {
            (true, _) => 255,
            (false, true) => state.rng.u8(0..6),
            (false, false) => state.rng.u8(..),
        }
    }
}

impl Clock for Cloud {
    fn now(&self) -> ClockTime {
        let now = self.state().now;
        ClockTime { monotonic: now, wall: now }
    }

    async fn sleep(&self, time: Duration) {
        self.wait(time).await;
    }
}

/// What is given back of a call that did what it should, or did not: whether it is known.
enum Known {
    Yes,
    No,
    /// It is never answered.
    Never,
}

impl CommandQueues for Cloud {
    async fn receive(&self) -> Result<Received, ApiFault> {
        let fate = self.fate();
        if fate < 5 {
            return Err(fault());
        }
        let messages = poll_fn(|_| {
            let state = &mut *self.state();
            if state.away {
                return Poll::Ready(Err(fault()));
            }
            let now = state.now;
            let visible = |message: &&mut Queued| !message.deleted && message.hidden_until <= now;
            let mut some = Vec::new();
            for message in state.messages.iter_mut().filter(visible).take(10) {
                message.hidden_until = now + HIDDEN;
                some.push(message.clone());
            }
            let next = state.messages.iter().filter(|one| !one.deleted).map(|one| one.hidden_until);
            state.waits.extend(next.filter(|at| *at > now).min());
            if some.is_empty() { Poll::Pending } else { Poll::Ready(Ok(some)) }
        });
        let messages = messages.await?;
        let at = self.state().date();
        // They took long to arrive, or did not.
        match fate {
            5 => {
                self.state().corners.insert("requests received and not seen");
                return Err(fault());
            }
            6..16 => self.wait(Duration::from_secs(u64::from(fate) * 4)).await,
            _ => {}
        }
        let received = messages.into_iter().map(|Queued { id, sent, body, .. }| ReceivedMessage {
            request: QueueRequest {
                id: id.to_string().into(),
                sent_at: Timestamp::from_millis(sent),
                time_at_start: None,
                deleted_at: None,
                body,
            },
            receipt: id.to_string(),
        });
        Ok(Received { messages: received.collect(), at })
    }

    async fn delete(&self, receipts: Vec<String>) -> Result<Deleted, ApiFault> {
        let fate = self.fate();
        let (done, known) = match fate {
            0..2 => (false, Known::No),
            2..4 => (true, Known::No),
            4 => (true, Known::Never),
            5 => (false, Known::Never),
            _ => (true, Known::Yes),
        };
        if (6..16).contains(&fate) {
            self.wait(Duration::from_millis(u64::from(fate) * 300)).await;
        }
        if done {
            let state = &mut *self.state();
            for receipt in &receipts {
                let id: usize = receipt.parse().unwrap();
                // Until it is handed over.
                state.lost.insert(id);
                let one = state.messages.iter_mut().find(|message| message.id == id);
                one.unwrap().deleted = true;
            }
        }
        let at = self.state().date();
        match known {
            Known::Yes => Ok(Deleted { results: vec![Ok(()); receipts.len()], at }),
            Known::No => {
                self.state().corners.insert("a deletion that failed or seemed to");
                // Of the last one nothing is said.
                Ok(Deleted { results: vec![Err(fault()); receipts.len() - 1], at })
            }
            Known::Never => pending().await,
        }
    }

    fn time_at_start(&self) -> Option<Timestamp> {
        self.state().time_at_start
    }

    async fn send(&self, bodies: Vec<String>) -> Result<Vec<Result<(), ApiFault>>, ApiFault> {
        let (done, known) = match self.fate() {
            0..4 => (false, Known::No),
            4 => (true, Known::No),
            5 => (false, Known::Never),
            _ => (true, Known::Yes),
        };
        if done {
            let state = &mut *self.state();
            for body in &bodies {
                let read: serde_json::Value = serde_json::from_str(body).unwrap();
                let id = read["id"].as_str().unwrap().parse().unwrap();
                state.answers.entry(id).or_default().push(body.clone());
                if matches!(known, Known::Yes) {
                    *state.acknowledged.entry(id).or_default() += 1;
                }
            }
        }
        match known {
            Known::Yes => Ok(vec![Ok(()); bodies.len()]),
            Known::No => {
                self.state().corners.insert("an answer that seemed not to be sent");
                Err(fault())
            }
            Known::Never => pending().await,
        }
    }
}
