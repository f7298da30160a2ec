//! What is on the wire without a lease, and with one.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sitewise_local::{Options, Server as SiteWise};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use windfarm::Broker;

use super::plant::Plant;
use super::program::Bridge;
use super::reader::Reader;
use super::{PATIENCE, all_arrive, store};

/// What a bridge has sent, connection by connection.
struct Tap {
    address: SocketAddr,
    sent: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Tap {
    async fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let sent: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let record = Arc::clone(&sent);
        tokio::spawn(async move {
            while let Ok((inside, _)) = listener.accept().await {
                let Ok(outside) = TcpStream::connect(to).await else { continue };
                let (mut from, mut back) = inside.into_split();
                let (mut answers, mut on) = outside.into_split();
                let place = {
                    let mut sent = record.lock().unwrap();
                    sent.push(Vec::new());
                    sent.len() - 1
                };
                let record = Arc::clone(&record);
                tokio::spawn(async move {
                    let mut buffer = vec![0; 65_536];
                    while let Ok(read @ 1..) = from.read(&mut buffer).await {
                        record.lock().unwrap()[place].extend(&buffer[..read]);
                        if on.write_all(&buffer[..read]).await.is_err() {
                            break;
                        }
                    }
                    let _ = on.shutdown().await;
                });
                tokio::spawn(async move {
                    let _ = tokio::io::copy(&mut answers, &mut back).await;
                    let _ = back.shutdown().await;
                });
            }
        });
        Self { address, sent }
    }

    fn sent(&self) -> Vec<Vec<u8>> {
        self.sent.lock().unwrap().clone()
    }
}

/// The MQTT packets of a connection, but acknowledgements and pings.
fn packets(mut bytes: &[u8]) -> Vec<String> {
    let mut packets = Vec::new();
    while let Some((kind, rest)) = bytes.split_first() {
        let (mut length, mut shift, mut rest) = (0, 0, rest);
        while let Some((byte, more)) = rest.split_first() {
            length |= usize::from(byte & 0x7f) << shift;
            (rest, shift) = (more, shift + 7);
            if byte & 0x80 == 0 {
                break;
            }
        }
        let Some((body, next)) = rest.split_at_checked(length) else { break };
        bytes = next;
        let text = |at: usize| {
            let length = usize::from(u16::from_be_bytes([body[at], body[at + 1]]));
            String::from_utf8_lossy(&body[at + 2..at + 2 + length]).into_owned()
        };
        let all = String::from_utf8_lossy(body);
        packets.extend(match kind >> 4 {
            1 => Some(format!("CONNECT {}, will: {}", text(10), body[7] & 4 != 0)),
            3 => Some(format!("PUBLISH {kind:#x} {} {}", text(0), all.contains("\"online\":true"))),
            8 => Some(format!("SUBSCRIBE {}", &all[2..])),
            14 => Some("DISCONNECT".to_owned()),
            _ => None,
        });
    }
    packets
}

/// The requests of a connection: method and path, without ids.
fn requests(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let begins = ["GET /", "POST /", "PUT /", "DELETE /"];
    let lines = text.split(" HTTP/1.1\r\n").filter_map(|before| {
        let at = begins.iter().filter_map(|begin| before.rfind(begin)).max()?;
        let path = before[at..].split('?').next().unwrap_or_default();
        let masked = path.split('/').map(|part| if part.len() == 36 { "*" } else { part });
        Some(masked.collect::<Vec<_>>().join("/"))
    });
    lines.collect()
}

#[derive(Debug)]
struct Wire {
    mqtt: Vec<Vec<String>>,
    sitewise: BTreeSet<String>,
    to_store: usize,
}

/// A bridge's life of a few seconds, until the plant's values are in SiteWise.
async fn wire(lease: Option<&str>) -> Wire {
    let sitewise = SiteWise::bind(([127, 0, 0, 1], 0).into(), Options::default()).unwrap();
    let at = sitewise.local_addr();
    tokio::spawn(sitewise.run(std::future::pending()));
    let broker = Broker::start(0).await.unwrap();
    let taps = [Tap::start(broker.addr).await, Tap::start(at).await, Tap::start(store()).await];
    let [to_mqtt, to_sitewise, to_store] = &taps;
    let table = format!("http://{}", to_store.address);
    let mut variables: Vec<(&str, &OsStr)> = vec![
        ("AWS_ENDPOINT_URL_DYNAMODB", table.as_ref()),
        ("SPARKPLUG_HOST_ID", "plant".as_ref()),
        ("RUST_LOG", "info".as_ref()),
    ];
    variables.extend(lease.map(|lease| ("LEASE", lease.as_ref())));
    let bridge = Bridge::start(to_mqtt.address.port(), to_sitewise.address.port(), &variables);
    bridge.learned().await;
    let began = Instant::now();
    let speaks = || {
        let said = to_mqtt.sent().iter().map(|bytes| packets(bytes)).collect::<Vec<_>>();
        said.iter().flatten().any(|packet| packet.starts_with("PUBLISH"))
    };
    while !speaks() {
        assert!(began.elapsed() < PATIENCE, "{:#?}", bridge.log().await);
        sleep(Duration::from_millis(50)).await;
    }
    sleep(Duration::from_secs(1)).await;
    let plant = Plant::start(broker.addr).await;
    sleep(Duration::from_secs(3)).await;
    let published = plant.stop().await;
    all_arrive(&Reader::new(at.port()), &published).await;
    bridge.terminate().await;
    let mqtt = to_mqtt.sent().iter().map(|bytes| packets(bytes)).collect();
    let sitewise = to_sitewise.sent().iter().flat_map(|bytes| requests(bytes)).collect();
    broker.stop().await;
    Wire { mqtt, sitewise, to_store: to_store.sent().len() }
}

/// One connection, as it was before there were leases, and no word to DynamoDB. One that acts with a
/// lease says the same to the plant, on its connection as the host.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_lease_nothing_of_it_is_on_the_wire() {
    let _turn = super::alone().await;
    let without = wire(None).await;
    let [only] = &without.mqtt[..] else { panic!("{without:#?}") };
    let state = |online| format!("PUBLISH 0x33 spBv1.0/STATE/plant {online}");
    let (connects, subscribes) = (only[0].as_str(), only[1].as_str());
    assert_eq!(connects, "CONNECT plant, will: true");
    assert!(subscribes.starts_with("SUBSCRIBE "), "{only:?}");
    assert_eq!(only[2..], [state(true), state(false), "DISCONNECT".to_owned()]);
    assert_eq!(without.to_store, 0, "connections to DynamoDB");

    let lease = format!("dynamodb://{}/wire-{}", crate::TABLE, std::process::id());
    let with = wire(Some(&lease)).await;
    let is_host = |session: &&Vec<String>| session[0].starts_with("CONNECT plant,");
    let (hosts, observers): (Vec<_>, Vec<_>) = with.mqtt.iter().partition(is_host);
    assert_eq!(hosts, [only], "{with:#?}");
    for observer in observers {
        assert!(observer[0].ends_with("will: false"), "{observer:?}");
        assert!(observer.iter().all(|packet| !packet.starts_with("PUBLISH")), "{observer:?}");
    }
    assert!(with.to_store > 0);
    assert!(without.sitewise.is_subset(&with.sitewise), "{without:#?} {with:#?}");
    let more: Vec<_> = with.sitewise.difference(&without.sitewise).collect();
    assert!(more.iter().all(|request| is_read(request)), "{more:?}");
}

/// Whether a request changes nothing.
fn is_read(request: &str) -> bool {
    request.starts_with("GET /") || request.contains("/batch/latest")
}
