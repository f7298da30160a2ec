//! A message that arrives: whose it is, whether it is read, what it says to its session.

use super::{Finding, Host, ServerId, SkipReason};
use crate::sparkplug::inflation_debt::InflationLimit;
use crate::sparkplug::limits;
use crate::sparkplug::metric;
use crate::sparkplug::payload::{self, DecodeError};
use crate::sparkplug::proto::Payload;
use crate::sparkplug::session::Incoming;
use crate::sparkplug::topic::{self, Topic, TopicError};
use crate::time::{Instant, Now};

impl Host {
    /// A message has arrived on one of the subscriptions.
    pub fn handle_message(
        &mut self,
        server: ServerId,
        topic: &str,
        payload: &[u8],
        retain: bool,
        now: Now,
    ) {
        self.counters.messages += 1;
        self.servers.delivered(server);
        let of = self.accept_message(server, topic, Ok(payload), retain, now);
        self.record_findings(of, topic, now.wall);
    }

    /// A message has arrived that was too large to be given: of a birth it is known that there
    /// was one.
    pub fn handle_oversized(&mut self, server: ServerId, topic: &str, retain: bool, now: Now) {
        self.counters.messages += 1;
        self.servers.delivered(server);
        let of = self.accept_message(server, topic, Err(DecodeError::TooLarge), retain, now);
        self.record_findings(of, topic, now.wall);
    }

    /// Returns the index of the message's session, if it has one.
    fn accept_message(
        &mut self,
        server: ServerId,
        topic: &str,
        payload: Result<&[u8], DecodeError>,
        retain: bool,
        now: Now,
    ) -> Option<usize> {
        let (topic, stored) = match topic.strip_prefix(topic::CERTIFICATES) {
            Some(topic) => (topic, true),
            None => (topic, false),
        };
        let edge = match Topic::parse(topic) {
            Ok(Topic::Edge(edge)) => edge,
            Ok(Topic::State { host_id }) => {
                self.servers.saw_sparkplug_topic(server);
                if host_id == self.config.host_id {
                    self.handle_state(server, payload.unwrap_or_default(), now);
                }
                return None;
            }
            Err(error) => {
                self.counters.findings.note(Finding::WrongTopic);
                if error == TopicError::Namespace {
                    self.servers.saw_foreign_topic(server, topic);
                    self.saw_foreign_topic = true;
                }
                return None;
            }
        };
        if self.saw_foreign_topic {
            self.servers.saw_sparkplug_topic(server);
        }
        if edge.verb == topic::MessageType::Command {
            return None;
        }
        // One that SiteWise has as online is known although the filter leaves it out.
        let known = self.session_index(edge.group, edge.node).is_some();
        if (!known || self.excluded.is_first_awaited())
            && !self.config.filter.is_open()
            && !self.config.filter.may_take(&format!("{}/{}", edge.group, edge.node))
        {
            self.excluded.note(edge.group, edge.node, now.instant);
            if !known {
                self.counters.excluded_messages += 1;
                return None;
            }
        }
        self.make_room(self.session_index(edge.group, edge.node), now);
        let Some(index) = self.get_or_create_session(edge.group, edge.node, now) else {
            self.count_unplaced_message(payload.unwrap_or_default(), now.instant);
            return None;
        };
        let decoded =
            payload.and_then(|wire| Ok((self.decode(Some(index), wire, now.instant)?, wire)));
        self.update_session(index, now, |session, context| match decoded {
            Ok((decoded, payload)) => {
                let of = (server, edge.verb, edge.device);
                let message = Incoming::new(of, decoded, payload, now);
                if stored {
                    session.handle_stored_birth(message, context);
                } else if retain {
                    session.handle_retained(&message, context);
                } else {
                    session.handle_message(message, context);
                }
            }
            Err(error) => {
                session.note(match error {
                    DecodeError::TooLarge => Finding::TooLarge,
                    DecodeError::Costly => Finding::TooCostly,
                    DecodeError::Malformed | DecodeError::Compression | DecodeError::Nested => {
                        Finding::Undecodable
                    }
                });
                match (edge.verb, edge.device) {
                    (topic::MessageType::Birth, device) if stored => {
                        session.handle_unreadable_stored_birth(server, device);
                    }
                    _ if stored => {}
                    (topic::MessageType::Birth, None) if retain => {
                        session.handle_retained_birth(server, context);
                    }
                    _ if retain => {}
                    (verb, device) => {
                        let costly = matches!(error, DecodeError::Costly);
                        session.handle_undecodable(server, verb, device, costly, context);
                    }
                }
            }
        });
        Some(index)
    }

    /// Decodes a message of the session at `index`, inflating no more than the session's allowance.
    fn decode(
        &mut self,
        index: Option<usize>,
        wire: &[u8],
        now: Instant,
    ) -> Result<Payload, DecodeError> {
        let mut session = index.and_then(|index| self.sessions.get_mut(index));
        let is_proven = session.as_ref().is_some_and(|session| session.is_proven());
        let of_one = if is_proven { limits::INFLATED } else { limits::INFLATED_OF_ONE_UNKNOWN };
        let mut may = InflationLimit::Full;
        if let Some(session) = &mut session {
            may = session.debt().inflate(of_one, now);
        }
        if !is_proven {
            may = may.and(self.unknown_debt.inflate(limits::INFLATED_OF_UNKNOWN, now));
        }
        let (payload, work) = payload::decode_counted(wire, may);
        if let Some(session) = session {
            session.debt().add(wire.len(), work);
        }
        if !is_proven {
            self.unknown_debt.add(wire.len(), work);
        }
        payload
    }

    /// A message of a node that there is no place for.
    fn count_unplaced_message(&mut self, payload: &[u8], now: Instant) {
        let values = match self.decode(None, payload, now) {
            Ok(payload) => payload.metrics.iter().map(metric::values).sum(),
            Err(DecodeError::Costly) => return self.counters.findings.note(Finding::TooCostly),
            Err(_) => 0,
        };
        if let Some(count) = self.counters.skipped_values.get_mut(SkipReason::Limits as usize) {
            *count += values;
        }
    }
}
