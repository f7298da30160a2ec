//! Strings that are not UTF-8: nothing but the bytes that cannot be read is lost.

use std::borrow::Cow;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::sparkplug::address::Source;
use crate::sparkplug::datatype::DataType;
use crate::sparkplug::edge::Typed;
use crate::sparkplug::event::{Instance, MemberKind, StaticProperty};
use crate::sparkplug::payload::{self, Compression};
use crate::sparkplug::proto::payload as wire;
use crate::sparkplug::value::DataSet;

/// A string in Latin-1.
fn latin(bytes: &mut Bytes) {
    let text = std::str::from_utf8(bytes).unwrap();
    *bytes = text.chars().map(|c| u8::try_from(c).unwrap()).collect();
}

/// The metric with all its strings in Latin-1.
fn in_latin(metric: Metric) -> Metric {
    fn properties(set: &mut wire::PropertySet) {
        set.keys.iter_mut().for_each(latin);
        for value in &mut set.values {
            match &mut value.value {
                Some(wire::property_value::Value::StringValue(text)) => latin(text),
                Some(wire::property_value::Value::PropertysetValue(set)) => properties(set),
                _ => {}
            }
        }
    }
    fn all(metric: &mut wire::Metric) {
        metric.name.iter_mut().for_each(latin);
        metric.properties.iter_mut().for_each(|set| properties(set));
        if let Some(metadata) = &mut metric.metadata {
            metadata.content_type.iter_mut().for_each(latin);
        }
        match &mut metric.value {
            Some(wire::metric::Value::StringValue(text)) => latin(text),
            Some(wire::metric::Value::DatasetValue(table)) => {
                table.columns.iter_mut().for_each(latin);
                for cell in table.rows.iter_mut().flat_map(|row| &mut row.elements) {
                    if let Some(wire::data_set::data_set_value::Value::StringValue(text)) =
                        &mut cell.value
                    {
                        latin(text);
                    }
                }
            }
            Some(wire::metric::Value::TemplateValue(template)) => {
                template.version.iter_mut().for_each(latin);
                template.template_ref.iter_mut().for_each(latin);
                for parameter in &mut template.parameters {
                    parameter.name.iter_mut().for_each(latin);
                    if let Some(wire::template::parameter::Value::StringValue(text)) =
                        &mut parameter.value
                    {
                        latin(text);
                    }
                }
                template.metrics.iter_mut().for_each(all);
            }
            _ => {}
        }
    }
    let mut metric = metric.into_wire();
    all(&mut metric);
    Metric::from(metric)
}

fn birth(stage: &mut Stage) -> Birth {
    match stage.host.poll_output() {
        Some(Output::Event(Event::Birth(birth))) => birth,
        other => panic!("no birth: {other:?}"),
    }
}

fn said_of(property: &StaticProperty) -> (Cow<'_, str>, Option<&str>) {
    let value = property.value.as_ref().map(|value| match value {
        Value::String(text) => &**text,
        other => panic!("no text: {other:?}"),
    });
    (shown(&property.name), value)
}

fn instance(metric: &Born) -> &Instance {
    match &metric.content {
        Content::Instance(instance) => instance,
        Content::Leaf { .. } => panic!("no instance: {metric:?}"),
    }
}

#[test]
fn a_unit_in_latin_1_loses_neither_its_birth_nor_the_rest_of_itself() {
    for compression in [None, Some(Compression::Gzip)] {
        let mut stage = Stage::new();
        let mut edge = edge();
        if let Some(compression) = compression {
            edge = edge.with_compression(compression);
        }
        let metric = Metric::new("Temp", 21.5).property("engUnit", "°C");
        let metrics = [in_latin(metric), Metric::new("On", true)];
        stage.send(&edge.nbirth(stage.time(), metrics));
        let birth = birth(&mut stage);
        assert_eq!(told_birth(&birth), "birth g/n: Temp#2=21.5, On#3=true");
        let temp = birth.metrics.iter().find(|metric| &*metric.name == "Temp").unwrap();
        assert_eq!(said_of(&temp.properties[0]), ("engUnit".into(), Some("\u{fffd}C")));
        stage.check_found(&[(Finding::NotUtf8, 1)]);
        let found: Vec<_> = stage.host.findings().filter(|f| f.edge.is_some()).collect();
        assert_eq!(found[0].example, "spBv1.0/g/NBIRTH/n: \u{fffd}C");
        stage.send(&edge.ndata(stage.time(), [Metric::new("Temp", 22.5)]));
        stage.check(&["data g/n: #2=22.5"]);
    }
}

#[test]
fn every_string_of_a_birth_may_be_in_latin_1() {
    let mut stage = Stage::new();
    let mut edge = edge();
    let kind = Template::definition()
        .version("ü1")
        .parameter("Größe", "groß")
        .member(Metric::new("Wärme", 0.0).property("größte", "süß"))
        .member(Metric::new("Läuft", true));
    let part = Template::instance("Mühle")
        .version("ü2")
        .parameter("Größe", "klein ü")
        .member(Metric::new("Wärme", 7.5));
    let cells = vec![vec![Some(Value::String("für".into()))]];
    let table = DataSet { columns: vec!["spät".to_owned()], rows: cells };
    let metrics = [
        Metric::template("Mühle", kind),
        Metric::template("Mühle 1", part),
        Metric::new("Öl", "heiß"),
        Metric::data_set("Tafel", &[DataType::String], &table),
        Metric::new("Id", Typed::new(DataType::Uuid, Value::String("ö".into()))),
        Metric::new("Alarm", 1_i32).content_type("Störung"),
    ];
    stage.send(&edge.nbirth(stage.time(), metrics.map(in_latin)));
    let birth = birth(&mut stage);
    assert_eq!(
        told_birth(&birth),
        "birth g/n defines M\u{fffd}hle: M\u{fffd}hle 1:M\u{fffd}hle{W\u{fffd}rme#2=7.5, \
         L\u{fffd}uft#3=absent}, \u{fffd}l#4=\"hei\u{fffd}\", Tafel#5=DataSet(DataSet { columns: \
         [\"sp\u{fffd}t\"], rows: [[Some(String(\"f\u{fffd}r\"))]] }), Id#6=\"\u{fffd}\", Alarm#7=1"
    );
    let definition = &birth.definitions[0];
    assert_eq!(definition.version.as_deref().map(shown).as_deref(), Some("\u{fffd}1"));
    let told = ("Gr\u{fffd}\u{fffd}e".into(), Some("gro\u{fffd}"));
    assert_eq!(said_of(&definition.parameters[0]), told);
    let member = &definition.members[0];
    let told = ("gr\u{fffd}\u{fffd}te".into(), Some("s\u{fffd}\u{fffd}"));
    assert_eq!(said_of(&member.properties[0]), told);
    assert_eq!(member.kind, MemberKind::Leaf(Some(DataType::Double)));
    let part = birth.metrics.iter().find(|metric| metric.name.ends_with('1')).unwrap();
    assert_eq!(instance(part).version.as_deref().map(shown).as_deref(), Some("\u{fffd}2"));
    assert_eq!(said_of(&instance(part).parameters[0]).1, Some("klein \u{fffd}"));
    stage.check_found_of(Finding::WrongValue, 1);

    // Data by the names as they were sent: whole, into the instance, and by a path.
    let part = Template::instance("Mühle").member(Metric::new("Läuft", false));
    let data = [
        Metric::new("Öl", "süß"),
        Metric::template("Mühle 1", part),
        Metric::new("Mühle 1/Wärme", 8.5),
    ];
    stage.send(&edge.ndata(stage.time(), data.map(in_latin)));
    stage.check(&["data g/n: #4=\"s\u{fffd}\u{fffd}\", #3=false, #2=8.5"]);
    stage.pass(secs(60));
    stage.check(&[]);
}

#[test]
fn strings_around_the_metrics_may_be_in_latin_1() {
    let mut stage = Stage::new();
    let mut edge = edge();
    let broken = |message: Message| {
        let mut payload = payload::decode(&message.payload).unwrap();
        payload.uuid = Some(Bytes::from_static(b"sch\xe4ma"));
        Message { payload: payload::encode(&payload), ..message }
    };
    stage.send(&broken(edge.nbirth(stage.time(), [Metric::new("a", 1_i32)])));
    stage.send(&broken(edge.ndata(stage.time(), [Metric::new("a", 2_i32)])));
    stage.send(&broken(edge.dbirth("d", stage.time(), [Metric::new("b", 3_i32)])));
    stage.send(&broken(edge.ddata("d", stage.time(), [Metric::new("b", 4_i32)])));
    stage.send(&broken(edge.ddeath("d", stage.time())));
    stage.send(&broken(edge.will()));
    let told = stage.look();
    assert_eq!(told.len(), 6, "{told:?}");
    assert_eq!(told[1], "data g/n: #2=2");
    assert!(told[5].starts_with("death g/n certificate"), "{told:?}");
}

#[test]
fn a_string_array_may_be_in_latin_1() {
    let mut stage = Stage::new();
    let mut wire = Metric::new("a", 1_i32).into_wire();
    wire.datatype = Some(DataType::StringArray.number());
    wire.value = Some(wire::metric::Value::BytesValue(b"s\xfc\xdf\0x\0".to_vec()));
    stage.send(&edge().nbirth(stage.time(), [Metric::from(wire)]));
    let birth = birth(&mut stage);
    let texts = ["s\u{fffd}\u{fffd}", "x"].map(|text| Value::String(text.into()));
    let Content::Leaf { sample, .. } = &birth.metrics[2].content else { panic!("{birth:?}") };
    assert_eq!(sample.value, Some(Value::Array(texts.into())));
    stage.check_found(&[(Finding::NotUtf8, 1)]);
}

#[test]
fn a_long_string_is_not_broken_by_being_cut() {
    let mut stage = Stage::new();
    let text = format!("a{}", "€".repeat(limits::STRING_BYTES));
    stage.send(&edge().nbirth(stage.time(), [Metric::new("a", text.as_str())]));
    let birth = birth(&mut stage);
    let Content::Leaf { sample, .. } = &birth.metrics[2].content else { panic!("{birth:?}") };
    let Some(Value::String(told)) = &sample.value else { panic!("{sample:?}") };
    assert!(text.starts_with(&**told) && told.len() > limits::STRING_BYTES - 3);
    stage.check_found(&[(Finding::TooLong, 1)]);
}

fn named(name: &[u8], value: i32) -> Metric {
    let mut wire = Metric::new("x", value).into_wire();
    wire.name = Some(Bytes::copy_from_slice(name));
    Metric::from(wire)
}

#[test]
fn names_that_differ_in_a_broken_byte_alone_are_two_metrics() {
    let mut stage = Stage::new();
    let mut edge = edge();
    let both = |first, second| [named(b"T \xb0", first), named(b"T \xb1", second)];
    let part =
        |members: [Metric; 2]| Metric::template("i", Template::instance("K").members(members));
    let metrics = both(1, 2).into_iter().chain([part(both(3, 4)), named(b"T \xb0", 5)]);
    stage.send(&edge.nbirth(stage.time(), metrics));
    stage.send(&edge.ndata(stage.time(), both(6, 7)));
    let [first, second] = both(8, 9);
    stage.send(&edge.ndata(stage.time(), [second, first, part(both(10, 11))]));
    // One that the birth does not have is neither of them.
    stage.send(&edge.ndata(stage.time(), [named(b"T \xb2", 12)]));
    stage.pass(secs(1));
    stage.check(&[
        "birth g/n: T \u{fffd}#2=1, T \u{fffd}#3=2, i:K{T \u{fffd}#4=3, T \u{fffd}#5=4}",
        "data g/n: #2=5",
        "data g/n: #2=6, #3=7",
        "data g/n: #3=9, #2=8, #4=10, #5=11",
        "rebirth 0 g/n",
    ]);
    stage.check_found_of(Finding::UnknownMetric, 1);
    // It is in the birth twice.
    stage.check_found_of(Finding::RepeatedMetric, 1);
}

/// One such name made all unreadable that waited with it, what goes by alias, too.
#[test]
fn what_was_said_before_the_answer_is_read_though_names_are_in_latin_1() {
    for (device, same_session) in
        [(None, true), (Some("d"), true), (None, false), (Some("d"), false)]
    {
        let mut stage = Stage::new();
        let mut edge = edge();
        let metrics = |value: i32| {
            let members = [named(b"M \xb0", value)];
            let part = Metric::template("i", Template::instance("K \u{e9}").members(members));
            let mut aliased = Metric::new("aliased", value).into_wire();
            aliased.alias = Some(77);
            [named(b"T \xb0", value), part, Metric::from(aliased)]
        };
        let births = |edge: &mut Edge, stage: &Stage, value: i32| match device {
            None => vec![edge.nbirth(stage.time(), metrics(value))],
            Some(name) => {
                vec![edge.nbirth(stage.time(), []), edge.dbirth(name, stage.time(), metrics(value))]
            }
        };
        for birth in births(&mut edge, &stage, 1) {
            stage.send(&birth);
        }
        stage.host.handle_disconnected(SERVER, stage.now);
        stage.host.handle_connected(SERVER, stage.now.wall, stage.now);
        let [by_name, part, aliased] = metrics(2);
        let mut aliased = aliased.into_wire();
        aliased.name = None;
        for metrics in [vec![by_name, part], vec![Metric::from(aliased)]] {
            stage.send(&match device {
                None => edge.ndata(stage.time(), metrics),
                Some(device) => edge.ddata(device, stage.time(), metrics),
            });
        }
        if !same_session {
            edge.reconnect();
        }
        stage.look();
        stage.pass(ms(10));
        for birth in births(&mut edge, &stage, 3) {
            stage.send(&birth);
        }
        let told = stage.look();
        let said = told.iter().filter(|line| line.starts_with("before birth data"));
        let said: usize = said.map(|line| line.matches("=2").count()).sum();
        let expected = if same_session { 3 } else { 2 };
        assert_eq!(said, expected, "{device:?} {same_session} {told:?}");
        let skipped = stage.host.counters().skipped_values[SkipReason::BeforeBirth as usize];
        assert_eq!(skipped, 3 - expected as u64);
    }
}

fn names() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let byte = prop::sample::select(b"a /\xb0\xb1\xc3\xa9\xff".to_vec());
    prop::collection::vec(prop::collection::vec(byte, 1..5), 1..20)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever bytes names are of: each has its leaf, and each value finds it.
    #[test]
    fn a_value_finds_the_metric_of_its_bytes(names in names(), device in any::<bool>()) {
        let mut stage = Stage::new();
        let mut edge = edge();
        let mut known: Vec<Vec<u8>> = names;
        known.sort();
        known.dedup();
        let metrics = |from: i32| -> Vec<_> {
            (from..).zip(&known).map(|(value, name)| named(name, value)).collect()
        };
        stage.send(&edge.nbirth(stage.time(), if device { vec![] } else { metrics(0) }));
        let mut of = Source { edge: edge.node().clone(), device: None };
        if device {
            stage.send(&edge.dbirth("d", stage.time(), metrics(0)));
            stage.host.poll_output();
            of.device = Some("d".into());
        }
        let birth = birth(&mut stage);
        prop_assert_eq!(&birth.source, &of);
        let own = birth.metrics.iter().skip(if device { 0 } else { 2 });
        let told: Vec<_> = own.map(|metric| metric.name.clone()).collect();
        prop_assert_eq!(told.len(), known.len());
        let distinct: std::collections::BTreeSet<_> = told.iter().collect();
        prop_assert_eq!(distinct.len(), known.len(), "{:?}", told);
        let data = match device {
            true => edge.ddata("d", stage.time(), metrics(100)),
            false => edge.ndata(stage.time(), metrics(100)),
        };
        stage.look();
        stage.send(&data);
        let Some(Output::Event(Event::Data(data))) = stage.host.poll_output() else {
            panic!("no data");
        };
        let first = if device { 0 } else { 2 };
        for ((slot, sample), place) in data.samples.iter().zip(0_u32..) {
            prop_assert_eq!(slot.0, place + first);
            prop_assert_eq!(&sample.value, &Some(Value::Int(i64::from(place) + 100)));
        }
        prop_assert_eq!(data.samples.len(), known.len());
    }
}
