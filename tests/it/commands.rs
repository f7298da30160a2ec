//! Commands over real sockets: a request on the topics of AWS IoT commands, the command at the
//! edge node, and the answers.

#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::time::Duration;

use serde_json::{Value as Json, json};
use sparkwise::sparkplug::address::EdgeNode;
use sparkwise::sparkplug::edge::{Edge, Metric};
use sparkwise::sparkplug::payload;
use sparkwise::sparkplug::proto::payload::metric::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use windfarm::Broker;

use crate::support::{Bridge, Emulator, PATIENCE, Plant, now};
use sitewise_local::Options;

const THING: &str = "$aws/commands/things/plant-1/executions";

/// The cloud's side of the thing: it asks, and hears the answers.
struct Cloud {
    client: rumqttc::AsyncClient,
    answers: mpsc::UnboundedReceiver<(String, Json)>,
    task: JoinHandle<()>,
}

impl Cloud {
    async fn connect(broker: &Broker) -> Self {
        let options =
            rumqttc::MqttOptions::new("cloud", (broker.addr.ip().to_string(), broker.addr.port()));
        let (client, mut events) = rumqttc::AsyncClient::builder(options).capacity(100).build();
        let filter = format!("{THING}/+/response/json");
        client.subscribe(filter, rumqttc::QoS::AtLeastOnce).await.unwrap();
        let kept = format!("{THING}/kept/request/json");
        client.subscribe(kept, rumqttc::QoS::AtLeastOnce).await.unwrap();
        let (heard, answers) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            while let Ok(event) = events.poll().await {
                if let rumqttc::Event::Incoming(rumqttc::Packet::Publish(publish)) = event {
                    let topic = String::from_utf8_lossy(&publish.topic).into_owned();
                    let id = topic.split('/').nth(5).unwrap().to_owned();
                    let _ = heard.send((id, serde_json::from_slice(&publish.payload).unwrap()));
                }
            }
        });
        Self { client, answers, task }
    }

    async fn ask(&self, id: &str, request: &Json, retain: bool) {
        let options = rumqttc::PublishOptions::new(rumqttc::QoS::AtLeastOnce).retain(retain);
        let topic = format!("{THING}/{id}/request/json");
        self.client.publish(topic, request.to_string(), options).await.unwrap();
    }

    /// The next answer: its execution, status and code; and what else it says.
    async fn answer(&mut self) -> (String, String, Json) {
        let answer = tokio::time::timeout(PATIENCE, self.answers.recv()).await;
        let (id, answer) = answer.expect("nobody answers").unwrap();
        let word = |json: &Json| json.as_str().unwrap().to_owned();
        let code = word(&answer["statusReason"]["reasonCode"]);
        (id, format!("{} {code}", word(&answer["status"])), answer)
    }

    /// Asks until somebody answers with this: the bridge may not have subscribed yet.
    async fn ask_until(&mut self, what: &str, request: &Json) {
        let mut heard = Vec::new();
        for number in 0..100 {
            self.ask(&format!("{what}-{number}"), request, false).await;
            let answer = tokio::time::timeout(Duration::from_millis(200), self.answer()).await;
            let Ok((id, status, _)) = answer else { continue };
            if status.ends_with(what) {
                // What was asked before it is answered too.
                let (last, mut of) = (format!("{what}-{number}"), id);
                while of != last {
                    of = self.answer().await.0;
                }
                return;
            }
            heard.push((id, status));
        }
        panic!("nobody answers {what}: {heard:?}");
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn request(value: f64) -> Json {
    json!({ "asset": "Nordsee/gw", "property": "Limit", "value": value })
}

const LIMIT: &str = "Limit";

/// The next command to the node that is no request for a rebirth: its topic, and name and value of
/// its one metric.
async fn command(plant: &mut Plant, edge: &Edge) -> (String, String, f64) {
    loop {
        let next = tokio::time::timeout(PATIENCE, plant.next_command()).await;
        let (topic, bytes) = next.expect("no command comes");
        if edge.is_rebirth(&topic, &bytes) {
            continue;
        }
        let payload = payload::decode(&bytes).unwrap();
        assert_eq!((payload.metrics.len(), payload.seq), (1, None));
        let metric = &payload.metrics[0];
        let name = String::from_utf8(metric.name.clone().unwrap().to_vec()).unwrap();
        let Some(Value::DoubleValue(value)) = metric.value else { panic!("{metric:?}") };
        return (topic, name, value);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_goes_to_the_machine_once_and_its_value_confirms_it() {
    let (broker, iot) = (Broker::start(0).await.unwrap(), Broker::start(0).await.unwrap());
    let emulator = Emulator::start(Options::default());
    // A request that is kept is not live: it is never carried out, nor answered.
    let mut cloud = Cloud::connect(&iot).await;
    cloud.ask("kept", &request(13.0), true).await;
    assert_eq!(cloud.answers.recv().await.unwrap().0, "kept");
    let bridge = Bridge::start(
        &broker,
        &emulator,
        &[
            ("COMMANDS_ALLOW", "Nordsee/gw/Limit = 0..90"),
            ("COMMANDS_CONFIRM", "2s"),
            ("COMMANDS_THING", "plant-1"),
            ("COMMANDS_IOT_URL", &iot.url()),
        ],
    );
    let mut edge = Edge::new(EdgeNode::new("Nordsee", "gw"), 0);
    let mut plant = Plant::connect(&broker, &edge).await;
    plant.until_asked(&mut edge, || Metric::new(LIMIT, 40.0)).await;
    plant.publish(edge.nbirth(now(), [Metric::new(LIMIT, 40.0)])).await;
    cloud.ask_until("ALREADY", &request(40.0)).await;

    cloud.ask("one", &request(42.5), false).await;
    let received = command(&mut plant, &edge).await;
    assert_eq!(received, ("spBv1.0/Nordsee/NCMD/gw".to_owned(), LIMIT.to_owned(), 42.5));
    let (id, status, _) = cloud.answer().await;
    assert_eq!((id.as_str(), status.as_str()), ("one", "IN_PROGRESS SENT"));
    plant.publish(edge.ndata(now(), [Metric::new(LIMIT, 42.5)])).await;
    let (id, status, answer) = cloud.answer().await;
    assert_eq!((id.as_str(), status.as_str()), ("one", "SUCCEEDED CONFIRMED"));
    assert_eq!(answer["result"]["value"]["s"], "42.5");

    // The same execution again, another one out of range, and one to a machine that stays silent.
    cloud.ask("one", &request(42.5), false).await;
    assert_eq!(cloud.answer().await.1, "SUCCEEDED CONFIRMED");
    cloud.ask("two", &request(91.0), false).await;
    assert_eq!(cloud.answer().await.1, "REJECTED OUT_OF_RANGE");
    cloud.ask("three", &request(50.0), false).await;
    assert_eq!(cloud.answer().await.1, "IN_PROGRESS SENT");
    assert_eq!(cloud.answer().await.1, "FAILED NOT_CONFIRMED");
    // The next command is the silent one's, so that nothing was sent between or twice.
    assert_eq!(command(&mut plant, &edge).await.2, 50.0);
    cloud.ask("four", &request(60.0), false).await;
    assert_eq!(command(&mut plant, &edge).await.2, 60.0);
    assert_eq!(cloud.answer().await.1, "IN_PROGRESS SENT");

    // What is in flight at the end is answered, and the connection is closed after it.
    let ended = bridge.stop();
    let (ledger, answer) = tokio::join!(ended, cloud.answer());
    assert_eq!((answer.0.as_str(), answer.1.as_str()), ("four", "FAILED NOT_CONFIRMED"));
    assert_eq!(ledger.problems, []);
    broker.stop().await;
    iot.stop().await;
}

/// An MQTT server that grants everything, and notes what is sent to it: the kind of each packet,
/// and its topics; the other bytes hold times.
async fn noting_server(listener: TcpListener, notes: mpsc::UnboundedSender<String>) {
    while let Ok((mut socket, _)) = listener.accept().await {
        while let Some((kind, body)) = packet(&mut socket).await {
            let answer = match kind >> 4 {
                1 => vec![0x20, 2, 0, 0],
                3 if kind & 6 != 0 => {
                    let topic = usize::from(u16::from_be_bytes([body[0], body[1]]));
                    vec![0x40, 2, body[2 + topic], body[3 + topic]]
                }
                12 => vec![0xd0, 0],
                _ => Vec::new(),
            };
            let text = match kind >> 4 {
                3 => {
                    let topic = usize::from(u16::from_be_bytes([body[0], body[1]]));
                    String::from_utf8_lossy(&body[2..2 + topic]).into_owned()
                }
                8 => String::from_utf8_lossy(&body[2..]).into_owned(),
                _ => body.len().to_string(),
            };
            let _ = notes.send(format!("{kind:#x} {text}"));
            if kind >> 4 == 8 {
                // As many are granted as were asked for.
                let (mut at, mut count) = (2, 0_u8);
                while at < body.len() {
                    at += 3 + usize::from(u16::from_be_bytes([body[at], body[at + 1]]));
                    count += 1;
                }
                let mut granted = vec![0x90, 2 + count, body[0], body[1]];
                granted.extend(std::iter::repeat_n(1, usize::from(count)));
                socket.write_all(&granted).await.unwrap();
                // Data of a node that nobody knows.
                let mut edge = Edge::new(EdgeNode::new("Nordsee", "gw"), 0);
                let data = edge.ndata(now(), [Metric::new(LIMIT, 40.0)]);
                let length = 2 + data.topic.len() + data.payload.len();
                let mut bytes = vec![0x30, u8::try_from(length).unwrap(), 0];
                bytes.push(u8::try_from(data.topic.len()).unwrap());
                bytes.extend(data.topic.as_bytes());
                bytes.extend(&data.payload);
                socket.write_all(&bytes).await.unwrap();
            } else if socket.write_all(&answer).await.is_err() {
                break;
            }
        }
    }
}

async fn packet(socket: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let kind = socket.read_u8().await.ok()?;
    let (mut length, mut shift) = (0, 0);
    loop {
        let byte = socket.read_u8().await.ok()?;
        length |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
    }
    let mut body = vec![0; length];
    socket.read_exact(&mut body).await.ok()?;
    Some((kind, body))
}

/// What a bridge with these variables sends to the plant's server until it has asked for a birth.
async fn sent_with(emulator: &Emulator, variables: &[(&str, &str)]) -> Vec<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("mqtt://{}", listener.local_addr().unwrap());
    let (notes, mut noted) = mpsc::unbounded_channel();
    let server = tokio::spawn(noting_server(listener, notes));
    let broker = Broker::start(0).await.unwrap();
    let variables = [&[("MQTT_URL", url.as_str())], variables].concat();
    let bridge = Bridge::start(&broker, emulator, &variables);
    let mut all: Vec<String> = Vec::new();
    while !all.iter().any(|note| note.contains("NCMD")) {
        let next = tokio::time::timeout(PATIENCE, noted.recv()).await;
        all.push(next.expect("the bridge does not ask").unwrap());
    }
    bridge.kill().await;
    server.abort();
    broker.stop().await;
    all
}

/// With no door nothing changes on the wire, and with one nothing does towards the plant until it is
/// asked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_change_nothing_on_the_wire_until_they_are_asked_for() {
    let emulator = Emulator::start(Options::default());
    let iot = Broker::start(0).await.unwrap();
    let off = sent_with(&emulator, &[]).await;
    assert_eq!(off.iter().filter(|note| note.starts_with("0x10")).count(), 1, "{off:?}");
    assert!(!off.iter().any(|note| note.contains("$aws")), "{off:?}");
    let rules = ("COMMANDS_ALLOW", "Nordsee/gw/Limit = 0..90");
    assert_eq!(sent_with(&emulator, &[rules]).await, off);
    let url = iot.url();
    let door = [rules, ("COMMANDS_THING", "plant-1"), ("COMMANDS_IOT_URL", &url)];
    assert_eq!(sent_with(&emulator, &door).await, off);
    iot.stop().await;
}
