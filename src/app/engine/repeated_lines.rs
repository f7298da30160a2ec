//! Log lines that thousands may share: a bounded number of each kind, then how many more there are.
//!
//! Births that a server has stored, a flood of births after a broker's restart, or assets that one
//! used-up quota keeps out are a line with their count and the first names, not a line each.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Engine, logging};
use crate::labels::RemarkKind;
use crate::sitewise::client::SiteWise;
use crate::sparkplug::event::DeathCause;
use crate::sparkplug::findings::Finding;
use crate::time::{Instant, Now};
use crate::twin::plan::problems::RejectionKind;

/// Lines of one kind within [`WINDOW`], each with one name.
const LINES: usize = 20;
/// After this time, lines are counted anew. Also the minimum time between two summaries of one kind.
const WINDOW: Duration = Duration::from_secs(600);
/// How long further names are collected before the first summary.
const COLLECT: Duration = Duration::from_secs(3);
/// Names in a summary.
const NAMES: usize = 5;

/// What such a line says of the one that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LineKind {
    Finding(Finding),
    Online,
    NodeOffline(DeathCause),
    DeviceOffline(DeathCause),
    /// SiteWise rejected a model or an asset.
    NotCreated(RejectionKind),
    /// A lane of labels left something as it is.
    LabelLeft(RemarkKind),
}

/// What was logged of each kind. Bounded by the closed list of kinds.
#[derive(Debug, Default)]
pub(super) struct RepeatedLines(BTreeMap<LineKind, Lines>);

#[derive(Debug)]
struct Lines {
    /// When the first line of the present window was logged.
    since: Instant,
    /// Lines that were logged since then.
    logged: usize,
    /// Number that got no line of their own since the last summary, and the first of their names.
    unlogged: u64,
    names: Vec<String>,
    /// When the next summary is due, if one is.
    due: Option<Instant>,
    /// The earliest time of the next summary.
    next_summary: Instant,
}

/// Those of one kind that got no line of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MoreLines {
    pub(super) kind: LineKind,
    /// How many.
    pub(super) count: u64,
    /// The first of them.
    pub(super) names: Vec<String>,
}

impl RepeatedLines {
    /// True if `name` gets a line of its own; otherwise it is in the next summary.
    pub(super) fn admit(&mut self, kind: LineKind, name: Option<&str>, now: Instant) -> bool {
        let lines = self.0.entry(kind).or_insert_with(|| Lines {
            since: now,
            logged: 0,
            unlogged: 0,
            names: Vec::new(),
            due: None,
            next_summary: now,
        });
        if now.since(lines.since) >= WINDOW {
            (lines.since, lines.logged) = (now, 0);
        }
        // A server sends all retained births at once: they only get a summary.
        let max = match kind {
            LineKind::Finding(Finding::OnlyStored | Finding::Retained) => 0,
            _ => LINES,
        };
        if lines.logged < max {
            lines.logged += 1;
            return true;
        }
        lines.unlogged += 1;
        if lines.names.len() < NAMES {
            lines.names.extend(name.map(str::to_owned));
        }
        lines.due.get_or_insert(lines.next_summary.max(now + COLLECT));
        false
    }

    /// When a summary is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.0.values().filter_map(|lines| lines.due).min()
    }

    /// The summaries that are due.
    fn poll(&mut self, now: Instant) -> Vec<MoreLines> {
        let due = self.0.iter_mut().filter(|(_, lines)| lines.due.is_some_and(|due| due <= now));
        due.map(|(kind, lines)| {
            (lines.due, lines.next_summary) = (None, now + WINDOW);
            MoreLines {
                kind: *kind,
                count: std::mem::take(&mut lines.unlogged),
                names: std::mem::take(&mut lines.names),
            }
        })
        .collect()
    }
}

impl<S: SiteWise> Engine<S> {
    /// Logs how many there are of a kind beyond those that got a line of their own.
    pub(super) fn log_more_lines(&mut self, now: Now) {
        for more in self.repeated_lines.poll(now.instant) {
            logging::log_more_lines(&more);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_TIME: LineKind = LineKind::Finding(Finding::NoTime);

    fn node(number: usize) -> String {
        format!("g/n{number:04}")
    }

    fn at(seconds: u64) -> Instant {
        Instant::from_start(Duration::from_secs(seconds))
    }

    #[test]
    fn a_finding_of_thousands_of_senders_is_a_few_lines() {
        let mut lines = RepeatedLines::default();
        let told = (0..5000).filter(|n| lines.admit(NO_TIME, Some(&node(*n)), at(1))).count();
        assert_eq!(told, LINES);
        assert_eq!(lines.due(), Some(at(4)));
        assert_eq!(lines.poll(at(3)), []);
        let names = (20..25).map(node).collect();
        let summary = MoreLines { kind: NO_TIME, count: 4980, names };
        assert_eq!(lines.poll(at(4)), [summary]);
        assert_eq!(lines.due(), None);
        // Another finding does not wait for it.
        assert!(lines.admit(LineKind::Finding(Finding::NotZero), Some(&node(0)), at(5)));
        // More of them: once in ten minutes.
        for second in 5..500 {
            assert!(!lines.admit(NO_TIME, Some(&node(6000)), at(second)));
        }
        assert_eq!(lines.due(), Some(at(604)));
        assert_eq!(lines.poll(at(604)).first().map(|more| more.count), Some(495));
        assert!(lines.admit(NO_TIME, Some(&node(7000)), at(605)), "a new window");
    }

    #[test]
    fn what_is_only_stored_is_one_line_however_much() {
        let mut lines = RepeatedLines::default();
        for (finding, count) in [Finding::OnlyStored, Finding::Retained]
            .map(LineKind::Finding)
            .into_iter()
            .flat_map(|finding| [(finding, 1), (finding, 3000)])
        {
            let mut lines = RepeatedLines::default();
            let told = (0..count).filter(|n| lines.admit(finding, Some(&node(*n)), at(1))).count();
            let [summary] = &lines.poll(at(4))[..] else { panic!("one line") };
            assert_eq!((told, summary.count), (0, count as u64));
            assert_eq!(summary.names.first(), Some(&"g/n0000".to_owned()));
        }
        assert!(
            lines.admit(LineKind::Finding(Finding::WrongTopic), None, at(1)),
            "what no edge node sent"
        );
    }

    /// A broker's restart under 2,000 nodes with 25 devices each was 104,000 lines.
    #[test]
    fn a_flood_of_births_and_deaths_is_a_few_lines() {
        let mut lines = RepeatedLines::default();
        let kinds = [
            LineKind::Online,
            LineKind::NodeOffline(DeathCause::Silent),
            LineKind::DeviceOffline(DeathCause::Node),
            LineKind::NotCreated(RejectionKind::Limit),
        ];
        for kind in kinds {
            let told = (0..2000).filter(|n| lines.admit(kind, Some(&node(*n)), at(1))).count();
            assert_eq!(told, LINES);
        }
        let counts: Vec<_> = lines.poll(at(4)).iter().map(|more| (more.kind, more.count)).collect();
        assert_eq!(counts, kinds.map(|kind| (kind, 1980)));
    }
}
