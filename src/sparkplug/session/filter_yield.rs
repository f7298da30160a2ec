//! What the filter leaves of a node and its devices: a finding where that is nothing.

use std::time::Duration;

use super::SessionContext;
use crate::sparkplug::birth::ParsedBirth;
use crate::time::Instant;

/// How long after the birth of a node those of its devices are awaited.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is kept of a node and its devices since its birth.
#[derive(Clone, Debug, Default)]
pub(super) struct FilterYield {
    keeps_some: bool,
    excludes_some: bool,
    /// When it is checked; none where it was, or where there is no filter.
    due: Option<Instant>,
}

impl FilterYield {
    /// The node is born.
    pub(super) fn of(birth: &ParsedBirth, context: &SessionContext<'_>) -> Self {
        let has_filter = !context.config.filter.is_open();
        let due = has_filter.then(|| context.now.instant + PATIENCE);
        let mut filter_yield = Self { due, ..Self::default() };
        filter_yield.add(birth);
        filter_yield
    }

    /// A device of it is born.
    pub(super) fn add(&mut self, birth: &ParsedBirth) {
        self.keeps_some |= birth.keeps_some;
        self.excludes_some |= birth.excluded_values > 0;
    }

    /// When it is to be checked.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.due
    }

    /// Whether it is time, and the filter leaves nothing. True once for a birth.
    pub(super) fn leaves_nothing(&mut self, now: Instant) -> bool {
        let due = self.due.take_if(|due| *due <= now).is_some();
        due && self.excludes_some && !self.keeps_some
    }
}
