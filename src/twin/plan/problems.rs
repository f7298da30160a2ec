//! Problems: models and assets that need attention, with SiteWise's reason.

use super::{PROBLEMS, Plan};
use crate::sitewise::api::{ApiFault, ApiFaultKind};
use crate::sitewise::cause::Cause;
use crate::sparkplug::address::Source;
use crate::twin::Twin;

/// Machines that a problem of several names.
const NAMED: usize = 3;

/// What needs attention of a subject.
#[derive(Debug)]
pub(super) struct Problem {
    reason: String,
    /// The machine, or the first of those, that the subject does not name.
    machine: Option<Source>,
    /// The operation that the role lacks the right to.
    denied: Option<&'static str>,
    /// The call failed on the way to SiteWise.
    is_on_the_way: bool,
}

/// What was said of the call behind a problem, and what to do where SiteWise is not reached or a right
/// is missing.
fn said_of(subject: &str, fault: &ApiFault) -> String {
    let rest = fault.message.strip_prefix(subject).and_then(|rest| rest.strip_prefix(": "));
    match (fault.cause, rest) {
        (cause, Some(rest)) if cause.is_on_the_way() => cause.explain(rest),
        _ => fault.text_with_remedy(),
    }
}

/// SiteWise's verdict on a model or an asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RejectionKind {
    /// Something of it is wrong.
    Rejected,
    /// The account has no room for it (LimitExceededException).
    Limit,
}

impl RejectionKind {
    /// What people can do.
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::Rejected => {
                "correct what the message names in SiteWise or at the edge node; it is retried \
                    with backoff"
            }
            Self::Limit => {
                "a quota of the account is used up: have it raised in Service Quotas (AWS IoT \
                 SiteWise), or exclude what needs no twin with SPARKPLUG_EXCLUDE; it is retried \
                 with backoff"
            }
        }
    }
}

impl Plan {
    /// All problems: the model or asset, and the reason.
    pub fn problems(&self) -> impl Iterator<Item = (&str, &str)> {
        self.problems.iter().map(|(subject, problem)| (subject.as_str(), problem.reason.as_str()))
    }

    /// The reason of a problem with this subject, if there is one.
    pub fn problem(&self, subject: &str) -> Option<&str> {
        self.problems.get(subject).map(|problem| problem.reason.as_str())
    }

    /// The reason of a problem with this subject, if there is one, and what to do where it is
    /// SiteWise's verdict.
    pub fn explain(&self, subject: &str) -> Option<String> {
        let reason = self.problem(subject)?;
        Some(match self.rejection(subject) {
            Some(verdict) => format!("{reason}; {}", verdict.remedy()),
            None => reason.to_owned(),
        })
    }

    /// The machine of a problem whose subject does not name it: the first, if there are several.
    pub fn problem_machine(&self, subject: &str) -> Option<&Source> {
        self.problems.get(subject)?.machine.as_ref()
    }

    /// Sets a problem; without a reason it is solved.
    pub fn set_problem(&mut self, subject: &str, reason: Option<String>) {
        match reason {
            Some(reason) => self.add_problem(subject.to_owned(), reason),
            None => drop(self.problems.remove(subject)),
        }
    }

    /// A problem that is SiteWise's rejection of a model or an asset: logged once until it is
    /// solved.
    pub(super) fn add_rejection(&mut self, subject: String, reason: String) {
        let new = !self.is_rejected(&subject);
        self.add_problem(subject.clone(), reason.clone());
        if !self.problems.contains_key(&subject) {
            return;
        }
        let problems = &self.problems;
        self.rejections.retain(|rejected, _| problems.contains_key(rejected));
        self.rejections.insert(subject.clone(), RejectionKind::Rejected);
        if new {
            self.unreported_rejections.push((subject, reason));
        }
    }

    /// A problem that is a call's failure. One that passes once somebody else's change is done is
    /// logged when it begins.
    pub(super) fn add_failure(&mut self, subject: String, fault: &ApiFault) {
        let is_new = self.problem(&subject).is_none();
        let reason = said_of(&subject, fault);
        if is_new && fault.kind == ApiFaultKind::Conflict && self.conflicts.len() < PROBLEMS {
            self.conflicts.push((subject.clone(), reason.clone()));
        }
        self.add_problem(subject.clone(), reason);
        if let Some(problem) = self.problems.get_mut(&subject) {
            problem.denied = match fault.cause {
                Cause::Denied(operation) => Some(operation),
                _ => None,
            };
            problem.is_on_the_way = fault.cause.is_on_the_way();
        }
    }

    /// Whether a problem is that the role lacks a right.
    pub fn is_denied(&self, subject: &str) -> bool {
        self.denied(subject).is_some()
    }

    /// Whether a problem is that SiteWise is not reached.
    pub fn is_on_the_way(&self, subject: &str) -> bool {
        self.problems.get(subject).is_some_and(|problem| problem.is_on_the_way)
    }

    /// The operation that the role lacks the right to, where that is the problem.
    pub fn denied(&self, subject: &str) -> Option<&'static str> {
        self.problems.get(subject)?.denied
    }

    /// Whether a problem is SiteWise's verdict, rather than a call that failed.
    pub fn is_rejected(&self, subject: &str) -> bool {
        self.rejection(subject).is_some()
    }

    /// SiteWise's verdict on the subject of a problem, if it is one.
    pub fn rejection(&self, subject: &str) -> Option<RejectionKind> {
        self.rejections.get(subject).copied().filter(|_| self.problems.contains_key(subject))
    }

    /// What was just rejected is so because a quota is used up.
    pub(super) fn note_limit(&mut self, subject: &str) {
        if let Some(verdict) = self.rejections.get_mut(subject) {
            *verdict = RejectionKind::Limit;
        }
    }

    /// The rejections that were not logged yet.
    fn take_rejections(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.unreported_rejections)
    }

    /// The conflicts that were not logged yet.
    fn take_conflicts(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.conflicts)
    }

    pub(super) fn add_problem(&mut self, subject: String, reason: String) {
        self.add_problem_of(subject, None, reason);
    }

    /// A problem of reading from SiteWise: with the machines whose assets could not be read.
    pub(super) fn add_read_problem<'a>(
        &mut self,
        subject: &str,
        machines: impl IntoIterator<Item = &'a Source>,
        fault: &ApiFault,
    ) {
        let mut machines = machines.into_iter();
        let named: Vec<&Source> = machines.by_ref().take(NAMED).collect();
        let names: Vec<String> = named.iter().map(ToString::to_string).collect();
        let said = said_of(subject, fault);
        let reason = match (names.is_empty(), machines.count()) {
            (true, _) => said,
            (false, 0) => format!("of {}: {said}", names.join(", ")),
            (false, more) => {
                format!("of {} and {more} more: {said}", names.join(", "))
            }
        };
        let first = named.first().map(|source| (*source).clone());
        self.add_problem_of(subject.to_owned(), first, reason);
        if let Some(problem) = self.problems.get_mut(subject) {
            problem.is_on_the_way = fault.cause.is_on_the_way();
        }
    }

    fn add_problem_of(&mut self, subject: String, machine: Option<Source>, reason: String) {
        if self.problems.len() < PROBLEMS || self.problems.contains_key(&subject) {
            self.rejections.remove(&subject);
            // A call says what it tried, which is the subject where that is a call.
            let rest = reason.strip_prefix(&subject).and_then(|rest| rest.strip_prefix(": "));
            let reason = rest.map(str::to_owned).unwrap_or(reason);
            self.problems
                .insert(subject, Problem { reason, machine, denied: None, is_on_the_way: false });
        }
    }
}

impl Twin {
    /// Models and assets that wait since something else changes them in SiteWise, since this was
    /// last called.
    pub(crate) fn take_conflicts(&mut self) -> Vec<(String, String)> {
        self.writer.world.plan.take_conflicts()
    }

    /// Models and assets that were rejected since this was last called.
    pub(crate) fn take_rejections(&mut self) -> Vec<(String, String)> {
        self.writer.world.plan.take_rejections()
    }
}

#[cfg(test)]
mod tests {
    use super::super::ProvisioningRates;
    use super::*;
    use crate::twin::identity::Namespace;

    /// "list asset models: list asset models: AccessDeniedException", in the log and on the console.
    #[test]
    fn a_call_that_is_a_problem_is_named_once() {
        let mut plan = Plan::new(Namespace::new("test"), ProvisioningRates::default(), 1);
        for (subject, reason, rest) in [
            ("list asset models", "list asset models: denied", "denied"),
            (
                "list asset models",
                "of g/n: list asset models: denied",
                "of g/n: list asset models: denied",
            ),
            ("asset T", "asset T2: taken", "asset T2: taken"),
        ] {
            plan.set_problem(subject, Some(reason.to_owned()));
            assert_eq!(plan.problem(subject), Some(rest));
        }
    }
}
