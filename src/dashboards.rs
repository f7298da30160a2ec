//! Grafana dashboards of what a plant's births describe: `sparkwise dashboards`.
//!
//! Ids follow from names, so a dashboard of a model is written without SiteWise: the properties are
//! constants, and a variable lists the model's assets, new ones among them. Pure: the same plant is
//! always the same text.

mod alerts;
pub mod former;
mod layout;
mod literal;
mod model;
mod panel;
mod plant;
mod provisioning;
pub mod query;
mod range;
pub mod survey;
mod units;

use serde_json::{Value, json};
use uuid::Uuid;

use self::literal::literal;
use crate::twin::identity::PropertyRole;
use crate::twin::mapping::ValueForm;

/// What tells a file of ours from everybody else's: only such a file is replaced.
pub const MARK: &str = "Written by sparkwise dashboards";
/// Panels that are shown at once; the rows of all others are collapsed, and cost nothing until
/// somebody opens them.
const OPEN_PANELS: usize = 12;
/// Panels of one dashboard at most. What has no place is told.
const MAX_PANELS: usize = 400;
/// Alert rules at most, one for each edge node and device.
const MAX_ALERTS: usize = 2_000;
/// The dashboard's schema version that its fields are of: Grafana 10.4 and later read it.
const SCHEMA_VERSION: u32 = 39;
/// The data source of the alert rules and of the provisioning file.
const DATASOURCE: &str = "sparkwise-sitewise";
/// The folder in Grafana.
const FOLDER: &str = "Sparkwise";
/// The folder of the dashboards' files.
pub const DASHBOARDS: &str = "dashboards";
/// The bridge's own dashboard, over Prometheus.
const BRIDGE: &str = include_str!("../infra/grafana/dashboard.json");

/// What births describe, as far as dashboards need it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plant {
    /// What all ids derive from; a part of the plant dashboard's own id.
    pub namespace: String,
    /// Every model with at least one asset.
    pub models: Vec<Model>,
    /// Edge nodes and devices.
    pub machines: Vec<Machine>,
    /// The bridge's own asset.
    pub bridge: Option<BridgeAsset>,
    /// The uids of alert rules of earlier runs, the latest first. Grafana deletes those that are no more.
    pub former_rules: Vec<Uuid>,
}

/// A model.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// Its properties, in any order.
    pub properties: Vec<Property>,
    /// What all its assets are connected through, where that is nodes or devices of one model, as many
    /// steps above each of them.
    pub above: Option<Above>,
}

/// What the assets of a model are connected through.
#[derive(Clone, Debug, PartialEq)]
pub struct Above {
    /// The property `Online` there.
    pub online: Property,
    /// How many assets above theirs it is: 1 for what is right above.
    pub steps: usize,
}

/// A property of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Property {
    /// Its id.
    pub id: Uuid,
    /// Its name in SiteWise, which the plugin gives its field.
    pub name: String,
    /// Names of the members down to it; of a static property, its own name last.
    pub path: Vec<String>,
    /// Why it is there.
    pub role: PropertyRole,
    /// The form of its values.
    pub form: ValueForm,
    /// Its unit as the sender spells it.
    pub unit: Option<String>,
    /// Of an attribute: the value that all assets show which were looked at.
    pub value: Option<String>,
}

/// An edge node or device.
#[derive(Clone, Debug, PartialEq)]
pub struct Machine {
    /// Its asset.
    pub asset: Uuid,
    /// Group, node and device, slashes between.
    pub address: String,
    /// Its group.
    pub group: String,
    /// Its edge node.
    pub node: String,
    /// Its device; none for an edge node.
    pub device: Option<String>,
    /// The property with the time of its last birth, a number.
    pub last_birth: Uuid,
    /// The property with the time of its last death, a number; without a value until it dies.
    pub last_death: Uuid,
}

/// The bridge's own asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BridgeAsset {
    /// Its asset.
    pub asset: Uuid,
    /// Its name.
    pub name: String,
    /// The property that is written once a minute.
    pub heartbeat: Uuid,
}

/// A file to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Below the folder that was named, slashes between its parts.
    pub path: String,
    /// What is in it.
    pub text: String,
}

/// What there is to write, and to tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rendered {
    /// All files, by path.
    pub files: Vec<File>,
    /// A line for each dashboard of SiteWise: what it is, and what it costs.
    pub costs: Vec<Cost>,
    /// What has no place, a sentence each.
    pub remarks: Vec<String>,
}

/// What a dashboard costs each time it is loaded: calls' entries to SiteWise, each of which is at
/// least one query message (50 values or 4 KB).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// The dashboard's title.
    pub title: String,
    /// Its panels, those of collapsed rows among them.
    pub panels: usize,
    /// Entries for each asset that is selected, in the rows that are open.
    pub open: usize,
    /// The same with all rows opened.
    pub all: usize,
}

/// A dashboard, and what it costs.
#[derive(Debug)]
struct Dashboard {
    uid: String,
    title: String,
    json: Value,
    cost: Cost,
}

/// All files for a plant.
pub fn render(plant: &Plant) -> Rendered {
    let mut rendered = Rendered::default();
    let mut models: Vec<_> = plant.models.iter().collect();
    models.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
    let mut dashboards = vec![plant::dashboard(plant, &models, &mut rendered.remarks)];
    for model in models {
        dashboards.extend(model::dashboard(model, &mut rendered.remarks));
    }
    for dashboard in dashboards {
        let path = path_of(&dashboard.title, &dashboard.uid);
        rendered.files.push(File { path, text: pretty(&dashboard.json) });
        rendered.costs.push(dashboard.cost);
    }
    let bridge = File { path: "dashboards/bridge.json".into(), text: bridge() };
    rendered.files.push(bridge);
    let alerts = alerts::rules(plant, &mut rendered.remarks);
    rendered.files.push(File { path: alerts::PATH.into(), text: alerts });
    rendered.files.extend(provisioning::files());
    rendered.files.sort_by(|a, b| a.path.cmp(&b.path));
    rendered
}

/// The bridge's own dashboard, marked as ours.
fn bridge() -> String {
    let mut json: Value = serde_json::from_str(BRIDGE).unwrap_or_default();
    let description = json.get("description").and_then(Value::as_str).unwrap_or_default();
    let description = format!("{description} {MARK}.");
    if let Some(fields) = json.as_object_mut() {
        fields.insert("description".into(), description.into());
    }
    pretty(&json)
}

/// The frame of a dashboard.
fn dashboard(uid: &str, title: &str, description: &str, variables: &[Value]) -> Value {
    let datasource = json!({
        "name": "datasource",
        "label": "SiteWise",
        "type": "datasource",
        "query": query::PLUGIN,
        "hide": 0,
    });
    let list: Vec<_> = std::iter::once(datasource).chain(variables.iter().cloned()).collect();
    json!({
        "uid": uid,
        "title": literal(title),
        "description": literal(&format!("{description} {MARK}.")),
        "tags": ["sparkwise", "sitewise"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": true,
        "graphTooltip": 1,
        // Each refresh is billed: people ask for it.
        "refresh": "",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "annotations": {"list": []},
        "links": [{
            "title": "Sparkwise",
            "type": "dashboards",
            "tags": ["sparkwise"],
            "asDropdown": true,
            "includeVars": false,
            "keepTime": true,
            "targetBlank": false,
            "icon": "external link",
            "tooltip": "",
        }],
        "templating": {"list": list},
    })
}

/// Where a dashboard is written.
fn path_of(title: &str, uid: &str) -> String {
    format!("{DASHBOARDS}/{}.json", file_name(title, uid))
}

/// A readable file name that no other dashboard has.
fn file_name(title: &str, uid: &str) -> String {
    let mut slug = String::new();
    for c in title.chars().flat_map(char::to_lowercase) {
        match c {
            'a'..='z' | '0'..='9' => slug.push(c),
            _ if slug.ends_with('-') || slug.is_empty() => {}
            _ => slug.push('-'),
        }
        if slug.len() >= 48 {
            break;
        }
    }
    // The end of an id tells more than its beginning.
    let mut mark: Vec<char> =
        uid.chars().rev().filter(char::is_ascii_alphanumeric).take(8).collect();
    mark.reverse();
    let mark = String::from_iter(mark);
    match slug.trim_end_matches('-') {
        "" => mark,
        slug => format!("{slug}-{mark}"),
    }
}

/// JSON for people and for version control, with keys in order and a line end.
fn pretty(json: &Value) -> String {
    serde_json::to_string_pretty(json).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests;
