//! What senders do otherwise than the specification says, kept for people to read.

use std::collections::BTreeMap;

use crate::sparkplug::address::EdgeNode;
use crate::sparkplug::findings::{Finding, Findings};
use crate::time::Timestamp;

/// Characters kept of an example.
const EXAMPLE_CHARS: usize = 200;

/// Something that was not as it should be, of one sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found<'a> {
    /// The edge node; none for what no edge node sent.
    pub edge: Option<&'a EdgeNode>,
    /// What; its [`tck_id`](Finding::tck_id) is the statement that it is held against.
    pub finding: Finding,
    /// How often.
    pub count: u64,
    /// When last.
    pub last: Timestamp,
    /// The topic of the first message that showed it; empty where none did.
    pub example: &'a str,
}

/// When each finding of one sender was made last, and by what first. Bounded by the closed
/// list of findings.
#[derive(Debug, Default)]
pub(crate) struct Seen(BTreeMap<Finding, (Timestamp, Box<str>)>);

impl Seen {
    /// Takes what was found in the message with this topic. Gives back what was never found
    /// before.
    pub(crate) fn look(
        &mut self,
        findings: &mut Findings,
        topic: &str,
        at: Timestamp,
    ) -> Vec<Finding> {
        let mut first = Vec::new();
        for finding in findings.take_fresh() {
            match self.0.get_mut(&finding) {
                Some((last, _)) => *last = at,
                None => {
                    let example: String = topic.chars().take(EXAMPLE_CHARS).collect();
                    self.0.insert(finding, (at, example.into()));
                    first.push(finding);
                }
            }
        }
        first
    }

    /// All that was found of `edge`.
    pub(crate) fn found<'a>(
        &'a self,
        edge: Option<&'a EdgeNode>,
        findings: &'a Findings,
    ) -> impl Iterator<Item = Found<'a>> + 'a {
        self.0.iter().map(move |(finding, (last, example))| Found {
            edge,
            finding: *finding,
            count: findings.count(*finding),
            last: *last,
            example,
        })
    }
}
