//! The console over raw sockets: what it tells, what it refuses, and what it survives.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use sitewise_local::Options;
use sparkwise::console::probe;
use sparkwise::sparkplug::edge::{Metric, Template};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use windfarm::Broker;

use crate::support::{Bridge, Emulator, Scene, eventually, now};

/// An answer taken apart.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// Sends bytes as they are and reads until the other side has no more to say.
async fn send(addr: SocketAddr, bytes: &[u8]) -> io::Result<String> {
    let mut stream = TcpStream::connect(addr).await?;
    stream.write_all(bytes).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

async fn request(addr: SocketAddr, method: &str, target: &str, headers: &str) -> Answer {
    let text = format!(
        "{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n"
    );
    let answer = send(addr, text.as_bytes()).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

async fn get(addr: SocketAddr, target: &str) -> Answer {
    request(addr, "GET", target, "").await
}

pub(crate) async fn json(addr: SocketAddr, target: &str) -> Value {
    let answer = get(addr, target).await;
    assert_eq!(answer.status, 200, "{target}: {answer:?}");
    serde_json::from_str(&answer.body).unwrap()
}

/// The metric's number, whatever stands between its name and that.
async fn metric(addr: SocketAddr, name: &str) -> f64 {
    let text = get(addr, "/metrics").await.body;
    let line = text.lines().find(|line| line.starts_with(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("no {name}")).rsplit(' ').next().unwrap().parse().unwrap()
}

/// A turbine with a gearbox, as the birth of `Nordsee/gw`.
fn births() -> Vec<Metric> {
    let gearbox = || Template::instance("Gearbox").member(Metric::new("Temp", 60.0));
    let turbine = Template::definition()
        .parameter("Serial", "unknown")
        .member(Metric::new("Speed", 0.0).property("engUnit", "rpm"))
        .member(Metric::template("Gearbox", Template::instance("Gearbox")));
    vec![
        Metric::template("_types_/Turbine", turbine),
        Metric::template(
            "_types_/Gearbox",
            Template::definition().member(Metric::new("Temp", 0.0)),
        ),
        Metric::template(
            "T7",
            Template::instance("Turbine")
                .parameter("Serial", "WT-7")
                .member(Metric::new("Speed", 12.0))
                .member(Metric::template("Gearbox", gearbox())),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_console_tells_of_the_plant_and_of_every_value() {
    let speed = |value: f64| {
        Metric::template("T7", Template::instance("Turbine").member(Metric::new("Speed", value)))
    };
    let mut scene = Scene::start(&[], || speed(1.0)).await;
    let console = scene.console;
    scene.publish_birth(births()).await;

    // From the root to the gearbox, as a reader unfolds it.
    let mut of = String::new();
    for expected in ["Nordsee", "gw", "T7", "T7/Gearbox"] {
        let row = eventually(expected, || async {
            let page = json(console, &format!("/api/children?of={of}")).await;
            let rows = page["rows"].as_array().unwrap().clone();
            rows.into_iter().find(|row| row["name"] == expected && row["provisioning"] == "live")
        });
        let row = row.await;
        of = row["id"].as_str().unwrap().to_owned();
        if expected == "T7" {
            assert_eq!((&row["kind"], &row["online"]), (&"twin".into(), &true.into()));
            let sent_at = now();
            scene.publish_data(sent_at, [speed(13.5)]).await;
            eventually("the value", || async {
                let detail = json(console, &format!("/api/assets/{of}?q=speed")).await;
                let value = &detail["values"]["rows"][0];
                let arrived = value["value"] == 13.5 && value["time"] == sent_at.as_millis();
                (arrived && value["unit"] == "rpm" && value["quality"] == "GOOD").then_some(())
            })
            .await;
            let detail = json(console, &format!("/api/assets/{of}?q=serial")).await;
            assert_eq!(detail["values"]["rows"][0]["value"], "WT-7");
            assert_eq!(detail["path"][1]["name"], "gw");
        }
    }
    let found = json(console, "/api/search?q=GEAR+t7").await;
    assert_eq!(found["rows"][0]["id"], of.as_str());
    let models = json(console, "/api/models?q=turbine").await;
    let model = models["rows"][0]["id"].as_str().unwrap();
    let model = json(console, &format!("/api/models/{model}")).await;
    let properties = model["properties"]["rows"].as_array().unwrap();
    let speed_of_model = properties.iter().find(|property| property["name"] == "Speed").unwrap();
    assert_eq!(speed_of_model["source"], "Nordsee/gw");
    let nodes = json(console, "/api/nodes?only=findings").await;
    assert_eq!(nodes["rows"][0]["findings"][0]["name"], "before_birth");

    // Nothing new is nothing sent.
    let seen = get(console, "/api/models").await;
    let tag = seen.header("etag").unwrap();
    let again = request(console, "GET", "/api/models", &format!("If-None-Match: {tag}\r\n")).await;
    assert_eq!((again.status, again.body.as_str()), (304, ""));

    eventually("delivery", || async {
        let delivered = metric(console, "sparkwise_values_delivered_total").await;
        (delivered >= 4.0).then_some(())
    })
    .await;
    assert_eq!(metric(console, "sparkwise_ready").await, 1.0);
    assert_eq!(get(console, "/readyz").await.status, 200);
    assert_eq!(get(console, "/livez").await.status, 200);
    let asked = tokio::task::spawn_blocking(move || probe::ask(Some(console)));
    asked.await.unwrap().unwrap();

    let ledger = scene.stop().await;
    assert!(ledger.mqtt.received > 0 && ledger.mqtt.dropped == 0, "{ledger:#?}");
    let asked = tokio::task::spawn_blocking(move || probe::ask(Some(console)));
    assert!(asked.await.unwrap().is_err(), "a bridge that has ended does not live");
    assert!(probe::ask(None).is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn not_ready_names_why() {
    let broker = Broker::start(0).await.unwrap();
    let emulator = Emulator::start(Options::default());
    let bridge = Bridge::start(&broker, &emulator, &[("MQTT_URL", "mqtt://127.0.0.1:1")]);
    let console = bridge.console().await;
    let answer = eventually("a reason", || async {
        let answer = get(console, "/readyz").await;
        answer.body.contains("is not connected: ").then_some(answer)
    });
    let answer = answer.await;
    assert_eq!(answer.status, 503);
    assert!(answer.body.contains("mqtt_not_connected: mqtt://127.0.0.1:1"), "{answer:?}");
    // It waits for its server: that is no reason to end it.
    assert_eq!(get(console, "/livez").await.status, 200);
    bridge.stop().await;
}

/// What `/readyz` says once it says `degraded`.
async fn degraded(console: SocketAddr, part: &str) -> Answer {
    eventually(part, || async {
        let answer = get(console, "/readyz").await;
        (answer.body.starts_with("degraded\n") && answer.body.contains(part)).then_some(answer)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_servers_away_does_not_stop_a_deployment() {
    let broker = Broker::start(0).await.unwrap();
    let emulator = Emulator::start(Options::default());
    let urls = format!("{},mqtt://127.0.0.1:1", broker.url());
    let bridge = Bridge::start(&broker, &emulator, &[("MQTT_URL", urls.as_str())]);
    let console = bridge.console().await;
    let answer = degraded(console, "is not connected: ").await;
    assert_eq!(answer.status, 200);
    assert!(answer.body.contains("\nmqtt_not_connected: mqtt://127.0.0.1:1 is"), "{answer:?}");
    let ready = metric(console, "sparkwise_ready").await;
    let away = metric(console, "sparkwise_degraded{reason=\"mqtt_not_connected\"}").await;
    assert_eq!((ready, away), (1.0, 1.0));
    bridge.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_past_a_cap_is_named_with_what_to_do_until_it_fits() {
    let mut scene =
        Scene::start(&[("TWIN_MAX_PROPERTIES", "12")], || Metric::new("Tag 00", 1.0)).await;
    let console = scene.console;
    let tags = |count: usize| -> Vec<Metric> {
        (0..count).map(|tag| Metric::new(&format!("Tag {tag:02}"), 1.0)).collect()
    };
    scene.publish_birth(tags(30)).await;

    let answer = degraded(console, "capped_properties: Nordsee/gw ").await;
    assert_eq!(answer.status, 200);
    for part in ["TWIN_MAX_PROPERTIES", "`Nordsee/gw/Tag 07`", "23 values", "TWIN_RULES"] {
        assert!(answer.body.contains(part), "{part} is not in {answer:?}");
    }
    let problems = json(console, "/api/problems").await;
    let row = &problems["rows"][0];
    assert_eq!(
        (&row["kind"], &row["subject"]),
        (&"capped_properties".into(), &"Nordsee/gw".into())
    );
    assert!(row["reason"].as_str().unwrap().contains("TWIN_MAX_PROPERTIES"), "{row}");
    let overview = json(console, "/api/overview").await;
    assert_eq!(overview["degraded"], serde_json::json!([["capped_properties", 1]]));
    assert_eq!(overview["problems"], 1);
    assert_eq!(metric(console, "sparkwise_ready").await, 1.0);
    assert_eq!(metric(console, "sparkwise_capped_machines{cap=\"properties\"}").await, 1.0);
    let dropped = "sparkwise_values_dropped_total{reason=\"capped_properties\"}";
    assert_eq!(metric(console, dropped).await, 23.0);

    // Its next birth fits.
    scene.publish_birth(tags(7)).await;
    eventually("ready", || async {
        let answer = get(console, "/readyz").await;
        (answer.body == "ready\n").then_some(())
    })
    .await;
    assert_eq!(json(console, "/api/problems").await["rows"], serde_json::json!([]));
    scene.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_token_nothing_but_health_is_told() {
    let broker = Broker::start(0).await.unwrap();
    let emulator = Emulator::start(Options::default());
    let token = "0123456789abcdef";
    let bridge = Bridge::start(&broker, &emulator, &[("CONSOLE_TOKEN", token)]);
    let console = bridge.console().await;
    for target in ["/", "/app.js", "/metrics", "/api/overview", "/api/children", "/nothing"] {
        let answer = get(console, target).await;
        assert_eq!(answer.status, 401, "{target}");
        assert!(answer.header("www-authenticate").is_some());
        let wrong = "Authorization: Bearer 0123456789abcdeX\r\n";
        assert_eq!(request(console, "GET", target, wrong).await.status, 401, "{target}");
    }
    assert_eq!(get(console, "/livez").await.status, 200);
    let right = format!("Authorization: Bearer {token}\r\n");
    assert_eq!(request(console, "GET", "/metrics", &right).await.status, 200);
    bridge.stop().await;
}

/// Also while a server cannot be reached, which the page tells of.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn passwords_and_tokens_are_on_no_page() {
    let broker = Broker::start(0).await.unwrap();
    let emulator = Emulator::start(Options::default());
    let (password, token) = ("correct-horse-battery", "0123456789abcdef-token");
    let urls = format!("{},mqtt://127.0.0.1:1", broker.url());
    let variables = [
        ("MQTT_URL", urls.as_str()),
        ("MQTT_USERNAME", "sparkwise"),
        ("MQTT_PASSWORD", password),
        ("CONSOLE_TOKEN", token),
    ];
    let bridge = Bridge::start(&broker, &emulator, &variables);
    let console = bridge.console().await;
    let right = format!("Authorization: Bearer {token}\r\n");
    let mut pages_served = 0;
    for target in [
        "/",
        "/livez",
        "/readyz",
        "/metrics",
        "/api/overview",
        "/api/children",
        "/api/models",
        "/api/nodes",
        "/api/problems",
        "/api/refusals",
        "/api/servers",
        "/nothing",
    ] {
        let answer = request(console, "GET", target, &right).await;
        pages_served += u32::from(answer.status == 200);
        for secret in [password, token] {
            assert!(!answer.head.contains(secret) && !answer.body.contains(secret), "{target}");
        }
    }
    assert!(pages_served >= 6, "only {pages_served} pages were there to be looked at");
    bridge.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_console_changes_nothing_and_keeps_others_out() {
    let broker = Broker::start(0).await.unwrap();
    let emulator = Emulator::start(Options::default());
    let bridge = Bridge::start(&broker, &emulator, &[]);
    let console = bridge.console().await;
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"] {
        let answer = request(console, method, "/api/overview", "").await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")), "{method}");
    }
    for (target, status) in [
        ("/", 200),
        ("/nothing", 404),
        ("/api/nothing", 404),
        ("/api/assets/not-an-id", 404),
        ("/api/assets/00000000-0000-0000-0000-000000000000", 404),
        ("/api/children?of=x", 400),
        ("/api/children?of=00000000-0000-0000-0000-000000000000", 404),
        ("/api/search?q=%ff", 400),
        ("/api/nodes?only=x", 400),
        ("/api/models?from=99999999999999999999999", 400),
        ("/api/models?from=18446744073709551615", 200),
        ("/../../etc/passwd", 404),
    ] {
        let answer = get(console, target).await;
        assert_eq!(answer.status, status, "{target}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'"), "{policy}");
        assert!(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("x-frame-options"), Some("DENY"));
        assert!(!answer.body.contains("root:"));
    }
    let head = request(console, "HEAD", "/", "").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert!(head.header("content-length").unwrap().parse::<usize>().unwrap() > 0);
    let rebound = b"GET /api/overview HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    let answer = send(console, rebound).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 421 "), "{answer}");
    bridge.stop().await;
}

/// Requests as a fuzzer makes them: none may be answered by more than an error, and none may
/// keep the console from answering the next.
fn garbage() -> Vec<Vec<u8>> {
    let mut requests: Vec<Vec<u8>> = [
        "",
        "\r\n\r\n",
        "\0\0\0\0\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET http:// HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999\r\n\r\n",
        "GET / HTTP/1.1\r\nHost localhost\r\n\r\n",
        "GET / HTTP/1.1\nHost: localhost\n\nGET / HTTP/1.1\n\n",
        "GET /%00%0d%0aSet-Cookie:x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        "GET /api/search?q=%00%f0%9f%8c%80' HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        "GET /api/search?limit=0&from=4294967295&q=(((( HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        "CONNECT evil.example:443 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic %%%\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nX: \u{1}\u{2}\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into();
    let long = "x".repeat(70_000);
    requests.push(format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes());
    requests.push(format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {long}\r\n\r\n").into_bytes());
    let many = "X: y\r\n".repeat(2_000);
    requests.push(format!("GET / HTTP/1.1\r\nHost: localhost\r\n{many}\r\n").into_bytes());
    requests.push(long.into_bytes());
    // The same numbers each time: noise, and requests with some bytes turned.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let usual =
        b"GET /api/children?after=0&limit=3 HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n";
    for _ in 0..200 {
        let length = random() % 300;
        requests.push((0..length).map(|_| random() as u8).collect());
        let mut turned = usual.to_vec();
        for _ in 0..=random() % 4 {
            let place = random() as usize % turned.len();
            *turned.get_mut(place).unwrap() = random() as u8;
        }
        requests.push(turned);
    }
    requests
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_console_survives_what_a_fuzzer_sends() {
    let broker = Broker::start(0).await.unwrap();
    let emulator = Emulator::start(Options::default());
    let bridge = Bridge::start(&broker, &emulator, &[]);
    let console = bridge.console().await;
    for request in garbage() {
        let mut stream = TcpStream::connect(console).await.unwrap();
        // The console may close before it has read all.
        let _ = stream.write_all(&request).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer));
        let shown = String::from_utf8_lossy(&request).into_owned();
        let _ = read.await.unwrap_or_else(|_| panic!("no end to the answer to {shown:?}"));
        let answer = String::from_utf8_lossy(&answer);
        let status = answer.split(' ').nth(1).unwrap_or("400");
        assert!(!status.starts_with('5'), "{shown:?}: {answer}");
    }
    assert_eq!(get(console, "/livez").await.status, 200);
    bridge.stop().await;
}

/// Whoever holds connections without a word keeps nobody else out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_connections_do_not_lock_others_out() {
    let broker = Broker::start(0).await.unwrap();
    let emulator = Emulator::start(Options::default());
    let bridge = Bridge::start(&broker, &emulator, &[]);
    let console = bridge.console().await;
    let mut silent = Vec::new();
    for _ in 0..300 {
        let mut stream = TcpStream::connect(console).await.unwrap();
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: local").await;
        silent.push(stream);
    }
    assert_eq!(get(console, "/livez").await.status, 200);
    // The first had to go for the last.
    let mut answer = Vec::new();
    let first = silent.first_mut().unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(10), first.read_to_end(&mut answer));
    assert!(ended.await.is_ok(), "the oldest connection is still there");
    drop(silent);
    bridge.stop().await;
}
