//! The one table of all statements: what each asks for, and how the host stands to it.
//!
//! `5:145` is chapter 5, line 145 of the text of the Eclipse Sparkplug specification 3.0.0.

mod births;
mod data;
mod host;

/// Statements that say the same.
pub(crate) struct Group {
    /// In our own words.
    pub(crate) says: &'static str,
    pub(crate) verdict: Verdict,
    /// The specification's own ids, each with its place.
    pub(crate) of: &'static [(&'static str, &'static str)],
}

/// How the host stands to a statement. All but some of those not applicable have a test.
pub(crate) enum Verdict {
    /// It does what binds it; it takes, checks or survives what binds others.
    Met,
    /// It does otherwise, for this reason.
    NotMet(&'static str),
    /// There is nothing to do or to judge, for this reason.
    NotApplicable(&'static str),
}

/// What binds a host application.
pub(crate) fn host() -> &'static [Group] {
    host::HOST
}

/// What binds senders.
pub(crate) fn senders() -> impl Iterator<Item = &'static Group> {
    births::BIRTHS.iter().chain(data::DATA)
}

/// The name of a statement's test.
pub(crate) fn test_of(id: &str) -> String {
    id.replace('-', "_").to_lowercase()
}
