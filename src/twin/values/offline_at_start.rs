//! Stale marks for machines that died shortly before the start, or while the bridge was not
//! running: their values in SiteWise are unmarked.
//!
//! If a source is offline and not born within `TWIN_STALE_AFTER`, its values and those of its
//! instances are read in the background, after everything else. What is GOOD there is marked stale.
//! Nothing is read for this of sources that are online.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;

use super::lookup::{ShownValueReads, measurements};
use super::restored::RestoredValues;
use super::times::TICK;
use super::{SourceValues, later, stale_mark};
use crate::delivery::point::{Class, Point, Stream};
use crate::sitewise::api::{PropertyDataType, Quality, Tqv, Variant};
use crate::sparkplug::address::Source;
use crate::time::{Instant, Now, Timestamp};
use crate::twin::identity::Address;
use crate::twin::plan::ShownRead;
use crate::twin::plan::presence::PriorPresence;
use crate::twin::world::DesiredWorld;
use crate::twin::writer::PointWriter;
use crate::twin::{Twin, in_window};

/// Delay before a failed read is retried.
const RETRY_DELAY: Duration = Duration::from_secs(3_600);

/// Sources whose values are to be read.
#[derive(Debug, Default)]
pub(super) struct OfflineAtStart {
    /// When to read a source, if it is not born by then: those offline at the start, and failed
    /// reads, with the time of death if known by its own clock.
    scheduled: BTreeMap<(Instant, Source), Option<Timestamp>>,
    /// Sources to read now, with the time of death by their own clock if known; otherwise the mark
    /// comes a tick after the value, since our clock may be ahead of theirs.
    ready: VecDeque<(Source, Option<Timestamp>)>,
}

/// A value that is read although no birth has it.
#[derive(Debug)]
pub(super) struct OrphanValue {
    pub stream: Stream,
    /// The time of its mark, if that is later than the value.
    pub mark_time: Timestamp,
    /// The type of its null, where a birth says that its instance is null.
    pub null: Option<PropertyDataType>,
    /// The offline source; none for an instance that is missing from a birth.
    pub source: Option<Arc<Source>>,
}

/// How a value was marked.
#[derive(Debug)]
pub(super) struct StaleMark {
    pub tqv: Tqv,
    /// The time of the value.
    value_time: Timestamp,
}

type Sources = FxHashMap<Source, SourceValues>;

fn is_born(sources: &Sources, source: &Source) -> bool {
    sources.get(source).is_some_and(|values| values.born.is_some())
}

impl OfflineAtStart {
    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty()
    }

    /// The next batch of measurements of sources that are offline.
    pub(super) fn next(
        &mut self,
        world: &DesiredWorld,
        sources: &Sources,
        most: usize,
    ) -> Vec<OrphanValue> {
        let mut batch = Vec::new();
        while batch.len() < most
            && let Some((source, died)) = self.ready.pop_front()
        {
            if is_born(sources, &source) {
                continue;
            }
            let own = world.assets.id(&Address::Source(&source));
            let instances = world.plan.instances(&source);
            let source = Arc::new(source);
            for asset in std::iter::once(&own).chain(instances) {
                let mark_time = died.unwrap_or_default();
                batch.extend(measurements(world, *asset).map(|(stream, _)| OrphanValue {
                    stream,
                    mark_time,
                    null: None,
                    source: Some(Arc::clone(&source)),
                }));
            }
        }
        batch
    }
}

impl ShownValueReads {
    /// When the next source is due.
    pub(in crate::twin) fn due(&self) -> Option<Instant> {
        self.offline_at_start.scheduled.first_key_value().map(|((due, _), _)| *due)
    }

    /// These are offline; they may be born within this time.
    pub(in crate::twin) fn watch_offline(
        &mut self,
        offline: impl Iterator<Item = Source>,
        due: Instant,
    ) {
        self.offline_at_start.scheduled.extend(offline.map(|source| ((due, source), None)));
    }

    /// A source died that was not born since the start.
    pub(super) fn queue_offline(&mut self, source: &Source, died: Timestamp) {
        self.offline_at_start.ready.push_back((source.clone(), Some(died)));
    }

    /// Writes stale marks for what was removed while the bridge was not running, or is offline.
    pub(super) fn mark_orphans(
        &mut self,
        writer: &mut PointWriter,
        (sources, restored): (&Sources, &RestoredValues),
        of: impl Iterator<Item = (OrphanValue, ShownRead)>,
        now: Now,
    ) {
        for (OrphanValue { stream, mark_time, null, source: of }, shown) in of {
            writer.world.counts.unread += u64::from(shown == ShownRead::Unread);
            // A birth may have brought it back by now.
            let orphan = match &of {
                Some(source) => !is_born(sources, source),
                None => !writer.world.is_wanted(stream.asset),
            };
            if !orphan {
                continue;
            }
            if let (Some(source), ShownRead::Unread) = (&of, &shown) {
                let retry = (now.instant + RETRY_DELAY, Source::clone(source));
                self.offline_at_start.scheduled.insert(retry, Some(mark_time));
                continue;
            }
            let shown = match shown {
                ShownRead::Value(value) => Some(value),
                ShownRead::NoValue | ShownRead::Unread => None,
            };
            let last =
                shown.iter().chain(restored.in_flight_value(stream)).max_by_key(|last| last.time);
            let needs_mark = |last: &&Tqv| match null {
                Some(_) => !matches!(last.value, Variant::Null(_)),
                None => last.quality == Quality::Good,
            };
            if let Some(found) = last.filter(needs_mark).cloned() {
                self.mark(writer, stream, (found, null), mark_time, now);
            }
        }
    }

    fn mark(
        &mut self,
        writer: &mut PointWriter,
        stream: Stream,
        (found, null): (Tqv, Option<PropertyDataType>),
        mark_time: Timestamp,
        now: Now,
    ) {
        let value_time = found.time;
        // What was read may be from before an earlier mark.
        let marked = self.stale_marks.get(&stream).map(|mark| mark.tqv.time);
        let mark = later(mark_time, marked.map_or(value_time, |at| at.max(value_time)), now);
        let mark = stale_mark(found, if in_window(mark, now) { mark } else { now.wall }, now);
        let tqv = match null.map(Variant::Null) {
            Some(value) => Tqv { quality: Quality::Bad, value, ..mark },
            None => mark,
        };
        self.stale_marks.insert(stream, StaleMark { tqv: tqv.clone(), value_time });
        writer.write_own_without_birth(stream, tqv, Class::Stale);
    }

    /// A restored point is sent only now: it may be later than the stale mark.
    pub(super) fn renew_stale_mark(&mut self, writer: &mut PointWriter, last: &Point, now: Now) {
        let Some(StaleMark { tqv, value_time }) = self.stale_marks.get(&last.stream) else {
            return;
        };
        if last.quality == Quality::Good && last.time > *value_time {
            let after = tqv.time.plus(TICK);
            let null = match tqv.value {
                Variant::Null(data_type) => Some(data_type),
                _ => None,
            };
            self.mark(writer, last.stream, (last.tqv(), null), after, now);
        }
    }
}

impl Twin {
    /// Reads once more the values of offline sources that could not be read.
    pub(in crate::twin) fn retry_failed_reads(&mut self, now: Now) {
        let later = &mut self.lookups.offline_at_start.scheduled;
        let failed: Vec<_> = later.extract_if(.., |_, died| died.is_some()).collect();
        later.extend(failed.into_iter().map(|((_, source), died)| ((now.instant, source), died)));
        self.read_offline(now);
    }

    /// Starts reading the values of sources that are offline and were not born since the start. A
    /// bridge that follows leaves that to the one that acts, which may have heard their births.
    pub(in crate::twin) fn read_offline(&mut self, now: Now) {
        if self.writer.world.plan.holds_writes()
            || self.lookups.due().is_none_or(|due| due > now.instant)
        {
            return;
        }
        let Self { lookups, sources, writer, .. } = self;
        let dead = &mut lookups.offline_at_start;
        while let Some(first) = dead.scheduled.first_entry()
            && first.key().0 <= now.instant
        {
            let ((_, source), died) = first.remove_entry();
            let plan = &writer.world.plan;
            // A source that is online by a restored point is expected, and written offline if it
            // stays silent.
            let is_dead = died.is_some() || plan.was_online(&source) == PriorPresence::Offline;
            if is_dead && !is_born(sources, &source) {
                dead.ready.push_back((source, died));
            }
        }
        self.look_up();
    }
}
