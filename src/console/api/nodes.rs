//! Edge nodes, with their findings.

use serde::Serialize;

use super::query::Query;
use super::{ApiError, RowPage};
use crate::console::queries::EngineQueries;
use crate::console::snapshot::PHASES;
use crate::sparkplug::address::Source;
use crate::sparkplug::host::{FindingRecord, NodePhase};

/// Rows of a page unless asked otherwise.
const ROWS: usize = 100;

/// An edge node.
#[derive(Debug, Serialize)]
pub(super) struct NodeRow {
    group: String,
    node: String,
    phase: &'static str,
    born: Option<i64>,
    died: Option<i64>,
    gaps: u64,
    rebirths: u64,
    findings: Vec<FindingRow>,
}

#[derive(Debug, Serialize)]
struct FindingRow {
    name: &'static str,
    /// What it means, in words for people.
    words: &'static str,
    /// The statement of the specification that it is held against.
    statement: Option<&'static str>,
    count: u64,
    last: i64,
    /// The topic of the first message that showed it.
    example: String,
}

/// Edge nodes in the order in which they were first seen; with `only=findings` those that have any,
/// with `only=offline` those that are not online.
pub(super) async fn list(
    queries: &EngineQueries,
    query: &Query,
) -> Result<RowPage<NodeRow>, ApiError> {
    let words = query.get("q").unwrap_or_default().to_lowercase();
    let (from, limit) = (query.number("from")?.unwrap_or_default(), query.limit(ROWS)?);
    let (findings, offline) = match query.get("only") {
        None => (false, false),
        Some("findings") => (true, false),
        Some("offline") => (false, true),
        Some(_) => return Err(ApiError::Wrong("`only` must be findings or offline")),
    };
    let page = queries.ask(move |view| {
        let (host, twin) = (view.bridge.host(), view.bridge.twin());
        let nodes = host.nodes().filter(|node| {
            (!findings || !node.found.is_empty())
                && (!offline || node.phase != NodePhase::Online)
                && (words.is_empty() || node.edge.to_string().to_lowercase().contains(&words))
        });
        let rows = nodes.map(|node| {
            let source = Source { edge: node.edge.clone(), device: None };
            let presence = twin.presence_of(&source);
            let phase = PHASES.iter().find(|(phase, _)| *phase == node.phase);
            NodeRow {
                group: node.edge.group.to_string(),
                node: node.edge.node.to_string(),
                phase: phase.map_or("unknown", |(_, label)| label),
                born: presence.born.map(|time| time.as_millis()),
                died: host.died(node.edge).or(presence.died).map(|time| time.as_millis()),
                gaps: node.figures.gaps,
                rebirths: node.figures.rebirths,
                findings: node.found.iter().map(finding).collect(),
            }
        });
        RowPage::cut(rows, from, limit)
    });
    Ok(page.await?)
}

fn finding(found: &FindingRecord<'_>) -> FindingRow {
    FindingRow {
        name: found.finding.name(),
        words: found.finding.description(),
        statement: found.finding.tck_id(),
        count: found.count,
        last: found.last.as_millis(),
        example: found.example.to_owned(),
    }
}
