//! What the lanes of aliases, notifications and tags left as it is.

use serde::Serialize;
use uuid::Uuid;

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
    /// The asset's id and the property's; none of tags.
    asset: Option<Uuid>,
    property_id: Option<Uuid>,
    /// The alias that the property keeps in place of the wanted one.
    kept: Option<Box<str>>,
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
            asset: remark.ids.map(|(asset, _)| asset),
            property_id: remark.ids.map(|(_, property)| property),
            kept: remark.kept.clone(),
            reason: remark.reason.clone(),
        });
        RowPage::cut(rows, from, limit)
    });
    Ok(page.await?)
}
