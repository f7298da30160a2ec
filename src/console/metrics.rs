//! Every metric, declared once: `/metrics` and `docs/metrics.md` are made from this table.

mod table;

use std::fmt::Write as _;

use super::snapshot::Snapshot;
pub use table::TABLE;

/// What a metric's value does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows while the process lives.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// The label of a metric, with all that it can be.
#[derive(Clone, Copy, Debug)]
pub enum Label {
    /// There is none.
    None,
    /// One of these words.
    Words(&'static str, fn() -> Vec<&'static str>),
    /// A server's place in `MQTT_URL`, the first is 0.
    Server,
}

/// What a metric is at a moment.
#[derive(Clone, Copy, Debug)]
pub enum Read {
    /// One number.
    One(fn(&Snapshot) -> f64),
    /// A number for each word of its label, in their order.
    Each(fn(&Snapshot) -> Vec<f64>),
}

/// A metric.
#[derive(Clone, Copy)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub kind: Kind,
    /// Its help text.
    pub help: &'static str,
    /// Its label.
    pub label: Label,
    /// Where it comes from.
    pub read: Read,
}

impl std::fmt::Debug for Metric {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metric").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
        }
    }
}

/// All metrics in the text format of Prometheus.
pub fn text(snapshot: &Snapshot) -> String {
    let mut out = String::with_capacity(16 << 10);
    for metric in TABLE {
        let Metric { name, kind, help, .. } = metric;
        let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {}\n", kind.word());
        match metric.read {
            Read::One(read) => {
                let _ = writeln!(out, "{name} {}", read(snapshot));
            }
            Read::Each(read) => {
                for (labels, value) in labels(metric.label, snapshot).zip(read(snapshot)) {
                    let _ = writeln!(out, "{name}{{{labels}}} {value}");
                }
            }
        }
    }
    out
}

fn labels(label: Label, snapshot: &Snapshot) -> Box<dyn Iterator<Item = String>> {
    match label {
        Label::None => Box::new(std::iter::empty()),
        Label::Words(name, words) => {
            Box::new(words().into_iter().map(move |word| format!("{name}=\"{word}\"")))
        }
        Label::Server => {
            Box::new((0..snapshot.links.len()).map(|place| format!("server=\"{place}\"")))
        }
    }
}

/// `docs/metrics.md`.
pub fn markdown() -> String {
    let mut out = String::from(
        "# Metrics\n\
         \n\
         <!-- Made from src/console/metrics/ by a test: UPDATE=1 cargo test metrics -->\n\
         \n\
         `/metrics` on `CONSOLE_ADDR` has all of them in the text format of Prometheus. \
         Counters\n\
         start at zero with the process. A label takes only the listed values, so the number of\n\
         series is fixed.\n\
         \n\
         Values received: `read = points + refused by the twin + dropped + held`. Points, with\n\
         those that the bridge generated: `delivered + refused + discarded + waiting`.\n\
         \n\
         | Metric | Kind | Label | Meaning |\n\
         |---|---|---|---|\n",
    );
    for Metric { name, kind, help, label, .. } in TABLE {
        let label = match label {
            Label::None => String::new(),
            Label::Words(name, words) => format!("`{name}`: {}", words().join(", ")),
            Label::Server => "`server`: index in `MQTT_URL`, starting at 0".to_owned(),
        };
        let help = help.replace('|', "\\|");
        let _ = writeln!(out, "| `{name}` | {} | {label} | {help} |", kind.word());
    }
    out.push_str(super::emf::MARKDOWN);
    out
}

#[cfg(test)]
mod tests;
