//! Interpolated values.
//!
//! Source: API Reference, `GetInterpolatedAssetPropertyValues`.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::point::{Point, Quality, Scalar};
use super::read::{Found, Source};
use crate::account::Account;
use crate::account::definition::DataType;
use crate::account::output::With as _;
use crate::wire::error::{Error, Result};
use crate::wire::page;
use crate::wire::time::{Moment, TimeInNanos};

/// Results of a page if the request does not say (API Reference: "Default: 10").
const RESULTS: usize = 10;
/// Results of a page at most; what lies beyond is paged.
const MOST: usize = 20_000;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GetInterpolated {
    #[serde(flatten)]
    source: Source,
    start_time_in_seconds: i64,
    start_time_offset_in_nanos: Option<i64>,
    end_time_in_seconds: i64,
    end_time_offset_in_nanos: Option<i64>,
    quality: Quality,
    interval_in_seconds: u64,
    next_token: Option<String>,
    max_results: Option<usize>,
    #[serde(rename = "type")]
    kind: String,
    interval_window_in_seconds: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Linear,
    LastObservation,
}

impl GetInterpolated {
    fn kind(&self) -> Result<Kind> {
        match self.kind.as_str() {
            "LINEAR_INTERPOLATION" => Ok(Kind::Linear),
            "LOCF_INTERPOLATION" => Ok(Kind::LastObservation),
            other => Err(Error::invalid(format!("The interpolation type {other} is not known"))),
        }
    }

    fn span(&self) -> (Moment, Moment) {
        let moment = |seconds, nanos| {
            TimeInNanos { time_in_seconds: seconds, offset_in_nanos: nanos }.moment()
        };
        let start = moment(self.start_time_in_seconds, self.start_time_offset_in_nanos);
        (start, moment(self.end_time_in_seconds, self.end_time_offset_in_nanos))
    }
}

impl Account {
    pub(crate) fn get_interpolated(
        &mut self,
        input: GetInterpolated,
        _now: Moment,
    ) -> Result<Value> {
        const OPERATION: &str = "GetInterpolatedAssetPropertyValues";
        let kind = input.kind()?;
        let (start, end) = input.span();
        if start >= end {
            return Err(Error::invalid("The start time must lie before the end time"));
        }
        if input.interval_window_in_seconds.is_some() && kind != Kind::Linear {
            return Err(Error::invalid(
                "intervalWindowInSeconds goes with LINEAR_INTERPOLATION only",
            ));
        }
        let found = self.find_stream(&input.source)?;
        if kind == Kind::Linear && !matches!(found.data_type, DataType::Double | DataType::Integer)
        {
            return Err(Error::invalid(format!(
                "Data type {} can't be interpolated linearly",
                found.data_type.name()
            )));
        }
        let interval = Duration::from_secs(input.interval_in_seconds);
        let first = match &input.next_token {
            Some(token) => super::aggregate::moment(&page::key(OPERATION, token)?)?,
            // The start is exclusive: the first value stands at the end of the first interval.
            None => start.plus(interval),
        };
        let points = usable(&found, input.quality, start.minus(interval), end.plus(interval));
        let most = input.max_results.unwrap_or(RESULTS).min(MOST);
        let mut values: Vec<Value> = Vec::new();
        let mut time = next_with_data(first, interval, &points);
        let mut next = None;
        while time <= end && !points.is_empty() {
            if values.len() == most {
                next = Some(page::token(OPERATION, &time.0.to_string()));
                break;
            }
            let window = input.interval_window_in_seconds.map(Duration::from_secs);
            if let Some(value) = interpolate(&points, time, kind, window) {
                values.push(json!({ "timestamp": time.in_nanos(), "value": value.variant() }));
            } else {
                // In a gap: go on where the next point can be seen.
                let Some(ahead) = points.get(points.partition_point(|point| point.time <= time))
                else {
                    break;
                };
                time = steps_towards(time, ahead.time.minus(window.unwrap_or_default()), interval);
            }
            let later = time.plus(interval);
            if later == time {
                break;
            }
            time = later;
        }
        Ok(json!({ "interpolatedAssetPropertyValues": values }).with("nextToken", next))
    }
}

/// Points that interpolation may use: of the quality asked for, numbers or whatever else is no null.
fn usable(found: &Found<'_>, quality: Quality, start: Moment, end: Moment) -> Vec<Point> {
    let mut points = found.between(Moment(start.0.saturating_sub(1)), end);
    points.retain(|point| {
        point.quality == quality
            && !matches!(point.value, Scalar::Null(_))
            && !point.value.number().is_some_and(f64::is_nan)
    });
    points
}

/// The first interval from `first` on that can have a value: what lies before the first point has
/// none, and need not be walked.
fn next_with_data(first: Moment, interval: Duration, points: &[Point]) -> Moment {
    points.first().map_or(first, |earliest| steps_towards(first, earliest.time, interval))
}

/// The last interval, counted from `from`, that does not lie after `to`; `from` if that lies before.
fn steps_towards(from: Moment, to: Moment, interval: Duration) -> Moment {
    let nanos = i64::try_from(interval.as_nanos()).unwrap_or(i64::MAX).max(1);
    let ahead = to.0.saturating_sub(from.0).max(0);
    Moment(from.0.saturating_add((ahead / nanos).saturating_mul(nanos)))
}

fn interpolate(
    points: &[Point],
    time: Moment,
    kind: Kind,
    window: Option<Duration>,
) -> Option<Scalar> {
    let after = points.partition_point(|point| point.time <= time);
    let before = after.checked_sub(1).and_then(|at| points.get(at))?;
    if kind == Kind::LastObservation {
        return Some(before.value.clone());
    }
    let near = |point: &Point| {
        window.is_none_or(|window| {
            point.time >= time.minus(window) && point.time <= time.plus(window)
        })
    };
    if !near(before) {
        return None;
    }
    let left = before.value.number()?;
    if before.time == time {
        return Some(Scalar::Double(left));
    }
    let behind = points.get(after).filter(|point| near(point))?;
    let right = behind.value.number()?;
    let (from, to) = (before.time.as_seconds(), behind.time.as_seconds());
    let share = if to > from { (time.as_seconds() - from) / (to - from) } else { 0.0 };
    Some(Scalar::Double(left + (right - left) * share))
}
