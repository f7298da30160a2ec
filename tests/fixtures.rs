//! Payloads of real senders, through the host. The folder is not part of the project: it is
//! named by `SPARKPLUG_FIXTURES`, and without it these tests fail. They run with
//! `cargo test --test fixtures`, never in a plain `cargo test`.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value as Json;
use sparkwise::sparkplug::address::EdgeNode;
use sparkwise::sparkplug::config::Config;
use sparkwise::sparkplug::edge::Edge;
use sparkwise::sparkplug::event::{
    BirthMetric, Content, Event, Sample, SequenceOrder, SparkplugQuality,
};
use sparkwise::sparkplug::findings::Finding;
use sparkwise::sparkplug::host::{Host, Output, ServerId};
use sparkwise::sparkplug::payload;
use sparkwise::time::{Instant, Now, Timestamp};

const SERVER: ServerId = ServerId(0);

fn folder() -> PathBuf {
    let folder = std::env::var_os("SPARKPLUG_FIXTURES");
    PathBuf::from(folder.expect("SPARKPLUG_FIXTURES names the folder of the fixtures"))
}

fn bytes(file: &str) -> Vec<u8> {
    fs::read(folder().join(file)).unwrap_or_else(|error| panic!("read {file}: {error}"))
}

/// A host that is fed one sender's messages.
struct Reader {
    host: Host,
    now: Now,
}

impl Reader {
    fn new() -> Self {
        let instant = Instant::from_start(Duration::from_secs(60));
        let now = Now { instant, wall: Timestamp::from_millis(1_800_000_000_000) };
        let mut config = Config::new("fixtures");
        config.rebirth.jitter = Duration::ZERO;
        let mut host = Host::new(config, 1);
        host.handle_connected(SERVER, now.wall, now);
        host.poll_output();
        Self { host, now }
    }

    fn send(&mut self, topic: &str, payload: &[u8]) -> Vec<String> {
        self.host.handle_message(SERVER, topic, payload, false, self.now);
        self.look()
    }

    fn pass(&mut self, duration: Duration) -> Vec<String> {
        let end = self.now.plus(duration);
        while let Some(due) = self.host.poll_timeout().filter(|due| *due <= end.instant) {
            self.now = self.now.plus(due.since(self.now.instant));
            self.host.handle_timeout(self.now);
        }
        self.now = end;
        self.look()
    }

    fn look(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.host.poll_output()).flat_map(told).collect()
    }
}

/// All messages of a sender, each with what came of it.
fn read(sender: &str) -> (Reader, Vec<Vec<String>>) {
    let list: Json = serde_json::from_slice(&bytes(&format!("{sender}.json"))).expect("JSON");
    let mut reader = Reader::new();
    let messages = list.as_array().expect("a list");
    let outputs = messages.iter().map(|message| {
        let text = |key| message[key].as_str().expect("text");
        let payload = bytes(text("file"));
        assert_eq!(payload.len() as u64, message["len"].as_u64().expect("a length"));
        reader.send(text("topic"), &payload)
    });
    let outputs = outputs.collect();
    (reader, outputs)
}

/// One line for each leaf, definition or death.
fn told(output: Output) -> Vec<String> {
    match output {
        Output::Event(Event::Birth(birth)) => {
            let mut lines = vec![format!("birth {}", birth.source)];
            for definition in &birth.definitions {
                let members: Vec<_> = definition.members.iter().map(|m| &*m.name).collect();
                let parent = definition.parent.as_deref().unwrap_or("-");
                lines.push(format!("type {} < {parent}: {}", definition.name, members.join(", ")));
            }
            for metric in &birth.metrics {
                leaves("", metric, &mut lines);
            }
            lines
        }
        Output::Event(Event::Data(data)) => {
            let order = match data.order {
                SequenceOrder::InOrder => "",
                SequenceOrder::AfterGap => "after gap ",
                SequenceOrder::Late => "late ",
                SequenceOrder::BeforeBirth => "before birth ",
            };
            let samples = data.samples.iter();
            samples.map(|(slot, sample)| format!("{order}#{} {}", slot.0, said(sample))).collect()
        }
        Output::Event(Event::Death(death)) => vec![format!("death {}", death.source)],
        Output::Publish(publish) => vec![format!("publish {}", publish.message.topic)],
        // Counted, and checked by count.
        Output::Finding { .. } | Output::AllNodesExcluded(_) | Output::NothingDelivered(_) => {
            Vec::new()
        }
    }
}

fn leaves(path: &str, metric: &BirthMetric, lines: &mut Vec<String>) {
    let path = format!("{path}/{}", metric.name);
    match &metric.content {
        Content::Leaf { slot, datatype, sample } => {
            let datatype = datatype.map_or("?", |datatype| datatype.name());
            let names: Vec<_> = metric.properties.iter().map(|p| &*p.name).collect();
            let properties =
                if names.is_empty() { String::new() } else { format!(" {{{}}}", names.join(",")) };
            lines.push(format!("{path} #{} {datatype} {}{properties}", slot.0, said(sample)));
        }
        Content::Instance(instance) => {
            let definition = instance.definition.as_deref().unwrap_or("-");
            lines.push(format!("{path} : {} = {definition}", instance.template));
            for member in &instance.members {
                leaves(&path, member, lines);
            }
        }
    }
}

fn said(sample: &Sample) -> String {
    let value = match &sample.value {
        _ if sample.without_value => "absent".to_owned(),
        None => "null".to_owned(),
        Some(value) => format!("{value:?}"),
    };
    let quality = if sample.quality == SparkplugQuality::Good { "" } else { " not good" };
    let historical = if sample.historical { " historical" } else { "" };
    format!("{value}{quality}{historical}")
}

/// Whether each of `expected` is among the lines that came of a message.
#[track_caller]
fn check(output: &[String], expected: &[&str]) {
    for line in expected {
        assert!(output.iter().any(|told| told == line), "no {line:?} in {output:#?}");
    }
}

fn found(reader: &Reader) -> Vec<(Finding, u64)> {
    reader.host.counters().findings.iter().collect()
}

#[test]
fn every_payload_is_decoded() {
    let mut folders = vec![folder()];
    let mut decoded = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "bin") {
                let bytes = fs::read(&path).expect("a file");
                assert!(payload::decode(&bytes).is_ok(), "{}", path.display());
                decoded += 1;
            }
        }
    }
    assert!(decoded >= 40, "{decoded} payloads");
}

#[test]
fn js_plain() {
    let (reader, outputs) = read("js-plain");
    check(
        &outputs[0],
        &[
            "birth Plant 1/js-plain",
            "type _types_/Bearing < -: Temp, Vib",
            "type _types_/Motor < -: Speed, Amps, Running, Serial, Drive End",
            "/Node/Uptime #1 UInt64 UInt(18446744073709551615)",
            "/Node/NegInt8 #2 Int8 Int(-5)",
            "/Node/UInt32 #4 UInt32 UInt(4000000000)",
            "/Node/Bytes #6 Bytes Bytes([0, 1, 255])",
            "/bdSeq #8 UInt64 UInt(0)",
        ],
    );
    assert!(outputs[0].iter().any(|line| line.starts_with("/Node/DS #7 DataSet DataSet")));
    check(
        &outputs[1],
        &[
            "birth Plant 1/js-plain/D 1",
            "/Motors/M1 : _types_/Motor = _types_/Motor",
            "/Motors/M1/Speed #0 Int32 Int(1480) {engUnit}",
            "/Motors/M1/Drive End : _types_/Bearing = _types_/Bearing",
            "/Motors/M1/Drive End/Vib #5 Double Double(0.0123)",
            "/Tank/Nul #7 Int32 null",
        ],
    );
    assert_eq!(outputs[2], ["#1 Float(13.75)"], "a partial instance");
    assert_eq!(outputs[3], ["#6 Double(56.25)"], "an alias alone");
    assert_eq!(outputs[4], ["#6 Double(50.0) historical", "#6 Double(51.0) historical"]);
    assert_eq!(outputs[5], ["#6 Double(56.25) not good"]);
    assert_eq!(outputs[6], ["death Plant 1/js-plain/D 1"]);
    assert_eq!(outputs[7], ["death Plant 1/js-plain"]);
    assert_eq!(found(&reader), []);
}

#[test]
fn srad() {
    let (reader, outputs) = read("srad-0.5");
    check(
        &outputs[1],
        &[
            "/Motors/M1 : Motor:2.1 = -",
            "/Motors/M1/neg8 #4 Int8 Int(-5)",
            "/Motors/M1/big #6 UInt64 UInt(18446744073709551615)",
            "/Motors/M1/DriveEnd : Bearing = -",
            "/Motors/M1/DriveEnd/Temp #8 Float Float(61.25)",
        ],
    );
    assert_eq!(outputs[2], ["#2 Int(6)"], "data without a datatype");
    assert_eq!(outputs[3].len(), 10, "a full update");
    assert_eq!(outputs[4], ["#1 Float(14.0)", "#8 Float(70.0)"], "a partial, nested update");
    assert_eq!(outputs[5], ["death Plant 3/srad/D1", "death Plant 3/srad"]);
    assert_eq!(outputs[6], [""; 0], "the second death");
    assert_eq!(
        found(&reader),
        [(Finding::RepeatedDeath, 1), (Finding::UnknownTemplate, 2)],
        "srad sends no definitions"
    );
}

#[test]
fn tahu_c() {
    let (reader, outputs) = read("tahu-c-udt");
    check(
        &outputs[0],
        &["type _types_/Custom_Motor < -: RPMs, AMPs", "/Node Metric2 #6 Int16 Int(13) {engUnit}"],
    );
    check(
        &outputs[1],
        &[
            "/My_Custom_Motor : Custom_Motor = _types_/Custom_Motor",
            "/My_Custom_Motor/AMPs #5 Int32 Int(456) {engUnit}",
        ],
    );
    for data in &outputs[2..7] {
        assert_eq!(data.len(), 2, "{data:?}");
    }
    assert_eq!(outputs[7].last().expect("a death"), "death Sparkplug B Devices/C Edge Node 1");
    assert_eq!(found(&reader), [(Finding::NoBdSeq, 1)]);
}

#[test]
fn tahu_java() {
    let (reader, outputs) = read("tahu-java");
    check(
        &outputs[0],
        &[
            "/n/u8 #4 UInt8 UInt(250)",
            "/n/i64 #8 Int64 Int(-5000000000)",
            "/n/null #10 Double null",
            "/n/bad #11 Double Double(1.5) not good",
            "/a/i8 #12 Int8Array Array([Int(-23), Int(123)])",
            "/a/u8 #16 UInt8Array Array([UInt(23), UInt(250)])",
            "/a/f #20 FloatArray Array([Float(1.23), Float(89.341)])",
            "/a/s #23 StringArray Array([String(\"ABC\"), String(\"hello\")])",
            "/a/dt #24 DateTimeArray Array([DateTime(1256102875335), DateTime(1656107875000)])",
        ],
    );
    assert!(outputs[0].iter().any(|line| line.starts_with("/a/b #22 BooleanArray Array([")));
    assert_eq!(outputs[1], outputs[0], "GZIP");
    assert_eq!(outputs[2], outputs[0], "DEFLATE");
    check(
        &outputs[3],
        &["/Motors/M1 : Motor = _types_/Motor", "/Motors/M1/Drive End : Bearing = _types_/Bearing"],
    );
    assert_eq!(outputs[4], ["#1 Float(13.75)"]);
    assert_eq!(outputs[6], ["#6 Double(50.0) historical", "#6 Double(51.0) historical"]);
    // The stripped variant has the number and the time of the one before it.
    assert_eq!(outputs[5], ["after gap #1 Float(13.75)"]);
    assert_eq!(outputs[7], ["death Plant J/tahu-java/D1", "death Plant J/tahu-java"]);
    assert_eq!(found(&reader), [(Finding::Late, 1)]);
}

#[test]
fn tahu_java_without_datatypes() {
    let mut reader = Reader::new();
    let messages = [
        ("NBIRTH/tahu-java", "tahu-java__00_NBIRTH.bin"),
        ("DBIRTH/tahu-java/D1", "tahu-java__03_DBIRTH.bin"),
        ("DDATA/tahu-java/D1", "tahu-java__05_DDATA_stripped.bin"),
    ];
    let outputs = messages
        .map(|(topic, file)| reader.send(&format!("spBv1.0/Plant J/{topic}"), &bytes(file)));
    assert_eq!(outputs[2], ["#1 Float(13.75)"]);
}

#[test]
fn ignition_inheritance_and_composition() {
    let mut reader = Reader::new();
    let birth = bytes("public/ignition-4.0.13__00_NBIRTH.bin");
    check(
        &reader.send("spBv1.0/g/NBIRTH/ignition", &birth),
        &[
            "type MyType < Type-IS-A: D, B, C, A",
            "type Type-Has-A < -: C",
            "type Type-IS-A < -: A",
            "type Type-Has-A-P < -: D",
            "/MyTypeInstance : MyType = MyType",
            "/MyTypeInstance/B #2 Int32 Int(33)",
            "/MyTypeInstance/D : Type-Has-A = Type-Has-A",
            "/MyTypeInstance/D/C #4 Int32 null",
        ],
    );
    assert_eq!(found(&reader), [(Finding::Inheritance, 1)]);
}

#[test]
fn ignition_partial_instance() {
    let mut reader = Reader::new();
    let birth = bytes("public/ignition-4.0.33__00_NBIRTH.bin");
    check(
        &reader.send("spBv1.0/g/NBIRTH/ignition", &birth),
        &["type Test UDT < -: UDTOPCTag, UDTMemoryTag", "/bdSeq #2 Int64 Int(135)"],
    );
    // The capture has no DBIRTH, so its data is of a device that was never born.
    let data = bytes("public/ignition-4.0.33__01_DDATA.bin");
    assert_eq!(reader.send("spBv1.0/g/DDATA/ignition/d", &data), [""; 0]);
    assert_eq!(reader.pass(Duration::from_secs(2)), ["publish spBv1.0/g/NCMD/ignition"]);
    let payload = payload::decode(&data).expect("a payload");
    assert_eq!(payload.metrics.len(), 1);
    assert_eq!(payload.metrics[0].name.as_deref(), Some(b"M1".as_slice()));
}

#[test]
fn benthos_vectors() {
    let vector = |name: &str| bytes(&format!("public/benthos-umh-vectors/{name}.bin"));
    let mut reader = Reader::new();
    assert_eq!(reader.send("spBv1.0/g/NDATA/b", &vector("NDATA_BEFORE_BIRTH")), [""; 0]);
    assert_eq!(reader.pass(Duration::from_secs(2)), ["publish spBv1.0/g/NCMD/b"]);

    let birth = vector("NBIRTH_V1");
    check(&reader.send("spBv1.0/g/NBIRTH/b", &birth), &["birth g/b"]);
    assert_eq!(reader.send("spBv1.0/g/NDATA/b", &vector("NDATA_V1")).len(), 1);
    assert_eq!(reader.send("spBv1.0/g/NDATA/b", &vector("NDATA_GAP")), [""; 0]);
    let given_up = reader.pass(Duration::from_secs(2));
    assert!(given_up[0].starts_with("after gap #"), "{given_up:?}");
    // A death of another birth is doubted, not believed.
    assert_eq!(reader.send("spBv1.0/g/NDEATH/b", &vector("NDEATH_V1")), [""; 0]);
    assert_eq!(reader.host.counters().findings.count(Finding::StaleDeath), 1);

    let mut reader = Reader::new();
    let large = reader.send("spBv1.0/g/NBIRTH/b", &vector("NBIRTH_LARGE"));
    assert_eq!(large.len(), 1 + 102);
    assert!(reader.host.counters().findings.count(Finding::AliasCollision) > 0);
}

/// The sequence of a production capture: two rounds of the counter, with losses and no
/// reordering. Every value is told, every loss is one gap, and nothing is taken for a
/// duplicate.
#[test]
fn production_capture() {
    let capture = bytes("public/pcap_patterns.csv");
    let capture = String::from_utf8(capture).expect("text");
    let rows: Vec<Vec<&str>> = capture
        .lines()
        .filter(|line| !line.starts_with('#') && line.contains("/702"))
        .map(|line| line.split(',').collect())
        .filter(|row: &Vec<&str>| row[5] == "702" && !row[7].is_empty())
        .collect();
    assert!(rows.len() > 500, "{} rows", rows.len());
    let number = |row: &[&str]| row[7].parse::<u8>().expect("a sequence number");

    let mut reader = Reader::new();
    let mut edge = Edge::new(EdgeNode::new("org_A", "702"), 0);
    let time = Timestamp::from_millis(1);
    let metric = || [sparkwise::sparkplug::edge::Metric::new("m", 1_i32)];
    let first = number(&rows[0]);
    let mut devices: Vec<_> = rows.iter().map(|row| row[6]).filter(|d| !d.is_empty()).collect();
    devices.sort_unstable();
    devices.dedup();
    // The births take the numbers before the first.
    let births = u8::try_from(devices.len()).expect("few devices") + 1;
    let birth = edge.nbirth(time, metric());
    reader.send(&birth.topic, &numbered(&birth.payload, first.wrapping_sub(births)));
    for (device, place) in devices.iter().zip(1..) {
        let birth = edge.dbirth(device, time, metric());
        let number = first.wrapping_sub(births).wrapping_add(place);
        reader.send(&birth.topic, &numbered(&birth.payload, number));
    }

    let (mut told, mut losses, mut expected) = (0, 0, first);
    for row in &rows {
        let time = Timestamp::from_millis(row[8].parse().expect("a time"));
        let message = match row[6] {
            "" => edge.ndata(time, metric()),
            device => edge.ddata(device, time, metric()),
        };
        losses += u64::from(number(row) != expected);
        expected = number(row).wrapping_add(1);
        told += values(&reader.send(&message.topic, &numbered(&message.payload, number(row))));
        told += values(&reader.pass(Duration::from_millis(100)));
    }
    told += values(&reader.pass(Duration::from_secs(5)));
    assert_eq!(told, rows.len());
    let counters = reader.host.counters();
    assert_eq!(losses, 16);
    assert!((1..=losses).contains(&counters.findings.count(Finding::Gap)));
    assert_eq!(counters.findings.count(Finding::Duplicate), 0);
}

fn values(lines: &[String]) -> usize {
    lines.iter().filter(|line| line.contains('#')).count()
}

fn numbered(bytes: &[u8], seq: u8) -> Vec<u8> {
    let mut payload = payload::decode(bytes).expect("a payload");
    payload.seq = Some(u64::from(seq));
    payload::encode(&payload)
}
