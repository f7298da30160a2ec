//! Figures of the lanes that set aliases, notifications and tags.

use super::define::{counter, each, gauge};
use super::{MetricDef, MetricKind, MetricLabel};
use crate::labels::RemarkKind;

pub(super) const SET: MetricDef = each(
    MetricKind::Counter,
    "sparkwise_labels_set_total",
    "Aliases set on properties, notifications switched on, and tags set on models and assets \
     (TWIN_ALIASES, TWIN_NOTIFY, TWIN_TAGS).",
    MetricLabel::Words("label", || vec!["alias", "notification", "tag"]),
    |s| vec![s.labels.aliases as f64, s.labels.notifications as f64, s.labels.tags as f64],
);

pub(super) const LEFT: MetricDef = each(
    MetricKind::Counter,
    "sparkwise_labels_left_total",
    "Aliases, notifications and tags that could not be set, by the reason that docs/labels.md \
     explains, counted each time that one is found.",
    MetricLabel::Words("reason", || RemarkKind::ALL.map(RemarkKind::name).to_vec()),
    |s| s.labels.remarks.map(|count| count as f64).to_vec(),
);

pub(super) const FAILURES: MetricDef = counter(
    "sparkwise_labels_failures_total",
    "Calls for aliases, notifications and tags that failed and are made again.",
    |s| s.labels.failures as f64,
);

pub(super) const ASSETS: MetricDef = gauge(
    "sparkwise_labels_assets",
    "Assets whose properties have their aliases and notifications, as far as they can be set.",
    |s| s.labels.settled_assets as f64,
);

pub(super) const TAGGED: MetricDef = gauge(
    "sparkwise_labels_tagged",
    "Models and assets that have their tags, as far as they can be put on.",
    |s| s.labels.settled_tags as f64,
);
