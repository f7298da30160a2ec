//! Each MQTT server: address, TLS, login, the subscriptions that the bridge needs, a publish.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::{Check, PATIENCE};
use crate::config::Config;
use crate::mqtt::{Connection, Inbound};
use crate::sparkplug::message::{Message, Qos};

/// A server that does not allow a publish says so by closing the connection within this.
const REFUSAL: Duration = Duration::from_secs(2);
/// Messages that wait to be read: they are thrown away.
const INBOUND: usize = 1_024;
/// How often what a connection says of its trouble is looked at.
const LOOK: Duration = Duration::from_millis(100);

pub(super) async fn check(config: &Config, take_over: bool, take: &mut impl FnMut(Check)) {
    let own = config.mqtt.client_id.as_deref().unwrap_or(&config.sparkplug.host_id);
    let client_id = match take_over {
        true => own.to_owned(),
        false => format!("sparkwise-doctor-{:08x}", fastrand::u32(..)),
    };
    for (server, url) in (0..).zip(&config.mqtt.servers) {
        let connection =
            Connection::observer(server, url, &config.mqtt, &config.sparkplug, &client_id);
        match connection {
            Ok(connection) => one(connection, &url.to_string(), &client_id, take).await,
            Err(error) => take(Check::wrong(url.to_string(), error.to_string())),
        }
    }
    take(Check::not_checked(
        "publishing STATE",
        "the plant would see it; allow the bridge's user to publish spBv1.0/STATE/<host id>, and \
         spBv1.0/+/NCMD/+ for rebirth requests",
    ));
}

async fn one(connection: Connection, url: &str, client_id: &str, take: &mut impl FnMut(Check)) {
    let (inbound, mut messages) = mpsc::channel(INBOUND);
    let (outbound, publishes) = mpsc::channel(1);
    let (figures, cancel) = (connection.figures(), CancellationToken::new());
    let task = tokio::spawn(connection.run(inbound, publishes, cancel.clone()));
    let began = Instant::now();
    let connected = loop {
        match timeout(LOOK, messages.recv()).await {
            Ok(Some(Inbound::Connected { .. })) => break Ok(began.elapsed()),
            Ok(Some(Inbound::Disconnected { reason, .. })) => break Err(reason),
            Ok(Some(_)) => {}
            Ok(None) => break Err("the connection ended".to_owned()),
            Err(_) => {
                if let Some(trouble) = figures.trouble() {
                    break Err(trouble.to_string());
                }
                if began.elapsed() >= PATIENCE {
                    break Err(format!("it does not answer within {PATIENCE:?}"));
                }
            }
        }
    };
    match connected {
        Err(why) => take(Check::wrong(
            url,
            format!(
                "{why} (as client {client_id:?}; where only the bridge's own identifier may \
                     connect, end the bridge and use --take-over)"
            ),
        )),
        Ok(took) => {
            let text = format!("connected and subscribed within {} ms", took.as_millis());
            take(Check::ok(url, text));
            // A command to a node that there is not: the bridge may publish there.
            let topic = "spBv1.0/sparkwise-doctor/NCMD/nobody".to_owned();
            let message = Message {
                topic: topic.clone(),
                payload: Vec::new(),
                qos: Qos::AtMostOnce,
                retain: false,
            };
            // The queue is empty.
            let _ = outbound.try_send(message.into());
            take(match refused(&mut messages).await {
                None => Check::ok(
                    format!("{url}: a publish to {topic}"),
                    "the connection stays (some servers drop what is not allowed without a word)",
                ),
                Some(why) => Check::wrong(
                    format!("{url}: a publish to {topic}"),
                    format!("{why}: allow the bridge's user to publish"),
                ),
            });
        }
    }
    cancel.cancel();
    drop((outbound, messages));
    let _ = timeout_at(Instant::now() + PATIENCE, task).await;
}

/// Why the server ended the session after the publish; none if it did not.
async fn refused(messages: &mut mpsc::Receiver<Inbound>) -> Option<String> {
    let until = Instant::now() + REFUSAL;
    loop {
        tokio::select! {
            () = sleep_until(until) => return None,
            message = messages.recv() => match message {
                Some(Inbound::Disconnected { reason, .. }) => return Some(reason),
                Some(_) => {}
                None => return Some("the connection ended".to_owned()),
            },
        }
    }
}
