//! One server: one session after the other.

use std::hash::{BuildHasher, RandomState};
use std::pin::pin;
use std::time::Duration;

use rumqttc::ConnectionError;
use tokio::select;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::contention::{Contention, Ending, Evidence};
use super::failure::{self, FailureStage, SessionError};
use super::inbox::{ConnectionStats, Inbox};
use super::options::{ClientRole, SessionOptions};
use super::reconnect_backoff::ReconnectBackoff;
use super::session::{MqttSession, SessionEnd, SessionReach, SessionResult};
use super::{Error, Inbound, Outgoing, SignedAddress, StateTimes};
use crate::config::{self, ServerUrl};
use crate::sparkplug::topic;
use crate::time::Timestamp;

/// Sessions in a row that end when the optional subscriptions are asked for, before they are asked
/// for no more. Some servers close the connection instead of refusing a subscription; one alone may
/// be chance.
const CLOSED_AT_OPTIONAL: u32 = 2;

/// How long CONNECT may be unanswered before that is told.
const UNANSWERED_AFTER: Duration = Duration::from_secs(5);

/// The connection to one MQTT server.
pub struct Connection {
    server: u16,
    url: ServerUrl,
    filters: Vec<String>,
    optional: Vec<String>,
    mqtt: config::Mqtt,
    options: SessionOptions,
    /// Whether its WebSocket is opened at a signed address.
    is_signed: bool,
    max_packet: usize,
    /// Whether it matters how old a message may be that comes after a silence.
    tells_ages: bool,
    figures: ConnectionStats,
    /// Once it is cancelled no further session is begun.
    last_session: CancellationToken,
    /// Shared with the connections that it replaces, or that replace it.
    state_times: Option<StateTimes>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Connection {
    /// A connection to the server at `url`, the `server`th in `MQTT_URL`. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// The certificates or the URL cannot be used.
    pub fn new(
        server: u16,
        url: &ServerUrl,
        mqtt: &config::Mqtt,
        sparkplug: &config::Sparkplug,
    ) -> Result<Self, Error> {
        let role = ClientRole::Host(&sparkplug.host_id);
        Ok(Self {
            server,
            url: url.clone(),
            filters: topic::filters(
                &sparkplug.host_id,
                sparkplug.groups.as_deref().unwrap_or_default(),
                sparkplug.certificates,
            ),
            optional: Vec::new(),
            mqtt: mqtt.clone(),
            options: SessionOptions::new(url, mqtt, role)?,
            is_signed: false,
            max_packet: mqtt.max_packet,
            tells_ages: false,
            figures: ConnectionStats::default(),
            last_session: CancellationToken::new(),
            state_times: None,
        })
    }

    /// The same, but as an observer: under another client identifier, without a will, and
    /// without STATE of its own.
    ///
    /// # Errors
    ///
    /// The certificates or the URL cannot be used.
    pub fn observer(
        server: u16,
        url: &ServerUrl,
        mqtt: &config::Mqtt,
        sparkplug: &config::Sparkplug,
        client_id: &str,
    ) -> Result<Self, Error> {
        let options = SessionOptions::new(url, mqtt, ClientRole::Observer(client_id))?;
        Ok(Self { options, ..Self::new(server, url, mqtt, sparkplug)? })
    }

    /// A connection of its own, for commands: to the one server of `mqtt`, without a will and
    /// without STATE, and of these topics alone. Its place is 0. It does without the `optional` ones
    /// where the server refuses them, or closes two sessions in a row when they are asked for; see
    /// [`ConnectionStats::has_optional`]. A WebSocket may be opened at a `signed` address.
    ///
    /// # Errors
    ///
    /// The certificates or the URL cannot be used.
    pub fn of_commands(
        mqtt: &config::Mqtt,
        filters: Vec<String>,
        optional: Vec<String>,
        signed: Option<SignedAddress>,
    ) -> Result<Option<Self>, Error> {
        let (Some(url), Some(id)) = (mqtt.servers.first(), mqtt.client_id.as_deref()) else {
            return Ok(None);
        };
        let options = SessionOptions::new(url, mqtt, ClientRole::Observer(id))?;
        let is_signed = signed.is_some();
        Ok(Some(Self {
            is_signed,
            server: 0,
            url: url.clone(),
            filters,
            optional,
            mqtt: mqtt.clone(),
            options: match signed {
                Some(signed) => options.signed(signed),
                None => options,
            },
            max_packet: mqtt.max_packet,
            tells_ages: true,
            figures: ConnectionStats::default(),
            last_session: CancellationToken::new(),
            state_times: None,
        }))
    }

    /// The same, but once `last` is cancelled its session is the last one: when it fails no other is
    /// tried. For a client identifier that another process takes over.
    #[must_use]
    pub fn until(self, last: CancellationToken) -> Self {
        Self { last_session: last, ..self }
    }

    /// The same, but no session's STATE is older than one that was heard under the host's id by a
    /// connection with the same `times`.
    #[must_use]
    pub fn after(self, times: StateTimes) -> Self {
        Self { state_times: Some(times), ..self }
    }

    /// What this connection counts.
    pub fn figures(&self) -> ConnectionStats {
        self.figures.clone()
    }

    /// Keeps a session until `shutdown` is cancelled or the sender of `outbound` is dropped.
    ///
    /// Either comes after the last message that shall be published has been queued: what is in
    /// `outbound` then is still sent and acknowledged, within five seconds, before DISCONNECT.
    pub async fn run(
        self,
        inbound: mpsc::Sender<Inbound>,
        mut outbound: mpsc::Receiver<Outgoing>,
        shutdown: CancellationToken,
    ) {
        let mut inbox = Inbox::new(self.server, inbound, self.figures.clone(), self.max_packet)
            .pinging(self.tells_ages.then_some(self.mqtt.keep_alive));
        let mut backoff = ReconnectBackoff::new(RandomState::new().hash_one(()));
        let mut contention = Contention::default();
        let mut last_reason = None;
        let mut is_silence_told = false;
        let mut last_state_time = Timestamp::default();
        // The options of the last session that was announced; until there was one, the latest.
        let mut working_options = self.options.clone();
        let mut has_worked = false;
        let (mut optional, mut closed_at_optional) = (self.optional.clone(), 0);
        let last_session = &self.last_session;
        while discard(&mut outbound) && !shutdown.is_cancelled() && !last_session.is_cancelled() {
            let started_at = Instant::now();
            let options = working_options.reload(&self.url, &self.mqtt);
            let session = MqttSession {
                server: self.server,
                url: &self.url,
                filters: &self.filters,
                optional: &optional,
                inbox: &mut inbox,
                outbound: &mut outbound,
                shutdown: &shutdown,
                last_state_time: &mut last_state_time,
                answered: CancellationToken::new(),
                state_times: self.state_times.as_ref(),
            };
            let SessionResult { end, reach } =
                self.run_session(session, &options, (&mut last_reason, &mut is_silence_told)).await;
            let was_announced = reach == SessionReach::Announced;
            self.figures.set_uplink(None);
            has_worked |= was_announced;
            is_silence_told &= !was_announced;
            if was_announced || !has_worked {
                working_options = options.clone();
            }
            let failure = match end {
                SessionEnd::Failed(failure) => failure,
                SessionEnd::Closed => {
                    info!(server.address = %self.url, "disconnected from {}", self.url);
                    return;
                }
                SessionEnd::Abandoned => {
                    warn!(server.address = %self.url, "{} did not acknowledge the last messages in time", self.url);
                    return;
                }
            };
            match reach {
                SessionReach::Announced => closed_at_optional = 0,
                SessionReach::AskedOptional => closed_at_optional += 1,
                SessionReach::Unannounced => {}
            }
            if closed_at_optional >= CLOSED_AT_OPTIONAL {
                optional.clear();
            }
            let delay = backoff.next_delay(was_announced.then(|| started_at.elapsed()));
            let ending = if was_announced { failure.ending() } else { Ending::Other };
            let evidence = contention.record_end(ending, started_at.elapsed(), Instant::now());
            let reason = self.explain(&failure, evidence, &options.client_id());
            self.figures.set_trouble(Some(&reason));
            if was_announced {
                warn!(server.address = %self.url, error = %failure, "connection to {} lost: \
                                                                     {reason}", self.url);
                select! {
                    () = inbox.disconnected(reason.clone()) => {}
                    () = shutdown.cancelled() => return,
                }
            } else if last_reason.as_ref() != Some(&reason) {
                warn!(server.address = %self.url, error = %failure, "not connected: {reason}; \
                                                                     retrying with backoff");
            } else {
                debug!(server.address = %self.url, error = %failure, "still not connected: {reason}");
            }
            last_reason = Some(reason);
            if !wait(delay, &mut outbound, (&shutdown, last_session)).await {
                return;
            }
        }
    }

    /// Runs a session to its end, and tells meanwhile if it is not answered.
    async fn run_session(
        &self,
        mut session: MqttSession<'_>,
        options: &SessionOptions,
        told: (&mut Option<String>, &mut bool),
    ) -> SessionResult {
        let silence = silence(session.answered.clone());
        let mut run = pin!(session.run(options));
        select! {
            biased;
            result = &mut run => result,
            () = silence => {
                self.tell_silence(told);
                run.await
            }
        }
    }

    /// CONNECT is not answered: that is told before the attempt ends, once until a session is there.
    fn tell_silence(&self, (last_reason, is_told): (&mut Option<String>, &mut bool)) {
        if std::mem::replace(is_told, true) {
            return;
        }
        let error = Box::new(ConnectionError::NetworkTimeout);
        let silent = SessionError::Client(error, FailureStage::Connecting);
        let reason = silent.explain(&self.url).replace(config::MQTT_PREFIX, self.mqtt.prefix);
        self.figures.set_trouble(Some(&reason));
        if last_reason.as_ref() != Some(&reason) {
            warn!(server.address = %self.url, "not connected: {reason}; still waiting");
        }
        *last_reason = Some(reason);
    }

    /// Why a session failed, for people; `evidence` is what the ends of the sessions speak for.
    fn explain(&self, failure: &SessionError, evidence: Evidence, client_id: &str) -> String {
        let reason = match evidence {
            Evidence::Contended => {
                let reason = failure::contended(&self.url, client_id);
                self.figures.set_contended(reason.clone());
                reason
            }
            Evidence::Forbidden => failure.explain_repeated(&self.url),
            Evidence::None => match failure.explain_signed(&self.url) {
                Some(reason) if self.is_signed => reason,
                _ => failure.explain(&self.url),
            },
        };
        reason.replace(config::MQTT_PREFIX, self.mqtt.prefix)
    }
}

/// Ends if nothing is answered for some seconds.
async fn silence(answered: CancellationToken) {
    if timeout(UNANSWERED_AFTER, answered.cancelled()).await.is_ok() {
        std::future::pending().await
    }
}

/// Drops what is queued, since nothing can be published without a session. False once the sender
/// is gone.
fn discard(outbound: &mut mpsc::Receiver<Outgoing>) -> bool {
    while outbound.try_recv().is_ok() {}
    !outbound.is_closed()
}

/// Waits, and drops what is queued meanwhile. False if no further session is to begin.
async fn wait(
    pause: Duration,
    outbound: &mut mpsc::Receiver<Outgoing>,
    (shutdown, last_session): (&CancellationToken, &CancellationToken),
) -> bool {
    let discard_all = async { while outbound.recv().await.is_some() {} };
    select! {
        biased;
        () = shutdown.cancelled() => false,
        () = last_session.cancelled() => false,
        () = discard_all => false,
        () = sleep(pause) => true,
    }
}
