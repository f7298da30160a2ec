//! The tags of a node or device whose own asset is on a model that many share.

use super::{LayoutBuilder, Spot, has_instances, tags};
use crate::sparkplug::event::Birth;
use crate::twin::world::ModelHint;

impl LayoutBuilder<'_> {
    /// Where they go: `spot` itself, or an asset below it.
    pub(super) fn spot_of_tags(&mut self, spot: Spot, birth: &Birth) -> Spot {
        let tags = tags(self.config, &birth.metrics);
        if tags.is_empty() {
            return spot;
        }
        let hint = self.config.kinds.find(self.source);
        let hint = hint.map_or(ModelHint::Tags(&tags), ModelHint::Named);
        let instances = has_instances(birth);
        match self.world.asset_of_tags(spot.asset, self.source, hint, instances) {
            Some(asset) => {
                self.assets.push(asset);
                Spot { asset, model: self.world.assets.get(asset).model, ..spot }
            }
            None => Spot { shared_model: self.world.models.is_full(), ..spot },
        }
    }
}
