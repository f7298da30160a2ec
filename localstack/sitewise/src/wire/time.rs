//! Points in time, and the three ways the wire writes them: epoch seconds with a fraction in
//! bodies, ISO 8601 in queries, and `TimeInNanos` for values.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::Value;

const NANOS: i64 = 1_000_000_000;

/// Nanoseconds since the epoch. What lies past the year 2262 is held at the end of the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moment(pub(crate) i64);

impl Moment {
    pub(crate) const MIN: Self = Self(i64::MIN);
    pub(crate) const MAX: Self = Self(i64::MAX);

    pub(crate) fn new(seconds: i64, nanos: u32) -> Self {
        Self(seconds.saturating_mul(NANOS).saturating_add(i64::from(nanos)))
    }

    /// The moment of a system clock.
    pub fn from_system(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::MIN.max(Self(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)))
    }

    pub(crate) fn from_seconds(seconds: f64) -> Option<Self> {
        // A float holds microseconds at today's dates; finer digits would be noise.
        #[expect(clippy::cast_possible_truncation, reason = "a float past the range saturates")]
        seconds.is_finite().then(|| Self(((seconds * 1e6).round() as i64).saturating_mul(1000)))
    }

    /// A timestamp in a body (a number) or in a query (ISO 8601).
    pub(crate) fn from_json(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => number.as_f64().and_then(Self::from_seconds),
            Value::String(text) => Self::parse(text),
            _ => None,
        }
    }

    /// Reads `2026-01-31T23:59:59.123Z` with up to nine digits of fraction, `Z` or an offset.
    pub fn parse(text: &str) -> Option<Self> {
        let (date, rest) = text.split_once(['T', 't', ' '])?;
        let mut date = date.splitn(3, '-').map(digits);
        let (year, month, day) = (date.next()??, date.next()??, date.next()??);
        let (clock, offset) = split_offset(rest)?;
        let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
        let mut clock = clock.splitn(3, ':').map(digits);
        let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
        if !(1..=9999).contains(&year)
            || !(1..=12).contains(&month)
            || !(1..=days_in(year, month)).contains(&day)
        {
            return None;
        }
        if hour > 23 || minute > 59 || second > 60 || fraction.len() > 9 {
            return None;
        }
        let nanos = if fraction.is_empty() { 0 } else { digits(&format!("{fraction:0<9}"))? };
        let seconds =
            days_from_epoch(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second
                - offset;
        Some(Self::new(seconds, u32::try_from(nanos).ok()?))
    }

    pub(crate) fn seconds(self) -> i64 {
        self.0.div_euclid(NANOS)
    }

    pub(crate) fn nanos(self) -> u32 {
        u32::try_from(self.0.rem_euclid(NANOS)).unwrap_or(0)
    }

    /// So much later.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)))
    }

    pub(crate) fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// Seconds since the epoch, as bodies carry dates.
    pub fn as_seconds(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "the wire carries dates as floats")]
        let micros = (self.0 / 1000) as f64;
        micros / 1e6
    }

    pub(crate) fn in_nanos(self) -> TimeInNanos {
        TimeInNanos {
            time_in_seconds: self.seconds(),
            offset_in_nanos: Some(i64::from(self.nanos())),
        }
    }
}

/// A moment as the wire's timestamp shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Date(pub(crate) Moment);

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0.as_seconds())
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Moment::from_json(&value).map(Self).ok_or_else(|| D::Error::custom("not a timestamp"))
    }
}

/// A value's time as the wire writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TimeInNanos {
    pub(crate) time_in_seconds: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) offset_in_nanos: Option<i64>,
}

impl TimeInNanos {
    pub(crate) fn moment(self) -> Moment {
        Moment::new(
            self.time_in_seconds,
            u32::try_from(self.offset_in_nanos.unwrap_or(0)).unwrap_or(0),
        )
    }
}

fn digits(text: &str) -> Option<i64> {
    (!text.is_empty() && text.len() <= 9 && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

/// Splits `12:00:00+01:00` into the clock and the offset in seconds.
fn split_offset(text: &str) -> Option<(&str, i64)> {
    if let Some(clock) = text.strip_suffix(['Z', 'z']) {
        return Some((clock, 0));
    }
    let at = text.rfind(['+', '-'])?;
    let (clock, offset) = text.split_at_checked(at)?;
    let sign = if offset.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = offset.get(1..)?.split_once(':')?;
    Some((clock, sign * (digits(hours)? * 3600 + digits(minutes)? * 60)))
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar; March is counted as the first month.
fn days_from_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let of_year = (153 * month + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + of_year
        - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_read_as_the_sdks_write_them() {
        for (text, seconds, nanos) in [
            ("1970-01-01T00:00:00Z", 0, 0),
            ("2026-03-01T12:30:15.25Z", 1_772_368_215, 250_000_000),
            ("2024-02-29T00:00:00.123456789Z", 1_709_164_800, 123_456_789),
            ("2024-02-29T01:00:00+01:00", 1_709_164_800, 0),
        ] {
            assert_eq!(Moment::parse(text), Some(Moment::new(seconds, nanos)), "{text}");
        }
        for text in [
            "",
            "2026",
            "2026-02-29T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00",
            "é-1-1TéZ",
        ] {
            assert_eq!(Moment::parse(text), None, "{text}");
        }
    }
}
