//! Past each limit a finding, and the rest goes on.

use super::*;
use crate::sparkplug::birth::{self, BirthScope};
use crate::sparkplug::datatype::DataType;
use crate::sparkplug::edge::Typed;
use crate::sparkplug::filter::Filter;
use crate::sparkplug::findings::FindingCounts;
use crate::sparkplug::names::NameInterner;
use crate::sparkplug::payload;
use crate::sparkplug::proto::payload as wire;
use crate::sparkplug::template::TemplateDefinitions;

/// Other metrics of the same birth, and other nodes, are as if nothing had been.
#[track_caller]
fn check_rest(stage: &mut Stage, edge: &mut Edge, expected: &[(Finding, u64)]) {
    stage.look();
    stage.send(&edge.ndata(stage.time(), [Metric::new("rest", 2_i32)]));
    let data = stage.look();
    assert!(data.len() == 1 && data[0].ends_with("=2"), "{data:?}");
    let mut other = Edge::new(EdgeNode::new("g", "other"), 0);
    stage.send(&other.nbirth(stage.time(), [Metric::new("a", 1_i32)]));
    stage.pass(secs(60));
    stage.check(&["birth g/other: a#2=1"]);
    let mut found: Vec<_> = stage.host.counters().findings.iter().collect();
    found.retain(|(finding, _)| *finding != Finding::UnknownTemplate);
    assert_eq!(found, expected);
}

fn rest() -> Metric {
    Metric::new("rest", 1_i32)
}

#[test]
fn templates_nest_to_a_limit() {
    let nested = |levels: usize| {
        (0..levels).fold(Metric::new("m", 1_i32), |inner, level| {
            let template = Template::instance(&format!("L{level}")).member(inner);
            Metric::template("i", template)
        })
    };
    let depth = |birth: &str| birth.matches('{').count();
    for (levels, findings) in [
        (limits::TEMPLATE_DEPTH, &[][..]),
        (limits::TEMPLATE_DEPTH + 1, &[(Finding::TooManyLeaves, 1)]),
    ] {
        let mut stage = Stage::new();
        let mut edge = edge();
        stage.send(&edge.nbirth(stage.time(), [rest(), nested(levels)]));
        let birth = stage.look().remove(0);
        assert_eq!(depth(&birth), limits::TEMPLATE_DEPTH, "{birth}");
        assert_eq!(birth.contains("m#"), findings.is_empty(), "{birth}");
        // What was left out is no reason for a rebirth.
        stage.send(&edge.ndata(stage.time(), [nested(levels)]));
        stage.look();
        let unknown = findings.iter().map(|_| (Finding::UnknownMetric, 1));
        let expected: Vec<_> = findings.iter().copied().chain(unknown).collect();
        check_rest(&mut stage, &mut edge, &expected);
    }
}

#[test]
fn long_values_are_cut_or_refused() {
    let mut stage = Stage::new();
    let mut edge = edge();
    let text = "x".repeat(limits::STRING_BYTES + 1);
    let blob: Vec<u8> = vec![0; limits::BLOB_BYTES + 1];
    let blob = Typed::new(DataType::Bytes, Value::Bytes(blob.into()));
    let elements = vec![Value::Int(0); limits::ELEMENTS + 1];
    let array = Typed::new(DataType::Int8Array, Value::Array(elements.into()));
    let metrics = [
        Metric::new("text", text.as_str()),
        Metric::new("blob", blob),
        Metric::new("array", array),
        rest(),
    ];
    stage.send(&edge.nbirth(stage.time(), metrics));
    let birth = stage.look().remove(0);
    assert!(birth.contains("blob#3=null bad, array#4=null bad, rest#5=1"));
    assert!(birth.len() < limits::STRING_BYTES + 200);
    check_rest(&mut stage, &mut edge, &[(Finding::TooLong, 3)]);
}

#[test]
fn a_node_has_so_many_devices_and_no_more() {
    let mut stage = Stage::new();
    let mut edge = edge();
    stage.send(&edge.nbirth(stage.time(), [rest()]));
    for device in 0..=limits::DEVICES {
        stage.send(&edge.dbirth(&device.to_string(), stage.time(), []));
    }
    assert_eq!(stage.look().len(), 1 + limits::DEVICES);
    check_rest(&mut stage, &mut edge, &[(Finding::TooManyDevices, 1)]);
}

#[test]
fn a_node_has_so_many_definitions_and_no_more() {
    let mut stage = Stage::new();
    let mut edge = edge();
    let definitions = (0..=limits::DEFINITIONS)
        .map(|number| Metric::template(&format!("D{number}"), Template::definition()));
    stage.send(&edge.nbirth(stage.time(), definitions.chain([rest()])));
    let Some(Output::Event(Event::Birth(birth))) = stage.host.poll_output() else {
        panic!("a birth");
    };
    assert_eq!(birth.definitions.len(), limits::DEFINITIONS);
    check_rest(&mut stage, &mut edge, &[(Finding::TooManyLeaves, 1)]);
}

/// All births together have a limit, of which each is given what is left.
#[test]
fn a_birth_takes_no_more_room_than_is_left() {
    let metrics: Vec<_> =
        (0..5).map(|number| Metric::new(&number.to_string(), 1_i32).into_wire()).collect();
    let payload = payload::decode(&payload::encode(&crate::sparkplug::proto::Payload {
        metrics,
        ..Default::default()
    }));
    let source = crate::sparkplug::address::Source { edge: EdgeNode::new("g", "n"), device: None };
    let filter = Filter::default();
    let arrival = Timestamp::from_millis(1);
    let names = &mut NameInterner::default();
    let scope = BirthScope { source, arrival, filter: &filter, names, room: 3 };
    let mut findings = FindingCounts::default();
    let (born, table) =
        birth::read(scope, &payload.unwrap(), &mut TemplateDefinitions::default(), &mut findings);
    assert_eq!((born.birth.slots, table.size()), (3, 3));
    assert_eq!(findings.count(Finding::TooManyLeaves), 2);
}

/// A metric without a name is two bytes on the wire.
#[test]
fn metrics_that_are_none_leave_no_room_behind() {
    let empty = crate::sparkplug::proto::payload::Metric::default();
    let payload = crate::sparkplug::proto::Payload {
        metrics: vec![empty; limits::LEAVES],
        ..Default::default()
    };
    let source = crate::sparkplug::address::Source { edge: EdgeNode::new("g", "n"), device: None };
    let (filter, names) = (Filter::default(), &mut NameInterner::default());
    let arrival = Timestamp::from_millis(1);
    let scope = BirthScope { source, arrival, filter: &filter, names, room: limits::LEAVES };
    let mut findings = FindingCounts::default();
    let (_, table) =
        birth::read(scope, &payload, &mut TemplateDefinitions::default(), &mut findings);
    assert_eq!((table.size(), table.capacity()), (0, 0));
}

/// An alias and a flag cost the sender a few bytes, and each leaf of the instance a sample.
#[test]
fn nulls_of_a_large_instance_have_a_bound() {
    let mut stage = Stage::new();
    let mut edge = edge();
    let members = (0..limits::LEAVES as i32 / 2).map(|n| Metric::new(&n.to_string(), n));
    let large = Template::instance("T").members(members);
    stage.send(&edge.nbirth(stage.time(), [Metric::template("large", large), rest()]));
    stage.look();
    let null = |_| Metric::null("large", DataType::Template);
    stage.send(&edge.ndata(stage.time(), (0..5).map(null)));
    let Some(Output::Event(Event::Data(data))) = stage.host.poll_output() else {
        panic!("data");
    };
    assert_eq!(data.samples.len(), limits::LEAVES);
    check_rest(&mut stage, &mut edge, &[(Finding::TooManyLeaves, 3)]);
}

#[test]
fn payloads_past_the_limits_of_size_are_named_so() {
    use std::io::Write as _;
    let mut stage = Stage::new();
    let mut edge = edge();
    stage.send(&edge.nbirth(stage.time(), [rest()]));
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    bomb.write_all(&vec![0; limits::PAYLOAD_BYTES + 1]).unwrap();
    let bomb = payload::encode(&crate::sparkplug::proto::Payload {
        uuid: Some(payload::COMPRESSED.into()),
        body: Some(bomb.finish().unwrap()),
        ..Default::default()
    });
    // A metric of nothing takes two bytes on the wire and a hundred in memory.
    let parts = [0x12, 0x00].repeat(limits::PAYLOAD_PARTS + 1);
    for payload in [bomb, parts] {
        stage.host.handle_message(SERVER, "spBv1.0/g/NDATA/n", &payload, false, stage.now);
    }
    stage.pass(ms(0));
    let asked = stage.look();
    assert_eq!(asked.last().map(String::as_str), Some("rebirth 0 g/n"), "{asked:?}");
    stage.send(&edge.nbirth(stage.time().plus(ms(1)), [rest()]));
    check_rest(&mut stage, &mut edge, &[(Finding::TooLarge, 2)]);
}

#[test]
fn properties_nest_as_deep_as_protobuf_lets_them() {
    let mut stage = Stage::new();
    let mut edge = edge();
    let deep = |levels: usize| {
        let mut set = wire::PropertySet::default();
        for _ in 0..levels {
            let value = wire::property_value::Value::PropertysetValue(Box::new(set));
            set = wire::PropertySet {
                keys: vec!["p".into()],
                values: vec![wire::PropertyValue { value: Some(value), ..Default::default() }],
            };
        }
        let mut metric = Metric::new("deep", 1_i32).into_wire();
        metric.properties = Some(Box::new(set));
        Metric::from(metric)
    };
    stage.send(&edge.nbirth(stage.time(), [deep(10), rest()]));
    assert_eq!(stage.look(), ["birth g/n: deep#2=1, rest#3=1"]);
    stage.send(&edge.nbirth(stage.time().plus(ms(1)), [deep(1_000), rest()]));
    stage.look();
    stage.send(&edge.nbirth(stage.time().plus(ms(2)), [rest()]));
    check_rest(&mut stage, &mut edge, &[(Finding::Undecodable, 1)]);
}

#[test]
fn a_birth_that_was_left_out_is_one_that_cannot_be_read() {
    let mut stage = Stage::new();
    let mut edge = edge().with_aliases();
    let (a, b) = (|| Metric::new("a", 1_i32), || Metric::new("b", 2_i32));
    stage.send(&edge.nbirth(stage.time(), [a(), b()]));
    stage.pass(secs(60));
    stage.look();
    // What the server has stored says nothing of the present.
    stage.host.handle_oversized(SERVER, "spBv1.0/g/NBIRTH/n", true, stage.now);
    stage.pass(secs(60));
    assert_eq!(stage.look(), Vec::<String>::new());
    // Born with other aliases, too large to be given.
    let birth = edge.nbirth(stage.time(), [b(), a()]);
    stage.host.handle_oversized(SERVER, &birth.topic, false, stage.now);
    stage.send(&edge.ndata(stage.time(), [b()]));
    stage.pass(ms(1));
    let told = stage.look();
    assert!(told.iter().any(|line| line == "rebirth 0 g/n"), "{told:?}");
    assert!(!told.iter().any(|line| line.contains("data")), "{told:?}");
    let found: Vec<_> = stage.host.findings().collect();
    let found = found.iter().find(|found| found.finding == Finding::TooLarge).unwrap();
    assert_eq!((found.edge, found.count), (Some(edge.node()), 2));
    assert_eq!(found.example, "spBv1.0/g/NBIRTH/n");
    // One that can be read ends it.
    stage.send(&edge.nbirth(stage.time(), [a(), b()]));
    stage.send(&edge.ndata(stage.time(), [b()]));
    assert_eq!(stage.look().len(), 2);
}
