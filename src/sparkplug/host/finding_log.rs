//! Findings by sender, kept for the console.

use std::collections::BTreeMap;

use super::{Host, Output};
use crate::sparkplug::address::EdgeNode;
use crate::sparkplug::findings::{Finding, FindingCounts};
use crate::sparkplug::session::EdgeSession;
use crate::sparkplug::topic::{self, Topic};
use crate::time::Timestamp;

/// Characters kept of an example.
const EXAMPLE_CHARS: usize = 200;

/// Whether it takes many messages to show it.
fn is_of_many(finding: Finding) -> bool {
    matches!(finding, Finding::ClockOff | Finding::SeqNumbering)
}

/// A finding of one sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FindingRecord<'a> {
    /// The edge node; none for what no edge node sent.
    pub edge: Option<&'a EdgeNode>,
    /// What; its [`tck_id`](Finding::tck_id) is the statement that it is held against.
    pub finding: Finding,
    /// How often.
    pub count: u64,
    /// When last.
    pub last: Timestamp,
    /// What showed it first: the topic of a message, words, or both; empty where nothing did.
    pub example: &'a str,
}

/// When each finding of one sender was made last, and by what first. Bounded by the closed
/// list of findings.
#[derive(Clone, Debug, Default)]
pub(crate) struct FindingLog(BTreeMap<Finding, (Timestamp, Box<str>)>);

impl FindingLog {
    /// Takes what was found in the message with this topic. Returns what was never found before.
    pub(crate) fn record(
        &mut self,
        findings: &mut FindingCounts,
        topic: &str,
        at: Timestamp,
    ) -> Vec<(Finding, String)> {
        let mut first = Vec::new();
        let words = findings.take_examples();
        for finding in findings.take_fresh() {
            match self.0.get_mut(&finding) {
                Some((last, _)) => *last = at,
                None => {
                    let words = words.iter().find(|(told, _)| *told == finding);
                    let example = words.map_or_else(
                        || topic.to_owned(),
                        |(_, words)| match topic {
                            // What many messages show is no matter of the last one.
                            _ if is_of_many(finding) => words.to_string(),
                            "" => words.to_string(),
                            topic => format!("{topic}: {words}"),
                        },
                    );
                    let kept: String = example.chars().take(EXAMPLE_CHARS).collect();
                    self.0.insert(finding, (at, kept.into()));
                    first.push((finding, example));
                }
            }
        }
        first
    }

    /// All that was found of `edge`.
    pub(crate) fn records_of<'a>(
        &'a self,
        edge: Option<&'a EdgeNode>,
        findings: &'a FindingCounts,
    ) -> impl Iterator<Item = FindingRecord<'a>> + 'a {
        self.0.iter().map(move |(finding, (last, example))| FindingRecord {
            edge,
            finding: *finding,
            count: findings.count(*finding),
            last: *last,
            example,
        })
    }
}

impl Host {
    /// The message that has just arrived on `topic` travelled at this quality of service.
    /// Births, data and the deaths of devices belong at 0 [topics-nbirth-mqtt].
    pub fn handle_qos(&mut self, topic: &str, qos: u8, at: Timestamp) {
        let Ok(Topic::Edge(edge)) = Topic::parse(topic) else { return };
        let free = match edge.verb {
            topic::MessageType::Command => true,
            topic::MessageType::Death => edge.device.is_none(),
            topic::MessageType::Birth | topic::MessageType::Data => false,
        };
        if qos == 0 || free {
            return;
        }
        let place =
            self.index_of_node.get(edge.group).and_then(|nodes| nodes.get(edge.node)).copied();
        if let Some(session) = place.and_then(|index| self.sessions.get_mut(index)) {
            session.note(Finding::WrongQos);
            self.record_findings(place, topic, at);
        }
    }

    /// What was found in an edge node's birth beyond its session; `example` tells it in words.
    pub fn handle_finding(
        &mut self,
        edge: &EdgeNode,
        finding: Finding,
        example: &str,
        at: Timestamp,
    ) {
        let place =
            self.index_of_node.get(&*edge.group).and_then(|nodes| nodes.get(&*edge.node)).copied();
        if let Some(session) = place.and_then(|index| self.sessions.get_mut(index)) {
            session.note(finding);
            self.record_findings(place, example, at);
        }
    }

    /// What was not as it should be, by sender. Bounded by the nodes and by the closed list of
    /// findings.
    pub fn findings(&self) -> impl Iterator<Item = FindingRecord<'_>> + '_ {
        let own = self.unattributed_findings.records_of(None, &self.counters.findings);
        own.chain(self.sessions.iter().flat_map(EdgeSession::found))
    }

    /// Remembers what was found lately, and tells what was found for the first time.
    pub(super) fn record_findings(&mut self, of: Option<usize>, topic: &str, at: Timestamp) {
        let session = of.and_then(|index| self.sessions.get_mut(index));
        let (edge, first) = match session {
            Some(session) => {
                let first = session.take_new_findings(topic, at);
                (Some(session.edge()), first)
            }
            None => {
                (None, self.unattributed_findings.record(&mut self.counters.findings, topic, at))
            }
        };
        for (finding, example) in first {
            let edge = edge.cloned();
            self.outputs.push_back(Output::Finding { edge, finding, example });
        }
    }
}
