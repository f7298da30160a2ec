//! Nodes and devices that were online before the start: rebirths are requested, and their deaths
//! are written even if they were never born since.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use uuid::Uuid;

use super::assets::AssetKind;
use super::identity::PropertyRole;
use super::models::Tags;
use super::plan::presence::PriorPresence;
use super::values::SourceValues;
use super::world::ModelHint;
use super::{Output, Twin, names};
use crate::delivery::point::{Point, Stream};
use crate::sparkplug::address::{EdgeNode, Source};
use crate::time::Now;

impl Twin {
    /// Requests rebirths of all known nodes, those that were online first.
    pub(super) fn expect_known(&mut self, now: Now) {
        let plan = &self.writer.world.plan;
        self.lookups.watch_offline(plan.offline().cloned(), now.instant + self.config.stale_after);
        let online = plan.online().cloned().collect();
        let offline = plan.offline().filter(|source| source.device.is_none());
        self.expect_of(online, offline.map(|source| source.edge.clone()).collect());
    }

    /// The same for assets that became known after the sync.
    pub(super) fn expect(&mut self, newly_known: &[Uuid], now: Now) {
        let plan = &self.writer.world.plan;
        let sources = newly_known.iter().filter_map(|id| plan.known_asset(*id)?.stands_for());
        let (online, offline): (Vec<_>, Vec<_>) =
            sources.cloned().partition(|source| plan.was_online(source) != PriorPresence::Offline);
        let due = now.instant + self.config.stale_after;
        self.lookups.watch_offline(offline.iter().cloned(), due);
        let offline = offline.into_iter().filter(|source| source.device.is_none());
        self.expect_of(online, offline.map(|source| source.edge).collect());
    }

    fn expect_of(&mut self, online: Vec<Source>, offline: BTreeSet<EdgeNode>) {
        let mut nodes: BTreeMap<EdgeNode, Vec<Arc<str>>> = BTreeMap::new();
        for source in online {
            let devices = nodes.entry(source.edge.clone()).or_default();
            devices.extend(source.device);
        }
        for (edge, mut devices) in nodes {
            devices.sort_unstable();
            self.writer.outputs.push_back(Output::ExpectOnline { edge, devices });
        }
        self.writer.outputs.extend(offline.into_iter().map(Output::MayBeBack));
    }

    /// What is known of a source: of one that SiteWise has as online, and that was never born
    /// here, its presence alone.
    pub(super) fn restore_presence(&mut self, source: &Source) -> Option<&mut SourceValues> {
        let world = &mut self.writer.world;
        let (before, told) = (world.plan.was_online(source), world.plan.last_presence_time(source));
        if !self.sources.contains_key(source) && before != PriorPresence::Offline {
            // It is there, whatever was never made above it.
            world.assets.ignore_cap = true;
            let asset = world.ensure_source_asset(source, ModelHint::Tags(&Tags::default()));
            world.assets.ignore_cap = false;
            let asset = asset.ok()?;
            let presence = world.presence_of(asset, source.device.is_none());
            let values = SourceValues::from_prior_presence(asset, presence, before, told);
            self.sources.insert(source.clone(), values);
        }
        self.sources.get_mut(source)
    }

    /// Whether a property is known not to be a measurement of the plant: presence and the heartbeat
    /// are the bridge's own, and attributes have no values to import.
    pub fn is_no_measurement(&self, stream: Stream) -> bool {
        let world = &self.writer.world;
        let Some(asset) = world.assets.by_id(stream.asset) else { return false };
        let model = world.models.get(world.assets.get(asset).model);
        let property = model.property_ix(stream.property);
        let property = property.and_then(|ix| model.properties.get(ix.0 as usize));
        property.is_some_and(|property| property.role != PropertyRole::Member)
    }

    /// Where the plant has a measurement, as the filters write it: the address of its asset, and the
    /// members down to it. None for presence, and for what is not known (yet).
    pub fn measurement_address(&self, stream: Stream) -> Option<String> {
        let world = &self.writer.world;
        let asset = world.assets.get(world.assets.by_id(stream.asset)?);
        let model = world.models.get(asset.model);
        let property = model.properties.get(model.property_ix(stream.property)?.0 as usize)?;
        if property.imported || property.role != PropertyRole::Member {
            return None;
        }
        // An asset that holds only the tags of a node or device is no level of their addresses.
        let above = asset.parent.map(|parent| &world.assets.get(parent).address);
        let of_tags = above.filter(|above| names::tags(above) == *asset.address);
        let mut address = of_tags.unwrap_or(&asset.address).to_string();
        for name in property.path() {
            address.push('/');
            address.push_str(name);
        }
        Some(address)
    }

    /// The members down to a property, as its model names it.
    pub fn measurement_name(&self, stream: Stream) -> Option<String> {
        let world = &self.writer.world;
        let asset = world.assets.get(world.assets.by_id(stream.asset)?);
        let model = world.models.get(asset.model);
        let property = model.properties.get(model.property_ix(stream.property)?.0 as usize)?;
        Some(property.path().collect::<Vec<_>>().join("/"))
    }

    /// A value is too old for SiteWise: it waited for a week. If it told whether a machine is alive,
    /// and that is still so, it is told again, since nothing else may tell it.
    pub fn handle_too_old(&mut self, point: &Point, now: Now) {
        let world = &self.writer.world;
        let Some(ix) = world.assets.by_id(point.stream.asset) else { return };
        let asset = world.assets.get(ix);
        let AssetKind::Source(source) = &asset.kind else { return };
        let property = world.models.get(asset.model).property_ix(point.stream.property);
        let Some((property, values)) = property.zip(self.sources.get_mut(source)) else { return };
        values.presence_too_old(&mut self.writer, property, &point.value, now);
    }
}
