//! Search: assets, the properties that tags, members and parameters became, and tags that became
//! none.

mod alias;
mod lost;

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;
use serde::Serialize;
use uuid::Uuid;

use self::lost::LostTag;
use super::ApiError;
use super::delivery_status;
use super::query::Query;
use super::tree::{AssetLink, AssetRow, row};
use crate::console::queries::EngineQueries;
use crate::console::view::EngineView;
use crate::sparkplug::host::BornCursor;
use crate::twin::Twin;
use crate::twin::view::{AssetIx, DesiredProperty, ModelIx};

/// Rows of a page unless asked otherwise.
const ROWS: usize = 100;
/// Assets that one question looks at, and names of properties: some milliseconds.
const ASSETS: usize = 5_000;
const NAMES: usize = 50_000;
/// Properties of one asset that are shown at most.
const OF_ASSET: usize = 20;
/// Words that are looked for at most.
const WORDS: usize = 32;

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum SearchQuery {
    /// An id of SiteWise's, of an asset, a property, or a model, which stands for its assets.
    Id(Uuid),
    /// Words, in small letters, each of which has to be in the address, the asset's name, or the
    /// name of one property.
    Words(Vec<String>),
}

impl SearchQuery {
    fn of(text: &str) -> Self {
        match text.trim().parse() {
            Ok(id) => Self::Id(id),
            // The group and the node of a topic may hold blanks: it is read before it is cut.
            Err(_) => {
                let text = address(text.trim());
                Self::Words(text.split_whitespace().take(WORDS).map(word).collect())
            }
        }
    }
}

/// A word in small letters; of a topic, the address it stands for.
fn word(text: &str) -> String {
    address(text).to_lowercase()
}

/// The address that a topic stands for; what is none is as it was.
fn address(text: &str) -> String {
    let mut parts = text.split('/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(space), Some(group), Some(_)) if space.eq_ignore_ascii_case("spBv1.0") => {
            [group].into_iter().chain(parts).collect::<Vec<_>>().join("/")
        }
        _ => text.to_owned(),
    }
}

/// A page of what is found.
#[derive(Debug, Serialize)]
pub(super) struct Found {
    rows: Vec<AssetRow>,
    /// What `from` has to be for the next page; none on the last.
    next: Option<String>,
    /// On the first page: tags whose values go nowhere.
    lost: BTreeSet<LostTag>,
    /// There are more of them.
    lost_more: bool,
    /// The address that is looked for, where nothing is found and the filter leaves it out.
    left_out: Option<String>,
}

/// What is found in a stretch of assets.
struct SearchPage {
    rows: Vec<AssetRow>,
    /// The place after the last asset that was looked at, and how many there are.
    next: usize,
    total: usize,
}

/// Assets and properties that some words name, a page from a place on.
pub(super) async fn search(questions: &EngineQueries, query: &Query) -> Result<Found, ApiError> {
    let text = query.get("q").unwrap_or_default();
    let wanted = SearchQuery::of(text);
    let limit = query.limit(ROWS)?;
    let mut from = query.number("from")?.unwrap_or_default();
    let is_first = from == 0;
    if is_first && let Some(row) = alias::find(questions, text).await? {
        let lost = BTreeSet::new();
        return Ok(Found { rows: vec![row], next: None, lost, lost_more: false, left_out: None });
    }
    let mut rows = Vec::new();
    // Each part is a question of its own: others, and the plant, come in between.
    loop {
        let (wanted, room) = (wanted.clone(), limit.saturating_sub(rows.len()));
        let part = questions.ask(move |look| part(look, &wanted, from, room)).await?;
        rows.extend(part.rows);
        from = part.next;
        if from >= part.total {
            from = usize::MAX;
        }
        if from == usize::MAX || rows.len() >= limit {
            break;
        }
    }
    let next = (from != usize::MAX).then(|| from.to_string());
    let (lost, lost_more) = match is_first {
        true => search_lost(questions, &wanted).await?,
        false => (BTreeSet::new(), false),
    };
    let address = address(text.trim());
    let left_out = match rows.is_empty() && lost.is_empty() && address.contains('/') {
        true => {
            questions.ask(move |look| look.bridge.host().leaves_out(&address).then_some(address))
        }
        false => return Ok(Found { rows, next, lost, lost_more, left_out: None }),
    };
    Ok(Found { left_out: left_out.await?, rows, next, lost, lost_more })
}

/// Tags whose values go nowhere, and whether there are more.
async fn search_lost(
    questions: &EngineQueries,
    wanted: &SearchQuery,
) -> Result<(BTreeSet<LostTag>, bool), ApiError> {
    let (mut found, mut from) = (BTreeSet::new(), BornCursor::default());
    loop {
        let (wanted, room) = (wanted.clone(), lost::ROWS.saturating_sub(found.len()));
        let part = questions.ask(move |look| lost::part(look, &wanted, from, room)).await?;
        found.extend(part.rows);
        match part.next {
            Some(next) if found.len() < lost::ROWS => from = next,
            next => return Ok((found, next.is_some())),
        }
    }
}

fn part(look: &EngineView<'_>, wanted: &SearchQuery, from: usize, room: usize) -> SearchPage {
    let twin = look.bridge.twin();
    let mut part = SearchPage { rows: Vec::new(), next: from, total: twin.size().1 };
    if let SearchQuery::Id(id) = wanted
        && let Some((ix, _)) = twin.asset(*id)
    {
        part.rows.push(found(look, ix, None));
        part.next = part.total;
        return part;
    }
    let of_model = match wanted {
        SearchQuery::Id(id) => twin.model(*id).map(|(ix, _)| ix),
        SearchQuery::Words(_) => None,
    };
    let start = u32::try_from(from).unwrap_or(u32::MAX);
    let mut names = MatchingNames::default();
    for (ix, asset) in twin.assets_from(start).take(ASSETS) {
        part.next = ix.0 as usize + 1;
        let (missing, across) = match wanted {
            SearchQuery::Id(_) => (0, Vec::new()),
            SearchQuery::Words(words) => {
                let (address, name) = (asset.address.to_lowercase(), asset.name.to_lowercase());
                let has = |word: &str| address.contains(word) || name.contains(word);
                let missing = missing(words, has);
                (missing, across(words, &address, missing))
            }
        };
        match wanted {
            SearchQuery::Words(_) if missing == 0 => part.rows.push(found(look, ix, None)),
            SearchQuery::Id(_) if of_model == Some(asset.model) => {
                part.rows.push(found(look, ix, None));
            }
            SearchQuery::Words(words) if !across.is_empty() => {
                let properties = &twin.model_at(asset.model).properties;
                names.models_searched += properties.len();
                let is_meant = |property: &&DesiredProperty| {
                    let name = property.name.to_lowercase();
                    let begun = across.iter().filter(|(_, start)| name.starts_with(start));
                    let begun = begun.fold(0, |all, (bit, _)| all | bit);
                    self::missing(words, |word| name.contains(word)) & missing & !begun == 0
                };
                let properties = properties.iter().filter(is_meant).take(OF_ASSET);
                part.rows.extend(properties.map(|property| found(look, ix, Some(property))));
            }
            wanted => {
                let properties = names.of(twin, asset.model, wanted).iter();
                let properties = properties.filter(|(_, lacks)| lacks & missing == 0);
                let model = twin.model_at(asset.model);
                let properties = properties.filter_map(|(at, _)| model.properties.get(*at));
                let rows =
                    properties.take(OF_ASSET).map(|property| found(look, ix, Some(property)));
                part.rows.extend(rows);
            }
        }
        if part.rows.len() >= room || names.models_searched >= NAMES {
            break;
        }
    }
    part
}

/// A bit for each word that is not there.
fn missing(words: &[String], has: impl Fn(&str) -> bool) -> u32 {
    let bit = |(place, word): (usize, &String)| u32::from(!has(word)) << place;
    words.iter().enumerate().map(bit).fold(0, |all, bit| all | bit)
}

/// Words that begin in an asset's address and end in the name of one of its properties, as whole
/// addresses of tags do: the word's bit, and what the property's name has to begin with.
fn across<'a>(words: &'a [String], address: &str, missing: u32) -> Vec<(u32, &'a str)> {
    let bit = |place: usize| (1 << place) & missing;
    let words = words.iter().enumerate().map(|(place, word)| (bit(place), word));
    let cuts = words.filter(|(bit, _)| *bit != 0).flat_map(|(bit, word)| {
        let cut = move |(at, _)| Some((bit, word.get(..at)?, word.get(at + 1..)?));
        word.match_indices('/').filter_map(cut)
    });
    let is_here =
        |head: &str, tail: &str| !head.is_empty() && !tail.is_empty() && address.ends_with(head);
    let cuts = cuts.filter(|(_, head, tail)| is_here(head, tail));
    cuts.map(|(bit, _, tail)| (bit, tail)).collect()
}

/// Which of the words the properties of each model have in their names.
#[derive(Default)]
struct MatchingNames {
    /// Places of those that have any, with a bit for each word that they lack.
    of: FxHashMap<ModelIx, Vec<(usize, u32)>>,
    models_searched: usize,
}

impl MatchingNames {
    fn of(&mut self, twin: &Twin, model: ModelIx, wanted: &SearchQuery) -> &[(usize, u32)] {
        self.of.entry(model).or_insert_with(|| {
            let properties = &twin.model_at(model).properties;
            self.models_searched += properties.len();
            let lacks = |property: &DesiredProperty| match wanted {
                SearchQuery::Id(id) => (property.id == *id).then_some(0),
                SearchQuery::Words(words) => {
                    let name = property.name.to_lowercase();
                    let lacks = missing(words, |word| name.contains(word));
                    (lacks.count_ones() < words.len() as u32).then_some(lacks)
                }
            };
            let places = properties.iter().enumerate();
            places.filter_map(|(at, property)| Some((at, lacks(property)?))).collect()
        })
    }
}

fn found(look: &EngineView<'_>, ix: AssetIx, property: Option<&DesiredProperty>) -> AssetRow {
    let twin = look.bridge.twin();
    let asset = twin.asset_at(ix);
    let mut row = row(twin, ix, asset);
    row.address = Some(asset.address.to_string());
    row.property =
        property.map(|property| AssetLink { id: property.id, name: property.name.to_string() });
    row.problem = property.and_then(|property| delivery_status::rejected(look, asset, property));
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_looked_for_as_the_address_it_stands_for() {
        let words = |text: &str| match SearchQuery::of(text) {
            SearchQuery::Words(words) => words,
            SearchQuery::Id(id) => panic!("{id}"),
        };
        assert_eq!(words("spBv1.0/Nordsee/DDATA/gw/P7 Speed"), ["nordsee/gw/p7", "speed"]);
        assert_eq!(words("spBv1.0/Nordsee/NBIRTH/gw"), ["nordsee/gw"]);
        assert_eq!(words(" spBv1.0/Plant 1/NDATA/Gateway A"), ["plant", "1/gateway", "a"]);
        assert_eq!(words("Speed spBv1.0/Nordsee/NBIRTH/gw"), ["speed", "nordsee/gw"]);
        assert_eq!(words("Nordsee/gw/P7"), ["nordsee/gw/p7"]);
        assert!(words("").is_empty());
        let id = "8a1e7c2e-51d5-5a2b-9a5e-0d7f4f2f7c11";
        assert_eq!(SearchQuery::of(id), SearchQuery::Id(id.parse().unwrap()));
    }

    #[test]
    fn a_whole_address_is_cut_where_the_assets_ends() {
        let words = |text: &str| match SearchQuery::of(text) {
            SearchQuery::Words(words) => words,
            SearchQuery::Id(id) => panic!("{id}"),
        };
        let of = |text: &str, address: &str| {
            let words = words(text);
            let missing = missing(&words, |word| address.contains(word));
            let cuts = across(&words, address, missing).into_iter();
            cuts.map(|(bit, tail)| (bit, tail.to_owned())).collect::<Vec<_>>()
        };
        assert_eq!(of("g/gw/Drive/Temp", "g/gw"), [(1, "drive/temp".to_owned())]);
        assert_eq!(of("hot g/gw/Temp", "g/gw"), [(2, "temp".to_owned())]);
        for (text, address) in
            [("g/gw", "g/gw"), ("g/gw/", "g/gw"), ("/T", "g"), ("h/gw/T", "g/gw")]
        {
            assert!(of(text, address).is_empty(), "{text}");
        }
    }

    #[test]
    fn a_property_makes_up_for_the_words_its_asset_lacks() {
        let words = ["a".to_owned(), "b".to_owned(), "c".to_owned()];
        assert_eq!(missing(&words, |word| word == "b"), 0b101);
        assert_eq!(missing(&words, |_| true), 0);
    }
}
