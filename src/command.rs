//! Commands, pure: requests from the cloud in, messages to the plant and answers out.
//!
//! Nothing may be written that no rule lists; nothing is sent twice, late, or out of range; and a
//! command has succeeded once the metric itself says so. What cannot be decided at once is refused
//! with a [`Code`]: no request waits for a machine to come back, and none is sent again.
//!
//! The module stands beside the session and the twin. It reads both and changes neither: a
//! [`PlantView`] is lent to it for each request, and every event of the plant is shown to it by
//! [`handle_event`](Commander::handle_event) before the twin takes it.

mod address;
pub mod answer;
pub mod cloudformation;
mod decide;
mod encode;
pub mod iot;
mod memory;
mod metrics;
pub mod queue;
pub mod request;
mod rules;
mod sending;
pub mod survey;
mod value;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;

use self::address::ExternalIds;
use self::answer::{Answer, Code, Output};
use self::memory::{CommandRateLimiter, RequestHistory, RequestState};
use self::metrics::{ArrivedValue, LastValue, MetricKey, Metrics};
use self::request::{Envelope, RequestKey};
pub use self::rules::AllowRules;
use self::rules::Rate;
use self::sending::Pulse;
pub use self::sending::Unsent;
use crate::sparkplug::event::{Event, SparkplugQuality};
use crate::sparkplug::host::{Host, LostSenders};
use crate::sparkplug::value::Value;
use crate::time::{ClockAgreement, Instant, Now};
use crate::twin::Twin;

/// Maximum age of a request without `expires` and `timeout`.
pub const LIFETIME: Duration = Duration::from_secs(10);

/// Time reserved before the sender's timeout, so that the answer arrives in time.
pub const HEADROOM: Duration = Duration::from_secs(1);

/// The longest time to wait for a value to come back: shorter than a request is remembered.
pub const LONGEST_CONFIRM: Duration = Duration::from_secs(5 * 60);

/// Commands that wait for a value at most: AWS IoT has no more executions of one thing at once.
pub const IN_FLIGHT: usize = 100;

/// Characters of a reason at most, none of them a control character: what AWS IoT takes.
pub const REASON_CHARS: usize = 1_024;

/// What to do about a machine that did not say that it obeyed.
const UNCONFIRMED_REMEDY: &str = "; look at the machine (local mode, interlocks), and read the metric \
    before you send again";

/// How a metric is named to the plant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// By its name alone, which every receiver but the barest understands.
    #[default]
    Name,
    /// By its name, and the alias that its birth gave it.
    Both,
}

/// Configuration of the commands.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// What may be written.
    pub allow: AllowRules,
    /// How long to wait for the value to come back; at most [`LONGEST_CONFIRM`].
    pub confirm: Duration,
    /// How a metric is named.
    pub form: Form,
}

/// Whether this bridge acts: it does alone, or as the holder of a lease.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// It does.
    #[default]
    Acts,
    /// It follows another one that does: every request is refused.
    Follows,
    /// It is about to stop, for good: every request is refused, whatever role comes after.
    Stopped,
}

/// Whether a message could leave for an MQTT server at this very moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uplink {
    /// It would be written at once.
    Open,
    /// There is no session.
    Down,
    /// Other messages wait before it.
    Full,
}

/// The plant as session and twin know it, lent for a request.
#[derive(Clone, Copy, Debug)]
pub struct PlantView<'a> {
    /// The session.
    pub host: &'a Host,
    /// The twin.
    pub twin: &'a Twin,
    /// Whether the twin is behind the session: it is still given stored messages.
    pub is_behind: bool,
    /// The servers, by their [`ServerId`](crate::sparkplug::host::ServerId).
    pub uplinks: &'a [Uplink],
}

/// Counters, and what is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Requests by how they ended, repeated answers not counted.
    pub answers: BTreeMap<Code, u64>,
    /// Requests that came again.
    pub repeated: u64,
    /// Commands sent to the plant.
    pub sent: u64,
    /// Commands that wait for a value.
    pub in_flight: usize,
    /// Metrics that a rule may match.
    pub metrics: usize,
    /// Metrics for which there was no room: they cannot be written.
    pub over_limit: u64,
}

/// A command that waits for the metric's value.
#[derive(Debug)]
struct InFlightCommand {
    key: RequestKey,
    address: Arc<str>,
    value: Value,
    resolution: Option<f64>,
    rate: Option<Rate>,
    /// What the metric had when the command was sent.
    before: Option<Value>,
    sent_at: Instant,
    deadline: Instant,
    /// What the metric said instead.
    last_other_value: Option<String>,
}

/// The commands.
///
/// After each `handle_*` the caller drains [`poll_output`](Self::poll_output);
/// [`handle_timeout`](Self::handle_timeout) is due at [`poll_timeout`](Self::poll_timeout). A
/// request is taken off its channel before it is handed over, so that it is never sent twice, not
/// even by two processes.
#[derive(Debug)]
pub struct Commander {
    config: Config,
    /// When this process began, or became the one that acts.
    acts_since: Instant,
    role: Role,
    clocks: ClockAgreement,
    metrics: Metrics,
    external_ids: ExternalIds,
    in_flight: FxHashMap<MetricKey, InFlightCommand>,
    /// Commands that wait for no value, until it is known whether they were sent.
    pulses: FxHashMap<RequestKey, Pulse>,
    /// When the first of them is given up.
    next_timeout: Option<Instant>,
    history: RequestHistory,
    rates: CommandRateLimiter,
    outputs: VecDeque<Output>,
    figures: Figures,
}

impl Commander {
    /// Requests from before `now` are refused: an earlier process may have sent them.
    pub fn new(config: Config, now: Now) -> Self {
        Self {
            config,
            acts_since: now.instant,
            role: Role::Acts,
            clocks: ClockAgreement::Agree,
            metrics: Metrics::default(),
            external_ids: ExternalIds::default(),
            in_flight: FxHashMap::default(),
            pulses: FxHashMap::default(),
            next_timeout: None,
            history: RequestHistory::default(),
            rates: CommandRateLimiter::default(),
            outputs: VecDeque::new(),
            figures: Figures::default(),
        }
    }

    /// Sees an event of the plant, before the twin takes it.
    pub fn handle_event(&mut self, event: &Event, now: Now) {
        // What is over is over, also where the timer is late.
        self.handle_timeout(now);
        let Self { metrics, in_flight, .. } = self;
        let mut ended = Vec::new();
        let mut arrived = |ArrivedValue { key, last }: ArrivedValue<'_>| {
            if let Some(flight) = in_flight.get_mut(key)
                && flight.is_confirmed_by(last)
            {
                ended.push((key.clone(), last.value.clone()));
            }
        };
        match event {
            Event::Birth(birth) => {
                metrics.handle_birth(birth, &self.config.allow, now, &mut arrived)
            }
            Event::Data(data) => metrics.handle_data(data, now, &mut arrived),
            Event::Death(death) => metrics.handle_death(death),
        }
        for (key, value) in ended {
            let Some(flight) = self.in_flight.remove(&key) else { continue };
            let after = now.instant.since(flight.sent_at);
            let answer = Answer {
                code: Code::Confirmed,
                reason: format!(
                    "the metric reported the value {} ms after the command",
                    after.as_millis()
                ),
                metric: Some(flight.address),
                value,
                confirmed_after: Some(after),
            };
            self.answer(flight.key, answer, now);
            self.set_due();
        }
    }

    /// Messages of these nodes were dropped before anybody could read them.
    pub fn handle_lost(&mut self, lost: &LostSenders) {
        self.metrics.handle_lost(lost);
    }

    /// Handles a request that was already taken off its channel.
    pub fn handle_request(
        &mut self,
        envelope: Envelope,
        payload: &[u8],
        plant: PlantView<'_>,
        now: Now,
    ) {
        self.history.forget(now.instant);
        let key = envelope.key;
        match self.history.state_of(&key) {
            None => {}
            // Its answer is to come.
            Some(RequestState::InFlight) => {
                self.figures.repeated += 1;
                return;
            }
            Some(RequestState::Answered(answer)) => {
                let answer = Arc::clone(answer);
                if answer.code == Code::Malformed {
                    self.history.renew_refused(&key, now.instant);
                }
                self.figures.repeated += 1;
                return self.outputs.push_back(Output::Answer { key, answer, repeated: true });
            }
        }
        if let Err(answer) = self.decide(&key, envelope.sent, payload, plant, now) {
            self.answer(key, answer, now);
        }
    }

    /// Our clock and AWS's show the same time again, or no longer.
    pub fn handle_clocks(&mut self, clocks: ClockAgreement) {
        self.clocks = clocks;
    }

    /// This bridge is the one that acts from now on, or no longer. What is in flight is followed
    /// to its end. Requests from before it began to act are refused: another one may have sent them.
    pub fn handle_role(&mut self, role: Role, now: Now) {
        if self.role == Role::Follows && role == Role::Acts {
            self.acts_since = now.instant;
        }
        if self.role != Role::Stopped {
            self.role = role;
        }
    }

    /// The process is about to stop: what is in flight is answered now, and nothing is sent any
    /// more. Pulses are answered once it is known whether they were sent.
    pub fn handle_stop(&mut self, now: Now) {
        self.role = Role::Stopped;
        let why = "the bridge is shutting down: the value was not confirmed";
        self.give_up(now, |_| true, why, "");
    }

    /// The process ends: nothing more will be heard of pulses that the client may have or not.
    pub fn handle_end(&mut self, now: Now) {
        self.give_up_pulses(now, |_| true);
    }

    /// Pulses of which it is not known yet whether they were sent.
    pub fn unsent_pulses(&self) -> usize {
        self.pulses.len()
    }

    /// Handles expired timers.
    pub fn handle_timeout(&mut self, now: Now) {
        if self.next_timeout.is_none_or(|due| due > now.instant) {
            return;
        }
        self.give_up(
            now,
            |flight| flight.deadline <= now.instant,
            "the metric did not report the value",
            UNCONFIRMED_REMEDY,
        );
        self.give_up_pulses(now, |pulse| pulse.deadline <= now.instant);
    }

    /// When the next timer expires.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.next_timeout
    }

    /// The next output.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What may be written.
    pub fn rules(&self) -> &AllowRules {
        &self.config.allow
    }

    /// Counters, and what is kept.
    pub fn figures(&self) -> Figures {
        let (metrics, over_limit) = self.metrics.count();
        Figures { in_flight: self.in_flight.len(), metrics, over_limit, ..self.figures.clone() }
    }

    fn answer(&mut self, key: RequestKey, answer: Answer, now: Now) {
        *self.figures.answers.entry(answer.code).or_default() += 1;
        let reason = answer::shown(&answer.reason);
        let answer = Arc::new(Answer { reason, ..answer });
        self.history.record_answered(&key, Arc::clone(&answer), now.instant);
        self.outputs.push_back(Output::Answer { key, answer, repeated: false });
    }

    /// Commands whose value is not waited for any more.
    fn give_up(
        &mut self,
        now: Now,
        is_over: impl Fn(&InFlightCommand) -> bool,
        why: &str,
        remedy: &str,
    ) {
        let mut over: Vec<_> = self
            .in_flight
            .extract_if(|_, flight| is_over(flight))
            .map(|(_, flight)| flight)
            .collect();
        over.sort_by(|one, other| (one.deadline, &one.key).cmp(&(other.deadline, &other.key)));
        for flight in over {
            let seen = match &flight.last_other_value {
                Some(seen) => format!("; the metric reported {seen}"),
                None => "; the metric reported no value".to_owned(),
            };
            let after = now.instant.since(flight.sent_at).as_millis();
            let reason = format!("{why} within {after} ms{seen}{remedy}");
            self.answer(
                flight.key,
                build_answer(Code::NotConfirmed, reason, Some(&flight.address)),
                now,
            );
        }
        self.set_due();
    }

    fn set_due(&mut self) {
        let flights = self.in_flight.values().map(|flight| flight.deadline);
        let pulses = self.pulses.values().map(|pulse| pulse.deadline);
        self.next_timeout = flights.chain(pulses).min();
    }
}

impl InFlightCommand {
    /// Whether the metric has the value that was asked for, and says that it is GOOD. Another one
    /// is noted: the machine may be on its way.
    fn is_confirmed_by(&mut self, last: &LastValue) -> bool {
        let good = last.quality == SparkplugQuality::Good;
        let value = last.value.as_ref();
        // Only what has moved is near enough: a machine that repeats its old value did not obey.
        let has_moved = self.before.as_ref() != value;
        let confirmed = good
            && value.is_some_and(|has| match has_moved {
                true => value::same(&self.value, has, self.resolution),
                false => value::equal(&self.value, has),
            });
        if !confirmed {
            let has = value.map_or_else(|| "null".to_owned(), value::display_text);
            self.last_other_value = Some(if good { has } else { format!("{has}, not GOOD") });
        }
        confirmed
    }
}

/// A value in words, for people: short, and text in quotes.
pub fn display_text(value: &Value) -> String {
    value::display_text(value)
}

fn build_answer(code: Code, reason: impl Into<String>, metric: Option<&Arc<str>>) -> Answer {
    Answer {
        code,
        reason: reason.into(),
        metric: metric.cloned(),
        value: None,
        confirmed_after: None,
    }
}

#[cfg(test)]
mod tests;
