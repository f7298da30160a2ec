//! Short ways to define a metric.

use super::{MetricDef, MetricKind, MetricLabel, MetricReader};
use crate::console::process::ProcessStats;
use crate::console::snapshot::Snapshot;
use crate::delivery::durations::DurationHistogram;

pub(super) const fn counter(
    name: &'static str,
    help: &'static str,
    read: fn(&Snapshot) -> f64,
) -> MetricDef {
    MetricDef {
        name,
        kind: MetricKind::Counter,
        help,
        label: MetricLabel::None,
        read: MetricReader::One(read),
    }
}

pub(super) const fn gauge(
    name: &'static str,
    help: &'static str,
    read: fn(&Snapshot) -> f64,
) -> MetricDef {
    MetricDef {
        name,
        kind: MetricKind::Gauge,
        help,
        label: MetricLabel::None,
        read: MetricReader::One(read),
    }
}

pub(super) const fn each(
    kind: MetricKind,
    name: &'static str,
    help: &'static str,
    label: MetricLabel,
    read: fn(&Snapshot) -> Vec<f64>,
) -> MetricDef {
    MetricDef { name, kind, help, label, read: MetricReader::Each(read) }
}

pub(super) const fn histogram(
    name: &'static str,
    help: &'static str,
    read: fn(&Snapshot) -> DurationHistogram,
) -> MetricDef {
    MetricDef {
        name,
        kind: MetricKind::Histogram,
        help,
        label: MetricLabel::None,
        read: MetricReader::Durations(read),
    }
}

pub(super) const fn process(
    kind: MetricKind,
    name: &'static str,
    help: &'static str,
    read: fn(&ProcessStats) -> Option<f64>,
) -> MetricDef {
    MetricDef { name, kind, help, label: MetricLabel::None, read: MetricReader::Process(read) }
}
