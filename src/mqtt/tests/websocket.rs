//! MQTT over WebSocket, with and without TLS, through a small WebSocket server.

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::tls::{Authority, serve_tls};
use super::*;

/// What the key of a handshake is hashed with (RFC 6455, section 1.3).
const MAGIC: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

#[tokio::test]
async fn mqtt_travels_over_websockets() {
    let broker = Broker::start(0).await.unwrap();
    let port = serve(broker.addr, "/mqtt").await;
    let url = format!("ws://127.0.0.1:{}", port.port());
    there_and_back(&url, &[], &broker).await;
    leaves_out(&url, &[], &broker).await;
    broker.stop().await;
}

#[tokio::test]
async fn mqtt_travels_over_websockets_within_tls() {
    let (broker, authority) = (Broker::start(0).await.unwrap(), Authority::new("ours"));
    let plain = serve(broker.addr, "/path/to/mqtt").await;
    let port = serve_tls(plain, &authority.issue("localhost"), None).await;
    let url = format!("wss://localhost:{port}/path/to/mqtt");
    there_and_back(&url, &[("MQTT_CA", &authority.pem)], &broker).await;
    leaves_out(&url, &[("MQTT_CA", &authority.pem)], &broker).await;

    let reason = failure(&url, &[("MQTT_CA", &Authority::new("theirs").pem)]).await;
    assert!(reason.contains("set MQTT_CA"), "{reason}");
    let elsewhere = url.replace("/path/to", "/elsewhere");
    let reason = failure(&elsewhere, &[("MQTT_CA", &authority.pem)]).await;
    assert!(reason.contains("check scheme, port and path"), "{reason}");
    broker.stop().await;
}

/// A message in each direction, one of them larger than a frame's shortest forms.
async fn there_and_back(url: &str, variables: &[(&str, &str)], broker: &Broker) {
    let mut bridge = Bridge::start(url, variables);
    bridge.connected().await;
    let mut plant = Watcher::start(broker.addr, "spBv1.0/+/NCMD/#").await;
    let large = "x".repeat(100_000);
    plant.publish("spBv1.0/Nordsee/NDATA/Gateway", &large).await;
    assert_eq!(bridge.message().await.payload, large);
    bridge.publish(STATE, "online", Qos::AtLeastOnce).await;
    bridge.publish("spBv1.0/Nordsee/NCMD/Gateway", &large, Qos::AtMostOnce).await;
    assert_eq!(plant.message("spBv1.0/Nordsee/NCMD/Gateway").await.0, large);
    bridge.shutdown.cancel();
    timeout(PATIENCE, bridge.task).await.unwrap().unwrap();
}

/// A WebSocket server at `path` in front of `behind`; its address.
async fn serve(behind: SocketAddr, path: &'static str) -> SocketAddr {
    serve_where(behind, move |target, _| if target == path { 101 } else { 404 }).await
}

/// The same, where `judge` gives the status for what is asked for and the host that it is asked of.
pub(super) async fn serve_where(
    behind: SocketAddr,
    judge: impl Fn(&str, &str) -> u16 + Clone + Send + Sync + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let judge = judge.clone();
            tokio::spawn(async move {
                let (read, mut write) = socket.into_split();
                let mut read = BufReader::new(read);
                if shake_hands(&mut read, &mut write, judge).await.is_some() {
                    let (back, forth) = TcpStream::connect(behind).await.unwrap().into_split();
                    tokio::join!(unpack(read, forth), pack(back, write));
                }
            });
        }
    });
    addr
}

async fn shake_hands(
    read: &mut BufReader<OwnedReadHalf>,
    write: &mut OwnedWriteHalf,
    judge: impl Fn(&str, &str) -> u16,
) -> Option<()> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        read.read_line(&mut line).await.ok()?;
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let header = |name: &str| {
        let headers = lines.iter().filter_map(|line| line.split_once(": "));
        let mut found = headers.filter(|(header, _)| header.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.to_owned())
    };
    let target = lines.first()?.strip_prefix("GET ")?.strip_suffix(" HTTP/1.1")?;
    let status = judge(target, &header("host")?);
    if status != 101 {
        let refusal = format!("HTTP/1.1 {status} No\r\ncontent-length: 0\r\n\r\n");
        write.write_all(refusal.as_bytes()).await.ok()?;
        return None;
    }
    assert_eq!(header("sec-websocket-protocol").as_deref(), Some("mqtt"));
    let key = header("sec-websocket-key")? + MAGIC;
    let accept = base64(&sha1_smol::Sha1::from(key).digest().bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
         sec-websocket-accept: {accept}\r\nsec-websocket-protocol: mqtt\r\n\r\n"
    );
    write.write_all(answer.as_bytes()).await.ok()
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let all = (0..3).fold(0, |all, i| all << 8 | u32::from(chunk.get(i).copied().unwrap_or(0)));
        for place in 0..4 {
            let letter = ALPHABET[(all >> (18 - 6 * place) & 63) as usize];
            text.push(if place > chunk.len() { '=' } else { letter.into() });
        }
    }
    text
}

/// What is in the client's frames, until it closes.
async fn unpack(mut read: BufReader<OwnedReadHalf>, mut to: OwnedWriteHalf) -> Option<()> {
    loop {
        let kind = read.read_u8().await.ok()? & 0x0f;
        let length = match read.read_u8().await.ok()? & 0x7f {
            126 => u64::from(read.read_u16().await.ok()?),
            127 => read.read_u64().await.ok()?,
            length => length.into(),
        };
        let mask = read.read_u32().await.ok()?.to_be_bytes();
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        read.read_exact(&mut payload).await.ok()?;
        for (byte, mask) in payload.iter_mut().zip(mask.iter().cycle()) {
            *byte ^= mask;
        }
        match kind {
            0..=2 => to.write_all(&payload).await.ok()?,
            8 => return None,
            _ => {}
        }
    }
}

/// What the server says, in frames.
async fn pack(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) -> Option<()> {
    let mut payload = [0; 1000];
    loop {
        let length = from.read(&mut payload).await.ok().filter(|length| *length > 0)?;
        to.write_all(&[0x82, 126]).await.ok()?;
        to.write_u16(u16::try_from(length).unwrap()).await.ok()?;
        to.write_all(&payload[..length]).await.ok()?;
    }
}
