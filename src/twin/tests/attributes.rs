//! Attributes: an instance's own, or the default.

use std::sync::Arc;

use super::*;
use crate::sparkplug::event::{AttributeHolder, AttributeKind, AttributeSample};
use crate::twin::mapping::Adjustment;

pub(super) fn with_serial(serial: Option<&str>, offset: i64) -> Event {
    let mut metric = turbine("T1", 0, 1.0, 0);
    if let Content::Instance(instance) = &mut metric.content {
        instance.number = 1;
        let serial = serial.map(|serial| property("Serial", DataType::String, text(serial)));
        instance.parameters.extend(serial);
    }
    birth_at(offset, node(), definitions(), vec![metric])
}

fn shows(rig: &Rig, serial: &str) {
    let shown = rig.shown("T1", "Serial");
    assert_eq!(shown, Some((Quality::Good, Variant::String(serial.into()))));
}

#[test]
fn an_attribute_that_returns_to_its_default_is_written() {
    for back in [Some("unknown"), None] {
        let mut rig = Rig::new();
        rig.event(with_serial(Some("A-17"), 0));
        rig.seconds(30);
        shows(&rig, "A-17");
        rig.event(with_serial(back, 40_000));
        shows(&rig, "unknown");
        rig.event(with_serial(back, 50_000));
        assert_eq!(rig.written("T1", "Serial").len(), 2, "once");
        rig.event(with_serial(Some("A-17"), 60_000));
        shows(&rig, "A-17");
    }
}

/// It showed the default.
#[test]
fn a_null_of_its_own_is_null_with_bad_and_not_the_default() {
    let null = Some((Quality::Bad, Variant::Null(crate::sitewise::api::PropertyDataType::String)));
    let says = |value: Option<&str>| property("Serial", DataType::String, value.map(text));
    let born = |value, offset| {
        let mut metric = turbine("T1", 0, 1.0, 0);
        if let Content::Instance(instance) = &mut metric.content {
            instance.parameters = vec![says(value)];
            instance.number = 1;
        }
        birth_at(offset, node(), definitions(), vec![metric])
    };
    let mut rig = Rig::new();
    rig.event(born(None, 0));
    rig.seconds(30);
    assert_eq!(rig.shown("T1", "Serial"), null);
    rig.event(born(None, 40_000));
    assert_eq!(rig.written("T1", "Serial").len(), 1, "once");
    let mut rig = rig.restart();
    rig.event(born(None, rig.offset()));
    rig.seconds(30);
    assert_eq!(rig.shown("T1", "Serial"), null);
    for (value, shown) in [
        (Some("A-17"), Some((Quality::Good, Variant::String("A-17".into())))),
        (None, null.clone()),
    ] {
        let (holder, time, property) = (AttributeHolder::Instance(1), rig.now.wall, says(value));
        let kind = AttributeKind::Parameter;
        let attributes = vec![AttributeSample { holder, kind, time, property }];
        let (samples, order) = (Vec::new(), SequenceOrder::InOrder);
        rig.event(Event::Data(Data { source: node(), samples, attributes, order, sent: None }));
        rig.seconds(30);
        assert_eq!(rig.shown("T1", "Serial"), shown);
    }
    // One that it does not name is the default.
    rig.event(with_serial(None, rig.offset()));
    rig.seconds(30);
    shows(&rig, "unknown");
}

/// It showed the default, or nothing.
#[test]
fn a_static_property_that_is_null_is_null_with_bad() {
    let null = Some((Quality::Bad, Variant::Null(crate::sitewise::api::PropertyDataType::Double)));
    let high = |value: Option<f64>| property("engHigh", DataType::Double, value.map(Value::Double));
    for default in [Some(100.0), None] {
        let mut rig = Rig::new();
        let mut definitions = definitions();
        definitions[0].members[0].properties.push(high(default));
        let mut machine = turbine("T1", 0, 1.0, 0);
        if let Content::Instance(instance) = &mut machine.content {
            instance.members[0].properties.push(high(None));
        }
        rig.event(birth(node(), definitions, vec![machine]));
        rig.seconds(30);
        assert_eq!(rig.shown("T1", "Speed/engHigh"), null);
    }
}

#[test]
fn an_attribute_that_returned_to_its_default_while_the_bridge_was_away_is_written() {
    for back in [Some("unknown"), None] {
        let mut rig = Rig::new();
        rig.event(with_serial(Some("A-17"), 0));
        rig.seconds(30);
        let mut rig = rig.restart();
        let offset = rig.offset();
        rig.event(with_serial(back, offset));
        rig.seconds(30);
        shows(&rig, "unknown");
        let written = rig.written("T1", "Serial").len();
        rig.event(with_serial(back, offset + 10_000));
        assert_eq!(rig.written("T1", "Serial").len(), written);
    }
}

#[test]
fn a_restart_writes_no_attribute_that_sitewise_shows_already() {
    let mut rig = Rig::new();
    rig.event(with_serial(None, 0));
    rig.seconds(30);
    let mut rig = rig.restart();
    let offset = rig.offset();
    rig.event(with_serial(None, offset));
    rig.seconds(30);
    assert_eq!(rig.written("T1", "Serial"), []);
}

#[test]
fn an_attribute_that_changes_in_an_older_birth_is_not_hidden() {
    let mut rig = Rig::new();
    rig.event(with_serial(Some("A-17"), 20_000));
    rig.event(with_serial(Some("B-18"), 10_000));
    rig.seconds(30);
    shows(&rig, "B-18");
    assert_eq!(rig.written("T1", "Serial")[1].0, 20_001);
    // As long as the clock of the one before was right, also over a restart.
    let mut rig = rig.restart();
    rig.event(with_serial(Some("C-19"), 5_000));
    rig.seconds(30);
    shows(&rig, "C-19");
}

#[test]
fn a_static_property_that_is_gone_without_a_default_is_null_with_bad() {
    let tag = |high: Option<f64>, offset| {
        let mut metric = leaf(0, "Wind", DataType::Double, sample(offset, Value::Double(7.0)));
        let high = high.map(|high| property("engHigh", DataType::Double, Value::Double(high)));
        metric.properties.extend(high);
        birth_at(offset, node(), Vec::new(), vec![metric])
    };
    let mut rig = Rig::new();
    rig.event(tag(Some(9_500.0), 0));
    rig.event(tag(Some(8_000.0), 10_000));
    rig.seconds(30);
    let shown = rig.shown("gw", "Wind/engHigh");
    assert_eq!(shown, Some((Quality::Good, Variant::Double(8_000.0))));
    rig.event(tag(None, 40_000));
    let null = Variant::Null(crate::sitewise::api::PropertyDataType::Double);
    assert_eq!(rig.shown("gw", "Wind/engHigh"), Some((Quality::Bad, null)));
    // One that never was there is not written.
    rig.event(tag(None, 50_000));
    assert_eq!(rig.written("gw", "Wind/engHigh").len(), 3);
}

#[test]
fn a_default_that_is_no_number_is_none_and_the_model_is_made() {
    let mut rig = Rig::new();
    let mut definitions = definitions();
    definitions[0].parameters = vec![property("Ratio", DataType::Double, Value::Double(f64::NAN))];
    rig.event(birth(node(), definitions, vec![turbine("T1", 0, 1.0, 0)]));
    rig.seconds(30);
    let (_, model) = rig.sitewise.model("Turbine");
    let ratio = model.properties.iter().find(|property| property.name == "Ratio").unwrap();
    assert_eq!(ratio.kind, crate::sitewise::api::PropertyKind::Attribute { default: None });
    assert_eq!(rig.written("T1", "Speed").len(), 1);
}

#[test]
fn an_attribute_of_a_flattened_tag_changes_in_data_after_a_restart() {
    let config = Config { nested: Nested::Flatten, ..config() };
    let born = |offset| {
        let mut heat = leaf(0, "Heat", DataType::Double, sample(offset, Value::Double(60.0)));
        heat.properties.push(property("engHigh", DataType::Double, Value::Double(90.0)));
        let machine = instance("T1", "Turbine", vec![instance("Box", "Gearbox", vec![heat])]);
        birth_at(offset, node(), Vec::new(), vec![machine])
    };
    let mut rig = Rig::with(config.clone(), FakeSiteWise::default());
    rig.event(born(0));
    rig.seconds(30);
    for (restarts, high) in [(false, 95.0), (true, 97.0)] {
        if restarts {
            rig = rig.restart_with(config.clone());
            rig.event(born(rig.offset()));
            rig.seconds(30);
        }
        let property = property("engHigh", DataType::Double, Value::Double(high));
        let time = rig.now.wall;
        let attributes = vec![AttributeSample {
            holder: AttributeHolder::Leaf(Slot(0)),
            kind: AttributeKind::Property,
            time,
            property,
        }];
        let order = SequenceOrder::InOrder;
        rig.event(Event::Data(Data {
            source: node(),
            samples: Vec::new(),
            attributes,
            order,
            sent: None,
        }));
        rig.seconds(90);
        let shown = rig.shown("T1", "Box/Heat/engHigh");
        assert_eq!(shown, Some((Quality::Good, Variant::Double(high))));
        assert_eq!(rig.properties("T1"), ["Box/Heat", "Box/Heat/engHigh"]);
    }
}

#[test]
fn an_attribute_that_cannot_be_read_is_written_as_the_birth_says() {
    for (says, shown) in [(Some("A-17"), "A-17"), (None, "unknown")] {
        let mut rig = Rig::new();
        rig.event(with_serial(Some("B-18"), 0));
        rig.seconds(30);
        rig.sitewise.unreadable = Some(ApiFaultKind::Denied);
        let mut rig = rig.restart();
        let offset = rig.offset();
        rig.event(with_serial(says, offset));
        rig.seconds(30);
        shows(&rig, shown);
    }
}

/// The clock of a machine went back while the bridge was not running: what SiteWise has is later
/// than what its birth says, and nobody can read that.
#[test]
fn a_clock_that_went_back_hides_nothing_where_sitewise_cannot_be_read() {
    for (says, shown) in [(Some("A-17"), "A-17"), (None, "unknown")] {
        let mut rig = Rig::new();
        let spoken = |serial: Option<&str>, at: i64| match with_serial(serial, at) {
            Event::Birth(mut birth) => {
                let said = sample(at, Value::Double(at as f64));
                birth.metrics.push(leaf(birth.slots, "Temp", DataType::Double, said));
                birth.slots += 1;
                Event::Birth(birth)
            }
            other => other,
        };
        rig.event(spoken(Some("B-18"), 20_000));
        rig.seconds(30);
        rig.sitewise.unreadable = Some(ApiFaultKind::Denied);
        let mut rig = rig.restart();
        rig.event(spoken(says, -60_000));
        rig.seconds(30);
        shows(&rig, shown);
        assert_eq!(rig.shown("gw", "Temp"), Some((Quality::Good, Variant::Double(-60_000.0))));
    }
}

#[test]
fn what_has_no_form_in_sitewise_is_told_by_name() {
    let table = |rows: usize| {
        let cell = || vec![Some(Value::String("x".repeat(100).into()))];
        let rows = (0..rows).map(|_| cell()).collect();
        Value::DataSet(crate::sparkplug::value::DataSet { columns: vec!["c".into()], rows }.into())
    };
    let bytes = || Value::Bytes(vec![1, 2].into());
    let born = |parameters: Vec<StaticProperty>, metrics: Vec<BirthMetric>| {
        let mut machine = turbine("T1", 0, 1.0, 0);
        let Content::Instance(instance) = &mut machine.content else { panic!() };
        instance.parameters = parameters;
        let mut rig = Rig::new();
        let metrics = [machine].into_iter().chain(metrics).collect();
        rig.event(birth(node(), definitions(), metrics));
        rig.seconds(30);
        let found = rig.found.iter().filter(|(finding, _)| *finding == Finding::NotCarried);
        let told: Vec<_> = found.map(|(_, example)| example.clone()).collect();
        assert_eq!(rig.written("T1", "Speed").len(), 1);
        rig.check_conservation();
        told
    };
    let table_of = |rows| vec![property("Curve", DataType::DataSet, table(rows))];
    assert_eq!(born(table_of(2), Vec::new()), [""; 0]);
    assert_eq!(born(table_of(20), Vec::new()), ["Nordsee/gw/T1/Curve is of the type DataSet"]);
    let firmware = vec![property("Firmware", DataType::Bytes, bytes())];
    assert_eq!(born(firmware, Vec::new()), ["Nordsee/gw/T1/Firmware is of the type Bytes"]);
    let file = leaf(3, "Plan", DataType::File, sample(0, bytes()));
    assert_eq!(born(Vec::new(), vec![file]), ["Nordsee/gw/Plan is of the type File"]);
    let unsaid = Sample { without_value: true, ..sample(0, None) };
    assert_eq!(born(Vec::new(), vec![leaf(3, "Plan", DataType::File, unsaid)]), [""; 0]);
}

/// A pump, with these defaults of a parameter, and of a static property of a member; nested in a
/// station.
fn station(own: Option<f64>, max: Option<f64>, high: Option<f64>, offset: i64) -> Event {
    let named = |name: &str, value: Option<f64>| {
        value.map(|value| property(name, DataType::Double, Value::Double(value)))
    };
    let pump = Definition {
        name: "_types_/Pump".into(),
        version: None,
        parent: None,
        base: None,
        parameters: named("Max", max).into_iter().collect(),
        members: vec![Member {
            name: "v".into(),
            properties: named("hi", high).into_iter().collect(),
            kind: MemberKind::Leaf(Some(DataType::Double)),
        }],
    };
    let holder = Definition {
        name: "_types_/Station".into(),
        parameters: Vec::new(),
        members: vec![Member {
            name: "P".into(),
            properties: Vec::new(),
            kind: MemberKind::Template {
                template: "Pump".into(),
                definition: Some("_types_/Pump".into()),
                said: None,
                own: None,
            },
        }],
        ..pump.clone()
    };
    let v = leaf(0, "v", DataType::Double, sample(offset, Value::Double(1.0)));
    let mut inner = instance("P", "Pump", vec![v]);
    if let Content::Instance(instance) = &mut inner.content {
        instance.defined = Some(std::sync::Arc::new(pump.clone()));
        instance.parameters.extend(named("Max", own));
    }
    let mut metric = instance("S", "Station", vec![inner]);
    if let Content::Instance(instance) = &mut metric.content {
        instance.defined = Some(std::sync::Arc::new(holder.clone()));
    }
    birth_at(offset, node(), vec![holder, pump], vec![metric])
}

/// The default that came first stood for it, newly written and GOOD.
#[test]
fn an_attribute_that_left_its_definition_is_null_with_bad() {
    let null = Some((Quality::Bad, Variant::Null(crate::sitewise::api::PropertyDataType::Double)));
    let good = |value| Some((Quality::Good, Variant::Double(value)));
    for nested in [Nested::Child, Nested::Flatten] {
        let config = Config { nested, ..config() };
        let mut rig = Rig::with(config.clone(), FakeSiteWise::default());
        let shown = |rig: &Rig| match nested {
            Nested::Child => [rig.shown("S/P", "Max"), rig.shown("S/P", "v/hi")],
            Nested::Flatten => [rig.shown("S", "P/Max"), rig.shown("S", "P/v/hi")],
        };
        rig.event(station(None, Some(8_000.0), Some(5.0), 0));
        rig.seconds(30);
        assert_eq!(shown(&rig), [None, None], "those of the model");
        rig.event(station(None, Some(9_000.0), Some(7.0), 40_000));
        assert_eq!(shown(&rig), [good(9_000.0), good(7.0)]);
        rig.event(station(None, None, None, 50_000));
        assert_eq!(shown(&rig), [null.clone(), null.clone()], "{nested:?}");
        let nulls = |rig: &Rig| {
            let points = rig.points.iter().filter(|waiting| waiting.point.class == Class::Static);
            points.count()
        };
        let written = nulls(&rig);
        rig.event(station(None, None, None, 50_000));
        assert_eq!(nulls(&rig), written, "once");
        rig.event(station(Some(70.0), None, None, 60_000));
        assert_eq!(shown(&rig), [good(70.0), null.clone()], "its own counts");
        rig.event(station(None, Some(8_000.0), Some(5.0), 70_000));
        assert_eq!(shown(&rig), [good(8_000.0), good(5.0)]);
        // Over a restart nothing is known of them but by SiteWise.
        rig.event(station(None, None, None, 80_000));
        let mut rig = rig.restart_with(config);
        rig.seconds(10);
        rig.event(station(None, None, None, rig.offset()));
        rig.seconds(30);
        assert_eq!(shown(&rig), [null.clone(), null.clone()], "{nested:?}");
    }
}

/// Nothing was ever written of them.
#[test]
fn a_default_of_another_nodes_definition_is_not_shown_where_ones_own_has_no_such_attribute() {
    let null = Some((Quality::Bad, Variant::Null(crate::sitewise::api::PropertyDataType::Double)));
    for restarts in [false, true] {
        let mut rig = Rig::new();
        rig.event(station(None, Some(8_000.0), Some(5.0), 0));
        rig.seconds(30);
        if restarts {
            rig = rig.restart();
            rig.seconds(10);
        }
        let Event::Birth(birth) = station(None, None, None, rig.offset()) else { panic!() };
        let source = Source { edge: EdgeNode::new("Nordsee", "gw2"), device: None };
        rig.event(Event::Birth(Birth { source, ..birth }));
        rig.seconds(30);
        let second = rig.sitewise.assets.iter().find(|(_, asset)| {
            asset.description.as_deref().is_some_and(|about| about.contains("gw2/S/P"))
        });
        let name = second.map(|(_, asset)| asset.name.clone()).unwrap();
        assert_eq!(rig.shown(&name, "Max"), null);
        assert_eq!(rig.shown(&name, "v/hi"), null);
        if !restarts {
            assert_eq!(rig.shown("S/P", "Max"), None, "the first has its default");
        }
    }
}

/// Only what no definition names is null, and nothing is known of what this one would name.
#[test]
fn where_no_definition_of_a_flattened_instance_is_known_the_defaults_of_its_model_stand() {
    let config = Config { nested: Nested::Flatten, ..config() };
    let mut rig = Rig::with(config, FakeSiteWise::default());
    rig.event(station(None, Some(8_000.0), Some(5.0), 0));
    rig.seconds(30);
    let Event::Birth(mut birth) = station(None, None, None, rig.offset()) else { panic!() };
    birth.source = Source { edge: EdgeNode::new("Nordsee", "gw2"), device: None };
    let Content::Instance(station) = &mut birth.metrics[0].content else { panic!() };
    let Content::Instance(pump) = &mut station.members[0].content else { panic!() };
    pump.defined = None;
    rig.event(Event::Birth(birth));
    rig.seconds(30);
    let second =
        rig.sitewise.assets.values().find(|asset| {
            asset.description.as_deref().is_some_and(|about| about.contains("gw2/S"))
        });
    let name = second.map(|asset| asset.name.clone()).unwrap();
    assert_eq!([rig.shown(&name, "P/Max"), rig.shown(&name, "P/v/hi")], [None, None]);
}

/// It was rounded and shown as GOOD, and nobody was told.
#[test]
fn an_attribute_that_is_rounded_is_uncertain_and_counted() {
    let serial = || property("Serial", DataType::Int64, Value::Int((1 << 53) + 1));
    let far = || property("Range", DataType::Double, Value::Double(2e10));
    let rounded = || Some((Quality::Uncertain, Variant::Double(9_007_199_254_740_992.0)));
    let mut defined = definitions();
    defined[0].parameters = vec![serial()];
    let with =
        |mut metric: BirthMetric, parameters: Vec<StaticProperty>, defined: &[Definition]| {
            if let Content::Instance(instance) = &mut metric.content {
                instance.parameters = parameters;
                instance.defined = Some(Arc::new(defined[0].clone()));
            }
            metric
        };
    // An instance's own, also where the default is rounded to the same, and the default itself.
    for (defined, parameters) in [
        (definitions(), vec![serial(), far()]),
        (defined.clone(), vec![serial(), far()]),
        (defined, vec![far()]),
    ] {
        let born = |offset| {
            let tag = BirthMetric {
                properties: vec![serial()],
                ..leaf(3, "Wind", DataType::Double, sample(offset, Value::Double(1.0)))
            };
            let metric = with(turbine("T1", 0, 1.0, offset), parameters.clone(), &defined);
            birth_at(offset, node(), defined.clone(), vec![metric, tag])
        };
        let mut rig = Rig::new();
        rig.event(born(0));
        rig.seconds(30);
        for _ in 0..2 {
            let attributes: Vec<_> = rig.properties("T1").into_iter().map(str::to_owned).collect();
            let serial = attributes.iter().rfind(|name| name.starts_with("Serial")).unwrap();
            assert_eq!(rig.shown("T1", serial), rounded(), "{serial}");
            assert_eq!(rig.shown("gw", "Wind/Serial"), rounded());
            rig.event(born(rig.offset()));
            rig.seconds(30);
        }
        let counts = rig.twin.counts();
        assert_eq!(counts.adjusted(Adjustment::Rounded), 2, "once each");
        let far = rig.found.iter().filter(|(finding, _)| *finding == Finding::NumberTooLarge);
        assert_eq!(far.count(), 3, "what is rounded is that far as well");
        let mut rig = rig.restart();
        rig.event(born(rig.offset()));
        rig.seconds(30);
        assert_eq!(rig.shown("gw", "Wind/Serial"), rounded());
    }
}
