//! Queries of Grafana's data source for SiteWise, as the plugin reads them.

use serde_json::{Value, json};
use uuid::Uuid;

/// The plugin's id.
pub const PLUGIN: &str = "grafana-iot-sitewise-datasource";
/// Entries that one call for aggregates takes.
pub const AGGREGATE_ENTRIES: usize = 16;

/// A quality that is asked for. Without one the plugin asks for GOOD alone where it reads the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quality {
    /// As the machine sent it.
    Good,
    /// Old: its machine is offline. Or not exact.
    Uncertain,
    /// Not to be used.
    Bad,
}

impl Quality {
    /// All, from best to worst.
    pub const ALL: [Self; 3] = [Self::Good, Self::Uncertain, Self::Bad];

    /// As the API spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "GOOD",
            Self::Uncertain => "UNCERTAIN",
            Self::Bad => "BAD",
        }
    }
}

/// Whether the value before the time range is read as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// It is: what is reported by exception may not have changed for long.
    Read,
    /// It is not.
    Left,
}

/// A query, and how many entries of calls it comes to for each asset.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// As the dashboard has it, without its `refId`.
    pub json: Value,
    /// Entries of calls to SiteWise.
    pub entries: usize,
}

/// Names the data source that is selected.
pub fn datasource() -> Value {
    json!({"type": PLUGIN, "uid": "${datasource}"})
}

/// A variable of a dashboard, as a query names it.
pub fn variable(name: &str) -> String {
    format!("${{{name}}}")
}

/// What of a variable is selected when a dashboard is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selected {
    /// The first; people choose others.
    First,
    /// All, and there is nothing to choose.
    All,
}

/// A variable of a dashboard whose values a query lists, by name.
pub fn listed(name: &str, label: &str, query: &Value, selected: Selected) -> Value {
    let all = selected == Selected::All;
    let mut variable = json!({
        "name": name,
        "label": label,
        "type": "query",
        "datasource": datasource(),
        "query": query,
        "refresh": 1,
        "sort": 7,
        "multi": true,
        "includeAll": all,
        "hide": if all { 2 } else { 0 },
    });
    if let (true, Some(fields)) = (all, variable.as_object_mut()) {
        fields.insert("current".to_owned(), json!({"text": "All", "value": "$__all"}));
    }
    variable
}

/// Values of a property over the time range.
///
/// The plugin puts the value from before the range to the first asset of a query alone, so each
/// query that wants it must have one asset.
pub fn history(assets: &str, property: Uuid, quality: Quality, before: Before) -> Target {
    let json = json!({
        "datasource": datasource(),
        "queryType": "PropertyValueHistory",
        "region": "",
        "assetIds": [assets],
        "propertyIds": [property],
        "quality": quality.as_str(),
        "timeOrdering": "ASCENDING",
        "lastObservation": before == Before::Read,
    });
    // One for what is before the range, one for what is behind it.
    let entries = if before == Before::Read { 3 } else { 1 };
    Target { json, entries }
}

/// The latest value of a property.
pub fn latest(assets: &str, property: Uuid) -> Target {
    let json = json!({
        "datasource": datasource(),
        "queryType": "PropertyValue",
        "region": "",
        "assetIds": [assets],
        "propertyIds": [property],
    });
    Target { json, entries: 1 }
}

/// How many values of a quality some properties have had, each quarter of an hour.
pub fn counts(assets: &str, properties: &[Uuid], quality: Quality) -> Target {
    let json = json!({
        "datasource": datasource(),
        "queryType": "PropertyAggregate",
        "region": "",
        "assetIds": [assets],
        "propertyIds": properties,
        "quality": quality.as_str(),
        "aggregates": ["COUNT"],
        // AUTO would read values instead where the range is short.
        "resolution": "15m",
        "timeOrdering": "ASCENDING",
        "lastObservation": false,
    });
    Target { json, entries: properties.len() }
}

/// Lists the assets of a model, for a variable.
pub fn assets_of(model: Uuid) -> Value {
    json!({
        "queryType": "ListAssets",
        "region": "",
        "modelId": model,
        "filter": "ALL",
        "refId": "A",
    })
}

/// The same for a panel: it is no query message.
pub fn list_of(model: Uuid) -> Target {
    let mut json = assets_of(model);
    if let Some(fields) = json.as_object_mut() {
        fields.insert("datasource".into(), datasource());
    }
    Target { json, entries: 0 }
}

/// Lists what is right above some assets, for a variable.
pub fn parents_of(assets: &str) -> Value {
    json!({
        "queryType": "ListAssociatedAssets",
        "region": "",
        "assetIds": [assets],
        "loadAllChildren": false,
        "refId": "A",
    })
}
