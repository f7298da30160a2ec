//! Servers behind a slow link.

use super::*;

/// The subscriptions had ten seconds, and what is skipped was no sign of life: the bridge left within the
/// same message each time, and heard nobody for good.
#[tokio::test]
async fn a_server_that_sends_what_it_has_stored_for_long_before_it_answers_is_waited_for() {
    const PART: usize = 16 << 10;
    const PARTS: usize = 44;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("mqtt://{}", listener.local_addr().unwrap());
    let variables = [("MQTT_MAX_PACKET", "16KiB"), ("MQTT_KEEP_ALIVE", "1s")];
    let mut bridge = Bridge::start(&url, &variables);
    let (mut socket, [high, low]) = subscribed(&listener).await;
    // Retained, with a length of four bytes.
    let length = 3 + PART * PARTS;
    let digit = |place: usize| (length >> (7 * place)) as u8 & 0x7f;
    let header = [0x31, digit(0) | 0x80, digit(1) | 0x80, digit(2) | 0x80, digit(3), 0, 1, b'a'];
    socket.write_all(&header).await.unwrap();
    for _ in 0..PARTS {
        tokio::time::sleep(Duration::from_millis(250)).await;
        socket.write_all(&[0; PART]).await.unwrap();
    }
    socket.write_all(&[0x90, 4, high, low, 1, 1]).await.unwrap();
    bridge.connected().await;
    let Inbound::Oversized { topic, retain, .. } = bridge.next().await else { panic!("not told") };
    assert_eq!((topic.as_str(), retain), ("a", true));
    assert!(bridge.inbound.try_recv().is_err());
    bridge.task.abort();
}
