//! Metrics of one of two bridges; all zero for one that acts alone.

use super::define::{counter, each, gauge};
use super::{MetricDef, MetricKind, MetricLabel};
use crate::console::snapshot::Snapshot;
use crate::console::view::LeaseStatus;
use crate::lease::Role;

pub(super) const TABLE: &[MetricDef] = &[
    each(
        MetricKind::Gauge,
        "sparkwise_lease_role",
        "Role of this bridge in its lease, 1 for the current one: follower (the other acts), \
         holder (it acts), lapsed (it could not renew in time, and does not act), releasing (it \
         gives the lease back), left (about to stop, nobody has taken the lease), handed_over \
         (about to stop, the other acts). All 0 without LEASE.",
        MetricLabel::Words("role", || Role::ALL.map(Role::label).to_vec()),
        |s| {
            let role = s.lease.as_ref().map(|lease| lease.figures.role);
            Role::ALL.map(|of| f64::from(u8::from(role == Some(of)))).to_vec()
        },
    ),
    gauge(
        "sparkwise_lease_role_since_seconds",
        "When this bridge last began or stopped to act, in seconds since the Unix epoch; 0 without \
         LEASE.",
        |s| of(s, |lease| lease.since.as_millis() as f64 / 1_000.0),
    ),
    gauge(
        "sparkwise_lease_epoch",
        "Epoch of the lease, as last read: it grows by one each time a bridge takes the lease.",
        |s| of(s, |lease| lease.figures.version.map_or(0.0, |version| version.epoch as f64)),
    ),
    gauge(
        "sparkwise_lease_followers",
        "Whether a second bridge follows, as the lease's item says: 1 or 0.",
        |s| of(s, |lease| f64::from(u8::from(lease.has_follower()))),
    ),
    counter(
        "sparkwise_lease_unheard_total",
        "Points that this bridge delivered while it followed, because the holder may not have \
         received them: by the lease's item its connection to an MQTT server was interrupted.",
        |s| of(s, |lease| lease.window.unheard as f64),
    ),
    counter("sparkwise_lease_taken_total", "How often this bridge took the lease.", |s| {
        of(s, |lease| lease.figures.taken as f64)
    }),
    counter(
        "sparkwise_lease_lapsed_total",
        "How often this bridge could not renew the lease in time, and stopped acting.",
        |s| of(s, |lease| lease.figures.lapsed as f64),
    ),
    counter(
        "sparkwise_lease_yielded_total",
        "How often this bridge gave the lease back because it was cut off from its MQTT servers or \
         from SiteWise, and the other one was not.",
        |s| of(s, |lease| lease.figures.yielded as f64),
    ),
    counter(
        "sparkwise_lease_failures_total",
        "Calls to the lease's table that failed, or whose answer was lost.",
        |s| of(s, |lease| lease.figures.failed as f64),
    ),
];

fn of(snapshot: &Snapshot, figure: fn(&LeaseStatus) -> f64) -> f64 {
    snapshot.lease.as_ref().map_or(0.0, figure)
}
