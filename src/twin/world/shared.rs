//! The models that unrelated nodes or devices share, and where later tags go.

use super::{DesiredWorld, ModelHint};
use crate::sparkplug::address::Source;
use crate::twin::assets::{self, AssetIx, AssetKind};
use crate::twin::identity::Address;
use crate::twin::models::{DEVICE_MODEL, ModelIx, NODE_MODEL};
use crate::twin::names;

/// Machines that are named where many share a model.
const NAMED: usize = 5;
/// The subject under which people find them.
const SUBJECT: &str = "machines with tags on a model that unrelated machines share";

impl DesiredWorld {
    /// Notes whether a node or device has tags on a shared model, and updates the problem that
    /// lists all.
    pub(in crate::twin) fn note_sharing(&mut self, source: &Source, shares: bool) {
        let changed = match shares {
            true => self.sources_on_shared_model.insert(source.clone()),
            false => self.sources_on_shared_model.remove(source),
        };
        if !changed {
            return;
        }
        let named: Vec<_> =
            self.sources_on_shared_model.iter().take(NAMED).map(ToString::to_string).collect();
        let all = match self.sources_on_shared_model.len().saturating_sub(named.len()) {
            0 => named.join(", "),
            more => format!("{} and {more} more", named.join(", ")),
        };
        let reason = format!(
            "{all}: they had no tags when their asset was created, or TWIN_MAX_MODELS was reached, \
             and each shows the tags of all others as empty. Delete the asset of one in SiteWise \
             and restart Sparkwise, and it is created again on a model of its own kind, without \
             its history"
        );
        self.plan
            .set_problem(SUBJECT, (!self.sources_on_shared_model.is_empty()).then_some(reason));
    }

    /// Whether a model is one that nodes or unrelated devices share.
    pub(in crate::twin) fn is_shared(&self, model: ModelIx) -> bool {
        [NODE_MODEL, DEVICE_MODEL].into_iter().any(|shared| {
            let shared = self.models.id_of(shared);
            self.models.get(model).id == shared
                || self
                    .models
                    .by_id(shared)
                    .is_some_and(|base| self.models.is_part(model, base, self.assets_per_model))
        })
    }

    /// Whether a node or device has an asset for its tags, and none of its own.
    pub(in crate::twin) fn has_tags_asset_only(&self, source: &Source) -> bool {
        !self.has_asset(source) && self.exists(self.assets.id(&Address::Tags(source)))
    }

    /// The asset for the tags of a node or device that have no place on its own; none where they go
    /// to its own.
    ///
    /// A source born with instances only gets its asset on the shared model at once, since its
    /// instances are below it. Tags on the shared model would show on every asset of it, up to the
    /// cap of properties. So tags that come later get an asset below it, of the model of their
    /// kind. What `stays` on its own does so, and so does what finds no room for an asset.
    pub(in crate::twin) fn asset_of_tags(
        &mut self,
        own: AssetIx,
        source: &Source,
        hint: ModelHint<'_>,
        stays: bool,
    ) -> Option<AssetIx> {
        let address = Address::Tags(source);
        let mut model = self.assets.get(own).model;
        if !self.exists(self.assets.id(&address)) {
            if stays || !self.assets.has_room() {
                return None;
            }
            let name = source.device.as_ref().unwrap_or(&source.edge.node);
            model = self.model_of(source, name, hint);
            if self.is_shared(model) {
                return None;
            }
        }
        let name = names::tags(source.device.as_ref().unwrap_or(&source.edge.node));
        let (parent, kind) = (Some(own), AssetKind::Instance);
        let wanted = assets::AssetRequest { address: &address, name: &name, model, parent, kind };
        self.ensure_asset(wanted).ok()
    }
}
