//! The twins as they stand: the tree of assets with their latest values.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use serde_json::Value;

use crate::api::{Api, Asset, Error, Latest, Model, Usage};
use crate::story::Seen;
use crate::times::moment;

/// Written only when something happens.
const OCCASIONAL: [&str; 5] =
    ["Last birth", "Last death", "Sequence gaps", "Rebirths", "Heartbeat"];

/// Everything at one moment.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) roots: Vec<Twin>,
    pub(crate) usage: Usage,
}

/// An asset.
#[derive(Debug)]
pub(crate) struct Twin {
    pub(crate) name: String,
    pub(crate) model: String,
    pub(crate) active: bool,
    pub(crate) properties: Vec<Property>,
    pub(crate) children: Vec<Twin>,
    pub(crate) id: String,
}

/// A property with its latest value.
#[derive(Debug)]
pub(crate) struct Property {
    pub(crate) name: String,
    pub(crate) unit: Option<String>,
    pub(crate) is_measurement: bool,
    pub(crate) latest: Option<Latest>,
    pub(crate) id: String,
}

/// How much a twin can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Health {
    /// Everything is there and GOOD.
    Live,
    /// Something is not GOOD any more.
    Stale,
    /// Something has not come yet.
    Incomplete,
}

impl Health {
    pub(crate) fn mark(self) -> char {
        match self {
            Self::Live => '●',
            Self::Stale => '◐',
            Self::Incomplete => '○',
        }
    }
}

/// Reads all twins from the emulator at `address`.
pub(crate) async fn read(address: SocketAddr) -> Result<Snapshot, Error> {
    let mut api = Api::connect(address).await?;
    let mut known = Known::default();
    let mut roots = Vec::new();
    for asset in api.top_level().await? {
        if known.assets.insert(asset.id.clone()) {
            roots.push(Box::pin(read_twin(&mut api, &mut known, asset)).await?);
        }
    }
    roots.sort_by(|one, other| one.name.cmp(&other.name));

    let mut wanted = Vec::new();
    each(&mut roots, &mut |twin| {
        let id = &twin.id;
        wanted.extend(twin.properties.iter().map(|property| (id.clone(), property.id.clone())));
    });
    let mut values = api.latest(&wanted).await?.into_iter();
    each(&mut roots, &mut |twin| {
        for property in &mut twin.properties {
            property.latest = values.next().flatten();
        }
    });
    let usage = api.usage().await?;
    Ok(Snapshot { roots, usage })
}

/// What one look has met.
#[derive(Default)]
struct Known {
    models: BTreeMap<String, Model>,
    /// While one looks, an asset can get a parent: it is met twice then.
    assets: BTreeSet<String>,
}

async fn read_twin(api: &mut Api, known: &mut Known, asset: Asset) -> Result<Twin, Error> {
    let mut children = Vec::new();
    for hierarchy in &asset.hierarchies {
        for child in api.children(&asset.id, &hierarchy.id).await? {
            if known.assets.insert(child.id.clone()) {
                children.push(Box::pin(read_twin(api, known, child)).await?);
            }
        }
    }
    children.sort_by(|one: &Twin, other: &Twin| one.name.cmp(&other.name));
    if !known.models.contains_key(&asset.asset_model_id) {
        let model = api.model(&asset.asset_model_id).await?;
        known.models.insert(asset.asset_model_id.clone(), model);
    }
    let model = known.models.get(&asset.asset_model_id);
    let properties = model.map(|model| model.asset_model_properties.as_slice()).unwrap_or_default();
    Ok(Twin {
        model: model.map(|model| model.asset_model_name.clone()).unwrap_or_default(),
        active: asset.status.state == "ACTIVE",
        properties: properties
            .iter()
            .map(|property| Property {
                name: property.name.clone(),
                unit: property.unit.clone(),
                is_measurement: property.kind.get("measurement").is_some(),
                latest: None,
                id: property.id.clone(),
            })
            .collect(),
        children,
        name: asset.name,
        id: asset.id,
    })
}

fn each(twins: &mut [Twin], visit: &mut impl FnMut(&mut Twin)) {
    for twin in twins {
        visit(twin);
        each(&mut twin.children, visit);
    }
}

impl Snapshot {
    /// The twin of this name.
    pub(crate) fn twin(&self, name: &str) -> Option<&Twin> {
        find(&self.roots, name)
    }

    pub(crate) fn assets(&self) -> usize {
        count(&self.roots, &|_| true)
    }

    pub(crate) fn live(&self) -> usize {
        count(&self.roots, &|twin| twin.health() == Health::Live)
    }

    /// What matters to the story, with the presence of the twin named `gateway`.
    pub(crate) fn seen(&self, gateway: &str) -> Seen {
        let online = find(&self.roots, gateway)
            .and_then(|twin| twin.property("Online"))
            .and_then(|online| online.latest.as_ref()?.value.get("booleanValue")?.as_bool());
        Seen {
            models: self.usage.models,
            assets: self.assets(),
            live: self.live(),
            stale: count(&self.roots, &Twin::is_stale),
            online,
            all_live: false,
        }
    }

    /// The first few twins that are not live, each with the reason.
    pub(crate) fn not_live(&self, most: usize) -> Vec<String> {
        let mut reasons = Vec::new();
        collect_not_live(&self.roots, most, &mut reasons);
        reasons
    }

    /// Names of the models that twins are made of.
    pub(crate) fn models(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        for root in &self.roots {
            root.add_models(&mut names);
        }
        names
    }
}

fn find<'a>(twins: &'a [Twin], name: &str) -> Option<&'a Twin> {
    twins.iter().find_map(|twin| match twin.name == name {
        true => Some(twin),
        false => find(&twin.children, name),
    })
}

fn collect_not_live(twins: &[Twin], most: usize, reasons: &mut Vec<String>) {
    for twin in twins {
        if reasons.len() >= most {
            return;
        }
        reasons.extend(twin.trouble().map(|trouble| format!("{} {trouble}", twin.name)));
        collect_not_live(&twin.children, most, reasons);
    }
}

fn count(twins: &[Twin], is_meant: &impl Fn(&Twin) -> bool) -> usize {
    twins.iter().map(|twin| usize::from(is_meant(twin)) + count(&twin.children, is_meant)).sum()
}

impl Twin {
    fn add_models<'a>(&'a self, names: &mut BTreeSet<&'a str>) {
        names.insert(&self.model);
        for child in &self.children {
            child.add_models(names);
        }
    }

    pub(crate) fn measurements(&self) -> impl Iterator<Item = &Property> {
        self.properties.iter().filter(|property| property.is_measurement)
    }

    pub(crate) fn property(&self, name: &str) -> Option<&Property> {
        self.properties.iter().find(|property| property.name == name)
    }

    pub(crate) fn health(&self) -> Health {
        if !self.active {
            return Health::Incomplete;
        }
        self.steady().map(Property::health).max().unwrap_or(Health::Live)
    }

    /// Of this twin and of those below it.
    pub(crate) fn whole_health(&self) -> Health {
        let below = self.children.iter().map(Self::whole_health).max();
        below.unwrap_or(Health::Live).max(self.health())
    }

    /// Whether a last value is known to be old.
    fn is_stale(&self) -> bool {
        let mut latest = self.steady().filter_map(|property| property.latest.as_ref());
        latest.any(|latest| latest.quality == "UNCERTAIN")
    }

    /// Why it is not live; none if it is.
    fn trouble(&self) -> Option<String> {
        if !self.active {
            return Some("is not active yet".to_owned());
        }
        let bad = self.steady().max_by_key(|property| property.health())?;
        match (bad.health(), bad.latest.as_ref()) {
            (Health::Live, _) => None,
            (_, None) => Some(format!("has no value of {}", bad.name)),
            (_, Some(latest)) if latest.quality == "GOOD" => Some("is offline".to_owned()),
            (_, Some(latest)) => Some(format!("has {} {}", latest.quality, bad.name)),
        }
    }

    /// Measurements that have a value as soon as the twin is there.
    fn steady(&self) -> impl Iterator<Item = &Property> {
        self.measurements().filter(|property| !OCCASIONAL.contains(&property.name.as_str()))
    }
}

impl Property {
    fn health(&self) -> Health {
        match &self.latest {
            None => Health::Incomplete,
            Some(latest) if latest.quality != "GOOD" => Health::Stale,
            Some(latest) => {
                let offline = latest.value.get("booleanValue") == Some(&Value::Bool(false));
                if self.name == "Online" && offline { Health::Stale } else { Health::Live }
            }
        }
    }

    /// Whether it is a time: seconds since the epoch, of this century.
    fn is_moment(&self, value: f64) -> bool {
        self.unit.as_deref() == Some("s") && (9.4e8..4.2e9).contains(&value)
    }

    /// Value and unit, for people.
    pub(crate) fn shown(&self) -> String {
        let Some(latest) = &self.latest else {
            return "-".to_owned();
        };
        let value = latest.value.as_object().and_then(|value| value.iter().next());
        let shown = match value {
            Some((_, Value::Number(number))) => match number.as_f64() {
                Some(value) if self.is_moment(value) => return moment(value),
                Some(value) if value.fract() != 0.0 && value.abs() < 10_000.0 => {
                    format!("{value:.1}")
                }
                Some(value) => format!("{value:.0}"),
                None => number.to_string(),
            },
            Some((_, Value::String(text))) => text.clone(),
            Some((_, Value::Bool(flag))) => flag.to_string(),
            _ => "null".to_owned(),
        };
        match &self.unit {
            Some(unit) => format!("{shown} {unit}"),
            None => shown,
        }
    }
}
