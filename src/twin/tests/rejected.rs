//! What is refused of attributes.

use super::*;

/// A birth of T1 whose serial number is sent as this.
fn born(serial: StaticProperty, offset: i64) -> Event {
    let mut metric = turbine("T1", 0, 1.0, 0);
    if let Content::Instance(instance) = &mut metric.content {
        instance.number = 1;
        instance.parameters = vec![serial];
    }
    birth_at(offset, node(), definitions(), vec![metric])
}

/// A measurement's was a dead letter; an attribute's became null, and was nowhere.
#[test]
fn what_is_refused_of_an_attribute_for_its_type_is_kept_as_it_came() {
    let good = || property("Serial", DataType::String, text("A-17"));
    let other = |number: i64| StaticProperty {
        rejected_value: Some(Box::new(Value::Int(number))),
        ..property("Serial", DataType::String, None)
    };
    let mut rig = Rig::new();
    rig.event(born(good(), 0));
    rig.seconds(30);
    // Once for each that is another, and again after one that was right.
    let births = [other(17), other(17), other(18), good(), other(18)];
    for (at, birth) in (0..).zip(births) {
        rig.event(born(birth, 40_000 + at * 10_000));
        rig.seconds(10);
    }
    let null = Variant::Null(crate::sitewise::api::PropertyDataType::String);
    assert_eq!(rig.shown("T1", "Serial"), Some((Quality::Bad, null)));
    let kept: Vec<_> = rig.refused.iter().map(|(point, _)| point.value.clone()).collect();
    assert_eq!(kept, [17, 18, 18].map(Variant::Integer));
    assert!(rig.refused.iter().all(|(_, why)| why.contains("type")), "{:?}", rig.refused);
    assert_eq!(rig.twin.counts().refused.total(), 3);
}

/// A definition speaks for no machine.
#[test]
fn what_a_definition_says_that_is_none_of_its_type_is_no_dead_letter() {
    let came = Some(Box::new(Value::Int(17)));
    let said = |value: Option<Box<Value>>| StaticProperty {
        rejected_value: value,
        ..property("Serial", DataType::String, None)
    };
    let mut rig = Rig::new();
    let mut metric = turbine("T1", 0, 1.0, 0);
    if let Content::Instance(instance) = &mut metric.content {
        let mut own = definitions().remove(0);
        own.parameters = vec![said(came)];
        instance.defined = Some(std::sync::Arc::new(own));
    }
    rig.event(birth_at(0, node(), definitions(), vec![metric]));
    rig.seconds(30);
    assert_eq!(rig.twin.counts().refused.total(), 0);
}
