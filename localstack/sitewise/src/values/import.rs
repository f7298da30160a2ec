//! Rows of a bulk import's files: each is decided by itself.
//!
//! Source: User Guide, "CreateBulkImportJob API" (columns, types, no data before 1970) and "Create a
//! bulk import job" (adaptive ingestion takes what is 30 days old at most). An empty value is refused:
//! no form of a null is documented.

use std::borrow::Cow;
use std::time::Duration;

use csv::StringRecord;
use uuid::Uuid;

use super::batch::{Double, Given, Target, Text, Variant};
use super::point::Quality;
use super::stream::Stream;
use super::write::{Refusal, room_in_second};
use crate::account::Account;
use crate::account::definition::DataType;
use crate::account::jobs::Column;
use crate::wire::error::Kind;
use crate::wire::time::{Moment, TimeInNanos};

/// How far back adaptive ingestion takes values.
const ADAPTIVE_PAST: Duration = Duration::from_secs(30 * 24 * 3600);
/// How far ahead a time may lie, as for values that are put.
const FUTURE: Duration = Duration::from_secs(5 * 60);

/// A row that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Bytes that it counts for in the bill.
    pub(crate) bytes: u64,
    /// It took the place of a value with the same time and quality.
    pub(crate) overwrote: bool,
}

/// A row's fields by their columns.
struct Row<'a> {
    columns: &'a [Column],
    record: &'a StringRecord,
}

impl<'a> Row<'a> {
    fn field(&self, column: Column) -> Option<&'a str> {
        let at = self.columns.iter().position(|other| *other == column)?;
        self.record.get(at)
    }

    fn need(&self, column: Column, name: &str) -> Result<&'a str, String> {
        self.field(column).filter(|text| !text.is_empty()).ok_or_else(|| format!("{name} is empty"))
    }

    fn id(&self, column: Column, name: &str) -> Result<Uuid, String> {
        let text = self.need(column, name)?;
        Uuid::try_parse(text).map_err(|_| format!("{name} {text} is not a UUID"))
    }

    fn target(&self) -> Result<Target<'a>, String> {
        if self.columns.contains(&Column::Alias) {
            let alias = self.need(Column::Alias, "ALIAS")?;
            return Ok(Target::Alias(Text(Cow::Borrowed(alias))));
        }
        let asset = self.id(Column::AssetId, "ASSET_ID")?;
        let property = self.id(Column::PropertyId, "PROPERTY_ID")?;
        Ok(Target::Ids { asset, property })
    }

    fn time(&self, adaptive: bool, now: Moment) -> Result<TimeInNanos, String> {
        let seconds = self.need(Column::TimestampSeconds, "TIMESTAMP_SECONDS")?;
        let nanos = self.need(Column::TimestampNanoOffset, "TIMESTAMP_NANO_OFFSET")?;
        let seconds: i64 =
            seconds.parse().map_err(|_| format!("TIMESTAMP_SECONDS {seconds} is not a number"))?;
        let nanos: u32 = nanos
            .parse()
            .ok()
            .filter(|nanos| *nanos < 1_000_000_000)
            .ok_or_else(|| format!("TIMESTAMP_NANO_OFFSET {nanos} is not valid"))?;
        if seconds < 0 {
            return Err("Data before 1970 is not supported".into());
        }
        let time = Moment::new(seconds, nanos);
        if time > now.plus(FUTURE) {
            return Err(format!("Timestamp {seconds} is in the future"));
        }
        if adaptive && time < now.minus(ADAPTIVE_PAST) {
            return Err(format!("Timestamp {seconds} is older than 30 days"));
        }
        Ok(TimeInNanos { time_in_seconds: seconds, offset_in_nanos: Some(i64::from(nanos)) })
    }

    fn quality(&self) -> Result<Quality, String> {
        match self.field(Column::Quality).unwrap_or("GOOD") {
            "GOOD" => Ok(Quality::Good),
            "BAD" => Ok(Quality::Bad),
            "UNCERTAIN" => Ok(Quality::Uncertain),
            other => Err(format!("QUALITY {other} is not known")),
        }
    }

    fn value(&self) -> Result<(DataType, Variant<'a>), String> {
        let text = self.need(Column::Value, "VALUE")?;
        let wrong = |name: &str| format!("VALUE {text} is not of the data type {name}");
        let mut variant = Variant::default();
        let data_type = match self.need(Column::DataType, "DATA_TYPE")? {
            "STRING" => {
                variant.string_value = Some(Text(Cow::Borrowed(text)));
                DataType::String
            }
            "INTEGER" => {
                variant.integer_value = Some(text.parse().map_err(|_| wrong("INTEGER"))?);
                DataType::Integer
            }
            "DOUBLE" => {
                let number: Option<f64> = text.parse().ok();
                let number = number.filter(|number| number.is_finite());
                variant.double_value = Some(Double(number.ok_or_else(|| wrong("DOUBLE"))?));
                DataType::Double
            }
            "BOOLEAN" => {
                variant.boolean_value = Some(text.parse().map_err(|_| wrong("BOOLEAN"))?);
                DataType::Boolean
            }
            other => return Err(format!("DATA_TYPE {other} is not known")),
        };
        Ok((data_type, variant))
    }
}

impl Account {
    /// Stores the value of a row.
    ///
    /// # Errors
    ///
    /// Why the row is refused.
    pub(crate) fn import_row(
        &mut self,
        columns: &[Column],
        record: &StringRecord,
        adaptive: bool,
        now: Moment,
    ) -> Result<Taken, String> {
        if record.len() != columns.len() {
            return Err(format!("The row has {} columns, not {}", record.len(), columns.len()));
        }
        let row = Row { columns, record };
        let (target, time) = (row.target()?, row.time(adaptive, now)?);
        let (data_type, value) = row.value()?;
        let given = Given { value, time, quality: row.quality()? };
        let row_error = |(kind, message): Refusal| match kind {
            Kind::InvalidRequest => message,
            kind => format!("{}: {message}", kind.name()),
        };
        let place = self.place(&target).map_err(row_error)?;
        let point = self.judge_value(&given, place.data_type).map_err(row_error)?;
        room_in_second(&point, self.state.streams.by_key.get(&place.key), &[])
            .map_err(row_error)?;
        let bytes = point.value.bytes() as u64 + 13;
        let most = self.setting.history_per_stream;
        let streams = &mut self.state.streams.by_key;
        // A structure comes as text.
        let data_type = place.data_type.unwrap_or(data_type);
        let stream = streams.entry(place.key).or_insert_with(|| Stream::new(data_type, now));
        stream.updated = now;
        let overwrote = stream.put(point, most);
        if let Target::Alias(alias) = &target
            && place.key.is_free()
            && self.state.properties.alias(place.key).is_none()
        {
            self.state.properties.set_alias(place.key, Some(alias.0.as_ref().into()));
        }
        self.changes += 1;
        Ok(Taken { bytes, overwrote })
    }
}
