//! Points in time.

use super::plant::Plant;
use super::*;
use crate::sparkplug::datatype::DataType;
use crate::sparkplug::proto::payload as wire;
use crate::sparkplug::proto::payload::metric::Value as V;

fn time(name: &str, millis: u64, unit: Option<&str>) -> Metric {
    let metric = Metric::from(wire::Metric {
        name: Some(name.to_owned().into()),
        datatype: Some(DataType::DateTime.number()),
        value: Some(V::LongValue(millis)),
        ..wire::Metric::default()
    });
    match unit {
        Some(unit) => metric.property("engUnit", unit),
        None => metric,
    }
}

/// Seconds were shown as milliseconds.
#[test]
fn a_point_in_time_is_in_seconds_whatever_unit_its_sender_says() {
    let mut plant = Plant::new(|_| {});
    let at = 1_700_000_000_123;
    let piece = || Template::instance("Kind").member(time("Built", at, Some("ms")));
    plant.nbirth(
        0,
        [
            time("Said", at, Some("ms")),
            time("Later", at, None),
            Metric::template("Kind", Template::definition().member(time("Built", at, Some("h")))),
            Metric::template("One", piece()),
        ],
    );
    plant.ndata(10_000, [time("Later", at + 1_000, Some("ms"))]);
    plant.pass(Duration::from_secs(60));
    let mut seen = 0;
    for (asset, shown) in plant.show() {
        for (name, (id, _, written)) in shown.measurements {
            if !["Said", "Later", "Built"].contains(&name.as_str()) {
                continue;
            }
            seen += 1;
            let unit = plant.sitewise.property(shown.id, id).unwrap().unit;
            assert_eq!(unit.as_deref(), Some("s"), "{asset}/{name}");
            let first = Variant::Double(1_700_000_000.123);
            assert_eq!(written.first().map(|(_, _, value)| value), Some(&first), "{asset}/{name}");
        }
    }
    assert_eq!(seen, 3);
}
