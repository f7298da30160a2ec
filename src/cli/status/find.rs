//! `sparkwise status WORDS`: the machines and properties that the console's search finds.

use std::fmt::Write;

use serde::Deserialize;
use serde_json::Value;

use super::{Health, StatusReport, WRONG_TOKEN, unparsable};
use crate::console::probe::ProbeResponse;
use crate::telemetry::printable;

/// What the search finds.
#[derive(Debug, Deserialize)]
struct Found {
    rows: Vec<Row>,
    next: Option<String>,
    #[serde(default)]
    more: bool,
    #[serde(default)]
    lost: Vec<Value>,
}

#[derive(Debug, Deserialize)]
struct Row {
    id: String,
    name: String,
    provisioning: String,
    address: Option<String>,
    property: Option<Property>,
    alias: Option<String>,
    /// The outer one is none where SiteWise has the alias or will have it.
    #[serde(default, deserialize_with = "known")]
    alias_in_sitewise: Option<Option<String>>,
    problem: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Property {
    id: String,
    name: String,
}

/// A field that is there, also if it is null.
fn known<'de, D: serde::Deserializer<'de>>(of: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(of).map(Some)
}

/// Asks for `words`: an alias, an address, a topic, an id, or parts of names.
pub(super) fn find(
    words: &str,
    json: bool,
    get: impl Fn(&str) -> Result<ProbeResponse, String>,
) -> Result<StatusReport, String> {
    let text = match get(&format!("/api/search?limit=100&q={}", encoded(words)))? {
        (200, text) => text,
        (401, _) => return Err(WRONG_TOKEN.to_owned()),
        (status, text) => return Err(format!("/api/search answers {status}: {}", text.trim())),
    };
    let found: Found = serde_json::from_str(&text).map_err(unparsable)?;
    let health = match found.rows.is_empty() && found.lost.is_empty() {
        true => Health::NotReady,
        false => Health::Ready,
    };
    let text = if json { format!("{}\n", text.trim()) } else { page(words, &found) };
    Ok(StatusReport { text, health })
}

fn page(words: &str, found: &Found) -> String {
    let mut text = String::new();
    for row in &found.rows {
        let address = row.address.as_deref().unwrap_or(&row.name);
        let line = match &row.property {
            Some(property) => format!("{address}: {}", property.name),
            None => address.to_owned(),
        };
        let _ = writeln!(text, "{}", printable(&line));
        let mut detail = |name: &str, what: &str| {
            let _ = writeln!(text, "  {name:<10}{}", printable(what));
        };
        detail("asset", &format!("{} ({})", row.id, row.provisioning));
        row.property.iter().for_each(|property| detail("property", &property.id));
        row.alias.iter().for_each(|wanted| detail("alias", &alias(wanted, row)));
        row.problem.iter().for_each(|problem| detail("problem", problem));
    }
    let lost = found.lost.len();
    if lost > 0 {
        let _ = writeln!(text, "{lost} tags whose values are not sent: see the console's page");
    }
    match (found.rows.is_empty() && lost == 0, found.next.is_some() || found.more) {
        (true, _) => text = format!("nothing matches {}\n", printable(words)),
        (_, true) => text.push_str("and more: add a word, or see the console's page\n"),
        _ => {}
    }
    text
}

/// The wanted alias, and what SiteWise has where that differs.
fn alias(wanted: &str, row: &Row) -> String {
    match &row.alias_in_sitewise {
        None => wanted.to_owned(),
        Some(Some(has)) => format!("{has} in SiteWise; TWIN_ALIASES says {wanted}"),
        Some(None) => format!("none in SiteWise, since something else has {wanted}"),
    }
}

/// A text as a value of a query.
fn encoded(text: &str) -> String {
    let mut query = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                query.push(byte.into());
            }
            byte => {
                let _ = write!(query, "%{byte:02X}");
            }
        }
    }
    query
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(alias: &Value) -> Value {
        let mut row = serde_json::json!({
            "id": "a-1", "name": "T7", "kind": "instance", "provisioning": "live",
            "address": "Nordsee/gw/T7", "property": {"id": "p-1", "name": "Speed"},
            "alias": "/N/T7/Speed", "problem": "denied\u{1b}",
        });
        if let (Some(row), Some(fields)) = (row.as_object_mut(), alias.as_object()) {
            row.extend(fields.clone());
        }
        row
    }

    fn asked(rows: &[Value]) -> StatusReport {
        let body = serde_json::json!({"rows": rows, "next": null, "lost": [], "more": false});
        find("/N/T7/Spe ü", false, |path| {
            assert_eq!(path, "/api/search?limit=100&q=%2FN%2FT7%2FSpe%20%C3%BC");
            Ok((200, body.to_string()))
        })
        .unwrap()
    }

    #[test]
    fn an_alias_finds_its_property_with_the_alias_that_sitewise_has() {
        let alias = |of: Value| {
            let StatusReport { text, health } = asked(&[row(&of)]);
            assert_eq!(health, Health::Ready);
            let lines: Vec<_> = text.lines().collect();
            let [first, asset, property, alias, problem] = lines[..] else { panic!("{text}") };
            assert_eq!(
                (first, asset, property, problem),
                (
                    "Nordsee/gw/T7: Speed",
                    "  asset     a-1 (live)",
                    "  property  p-1",
                    "  problem   denied\\u{1b}"
                )
            );
            alias.trim_start_matches("  alias     ").to_owned()
        };
        assert_eq!(alias(serde_json::json!({})), "/N/T7/Speed");
        assert_eq!(
            alias(serde_json::json!({"alias_in_sitewise": "/theirs"})),
            "/theirs in SiteWise; TWIN_ALIASES says /N/T7/Speed"
        );
        assert_eq!(
            alias(serde_json::json!({"alias_in_sitewise": null})),
            "none in SiteWise, since something else has /N/T7/Speed"
        );
    }

    #[test]
    fn nothing_that_matches_is_said_and_is_no_success() {
        let report = asked(&[]);
        assert_eq!(
            (report.text.as_str(), report.health),
            ("nothing matches /N/T7/Spe ü\n", Health::NotReady)
        );
        let denied = find("x", true, |_| Ok((401, String::new())));
        assert_eq!(denied, Err(WRONG_TOKEN.to_owned()));
    }
}
