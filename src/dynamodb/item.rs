//! Calls as DynamoDB's JSON, and its answers as items.
//!
//! Source: Amazon DynamoDB API Reference, `GetItem` and `UpdateItem`.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value as Json, json};

use super::LeaseUrl;
use crate::lease::item::{Ability, Call, FollowerEntry, Item, Sense, Version};

/// The partition key.
const KEY: &str = "id";

/// A request: the operation's name, and its body.
#[derive(Debug, PartialEq)]
pub(super) struct Request {
    pub(super) operation: &'static str,
    pub(super) body: Json,
}

/// An item that is not what a bridge writes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the item's attribute {0} is missing or not what a bridge writes")]
pub(super) struct Unreadable(&'static str);

/// The request that makes a call.
pub(super) fn request(url: &LeaseUrl, call: &Call) -> Request {
    let update = match call {
        Call::Look => {
            let body = json!({
                "TableName": url.table,
                "Key": { KEY: { "S": url.name } },
                "ConsistentRead": true,
            });
            return Request { operation: "GetItem", body };
        }
        Call::Create { version } => Update::of(
            "SET #epoch = :epoch, #beat = :beat",
            // Also where somebody has made an item by hand that no bridge can read.
            "attribute_not_exists(#epoch)",
            version_values(*version),
        ),
        Call::Take { by, expected, version, ability, heard } => Update::of(
            "SET #epoch = :epoch, #beat = :beat, #holder = :by, #hears = :hears, \
             #reaches = :reaches, #heard_ms = :heard_ms REMOVE #follower, #follower_beat, #follower_hears, \
             #follower_reaches, #asks, #ask_number",
            "#epoch = :old_epoch AND #beat = :old_beat",
            version_values(*version).into_iter().chain(ability_values(*ability)).chain([
                (":by", text(by)),
                (":heard_ms", millis(*heard)),
                (":old_epoch", number(expected.epoch)),
                (":old_beat", number(expected.beat)),
            ]),
        ),
        Call::Renew { by, version, ability, heard } => Update::of(
            "SET #beat = :beat, #hears = :hears, #reaches = :reaches, #heard_ms = :heard_ms",
            IS_HOLDER,
            version_values(*version)
                .into_iter()
                .chain(ability_values(*ability))
                .chain([(":by", text(by)), (":heard_ms", millis(*heard))]),
        ),
        Call::Release { by, version } => Update::of(
            "SET #beat = :beat REMOVE #holder",
            IS_HOLDER,
            version_values(*version).into_iter().chain([(":by", text(by))]),
        ),
        Call::Follow { entry, replaces } => follow(entry, replaces.as_ref()),
    };
    Request { operation: "UpdateItem", body: update.body(url) }
}

const IS_HOLDER: &str = "#holder = :by AND #epoch = :epoch AND #beat < :beat";

fn follow(entry: &FollowerEntry, replaces: Option<&(Arc<str>, u64)>) -> Update {
    let asks: Vec<Json> = entry.asks.iter().map(|ask| text(ask)).collect();
    let mut condition = "attribute_exists(#epoch) AND (attribute_not_exists(#follower) \
                         OR (#follower = :by AND #follower_beat < :beat)"
        .to_owned();
    let mut values = vec![
        (":by", text(&entry.id)),
        (":beat", number(entry.beat)),
        (":asks", json!({ "L": asks })),
        (":ask_number", number(entry.ask_number)),
    ];
    values.extend(ability_values(entry.ability));
    if let Some((id, beat)) = replaces {
        condition.push_str(" OR (#follower = :old AND #follower_beat = :old_beat)");
        values.extend([(":old", text(id)), (":old_beat", number(*beat))]);
    }
    condition.push(')');
    Update::of(
        "SET #follower = :by, #follower_beat = :beat, #follower_hears = :hears, \
         #follower_reaches = :reaches, #asks = :asks, #ask_number = :ask_number",
        &condition,
        values,
    )
}

/// An `UpdateItem` that answers with the whole item.
struct Update {
    change: &'static str,
    condition: String,
    values: Map<String, Json>,
}

impl Update {
    fn of(
        change: &'static str,
        condition: &str,
        values: impl IntoIterator<Item = (&'static str, Json)>,
    ) -> Self {
        let values = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { change, condition: condition.to_owned(), values }
    }

    fn body(self, url: &LeaseUrl) -> Json {
        let Self { change, condition, mut values } = self;
        // DynamoDB refuses names and values that no expression uses.
        let is_used = |placeholder: &str| {
            let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
            [change, &condition].iter().any(|expression| {
                let matches = expression.match_indices(placeholder);
                let text_after = |(at, found): (usize, &str)| expression.get(at + found.len()..);
                matches.filter_map(text_after).any(|text_after| !text_after.starts_with(is_part))
            })
        };
        let names: Map<String, Json> = ATTRIBUTES
            .iter()
            .map(|name| (format!("#{name}"), Json::from(*name)))
            .filter(|(placeholder, _)| is_used(placeholder))
            .collect();
        values.retain(|placeholder, _| is_used(placeholder));
        json!({
            "TableName": url.table,
            "Key": { KEY: { "S": url.name } },
            "UpdateExpression": change,
            "ConditionExpression": condition,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
            "ReturnValues": "ALL_NEW",
        })
    }
}

/// All attributes besides the key. Some are words that DynamoDB reserves, or may come to.
const ATTRIBUTES: [&str; 12] = [
    "epoch",
    "beat",
    "holder",
    "hears",
    "reaches",
    "heard_ms",
    "follower",
    "follower_beat",
    "follower_hears",
    "follower_reaches",
    "asks",
    "ask_number",
];

fn text(text: &str) -> Json {
    json!({ "S": text })
}

fn number(number: u64) -> Json {
    json!({ "N": number.to_string() })
}

/// None for a bridge that does not hear.
fn millis(duration: Option<Duration>) -> Json {
    match duration {
        Some(duration) => json!({ "N": duration.as_millis().to_string() }),
        None => json!({ "NULL": true }),
    }
}

fn version_values(version: Version) -> [(&'static str, Json); 2] {
    [(":epoch", number(version.epoch)), (":beat", number(version.beat))]
}

fn ability_values(ability: Ability) -> [(&'static str, Json); 2] {
    [(":hears", sense(ability.hears)), (":reaches", sense(ability.reaches))]
}

fn sense(sense: Sense) -> Json {
    text(match sense {
        Sense::Unknown => "unknown",
        Sense::No => "no",
        Sense::Yes => "yes",
    })
}

/// The item in an answer; none where there is none, or none that a bridge has written.
///
/// # Errors
///
/// It has attributes that no bridge writes so.
pub(super) fn parse_item(body: &Json) -> Result<Option<Item>, Unreadable> {
    let found = body.get("Item").or_else(|| body.get("Attributes"));
    let Some(item) = found.filter(|item| item.get("epoch").is_some()) else { return Ok(None) };
    let follower = match read_text(item, "follower") {
        None => None,
        Some(id) => Some(FollowerEntry {
            id,
            beat: read_number(item, "follower_beat")?,
            ability: Ability {
                hears: read_sense(item, "follower_hears"),
                reaches: read_sense(item, "follower_reaches"),
            },
            asks: read_asks(item),
            ask_number: read_number(item, "ask_number")?,
        }),
    };
    Ok(Some(Item {
        version: Version { epoch: read_number(item, "epoch")?, beat: read_number(item, "beat")? },
        holder: read_text(item, "holder"),
        ability: Ability { hears: read_sense(item, "hears"), reaches: read_sense(item, "reaches") },
        heard: read_number(item, "heard_ms").ok().map(Duration::from_millis),
        follower,
    }))
}

fn read_text(item: &Json, name: &str) -> Option<Arc<str>> {
    item.get(name)?.get("S")?.as_str().map(Arc::from)
}

fn read_number(item: &Json, name: &'static str) -> Result<u64, Unreadable> {
    let number = item.get(name).and_then(|value| value.get("N")?.as_str()?.parse().ok());
    number.ok_or(Unreadable(name))
}

/// What a later version may say besides yes and no is not known to this one.
fn read_sense(item: &Json, name: &str) -> Sense {
    match read_text(item, name).as_deref() {
        Some("yes") => Sense::Yes,
        Some("no") => Sense::No,
        Some(_) | None => Sense::Unknown,
    }
}

fn read_asks(item: &Json) -> Vec<String> {
    let asks = item.get("asks").and_then(|asks| asks.get("L")?.as_array());
    let ask = |ask: &Json| ask.get("S")?.as_str().map(str::to_owned);
    asks.into_iter().flatten().filter_map(ask).collect()
}
