//! Latest values and history.
//!
//! Source: API Reference, `GetAssetPropertyValue`, `GetAssetPropertyValueHistory`,
//! `BatchGetAssetPropertyValue`. History is after its start and up to its end.

use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::point::{Point, Quality, Scalar};
use super::stream::{Stream, StreamKey};
use crate::account::Account;
use crate::account::definition::{DataType, Property, PropertyKind};
use crate::account::output::With as _;
use crate::limits;
use crate::wire::error::{Error, Result};
use crate::wire::page;
use crate::wire::time::{Date, Moment};

/// How a read names its stream.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Source {
    pub(crate) asset_id: Option<Uuid>,
    pub(crate) property_id: Option<Uuid>,
    pub(crate) property_alias: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Ordering {
    #[default]
    Ascending,
    Descending,
}

/// The part of a stream that is asked for.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Span {
    pub(crate) start_date: Option<Date>,
    pub(crate) end_date: Option<Date>,
    pub(crate) qualities: Option<Vec<Quality>>,
    #[serde(default)]
    pub(crate) time_ordering: Option<Ordering>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GetHistory {
    #[serde(flatten)]
    source: Source,
    #[serde(flatten)]
    span: Span,
    next_token: Option<String>,
    max_results: Option<usize>,
}

/// What a read found: the stream, if it has any value, and the property it belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found<'a> {
    pub(crate) stream: Option<&'a Stream>,
    pub(crate) data_type: DataType,
    /// The value of an attribute that was never written.
    default: Option<(&'a Property, Moment)>,
}

impl Found<'_> {
    /// An attribute's default counts as written when the asset was created.
    pub(crate) fn default_point(&self) -> Option<Point> {
        let (property, created) = self.default?;
        let text = property.shape.attribute.as_ref()?.default_value.as_deref()?;
        let value = match property.data_type {
            DataType::Double => Scalar::Double(text.parse().ok()?),
            DataType::Integer => Scalar::Integer(text.parse().ok()?),
            DataType::Boolean => Scalar::Boolean(text.parse().ok()?),
            _ => Scalar::Text(text.into()),
        };
        Some(Point { time: created, quality: Quality::Good, value })
    }

    pub(crate) fn latest(&self) -> Option<Point> {
        self.stream.and_then(Stream::latest).cloned().or_else(|| self.default_point())
    }

    /// Points after `start` and up to `end`, in order of time.
    pub(crate) fn between(&self, start: Moment, end: Moment) -> Vec<Point> {
        match self.stream {
            Some(stream) if !stream.is_empty() => stream.between(start, end).cloned().collect(),
            _ => self
                .default_point()
                .into_iter()
                .filter(|point| point.time > start && point.time <= end)
                .collect(),
        }
    }
}

/// A page of history, and the key to go on from.
pub(crate) struct Page {
    pub(crate) values: Vec<Value>,
    pub(crate) bytes: usize,
    pub(crate) next: Option<String>,
}

impl Account {
    /// Finds the stream that a read names.
    ///
    /// # Errors
    ///
    /// `InvalidRequestException` or `ResourceNotFoundException`.
    pub(crate) fn find_stream(&self, source: &Source) -> Result<Found<'_>> {
        let key = match (source.asset_id, source.property_id, &source.property_alias) {
            (Some(asset), Some(property), None) => StreamKey { asset, property },
            (None, None, Some(alias)) => self.state.properties.owner(alias).ok_or_else(|| {
                Error::not_found(format!("No property or data stream has the alias {alias}"))
            })?,
            _ => {
                return Err(Error::invalid("Give either assetId and propertyId, or propertyAlias"));
            }
        };
        let stream = self.state.streams.by_key.get(&key);
        if key.is_free() {
            let data_type = stream.map_or(DataType::Double, |stream| stream.data_type);
            return Ok(Found { stream, data_type, default: None });
        }
        let asset = self.asset(key.asset)?;
        let property =
            self.model(asset.model)?.in_force().property(key.property).ok_or_else(|| {
                Error::not_found(format!(
                    "Property {} not found in asset {}",
                    key.property, key.asset
                ))
            })?;
        let default =
            (property.kind() == PropertyKind::Attribute).then_some((property, asset.created));
        Ok(Found { stream, data_type: property.data_type, default })
    }

    pub(crate) fn get_value(&mut self, input: Source, _now: Moment) -> Result<Value> {
        let latest = self.find_stream(&input)?.latest();
        Ok(json!({}).with("propertyValue", latest.map(|point| point.wire())))
    }

    pub(crate) fn get_history(&mut self, input: GetHistory, _now: Moment) -> Result<Value> {
        const OPERATION: &str = "GetAssetPropertyValueHistory";
        if input.max_results.is_some_and(|most| most > limits::HISTORY_RESULTS) {
            return Err(Error::invalid(format!(
                "maxResults must not be more than {}",
                limits::HISTORY_RESULTS
            )));
        }
        let after = match &input.next_token {
            Some(token) => Some(cursor(&page::key(OPERATION, token)?)?),
            None => None,
        };
        let most = (input.max_results.unwrap_or(limits::READ_RESULTS), limits::HISTORY_BYTES);
        let found = self.find_stream(&input.source)?;
        let page = history(&found, &input.span, after, most)?;
        let next = page.next.map(|key| page::token(OPERATION, &key));
        Ok(json!({ "assetPropertyValueHistory": page.values }).with("nextToken", next))
    }
}

/// Where a page ended.
pub(crate) type Cursor = (Moment, Quality);

/// Reads the key of a history's token.
pub(crate) fn cursor(key: &str) -> Result<Cursor> {
    let invalid = || Error::invalid("The given nextToken is not valid for this request");
    let (time, quality) = key.split_once('/').ok_or_else(invalid)?;
    let quality = match quality {
        "GOOD" => Quality::Good,
        "BAD" => Quality::Bad,
        "UNCERTAIN" => Quality::Uncertain,
        _ => return Err(invalid()),
    };
    Ok((Moment(time.parse().map_err(|_| invalid())?), quality))
}

/// One page of a stream's history: at most `most` values and bytes, after the cursor.
pub(crate) fn history(
    found: &Found<'_>,
    span: &Span,
    after: Option<Cursor>,
    (most, most_bytes): (usize, usize),
) -> Result<Page> {
    let start = span.start_date.map_or(Moment::MIN, |date| date.0);
    let end = span.end_date.map_or(Moment::MAX, |date| date.0);
    if start > end {
        return Err(Error::invalid("startDate must not lie after endDate"));
    }
    let descending = span.time_ordering == Some(Ordering::Descending);
    let mut points = found.between(start, end);
    if descending {
        points.reverse();
    }
    let wanted = points.iter().filter(|point| {
        span.qualities.as_ref().is_none_or(|qualities| qualities.contains(&point.quality))
            && after.is_none_or(
                |after| if descending { point.key() < after } else { point.key() > after },
            )
    });
    let mut page = Page { values: Vec::new(), bytes: 0, next: None };
    let mut last: Option<Cursor> = None;
    for point in wanted {
        let value = point.wire();
        let bytes = value.to_string().len() + 1;
        let full = page.values.len() >= most
            || (page.bytes + bytes > most_bytes && !page.values.is_empty());
        if full {
            page.next = last.map(|(time, quality)| format!("{}/{}", time.0, quality.name()));
            break;
        }
        page.bytes += bytes;
        page.values.push(value);
        last = Some(point.key());
    }
    Ok(page)
}
