//! What is wrong with what a search finds, and with names that have no asset: edge nodes that were
//! never born, or are not understood.

use std::collections::BTreeSet;

use serde::Serialize;
use uuid::Uuid;

use super::{SearchQuery, missing_words};
use crate::console::api::refusals::{ProblemRow, problem_row};
use crate::console::degraded::{DegradedReason, first_names};
use crate::console::snapshot::PHASES;
use crate::console::view::EngineView;
use crate::sparkplug::address::Source;
use crate::sparkplug::host::KnownBy;
use crate::twin::view::Address;

/// Rows at most.
const ROWS: usize = 50;
/// Names in a row that many edge nodes share.
const NAMES: usize = 5;

/// Problems and edge nodes beside the assets that were found.
#[derive(Debug, Default, Serialize)]
pub(super) struct Around {
    /// What is wrong with these machines, and with others that the words match; the most severe first.
    pub(super) problems: Vec<ProblemRow>,
    /// Edge nodes that the words match and that have no asset.
    pub(super) nodes: Vec<NodeWithoutAsset>,
}

/// An edge node that has no asset: it was never born, or with no tag of its own.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct NodeWithoutAsset {
    address: String,
    phase: &'static str,
}

/// What is wrong with these assets, and with whom the words match.
pub(super) fn around(view: &EngineView<'_>, wanted: &SearchQuery, assets: &[Uuid]) -> Around {
    let words = match wanted {
        SearchQuery::Words(words) if !words.is_empty() => &words[..],
        SearchQuery::Words(_) | SearchQuery::Id(_) => &[],
    };
    let machines = machines(view, assets);
    let is_about = |why: &DegradedReason| {
        machines.contains(why.subject()) || matches(words, why.subject(), why.mentions())
    };
    let mut problems = Vec::new();
    for why in DegradedReason::all(view) {
        match why {
            DegradedReason::OnlyStored { reason, .. } => {
                problems.extend(only_stored(view, words, reason));
            }
            why if is_about(&why) => problems.push(problem_row(view, &why)),
            _ => {}
        }
        if problems.len() >= ROWS {
            break;
        }
    }
    Around { problems, nodes: nodes(view, words) }
}

/// The subjects of problems that concern these assets: their own, their machines and edge nodes, and
/// their models.
fn machines(view: &EngineView<'_>, assets: &[Uuid]) -> BTreeSet<String> {
    let twin = view.bridge.twin();
    let mut machines = BTreeSet::new();
    for (ix, asset) in assets.iter().filter_map(|id| twin.asset(*id)) {
        machines.insert(format!("asset {}", asset.address));
        machines.insert(format!("model {}", twin.model_at(asset.model).name));
        if let Some(source) = twin.source_of_asset(ix) {
            machines.insert(source.to_string());
            machines.insert(source.edge.to_string());
        }
    }
    machines
}

/// Whether all words are in the subject of a problem or what it mentions; or one of them is the
/// address of something of the machine that is the subject.
fn matches(words: &[String], subject: &str, mentions: &str) -> bool {
    if words.is_empty() {
        return false;
    }
    let (subject, mentions) = (subject.to_lowercase(), mentions.to_lowercase());
    let is_below = |word: &str| {
        let rest = word.strip_prefix(&*subject);
        subject.contains('/') && rest.is_some_and(|rest| rest.starts_with('/'))
    };
    let has = |word: &str| subject.contains(word) || mentions.contains(word) || is_below(word);
    missing_words(words, has) == 0
}

/// The row of edge nodes that are known by stored births alone: of those that the words match.
fn only_stored(
    view: &EngineView<'_>,
    words: &[String],
    reason: &'static str,
) -> Option<ProblemRow> {
    let stored =
        view.bridge.host().problems().filter(|(_, why)| why.known_by == KnownBy::StoredBirth);
    let names = stored.map(|(edge, _)| edge.to_string());
    let mut names: Vec<String> = names.filter(|name| matches(words, name, "")).collect();
    names.sort_unstable();
    let count = names.len() as u64;
    names.truncate(NAMES);
    let edges = first_names(&names, count);
    let row = || problem_row(view, &DegradedReason::OnlyStored { edges, count, reason });
    (count > 0).then(row)
}

/// Edge nodes that the words match and that have no asset.
fn nodes(view: &EngineView<'_>, words: &[String]) -> Vec<NodeWithoutAsset> {
    if words.is_empty() {
        return Vec::new();
    }
    let (host, twin) = (view.bridge.host(), view.bridge.twin());
    let phases = host.phases().filter_map(|(edge, phase)| {
        let address = edge.to_string();
        if !matches(words, &address, "") {
            return None;
        }
        let source = Source { edge: edge.clone(), device: None };
        let id = twin.asset_id(&Address::Source(&source));
        if twin.asset(id).is_some() {
            return None;
        }
        let known = PHASES.iter().find(|(of, _)| *of == phase);
        Some(NodeWithoutAsset { address, phase: known.map_or("unknown", |(_, label)| label) })
    });
    phases.take(ROWS).collect()
}

#[cfg(test)]
mod tests {
    /// `status W/nobirth` said that nothing matches, and `status` had a problem of it.
    #[test]
    fn a_problem_is_found_by_its_machine_by_what_it_mentions_and_by_what_is_below_it() {
        let matches = |words: &str, subject: &str, mentions: &str| {
            let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
            super::matches(&words, subject, mentions)
        };
        assert!(matches("w/nobirth", "W/nobirth", ""));
        assert!(matches("nobirth", "W/nobirth", ""));
        assert!(matches("w/nobirth/d1/speed", "W/nobirth", ""));
        assert!(matches("nobirth nosuch", "W/nobirth", "noSuch tag"));
        for (words, subject) in [
            ("", "W/nobirth"),
            ("w/nobirths", "W/nobirth"),
            ("nobirth speed", "W/nobirth"),
            ("w/x", "W"),
        ] {
            assert!(!matches(words, subject, "nosuch"), "{words}");
        }
    }
}
