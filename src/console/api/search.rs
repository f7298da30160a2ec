//! Search: assets, the properties that tags, members and parameters became, and tags that became
//! none.

mod alias;
mod lost;
mod problems;

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;
use serde::Serialize;
use uuid::Uuid;

use self::lost::LostTag;
use self::problems::Around;
use super::ApiError;
use super::delivery_status;
use super::query::Query;
use super::tree::{AssetLink, AssetRow, alive, row};
use crate::console::queries::EngineQueries;
use crate::console::view::EngineView;
use crate::delivery::point::Stream;
use crate::sparkplug::address::Source;
use crate::sparkplug::host::BornCursor;
use crate::twin::Twin;
use crate::twin::view::{AssetIx, DesiredProperty, ModelIx};

/// Rows of a page unless asked otherwise.
const DEFAULT_ROWS: usize = 100;
/// Assets that one query searches: some milliseconds.
const MAX_ASSETS: usize = 5_000;
/// Names of properties that one query compares.
const MAX_NAMES: usize = 50_000;
/// Properties of one asset in the results at most.
const MAX_PROPERTIES_PER_ASSET: usize = 20;
/// Words of a query that are used.
const MAX_WORDS: usize = 32;

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum SearchQuery {
    /// The id of an asset, a property, or a model; a model's finds its assets.
    Id(Uuid),
    /// Words in lower case. Each has to be in the address, the asset's name, or the name of one
    /// property.
    Words(Vec<String>),
}

impl SearchQuery {
    fn of(text: &str) -> Self {
        match text.trim().parse() {
            Ok(id) => Self::Id(id),
            // A topic's group and node may have blanks: it becomes an address before the text is split.
            Err(_) => {
                let text = address(text.trim());
                Self::Words(text.split_whitespace().take(MAX_WORDS).map(search_word).collect())
            }
        }
    }
}

/// A word in lower case; a topic becomes its address.
fn search_word(text: &str) -> String {
    address(text).to_lowercase()
}

/// The address that a topic stands for. Any other text is returned unchanged.
fn address(text: &str) -> String {
    let mut parts = text.split('/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(space), Some(group), Some(_)) if space.eq_ignore_ascii_case("spBv1.0") => {
            [group].into_iter().chain(parts).collect::<Vec<_>>().join("/")
        }
        _ => text.to_owned(),
    }
}

/// A page of results.
#[derive(Debug, Default, Serialize)]
pub(super) struct SearchResult {
    rows: Vec<AssetRow>,
    /// What `from` has to be for the next page; none on the last.
    next: Option<String>,
    /// An asset has further properties that match, on no page: another word finds them.
    more: bool,
    /// On the first page: tags whose values are dropped.
    lost: BTreeSet<LostTag>,
    /// There are further such tags.
    lost_more: bool,
    /// On the first page: what is wrong with what was found, and what else the words match.
    #[serde(flatten)]
    around: Around,
    /// The address, if nothing was found since the filter excludes it.
    left_out: Option<String>,
}

/// What was found among some of the assets.
struct AssetSlice {
    rows: Vec<AssetRow>,
    /// An asset has further properties that match.
    more: bool,
    /// Index after the last asset that was searched.
    next: usize,
    /// Number of all assets.
    total: usize,
}

impl AssetSlice {
    /// Adds rows for the first properties of an asset.
    fn add<'a>(
        &mut self,
        view: &EngineView<'_>,
        ix: AssetIx,
        mut properties: impl Iterator<Item = &'a DesiredProperty>,
    ) {
        let first = properties.by_ref().take(MAX_PROPERTIES_PER_ASSET);
        self.rows.extend(first.map(|property| result_row(view, ix, Some(property))));
        self.more |= properties.next().is_some();
    }
}

/// A page of the assets and properties that the words match.
pub(super) async fn search(
    queries: &EngineQueries,
    query: &Query,
) -> Result<SearchResult, ApiError> {
    let text = query.get("q").unwrap_or_default();
    let wanted = SearchQuery::of(text);
    let limit = query.limit(DEFAULT_ROWS)?;
    let mut from = query.number("from")?.unwrap_or_default();
    let is_first = from == 0;
    let mut rows = match is_first {
        true => alias::find(queries, text).await?,
        false => Vec::new(),
    };
    if !rows.is_empty() {
        let around = search_around(queries, SearchQuery::Words(Vec::new()), &rows).await?;
        return Ok(SearchResult { rows, around, ..SearchResult::default() });
    }
    let mut more = false;
    // Each slice is a query of its own, so that the engine handles messages in between.
    loop {
        let (wanted, room) = (wanted.clone(), limit.saturating_sub(rows.len()));
        let slice = queries.ask(move |view| slice(view, &wanted, from, room)).await?;
        rows.extend(slice.rows);
        more |= slice.more;
        from = slice.next;
        if from >= slice.total {
            from = usize::MAX;
        }
        if from == usize::MAX || rows.len() >= limit {
            break;
        }
    }
    let next = (from != usize::MAX).then(|| from.to_string());
    let (lost, lost_more) = match is_first {
        true => search_lost(queries, &wanted).await?,
        false => (BTreeSet::new(), false),
    };
    let around = match is_first {
        true => search_around(queries, wanted, &rows).await?,
        false => Around::default(),
    };
    let address = address(text.trim());
    let left_out = match rows.is_empty() && lost.is_empty() && address.contains('/') {
        true => queries.ask(move |view| view.bridge.host().leaves_out(&address).then_some(address)),
        false => {
            let left_out = None;
            return Ok(SearchResult { rows, next, more, lost, lost_more, around, left_out });
        }
    };
    Ok(SearchResult { left_out: left_out.await?, rows, next, more, lost, lost_more, around })
}

/// What is wrong with what was found, and what else is.
async fn search_around(
    queries: &EngineQueries,
    wanted: SearchQuery,
    rows: &[AssetRow],
) -> Result<Around, ApiError> {
    let assets: BTreeSet<Uuid> = rows.iter().map(|row| row.id).collect();
    let assets: Vec<Uuid> = assets.into_iter().collect();
    Ok(queries.ask(move |view| problems::around(view, &wanted, &assets)).await?)
}

/// Tags whose values are dropped, and whether there are more.
async fn search_lost(
    queries: &EngineQueries,
    wanted: &SearchQuery,
) -> Result<(BTreeSet<LostTag>, bool), ApiError> {
    let (mut rows, mut from) = (BTreeSet::new(), BornCursor::default());
    loop {
        let (wanted, room) = (wanted.clone(), lost::ROWS.saturating_sub(rows.len()));
        let slice = queries.ask(move |view| lost::slice(view, &wanted, from, room)).await?;
        rows.extend(slice.rows);
        match slice.next {
            Some(next) if rows.len() < lost::ROWS => from = next,
            next => return Ok((rows, next.is_some())),
        }
    }
}

fn slice(view: &EngineView<'_>, wanted: &SearchQuery, from: usize, room: usize) -> AssetSlice {
    let twin = view.bridge.twin();
    let mut slice = AssetSlice { rows: Vec::new(), more: false, next: from, total: twin.size().1 };
    if let SearchQuery::Id(id) = wanted
        && let Some((ix, _)) = twin.asset(*id)
    {
        slice.rows.push(result_row(view, ix, None));
        slice.next = slice.total;
        return slice;
    }
    let model_by_id = match wanted {
        SearchQuery::Id(id) => twin.model(*id).map(|(ix, _)| ix),
        SearchQuery::Words(_) => None,
    };
    let start = u32::try_from(from).unwrap_or(u32::MAX);
    let mut names = MatchingNames::default();
    for (ix, asset) in twin.assets_from(start).take(MAX_ASSETS) {
        slice.next = ix.0 as usize + 1;
        let (missing, spanning) = match wanted {
            SearchQuery::Id(_) => (0, Vec::new()),
            SearchQuery::Words(words) => {
                let (address, name) = (asset.address.to_lowercase(), asset.name.to_lowercase());
                let has = |word: &str| address.contains(word) || name.contains(word);
                let missing = missing_words(words, has);
                (missing, spanning_words(words, &address, missing))
            }
        };
        match wanted {
            SearchQuery::Words(_) if missing == 0 => slice.rows.push(result_row(view, ix, None)),
            SearchQuery::Id(_) if model_by_id == Some(asset.model) => {
                slice.rows.push(result_row(view, ix, None));
            }
            SearchQuery::Words(words) if !spanning.is_empty() => {
                let properties = &twin.model_at(asset.model).properties;
                names.properties_searched += properties.len();
                let matches = |property: &&DesiredProperty| {
                    let name = property.name.to_lowercase();
                    let found = spanning.iter().filter(|(_, start)| name.starts_with(start));
                    let found = found.fold(0, |all, (bit, _)| all | bit);
                    missing_words(words, |word| name.contains(word)) & missing & !found == 0
                };
                slice.add(view, ix, properties.iter().filter(matches));
            }
            wanted => {
                let properties = names.of(twin, asset.model, wanted).iter();
                let properties = properties.filter(|(_, lacks)| lacks & missing == 0);
                let model = twin.model_at(asset.model);
                let properties = properties.filter_map(|(at, _)| model.properties.get(*at));
                slice.add(view, ix, properties);
            }
        }
        if slice.rows.len() >= room || names.properties_searched >= MAX_NAMES {
            break;
        }
    }
    slice
}

/// The words that are missing, a bit each by their index.
fn missing_words(words: &[String], has: impl Fn(&str) -> bool) -> u32 {
    let bit = |(index, word): (usize, &String)| u32::from(!has(word)) << index;
    words.iter().enumerate().map(bit).fold(0, |all, bit| all | bit)
}

/// Words that begin in an asset's address and end in the name of one of its properties, as the full
/// address of a tag does. Returns each word's bit, and what the property's name has to begin with.
fn spanning_words<'a>(words: &'a [String], address: &str, missing: u32) -> Vec<(u32, &'a str)> {
    let bit = |index: usize| (1 << index) & missing;
    let words = words.iter().enumerate().map(|(index, word)| (bit(index), word));
    let cuts = words.filter(|(bit, _)| *bit != 0).flat_map(|(bit, word)| {
        let cut = move |(at, _)| Some((bit, word.get(..at)?, word.get(at + 1..)?));
        word.match_indices('/').filter_map(cut)
    });
    let is_here =
        |head: &str, tail: &str| !head.is_empty() && !tail.is_empty() && address.ends_with(head);
    let cuts = cuts.filter(|(_, head, tail)| is_here(head, tail));
    cuts.map(|(bit, _, tail)| (bit, tail)).collect()
}

/// Properties whose names match some of the words, cached by model.
#[derive(Default)]
struct MatchingNames {
    /// Indexes of the properties that match any, each with the bits of the words that it lacks.
    by_model: FxHashMap<ModelIx, Vec<(usize, u32)>>,
    properties_searched: usize,
}

impl MatchingNames {
    fn of(&mut self, twin: &Twin, model: ModelIx, wanted: &SearchQuery) -> &[(usize, u32)] {
        self.by_model.entry(model).or_insert_with(|| {
            let properties = &twin.model_at(model).properties;
            self.properties_searched += properties.len();
            let lacks = |property: &DesiredProperty| match wanted {
                SearchQuery::Id(id) => (property.id == *id).then_some(0),
                SearchQuery::Words(words) => {
                    let name = property.name.to_lowercase();
                    let lacks = missing_words(words, |word| name.contains(word));
                    (lacks.count_ones() < words.len() as u32).then_some(lacks)
                }
            };
            let indexed = properties.iter().enumerate();
            indexed.filter_map(|(index, property)| Some((index, lacks(property)?))).collect()
        })
    }
}

fn result_row(view: &EngineView<'_>, ix: AssetIx, property: Option<&DesiredProperty>) -> AssetRow {
    let twin = view.bridge.twin();
    let asset = twin.asset_at(ix);
    let mut row = row(twin, ix, asset);
    row.address = Some(asset.address.to_string());
    row.property =
        property.map(|property| AssetLink { id: property.id, name: property.name.to_string() });
    let stream = |of: &DesiredProperty| Stream { asset: asset.id, property: of.id };
    if let Some(aliases) = property.and_then(|of| view.bridge.aliases(stream(of))) {
        (row.alias, row.alias_in_sitewise) = (Some(aliases.wanted), aliases.kept);
    }
    row.problem = property.and_then(|property| delivery_status::rejected(view, asset, property));
    row.problem = row.problem.or_else(|| delivery_status::not_there(&twin.provisioning(ix)));
    let machine = twin.source_of_asset(ix).filter(|_| alive(twin, ix) == Some(false));
    row.offline_since = machine.and_then(|machine| offline_since(view, machine));
    row
}

/// Since when a node or device is offline.
fn offline_since(view: &EngineView<'_>, machine: &Source) -> Option<i64> {
    let twin = view.bridge.twin();
    let of_device =
        || twin.presence_of(machine).died.or_else(|| twin.plan().last_presence_time(machine));
    let since = match machine.device {
        None => view.bridge.offline_since(&machine.edge),
        Some(_) => of_device(),
    };
    since.map(|since| since.as_millis())
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
            let missing = missing_words(&words, |word| address.contains(word));
            let cuts = spanning_words(&words, address, missing).into_iter();
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
        assert_eq!(missing_words(&words, |word| word == "b"), 0b101);
        assert_eq!(missing_words(&words, |_| true), 0);
    }
}
