//! The same number of metrics in the spellings that real senders use.

use std::time::Duration;

use sparkwise::sparkplug::edge::{Edge, Metric};
use sparkwise::sparkplug::message::Message;
use sparkwise::time::Timestamp;

use super::plant;

/// Metrics of an edge node.
pub(crate) const METRICS: usize = 10_000;

/// What an edge node says: its births, a value of each of its metrics, and its births once more.
pub(crate) const PARTS: usize = 3;

/// How a plant names its metrics.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Spelling {
    /// A thousand instances of a template with ten members.
    Templates,
    /// A hundred devices with the same hundred tags.
    Alike,
    /// Twenty-five devices with four hundred tags, no two of which have the same name.
    Unlike,
}

impl Spelling {
    pub(crate) const ALL: [Self; 3] = [Self::Templates, Self::Alike, Self::Unlike];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Templates => "members of template instances",
            Self::Alike => "plain tags, devices alike",
            Self::Unlike => "plain tags, each with its own name",
        }
    }

    /// What a node says, in its parts.
    pub(crate) fn node(self, number: usize) -> [Vec<Message>; PARTS] {
        let mut edge = plant::edge(number);
        match self {
            Self::Templates => {
                let turbines = 0..METRICS / plant::MEMBERS.len();
                let turbine = |turbine, value| plant::turbine(turbine, value, at(value));
                let born = |edge: &mut Edge, value| {
                    let metrics = turbines.clone().map(|number| turbine(number, value));
                    let metrics = std::iter::once(plant::turbine_type()).chain(metrics);
                    vec![edge.nbirth(at(value), metrics)]
                };
                let birth = born(&mut edge, 1.0);
                let told = |number| edge.ndata(at(2.0), [turbine(number, 2.0)]);
                let data = turbines.clone().map(told).collect();
                [birth, data, born(&mut edge, 3.0)]
            }
            Self::Alike => devices(&mut edge, 100, |_| 1),
            Self::Unlike => devices(&mut edge, 25, |device| 25 * number + device),
        }
    }
}

/// What a node with `count` devices says, each with tags of the area that `area` gives.
fn devices(edge: &mut Edge, count: usize, area: impl Fn(usize) -> usize) -> [Vec<Message>; PARTS] {
    let name = |device: usize| format!("PLC {device}");
    let tags = |device, value| tags(METRICS / count, area(device), value);
    let born = |edge: &mut Edge, value| {
        let node = edge.nbirth(at(value), []);
        let of = |device| edge.dbirth(&name(device), at(value), tags(device, value));
        std::iter::once(node).chain((0..count).map(of)).collect()
    };
    let birth = born(edge, 1.0);
    let told = |device| edge.ddata(&name(device), at(2.0), tags(device, 2.0));
    let data = (0..count).map(told).collect();
    [birth, data, born(edge, 3.0)]
}

/// `count` tags such as `Area 1/Line 2/Pump 17/Flow`.
fn tags(count: usize, area: usize, value: f64) -> impl Iterator<Item = Metric> {
    const MEASURED: [&str; 5] = ["Flow", "Pressure", "Temperature", "Current", "Vibration"];
    let pumps = (0..count).step_by(MEASURED.len());
    pumps.flat_map(move |pump| {
        MEASURED.into_iter().map(move |measured| {
            let (line, pump) = (pump / 100 + 1, pump / MEASURED.len() + 1);
            let name = format!("Area {area}/Line {line}/Pump {pump}/{measured}");
            Metric::new(&name, value).at(at(value))
        })
    })
}

/// A value's time: each value a second after the one before.
fn at(value: f64) -> Timestamp {
    plant::START.plus(Duration::from_secs_f64(value))
}
