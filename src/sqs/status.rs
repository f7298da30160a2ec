//! How the queues are doing, as the engine, the console and the metrics read it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tracing::{debug, info, warn};

use super::QueueUrl;
use crate::sitewise::api::ApiFault;
use crate::sitewise::cause::Cause;

/// Calls in a row that have to fail before that is a problem: a single one may be the network's.
const FAILURES_BEFORE_REPORT: u32 = 2;

/// Counters of the queues, and what is wrong with them. Clones share it.
#[derive(Clone, Debug)]
pub struct QueueStatus(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    received: AtomicU64,
    poisonous: AtomicU64,
    not_deleted: AtomicU64,
    unanswered: AtomicU64,
    requests: Side,
    answers: Option<Side>,
}

/// One of the two queues.
#[derive(Debug)]
struct Side {
    url: QueueUrl,
    /// Failures in a row, and the latest.
    failing: Mutex<Option<(u32, Arc<str>)>>,
}

/// The counters at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueFigures {
    /// Requests that were handed over.
    pub received: u64,
    /// Messages of these that cannot be read, and stay in the queue.
    pub poisonous: u64,
    /// Messages that could not be deleted, so that they were not handed over.
    pub not_deleted: u64,
    /// Answers that could not be sent.
    pub unanswered: u64,
}

/// Which of the two queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum QueueSide {
    /// `COMMANDS_QUEUE_URL`.
    Requests,
    /// `COMMANDS_ANSWER_QUEUE_URL`.
    Answers,
}

impl QueueStatus {
    /// Of these queues.
    pub fn new(requests: QueueUrl, answers: Option<QueueUrl>) -> Self {
        let side = |url| Side { url, failing: Mutex::default() };
        Self(Arc::new(Inner {
            received: AtomicU64::default(),
            poisonous: AtomicU64::default(),
            not_deleted: AtomicU64::default(),
            unanswered: AtomicU64::default(),
            requests: side(requests),
            answers: answers.map(side),
        }))
    }

    /// The counters.
    pub fn figures(&self) -> QueueFigures {
        let Inner { received, poisonous, not_deleted, unanswered, .. } = &*self.0;
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        QueueFigures {
            received: read(received),
            poisonous: read(poisonous),
            not_deleted: read(not_deleted),
            unanswered: read(unanswered),
        }
    }

    /// The queue that requests come from.
    pub fn url(&self) -> &QueueUrl {
        &self.0.requests.url
    }

    /// What keeps failing: the queue's URL, and why, with a remedy.
    pub fn troubles(&self) -> Vec<(String, String)> {
        let Inner { requests, answers, .. } = &*self.0;
        let requests = requests.trouble().map(|why| {
            let why = format!("cannot be read, so no command arrives: {why}");
            (requests.url.to_string(), why)
        });
        let answers = answers.as_ref().and_then(|answers| {
            let why = answers.trouble()?;
            let why = format!("cannot be sent to, so that only the log has the answers: {why}");
            Some((answers.url.to_string(), why))
        });
        requests.into_iter().chain(answers).collect()
    }

    /// Whether requests can be received, as far as is known.
    pub fn is_receiving(&self) -> bool {
        self.0.requests.trouble().is_none()
    }

    pub(super) fn count_received(&self) {
        self.0.received.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_poisonous(&self) {
        self.0.poisonous.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_not_deleted(&self) {
        self.0.not_deleted.fetch_add(1, Ordering::Relaxed);
    }

    /// An answer is not sent any more.
    pub fn count_unanswered(&self, answers: usize) {
        self.0.unanswered.fetch_add(answers as u64, Ordering::Relaxed);
    }

    /// A call went well.
    pub(super) fn record_success(&self, side: QueueSide) {
        let Some(side) = self.side(side) else { return };
        if side.lock().take().is_some_and(|(failures, _)| failures >= FAILURES_BEFORE_REPORT) {
            info!(queue.url = %side.url, "calls to {} succeed again", side.url);
        }
    }

    /// A call failed.
    pub(super) fn record_failure(&self, side: QueueSide, fault: &ApiFault) {
        let Some(side) = self.side(side) else { return };
        let why: Arc<str> = explain(fault).into();
        let mut failing = side.lock();
        let (count, last_reason) = failing.take().map_or((0, None), |(n, why)| (n, Some(why)));
        let is_new = count + 1 == FAILURES_BEFORE_REPORT
            || (count >= FAILURES_BEFORE_REPORT && last_reason != Some(why.clone()));
        if is_new {
            warn!(queue.url = %side.url, "calls to {} fail: {why}; retrying with backoff", side.url);
        } else {
            debug!(queue.url = %side.url, "a call to {} failed: {why}", side.url);
        }
        *failing = Some((count.saturating_add(1), why));
    }

    fn side(&self, side: QueueSide) -> Option<&Side> {
        match side {
            QueueSide::Requests => Some(&self.0.requests),
            QueueSide::Answers => self.0.answers.as_ref(),
        }
    }
}

impl Side {
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<(u32, Arc<str>)>> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn trouble(&self) -> Option<Arc<str>> {
        let failing = self.lock();
        failing
            .as_ref()
            .filter(|(count, _)| *count >= FAILURES_BEFORE_REPORT)
            .map(|(_, why)| Arc::clone(why))
    }
}

/// Why a call failed, with what to do.
pub fn explain(fault: &ApiFault) -> String {
    let remedy = match fault.cause {
        // What SQS says itself and SiteWise does not.
        Cause::Answer | Cause::Foreign | Cause::NotFound | Cause::PropertyLimit => {
            if fault.message.contains("NonExistentQueue") || fault.message.contains("DoesNotExist")
            {
                "create the queue, or correct its URL and region; AWS says the same of a queue of \
                    another account that does not allow it"
            } else {
                "see the error message"
            }
        }
        Cause::Throttled => "it is retried with backoff",
        cause => cause.remedy(),
    };
    format!("{}; {remedy}", fault.message)
}
