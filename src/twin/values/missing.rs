//! Members that a birth does not say: those that it lacks, and those of which it says the quality
//! alone.

use super::leaf::LeafSlotState;
use super::{SourceValues, later, stale_mark};
use crate::delivery::point::Class;
use crate::sitewise::api::{Quality, Tqv, Variant};
use crate::sparkplug::event::{Sample, Slot};
use crate::time::{Now, Timestamp};
use crate::twin::assets::AssetIx;
use crate::twin::writer::PointWriter;

impl SourceValues {
    /// Marks the metrics of births before this one that it lacks as stale. The members of instances
    /// that are null in it are null.
    pub(super) fn write_missing(
        &mut self,
        writer: &mut PointWriter,
        null_instances: &[AssetIx],
        birth_time: Timestamp,
        now: Now,
    ) {
        for leaf in self.missing_leaves.values_mut() {
            leaf.unsaid();
            let Some(last) = leaf.last() else { continue };
            let is_null = matches!(last.value, Variant::Null(_));
            let new = match is_in(writer, leaf.asset, null_instances) {
                true if is_null => continue,
                true => Tqv {
                    time: later(birth_time, last.time, now),
                    quality: Quality::Bad,
                    value: Variant::Null(leaf.form.data_type()),
                },
                false if leaf.needs_mark() => stale_mark(last, birth_time, now),
                false => continue,
            };
            leaf.write(new.clone());
            writer.write_own(leaf.target(), new, Class::Stale);
        }
    }

    /// The history of a birth does not hide what the same birth says of the present.
    pub(super) fn show_after_history(
        &mut self,
        writer: &mut PointWriter,
        (slot, sample): (Slot, &Sample),
        birth_time: Timestamp,
        now: Now,
    ) {
        if let Some(LeafSlotState::Leaf(leaf)) = self.slots.get_mut(slot.0 as usize)
            && sample.historical
        {
            leaf.rewrite(writer, birth_time, now);
        }
    }

    /// A birth says the quality of an instance and nothing of this member: its last value is no
    /// better than that. It becomes better only where it was BAD and nobody died meanwhile, since
    /// what a death has marked stays so until the member is said again.
    pub(super) fn write_birth_quality(
        &mut self,
        writer: &mut PointWriter,
        (slot, sample): (Slot, &Sample),
        birth_time: Timestamp,
        now: Now,
    ) {
        let Some(LeafSlotState::Leaf(leaf)) = self.slots.get_mut(slot.0 as usize) else { return };
        let quality = leaf.quality_within(sample);
        if leaf.value.is_none() && !sample.historical {
            // What SiteWise shows of it is not known yet.
            leaf.quality = quality;
        }
        let follows = quality > leaf.quality || leaf.quality == Quality::Bad;
        let Some(last) = leaf.last().filter(|_| follows && !sample.historical) else { return };
        if last.quality != quality {
            let tqv = Tqv { time: later(birth_time, last.time, now), quality, ..last };
            leaf.write(tqv.clone());
            writer.write_own(leaf.target(), tqv, Class::Birth);
        }
    }
}

/// Whether an asset is one of these, or below one.
fn is_in(writer: &PointWriter, asset: AssetIx, any: &[AssetIx]) -> bool {
    let above = |asset: &AssetIx| writer.world.assets.get(*asset).parent;
    !any.is_empty() && std::iter::successors(Some(asset), above).any(|asset| any.contains(&asset))
}
