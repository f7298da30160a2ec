//! Search: assets, and the properties that tags, members and parameters became.

use rustc_hash::FxHashMap;
use uuid::Uuid;

use super::query::Query;
use super::tree::{AssetLink, AssetRow, row};
use super::{ApiError, RowPage};
use crate::console::ask::EngineQueries;
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
enum Wanted {
    /// An id of SiteWise's, of an asset or a property.
    Id(Uuid),
    /// Words, in small letters, each of which has to be in the address, the asset's name, or the
    /// name of one property.
    Words(Vec<String>),
}

impl Wanted {
    fn of(text: &str) -> Self {
        match text.trim().parse() {
            Ok(id) => Self::Id(id),
            Err(_) => Self::Words(text.split_whitespace().take(WORDS).map(word).collect()),
        }
    }
}

/// A word in small letters; of a topic, the address it stands for.
fn word(text: &str) -> String {
    let text = text.to_lowercase();
    let mut parts = text.split('/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some("spbv1.0"), Some(group), Some(_)) => {
            [group].into_iter().chain(parts).collect::<Vec<_>>().join("/")
        }
        _ => text,
    }
}

/// What is found in a stretch of assets.
struct Part {
    rows: Vec<AssetRow>,
    /// The place after the last asset that was looked at, and how many there are.
    reached: usize,
    all: usize,
}

/// Assets and properties that some words name, a page from a place on.
pub(super) async fn search(
    questions: &EngineQueries,
    query: &Query,
) -> Result<RowPage<AssetRow>, ApiError> {
    let wanted = Wanted::of(query.get("q").unwrap_or_default());
    let limit = query.limit(ROWS)?;
    let mut from = query.number("from")?.unwrap_or_default();
    let mut rows = Vec::new();
    // Each part is a question of its own: others, and the plant, come in between.
    loop {
        let (wanted, room) = (wanted.clone(), limit.saturating_sub(rows.len()));
        let part = questions.ask(move |look| part(look.bridge.twin(), &wanted, from, room)).await?;
        rows.extend(part.rows);
        from = part.reached;
        let over = from >= part.all;
        if over || rows.len() >= limit {
            let next = (!over).then(|| from.to_string());
            return Ok(RowPage { rows, next });
        }
    }
}

fn part(twin: &Twin, wanted: &Wanted, from: usize, room: usize) -> Part {
    let mut part = Part { rows: Vec::new(), reached: from, all: twin.size().1 };
    if let Wanted::Id(id) = wanted
        && let Some((ix, _)) = twin.asset(*id)
    {
        part.rows.push(found(twin, ix, None));
        part.reached = part.all;
        return part;
    }
    let start = u32::try_from(from).unwrap_or(u32::MAX);
    let mut names = Names::default();
    for (ix, asset) in twin.assets_from(start).take(ASSETS) {
        part.reached = ix.0 as usize + 1;
        let missing = match wanted {
            Wanted::Id(_) => 0,
            Wanted::Words(words) => {
                let (address, name) = (asset.address.to_lowercase(), asset.name.to_lowercase());
                missing(words, |word| address.contains(word) || name.contains(word))
            }
        };
        match wanted {
            Wanted::Words(_) if missing == 0 => part.rows.push(found(twin, ix, None)),
            wanted => {
                let properties = names.of(twin, asset.model, wanted).iter();
                let properties = properties.filter(|(_, lacks)| lacks & missing == 0);
                let model = twin.model_at(asset.model);
                let properties = properties.filter_map(|(at, _)| model.properties.get(*at));
                let rows =
                    properties.take(OF_ASSET).map(|property| found(twin, ix, Some(property)));
                part.rows.extend(rows);
            }
        }
        if part.rows.len() >= room || names.looked >= NAMES {
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

/// Which of the words the properties of each model have in their names.
#[derive(Default)]
struct Names {
    /// Places of those that have any, with a bit for each word that they lack.
    of: FxHashMap<ModelIx, Vec<(usize, u32)>>,
    looked: usize,
}

impl Names {
    fn of(&mut self, twin: &Twin, model: ModelIx, wanted: &Wanted) -> &[(usize, u32)] {
        self.of.entry(model).or_insert_with(|| {
            let properties = &twin.model_at(model).properties;
            self.looked += properties.len();
            let lacks = |property: &DesiredProperty| match wanted {
                Wanted::Id(id) => (property.id == *id).then_some(0),
                Wanted::Words(words) => {
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

fn found(twin: &Twin, ix: AssetIx, property: Option<&DesiredProperty>) -> AssetRow {
    let asset = twin.asset_at(ix);
    let mut row = row(twin, ix, asset);
    row.address = Some(asset.address.to_string());
    row.property =
        property.map(|property| AssetLink { id: property.id, name: property.name.to_string() });
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_looked_for_as_the_address_it_stands_for() {
        let words = |text: &str| match Wanted::of(text) {
            Wanted::Words(words) => words,
            Wanted::Id(id) => panic!("{id}"),
        };
        assert_eq!(words("spBv1.0/Nordsee/DDATA/gw/P7 Speed"), ["nordsee/gw/p7", "speed"]);
        assert_eq!(words("spBv1.0/Nordsee/NBIRTH/gw"), ["nordsee/gw"]);
        assert_eq!(words("Nordsee/gw/P7"), ["nordsee/gw/p7"]);
        assert!(words("").is_empty());
        let id = "8a1e7c2e-51d5-5a2b-9a5e-0d7f4f2f7c11";
        assert_eq!(Wanted::of(id), Wanted::Id(id.parse().unwrap()));
    }

    #[test]
    fn a_property_makes_up_for_the_words_its_asset_lacks() {
        let words = ["a".to_owned(), "b".to_owned(), "c".to_owned()];
        assert_eq!(missing(&words, |word| word == "b"), 0b101);
        assert_eq!(missing(&words, |_| true), 0);
    }
}
