//! Parameters and static properties, from their bytes on the wire to what SiteWise shows.

use super::plant::Plant;
use super::*;
use crate::sparkplug::datatype::DataType;
use crate::sparkplug::edge::Typed;
use crate::twin::Nested;

pub(super) fn define(serial: &str, unit: Option<&str>) -> Metric {
    let speed = Metric::new("Speed", 0.0).property("engHigh", 20.0);
    let speed = unit.into_iter().fold(speed, |speed, unit| speed.property("engUnit", unit));
    let turbine = Template::definition()
        .parameter("Serial", serial)
        .member(speed)
        .member(Metric::template("Box", Template::instance("Gearbox")));
    Metric::template("Turbine", turbine)
}

pub(super) fn gearbox() -> Metric {
    let gearbox = Template::definition().parameter("Ratio", 1.0).member(Metric::new("Heat", 0.0));
    Metric::template("Gearbox", gearbox)
}

pub(super) fn turbine(name: &str) -> Metric {
    let gearbox = Template::instance("Gearbox").member(Metric::new("Heat", 60.0));
    let turbine = Template::instance("Turbine")
        .member(Metric::new("Speed", 12.0))
        .member(Metric::template("Box", gearbox));
    Metric::template(name, turbine)
}

/// What SiteWise shows of an attribute.
pub(super) fn shown(plant: &Plant, asset: &str, name: &str) -> String {
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

/// Of a flat tag, a member, a member of a nested instance, and of a device; no test sent one.
#[test]
fn a_unit_that_changes_in_data_is_what_sitewise_shows() {
    for (nested, below, heat) in
        [(Nested::Child, "T1/Box", "Heat"), (Nested::Flatten, "T1", "Box/Heat")]
    {
        let mut plant = Plant::new(|config| config.twin.nested = nested);
        let unit =
            |name: &str, value: f64, unit: &str| Metric::new(name, value).property("engUnit", unit);
        let machines = [define("?", Some("rpm")), gearbox(), turbine("T1"), turbine("T2")];
        plant.nbirth(0, machines.into_iter().chain([unit("Wind", 7.0, "m/s")]));
        let born = plant.edge.dbirth("mast", Plant::at(0), [unit("Level", 1.0, "mm")]);
        plant.send(&born);
        plant.pass(Duration::from_secs(90));
        let shows = |plant: &Plant, asset: &str, name: &str| {
            let property = plant.property(asset, name).unwrap().id;
            plant.sitewise.property(plant.sitewise.asset(asset).0, property).unwrap().unit
        };
        let all = |plant: &Plant| {
            [("gw", "Wind"), ("T1", "Speed"), (below, heat), ("mast", "Level"), ("T2", "Speed")]
                .map(|(asset, name)| shows(plant, asset, name).unwrap_or_default())
        };
        assert_eq!(all(&plant), ["m/s", "rpm", "", "mm", "rpm"]);
        let gearbox = Template::instance("Gearbox").member(unit("Heat", 60.0, "°F"));
        let turbine = Template::instance("Turbine")
            .member(unit("Speed", 12.0, "1/min"))
            .member(Metric::template("Box", gearbox));
        plant.ndata(90_000, [Metric::template("T1", turbine), unit("Wind", 8.0, "kn")]);
        let said = plant.edge.ddata("mast", Plant::at(90_000), [unit("Level", 1.0, "in")]);
        plant.send(&said);
        plant.pass(Duration::from_secs(90));
        assert_eq!(all(&plant), ["kn", "1/min", "°F", "in", "rpm"]);
    }
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

/// Nothing of the nested definition was used: no unit, no default, no static property, and a
/// parameter that was left out became null instead of the default.
#[test]
fn a_flattened_member_has_the_unit_the_defaults_and_the_statics_of_its_own_definition() {
    let heat = |unit: &str, high: f64| {
        Metric::new("Heat", 0.0).property("engUnit", unit).property("engHigh", high)
    };
    let definitions = |unit, high, ratio: f64| {
        let bearing = Template::definition().member(heat(unit, high)).parameter("Maker", "ACME");
        let gearbox = Template::definition()
            .member(Metric::new("Oil", 0.0).property("engUnit", "bar"))
            .member(Metric::template("Front", Template::instance("Bearing")))
            .parameter("Ratio", ratio);
        let turbine = Template::definition()
            .member(Metric::new("Speed", 0.0))
            .member(Metric::template("Box", Template::instance("Gearbox")));
        let all = [("Turbine", turbine), ("Gearbox", gearbox), ("Bearing", bearing)];
        all.map(|(name, template)| Metric::template(name, template))
    };
    let turbine = |name: &str, ratio: Option<f64>| {
        let heat = Metric::new("Heat", 60.0);
        let front = Template::instance("Bearing").member(heat);
        let gearbox = Template::instance("Gearbox").member(Metric::new("Oil", 3.0));
        let gearbox = gearbox.member(Metric::template("Front", front));
        let gearbox = ratio.into_iter().fold(gearbox, |gearbox, is| gearbox.parameter("Ratio", is));
        let turbine = Template::instance("Turbine").member(Metric::new("Speed", 12.0));
        Metric::template(name, turbine.member(Metric::template("Box", gearbox)))
    };
    let unit = |plant: &Plant, asset: &str, property: &str| {
        let id = plant.property(asset, property).unwrap().id;
        plant.sitewise.property(plant.sitewise.asset(asset).0, id).unwrap().unit
    };
    let shows = |plant: &Plant, asset: &str, expected: [&str; 5]| {
        let [heat, oil, attributes @ ..] = expected;
        assert_eq!(unit(plant, asset, "Box/Front/Heat").as_deref(), Some(heat), "{asset}");
        assert_eq!(unit(plant, asset, "Box/Oil").as_deref(), Some(oil), "{asset}");
        let names = ["Box/Front/Heat/engHigh", "Box/Ratio", "Box/Front/Maker"];
        assert_eq!(names.map(|name| shown(plant, asset, name)), attributes, "{asset}");
    };
    let mut plant = Plant::new(|config| config.twin.nested = Nested::Flatten);
    let born = |plant: &mut Plant, offset, ratio| {
        let metrics = definitions("°C", 90.0, 9.5).into_iter().chain([turbine("T1", ratio)]);
        plant.nbirth(offset, metrics);
        plant.pass(Duration::from_secs(90));
    };
    born(&mut plant, 0, Some(7.0));
    shows(&plant, "T1", ["°C", "bar", "90", "7", "ACME"]);
    // One that is left out is the default again, not null.
    born(&mut plant, 100_000, None);
    shows(&plant, "T1", ["°C", "bar", "90", "9.5", "ACME"]);
    // Another node defines the nested templates otherwise; what it says is so for its instances,
    // those of its devices as well.
    let mut other = Edge::new(EdgeNode::new("Nordsee", "gw2"), 0);
    let metrics = definitions("°F", 190.0, 8.0).into_iter().chain([turbine("T2", None)]);
    plant.send(&other.nbirth(Plant::at(200_000), metrics));
    plant.send(&other.dbirth("row", Plant::at(200_000), [turbine("T3", Some(6.0))]));
    plant.pass(Duration::from_secs(90));
    shows(&plant, "T2", ["°F", "bar", "190", "8", "ACME"]);
    shows(&plant, "T3", ["°F", "bar", "190", "6", "ACME"]);
    shows(&plant, "T1", ["°C", "bar", "90", "9.5", "ACME"]);
}

/// Ten members of ten members of ten: a definition that is flattened is not followed for ever.
#[test]
fn flattened_definitions_that_hold_each_other_by_tens_come_to_an_end() {
    let level = |number: u32| {
        let mut template = Template::definition().member(Metric::new("Value", 0.0));
        for member in 0..10 {
            let below = Template::instance(&format!("L{}", number + 1));
            template = template.member(Metric::template(&format!("M{member}"), below));
        }
        Metric::template(&format!("L{number}"), template)
    };
    let mut plant = Plant::new(|config| config.twin.nested = Nested::Flatten);
    let bottom = Template::definition().member(Metric::new("Value", 0.0));
    plant.nbirth(0, (0..12).map(level).chain([Metric::template("L12", bottom)]));
    plant.pass(Duration::from_secs(90));
    let (_, model) = plant.sitewise.model("L0");
    assert_eq!(model.all_properties().count(), 500);
}

/// The model's default is that of whoever came first.
#[test]
fn a_definition_without_a_default_shows_no_other_nodes() {
    let define = |serial: Option<&str>| {
        let none = Typed::null(DataType::String);
        let serial = serial.map_or(none, Typed::from);
        let turbine = Template::definition().parameter("Serial", serial);
        Metric::template("Turbine", turbine.member(Metric::new("Speed", 0.0)))
    };
    let mut plant = Plant::new(|_| {});
    plant.nbirth(0, [define(Some("first")), turbine("T1")]);
    let mut other = Edge::new(EdgeNode::new("Nordsee", "gw2"), 0);
    plant.send(&other.nbirth(Plant::at(0), [define(None), turbine("T2")]));
    plant.pass(Duration::from_secs(10));
    let serials = ["T1", "T2"].map(|turbine| shown(&plant, turbine, "Serial"));
    assert_eq!(serials, ["first", "null"]);
    // So does one that drops its default.
    plant.nbirth(20_000, [define(None), turbine("T1")]);
    assert_eq!(shown(&plant, "T1", "Serial"), "null");
    plant.nbirth(30_000, [define(Some("first")), turbine("T1")]);
    assert_eq!(shown(&plant, "T1", "Serial"), "first");
}

#[test]
fn an_instance_that_changed_its_template_has_the_default_of_the_new_one() {
    let define = |name: &str, serial: &str| {
        let template = Template::definition().parameter("Serial", serial);
        Metric::template(name, template.member(Metric::new("Speed", 0.0)))
    };
    let is = |template: &str| {
        let template = Template::instance(template).member(Metric::new("Speed", 12.0));
        Metric::template("T1", template)
    };
    let types = || [define("Turbine", "old"), define("Pump", "new")];
    let mut plant = Plant::new(|_| {});
    for (at, template, serial) in [(0, "Turbine", "old"), (100_000, "Pump", "new")] {
        plant.nbirth(at, types().into_iter().chain([is(template)]));
        plant.pass(Duration::from_secs(90));
        assert_eq!(shown(&plant, "T1", "Serial"), serial);
    }
}

/// What was said of it last was said in that unit.
#[test]
fn the_unit_of_a_member_that_is_left_out_stays() {
    let is = |speed: Option<Metric>| {
        let other = Template::instance("Turbine").member(Metric::new("Power", 1.0));
        Metric::template("T1", speed.into_iter().fold(other, Template::member))
    };
    let turbine = Template::definition()
        .member(Metric::null("Speed", DataType::Double).property("engUnit", "rpm"))
        .member(Metric::null("Power", DataType::Double));
    let define = Metric::template("Turbine", turbine);
    let mut plant = Plant::new(|_| {});
    let speed = Metric::new("Speed", 12.0);
    plant.nbirth(0, [define.clone(), is(Some(speed.clone().property("engUnit", "rpm")))]);
    plant.pass(Duration::from_secs(30));
    plant.nbirth(40_000, [define.clone(), is(Some(speed.property("engUnit", "1/s")))]);
    plant.nbirth(41_000, [define, is(None)]);
    plant.pass(Duration::from_secs(90));
    let (asset, _) = plant.sitewise.asset("T1");
    let speed = plant.property("T1", "Speed").unwrap().id;
    let own = plant.sitewise.property(asset, speed).unwrap();
    assert_eq!(own.unit.as_deref(), Some("1/s"));
}

/// It got the unit of what its instance's definition says now, while its value is of before.
#[test]
fn the_unit_of_a_member_that_is_left_out_stays_whatever_its_definition_says_now() {
    let define = |name: &str, unit: &str| {
        let speed = Metric::null("Speed", DataType::Double).property("engUnit", unit);
        let power = Metric::null("Power", DataType::Double);
        Metric::template(name, Template::definition().member(speed).member(power))
    };
    let is = |template: &str, speed: Option<f64>| {
        let other = Template::instance(template).member(Metric::new("Power", 1.0));
        let speed = speed.map(|speed| Metric::new("Speed", speed));
        Metric::template("T1", speed.into_iter().fold(other, Template::member))
    };
    for (template, unit) in [("Turbine", "1/s"), ("Motor", "1/min")] {
        let mut plant = Plant::new(|_| {});
        let motor = || define("Motor", "1/min");
        plant.nbirth(0, [define("Turbine", "rpm"), motor(), is("Turbine", Some(12.0))]);
        plant.pass(Duration::from_secs(30));
        let shown = |plant: &Plant| {
            let (asset, _) = plant.sitewise.asset("T1");
            let speed = plant.property("T1", "Speed").unwrap().id;
            plant.sitewise.property(asset, speed).unwrap().unit.unwrap()
        };
        // The template says another unit now, or it is another template.
        for (at, speed, shows) in [(40_000, None, "rpm"), (50_000, Some(13.0), unit)] {
            plant.nbirth(at, [define("Turbine", "1/s"), motor(), is(template, speed)]);
            plant.pass(Duration::from_secs(90));
            assert_eq!(shown(&plant), shows, "{template}");
        }
    }
}

/// They vanished without a word.
#[test]
fn a_property_of_an_instance_is_an_attribute_of_its_asset() {
    for nested in [Nested::Child, Nested::Flatten] {
        let mut plant = Plant::new(|config| config.twin.nested = nested);
        // Its quality and unit are none of its attributes.
        let said = |metric: Metric, serial: &str| {
            metric.property("serial", serial).property("engUnit", "kW").property("Quality", 192)
        };
        let gearbox = |serial: &str| {
            let gearbox = Template::instance("Gearbox").member(Metric::new("Heat", 60.0));
            said(Metric::template("Box", gearbox), serial)
        };
        let turbine = |serial: &str, gearbox: Metric| {
            let turbine = Template::instance("Turbine").member(gearbox);
            said(Metric::template("T1", turbine), serial)
        };
        plant.nbirth(0, [define("none", None), self::gearbox(), turbine("A", gearbox("B"))]);
        plant.pass(Duration::from_secs(90));
        let both = |plant: &Plant| {
            let (asset, name) = match nested {
                Nested::Child => ("T1/Box", "serial"),
                Nested::Flatten => ("T1", "Box/serial"),
            };
            for (asset, at) in plant.show() {
                let names: Vec<_> = at.attributes.keys().cloned().collect();
                let others =
                    names.iter().filter(|name| name.contains("eng") || name.contains("Qua"));
                assert!(others.eq(["Speed/engHigh"].iter().filter(|_| asset == "T1")), "{names:?}");
            }
            (shown(plant, "T1", "serial"), shown(plant, asset, name))
        };
        assert_eq!(both(&plant), ("A".to_owned(), "B".to_owned()), "{nested:?}");
        plant.ndata(100_000, [turbine("C", gearbox("D"))]);
        plant.pass(Duration::from_secs(30));
        assert_eq!(both(&plant), ("C".to_owned(), "D".to_owned()), "{nested:?}");
    }
}
