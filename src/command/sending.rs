//! Whether a command reached the client of its MQTT server, which is told after it was handed over.

use std::sync::Arc;

use super::answer::Code;
use super::metrics::MetricKey;
use super::request::RequestKey;
use super::{Commander, build_answer};
use crate::time::{Instant, Now};

/// Why a command was certainly not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsent {
    /// The session with the server ended first.
    NoSession,
    /// Other messages were written for too long.
    Late,
}

impl Unsent {
    fn explain(self) -> (Code, &'static str) {
        match self {
            Self::NoSession => (
                Code::NodeOffline,
                "the connection to the edge node's MQTT server ended before the command was sent",
            ),
            Self::Late => (
                Code::TooMany,
                "other messages were queued for the edge node's MQTT server for too long: nothing \
                    was sent",
            ),
        }
    }
}

/// A command that wants no confirmation, until it is known whether it was sent.
#[derive(Debug)]
pub(super) struct Pulse {
    pub(super) metric: MetricKey,
    pub(super) address: Arc<str>,
    pub(super) has_rate: bool,
    pub(super) sent_at: Instant,
    pub(super) deadline: Instant,
}

impl Commander {
    /// The client has the command of a request. That answers a `pulse`, of which nothing more will
    /// be known; others wait for the metric's value.
    pub fn handle_sent(&mut self, key: &RequestKey, now: Now) {
        self.figures.sent += 1;
        let Some(pulse) = self.pulses.remove(key) else { return };
        let reason = "sent; not confirmed, since its rule is `pulse`";
        let answer = build_answer(Code::SentUnconfirmed, reason, Some(&pulse.address));
        self.answer(key.clone(), answer, now);
        self.set_due();
    }

    /// The command of a request was certainly not sent: it is answered so at once, and counts
    /// neither towards the rate nor as one in flight.
    pub fn handle_unsent(&mut self, key: &RequestKey, why: Unsent, now: Now) {
        let Some((metric, address, rated_at)) = self.take_unanswered(key) else { return };
        if let Some(at) = rated_at {
            self.rates.withdraw_write(&metric, at);
        }
        self.history.withdraw_sent(key);
        let (code, reason) = why.explain();
        self.answer(key.clone(), build_answer(code, reason, Some(&address)), now);
        self.set_due();
    }

    /// The metric and its address, and when the command counted towards a rate.
    fn take_unanswered(
        &mut self,
        key: &RequestKey,
    ) -> Option<(MetricKey, Arc<str>, Option<Instant>)> {
        if let Some(Pulse { metric, address, has_rate, sent_at, .. }) = self.pulses.remove(key) {
            return Some((metric, address, has_rate.then_some(sent_at)));
        }
        let mut of_key = self.in_flight.extract_if(|_, flight| flight.key == *key);
        let (metric, flight) = of_key.next()?;
        Some((metric, flight.address, flight.rate.map(|_| flight.sent_at)))
    }

    /// Pulses of which it is not known in time whether they were sent.
    pub(super) fn give_up_pulses(&mut self, now: Now, is_over: impl Fn(&Pulse) -> bool) {
        let over = self.pulses.extract_if(|_, pulse| is_over(pulse));
        let mut over: Vec<_> = over.collect();
        over.sort_by(|one, other| (one.1.deadline, &one.0).cmp(&(other.1.deadline, &other.0)));
        for (key, pulse) in over {
            let reason = "it is not known whether the command was sent to the MQTT server";
            self.answer(key, build_answer(Code::NotConfirmed, reason, Some(&pulse.address)), now);
        }
        self.set_due();
    }
}
