//! Parameters and static properties, from their bytes on the wire to what SiteWise shows.

use super::plant::Plant;
use super::*;
use crate::twin::Nested;

fn define(serial: &str, unit: Option<&str>) -> Metric {
    let speed = Metric::new("Speed", 0.0).property("engHigh", 20.0);
    let speed = unit.into_iter().fold(speed, |speed, unit| speed.property("engUnit", unit));
    let turbine = Template::definition()
        .parameter("Serial", serial)
        .member(speed)
        .member(Metric::template("Box", Template::instance("Gearbox")));
    Metric::template("Turbine", turbine)
}

fn gearbox() -> Metric {
    let gearbox = Template::definition().parameter("Ratio", 1.0).member(Metric::new("Heat", 0.0));
    Metric::template("Gearbox", gearbox)
}

fn turbine(name: &str) -> Metric {
    let gearbox = Template::instance("Gearbox").member(Metric::new("Heat", 60.0));
    let turbine = Template::instance("Turbine")
        .member(Metric::new("Speed", 12.0))
        .member(Metric::template("Box", gearbox));
    Metric::template(name, turbine)
}

/// What SiteWise shows of an attribute.
fn shown(plant: &Plant, asset: &str, name: &str) -> String {
    plant.show()[asset].attributes[name].1.clone().unwrap_or_default()
}

#[test]
fn an_attribute_that_changes_in_data_is_written() {
    let mut plant = Plant::new(|_| {});
    let flat = Metric::new("Wind", 7.0).property("engHigh", 40.0);
    plant.nbirth(0, [define("?", None), gearbox(), turbine("T1"), flat]);
    plant.pass(Duration::from_secs(10));
    // By itself, without a value of anything; in a nested instance; of a member; of a flat tag.
    let serial = Template::instance("Turbine").parameter("Serial", "A-17");
    plant.ndata(5_000, [Metric::template("T1", serial)]);
    let gearbox = Template::instance("Gearbox").parameter("Ratio", 9.5);
    let nested = Template::instance("Turbine").member(Metric::template("Box", gearbox));
    plant.ndata(6_000, [Metric::template("T1", nested)]);
    let speed = Metric::new("Speed", 13.0).property("engHigh", 25.0);
    plant.ndata(7_000, [Metric::template("T1", Template::instance("Turbine").member(speed))]);
    plant.ndata(8_000, [Metric::new("Wind", 8.0).property("engHigh", 45.0)]);
    plant.pass(Duration::from_secs(10));
    let shows = |plant: &Plant, expected: [&str; 4]| {
        let is = [
            ("T1", "Serial"),
            ("T1/Box", "Ratio"),
            ("T1", "Speed/engHigh"),
            ("gw", "Wind/engHigh"),
        ]
        .map(|(asset, name)| shown(plant, asset, name));
        assert_eq!(is, expected);
    };
    shows(&plant, ["A-17", "9.5", "25", "45"]);
    // Data that does not tell them says nothing of them; a birth that does not, that they are gone.
    plant.ndata(
        9_000,
        [Metric::template("T1", Template::instance("Turbine")), Metric::new("Wind", 9.0)],
    );
    shows(&plant, ["A-17", "9.5", "25", "45"]);
    plant.nbirth(
        20_000,
        [define("?", None), super::attributes::gearbox(), turbine("T1"), Metric::new("Wind", 9.0)],
    );
    shows(&plant, ["?", "1", "20", "null"]);
}

#[test]
fn a_parameter_of_a_flattened_instance_changes_in_data() {
    let mut plant = Plant::new(|config| config.twin.nested = Nested::Flatten);
    plant.nbirth(0, [define("?", None), gearbox(), turbine("T1")]);
    plant.pass(Duration::from_secs(10));
    let gearbox = Template::instance("Gearbox").parameter("Ratio", 9.5);
    let nested = Template::instance("Turbine").member(Metric::template("Box", gearbox));
    plant.ndata(6_000, [Metric::template("T1", nested)]);
    plant.pass(Duration::from_secs(90));
    assert_eq!(shown(&plant, "T1", "Box/Ratio"), "9.5");
}

/// SiteWise has one default for all assets of a model: that of whoever came first.
#[test]
fn an_instance_has_the_default_of_its_own_definition() {
    let mut plant = Plant::new(|_| {});
    plant.nbirth(0, [define("first", None), gearbox(), turbine("T1")]);
    let mut other = Edge::new(EdgeNode::new("Nordsee", "gw2"), 0);
    let message = other.nbirth(Plant::at(0), [define("second", None), gearbox(), turbine("T2")]);
    plant.send(&message);
    let message = other.dbirth("row", Plant::at(0), [turbine("T3")]);
    plant.send(&message);
    plant.pass(Duration::from_secs(10));
    let serials = ["T1", "T2", "T3"].map(|turbine| shown(&plant, turbine, "Serial"));
    assert_eq!(serials, ["first", "second", "second"]);
    // One that changes in the definition does so for its instances.
    plant.nbirth(20_000, [define("third", None), gearbox(), turbine("T1")]);
    assert_eq!(shown(&plant, "T1", "Serial"), "third");
    plant.nbirth(30_000, [define("first", None), gearbox(), turbine("T1")]);
    assert_eq!(shown(&plant, "T1", "Serial"), "first");
}

#[test]
fn a_unit_that_a_definition_gets_later_is_that_of_its_instances() {
    let mut plant = Plant::new(|_| {});
    plant.nbirth(0, [define("?", None), gearbox(), turbine("T1"), turbine("T2")]);
    plant.pass(Duration::from_secs(30));
    plant.nbirth(40_000, [define("?", Some("rpm")), gearbox(), turbine("T1"), turbine("T2")]);
    plant.pass(Duration::from_secs(30));
    for turbine in ["T1", "T2"] {
        let (asset, _) = plant.sitewise.asset(turbine);
        let speed = plant.property(turbine, "Speed").unwrap().id;
        let own = plant.sitewise.property(asset, speed).unwrap();
        assert_eq!(own.unit.as_deref(), Some("rpm"), "{turbine}");
    }
}

/// What an instance says itself goes before its definition, tag by tag.
#[test]
fn a_static_property_is_the_instances_own_or_that_of_its_own_definition() {
    let define = |high: f64| {
        let speed = Metric::new("Speed", 0.0).property("engHigh", high);
        Metric::template("Turbine", Template::definition().member(speed))
    };
    let turbine = |name: &str, said: Option<(&str, f64)>| {
        let speed = Metric::new("Speed", 12.0);
        let speed = said.into_iter().fold(speed, |speed, (name, is)| speed.property(name, is));
        Metric::template(name, Template::instance("Turbine").member(speed))
    };
    let mut plant = Plant::new(|_| {});
    plant.nbirth(0, [define(20.0), turbine("T1", None)]);
    let mut other = Edge::new(EdgeNode::new("Nordsee", "gw2"), 0);
    let message = other.nbirth(
        Plant::at(0),
        [
            define(30.0),
            turbine("T2", Some(("engHigh", 25.0))),
            turbine("T3", Some(("engLow", 1.0))),
            turbine("T4", None),
        ],
    );
    plant.send(&message);
    plant.pass(Duration::from_secs(90));
    let highs = ["T1", "T2", "T3", "T4"].map(|turbine| shown(&plant, turbine, "Speed/engHigh"));
    assert_eq!(highs, ["20", "25", "30", "30"]);
}
