//! The table that a birth leaves for the data that follows: names, aliases and types of its leaves.

use std::hash::Hash;
use std::ops::Range;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::datatype::DataType;
use super::event::{
    AttributeHolder, AttributeSample, Sample, Slot, SparkplugQuality, StaticProperty,
};
use super::findings::{Finding, FindingCounts};
use super::limits;
use super::memory;
use super::metric::{self, Inherited};
use super::proto::Payload;
use super::proto::payload as wire;
use super::rebirth::RebirthTrigger;
use super::{template, text};
use crate::time::Timestamp;

mod agree;
mod data;
pub(crate) mod tags;

use data::DataReader;

type NameTargets = FxHashMap<Arc<str>, NameTarget>;

/// How many ways to take a path apart are tried before it counts as unknown.
const PATH_STEPS: usize = 256;

/// Bytes of a remembered path beside its text.
const PATH_BYTES: usize = 64;

/// The metrics of the latest birth of one source. Replaced as a whole by the next.
#[derive(Clone, Debug, Default)]
pub(crate) struct BirthTable {
    leaves: Vec<Option<DataType>>,
    instances: Vec<InstanceMembers>,
    /// The members of the last instance of each template.
    members_by_template: FxHashMap<Arc<str>, Arc<NameTargets>>,
    names: NameTargets,
    /// None: several metrics share the alias.
    aliases: FxHashMap<u64, Option<NameTarget>>,
    /// Leaves excluded by the filter. They have no number.
    excluded: usize,
    /// How many leaves and instances there may be.
    capacity_left: usize,
    /// The birth had more than there was room for, so that what is unknown is no fault.
    truncated: bool,
    /// The birth's own time.
    pub(crate) born: Option<Timestamp>,
    /// Bytes of texts and of members that no other instance shares.
    own_bytes: usize,
    /// Bytes that it takes, those for paths included.
    bytes: usize,
    /// Bytes that paths into instances may take yet.
    path_bytes_left: usize,
}

/// What a name or an alias stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum NameTarget {
    /// A value.
    Leaf(Slot),
    /// A template instance.
    Instance(InstanceId),
    /// Several things, and so none.
    Ambiguous,
    /// A value that is not taken.
    Excluded,
}

/// A parsed data payload.
#[derive(Clone, Debug, Default)]
pub(crate) struct DataRead {
    pub(crate) samples: Vec<(Slot, Sample)>,
    /// What the birth does not have, to be judged by whoever may ask for a new one.
    pub(crate) triggers: Vec<RebirthTrigger>,
    /// The first metric that the birth does not have, by name or alias.
    pub(crate) unknown: Option<Box<str>>,
    /// Parameters and static properties that it tells.
    pub(crate) attributes: Vec<AttributeSample>,
    /// Values excluded by the filter.
    pub(crate) excluded: u64,
    /// Values that cannot be read.
    pub(crate) skipped: u64,
}

/// A template instance within its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct InstanceId(pub(crate) u32);

#[derive(Clone, Debug, Default)]
struct InstanceMembers {
    template: Arc<str>,
    /// What they stand for is counted from the instance's first leaf, and from the instance
    /// itself: so all instances with the same members share them.
    names: Arc<NameTargets>,
    /// Leaves are numbered depth first, so an instance's own stand together.
    leaves: Range<u32>,
    /// Its own quality in its last message: GOOD where that did not say any.
    quality: SparkplugQuality,
    /// What it said last of its own quality.
    said_quality: SparkplugQuality,
    /// When that message was sent.
    quality_time: Timestamp,
}

impl BirthTable {
    /// An empty table with room for this many leaves and instances.
    pub(crate) fn with_room(room: usize) -> Self {
        Self { capacity_left: room.min(limits::LEAVES), ..Self::default() }
    }

    /// Makes room for this many metrics, or members of `owner`, and for this many aliases.
    pub(crate) fn reserve(&mut self, owner: Option<InstanceId>, metrics: usize, aliases: usize) {
        match owner {
            None => self.names.reserve(metrics),
            Some(id) => {
                if let Some(members) = self.instances.get_mut(id.0 as usize) {
                    Arc::make_mut(&mut members.names).reserve(metrics);
                }
            }
        }
        self.aliases.reserve(aliases);
    }

    /// How many more leaves and instances there may be.
    pub(crate) fn room_left(&self) -> usize {
        self.capacity_left.saturating_sub(self.size())
    }

    /// Gives back room that was reserved and not used, and computes the bytes.
    pub(crate) fn trim(&mut self) {
        trim(&mut self.names);
        trim(&mut self.aliases);
        let instances = self.instances.capacity() * size_of::<InstanceMembers>();
        // Each alias is kept once more, for the node as a whole.
        let maps = memory::map(&self.names) + 2 * memory::map(&self.aliases);
        let bytes = self.own_bytes + self.leaves.capacity() + instances + maps;
        // Data may name members by their paths, which are kept then.
        self.path_bytes_left = if self.instances.is_empty() { 0 } else { bytes };
        self.bytes = bytes + self.path_bytes_left;
    }

    /// Bytes that it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many names and aliases it has room for.
    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.names.capacity() + self.aliases.capacity()
    }

    /// How many leaves and instances it has.
    pub(crate) fn size(&self) -> usize {
        self.leaves.len() + self.instances.len() + self.excluded
    }

    /// How many leaves are numbered.
    pub(crate) fn slots(&self) -> u32 {
        // The limit of leaves is far below.
        self.leaves.len() as u32
    }

    /// Whether there is room for another leaf or instance. Once there is none, the birth is
    /// not read whole.
    pub(crate) fn has_room(&mut self) -> bool {
        self.truncated |= self.size() >= self.capacity_left;
        !self.truncated
    }

    /// Something was left out.
    pub(crate) fn truncate(&mut self) {
        self.truncated = true;
    }

    pub(crate) fn add_leaf(&mut self, datatype: Option<DataType>) -> Slot {
        let slot = Slot(self.slots());
        self.leaves.push(datatype);
        slot
    }

    /// Takes note of a leaf that is not taken.
    pub(crate) fn exclude_leaf(&mut self) -> NameTarget {
        self.excluded += 1;
        NameTarget::Excluded
    }

    /// Opens an instance; what is numbered until it is closed belongs to it.
    pub(crate) fn open_instance(&mut self, template: Arc<str>) -> InstanceId {
        let id = InstanceId(self.instances.len() as u32);
        let leaves = self.slots()..self.slots();
        self.instances.push(InstanceMembers {
            template,
            names: Arc::default(),
            leaves,
            quality: SparkplugQuality::Good,
            said_quality: SparkplugQuality::Good,
            quality_time: Timestamp::default(),
        });
        id
    }

    /// An instance's own quality in a message, unless there was a later one. True if it says another
    /// than it said last: a message without any says nothing of members that are not in it.
    pub(crate) fn set_quality(&mut self, id: InstanceId, own: &Inherited, is_said: bool) -> bool {
        let Some(members) = self.instances.get_mut(id.0 as usize) else { return false };
        if own.historical || own.time < members.quality_time {
            return false;
        }
        let before = std::mem::replace(&mut members.quality, own.own_quality);
        members.quality_time = own.time;
        if !is_said {
            return false;
        }
        // Since it was said, members may have been written within a message that says none.
        let said_before = std::mem::replace(&mut members.said_quality, own.own_quality);
        said_before != own.own_quality || before != own.own_quality
    }

    /// How many leaves an instance has, with those of the instances within it.
    fn leaf_count(&self, id: InstanceId) -> usize {
        self.instances.get(id.0 as usize).map_or(0, |members| members.leaves.len())
    }

    /// The leaves of an instance, each with the worst quality of it and of the instances within it
    /// that are around the leaf, as each said it last.
    fn qualities(&self, id: InstanceId) -> Vec<(Slot, SparkplugQuality)> {
        let Some(outer) = self.instances.get(id.0 as usize) else { return Vec::new() };
        let all = outer.leaves.clone();
        let mut leaves: Vec<_> = all.clone().map(|n| (Slot(n), outer.quality)).collect();
        // Those within it come after it, before all others.
        let within = self.instances.iter().skip(id.0 as usize + 1);
        for members in within.take_while(|within| within.leaves.start < all.end) {
            let first = members.leaves.start.saturating_sub(all.start) as usize;
            for (_, quality) in leaves.iter_mut().skip(first).take(members.leaves.len()) {
                *quality = (*quality).max(members.quality);
            }
        }
        leaves
    }

    pub(crate) fn close_instance(&mut self, id: InstanceId) {
        let end = self.slots();
        let Some(members) = self.instances.get_mut(id.0 as usize) else { return };
        members.leaves.end = end;
        if is_loose(&members.names) {
            trim(Arc::make_mut(&mut members.names));
        }
        match self.members_by_template.get(&members.template) {
            Some(shared) if *shared == members.names => members.names = Arc::clone(shared),
            _ => {
                let texts = members.names.keys().map(|name| memory::text(name));
                self.own_bytes += texts.sum::<usize>() + memory::map(&members.names);
                self.members_by_template
                    .insert(Arc::clone(&members.template), Arc::clone(&members.names));
            }
        }
    }

    /// Names a metric, or a member of `owner`.
    pub(crate) fn add_name(
        &mut self,
        owner: Option<InstanceId>,
        name: Arc<str>,
        target: NameTarget,
    ) {
        match owner {
            None => {
                self.own_bytes += memory::text(&name);
                self.names.insert(name, target);
            }
            Some(id) => {
                if let Some(members) = self.instances.get_mut(id.0 as usize) {
                    let target = members.counted_from(id, target);
                    Arc::make_mut(&mut members.names).insert(name, target);
                }
            }
        }
    }

    /// Whether a metric, or a member of `owner`, has this name already.
    pub(crate) fn named(&self, owner: Option<InstanceId>, name: &str) -> Option<NameTarget> {
        match owner {
            None => self.names.get(name).copied(),
            Some(id) => self.instances.get(id.0 as usize)?.named(id, name),
        }
    }

    /// Gives `to` an alias; one that stands for something else already stands for nothing
    /// from now on [payloads-alias-uniqueness].
    pub(crate) fn add_alias(
        &mut self,
        alias: u64,
        target: NameTarget,
        findings: &mut FindingCounts,
    ) {
        let known = self.aliases.entry(alias).or_insert(Some(target));
        if *known != Some(target) {
            *known = None;
            findings.note(Finding::AliasCollision);
        }
    }

    /// Whether an alias stands for something, or for several things.
    pub(crate) fn has_alias(&self, alias: u64) -> bool {
        self.aliases.contains_key(&alias)
    }

    /// Its aliases may stand for others now: names alone tell.
    pub(crate) fn forget_aliases(&mut self) {
        self.aliases = FxHashMap::default();
    }

    /// The aliases of its metrics.
    pub(crate) fn aliases(&self) -> impl ExactSizeIterator<Item = u64> + '_ {
        self.aliases.keys().copied()
    }

    /// The lowest alias that stands for this leaf or instance, and for nothing else. Looks at all.
    pub(crate) fn alias_of(&self, of: NameTarget) -> Option<u64> {
        let aliases = self.aliases.iter().filter(|(_, target)| **target == Some(of));
        aliases.map(|(alias, _)| *alias).min()
    }

    /// The type of a leaf; none where no birth or data has declared it.
    pub(crate) fn datatype(&self, slot: Slot) -> Option<DataType> {
        self.leaves.get(slot.0 as usize).copied().flatten()
    }

    /// Reads a data payload's metrics. What is late may have been sent before the birth, when an
    /// alias stood for something else.
    pub(crate) fn read(
        &mut self,
        payload: &Payload,
        sent_before_birth: bool,
        inherited: Inherited,
        findings: &mut FindingCounts,
    ) -> DataRead {
        let samples = Vec::with_capacity(payload.metrics.len());
        let read = DataRead { samples, ..DataRead::default() };
        let sent = metric::time(payload.timestamp).zip(self.born);
        let before = sent_before_birth && sent.is_some_and(|(sent, born)| sent < born);
        let mut reading = DataReader {
            table: self,
            findings,
            read,
            nulls_left: limits::LEAVES,
            sent_before_birth: before,
        };
        for metric in &payload.metrics {
            reading.read_metric(metric, inherited);
        }
        reading.read
    }

    /// The leaf or instance that `owner` calls `bytes`.
    fn find(
        &mut self,
        owner: Option<InstanceId>,
        bytes: &[u8],
        findings: &mut FindingCounts,
    ) -> Option<NameTarget> {
        self.find_name(owner, &text::name(bytes, findings))
    }

    /// The leaf or instance that a name means: one of the birth's own, or a path into an
    /// instance, which then gets a name of its own.
    fn find_name(&mut self, owner: Option<InstanceId>, name: &str) -> Option<NameTarget> {
        if let Some(target) = self.named(owner, name) {
            return Some(target);
        }
        let target = self.find_path(owner, name, &mut { PATH_STEPS })?;
        let bytes = memory::text(name) + PATH_BYTES;
        if owner.is_none() && bytes <= self.path_bytes_left {
            self.path_bytes_left -= bytes;
            self.names.insert(name.into(), target);
        }
        Some(target)
    }

    /// Follows `X/Y/Z` into an instance `X`, the longest such name first.
    fn find_path(
        &self,
        owner: Option<InstanceId>,
        path: &str,
        steps: &mut usize,
    ) -> Option<NameTarget> {
        path.rmatch_indices('/').find_map(|(at, _)| {
            *steps = steps.checked_sub(1)?;
            let (first, rest) = path.split_at_checked(at)?;
            let Some(NameTarget::Instance(id)) = self.named(owner, first) else {
                return None;
            };
            let rest = rest.get(1..)?;
            self.named(Some(id), rest).or_else(|| self.find_path(Some(id), rest, steps))
        })
    }
}

impl InstanceMembers {
    /// What a member of the instance `id` stands for.
    fn named(&self, id: InstanceId, name: &str) -> Option<NameTarget> {
        Some(match *self.names.get(name)? {
            NameTarget::Leaf(Slot(leaf)) => NameTarget::Leaf(Slot(self.leaves.start + leaf)),
            NameTarget::Instance(InstanceId(below)) => {
                NameTarget::Instance(InstanceId(id.0 + below))
            }
            other @ (NameTarget::Ambiguous | NameTarget::Excluded) => other,
        })
    }

    /// What `target` is, counted from the instance `id`, which comes before it.
    fn counted_from(&self, id: InstanceId, target: NameTarget) -> NameTarget {
        match target {
            NameTarget::Leaf(Slot(leaf)) => NameTarget::Leaf(Slot(leaf - self.leaves.start)),
            NameTarget::Instance(InstanceId(below)) => {
                NameTarget::Instance(InstanceId(below - id.0))
            }
            other @ (NameTarget::Ambiguous | NameTarget::Excluded) => other,
        }
    }
}

/// Whether a map has far more room than it takes.
fn is_loose<K, V>(map: &FxHashMap<K, V>) -> bool {
    map.capacity() > 4 * map.len() + 16
}

fn trim<K: Eq + Hash, V>(map: &mut FxHashMap<K, V>) {
    if is_loose(map) {
        map.shrink_to_fit();
    }
}
