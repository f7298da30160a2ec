//! Nodes and devices that SiteWise has as online since before the start: they are asked for, and
//! their deaths are told even though nobody heard of their lives.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::values::SourceValues;
use super::{Output, Twin};
use crate::sparkplug::address::{EdgeNode, Source};

impl Twin {
    /// Asks for whoever was online.
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
    }

    /// What is known of a source: of one that SiteWise has as online, and that was never born
    /// here, its presence alone.
    pub(super) fn recall(&mut self, source: &Source) -> Option<&mut SourceValues> {
        let world = &mut self.writer.world;
        if !self.sources.contains_key(source) && world.plan.was_online(source) {
            let asset = world.source(source, &[]).ok()?;
            let presence = world.presence_of(asset, source.device.is_none()).ok()?;
            let values = SourceValues::online(asset, presence);
            self.sources.insert(source.clone(), values);
        }
        self.sources.get_mut(source)
    }
}
