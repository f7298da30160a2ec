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
    /// The asset's id; none of a model's tags.
    asset: Option<Uuid>,
    /// The property's; none of tags.
    property_id: Option<Uuid>,
    /// The id of the model whose tag it is.
    model: Option<Uuid>,
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
            asset: remark.asset(),
            property_id: remark.ids.map(|(_, property)| property),
            model: remark.model(),
            kept: remark.kept.clone(),
            reason: remark.reason.clone(),
        });
        RowPage::cut(rows, from, limit)
    });
    Ok(page.await?)
}
