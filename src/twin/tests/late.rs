//! Parameters and static properties in data that came late.

use super::attributes::with_serial;
use super::*;
use crate::sparkplug::event::{AttributeHolder, AttributeKind, AttributeSample};

/// A message that came late lost its parameters and static properties, while its values were
/// judged by their times.
#[test]
fn an_attribute_in_late_data_is_written_unless_later_data_or_the_birth_said_it() {
    use SequenceOrder::{BeforeBirth, InOrder, Late};
    let static_of_leaf = (AttributeHolder::Leaf(Slot(0)), "engHigh", "Speed/engHigh");
    let parameter = (AttributeHolder::Instance(1), "Serial", "Serial");
    for (holder, name, shown) in [static_of_leaf, parameter] {
        let value = |number: f64| match name {
            "Serial" if number == 20.0 => text("unknown"),
            "Serial" => text(&number.to_string()),
            _ => Value::Double(number),
        };
        let (datatype, kind) = match name {
            "Serial" => (DataType::String, AttributeKind::Parameter),
            _ => (DataType::Double, AttributeKind::Property),
        };
        let mut rig = Rig::new();
        rig.event(with_serial(None, 0));
        rig.seconds(10);
        let said = |rig: &mut Rig, (order, at, number): (SequenceOrder, i64, f64), timed: bool| {
            let (time, property) = (rig.at(at), property(name, datatype, value(number)));
            let attributes = vec![AttributeSample { holder, kind, time, property }];
            let (source, samples, sent) = (node(), Vec::new(), timed.then_some(time));
            rig.event(Event::Data(Data { source, samples, attributes, order, sent }));
            rig.seconds(2);
        };
        let shows = |rig: &Rig, number: f64, why: &str| {
            let is = rig.shown("T1", shown);
            let value = match value(number) {
                Value::String(text) => Variant::String(text.as_ref().into()),
                _ => Variant::Double(number),
            };
            assert_eq!(is, Some((Quality::Good, value)), "{name} {why}");
        };
        for (of, number, why) in [
            ((Late, 5_000, 25.0), 25.0, "late, and the first word since the birth"),
            ((InOrder, 8_000, 20.0), 20.0, "back to the default"),
            ((Late, 7_000, 30.0), 20.0, "late, and older than that"),
            ((Late, 8_000, 30.0), 20.0, "late, and as old as that"),
            ((Late, 9_000, 30.0), 30.0, "late, and later than that"),
            ((BeforeBirth, 9_500, 35.0), 30.0, "from before the birth"),
        ] {
            said(&mut rig, of, true);
            shows(&rig, number, why);
        }
        said(&mut rig, (Late, 9_700, 35.0), false);
        shows(&rig, 35.0, "late, and with a time of its metric alone");
        rig.event(with_serial(None, 60_000));
        rig.seconds(2);
        shows(&rig, 20.0, "left out by a birth");
        said(&mut rig, (Late, 59_000, 30.0), true);
        shows(&rig, 20.0, "late, and older than the birth");
        said(&mut rig, (Late, 60_000, 30.0), true);
        shows(&rig, 30.0, "late, and as old as the birth");
        rig.check_conservation();
    }
}

/// The times at which data spoke of attributes are bounded.
#[test]
fn late_data_is_not_the_last_word_where_the_times_of_more_are_forgotten() {
    let tag = |n: u32| {
        let mut tag = leaf(n, &format!("T{n}"), DataType::Double, sample(0, Value::Double(0.0)));
        tag.properties.push(property("engHigh", DataType::Double, Value::Double(1.0)));
        tag
    };
    let config = Config { max_properties: 5_000, ..config() };
    let mut rig = Rig::with(config, FakeSiteWise::default());
    rig.event(birth(node(), Vec::new(), (0..1_001).map(tag).collect()));
    rig.seconds(300);
    let said = |rig: &mut Rig, order, slots: std::ops::Range<u32>, at: i64, value: f64| {
        let time = rig.at(at);
        let of = |n| AttributeSample {
            holder: AttributeHolder::Leaf(Slot(n)),
            kind: AttributeKind::Property,
            time,
            property: property("engHigh", DataType::Double, Value::Double(value)),
        };
        let (attributes, samples, sent) = (slots.map(of).collect(), Vec::new(), Some(time));
        rig.event(Event::Data(Data { source: node(), samples, attributes, order, sent }));
        rig.seconds(10);
    };
    said(&mut rig, SequenceOrder::InOrder, 0..1_001, 300_000, 2.0);
    said(&mut rig, SequenceOrder::Late, 0..1, 299_000, 3.0);
    let shown = |rig: &Rig| rig.shown("gw", "T0/engHigh").map(|(_, value)| value);
    assert_eq!(shown(&rig), Some(Variant::Double(2.0)));
    said(&mut rig, SequenceOrder::Late, 0..1, 301_000, 3.0);
    assert_eq!(shown(&rig), Some(Variant::Double(3.0)));
}
