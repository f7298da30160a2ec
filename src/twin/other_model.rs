//! Machines whose asset turned out to be on another model than the desired one, since another process
//! created it and had founded its kind otherwise. An asset keeps its model, so they are laid out
//! anew.

use super::assets::AssetIx;
use super::models::{ModelIx, PropertyIx, PropertyRequest};
use super::values::SourceValues;
use super::world::DesiredWorld;
use super::{Output, Twin, Uuid};
use crate::sparkplug::rebirth::RefreshReason;
use crate::time::Now;

impl Twin {
    /// Writes the values of an asset to the properties of the model that it has, beginning with those
    /// that were written last.
    pub(super) fn found_on_other_model(&mut self, ix: AssetIx, model: Uuid, now: Now) {
        let Self { writer, sources, heartbeat, .. } = self;
        let (from, to) = writer.world.take_other_model(ix, model);
        if let Some(beat) = heartbeat.as_mut().filter(|beat| beat.asset == ix)
            && let Some(property) = writer.world.property_on(from, beat.property, to)
        {
            beat.property = property;
        }
        let source = writer.world.source_of(ix).cloned();
        if let Some(values) = source.as_ref().and_then(|source| sources.get_mut(source)) {
            values.move_to_model(&mut writer.world, ix, (from, to));
        }
        // The plan has to know the model before a value asks for its gate.
        writer.world.settle_changes(now.instant);
        self.rewrite_asset(ix, now);
        // Units and the rest.
        let refresh = |edge| Output::RequestRefresh(edge, RefreshReason::Dropped);
        self.writer.outputs.extend(source.map(|source| refresh(source.edge)));
    }
}

impl DesiredWorld {
    /// An asset has another model than the desired one. Returns both.
    fn take_other_model(&mut self, ix: AssetIx, model: Uuid) -> (ModelIx, ModelIx) {
        let to = self.models.get_or_import(model, "", None);
        self.plan.model_found(to, &self.models);
        self.changed_models.insert(to);
        let from = self.assets.move_to_model(ix, to);
        if self.plan.is_unsent(from) || self.assets.of_model(from) == 0 {
            // Who is of this kind joins it there, and not a second model that has no asset.
            self.models.move_kind(from, to);
        }
        self.forget_units(ix);
        let below: Vec<_> = self.assets.children(Some(ix), None).map(|(child, _)| child).collect();
        for child in below {
            self.ensure_hierarchy(to, self.assets.get(child).model);
            self.plan.parent_changed(child);
        }
        if let Some(parent) = self.assets.get(ix).parent {
            let place = self.place_below(parent, to);
            if place != parent {
                self.assets.move_under(ix, place);
            }
            self.plan.parent_changed(ix);
        }
        (from, to)
    }

    /// Where a property of one model stands on another.
    fn property_on(
        &mut self,
        from: ModelIx,
        property: PropertyIx,
        to: ModelIx,
    ) -> Option<PropertyIx> {
        let has = self.models.get(from).properties.get(property.0 as usize)?.clone();
        let path: Vec<&str> = has.path().collect();
        let (role, form, unit) = (has.role, has.form, has.unit.as_deref());
        let (name, default) = (None, has.default());
        let wanted = PropertyRequest { role, path: &path, name, form, unit, default };
        self.ensure_property(to, wanted).ok()
    }
}

impl SourceValues {
    /// Writes what it has on an asset to the properties of the model that this has.
    fn move_to_model(
        &mut self,
        world: &mut DesiredWorld,
        ix: AssetIx,
        (from, to): (ModelIx, ModelIx),
    ) {
        self.move_properties(ix, &mut |property| world.property_on(from, property, to));
        if self.asset() == ix {
            let is_node = world.source_of(ix).is_some_and(|source| source.device.is_none());
            self.set_presence(world.presence_of(ix, is_node));
        }
    }
}
