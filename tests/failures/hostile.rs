//! Senders that mean harm: what a few bytes become in memory.

use std::sync::Arc;
use std::time::Duration;

use sitewise_local::{Options, Server as SiteWise};
use sparkwise::sparkplug::payload::{Compression, encode, encode_compressed};
use sparkwise::sparkplug::proto::Payload;
use sparkwise::sparkplug::proto::payload::Metric;
use sparkwise::sparkplug::proto::payload::metric::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::time::interval;

use super::mqtt::{Reader, put_publish};
use super::program::Bridge;

/// What the process may take at most, in bytes.
const MOST: u64 = 400_000_000;
/// How long all of it may take to be read.
const PATIENCE: Duration = Duration::from_secs(300);
/// No port: whoever connects there is refused.
const NOBODY: u16 = 1;

fn payload(seq: u64, metrics: Vec<Metric>) -> Payload {
    Payload { timestamp: Some(1_800_000_000_000), seq: Some(seq), metrics, ..Payload::default() }
}

/// As many parts as are taken, in a thousandth of their bytes.
fn bomb(seq: u64) -> Vec<u8> {
    encode_compressed(&payload(seq, vec![Metric::default(); 499_900]), Compression::Gzip)
}

/// A birth of as many metrics as are taken, each with a name, an alias and a value.
fn large_birth(node: u64) -> Vec<u8> {
    let metric = |number: u64| Metric {
        name: Some(format!("m{number}").into_bytes().into()),
        alias: Some(node * 1_000_000 + number),
        datatype: Some(3),
        value: Some(Value::IntValue(1)),
        ..Metric::default()
    };
    encode(&payload(0, (0..100_000).map(metric).collect()))
}

/// A field of bytes.
fn field(tag: u32, bytes: &[u8]) -> Vec<u8> {
    let mut field = Vec::new();
    let mut put = |mut number: usize| {
        while number >= 0x80 {
            field.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        field.push(number as u8);
    };
    put((tag << 3 | 2) as usize);
    put(bytes.len());
    field.extend(bytes);
    field
}

/// A template within a template, and so on: a metric's field 18, and its metrics in field 2.
fn nested(levels: u32) -> Vec<u8> {
    let mut metric = field(1, b"m");
    for _ in 0..levels {
        metric = [field(1, b"t"), field(18, &field(2, &metric))].concat();
    }
    [vec![0x18, 0], field(2, &metric)].concat()
}

/// All that is sent, in its order.
fn messages() -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    let mut send = |kind: &str, node: &str, payload: Vec<u8>| {
        all.push((format!("spBv1.0/g/{kind}/{node}"), payload));
    };
    // What waits for a birth, and what waits for a message before it.
    for seq in 5..11 {
        send("NDATA", "unborn", bomb(seq));
    }
    send("NBIRTH", "born", encode(&payload(0, Vec::new())));
    for seq in 5..11 {
        send("NDATA", "born", bomb(seq));
    }
    // A million parts without anything in them.
    send("NDATA", "parts", [0x12, 0].repeat(1_000_000));
    send("NBIRTH", "parts", [0x12, 0].repeat(1_000_000));
    for levels in [50, 500, 5_000] {
        send("NBIRTH", "nested", nested(levels));
    }
    // 1.2 million names and aliases.
    for node in 0..12 {
        send("NBIRTH", &format!("large{node}"), large_birth(node));
    }
    // The same again and again, while it is not known what SiteWise has.
    for _ in 0..6 {
        send("NBIRTH", "large0", large_birth(0));
    }
    all
}

/// The most memory that a bridge takes while all of it is sent to it.
async fn most_memory(sitewise: u16) -> u64 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let bridge = Bridge::start(listener.local_addr().unwrap().port(), sitewise, &[]);
    let (socket, _) = listener.accept().await.unwrap();
    let (read, write) = socket.into_split();
    let write = Arc::new(Mutex::new(write));
    let mut reader = Reader::new(read);
    // It is there once it says so.
    reader.next(&write).await.unwrap().unwrap();
    let answers = Arc::clone(&write);
    tokio::spawn(async move { while let Ok(Some(_)) = reader.next(&answers).await {} });

    let messages = messages();
    let count = messages.len() as f64;
    for (topic, payload) in messages {
        let mut bytes = Vec::new();
        put_publish(&mut bytes, &topic, &payload);
        write.lock().await.write_all(&bytes).await.unwrap();
    }
    let all_read = async {
        let mut pause = interval(Duration::from_millis(200));
        let read = "sparkwise_sparkplug_messages_total";
        // What waited is given up after two seconds.
        let given_up = "sparkwise_sparkplug_findings_total{finding=\"gap\"}";
        for (metric, most) in [(read, count), (given_up, 1.0)] {
            // A slow machine has no answer at times.
            while bridge.try_metric(metric).await.is_none_or(|value| value < most) {
                pause.tick().await;
            }
        }
    };
    tokio::time::timeout(PATIENCE, all_read).await.expect("it does not read on");
    let status = std::fs::read_to_string(format!("/proc/{}/status", bridge.id())).unwrap();
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let most: u64 = most.trim().trim_end_matches(" kB").parse().unwrap();
    bridge.kill().await;
    most * 1024
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_payloads_take_no_more_memory_than_is_told() {
    let _turn = super::alone().await;
    let sitewise = SiteWise::bind(([127, 0, 0, 1], 0).into(), Options::default()).unwrap();
    let at = sitewise.local_addr().port();
    tokio::spawn(sitewise.run(std::future::pending()));
    for (what, at) in [("SiteWise is away", NOBODY), ("SiteWise is there", at)] {
        let most = most_memory(at).await;
        assert!(most < MOST, "{what}: the bridge took {} MB", most / 1_000_000);
    }
}
