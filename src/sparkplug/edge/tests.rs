use super::*;
use crate::sparkplug::datatype::DataType;
use crate::sparkplug::findings::FindingCounts;
use crate::sparkplug::value::{Value, WireField};

fn time(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn decoded(message: &Message) -> Payload {
    payload::decode(&message.payload).unwrap()
}

#[test]
fn one_sequence_runs_over_node_and_devices_and_wraps() {
    let mut edge = Edge::new(EdgeNode::new("g", "n"), 3);
    let mut seqs =
        vec![decoded(&edge.nbirth(time(1), [])).seq, decoded(&edge.dbirth("d", time(1), [])).seq];
    for _ in 0..254 {
        seqs.push(decoded(&edge.ddata("d", time(1), [])).seq);
    }
    assert_eq!(seqs, (0..256).map(Some).collect::<Vec<_>>());
    assert_eq!(decoded(&edge.ddeath("d", time(1))).seq, Some(0));
    assert_eq!(decoded(&edge.ndeath()).seq, None);
    assert_eq!(decoded(&edge.nbirth(time(2), [])).seq, Some(0));
}

#[test]
fn payloads_nbirth_bdseq() {
    let mut edge = Edge::new(EdgeNode::new("g", "n"), 255);
    let bd_seq = |message: &Message| decoded(message).metrics[0].clone();
    let first = bd_seq(&edge.will());
    assert_eq!(first.name.as_deref(), Some(b"bdSeq".as_slice()));
    assert_eq!(first.datatype, Some(DataType::Int64.number()));
    assert_eq!(bd_seq(&edge.nbirth(time(1), [])), first);
    assert_eq!(bd_seq(&edge.nbirth(time(2), [])), first, "a rebirth keeps it");
    let second = bd_seq(&edge.reconnect());
    assert_ne!(second, first);
    assert_eq!(edge.bd_seq(), 0);
    assert_eq!(bd_seq(&edge.nbirth(time(3), [])), second);
}

#[test]
fn payloads_alias_data_cmd_requirement() {
    let mut edge = Edge::new(EdgeNode::new("g", "n"), 0).with_aliases().without_datatypes();
    edge.nbirth(time(1), [Metric::new("a", 1_i32)]);
    let birth = decoded(&edge.dbirth("d", time(1), [Metric::new("a", 1_i32)]));
    assert_eq!(
        (birth.metrics[0].name.as_deref(), birth.metrics[0].alias),
        (Some(b"a".as_slice()), Some(1))
    );
    let data = decoded(&edge.ddata("d", time(1), [Metric::new("a", 2_i32)]));
    assert_eq!(data.metrics[0].name, None);
    assert_eq!(data.metrics[0].alias, Some(1));
    assert_eq!(data.metrics[0].datatype, None);
}

#[test]
fn a_rebirth_request_is_recognised() {
    let edge = Edge::new(EdgeNode::new("g", "n"), 0);
    let command = |metric: Metric| {
        payload::encode(&Payload { metrics: vec![metric.into_wire()], ..Payload::default() })
    };
    let rebirth = command(Metric::new(REBIRTH, true));
    assert!(edge.is_rebirth(&edge.command_topic(), &rebirth));
    assert!(!edge.is_rebirth("spBv1.0/g/NCMD/other", &rebirth));
    assert!(!edge.is_rebirth("spBv1.0/g/NDATA/n", &rebirth));
    assert!(!edge.is_rebirth(&edge.command_topic(), &command(Metric::new(REBIRTH, false))));
    assert!(!edge.is_rebirth(&edge.command_topic(), b"\xff"));
}

#[test]
fn what_is_built_is_read_again() {
    let values = [
        Typed::from(-5_i8),
        Typed::from(-500_i16),
        Typed::from(i32::MIN),
        Typed::from(i64::MIN),
        Typed::from(200_u8),
        Typed::from(60_000_u16),
        Typed::from(4_000_000_000_u32),
        Typed::from(u64::MAX),
        Typed::from(1.5_f32),
        Typed::from(f64::MAX),
        Typed::from(true),
        Typed::from("text"),
        Typed::from(time(1_700_000_000_000)),
        Typed::new(DataType::Bytes, Value::Bytes(b"ab".as_slice().into())),
        Typed::new(DataType::Int16Array, Value::Array([Value::Int(-2)].into())),
    ];
    for typed in values {
        let metric = Metric::new("m", typed.clone()).into_wire();
        let datatype = DataType::try_from(metric.datatype.unwrap()).unwrap();
        let read = WireField::of_metric(metric.value.as_ref().unwrap())
            .decode(datatype, &mut FindingCounts::default());
        assert_eq!(Typed { datatype, value: read.ok() }, typed);
    }
}
