//! Values of an earlier process that wait for an asset that is not in SiteWise: a rebirth is
//! requested of their edge node, which is named in the log if it does not answer.

use std::collections::BTreeSet;
use std::time::Duration;

use tracing::{info, warn};

use super::Engine;
use crate::console::degraded::{DegradedReason, first_names};
use crate::sitewise::client::SiteWise;
use crate::sparkplug::address::{EdgeNode, Source};
use crate::sparkplug::filter::Heard;
use crate::sparkplug::host::NodePhase;
use crate::time::{Instant, Now};

/// How long after the initial sync the values on disk are checked first, and then how often.
const FIRST_CHECK: Duration = Duration::from_secs(1);
const CHECK_INTERVAL: Duration = Duration::from_secs(2);
/// Edge nodes that get a line each; others are counted.
const LINES: usize = 20;
/// Names in a line that counts others.
const NAMES: usize = 5;

/// Edge nodes whose values wait for their birth, and what was done about that.
#[derive(Debug, Default)]
pub(super) struct MissingBirths {
    /// When the next check is due; none before the initial sync.
    due: Option<Instant>,
    /// Edge nodes of which a rebirth was requested. Bounded by the machines that the outbox
    /// remembers.
    asked: BTreeSet<EdgeNode>,
    /// Subjects of the reasons that were logged.
    logged: BTreeSet<String>,
}

impl MissingBirths {
    /// The initial sync is complete.
    pub(super) fn sync_complete(&mut self, now: Instant) {
        self.due = Some(now + FIRST_CHECK);
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Takes the edge nodes of these machines that were not asked yet; the host repeats requests
    /// itself. Of a machine that is not heard none is asked: it may be another bridge's, and its
    /// birth would not arrive.
    fn take_unasked(
        &mut self,
        machines: impl Iterator<Item = Source>,
        heard: &Heard,
    ) -> Vec<EdgeNode> {
        let machines = machines.filter(|machine| heard.source(machine));
        let edges: BTreeSet<_> = machines.map(|machine| machine.edge).collect();
        edges.into_iter().filter(|edge| self.asked.insert(edge.clone())).collect()
    }

    /// Takes the reasons that hold now. Returns those that get a line, and the names of further
    /// new ones. One that no longer holds may be logged again later.
    fn take_new(&mut self, reasons: Vec<DegradedReason>) -> (Vec<DegradedReason>, Vec<String>) {
        let subjects: BTreeSet<_> = reasons.iter().map(|why| why.subject().to_owned()).collect();
        self.logged.retain(|subject| subjects.contains(subject));
        let (mut lines, mut more) = (Vec::new(), Vec::new());
        for why in reasons {
            let room = self.logged.len() < LINES;
            if !self.logged.insert(why.subject().to_owned()) {
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
    /// Logs, once, that values wait that SiteWise soon takes no more; and once more if further ones
    /// follow later.
    pub(super) fn log_expiring(&mut self) {
        let links = self.server_statuses();
        let expiring = DegradedReason::expiring(&self.view(&links));
        if let Some(why) = expiring.as_ref().filter(|_| !self.expiring_logged) {
            warn!("{why}");
        }
        self.expiring_logged = expiring.is_some();
    }

    /// Requests the births that values wait for, and logs which edge nodes do not answer.
    pub(super) fn request_missing_births(&mut self, now: Now) {
        if self.missing_births.due.is_none_or(|at| at > now.instant) {
            return;
        }
        self.missing_births.due = Some(now.instant + CHECK_INTERVAL);
        if self.outbox.disk().is_none_or(|disk| disk.cold == 0) {
            return;
        }
        let owners: BTreeSet<Source> = self
            .outbox
            .passed_over()
            .iter()
            .filter_map(|waiting| self.outbox.machine_of(waiting.asset))
            .cloned()
            .collect();
        let (host, heard) = (self.bridge.host(), self.bridge.twin().plan().heard());
        let is_silent = |owner: &Source| host.phase(&owner.edge) != NodePhase::Online;
        let silent = owners.into_iter().filter(is_silent);
        for edge in self.missing_births.take_unasked(silent, heard) {
            info!(
                sparkplug.edge_node = %edge,
                "requesting a rebirth of {edge}: values of it are queued on disk since before the \
                 start, and its asset is not in SiteWise"
            );
            self.bridge.request_birth_if_back(&edge, now);
        }
        let links = self.server_statuses();
        let reasons = DegradedReason::awaiting_birth(&self.view(&links));
        let (lines, more) = self.missing_births.take_new(reasons);
        for why in lines {
            warn!(sparkplug.source = why.subject(), "{why}");
        }
        if !more.is_empty() {
            let names: Vec<_> = more.iter().take(NAMES).cloned().collect();
            warn!(
                "{}: values of these machines are queued on disk until their birth as well",
                first_names(&names, more.len() as u64)
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::degraded::TooOld;
    use crate::globs::Globs;
    use crate::sparkplug::filter::Filter;
    use crate::time::Timestamp;

    fn waiting(numbers: std::ops::Range<usize>) -> Vec<DegradedReason> {
        let one = |number| DegradedReason::AwaitsBirth {
            machine: Some(format!("g/n{number:03}")),
            values: 3,
            until: Timestamp::from_millis(0),
            then: TooOld::Rejected,
        };
        numbers.map(one).collect()
    }

    /// A command went to a machine that another bridge had taken over.
    #[test]
    fn nodes_of_machines_that_are_not_heard_are_not_asked() {
        let edges = ["Alpen", "Nordsee"].map(|group| EdgeNode::new(group, "n"));
        let machines =
            || edges.clone().into_iter().map(|edge| Source { edge, device: Some("pump".into()) });
        let groups = Heard { groups: Some(vec!["Nordsee".to_owned()]), ..Heard::default() };
        let globs = |text| Some(Globs::parse_trees(text).unwrap());
        let include = Filter { include: globs("Nordsee/n"), exclude: None };
        let exclude = Filter { include: None, exclude: globs("Alpen/n/pump") };
        let filtered = [include, exclude].map(|filter| Heard { groups: None, filter });
        for heard in [groups].into_iter().chain(filtered) {
            let mut births = MissingBirths::default();
            assert_eq!(births.take_unasked(machines(), &heard), edges[1..], "{heard:?}");
        }
    }

    #[test]
    fn each_is_asked_once_and_logged_once_while_its_values_wait() {
        let mut births = MissingBirths::default();
        let all = Heard::default();
        let machines = || {
            let edges = (0..3).map(|n| EdgeNode::new("g", n.to_string()));
            edges.map(|edge| Source { edge, device: None })
        };
        assert_eq!(births.take_unasked(machines(), &all).len(), 3);
        assert_eq!(births.take_unasked(machines(), &all), []);
        assert_eq!(births.take_new(waiting(0..2)), (waiting(0..2), Vec::new()));
        assert_eq!(births.take_new(waiting(0..2)), (Vec::new(), Vec::new()));
        let (lines, more) = births.take_new(waiting(0..40));
        assert_eq!((lines, more.len()), (waiting(2..20), 20));
        assert_eq!(births.take_new(waiting(0..40)), (Vec::new(), Vec::new()));
        // It was born, and has values that wait again.
        births.take_new(Vec::new());
        assert_eq!(births.take_new(waiting(0..1)), (waiting(0..1), Vec::new()));
    }
}
