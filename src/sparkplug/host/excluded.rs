//! Which edge nodes the filter excludes: of interest where that is all of them.

use std::time::Duration;

use super::Host;
use crate::time::Instant;

/// How long after the first message that is left out another node may show that some are admitted.
const PATIENCE: Duration = Duration::from_secs(5);

/// The first edge node that the filter left out.
#[derive(Clone, Debug, Default)]
pub(super) struct ExcludedNodes {
    first: Option<(Instant, String)>,
    /// Whether it was checked that all nodes are excluded.
    was_checked: bool,
}

impl ExcludedNodes {
    /// A message of this node is left out.
    pub(super) fn note(&mut self, group: &str, node: &str, now: Instant) {
        self.first.get_or_insert_with(|| (now, format!("{group}/{node}")));
    }

    /// Whether none was left out so far.
    pub(super) fn is_first_awaited(&self) -> bool {
        self.first.is_none()
    }

    /// When to check, once, whether all nodes are excluded.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.first.as_ref().filter(|_| !self.was_checked).map(|(at, _)| *at + PATIENCE)
    }

    /// Whether that is due.
    pub(super) fn take_due(&mut self, now: Instant) -> bool {
        let due = self.deadline().is_some_and(|at| at <= now);
        self.was_checked |= due;
        due
    }
}

impl Host {
    /// Whether the filter leaves out every edge node that was heard of or that SiteWise has: the
    /// first that was heard, and how many messages. Looks at all nodes where one was left out.
    pub fn excludes_all_nodes(&self, now: Instant) -> Option<(&str, u64)> {
        let (at, edge) = self.excluded.first.as_ref()?;
        // Some that the filter leaves out may be remembered from SiteWise.
        let nobody = self.phases().all(|(edge, _)| !self.may_take(edge));
        let long = now.since(*at) >= PATIENCE;
        (nobody && long).then_some((edge, self.counters.excluded_messages))
    }
}
