//! Template definitions as senders really write them, and the models that come of it.

use super::plant::{Plant, Shown};
use super::*;
use crate::sitewise::api::Quality;
use crate::sparkplug::datatype::DataType;

fn defined(name: &str, template: Template) -> Metric {
    Metric::template(name, template)
}

fn gearbox_type() -> Metric {
    defined("Gearbox", Template::definition().member(Metric::null("Temp", DataType::Double)))
}

/// A nested member whose instance has no members: those are where the definition is.
fn turbine_type() -> Metric {
    let turbine = Template::definition()
        .member(Metric::null("Speed", DataType::Double))
        .member(Metric::template("Gear", Template::instance("Gearbox")));
    defined("Turbine", turbine)
}

fn turbine(speed: f64, temperature: f64) -> Metric {
    let gear = Template::instance("Gearbox").member(Metric::new("Temp", temperature));
    let turbine = Template::instance("Turbine")
        .member(Metric::new("Speed", speed))
        .member(Metric::template("Gear", gear));
    Metric::template("T1", turbine)
}

fn born(metrics: impl IntoIterator<Item = Metric>) -> Plant {
    let mut plant = Plant::new(|_| {});
    plant.nbirth(0, metrics);
    plant.pass(Duration::from_secs(90));
    plant
}

/// Names of the measurements of an asset.
fn measurements(shown: &Shown) -> Vec<&str> {
    shown.measurements.keys().map(String::as_str).collect()
}

#[test]
fn definitions_and_instances_come_in_any_order() {
    let metrics = [turbine_type(), gearbox_type(), turbine(12.5, 60.0)];
    let expected = born(metrics.clone()).show();
    assert_eq!(measurements(&expected["T1"]), ["Speed"]);
    assert_eq!(expected["T1/Gear"].model, "Gearbox");
    for order in [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let shuffled = order.map(|place| metrics[place].clone());
        assert_eq!(born(shuffled).show(), expected, "{order:?}");
    }
}

#[test]
fn a_model_has_one_name_by_all_habits_of_naming() {
    let motor = |definition: &str| {
        let template = Template::definition().version("2.1").parameter("Serial", "none");
        defined(definition, template.member(Metric::null("Speed", DataType::Double)))
    };
    for (definition, reference) in [
        (Some("Motor"), "Motor"),
        (Some("_types_/Motor"), "Motor"),
        (Some("_types_/Motor"), "_types_/Motor"),
        (Some("Motor"), "_types_/Motor"),
        (Some("Motor"), "Motor:2.1"),
        (Some("_types_/Motor"), "Motor:2.1"),
        (None, "Motor"),
        (None, "_types_/Motor"),
        (None, "Motor:2.1"),
    ] {
        let instance = Template::instance(reference).version("2.1");
        let instance = Metric::template("M1", instance.member(Metric::new("Speed", 1.0)));
        let mut plant = born(definition.map(motor).into_iter().chain([instance]));
        let part = Template::instance(reference).member(Metric::new("Speed", 2.0));
        plant.ndata(5_000, [Metric::template("M1", part)]);
        let shown = &plant.show()["M1"];
        assert_eq!(shown.model, "Motor", "{definition:?} {reference}");
        let written = plant.written("M1", "Speed");
        assert_eq!(written.len(), 2, "{definition:?} {reference}");
        let attributes: Vec<_> = shown.attributes.keys().collect();
        let expected: &[&str] = if definition.is_some() { &["Serial"] } else { &[] };
        assert_eq!(attributes, expected, "{definition:?} {reference}");
    }
}

#[test]
fn what_a_template_inherits_is_on_its_model() {
    let base = Template::definition()
        .parameter("Maker", "ACME")
        .member(Metric::null("Speed", DataType::Double));
    let heir = Template::inheriting("Base").member(Metric::null("Power", DataType::Double));
    let instance = Template::instance("Heir")
        .member(Metric::new("Power", 2.0))
        .member(Metric::new("Speed", 1.0));
    let plant = born([
        defined("Heir", heir),
        Metric::template("M1", instance),
        defined("_types_/Base", base),
    ]);
    let shown = &plant.show()["M1"];
    assert_eq!((shown.model.as_str(), measurements(shown)), ("Heir", vec!["Power", "Speed"]));
    assert_eq!(shown.attributes["Maker"].1.as_deref(), Some("ACME"));
    assert_eq!(plant.written("M1", "Speed").len(), 1);
}

#[test]
fn a_nested_member_without_members_has_those_of_its_definition() {
    let bare = Template::instance("Turbine")
        .member(Metric::new("Speed", 1.0))
        .member(Metric::template("Gear", Template::instance("Gearbox")));
    let mut plant = born([Metric::template("T1", bare), turbine_type(), gearbox_type()]);
    let shown = plant.show();
    assert_eq!(measurements(&shown["T1/Gear"]), ["Temp"]);
    assert_eq!(shown["T1/Gear"].parent, Some(shown["T1"].id));
    assert_eq!(plant.written("T1/Gear", "Temp"), []);
    let gear = Template::instance("Gearbox").member(Metric::new("Temp", 60.0));
    let part = Template::instance("Turbine").member(Metric::template("Gear", gear));
    plant.ndata(5_000, [Metric::template("T1", part)]);
    let expected = [(5_000, Quality::Good, Variant::Double(60.0))];
    assert_eq!(plant.written("T1/Gear", "Temp"), expected);
}

#[test]
fn two_nodes_that_define_one_name_differently_share_the_union() {
    let motor = |member: Metric| {
        let instance = Template::instance("Motor").member(member.clone());
        [defined("Motor", Template::definition().member(member)), Metric::template("M", instance)]
    };
    let speed = Metric::new("Speed", 1.0);
    let mut plant = born(motor(speed));
    let others = [Metric::new("Torque", 2.0), Metric::new("Speed", "fast")];
    for (node, member) in ["gw2", "gw3"].into_iter().zip(others) {
        let mut edge = Edge::new(EdgeNode::new("Nordsee", node), 0);
        let birth = edge.nbirth(Plant::at(0), motor(member));
        plant.send(&birth);
    }
    plant.pass(Duration::from_secs(90));
    let models: Vec<_> = plant.sitewise.models.values().filter(|m| m.name == "Motor").collect();
    let [model] = &*models else { panic!("one model, not {}", models.len()) };
    let names: BTreeSet<_> = model.properties.iter().map(|property| &*property.name).collect();
    assert_eq!(names, ["Speed", "Speed (STRING)", "Torque"].into());
    let written = |asset: &str, property: &str| -> Vec<_> {
        plant.written(asset, property).into_iter().map(|(_, _, value)| value).collect()
    };
    assert_eq!(written("M", "Speed"), [Variant::Double(1.0)]);
    assert_eq!(written("Nordsee/gw2/M", "Torque"), [Variant::Double(2.0)]);
    assert_eq!(written("Nordsee/gw3/M", "Speed (STRING)"), [Variant::String("fast".into())]);
    assert_eq!(written("Nordsee/gw3/M", "Speed"), []);
}

#[test]
fn a_unit_that_another_node_gives_is_a_finding_that_names_both() {
    let motor = |unit: &str, serial: &str| {
        let speed = Metric::new("Speed", 1.0).property("engUnit", unit);
        let definition = Template::definition().parameter("Serial", serial).member(speed.clone());
        let instance = Template::instance("Motor").member(speed);
        [defined("Motor", definition), Metric::template("M", instance)]
    };
    let mut plant = born(motor("rpm", "none"));
    let mut edge = Edge::new(EdgeNode::new("Nordsee", "gw2"), 0);
    for unit in ["rpm", "1/min"] {
        plant.send(&edge.nbirth(Plant::at(0), motor(unit, "none")));
        plant.pass(Duration::from_secs(90));
    }
    let differ = |plant: &Plant| -> Vec<_> {
        let all = plant.bridge.host().findings();
        let differ = all.filter(|found| found.finding.name() == "definitions_differ");
        differ.map(|f| (f.edge.unwrap().to_string(), f.count, f.example.to_owned())).collect()
    };
    let example = "Nordsee/gw2 gives Motor/Speed the unit \"1/min\", Nordsee/gw gave \"rpm\"";
    // The second names the machine: Nordsee/gw2/M.
    assert_eq!(differ(&plant), [("Nordsee/gw2".to_owned(), 2, example.to_owned())]);
    plant.send(&edge.nbirth(Plant::at(0), motor("rpm", "unknown")));
    plant.pass(Duration::from_secs(90));
    assert_eq!(differ(&plant)[0].1, 3);
    assert_eq!(plant.show()["M"].measurements["Speed"].1.as_deref(), Some("rpm"));
}

#[test]
fn an_instance_without_a_definition_gives_a_model() {
    let plant = born([turbine(12.5, 60.0)]);
    let shown = plant.show();
    assert_eq!(
        (shown["T1"].model.as_str(), measurements(&shown["T1"])),
        ("Turbine", vec!["Speed"])
    );
    assert_eq!(measurements(&shown["T1/Gear"]), ["Temp"]);
    assert_eq!(plant.written("T1/Gear", "Temp").len(), 1);
    let findings: Vec<_> = plant.bridge.host().counters().findings.iter().collect();
    let findings: Vec<_> = findings.iter().map(|(finding, n)| (finding.name(), *n)).collect();
    assert_eq!(findings, [("unknown_template", 2)]);
}
