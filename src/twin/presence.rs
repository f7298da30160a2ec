//! Nodes and devices that SiteWise has as online since before the start: they are asked for, and
//! their deaths are told even though nobody heard of their lives.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::models::Tags;
use super::plan::presence::Before;
use super::values::SourceValues;
use super::world::Kinship;
use super::{Output, Twin};
use crate::sparkplug::address::{EdgeNode, Source};

impl Twin {
    /// Asks for whoever was online, and then for who else is known.
    pub(super) fn expect_known(&mut self) {
        let mut nodes: BTreeMap<EdgeNode, Vec<Arc<str>>> = BTreeMap::new();
        for source in self.writer.world.plan.online() {
            let devices = nodes.entry(source.edge.clone()).or_default();
            devices.extend(source.device.clone());
        }
        for (edge, mut devices) in nodes {
            devices.sort_unstable();
            self.writer.outputs.push_back(Output::Expect { edge, devices });
        }
        let offline: BTreeSet<_> = self.writer.world.plan.offline_nodes().cloned().collect();
        self.writer.outputs.extend(offline.into_iter().map(Output::Hope));
    }

    /// What is known of a source: of one that SiteWise has as online, and that was never born
    /// here, its presence alone.
    pub(super) fn recall(&mut self, source: &Source) -> Option<&mut SourceValues> {
        let world = &mut self.writer.world;
        let (before, told) = (world.plan.was_online(source), world.plan.told_before(source));
        if !self.sources.contains_key(source) && before != Before::Offline {
            // It is there, whatever was never made above it.
            world.assets.admits_all = true;
            let asset = world.source(source, Kinship::Tags(&Tags::default()));
            world.assets.admits_all = false;
            let asset = asset.ok()?;
            let presence = world.presence_of(asset, source.device.is_none());
            let values = SourceValues::remembered(asset, presence, before, told);
            self.sources.insert(source.clone(), values);
        }
        self.sources.get_mut(source)
    }
}
