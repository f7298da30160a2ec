//! Templates of payloads: JSON whose strings hold placeholders.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::error::{Error, Result};
use crate::options::Rendering;
use crate::parameter::Value;

const BEGIN: &str = "${aws:iot:commandexecution::";
const PARAMETER: &str = "parameter:";
const TIMEOUT: &str = "executionTimeoutSec";

/// A template, read.
#[derive(Debug, Clone)]
pub(crate) struct Template(Json);

/// A piece of a string.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'a> {
    Text(&'a str),
    Parameter(&'a str),
    Timeout,
}

impl Template {
    /// Reads a template that may name these parameters.
    ///
    /// # Errors
    ///
    /// `ValidationException` for what is no JSON, or names something else.
    pub(crate) fn read(text: &str, is_known: impl Fn(&str) -> bool) -> Result<Self> {
        let json: Json = serde_json::from_str(text)
            .map_err(|error| Error::invalid(format!("payloadTemplate is not JSON: {error}")))?;
        let mut unknown = None;
        each_text(&json, &mut |text| match pieces(text) {
            Ok(pieces) => {
                let strange = pieces.into_iter().find_map(|piece| match piece {
                    Piece::Parameter(name) if !is_known(name) => Some(name.to_owned()),
                    _ => None,
                });
                unknown = unknown.take().or(strange);
            }
            Err(strange) => unknown = Some(strange.to_owned()),
        });
        match unknown {
            Some(name) => Err(Error::invalid(format!(
                "payloadTemplate has a placeholder that no parameter is for: {name}"
            ))),
            None => Ok(Self(json)),
        }
    }

    /// The payload with these values.
    pub(crate) fn render(
        &self,
        values: &BTreeMap<String, Value>,
        timeout_seconds: u64,
        rendering: Rendering,
    ) -> String {
        let mut json = self.0.clone();
        render(&mut json, &|text| {
            let pieces = pieces(text).unwrap_or_default();
            let typed = match (rendering, pieces.as_slice()) {
                (Rendering::Typed, [Piece::Parameter(name)]) => values.get(*name).map(Value::typed),
                (Rendering::Typed, [Piece::Timeout]) => Some(json!(timeout_seconds)),
                _ => None,
            };
            let text = |piece: &Piece<'_>| match piece {
                Piece::Text(text) => (*text).to_owned(),
                Piece::Parameter(name) => values.get(*name).map(Value::text).unwrap_or_default(),
                Piece::Timeout => timeout_seconds.to_string(),
            };
            typed.unwrap_or_else(|| Json::String(pieces.iter().map(text).collect()))
        });
        json.to_string()
    }
}

/// What stands before, in and between the placeholders; or the placeholder that is none of ours.
fn pieces(text: &str) -> Result<Vec<Piece<'_>>, &str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(BEGIN) {
        let (name, after) = after.split_once('}').ok_or(after)?;
        if !before.is_empty() {
            pieces.push(Piece::Text(before));
        }
        pieces.push(match name.strip_prefix(PARAMETER) {
            Some(parameter) => Piece::Parameter(parameter),
            None if name == TIMEOUT => Piece::Timeout,
            None => return Err(name),
        });
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    Ok(pieces)
}

fn each_text(json: &Json, visit: &mut impl FnMut(&str)) {
    match json {
        Json::String(text) => visit(text),
        Json::Array(items) => items.iter().for_each(|item| each_text(item, visit)),
        Json::Object(members) => members.values().for_each(|member| each_text(member, visit)),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

fn render(json: &mut Json, of: &impl Fn(&str) -> Json) {
    match json {
        Json::String(text) => *json = of(text),
        Json::Array(items) => items.iter_mut().for_each(|item| render(item, of)),
        Json::Object(members) => members.values_mut().for_each(|member| render(member, of)),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = r#"{
        "value": "${aws:iot:commandexecution::parameter:value}",
        "deep": [{"named": "T${aws:iot:commandexecution::parameter:number}/Limit"}, true, 7],
        "timeout": "${aws:iot:commandexecution::executionTimeoutSec}",
        "other": "${aws:iot:thing}"
    }"#;

    fn read(text: &str) -> Result<Template> {
        Template::read(text, |name| ["value", "number"].contains(&name))
    }

    fn values() -> BTreeMap<String, Value> {
        let text = Value::Text("07\"},{".into());
        BTreeMap::from([("value".into(), Value::Double(42.5)), ("number".into(), text)])
    }

    #[test]
    fn placeholders_become_text_or_typed_values() {
        let rendered = |rendering| -> Json {
            let text = read(TEMPLATE).unwrap().render(&values(), 20, rendering);
            serde_json::from_str(&text).unwrap()
        };
        // What is given stays inside its string, whatever it holds.
        let deep = json!([{ "named": "T07\"},{/Limit" }, true, 7]);
        let other = "${aws:iot:thing}";
        assert_eq!(
            rendered(Rendering::Text),
            json!({ "value": "42.5", "deep": deep, "timeout": "20", "other": other })
        );
        assert_eq!(
            rendered(Rendering::Typed),
            json!({ "value": 42.5, "deep": deep, "timeout": 20, "other": other })
        );
    }

    #[test]
    fn templates_that_cannot_be_rendered_are_refused() {
        for wrong in [
            "",
            r#"{"value": ${aws:iot:commandexecution::parameter:value}}"#,
            r#""${aws:iot:commandexecution::parameter:speed}""#,
            r#"["${aws:iot:commandexecution::executionTimeout}"]"#,
            r#"{"a": "${aws:iot:commandexecution::parameter:value"}"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert!(read("[1, 2]").is_ok());
    }
}
