//! How values travel to SiteWise.

use std::num::NonZeroU32;
use std::time::Duration;

use super::parse::{count_up_to, duration_within};
use super::reader::Reader;
use super::variable::{Default, Section, Var};

const LINGER: Var = Var {
    name: "INGEST_LINGER",
    default: Default::Value("1s"),
    form: "duration",
    doc: "How long a value waits for others of its property. SiteWise bills ten values of one property like \
          one, so more patience costs less. 0s sends at once.",
    secret: false,
    file: false,
};

const REQUESTS_PER_SECOND: Var = Var {
    name: "INGEST_REQUESTS_PER_SECOND",
    default: Default::Value("1000"),
    form: "number",
    doc: "The account's quota of BatchPutAssetPropertyValue requests a second. Where it is not set and the \
          role may ask Service Quotas, the account's own.",
    secret: false,
    file: false,
};

const VALUES_PER_SECOND: Var = Var {
    name: "INGEST_VALUES_PER_SECOND",
    default: Default::Value("5000"),
    form: "number",
    doc: "The account's quota of values a second, by the same rule.",
    secret: false,
    file: false,
};

const IN_FLIGHT: Var = Var {
    name: "INGEST_IN_FLIGHT",
    default: Default::Value("64"),
    form: "number",
    doc: "The most requests that wait for their answer at one time.",
    secret: false,
    file: false,
};

pub(super) const SECTION: Section = Section {
    title: "Delivery",
    doc: "How values travel to SiteWise.",
    vars: &[&LINGER, &REQUESTS_PER_SECOND, &VALUES_PER_SECOND, &IN_FLIGHT],
};

/// How values travel to SiteWise.
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
}

impl Delivery {
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let linger =
            reader.value(&LINGER, duration_within(Duration::ZERO, Duration::from_secs(3600)));
        let requests_per_second = reader.value(&REQUESTS_PER_SECOND, count_up_to(1_000_000));
        let values_per_second = reader.value(&VALUES_PER_SECOND, count_up_to(100_000_000));
        let in_flight = reader.value(&IN_FLIGHT, count_up_to(10_000));
        Some(Self {
            linger: linger?,
            requests_per_second: requests_per_second?,
            values_per_second: values_per_second?,
            in_flight: in_flight?,
        })
    }
}
