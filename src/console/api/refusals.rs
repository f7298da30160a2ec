//! Problems, and rejected values.

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::link::{self, Link};
use super::query::Query;
use super::tree::{quality, variant};
use super::{ApiError, RowPage};
use crate::console::degraded::DegradedReason;
use crate::console::queries::EngineQueries;
use crate::console::view::EngineView;
use crate::outbox::dead_letters::{DeadLetter, DeadLetterRecord};

/// Rows of a page unless asked otherwise.
const ROWS: usize = 50;

/// A refused value.
#[derive(Debug, Serialize)]
pub(super) struct RejectedValueRow {
    at: i64,
    asset: Uuid,
    /// None where the asset or the property is not known any more.
    asset_name: Option<String>,
    property_name: Option<String>,
    kind: &'static str,
    reason: String,
    time: i64,
    quality: &'static str,
    value: Value,
}

/// Problems: subject and reason.
#[derive(Debug, Serialize)]
pub(super) struct ProblemRow {
    /// The label of the reason.
    kind: &'static str,
    subject: String,
    reason: String,
    /// The page of what it is about.
    link: Option<Link>,
}

/// A rule that would make assets of flat metrics.
#[derive(Debug, Serialize)]
pub(super) struct SuggestionRow {
    /// Ready to paste into `TWIN_RULES`.
    rule: String,
    /// The sender that showed it first.
    source: String,
    assets: usize,
    members: usize,
}

/// Rules that would make assets of flat metrics, in the order in which they were noticed.
pub(super) async fn suggestions(
    queries: &EngineQueries,
    query: &Query,
) -> Result<RowPage<SuggestionRow>, ApiError> {
    let (from, limit) = (query.number("from")?.unwrap_or_default(), query.limit(ROWS)?);
    let page = queries.ask(move |view| {
        let rows = view.bridge.folders().found().map(|(source, suggestion)| SuggestionRow {
            rule: suggestion.rule.clone(),
            source: source.to_string(),
            assets: suggestion.assets,
            members: suggestion.members,
        });
        RowPage::cut(rows, from, limit)
    });
    Ok(page.await?)
}

/// Refused values, the last first.
pub(super) async fn refusals(
    queries: &EngineQueries,
    query: &Query,
) -> Result<RowPage<RejectedValueRow>, ApiError> {
    let (from, limit) = (query.number("from")?.unwrap_or_default(), query.limit(ROWS)?);
    let page = queries.ask(move |view| {
        let twin = view.bridge.twin();
        let rows = view.dead_letters.iter().rev().map(|letter| {
            let point = &letter.point;
            let asset = twin.asset(point.stream.asset).map(|(_, asset)| asset);
            let property = asset.and_then(|asset| twin.property(asset, point.stream.property));
            RejectedValueRow {
                at: letter.at.as_millis(),
                asset: point.stream.asset,
                asset_name: asset.map(|asset| asset.name.to_string()),
                property_name: property.map(|property| property.name.to_string()),
                kind: letter.refusal.label(),
                reason: letter.reason.clone(),
                time: point.time.as_millis(),
                quality: quality(point.quality),
                value: variant(&point.value),
            }
        });
        RowPage::cut(rows, from, limit)
    });
    Ok(page.await?)
}

/// Refused values in memory as `sparkwise dead-letters` prints them, the first first, after the one
/// with the number `after`.
pub(super) async fn dead_letters(
    queries: &EngineQueries,
    query: &Query,
) -> Result<RowPage<DeadLetterRecord>, ApiError> {
    let (after, limit) = (query.number("after")?.unwrap_or_default(), query.limit(ROWS)?);
    let page = queries.ask(move |view| {
        let mut letters = view.dead_letters.numbered(after as u64);
        let record =
            |(id, letter): (u64, &DeadLetter)| DeadLetterRecord::new(id, letter.clone(), None);
        let rows: Vec<_> = letters.by_ref().take(limit).map(record).collect();
        let next = letters.next().and_then(|_| rows.last()).map(|last| last.id.to_string());
        RowPage { rows, next }
    });
    Ok(page.await?)
}

/// All problems: machines, models, assets, servers, the outbox.
pub(super) async fn problems(
    queries: &EngineQueries,
    query: &Query,
) -> Result<RowPage<ProblemRow>, ApiError> {
    let (from, limit) = (query.number("from")?.unwrap_or_default(), query.limit(ROWS)?);
    let page = queries.ask(move |view| {
        let rows = DegradedReason::all(view).into_iter().map(|why| problem_row(view, &why));
        RowPage::cut(rows, from, limit)
    });
    Ok(page.await?)
}

pub(super) fn problem_row(view: &EngineView<'_>, why: &DegradedReason) -> ProblemRow {
    ProblemRow {
        kind: why.label(),
        subject: why.subject().to_owned(),
        reason: why.reason(),
        link: link::of(view.bridge.twin(), why),
    }
}
