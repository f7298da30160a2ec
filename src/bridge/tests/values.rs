//! What a value on the wire becomes in SiteWise, line by line of the documentation's table.

use super::plant::Plant;
use super::*;
use crate::delivery::point::Class;
use crate::sitewise::api::{PropertyDataType, Quality};
use crate::sparkplug::datatype::DataType as S;
use crate::sparkplug::payload::Compression;
use crate::sparkplug::proto::payload as wire;
use crate::sparkplug::proto::payload::metric::Value as V;
use crate::twin::Int64;
use crate::twin::counts::DropReason;
use crate::twin::mapping::Adjustment;

const GOOD: Quality = Quality::Good;
const UNCERTAIN: Quality = Quality::Uncertain;
const BAD: Quality = Quality::Bad;

fn wired(name: &str, datatype: S, value: V) -> Metric {
    Metric::from(wire::Metric {
        name: Some(name.to_owned().into()),
        datatype: Some(datatype.number()),
        value: Some(value),
        ..wire::Metric::default()
    })
}

fn text(text: &str) -> Variant {
    Variant::String(text.into())
}

/// A datatype, the arms that a value of it may come in, and what SiteWise has then.
struct Line {
    datatype: S,
    arms: Vec<V>,
    shown: (PropertyDataType, Option<&'static str>, Quality, Variant),
}

fn line(datatype: S, arms: impl Into<Vec<V>>, data_type: PropertyDataType, value: Variant) -> Line {
    Line { datatype, arms: arms.into(), shown: (data_type, None, GOOD, value) }
}

impl Line {
    fn quality(mut self, quality: Quality) -> Self {
        self.shown.2 = quality;
        self
    }

    fn unit(mut self, unit: &'static str) -> Self {
        self.shown.1 = Some(unit);
        self
    }
}

/// Each line is born with each of its arms and then sent with each of them.
fn check(lines: &[Line], int64: Int64) -> Plant {
    let mut plant = Plant::new(|config| config.twin.int64 = int64);
    let name = |line: usize, arm: usize| format!("{line} {} {arm}", lines[line].datatype);
    let all = || {
        lines.iter().enumerate().flat_map(|(number, line)| {
            let arms = line.arms.iter().enumerate();
            arms.map(move |(arm, value)| wired(&name(number, arm), line.datatype, value.clone()))
        })
    };
    plant.nbirth(0, all());
    plant.pass(Duration::from_secs(10));
    plant.ndata(5_000, all());
    for (number, Line { arms, shown: (data_type, unit, quality, value), .. }) in
        lines.iter().enumerate()
    {
        for arm in 0..arms.len() {
            let name = name(number, arm);
            let property = plant.property("gw", &name).unwrap_or_else(|| panic!("no {name}"));
            assert_eq!(
                (property.data_type, property.unit.as_deref()),
                (*data_type, *unit),
                "{name}"
            );
            let expected = [0, 5_000].map(|time| (time, *quality, value.clone()));
            assert_eq!(plant.written("gw", &name), expected, "{name}");
        }
    }
    plant
}

#[test]
fn numbers_booleans_and_texts() {
    use PropertyDataType::{Boolean, Double, Integer, String};
    let uuid = "6f3b6a4e-2c5f-4a64-8f3e-0d2d3c1b9a87";
    let double = Variant::Double;
    let null = Variant::Null(Double);
    let from_string = |value: &str| vec![V::StringValue(value.to_owned().into())];
    let lines = [
        line(
            S::Int8,
            [V::IntValue(0xfb), V::IntValue(0xffff_fffb), V::LongValue(u64::MAX - 4)],
            Integer,
            Variant::Integer(-5),
        ),
        line(
            S::Int16,
            [V::IntValue(0x8000), V::IntValue(0xffff_8000), V::LongValue(0x8000)],
            Integer,
            Variant::Integer(-32_768),
        ),
        line(
            S::Int32,
            [V::IntValue(u32::MAX), V::LongValue(u64::MAX), V::LongValue(u64::from(u32::MAX))],
            Integer,
            Variant::Integer(-1),
        ),
        line(S::UInt8, [V::IntValue(200), V::LongValue(200)], Integer, Variant::Integer(200)),
        line(
            S::UInt16,
            [V::IntValue(65_535), V::LongValue(65_535)],
            Integer,
            Variant::Integer(65_535),
        ),
        line(
            S::UInt32,
            [V::IntValue(4_000_000_000), V::LongValue(4_000_000_000)],
            Double,
            double(4e9),
        ),
        line(S::Int64, [V::IntValue(7), V::LongValue(7)], Double, double(7.0)),
        line(S::Int64, [V::LongValue(u64::MAX - 4)], Double, double(-5.0)),
        line(S::UInt64, [V::IntValue(7), V::LongValue(7)], Double, double(7.0)),
        line(S::UInt64, [V::LongValue(1 << 53)], Double, double(9_007_199_254_740_992.0)),
        line(S::Int64, [V::LongValue((1 << 53) + 1)], Double, double(9_007_199_254_740_992.0))
            .quality(UNCERTAIN),
        line(S::UInt64, [V::LongValue(u64::MAX)], Double, double(18_446_744_073_709_551_616.0))
            .quality(UNCERTAIN),
        line(S::Float, [V::FloatValue(1.5), V::DoubleValue(1.5)], Double, double(1.5)),
        line(S::Double, [V::DoubleValue(0.1)], Double, double(0.1)),
        line(S::Float, [V::FloatValue(f32::INFINITY)], Double, null.clone()).quality(BAD),
        line(S::Double, [V::DoubleValue(f64::NEG_INFINITY)], Double, null).quality(BAD),
        line(
            S::Boolean,
            [V::BooleanValue(true), V::IntValue(1), V::LongValue(1)],
            Boolean,
            Variant::Boolean(true),
        ),
        line(S::String, from_string("Größe"), String, text("Größe")),
        line(S::String, from_string(""), String, text("")),
        line(S::Text, from_string("a\r\nb\u{7f}"), String, text("a  b ")),
        line(S::String, from_string(&"é".repeat(600)), String, text(&"é".repeat(512))),
        line(S::Uuid, from_string(uuid), String, text(uuid)),
        line(S::DateTime, [V::LongValue(1_790_000_000_123)], Double, double(1_790_000_000.123))
            .unit("s"),
    ];
    let plant = check(&lines, Int64::Double);
    let counts = plant.bridge.twin().counts();
    let adjusted = [
        (Adjustment::Rounded, 2),
        (Adjustment::NotFinite, 2),
        (Adjustment::Cleaned, 1),
        (Adjustment::Truncated, 1),
    ];
    for (how, lines) in adjusted {
        assert_eq!(counts.adjusted(how), 2 * lines, "{how:?}, in the birth and in data");
    }
    let found: Vec<_> = plant.bridge.host().counters().findings.iter().collect();
    assert_eq!(found, [(Finding::NumberTooLarge, 6)]);
}

#[test]
fn integers_of_64_bits_may_keep_every_digit() {
    let lines = [
        line(S::Int64, [V::LongValue(u64::MAX - 4)], PropertyDataType::String, text("-5")),
        line(
            S::UInt64,
            [V::LongValue(u64::MAX)],
            PropertyDataType::String,
            text("18446744073709551615"),
        ),
        line(S::UInt32, [V::IntValue(7)], PropertyDataType::Double, Variant::Double(7.0)),
    ];
    let plant = check(&lines, Int64::String);
    assert_eq!(plant.bridge.twin().counts().adjusted(Adjustment::Rounded), 0);
}

#[test]
fn arrays_by_their_bytes_and_tables_are_json() {
    let bytes = |datatype, bytes: &[u8], json| {
        line(datatype, [V::BytesValue(bytes.to_vec())], PropertyDataType::String, text(json))
    };
    let cell = |value| wire::data_set::DataSetValue { value };
    let table = wire::DataSet {
        num_of_columns: Some(2),
        columns: vec!["id".into(), "name".into()],
        types: vec![S::Int8.number(), S::String.number()],
        rows: vec![wire::data_set::Row {
            elements: vec![
                cell(Some(wire::data_set::data_set_value::Value::IntValue(0xff))),
                cell(None),
            ],
        }],
    };
    check(
        &[
            bytes(S::Int8Array, &[0xe9, 0x7b], "[-23,123]"),
            bytes(S::Int16Array, &[0xd0, 0x8a, 0x30, 0x75], "[-30000,30000]"),
            bytes(S::Int32Array, &[0xff, 0xff, 0xff, 0xff], "[-1]"),
            bytes(S::Int64Array, &[0xfe, 255, 255, 255, 255, 255, 255, 255], "[-2]"),
            bytes(S::UInt8Array, &[0x17, 0xfa], "[23,250]"),
            bytes(S::UInt16Array, &[0x1e, 0x00, 0x88, 0xec], "[30,60552]"),
            bytes(S::UInt32Array, &[0x34, 0, 0, 0x80], "[2147483700]"),
            bytes(S::UInt64Array, &[255; 8], "[18446744073709551615]"),
            bytes(S::FloatArray, &[0xa4, 0x70, 0x9d, 0x3f], "[1.23]"),
            bytes(S::DoubleArray, &[0, 0, 0, 0, 0, 0, 0xf8, 0x3f], "[1.5]"),
            bytes(S::BooleanArray, &[3, 0, 0, 0, 0b1010_0000], "[true,false,true]"),
            bytes(S::StringArray, b"ABC\0\"\0", r#"["ABC","\""]"#),
            bytes(S::DateTimeArray, &[1, 1, 0, 0, 0, 0, 0, 0], "[257]"),
            bytes(S::Int8Array, &[], "[]"),
            line(
                S::DataSet,
                [V::DatasetValue(Box::new(table))],
                PropertyDataType::String,
                text(r#"{"columns":["id","name"],"rows":[[-1,null]]}"#),
            ),
        ],
        Int64::Double,
    );
}

#[test]
fn what_has_no_form_in_sitewise_is_counted_and_makes_no_property() {
    let mut plant = Plant::new(|_| {});
    let metrics = || {
        [
            wired("bytes", S::Bytes, V::BytesValue(vec![1])),
            wired("file", S::File, V::BytesValue(vec![1])),
            wired("good", S::Int8, V::IntValue(1)),
        ]
    };
    plant.nbirth(0, metrics());
    plant.pass(Duration::from_secs(10));
    plant.ndata(5_000, metrics());
    for name in ["bytes", "file"] {
        assert_eq!(plant.property("gw", name), None);
    }
    assert_eq!(plant.written("gw", "good").len(), 2);
    assert_eq!(plant.bridge.twin().counts().dropped(DropReason::NotCarried), 4);
}

#[test]
fn json_that_does_not_fit_goes_to_the_dead_letters_whole() {
    let mut plant = Plant::new(|_| {});
    plant.nbirth(0, [wired("long", S::Int8Array, V::BytesValue(vec![100; 300]))]);
    plant.pass(Duration::from_secs(10));
    assert_eq!(
        plant.written("gw", "long"),
        [(0, Quality::Bad, Variant::Null(PropertyDataType::String))]
    );
    let [(point, reason)] = &*plant.refused else { panic!("{:?}", plant.refused) };
    let json = format!("[{}]", ["100"; 300].join(","));
    assert_eq!(point.value, text(&json));
    assert!(reason.contains("JSON"), "{reason}");
}

#[test]
fn qualities_by_the_specification_and_by_ignition() {
    let codes = [
        (192, GOOD),
        (200, GOOD),
        (0, BAD),
        (500, UNCERTAIN),
        (1_073_742_080, UNCERTAIN),
        (-2_147_483_136, BAD),
        (-2_147_483_132, UNCERTAIN),
        (-2_147_483_129, BAD),
        (-1_073_741_056, BAD),
    ];
    let mut plant = Plant::new(|_| {});
    let metric = |code: i32| Metric::new(&code.to_string(), 1_i32).quality(code);
    let metrics = || codes.iter().map(|(code, _)| metric(*code)).chain([Metric::new("none", 1)]);
    plant.nbirth(0, metrics());
    plant.pass(Duration::from_secs(10));
    plant.ndata(5_000, metrics());
    let named = codes.iter().map(|(code, quality)| (code.to_string(), *quality));
    for (name, quality) in named.chain([("none".to_owned(), GOOD)]) {
        let expected = [0, 5_000].map(|time| (time, quality, Variant::Integer(1)));
        assert_eq!(plant.written("gw", &name), expected, "{name}");
    }
}

#[test]
fn null_wins_over_a_value() {
    let mut plant = Plant::new(|_| {});
    let mut null = wired("a", S::Int8, V::IntValue(5)).into_wire();
    null.is_null = Some(true);
    plant.nbirth(0, [Metric::new("a", 1_i8)]);
    plant.pass(Duration::from_secs(10));
    plant.ndata(5_000, [Metric::from(null)]);
    let nothing = Variant::Null(PropertyDataType::Integer);
    assert_eq!(plant.written("gw", "a"), [(0, GOOD, Variant::Integer(1)), (5_000, BAD, nothing)]);
}

#[test]
fn a_value_that_is_none_of_its_datatype_is_null_with_bad_and_found() {
    let mut plant = Plant::new(|_| {});
    plant.nbirth(0, [Metric::new("a", 1_i8), Metric::new("b", true)]);
    plant.pass(Duration::from_secs(10));
    let wide = wired("a", S::Int8, V::IntValue(300));
    plant.ndata(5_000, [wide, wired("b", S::Boolean, V::StringValue("true".into()))]);
    let (integer, boolean) = (PropertyDataType::Integer, PropertyDataType::Boolean);
    assert_eq!(plant.written("gw", "a")[1..], [(5_000, BAD, Variant::Null(integer))]);
    assert_eq!(plant.written("gw", "b")[1..], [(5_000, BAD, Variant::Null(boolean))]);
    let findings: Vec<_> = plant.bridge.host().counters().findings.iter().collect();
    assert_eq!(
        findings.iter().map(|(f, n)| (f.name(), *n)).collect::<Vec<_>>(),
        [("wrong_value", 1), ("out_of_range", 1),]
    );
}

/// It was counted as delivered, and nobody could see what had come.
#[test]
fn a_value_of_another_type_is_kept_as_it_came_and_counted_once() {
    let mut plant = Plant::new(|_| {});
    plant.nbirth(0, [Metric::new("a", 1.0_f64), Metric::new("b", "x"), Metric::new("c", 1_i8)]);
    plant.pass(Duration::from_secs(10));
    let before = plant.bridge.twin().counts().clone();
    let hello = || V::StringValue("hello".to_owned().into());
    plant.ndata(
        5_000,
        [
            wired("a", S::Double, hello()),
            wired("b", S::String, V::DoubleValue(5.5)),
            wired("c", S::Int8, V::IntValue(300)),
        ],
    );
    let refused: Vec<_> = plant.refused.iter().map(|(point, why)| (&point.value, &**why)).collect();
    let why = "it is not of the type that its birth declared";
    let came = [text("hello"), Variant::Double(5.5), Variant::Integer(300)];
    assert_eq!(refused, came.each_ref().map(|value| (value, why)));
    for (name, null) in [
        ("a", PropertyDataType::Double),
        ("b", PropertyDataType::String),
        ("c", PropertyDataType::Integer),
    ] {
        assert_eq!(plant.written("gw", name)[1..], [(5_000, BAD, Variant::Null(null))]);
    }
    let counts = plant.bridge.twin().counts().clone();
    assert_eq!((counts.values, counts.points), (before.values + 3, before.points));
    assert_eq!(counts.refused.invalid, 3);
    // A birth that repeats it is rejected as well, and null stands there already.
    plant.nbirth(9_000, [wired("a", S::Double, hello())]);
    let counts = plant.bridge.twin().counts();
    assert_eq!((counts.refused.invalid, plant.refused.len()), (4, 4));
    assert_eq!(counts.values, counts.points + counts.refused.total() + counts.dropped_in_all());
}

#[test]
fn alarms_and_transients_are_not_written_to_their_tags() {
    let mut plant = Plant::new(|_| {});
    plant.nbirth(0, [Metric::new("a", 1_i8)]);
    plant.pass(Duration::from_secs(10));
    plant.ndata(
        5_000,
        [Metric::new("a", "too hot").content_type("Alarm"), Metric::new("a", 2_i8).transient()],
    );
    assert_eq!(plant.written("gw", "a"), [(0, GOOD, Variant::Integer(1))]);
    let counts = plant.bridge.twin().counts();
    assert_eq!((counts.dropped(DropReason::Alarm), counts.dropped(DropReason::Transient)), (1, 1));
}

#[test]
fn a_batch_of_history_and_several_values_of_one_metric_are_all_written() {
    let mut plant = Plant::new(|_| {});
    plant.nbirth(0, [Metric::new("a", 1_i8)]);
    plant.pass(Duration::from_secs(10));
    let past = (1..=20).map(|i| Metric::new("a", i as i8).historical().at(Plant::at(-1_000 * i)));
    let now = [6_000, 7_000].map(|time| Metric::new("a", 99_i8).at(Plant::at(time)));
    plant.ndata(8_000, past.chain(now));
    let written = plant.written("gw", "a");
    let expected = (1..=20).map(|i| (-1_000 * i, GOOD, Variant::Integer(i as i32)));
    assert_eq!(written[1..21], expected.collect::<Vec<_>>());
    let now = [6_000, 7_000].map(|time| (time, GOOD, Variant::Integer(99)));
    assert_eq!(written[21..], now);
    let classes: Vec<_> = plant.points.iter().rev().take(22).map(|point| point.class).collect();
    assert_eq!(classes[..2], [Class::Live; 2]);
    assert_eq!(classes[2..], [Class::History; 20]);
}

#[test]
fn compressed_payloads_are_read_like_any_other() {
    for compression in [Compression::Gzip, Compression::Deflate] {
        let mut plant = Plant::new(|_| {});
        plant.edge = plant.edge.clone().with_compression(compression);
        plant.nbirth(0, [Metric::new("a", 1_i8)]);
        plant.pass(Duration::from_secs(10));
        plant.ndata(5_000, [Metric::new("a", 2_i8)]);
        let expected = [(0, GOOD, Variant::Integer(1)), (5_000, GOOD, Variant::Integer(2))];
        assert_eq!(plant.written("gw", "a"), expected);
    }
}

/// SiteWise shows the value with the highest time: one that a birth repeats with the time of
/// its change weeks ago must not lose to the mark that the machine is gone.
#[test]
fn a_birth_that_repeats_an_old_change_time_still_shows() {
    let weeks_ago = -21 * 24 * 3_600_000;
    let mut plant = Plant::new(|_| {});
    let metric = || Metric::new("a", 1_i8).at(Plant::at(weeks_ago));
    plant.nbirth(0, [metric()]);
    plant.pass(Duration::from_secs(10));
    let death = plant.edge.ndeath();
    plant.send(&death);
    plant.pass(Duration::from_secs(70));
    plant.edge.reconnect();
    plant.nbirth(80_000, [metric()]);
    let one = Variant::Integer(1);
    assert_eq!(
        plant.written("gw", "a"),
        [(0, GOOD, one.clone()), (10_000, UNCERTAIN, one.clone()), (80_000, GOOD, one)]
    );
}

/// What it said after the gap was taken for late messages of the session before the birth: its
/// aliases meant nothing, and of one time the first value was repeated by the mark.
#[test]
fn what_a_sender_that_dates_back_says_after_a_gap_is_the_latest() {
    for aliases in [false, true] {
        let mut plant = Plant::new(|_| {});
        if aliases {
            plant.edge = plant.edge.clone().with_aliases();
        }
        let metric = |value: i32| Metric::new("a", value);
        plant.nbirth(0, [metric(1).at(Plant::at(-90_000))]);
        plant.pass(Duration::from_secs(1));
        plant.edge.skip(1);
        for value in [2, 3] {
            plant.ndata(-60_000, [metric(value)]);
        }
        plant.pass(Duration::from_secs(5));
        let shown = |plant: &Plant| {
            let written = plant.written("gw", "a").into_iter();
            written.max_by_key(|(time, ..)| *time).map(|(_, quality, value)| (quality, value))
        };
        assert_eq!(shown(&plant), Some((GOOD, Variant::Integer(3))), "{aliases}");
        let death = plant.edge.ndeath();
        plant.send(&death);
        plant.pass(Duration::from_secs(90));
        assert_eq!(shown(&plant), Some((UNCERTAIN, Variant::Integer(3))), "{aliases}");
    }
}

/// It was an INFO when the number was sent, and nothing when SiteWise rejected it.
#[test]
fn a_number_that_sitewise_refuses_is_told_with_the_machine_and_the_remedy() {
    let mut plant = Plant::new(|_| {});
    plant.nbirth(0, [Metric::new("Energy", 2e10), Metric::new("Power", 5.0)]);
    plant.pass(Duration::from_secs(10));
    let told = |plant: &Plant| -> Vec<_> {
        let found = plant.bridge.host().findings();
        let found = found.filter(|found| found.finding == Finding::NumberRefused);
        found.map(|found| (found.edge.unwrap().to_string(), found.example.to_owned())).collect()
    };
    let refuse = |plant: &mut Plant, property: &str| {
        let id = plant.property("gw", property).unwrap().id;
        let points = plant.points.iter().filter(|point| point.stream.property == id);
        plant.bridge.handle_points(points.cloned().collect(), plant.now);
        plant.bridge.flush(plant.now);
        let Some(Output::Send(request, entries)) = plant.bridge.poll_output(plant.now) else {
            panic!("nothing is sent");
        };
        let fault = ApiFault::new(ApiFaultKind::Invalid, "no");
        let times = entries[0].values.iter().map(|tqv| tqv.time).collect();
        let error = EntryError { entry: 0, fault, times };
        plant.bridge.handle_put_response(request, Ok(vec![error]), plant.now);
        while plant.bridge.poll_output(plant.now).is_some() {}
    };
    refuse(&mut plant, "Power");
    assert_eq!(told(&plant), []);
    refuse(&mut plant, "Energy");
    let expected = ("Nordsee/gw".to_owned(), "Nordsee/gw/Energy is 20000000000".to_owned());
    assert_eq!(told(&plant), [expected]);
    assert!(Finding::NumberRefused.is_loss() && !Finding::NumberTooLarge.is_loss());
    assert!(Finding::NumberRefused.description().contains("TWIN_INT64=string"));
}
