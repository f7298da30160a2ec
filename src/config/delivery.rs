//! Batching and rate limits of delivery.

use std::num::NonZeroU32;
use std::time::Duration;

use super::parse::{count_up_to, duration_within};
use super::reader::VariableReader;
use super::variable::{DefaultValue, Section, Variable};
use crate::globs::Globs;

const LINGER: Variable = Variable {
    name: "INGEST_LINGER",
    default: DefaultValue::Value("1s"),
    form: "duration",
    doc: "How long a value waits for others of the same property, to be sent as one entry. \
          SiteWise bills up to ten values of one property as one message, so a longer linger costs \
          less. 0s sends immediately.",
    secret: false,
    file: false,
};

const REQUESTS_PER_SECOND: Variable = Variable {
    name: "INGEST_REQUESTS_PER_SECOND",
    default: DefaultValue::Value("1000"),
    form: "number",
    doc: "Rate limit of BatchPutAssetPropertyValue, requests a second: the account's quota. Where \
          it is not set and the role may call Service Quotas, the account's quota is read from \
          there.",
    secret: false,
    file: false,
};

const VALUES_PER_SECOND: Variable = Variable {
    name: "INGEST_VALUES_PER_SECOND",
    default: DefaultValue::Value("5000"),
    form: "number",
    doc: "Rate limit of values a second: the account's quota, determined in the same way.",
    secret: false,
    file: false,
};

const IN_FLIGHT: Variable = Variable {
    name: "INGEST_IN_FLIGHT",
    default: DefaultValue::Value("64"),
    form: "number",
    doc: "Maximum number of BatchPutAssetPropertyValue requests in flight.",
    secret: false,
    file: false,
};

const BUFFERED: Variable = Variable {
    name: "INGEST_BUFFERED",
    default: DefaultValue::Words("none"),
    form: "globs separated by commas",
    doc: "Properties whose values are not urgent: they are collected and sent by bulk import, which \
          costs less. Matched as SPARKPLUG_INCLUDE is: */Diagnostics, Nordsee/*/Temp*. Presence, \
          attributes, nulls and stale marks are always sent at once. Needs LATE_BUCKET. \
          `sparkwise plan` says where it pays.",
    secret: false,
    file: false,
};

const BUFFERED_EVERY: Variable = Variable {
    name: "INGEST_BUFFERED_EVERY",
    default: DefaultValue::Value("15m"),
    form: "duration",
    doc: "How long the values of INGEST_BUFFERED are collected for one object, which is sent \
          earlier when it has 16 MiB or 10,000 properties.",
    secret: false,
    file: false,
};

pub(super) const SECTION: Section = Section {
    title: "Delivery",
    doc: "Batching and rate limits of writes to SiteWise.",
    vars: &[
        &LINGER,
        &REQUESTS_PER_SECOND,
        &VALUES_PER_SECOND,
        &IN_FLIGHT,
        &BUFFERED,
        &BUFFERED_EVERY,
    ],
};

/// Batching and rate limits of delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// How long a value waits for others of its property.
    pub linger: Duration,
    /// Quota of requests.
    pub requests_per_second: NonZeroU32,
    /// Quota of values.
    pub values_per_second: NonZeroU32,
    /// The most requests at one time.
    pub in_flight: NonZeroU32,
    /// Properties that are sent by bulk import; none where none is.
    pub buffered: Option<Globs>,
    /// How long their values are collected.
    pub buffered_every: Duration,
}

impl Delivery {
    pub(super) fn read(reader: &mut VariableReader<'_>) -> Option<Self> {
        let linger =
            reader.value(&LINGER, duration_within(Duration::ZERO, Duration::from_secs(3600)));
        let requests_per_second = reader.value(&REQUESTS_PER_SECOND, count_up_to(1_000_000));
        let values_per_second = reader.value(&VALUES_PER_SECOND, count_up_to(100_000_000));
        let in_flight = reader.value(&IN_FLIGHT, count_up_to(10_000));
        let buffered = reader.optional(&BUFFERED, Globs::parse_trees);
        let range = duration_within(Duration::from_secs(60), Duration::from_secs(86_400));
        let buffered_every = reader.value(&BUFFERED_EVERY, range);
        if matches!(buffered, Some(Some(_))) && !reader.is_any_set(&["LATE_BUCKET"]) {
            reader.fault(&BUFFERED, "needs LATE_BUCKET: its values travel through S3");
            return None;
        }
        Some(Self {
            linger: linger?,
            requests_per_second: requests_per_second?,
            values_per_second: values_per_second?,
            in_flight: in_flight?,
            buffered: buffered?,
            buffered_every: buffered_every?,
        })
    }
}
