//! The include and exclude filter.

use super::address::{EdgeNode, Source};
use crate::globs::Globs;

/// Globs over paths: `group/node/device/metric`, and `group/node/metric` for what is the edge
/// node's own. Members follow the metric behind further slashes. A glob matches with everything
/// below; exclusion wins over inclusion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// What is included; none for everything.
    pub include: Option<Globs>,
    /// What is excluded.
    pub exclude: Option<Globs>,
}

impl Filter {
    /// Whether it includes everything.
    pub fn is_open(&self) -> bool {
        self.include.is_none() && self.exclude.is_none()
    }

    /// Whether `path` is included. If not, something below may be.
    pub fn takes(&self, path: &str) -> bool {
        self.include.as_ref().is_none_or(|globs| globs.matches(path)) && !self.excludes(path)
    }

    /// Whether `path`, or anything below it, may be included.
    pub fn may_take(&self, path: &str) -> bool {
        let below = |globs: &Globs| globs.matches(path) || globs.may_match_below(path);
        self.include.as_ref().is_none_or(below) && !self.excludes(path)
    }

    /// Whether `path` is excluded, with everything below.
    pub fn excludes(&self, path: &str) -> bool {
        self.exclude.as_ref().is_some_and(|globs| globs.matches(path))
    }
}

/// Which part of a plant a bridge hears. What it does not hear may be another bridge's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// The groups that are subscribed to; none means all.
    pub groups: Option<Vec<String>>,
    /// What of these is bridged.
    pub filter: Filter,
}

impl Heard {
    /// Whether anything of a node may be heard.
    pub fn node(&self, edge: &EdgeNode) -> bool {
        self.has_group(edge) && (self.filter.is_open() || self.filter.may_take(&edge.to_string()))
    }

    /// Whether anything of a node or device itself may be heard.
    pub fn source(&self, source: &Source) -> bool {
        let filter = &self.filter;
        self.has_group(&source.edge) && (filter.is_open() || filter.may_take(&source.to_string()))
    }

    fn has_group(&self, edge: &EdgeNode) -> bool {
        let groups = self.groups.as_ref();
        groups.is_none_or(|groups| groups.iter().any(|heard| **heard == *edge.group))
    }
}
