//! Servers that close the connection, and what is said of it.

use super::*;

/// A session that is open, and its server's end.
async fn open(listener: &TcpListener) -> (Bridge, TcpStream) {
    let url = format!("mqtt://{}", listener.local_addr().unwrap());
    let mut bridge = Bridge::start(&url, &[]);
    let (mut socket, [high, low]) = subscribed(listener).await;
    socket.write_all(&[0x90, 4, high, low, 1, 1]).await.unwrap();
    bridge.connected().await;
    (bridge, socket)
}

async fn lost(bridge: &mut Bridge) -> String {
    match bridge.next().await {
        Inbound::Disconnected { reason, .. } => reason,
        other => panic!("{other:?}"),
    }
}

/// It was "sent what is not MQTT: check scheme and port".
#[tokio::test]
async fn a_server_that_stops_within_a_packet_was_restarted() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (mut bridge, mut socket) = open(&listener).await;
    // Half of a PUBLISH.
    socket.write_all(&[0x30, 100, 0, 1, b'a']).await.unwrap();
    drop(socket);
    let reason = lost(&mut bridge).await;
    assert!(reason.contains("restarted") && !reason.contains("scheme"), "{reason}");
    bridge.task.abort();
}

/// It was "another client may use the same MQTT_CLIENT_ID", and later the access rules although the
/// server was stopped.
#[tokio::test]
async fn a_server_that_closes_twice_at_a_message_does_not_allow_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (mut bridge, mut socket) = open(&listener).await;
    for is_first in [true, false] {
        bridge.publish(STATE, "online", Qos::AtLeastOnce).await;
        assert!(socket.read(&mut [0; 512]).await.unwrap() > 0);
        drop(socket);
        let reason = lost(&mut bridge).await;
        assert!(reason.contains(STATE), "{reason}");
        assert_eq!(reason.contains("access rules"), !is_first, "{reason}");
        assert_eq!(reason.contains("restarted"), is_first, "{reason}");
        let (mut next, [high, low]) = subscribed(&listener).await;
        next.write_all(&[0x90, 4, high, low, 1, 1]).await.unwrap();
        bridge.connected().await;
        socket = next;
    }
    bridge.task.abort();
}

#[tokio::test]
async fn a_server_that_took_a_message_does_not_close_for_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (mut bridge, mut socket) = open(&listener).await;
    bridge.publish(STATE, "online", Qos::AtLeastOnce).await;
    let mut packet = [0; 512];
    assert!(socket.read(&mut packet).await.unwrap() > 0);
    let id = 2 + 2 + STATE.len();
    socket.write_all(&[0x40, 2, packet[id], packet[id + 1]]).await.unwrap();
    // A message shows that the acknowledgement was read.
    socket.write_all(&[0x30, 4, 0, 1, b'a', b'x']).await.unwrap();
    assert_eq!(bridge.message().await.payload, "x");
    drop(socket);
    let reason = lost(&mut bridge).await;
    assert!(reason.contains("restarted") && reason.contains("MQTT_CLIENT_ID"), "{reason}");
    bridge.task.abort();
}

#[tokio::test]
async fn a_server_that_closes_at_connect_or_at_the_subscription_is_told_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("mqtt://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let _ = socket.read(&mut [0; 512]).await;
    });
    let reason = failure(&url, &[]).await;
    assert!(reason.contains("before CONNECT is answered"), "{reason}");
    assert!(reason.contains("scheme and port"), "{reason}");

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("mqtt://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { drop(subscribed(&listener).await) });
    let reason = failure(&url, &[]).await;
    assert!(reason.contains("at the subscription"), "{reason}");
}

/// What the client had read in one piece with the end of its connection went with it, in no account.
#[tokio::test]
async fn what_was_read_before_a_connection_fails_is_heard() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    // A packet of a type that there is not; and a socket that is closed.
    for end in [&[0xf0_u8, 0][..], &[]] {
        let (mut bridge, mut socket) = open(&listener).await;
        let mut wire = Vec::new();
        for number in 0..200_u8 {
            let topic = b"spBv1.0/g/NDATA/n";
            wire.extend([0x30, topic.len() as u8 + 3, 0, topic.len() as u8]);
            wire.extend(topic);
            wire.push(number);
        }
        wire.extend(end);
        socket.write_all(&wire).await.unwrap();
        drop(socket);
        let mut heard = 0_u8;
        while let Inbound::Message { payload, .. } = bridge.next().await {
            assert_eq!(payload[..], [heard]);
            heard += 1;
        }
        assert_eq!(heard, 200, "{end:?}");
        bridge.task.abort();
    }
}

/// For ten seconds the log had no line, and `/readyz` "not connected yet".
#[tokio::test]
async fn a_server_that_does_not_answer_connect_is_told_before_the_attempt_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("mqtt://{}", listener.local_addr().unwrap());
    let bridge = Bridge::start(&url, &[]);
    let (_held, _) = listener.accept().await.unwrap();
    let begun = std::time::Instant::now();
    let told = async {
        loop {
            if let Some(told) = bridge.figures.trouble() {
                return told;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let told = timeout(Duration::from_secs(9), told).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(4), "{:?}", begun.elapsed());
    assert!(told.contains(&url) && told.contains("its scheme, and firewalls"), "{told}");
    bridge.task.abort();
}
