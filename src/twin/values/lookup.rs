//! What SiteWise shows of a machine that another process of the bridge wrote.
//!
//! The first birth after a start is written as any other. Whether it is what SiteWise then shows,
//! only SiteWise can tell: a mark may have come after the change that the birth repeats, or
//! another value, and an attribute may have had a value of its own. So that is read in the
//! background, and what is hidden is written once more, a tick after what hides it.

use rustc_hash::{FxHashMap, FxHashSet};

use super::leaf::{At, Leaf};
use super::{SourceValues, later, stale_mark};
use crate::delivery::point::{Class, Stream};
use crate::sitewise::api::{Quality, Tqv};
use crate::sparkplug::address::Source;
use crate::time::{Now, Timestamp};
use crate::twin::Twin;
use crate::twin::assets::{AssetIx, Known};
use crate::twin::identity::PropertyRole;
use crate::twin::layout::Target;
use crate::twin::mapping::Form;
use crate::twin::models::PropertyIx;
use crate::twin::world::World;
use crate::twin::writer::Writer;

/// What is being read.
#[derive(Debug, Default)]
pub(in crate::twin) struct LookUps {
    batches: FxHashMap<u64, Batch>,
    asked: u64,
}

#[derive(Debug)]
struct Batch {
    source: Source,
    of: Vec<(Target, What)>,
    /// The time of the birth.
    usual: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Leaf,
    Attribute,
    /// A measurement that the birth does not have.
    Gone,
}

impl LookUps {
    /// Has read what SiteWise shows of those assets that it had at the start: of their attributes
    /// and of the measurements that are not among `all` once, and of `leaves` that are born for
    /// the first time since then.
    pub(super) fn ask(
        &mut self,
        world: &mut World,
        source: &Source,
        (leaves, all): (Vec<Target>, impl Iterator<Item = Target>),
        assets: &[AssetIx],
        usual: Timestamp,
    ) {
        let mut of: Vec<_> = leaves.into_iter().map(|target| (target, What::Leaf)).collect();
        let unread = |asset: &AssetIx| world.assets.get(*asset).known == Known::Unread;
        let born: FxHashSet<_> = match assets.iter().any(unread) {
            true => all.map(|target| (target.asset, target.property)).collect(),
            false => FxHashSet::default(),
        };
        for asset in assets.iter().copied() {
            if world.assets.get(asset).known != Known::Unread {
                continue;
            }
            world.assets.get_mut(asset).known = Known::Read;
            let model = world.assets.get(asset).model;
            // What machines without any likeness share has thousands that were never its own.
            let shared = world.is_shared(model);
            let model = world.models.get(model);
            for (property, has) in (0..).map(PropertyIx).zip(&model.properties) {
                let what = match has.role {
                    _ if has.is_attribute() => What::Attribute,
                    PropertyRole::Member if !shared && !born.contains(&(asset, property)) => {
                        What::Gone
                    }
                    _ => continue,
                };
                of.push((Target { asset, property, form: has.form }, what));
            }
        }
        if of.is_empty() {
            return;
        }
        let stream = |(target, _): &(Target, What)| {
            let asset = world.assets.get(target.asset);
            let property = world.models.get(asset.model).property_id(target.property);
            Stream { asset: asset.id, property }
        };
        let streams = of.iter().map(stream).collect();
        self.asked += 1;
        self.batches.insert(self.asked, Batch { source: source.clone(), of, usual });
        world.plan.look_up(self.asked, streams);
    }
}

impl Twin {
    /// Takes what SiteWise shows.
    pub(in crate::twin) fn looked_up(
        &mut self,
        batch: u64,
        shown: Vec<Option<Option<Tqv>>>,
        now: Now,
    ) {
        let Self { lookups, sources, writer, .. } = self;
        let Some(Batch { source, of, usual }) = lookups.batches.remove(&batch) else { return };
        let Some(values) = sources.get_mut(&source) else { return };
        let mut leaves = FxHashMap::default();
        for ((target, what), shown) in of.into_iter().zip(shown) {
            writer.world.counts.unread += u64::from(shown.is_none());
            match (what, shown) {
                (What::Leaf, shown) => {
                    leaves.insert(target, shown);
                }
                (What::Attribute, Some(Some(found))) => {
                    values.correct(writer, target, &found, usual, now);
                }
                // A metric that went while the bridge was away.
                (What::Gone, Some(Some(found))) if found.quality == Quality::Good => {
                    values.mark_gone(writer, target, found, usual, now);
                }
                (What::Gone, _) | (What::Attribute, Some(None)) => {}
                (What::Attribute, None) => values.insist(writer, target, usual, now),
            }
        }
        for leaf in values.slots.iter_mut().filter_map(At::leaf_mut) {
            let Some(shown) = leaves.remove(&leaf.target()) else { continue };
            let shown = match shown {
                Some(Some(shown)) => shown,
                Some(None) => continue,
                // It cannot be known: it is written as the last.
                None => {
                    let last = leaf.last().filter(|last| last.time < usual);
                    if let Some(last) = last {
                        let last = Tqv { time: usual, ..last };
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
}

impl SourceValues {
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

    /// What SiteWise has of an attribute cannot be known: what it is to show is written.
    fn insist(&mut self, writer: &mut Writer, target: Target, usual: Timestamp, now: Now) {
        let place = (target.asset, target.property);
        if self.attribute(place.0, place.1).is_some() {
            return;
        }
        let default = writer.default_of(target).is_some();
        if default {
            self.attributes.insert(
                place,
                Tqv {
                    time: Timestamp::default(),
                    quality: crate::sitewise::api::Quality::Bad,
                    value: crate::sitewise::api::Variant::Null(Form::data_type(target.form)),
                },
            );
            self.settle(writer, target, None, usual, now);
        }
    }
}
