//! The place of an asset in the tree: under its node or device, or on an overflow level below it.

use super::DesiredWorld;
use crate::sitewise::limits;
use crate::time::Instant;
use crate::twin::assets::{self, AssetIx, AssetKind};
use crate::twin::identity::Address;
use crate::twin::models::{ModelIx, TreeFull};
use crate::twin::names;

/// Further levels below an asset.
const LEVELS: usize = 20;

impl DesiredWorld {
    /// Makes a place for a model's assets under another's, if the tree has one.
    pub(in crate::twin) fn ensure_hierarchy(&mut self, above: ModelIx, below: ModelIx) {
        // If the tree has no room, that is noticed again at each of the assets.
        let _ = self.try_place(above, below);
    }

    fn try_place(&mut self, above: ModelIx, below: ModelIx) -> Result<(), TreeFull> {
        if self.models.ensure_hierarchy(above, below)? {
            // The model below is updated as well, since the other waits until it is usable.
            self.changed_models.extend([above, below]);
        }
        Ok(())
    }

    /// The asset under which one of `model` has a place: `parent`, or else an overflow level below
    /// it; if that would close a ring of models, the nearest ancestor that is not in the ring, up to the
    /// node or device. `parent` if there is no place at all.
    pub(in crate::twin) fn place_below(&mut self, parent: AssetIx, model: ModelIx) -> AssetIx {
        let mut at = parent;
        loop {
            let above = self.assets.get(at);
            // The last child is kept for an overflow level.
            if (above.children as usize) + 1 < limits::CHILDREN_PER_ASSET {
                match self.try_place(above.model, model) {
                    Ok(()) => return at,
                    Err(TreeFull::Hierarchies) => {}
                    Err(TreeFull::Cycle) => match self.above_instance(at) {
                        Some(above) => {
                            at = above;
                            continue;
                        }
                        None => break,
                    },
                    Err(TreeFull::Models) => break,
                }
            }
            match self.level_below(at) {
                Some(level) => at = level,
                None => break,
            }
        }
        parent
    }

    /// A birth has these assets, of which the first is its node's or device's: whoever deleted one
    /// gets it again.
    pub(in crate::twin) fn born(&mut self, source: AssetIx, all: &[AssetIx]) {
        self.assets.born(source);
        for asset in all {
            self.plan.asset_born(*asset);
        }
    }

    /// The asset that an overflow level was made for; any other is its own.
    fn without_level(&self, ix: AssetIx) -> AssetIx {
        match self.assets.get(ix).kind {
            AssetKind::Level(base, _) => base,
            _ => ix,
        }
    }

    /// What is above an instance's asset, its overflow levels left out; none for any other.
    fn above_instance(&self, ix: AssetIx) -> Option<AssetIx> {
        let asset = self.assets.get(self.without_level(ix));
        match asset.kind {
            AssetKind::Instance => asset.parent.map(|parent| self.without_level(parent)),
            _ => None,
        }
    }

    /// Describes where an asset is placed beside `above`, which contains it: SiteWise does not
    /// allow a model below itself.
    pub(in crate::twin) fn placed_beside(&self, ix: AssetIx, above: AssetIx) -> Option<String> {
        let asset = self.assets.get(ix);
        let parent = self.without_level(asset.parent?);
        (parent != above).then(|| {
            let model = &self.models.get(asset.model).name;
            let [own, above, parent] = [ix, above, parent].map(|ix| &self.assets.get(ix).address);
            format!(
                "{own} is placed below {parent}, not below {above}: that would put the model \
                 {model} below itself; where a rule of TWIN_RULES names it, name another model \
                 there"
            )
        })
    }

    /// The overflow level below an asset, made if there is none; none where SiteWise has no place
    /// for it.
    fn level_below(&mut self, at: AssetIx) -> Option<AssetIx> {
        let above = self.assets.get(at);
        let (base, number) = match above.kind {
            AssetKind::Level(base, number) => (base, number + 1),
            _ => (at, 1),
        };
        if number > LEVELS {
            return None;
        }
        let above = above.model;
        let address = Address::Level(self.assets.get(base).id, number);
        let id = self.assets.id(&address);
        if let Some(ix) = self.assets.by_id(id) {
            return Some(ix);
        }
        let known = self.plan.known_asset(id).map(|known| known.name.clone());
        if known.is_none() && !self.assets.has_room() {
            return None;
        }
        let (model, made) = self.models.ensure_level(above).ok()?;
        if made {
            self.changed_models.insert(model);
        }
        self.try_place(above, model).ok()?;
        let name = names::level(&self.assets.get(base).name, number);
        let kind = AssetKind::Level(base, number);
        let wanted =
            assets::AssetRequest { address: &address, name: &name, model, parent: Some(at), kind };
        let (ix, _) = self.assets.get_or_create(wanted, known.as_deref()).ok()?;
        self.plan.asset_wanted(ix, &self.assets);
        Some(ix)
    }

    /// SiteWise has no place for an asset under its parent: it goes to the next overflow level, or
    /// stays at the root.
    pub(in crate::twin) fn place_elsewhere(&mut self, ix: AssetIx, why: &str, now: Instant) {
        let asset = self.assets.get(ix);
        let (parent, model) = (asset.parent, asset.model);
        if parent.is_some_and(|parent| self.models.reaches(model, self.assets.get(parent).model)) {
            // No overflow level helps.
            let why = "its model would be below itself in the hierarchy, which SiteWise does not \
                allow. The asset is at the root of the tree, with all its values; give it, or the \
                asset that contains it, another model with TWIN_KINDS or by the template's name";
            return self.plan.stay_at_root(ix, &self.models, &self.assets, why, now);
        }
        let level = parent.and_then(|parent| self.level_below(parent));
        let place = level.map(|level| self.place_below(level, model)).filter(|place| {
            self.models.hierarchy_id(self.assets.get(*place).model, model).is_some()
        });
        match place {
            Some(place) => {
                self.assets.move_under(ix, place);
                self.plan.parent_changed(ix);
            }
            None if self.models.is_full() => {
                let why = format!(
                    "{why}; or raise TWIN_MAX_MODELS, which leaves no room for the model of an \
                        overflow level"
                );
                self.plan.stay_at_root(ix, &self.models, &self.assets, &why, now);
            }
            None => self.plan.stay_at_root(ix, &self.models, &self.assets, why, now),
        }
    }
}
