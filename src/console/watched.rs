//! What happens to the values of the assets that somebody looks at.
//!
//! When SiteWise took a value is of interest to nobody but whoever looks at its page, so it is kept
//! for these few assets alone, and only while they are looked at.

use std::collections::BTreeMap;
use std::time::Duration;

use rustc_hash::FxHashMap;
use uuid::Uuid;

use crate::delivery::point::{DiscardReason, Key};
use crate::time::{Instant, Timestamp};

/// Assets that are watched at the same time; a further one replaces the one viewed longest ago.
const ASSETS: usize = 16;
/// How long an asset is watched after its last view: the page refreshes every second.
const KEPT: Duration = Duration::from_secs(60);

/// Assets whose detail page is open.
#[derive(Debug, Default)]
pub struct Watched {
    assets: BTreeMap<Uuid, WatchedAsset>,
}

/// One of them.
#[derive(Debug)]
struct WatchedAsset {
    since: Timestamp,
    last_viewed: Instant,
    properties: FxHashMap<Uuid, PropertyOutcome>,
}

/// What happened to the values of a property since somebody looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PropertyOutcome {
    /// When SiteWise took a value, by our clock, and the latest timestamp of those it took.
    pub last_accepted: Option<(Timestamp, Timestamp)>,
    /// When a value was dropped last, and by which rule.
    pub last_dropped: Option<(Timestamp, DiscardReason)>,
}

impl Watched {
    /// Marks an asset as viewed. Returns since when it is watched.
    pub fn mark_viewed(&mut self, asset: Uuid, now: Instant, now_wall: Timestamp) -> Timestamp {
        self.assets.retain(|id, watched| *id == asset || now.since(watched.last_viewed) <= KEPT);
        if !self.assets.contains_key(&asset)
            && self.assets.len() >= ASSETS
            && let Some(first) = self.assets.iter().min_by_key(|(_, watched)| watched.last_viewed)
        {
            let id = *first.0;
            self.assets.remove(&id);
        }
        let watched = self.assets.entry(asset).or_insert_with(|| WatchedAsset {
            since: now_wall,
            last_viewed: now,
            properties: FxHashMap::default(),
        });
        watched.last_viewed = now;
        watched.since
    }

    /// What happened to the values of a property; nothing if it is not watched.
    pub fn of(&self, asset: Uuid, property: Uuid) -> PropertyOutcome {
        let watched = self.assets.get(&asset);
        watched.and_then(|watched| watched.properties.get(&property)).copied().unwrap_or_default()
    }

    /// SiteWise took these values.
    pub fn record_accepted(&mut self, keys: &[Key], at: Timestamp) {
        if self.assets.is_empty() {
            return;
        }
        for key in keys {
            if let Some(outcome) = self.outcome(key) {
                let latest = outcome.last_accepted.map_or(key.time, |(_, time)| time.max(key.time));
                outcome.last_accepted = Some((at, latest));
            }
        }
    }

    /// A value was dropped by a rule.
    pub fn record_discarded(&mut self, key: &Key, why: DiscardReason, at: Timestamp) {
        if let Some(outcome) = self.outcome(key) {
            outcome.last_dropped = Some((at, why));
        }
    }

    fn outcome(&mut self, key: &Key) -> Option<&mut PropertyOutcome> {
        let watched = self.assets.get_mut(&key.stream.asset)?;
        Some(watched.properties.entry(key.stream.property).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::point::Stream;
    use crate::sitewise::api::Quality;

    fn id(number: usize) -> Uuid {
        Uuid::from_u128(number as u128)
    }

    fn key(asset: usize, time: i64) -> Key {
        let stream = Stream { asset: id(asset), property: id(7) };
        Key { stream, time: Timestamp::from_millis(time), quality: Quality::Good }
    }

    #[test]
    fn only_what_is_looked_at_is_kept() {
        let (mut watched, at) = (Watched::default(), Timestamp::from_millis(50));
        watched.record_accepted(&[key(1, 10)], at);
        assert_eq!(watched.mark_viewed(id(1), Instant::START, at), at);
        watched.record_accepted(&[key(1, 20), key(1, 15), key(2, 20)], at);
        watched.record_discarded(&key(1, 21), DiscardReason::SecondFull, at);
        let outcome = PropertyOutcome {
            last_accepted: Some((at, Timestamp::from_millis(20))),
            last_dropped: Some((at, DiscardReason::SecondFull)),
        };
        assert_eq!(watched.of(id(1), id(7)), outcome);
        assert_eq!(watched.of(id(2), id(7)), PropertyOutcome::default());
        // Another look keeps it, and since when it is watched.
        let later = Instant::START + KEPT;
        assert_eq!(watched.mark_viewed(id(1), later, Timestamp::from_millis(90)), at);
        assert_eq!(watched.of(id(1), id(7)), outcome);
    }

    #[test]
    fn what_nobody_looks_at_any_more_is_forgotten_and_there_are_never_many() {
        let (mut watched, at) = (Watched::default(), Timestamp::from_millis(50));
        watched.mark_viewed(id(0), Instant::START, at);
        let later = Instant::START + KEPT + Duration::from_millis(1);
        watched.mark_viewed(id(1), later, at);
        assert_eq!(watched.assets.keys().copied().collect::<Vec<_>>(), [id(1)]);
        for number in 2..40 {
            watched.mark_viewed(id(number), later + Duration::from_millis(number as u64), at);
        }
        assert_eq!(watched.assets.len(), ASSETS);
        assert!(watched.assets.contains_key(&id(39)) && !watched.assets.contains_key(&id(1)));
    }
}
