//! `sparkwise status WORDS`: the machines and properties that the console's search finds.

use std::fmt::Write;

use serde::Deserialize;

use super::{Health, Problem, StatusReport, WRONG_TOKEN, unparsable};
use crate::console::probe::ProbeResponse;
use crate::telemetry::{escaped, printable};
use crate::time::Timestamp;

/// What the search finds.
#[derive(Debug, Deserialize)]
struct Found {
    rows: Vec<Row>,
    next: Option<String>,
    #[serde(default)]
    more: bool,
    #[serde(default)]
    lost: Vec<LostTag>,
    #[serde(default)]
    lost_more: bool,
    #[serde(default)]
    problems: Vec<Problem>,
    #[serde(default)]
    nodes: Vec<Node>,
    #[serde(default)]
    left_out: Option<String>,
}

impl Found {
    /// Whether nothing matches.
    fn is_empty(&self) -> bool {
        let nothing = self.rows.is_empty() && self.lost.is_empty() && self.problems.is_empty();
        nothing && self.nodes.is_empty() && self.left_out.is_none()
    }
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
    #[serde(default)]
    online: Option<bool>,
    #[serde(default)]
    offline_since: Option<i64>,
    problem: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Property {
    id: String,
    name: String,
}

/// A tag whose values are not sent.
#[derive(Debug, Deserialize)]
struct LostTag {
    machine: String,
    name: String,
    why: String,
}

/// An edge node that has no asset.
#[derive(Debug, Deserialize)]
struct Node {
    address: String,
    phase: String,
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
    let health = if found.is_empty() { Health::NotReady } else { Health::Ready };
    let text = if json { format!("{}\n", escaped(text.trim())) } else { page(words, &found) };
    Ok(StatusReport { text, health })
}

/// A heading, and what is to be said of it.
fn entry(text: &mut String, heading: &str, details: &[(&str, String)]) {
    let _ = writeln!(text, "{}", printable(heading));
    for (name, what) in details {
        let _ = writeln!(text, "  {name:<10}{}", printable(what));
    }
}

fn page(words: &str, found: &Found) -> String {
    if found.is_empty() {
        return format!("nothing matches {}\n", printable(words));
    }
    let mut text = String::new();
    for row in &found.rows {
        let address = row.address.as_deref().unwrap_or(&row.name);
        match &row.property {
            Some(property) => {
                entry(&mut text, &format!("{address}: {}", property.name), &details(row));
            }
            None => entry(&mut text, address, &details(row)),
        }
    }
    for LostTag { machine, name, why } in &found.lost {
        entry(&mut text, &format!("{machine}: {name}"), &[("not sent", why.clone())]);
    }
    for Node { address, phase } in &found.nodes {
        let phase = format!("{phase}, without an asset in SiteWise");
        entry(&mut text, address, &[("edge node", phase)]);
    }
    if let Some(address) = &found.left_out {
        let why = "SPARKPLUG_INCLUDE and SPARKPLUG_EXCLUDE leave it out; change them to include it";
        entry(&mut text, address, &[("filtered", why.to_owned())]);
    }
    if found.next.is_some() || found.more || found.lost_more {
        text.push_str("and more: add a word, or see the console's page\n");
    }
    if !found.problems.is_empty() {
        let gap = if text.is_empty() { "" } else { "\n" };
        let _ = writeln!(text, "{gap}problems of these, the most severe first");
    }
    for problem in &found.problems {
        let _ = writeln!(text, "  {}", problem.line());
    }
    text
}

/// What is to be said of an asset or a property.
fn details(row: &Row) -> Vec<(&'static str, String)> {
    let mut details = vec![("asset", format!("{} ({})", row.id, row.provisioning))];
    details.extend(row.property.iter().map(|property| ("property", property.id.clone())));
    details.extend(row.alias.iter().map(|wanted| ("alias", alias(wanted, row))));
    if row.online == Some(false) {
        let since = row.offline_since.map(Timestamp::from_millis);
        let since = since.map(|since| format!("since {}", since.in_seconds()));
        details.push(("offline", since.unwrap_or_else(|| "since an unknown time".to_owned())));
    }
    details.extend(row.problem.iter().map(|problem| ("problem", problem.clone())));
    details
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
    use serde_json::Value;

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

    /// It said `live` of a dead gateway, and of what is capped to see the page, which in a container
    /// nobody can.
    #[test]
    fn what_is_wrong_with_what_matches_stands_in_the_terminal() {
        let body = serde_json::json!({
            "rows": [
                {"id": "a-1", "name": "dead", "provisioning": "live", "address": "W/dead",
                 "online": false, "offline_since": 1_764_370_800_123_i64},
                {"id": "a-2", "name": "Q1", "provisioning": "rejected", "address": "W/gw/Q1",
                 "online": true, "problem": "the quota is used up; have it raised"},
            ],
            "next": null,
            "lost": [{"machine": "W/cap", "name": "T5100", "asset": null,
                      "why": "it exceeds TWIN_MAX_PROPERTIES; raise it"}],
            "nodes": [{"address": "W/nobirth", "phase": "awaited"}],
            "problems": [
                {"kind": "node_offline", "subject": "W/dead", "reason": "is offline: check it",
                 "link": null},
                {"kind": "not_understood", "subject": "W/nobirth", "reason": "restart it"},
            ],
        });
        let answer = |_: &str| Ok((200, body.to_string()));
        let report = find("W", false, answer).unwrap();
        let expected = "\
W/dead
  asset     a-1 (live)
  offline   since 2025-11-28T23:00:00Z
W/gw/Q1
  asset     a-2 (rejected)
  problem   the quota is used up; have it raised
W/cap: T5100
  not sent  it exceeds TWIN_MAX_PROPERTIES; raise it
W/nobirth
  edge node awaited, without an asset in SiteWise

problems of these, the most severe first
  node_offline: W/dead is offline: check it
  not_understood: W/nobirth: restart it
";
        assert_eq!((report.text.as_str(), report.health), (expected, Health::Ready));
    }

    #[test]
    fn a_name_that_has_only_a_problem_or_is_filtered_is_found() {
        let find = |found: Value| find("W/x", false, |_| Ok((200, found.to_string()))).unwrap();
        let problem = serde_json::json!({"kind": "node_offline", "subject": "W/x", "reason": "is"});
        let report = find(serde_json::json!({"rows": [], "next": null, "problems": [problem]}));
        let expected = "problems of these, the most severe first\n  node_offline: W/x is\n";
        assert_eq!((report.text.as_str(), report.health), (expected, Health::Ready));
        let report = find(serde_json::json!({"rows": [], "next": null, "left_out": "W/x"}));
        assert!(report.text.starts_with("W/x\n  filtered  SPARKPLUG_INCLUDE"), "{report:?}");
        assert_eq!(report.health, Health::Ready);
    }

    /// A name that turns the line round came to the terminal as it is.
    #[test]
    fn json_for_a_terminal_has_no_marks_that_mislead() {
        let body = "{\"rows\": [], \"next\": null, \"left_out\": \"W/\u{202e}x\"}";
        let report = find("x", true, |_| Ok((200, body.to_owned()))).unwrap();
        assert_eq!(report.text, body.replace('\u{202e}', "\\u202e") + "\n");
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
