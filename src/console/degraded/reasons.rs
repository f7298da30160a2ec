//! All reasons of a moment: counted by label, the first ones in full.

use std::collections::BTreeMap;

use super::{Cap, DegradedReason, EngineView};
use crate::telemetry::printable;

/// Reasons that are listed by name; further ones are counted. Each label has the same share of them,
/// and what one does not use is for the first of the others.
const MAX_NAMED: usize = 100;

/// Snapshot of all reasons: counts by label, and the first ones in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DegradedReasons {
    named: Vec<DegradedReason>,
    /// How many reasons there are, with those that are not listed.
    rows: u64,
    counts: [u64; DegradedReason::LABELS.len()],
}

impl Default for DegradedReasons {
    fn default() -> Self {
        Self { named: Vec::new(), rows: 0, counts: [0; DegradedReason::LABELS.len()] }
    }
}

impl DegradedReasons {
    /// All current reasons.
    pub fn of(view: &EngineView<'_>) -> Self {
        DegradedReason::all(view).into_iter().collect()
    }

    /// Those that are listed by name.
    pub fn named(&self) -> &[DegradedReason] {
        &self.named
    }

    /// How many servers, machines, models and assets each label affects.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        DegradedReason::LABELS.into_iter().zip(self.counts)
    }

    /// How many this label affects.
    fn count(&self, label: &str) -> u64 {
        self.counts().find(|(of, _)| *of == label).map_or(0, |(_, count)| count)
    }

    /// How many machines exceed this cap.
    pub fn capped(&self, cap: Cap) -> u64 {
        self.count(DegradedReason::capped(cap))
    }

    /// How many there are in all.
    pub fn total(&self) -> u64 {
        self.rows
    }

    /// Lines for people, each with its label; the last says how many more there are. What a
    /// terminal would obey in a name is escaped, so that each reason stays on one line.
    pub fn lines(&self) -> Vec<String> {
        let more = self.total().saturating_sub(self.named.len() as u64);
        let more = (more > 0).then(|| format!("and {more} more"));
        self.named.iter().map(line).chain(more).collect()
    }

    /// The same for the log: at most so many, and then how many more there are.
    pub fn first_lines(&self, most: usize) -> Vec<String> {
        let mut lines: Vec<String> = self.named.iter().take(most).map(line).collect();
        let more = self.total().saturating_sub(lines.len() as u64);
        if more > 0 {
            let all = self.total();
            lines.push(format!("and {more} more problems, {all} in total: see the console"));
        }
        lines
    }
}

/// A line for people: a reason with its label.
fn line(why: &DegradedReason) -> String {
    printable(&format!("{}: {why}", why.label()))
}

impl FromIterator<DegradedReason> for DegradedReasons {
    fn from_iter<T: IntoIterator<Item = DegradedReason>>(reasons: T) -> Self {
        let mut all = Self::default();
        for why in reasons {
            let counts = DegradedReason::LABELS.iter().zip(&mut all.counts);
            for (_, count) in counts.filter(|(label, _)| **label == why.label()) {
                *count += why.affected();
            }
            all.rows += 1;
            all.named.push(why);
        }
        if all.named.len() > MAX_NAMED {
            all.named = share(std::mem::take(&mut all.named));
        }
        all
    }
}

/// As many as are listed by name, in their order.
fn share(all: Vec<DegradedReason>) -> Vec<DegradedReason> {
    let mut seen: BTreeMap<&'static str, usize> = BTreeMap::new();
    let nth = |why: &DegradedReason| {
        let seen = seen.entry(why.label()).or_default();
        *seen += 1;
        *seen
    };
    let places: Vec<usize> = all.iter().map(nth).collect();
    let share = MAX_NAMED / seen.len().max(1);
    let within: usize = seen.values().map(|count| share.min(*count)).sum();
    let mut free = MAX_NAMED.saturating_sub(within);
    let is_named = |(why, place): (DegradedReason, usize)| {
        if place > share && free == 0 {
            return None;
        }
        free -= usize::from(place > share);
        Some(why)
    };
    all.into_iter().zip(places).filter_map(is_named).collect()
}

#[cfg(test)]
mod tests {
    use super::super::*;
    use super::*;
    use crate::delivery::rejections::OtherProperties;
    use crate::outbox::{DiskFigures, DiskState};
    use crate::sitewise::cause::Cause;
    use crate::sparkplug::host::{KnownBy, NodeProblem, NodeProblemKind};
    use crate::sparkplug::rebirth::RebirthReason;
    use crate::twin::plan::problems::RejectionKind;

    fn capped(machine: usize) -> DegradedReason {
        DegradedReason::Capped {
            machine: format!("Nordsee/gw/P{machine}"),
            cap: Cap::Assets,
            example: "T\n1".to_owned(),
            values: 3,
        }
    }

    #[test]
    fn a_capped_machine_is_told_with_its_cap_and_what_to_do() {
        let all: DegradedReasons = [capped(1)].into_iter().collect();
        let [line] = &all.lines()[..] else { panic!("{all:?}") };
        for part in
            ["capped_assets: Nordsee/gw/P1", "TWIN_MAX_ASSETS", "`T\\n1`", "3 values", "raise"]
        {
            assert!(line.contains(part), "{part} is not in {line}");
        }
        assert_eq!(
            (all.count("capped_assets"), all.count("capped_models"), all.total()),
            (1, 0, 1)
        );
    }

    /// It said the oldest, whatever they were.
    #[test]
    fn a_full_outbox_says_which_values_go_first() {
        let writable = DiskFigures::default();
        let state = DiskState::NotWritable("EIO".to_owned());
        let broken = DiskFigures { state, ..DiskFigures::default() };
        for (disk, first) in [
            (None, "the oldest history first"),
            (Some(&broken), "the oldest history first"),
            (Some(&writable), "the oldest on disk first"),
        ] {
            let reason = DegradedReason::OutboxFull(drop_order(disk)).reason();
            assert!(reason.contains(first), "{reason}");
        }
    }

    #[test]
    fn more_reasons_than_anybody_reads_are_counted() {
        let all: DegradedReasons =
            (0..250).map(capped).chain([DegradedReason::OutboxFull(drop_order(None))]).collect();
        assert_eq!((all.lines().len(), all.named().len()), (101, 100));
        assert_eq!(all.lines().last().unwrap(), "and 151 more");
        assert_eq!((all.count("capped_assets"), all.count("outbox_full")), (250, 1));
    }

    /// A hundred gateways that were offline took every line, and a rejected model had none.
    #[test]
    fn each_kind_of_reason_is_named_however_many_there_are_of_another() {
        let offline = |n| DegradedReason::Offline { edge: format!("g/n{n}"), since: None };
        let (subject, reason) = ("model Pump".to_owned(), "wrong".to_owned());
        let first = subject.clone();
        let problem = DegradedReason::Problem { subject, first, count: 1, reason };
        let all: DegradedReasons =
            (0..300).map(offline).chain((0..250).map(capped)).chain([problem]).collect();
        let named = |label| all.named().iter().filter(|why| why.label() == label).count();
        assert_eq!((named("problem"), all.named().len(), all.total()), (1, 100, 551));
        assert!(named("capped_assets") >= 25 && named("node_offline") >= 50, "{all:?}");
        // In their order, and the rest is counted.
        assert_eq!(all.named().first().unwrap().label(), "node_offline");
        assert_eq!(all.named().last().unwrap().label(), "problem");
        assert_eq!(all.lines().last().unwrap(), "and 451 more");
    }

    /// The periodic line named problems in the order of their names, and of models and assets alone.
    #[test]
    fn the_log_names_the_first_reasons_whatever_they_are() {
        let offline = |n| DegradedReason::Offline { edge: format!("g/n{n:02}"), since: None };
        let all: DegradedReasons = (0..30).map(offline).chain([capped(1)]).collect();
        let lines = all.first_lines(10);
        assert_eq!(lines.len(), 11);
        assert!(lines[0].starts_with("node_offline: g/n00 is offline"), "{}", lines[0]);
        assert!(lines[9].starts_with("node_offline: g/n09 "), "{}", lines[9]);
        assert_eq!(lines[10], "and 21 more problems, 31 in total: see the console");
        let few: DegradedReasons = [capped(1)].into_iter().collect();
        assert_eq!((few.first_lines(10).len(), few.first_lines(0).len()), (1, 1));
        assert!(DegradedReasons::default().first_lines(10).is_empty());
    }

    /// A name that turns the rest of the line round was printed as it is.
    #[test]
    fn what_misleads_in_a_name_is_escaped() {
        let edge = "g/a\u{2028}b\u{202e}c".to_owned();
        let all: DegradedReasons =
            [DegradedReason::Offline { edge, since: None }].into_iter().collect();
        assert!(all.lines()[0].contains("g/a\\u{2028}b\\u{202e}c is offline"), "{all:?}");
    }

    #[test]
    fn edge_nodes_of_one_reason_are_one_line_and_all_counted() {
        let edges = first_names(&["g/a".to_owned(), "g/b".to_owned()], 4000);
        let reason = DegradedReason::OnlyStored { edges, count: 4000, reason: "stored" };
        let all: DegradedReasons = [reason, capped(1)].into_iter().collect();
        assert_eq!((all.lines().len(), all.total(), all.count("only_stored")), (2, 2, 4000));
        assert_eq!(all.lines()[0], "only_stored: g/a, g/b and 3998 more: stored");
    }

    fn of_denied() -> RetriedValues {
        RetriedValues {
            machines: 1,
            properties: 300,
            values: 900,
            example: "Nordsee/gw/P1 / Speed: AccessDeniedException: no".to_owned(),
            cause: Cause::Denied("BatchPutAssetPropertyValue"),
            others: OtherProperties::Accepted,
        }
    }

    #[test]
    fn what_sitewise_does_not_accept_has_the_remedy_of_its_cause() {
        let line = |retried| {
            DegradedReason::ValuesRetried { machine: "Nordsee/gw".to_owned(), retried }.to_string()
        };
        let denied = line(of_denied());
        for part in ["900 values of 300", "while it accepts others", "policy of the role"] {
            assert!(denied.contains(part), "{part} is not in {denied}");
        }
        assert!(!denied.contains("proxy"), "{denied}");
        let gone = RetriedValues {
            cause: Cause::NotFound,
            others: OtherProperties::NotTried,
            ..of_denied()
        };
        let gone = line(gone);
        assert!(gone.contains("deleted") && !gone.contains("others"), "{gone}");
    }

    /// One of each label.
    fn one_of_each() -> impl Iterator<Item = DegradedReason> {
        let caps = Cap::ALL.map(|cap| DegradedReason::Capped {
            machine: String::new(),
            cap,
            example: String::new(),
            values: 0,
        });
        let (url, trouble) = (String::new(), None);
        let (subject, reason) = (String::new(), String::new());
        let others = [
            DegradedReason::NotConnected { url: url.clone(), error: trouble, unheard: 0 },
            DegradedReason::MessagesLost { url: url.clone(), messages: 1 },
            DegradedReason::MessagesLate { url: url.clone(), seconds: 5 },
            DegradedReason::PacketTooLarge { url, topic: String::new(), messages: 1 },
            DegradedReason::ForeignTopics { url: String::new(), topic: String::new() },
            DegradedReason::NothingDelivered { url: String::new() },
            DegradedReason::NotUnderstood {
                edge: String::new(),
                example: None,
                reason: String::new(),
            },
            DegradedReason::OnlyStored { edges: String::new(), count: 1, reason: "" },
            DegradedReason::Offline { edge: String::new(), since: None },
            DegradedReason::ValuesRejected {
                machine: String::new(),
                machines: 1,
                refusal: RejectReason::Invalid,
                values: 1,
                example: String::new(),
            },
            DegradedReason::OutboxFull(drop_order(None)),
            DegradedReason::ValuesExpiring {
                since: Timestamp::from_millis(0),
                then: TooOld::Imported,
            },
            DegradedReason::AwaitsBirth {
                machine: None,
                values: 1,
                until: Timestamp::from_millis(0),
                then: TooOld::Rejected,
            },
            DegradedReason::LateValuesFailing { why: String::new() },
            DegradedReason::OutboxNotWritable(String::new()),
            DegradedReason::OutboxUnreadable(String::new()),
            DegradedReason::OutboxLost(0),
            DegradedReason::SiteWise {
                host: String::new(),
                plane: Plane::Write,
                why: String::new(),
            },
            DegradedReason::SiteWiseSlow {
                host: String::new(),
                plane: Plane::Write,
                took: std::time::Duration::from_secs(8),
            },
            DegradedReason::ClientIdShared { url: String::new(), why: "".into() },
            DegradedReason::AllNodesExcluded { edge: String::new(), messages: 1 },
            DegradedReason::Finding { edge: None, finding: Finding::HostConflict, count: 1 },
            DegradedReason::CommandsUnreachable { url: String::new(), why: String::new() },
            DegradedReason::LeaseUnreachable { why: String::new() },
            DegradedReason::NoFollower { since: Timestamp::from_millis(0) },
            DegradedReason::Clock { ahead: 1 },
            DegradedReason::SenderClock { edge: String::new(), ahead: 1, others: 0 },
            DegradedReason::ValuesTooFast {
                machine: String::new(),
                example: String::new(),
                values: 1,
            },
            DegradedReason::ValuesRetried { machine: String::new(), retried: of_denied() },
            DegradedReason::Problem { first: subject.clone(), subject, count: 1, reason },
        ];
        caps.into_iter().chain(others)
    }

    #[test]
    fn every_label_is_one_that_is_declared() {
        let all: DegradedReasons = one_of_each().collect();
        assert!(all.counts().all(|(_, count)| count == 1), "{all:?}");
        for line in all.lines() {
            let words: Vec<_> = line.split(' ').map(|word| word.trim_matches(':')).collect();
            assert!(words.windows(2).all(|two| two[0] != two[1] || two[0].is_empty()), "{line}");
        }
    }

    /// Some said only what was wrong.
    #[test]
    fn every_problem_says_what_to_do() {
        const DO: [&str; 25] = [
            "allow ",
            "change ",
            "check ",
            "correct ",
            "delete ",
            "exclude ",
            "find out ",
            "free ",
            "give ",
            "let ",
            "look ",
            "raise ",
            "renew ",
            "request ",
            "restart ",
            "run ",
            "see ",
            "send less ",
            "set ",
            "slows down by itself",
            "spread ",
            "start ",
            "synchronize ",
            "wait",
            "created again",
        ];
        let says = |text: &str| assert!(DO.iter().any(|what| text.contains(what)), "{text}");
        let finding = |finding| DegradedReason::Finding { edge: None, finding, count: 1 };
        let findings = Finding::ALL.into_iter().filter(|finding| finding.needs_people());
        let refused = RejectReason::ALL.map(|refusal| DegradedReason::ValuesRejected {
            machine: String::new(),
            machines: 1,
            refusal,
            values: 1,
            example: String::new(),
        });
        let retried = Cause::ALL.map(|cause| DegradedReason::ValuesRetried {
            machine: String::new(),
            retried: RetriedValues { cause, ..of_denied() },
        });
        // What these say is made elsewhere, with what to do.
        let is_ours = |why: &DegradedReason| {
            !matches!(
                why,
                DegradedReason::NotUnderstood { .. }
                    | DegradedReason::OnlyStored { .. }
                    | DegradedReason::LateValuesFailing { .. }
                    | DegradedReason::SiteWise { .. }
                    | DegradedReason::ClientIdShared { .. }
                    | DegradedReason::CommandsUnreachable { .. }
                    | DegradedReason::LeaseUnreachable { .. }
                    | DegradedReason::Problem { .. }
            )
        };
        for why in one_of_each().filter(is_ours) {
            says(&why.reason());
        }
        for why in findings.map(finding).chain(refused).chain(retried) {
            says(&why.reason());
        }
        for cause in Cause::ALL {
            says(cause.remedy());
        }
        for kind in [RejectionKind::Rejected, RejectionKind::Limit] {
            says(kind.remedy());
        }
        for reason in RebirthReason::ALL {
            for (kind, known_by) in [
                (NodeProblemKind::Unanswered, KnownBy::Messages),
                (NodeProblemKind::TooCostly, KnownBy::Messages),
                (NodeProblemKind::RequestDisabled, KnownBy::Messages),
                (NodeProblemKind::Unanswered, KnownBy::StoredBirth),
                (NodeProblemKind::RequestDisabled, KnownBy::StoredBirth),
            ] {
                let since = Timestamp::from_millis(0);
                says(&NodeProblem { reason, since, kind, known_by, example: None }.words());
            }
        }
        for finding in Finding::ALL.into_iter().filter(|finding| finding.is_loss()) {
            let rule = limits::rule(finding).unwrap_or_default();
            // Its own words are the problem's.
            if finding != Finding::RebirthUnanswered {
                says(&format!("{} {rule}", finding.description()));
            }
        }
    }
}
