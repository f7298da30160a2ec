//! What a definition says of the instances within it.

use super::plant::Plant;
use super::*;
use crate::sparkplug::datatype::DataType;
use crate::twin::Nested;

/// A turbine's gearbox has another ratio, limit and unit than gearboxes have, and its pump another
/// size, said by the turbine, and another maker, said by the gearbox.
fn definitions() -> Vec<Metric> {
    let limited = |limit: f64, unit| {
        Metric::null("Temp", DataType::Double).property("high", limit).property("engUnit", unit)
    };
    let pump = Template::definition()
        .member(Metric::null("Flow", DataType::Double))
        .parameter("Size", 1.0)
        .parameter("Maker", "none")
        .parameter("Year", 2000.0);
    let gear = Template::definition()
        .member(limited(10.0, "°C"))
        .member(Metric::template("Pump", Template::instance("Pump").parameter("Maker", "Gears")))
        .parameter("Ratio", 5.0);
    let turbine = Template::definition().member(Metric::null("Speed", DataType::Double)).member(
        Metric::template(
            "Gear",
            Template::instance("Gear").parameter("Ratio", 6.0).member(limited(20.0, "°F")).member(
                Metric::template("Pump", Template::instance("Pump").parameter("Size", 3.0)),
            ),
        ),
    );
    [("Pump", pump), ("Gear", gear), ("Turbine", turbine)]
        .map(|(name, definition)| Metric::template(name, definition))
        .into()
}

/// A nested instance had the defaults of its template, whatever the one around it said.
#[test]
fn an_instance_within_has_the_defaults_and_units_that_the_definition_around_it_says() {
    for nested in [Nested::Child, Nested::Flatten] {
        for order in 0..2 {
            let mut plant = Plant::new(|config| config.twin.nested = nested);
            let temp = |value: f64| Metric::new("Temp", value);
            let gear = |name: &str, more: Option<Metric>| {
                Metric::template(name, Template::instance("Gear").member(temp(1.0)).members(more))
            };
            let pump =
                Metric::template("Pump", Template::instance("Pump").parameter("Year", 2024.0));
            let turbine = Template::instance("Turbine").member(Metric::new("Speed", 9.0));
            let mut instances = vec![
                Metric::template("T1", turbine.clone().member(gear("Gear", None))),
                // All of its gearbox is as defined.
                Metric::template("T2", turbine.clone()),
                Metric::template("T3", turbine.member(gear("Gear", Some(pump)))),
                gear("G", None),
            ];
            if order == 1 {
                instances.reverse();
            }
            plant.nbirth(0, definitions().into_iter().chain(instances));
            plant.pass(Duration::from_secs(90));
            let shown = plant.show();
            let attribute = |instance: &str, below: &str, name: &str| {
                let (asset, name) = match nested {
                    Nested::Child => (format!("{instance}{below}"), name.to_owned()),
                    Nested::Flatten => {
                        let below = below.trim_start_matches('/');
                        let slash = if below.is_empty() { "" } else { "/" };
                        (instance.to_owned(), format!("{below}{slash}{name}"))
                    }
                };
                let of = &shown[&asset];
                let value = of.attributes.get(&name).and_then(|(_, value)| value.clone());
                value.unwrap_or_else(|| panic!("{asset} has no {name}: {:?}", of.attributes))
            };
            for turbine in ["T1", "T2", "T3"] {
                let of = |name| attribute(turbine, "/Gear", name);
                assert_eq!(
                    (of("Ratio").as_str(), of("Temp/high").as_str()),
                    ("6", "20"),
                    "{nested:?} {turbine} {order}"
                );
                let of = |name| attribute(turbine, "/Gear/Pump", name);
                let year = if turbine == "T3" { "2024" } else { "2000" };
                let said = [of("Size"), of("Maker"), of("Year")];
                assert_eq!(said, ["3", "Gears", year], "{nested:?} {turbine}");
            }
            assert_eq!(attribute("G", "", "Ratio"), "5");
            assert_eq!(attribute("G", "", "Temp/high"), "10");
            assert_eq!(attribute("G", "/Pump", "Size"), "1");
            let unit = |asset: &str, name: &str| {
                let shown = &shown[asset];
                let (id, _, _) = shown.measurements[name];
                plant.sitewise.property(shown.id, id).unwrap().unit
            };
            let turbines = match nested {
                Nested::Child => unit("T1/Gear", "Temp"),
                Nested::Flatten => unit("T1", "Gear/Temp"),
            };
            let units = (turbines.as_deref(), unit("G", "Temp"));
            assert_eq!(units, (Some("°F"), Some("°C".to_owned())), "{nested:?} {order}");
        }
    }
}
