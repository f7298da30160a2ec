//! Subscriptions that a session does without where the server does not allow them.

use super::*;

const REQUESTS: &str = "requests/#";
const VERDICTS: [&str; 2] = ["accepted/#", "rejected/#"];

fn start(listener: &TcpListener) -> Bridge {
    let url = format!("mqtt://{}", listener.local_addr().unwrap());
    let config = config(&url, &[("MQTT_CLIENT_ID", "commands")]);
    let optional = VERDICTS.map(str::to_owned).to_vec();
    let filters = vec![REQUESTS.to_owned()];
    let connection = Connection::of_commands(&config.mqtt, filters, optional, None);
    Bridge::running(connection.unwrap().unwrap(), 100)
}

/// Grants the requests, and reads what is sent then, if anything is within a moment.
async fn granted(listener: &TcpListener) -> (TcpStream, Vec<u8>) {
    let (mut socket, [high, low]) = timeout(PATIENCE, subscribed(listener)).await.unwrap();
    socket.write_all(&[0x90, 3, high, low, 1]).await.unwrap();
    let mut packet = vec![0; 512];
    let read = timeout(Duration::from_millis(300), socket.read(&mut packet)).await;
    packet.truncate(read.map_or(0, Result::unwrap));
    (socket, packet)
}

fn asks_for_verdicts(packet: &[u8]) -> bool {
    let text = String::from_utf8_lossy(packet);
    packet.first() == Some(&0x82) && VERDICTS.iter().all(|filter| text.contains(filter))
}

#[tokio::test]
async fn what_is_optional_is_asked_for_after_the_rest_and_may_be_refused() {
    for (codes, has_optional) in [([1, 1], true), ([1, 0x80], false), ([0x80, 0x80], false)] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut bridge = start(&listener);
        let (mut socket, packet) = granted(&listener).await;
        assert!(asks_for_verdicts(&packet), "{packet:?}");
        assert!(bridge.inbound.try_recv().is_err(), "announced before all is answered");
        socket.write_all(&[0x90, 4, packet[2], packet[3], codes[0], codes[1]]).await.unwrap();
        bridge.connected().await;
        assert_eq!(bridge.figures.has_optional(), has_optional, "{codes:?}");
        bridge.task.abort();
    }
}

/// AWS IoT may close the connection at a subscription that the policy does not allow.
#[tokio::test]
async fn a_server_that_closes_at_what_is_optional_is_not_asked_for_it_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut bridge = start(&listener);
    for _ in 0..2 {
        let (socket, packet) = granted(&listener).await;
        assert!(asks_for_verdicts(&packet), "{packet:?}");
        drop(socket);
    }
    let (socket, packet) = granted(&listener).await;
    assert!(packet.is_empty(), "asked again: {packet:?}");
    bridge.connected().await;
    assert!(!bridge.figures.has_optional());
    drop(socket);
    bridge.task.abort();
}
