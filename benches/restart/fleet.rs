//! A plant of a hundred thousand turbines, of ten makes: SiteWise takes 10,000 assets of a model.

#![allow(dead_code, reason = "each benchmark uses a part of it")]

use std::ffi::OsStr;

use sparkwise::sparkplug::address::EdgeNode;
use sparkwise::sparkplug::edge::{Edge, Metric, Template};

use super::{mqtt, stamps};

/// Makes of turbines: models.
pub(crate) const TYPES: usize = 10;
const MEMBERS: [&str; 3] = ["Rotor speed", "Active power", "Wind speed"];

/// So that a plant of this size fits.
pub(crate) const MAX_ASSETS: (&str, &str) = ("TWIN_MAX_ASSETS", "200000");
/// The same, with no quotas in the way.
pub(crate) const NO_QUOTAS: [(&str, &str); 8] = [
    MAX_ASSETS,
    ("INGEST_REQUESTS_PER_SECOND", "1000000"),
    ("INGEST_VALUES_PER_SECOND", "100000000"),
    ("TWIN_MODEL_WRITES_PER_SECOND", "100000"),
    ("TWIN_ASSET_CREATIONS_PER_SECOND", "100000"),
    ("TWIN_ASSOCIATIONS_PER_SECOND", "100000"),
    ("TWIN_DESCRIBES_PER_SECOND", "100000"),
    ("TWIN_LISTS_PER_SECOND", "100000"),
];

/// Variables as the program's environment takes them.
pub(crate) fn variables(of: &'static [(&str, &str)]) -> Vec<(&'static str, &'static OsStr)> {
    of.iter().map(|(name, value)| (*name, value.as_ref())).collect()
}

/// Edge nodes with as many turbines each.
#[derive(Debug)]
pub(crate) struct Fleet {
    nodes: usize,
    turbines: usize,
    /// Lives of its edge nodes so far.
    lives: u8,
}

impl Fleet {
    /// What `cargo bench` runs.
    pub(crate) const WHOLE: Self = Self { nodes: 100, turbines: 1_000, lives: 0 };
    /// A tenth of it.
    pub(crate) const TENTH: Self = Self { nodes: 10, turbines: 1_000, lives: 0 };
    /// What a test of the benchmark itself runs.
    pub(crate) const QUICK: Self = Self { nodes: 10, turbines: 10, lives: 0 };

    /// Turbines.
    pub(crate) fn assets(&self) -> u64 {
        (self.nodes * self.turbines) as u64
    }

    /// The name of the last turbine.
    pub(crate) fn last_turbine(&self) -> String {
        turbine_name(self.nodes - 1, self.turbines - 1)
    }

    /// The number of the last edge node.
    pub(crate) fn last_node(&self) -> usize {
        self.nodes - 1
    }

    /// Values of all births.
    pub(crate) fn values(&self) -> u64 {
        self.assets() * MEMBERS.len() as u64
    }

    /// Places in SiteWise's tree: turbines below nodes, nodes below their group.
    pub(crate) fn links(&self) -> u64 {
        self.assets() + self.nodes as u64
    }

    /// The births of all edge nodes, new from the start.
    pub(crate) fn births(&mut self, value: impl Fn() -> f64) -> Vec<u8> {
        self.lives += 1;
        let mut births = Vec::new();
        for node in 0..self.nodes {
            let mut edge =
                Edge::new(EdgeNode::new("Nordsee", format!("gateway {node}")), self.lives);
            let make = format!("Turbine {}", node % TYPES);
            let members = |value: f64| MEMBERS.iter().map(move |name| Metric::new(name, value));
            let definition = Template::definition().members(members(0.0));
            let definition = Metric::template(&format!("_types_/{make}"), definition);
            let turbines = (0..self.turbines).map(|turbine| {
                let instance = Template::instance(&make).members(members(value()));
                Metric::template(&turbine_name(node, turbine), instance)
            });
            let metrics: Vec<Metric> = std::iter::once(definition).chain(turbines).collect();
            let message = edge.nbirth(stamps::wall(), metrics);
            mqtt::put_publish(&mut births, &message.topic, &message.payload);
        }
        births
    }
}

fn turbine_name(node: usize, turbine: usize) -> String {
    format!("T{node:03}-{turbine:04}")
}
