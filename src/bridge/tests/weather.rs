//! SiteWise with its moods: what it takes, and what it says.

use super::*;
use crate::delivery::point::Stream;
use crate::twin::plan::api_call::{ApiCall, CallResult};

/// What is said of a call that was carried out nevertheless.
pub(super) const LOST: &str = "the answer is lost";

/// How SiteWise behaves, in percent of the calls.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Weather {
    /// Control-plane calls that fail.
    pub(super) steps: u8,
    /// Requests that fail as a whole.
    pub(super) requests: u8,
    /// Entries that are throttled.
    pub(super) entries: u8,
    /// An asset that nothing may be written to.
    pub(super) denied: Option<uuid::Uuid>,
}

/// SiteWise in this weather.
pub(super) struct Moody<'a> {
    pub(super) weather: Weather,
    pub(super) rng: &'a mut fastrand::Rng,
    pub(super) sitewise: &'a mut FakeSiteWise,
    /// What it has of values, keyed as it keys them.
    pub(super) written: &'a mut BTreeMap<Key, Variant>,
}

impl Moody<'_> {
    fn chance(&mut self, percent: u8) -> bool {
        self.rng.u8(0..100) < percent
    }

    /// Answers a call to the control plane.
    pub(super) fn call(&mut self, call: ApiCall) -> Result<CallResult, ApiFault> {
        if !self.chance(self.weather.steps) {
            return self.sitewise.call(call);
        }
        let kinds = [
            ApiFaultKind::Throttled,
            ApiFaultKind::Unavailable,
            ApiFaultKind::Conflict,
            ApiFaultKind::Changed,
        ];
        let kind = kinds[self.rng.usize(..kinds.len())];
        // An answer that is lost says nothing about what was done.
        let lost = kind == ApiFaultKind::Unavailable && self.rng.bool();
        if lost {
            let _ = self.sitewise.call(call);
        }
        Err(fault(kind, if lost { LOST } else { "weather" }))
    }

    /// Answers a request to write values, by its own clock.
    pub(super) fn put(
        &mut self,
        entries: &[Entry],
        clock: Timestamp,
    ) -> Result<Vec<EntryError>, ApiFault> {
        if !self.chance(self.weather.requests) {
            return Ok(self.write(entries, clock));
        }
        let kinds = [ApiFaultKind::Throttled, ApiFaultKind::Unavailable];
        let kind = kinds[self.rng.usize(..kinds.len())];
        if kind == ApiFaultKind::Unavailable && self.rng.bool() {
            self.write(entries, clock);
        }
        Err(fault(kind, "weather"))
    }

    /// What it takes of a request, and what it says against the rest.
    fn write(&mut self, entries: &[Entry], clock: Timestamp) -> Vec<EntryError> {
        assert!(entries.len() <= 10);
        let mut errors = Vec::new();
        for (place, entry) in entries.iter().enumerate() {
            assert!((1..=10).contains(&entry.values.len()));
            let known = self.sitewise.assets.get(&entry.asset);
            let model = known.and_then(|asset| self.sitewise.models.get(&asset.model));
            let known =
                model.is_some_and(|model| model.all_properties().any(|p| p.id == entry.property));
            let kind = if !known {
                Some(ApiFaultKind::NotFound)
            } else if self.weather.denied == Some(entry.asset) {
                Some(ApiFaultKind::Denied)
            } else if self.chance(self.weather.entries) {
                Some(ApiFaultKind::Throttled)
            } else {
                None
            };
            if let Some(kind) = kind {
                let fault = fault(kind, "weather");
                errors.push(EntryError { entry: place, fault, times: Vec::new() });
                continue;
            }
            let window = clock.minus(limits::OLDEST_VALUE)..=clock.plus(limits::NEWEST_VALUE);
            let (taken, outside): (Vec<_>, Vec<_>) =
                entry.values.iter().partition(|tqv| window.contains(&tqv.time));
            if !outside.is_empty() {
                let fault = fault(ApiFaultKind::OutOfRange, "weather");
                let times = outside.into_iter().map(|tqv| tqv.time).collect();
                errors.push(EntryError { entry: place, fault, times });
            }
            for tqv in taken {
                let Tqv { time, quality, value } = tqv;
                let stream = Stream { asset: entry.asset, property: entry.property };
                let key = Key { stream, time: *time, quality: *quality };
                self.written.insert(key, value.clone());
                self.sitewise.put(entry.asset, entry.property, tqv.clone());
            }
        }
        errors
    }
}

fn fault(kind: ApiFaultKind, message: &str) -> ApiFault {
    ApiFault::new(kind, message)
}
