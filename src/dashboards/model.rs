//! The dashboard of a model.

use std::collections::BTreeMap;

use serde_json::Value;

use super::layout::{Layout, Row};
use super::literal::literal;
use super::panel::{Panel, Shown};
use super::query::{self, Selected, variable};
use super::range::Limits;
use super::{Dashboard, Model, Property, dashboard as frame};
use crate::twin::identity::PropertyRole;
use crate::twin::mapping::ValueForm;

/// The variable with the assets that are looked at.
const ASSET: &str = "asset";
/// The variable with what they are connected through.
const PARENT: &str = "parent";

/// The dashboard of a model; none where it has nothing that is measured.
pub(super) fn dashboard(model: &Model, remarks: &mut Vec<String>) -> Option<Dashboard> {
    let mut measured: Vec<&Property> =
        model.properties.iter().filter(|of| of.role == PropertyRole::Member).collect();
    if measured.is_empty() {
        return None;
    }
    // Panels of one size beside each other.
    measured.sort_by(|a, b| (rank(a), &a.path, a.id).cmp(&(rank(b), &b.path, b.id)));
    let asset = variable(ASSET);
    let mut rows = connection(model).into_iter().collect::<Vec<_>>();
    rows.push(overview(model, &asset, &measured));
    let mut folders: BTreeMap<Option<String>, Vec<Panel>> = BTreeMap::new();
    let limits = limits(model);
    for of in measured {
        let (folder, title) = split(of);
        let limits = limits.get(of.path.as_slice()).copied().unwrap_or_default();
        folders.entry(folder).or_default().push(panel(&asset, of, &title, &limits));
    }
    rows.extend(folders.into_iter().map(|(folder, panels)| Row {
        title: format!("{} · ${ASSET}", literal(folder.as_deref().unwrap_or(&model.name))),
        repeat: Some(ASSET),
        panels,
    }));
    let layout = Layout::of(rows);
    if layout.left_out > 0 {
        remarks.push(format!(
            "the dashboard of {} has no room for {} of its panels",
            model.name, layout.left_out
        ));
    }
    let (panels, cost) = layout.finish(&model.name);
    let uid = model.id.to_string();
    let description = format!(
        "Machines of the model {}. Each time it is loaded it costs at least {} query messages for \
         each machine that is selected; with all rows opened, {}.",
        model.name, cost.open, cost.all
    );
    let mut json = frame(&uid, &model.name, &description, &variables(model));
    if let Some(fields) = json.as_object_mut() {
        fields.insert("panels".into(), Value::Array(panels));
    }
    Some(Dashboard { uid, title: model.name.clone(), json, cost })
}

/// Its variables: the assets, by name, of which the first is selected, and where it is of use what
/// is above these.
fn variables(model: &Model) -> Vec<Value> {
    let of_model = query::assets_of(model.id);
    let asset = query::listed(ASSET, &literal(&model.name), &of_model, Selected::First);
    let steps = model.above.as_ref().map_or(0, |above| above.steps);
    let parents = (1..=steps).map(|step| {
        let below = if step == 1 { ASSET.to_owned() } else { parent(step - 1, steps) };
        let name = parent(step, steps);
        query::listed(&name, &name, &query::parents_of(&variable(&below)), Selected::All)
    });
    std::iter::once(asset).chain(parents).collect()
}

/// The variable with what is so many steps above the selected assets. The plugin lists what is right above,
/// so each step has its own.
fn parent(step: usize, of: usize) -> String {
    if step == of { PARENT.to_owned() } else { format!("{PARENT}{step}") }
}

/// Whether what an instance is connected through is alive. The plugin looks above the first selected
/// asset alone, so this row is not repeated.
fn connection(model: &Model) -> Option<Row> {
    let online = &model.above.as_ref()?.online;
    let title = "Online: what the first selected asset is connected through";
    let tile = Panel::tiles(&variable(PARENT), online, title, Shown::Presence);
    Some(Row { title: "Connection".to_owned(), repeat: None, panels: vec![tile] })
}

/// Whether it is alive, and how good its values are.
fn overview(model: &Model, asset: &str, measured: &[&Property]) -> Row {
    let presence = |name: &str| model.properties.iter().find(|of| of.is_presence(name));
    let mut panels = Vec::new();
    if let Some(online) = presence("Online") {
        panels.push(Panel::states(asset, online, "Online", ["green", "red"]));
    }
    panels.push(Panel::qualities(asset, measured));
    for name in ["Sequence gaps", "Rebirths"] {
        if let Some(of) = presence(name) {
            panels.push(Panel::tiles(asset, of, name, Shown::Number));
        }
    }
    Row { title: format!("Presence and quality · ${ASSET}"), repeat: Some(ASSET), panels }
}

/// The order of panels in a row: curves, states, tables.
fn rank(property: &Property) -> u8 {
    match property.form {
        ValueForm::Integer | ValueForm::Double => 0,
        ValueForm::Boolean => 1,
        ValueForm::String | ValueForm::Seconds => 2,
    }
}

/// A member's panel.
fn panel(asset: &str, property: &Property, title: &str, limits: &Limits) -> Panel {
    match property.form {
        ValueForm::Integer | ValueForm::Double => Panel::curve(asset, property, title, limits),
        ValueForm::Boolean => Panel::states(asset, property, title, ["blue", "#8e8e8e"]),
        ValueForm::String => Panel::table(asset, property, title, ""),
        ValueForm::Seconds => Panel::points_in_time(asset, property, title),
    }
}

/// What the static properties of members say of their ranges, by the members' paths.
fn limits(model: &Model) -> BTreeMap<&[String], Limits> {
    let mut limits: BTreeMap<&[String], Limits> = BTreeMap::new();
    let statics =
        model.properties.iter().filter(|property| property.role == PropertyRole::Property);
    for property in statics {
        if let (Some((name, path)), Some(value)) = (property.path.split_last(), &property.value) {
            limits.entry(path).or_default().take(name, value);
        }
    }
    limits.into_iter().map(|(path, limits)| (path, limits.in_order())).collect()
}

/// The first folder of a name, and what is left.
fn split(property: &Property) -> (Option<String>, String) {
    let name = property.path.join("/");
    match name.split_once('/') {
        Some((folder, rest)) if !folder.is_empty() && !rest.is_empty() => {
            (Some(folder.to_owned()), rest.to_owned())
        }
        _ => (None, name),
    }
}
