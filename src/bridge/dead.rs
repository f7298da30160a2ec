//! Edge nodes that are dead.

use std::collections::BTreeSet;

use super::Bridge;
use crate::sparkplug::address::{EdgeNode, Source};
use crate::sparkplug::host::NodePhase;
use crate::time::Timestamp;

impl Bridge {
    /// Edge nodes that died and were not born since: also those whose sessions are forgotten, since
    /// their assets show them as offline for ever.
    pub fn dead_nodes(&self) -> BTreeSet<&EdgeNode> {
        let is_forgotten = |edge: &&EdgeNode| self.host.phase(edge) == NodePhase::Unknown;
        self.host.dead().chain(self.twin.dead_nodes().filter(is_forgotten)).collect()
    }

    /// Since when an edge node that is not online is offline: when its death was received, or its
    /// server was lost; else as SiteWise has it, also of those that have no asset of their own. None
    /// if nobody knows.
    pub fn offline_since(&self, edge: &EdgeNode) -> Option<Timestamp> {
        let source = Source { edge: edge.clone(), device: None };
        let told = || self.twin.plan().last_presence_time(&source);
        self.host.died(edge).or_else(|| self.twin.presence_of(&source).died).or_else(told)
    }
}
