//! One session: from CONNECT to whatever ends it.
//!
//! Each session has a new client, so that nothing of an old session is ever sent in a new one. Its
//! poll is never cancelled before the end.

use std::collections::VecDeque;
use std::pin::pin;
use std::time::Duration;

use rumqttc::{
    AsyncClient, ClientError, Event, EventLoop, NetworkOptions, Packet, PublishOptions, QoS,
    SubscribeFilter, SubscribeReasonCode,
};
use tokio::select;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::failure::{FailureStage, SessionError};
use super::inbox::Inbox;
use super::options::{REQUEST_CAPACITY, SessionOptions};
use super::patience::SubscribePatience;
use super::sieve::CutMarker;
use super::state_times::state_time;
use super::{Inbound, Outgoing, StateTimes};
use crate::clock;
use crate::config::ServerUrl;
use crate::sparkplug::message::Qos;
use crate::time::Timestamp;

/// From the first packet to CONNACK, TLS included.
const CONNECT_TIMEOUT_SECS: u64 = 10;
/// From the shutdown request to the last PUBACK and DISCONNECT.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// A server that closes this soon after a publish may not allow it.
const AFTER_PUBLISH: Duration = Duration::from_secs(2);
/// AWS IoT Core's limit of filters in one SUBSCRIBE.
const FILTERS_PER_SUBSCRIBE: usize = 8;

/// How a session ended.
#[derive(Debug)]
pub(super) enum SessionEnd {
    /// As asked for, with DISCONNECT.
    Closed,
    /// As asked for, but the server did not acknowledge everything in time.
    Abandoned,
    /// Otherwise.
    Failed(SessionError),
}

/// How a session ended, and how far it came.
#[derive(Debug)]
pub(super) struct SessionResult {
    pub(super) end: SessionEnd,
    pub(super) reach: SessionReach,
}

/// How far a session came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SessionReach {
    /// It was not announced.
    Unannounced,
    /// It was not announced, and ended after the optional filters alone were asked for: the server
    /// may have closed it because of them.
    AskedOptional,
    /// It was announced.
    Announced,
}

/// What a session is given.
pub(super) struct MqttSession<'a> {
    pub(super) server: u16,
    pub(super) url: &'a ServerUrl,
    /// The own STATE topic is the first.
    pub(super) filters: &'a [String],
    /// Asked for once those are granted; the session goes on without them where they are refused.
    pub(super) optional: &'a [String],
    pub(super) inbox: &'a mut Inbox,
    pub(super) outbound: &'a mut mpsc::Receiver<Outgoing>,
    pub(super) shutdown: &'a CancellationToken,
    /// The time of the STATE of the session before.
    pub(super) last_state_time: &'a mut Timestamp,
    /// Cancelled once CONNECT is answered.
    pub(super) answered: CancellationToken,
    /// What others said under the same host id.
    pub(super) state_times: Option<&'a StateTimes>,
}

/// What the present session has reached.
struct SessionProgress {
    time: Timestamp,
    /// The marker that replaces a skipped payload.
    mark: CutMarker,
    phase: SessionPhase,
    deadline: Option<Instant>,
    patience: SubscribePatience,
    /// STATE is published: other messages may follow.
    state_published: bool,
    /// Filters of SUBSCRIBE packets that are not yet sent, and of those sent with their packet id.
    unsent_filters: VecDeque<Vec<String>>,
    pending_filters: Vec<(u16, Vec<String>)>,
    optional: OptionalFilters,
    /// UNSUBSCRIBE packets not yet answered.
    pending_unsubscribes: usize,
    /// Publishes handed to the client and not yet written, and those written and not acknowledged.
    unsent: usize,
    unacknowledged: usize,
    /// When the latest message was sent, and its topic; none once all are acknowledged.
    last_publish: Option<(Instant, String)>,
}

/// What became of the optional filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OptionalFilters {
    /// Not asked for (yet).
    Unasked,
    /// Asked for, and none of them is refused yet.
    Asked,
    /// One of them at least is refused.
    Refused,
    /// All are granted.
    Granted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum SessionPhase {
    /// CONNECT is on its way.
    Connecting,
    /// SUBSCRIBE is on its way.
    Subscribing,
    /// Subscribed, but the queue has no room for the announcement.
    Announcing,
    /// Announced.
    Open,
    /// The last publishes are on their way.
    Closing,
    /// DISCONNECT is on its way.
    Disconnecting,
}

impl MqttSession<'_> {
    /// Runs to the end.
    pub(super) async fn run(&mut self, options: &SessionOptions) -> SessionResult {
        let time = state_time(clock::wall(), *self.last_state_time);
        let time = self.state_times.map_or(time, |heard| heard.next(time));
        *self.last_state_time = time;
        let (client, mut eventloop) = AsyncClient::builder(options.at(time)).build();
        let mut network = NetworkOptions::new();
        network.set_connection_timeout(CONNECT_TIMEOUT_SECS);
        network.set_tcp_nodelay(true);
        eventloop.set_network_options(network);

        let mut progress = SessionProgress {
            time,
            mark: options.mark(),
            phase: SessionPhase::Connecting,
            deadline: None,
            patience: SubscribePatience::new(options.received()),
            // An observer has no STATE to publish first.
            state_published: options.is_observer(),
            unsent_filters: VecDeque::new(),
            pending_filters: Vec::new(),
            optional: OptionalFilters::Unasked,
            pending_unsubscribes: 0,
            unsent: 0,
            unacknowledged: 0,
            last_publish: None,
        };
        self.inbox.buffer_until_announced();
        let mut was_announced = false;
        loop {
            let event = match self.next_event(&client, &mut eventloop, &mut progress).await {
                Ok(event) => event,
                Err(end) => {
                    // Messages that the client had read before the failure are still handled.
                    for event in std::mem::take(&mut eventloop.state.events) {
                        if matches!(event, Event::Incoming(Packet::Publish(_))) {
                            let _ = self.handle(event, &client, &mut progress);
                        }
                    }
                    return SessionResult { end, reach: progress.reach(was_announced) };
                }
            };
            if let Err(failure) = self.handle(event, &client, &mut progress) {
                let end = SessionEnd::Failed(failure);
                return SessionResult { end, reach: progress.reach(was_announced) };
            }
            was_announced |= progress.phase == SessionPhase::Open;
        }
    }

    /// The client's next event; everything else is handled meanwhile.
    async fn next_event(
        &mut self,
        client: &AsyncClient,
        eventloop: &mut EventLoop,
        progress: &mut SessionProgress,
    ) -> Result<Event, SessionEnd> {
        let mut poll = pin!(eventloop.poll());
        loop {
            if progress.phase == SessionPhase::Closing && progress.is_drained() {
                client.try_disconnect().map_err(|_| SessionEnd::Failed(SessionError::Stalled))?;
                progress.phase = SessionPhase::Disconnecting;
            }
            let deadline = progress.deadline;
            let is_open = progress.phase == SessionPhase::Open;
            let takes_outgoing =
                progress.phase <= SessionPhase::Open && progress.unsent < REQUEST_CAPACITY;
            select! {
                biased;
                () = self.shutdown.cancelled(), if !self.outbound.is_closed() => {
                    // What is queued already is still received, and after it the end.
                    self.outbound.close();
                }
                outgoing = self.outbound.recv(), if takes_outgoing => match outgoing {
                    Some(outgoing) if is_open => self.publish(client, outgoing, progress)?,
                    Some(_) => {}
                    None if is_open => self.close(client, progress)?,
                    None => return Err(SessionEnd::Closed),
                },
                () = self.inbox.room(), if progress.phase == SessionPhase::Announcing => self.announce(progress),
                // Ahead of incoming packets, which may never stop.
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                    if progress.phase >= SessionPhase::Closing {
                        return Err(SessionEnd::Abandoned);
                    }
                    progress.deadline = progress.patience.look();
                    if progress.deadline.is_none() {
                        return Err(SessionEnd::Failed(SessionError::Unanswered));
                    }
                }
                result = &mut poll => return match result {
                    Err(_) if progress.phase == SessionPhase::Disconnecting => Err(SessionEnd::Closed),
                    Err(error) => {
                        Err(SessionEnd::Failed(SessionError::Client(Box::new(error), progress.stage())))
                    }
                    Ok(event) => Ok(event),
                },
            }
        }
    }

    fn handle(
        &mut self,
        event: Event,
        client: &AsyncClient,
        progress: &mut SessionProgress,
    ) -> Result<(), SessionError> {
        self.inbox.note(&event);
        match event {
            Event::Incoming(Packet::Publish(publish)) => {
                let (qos, retain) = (publish.qos as u8, publish.retain);
                if !retain {
                    progress.patience.note_live(publish.topic.len() + publish.payload.len());
                }
                let is_state = |own: &String| own.as_bytes() == &publish.topic[..];
                if let Some(heard) = self.state_times
                    && self.filters.first().is_some_and(is_state)
                {
                    heard.hear(&publish.payload, clock::wall());
                }
                match progress.mark.read(&publish.payload) {
                    Some(size) => self.inbox.handle_oversized(publish.topic, size, retain),
                    None => self.inbox.handle_message(publish.topic, publish.payload, qos, retain),
                }
            }
            Event::Incoming(Packet::ConnAck(_)) => {
                self.answered.cancel();
                progress.phase = SessionPhase::Subscribing;
                progress.deadline = Some(progress.patience.start());
                for filters in self.filters.chunks(FILTERS_PER_SUBSCRIBE) {
                    subscribe(client, filters)?;
                    progress.unsent_filters.push_back(filters.to_vec());
                }
            }
            Event::Outgoing(rumqttc::Outgoing::Subscribe(id)) => {
                if let Some(filters) = progress.unsent_filters.pop_front() {
                    progress.pending_filters.push((id, filters));
                }
            }
            Event::Incoming(Packet::SubAck(answer)) => {
                progress.handle_suback(answer.pkid, &answer.return_codes)?;
                if progress.is_subscribed() {
                    self.handle_subscribed(client, progress)?;
                }
            }
            Event::Outgoing(rumqttc::Outgoing::Publish(id)) => {
                progress.unsent = progress.unsent.saturating_sub(1);
                self.inbox.set_uplink(progress.unsent);
                progress.unacknowledged += usize::from(id != 0);
            }
            Event::Incoming(Packet::UnsubAck(_)) => {
                progress.pending_unsubscribes = progress.pending_unsubscribes.saturating_sub(1);
            }
            Event::Incoming(Packet::PubAck(_)) => {
                progress.unacknowledged = progress.unacknowledged.saturating_sub(1);
                if progress.unsent + progress.unacknowledged == 0 {
                    progress.last_publish = None;
                }
            }
            Event::Incoming(_) | Event::Outgoing(_) => {}
        }
        Ok(())
    }

    /// All subscriptions that were sent are answered.
    fn handle_subscribed(
        &mut self,
        client: &AsyncClient,
        progress: &mut SessionProgress,
    ) -> Result<(), SessionError> {
        match progress.optional {
            OptionalFilters::Unasked if !self.optional.is_empty() => {
                for filters in self.optional.chunks(FILTERS_PER_SUBSCRIBE) {
                    subscribe(client, filters)?;
                    progress.unsent_filters.push_back(filters.to_vec());
                }
                progress.optional = OptionalFilters::Asked;
                return Ok(());
            }
            OptionalFilters::Asked => progress.optional = OptionalFilters::Granted,
            _ => {}
        }
        self.inbox.set_optional(progress.optional == OptionalFilters::Granted);
        self.announce(progress);
        Ok(())
    }

    fn announce(&mut self, progress: &mut SessionProgress) {
        progress.deadline = None;
        let connected = Inbound::Connected { server: self.server, session_time: progress.time };
        if self.inbox.announce(connected) {
            info!(server.address = %self.url, "connected to {}", self.url);
            progress.phase = SessionPhase::Open;
            self.inbox.set_uplink(progress.unsent);
        } else {
            progress.phase = SessionPhase::Announcing;
        }
    }

    /// Withdraws the subscriptions, so that nothing is left unread when the socket closes: the
    /// system would reset the connection, and DISCONNECT could be lost with what is unread.
    fn close(
        &self,
        client: &AsyncClient,
        progress: &mut SessionProgress,
    ) -> Result<(), SessionEnd> {
        let optional = match progress.optional {
            OptionalFilters::Granted => self.optional,
            _ => &[],
        };
        let chunks = [self.filters, optional].map(|all| all.chunks(FILTERS_PER_SUBSCRIBE));
        for filters in chunks.into_iter().flatten() {
            client
                .try_unsubscribe_many(filters.iter().map(String::as_str))
                .map_err(|_| SessionEnd::Failed(SessionError::Stalled))?;
            progress.pending_unsubscribes += 1;
        }
        progress.phase = SessionPhase::Closing;
        self.inbox.clear_uplink();
        progress.deadline = Some(Instant::now() + CLOSE_TIMEOUT);
        Ok(())
    }

    /// The birth comes first [principles-birth-certificates-order]: what an earlier session has
    /// left in the queue is dropped.
    fn publish(
        &self,
        client: &AsyncClient,
        outgoing: Outgoing,
        progress: &mut SessionProgress,
    ) -> Result<(), SessionEnd> {
        let Outgoing { message, until, notice } = outgoing;
        progress.state_published |= self.filters.first() == Some(&message.topic);
        let is_before_birth = !progress.state_published;
        if is_before_birth && until.is_none() {
            debug!(
                messaging.destination.name = message.topic,
                "dropped an outgoing message of an earlier session"
            );
            return Ok(());
        }
        if is_before_birth || until.is_some_and(|until| until <= Instant::now()) {
            warn!(
                messaging.destination.name = message.topic,
                "a command on {} was not sent: {}",
                message.topic,
                match is_before_birth {
                    true => "the session that it was meant for has ended",
                    false => "it was queued for too long",
                }
            );
            if let Some(notice) = notice.filter(|_| !is_before_birth) {
                notice.late();
            }
            return Ok(());
        }
        let qos = match message.qos {
            Qos::AtMostOnce => QoS::AtMostOnce,
            Qos::AtLeastOnce => QoS::AtLeastOnce,
        };
        let options = PublishOptions::new(qos).retain(message.retain);
        let topic = message.topic.clone();
        match client.try_publish(message.topic, message.payload, options) {
            Ok(()) => {
                if let Some(notice) = notice {
                    notice.sent();
                }
                progress.last_publish = Some((Instant::now(), topic));
                progress.unsent += 1;
                self.inbox.set_uplink(progress.unsent);
                Ok(())
            }
            Err(ClientError::InvalidRequest(_)) => {
                warn!("a message with an invalid topic was not published");
                Ok(())
            }
            Err(_) => Err(SessionEnd::Failed(SessionError::Stalled)),
        }
    }
}

impl SessionProgress {
    fn handle_suback(
        &mut self,
        id: u16,
        codes: &[SubscribeReasonCode],
    ) -> Result<(), SessionError> {
        let Some(index) = self.pending_filters.iter().position(|(sent_id, _)| *sent_id == id)
        else {
            return Ok(());
        };
        let (_, filters) = self.pending_filters.swap_remove(index);
        let refused: Vec<String> = filters
            .into_iter()
            .zip(codes)
            .filter(|(_, code)| matches!(code, SubscribeReasonCode::Failure))
            .map(|(filter, _)| filter)
            .collect();
        match self.optional {
            _ if refused.is_empty() => Ok(()),
            OptionalFilters::Unasked => Err(SessionError::Refused(refused)),
            _ => {
                debug!("the server refuses the subscription to {}", refused.join(", "));
                self.optional = OptionalFilters::Refused;
                Ok(())
            }
        }
    }

    fn reach(&self, announced: bool) -> SessionReach {
        match self.optional {
            _ if announced => SessionReach::Announced,
            OptionalFilters::Asked => SessionReach::AskedOptional,
            _ => SessionReach::Unannounced,
        }
    }

    /// The stage of the session, which may be why the server closes it now.
    fn stage(&self) -> FailureStage {
        match (self.phase, &self.last_publish) {
            (SessionPhase::Connecting, _) => FailureStage::Connecting,
            (SessionPhase::Subscribing, _) => FailureStage::Subscribing,
            (_, Some((at, topic))) if at.elapsed() < AFTER_PUBLISH => {
                FailureStage::Published(topic.clone())
            }
            _ => FailureStage::Open,
        }
    }

    /// Nothing more is on its way, in either direction.
    fn is_drained(&self) -> bool {
        self.unsent == 0 && self.unacknowledged == 0 && self.pending_unsubscribes == 0
    }

    fn is_subscribed(&self) -> bool {
        self.phase == SessionPhase::Subscribing
            && self.unsent_filters.is_empty()
            && self.pending_filters.is_empty()
    }
}

fn subscribe(client: &AsyncClient, filters: &[String]) -> Result<(), SessionError> {
    let filters =
        filters.iter().map(|filter| SubscribeFilter::new(filter.clone(), QoS::AtLeastOnce));
    client.try_subscribe_many(filters).map_err(|_| SessionError::Stalled)
}
