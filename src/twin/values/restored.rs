//! Values that were only on disk and are delivered now: mostly from an earlier process.
//!
//! One may be newer than what a birth has repeated since, and SiteWise then shows it: a stale mark,
//! another value, an attribute's own, `Online` = false. It was not there yet when the bridge read
//! what SiteWise shows. So the value that it hides is written once more, after it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rustc_hash::FxHashMap;

use super::leaf::{Leaf, LeafSlotState};
use super::{SourceValues, later};
use crate::delivery::point::{Class, Key, Point, Stream};
use crate::sitewise::api::{Tqv, Variant};
use crate::sparkplug::address::Source;
use crate::time::{Instant, Now};
use crate::twin::assets::AssetIx;
use crate::twin::layout::LeafTarget;
use crate::twin::models::PropertyIx;
use crate::twin::writer::PointWriter;
use crate::twin::{Output, Twin, in_window};

/// How long after the first restored value the hidden ones are written again: more arrive
/// meanwhile, and each would hide them again.
const GATHER: Duration = Duration::from_secs(60);

/// Latest restored value by property.
type LatestRestored = FxHashMap<(AssetIx, PropertyIx), Tqv>;

/// What has come from disk.
#[derive(Debug, Default)]
pub(in crate::twin) struct RestoredValues {
    /// Latest value in flight for each property that no birth has named yet: no more than delivery
    /// has in its working set.
    in_flight_unnamed: FxHashMap<Stream, Tqv>,
    /// Sources with values hidden by restored ones, and when those are written once more.
    hidden_sources: BTreeSet<Source>,
    rewrite_due: Option<Instant>,
}

impl RestoredValues {
    /// When the next timer expires.
    pub(in crate::twin) fn due(&self) -> Option<Instant> {
        self.rewrite_due
    }

    /// The value in flight of a property that is in no birth so far.
    pub(super) fn in_flight_value(&self, stream: Stream) -> Option<&Tqv> {
        self.in_flight_unnamed.get(&stream)
    }

    fn note_hidden(&mut self, source: &Source, now: Now) {
        self.hidden_sources.insert(source.clone());
        self.rewrite_due.get_or_insert(now.instant + GATHER);
    }
}

impl Twin {
    /// Points that were only on disk are about to be delivered.
    pub fn handle_restored(&mut self, points: &[Point], now: Now) {
        let mut by_source: BTreeMap<Source, LatestRestored> = BTreeMap::new();
        for points in points.chunk_by(|one, next| one.stream == next.stream) {
            let taken = points.iter().filter(|point| in_window(point.time, now));
            let Some(last) = taken.max_by_key(|point| point.time) else { continue };
            match self.owner_of(last.stream) {
                Some((source, place)) => {
                    let found = by_source.entry(source).or_default().entry(place);
                    let found = found.or_insert_with(|| last.tqv());
                    if found.time < last.time {
                        *found = last.tqv();
                    }
                }
                None => {
                    self.track_unnamed(last);
                    self.lookups.renew_stale_mark(&mut self.writer, last, now);
                }
            }
        }
        for (source, found) in by_source {
            self.apply_restored(&source, found, now);
        }
    }

    /// Whether a point is the latest in flight of a property that no birth has named yet, or later.
    pub fn is_on_its_way(&self, key: &Key) -> bool {
        let last = self.restored.in_flight_unnamed.get(&key.stream);
        last.is_some_and(|last| last.time <= key.time)
    }

    /// These points are no longer in flight.
    pub fn handle_decided(&mut self, keys: &[Key]) {
        let in_flight = &mut self.restored.in_flight_unnamed;
        for key in keys {
            if in_flight.is_empty() {
                return;
            }
            if in_flight.get(&key.stream).is_some_and(|last| last.time <= key.time) {
                in_flight.remove(&key.stream);
            }
        }
    }

    /// Writes again the values that restored ones hide.
    pub(in crate::twin) fn write_hidden(&mut self, now: Now) {
        if self.restored.rewrite_due.is_none_or(|due| due > now.instant) {
            return;
        }
        self.restored.rewrite_due = None;
        let Self { restored, sources, writer, .. } = self;
        for source in std::mem::take(&mut restored.hidden_sources) {
            let Some(values) = sources.get_mut(&source) else { continue };
            for leaf in values.all_leaves().filter(|leaf| leaf.hidden_by_history) {
                let Some(last) = leaf.last() else { continue };
                let last = Tqv { time: later(last.time, last.time, now), ..last };
                leaf.write(last.clone());
                writer.write_own(leaf.target(), last, Class::Birth);
            }
        }
    }

    /// Values restored for a source's properties before its birth, and still in flight.
    pub(super) fn apply_after_birth(&mut self, source: &Source, assets: &[AssetIx], now: Now) {
        if self.restored.in_flight_unnamed.is_empty() {
            return;
        }
        let world = &self.writer.world;
        let mut found = LatestRestored::default();
        for asset in assets {
            let of = world.assets.get(*asset);
            for (property, has) in (0..).map(PropertyIx).zip(&world.models.get(of.model).properties)
            {
                let stream = Stream { asset: of.id, property: has.id };
                let came = self.restored.in_flight_unnamed.remove(&stream);
                found.extend(came.map(|came| ((*asset, property), came)));
            }
        }
        self.apply_restored(source, found, now);
    }

    /// Who was born and has this property.
    fn owner_of(&self, stream: Stream) -> Option<(Source, (AssetIx, PropertyIx))> {
        let world = &self.writer.world;
        let asset = world.assets.by_id(stream.asset)?;
        let model = world.models.get(world.assets.get(asset).model);
        let property = model.property_ix(stream.property)?;
        let source = world.source_of(asset)?;
        self.sources.get(source).filter(|values| values.born.is_some())?;
        Some((source.clone(), (asset, property)))
    }

    /// A restored point is about to be delivered, of a property that no birth has so far.
    fn track_unnamed(&mut self, last: &Point) {
        let in_flight =
            self.restored.in_flight_unnamed.entry(last.stream).or_insert_with(|| last.tqv());
        if in_flight.time < last.time {
            *in_flight = last.tqv();
        }
        let Variant::Boolean(online) = last.value else { return };
        let plan = &mut self.writer.world.plan;
        // As with all that were online at the start, it is to be found out whether it still is.
        if let Some(Source { edge, device }) =
            plan.presence_restored(last.stream, last.time, online)
        {
            let devices = device.into_iter().collect();
            self.writer.outputs.push_back(Output::ExpectOnline { edge, devices });
        }
    }

    /// Applies restored values, which SiteWise gets besides the values that a source wrote.
    fn apply_restored(&mut self, source: &Source, mut found: LatestRestored, now: Now) {
        let Self { sources, writer, restored, .. } = self;
        let Some(values) = sources.get_mut(source).filter(|_| !found.is_empty()) else { return };
        let mut hides = false;
        for leaf in values.all_leaves() {
            if let Some(found) = found.remove(&(leaf.asset, leaf.property)) {
                hides |= leaf.overlay(&found, now);
            }
        }
        if hides {
            restored.note_hidden(source, now);
        }
        let mut rest: Vec<_> = found.into_iter().collect();
        rest.sort_unstable_by_key(|(place, _)| *place);
        for ((asset, property), found) in rest {
            let model = writer.world.models.get(writer.world.assets.get(asset).model);
            let Some(desired) = model.properties.get(property.0 as usize) else { continue };
            if desired.is_attribute() {
                let target = LeafTarget { asset, property, form: desired.form };
                values.correct_shown(writer, target, &found, found.time, now);
            } else if asset == values.asset {
                values.overlay_presence(writer, property, &found, now);
            }
        }
    }
}

impl SourceValues {
    fn all_leaves(&mut self) -> impl Iterator<Item = &mut Leaf> {
        self.slots
            .iter_mut()
            .filter_map(LeafSlotState::leaf_mut)
            .chain(self.missing_leaves.values_mut())
    }

    /// Applies a restored presence value.
    fn overlay_presence(
        &mut self,
        writer: &mut PointWriter,
        property: PropertyIx,
        found: &Tqv,
        now: Now,
    ) {
        let written = self.presence_values().into_iter().find(|(other, _)| *other == property);
        let Some((_, written)) = written.filter(|(_, written)| written.time <= found.time) else {
            return;
        };
        if written.value == found.value {
            self.last_presence_time = Some(found.time);
        } else {
            let time = self.presence_time(found.time, now);
            writer.write_presence(self.asset, property, time, written.value);
        }
    }
}

impl Leaf {
    /// Applies a restored value. True if SiteWise then shows it instead of this leaf's own.
    fn overlay(&mut self, found: &Tqv, now: Now) -> bool {
        if self.value.is_none() {
            let worse = self.adopt(found.clone(), found.time, now);
            if let Some(Tqv { quality, .. }) = worse {
                self.quality = quality;
                self.hidden_by_history = true;
            }
            return self.hidden_by_history;
        }
        let shown =
            found.time > self.time || found.time == self.time && found.quality != self.quality;
        if !shown {
            return false;
        }
        let differs = (Some(&found.value), found.quality) != (self.value.as_ref(), self.quality);
        self.set_time(found.time, self.sender_time());
        self.hidden_by_history = self.value.is_some() && differs;
        self.hidden_by_history
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::point::Class;
    use crate::sitewise::api::Quality;
    use crate::time::Timestamp;
    use crate::twin::tests::config;

    /// Of a machine that is gone no birth comes, which would end it.
    #[test]
    fn what_is_no_longer_on_its_way_is_not_kept() {
        let mut twin = Twin::new(config(), 7);
        let time = Timestamp::from_millis(1_790_000_000_000);
        let now = Now { instant: Instant::START, wall: time };
        let stream = Stream { asset: uuid::Uuid::from_u128(1), property: uuid::Uuid::from_u128(2) };
        let (quality, value, class) = (Quality::Good, Variant::Double(1.0), Class::Live);
        let point = Point { stream, time, quality, value, class };
        twin.handle_restored(std::slice::from_ref(&point), now);
        let earlier = Key { time: Timestamp::from_millis(1_789_999_999_999), ..point.key() };
        twin.handle_decided(&[earlier]);
        assert_eq!(twin.restored.in_flight_unnamed.len(), 1);
        twin.handle_decided(&[point.key()]);
        assert_eq!(twin.restored.in_flight_unnamed.len(), 0);
    }
}
