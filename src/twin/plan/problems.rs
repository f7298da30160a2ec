//! Problems: models and assets that need attention, with SiteWise's reason.

use super::{PROBLEMS, Plan};

impl Plan {
    /// All problems: the model or asset, and the reason.
    pub fn problems(&self) -> impl Iterator<Item = (&str, &str)> {
        self.problems.iter().map(|(subject, reason)| (subject.as_str(), reason.as_str()))
    }

    /// Sets a problem; without a reason it is solved.
    pub fn set_problem(&mut self, subject: &str, reason: Option<String>) {
        match reason {
            Some(reason) => self.add_problem(subject.to_owned(), reason),
            None => drop(self.problems.remove(subject)),
        }
    }

    pub(super) fn add_problem(&mut self, subject: String, reason: String) {
        if self.problems.len() < PROBLEMS || self.problems.contains_key(&subject) {
            self.problems.insert(subject, reason);
        }
    }
}
