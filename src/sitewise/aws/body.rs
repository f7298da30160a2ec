//! The JSON of BatchPutAssetPropertyValue, in one pass over what is sent, and of its answer.
//!
//! Source:
//! [BatchPutAssetPropertyValue](https://docs.aws.amazon.com/iot-sitewise/latest/APIReference/API_BatchPutAssetPropertyValue.html).

use serde::{Deserialize, Serialize};
use serde_json::Result;
use uuid::Uuid;

use crate::sitewise::api::{Entry, EntryError, PropertyDataType, Quality, Tqv, Variant};
use crate::sitewise::{cause, fault};
use crate::time::Timestamp;

/// What one value takes at most when it is no string, measured.
const VALUE: usize = 128;
/// What an entry takes beside its values, measured.
const ENTRY: usize = 160;

/// The request's JSON. The index of an entry is its id.
///
/// # Errors
///
/// None that are known: what the numbers and strings are written with can fail in general.
pub(super) fn batch_put(entries: &[Entry]) -> Result<Vec<u8>> {
    let values: usize = entries.iter().map(|entry| entry.values.len()).sum();
    let mut json = Vec::with_capacity(entries.len() * ENTRY + values * VALUE);
    json.extend_from_slice(br#"{"enablePartialEntryProcessing":true,"entries":["#);
    for (index, entry) in entries.iter().enumerate() {
        let comma: &[u8] = if index == 0 { b"" } else { b"," };
        json.extend_from_slice(comma);
        put_entry(&mut json, index, entry)?;
    }
    json.extend_from_slice(b"]}");
    Ok(json)
}

fn put_entry(json: &mut Vec<u8>, index: usize, entry: &Entry) -> Result<()> {
    json.extend_from_slice(br#"{"entryId":""#);
    put(json, &index)?;
    json.extend_from_slice(br#"","assetId":""#);
    put_id(json, entry.asset);
    json.extend_from_slice(br#"","propertyId":""#);
    put_id(json, entry.property);
    json.extend_from_slice(br#"","propertyValues":["#);
    for (index, value) in entry.values.iter().enumerate() {
        let before: &[u8] = if index == 0 { br#"{"value":{""# } else { br#",{"value":{""# };
        json.extend_from_slice(before);
        put_value(json, value)?;
    }
    json.extend_from_slice(b"]}");
    Ok(())
}

fn put_id(json: &mut Vec<u8>, id: Uuid) {
    let mut text = Uuid::encode_buffer();
    json.extend_from_slice(id.hyphenated().encode_lower(&mut text).as_bytes());
}

/// From the name of the value's type on.
fn put_value(json: &mut Vec<u8>, tqv: &Tqv) -> Result<()> {
    match &tqv.value {
        Variant::Integer(value) => put_named(json, br#"integerValue":"#, value)?,
        Variant::Double(value) if value.is_finite() => {
            put_named(json, br#"doubleValue":"#, value)?;
        }
        Variant::Double(value) => put_named(json, br#"doubleValue":"#, infinite(*value))?,
        Variant::Boolean(value) => put_named(json, br#"booleanValue":"#, value)?,
        Variant::String(value) => put_named(json, br#"stringValue":"#, &**value)?,
        Variant::Null(data_type) => {
            put_named(json, br#"nullValue":{"valueType":"#, letter(*data_type))?;
            json.push(b'}');
        }
    }
    json.extend_from_slice(br#"},"timestamp":{"timeInSeconds":"#);
    put(json, &tqv.time.seconds())?;
    json.extend_from_slice(br#","offsetInNanos":"#);
    put(json, &tqv.time.nanos())?;
    json.extend_from_slice(match tqv.quality {
        Quality::Good => br#"},"quality":"GOOD"}"#,
        Quality::Uncertain => br#"},"quality":"UNCERTAIN"}"#,
        Quality::Bad => br#"},"quality":"BAD"}"#,
    });
    Ok(())
}

fn put_named<T: Serialize + ?Sized>(json: &mut Vec<u8>, name: &[u8], value: &T) -> Result<()> {
    json.extend_from_slice(name);
    put(json, value)
}

fn put<T: Serialize + ?Sized>(json: &mut Vec<u8>, value: &T) -> Result<()> {
    serde_json::to_writer(json, value)
}

fn letter(data_type: PropertyDataType) -> &'static str {
    match data_type {
        PropertyDataType::Integer => "I",
        PropertyDataType::Double => "D",
        PropertyDataType::Boolean => "B",
        PropertyDataType::String => "S",
    }
}

/// What JSON has no number for, as the protocol spells it.
fn infinite(value: f64) -> &'static str {
    if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}

/// What SiteWise says of a request that it took. Without this list it is no answer of SiteWise's.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PutResponseBody {
    error_entries: Vec<ErrorEntryBody>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ErrorEntryBody {
    entry_id: String,
    #[serde(default)]
    errors: Option<Vec<EntryErrorBody>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EntryErrorBody {
    #[serde(default)]
    error_code: Option<String>,
    #[serde(default)]
    error_message: Option<String>,
    #[serde(default)]
    timestamps: Option<Vec<TimestampBody>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TimestampBody {
    time_in_seconds: i64,
    #[serde(default)]
    offset_in_nanos: Option<i32>,
}

impl PutResponseBody {
    /// Reads it as far as it can be read: a name that stands there twice counts once, the last.
    ///
    /// # Errors
    ///
    /// It is no JSON, or not this.
    pub(super) fn read(body: &[u8]) -> Result<Self> {
        serde_json::from_slice(body).or_else(|error| {
            let value: serde_json::Value = serde_json::from_slice(body)?;
            serde_json::from_value(value).map_err(|_| error)
        })
    }

    /// What was refused, in our words.
    ///
    /// # Errors
    ///
    /// The id of an entry that was never sent.
    pub(super) fn errors(self) -> std::result::Result<Vec<EntryError>, String> {
        let mut errors = Vec::new();
        for refused in self.error_entries {
            let Ok(entry) = refused.entry_id.parse() else {
                return Err(refused.entry_id);
            };
            let refusals = refused.errors.unwrap_or_default();
            if refusals.is_empty() {
                let fault = fault::of_entry(
                    cause::PUT_OPERATION,
                    "no error code",
                    "the entry was rejected",
                );
                errors.push(EntryError { entry, fault, times: Vec::new() });
            }
            errors.extend(refusals.into_iter().map(|refusal| EntryError {
                entry,
                fault: fault::of_entry(
                    cause::PUT_OPERATION,
                    refusal.error_code.as_deref().unwrap_or("no error code"),
                    refusal.error_message.as_deref().unwrap_or_default(),
                ),
                times: refusal.timestamps.iter().flatten().map(TimestampBody::timestamp).collect(),
            }));
        }
        Ok(errors)
    }
}

impl TimestampBody {
    /// To the millisecond, which is as exact as a value was written.
    fn timestamp(&self) -> Timestamp {
        let millis = i64::from(self.offset_in_nanos.unwrap_or_default()) / 1_000_000;
        Timestamp::from_millis(self.time_in_seconds.saturating_mul(1000).saturating_add(millis))
    }
}
