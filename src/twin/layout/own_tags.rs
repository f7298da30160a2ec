//! The tags of a node or device that have no place on its own asset: many share its model, and these
//! are another machine's.

use super::{LayoutBuilder, Spot, is_control, tags};
use crate::sparkplug::event::{Birth, Content};
use crate::twin::assets::AtStart;
use crate::twin::identity::PropertyRole;
use crate::twin::models::PropertyRequest;
use crate::twin::world::ModelHint;

impl LayoutBuilder<'_> {
    /// Where they go: `spot` itself, or an asset below it.
    pub(super) fn spot_of_tags(&mut self, spot: Spot, birth: &Birth, is_shared: bool) -> Spot {
        if !is_shared && !self.is_another_machine(spot, birth) {
            return spot;
        }
        let tags = tags(self.config, &birth.metrics);
        if tags.is_empty() {
            return spot;
        }
        let of = self.world.assets.get(spot.asset);
        // What is on a shared model since an earlier process stays there.
        let stays =
            is_shared && of.known != AtStart::No && self.world.models.has_any(spot.model, &tags);
        let hint = self.config.kinds.find(self.source);
        let hint = hint.map_or(ModelHint::Tags(&tags), ModelHint::Named);
        let asset = self.world.asset_of_tags(spot.asset, self.source, hint, stays);
        if !is_shared {
            self.another_machine = Some(asset.is_some());
        }
        match asset {
            Some(asset) => {
                self.assets.push(asset);
                Spot { asset, model: self.world.assets.get(asset).model, ..spot }
            }
            None => Spot { shared_model: is_shared && self.world.models.is_full(), ..spot },
        }
    }

    /// Whether the tags of a birth are not those of the kind that its asset is of, and that others
    /// are of as well: fewer than half of the kind's and of its own are common to both.
    fn is_another_machine(&self, spot: Spot, birth: &Birth) -> bool {
        let (world, model) = (&*self.world, spot.model);
        let Some(founder_tags) = world.models.founder_tags(model) else { return false };
        let is_named = || {
            let name = self.config.kinds.find(self.source);
            name.is_some_and(|name| world.models.named(name, self.source) == Some(model))
        };
        if world.assets.of_model(model) < 2 || world.plan.is_undescribed(model) || is_named() {
            return false;
        }
        let metrics = birth.metrics.iter().filter(|metric| !is_control(&metric.name));
        let tags = || {
            metrics.clone().filter_map(|metric| match &metric.content {
                Content::Leaf { datatype, sample, .. } => {
                    let form = self.form_of((model, &[&*metric.name]), (*datatype, sample))?;
                    Some((metric, form))
                }
                Content::Instance(_) => None,
            })
        };
        let count = tags().count();
        let most = founder_tags.min(count);
        let common = tags().filter(|(metric, form)| {
            let wanted = PropertyRequest {
                role: PropertyRole::Member,
                path: &[&*metric.name],
                name: None,
                form: *form,
                unit: None,
                default: None,
            };
            world.models.find(model, wanted).is_some()
        });
        // No more are looked up than decide it.
        count > 0 && common.take(most.div_ceil(2)).count() * 2 < most
    }
}
