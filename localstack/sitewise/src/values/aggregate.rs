//! Aggregates, computed when they are asked for.
//!
//! Source: API Reference, `GetAssetPropertyAggregates`; User Guide, "Query asset property
//! aggregates". A window is open at its start, closed at its end, and carries the end's time.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::point::{Point, Quality};
use super::read::{Found, Ordering, Source};
use crate::account::Account;
use crate::account::output::With as _;
use crate::limits;
use crate::wire::error::{Error, Result};
use crate::wire::page;
use crate::wire::time::{Date, Moment};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Aggregate {
    Average,
    Count,
    Maximum,
    Minimum,
    Sum,
    StandardDeviation,
}

impl Aggregate {
    const fn name(self) -> &'static str {
        match self {
            Self::Average => "average",
            Self::Count => "count",
            Self::Maximum => "maximum",
            Self::Minimum => "minimum",
            Self::Sum => "sum",
            Self::StandardDeviation => "standardDeviation",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum Resolution {
    #[serde(rename = "1m")]
    Minute,
    #[serde(rename = "15m")]
    Quarter,
    #[serde(rename = "1h")]
    Hour,
    #[serde(rename = "1d")]
    Day,
}

impl Resolution {
    const fn nanos(self) -> i64 {
        let seconds = match self {
            Self::Minute => 60,
            Self::Quarter => 900,
            Self::Hour => 3_600,
            Self::Day => 86_400,
        };
        seconds * 1_000_000_000
    }

    /// The end of the window that `time` falls into.
    fn window(self, time: Moment) -> Moment {
        let nanos = self.nanos();
        let before = time.0.saturating_sub(1).div_euclid(nanos);
        Moment(before.saturating_add(1).saturating_mul(nanos))
    }
}

/// Which aggregates are asked for.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Question {
    aggregate_types: Vec<Aggregate>,
    resolution: Resolution,
    qualities: Option<Vec<Quality>>,
    start_date: Date,
    end_date: Date,
    time_ordering: Option<Ordering>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GetAggregates {
    #[serde(flatten)]
    source: Source,
    #[serde(flatten)]
    question: Question,
    next_token: Option<String>,
    max_results: Option<usize>,
}

/// Sums over the points of one window.
#[derive(Debug, Clone, Copy, Default)]
struct Window {
    count: f64,
    numbers: f64,
    sum: f64,
    /// The sum of squared distances from the mean, kept up as values come (Welford).
    spread: f64,
    mean: f64,
    maximum: Option<f64>,
    minimum: Option<f64>,
}

impl Window {
    fn add(&mut self, point: &Point) {
        self.count += 1.0;
        let Some(number) = point.value.number() else { return };
        self.numbers += 1.0;
        self.sum += number;
        let distance = number - self.mean;
        self.mean += distance / self.numbers;
        self.spread += distance * (number - self.mean);
        // NaN in, NaN out: the comparisons of floats would lose it.
        let pick = |known: Option<f64>, better: fn(f64, f64) -> f64| match known {
            Some(known) if known.is_nan() || number.is_nan() => Some(f64::NAN),
            Some(known) => Some(better(known, number)),
            None => Some(number),
        };
        self.maximum = pick(self.maximum, f64::max);
        self.minimum = pick(self.minimum, f64::min);
    }

    fn value(&self, aggregate: Aggregate) -> Option<f64> {
        let numeric = self.numbers > 0.0;
        match aggregate {
            Aggregate::Count => Some(self.count),
            Aggregate::Average => numeric.then_some(self.sum / self.numbers),
            Aggregate::Sum => numeric.then_some(self.sum),
            Aggregate::Maximum => self.maximum,
            Aggregate::Minimum => self.minimum,
            Aggregate::StandardDeviation => numeric.then(|| (self.spread / self.numbers).sqrt()),
        }
    }
}

/// A page of aggregates, and the window to go on after.
pub(crate) struct Page {
    pub(crate) values: Vec<Value>,
    pub(crate) next: Option<Moment>,
}

/// Computes one page.
///
/// # Errors
///
/// `InvalidRequestException`.
pub(crate) fn aggregates(
    found: &Found<'_>,
    question: &Question,
    after: Option<Moment>,
    most: usize,
) -> Result<Page> {
    let (start, end) = (question.start_date.0, question.end_date.0);
    if start > end {
        return Err(Error::invalid("startDate must not lie after endDate"));
    }
    let descending = question.time_ordering == Some(Ordering::Descending);
    let quality = question.qualities.as_ref().and_then(|qualities| qualities.first()).copied();
    let quality = quality.unwrap_or(Quality::Good);
    // A window counts if its end lies in the span, so points before the start may belong to it.
    let first = Moment(start.0.saturating_sub(question.resolution.nanos()));
    let mut windows: Vec<(Moment, Window)> = Vec::new();
    for point in found.between(first, end).iter().filter(|point| point.quality == quality) {
        let end = question.resolution.window(point.time);
        match windows.last_mut() {
            Some((last, window)) if *last == end => window.add(point),
            _ => {
                let mut window = Window::default();
                window.add(point);
                windows.push((end, window));
            }
        }
    }
    windows.retain(|(time, _)| *time > start && *time <= end);
    if descending {
        windows.reverse();
    }
    windows.retain(|(time, _)| {
        after.is_none_or(|after| if descending { *time < after } else { *time > after })
    });
    let more = windows.len() > most;
    windows.truncate(most);
    let next = windows.last().filter(|_| more).map(|(time, _)| *time);
    let values = windows
        .iter()
        .map(|(time, window)| wire(*time, window, quality, &question.aggregate_types));
    Ok(Page { values: values.collect(), next })
}

/// `AggregatedValue` of the API.
fn wire(time: Moment, window: &Window, quality: Quality, types: &[Aggregate]) -> Value {
    let mut value = Map::new();
    for aggregate in types {
        if let Some(number) = window.value(*aggregate) {
            let number = if number.is_nan() { json!("NaN") } else { json!(number) };
            value.insert(aggregate.name().to_owned(), number);
        }
    }
    json!({ "timestamp": Date(time), "quality": quality.name(), "value": value })
}

impl Account {
    pub(crate) fn get_aggregates(&mut self, input: GetAggregates, _now: Moment) -> Result<Value> {
        const OPERATION: &str = "GetAssetPropertyAggregates";
        if input.max_results.is_some_and(|most| most > limits::AGGREGATE_RESULTS) {
            return Err(Error::invalid(format!(
                "maxResults must not be more than {}",
                limits::AGGREGATE_RESULTS
            )));
        }
        let after = match &input.next_token {
            Some(token) => Some(moment(&page::key(OPERATION, token)?)?),
            None => None,
        };
        let found = self.find_stream(&input.source)?;
        let page = aggregates(
            &found,
            &input.question,
            after,
            input.max_results.unwrap_or(limits::READ_RESULTS),
        )?;
        let next = page.next.map(|time| page::token(OPERATION, &time.0.to_string()));
        Ok(json!({ "aggregatedValues": page.values }).with("nextToken", next))
    }
}

/// Reads the key of an aggregates' token.
pub(crate) fn moment(key: &str) -> Result<Moment> {
    key.parse()
        .map(Moment)
        .map_err(|_| Error::invalid("The given nextToken is not valid for this request"))
}
