//! The same plant in three spellings gives the same twins.

use super::plant::{Plant, Shown};
use super::*;
use crate::globs::Globs;
use crate::sitewise::api::Quality;
use crate::sparkplug::datatype::DataType;
use crate::twin::counts::DropReason;
use crate::twin::{Nested, Rules};

const RULES: &str = "
    Turbines/{asset}/Gearbox/Pump/{member} => WindTurbine > Gearbox > Pump
    Turbines/{asset}/Gearbox/{member} => WindTurbine > Gearbox
    Turbines/{asset}/{member} => WindTurbine";

/// How a sender spells its plant.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Spelling {
    /// Templates everywhere.
    Templates,
    /// Templates in births, flat names in data: Ignition's "Optimize UDTs".
    Optimized,
    /// Flat names everywhere.
    Flat,
}

impl Spelling {
    const ALL: [Self; 3] = [Self::Templates, Self::Optimized, Self::Flat];

    fn of_births(self) -> Self {
        if self == Self::Optimized { Self::Templates } else { self }
    }

    fn definitions(self) -> Vec<Metric> {
        if self == Self::Flat { Vec::new() } else { definitions() }
    }
}

/// A turbine's members, given by their paths, in a spelling.
fn turbine(spelling: Spelling, name: &str, members: &[(&str, Metric)]) -> Vec<Metric> {
    let called = |metric: &Metric, name: String| {
        let mut wire = metric.clone().into_wire();
        wire.name = Some(name.into());
        Metric::from(wire)
    };
    if spelling != Spelling::Templates {
        let flat =
            |(path, metric): &(&str, Metric)| called(metric, format!("Turbines/{name}/{path}"));
        return members.iter().map(flat).collect();
    }
    let of = |paths: &[&str]| -> Vec<Metric> {
        let found = members.iter().filter(|(path, _)| paths.contains(path));
        let last = |path: &str| path.rsplit('/').next().unwrap().to_owned();
        found.map(|(path, metric)| called(metric, last(path))).collect()
    };
    let pump = Template::instance("Pump").members(of(&["Gearbox/Pump/On"]));
    let gearbox = Template::instance("Gearbox")
        .parameter("Ratio", 97.5)
        .members(of(&["Gearbox/Oil Temperature"]))
        .member(Metric::template("Pump", pump));
    let template = Template::instance("WindTurbine")
        .parameter("Serial", format!("S-{name}"))
        .members(of(&["Speed", "State", "Energy"]))
        .member(Metric::template("Gearbox", gearbox));
    vec![Metric::template(&format!("Turbines/{name}"), template)]
}

fn definitions() -> Vec<Metric> {
    let pump = Template::definition().member(Metric::new("On", false));
    let gearbox = Template::definition()
        .parameter("Ratio", 1.0)
        .member(Metric::new("Oil Temperature", 0.0).property("engUnit", "°C"))
        .member(Metric::template("Pump", Template::instance("Pump")));
    let speed = Metric::new("Speed", 0.0_f32);
    let turbine = Template::definition()
        .parameter("Serial", "")
        .member(speed.property("engUnit", "rpm").property("engHigh", 20.0))
        .member(Metric::new("State", ""))
        .member(Metric::new("Energy", 0_u64))
        .member(Metric::template("Gearbox", Template::instance("Gearbox")));
    [("Pump", pump), ("Gearbox", gearbox), ("WindTurbine", turbine)]
        .map(|(name, template)| Metric::template(&format!("_types_/{name}"), template))
        .into()
}

/// What a birth says of a turbine.
fn all() -> Vec<(&'static str, Metric)> {
    let speed = Metric::new("", 12.5_f32).property("engUnit", "rpm").property("engHigh", 20.0);
    vec![
        ("Speed", speed.at(Plant::at(-500))),
        ("State", Metric::new("", "running")),
        ("Energy", Metric::new("", u64::MAX)),
        ("Gearbox/Oil Temperature", Metric::new("", 55.5).property("engUnit", "°C")),
        ("Gearbox/Pump/On", Metric::new("", true)),
    ]
}

fn be_born(plant: &mut Plant, spelling: Spelling, offset: i64) {
    let metrics = spelling.definitions();
    plant.nbirth(offset, metrics.into_iter().chain([Metric::new("Load", 7)]));
    for (row, turbines) in [("Row 1", ["T01", "T02"]), ("Row 2", ["T03", "T04"])] {
        let turbines = turbines.iter().flat_map(|name| turbine(spelling.of_births(), name, &all()));
        let message = plant.edge.dbirth(row, Plant::at(offset), turbines);
        plant.send(&message);
    }
}

/// Born, changed, dead, stale, and born again.
fn lived(spelling: Spelling, nested: Nested) -> Plant {
    let mut plant = Plant::new(|config| {
        config.twin.nested = nested;
        if spelling == Spelling::Flat {
            config.twin.rules = Rules::parse(RULES).unwrap();
        }
    });
    be_born(&mut plant, spelling, 0);
    plant.pass(Duration::from_secs(10));
    for value in [
        ("Speed", Metric::new("", 13.5_f32).at(Plant::at(9_000))),
        ("State", Metric::new("", "stopped").quality(500)),
        ("Gearbox/Oil Temperature", Metric::null("", DataType::Double)),
        ("Gearbox/Pump/On", Metric::new("", false).historical().at(Plant::at(5_000))),
    ] {
        let metrics = turbine(spelling, "T02", &[value]);
        let message = plant.edge.ddata("Row 1", Plant::at(10_000), metrics);
        plant.send(&message);
    }
    let death = plant.edge.ndeath();
    plant.send(&death);
    plant.pass(Duration::from_secs(120));
    plant.edge.reconnect();
    be_born(&mut plant, spelling, 130_000);
    plant.pass(Duration::from_secs(90));
    assert_eq!(plant.bridge.twin().counts().dropped(DropReason::NotCarried), 0);
    plant
}

fn without_attributes(shown: BTreeMap<String, Shown>) -> BTreeMap<String, Shown> {
    let bare = |(name, shown)| (name, Shown { attributes: BTreeMap::new(), ..shown });
    shown.into_iter().map(bare).collect()
}

#[test]
fn three_spellings_give_one_plant() {
    for (nested, assets) in [(Nested::Child, 17), (Nested::Flatten, 9)] {
        let [templates, optimized, flat] =
            Spelling::ALL.map(|spelling| lived(spelling, nested).show());
        // Bridge, group, node, two rows, and four turbines with what is in them.
        assert_eq!(templates.len(), assets, "{:?}", templates.keys());
        assert_eq!(templates, optimized);
        assert_eq!(without_attributes(templates), without_attributes(flat));
    }
}

/// That the three agree would not help if they agreed on nothing.
#[test]
fn the_plant_that_is_compared_is_the_one_that_was_sent() {
    let plant = lived(Spelling::Flat, Nested::Child);
    let good = |offset, value| (offset, Quality::Good, value);
    assert_eq!(
        plant.written("Turbines/T02", "Speed"),
        [
            good(-500, Variant::Double(12.5)),
            good(9_000, Variant::Double(13.5)),
            (10_000, Quality::Uncertain, Variant::Double(13.5)),
            good(130_000, Variant::Double(12.5)),
        ]
    );
    assert_eq!(
        plant.written("Turbines/T02/Gearbox/Pump", "On"),
        [
            good(0, Variant::Boolean(true)),
            good(5_000, Variant::Boolean(false)),
            (10_000, Quality::Uncertain, Variant::Boolean(true)),
            good(130_000, Variant::Boolean(true)),
        ]
    );
}

#[test]
fn what_a_flat_stream_does_not_carry_is_absent_and_said_once() {
    let templates = lived(Spelling::Templates, Nested::Child);
    let flat = lived(Spelling::Flat, Nested::Child);
    assert_eq!(flat.grouped, ["Nordsee/gw"], "once a node, not once a device, value or birth");
    assert!(templates.grouped.is_empty());
    let attributes = |plant: &Plant| {
        let shown = plant.show().remove("Turbines/T02").unwrap();
        shown.attributes.into_iter().map(|(name, (id, value))| (name, id, value.unwrap()))
    };
    let names = |plant: &Plant| -> Vec<_> {
        attributes(plant).map(|(name, _, value)| format!("{name} = {value}")).collect()
    };
    assert_eq!(names(&templates), ["Serial = S-T02", "Speed/engHigh = 20"]);
    assert_eq!(names(&flat), ["Speed/engHigh = 20"], "a metric's own properties are there");
    let ids: Vec<_> = attributes(&templates).map(|(_, id, _)| id).collect();
    assert_eq!(attributes(&flat).map(|(_, id, _)| id).collect::<Vec<_>>(), ids[1..]);
}

#[test]
fn what_is_excluded_makes_nothing_in_sitewise() {
    for spelling in Spelling::ALL {
        let mut plant = Plant::new(|config| {
            config.twin.rules = Rules::parse(RULES).unwrap();
            let exclude = "*/Gearbox, */Energy, Nordsee/gw/Row 2, */Load";
            config.host.filter.exclude = Some(Globs::parse_trees(exclude).unwrap());
        });
        plant.nbirth(0, spelling.definitions());
        for row in ["Row 1", "Row 2"] {
            let metrics = turbine(spelling.of_births(), "T01", &all());
            let message = plant.edge.dbirth(row, Plant::at(0), metrics);
            plant.send(&message);
        }
        plant.pass(Duration::from_secs(10));
        let energy = turbine(spelling, "T01", &[("Energy", Metric::new("", 8_u64))]);
        let message = plant.edge.ddata("Row 1", Plant::at(10_000), energy);
        plant.send(&message);

        let models: BTreeSet<_> = plant.sitewise.models.values().map(|m| m.name.as_str()).collect();
        let expected = ["Sparkplug Device", "Sparkplug Group", "gw (edge node)"];
        let expected = expected.into_iter().chain(["Sparkwise Bridge", "WindTurbine"]);
        assert_eq!(models, expected.collect(), "{spelling:?}");
        assert_eq!(plant.sitewise.assets.len(), 5, "bridge, group, node, row, turbine");
        let shown = &plant.show()["Turbines/T01"];
        assert_eq!(shown.measurements.keys().collect::<Vec<_>>(), ["Speed", "State"]);
        assert_eq!(plant.bridge.host().counters().excluded_values, 3 + 5 + 1, "{spelling:?}");
        let counts = plant.bridge.twin().counts();
        // Speed and State, beside bdSeq and the rebirth command.
        assert_eq!((counts.values, counts.points), (4, 2), "{spelling:?}");
    }
}
