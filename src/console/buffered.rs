//! What bulk import would cost instead of live ingestion, measured since the start.

use std::time::Duration;

use super::usage::COSTS_AFTER;
use super::view::EngineView;
use crate::late::savings::{MeasuredTraffic, SavingsEstimate};
use crate::time::Instant;

/// How long values would be collected, where nothing is buffered: the default of
/// `INGEST_BUFFERED_EVERY`.
const DEFAULT_EVERY: Duration = Duration::from_secs(900);

/// What the values that were sent live would cost both ways, estimated from the properties that are
/// sampled; none while too little was measured.
pub(super) fn estimate(view: &EngineView<'_>) -> Option<SavingsEstimate> {
    let EngineView { bridge, now, linger, .. } = *view;
    let measured_for = now.instant.since(Instant::START);
    if measured_for < COSTS_AFTER {
        return None;
    }
    let twin = bridge.twin();
    let sampled = bridge.delivery().what_if().sampled();
    let properties = sampled.filter(|(stream, ..)| twin.measurement_address(*stream).is_some());
    let measured =
        MeasuredTraffic::by_name(properties.map(|(stream, values, bytes, stands_for)| {
            let of = MeasuredTraffic {
                glob: String::new(),
                properties: stands_for,
                values: values * stands_for,
                bytes: bytes * stands_for,
            };
            (twin.measurement_name(stream).unwrap_or_default(), of)
        }));
    let buffered = bridge.late().and_then(|late| late.config().buffered.as_ref());
    let every = buffered.map_or(DEFAULT_EVERY, |buffered| buffered.every);
    SavingsEstimate::new(&measured, measured_for, linger, every)
}
