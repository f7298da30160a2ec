//! Whether a request may be sent now: everything that refuses it, in order.

use std::sync::Arc;
use std::time::Duration;

use super::address::{self, Target};
use super::answer::{Answer, Code, Output, Refusal};
use super::memory::REMEMBER;
use super::metrics::{LastValueDoubt, Writable};
use super::request::{RequestKey, Sent, WriteRequest};
use super::rules::{AllowRule, Confirmation};
use super::sending::Pulse;
use super::{
    Commander, HEADROOM, IN_FLIGHT, InFlightCommand, LIFETIME, LONGEST_CONFIRM, PlantView, Role,
    Uplink, build_answer, encode, value,
};
use crate::sparkplug::datatype::DataType;
use crate::sparkplug::event::SparkplugQuality;
use crate::sparkplug::host::{OutgoingMessage, ServerId};
use crate::sparkplug::value::Value;
use crate::time::{ClockAgreement, Now};

/// How far ahead of our clock a request may have been sent: clocks that agree differ by no more.
const AHEAD: Duration = Duration::from_secs(60);

impl Commander {
    /// Sends a request to the plant, or says how it ends.
    pub(super) fn decide(
        &mut self,
        key: &RequestKey,
        sent: Sent,
        payload: &[u8],
        plant: PlantView<'_>,
        now: Now,
    ) -> Result<(), Answer> {
        let refused = |refusal: Refusal| build_answer(refusal.code, refusal.reason, None);
        if self.role != Role::Acts {
            return Err(build_answer(
                Code::Standby,
                "this bridge follows another one or is shutting down, and sends no commands",
                None,
            ));
        }
        let request = WriteRequest::parse(payload)
            .map_err(|reason| build_answer(Code::Malformed, reason, None))?;
        let window = self.window(&request, sent, now).map_err(refused)?;
        let Self { metrics, external_ids, config, .. } = self;
        let asked = (request.asset.as_str(), request.property.as_str());
        let Target { metric, rule } =
            address::find(asked, metrics, &config.allow, external_ids, plant).map_err(refused)?;
        let address = &metric.address;
        let refused = |refusal: Refusal| build_answer(refusal.code, refusal.reason, Some(address));
        let (datatype, wanted) = wanted(metric, rule, &request).map_err(refused)?;
        if self.in_flight.contains_key(&metric.key) {
            let reason = "another command to this metric is in flight";
            return Err(build_answer(Code::Busy, reason, Some(address)));
        }
        // A message that waits for one before it may say another value.
        let is_certain = metric.last.doubt == LastValueDoubt::None
            && !plant.host.has_waiting_messages(&metric.key.source.edge);
        check_last(metric, &request, datatype, is_certain).map_err(refused)?;
        if rule.echo == Confirmation::Value && is_certain && has_already(metric, &wanted) {
            let has =
                build_answer(Code::Already, "the metric already has this value", Some(address));
            return Err(Answer { value: metric.last.value.clone(), ..has });
        }
        if let Some(rate) = rule.rate
            && !self.rates.allows(&metric.key, rate, now.instant)
        {
            let reason = format!("the rate limit of the rule `{}` is exceeded", rule.text);
            return Err(build_answer(Code::TooMany, reason, Some(address)));
        }
        if self.in_flight.len() + self.pulses.len() >= IN_FLIGHT || !self.history.has_room() {
            let reason = "too many commands are in flight";
            return Err(build_answer(Code::TooMany, reason, Some(address)));
        }
        let Some(server) = plant.host.server_of(&metric.key.source.edge) else {
            return Err(build_answer(Code::NodeOffline, "the edge node is offline", Some(address)));
        };
        check_uplink(plant.uplinks, server).map_err(refused)?;
        let form = config.form;
        let message = encode::message(metric, (datatype, &wanted), form, plant.host, now.wall);
        // From here on it counts as sent.
        if let Some(rate) = rule.rate {
            self.rates.record_write(&metric.key, rate, now.instant);
        }
        self.history.record_sent(key, now.instant);
        self.outputs.push_back(Output::Publish(key.clone(), OutgoingMessage { server, message }));
        let deadline = now.instant + window;
        self.next_timeout = self.next_timeout.map_or(Some(deadline), |due| Some(due.min(deadline)));
        if rule.echo == Confirmation::None {
            let pulse = Pulse {
                metric: metric.key.clone(),
                address: Arc::clone(address),
                has_rate: rule.rate.is_some(),
                sent_at: now.instant,
                deadline,
            };
            self.pulses.insert(key.clone(), pulse);
            return Ok(());
        }
        let flight = InFlightCommand {
            key: key.clone(),
            address: Arc::clone(address),
            rate: rule.rate,
            value: wanted.clone(),
            resolution: rule.step(),
            before: metric.last.value.clone(),
            sent_at: now.instant,
            deadline,
            last_other_value: None,
        };
        let started =
            Output::Started { key: key.clone(), metric: Arc::clone(address), value: wanted };
        self.in_flight.insert(metric.key.clone(), flight);
        self.outputs.push_back(started);
        Ok(())
    }

    /// How long the value of a request may take to come back; refused if the request is too old.
    fn window(&self, request: &WriteRequest, sent: Sent, now: Now) -> Result<Duration, Refusal> {
        let expired = |reason: &str| Err(Refusal::new(Code::Expired, reason));
        if self.clocks == ClockAgreement::Differ {
            return expired(
                "the bridge's clock differs from AWS's, so the age of the request is unknown",
            );
        }
        self.check_not_earlier(sent, now)?;
        let (sent, taken) = match sent {
            Sent::OnArrival(at) => (at, None),
            Sent::Before { at, taken, .. } => (at, taken),
        };
        if sent > now.wall.plus(AHEAD) {
            return expired(
                "the request's timestamp is in the future: this host's clock is behind",
            );
        }
        // By the later of two clocks: that of this host stands still while the host is stopped.
        let wall = taken.map_or(now.wall, |taken| taken.max(now.wall));
        // Clocks differ a little: a timestamp slightly in the future counts as now.
        let sent = sent.min(wall);
        let deadline = request.timeout.map(|timeout| sent.plus(timeout));
        let valid_until = [request.expires, deadline].into_iter().flatten().min();
        let valid_until = valid_until.unwrap_or_else(|| sent.plus(LIFETIME));
        // At most `REMEMBER` old, whatever the request says: a repetition that comes later would not
        // be recognized.
        if valid_until.min(sent.plus(REMEMBER)) <= wall {
            return expired("the request is too old");
        }
        let longest = self.config.confirm.min(LONGEST_CONFIRM);
        let Some(deadline) = deadline else { return Ok(longest) };
        let millis_left = deadline.minus(HEADROOM).as_millis() - wall.as_millis();
        match u64::try_from(millis_left) {
            Ok(millis_left) if millis_left > 0 => {
                Ok(longest.min(Duration::from_millis(millis_left)))
            }
            _ => expired(
                "the sender's timeout is over in a second, which the answer needs, or has passed: \
                    give at least 2 seconds",
            ),
        }
    }

    /// Refuses a request from before this process began, or began to act: another one may have sent it
    /// to the plant. Where two clocks leave doubt, it is refused as well.
    fn check_not_earlier(&self, sent: Sent, now: Now) -> Result<(), Refusal> {
        // By this host's clock as it shows the time now: it may have been set since.
        let of_host = now.wall.minus(now.instant.since(self.acts_since));
        let (sent, acts_since, reason) = match sent {
            Sent::OnArrival(at) => {
                (at, of_host, "the request was sent before this process began to act")
            }
            // Both by AWS's clock, whatever this host's shows.
            Sent::Before { at, start: Some(start), .. } => (
                at,
                start.plus(self.acts_since.since_start()),
                "the request was sent before this process began to act, or so few seconds after it \
                    that another process may have sent its command",
            ),
            Sent::Before { at, start: None, .. } => (
                at,
                of_host.plus(AHEAD),
                "the request was sent before this process began to act, or less than a minute after \
                    it: clocks may differ by so much, so that another process may have sent its command",
            ),
        };
        if sent < acts_since { Err(Refusal::new(Code::Expired, reason)) } else { Ok(()) }
    }
}

/// The value that a request wants, of the metric's type, if type, rule and metric allow it.
fn wanted(
    metric: &Writable,
    rule: &AllowRule,
    request: &WriteRequest,
) -> Result<(DataType, Value), Refusal> {
    let Some(datatype) = metric.datatype else {
        return Err(Refusal::new(
            Code::WrongType,
            "the birth does not state the metric's datatype",
        ));
    };
    let wanted = value::typed(&request.value, datatype)?;
    // Of a Float the number that was asked for, not the one that it is rounded to.
    let number =
        value::of_value(&wanted).map(|rounded| value::number(&request.value).unwrap_or(rounded));
    rule.check(&wanted, number)?;
    if number.is_some() {
        within(&wanted, metric.low, metric.high)?;
    }
    Ok((datatype, wanted))
}

/// Whether the metric's last value is one to act on, and the one that the request expects.
fn check_last(
    metric: &Writable,
    request: &WriteRequest,
    datatype: DataType,
    is_certain: bool,
) -> Result<(), Refusal> {
    let last = &metric.last;
    if last.quality != SparkplugQuality::Good {
        return Err(Refusal::new(Code::Stale, "the metric's last value is not GOOD"));
    }
    let Some(expected) = &request.expected else { return Ok(()) };
    let expected = value::typed(expected, datatype)?;
    if !is_certain {
        let reason = "the metric's last value is in doubt: a newer one may have been missed";
        return Err(Refusal::new(Code::UnexpectedValue, reason));
    }
    if !last.value.as_ref().is_some_and(|last| value::equal(last, &expected)) {
        let has = last.value.as_ref().map_or_else(|| "no value".to_owned(), value::display_text);
        let reason = format!("the metric has {has}, not {}", value::display_text(&expected));
        return Err(Refusal::new(Code::UnexpectedValue, reason));
    }
    Ok(())
}

/// Whether the command would leave at once: none waits for a connection, nor behind other messages.
fn check_uplink(uplinks: &[Uplink], server: ServerId) -> Result<(), Refusal> {
    match uplinks.get(usize::from(server.0)) {
        Some(Uplink::Open) => Ok(()),
        Some(Uplink::Full) => {
            let reason = "other messages are queued for the edge node's MQTT server: nothing was \
                sent";
            Err(Refusal::new(Code::TooMany, reason))
        }
        Some(Uplink::Down) | None => {
            let reason = "the edge node's MQTT server is not connected";
            Err(Refusal::new(Code::NodeOffline, reason))
        }
    }
}

/// Whether the metric's last value is the one that is wanted.
fn has_already(metric: &Writable, wanted: &Value) -> bool {
    metric.last.value.as_ref().is_some_and(|last| value::equal(last, wanted))
}

/// Whether a number is within what the birth says of the metric.
pub(super) fn within(number: &Value, low: Option<f64>, high: Option<f64>) -> Result<(), Refusal> {
    let (from, to) = (low.unwrap_or(f64::NEG_INFINITY), high.unwrap_or(f64::INFINITY));
    if value::is_within(number, from, to) {
        return Ok(());
    }
    let number = value::display_text(number);
    let bound = |bound: Option<f64>| bound.map_or_else(String::new, |bound| bound.to_string());
    let reason = format!("{number} is not within the metric's own {}..{}", bound(low), bound(high));
    Err(Refusal::new(Code::OutOfRange, reason))
}
