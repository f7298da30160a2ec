//! Values of an earlier process that wait for an asset that is not in SiteWise: their edge node is
//! asked for its birth, and told by name if it stays silent.

use std::collections::BTreeSet;
use std::time::Duration;

use tracing::{info, warn};

use super::Engine;
use crate::console::degraded::{DegradedReason, first_names};
use crate::sitewise::client::SiteWise;
use crate::sparkplug::address::EdgeNode;
use crate::sparkplug::host::NodePhase;
use crate::time::{Instant, Now};

/// How long after the initial sync what is on disk is first looked at, and then how often.
const FIRST: Duration = Duration::from_secs(1);
const OFTEN: Duration = Duration::from_secs(2);
/// Edge nodes that get a line each; others are counted.
const LINES: usize = 20;
/// Names in a line that counts others.
const NAMES: usize = 5;

/// Whose values wait, and what was done about that.
#[derive(Debug, Default)]
pub(super) struct UnbornMachines {
    /// When it is looked at next; none before the initial sync.
    due: Option<Instant>,
    /// Who was asked. Bounded by the machines that the outbox remembers.
    asked: BTreeSet<EdgeNode>,
    /// Who was told, by the subject of the reason.
    told: BTreeSet<String>,
}

impl UnbornMachines {
    /// The initial sync is complete.
    pub(super) fn synced(&mut self, now: Instant) {
        self.due = Some(now + FIRST);
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Who is to be asked: each once, further requests are the host's matter.
    fn take_unasked(&mut self, unborn: impl Iterator<Item = EdgeNode>) -> Vec<EdgeNode> {
        unborn.filter(|edge| self.asked.insert(edge.clone())).collect()
    }

    /// Takes the reasons that hold now. Gives back those that get a line, and the names of further
    /// new ones. Who has no values waiting any more may be told again.
    fn take(&mut self, reasons: Vec<DegradedReason>) -> (Vec<DegradedReason>, Vec<String>) {
        let subjects: BTreeSet<_> = reasons.iter().map(|why| why.subject().to_owned()).collect();
        self.told.retain(|told| subjects.contains(told));
        let (mut lines, mut more) = (Vec::new(), Vec::new());
        for why in reasons {
            let room = self.told.len() < LINES;
            if !self.told.insert(why.subject().to_owned()) {
                continue;
            }
            if room {
                lines.push(why);
            } else {
                more.push(why.subject().to_owned());
            }
        }
        (lines, more)
    }
}

impl<S: SiteWise> Engine<S> {
    /// Logs, once, that values wait that SiteWise soon takes no more; and again if more are later.
    pub(super) fn tell_expiring(&mut self) {
        let links = self.server_statuses();
        let expiring = DegradedReason::expiring(&self.view(&links));
        if let Some(why) = expiring.as_ref().filter(|_| !self.expiring_told) {
            warn!("{why}");
        }
        self.expiring_told = expiring.is_some();
    }

    /// Asks whose values wait for their birth, and tells who does not answer.
    pub(super) fn handle_unborn(&mut self, now: Now) {
        if self.unborn.due.is_none_or(|at| at > now.instant) {
            return;
        }
        self.unborn.due = Some(now.instant + OFTEN);
        if self.outbox.disk().is_none_or(|disk| disk.cold == 0) {
            return;
        }
        let owners: BTreeSet<EdgeNode> = self
            .outbox
            .passed_over()
            .iter()
            .filter_map(|waiting| self.outbox.machine_of(waiting.asset))
            .map(|source| source.edge.clone())
            .collect();
        let host = self.bridge.host();
        let unborn = owners.into_iter().filter(|edge| host.phase(edge) != NodePhase::Online);
        for edge in self.unborn.take_unasked(unborn) {
            info!(
                sparkplug.edge_node = %edge,
                "values of {edge} wait on disk since before the start, and its asset is not in \
                 SiteWise: it is asked for its birth"
            );
            self.bridge.expect_maybe(&edge, now);
        }
        let links = self.server_statuses();
        let reasons = DegradedReason::awaiting_birth(&self.view(&links));
        let (lines, more) = self.unborn.take(reasons);
        for why in lines {
            warn!(sparkplug.source = why.subject(), "{why}");
        }
        if !more.is_empty() {
            let names: Vec<_> = more.iter().take(NAMES).cloned().collect();
            warn!(
                "{}: values of these wait on disk for a birth as well",
                first_names(&names, more.len() as u64)
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn waiting(numbers: std::ops::Range<usize>) -> Vec<DegradedReason> {
        let one = |number| DegradedReason::AwaitsBirth {
            machine: Some(format!("g/n{number:03}")),
            values: 3,
            until: Timestamp::from_millis(0),
        };
        numbers.map(one).collect()
    }

    #[test]
    fn each_is_asked_once_and_told_once_while_its_values_wait() {
        let mut unborn = UnbornMachines::default();
        let edges = || (0..3).map(|n| EdgeNode::new("g", n.to_string()));
        assert_eq!(unborn.take_unasked(edges()).len(), 3);
        assert_eq!(unborn.take_unasked(edges()), []);
        assert_eq!(unborn.take(waiting(0..2)), (waiting(0..2), Vec::new()));
        assert_eq!(unborn.take(waiting(0..2)), (Vec::new(), Vec::new()));
        let (lines, more) = unborn.take(waiting(0..40));
        assert_eq!((lines, more.len()), (waiting(2..20), 20));
        assert_eq!(unborn.take(waiting(0..40)), (Vec::new(), Vec::new()));
        // It was born, and has values that wait again.
        unborn.take(Vec::new());
        assert_eq!(unborn.take(waiting(0..1)), (waiting(0..1), Vec::new()));
    }
}
