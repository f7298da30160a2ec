//! What bulk import would cost instead of live ingestion.

use std::fmt;
use std::time::Duration;

use rustc_hash::FxHashMap;
use serde_json::{Value, json};

use super::report::MIN_LISTENED;
use super::text::{HumanDuration, NAMES, grouped};
use crate::config::Config;
use crate::delivery::billing;
use crate::delivery::point::{Class, Point, Stream};
use crate::globs::Globs;
use crate::late::Tiers;
use crate::late::price::LEAST_MESSAGES;
use crate::late::savings::{MeasuredTraffic, SavingsEstimate};
use crate::sitewise::api::Variant;
use crate::twin::Twin;

const DAYS: f64 = 30.0;

/// What came as data, by property.
#[derive(Debug)]
pub(super) struct BufferSurvey {
    globs: Option<Globs>,
    linger: Duration,
    every: Duration,
    /// Values and bytes.
    streams: FxHashMap<Stream, (u64, u64)>,
}

impl BufferSurvey {
    pub(super) fn new(config: &Config) -> Self {
        let delivery = &config.delivery;
        Self {
            globs: delivery.buffered.clone(),
            linger: delivery.linger,
            every: delivery.buffered_every,
            streams: FxHashMap::default(),
        }
    }

    /// A value came.
    pub(super) fn count(&mut self, point: &Point) {
        let is_of_plant = matches!(point.class, Class::Live | Class::Birth | Class::History);
        if is_of_plant && !matches!(point.value, Variant::Null(_)) {
            let (values, bytes) = self.streams.entry(point.stream).or_default();
            *values += 1;
            *bytes += billing::bytes(&point.value) as u64;
        }
    }

    /// What the properties that `INGEST_BUFFERED` names cost both ways; all properties where it
    /// names none. None where too little was measured.
    pub(super) fn estimate(
        &self,
        twin: &Twin,
        listened: Option<Duration>,
    ) -> Option<SavingsEstimate> {
        let listened = listened.filter(|listened| *listened >= MIN_LISTENED)?;
        let measured = self.streams.iter().filter_map(|(stream, (values, bytes))| {
            let address = twin.measurement_address(*stream)?;
            if self.globs.as_ref().is_some_and(|globs| !globs.matches(&address)) {
                return None;
            }
            let name = twin.measurement_name(*stream).unwrap_or_default();
            let of = MeasuredTraffic {
                properties: 1,
                values: *values,
                bytes: *bytes,
                ..MeasuredTraffic::default()
            };
            Some((name, of))
        });
        let measured = MeasuredTraffic::by_name(measured);
        SavingsEstimate::new(&measured, listened, self.linger, self.every)
    }
}

/// The estimate as text.
pub(super) fn write(estimate: &SavingsEstimate, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let SavingsEstimate { linger, every, rate, price, pays_for, least_names } = estimate;
    let month = |a_day: f64| grouped((a_day * DAYS).round() as u64);
    let of_full = |messages: f64| messages / price.full_entries;
    let every = HumanDuration(*every);
    writeln!(
        f,
        "\nOf these, {rate:.1} values a second could be sent by bulk import (INGEST_BUFFERED), in \
         billed messages per 30 days:"
    )?;
    let linger = format!("live, INGEST_LINGER={}s", linger.as_secs_f64());
    writeln!(f, "  {linger:<34} {:>15}", month(price.live))?;
    writeln!(f, "  {:<34} {:>15}", "live, if each entry had 10 values", month(price.full_entries))?;
    for (what, messages) in [("60 values", price.by_values), ("5 KB", price.by_bytes)] {
        let what = format!("by import, a message for {what}");
        let share = of_full(messages);
        writeln!(f, "  {what:<34} {:>15}  {share:.2} of full entries", month(messages))?;
    }
    writeln!(
        f,
        "  {:<34} {:>15}  {LEAST_MESSAGES} each {every}",
        "by import, at least",
        month(price.least)
    )?;
    writeln!(
        f,
        "  Whether AWS bills by values or by bytes is not documented, nor how long the period is for \
         which it\n  bills at least {LEAST_MESSAGES} messages: here it is INGEST_BUFFERED_EVERY."
    )?;
    if pays_for.is_empty() {
        return writeln!(
            f,
            "  It does not pay: the minimum that AWS bills is higher. It may pay with a longer \
             INGEST_BUFFERED_EVERY."
        );
    }
    match least_names {
        0 | 1 => writeln!(f, "  It pays for:")?,
        names => writeln!(
            f,
            "  It pays for these names together, but not for fewer than the first {names}, because of the \
             minimum:"
        )?,
    }
    for saving in pays_for.iter().take(NAMES) {
        let properties = saving.properties;
        let plural = if properties == 1 { "property" } else { "properties" };
        writeln!(
            f,
            "    {}: {} {plural}, {} live, {} by import",
            saving.glob,
            grouped(properties),
            month(saving.live),
            month(saving.import)
        )?;
    }
    match pays_for.len().saturating_sub(NAMES) {
        0 => Ok(()),
        more => writeln!(f, "    and {more} more names"),
    }
}

/// Whether the account has the storage that bulk import needs.
pub(super) fn write_tiers(
    tiers: &Result<Tiers, String>,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    writeln!(f, "\nStorage for bulk import (LATE_BUCKET)")?;
    match tiers {
        Ok(Tiers::Enabled) => writeln!(f, "  SiteWise's warm tier or cold tier is enabled"),
        Ok(Tiers::Disabled) => writeln!(
            f,
            "  ! neither SiteWise's warm tier nor its cold tier is enabled: values older than seven days \
             would become\n    dead letters, and those of INGEST_BUFFERED would be sent at once; enable \
             one in SiteWise's settings,\n    under Storage, or unset LATE_BUCKET"
        ),
        Ok(Tiers::Unknown) => writeln!(f, "  SiteWise does not say which tiers are enabled"),
        Err(reason) => writeln!(
            f,
            "  ! which tiers are enabled cannot be read (iotsitewise:DescribeStorageConfiguration): \
             {reason}"
        ),
    }
}

/// The same for machines.
pub(super) fn tiers_name(tiers: &Result<Tiers, String>) -> &'static str {
    match tiers {
        Ok(Tiers::Enabled) => "enabled",
        Ok(Tiers::Disabled) => "disabled",
        Ok(Tiers::Unknown) | Err(_) => "unknown",
    }
}

/// The estimate for machines.
pub(super) fn json(estimate: &SavingsEstimate) -> Value {
    let SavingsEstimate { linger, every, rate, price, pays_for, least_names } = estimate;
    let month = |a_day: f64| (a_day * DAYS).round() as u64;
    let saving = pays_for.iter().map(|saving| {
        json!({
            "glob": saving.glob,
            "properties": saving.properties,
            "live": month(saving.live),
            "import": month(saving.import),
        })
    });
    json!({
        "valuesPerSecond": rate,
        "lingerSeconds": linger.as_secs_f64(),
        "everySeconds": every.as_secs(),
        "messagesInThirtyDays": {
            "live": month(price.live),
            "liveInFullEntries": month(price.full_entries),
            "importByValues": month(price.by_values),
            "importByBytes": month(price.by_bytes),
            "importAtLeast": month(price.least),
        },
        "paysFor": saving.collect::<Vec<_>>(),
        "paysForAtLeast": least_names,
    })
}
