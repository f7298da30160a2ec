//! Panels: how values of each form are shown.

use serde_json::{Value, json};
use uuid::Uuid;

use super::literal::literal;
use super::query::{self, Before, Quality, Target};
use super::range::Limits;
use super::{Property, units};

/// Width and height of a panel with a curve.
const CURVE: (u32, u32) = (8, 7);
/// Width and height of a table.
const TABLE: (u32, u32) = (12, 7);
/// Width and height of a table of times, two of which stand beside tiles.
const TIMES: (u32, u32) = (6, 5);
/// Width and height of a row of tiles, and of a line of states.
const TILES: (u32, u32) = (12, 5);
/// The column with the names of assets.
const ASSET_COLUMN: &str = "machine";
/// The column with points in time.
const TIME_COLUMN: &str = "point in time";
/// Grafana's name for the column of the latest values.
const LAST: &str = "Last *";
/// The color of values of quality UNCERTAIN, for which the plugin has none of its own.
const GREY: &str = "#8e8e8e";

/// A panel without its place.
#[derive(Debug)]
pub(super) struct Panel {
    /// What it is called by in links, if no other is.
    pub id: u32,
    /// Columns and rows.
    pub size: (u32, u32),
    /// Its type.
    kind: &'static str,
    title: String,
    description: String,
    targets: Vec<Target>,
    field_config: Value,
    options: Value,
    /// What is made of the answers before they are shown.
    transformations: Vec<Value>,
}

impl Panel {
    /// Entries of calls to SiteWise that it costs for each asset, each time it is shown.
    pub(super) fn entries(&self) -> usize {
        self.targets.iter().map(|target| target.entries).sum()
    }

    /// In its place.
    pub(super) fn json(self, id: u32, place: Value) -> Value {
        let named = ('A'..='Z').map(String::from).zip(self.targets);
        let named = named.map(|(ref_id, target)| {
            let mut json = target.json;
            if let Some(fields) = json.as_object_mut() {
                fields.insert("refId".into(), ref_id.into());
            }
            json
        });
        let mut json = json!({
            "id": id,
            "type": self.kind,
            "title": literal(&self.title),
            "description": literal(&self.description),
            "datasource": query::datasource(),
            "gridPos": place,
            "targets": named.collect::<Vec<_>>(),
            "fieldConfig": self.field_config,
            "options": self.options,
        });
        if let (false, Some(fields)) = (self.transformations.is_empty(), json.as_object_mut()) {
            fields.insert("transformations".into(), self.transformations.into());
        }
        json
    }

    /// A number over time: the line holds each value until the next, since what does not change is
    /// not reported. Values of quality UNCERTAIN are grey points.
    pub(super) fn curve(asset: &str, property: &Property, title: &str, limits: &Limits) -> Self {
        let mut custom = json!({
            "drawStyle": "line",
            "lineInterpolation": "stepAfter",
            "lineWidth": 1,
            "fillOpacity": 5,
            "showPoints": "auto",
            "spanNulls": true,
        });
        let unit = literal(&units::grafana(property.unit.as_deref()));
        let mut defaults = json!({
            "unit": unit,
            "color": {"mode": "palette-classic"},
        });
        if let Some(custom) = custom.as_object_mut() {
            // Soft: what is outside of the range is not cut off.
            custom.extend(limits.low.map(|low| ("axisSoftMin".to_owned(), low.into())));
            custom.extend(limits.high.map(|high| ("axisSoftMax".to_owned(), high.into())));
        }
        if let Some(steps) = limits.steps() {
            let style = json!({"mode": "dashed"});
            custom.as_object_mut().map(|fields| fields.insert("thresholdsStyle".into(), style));
            let thresholds = json!({"mode": "absolute", "steps": steps});
            defaults.as_object_mut().map(|fields| fields.insert("thresholds".into(), thresholds));
        }
        defaults.as_object_mut().map(|fields| fields.insert("custom".into(), custom));
        let overrides = json!([unit_of_numbers(&unit), {
            "matcher": {"id": "byFrameRefID", "options": "B"},
            "properties": [
                {"id": "displayName", "value": "uncertain"},
                {"id": "color", "value": {"mode": "fixed", "fixedColor": GREY}},
                {"id": "custom.drawStyle", "value": "points"},
                {"id": "custom.pointSize", "value": 6},
            ],
        }]);
        Self {
            id: id_of(property),
            size: CURVE,
            kind: "timeseries",
            title: title.to_owned(),
            description: String::new(),
            targets: vec![
                query::history(asset, property.id, Quality::Good, Before::Read),
                query::history(asset, property.id, Quality::Uncertain, Before::Left),
            ],
            field_config: json!({"defaults": defaults, "overrides": overrides}),
            options: curve_options(),
            transformations: Vec::new(),
        }
    }

    /// A Boolean over time.
    pub(super) fn states(asset: &str, property: &Property, title: &str, colors: [&str; 2]) -> Self {
        let mapping = |text: &str, color: &str, index: u32| json!({"text": text, "color": color, "index": index});
        let (yes, no) = match property.is_presence("Online") {
            true => ("online", "offline"),
            false => ("true", "false"),
        };
        let mappings = json!([{"type": "value", "options": {
            "true": mapping(yes, colors[0], 0),
            "false": mapping(no, colors[1], 1),
        }}]);
        Self {
            id: id_of(property),
            size: TILES,
            kind: "state-timeline",
            title: title.to_owned(),
            description: String::new(),
            targets: vec![query::history(asset, property.id, Quality::Good, Before::Read)],
            field_config: json!({
                "defaults": {
                    "mappings": mappings,
                    "color": {"mode": "thresholds"},
                    "custom": {"fillOpacity": 70, "lineWidth": 0},
                },
                // A text as well, which would be a second line. Not by its name: a tag may have the same.
                "overrides": [{
                    "matcher": {"id": "byType", "options": "string"},
                    "properties": [{
                        "id": "custom.hideFrom",
                        "value": {"viz": true, "legend": true, "tooltip": true},
                    }],
                }],
            }),
            options: json!({
                "mergeValues": true,
                "showValue": "auto",
                "alignValue": "left",
                "rowHeight": 0.9,
                "legend": {"displayMode": "list", "placement": "bottom", "showLegend": false, "calcs": []},
                "tooltip": {"mode": "single", "sort": "none"},
            }),
            transformations: Vec::new(),
        }
    }

    /// Texts, and whatever is no number to draw, with their times.
    pub(super) fn table(asset: &str, property: &Property, title: &str, description: &str) -> Self {
        Self {
            id: id_of(property),
            size: TABLE,
            kind: "table",
            title: title.to_owned(),
            description: description.to_owned(),
            targets: vec![query::history(asset, property.id, Quality::Good, Before::Read)],
            field_config: json!({
                "defaults": {"custom": {"align": "auto"}},
                "overrides": [unit_of_numbers("none")],
            }),
            options: json!({
                "showHeader": true,
                "cellHeight": "sm",
                "frameIndex": 0,
                "sortBy": [{"displayName": "time", "desc": true}],
            }),
            transformations: Vec::new(),
        }
    }

    /// Points in time, with the times at which they came. Grafana finds the field by its name, in which it
    /// replaces variables: seconds stay where the name has one.
    pub(super) fn points_in_time(asset: &str, property: &Property, title: &str) -> Self {
        if literal(&property.name) != property.name {
            return Self::table(asset, property, title, "Seconds since 1970.");
        }
        Self {
            field_config: json!({
                "defaults": {"custom": {"align": "auto"}},
                "overrides": [as_time(TIME_COLUMN)],
            }),
            transformations: vec![in_milliseconds(&property.name, TIME_COLUMN, true)],
            ..Self::table(asset, property, title, "")
        }
    }

    /// A tile for each asset with the latest value of a property.
    pub(super) fn tiles(assets: &str, property: &Property, title: &str, shown: Shown) -> Self {
        let mut defaults = json!({
            "unit": "none",
            "color": {"mode": "thresholds"},
            "thresholds": {"mode": "absolute", "steps": [{"color": "blue", "value": null}]},
        });
        let (fields, color) = match shown {
            Shown::Presence => {
                let mappings = json!([{"type": "value", "options": {
                    "true": {"text": "online", "color": "green", "index": 0},
                    "false": {"text": "offline", "color": "red", "index": 1},
                }}]);
                defaults.as_object_mut().map(|fields| fields.insert("mappings".into(), mappings));
                (named(&property.name), "background")
            }
            Shown::Number => {
                // What is counted has no value until it happens.
                defaults.as_object_mut().map(|fields| fields.insert("noValue".into(), "0".into()));
                (String::new(), "value")
            }
        };
        Self {
            id: id_of(property),
            size: TILES,
            kind: "stat",
            title: title.to_owned(),
            description: String::new(),
            targets: vec![query::latest(assets, property.id)],
            field_config: json!({"defaults": defaults, "overrides": []}),
            options: json!({
                "reduceOptions": {"calcs": ["lastNotNull"], "fields": fields, "values": false},
                "colorMode": color,
                "graphMode": "none",
                "justifyMode": "auto",
                "orientation": "auto",
                "textMode": "value_and_name",
                "percentChangeColorMode": "standard",
                "showPercentChange": false,
                "wideLayout": true,
            }),
            transformations: Vec::new(),
        }
    }

    /// A line for each asset with the point in time that a property says, in seconds since 1970: Grafana
    /// takes milliseconds. An asset without a value has no line.
    pub(super) fn times(assets: &str, model: Uuid, property: &Property, title: &str) -> Self {
        Self {
            id: id_of(property),
            size: TIMES,
            kind: "table",
            title: title.to_owned(),
            description: String::new(),
            // A single answer would not be concatenated, and its line would have no name: so the assets
            // are listed as well, which costs no query message, and has no number.
            targets: vec![query::latest(assets, property.id), query::list_of(model)],
            field_config: json!({
                "defaults": {"custom": {"align": "auto"}},
                "overrides": [as_time(title)],
            }),
            options: json!({
                "showHeader": true,
                "cellHeight": "sm",
                "frameIndex": 0,
                "sortBy": [{"displayName": title, "desc": true}],
            }),
            transformations: vec![
                // An answer has its asset's name beside the values alone, not among them.
                transformation(
                    "concatenate",
                    json!({"frameNameMode": "label", "frameNameLabel": ASSET_COLUMN}),
                ),
                transformation(
                    "reduce",
                    json!({
                        "mode": "seriesToRows",
                        "reducers": ["lastNotNull"],
                        "fields": {"id": "byType", "options": "number"},
                        "labelsToFields": true,
                        "includeTimeField": false,
                    }),
                ),
                transformation(
                    "filterByValue",
                    json!({
                        "type": "include",
                        "match": "all",
                        "filters": [{
                            "fieldName": LAST,
                            "config": {"id": "greater", "options": {"value": 0}},
                        }],
                    }),
                ),
                in_milliseconds(LAST, title, false),
                transformation(
                    "organize",
                    json!({
                        "excludeByName": {"Field": true, LAST: true},
                        "indexByName": {},
                        "renameByName": {},
                    }),
                ),
            ],
        }
    }

    /// How many values came in each quality, of up to sixteen properties.
    pub(super) fn qualities(asset: &str, properties: &[&Property]) -> Self {
        let some: Vec<_> =
            properties.iter().take(query::AGGREGATE_ENTRIES).map(|property| property.id).collect();
        let color = |(ref_id, color): (&str, &str)| {
            json!({
                "matcher": {"id": "byFrameRefID", "options": ref_id},
                "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": color}}],
            })
        };
        // Counts have no unit, whatever the property has.
        let mut overrides = vec![unit_of_numbers("short")];
        overrides.extend([("A", "green"), ("B", "yellow"), ("C", "red")].map(color));
        let description = match properties.len() > some.len() {
            true => format!(
                "Values of the first {} of {} properties in a quarter of an hour: green are GOOD, \
                 yellow UNCERTAIN, red BAD.",
                some.len(),
                properties.len()
            ),
            false => "Values in a quarter of an hour: green are GOOD, yellow UNCERTAIN, red BAD."
                .to_owned(),
        };
        Self {
            id: 2,
            size: TILES,
            kind: "timeseries",
            title: "Values by quality".to_owned(),
            description,
            targets: Quality::ALL
                .into_iter()
                .map(|quality| query::counts(asset, &some, quality))
                .collect(),
            field_config: json!({
                "defaults": {
                    "unit": "short",
                    "custom": {
                        "drawStyle": "bars",
                        "fillOpacity": 80,
                        "lineWidth": 0,
                        "stacking": {"mode": "normal", "group": "A"},
                    },
                },
                "overrides": overrides,
            }),
            options: json!({
                "legend": {"displayMode": "list", "placement": "bottom", "showLegend": false, "calcs": []},
                "tooltip": {"mode": "multi", "sort": "desc"},
            }),
            transformations: Vec::new(),
        }
    }
}

/// A regular expression for the field of a property: of several assets Grafana puts the asset's name in
/// front.
fn named(name: &str) -> String {
    let mut pattern = String::from("/(^| )");
    for c in name.chars() {
        if r"\^$.|?*+()[]{}/".contains(c) {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern + "$/"
}

/// What a tile shows of the latest value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// Online or offline.
    Presence,
    /// The number.
    Number,
}

impl Property {
    /// Whether it is one of those by which a machine tells that it is alive.
    pub(super) fn is_presence(&self, name: &str) -> bool {
        self.role == crate::twin::identity::PropertyRole::Presence && self.path == [name]
    }
}

/// The unit in which numbers are shown. As a default it would not count: the plugin gives each field
/// SiteWise's unit, which Grafana reads as one of its own, `m` as minutes.
fn unit_of_numbers(unit: &str) -> Value {
    json!({
        "matcher": {"id": "byType", "options": "number"},
        "properties": [{"id": "unit", "value": unit}],
    })
}

fn transformation(id: &str, options: Value) -> Value {
    json!({"id": id, "options": options})
}

/// Seconds since 1970 as Grafana's points in time, in a column of their own; `alone` beside the times
/// at which values came.
fn in_milliseconds(seconds: &str, column: &str, alone: bool) -> Value {
    let options = json!({
        "mode": "binary",
        "binary": {"left": seconds, "operator": "*", "right": "1000"},
        "alias": column,
        "replaceFields": alone,
    });
    transformation("calculateField", options)
}

/// A column of milliseconds since 1970.
fn as_time(column: &str) -> Value {
    json!({
        "matcher": {"id": "byName", "options": column},
        "properties": [{"id": "unit", "value": "dateTimeAsIso"}],
    })
}

fn curve_options() -> Value {
    json!({
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": ["lastNotNull"]},
        "tooltip": {"mode": "single", "sort": "none"},
    })
}

/// An id that follows from the property's: 31 bits of it, as Grafana has room for.
fn id_of(property: &Property) -> u32 {
    property.id.as_u128() as u32 >> 1
}
