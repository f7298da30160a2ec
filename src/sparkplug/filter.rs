//! Which part of the plant is taken.

use crate::globs::Globs;

/// Globs over paths: `group/node/device/metric`, and `group/node/metric` for what is the edge
/// node's own. Members follow the metric behind further slashes. A glob takes what it matches
/// with all that is below; what is excluded is excluded even where it is included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// What is taken; none is everything.
    pub include: Option<Globs>,
    /// What is not.
    pub exclude: Option<Globs>,
}

impl Filter {
    /// Whether it leaves nothing out.
    pub fn is_open(&self) -> bool {
        self.include.is_none() && self.exclude.is_none()
    }

    /// Whether what stands at `path` is taken. Of what is not, something below may be.
    pub fn takes(&self, path: &str) -> bool {
        self.include.as_ref().is_none_or(|globs| globs.matches(path)) && !self.excludes(path)
    }

    /// Whether what stands at `path`, or anything below it, may be taken.
    pub fn may_take(&self, path: &str) -> bool {
        let below = |globs: &Globs| globs.matches(path) || globs.may_match_below(path);
        self.include.as_ref().is_none_or(below) && !self.excludes(path)
    }

    /// Whether what stands at `path` is left out, with all below.
    pub fn excludes(&self, path: &str) -> bool {
        self.exclude.as_ref().is_some_and(|globs| globs.matches(path))
    }
}
