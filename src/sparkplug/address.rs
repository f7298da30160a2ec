//! Addresses: group, edge node, device.

use std::fmt;
use std::sync::Arc;

/// An edge node descriptor: unique in the infrastructure [intro-edge-node-id-uniqueness].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EdgeNode {
    /// Group id.
    pub group: Arc<str>,
    /// Edge node id.
    pub node: Arc<str>,
}

impl EdgeNode {
    /// The descriptor of `node` in `group`.
    pub fn new(group: impl Into<Arc<str>>, node: impl Into<Arc<str>>) -> Self {
        Self { group: group.into(), node: node.into() }
    }
}

impl fmt::Display for EdgeNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.group, self.node)
    }
}

/// An edge node itself, or one of its devices: whatever has births and deaths of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source {
    /// The edge node.
    pub edge: EdgeNode,
    /// The device; none for the node itself.
    pub device: Option<Arc<str>>,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.device {
            None => self.edge.fmt(f),
            Some(device) => write!(f, "{}/{device}", self.edge),
        }
    }
}
