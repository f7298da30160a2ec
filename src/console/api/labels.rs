//! What the lanes of aliases, notifications and tags left as it is.

use serde::Serialize;

use super::query::Query;
use super::{ApiError, RowPage};
use crate::console::queries::EngineQueries;

/// Rows of a page unless asked otherwise.
const ROWS: usize = 50;

/// A property, a model or an asset that keeps other labels than those that are wanted.
#[derive(Debug, Serialize)]
pub(super) struct LabelRow {
    /// Why, as the metric names it.
    kind: &'static str,
    property: String,
    reason: String,
}

/// The last thousand of these, the latest first.
pub(super) async fn list(
    queries: &EngineQueries,
    query: &Query,
) -> Result<RowPage<LabelRow>, ApiError> {
    let (from, limit) = (query.number("from")?.unwrap_or_default(), query.limit(ROWS)?);
    let page = queries.ask(move |view| {
        let remarks = view.bridge.labels().map(|labels| labels.remarks());
        let rows = remarks.into_iter().flatten().map(|remark| LabelRow {
            kind: remark.kind.name(),
            property: remark.property.clone(),
            reason: remark.reason.clone(),
        });
        RowPage::cut(rows, from, limit)
    });
    Ok(page.await?)
}
