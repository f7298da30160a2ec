//! What bulk import would cost instead of live ingestion, measured since the start.

use std::collections::BTreeMap;
use std::time::Duration;

use super::usage::COSTS_AFTER;
use super::view::EngineView;
use crate::globs::Globs;
use crate::late::offer::{Measured, Offer};
use crate::time::Instant;

/// How long values would be collected, where nothing is buffered: the default of
/// `INGEST_BUFFERED_EVERY`.
const DEFAULT_EVERY: Duration = Duration::from_secs(900);

/// What the values that were sent live would cost both ways, estimated from the properties that are
/// sampled; none while too little was measured.
pub(super) fn offer(view: &EngineView<'_>) -> Option<Offer> {
    let EngineView { bridge, now, linger, .. } = *view;
    let measured_for = now.instant.since(Instant::START);
    if measured_for < COSTS_AFTER {
        return None;
    }
    let twin = bridge.twin();
    let mut by_name: BTreeMap<String, Measured> = BTreeMap::new();
    for (stream, values, bytes, stands_for) in bridge.delivery().what_if().sampled() {
        if twin.measurement_address(stream).is_none() {
            continue;
        }
        let name = twin.measurement_name(stream).unwrap_or_default();
        let measured_property = by_name.entry(name).or_default();
        measured_property.properties += stands_for;
        measured_property.values += values * stands_for;
        measured_property.bytes += bytes * stands_for;
    }
    let measured = by_name.into_iter();
    let measured: Vec<Measured> = measured
        .map(|(name, measured_property)| Measured {
            glob: Globs::any_below(&name),
            ..measured_property
        })
        .collect();
    let buffered = bridge.late().and_then(|late| late.config().buffered.as_ref());
    let every = buffered.map_or(DEFAULT_EVERY, |buffered| buffered.every);
    Offer::new(&measured, measured_for, linger, every)
}
