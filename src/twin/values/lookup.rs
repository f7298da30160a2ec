//! Reads what SiteWise shows of a machine after a restart.
//!
//! The first birth after a start is written as any other. Whether it is what SiteWise then shows,
//! only SiteWise can tell: a mark may have come after the change that the birth repeats, or
//! another value, and an attribute may have had a value of its own. So that is read in the
//! background, and what is hidden is written once more, a tick after what hides it.

use std::collections::{BTreeMap, VecDeque};

use rustc_hash::{FxHashMap, FxHashSet};
use uuid::Uuid;

use super::dead::{Mark, TheDead, Unborn};
use super::leaf::{At, Leaf};
use super::{SourceValues, later, stale_mark};
use crate::delivery::point::{Class, Stream};
use crate::sitewise::api::{Quality, Tqv};
use crate::sitewise::limits::ENTRIES_PER_BATCH_READ;
use crate::sparkplug::address::Source;
use crate::time::{Now, Timestamp};
use crate::twin::Twin;
use crate::twin::assets::{AssetIx, Known};
use crate::twin::identity::PropertyRole;
use crate::twin::layout::Target;
use crate::twin::mapping::Form;
use crate::twin::models::{PropertyIx, Wanted};
use crate::twin::plan::Plan;
use crate::twin::property::Property;
use crate::twin::world::World;
use crate::twin::writer::Writer;

/// Calls that are asked for at once: what else is to be read waits as a list of assets, not of
/// all that they have.
const CALLS: usize = 64;
/// What waits is asked for in batches of so many entries or a little more, so that calls are full.
const ENTRIES: usize = 8 * ENTRIES_PER_BATCH_READ;
/// A model that unrelated machines share is read with so many properties at most: five calls a
/// machine.
const SHARED_PROPERTIES: usize = 5 * ENTRIES_PER_BATCH_READ;

/// What is being read, and what is to be.
#[derive(Debug, Default)]
pub(in crate::twin) struct LookUps {
    /// In the order in which it is read.
    waiting: BTreeMap<(What, u64), Asked>,
    batches: FxHashMap<u64, Batch>,
    /// Calls that the batches take.
    calls: usize,
    /// Instances that no birth has, with the time of the birth that lacked them: read after that.
    lacked: VecDeque<(Uuid, Timestamp)>,
    /// Values of sources that were offline at the start: read last.
    pub(super) dead: TheDead,
    unborn: FxHashMap<u64, Vec<Unborn>>,
    /// How these values were marked, until a birth has them again: what is read then may be from
    /// before the mark.
    pub(super) marked: FxHashMap<Stream, Mark>,
    asked: u64,
}

/// What is to be read of a source.
#[derive(Debug)]
struct Asked {
    source: Source,
    /// The time of the birth.
    usual: Timestamp,
    of: Of,
}

#[derive(Debug)]
enum Of {
    Leaves(Vec<Target>),
    /// What an asset has besides.
    Asset(AssetIx),
}

#[derive(Debug, Default)]
struct Batch {
    of: Vec<(Target, What)>,
    /// Whose they are, how many of them, and the time of the birth.
    sources: Vec<(Source, usize, Timestamp)>,
}

/// What is read first comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Leaf,
    Attribute,
    /// A measurement that the birth does not have.
    Gone,
}

/// The measurements in a source's birth.
type Born = FxHashSet<(AssetIx, PropertyIx)>;

impl LookUps {
    /// Has read what SiteWise shows of those assets that it had at the start: of `leaves` that are
    /// born for the first time since then, and once of their attributes and of the measurements
    /// that the source's birth lacks.
    pub(super) fn ask(
        &mut self,
        world: &mut World,
        source: &Source,
        leaves: Vec<Target>,
        assets: &[AssetIx],
        usual: Timestamp,
    ) {
        if !leaves.is_empty() {
            self.wait(What::Leaf, source, Of::Leaves(leaves), usual);
        }
        for asset in assets.iter().copied() {
            if world.assets.get(asset).known == Known::Unread {
                world.assets.get_mut(asset).known = Known::Read;
                for what in [What::Attribute, What::Gone] {
                    self.wait(what, source, Of::Asset(asset), usual);
                }
            }
        }
    }

    fn wait(&mut self, what: What, source: &Source, of: Of, usual: Timestamp) {
        self.asked += 1;
        self.waiting.insert((what, self.asked), Asked { source: source.clone(), usual, of });
    }

    /// The next batch of what waits; none if nothing does.
    fn next(&mut self, world: &World, sources: &FxHashMap<Source, SourceValues>) -> Option<Batch> {
        let mut batch = Batch::default();
        let mut known: Option<(Source, Born)> = None;
        while batch.of.len() < ENTRIES
            && let Some(((what, _), Asked { source, usual, of })) = self.waiting.pop_first()
        {
            let Some(values) = sources.get(&source) else { continue };
            let before = batch.of.len();
            match of {
                Of::Leaves(leaves) => {
                    batch.of.extend(leaves.into_iter().map(|target| (target, what)));
                }
                Of::Asset(asset) => {
                    let born = match known.take_if(|(of, _)| *of == source) {
                        Some((_, born)) => born,
                        None => values.speaks_of(),
                    };
                    batch.of.extend(besides(world, asset, what, &born));
                    known = Some((source.clone(), born));
                }
            }
            batch.sources.push((source, batch.of.len() - before, usual));
        }
        (!batch.of.is_empty()).then_some(batch)
    }

    /// Has read what SiteWise shows of the instances that it had of a source at the start, and that
    /// its first birth does not have.
    pub(super) fn ask_after_instances(
        &mut self,
        plan: &mut Plan,
        source: &Source,
        usual: Timestamp,
    ) {
        let instances = plan.take_instances(source);
        self.lacked.extend(instances.into_iter().map(|asset| (asset, usual)));
    }

    /// The next batch of the measurements of instances that no birth has by now.
    fn next_lacked(&mut self, world: &World) -> Vec<Unborn> {
        let mut batch = Vec::new();
        while batch.len() < ENTRIES
            && let Some((asset, usual)) = self.lacked.pop_front()
        {
            if !world.is_wanted(asset) {
                let of = measurements(world, asset);
                batch.extend(of.map(|stream| Unborn { stream, usual, of: None }));
            }
        }
        batch
    }
}

/// What SiteWise has of the measurements of an asset that it had at the start.
pub(super) fn measurements(world: &World, asset: Uuid) -> impl Iterator<Item = Stream> {
    let known = world.plan.known_asset(asset);
    let model = known.and_then(|known| world.models.by_id(known.model));
    let properties = model.map(|model| world.models.get(model).properties.iter());
    let measured = |has: &&Property| has.role == PropertyRole::Member && !has.is_attribute();
    let members = properties.into_iter().flatten().filter(measured);
    members.map(move |has| Stream { asset, property: has.id })
}

/// The attributes of an asset, or the measurements that no birth has.
fn besides(
    world: &World,
    asset: AssetIx,
    what: What,
    born: &Born,
) -> impl Iterator<Item = (Target, What)> {
    let ix = world.assets.get(asset).model;
    let properties = &world.models.get(ix).properties;
    // What unrelated machines share may have thousands that were never its own.
    let shared = world.is_shared(ix) && properties.len() > SHARED_PROPERTIES;
    let properties = (0..).map(PropertyIx).zip(properties);
    let besides = properties.filter(move |(property, has)| match what {
        What::Leaf => false,
        What::Attribute => has.is_attribute(),
        What::Gone => {
            has.role == PropertyRole::Member
                && !has.is_attribute()
                && !shared
                && !born.contains(&(asset, *property))
        }
    });
    // Since 0.1.0 points in time are in seconds. Properties in milliseconds are no longer written.
    let in_seconds = move |has: &&Property| {
        let path: Vec<_> = has.path().collect();
        let (role, form) = (has.role, Form::Seconds);
        let wanted = Wanted { role, path: &path, name: None, form, unit: None, default: None };
        world
            .models
            .find(ix, wanted)
            .is_some_and(|seconds| has.is_attribute() || born.contains(&(asset, seconds)))
    };
    let besides = besides.filter(move |(_, has)| has.form != Form::Double || !in_seconds(has));
    besides.map(move |(property, has)| (Target { asset, property, form: has.form }, what))
}

impl Twin {
    /// Has as much read of what waits as may be at once.
    pub(in crate::twin) fn look_up(&mut self) {
        let Self { lookups, sources, writer, .. } = self;
        let world = &mut writer.world;
        while lookups.calls < CALLS
            && let Some(batch) = lookups.next(world, sources)
        {
            let stream = |(target, _): &(Target, What)| world.stream(*target);
            let streams: Vec<_> = batch.of.iter().map(stream).collect();
            lookups.calls += streams.len().div_ceil(ENTRIES_PER_BATCH_READ);
            lookups.asked += 1;
            lookups.batches.insert(lookups.asked, batch);
            world.plan.look_up(lookups.asked, streams);
        }
        while lookups.calls < CALLS && !(lookups.lacked.is_empty() && lookups.dead.is_empty()) {
            let batch = match lookups.lacked.is_empty() {
                false => lookups.next_lacked(world),
                true => lookups.dead.next(world, sources, ENTRIES),
            };
            if batch.is_empty() {
                continue;
            }
            let streams = batch.iter().map(|unborn| unborn.stream).collect();
            lookups.calls += batch.len().div_ceil(ENTRIES_PER_BATCH_READ);
            lookups.asked += 1;
            lookups.unborn.insert(lookups.asked, batch);
            world.plan.look_up(lookups.asked, streams);
        }
    }

    /// Takes what SiteWise shows.
    pub(in crate::twin) fn looked_up(
        &mut self,
        batch: u64,
        shown: Vec<Option<Option<Tqv>>>,
        now: Now,
    ) {
        let Self { lookups, sources, writer, restored, .. } = self;
        if let Some(of) = lookups.unborn.remove(&batch) {
            lookups.calls -= of.len().div_ceil(ENTRIES_PER_BATCH_READ);
            let of = of.into_iter().zip(shown);
            lookups.mark_unborn(writer, (sources, restored), of, now);
            return self.look_up();
        }
        let Some(Batch { of, sources: whose }) = lookups.batches.remove(&batch) else { return };
        lookups.calls -= of.len().div_ceil(ENTRIES_PER_BATCH_READ);
        let mut all = of.into_iter().zip(shown);
        for (source, count, usual) in whose {
            let of = all.by_ref().take(count);
            match sources.get_mut(&source) {
                Some(values) => values.are_shown(writer, of, &mut lookups.marked, usual, now),
                None => of.for_each(drop),
            }
        }
        self.look_up();
    }
}

impl SourceValues {
    /// The measurements in its birth.
    fn speaks_of(&self) -> Born {
        let leaves = self.slots.iter().filter_map(At::leaf);
        leaves.map(|leaf| (leaf.asset, leaf.property)).collect()
    }

    /// SiteWise shows these of its properties.
    fn are_shown(
        &mut self,
        writer: &mut Writer,
        of: impl Iterator<Item = ((Target, What), Option<Option<Tqv>>)>,
        marked: &mut FxHashMap<Stream, Mark>,
        usual: Timestamp,
        now: Now,
    ) {
        let values = self;
        let mut leaves = FxHashMap::default();
        for ((target, what), shown) in of {
            writer.world.counts.unread += u64::from(shown.is_none());
            match (what, shown) {
                (What::Leaf, shown) => {
                    let mark = marked.remove(&writer.world.stream(target));
                    let shown = match (shown, mark) {
                        (Some(shown), Some(mark)) => {
                            let later = |shown: &Tqv| shown.time > mark.tqv.time;
                            Some(shown.filter(later).or(Some(mark.tqv.clone())))
                        }
                        (shown, _) => shown,
                    };
                    leaves.insert(target, shown);
                }
                (What::Attribute, Some(Some(found))) => {
                    values.correct(writer, target, &found, usual, now);
                }
                // A metric that was removed while the bridge was not running.
                (What::Gone, Some(Some(found))) if found.quality == Quality::Good => {
                    values.mark_gone(writer, target, found, usual, now);
                }
                (What::Gone, _) | (What::Attribute, Some(None)) => {}
                (What::Attribute, None) => {
                    values.insist(writer, target, usual.max(now.wall));
                }
            }
        }
        if leaves.is_empty() {
            return;
        }
        // One that was born and is gone by now still gets its last value.
        let slots = values.slots.iter_mut().filter_map(At::leaf_mut);
        for leaf in slots.chain(values.gone.values_mut()) {
            let Some(shown) = leaves.remove(&leaf.target()) else { continue };
            let shown = match shown {
                Some(Some(shown)) => shown,
                Some(None) => continue,
                // It cannot be known: it is written as the last, whatever an earlier process wrote.
                None => {
                    let time = usual.max(now.wall);
                    if let Some(last) = leaf.last().filter(|last| last.time < time) {
                        let last = Tqv { time, ..last };
                        leaf.write(last.clone());
                        writer.own(leaf.target(), last, Class::Birth);
                    }
                    continue;
                }
            };
            let Some(last) = leaf.last() else {
                // The birth has it without a value: what SiteWise shows stays.
                leaf.write(shown);
                continue;
            };
            let hidden =
                shown.time > last.time || shown.time == last.time && shown.quality != last.quality;
            if !hidden {
                continue;
            }
            if (shown.quality, &shown.value) == (last.quality, &last.value) {
                leaf.write(shown);
                continue;
            }
            let last = Tqv { time: later(last.time, shown.time, now), ..last };
            leaf.write(last.clone());
            writer.own(leaf.target(), last, Class::Birth);
        }
    }

    /// Marks what SiteWise shows of a measurement that no birth has.
    fn mark_gone(
        &mut self,
        writer: &mut Writer,
        target: Target,
        found: Tqv,
        usual: Timestamp,
        now: Now,
    ) {
        let is_it = |leaf: &Leaf| leaf.target() == target;
        // Another birth may have it again by now.
        if self.slots.iter().filter_map(At::leaf).any(is_it) || self.gone.contains_key(&target) {
            return;
        }
        let mark = stale_mark(found, usual, now);
        let mut leaf = Leaf::new(target);
        leaf.write(mark.clone());
        self.gone.insert(target, leaf);
        writer.own(target, mark, Class::Stale);
    }

    /// What SiteWise has of an attribute cannot be known: what it is to show is written as the
    /// last.
    fn insist(&mut self, writer: &mut Writer, target: Target, time: Timestamp) {
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
