//! Every metric, declared once: `/metrics` and `docs/metrics.md` are made from this table.

mod commands;
mod define;
mod labels;
mod late;
mod lease;
mod table;

use std::fmt::Write as _;

use super::process::ProcessStats;
use super::snapshot::{NAMED, Snapshot};
use crate::command::answer::Code;
use crate::delivery::durations::DurationHistogram;
use crate::sparkplug::address::EdgeNode;
use table::TABLE;

/// The type of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// Only grows while the process lives.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Durations, counted in buckets.
    Histogram,
}

/// The label of a metric, with all its values.
#[derive(Clone, Copy, Debug)]
pub enum MetricLabel {
    /// There is none.
    None,
    /// One of these words.
    Words(&'static str, fn() -> Vec<&'static str>),
    /// How a command ended: its status and code.
    Commands,
    /// A server's address in `MQTT_URL`.
    Server,
    /// An edge node's address.
    Node,
    /// The program's version.
    Version,
}

/// How the value of a metric is read.
#[derive(Clone, Copy, Debug)]
pub enum MetricReader {
    /// One number.
    One(fn(&Snapshot) -> f64),
    /// A number for each value of its label, in their order.
    Each(fn(&Snapshot) -> Vec<f64>),
    /// A histogram of durations.
    Durations(fn(&Snapshot) -> DurationHistogram),
    /// One number of the process; none where the system does not tell it.
    Process(fn(&ProcessStats) -> Option<f64>),
}

/// A metric.
#[derive(Clone, Copy)]
pub struct MetricDef {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: MetricKind,
    /// Its help text.
    pub help: &'static str,
    /// Its label.
    pub label: MetricLabel,
    /// How it is read.
    pub read: MetricReader,
}

impl std::fmt::Debug for MetricDef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MetricDef").field("name", &self.name).finish_non_exhaustive()
    }
}

impl MetricKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// Every metric there is.
pub fn all() -> impl Iterator<Item = &'static MetricDef> {
    TABLE.iter().chain(late::TABLE).chain(lease::TABLE)
}

/// All metrics in the text format of Prometheus.
pub fn text(snapshot: &Snapshot, process: &ProcessStats) -> String {
    let mut out = String::with_capacity(16 << 10);
    for metric in all() {
        let MetricDef { name, kind, help, .. } = metric;
        let head = format!("# HELP {name} {help}\n# TYPE {name} {}\n", kind.as_str());
        let values = match metric.read {
            MetricReader::Durations(read) => {
                out.push_str(&head);
                histogram(&mut out, name, &read(snapshot));
                continue;
            }
            MetricReader::One(read) => vec![read(snapshot)],
            MetricReader::Each(read) => read(snapshot),
            MetricReader::Process(read) => match read(process) {
                Some(value) => vec![value],
                None => continue,
            },
        };
        out.push_str(&head);
        for (labels, value) in labels(metric.label, snapshot).iter().zip(values) {
            let _ = writeln!(out, "{name}{labels} {value}");
        }
    }
    out
}

fn histogram(out: &mut String, name: &str, durations: &DurationHistogram) {
    let counts = durations.cumulative_counts();
    let bounds =
        DurationHistogram::BOUNDS.iter().map(|bound| (*bound as f64 / 1_000.0).to_string());
    for (bound, count) in bounds.chain(["+Inf".to_owned()]).zip(counts) {
        let _ = writeln!(out, "{name}_bucket{{le=\"{bound}\"}} {count}");
    }
    let _ = writeln!(out, "{name}_sum {}", durations.sum().as_secs_f64());
    let _ = writeln!(out, "{name}_count {}", counts.last().copied().unwrap_or_default());
}

/// The labels of each value of a metric, as they stand behind its name.
fn labels(label: MetricLabel, snapshot: &Snapshot) -> Vec<String> {
    let set = |name: &str, value: &str| format!("{{{name}=\"{}\"}}", escaped(value));
    match label {
        MetricLabel::None => vec![String::new()],
        MetricLabel::Words(name, words) => {
            words().into_iter().map(|word| set(name, word)).collect()
        }
        MetricLabel::Commands => {
            let ended = |code: Code| {
                format!("{{status=\"{}\",code=\"{}\"}}", code.status().as_str(), code.as_str())
            };
            Code::ALL.map(ended).to_vec()
        }
        MetricLabel::Server => {
            servers(snapshot).iter().map(|server| set("server", server)).collect()
        }
        MetricLabel::Node => {
            let nodes = snapshot.nodes_named.iter().map(|(edge, _)| edge);
            let address = |edge: &EdgeNode| {
                let (group, node) = (escaped(&edge.group), escaped(&edge.node));
                format!("{{group=\"{group}\",node=\"{node}\"}}")
            };
            nodes.map(address).collect()
        }
        MetricLabel::Version => vec![set("version", env!("CARGO_PKG_VERSION"))],
    }
}

/// The servers' addresses. Two that differ in their path alone are told apart by a number.
fn servers(snapshot: &Snapshot) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(snapshot.servers.len());
    for link in &snapshot.servers {
        let numbered = (2..).map(|number| format!("{} ({number})", link.url));
        let mut candidates = std::iter::once(link.url.clone()).chain(numbered);
        names.extend(candidates.find(|name| !names.contains(name)));
    }
    names
}

/// A label's value as the text format wants it.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// How the counters of values add up, for [`markdown`].
const SUMS: &str = "
## Every value is counted once

While nothing is being processed, `sparkwise_values_read_total + sparkwise_values_own_total +
sparkwise_outbox_restored_total` equals `sparkwise_values_delivered_total`, plus the sums over all
labels of `sparkwise_values_refused_total`, `sparkwise_values_dropped_total`,
`sparkwise_values_discarded_total` and `sparkwise_values_waiting`, plus `sparkwise_values_buffered`.
Values that the filter excludes or that could not be read (`..._excluded_total`, `..._unread_total`)
are in none of these. With `LATE_BUCKET`, `sparkwise_values_restored_late_total` is added to the first
side, and `sparkwise_values_delivered_late_total` and `sparkwise_values_waiting_late` to the second.

| Word | In the names | What it means |
|---|---|---|
| excluded | `excluded` | by the filter |
| not read | `unread` | could not be interpreted |
| dropped | `dropped` | before it became a point |
| point | `points` | a value addressed to one property of one asset |
| rejected | `refused` | by SiteWise, or before sending: a dead letter |
| queued | `waiting` | in the outbox, or in delivery |
| discarded | `discarded` | after it was queued: lost, or overwritten by a later one |
| delivered | `delivered` | SiteWise has accepted it |
";

/// `docs/metrics.md`.
pub fn markdown() -> String {
    let mut out = String::from(
        "# Metrics\n\n\
         <!-- Made from src/console/metrics/ by a test: UPDATE=1 cargo test metrics -->\n\n\
         `/metrics` on `CONSOLE_ADDR` has all of them in the text format of Prometheus. Counters\n\
         begin at zero with the process. A label takes the listed words and no others, so the\n\
         number of series is bounded. The names follow Prometheus' conventions, as\n\
         `promtool check metrics` demands; those that begin with `process_` are the metrics of\n\
         Prometheus' client libraries, read from `/proc` and absent on systems without it.\n\n\
         A dashboard for Grafana and alert rules: [infra/grafana](../infra/grafana/README.md).\n\n\
         | Metric | Kind | Label | Meaning |\n|---|---|---|---|\n",
    );
    for MetricDef { name, kind, help, label, .. } in all() {
        let label = match label {
            MetricLabel::None => String::new(),
            MetricLabel::Words(name, words) => format!("`{name}`: {}", words().join(", ")),
            MetricLabel::Commands => {
                "`status`, `code`: as in [commands.md](commands.md#answers)".to_owned()
            }
            MetricLabel::Server => "`server`: address in `MQTT_URL`, without path".to_owned(),
            MetricLabel::Node => format!("`group`, `node`: its address; {NAMED} of them at most"),
            MetricLabel::Version => "`version`: the program's".to_owned(),
        };
        let help = help.replace('|', "\\|");
        let _ = writeln!(out, "| `{name}` | {} | {label} | {help} |", kind.as_str());
    }
    out.push_str(SUMS);
    out.push_str(super::emf::MARKDOWN);
    out
}

#[cfg(test)]
mod tests;
