//! The templates that are played: a motor with a bearing.

use serde_json::Value;
use srad::eon::{BirthInitializer, BirthMetricDetails};
use srad::types::{Template, TemplateMetadata};

use crate::metric::{Publisher, text};

#[derive(Clone, Default, PartialEq, Template)]
pub struct Motor {
    #[template(rename = "Speed")]
    speed: i32,
    #[template(rename = "Running")]
    running: bool,
    #[template(rename = "Drive End")]
    drive_end: Bearing,
    #[template(rename = "HP", parameter)]
    hp: f64,
}

#[derive(Clone, Default, PartialEq, Template)]
pub struct Bearing {
    #[template(rename = "Temp")]
    temp: f64,
    #[template(rename = "Note")]
    note: String,
}

impl TemplateMetadata for Motor {
    fn template_name() -> &'static str {
        "Motor of srad"
    }

    fn template_version() -> Option<&'static str> {
        Some("2.1")
    }
}

impl TemplateMetadata for Bearing {
    fn template_name() -> &'static str {
        "Bearing of srad"
    }
}

/// Adds an instance to a birth. Data tells of it what is new.
pub fn register(
    name: &str,
    value: &Value,
    timestamp: u64,
    birth: &mut BirthInitializer,
) -> Result<Publisher, String> {
    let details = BirthMetricDetails::new_template_metric(name, motor(value)?);
    let token = birth.register_template_metric(details.with_timestamp(timestamp)).map_err(text)?;
    Ok(Box::new(move |before, changes| {
        let mut now = before.clone();
        update(&mut now, changes);
        token
            .create_publish_template_metric_from_difference(motor(&now)?, &motor(before)?)
            .ok_or_else(|| "nothing is new".to_owned())
    }))
}

/// Takes the members of `changes`.
pub fn update(value: &mut Value, changes: &Value) {
    for change in changes["metrics"].as_array().into_iter().flatten() {
        let members = value["metrics"].as_array_mut().into_iter().flatten();
        for member in members.filter(|member| member["name"] == change["name"]) {
            if change["type"] == "Template" {
                update(&mut member["value"], &change["value"]);
            } else {
                member["value"] = change["value"].clone();
            }
        }
    }
}

fn motor(value: &Value) -> Result<Motor, String> {
    let end = member(value, "metrics", "Drive End")?;
    Ok(Motor {
        speed: read(member(value, "metrics", "Speed")?)?,
        running: read(member(value, "metrics", "Running")?)?,
        drive_end: Bearing {
            temp: read(member(end, "metrics", "Temp")?)?,
            note: read(member(end, "metrics", "Note")?)?,
        },
        hp: read(member(value, "parameters", "HP")?)?,
    })
}

fn member<'a>(value: &'a Value, kind: &str, name: &str) -> Result<&'a Value, String> {
    let mut members = value[kind].as_array().into_iter().flatten();
    let found = members.find(|member| member["name"] == name);
    found.map(|member| &member["value"]).ok_or_else(|| format!("no {name}"))
}

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> Result<T, String> {
    serde_json::from_value(value.clone()).map_err(text)
}
