//! Commands to the plant: never queued, and never over a reconnect.

use super::*;
use crate::command::Unsent;
use crate::command::request::{CommandChannel, RequestKey};

#[tokio::test]
async fn a_command_leaves_at_once_or_never() {
    let broker = Broker::start(0).await.unwrap();
    let (url, port) = (broker.url(), broker.addr.port());
    let mut bridge = Bridge::start(&url, &[]);
    assert_eq!(bridge.figures.uplink(), None);
    bridge.connected().await;
    assert_eq!(bridge.figures.uplink(), Some(0));
    let (sender, mut notices) = mpsc::unbounded_channel();
    let command = |payload: &str, life: Duration| Outgoing {
        message: Message {
            topic: "spBv1.0/Nordsee/NCMD/Gateway".to_owned(),
            payload: payload.into(),
            qos: Qos::AtMostOnce,
            retain: false,
        },
        until: Some(tokio::time::Instant::now() + life),
        notice: Some(SendNotice::new(
            sender.clone(),
            RequestKey::new(CommandChannel::Queue, payload),
        )),
    };
    let mut plant = Watcher::start(broker.addr, "spBv1.0/#").await;
    // Before STATE it is of an earlier session, and after its time it is late.
    bridge.outbound.send(command("early", PATIENCE)).await.unwrap();
    bridge.publish(STATE, "online", Qos::AtLeastOnce).await;
    bridge.outbound.send(command("late", Duration::ZERO)).await.unwrap();
    bridge.outbound.send(command("now", PATIENCE)).await.unwrap();
    assert_eq!(plant.message("spBv1.0/Nordsee/NCMD/Gateway").await.0, "now");

    broker.stop().await;
    while !matches!(bridge.next().await, Inbound::Disconnected { .. }) {}
    assert_eq!(bridge.figures.uplink(), None);
    // Without a session it waits for none.
    bridge.outbound.send(command("between", PATIENCE)).await.unwrap();
    let broker = Broker::start(port).await.unwrap();
    let mut plant = Watcher::start(broker.addr, "spBv1.0/#").await;
    bridge.connected().await;
    bridge.publish(STATE, "online", Qos::AtLeastOnce).await;
    bridge.outbound.send(command("after", PATIENCE)).await.unwrap();
    assert_eq!(plant.message("spBv1.0/Nordsee/NCMD/Gateway").await.0, "after");
    // Who asked is told once of each whether it was sent; what was not was waited for as if it had been.
    let mut told = || notices.try_recv().ok().map(|(key, sent)| (key.id.to_string(), sent));
    for (id, sent) in [
        ("early", Err(Unsent::NoSession)),
        ("late", Err(Unsent::Late)),
        ("now", Ok(())),
        ("between", Err(Unsent::NoSession)),
        ("after", Ok(())),
    ] {
        assert_eq!(told(), Some((id.to_owned(), sent)));
    }
    broker.stop().await;
    bridge.outbound.send(command("last", PATIENCE)).await.unwrap();
    while !matches!(bridge.next().await, Inbound::Disconnected { .. }) {}
    drop(bridge);
    assert!(told().is_none_or(|(id, _)| id == "last"));
}
