//! Options of a session.

use std::time::Duration;

use bytes::Bytes;
use hyper::Uri;
use hyper::header::{HOST, HeaderValue};
use rumqttc::{Broker, LastWill, MqttOptions, QoS, Transport};
use tracing::warn;

use super::connector::Connector;
use super::patience::ReceivedBytes;
use super::sieve::{self, CutMarker};
use super::{SignedAddress, SigningError, tls};
use crate::config::{self, Environment, Scheme, Secret, ServerUrl};
use crate::sparkplug::topic;
use crate::time::Timestamp;

/// Requests that the client takes before it has sent them.
pub(super) const REQUEST_CAPACITY: usize = 128;

/// Everything that is the same in all sessions with one server.
#[derive(Clone)]
pub(super) struct SessionOptions {
    options: MqttOptions,
    /// Where the will goes; none for an observer, who leaves no trace.
    state_topic: Option<String>,
    /// The marker that replaces a skipped payload.
    mark: CutMarker,
    received: ReceivedBytes,
}

/// The role of a client.
#[derive(Clone, Copy, Debug)]
pub(super) enum ClientRole<'a> {
    /// The host application of this id, with STATE as its will.
    Host(&'a str),
    /// An observer with this client identifier, without a will.
    Observer(&'a str),
}

impl SessionOptions {
    /// With an address that is signed for each attempt to open the WebSocket.
    pub(super) fn signed(mut self, address: SignedAddress) -> Self {
        self.options.set_fallible_request_modifier(move |mut request| {
            let address = address();
            async move {
                let uri: Uri = address.await?.parse().map_err(SigningError::new)?;
                let host = uri.authority().map(|authority| authority.as_str());
                let host = HeaderValue::from_str(host.unwrap_or_default());
                request.headers_mut().insert(HOST, host.map_err(SigningError::new)?);
                *request.uri_mut() = uri;
                Ok::<_, SigningError>(request)
            }
        });
        self
    }

    /// The client identifier.
    pub(super) fn client_id(&self) -> String {
        self.options.client_id()
    }

    pub(super) fn new(
        url: &ServerUrl,
        mqtt: &config::Mqtt,
        role: ClientRole<'_>,
    ) -> Result<Self, tls::Error> {
        // TLS is set up below the client, when the connection is opened.
        let (broker, transport) = match url.scheme {
            Scheme::Mqtt | Scheme::Mqtts => (tcp(url), Transport::tcp()),
            Scheme::Ws | Scheme::Wss => (websocket(url)?, Transport::ws()),
        };
        let (max_packet, mark) = (mqtt.max_packet, CutMarker::new());
        let received = ReceivedBytes::default();
        let connector = connector(url, mqtt, mark, &received)?;
        let (client_id, state_topic) = match role {
            ClientRole::Host(id) => {
                (mqtt.client_id.as_deref().unwrap_or(id), Some(topic::state(id)))
            }
            ClientRole::Observer(client_id) => (client_id, None),
        };
        let mut options = MqttOptions::new(client_id, broker);
        options
            .set_transport(transport)
            .set_keep_alive(u16::try_from(mqtt.keep_alive.as_secs()).unwrap_or(u16::MAX))
            .set_socket_connector(move |_, network| connector.clone().open(network))
            .set_max_packet_size(max_packet.saturating_add(sieve::CUT_PACKET_EXTRA), max_packet)
            .set_request_channel_capacity(REQUEST_CAPACITY)
            .set_pending_throttle(Duration::ZERO)
            // [message-flow-phid-sparkplug-clean-session-311]
            .set_clean_session(true);
        set_credentials(&mut options, mqtt);
        Ok(Self { options, state_topic, mark, received })
    }

    pub(super) fn mark(&self) -> CutMarker {
        self.mark
    }

    /// What comes from the server, in all sessions.
    pub(super) fn received(&self) -> ReceivedBytes {
        self.received.clone()
    }

    /// With the certificates and the password read again from their files; unchanged where none
    /// came from a file, or a file is unusable. What is unchanged is what this has, not what was read
    /// at the start.
    pub(super) fn reload(&self, url: &ServerUrl, mqtt: &config::Mqtt) -> Self {
        let Some(reloaded) = mqtt.reload(&Environment) else { return self.clone() };
        let updated = reloaded.and_then(|mqtt| {
            let connector = connector(url, &mqtt, self.mark, &self.received)
                .map_err(|error| error.to_string())?;
            let mut options = self.options.clone();
            options.set_socket_connector(move |_, network| connector.clone().open(network));
            set_credentials(&mut options, &mqtt);
            Ok(Self { options, ..self.clone() })
        });
        updated.unwrap_or_else(|reason| {
            warn!(server.address = %url, "{reason}; the last version that worked stays in use for \
                                          {url}");
            self.clone()
        })
    }

    pub(super) fn is_observer(&self) -> bool {
        self.state_topic.is_none()
    }

    /// Options for a session that begins at `time` [host-topic-phid-death-payload-timestamp-connect].
    pub(super) fn at(&self, time: Timestamp) -> MqttOptions {
        let mut options = self.options.clone();
        if let Some(topic) = &self.state_topic {
            let payload = format!(r#"{{"online":false,"timestamp":{}}}"#, time.as_millis());
            options.set_last_will(LastWill::new(topic.as_str(), payload, QoS::AtLeastOnce, true));
        }
        options
    }
}

fn connector(
    url: &ServerUrl,
    mqtt: &config::Mqtt,
    mark: CutMarker,
    received: &ReceivedBytes,
) -> Result<Connector, tls::Error> {
    let tls = url.scheme.is_secure().then(|| tls::configuration(mqtt)).transpose()?;
    let (max_packet, received) = (mqtt.max_packet, received.clone());
    Ok(Connector { url: url.clone(), tls, max_packet, mark, received })
}

fn set_credentials(options: &mut MqttOptions, mqtt: &config::Mqtt) {
    match (&mqtt.username, &mqtt.password) {
        (Some(username), Some(password)) => {
            options.set_credentials(username.as_str(), secret_bytes(password));
        }
        (Some(username), None) => {
            options.set_username(username.as_str());
        }
        (None, _) => {}
    }
}

fn tcp(url: &ServerUrl) -> Broker {
    Broker::tcp(url.host.as_str(), url.port)
}

/// The client takes `ws` alone: whether TLS is around it, the transport says.
fn websocket(url: &ServerUrl) -> Result<Broker, tls::Error> {
    let plain = ServerUrl { scheme: Scheme::Ws, ..url.clone() };
    let text = format!("{plain}{}", url.path);
    Broker::websocket(text).map_err(|error| {
        // The path may carry a token, and nobody needs to see it twice.
        tls::Error::Url(url.clone(), error.to_string().replace(&url.path, "/..."))
    })
}

fn secret_bytes(secret: &Secret) -> Bytes {
    Bytes::copy_from_slice(secret.expose().as_bytes())
}
