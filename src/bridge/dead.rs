//! Edge nodes that are dead.

use std::collections::BTreeSet;

use super::Bridge;
use crate::sparkplug::address::EdgeNode;
use crate::sparkplug::host::NodePhase;

impl Bridge {
    /// Edge nodes that died and were not born since: also those whose sessions are forgotten, since
    /// their assets show them as offline for ever.
    pub fn dead_nodes(&self) -> BTreeSet<&EdgeNode> {
        let is_forgotten = |edge: &&EdgeNode| self.host.phase(edge) == NodePhase::Unknown;
        self.host.dead().chain(self.twin.dead_nodes().filter(is_forgotten)).collect()
    }
}
