//! Data tells the types of leaves whose birth told none.

use super::leaf::{Leaf, LeafSlotState};
use super::{SourceValues, stale_mark};
use crate::delivery::point::Class;
use crate::sparkplug::event::{AttributeHolder, Data, Sample, SequenceOrder, Slot};
use crate::time::{Now, Timestamp};
use crate::twin::Config;
use crate::twin::identity::PropertyRole;
use crate::twin::layout::{self, LeafTarget};
use crate::twin::models::PropertyRequest;
use crate::twin::writer::PointWriter;

impl SourceValues {
    /// Gives a place to each leaf whose type data tells, and whose birth told none.
    pub(super) fn place_untyped(
        &mut self,
        writer: &mut PointWriter,
        config: &Config,
        data: &Data,
        now: Now,
    ) {
        let told = data.samples.iter().filter(|(_, sample)| sample.datatype.is_some());
        let mut any = false;
        for (slot, sample) in told.filter(|(_, sample)| !sample.transient && !sample.alarm) {
            if !self.wants_place(config, *slot, sample, data.order) {
                continue;
            }
            if !any {
                writer.world.models.set_current_source(&data.source);
            }
            any = true;
            self.place(writer, config, (*slot, sample), now);
        }
        if any {
            // The plan has to know the models before a value asks for its gate.
            writer.world.settle_changes(now.instant);
        }
    }

    /// Whether a leaf has no place, or one of another form than the value. What is past changes no place
    /// of the present.
    fn wants_place(
        &self,
        config: &Config,
        slot: Slot,
        sample: &Sample,
        order: SequenceOrder,
    ) -> bool {
        match self.slots.get(slot.0 as usize) {
            Some(LeafSlotState::Leaf(leaf)) => {
                let is_past = sample.historical || order.is_past();
                !is_past
                    && layout::form(config, sample.datatype) != Some(leaf.form)
                    && !layout::takes(leaf.form, sample.value.as_ref())
            }
            Some(LeafSlotState::None(_)) => true,
            Some(LeafSlotState::Same(_)) | None => false,
        }
    }

    fn place(
        &mut self,
        writer: &mut PointWriter,
        config: &Config,
        (slot, sample): (Slot, &Sample),
        now: Now,
    ) {
        let world = &mut writer.world;
        let Some(form) = layout::form(config, sample.datatype) else { return };
        let Some((asset, path)) = self.holder(AttributeHolder::Leaf(slot), world) else { return };
        let path: Vec<_> = path.iter().map(|name| &**name).collect();
        let (role, unit) = (PropertyRole::Member, layout::unit(&[], form));
        let wanted = PropertyRequest { role, path: &path, name: None, form, unit, default: None };
        let model = world.assets.get(asset).model;
        let lacks = world.models.find(model, wanted).is_none();
        if lacks && world.models.is_full() && world.is_shared(model) {
            return;
        }
        let state = match world.ensure_property(model, wanted) {
            Ok(property) => {
                let target = LeafTarget { asset, property, form };
                let before = self.missing_leaves.remove(&target);
                LeafSlotState::Leaf(before.unwrap_or_else(|| Leaf::new(target)))
            }
            // It is told by name with the next birth.
            Err(cap) => LeafSlotState::None(cap.into()),
        };
        let Some(at) = self.slots.get_mut(slot.0 as usize) else { return };
        if let LeafSlotState::Leaf(leaf) = std::mem::replace(at, state) {
            self.leave(writer, leaf, sample.time, now);
        }
    }

    /// A leaf is of another type from here on.
    fn leave(&mut self, writer: &mut PointWriter, mut leaf: Leaf, time: Timestamp, now: Now) {
        leaf.unsaid();
        if let Some(last) = leaf.last().filter(|_| leaf.needs_mark()) {
            let mark = stale_mark(last, time, now);
            leaf.write(mark.clone());
            writer.write_own(leaf.target(), mark, Class::Stale);
        }
        self.missing_leaves.insert(leaf.target(), leaf);
    }
}
