//! Listening: a client of its own that leaves no trace, without STATE and without a will.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant as Moment, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{CapturedEvents, PlanError};
use crate::clock::Clock;
use crate::config::Config;
use crate::mqtt::{self, Inbound, Outgoing};
use crate::sparkplug::event::Event;
use crate::sparkplug::host::{Host, Output, ServerId};
use crate::sparkplug::message::Message;
use crate::sparkplug::{config as host_config, rebirth, topic};
use crate::time::Now;

/// Messages that wait to be read.
const INBOUND: usize = 16_384;
/// Messages to a server that wait for its connection.
const OUTBOUND: usize = 1_024;
/// Listens to all servers.
pub(super) async fn listen(
    config: &Config,
    host: &host_config::Config,
    listen: Duration,
    rebirth: bool,
) -> Result<CapturedEvents, PlanError> {
    let reasons =
        if rebirth { rebirth::RebirthReasons::ALL } else { rebirth::RebirthReasons::NONE };
    let policy = rebirth::RebirthPolicy { reasons, ..host.rebirth };
    let reorder_timeout = patience(host.reorder_timeout, listen, rebirth);
    let host = host_config::Config { rebirth: policy, reorder_timeout, ..host.clone() };
    let mut host = Host::new(host, super::SEED);
    let (inbound, mut messages) = mpsc::channel(INBOUND);
    let cancel = CancellationToken::new();
    let mut connections = JoinSet::new();
    let mut servers = Vec::new();
    let client_id = format!("sparkwise-plan-{:08x}", fastrand::u32(..));
    for (server, url) in (0..).zip(&config.mqtt.servers) {
        let observer =
            mqtt::Connection::observer(server, url, &config.mqtt, &config.sparkplug, &client_id)?;
        let (outbound, publishes) = mpsc::channel(OUTBOUND);
        connections.spawn(observer.run(inbound.clone(), publishes, cancel.clone()));
        servers.push(outbound);
    }
    drop(inbound);

    let clock = Clock::start();
    let start = clock.now().instant;
    let end = clock.when(start + listen);
    let mut captured = CapturedEvents::default();
    let mut connected = false;
    while !captured.is_full() {
        let due = host.poll_timeout().map_or(end, |at| clock.when(at).min(end));
        let message = tokio::select! {
            message = timeout_at(end, messages.recv()) => match message {
                Ok(Some(message)) => Some(message),
                Ok(None) | Err(_) => break,
            },
            () = sleep_until(due) => None,
        };
        let now = clock.now();
        match message {
            None => host.handle_timeout(now),
            Some(message) => {
                connected |= matches!(message, Inbound::Connected { .. });
                handle_inbound(&mut host, message, now);
            }
        }
        drain_outputs(&mut host, &servers, &mut captured, now);
        if due >= end && Moment::now() >= end {
            break;
        }
    }
    captured.listened_for = Some(clock.now().instant.since(start));
    captured.record_unborn(&host);
    cancel.cancel();
    drop(servers);
    drop(messages);
    connections.join_all().await;
    if connected { Ok(captured) } else { Err(PlanError::NotConnected) }
}

/// How long data without a birth waits for one before a rebirth is requested. There has to be time left
/// for the answer: of a short time it is a small part.
fn patience(wait: Duration, listen: Duration, rebirth: bool) -> Duration {
    if rebirth { wait.min(listen / 8) } else { wait }
}

/// Handles what a server has sent.
fn handle_inbound(host: &mut Host, inbound: Inbound, now: Now) {
    match inbound {
        Inbound::Connected { server, session_time } => {
            host.handle_connected(ServerId(server), session_time, now);
        }
        Inbound::Disconnected { server, .. } => host.handle_disconnected(ServerId(server), now),
        Inbound::Oversized { server, topic, size, retain } => {
            warn!("skipped a message on {topic}: its packet has {size} bytes");
            host.handle_oversized(ServerId(server), &topic, retain, now);
        }
        Inbound::Message { server, topic, payload, retain, .. } => {
            host.handle_message(ServerId(server), &topic, &payload, retain, now);
        }
    }
}

/// Keeps the host's events, and publishes its requests for births.
fn drain_outputs(
    host: &mut Host,
    servers: &[mpsc::Sender<Outgoing>],
    captured: &mut CapturedEvents,
    now: Now,
) {
    while let Some(output) = host.poll_output() {
        match output {
            Output::Publish(publish) => {
                let server = servers.get(usize::from(publish.server.0));
                if let Some(server) = server.filter(|_| is_rebirth(&publish.message)) {
                    let topic = &publish.message.topic;
                    info!(messaging.destination.name = topic, "requesting a rebirth");
                    // If the queue is full, the host requests it again later.
                    let _ = server.try_send(publish.message.into());
                }
            }
            Output::Event(Event::Death(_))
            | Output::Finding { .. }
            | Output::AllNodesExcluded(_)
            | Output::NothingDelivered(_) => {}
            Output::Event(event) => captured.push_event(now, event),
        }
    }
}

/// Of all that a host application publishes, an observer publishes requests for births alone.
fn is_rebirth(message: &Message) -> bool {
    matches!(
        topic::Topic::parse(&message.topic),
        Ok(topic::Topic::Edge(edge)) if edge.verb == topic::MessageType::Command
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `--for 3s --rebirth` requested no rebirth: data waited for the birth as long as in the bridge.
    #[test]
    fn a_rebirth_is_requested_while_there_is_time_for_its_answer() {
        let of = |seconds, rebirth| {
            patience(Duration::from_secs(5), Duration::from_secs(seconds), rebirth)
        };
        assert_eq!(of(3, true), Duration::from_millis(375));
        assert_eq!(of(3, false), Duration::from_secs(5));
        assert_eq!(of(300, true), Duration::from_secs(5));
    }
}
