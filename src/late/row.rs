//! A value as a row of a file, in the columns that bulk import documents.
//!
//! Source: AWS IoT SiteWise User Guide, "CreateBulkImportJob API". A null has no form in it, and
//! nothing before 1970 is taken. Whether text is quoted as RFC 4180 says is not documented: only text
//! that needs it is quoted. Nor is how an empty text is told from no value.

use csv::{ReaderBuilder, StringRecord, Writer, WriterBuilder};
use rustc_hash::FxHashMap;
use uuid::Uuid;

use crate::delivery::point::{Class, Key, Point, Stream};
use crate::sitewise::api::{Quality, Variant};
use crate::time::Timestamp;

/// The columns of every file, as the API names them.
pub const COLUMNS: [&str; 7] = [
    "ASSET_ID",
    "PROPERTY_ID",
    "DATA_TYPE",
    "TIMESTAMP_SECONDS",
    "TIMESTAMP_NANO_OFFSET",
    "QUALITY",
    "VALUE",
];

const NANOS_PER_MILLI: i64 = 1_000_000;

/// Why a value has no row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoRow {
    /// It is null.
    Null,
    /// Its time lies before 1970.
    BeforeEpoch,
    /// It is a text with a control character: a row is a line.
    ControlCharacter,
    /// It is an empty text: its field would be as that of a row without a value.
    EmptyText,
}

/// The line of a value, its end included.
///
/// # Errors
///
/// The value has no form in a file.
pub fn line(point: &Point) -> Result<String, NoRow> {
    let (data_type, value) = match &point.value {
        Variant::Integer(value) => ("INTEGER", value.to_string()),
        // The shortest form that gives the same number back.
        Variant::Double(value) if value.is_finite() => ("DOUBLE", value.to_string()),
        Variant::Boolean(value) => ("BOOLEAN", value.to_string()),
        Variant::String(text) if text.contains(char::is_control) => {
            return Err(NoRow::ControlCharacter);
        }
        Variant::String(text) if text.is_empty() => return Err(NoRow::EmptyText),
        Variant::String(text) => ("STRING", text.to_string()),
        Variant::Double(_) | Variant::Null(_) => return Err(NoRow::Null),
    };
    if point.time.as_millis() < 0 {
        return Err(NoRow::BeforeEpoch);
    }
    let mut writer = WriterBuilder::new().from_writer(Vec::with_capacity(128));
    // Writing into memory does not fail.
    let _ = writer.write_record([
        &*point.stream.asset.to_string(),
        &point.stream.property.to_string(),
        data_type,
        &point.time.seconds().to_string(),
        &point.time.nanos().to_string(),
        quality_name(point.quality),
        &value,
    ]);
    let bytes = writer.into_inner().unwrap_or_default();
    Ok(String::from_utf8(bytes).unwrap_or_default())
}

/// Whether a text is quoted in a line of [`line()`].
pub fn is_quoted(line: &str) -> bool {
    line.contains('"')
}

/// The point of a row that [`line()`] wrote; none of any other.
pub fn point(record: &StringRecord) -> Option<Point> {
    let field = |at: usize| record.get(at);
    if record.len() != COLUMNS.len() {
        return None;
    }
    let text = field(6)?;
    let value = match field(2)? {
        "INTEGER" => Variant::Integer(text.parse().ok()?),
        "DOUBLE" => Variant::Double(text.parse().ok()?),
        "BOOLEAN" => Variant::Boolean(text.parse().ok()?),
        "STRING" => Variant::String(text.into()),
        _ => return None,
    };
    let Key { stream, time, quality } = key(record)?;
    Some(Point { stream, time, quality, value, class: Class::History })
}

/// The latest point of each property in a file, in no particular order.
pub fn latest(text: &[u8]) -> Vec<Point> {
    let mut latest: FxHashMap<Stream, Point> = FxHashMap::default();
    for point in records(text).filter_map(|record| self::point(&record)) {
        let is_later = latest.get(&point.stream).is_none_or(|last| last.time <= point.time);
        if is_later {
            latest.insert(point.stream, point);
        }
    }
    latest.into_values().collect()
}

/// What SiteWise keys the value of a row by, whatever stands behind it in the record.
pub fn key(record: &StringRecord) -> Option<Key> {
    let id = |at: usize| record.get(at).and_then(|text| Uuid::try_parse(text).ok());
    let number = |at: usize| record.get(at).and_then(|text| text.parse::<i64>().ok());
    let quality = match record.get(5)? {
        "GOOD" => Quality::Good,
        "UNCERTAIN" => Quality::Uncertain,
        "BAD" => Quality::Bad,
        _ => return None,
    };
    let millis = number(3)?.checked_mul(1_000)?.checked_add(number(4)? / NANOS_PER_MILLI)?;
    let stream = Stream { asset: id(0)?, property: id(1)? };
    Some(Key { stream, time: Timestamp::from_millis(millis), quality })
}

/// The records of a file or a report, as far as they can be read.
pub fn records(text: &[u8]) -> impl Iterator<Item = StringRecord> {
    let reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text);
    reader.into_records().filter_map(Result::ok)
}

/// A record as a line, for people.
pub(super) fn text(fields: &[&str]) -> String {
    let mut writer = Writer::from_writer(Vec::new());
    let _ = writer.write_record(fields);
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default().trim_end().to_owned()
}

fn quality_name(quality: Quality) -> &'static str {
    match quality {
        Quality::Good => "GOOD",
        Quality::Uncertain => "UNCERTAIN",
        Quality::Bad => "BAD",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sitewise::api::PropertyDataType;

    fn of(value: Variant, millis: i64) -> Point {
        Point {
            stream: Stream { asset: Uuid::from_u128(1), property: Uuid::from_u128(2) },
            time: Timestamp::from_millis(millis),
            quality: Quality::Uncertain,
            value,
            class: Class::History,
        }
    }

    #[test]
    fn a_row_reads_back_as_the_point_it_was() {
        let text = |text: &str| Variant::String(text.into());
        for value in [
            Variant::Integer(i32::MIN),
            Variant::Double(0.1 + 0.2),
            Variant::Double(-1e300),
            Variant::Double(5e-324),
            Variant::Double(-0.0),
            Variant::Boolean(false),
            text("plain"),
            text("a, \"b\""),
            text("# no comment"),
            text(" blanks "),
            text("größer"),
        ] {
            let point = of(value, 1_700_000_000_123);
            let line = line(&point).unwrap();
            let read: Vec<_> = records(line.as_bytes()).collect();
            assert_eq!(read.len(), 1, "{line}");
            assert_eq!(super::point(&read[0]), Some(point.clone()), "{line}");
            let special =
                matches!(&point.value, Variant::String(text) if text.contains([',', '"']));
            assert_eq!(is_quoted(&line), special, "{line}");
        }
    }

    #[test]
    fn a_row_has_the_documented_columns() {
        let line = line(&of(Variant::Double(1.5), 1_700_000_000_250)).unwrap();
        assert_eq!(
            line,
            "00000000-0000-0000-0000-000000000001,00000000-0000-0000-0000-000000000002,DOUBLE,\
             1700000000,250000000,UNCERTAIN,1.5\n"
        );
    }

    #[test]
    fn what_has_no_form_has_no_row() {
        let null = Variant::Null(PropertyDataType::Double);
        assert_eq!(line(&of(null, 5)), Err(NoRow::Null));
        assert_eq!(line(&of(Variant::Double(f64::NAN), 5)), Err(NoRow::Null));
        assert_eq!(line(&of(Variant::Double(f64::INFINITY), 5)), Err(NoRow::Null));
        assert_eq!(line(&of(Variant::Integer(1), -1)), Err(NoRow::BeforeEpoch));
        let two_lines = Variant::String("one\ntwo".into());
        assert_eq!(line(&of(two_lines, 5)), Err(NoRow::ControlCharacter));
        // Its row was rejected, and SiteWise showed the text before as long as there was none.
        assert_eq!(line(&of(Variant::String("".into()), 5)), Err(NoRow::EmptyText));
    }

    #[test]
    fn the_latest_of_each_property_is_found() {
        let mut other = of(Variant::Integer(4), 1);
        other.stream.property = Uuid::from_u128(3);
        let points = [(1, 20), (2, 30), (3, 30), (9, 10)];
        let points = points.map(|(value, millis)| of(Variant::Integer(value), millis));
        let lines = points.iter().chain([&other]).map(|point| line(point).unwrap());
        let mut found = latest(lines.collect::<String>().as_bytes());
        found.sort_by_key(|point| point.time);
        let other = Point { class: Class::History, ..other };
        assert_eq!(found, [other, points[2].clone()]);
    }

    #[test]
    fn foreign_rows_are_none_of_ours() {
        for text in ["", "a,b", "a,b,DOUBLE,1,2,GOOD,3", "x\n"] {
            assert!(records(text.as_bytes()).all(|record| point(&record).is_none()), "{text}");
        }
    }
}
