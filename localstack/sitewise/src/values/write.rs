//! `BatchPutAssetPropertyValue`: each entry is decided by itself.
//!
//! Source: API Reference, `BatchPutAssetPropertyValue`, `BatchPutAssetPropertyError`; User Guide,
//! "Ingest data"; quotas of the General Reference.

use std::time::Duration;

use serde::Serialize;
use uuid::Uuid;

use super::batch::{Batch, Entry, Given, Target, Variant};
use super::point::{Point, Quality, Scalar};
use super::stream::{Stream, StreamKey};
use crate::account::Account;
use crate::account::definition::{DataType, PropertyKind};
use crate::account::states::Phase;
use crate::limits;
use crate::wire::error::Kind;
use crate::wire::pattern;
use crate::wire::time::{Moment, TimeInNanos};

/// How far back a value's time may lie.
const PAST: Duration = Duration::from_secs(7 * 24 * 3600);
/// How far ahead. Older texts say 5 minutes, newer ones 10: the harsher is taken.
const FUTURE: Duration = Duration::from_secs(5 * 60);

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    pub(crate) error_entries: Vec<ErrorEntry>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ErrorEntry {
    entry_id: String,
    pub(crate) errors: Vec<EntryError>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EntryError {
    pub(crate) error_code: &'static str,
    error_message: String,
    timestamps: Vec<TimeInNanos>,
}

/// What a request brought, for the bill.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) received: u64,
    pub(crate) accepted: u64,
    pub(crate) overwritten: u64,
    pub(crate) messages: u64,
}

/// Why an entry or a value is refused.
pub(crate) type Refusal = (Kind, String);

/// Decides about an entry before anything else does: quotas, and errors on order.
pub(crate) trait Gate {
    fn refuse(
        &mut self,
        alias: Option<&str>,
        ids: Option<StreamKey>,
        values: usize,
    ) -> Option<Refusal>;
}

/// Where an entry's values go.
pub(super) struct Place {
    pub(super) key: StreamKey,
    /// None for a free stream that does not exist yet.
    pub(super) data_type: Option<DataType>,
    entries_per_second: u32,
}

impl Account {
    pub(crate) fn put_batch(
        &mut self,
        batch: &Batch<'_>,
        now: Moment,
        gate: &mut dyn Gate,
    ) -> (Output, Tally) {
        let mut tally = Tally::default();
        let mut error_entries = Vec::new();
        for entry in &batch.entries {
            tally.received += entry.values.len() as u64;
            let errors = self.put_entry(entry, batch.partial, now, (&mut *gate, &mut tally));
            if !errors.is_empty() {
                error_entries
                    .push(ErrorEntry { entry_id: entry.id.0.clone().into_owned(), errors });
            }
        }
        if tally.accepted > 0 {
            self.changes += 1;
        }
        (Output { error_entries }, tally)
    }

    fn put_entry(
        &mut self,
        entry: &Entry<'_>,
        partial: bool,
        now: Moment,
        (gate, tally): (&mut dyn Gate, &mut Tally),
    ) -> Vec<EntryError> {
        let whole = |(kind, message): Refusal| {
            let timestamps = entry.values.iter().map(|given| given.time).collect();
            vec![EntryError { error_code: kind.name(), error_message: message, timestamps }]
        };
        let (alias, ids) = match &entry.target {
            Target::Ids { asset, property } => {
                (None, Some(StreamKey { asset: *asset, property: *property }))
            }
            Target::Alias(alias) => (Some(&*alias.0), None),
            Target::Unclear => (None, None),
        };
        if let Some(refusal) = gate.refuse(alias, ids, entry.values.len()) {
            return whole(refusal);
        }
        let place = match self.place(&entry.target) {
            Ok(place) => place,
            Err(refusal) => return whole(refusal),
        };
        let (points, errors, data_type) = match self.judge(entry, &place, now) {
            Ok(judged) => judged,
            Err(refusal) => return whole(refusal),
        };
        if points.is_empty() || (!partial && !errors.is_empty()) {
            return errors;
        }
        let notification = self.notice(place.key, &points);
        let most = self.setting.history_per_stream;
        let stream = self
            .state
            .streams
            .by_key
            .entry(place.key)
            .or_insert_with(|| Stream::new(data_type, now));
        if !stream.admit_entry(now, place.entries_per_second) {
            let message =
                format!("More than {} entries a second for one property", place.entries_per_second);
            return whole((Kind::Throttling, message));
        }
        stream.updated = now;
        let count = points.len();
        let mut bytes = 0;
        let (delay, due) = (self.setting.read_delay, now.plus(self.setting.read_delay));
        for point in points {
            // Time and quality count as twelve bytes and one.
            bytes += point.value.bytes() + 13;
            if delay.is_zero() {
                tally.overwritten += u64::from(stream.put(point, most));
            } else {
                self.state.unreadable.push_back((due, place.key, point));
            }
        }
        if let (Some(notify), Some(notification)) = (&self.setting.notify, notification) {
            notify.tell(notification);
        }
        tally.accepted += count as u64;
        tally.messages += count.div_ceil(10).max(bytes.div_ceil(1024)) as u64;
        if let Target::Alias(alias) = &entry.target
            && place.key.is_free()
            && self.state.properties.alias(place.key).is_none()
        {
            self.state.properties.set_alias(place.key, Some(alias.0.as_ref().into()));
        }
        errors
    }

    /// Finds the stream that an entry names.
    pub(super) fn place(&self, target: &Target<'_>) -> Result<Place, Refusal> {
        let key = match target {
            Target::Ids { asset, property } => StreamKey { asset: *asset, property: *property },
            Target::Alias(alias) => match self.state.properties.owner(&alias.0) {
                Some(key) if key.is_free() => return self.free_place(key),
                Some(key) => key,
                None if self.state.storage.keeps_free_streams() => {
                    return self.free_place(StreamKey::free(Uuid::new_v4()));
                }
                None => {
                    return Err((
                        Kind::ResourceNotFound,
                        format!("No property has the alias {}", alias.0),
                    ));
                }
            },
            Target::Unclear => {
                let message = "An entry must have either assetId and propertyId, or propertyAlias";
                return Err((Kind::InvalidRequest, message.to_owned()));
            }
        };
        let StreamKey { asset, property } = key;
        let not_found =
            || (Kind::ResourceNotFound, format!("Property {property} of asset {asset} not found"));
        let held = self.state.assets.get(&asset).ok_or_else(not_found)?;
        let model = self.state.models.get(&held.model).ok_or_else(not_found)?;
        let definition = model.in_force().property(property).ok_or_else(not_found)?;
        match self.asset_phase(held) {
            Phase::Active => {}
            phase => {
                return Err((
                    Kind::ConflictingOperation,
                    format!("Asset {asset} is in state {}", phase.name()),
                ));
            }
        }
        let entries_per_second = match definition.kind() {
            PropertyKind::Measurement => self.setting.entries_per_second.measurement,
            PropertyKind::Attribute => self.setting.entries_per_second.attribute,
            PropertyKind::Transform | PropertyKind::Metric => {
                let message = format!("Property {property} is computed and cannot be written");
                return Err((Kind::InvalidRequest, message));
            }
        };
        Ok(Place { key, data_type: Some(definition.data_type), entries_per_second })
    }

    fn free_place(&self, key: StreamKey) -> Result<Place, Refusal> {
        let data_type = self.state.streams.by_key.get(&key).map(|stream| stream.data_type);
        Ok(Place {
            key,
            data_type,
            entries_per_second: self.setting.entries_per_second.measurement,
        })
    }

    /// Judges each value of an entry. Gives the points to store, the errors, and the stream's type.
    fn judge(
        &self,
        entry: &Entry<'_>,
        place: &Place,
        now: Moment,
    ) -> Result<(Vec<Point>, Vec<EntryError>, DataType), Refusal> {
        let stream = self.state.streams.by_key.get(&place.key);
        let mut data_type = place.data_type;
        let mut points: Vec<Point> = Vec::with_capacity(entry.values.len());
        let mut errors: Vec<EntryError> = Vec::new();
        for given in &entry.values {
            let point = self.point(given, data_type, now).and_then(|point| {
                room_in_second(&point, stream, &points)?;
                Ok(point)
            });
            match point {
                Ok(point) => {
                    // The first value of a new stream fixes its type.
                    data_type = data_type.or_else(|| point.value.data_type());
                    points.push(point);
                }
                Err((kind, message)) => {
                    let same = errors.iter_mut().find(|error| {
                        error.error_code == kind.name() && error.error_message == message
                    });
                    match same {
                        Some(error) => error.timestamps.push(given.time),
                        None => errors.push(EntryError {
                            error_code: kind.name(),
                            error_message: message,
                            timestamps: vec![given.time],
                        }),
                    }
                }
            }
        }
        let data_type = match data_type {
            Some(data_type) => data_type,
            None if points.is_empty() => DataType::Double,
            None => {
                let message = "The first value of a data stream must tell its data type";
                return Err((Kind::InvalidRequest, message.to_owned()));
            }
        };
        Ok((points, errors, data_type))
    }

    fn point(
        &self,
        given: &Given<'_>,
        data_type: Option<DataType>,
        now: Moment,
    ) -> Result<Point, Refusal> {
        let time = given.time.moment();
        if time < now.minus(PAST) || time > now.plus(FUTURE) {
            let message = format!(
                "Timestamp {} is out of range: it must lie between {} seconds in the past and {} seconds ahead",
                given.time.time_in_seconds,
                PAST.as_secs(),
                FUTURE.as_secs()
            );
            return Err((Kind::TimestampOutOfRange, message));
        }
        self.judge_value(given, data_type)
    }

    /// The point that is given, whatever its time.
    pub(super) fn judge_value(
        &self,
        given: &Given<'_>,
        data_type: Option<DataType>,
    ) -> Result<Point, Refusal> {
        let time = given.time.moment();
        let value = scalar(&given.value, self.setting.double_limit)?;
        if self.state.storage.refuses_null_and_nan()
            && (matches!(value, Scalar::Null(_))
                || matches!(value, Scalar::Double(number) if number.is_nan()))
        {
            return Err((
                Kind::InvalidRequest,
                "Null and NaN values are not allowed in this account".to_owned(),
            ));
        }
        let is_nothing = match value {
            Scalar::Null(_) => true,
            Scalar::Double(number) => number.is_nan(),
            Scalar::Integer(_) | Scalar::Boolean(_) | Scalar::Text(_) => false,
        };
        if is_nothing && given.quality == Quality::Good {
            return Err((
                Kind::InvalidRequest,
                "A null value and NaN must have the quality BAD or UNCERTAIN".to_owned(),
            ));
        }
        if let (Some(expected), Some(found)) = (data_type, value.data_type()) {
            // A structure is written as JSON text.
            let expected_here =
                if expected == DataType::Struct { DataType::String } else { expected };
            if expected_here != found {
                let message =
                    format!("Property value does not match data type {}", expected.name());
                return Err((Kind::InvalidRequest, message));
            }
        }
        Ok(Point { time, quality: given.quality, value })
    }
}

/// The one value of a variant.
fn scalar(variant: &Variant<'_>, double_limit: f64) -> Result<Scalar, Refusal> {
    let invalid = |message: &str| Err((Kind::InvalidRequest, message.to_owned()));
    let Variant { string_value, integer_value, double_value, boolean_value, null_value } = variant;
    match (string_value, integer_value, double_value, boolean_value, null_value) {
        (Some(text), None, None, None, None) => {
            if text.0.len() > limits::STRING_BYTES {
                return invalid("A string value must not have more than 1024 bytes");
            }
            if !text.0.is_empty() && !pattern::is_printable(&text.0) {
                return invalid("A string value must not have control characters");
            }
            Ok(Scalar::Text(text.0.as_ref().into()))
        }
        (None, Some(number), None, None, None) => Ok(Scalar::Integer(*number)),
        (None, None, Some(number), None, None) => {
            if number.0.is_infinite() || number.0.abs() > double_limit {
                return invalid("A double value is out of range");
            }
            Ok(Scalar::Double(number.0))
        }
        (None, None, None, Some(flag), None) => Ok(Scalar::Boolean(*flag)),
        (None, None, None, None, Some(null)) => Ok(Scalar::Null(null.value_type)),
        _ => invalid("A value must have exactly one member"),
    }
}

/// At most ten values of a stream stand in one second with one quality.
pub(super) fn room_in_second(
    point: &Point,
    stream: Option<&Stream>,
    earlier: &[Point],
) -> Result<(), Refusal> {
    let second = point.time.seconds();
    let mut times: Vec<Moment> = earlier
        .iter()
        .filter(|other| other.quality == point.quality && other.time.seconds() == second)
        .map(|other| other.time)
        .collect();
    if let Some(stream) = stream
        && stream.latest().is_some_and(|latest| latest.time.seconds() >= second)
    {
        times.extend(stream.in_second(second, point.quality));
    }
    if times.len() < limits::VALUES_PER_SECOND || times.contains(&point.time) {
        return Ok(());
    }
    times.sort_unstable();
    times.dedup();
    if times.len() < limits::VALUES_PER_SECOND {
        return Ok(());
    }
    let message =
        format!("More than {} values of one quality in one second", limits::VALUES_PER_SECOND);
    Err((Kind::LimitExceeded, message))
}
