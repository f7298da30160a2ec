//! Log lines of findings: a bounded number of each, then how many more there are.
//!
//! A cause that thousands of edge nodes share, such as births that a server has stored, is a line
//! with their count and the first names, not a line each.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Engine, logging};
use crate::sitewise::client::SiteWise;
use crate::sparkplug::address::EdgeNode;
use crate::sparkplug::findings::Finding;
use crate::time::{Instant, Now};

/// Lines of one finding within [`WINDOW`], each with one sender.
const LINES: usize = 20;
/// How long these count. It is also the least time between two summaries of one finding.
const WINDOW: Duration = Duration::from_secs(600);
/// How long further senders are collected before the first summary.
const COLLECT: Duration = Duration::from_secs(3);
/// Names in a summary.
const NAMES: usize = 5;

/// What was logged of each finding. Bounded by the closed list of findings.
#[derive(Debug, Default)]
pub(super) struct FindingLines(BTreeMap<Finding, Lines>);

#[derive(Debug)]
struct Lines {
    /// When the first of those that count was logged.
    since: Instant,
    /// How many were logged since then.
    logged: usize,
    /// Senders that got no line of their own since the last summary, and the first names.
    more: u64,
    names: Vec<String>,
    /// When the next summary is due, if one is.
    due: Option<Instant>,
    /// The earliest time of another.
    next: Instant,
}

/// Senders that share a finding and got no line of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MoreSenders {
    pub(super) finding: Finding,
    /// How many.
    pub(super) count: u64,
    /// The first of them.
    pub(super) names: Vec<String>,
}

impl FindingLines {
    /// A finding was made for the first time with this sender. True if it gets a line of its own;
    /// otherwise it is in the next summary.
    pub(super) fn admit(
        &mut self,
        finding: Finding,
        edge: Option<&EdgeNode>,
        now: Instant,
    ) -> bool {
        let lines = self.0.entry(finding).or_insert_with(|| Lines {
            since: now,
            logged: 0,
            more: 0,
            names: Vec::new(),
            due: None,
            next: now,
        });
        if now.since(lines.since) >= WINDOW {
            (lines.since, lines.logged) = (now, 0);
        }
        // A server sends all that it has stored at once.
        let most = match finding {
            Finding::OnlyStored | Finding::Retained => 0,
            _ => LINES,
        };
        if lines.logged < most {
            lines.logged += 1;
            return true;
        }
        lines.more += 1;
        if lines.names.len() < NAMES {
            lines.names.extend(edge.map(ToString::to_string));
        }
        lines.due.get_or_insert(lines.next.max(now + COLLECT));
        false
    }

    /// When a summary is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.0.values().filter_map(|lines| lines.due).min()
    }

    /// The summaries that are due.
    fn poll(&mut self, now: Instant) -> Vec<MoreSenders> {
        let due = self.0.iter_mut().filter(|(_, lines)| lines.due.is_some_and(|due| due <= now));
        due.map(|(finding, lines)| {
            (lines.due, lines.next) = (None, now + WINDOW);
            MoreSenders {
                finding: *finding,
                count: std::mem::take(&mut lines.more),
                names: std::mem::take(&mut lines.names),
            }
        })
        .collect()
    }
}

impl<S: SiteWise> Engine<S> {
    /// Logs how many senders share a finding beyond those that got a line of their own.
    pub(super) fn log_more_senders(&mut self, now: Now) {
        for more in self.finding_lines.poll(now.instant) {
            logging::log_more_senders(&more);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(number: usize) -> EdgeNode {
        EdgeNode::new("g", format!("n{number:04}"))
    }

    fn at(seconds: u64) -> Instant {
        Instant::from_start(Duration::from_secs(seconds))
    }

    #[test]
    fn a_finding_of_thousands_of_senders_is_a_few_lines() {
        let mut lines = FindingLines::default();
        let told =
            (0..5000).filter(|n| lines.admit(Finding::NoTime, Some(&node(*n)), at(1))).count();
        assert_eq!(told, LINES);
        assert_eq!(lines.due(), Some(at(4)));
        assert_eq!(lines.poll(at(3)), []);
        let names = (20..25).map(|n| node(n).to_string()).collect();
        let summary = MoreSenders { finding: Finding::NoTime, count: 4980, names };
        assert_eq!(lines.poll(at(4)), [summary]);
        assert_eq!(lines.due(), None);
        // Another finding does not wait for it.
        assert!(lines.admit(Finding::NotZero, Some(&node(0)), at(5)));
        // More of them: once in ten minutes.
        for second in 5..500 {
            assert!(!lines.admit(Finding::NoTime, Some(&node(6000)), at(second)));
        }
        assert_eq!(lines.due(), Some(at(604)));
        assert_eq!(lines.poll(at(604)).first().map(|more| more.count), Some(495));
        assert!(lines.admit(Finding::NoTime, Some(&node(7000)), at(605)), "a new window");
    }

    #[test]
    fn what_is_only_stored_is_one_line_however_much() {
        let mut lines = FindingLines::default();
        for (finding, count) in [Finding::OnlyStored, Finding::Retained]
            .into_iter()
            .flat_map(|finding| [(finding, 1), (finding, 3000)])
        {
            let mut lines = FindingLines::default();
            let told = (0..count).filter(|n| lines.admit(finding, Some(&node(*n)), at(1))).count();
            let [summary] = &lines.poll(at(4))[..] else { panic!("one line") };
            assert_eq!((told, summary.count), (0, count as u64));
            assert_eq!(summary.names.first(), Some(&"g/n0000".to_owned()));
        }
        assert!(lines.admit(Finding::WrongTopic, None, at(1)), "what no edge node sent");
    }
}
