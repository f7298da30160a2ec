//! What of a birth does not fit into SiteWise, by name.

use uuid::Uuid;

use super::{LayoutBuilder, LeafPlace, Spot, leaves};
use crate::sparkplug::address::Source;
use crate::sparkplug::datatype::DataType as SparkplugType;
use crate::sparkplug::event::{BirthMetric, Content, Sample, Slot};
use crate::twin::assets::AssetIx;
use crate::twin::caps::Cap;
use crate::twin::counts::DropReason;
use crate::twin::identity::Address;
use crate::twin::world::DesiredWorld;

/// Instances that are null, and of which nothing else is known.
#[derive(Debug, Default)]
pub(in crate::twin) struct NullInstances {
    /// Those that a birth had before.
    pub born: Vec<AssetIx>,
    /// Those that SiteWise had at the start, and no birth since.
    pub unborn: Vec<Uuid>,
}

impl LayoutBuilder<'_> {
    /// What the path leads to does not fit.
    pub(super) fn exceed_cap(&mut self, spot: Spot, cap: Cap) {
        let Self { world, path, .. } = self;
        let DesiredWorld { assets, capped, .. } = &mut **world;
        let address = &assets.get(spot.asset).address;
        capped.exceed(cap, || format!("{address}/{}", path.join("/")));
    }

    /// SiteWise has no form for what the path, with these names behind it, leads to.
    pub(super) fn lacks_form(
        &mut self,
        spot: Spot,
        names: &[&str],
        datatype: Option<SparkplugType>,
    ) {
        let Self { world, path, unmappable, .. } = self;
        let address = &world.assets.get(spot.asset).address;
        let path = [path, names].concat().join("/");
        unmappable.get_or_insert_with(|| self::unmappable(&format!("{address}/{path}"), datatype));
    }

    /// Notes where a leaf is that has static properties or no type, and no place for its values: data
    /// may change them, or tell the type.
    pub(super) fn note_unplaced(&mut self, spot: Spot, slot: Slot, metric: &BirthMetric) {
        let place = self.places.get(slot.0 as usize);
        let untyped = matches!(metric.content, Content::Leaf { datatype: None, .. });
        let may_change = untyped || !metric.properties.is_empty();
        if matches!(place, Some(LeafPlace::None(_))) && may_change {
            let path = self.path.iter().map(|name| Box::from(*name)).collect();
            self.unplaced.insert(slot, (spot.asset, path));
        }
    }

    /// Whether a leaf is an instance that has an asset from before, and is null now.
    pub(super) fn is_null_instance(
        &mut self,
        asset_path: &[&str],
        (datatype, sample): (Option<SparkplugType>, &Sample),
    ) -> bool {
        if datatype != Some(SparkplugType::Template) || sample.value.is_some() || sample.historical
        {
            return false;
        }
        let path = [asset_path, &self.path].concat();
        let id = self.world.assets.id(&Address::Instance(self.source, &path));
        match self.world.assets.by_id(id) {
            Some(known) => self.null_instances.born.push(known),
            None if self.world.exists(id) => self.null_instances.unborn.push(id),
            None => return false,
        }
        true
    }

    /// Nothing of an instance has a place.
    pub(super) fn drop_members(&mut self, members: &[BirthMetric], why: DropReason) {
        let mut found = Vec::new();
        leaves(members, &mut found);
        for (slot, _) in found {
            self.set(slot, LeafPlace::None(why));
        }
    }
}

/// What is said of a metric that has no form in SiteWise.
pub(in crate::twin) fn unmappable(address: &str, datatype: Option<SparkplugType>) -> String {
    match datatype {
        Some(datatype) => format!("{address} is of the type {datatype:?}"),
        None => format!("{address} has an unknown type"),
    }
}

/// Whether SiteWise has an instance among metrics, or among the members of one.
pub(super) fn holds_known(
    world: &DesiredWorld,
    source: &Source,
    above: &[&str],
    metrics: &[BirthMetric],
) -> bool {
    metrics.iter().any(|metric| {
        let Content::Instance(instance) = &metric.content else { return false };
        let path: Vec<_> = above.iter().copied().chain([&*metric.name]).collect();
        world.exists(world.assets.id(&Address::Instance(source, &path)))
            || holds_known(world, source, &path, &instance.members)
    })
}
