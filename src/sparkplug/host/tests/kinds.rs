//! What a metric is: its datatype decides, whatever stands in its arm.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::sparkplug::datatype::DataType;
use crate::sparkplug::edge::Typed;
use crate::sparkplug::proto::payload as wire;
use crate::sparkplug::proto::payload::metric::Value as Wire;

/// `a` of a datatype, with what stands in its arm.
fn metric(datatype: Option<DataType>, value: Option<Wire>) -> Metric {
    let mut metric = Metric::new("a", 1_i32).into_wire();
    metric.datatype = datatype.map(DataType::number);
    metric.value = value;
    Metric::from(metric)
}

fn empty_template() -> Wire {
    Wire::TemplateValue(Box::default())
}

fn template(definition: bool) -> Wire {
    let member = Metric::new("m", 1_i32).into_wire();
    let (metrics, is_definition) = (vec![member], Some(definition));
    Wire::TemplateValue(Box::new(wire::Template { metrics, is_definition, ..Default::default() }))
}

#[test]
fn a_scalar_with_a_template_arm_is_a_bad_value_of_its_type() {
    let scalars = DataType::ALL.into_iter();
    for datatype in scalars.filter(|t| !matches!(t, DataType::Unknown | DataType::Template)) {
        for value in [empty_template(), template(false), template(true)] {
            let mut stage = Stage::new();
            let mut edge = edge();
            let odd = metric(Some(datatype), Some(value.clone()));
            stage.send(&edge.nbirth(stage.time(), [odd.clone(), Metric::new("b", 1_i32)]));
            stage.check(&["birth g/n: a#2=null bad, b#3=1"]);
            stage.check_found(&[(Finding::WrongValue, 1)]);
            stage.send(&edge.ndata(stage.time(), [odd]));
            stage.check(&["data g/n: #2=null bad"]);
            stage.check_found(&[(Finding::WrongValue, 2)]);
        }
    }
}

#[test]
fn a_scalar_with_the_arm_of_a_table_or_bytes_is_a_bad_value_of_its_type() {
    for value in [Wire::DatasetValue(Box::default()), Wire::BytesValue(vec![1])] {
        let mut stage = Stage::new();
        let mut edge = edge();
        let odd = metric(Some(DataType::Int32), Some(value));
        stage.send(&edge.nbirth(stage.time(), [odd.clone()]));
        stage.send(&edge.ndata(stage.time(), [odd, Metric::new("a", 7_i32)]));
        stage.check(&["birth g/n: a#2=null bad", "data g/n: #2=null bad, #2=7"]);
        stage.check_found(&[(Finding::WrongValue, 2)]);
    }
}

#[test]
fn a_template_without_a_template_is_no_instance() {
    for (value, said, finding) in [
        (Some(Wire::IntValue(1)), "null bad", Finding::WrongValue),
        (Some(Wire::StringValue("x".into())), "null bad", Finding::WrongValue),
        (None, "null", Finding::NoValue),
    ] {
        let mut stage = Stage::new();
        let odd = metric(Some(DataType::Template), value);
        stage.send(&edge().nbirth(stage.time(), [odd]));
        stage.check(&[&format!("birth g/n: a#2={said}")]);
        stage.check_found(&[(finding, 1)]);
    }
}

#[test]
fn a_template_that_declares_nothing_is_an_instance() {
    for datatype in [None, Some(DataType::Unknown), Some(DataType::Template)] {
        let mut stage = Stage::new();
        stage.send(&edge().nbirth(stage.time(), [metric(datatype, Some(template(false)))]));
        stage.check(&["birth g/n: a:a{m#2=1}"]);
    }
}

/// The members that a birth's only instance has, of a definition whose member `a` is a `defined`
/// and that has `m` beside.
fn member(defined: Metric, sent: Metric) -> (String, Stage) {
    let mut stage = Stage::new();
    let inner = Template::definition().member(Metric::new("i", 1_i32));
    let kind = Template::definition().member(defined).member(Metric::new("m", 1_i32));
    let part = Template::instance("K").member(sent).member(Metric::new("m", 2_i32));
    let metrics =
        [Metric::template("I", inner), Metric::template("K", kind), Metric::template("x", part)];
    stage.send(&edge().nbirth(stage.time(), metrics));
    let told = stage.look().remove(0);
    (told.split_once("x:K").unwrap().1.to_owned(), stage)
}

#[test]
fn members_are_what_they_declare_or_else_what_their_definition_does() {
    let scalar = || Metric::new("a", 1_i32);
    let nested = || Metric::template("a", Template::instance("I"));
    let int = Some(Wire::IntValue(5));
    let odd = |datatype, value: &Option<Wire>| metric(datatype, value.clone());
    let arm = Some(empty_template());
    for (defined, sent, told, finding) in [
        // A scalar by its own word, or by its definition's.
        (scalar(), odd(Some(DataType::Int32), &arm), "{a#2=null bad, m#3=2}", Finding::WrongValue),
        (scalar(), odd(None, &arm), "{a#2=null bad, m#3=2}", Finding::WrongValue),
        (nested(), odd(Some(DataType::Int32), &int), "{a#2=5, m#3=2}", Finding::NotZero),
        (nested(), odd(Some(DataType::Int32), &arm), "{a#2=null bad, m#3=2}", Finding::WrongValue),
        // An instance, of which nothing is known where the arm is another.
        (nested(), odd(None, &int), "{a:I{i#2=absent}, m#3=2}", Finding::WrongValue),
        (
            nested(),
            odd(Some(DataType::Template), &int),
            "{a:I{i#2=absent}, m#3=2}",
            Finding::WrongValue,
        ),
        (
            nested(),
            odd(Some(DataType::Template), &None),
            "{a:I{i#2=absent}, m#3=2}",
            Finding::MissingMember,
        ),
    ] {
        let (members, stage) = member(defined, sent);
        assert_eq!(members, told);
        if finding != Finding::NotZero {
            assert!(stage.host.counters().findings.count(finding) > 0, "{told} {finding:?}");
        }
    }
    // A definition's own member.
    let (members, stage) = member(odd(Some(DataType::Int32), &arm), scalar());
    assert_eq!(members, "{a#2=1, m#3=2}");
    stage.check_found_of(Finding::UndeclaredMember, 0);
}

#[test]
fn a_uuid_is_the_text_it_came_as() {
    let bare = "6f3b6a4e-2c5f-4a64-8f3e-0d2d3c1b9a87";
    let spellings = [
        (bare.to_owned(), 0),
        (format!("{{{bare}}}"), 0),
        (bare.to_uppercase(), 0),
        (format!("{{{}}}", bare.to_uppercase()), 0),
        (format!("urn:uuid:{bare}"), 0),
        (format!("URN:UUID:{bare}"), 0),
        (bare.replace('-', ""), 0),
        (format!("{{{bare}"), 1),
        (format!("{bare}0"), 1),
        ("x".to_owned(), 1),
        (String::new(), 1),
        (bare.replace('6', "g"), 1),
        ("ä".repeat(16), 1),
    ];
    for (text, found) in spellings {
        let mut stage = Stage::new();
        let mut edge = edge();
        let uuid = Typed::new(DataType::Uuid, Value::String(text.as_str().into()));
        let metric = Metric::new("a", uuid.clone()).property("id", uuid);
        stage.send(&edge.nbirth(stage.time(), [metric]));
        let Some(Output::Event(Event::Birth(birth))) = stage.host.poll_output() else {
            panic!("no birth");
        };
        assert_eq!(told_birth(&birth), format!("birth g/n: a#2={text:?}"));
        let property = &birth.metrics[2].properties[0];
        assert_eq!(property.value, Some(Value::String(text.as_str().into())));
        stage.check_found_of(Finding::WrongValue, 2 * found);
    }
}

/// What is found, and what is told of a birth, where these templates hold each other.
fn ring(kinds: &[(&str, Option<&str>, &[&str])], top: &str) -> (Vec<String>, Option<String>) {
    let mut stage = Stage::new();
    let definition = |(name, parent, inner): &(&str, Option<&str>, &[&str])| {
        let kind = parent.map_or_else(Template::definition, Template::inheriting);
        let members = inner
            .iter()
            .map(|kind| Metric::template(&format!("to {kind}"), Template::instance(kind)));
        let kind = kind.member(Metric::new(&format!("of {name}"), 1_i32));
        Metric::template(name, kind.members(members))
    };
    let top = Metric::template("top", Template::instance(top));
    let rest = Metric::new("rest", 1_i32);
    let metrics: Vec<_> = kinds.iter().map(definition).chain([top, rest]).collect();
    let mut edge = edge();
    stage.send(&edge.nbirth(stage.time(), metrics));
    stage.send(&edge.ndata(stage.time(), [Metric::new("top/of A", 7_i32)]));
    let told = stage.look();
    let found = stage.host.findings().find(|found| found.finding == Finding::TemplateCycle);
    (told, found.map(|found| found.example.to_owned()))
}

#[test]
fn a_ring_of_templates_is_named_and_nothing_else_suffers() {
    let both = |name: &str| format!("spBv1.0/g/NBIRTH/n: {name}");
    let (told, found) = ring(&[("A", None, &["B"]), ("B", None, &["A"])], "A");
    assert_eq!(found, Some(both("A > B > A")));
    assert_eq!(
        told[0],
        "birth g/n defines A defines B: top:A{of A#2=absent, to B:B{of B#3=absent}}, rest#4=1"
    );
    assert_eq!(told[1], "data g/n: #2=7");

    let (told, found) = ring(&[("A", None, &["A", "C"]), ("C", None, &[])], "A");
    assert_eq!(found, Some(both("A > A")));
    assert_eq!(
        told[0],
        "birth g/n defines A defines C: top:A{of A#2=absent, to C:C{of C#3=absent}}, rest#4=1"
    );

    // An heir that its own parent holds.
    let (told, found) = ring(&[("A", None, &["B"]), ("B", Some("A"), &[])], "A");
    assert_eq!(found, Some(both("B > B")));
    assert_eq!(
        told[0],
        "birth g/n defines A defines B: top:A{of A#2=absent, to B:B{of B#3=absent, of \
         A#4=absent}}, rest#5=1"
    );

    // Heirs of each other.
    let (told, found) = ring(&[("A", Some("B"), &[]), ("B", Some("A"), &[])], "A");
    assert_eq!(found, Some(both("A > B > A")));
    assert_eq!(
        told[0],
        "birth g/n defines A defines B: top:A{of A#2=absent, of B#3=absent}, rest#4=1"
    );

    // No ring: one kind twice, and a definition that names itself as its parent.
    let kinds: [(&str, Option<&str>, &[&str]); 3] =
        [("A", Some("A"), &["B", "C"]), ("B", None, &["C"]), ("C", None, &[])];
    assert_eq!(ring(&kinds, "A").1, None);
}

#[test]
fn a_ring_of_many_templates_is_told_in_few_words() {
    let names: Vec<_> = (0..1000).map(|number| format!("K{number}")).collect();
    let inner: Vec<_> = (0..1000).map(|number| [&*names[(number + 1) % 1000]]).collect();
    let kinds: Vec<_> =
        names.iter().zip(&inner).map(|(name, inner)| (&**name, None, &inner[..])).collect();
    let (told, found) = ring(&kinds, "K999");
    let words = "K0 > K1 > K2 > K3 > K4 > K5 > K6 > K7 > ... > K0";
    assert_eq!(found, Some(format!("spBv1.0/g/NBIRTH/n: {words}")));
    assert!(told[0].ends_with("top:K999{of K999#2=absent}, rest#3=1"), "{}", told[0]);
}

#[test]
fn an_instance_within_one_of_its_own_kind_is_taken_as_far_as_it_goes_and_named() {
    let mut stage = Stage::new();
    let folder = |name: &str, inner: Vec<Metric>| {
        Metric::template(name, Template::instance("Folder").members(inner))
    };
    let leaf = Metric::new("x", 1_i32);
    let tree = folder("top", vec![folder("inner", vec![leaf.clone()]), leaf]);
    stage.send(&edge().nbirth(stage.time(), [tree]));
    stage.check(&["birth g/n: top:Folder{inner:Folder{x#2=1}, x#3=1}"]);
    let found = stage.host.findings().find(|found| found.finding == Finding::TemplateCycle);
    assert_eq!(found.unwrap().example, "spBv1.0/g/NBIRTH/n: Folder > Folder");
}

fn bytes() -> impl Strategy<Value = Bytes> {
    let byte = prop::sample::select(b"aB/_ \xb0\xe2\xff0".to_vec());
    prop::collection::vec(byte, 0..6).prop_map(Bytes::from)
}

fn numbers() -> impl Strategy<Value = u32> {
    prop_oneof![0_u32..40, any::<u32>(), Just(192), Just(500), Just(0x8000_0204)]
}

fn properties() -> impl Strategy<Value = wire::PropertySet> {
    use wire::property_value::Value as V;
    let value = prop_oneof![
        numbers().prop_map(V::IntValue),
        any::<u64>().prop_map(V::LongValue),
        any::<f64>().prop_map(V::DoubleValue),
        any::<bool>().prop_map(V::BooleanValue),
        bytes().prop_map(V::StringValue),
        Just(V::PropertysetValue(Box::default())),
    ];
    let value =
        (prop::option::of(numbers()), prop::option::of(any::<bool>()), prop::option::of(value));
    let value =
        value.prop_map(|(r#type, is_null, value)| wire::PropertyValue { r#type, is_null, value });
    let key = prop_oneof![Just(Bytes::from_static(b"Quality")), bytes()];
    let (keys, values) = (prop::collection::vec(key, 0..3), prop::collection::vec(value, 0..3));
    (keys, values).prop_map(|(keys, values)| wire::PropertySet { keys, values })
}

/// Metrics of any kind with anything in their arms, none of which is named `rest`.
fn odd_metrics() -> impl Strategy<Value = wire::Metric> {
    let value = prop_oneof![
        numbers().prop_map(Wire::IntValue),
        any::<u64>().prop_map(Wire::LongValue),
        any::<f32>().prop_map(Wire::FloatValue),
        any::<f64>().prop_map(Wire::DoubleValue),
        any::<bool>().prop_map(Wire::BooleanValue),
        bytes().prop_map(Wire::StringValue),
        bytes().prop_map(|bytes| Wire::BytesValue(bytes.to_vec())),
        Just(Wire::DatasetValue(Box::default())),
        Just(empty_template()),
    ];
    let metric = |value: BoxedStrategy<Wire>| {
        let flags = (any::<[bool; 2]>(), prop::option::of(any::<bool>()));
        let name = (prop::option::of(bytes()), prop::option::of(100_u64..105));
        let kind = (prop::option::of(numbers()), prop::option::of(value));
        (name, kind, flags, prop::option::of(properties())).prop_map(
            |((name, alias), (datatype, value), ([historical, transient], is_null), properties)| {
                wire::Metric {
                    name,
                    alias,
                    datatype,
                    value,
                    is_null,
                    is_historical: Some(historical),
                    is_transient: Some(transient),
                    properties: properties.map(Box::new),
                    ..Default::default()
                }
            },
        )
    };
    metric(value.boxed()).prop_recursive(3, 24, 4, move |inner| {
        let reference = prop_oneof![Just(Bytes::from_static(b"K")), bytes()];
        let parts = (prop::option::of(reference), prop::option::of(any::<bool>()));
        let template = (prop::collection::vec(inner, 0..4), parts).prop_map(
            |(metrics, (template_ref, is_definition))| {
                let template =
                    wire::Template { metrics, template_ref, is_definition, ..Default::default() };
                Wire::TemplateValue(Box::new(template))
            },
        );
        metric(template.boxed())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever stands beside them, metrics that are as they should be are read as they are, and
    /// what is told of the others keeps to their birth.
    #[test]
    fn odd_metrics_do_no_harm_to_others(
        born in prop::collection::vec(odd_metrics(), 0..6),
        data in prop::collection::vec(odd_metrics(), 0..6),
        device in any::<bool>(),
    ) {
        let mut stage = Stage::new();
        let mut edge = edge();
        let with_rest = |odd: &[wire::Metric], value: i32| {
            let mut metrics = vec![Metric::new("rest", value).quality(500)];
            metrics.extend(odd.iter().cloned().map(Metric::from));
            metrics.push(Metric::new("rest too", value));
            metrics
        };
        let births = if device { vec![] } else { with_rest(&born, 1) };
        stage.send(&edge.nbirth(stage.time(), births));
        if device {
            stage.host.poll_output();
            stage.send(&edge.dbirth("d", stage.time(), with_rest(&born, 1)));
        }
        let Some(Output::Event(Event::Birth(birth))) = stage.host.poll_output() else {
            panic!("no birth");
        };
        let mut slots = Vec::new();
        for name in ["rest", "rest too"] {
            let metric = birth.metrics.iter().find(|metric| &*metric.name == name).unwrap();
            let Content::Leaf { slot, sample, .. } = &metric.content else { panic!("no leaf") };
            prop_assert_eq!(&sample.value, &Some(Value::Int(1)));
            prop_assert_eq!(sample.quality == SparkplugQuality::Good, name == "rest too");
            slots.push(*slot);
        }
        stage.look();
        let data = match device {
            true => edge.ddata("d", stage.time(), with_rest(&data, 2)),
            false => edge.ndata(stage.time(), with_rest(&data, 2)),
        };
        stage.send(&data);
        let Some(Output::Event(Event::Data(data))) = stage.host.poll_output() else {
            panic!("no data");
        };
        prop_assert!(data.samples.iter().all(|(slot, _)| slot.0 < birth.slots));
        for slot in slots {
            let of = data.samples.iter().filter(|(told, _)| *told == slot);
            let values: Vec<_> = of.map(|(_, sample)| sample.value.clone()).collect();
            prop_assert_eq!(values, [Some(Value::Int(2))]);
        }
        stage.pass(secs(600));
    }
}
