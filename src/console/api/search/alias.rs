//! The property that has an alias of `TWIN_ALIASES`: looked for by the address that it stands for.

use super::{AssetRow, MAX_ASSETS, result_row};
use crate::console::api::ApiError;
use crate::console::queries::EngineQueries;
use crate::console::view::EngineView;

/// The property with exactly this alias. None if there is no such property, or the template cannot be
/// read backwards.
pub(super) async fn find(
    queries: &EngineQueries,
    text: &str,
) -> Result<Option<AssetRow>, ApiError> {
    let alias = text.trim().to_owned();
    if !alias.contains('/') {
        return Ok(None);
    }
    let address = queries.ask(move |view| {
        let template = view.bridge.labels()?.config().aliases.as_ref()?;
        template.address(&alias)
    });
    let Some(address) = address.await? else { return Ok(None) };
    let mut from = 0;
    loop {
        let address = address.clone();
        let result = queries.ask(move |view| search_slice(view, &address, from)).await?;
        match result {
            SliceResult::Found(row) => return Ok(Some(*row)),
            SliceResult::More(next) => from = next,
            SliceResult::Nothing => return Ok(None),
        }
    }
}

/// The result of searching some of the assets.
enum SliceResult {
    Found(Box<AssetRow>),
    /// Not found so far: the search goes on from this index.
    More(u32),
    Nothing,
}

/// Searches a bounded number of assets, from this index on.
fn search_slice(view: &EngineView<'_>, address: &str, from: u32) -> SliceResult {
    let twin = view.bridge.twin();
    let mut next = None;
    for (ix, asset) in twin.assets_from(from).take(MAX_ASSETS) {
        next = Some(ix.0.saturating_add(1));
        let below = address.strip_prefix(&*asset.address).and_then(|rest| rest.strip_prefix('/'));
        let Some(member) = below else { continue };
        let mut properties = twin.model_at(asset.model).properties.iter();
        let property = properties.find(|has| !has.is_attribute() && *has.name == *member);
        if let Some(property) = property {
            return SliceResult::Found(Box::new(result_row(view, ix, Some(property))));
        }
    }
    next.map_or(SliceResult::Nothing, SliceResult::More)
}
