//! The typed reader of `BatchPutAssetPropertyValue`: borrowed text, no intermediate tree.
//!
//! Source: service model; API Reference, `BatchPutAssetPropertyValue`. What the model constrains
//! fails the whole request; what depends on the property fails its entry.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use uuid::Uuid;

use super::point::{NullType, Quality};
use crate::limits::{BATCH_ENTRIES, ENTRY_VALUES};
use crate::wire::error::{Error, Result};
use crate::wire::pattern;
use crate::wire::shape::Faults;
use crate::wire::time::TimeInNanos;

/// Text that is borrowed from the body where it holds no escapes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Cow<'de, str>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(text))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Cow::Owned(text.to_owned()))
            }
        }
        deserializer.deserialize_str(Reader).map(Text)
    }
}

/// A double, or one of the strings that stand for what JSON has no number for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Double(pub(crate) f64);

impl<'de> Deserialize<'de> for Double {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = f64;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a number, \"NaN\", \"Infinity\" or \"-Infinity\"")
            }

            fn visit_f64<E>(self, value: f64) -> Result<f64, E> {
                Ok(value)
            }

            #[expect(clippy::cast_precision_loss, reason = "JSON numbers become doubles")]
            fn visit_i64<E>(self, value: i64) -> Result<f64, E> {
                Ok(value as f64)
            }

            #[expect(clippy::cast_precision_loss, reason = "JSON numbers become doubles")]
            fn visit_u64<E>(self, value: u64) -> Result<f64, E> {
                Ok(value as f64)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<f64, E> {
                match text {
                    "NaN" => Ok(f64::NAN),
                    "Infinity" => Ok(f64::INFINITY),
                    "-Infinity" => Ok(f64::NEG_INFINITY),
                    _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }
        }
        deserializer.deserialize_any(Reader).map(Double)
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BatchPut<'a> {
    pub(crate) enable_partial_entry_processing: Option<bool>,
    #[serde(borrow)]
    entries: Option<Vec<RawEntry<'a>>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawEntry<'a> {
    #[serde(borrow)]
    entry_id: Option<Text<'a>>,
    #[serde(borrow)]
    asset_id: Option<Text<'a>>,
    #[serde(borrow)]
    property_id: Option<Text<'a>>,
    #[serde(borrow)]
    property_alias: Option<Text<'a>>,
    #[serde(borrow)]
    property_values: Option<Vec<RawValue<'a>>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawValue<'a> {
    #[serde(borrow)]
    value: Option<Variant<'a>>,
    timestamp: Option<RawTime>,
    quality: Option<Quality>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawTime {
    time_in_seconds: Option<i64>,
    offset_in_nanos: Option<i64>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Variant<'a> {
    #[serde(borrow)]
    pub(crate) string_value: Option<Text<'a>>,
    pub(crate) integer_value: Option<i32>,
    pub(crate) double_value: Option<Double>,
    pub(crate) boolean_value: Option<bool>,
    pub(crate) null_value: Option<RawNull>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RawNull {
    pub(crate) value_type: NullType,
}

/// How an entry names its stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target<'a> {
    Ids {
        asset: Uuid,
        property: Uuid,
    },
    Alias(Text<'a>),
    /// Both, or neither.
    Unclear,
}

#[derive(Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) id: Text<'a>,
    pub(crate) target: Target<'a>,
    pub(crate) values: Vec<Given<'a>>,
}

/// One value of an entry as it was given.
#[derive(Debug)]
pub(crate) struct Given<'a> {
    pub(crate) value: Variant<'a>,
    pub(crate) time: TimeInNanos,
    pub(crate) quality: Quality,
}

/// A request whose form is right.
#[derive(Debug)]
pub(crate) struct Batch<'a> {
    pub(crate) partial: bool,
    pub(crate) entries: Vec<Entry<'a>>,
}

/// Reads and checks the body of a request.
///
/// # Errors
///
/// `InvalidRequestException`.
pub(crate) fn read(body: &[u8]) -> Result<Batch<'_>> {
    let raw: BatchPut<'_> = serde_json::from_slice(body)
        .map_err(|error| Error::invalid(format!("The request is not valid: {error}")))?;
    let mut faults = Faults::default();
    let Some(raw_entries) = raw.entries else {
        faults.add("entries", "Member must not be null");
        faults.check()?;
        return Ok(Batch { partial: false, entries: Vec::new() });
    };
    check_count("entries", raw_entries.len(), BATCH_ENTRIES, &mut faults);
    let mut entries = Vec::with_capacity(raw_entries.len().min(BATCH_ENTRIES));
    for (at, raw) in raw_entries.into_iter().enumerate() {
        entries.push(entry(at + 1, raw, &mut faults));
    }
    faults.check()?;
    let mut seen = HashSet::with_capacity(entries.len());
    if let Some(twice) = entries.iter().find(|entry| !seen.insert(&entry.id)) {
        return Err(Error::invalid(format!("Duplicate entryId {} in the request", twice.id.0)));
    }
    Ok(Batch { partial: raw.enable_partial_entry_processing.unwrap_or(false), entries })
}

fn check_count(path: &str, count: usize, most: usize, faults: &mut Faults) {
    if count == 0 {
        faults.add(path, "Member must have length greater than or equal to 1");
    }
    if count > most {
        faults.add(path, &format!("Member must have length less than or equal to {most}"));
    }
}

fn entry<'a>(at: usize, raw: RawEntry<'a>, faults: &mut Faults) -> Entry<'a> {
    let path = |member: &str| format!("entries.{at}.member.{member}");
    let id = raw.entry_id.unwrap_or_else(|| {
        faults.add(&path("entryId"), "Member must not be null");
        Text(Cow::Borrowed("-"))
    });
    if !pattern::is_entry_id(&id.0) || id.0.len() > 64 {
        faults.add(
            &path("entryId"),
            "Member must have 1 to 64 characters of the pattern ^[a-zA-Z0-9_-]+$",
        );
    }
    let asset = raw.asset_id.map(|text| uuid(&text, &path("assetId"), faults));
    let property = raw.property_id.map(|text| uuid(&text, &path("propertyId"), faults));
    if let Some(alias) = &raw.property_alias
        && (!pattern::is_printable(&alias.0) || alias.0.chars().count() > 2048)
    {
        faults.add(
            &path("propertyAlias"),
            "Member must have 1 to 2048 characters, none of them a control character",
        );
    }
    let target = match (asset, property, raw.property_alias) {
        (Some(asset), Some(property), None) => Target::Ids { asset, property },
        (None, None, Some(alias)) => Target::Alias(alias),
        _ => Target::Unclear,
    };
    let raw_values = raw.property_values.unwrap_or_else(|| {
        faults.add(&path("propertyValues"), "Member must not be null");
        Vec::new()
    });
    check_count(&path("propertyValues"), raw_values.len(), ENTRY_VALUES, faults);
    let mut values = Vec::with_capacity(raw_values.len());
    for raw in raw_values {
        values.push(given(raw, &path, faults));
    }
    Entry { id, target, values }
}

fn uuid(text: &Text<'_>, path: &str, faults: &mut Faults) -> Uuid {
    if !pattern::is_id(&text.0) {
        faults.add(path, "Member must be a lower-case UUID");
    }
    Uuid::try_parse(&text.0).unwrap_or_default()
}

fn given<'a>(raw: RawValue<'a>, path: &dyn Fn(&str) -> String, faults: &mut Faults) -> Given<'a> {
    let value = raw.value.unwrap_or_else(|| {
        faults.add(&path("propertyValues.value"), "Member must not be null");
        Variant::default()
    });
    let time = raw.timestamp.unwrap_or_else(|| {
        faults.add(&path("propertyValues.timestamp"), "Member must not be null");
        RawTime { time_in_seconds: Some(1), offset_in_nanos: None }
    });
    let seconds = time.time_in_seconds.unwrap_or_else(|| {
        faults.add(&path("propertyValues.timestamp.timeInSeconds"), "Member must not be null");
        1
    });
    if !(1..=9_223_372_036_854_774).contains(&seconds) {
        faults.add(
            &path("propertyValues.timestamp.timeInSeconds"),
            "Member must have value between 1 and 9223372036854774",
        );
    }
    if time.offset_in_nanos.is_some_and(|nanos| !(0..=999_999_999).contains(&nanos)) {
        faults.add(
            &path("propertyValues.timestamp.offsetInNanos"),
            "Member must have value between 0 and 999999999",
        );
    }
    Given {
        value,
        time: TimeInNanos { time_in_seconds: seconds, offset_in_nanos: time.offset_in_nanos },
        quality: raw.quality.unwrap_or(Quality::Good),
    }
}
