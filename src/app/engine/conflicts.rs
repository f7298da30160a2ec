//! Models and assets that wait since somebody else updates them in SiteWise: a line when that begins,
//! and one when it is over.

use std::collections::BTreeMap;

use tracing::info;

use super::Engine;
use crate::sitewise::client::SiteWise;
use crate::time::{Instant, Now, rounded};

/// Subjects that are logged at a time; further ones are problems on the console alone.
const MAX_LOGGED: usize = 20;

/// Subjects that were logged as waiting, and since when.
#[derive(Debug, Default)]
pub(super) struct Conflicts(BTreeMap<String, Instant>);

impl Conflicts {
    /// A conflict is met. True if it is to be logged.
    fn begin(&mut self, subject: &str, now: Instant) -> bool {
        let is_new = self.0.len() < MAX_LOGGED && !self.0.contains_key(subject);
        if is_new {
            self.0.insert(subject.to_owned(), now);
        }
        is_new
    }

    /// Takes those whose problem is over.
    fn take_solved(&mut self, is_problem: impl Fn(&str) -> bool) -> Vec<(String, Instant)> {
        self.0.extract_if(.., |subject, _| !is_problem(subject)).collect()
    }
}

impl<S: SiteWise> Engine<S> {
    /// Logs conflicts that begin, and those that are solved.
    pub(super) fn log_conflicts(&mut self, now: Now) {
        for (subject, reason) in self.bridge.take_conflicts() {
            if self.conflicts.begin(&subject, now.instant) {
                info!(
                    "{subject} cannot be written now: something else changes it in SiteWise \
                     ({reason}); it is retried with backoff, and values that need the change are \
                     queued"
                );
            }
        }
        let plan = self.bridge.twin().plan();
        for (subject, since) in
            self.conflicts.take_solved(|subject| plan.problem(subject).is_some())
        {
            let waited = now.instant.since(since);
            info!("{subject} was written after {} of retries", rounded(waited));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_conflict_is_told_once_and_again_when_it_is_over() {
        let mut conflicts = Conflicts::default();
        let at = |seconds| Instant::from_start(Duration::from_secs(seconds));
        assert!(conflicts.begin("model Turbine", at(1)));
        assert!(!conflicts.begin("model Turbine", at(2)), "it lasts");
        assert_eq!(conflicts.take_solved(|_| true), []);
        assert_eq!(conflicts.take_solved(|_| false), [("model Turbine".to_owned(), at(1))]);
        assert!(conflicts.begin("model Turbine", at(50)), "another");
        // A plant's worth of them is no flood of lines.
        let told = (0..1000).filter(|n| conflicts.begin(&format!("asset {n}"), at(60))).count();
        assert_eq!(told, MAX_LOGGED - 1);
    }
}
