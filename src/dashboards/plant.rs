//! The dashboard of the plant: who is online and since when, and how often messages were missing.

use serde_json::Value;

use super::layout::{Layout, Row};
use super::literal::literal;
use super::panel::{Panel, Shown};
use super::query::{self, Selected, variable};
use super::{Dashboard, Model, Plant, dashboard as frame};
use crate::twin::identity::short_hash;
use crate::twin::mapping::ValueForm;

/// Its title.
const TITLE: &str = "Sparkwise Plant";

/// The dashboard of all models whose assets tell whether they are alive.
pub(super) fn dashboard(plant: &Plant, models: &[&Model], remarks: &mut Vec<String>) -> Dashboard {
    let mut variables = Vec::new();
    let mut rows = Vec::new();
    for model in models {
        let presence = |name: &str| model.properties.iter().find(|of| of.is_presence(name));
        let Some(online) = presence("Online") else { continue };
        let name = format!("machines{}", variables.len() + 1);
        let assets = variable(&name);
        variables.push(query::listed(
            &name,
            &literal(&model.name),
            &query::assets_of(model.id),
            Selected::All,
        ));
        let mut panels = vec![Panel::tiles(&assets, online, "Online", Shown::Presence)];
        for name in ["Last birth", "Last death"] {
            let of = model.properties.iter().find(|of| {
                // A model of before may have one in milliseconds as well.
                of.is_presence(name) && of.form == ValueForm::Seconds
            });
            panels.extend(of.map(|of| Panel::times(&assets, model.id, of, name)));
        }
        for name in ["Sequence gaps", "Rebirths"] {
            if let Some(of) = presence(name) {
                panels.push(Panel::tiles(&assets, of, name, Shown::Number));
            }
        }
        rows.push(Row { title: literal(&model.name), repeat: None, panels });
    }
    let layout = Layout::of(rows);
    if layout.left_out > 0 {
        remarks.push(format!(
            "the dashboard {TITLE} has no room for {} of its panels",
            layout.left_out
        ));
    }
    let (panels, cost) = layout.finish(TITLE);
    let uid = uid(plant);
    let description = format!(
        "Edge nodes and devices: who is online, and since when. Each time it is loaded it costs at least {} query \
         messages for a machine of each model; with all rows opened, {}.",
        cost.open, cost.all
    );
    let mut json = frame(&uid, TITLE, &description, &variables);
    if let Some(fields) = json.as_object_mut() {
        fields.insert("panels".into(), Value::Array(panels));
    }
    Dashboard { uid, title: TITLE.to_owned(), json, cost }
}

/// Where it is written.
pub(super) fn path(plant: &Plant) -> String {
    super::path_of(TITLE, &uid(plant))
}

/// Several bridges of one account have each a dashboard of its own part of the plant.
fn uid(plant: &Plant) -> String {
    let bridge = plant.bridge.as_ref().map_or_else(String::new, |bridge| bridge.asset.to_string());
    format!("sparkwise-plant-{}", short_hash(&[&plant.namespace, &bridge]))
}
