//! Each MQTT server: address, TLS, login, the subscriptions that the bridge needs, a publish and
//! whether it is delivered.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::{Check, PATIENCE, Section, no_answer, spawn};
use crate::config::Config;
use crate::mqtt::{Connection, ConnectionStats, Inbound, Outgoing};
use crate::sparkplug::message::{Message, Qos};

/// How long to wait after a publish: a server that forbids it closes the connection within this time.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(2);
/// Messages queued to be read. Their contents do not matter.
const INBOUND: usize = 1_024;
/// How long a disconnect may take.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Interval at which the connection's error is polled.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// The checks of each server, and what is not checked.
pub(super) fn sections(config: &Config, take_over: bool) -> Vec<Section> {
    let host_client_id = config.mqtt.client_id.as_deref().unwrap_or(&config.sparkplug.host_id);
    let client_id = match take_over {
        true => host_client_id.to_owned(),
        false => format!("sparkwise-doctor-{:08x}", fastrand::u32(..)),
    };
    let groups = config.sparkplug.groups.as_deref().unwrap_or_default();
    let group = groups.first().map_or("sparkwise-doctor", String::as_str);
    let mut sections = Vec::new();
    for (server, url) in (0..).zip(&config.mqtt.servers) {
        let connection =
            Connection::observer(server, url, &config.mqtt, &config.sparkplug, &client_id);
        let (url, client_id, group) = (url.to_string(), client_id.clone(), group.to_owned());
        sections.push(spawn(url.clone(), async move {
            match connection {
                Ok(connection) => check_server(connection, &url, (&client_id, &group)).await,
                Err(error) => vec![Check::wrong(url, error.to_string())],
            }
        }));
    }
    let state = Check::not_checked(
        "publishing STATE",
        "the plant would see it; allow the bridge's user to publish to spBv1.0/STATE/<host id>, \
            and to spBv1.0/+/NCMD/+ for rebirth requests",
    );
    sections.push(spawn(String::new(), async { vec![state] }));
    sections
}

/// Connects and subscribes, and disconnects again. Returns how long it took.
pub(super) async fn connect(connection: Connection, url: &str) -> Result<Duration, String> {
    let mut session = Session::open(connection);
    let connected = session.connected(url).await;
    session.close().await;
    connected
}

/// A connection to a server, made for a check.
struct Session {
    messages: mpsc::Receiver<Inbound>,
    outbound: mpsc::Sender<Outgoing>,
    figures: ConnectionStats,
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

impl Session {
    fn open(connection: Connection) -> Self {
        let (inbound, messages) = mpsc::channel(INBOUND);
        let (outbound, publishes) = mpsc::channel(1);
        let (figures, cancel) = (connection.figures(), CancellationToken::new());
        let task = tokio::spawn(connection.run(inbound, publishes, cancel.clone()));
        Self { messages, outbound, figures, cancel, task }
    }

    /// Waits until it is subscribed. Returns how long that took, or why it failed.
    async fn connected(&mut self, url: &str) -> Result<Duration, String> {
        await_session(&mut self.messages, &self.figures, url).await
    }

    /// Disconnects.
    async fn close(self) {
        let Self { messages, outbound, cancel, task, .. } = self;
        cancel.cancel();
        drop((outbound, messages));
        let _ = timeout(DISCONNECT_TIMEOUT, task).await;
    }
}

/// Waits for the session, or why there is none.
async fn await_session(
    messages: &mut mpsc::Receiver<Inbound>,
    figures: &ConnectionStats,
    url: &str,
) -> Result<Duration, String> {
    let began = Instant::now();
    loop {
        match timeout(POLL_INTERVAL, messages.recv()).await {
            Ok(Some(Inbound::Connected { .. })) => return Ok(began.elapsed()),
            Ok(Some(Inbound::Disconnected { reason, .. })) => return Err(reason),
            Ok(Some(_)) => {}
            Ok(None) => return Err("the connection ended".to_owned()),
            Err(_) => {
                if let Some(trouble) = figures.trouble() {
                    return Err(trouble.to_string());
                }
                if began.elapsed() >= PATIENCE {
                    return Err(no_answer(url));
                }
            }
        }
    }
}

async fn check_server(
    connection: Connection,
    url: &str,
    (client_id, group): (&str, &str),
) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut session = Session::open(connection);
    match session.connected(url).await {
        Err(why) => checks.push(Check::wrong(
            url,
            format!(
                "{why} (as client {client_id:?}; if the server allows only the bridge's own \
                    identifier, stop the bridge and use --take-over)"
            ),
        )),
        Ok(took) => {
            let text = format!("connected and subscribed within {} ms", took.as_millis());
            checks.push(Check::ok(url, text));
            // A command to a node that there is not: the bridge may publish there, and is
            // subscribed.
            let topic = format!("spBv1.0/{group}/NCMD/sparkwise-doctor");
            let message = Message {
                topic: topic.clone(),
                payload: Vec::new(),
                qos: Qos::AtMostOnce,
                retain: false,
            };
            // The queue is empty.
            let _ = session.outbound.try_send(message.into());
            checks.push(judge(url, &topic, watch(&mut session.messages, &topic).await));
        }
    }
    session.close().await;
    checks
}

/// What came from the server after the publish.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    /// Why the server ended the session; none if it did not.
    refused: Option<String>,
    /// Whether the message came back, since its topic is subscribed.
    came_back: bool,
    /// Other messages that were delivered.
    others: u64,
}

/// Watches what comes after the publish to `topic`, until it is back or the time for a refusal is
/// over.
async fn watch(messages: &mut mpsc::Receiver<Inbound>, topic: &str) -> Seen {
    let until = Instant::now() + PUBLISH_TIMEOUT;
    let mut seen = Seen::default();
    loop {
        tokio::select! {
            () = sleep_until(until) => return seen,
            message = messages.recv() => match message {
                Some(Inbound::Disconnected { reason, .. }) => {
                    seen.refused = Some(reason);
                    return seen;
                }
                Some(Inbound::Message { topic: of, .. }) if of == topic => {
                    seen.came_back = true;
                    return seen;
                }
                Some(Inbound::Message { .. } | Inbound::Oversized { .. }) => seen.others += 1,
                Some(Inbound::Connected { .. }) => {}
                None => {
                    seen.refused = Some("the connection ended".to_owned());
                    return seen;
                }
            },
        }
    }
}

/// The check that follows from what was seen.
fn judge(url: &str, topic: &str, seen: Seen) -> Check {
    let what = format!("{url}: a publish to {topic}");
    match seen {
        Seen { refused: Some(why), .. } => {
            Check::wrong(what, format!("{why}: allow the bridge's user to publish"))
        }
        Seen { came_back: true, .. } => Check::ok(what, "it was delivered back"),
        Seen { others: 0, .. } => Check::wrong(
            what,
            format!(
                "the server granted the subscriptions and delivers nothing within {PUBLISH_TIMEOUT:?}, not \
                 even this message, whose topic is subscribed: let its access rules (ACL) allow \
                 the bridge's user to publish there and to read spBv1.0/#"
            ),
        ),
        Seen { others, .. } => Check::not_checked(
            what,
            format!(
                "the connection stays, but the message did not come back, while {others} others \
                 were delivered: the server may drop it silently; allow the bridge's user to \
                 publish spBv1.0/+/NCMD/+ if rebirth requests are not answered"
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(seen: Seen) -> String {
        judge("mqtt://h", "spBv1.0/g/NCMD/sparkwise-doctor", seen).to_string()
    }

    /// A server that withholds all was well.
    #[test]
    fn a_server_that_delivers_nothing_is_wrong_and_says_what_to_do() {
        let nothing = text(Seen::default());
        assert!(nothing.starts_with("wrong") && nothing.contains("ACL"), "{nothing}");
        let back = text(Seen { came_back: true, ..Seen::default() });
        assert!(back.starts_with("ok"), "{back}");
        let others = text(Seen { others: 3, ..Seen::default() });
        assert!(others.starts_with("not checked") && others.contains("3 others"), "{others}");
        let refused = text(Seen { refused: Some("not authorized".to_owned()), ..Seen::default() });
        assert!(refused.starts_with("wrong") && refused.contains("not authorized"), "{refused}");
    }
}
