//! The plant's tree: groups, nodes, devices and twins.

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::delivery_status::{AssetDeliveryStatus, DeliveryStatusReader, PropertyDeliveryStatus};
use super::query::Query;
use super::{ApiError, RowPage};
use crate::console::queries::EngineQueries;
use crate::sitewise::api::{Quality, Tqv, Variant};
use crate::time::Timestamp;
use crate::twin::Twin;
use crate::twin::mapping::type_name;
use crate::twin::plan::status::{ProvisioningStatus, TreePlacement};
use crate::twin::view::{AssetIx, AssetKind, DesiredAsset, Presence, ShownValue};

/// Rows of a page unless asked otherwise.
const ROWS: usize = 100;
/// Nodes of a group that are counted at most.
const COUNTED: usize = 2_000;

/// An asset in a list.
#[derive(Debug, Serialize)]
pub(super) struct AssetRow {
    pub(super) id: Uuid,
    name: String,
    kind: &'static str,
    model: String,
    /// Of a node, a device, or what is below one.
    online: Option<bool>,
    /// Nodes of a group that are online, and all of them.
    nodes: Option<(usize, usize)>,
    children: u32,
    provisioning: &'static str,
    /// In a search: where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) address: Option<String>,
    /// In a search: the property that was found, where it is not the asset itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) property: Option<AssetLink>,
    /// In a search: the alias that `TWIN_ALIASES` gives the property.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) alias: Option<String>,
    /// In a search: what SiteWise has in place of it; null where something else has the alias.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) alias_in_sitewise: Option<Option<String>>,
    /// In a search: since when its machine is offline, where it is and that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) offline_since: Option<i64>,
    /// In a search: why SiteWise does not take the asset, the property or its last value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) problem: Option<String>,
}

/// All about one asset.
#[derive(Debug, Serialize)]
pub(super) struct AssetDetail {
    id: Uuid,
    external_id: String,
    name: String,
    address: String,
    kind: &'static str,
    /// What is above it, from the root on.
    path: Vec<AssetLink>,
    model: AssetLink,
    children: u32,
    provisioning: &'static str,
    placement: &'static str,
    presence: Option<PresenceRow>,
    /// What concerns the delivery of all its values.
    delivery: AssetDeliveryStatus,
    /// Its properties in all.
    total: usize,
    values: RowPage<PropertyValueRow>,
}

/// Something with an id.
#[derive(Debug, Serialize)]
pub(super) struct AssetLink {
    pub(super) id: Uuid,
    pub(super) name: String,
}

#[derive(Debug, Serialize)]
struct PresenceRow {
    /// The node or device that it belongs to.
    source: String,
    online: Option<bool>,
    born: Option<i64>,
    died: Option<i64>,
    gaps: Option<u64>,
    rebirths: Option<u64>,
}

/// A property with what it holds.
#[derive(Debug, Serialize)]
struct PropertyValueRow {
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
    /// How far its values are.
    delivery: PropertyDeliveryStatus,
}

/// What is right below an asset, or at the root.
pub(super) async fn children(
    queries: &EngineQueries,
    query: &Query,
) -> Result<RowPage<AssetRow>, ApiError> {
    let (of, after) = (query.id("of")?, query.id("after")?);
    let limit = query.limit(ROWS)?;
    let page = queries.ask(move |view| {
        let twin = view.bridge.twin();
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
        let rows: Vec<AssetRow> =
            below.by_ref().take(limit).map(|(ix, asset)| row(twin, ix, asset)).collect();
        let last = rows.last().map(|row| row.id.to_string());
        Some(RowPage { next: below.next().and(last), rows })
    });
    page.await?.ok_or(ApiError::NotFound)
}

/// All about an asset.
pub(super) async fn asset(
    queries: &EngineQueries,
    id: Uuid,
    query: &Query,
) -> Result<AssetDetail, ApiError> {
    let words = query.get("q").unwrap_or_default().to_lowercase();
    let from = query.number("from")?.unwrap_or_default();
    let limit = query.limit(ROWS)?;
    let detail = queries.ask(move |view| {
        let twin = view.bridge.twin();
        let (ix, asset) = twin.asset(id)?;
        let model = twin.model_at(asset.model);
        let held = twin.property_values(ix);
        let total = held.len();
        let delivery = DeliveryStatusReader::of(view, ix, asset);
        let shown = held
            .into_iter()
            .filter(|(_, property, _)| property.name.to_lowercase().contains(&words))
            .map(|(_, property, held)| {
                let default = matches!(held, ShownValue::Default(_));
                let (value, quality, time) = shown_value(held);
                let written = time.map(Timestamp::from_millis);
                PropertyValueRow {
                    id: property.id,
                    name: property.name.to_string(),
                    role: property.role.as_str(),
                    attribute: property.is_attribute(),
                    data_type: type_name(property.form.data_type()),
                    unit: property.unit.as_deref().map(str::to_owned),
                    value,
                    quality,
                    time,
                    default,
                    delivery: delivery.property(property, written),
                }
            });
        Some(AssetDetail {
            id,
            external_id: twin.external_id(asset),
            name: asset.name.to_string(),
            address: asset.address.to_string(),
            kind: kind(asset),
            path: path(twin, asset),
            model: AssetLink { id: model.id, name: model.name.clone() },
            children: asset.children,
            provisioning: provisioning(delivery.status()),
            delivery: delivery.asset(ix),
            placement: placement(twin.plan().placement(ix)),
            presence: twin.source_of_asset(ix).map(|source| {
                let Presence { liveness, born, died, session } = twin.presence_of(source);
                let session = session.filter(|_| matches!(asset.kind, AssetKind::Source(_)));
                PresenceRow {
                    source: source.to_string(),
                    online: liveness.is_online(),
                    born: born.map(Timestamp::as_millis),
                    died: died.map(Timestamp::as_millis),
                    gaps: session.map(|(gaps, _)| gaps),
                    rebirths: session.map(|(_, rebirths)| rebirths),
                }
            }),
            total,
            values: RowPage::cut(shown, from, limit),
        })
    });
    detail.await?.ok_or(ApiError::NotFound)
}

pub(super) fn row(twin: &Twin, ix: AssetIx, asset: &DesiredAsset) -> AssetRow {
    let nodes = (asset.kind == AssetKind::Group && asset.children as usize <= COUNTED).then(|| {
        let online = |(ix, _): &(AssetIx, &DesiredAsset)| alive(twin, *ix) == Some(true);
        (twin.children(Some(ix), None).filter(online).count(), asset.children as usize)
    });
    AssetRow {
        id: asset.id,
        name: asset.name.to_string(),
        kind: kind(asset),
        model: twin.model_at(asset.model).name.clone(),
        online: alive(twin, ix),
        nodes,
        children: asset.children,
        provisioning: provisioning(twin.provisioning(ix).status),
        address: None,
        property: None,
        alias: None,
        alias_in_sitewise: None,
        offline_since: None,
        problem: None,
    }
}

pub(super) fn alive(twin: &Twin, ix: AssetIx) -> Option<bool> {
    twin.presence(ix).and_then(|presence| presence.liveness.is_online())
}

fn path(twin: &Twin, asset: &DesiredAsset) -> Vec<AssetLink> {
    let mut path = Vec::new();
    let mut above = asset.parent;
    while let Some(ix) = above {
        let asset = twin.asset_at(ix);
        path.push(AssetLink { id: asset.id, name: asset.name.to_string() });
        above = asset.parent;
    }
    path.reverse();
    path
}

fn kind(asset: &DesiredAsset) -> &'static str {
    match &asset.kind {
        AssetKind::Bridge => "bridge",
        AssetKind::Group => "group",
        AssetKind::Source(source) if source.device.is_some() => "device",
        AssetKind::Source(_) => "node",
        AssetKind::Instance => "twin",
        AssetKind::Level(..) => "level",
    }
}

pub(super) fn provisioning(status: ProvisioningStatus) -> &'static str {
    match status {
        ProvisioningStatus::Wanted => "wanted",
        ProvisioningStatus::Checking => "checking",
        ProvisioningStatus::Active => "live",
        ProvisioningStatus::Rejected => "rejected",
    }
}

fn placement(placement: TreePlacement) -> &'static str {
    match placement {
        TreePlacement::Root => "root",
        TreePlacement::Wanted => "wanted",
        TreePlacement::Placed => "placed",
        TreePlacement::NoPlace => "no_place",
    }
}

/// Value, quality and time.
fn shown_value(held: ShownValue<'_>) -> (Value, Option<&'static str>, Option<i64>) {
    match held {
        ShownValue::Nothing => (Value::Null, None, None),
        ShownValue::Default(text) => (text.into(), None, None),
        ShownValue::Own(value) => (variant(value), Some("GOOD"), None),
        ShownValue::Last(tqv) | ShownValue::Bridge(tqv) => of_tqv(&tqv),
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
