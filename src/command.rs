//! Commands, pure: requests from the cloud in, messages to the plant and answers out.
//!
//! Nothing may be written that no rule lists; nothing is sent twice, late, or out of range; and a
//! command has succeeded once the metric itself says so. What cannot be decided at once is refused
//! with a [`Code`]: no request waits for a machine to come back, and none is sent again.
//!
//! The module stands beside the session and the twin. It reads both and changes neither: a
//! [`Plant`] is lent to it for each request, and every event of the plant is shown to it by
//! [`handle_event`](Commander::handle_event) before the twin takes it.

mod address;
pub mod answer;
mod encode;
mod memory;
mod metrics;
pub mod request;
mod rules;
mod value;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;

use self::address::{ExternalIds, Target};
use self::answer::{Answer, Code, Output, Refusal};
use self::memory::{Fate, REMEMBER, Rates, Remembered};
use self::metrics::{Arrived, Last, MetricKey, Metrics};
use self::request::{Envelope, Request, RequestKey};
pub use self::rules::AllowRules;
use self::rules::Echo;
use crate::sparkplug::event::{Event, Quality};
use crate::sparkplug::host::{Host, OutgoingMessage};
use crate::sparkplug::value::Value;
use crate::time::{ClockAgreement, Instant, Now, Timestamp};
use crate::twin::Twin;

/// How old a request may be that says nothing of it itself.
pub const LIFETIME: Duration = Duration::from_secs(10);

/// How long before the sender stops waiting a command is given up, so that the answer arrives.
pub const HEADROOM: Duration = Duration::from_secs(1);

/// The longest time to wait for a value to come back: shorter than a request is remembered.
pub const LONGEST_CONFIRM: Duration = Duration::from_secs(5 * 60);

/// Commands that wait for a value at most: AWS IoT has no more executions of one thing at once.
pub const IN_FLIGHT: usize = 100;

/// Characters of a reason at most, none of them a control character: what AWS IoT takes.
pub const REASON_CHARS: usize = 1_024;

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

/// Whether this bridge is the one that acts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// It is.
    #[default]
    Active,
    /// Another one is, or it is about to stop: every request is refused.
    Standby,
}

/// The plant as session and twin know it, lent for a request.
#[derive(Clone, Copy, Debug)]
pub struct Plant<'a> {
    /// The session.
    pub host: &'a Host,
    /// The twin.
    pub twin: &'a Twin,
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
    /// Metrics of which a rule may be.
    pub metrics: usize,
    /// Metrics for which there was no room: they cannot be written.
    pub left_out: u64,
}

/// A command that waits for the metric's value.
#[derive(Debug)]
struct Flight {
    key: RequestKey,
    address: Arc<str>,
    value: Value,
    step: Option<f64>,
    sent: Instant,
    until: Instant,
    /// What the metric said instead.
    seen: Option<String>,
}

/// The commands.
///
/// After each `handle_*` the caller drains [`poll_output`](Self::poll_output);
/// [`handle_timeout`](Self::handle_timeout) is due at [`poll_timeout`](Self::poll_timeout). A
/// request is taken off its door before it is handed over, so that it is never sent twice, not
/// even by two processes.
#[derive(Debug)]
pub struct Commander {
    config: Config,
    began: Timestamp,
    role: Role,
    clocks: ClockAgreement,
    metrics: Metrics,
    externals: ExternalIds,
    flights: FxHashMap<MetricKey, Flight>,
    /// When the first of them is given up.
    due: Option<Instant>,
    remembered: Remembered,
    rates: Rates,
    outputs: VecDeque<Output>,
    figures: Figures,
}

impl Commander {
    /// Requests from before `now` are refused: an earlier process may have sent them.
    pub fn new(config: Config, now: Now) -> Self {
        Self {
            config,
            began: now.wall,
            role: Role::Active,
            clocks: ClockAgreement::Agree,
            metrics: Metrics::default(),
            externals: ExternalIds::default(),
            flights: FxHashMap::default(),
            due: None,
            remembered: Remembered::default(),
            rates: Rates::default(),
            outputs: VecDeque::new(),
            figures: Figures::default(),
        }
    }

    /// Sees an event of the plant, before the twin takes it.
    pub fn handle_event(&mut self, event: &Event, now: Now) {
        let Self { metrics, flights, .. } = self;
        let mut ended = Vec::new();
        let mut arrived = |Arrived { key, last }: Arrived<'_>| {
            if let Some(flight) = flights.get_mut(key)
                && flight.is_confirmed_by(last)
            {
                ended.push((key.clone(), last.value.clone()));
            }
        };
        match event {
            Event::Birth(birth) => metrics.born(birth, &self.config.allow, &mut arrived),
            Event::Data(data) => metrics.told(data, now, &mut arrived),
            Event::Death(death) => metrics.died(death),
        }
        for (key, value) in ended {
            let Some(flight) = self.flights.remove(&key) else { continue };
            let after = now.instant.since(flight.sent);
            let answer = Answer {
                code: Code::Confirmed,
                reason: format!("the metric has the value, {} ms after", after.as_millis()),
                metric: Some(flight.address),
                value,
                after: Some(after),
            };
            self.answer(flight.key, answer, now);
            self.set_due();
        }
    }

    /// A request came in, and is off its door.
    pub fn handle_request(
        &mut self,
        envelope: Envelope,
        payload: &[u8],
        plant: Plant<'_>,
        now: Now,
    ) {
        self.remembered.forget(now.instant);
        let key = envelope.key;
        match self.remembered.fate(&key) {
            None => {}
            // Its answer is to come.
            Some(Fate::InFlight) => {
                self.figures.repeated += 1;
                return;
            }
            Some(Fate::Answered(answer)) => {
                let answer = Arc::clone(answer);
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
    /// to its end.
    pub fn handle_role(&mut self, role: Role) {
        self.role = role;
    }

    /// The process is about to stop: what is in flight is answered now, and nothing is sent any
    /// more.
    pub fn handle_stop(&mut self, now: Now) {
        self.role = Role::Standby;
        self.give_up(now, |_| true, "the bridge stops");
    }

    /// Handles expired timers.
    pub fn handle_timeout(&mut self, now: Now) {
        if self.due.is_none_or(|due| due > now.instant) {
            return;
        }
        self.give_up(now, |flight| flight.until <= now.instant, "no such value came back");
    }

    /// When the next timer expires.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.due
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
        let (metrics, left_out) = self.metrics.count();
        Figures { in_flight: self.flights.len(), metrics, left_out, ..self.figures.clone() }
    }

    /// Sends a request to the plant, or says how it ends.
    fn decide(
        &mut self,
        key: &RequestKey,
        sent: Option<Timestamp>,
        payload: &[u8],
        plant: Plant<'_>,
        now: Now,
    ) -> Result<(), Answer> {
        let refused = |refusal: Refusal| ended(refusal.code, refusal.reason, None);
        if self.role == Role::Standby {
            return Err(ended(Code::Standby, "this bridge does not act now", None));
        }
        let request =
            Request::parse(payload).map_err(|reason| ended(Code::Malformed, reason, None))?;
        let window = self.window(&request, sent, now).map_err(refused)?;
        let Self { metrics, externals, config, .. } = self;
        let asked = (request.asset.as_str(), request.property.as_str());
        let Target { metric, rule } =
            address::find(asked, metrics, &config.allow, externals, plant).map_err(refused)?;
        let address = &metric.address;
        let refused = |refusal: Refusal| ended(refusal.code, refusal.reason, Some(address));
        let Some(datatype) = metric.datatype else {
            let reason = "the birth does not say the metric's type";
            return Err(ended(Code::WrongType, reason, Some(address)));
        };
        let wanted = value::typed(&request.value, datatype).map_err(refused)?;
        // Of a Float the number that was asked for, not the one that it is rounded to.
        let number = value::of_value(&wanted)
            .map(|rounded| value::number(&request.value).unwrap_or(rounded));
        rule.check(&wanted, number).map_err(refused)?;
        if let Some(number) = number {
            within(number, metric.low, metric.high).map_err(refused)?;
        }
        if self.flights.contains_key(&metric.key) {
            let reason = "another command to the metric waits for its value";
            return Err(ended(Code::Busy, reason, Some(address)));
        }
        let Last { value: last, quality, .. } = &metric.last;
        if *quality != Quality::Good {
            let reason = "the metric's last value is not GOOD";
            return Err(ended(Code::Stale, reason, Some(address)));
        }
        if let Some(expected) = &request.expected {
            let expected = value::typed(expected, datatype).map_err(refused)?;
            if !last.as_ref().is_some_and(|last| value::same(last, &expected, None)) {
                let has = last.as_ref().map_or_else(|| "no value".to_owned(), value::words);
                let reason = format!("the metric has {has}, not {}", value::words(&expected));
                return Err(ended(Code::UnexpectedValue, reason, Some(address)));
            }
        }
        if rule.echo == Echo::Value
            && last.as_ref().is_some_and(|last| value::same(last, &wanted, None))
        {
            let has = ended(Code::Already, "the metric has the value already", Some(address));
            return Err(Answer { value: last.clone(), ..has });
        }
        if let Some(rate) = rule.rate
            && !self.rates.allows(&metric.key, rate, now.instant)
        {
            let reason = format!("more than the rate of the rule `{}`", rule.text);
            return Err(ended(Code::TooMany, reason, Some(address)));
        }
        if self.flights.len() >= IN_FLIGHT || !self.remembered.has_room() {
            let reason = "the bridge follows no more commands at once";
            return Err(ended(Code::TooMany, reason, Some(address)));
        }
        let Some(server) = plant.host.server_of(&metric.key.source.edge) else {
            return Err(ended(Code::NodeOffline, "the edge node is offline", Some(address)));
        };
        let form = config.form;
        let message = encode::message(metric, (datatype, &wanted), form, plant.host, now.wall);
        // From here on it counts as sent.
        if let Some(rate) = rule.rate {
            self.rates.written(&metric.key, rate, now.instant);
        }
        self.remembered.sent(key, now.instant);
        self.figures.sent += 1;
        self.outputs.push_back(Output::Publish(OutgoingMessage { server, message }));
        let metric_name = Arc::clone(address);
        if rule.echo == Echo::None {
            let reason = "sent; its rule wants no confirmation";
            return Err(ended(Code::SentUnconfirmed, reason, Some(address)));
        }
        let until = now.instant + window;
        let flight = Flight {
            key: key.clone(),
            address: Arc::clone(address),
            value: wanted.clone(),
            step: rule.step(),
            sent: now.instant,
            until,
            seen: None,
        };
        self.flights.insert(metric.key.clone(), flight);
        self.due = self.due.map_or(Some(until), |due| Some(due.min(until)));
        self.outputs.push_back(Output::Started {
            key: key.clone(),
            metric: metric_name,
            value: wanted,
        });
        Ok(())
    }

    /// How long the value of a request may take to come back; refused if the request is too old.
    fn window(
        &self,
        request: &Request,
        sent: Option<Timestamp>,
        now: Now,
    ) -> Result<Duration, Refusal> {
        let expired = |reason: &str| Err(Refusal::new(Code::Expired, reason));
        if self.clocks == ClockAgreement::Differ {
            return expired("the bridge's clock is not AWS's: no request's age is known");
        }
        // What was sent in the future was sent now.
        let sent = sent.unwrap_or(now.wall).min(now.wall);
        if sent < self.began {
            return expired("the request was sent before this process began");
        }
        let deadline = request.timeout.map(|timeout| sent.plus(timeout));
        let own = [request.expires, deadline].into_iter().flatten().min();
        let own = own.unwrap_or_else(|| sent.plus(LIFETIME));
        // Whatever it says itself: one that comes again later than this would not be known again.
        if own.min(sent.plus(REMEMBER)) <= now.wall {
            return expired("the request is too old");
        }
        let longest = self.config.confirm.min(LONGEST_CONFIRM);
        let Some(deadline) = deadline else { return Ok(longest) };
        let left = deadline.minus(HEADROOM).as_millis() - now.wall.as_millis();
        match u64::try_from(left) {
            Ok(left) if left > 0 => Ok(longest.min(Duration::from_millis(left))),
            _ => expired("the sender waits no longer"),
        }
    }

    fn answer(&mut self, key: RequestKey, answer: Answer, now: Now) {
        *self.figures.answers.entry(answer.code).or_default() += 1;
        let reason = answer.reason.chars().filter(|c| !c.is_control()).take(REASON_CHARS).collect();
        let answer = Arc::new(Answer { reason, ..answer });
        self.remembered.answered(&key, Arc::clone(&answer), now.instant);
        self.outputs.push_back(Output::Answer { key, answer, repeated: false });
    }

    /// Commands whose value is not waited for any more.
    fn give_up(&mut self, now: Now, is_over: impl Fn(&Flight) -> bool, why: &str) {
        let mut over: Vec<_> = self
            .flights
            .extract_if(|_, flight| is_over(flight))
            .map(|(_, flight)| flight)
            .collect();
        over.sort_by(|one, other| (one.until, &one.key).cmp(&(other.until, &other.key)));
        for flight in over {
            let seen = match &flight.seen {
                Some(seen) => format!("; the metric said {seen}"),
                None => "; the metric said nothing".to_owned(),
            };
            let after = now.instant.since(flight.sent).as_millis();
            let reason = format!("{why} in {after} ms{seen}");
            self.answer(flight.key, ended(Code::NotConfirmed, reason, Some(&flight.address)), now);
        }
        self.set_due();
    }

    fn set_due(&mut self) {
        self.due = self.flights.values().map(|flight| flight.until).min();
    }
}

impl Flight {
    /// Whether the metric has the value that was asked for, and says that it is GOOD. Another one
    /// is noted: the machine may be on its way.
    fn is_confirmed_by(&mut self, last: &Last) -> bool {
        let good = last.quality == Quality::Good;
        let value = last.value.as_ref();
        let confirmed = good && value.is_some_and(|has| value::same(&self.value, has, self.step));
        if !confirmed {
            let has = value.map_or_else(|| "null".to_owned(), value::words);
            self.seen = Some(if good { has } else { format!("{has}, not GOOD") });
        }
        confirmed
    }
}

fn ended(code: Code, reason: impl Into<String>, metric: Option<&Arc<str>>) -> Answer {
    Answer { code, reason: reason.into(), metric: metric.cloned(), value: None, after: None }
}

/// Whether a number is within what the birth says of the metric.
fn within(number: f64, low: Option<f64>, high: Option<f64>) -> Result<(), Refusal> {
    if low.is_none_or(|low| number >= low) && high.is_none_or(|high| number <= high) {
        return Ok(());
    }
    let bound = |bound: Option<f64>| bound.map_or_else(String::new, |bound| bound.to_string());
    let reason = format!("{number} is not within the metric's own {}..{}", bound(low), bound(high));
    Err(Refusal::new(Code::OutOfRange, reason))
}

#[cfg(test)]
mod tests;
