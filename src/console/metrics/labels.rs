//! Figures of the lane that sets aliases and notifications.

use super::define::{each, gauge};
use super::{MetricDef, MetricKind, MetricLabel};
use crate::labels::RemarkKind;

pub(super) const SET: MetricDef = each(
    MetricKind::Counter,
    "sparkwise_labels_set_total",
    "Aliases set on properties, and notifications switched on (TWIN_ALIASES, TWIN_NOTIFY).",
    MetricLabel::Words("label", || vec!["alias", "notification"]),
    |s| vec![s.labels.aliases as f64, s.labels.notifications as f64],
);

pub(super) const LEFT: MetricDef = each(
    MetricKind::Counter,
    "sparkwise_labels_left_total",
    "Properties that keep other labels than those that are wanted, each time that one is found.",
    MetricLabel::Words("reason", || RemarkKind::ALL.map(RemarkKind::name).to_vec()),
    |s| s.labels.remarks.map(|count| count as f64).to_vec(),
);

pub(super) const ASSETS: MetricDef = gauge(
    "sparkwise_labels_assets",
    "Assets whose properties have their aliases and notifications, as far as they can be set.",
    |s| s.labels.assets as f64,
);
