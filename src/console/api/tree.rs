//! The plant's tree: groups, nodes, devices and twins.

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::query::Query;
use super::{Error, Page};
use crate::console::ask::Questions;
use crate::sitewise::api::{Quality, Tqv, Variant};
use crate::time::Timestamp;
use crate::twin::Twin;
use crate::twin::mapping::type_name;
use crate::twin::plan::standing::{Placing, Standing};
use crate::twin::view::{Asset, AssetIx, Held, Kind, Presence};

/// Rows of a page unless asked otherwise.
const ROWS: usize = 100;
/// Nodes of a group that are counted at most.
const COUNTED: usize = 2_000;

/// An asset in a list.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    id: Uuid,
    name: String,
    kind: &'static str,
    model: String,
    /// Of a node, a device, or what is below one.
    online: Option<bool>,
    /// Nodes of a group that are online, and all of them.
    nodes: Option<(usize, usize)>,
    children: u32,
    standing: &'static str,
    /// In a search: where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) address: Option<String>,
    /// In a search: the property that was found, where it is not the asset itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) property: Option<Link>,
}

/// All about one asset.
#[derive(Debug, Serialize)]
pub(super) struct Detail {
    id: Uuid,
    external_id: String,
    name: String,
    address: String,
    kind: &'static str,
    /// What is above it, from the root on.
    path: Vec<Link>,
    model: Link,
    children: u32,
    standing: &'static str,
    placing: &'static str,
    presence: Option<Alive>,
    /// Its properties in all.
    total: usize,
    values: Page<Shown>,
}

/// Something with an id.
#[derive(Debug, Serialize)]
pub(super) struct Link {
    pub(super) id: Uuid,
    pub(super) name: String,
}

#[derive(Debug, Serialize)]
struct Alive {
    /// The node or device that it belongs to.
    speaker: String,
    online: Option<bool>,
    born: Option<i64>,
    died: Option<i64>,
    gaps: Option<u64>,
    rebirths: Option<u64>,
}

/// A property with what it holds.
#[derive(Debug, Serialize)]
struct Shown {
    id: Uuid,
    name: String,
    role: &'static str,
    attribute: bool,
    data_type: &'static str,
    unit: Option<String>,
    value: Value,
    /// None where nothing was written.
    quality: Option<&'static str>,
    time: Option<i64>,
    /// The value is the model's default.
    default: bool,
}

/// What is right below an asset, or at the root.
pub(super) async fn children(questions: &Questions, query: &Query) -> Result<Page<Row>, Error> {
    let (of, after) = (query.id("of")?, query.id("after")?);
    let limit = query.limit(ROWS)?;
    let page = questions.ask(move |look| {
        let twin = look.bridge.twin();
        let place = |id| twin.asset(id).map(|(ix, _)| ix);
        let parent = match of {
            Some(id) => Some(place(id)?),
            None => None,
        };
        let after = match after {
            Some(id) => Some(place(id).filter(|ix| twin.asset_at(*ix).parent == parent)?),
            None => None,
        };
        let mut below = twin.children(parent, after);
        let rows: Vec<Row> =
            below.by_ref().take(limit).map(|(ix, asset)| row(twin, ix, asset)).collect();
        let last = rows.last().map(|row| row.id.to_string());
        Some(Page { next: below.next().and(last), rows })
    });
    page.await?.ok_or(Error::NotFound)
}

/// All about an asset.
pub(super) async fn asset(questions: &Questions, id: Uuid, query: &Query) -> Result<Detail, Error> {
    let words = query.get("q").unwrap_or_default().to_lowercase();
    let from = query.number("from")?.unwrap_or_default();
    let limit = query.limit(ROWS)?;
    let detail = questions.ask(move |look| {
        let twin = look.bridge.twin();
        let (ix, asset) = twin.asset(id)?;
        let model = twin.model_at(asset.model);
        let held = twin.held_by(ix);
        let total = held.len();
        let shown = held
            .into_iter()
            .filter(|(_, property, _)| property.name.to_lowercase().contains(&words))
            .map(|(_, property, held)| {
                let default = matches!(held, Held::Default(_));
                let (value, quality, time) = told(held);
                Shown {
                    id: property.id,
                    name: property.name.to_string(),
                    role: property.role.word(),
                    attribute: property.is_attribute(),
                    data_type: type_name(property.form.data_type()),
                    unit: property.unit.as_deref().map(str::to_owned),
                    value,
                    quality,
                    time,
                    default,
                }
            });
        Some(Detail {
            id,
            external_id: twin.external_id(asset),
            name: asset.name.to_string(),
            address: asset.address.to_string(),
            kind: kind(asset),
            path: path(twin, asset),
            model: Link { id: model.id, name: model.name.clone() },
            children: asset.children,
            standing: standing(twin.plan().asset_standing(ix)),
            placing: placing(twin.plan().placing(ix)),
            presence: twin.speaker(ix).map(|speaker| {
                let Presence { online, born, died, session } = twin.presence_of(speaker);
                let session = session.filter(|_| matches!(asset.kind, Kind::Source(_)));
                Alive {
                    speaker: speaker.to_string(),
                    online,
                    born: born.map(Timestamp::as_millis),
                    died: died.map(Timestamp::as_millis),
                    gaps: session.map(|(gaps, _)| gaps),
                    rebirths: session.map(|(_, rebirths)| rebirths),
                }
            }),
            total,
            values: Page::cut(shown, from, limit),
        })
    });
    detail.await?.ok_or(Error::NotFound)
}

pub(super) fn row(twin: &Twin, ix: AssetIx, asset: &Asset) -> Row {
    let nodes = (asset.kind == Kind::Group && asset.children as usize <= COUNTED).then(|| {
        let online = |(ix, _): &(AssetIx, &Asset)| alive(twin, *ix) == Some(true);
        (twin.children(Some(ix), None).filter(online).count(), asset.children as usize)
    });
    Row {
        id: asset.id,
        name: asset.name.to_string(),
        kind: kind(asset),
        model: twin.model_at(asset.model).name.clone(),
        online: alive(twin, ix),
        nodes,
        children: asset.children,
        standing: standing(twin.plan().asset_standing(ix)),
        address: None,
        property: None,
    }
}

fn alive(twin: &Twin, ix: AssetIx) -> Option<bool> {
    twin.presence(ix).and_then(|presence| presence.online)
}

fn path(twin: &Twin, asset: &Asset) -> Vec<Link> {
    let mut path = Vec::new();
    let mut above = asset.parent;
    while let Some(ix) = above {
        let asset = twin.asset_at(ix);
        path.push(Link { id: asset.id, name: asset.name.to_string() });
        above = asset.parent;
    }
    path.reverse();
    path
}

fn kind(asset: &Asset) -> &'static str {
    match &asset.kind {
        Kind::Bridge => "bridge",
        Kind::Group => "group",
        Kind::Source(source) if source.device.is_some() => "device",
        Kind::Source(_) => "node",
        Kind::Instance => "twin",
        Kind::Level(..) => "level",
    }
}

pub(super) fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Wanted => "wanted",
        Standing::Checking => "checking",
        Standing::Live => "live",
        Standing::Refused => "refused",
    }
}

fn placing(placing: Placing) -> &'static str {
    match placing {
        Placing::Root => "root",
        Placing::Wanted => "wanted",
        Placing::Placed => "placed",
        Placing::NoPlace => "no_place",
    }
}

/// Value, quality and time.
fn told(held: Held<'_>) -> (Value, Option<&'static str>, Option<i64>) {
    match held {
        Held::Nothing => (Value::Null, None, None),
        Held::Default(text) => (text.into(), None, None),
        Held::Own(value) => (variant(value), Some("GOOD"), None),
        Held::Last(tqv) | Held::Told(tqv) => of_tqv(&tqv),
    }
}

fn of_tqv(tqv: &Tqv) -> (Value, Option<&'static str>, Option<i64>) {
    (variant(&tqv.value), Some(quality(tqv.quality)), Some(tqv.time.as_millis()))
}

pub(super) fn quality(quality: Quality) -> &'static str {
    match quality {
        Quality::Good => "GOOD",
        Quality::Uncertain => "UNCERTAIN",
        Quality::Bad => "BAD",
    }
}

pub(super) fn variant(value: &Variant) -> Value {
    match value {
        Variant::Integer(value) => (*value).into(),
        Variant::Double(value) => (*value).into(),
        Variant::Boolean(value) => (*value).into(),
        Variant::String(text) => (&**text).into(),
        Variant::Null(_) => Value::Null,
    }
}
