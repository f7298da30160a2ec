//! Metrics and instances that a birth has twice, or that are null, and what SiteWise shows of them.

use super::attributes::{define, gearbox, shown, turbine};
use super::plant::{Plant, text};
use super::*;
use crate::sitewise::api::{Quality, Tqv};
use crate::sparkplug::datatype::DataType;
use crate::sparkplug::edge::Typed;

/// The attributes were nulled, or history's, although the same birth had them.
#[test]
fn of_a_metric_that_a_birth_has_twice_attributes_and_unit_are_those_of_the_present() {
    let temp = |value: f64, said: &[(&str, Typed)]| {
        let metric = Metric::new("Temp", value);
        said.iter().fold(metric, |metric, (name, is)| metric.property(name, is.clone()))
    };
    let past = |said| temp(19.0, said).historical().at(Plant::at(10_000));
    let high = |high: f64| ("engHigh", Typed::from(high));
    let unit = |unit: &str| ("engUnit", Typed::from(unit));
    let serial = |serial: &str, value: f64| {
        let turbine = Template::instance("Turbine").parameter("Serial", serial);
        let speed = Metric::new("Speed", value).property("engHigh", value);
        Metric::template("T1", turbine.member(speed)).property("Maker", serial)
    };
    let mut plant = Plant::new(|_| {});
    let first = [define("?", None), gearbox(), temp(20.0, &[unit("°C"), high(90.0)])];
    plant.nbirth(0, first.into_iter().chain([serial("A", 1.0)]));
    plant.pass(Duration::from_secs(20));
    for (offset, repeated, expected) in [
        (20_000, [past(&[]), temp(21.0, &[unit("°F"), high(95.0)])], ["95", "°F"]),
        (
            30_000,
            [past(&[unit("K"), high(80.0)]), temp(22.0, &[unit("°C"), high(96.0)])],
            ["96", "°C"],
        ),
        (40_000, [temp(23.0, &[unit("°F"), high(97.0)]), past(&[high(80.0)])], ["97", "°F"]),
        (50_000, [temp(24.0, &[high(97.0)]), temp(25.0, &[unit("°C"), high(98.0)])], ["98", "°C"]),
    ] {
        let value = offset as f64;
        let turbines = [serial("past", 1.0).historical(), serial(&offset.to_string(), value)];
        let definitions = [define("?", None), gearbox()];
        plant.nbirth(offset, definitions.into_iter().chain(repeated).chain(turbines));
        plant.pass(Duration::from_secs(10));
        let own = plant.property("gw", "Temp").unwrap().id;
        let own = plant.sitewise.property(plant.sitewise.asset("gw").0, own).unwrap();
        let is = shown(&plant, "gw", "Temp/engHigh");
        assert_eq!([&*is, own.unit.as_deref().unwrap_or_default()], expected, "{offset}");
        assert_eq!(shown(&plant, "T1", "Serial"), offset.to_string());
        assert_eq!(shown(&plant, "T1", "Maker"), offset.to_string());
        assert_eq!(shown(&plant, "T1", "Speed/engHigh"), offset.to_string());
        let (_, _, latest) = plant.written("T1", "Speed").pop().unwrap();
        assert_eq!(latest, Variant::Double(value));
    }
}

/// SiteWise showed the one of the birth.
#[test]
fn an_attribute_changes_in_data_although_its_metric_is_not_carried_or_its_instance_null() {
    let mut plant = Plant::new(|_| {});
    let image = |camera: &str| {
        let bytes = Typed::null(DataType::Bytes);
        Metric::new("Image", bytes).property("documentation", camera)
    };
    let maker = |metric: Metric, maker: &str| metric.property("Maker", maker);
    plant.nbirth(0, [define("?", None), gearbox(), maker(turbine("T1"), "A"), image("cam 1")]);
    let mast = plant.edge.dbirth("mast", Plant::at(0), [image("cam 1")]);
    plant.send(&mast);
    plant.pass(Duration::from_secs(90));
    let shows = |plant: &Plant, expected: [&str; 3]| {
        let is = [("gw", "Image/documentation"), ("mast", "Image/documentation"), ("T1", "Maker")];
        assert_eq!(is.map(|(asset, name)| shown(plant, asset, name)), expected);
    };
    shows(&plant, ["cam 1", "cam 1", "A"]);
    let null = Metric::null("T1", DataType::Template);
    plant.ndata(5_000, [image("cam 2"), maker(null, "B")]);
    let mast = plant.edge.ddata("mast", Plant::at(5_000), [image("cam 3")]);
    plant.send(&mast);
    plant.pass(Duration::from_secs(10));
    shows(&plant, ["cam 2", "cam 3", "B"]);
    let (_, quality, value) = plant.written("T1", "Speed").pop().unwrap();
    assert_eq!((quality, text(&value)), (Quality::Bad, "null".to_owned()));
}

/// Its members stayed as stale as those of one that is gone.
#[test]
fn an_instance_that_is_null_in_a_birth_without_its_template_is_null_in_its_members() {
    let mut plant = Plant::new(|_| {});
    let device = |plant: &mut Plant, offset, metric| {
        let message = plant.edge.dbirth("row", Plant::at(offset), [metric]);
        plant.send(&message);
    };
    plant.nbirth(0, [define("?", None), gearbox(), turbine("T1"), turbine("T3")]);
    device(&mut plant, 0, turbine("T2"));
    plant.pass(Duration::from_secs(10));
    let null = |name: &str| Metric::null(name, DataType::Template);
    for offset in [20_000, 30_000] {
        // T3 is gone.
        plant.nbirth(offset, [define("?", None), gearbox(), null("T1")]);
        device(&mut plant, offset, null("T2"));
        plant.pass(Duration::from_secs(5));
    }
    let latest = |plant: &Plant, asset: &str, name: &str| {
        let written = plant.written(asset, name);
        let (_, quality, value) = written.last().unwrap();
        (written.len(), *quality, text(value))
    };
    for machine in ["T1", "T2"] {
        for (asset, name) in [(machine.to_owned(), "Speed"), (format!("{machine}/Box"), "Heat")] {
            assert_eq!(latest(&plant, &asset, name), (2, Quality::Bad, "null".to_owned()));
        }
    }
    assert_eq!(latest(&plant, "T3", "Speed"), (2, Quality::Uncertain, "12".to_owned()));
    plant.nbirth(40_000, [define("?", None), gearbox(), turbine("T1")]);
    assert_eq!(latest(&plant, "T1", "Speed"), (3, Quality::Good, "12".to_owned()));
}

/// Whoever was reborn as null while the bridge was away was marked as one that is gone, with its old
/// values, and the type of its metric was told as one that SiteWise lacks.
#[test]
fn an_instance_that_became_null_while_the_bridge_was_away_is_null_in_its_members() {
    let mut plant = Plant::new(|_| {});
    let device = |plant: &mut Plant, offset, metric| {
        let message = plant.edge.dbirth("row", Plant::at(offset), [metric]);
        plant.send(&message);
    };
    let machines = ["T1", "T3", "T10"].map(turbine);
    plant.nbirth(0, [define("?", None), gearbox()].into_iter().chain(machines));
    device(&mut plant, 0, turbine("T2"));
    plant.pass(Duration::from_secs(10));
    let null = |name: &str| Metric::null(name, DataType::Template);
    let mut plant = plant.restart();
    plant.pass(Duration::from_secs(20));
    let offset = |plant: &Plant| plant.now.wall.as_millis() - START;
    for _ in 0..2 {
        let offset = offset(&plant);
        plant.nbirth(offset, [define("?", None), gearbox(), null("T1")]);
        device(&mut plant, offset, null("T2"));
        plant.pass(Duration::from_secs(200));
        for machine in ["T1", "T2"] {
            for (asset, name) in [(machine.to_owned(), "Speed"), (format!("{machine}/Box"), "Heat")]
            {
                let Tqv { quality, value, .. } = plant.latest(&asset, name).unwrap();
                assert_eq!((quality, &*text(&value)), (Quality::Bad, "null"), "{asset}/{name}");
            }
        }
        // They are gone.
        for machine in ["T3", "T10"] {
            let Tqv { quality, value, .. } = plant.latest(machine, "Speed").unwrap();
            assert_eq!((quality, &*text(&value)), (Quality::Uncertain, "12"), "{machine}");
        }
        let written = ["T1", "T2"].map(|machine| plant.written(machine, "Speed").len());
        assert_eq!(written, [1, 1], "once");
    }
    plant.nbirth(offset(&plant), [define("?", None), gearbox(), turbine("T1")]);
    plant.pass(Duration::from_secs(200));
    let Tqv { quality, value, .. } = plant.latest("T1", "Speed").unwrap();
    assert_eq!((quality, &*text(&value)), (Quality::Good, "12"));
}

/// The first one is another than what SiteWise has, and was written with the time of the birth: the
/// later one, with the time of its last change, was taken for older than that.
#[test]
fn a_birth_that_has_old_values_of_a_metric_twice_shows_the_later_one_each_time() {
    for past in [false, true] {
        let said = |offset: i64, first: f64, then: f64| {
            let first = Metric::new("Speed", first).at(Plant::at(offset - 1_000));
            let first = if past { first.historical() } else { first };
            [first, Metric::new("Speed", then).at(Plant::at(offset))]
        };
        let machine = |offset, first, then| {
            let members = said(offset, first, then).into_iter();
            let instances = members
                .map(|speed| Metric::template("T1", Template::instance("Turbine").member(speed)));
            let [first, then] = said(offset, first, then);
            [define("?", None), gearbox(), first, then].into_iter().chain(instances)
        };
        let mut plant = Plant::new(|_| {});
        for (offset, (said, first, then)) in
            [(0, (-5_000, 1.0, 2.0)), (20_000, (-5_000, 1.0, 2.0)), (40_000, (-9_000, 3.0, 4.0))]
        {
            plant.nbirth(offset, machine(said, first, then));
            plant.pass(Duration::from_secs(20));
            for asset in ["gw", "T1"] {
                let written = plant.written(asset, "Speed").into_iter();
                let (_, quality, value) = written.max_by_key(|(time, ..)| *time).unwrap();
                let shown = (quality, value);
                assert_eq!(shown, (Quality::Good, Variant::Double(then)), "{asset} {offset}");
            }
        }
        // Data of a time before the birth is history still.
        plant.ndata(60_000, [Metric::new("Speed", 5.0).at(Plant::at(1_000))]);
        let last = plant.written("gw", "Speed").into_iter().max_by_key(|(time, ..)| *time);
        assert_eq!(last.unwrap().2, Variant::Double(4.0));
    }
}

/// History that is later than the last change of the value hid that until the next birth.
#[test]
fn the_history_of_a_birth_does_not_hide_what_it_says_of_the_present() {
    let turbine = |value: f64, offset: i64| {
        let speed = Metric::new("Speed", value).at(Plant::at(offset));
        Metric::template("T1", Template::instance("Turbine").member(speed))
    };
    let flat = |value: f64, offset: i64| Metric::new("Speed", value).at(Plant::at(offset));
    let mut plant = Plant::new(|_| {});
    let past = [turbine(1.0, -1_000).historical(), flat(1.0, -1_000).historical()];
    let now = [turbine(2.0, -5_000), flat(2.0, -5_000)];
    let all = [define("?", None), gearbox()].into_iter();
    plant.nbirth(0, all.chain(now).chain(past));
    plant.pass(Duration::from_secs(10));
    for asset in ["gw", "T1"] {
        let written = plant.written(asset, "Speed").into_iter();
        let (_, quality, value) = written.max_by_key(|(time, ..)| *time).unwrap();
        assert_eq!((quality, value), (Quality::Good, Variant::Double(2.0)), "{asset}");
    }
}
