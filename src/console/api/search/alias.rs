//! Properties by an alias: the one that SiteWise has, or that of `TWIN_ALIASES`, looked for by the
//! address that it stands for.

use super::{AssetRow, MAX_ASSETS, result_row};
use crate::console::api::ApiError;
use crate::console::queries::EngineQueries;
use crate::console::view::EngineView;

/// Properties with one alias that are listed at most.
const MAX_ROWS: usize = 20;

/// The properties that have exactly this alias or should have it: names with slashes can give several
/// the same one. Nothing if there is none, or the template cannot be read backwards.
pub(super) async fn find(queries: &EngineQueries, text: &str) -> Result<Vec<AssetRow>, ApiError> {
    let alias = text.trim().to_owned();
    if !alias.contains('/') {
        return Ok(Vec::new());
    }
    let first = queries.ask(move |view| {
        let labels = view.bridge.labels()?;
        let template = labels.config().aliases.as_ref()?;
        Some((holder(view, &alias), template.address(&alias)))
    });
    let Some((holder, address)) = first.await? else { return Ok(Vec::new()) };
    let mut rows: Vec<AssetRow> = holder.into_iter().collect();
    let Some(address) = address else { return Ok(rows) };
    let mut from = Some(0);
    while let Some(start) = from.filter(|_| rows.len() < MAX_ROWS) {
        let address = address.clone();
        let (found, next) = queries.ask(move |view| search_slice(view, &address, start)).await?;
        rows.extend(found);
        from = next;
    }
    rows.truncate(MAX_ROWS);
    Ok(rows)
}

/// The property that has this alias in place of the one that it should have.
fn holder(view: &EngineView<'_>, alias: &str) -> Option<AssetRow> {
    let (asset, property) = view.bridge.labels()?.holder(alias)?;
    let twin = view.bridge.twin();
    let (ix, asset) = twin.asset(asset)?;
    Some(result_row(view, ix, Some(twin.property(asset, property)?)))
}

/// Searches a bounded number of assets, from this index on. Returns what was found, and where to go on.
fn search_slice(view: &EngineView<'_>, address: &str, from: u32) -> (Vec<AssetRow>, Option<u32>) {
    let twin = view.bridge.twin();
    let (mut rows, mut next) = (Vec::new(), None);
    for (ix, asset) in twin.assets_from(from).take(MAX_ASSETS) {
        next = Some(ix.0.saturating_add(1));
        let below = address.strip_prefix(&*asset.address).and_then(|rest| rest.strip_prefix('/'));
        let Some(member) = below else { continue };
        let mut properties = twin.model_at(asset.model).properties.iter();
        let property = properties.find(|has| !has.is_attribute() && *has.name == *member);
        rows.extend(property.map(|property| result_row(view, ix, Some(property))));
    }
    (rows, next)
}
