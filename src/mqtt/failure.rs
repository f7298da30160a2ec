//! Why a session could not begin or had to end, with a remedy.

use std::fmt;
use std::io;

use rumqttc::tokio_rustls::rustls::{self, AlertDescription};
use rumqttc::{ConnectReturnCode, ConnectionError, StateError};

use super::contention::Ending;
use crate::config::{Scheme, ServerUrl};
use crate::tls::{Peer, find};

/// Why a session ended.
#[derive(Debug)]
pub(super) enum SessionError {
    /// The MQTT client reports it, at this stage of the session.
    Client(Box<ConnectionError>, FailureStage),
    /// The server refused these filters.
    Refused(Vec<String>),
    /// The server did not answer the subscriptions in time.
    Unanswered,
    /// The client's request queue is full: the connection is stalled.
    Stalled,
}

/// How far a session was when it failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum FailureStage {
    /// CONNECT was not answered.
    #[default]
    Connecting,
    /// The subscriptions were not answered.
    Subscribing,
    /// A message on this topic had just been sent.
    Published(String),
    /// The session was open, and nothing had just been sent.
    Open,
}

impl SessionError {
    /// Whether the server closed the session, or another client took it, while nothing in
    /// particular happened.
    pub(super) fn ending(&self) -> Ending {
        match self {
            Self::Client(error, stage) if is_closed(error) => match stage {
                FailureStage::Open => Ending::Closed,
                FailureStage::Published(topic) => Ending::ClosedAfter(topic.clone()),
                FailureStage::Connecting | FailureStage::Subscribing => Ending::Other,
            },
            _ => Ending::Other,
        }
    }

    /// The same where the session before ended in the same way: the message is to blame.
    pub(super) fn explain_repeated(&self, url: &ServerUrl) -> String {
        match self {
            Self::Client(_, FailureStage::Published(topic)) => format!(
                "the server closed the connection again right after a message on {topic} was sent: \
                 allow that for this client in the server's access rules"
            ),
            _ => self.explain(url),
        }
    }

    /// The same where the address of the WebSocket was signed, if the signature or the rights of
    /// the role behind it are to blame.
    pub(super) fn explain_signed(&self, url: &ServerUrl) -> Option<String> {
        let Self::Client(error, stage) = self else { return None };
        // The WebSocket was open, so host, scheme and signature are right.
        let was_open = matches!(**error, ConnectionError::MqttState(_));
        if was_open && is_closed(error) && *stage == FailureStage::Connecting {
            return Some(format!(
                "{url} closes the connection before CONNECT is answered: check that the role of \
                 the bridge's AWS credentials allows iot:Connect for the client id in MQTT_CLIENT_ID"
            ));
        }
        let ConnectionError::Websocket(error) = &**error else { return None };
        let status = status_of(&error.to_string()).filter(|status| matches!(status, 401 | 403))?;
        Some(format!(
            "{url} refuses the signature of the WebSocket (HTTP {status}): check that the host is \
             the account's endpoint of AWS IoT in the region that it names, that the bridge's AWS \
             credentials are valid and its clock is right, and that its role allows iot:Connect"
        ))
    }

    /// One sentence for people, for the server at `url`.
    pub(super) fn explain(&self, url: &ServerUrl) -> String {
        match self {
            Self::Client(error, stage) => explain(error, stage, url),
            Self::Refused(filters) => format!(
                "the server refuses the subscription to {}: allow it for this client in the \
                    server's access rules",
                filters.join(", ")
            ),
            Self::Unanswered => "the server does not answer the subscriptions".to_owned(),
            Self::Stalled => {
                "the connection is stalled: the server does not read what is sent".to_owned()
            }
        }
    }
}

/// Whether the connection was closed without a reason.
fn is_closed(error: &ConnectionError) -> bool {
    match error {
        ConnectionError::MqttState(StateError::ConnectionAborted) => true,
        // The connection ended in the middle of a packet.
        ConnectionError::MqttState(StateError::Deserialization(rumqttc::Error::Io(error))) => {
            error.kind() == io::ErrorKind::Other || is_cut(error)
        }
        ConnectionError::MqttState(StateError::Deserialization(_)) => false,
        error => find::<io::Error>(error).is_some_and(is_cut),
    }
}

fn is_cut(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::UnexpectedEof
            | io::ErrorKind::BrokenPipe
    )
}

/// Why the session ended, where another client has our identifier.
pub(super) fn contended(url: &ServerUrl, client_id: &str) -> String {
    format!(
        "{url} closed several sessions in a row: another client may use the client id \
            {client_id:?} too; the server's log shows whether it does: give each its own \
            MQTT_CLIENT_ID; else look for restarts of the server, and for proxies or firewalls \
            that close connections"
    )
}

fn explain(error: &ConnectionError, stage: &FailureStage, url: &ServerUrl) -> String {
    if let Some(tls) = find::<rustls::Error>(error) {
        return explain_tls(tls, url);
    }
    if let Some(rumqttc::Error::PayloadSizeLimitExceeded(size)) = find::<rumqttc::Error>(error) {
        return format!("the server sent a packet of {size} bytes: raise MQTT_MAX_PACKET");
    }
    match error {
        ConnectionError::ConnectionRefused(code) => explain_refusal(*code),
        ConnectionError::NetworkTimeout => {
            format!(
                "{url} does not answer: check the address in MQTT_URL, its scheme, and firewalls \
                    on the way"
            )
        }
        ConnectionError::MqttState(StateError::AwaitPingResp) => {
            "the server no longer answers pings".to_owned()
        }
        ConnectionError::MqttState(StateError::ConnectionAborted) => closed(stage, url),
        // The connection ended in the middle of a packet.
        ConnectionError::MqttState(StateError::Deserialization(rumqttc::Error::Io(error))) => {
            match error.kind() {
                io::ErrorKind::Other => closed(stage, url),
                _ => explain_io(error, stage, url),
            }
        }
        ConnectionError::MqttState(StateError::Deserialization(error)) => match stage {
            FailureStage::Connecting => {
                format!("{url} does not speak MQTT ({error}): check scheme and port in MQTT_URL")
            }
            _ => format!(
                "{url} sent a packet that is not valid in MQTT 3.1.1 ({error}): check which server \
                    this is, and its log"
            ),
        },
        ConnectionError::Websocket(error) => explain_websocket(&error.to_string(), url),
        ConnectionError::RequestModifier(error) => {
            format!("the address of the WebSocket to {url} cannot be signed: {error}")
        }
        ConnectionError::ResponseValidation(_) => {
            format!("the WebSocket at {url} does not speak MQTT: check the path in MQTT_URL")
        }
        _ => match find::<io::Error>(error) {
            Some(error) => explain_io(error, stage, url),
            None => error.to_string(),
        },
    }
}

/// The status that an upgrade to a WebSocket was answered with: the client has no other word for it.
fn status_of(error: &str) -> Option<u16> {
    error.strip_prefix("HTTP error: ")?.get(..3)?.parse().ok()
}

/// The upgrade to a WebSocket was answered otherwise, or not at all.
fn explain_websocket(error: &str, url: &ServerUrl) -> String {
    let Some(status) = status_of(error) else {
        return format!("no WebSocket at {url} ({error}): check scheme, port and path in MQTT_URL");
    };
    match status {
        status @ (401 | 403) => format!(
            "{url} refuses the WebSocket itself (HTTP {status}), before user name and password of \
             MQTT are looked at: check the path and the token in MQTT_URL, and that the server, or \
             a proxy before it, lets this client in"
        ),
        407 => format!(
            "a proxy before {url} wants credentials (HTTP 407): let this client through it without"
        ),
        status @ (301 | 302 | 307 | 308) => format!(
            "{url} redirects (HTTP {status}): set MQTT_URL to the address that it redirects to"
        ),
        status @ (404 | 405 | 426) => format!(
            "no WebSocket at {url} (HTTP {status}): check scheme, port and path in MQTT_URL, which \
             is /mqtt with most servers"
        ),
        status @ (429 | 500..) => format!(
            "{url} cannot take the WebSocket now (HTTP {status}): retrying with backoff; check the \
             server, and proxies before it"
        ),
        status => format!(
            "no WebSocket at {url} (HTTP {status}): check scheme, port and path in MQTT_URL"
        ),
    }
}

fn explain_io(error: &io::Error, stage: &FailureStage, url: &ServerUrl) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            format!("connection refused by {url}: check MQTT_URL, and that the server runs")
        }
        _ if is_cut(error) => closed(stage, url),
        io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::TimedOut => {
            format!("{url} cannot be reached ({error}): check routes and firewalls")
        }
        _ if error.to_string().contains("lookup") => {
            format!("the name of {url} cannot be resolved ({error}): check MQTT_URL and DNS")
        }
        _ => error.to_string(),
    }
}

fn explain_refusal(code: ConnectReturnCode) -> String {
    match code {
        ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized => {
            "the server refuses these credentials: check MQTT_USERNAME and MQTT_PASSWORD, or \
             MQTT_CERT, and the server's access rules"
        }
        ConnectReturnCode::BadClientId => {
            "the server rejects the client id: set another one in MQTT_CLIENT_ID"
        }
        ConnectReturnCode::RefusedProtocolVersion => "the server does not speak MQTT 3.1.1",
        ConnectReturnCode::ServiceUnavailable => "the server reports that it is unavailable",
        ConnectReturnCode::Success => {
            "the server refused the connection with return code 0, which means success"
        }
    }
    .to_owned()
}

fn explain_tls(error: &rustls::Error, url: &ServerUrl) -> String {
    let name = &url.to_string();
    let peer = Peer { name, address: "MQTT_URL", authorities: "MQTT_CA" };
    if let Some(told) = peer.explain(error) {
        return told;
    }
    match error {
        rustls::Error::AlertReceived(
            AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
            | AlertDescription::UnknownCA
            | AlertDescription::CertificateUnknown
            | AlertDescription::DecryptError
            | AlertDescription::AccessDenied,
        ) => format!(
            "{url} does not accept the client certificate ({error}): check MQTT_CERT and MQTT_KEY"
        ),
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => format!(
            "{url} requires a client certificate, and none was sent: set MQTT_CERT and MQTT_KEY"
        ),
        // With TLS 1.2 there is no other word for it.
        rustls::Error::AlertReceived(AlertDescription::HandshakeFailure) => format!(
            "{url} refuses TLS with this client ({error}): it may require a client certificate \
             (MQTT_CERT and MQTT_KEY), or have no cipher that the bridge has"
        ),
        error => format!("TLS with {url} failed: {error}"),
    }
}

/// The server closed the connection. It gives no reason: what there is is the moment.
fn closed(stage: &FailureStage, url: &ServerUrl) -> String {
    let tls = matches!(url.scheme, Scheme::Mqtts | Scheme::Wss);
    match stage {
        FailureStage::Connecting if tls => format!(
            "{url} closes the connection before CONNECT is answered: its port may be one without \
             TLS, or it refuses this client: check scheme and port in MQTT_URL, then the \
             certificate or password and the server's access rules"
        ),
        FailureStage::Connecting => format!(
            "{url} closes the connection before CONNECT is answered: its port may be one with TLS, \
             or it refuses this client: check scheme and port in MQTT_URL, then MQTT_USERNAME and \
             MQTT_PASSWORD and the server's access rules"
        ),
        FailureStage::Subscribing => {
            "the server closed the connection at the subscription: allow it for this client in the \
                                server's access rules"
                .to_owned()
        }
        // A single time may be chance: a server that stops closes connections at any moment.
        FailureStage::Published(topic) => format!(
            "the server closed the connection: it may have been restarted; if this repeats, it may \
             not allow what was sent last, on {topic}, or another client may use the same \
             MQTT_CLIENT_ID"
        ),
        FailureStage::Open => {
            "the server closed the connection: it may have been restarted; if this \
                         repeats, another client may use the same MQTT_CLIENT_ID"
                .to_owned()
        }
    }
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(error, _) => error.fmt(f),
            Self::Refused(_) => f.write_str("subscription refused"),
            Self::Unanswered => f.write_str("subscriptions unanswered"),
            Self::Stalled => f.write_str("requests stalled"),
        }
    }
}

#[cfg(test)]
mod tests {
    use rumqttc::tokio_rustls::rustls::CertificateError;

    use super::*;

    fn explained(error: ConnectionError) -> String {
        explained_at(error, FailureStage::Connecting)
    }

    fn url() -> ServerUrl {
        ServerUrl {
            scheme: Scheme::Mqtts,
            host: "broker.example".to_owned(),
            port: 8883,
            path: "/mqtt".to_owned(),
        }
    }

    fn explained_at(error: ConnectionError, stage: FailureStage) -> String {
        SessionError::Client(Box::new(error), stage).explain(&url())
    }

    fn tls(error: rustls::Error) -> ConnectionError {
        ConnectionError::Tls(rumqttc::TlsError::Io(io::Error::new(
            io::ErrorKind::InvalidData,
            error,
        )))
    }

    #[test]
    fn failures_say_what_to_do() {
        for (error, hint) in [
            (
                ConnectionError::ConnectionRefused(ConnectReturnCode::BadUserNamePassword),
                "MQTT_PASSWORD",
            ),
            (ConnectionError::ConnectionRefused(ConnectReturnCode::BadClientId), "MQTT_CLIENT_ID"),
            (
                ConnectionError::Io(io::ErrorKind::ConnectionRefused.into()),
                "mqtts://broker.example:8883",
            ),
            (ConnectionError::NetworkTimeout, "firewalls"),
            (
                ConnectionError::MqttState(StateError::Deserialization(
                    rumqttc::Error::PayloadSizeLimitExceeded(20_000_000),
                )),
                "20000000 bytes: raise MQTT_MAX_PACKET",
            ),
            (
                tls(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)),
                "set MQTT_CA",
            ),
            (
                tls(rustls::Error::InvalidCertificate(CertificateError::NotValidForName)),
                "does not name this host",
            ),
            (
                ConnectionError::MqttState(StateError::Io(io::Error::new(
                    io::ErrorKind::InvalidData,
                    rustls::Error::AlertReceived(AlertDescription::CertificateRequired),
                ))),
                "requires a client certificate, and none was sent: set MQTT_CERT",
            ),
            (
                tls(rustls::Error::AlertReceived(AlertDescription::HandshakeFailure)),
                "may require a client certificate (MQTT_CERT",
            ),
            (
                tls(rustls::Error::AlertReceived(AlertDescription::UnknownCA)),
                "does not accept the client certificate",
            ),
        ] {
            let text = explained(error);
            assert!(text.contains(hint), "{hint} is not in: {text}");
        }
    }

    /// A restart was told as "sent what is not MQTT: check scheme and port".
    #[test]
    fn a_connection_that_ends_is_told_by_its_moment() {
        let cut = || {
            let remaining = io::Error::other("bytes remaining on stream");
            ConnectionError::MqttState(StateError::Deserialization(remaining.into()))
        };
        let reset = || {
            let reset = io::Error::from(io::ErrorKind::ConnectionReset);
            ConnectionError::MqttState(StateError::Deserialization(reset.into()))
        };
        let closed = || ConnectionError::MqttState(StateError::ConnectionAborted);
        for error in [cut, reset, closed] {
            let text = explained_at(error(), FailureStage::Open);
            assert!(text.contains("restarted") && !text.contains("scheme"), "{text}");
            let text = explained_at(error(), FailureStage::Connecting);
            assert!(text.contains("without TLS") && !text.contains("MQTT_CLIENT_ID"), "{text}");
            let signed = |stage| SessionError::Client(Box::new(error()), stage);
            let text = signed(FailureStage::Connecting).explain_signed(&url()).unwrap();
            assert!(text.contains("allows iot:Connect") && !text.contains("TLS"), "{text}");
            assert_eq!(signed(FailureStage::Open).explain_signed(&url()), None);
            let reset = ConnectionError::Io(io::ErrorKind::ConnectionReset.into());
            let reset = SessionError::Client(Box::new(reset), FailureStage::Connecting);
            assert_eq!(reset.explain_signed(&url()), None, "there was no WebSocket yet");
            let text = explained_at(error(), FailureStage::Subscribing);
            assert!(text.contains("at the subscription"), "{text}");
            let published = FailureStage::Published("spBv1.0/STATE/h".into());
            let text = explained_at(error(), published.clone());
            assert!(text.contains("restarted") && text.contains("spBv1.0/STATE/h"), "{text}");
            assert!(!text.contains("access rules"), "{text}");
            let again = SessionError::Client(Box::new(error()), published).explain_repeated(&url());
            assert!(again.contains("spBv1.0/STATE/h") && again.contains("access rules"), "{again}");
            assert!(!again.contains("MQTT_CLIENT_ID"), "{again}");
        }
    }
}
