//! What a sender leaves out: types, the payload's time, a value for its quality.

use super::attributes::shown;
use super::plant::Plant;
use super::*;
use crate::sitewise::api::{PropertyDataType, Quality};
use crate::sparkplug::datatype::DataType;
use crate::sparkplug::edge::Typed;
use crate::sparkplug::payload;
use crate::sparkplug::proto::Payload;
use crate::sparkplug::proto::payload::Metric as WireMetric;
use crate::sparkplug::proto::payload::metric as wire;
use crate::sparkplug::value::Value;

const NULL: Variant = Variant::Null(PropertyDataType::Double);

fn latest(plant: &Plant, asset: &str, name: &str) -> (Quality, Variant) {
    let last = plant.latest(asset, name).unwrap_or_else(|| panic!("{asset} shows no {name}"));
    (last.quality, last.value)
}

fn with(message: Message, change: impl FnOnce(&mut Payload)) -> Message {
    let mut payload = payload::decode(&message.payload).unwrap();
    change(&mut payload);
    Message { payload: payload::encode(&payload), ..message }
}

/// The message without the payload's own time.
fn timeless(message: Message) -> Message {
    with(message, |payload| payload.timestamp = None)
}

/// The metric whose properties and parameters say no types.
fn without_types(metric: Metric) -> Metric {
    fn strip(wire: &mut WireMetric) {
        if let Some(set) = &mut wire.properties {
            set.values.iter_mut().for_each(|value| value.r#type = None);
        }
        if let Some(wire::Value::TemplateValue(template)) = &mut wire.value {
            template.parameters.iter_mut().for_each(|parameter| parameter.r#type = None);
            template.metrics.iter_mut().for_each(strip);
        }
    }
    let mut wire = metric.into_wire();
    strip(&mut wire);
    Metric::from(wire)
}

/// The value that came late became history, and the machine died with the one before it.
#[test]
fn what_comes_late_is_the_latest_by_its_metrics_own_time() {
    let at = |metric: Metric, offset: i64| metric.at(Plant::at(offset));
    for with_unit in [false, true] {
        let mut plant = Plant::new(|_| {});
        let temp = |value: f64, offset| {
            let temp = at(Metric::new("Temp", value), offset);
            if with_unit { temp.property("engHigh", value) } else { temp }
        };
        let born = [temp(80.0, 0), at(Metric::new("Other", 1.0), 0)];
        let birth = timeless(plant.edge.nbirth(Plant::at(0), born));
        plant.send(&birth);
        plant.pass(Duration::from_secs(10));
        let late = timeless(plant.edge.ndata(Plant::at(5_000), [temp(95.0, 5_000)]));
        let other = [at(Metric::new("Other", 2.0), 6_000)];
        let next = timeless(plant.edge.ndata(Plant::at(6_000), other));
        plant.send(&next);
        plant.pass(Duration::from_secs(3));
        plant.send(&late);
        assert_eq!(latest(&plant, "gw", "Temp"), (Quality::Good, Variant::Double(95.0)));
        if with_unit {
            assert_eq!(shown(&plant, "gw", "Temp/engHigh"), "95");
        }
        let death = plant.edge.ndeath();
        plant.send(&death);
        plant.pass(Duration::from_secs(120));
        assert_eq!(latest(&plant, "gw", "Temp"), (Quality::Uncertain, Variant::Double(95.0)));
    }
}

/// Nothing shows that it is later than what is known.
#[test]
fn an_attribute_that_comes_late_without_any_time_changes_nothing() {
    let mut plant = Plant::new(|_| {});
    let temp = |value: f64| Metric::new("Temp", value).property("engHigh", value);
    let birth = timeless(plant.edge.nbirth(Plant::at(0), [temp(80.0), Metric::new("Other", 1.0)]));
    plant.send(&birth);
    plant.pass(Duration::from_secs(10));
    let late = timeless(plant.edge.ndata(Plant::at(5_000), [temp(95.0)]));
    let next = timeless(plant.edge.ndata(Plant::at(6_000), [Metric::new("Other", 2.0)]));
    plant.send(&next);
    plant.pass(Duration::from_secs(3));
    plant.send(&late);
    assert_eq!(shown(&plant, "gw", "Temp/engHigh"), "80");
}

/// It was no metric at all: the value before it became UNCERTAIN, and all that came later was
/// dropped.
#[test]
fn a_metric_that_is_null_without_a_type_is_of_the_type_that_it_had() {
    for restart in [false, true] {
        let mut plant = Plant::new(|_| {});
        plant.nbirth(0, [Metric::new("A", 5.0)]);
        plant.pass(Duration::from_secs(60));
        if restart {
            plant = plant.restart();
            plant.pass(Duration::from_secs(10));
        }
        let null = || Metric::null("A", DataType::Double).untyped();
        plant.nbirth(20_000, [null()]);
        plant.pass(Duration::from_secs(10));
        assert_eq!(latest(&plant, "gw", "A"), (Quality::Bad, NULL), "{restart}");
        plant.ndata(30_000, [Metric::new("A", 6.0)]);
        assert_eq!(latest(&plant, "gw", "A"), (Quality::Good, Variant::Double(6.0)), "{restart}");
        plant.nbirth(40_000, [null()]);
        plant.ndata(50_000, [Metric::new("A", 7.0).untyped()]);
        assert_eq!(latest(&plant, "gw", "A"), (Quality::Good, Variant::Double(7.0)), "{restart}");
    }
}

/// Of a flat tag and of a member of an instance without a definition.
#[test]
fn data_tells_the_type_of_what_was_born_null_without_one() {
    let null = |name: &str| Metric::null(name, DataType::Double).untyped();
    let turbine =
        |speed: Metric| Metric::template("T1", Template::instance("Turbine").member(speed));
    let mut plant = Plant::new(|_| {});
    plant.nbirth(0, [Metric::new("B", 1.0), null("A"), turbine(null("Speed"))]);
    plant.pass(Duration::from_secs(10));
    let data = |value: f64| [Metric::new("A", value), turbine(Metric::new("Speed", value))];
    plant.ndata(20_000, data(6.0));
    plant.pass(Duration::from_secs(30));
    for (asset, name) in [("gw", "A"), ("T1", "Speed")] {
        assert_eq!(latest(&plant, asset, name), (Quality::Good, Variant::Double(6.0)), "{name}");
    }
    // Its births say the same as ever.
    plant.nbirth(60_000, [Metric::new("B", 1.0), null("A"), turbine(null("Speed"))]);
    for (asset, name) in [("gw", "A"), ("T1", "Speed")] {
        assert_eq!(latest(&plant, asset, name), (Quality::Bad, NULL), "{name}");
    }
    // It is of another type after all.
    plant.ndata(70_000, [Metric::new("A", "on")]);
    plant.pass(Duration::from_secs(400));
    let is_text = |property: &&crate::sitewise::api::Property| {
        property.name.starts_with('A') && property.data_type == PropertyDataType::String
    };
    let (id, gw) = plant.sitewise.asset("gw");
    let text = plant.sitewise.models[&gw.model].properties.iter().find(is_text).unwrap().id;
    let mut written =
        plant.points.iter().filter(|p| (p.stream.asset, p.stream.property) == (id, text));
    assert_eq!(written.next_back().unwrap().value, Variant::String("on".into()));
    plant.ndata(480_000, data(8.0));
    assert_eq!(latest(&plant, "T1", "Speed"), (Quality::Good, Variant::Double(8.0)));
}

/// It went to a second attribute, and the first one showed what was no longer so.
#[test]
fn a_parameter_without_a_type_is_of_the_type_that_its_definition_has() {
    let define = || {
        let turbine = Template::definition()
            .parameter("Rated", 100_u32)
            .parameter("Built", Plant::at(0))
            .member(Metric::new("Speed", 0.0).property("engHigh", 20.0));
        Metric::template("Turbine", turbine)
    };
    let built =
        |millis: u64| Typed { datatype: DataType::Int64, value: Some(Value::Int(millis as i64)) };
    let turbine = |rated: i32, seconds: u64| {
        let speed = Metric::new("Speed", 1.0).property("engHigh", rated);
        let turbine = Template::instance("Turbine")
            .parameter("Rated", rated)
            .parameter("Built", built(seconds * 1_000))
            .member(speed);
        without_types(Metric::template("T1", turbine))
    };
    let mut plant = Plant::new(|_| {});
    plant.nbirth(0, [define(), turbine(200, 1_700_000_000)]);
    plant.pass(Duration::from_secs(30));
    let all = |plant: &Plant| {
        let names: Vec<_> = plant.show()["T1"].attributes.keys().cloned().collect();
        assert_eq!(names, ["Built", "Rated", "Speed/engHigh"]);
        ["Built", "Rated", "Speed/engHigh"].map(|name| shown(plant, "T1", name))
    };
    assert_eq!(all(&plant), ["1700000000", "200", "200"]);
    plant.ndata(40_000, [turbine(300, 1_700_000_001)]);
    plant.pass(Duration::from_secs(30));
    assert_eq!(all(&plant), ["1700000001", "300", "300"]);
    // Null, and not the default.
    let null = Template::instance("Turbine").parameter("Rated", Typed::null(DataType::UInt32));
    let null = || without_types(Metric::template("T1", null.clone()));
    plant.ndata(80_000, [null()]);
    assert_eq!(all(&plant)[1], "null");
    plant.nbirth(90_000, [define(), null()]);
    assert_eq!(all(&plant)[1], "null");
}

/// It stayed at what it was, and GOOD.
#[test]
fn a_static_property_in_data_without_a_type_or_of_another_one_replaces_that_of_the_birth() {
    let temp = |high: Typed| Metric::new("Temp", 1.0).property("engHigh", high);
    let names = |plant: &Plant| plant.show()["gw"].attributes.keys().cloned().collect::<Vec<_>>();
    let mut plant = Plant::new(|_| {});
    plant.nbirth(0, [temp(90.5.into())]);
    plant.pass(Duration::from_secs(30));
    plant.ndata(40_000, [without_types(temp(95_i32.into()))]);
    assert_eq!(shown(&plant, "gw", "Temp/engHigh"), "95");
    plant.ndata(50_000, [without_types(temp(Typed::null(DataType::Double)))]);
    assert_eq!(shown(&plant, "gw", "Temp/engHigh"), "null");
    plant.nbirth(60_000, [temp(90.5.into())]);
    plant.nbirth(70_000, [without_types(temp(Typed::null(DataType::Double)))]);
    assert_eq!(shown(&plant, "gw", "Temp/engHigh"), "null");
    assert_eq!(names(&plant), ["Temp/engHigh"]);
    // A type that is said is another one.
    plant.nbirth(80_000, [temp(90.5.into())]);
    plant.ndata(90_000, [temp(96_i32.into())]);
    plant.pass(Duration::from_secs(30));
    let other = names(&plant).into_iter().find(|name| name != "Temp/engHigh").unwrap();
    assert_eq!(shown(&plant, "gw", "Temp/engHigh"), "null");
    assert_eq!(shown(&plant, "gw", &other), "96");
    plant.ndata(120_000, [temp(97.5.into())]);
    assert_eq!(shown(&plant, "gw", "Temp/engHigh"), "97.5");
    assert_eq!(shown(&plant, "gw", &other), "null");
}

/// It said GOOD, also of what was BAD.
#[test]
fn a_quality_without_a_value_says_nothing_and_is_never_good() {
    let odd = |metric: Metric| {
        let mut wire = metric.quality(0).into_wire();
        if let Some(set) = wire.properties.as_mut() {
            set.values.clear();
        }
        wire
    };
    let mut plant = Plant::new(|_| {});
    plant.nbirth(0, [Metric::new("A", 5.0).quality(0)]);
    plant.pass(Duration::from_secs(10));
    let alone = WireMetric { value: None, ..odd(Metric::new("A", 5.0)) };
    plant.ndata(20_000, [Metric::from(alone)]);
    assert_ne!(latest(&plant, "gw", "A").0, Quality::Good);
    plant.ndata(30_000, [Metric::from(odd(Metric::new("A", 6.0)))]);
    assert_eq!(latest(&plant, "gw", "A"), (Quality::Uncertain, Variant::Double(6.0)));
}
