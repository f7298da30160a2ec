//! The property that has an alias of `TWIN_ALIASES`: looked for by the address that it stands for.

use super::{ASSETS, AssetRow, found};
use crate::console::api::ApiError;
use crate::console::queries::EngineQueries;
use crate::console::view::EngineView;

/// The property with exactly this alias; none if there is none, or no template that shows which part
/// of an alias is what.
pub(super) async fn find(
    questions: &EngineQueries,
    text: &str,
) -> Result<Option<AssetRow>, ApiError> {
    let alias = text.trim().to_owned();
    if !alias.contains('/') {
        return Ok(None);
    }
    let address = questions.ask(move |look| {
        let template = look.bridge.labels()?.config().aliases.as_ref()?;
        template.address(&alias)
    });
    let Some(address) = address.await? else { return Ok(None) };
    let mut from = 0;
    loop {
        let address = address.clone();
        let part = questions.ask(move |look| part(look, &address, from)).await?;
        match part {
            Part::Found(row) => return Ok(Some(*row)),
            Part::More(next) => from = next,
            Part::Nothing => return Ok(None),
        }
    }
}

/// What was found among some assets.
enum Part {
    Found(Box<AssetRow>),
    /// It may be from this place on.
    More(u32),
    Nothing,
}

fn part(look: &EngineView<'_>, address: &str, from: u32) -> Part {
    let twin = look.bridge.twin();
    let mut next = None;
    for (ix, asset) in twin.assets_from(from).take(ASSETS) {
        next = Some(ix.0.saturating_add(1));
        let below = address.strip_prefix(&*asset.address).and_then(|rest| rest.strip_prefix('/'));
        let Some(member) = below else { continue };
        let mut properties = twin.model_at(asset.model).properties.iter();
        let property = properties.find(|has| !has.is_attribute() && *has.name == *member);
        if let Some(property) = property {
            return Part::Found(Box::new(found(look, ix, Some(property))));
        }
    }
    next.map_or(Part::Nothing, Part::More)
}
