//! BatchGetAssetPropertyValue: the latest values, whatever their types.

use aws_sdk_iotsitewise::types as sdk;
use uuid::Uuid;

use super::{AwsSiteWise, inexpressible, pages};
use crate::sitewise::api::{
    ApiFault, ApiFaultKind, LatestValue, PropertyDataType, Quality, Tqv, Variant,
};
use crate::sitewise::cause::GET_OPERATION;
use crate::sitewise::{convert, fault};
use crate::time::Timestamp;

impl AwsSiteWise {
    /// The latest value of each property, in order; none where there is none, a fault where it
    /// cannot be read. A fault that passes by itself is the call's: all of it can be tried again.
    pub(super) async fn read(&self, of: &[(Uuid, Uuid)]) -> Result<Vec<LatestValue>, ApiFault> {
        let tried = "read values";
        let entries = of.iter().enumerate();
        let entries: Result<Vec<_>, _> = entries
            .map(|(at, (asset, property))| convert::reading(at, *asset, *property))
            .collect();
        let entries = entries.map_err(inexpressible(tried))?;
        let mut values: Vec<LatestValue> = vec![Ok(None); of.len()];
        let mut token = None;
        loop {
            let page = self
                .client
                .batch_get_asset_property_value()
                .set_entries(Some(entries.clone()))
                .set_next_token(token.clone())
                .send()
                .await
                .map_err(|error| fault::of_call(tried, &error))?;
            for read in page.success_entries() {
                let at = read.entry_id().parse::<usize>().ok();
                if let Some(place) = at.and_then(|at| values.get_mut(at)) {
                    *place = Ok(read.asset_property_value().and_then(tqv));
                }
            }
            for error in page.error_entries() {
                let fault = fault::of_entry(
                    GET_OPERATION,
                    error.error_code().as_str(),
                    error.error_message(),
                );
                let at = error.entry_id().parse::<usize>().ok();
                match fault.kind {
                    ApiFaultKind::NotFound => {}
                    ApiFaultKind::Throttled | ApiFaultKind::Busy | ApiFaultKind::Unavailable => {
                        return Err(fault);
                    }
                    ApiFaultKind::Denied
                    | ApiFaultKind::Invalid
                    | ApiFaultKind::OutOfRange
                    | ApiFaultKind::Conflict
                    | ApiFaultKind::Changed
                    | ApiFaultKind::Foreign
                    | ApiFaultKind::Limit
                    | ApiFaultKind::AlreadyExists => {
                        if let Some(place) = at.and_then(|at| values.get_mut(at)) {
                            *place = Err(fault);
                        }
                    }
                }
            }
            token = pages::next(tried, token, page.next_token)?;
            if token.is_none() {
                return Ok(values);
            }
        }
    }
}

/// A value as it is read; none where it says nothing.
fn tqv(read: &sdk::AssetPropertyValue) -> Option<Tqv> {
    let time = read.timestamp()?;
    let millis = i64::from(time.offset_in_nanos().unwrap_or(0)) / 1_000_000;
    let time = time.time_in_seconds().saturating_mul(1_000).saturating_add(millis);
    let quality = match read.quality() {
        Some(sdk::Quality::Good) | None => Quality::Good,
        Some(sdk::Quality::Bad) => Quality::Bad,
        // One that came later than this SDK is no better than that.
        Some(_) => Quality::Uncertain,
    };
    let value = variant(read.value()?)?;
    Some(Tqv { time: Timestamp::from_millis(time), quality, value })
}

fn variant(value: &sdk::Variant) -> Option<Variant> {
    if let Some(null) = value.null_value() {
        return Some(Variant::Null(match null.value_type() {
            sdk::RawValueType::Double => PropertyDataType::Double,
            sdk::RawValueType::Boolean => PropertyDataType::Boolean,
            sdk::RawValueType::Integer => PropertyDataType::Integer,
            // Of a type that the bridge never writes: nothing equals it either way.
            _ => PropertyDataType::String,
        }));
    }
    let integer = value.integer_value().map(Variant::Integer);
    let double = value.double_value().map(Variant::Double);
    let boolean = value.boolean_value().map(Variant::Boolean);
    let text = value.string_value().map(|text| Variant::String(text.into()));
    integer.or(double).or(boolean).or(text)
}
