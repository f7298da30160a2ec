//! Reads what SiteWise shows of a machine after a restart.
//!
//! The first birth after a start is written as any other. Whether it is what SiteWise then shows,
//! only SiteWise can tell: a mark may have come after the change that the birth repeats, or
//! another value, and an attribute may have had a value of its own. So that is read in the
//! background, and what is hidden is written once more, a tick after what hides it.

use std::collections::{BTreeMap, VecDeque};

use rustc_hash::{FxHashMap, FxHashSet};
use uuid::Uuid;

use super::leaf::{Leaf, LeafSlotState};
use super::offline_at_start::{OfflineAtStart, OrphanValue, StaleMark};
use super::times::STILL;
use super::{SourceValues, later, stale_mark};
use crate::delivery::point::{Class, Stream};
use crate::sitewise::api::{PropertyDataType, Quality, Tqv};
use crate::sitewise::limits::ENTRIES_PER_BATCH_READ;
use crate::sparkplug::address::Source;
use crate::time::{Now, Timestamp};
use crate::twin::Twin;
use crate::twin::assets::{AssetIx, AtStart};
use crate::twin::identity::PropertyRole;
use crate::twin::layout::LeafTarget;
use crate::twin::models::PropertyIx;
use crate::twin::plan::{Plan, ShownRead};
use crate::twin::property::DesiredProperty;
use crate::twin::world::DesiredWorld;
use crate::twin::writer::PointWriter;

/// Calls in flight; the rest waits as assets, not as their properties.
const CALLS: usize = 64;
/// Entries of a batch, or a few more. A multiple of what a call takes, so that calls are full.
pub(super) const ENTRIES: usize = 8 * ENTRIES_PER_BATCH_READ;
/// Properties read of a model that unrelated machines share, at most: five calls a machine.
const SHARED_PROPERTIES: usize = 5 * ENTRIES_PER_BATCH_READ;

/// What is being read, and what is to be.
#[derive(Debug, Default)]
pub(in crate::twin) struct ShownValueReads {
    /// In the order in which it is read.
    waiting: BTreeMap<(ReadPriority, u64), ReadRequest>,
    /// Whole assets already waiting, so that a repeated birth does not queue them twice.
    waiting_assets: FxHashSet<(ReadPriority, AssetIx)>,
    batches: FxHashMap<u64, ShownBatch>,
    /// Calls that the batches take.
    calls: usize,
    /// Instances that no birth has, with the time of the birth that lacked them: read after that.
    missing_instances: VecDeque<MissingInstance>,
    /// Those of them that were null in a birth.
    null_instances: FxHashSet<Uuid>,
    /// Values of sources that were offline at the start: read last.
    pub(super) offline_at_start: OfflineAtStart,
    orphan_batches: FxHashMap<u64, Vec<OrphanValue>>,
    /// Whose presence is read, by batch.
    pub(super) presence_batches: FxHashMap<u64, Vec<Source>>,
    /// How these values were marked, until a birth has them again: what is read then may be from
    /// before the mark.
    pub(super) stale_marks: FxHashMap<Stream, StaleMark>,
    pub(super) next_id: u64,
}

/// What is to be read of a source.
#[derive(Debug)]
struct ReadRequest {
    source: Source,
    /// The time of the birth.
    birth_time: Timestamp,
    scope: ReadScope,
}

#[derive(Debug)]
enum ReadScope {
    Leaves(Vec<LeafTarget>),
    /// What an asset has besides.
    Asset(AssetIx),
}

#[derive(Debug, Default)]
struct ShownBatch {
    targets: Vec<(LeafTarget, ReadPriority)>,
    /// Whose they are, how many of them, and the time of the birth.
    sources: Vec<(Source, usize, Timestamp)>,
}

/// An instance that SiteWise had at the start, and that a birth lacks, or of which it says no more
/// than that it is null.
#[derive(Debug)]
struct MissingInstance {
    asset: Uuid,
    birth_time: Timestamp,
    is_null: bool,
}

/// In the order of reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum ReadPriority {
    Leaf,
    Attribute,
    /// A measurement that the birth does not have, or has without a value.
    Missing,
}

/// The measurements in a source's birth, and whether the value of each is known.
type NamedMeasurements = FxHashMap<(AssetIx, PropertyIx), bool>;

impl ShownValueReads {
    /// Has read what SiteWise shows of those assets that it had at the start: of `leaves` that are
    /// born for the first time since then, and once of their attributes and of the measurements
    /// that the source's birth lacks.
    pub(super) fn request_reads(
        &mut self,
        world: &mut DesiredWorld,
        source: &Source,
        leaves: Vec<LeafTarget>,
        assets: &[AssetIx],
        birth_time: Timestamp,
    ) {
        if !leaves.is_empty() {
            self.enqueue(ReadPriority::Leaf, source, ReadScope::Leaves(leaves), birth_time);
        }
        for asset in assets.iter().copied() {
            let has = world.assets.get(asset);
            if has.known == AtStart::Unread {
                // A model that is not described yet may have more: the next birth has it read.
                if !world.plan.is_undescribed(has.model) {
                    world.assets.get_mut(asset).known = AtStart::Read;
                }
                for what in [ReadPriority::Attribute, ReadPriority::Missing] {
                    if !self.waiting_assets.insert((what, asset)) {
                        continue;
                    }
                    self.enqueue(what, source, ReadScope::Asset(asset), birth_time);
                }
            }
        }
    }

    fn enqueue(
        &mut self,
        priority: ReadPriority,
        source: &Source,
        scope: ReadScope,
        birth_time: Timestamp,
    ) {
        self.next_id += 1;
        self.waiting.insert(
            (priority, self.next_id),
            ReadRequest { source: source.clone(), birth_time, scope },
        );
    }

    /// The next batch of the waiting reads; none if there is none.
    fn next(
        &mut self,
        world: &DesiredWorld,
        sources: &FxHashMap<Source, SourceValues>,
    ) -> Option<ShownBatch> {
        let mut batch = ShownBatch::default();
        let mut known: Option<(Source, NamedMeasurements)> = None;
        while batch.targets.len() < ENTRIES
            && let Some(((what, _), ReadRequest { source, birth_time, scope })) =
                self.waiting.pop_first()
        {
            if let ReadScope::Asset(asset) = &scope {
                self.waiting_assets.remove(&(what, *asset));
            }
            let Some(values) = sources.get(&source) else { continue };
            let before = batch.targets.len();
            match scope {
                ReadScope::Leaves(leaves) => {
                    batch.targets.extend(leaves.into_iter().map(|target| (target, what)));
                }
                ReadScope::Asset(asset) => {
                    let born = match known.take_if(|(of, _)| *of == source) {
                        Some((_, born)) => born,
                        None => values.birth_measurements(),
                    };
                    batch.targets.extend(remaining(world, asset, what, &born));
                    known = Some((source.clone(), born));
                }
            }
            batch.sources.push((source, batch.targets.len() - before, birth_time));
        }
        (!batch.targets.is_empty()).then_some(batch)
    }

    /// Has read what SiteWise shows of the instances that it had of a source at the start, and that
    /// its first birth does not have; of `nulls` whenever one has become null.
    pub(super) fn request_instance_reads(
        &mut self,
        plan: &mut Plan,
        source: &Source,
        nulls: &[Uuid],
        birth_time: Timestamp,
    ) {
        let instances = plan.take_instances(source);
        let name = |asset: &Uuid| plan.known_asset(*asset).map(|known| &*known.name);
        let names: FxHashSet<_> = nulls.iter().filter_map(name).collect();
        // What is nested in one is named with it.
        let is_null = |asset: &Uuid| {
            let is_it = |name: &str| {
                let mut above = name.match_indices('/').filter_map(|(end, _)| name.get(..end));
                names.contains(name) || above.any(|above| names.contains(above))
            };
            !names.is_empty() && name(asset).is_some_and(is_it)
        };
        for asset in instances {
            let is_null = is_null(&asset);
            if is_null {
                self.null_instances.insert(asset);
            }
            self.missing_instances.push_back(MissingInstance { asset, birth_time, is_null });
        }
        for asset in nulls.iter().copied() {
            if self.null_instances.insert(asset) {
                let is_null = true;
                self.missing_instances.push_back(MissingInstance { asset, birth_time, is_null });
            }
        }
    }

    /// The next batch of the measurements of instances that no birth has by now.
    fn next_missing_instances(&mut self, world: &DesiredWorld) -> Vec<OrphanValue> {
        let mut batch = Vec::new();
        while batch.len() < ENTRIES
            && let Some(missing) = self.missing_instances.pop_front()
        {
            let MissingInstance { asset, birth_time: mark_time, is_null } = missing;
            if !world.is_wanted(asset) {
                batch.extend(measurements(world, asset).map(|(stream, data_type)| {
                    let null = is_null.then_some(data_type);
                    OrphanValue { stream, mark_time, null, source: None }
                }));
            }
        }
        batch
    }
}

/// What SiteWise has of the measurements of an asset that it had at the start, and their types.
pub(super) fn measurements(
    world: &DesiredWorld,
    asset: Uuid,
) -> impl Iterator<Item = (Stream, PropertyDataType)> {
    let known = world.plan.known_asset(asset);
    let model = known.and_then(|known| world.models.by_id(known.model));
    let properties = model.map(|model| world.models.get(model).properties.iter());
    let measured = |has: &&DesiredProperty| has.role == PropertyRole::Member && !has.is_attribute();
    let members = properties.into_iter().flatten().filter(measured);
    members.map(move |has| (Stream { asset, property: has.id }, has.form.data_type()))
}

/// The attributes of an asset, or the measurements of which its birth says no value.
fn remaining(
    world: &DesiredWorld,
    asset: AssetIx,
    what: ReadPriority,
    born: &NamedMeasurements,
) -> impl Iterator<Item = (LeafTarget, ReadPriority)> {
    let ix = world.assets.get(asset).model;
    let properties = &world.models.get(ix).properties;
    // What unrelated machines share may have thousands that were never its own.
    let shared = world.is_shared(ix) && properties.len() > SHARED_PROPERTIES;
    let properties = (0..).map(PropertyIx).zip(properties);
    let besides = properties.filter(move |(property, has)| match what {
        ReadPriority::Leaf => false,
        ReadPriority::Attribute => has.is_attribute(),
        ReadPriority::Missing => {
            has.role == PropertyRole::Member
                && !has.is_attribute()
                && !shared
                && born.get(&(asset, *property)) != Some(&true)
        }
    });
    // Since 0.1.0 points in time are in seconds. Properties in milliseconds are no longer written.
    let is_said = |seconds: PropertyIx, has: &DesiredProperty| {
        has.is_attribute() || born.contains_key(&(asset, seconds))
    };
    let in_millis = world.models.in_milliseconds(ix);
    let in_millis = in_millis.filter(|(seconds, has, _)| is_said(*seconds, has));
    let in_millis: FxHashSet<Uuid> = in_millis.map(|(_, _, id)| id).collect();
    let besides = besides.filter(move |(_, has)| !in_millis.contains(&has.id));
    besides.map(move |(property, has)| (LeafTarget { asset, property, form: has.form }, what))
}

impl Twin {
    /// Starts as many of the waiting reads as may be in flight.
    pub(in crate::twin) fn look_up(&mut self) {
        let Self { lookups, sources, writer, .. } = self;
        let world = &mut writer.world;
        while lookups.calls < CALLS
            && let Some(batch) = lookups.next(world, sources)
        {
            let stream = |(target, _): &(LeafTarget, ReadPriority)| world.stream(*target);
            let streams: Vec<_> = batch.targets.iter().map(stream).collect();
            lookups.calls += streams.len().div_ceil(ENTRIES_PER_BATCH_READ);
            lookups.next_id += 1;
            lookups.batches.insert(lookups.next_id, batch);
            world.plan.look_up(lookups.next_id, streams);
        }
        while lookups.calls < CALLS
            && !(lookups.missing_instances.is_empty() && lookups.offline_at_start.is_empty())
        {
            let batch = match lookups.missing_instances.is_empty() {
                false => lookups.next_missing_instances(world),
                true => lookups.offline_at_start.next(world, sources, ENTRIES),
            };
            if batch.is_empty() {
                continue;
            }
            let streams = batch.iter().map(|orphan| orphan.stream).collect();
            lookups.calls += batch.len().div_ceil(ENTRIES_PER_BATCH_READ);
            lookups.next_id += 1;
            lookups.orphan_batches.insert(lookups.next_id, batch);
            world.plan.look_up(lookups.next_id, streams);
        }
    }

    /// Handles a batch of what SiteWise shows.
    pub(in crate::twin) fn looked_up(&mut self, batch: u64, shown: Vec<ShownRead>, now: Now) {
        if let Some(of) = self.lookups.presence_batches.remove(&batch) {
            return self.presence_reread(of, shown, now);
        }
        let Self { lookups, sources, writer, restored, .. } = self;
        if let Some(of) = lookups.orphan_batches.remove(&batch) {
            lookups.calls -= of.len().div_ceil(ENTRIES_PER_BATCH_READ);
            let of = of.into_iter().zip(shown);
            lookups.mark_orphans(writer, (sources, restored), of, now);
            return self.look_up();
        }
        let Some(ShownBatch { targets, sources: whose }) = lookups.batches.remove(&batch) else {
            return;
        };
        lookups.calls -= targets.len().div_ceil(ENTRIES_PER_BATCH_READ);
        let mut all = targets.into_iter().zip(shown);
        for (source, count, fallback_time) in whose {
            let of = all.by_ref().take(count);
            match sources.get_mut(&source) {
                Some(values) => {
                    values.compare_shown(writer, of, &mut lookups.stale_marks, fallback_time, now)
                }
                None => of.for_each(drop),
            }
        }
        self.look_up();
    }
}

impl SourceValues {
    /// The measurements in its birth.
    fn birth_measurements(&self) -> NamedMeasurements {
        let leaves = self.slots.iter().filter_map(LeafSlotState::leaf);
        leaves.map(|leaf| ((leaf.asset, leaf.property), leaf.value.is_some())).collect()
    }

    /// Compares what SiteWise shows of the source's properties with what was written.
    fn compare_shown(
        &mut self,
        writer: &mut PointWriter,
        of: impl Iterator<Item = ((LeafTarget, ReadPriority), ShownRead)>,
        marked: &mut FxHashMap<Stream, StaleMark>,
        fallback_time: Timestamp,
        now: Now,
    ) {
        let values = self;
        let mut leaves = FxHashMap::default();
        for ((target, what), shown) in of {
            writer.world.counts.unread += u64::from(shown == ShownRead::Unread);
            let what = match what {
                ReadPriority::Missing if values.has_leaf(target) => ReadPriority::Leaf,
                what => what,
            };
            match (what, shown) {
                (ReadPriority::Leaf, shown) => {
                    let mark = marked.remove(&writer.world.stream(target));
                    let shown = match (&shown, mark) {
                        (ShownRead::Unread, _) | (_, None) => shown,
                        (ShownRead::Value(value), Some(mark)) if value.time > mark.tqv.time => {
                            shown
                        }
                        (_, Some(mark)) => ShownRead::Value(mark.tqv),
                    };
                    leaves.insert(target, shown);
                }
                (ReadPriority::Attribute, ShownRead::Value(found)) => {
                    values.correct_shown(writer, target, &found, fallback_time, now);
                }
                // A metric that was removed while the bridge was not running.
                (ReadPriority::Missing, ShownRead::Value(found))
                    if found.quality == Quality::Good =>
                {
                    values.mark_gone(writer, target, found, fallback_time, now);
                }
                (ReadPriority::Missing, _) | (ReadPriority::Attribute, ShownRead::NoValue) => {}
                (ReadPriority::Attribute, ShownRead::Unread) => {
                    values.write_as_last(writer, target, fallback_time.max(now.wall));
                }
            }
        }
        if leaves.is_empty() {
            return;
        }
        // One that was born and is gone by now still gets its last value.
        let slots = values.slots.iter_mut().filter_map(LeafSlotState::leaf_mut);
        for leaf in slots.chain(values.missing_leaves.values_mut()) {
            let Some(shown) = leaves.remove(&leaf.target()) else { continue };
            let shown = match shown {
                ShownRead::Value(shown) => shown,
                ShownRead::NoValue => continue,
                // It cannot be known: it is written as the last, whatever an earlier process wrote.
                ShownRead::Unread => {
                    let time = fallback_time.max(now.wall);
                    if let Some(last) = leaf.last().filter(|last| last.time < time) {
                        let last = Tqv { time, ..last };
                        leaf.write(last.clone());
                        writer.write_own(leaf.target(), last, Class::Birth);
                    }
                    continue;
                }
            };
            let Some(last) = leaf.last() else {
                // The birth has it without a value: what SiteWise shows stays.
                if let Some(worse) = leaf.adopt(shown, fallback_time, now) {
                    leaf.write(worse.clone());
                    writer.write_own(leaf.target(), worse, Class::Birth);
                }
                continue;
            };
            let hidden =
                shown.time > last.time || shown.time == last.time && shown.quality != last.quality;
            if !hidden {
                continue;
            }
            // The sender's clock has gone back since: until it catches up, values keep their own time.
            let went_back =
                shown.quality == Quality::Good && shown.time > fallback_time.plus(STILL);
            if went_back {
                values.message_times.shown(shown.time);
            }
            let sender_time = if went_back { shown.time } else { leaf.sender_time() };
            if (shown.quality, &shown.value) == (last.quality, &last.value) {
                leaf.write_with_sender_time(shown, sender_time);
                continue;
            }
            let last = Tqv { time: later(last.time, shown.time, now), ..last };
            leaf.write_with_sender_time(last.clone(), sender_time);
            writer.write_own(leaf.target(), last, Class::Birth);
        }
    }

    /// Marks what SiteWise shows of a measurement that no birth has.
    fn mark_gone(
        &mut self,
        writer: &mut PointWriter,
        target: LeafTarget,
        found: Tqv,
        fallback_time: Timestamp,
        now: Now,
    ) {
        let mark = stale_mark(found, fallback_time, now);
        let mut leaf = Leaf::new(target);
        leaf.write(mark.clone());
        self.missing_leaves.insert(target, leaf);
        writer.write_own(target, mark, Class::Stale);
    }

    /// Whether its birth, or one before it, has a measurement.
    fn has_leaf(&self, target: LeafTarget) -> bool {
        let mut born = self.slots.iter().filter_map(LeafSlotState::leaf);
        self.missing_leaves.contains_key(&target) || born.any(|leaf| leaf.target() == target)
    }

    /// What SiteWise has of an attribute cannot be known: what it is to show is written as the
    /// last.
    fn write_as_last(&mut self, writer: &mut PointWriter, target: LeafTarget, time: Timestamp) {
        match self.attribute(target.asset, target.property) {
            Some(last) if last.time < time => {
                let last = Tqv { time, ..last.clone() };
                self.write_attribute(writer, target, last);
            }
            Some(_) => {}
            None => self.write_default(writer, target, time),
        }
    }
}
