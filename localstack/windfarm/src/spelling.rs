//! How a gateway spells its turbines.

use std::str::FromStr;

use sparkwise::sparkplug::edge::Metric;
use sparkwise::sparkplug::proto::payload as wire;

/// Three ways in which real senders publish the same equipment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spelling {
    /// Templates in births and data.
    #[default]
    Templates,
    /// Templates in births, flat names in data: Ignition's "Optimize UDTs".
    Optimized,
    /// Flat names everywhere, no definitions, no parameters: Ignition's "Convert UDTs".
    Flat,
}

impl Spelling {
    /// The `TWIN_RULES` by which the flat spelling gives the twins that templates give.
    pub const RULES: &str = "{asset}/Gearbox/{member} => WindTurbine > Gearbox, \
                             {asset}/Generator/{member} => WindTurbine > Generator, \
                             {asset}/{member} => WindTurbine";

    /// A birth's metrics, spelled.
    pub(crate) fn birth(self, metrics: Vec<Metric>) -> Vec<Metric> {
        match self {
            Self::Templates | Self::Optimized => metrics,
            Self::Flat => flat(metrics),
        }
    }

    /// Data's metrics, spelled.
    pub(crate) fn data(self, metrics: Vec<Metric>) -> Vec<Metric> {
        match self {
            Self::Templates => metrics,
            Self::Optimized | Self::Flat => flat(metrics),
        }
    }
}

impl FromStr for Spelling {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "templates" => Ok(Self::Templates),
            "optimized" => Ok(Self::Optimized),
            "flat" => Ok(Self::Flat),
            _ => Err(format!("a spelling is templates, optimized or flat, not {text:?}")),
        }
    }
}

/// Members of instances as metrics of their own; definitions are left out.
fn flat(metrics: Vec<Metric>) -> Vec<Metric> {
    let mut all = Vec::with_capacity(metrics.len());
    for metric in metrics {
        flatten(metric.into_wire(), "", &mut all);
    }
    all
}

fn flatten(mut metric: wire::Metric, folder: &str, all: &mut Vec<Metric>) {
    let name = metric.name.unwrap_or_default();
    let name = format!("{folder}{}", String::from_utf8_lossy(&name));
    match metric.value {
        Some(wire::metric::Value::TemplateValue(template)) => {
            if template.is_definition != Some(true) {
                let folder = format!("{name}/");
                for member in template.metrics {
                    flatten(member, &folder, all);
                }
            }
        }
        value => {
            metric.name = Some(name.into());
            metric.value = value;
            all.push(metric.into());
        }
    }
}
