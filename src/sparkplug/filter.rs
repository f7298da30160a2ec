//! The include and exclude filter.

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
