//! The account's rates as token buckets: requests by operation, and values.
//!
//! Source: "AWS IoT SiteWise endpoints and quotas" in the AWS General Reference. A bucket holds one
//! second's worth.

use std::collections::HashMap;

use crate::wire::time::Moment;

/// Rates per second. An operation without a rate is not limited; the default limits nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Quotas {
    requests: HashMap<String, f64>,
    /// Values that `BatchPutAssetPropertyValue` takes.
    values: Option<f64>,
}

/// Requests a second by operation, as AWS sets them at first.
const AWS_REQUESTS: &[(f64, &[&str])] = &[
    (
        10.0,
        &[
            "CreateAssetModel",
            "UpdateAssetModel",
            "DeleteAssetModel",
            "CreateAssetModelCompositeModel",
            "UpdateAssetModelCompositeModel",
            "DeleteAssetModelCompositeModel",
            "ListAssetModels",
            "ListAssetModelCompositeModels",
            "ListCompositionRelationships",
            "TagResource",
            "UntagResource",
            "ListTagsForResource",
            "PutStorageConfiguration",
            "DescribeStorageConfiguration",
        ],
    ),
    (30.0, &["ListAssets", "ListAssociatedAssets", "ListAssetRelationships", "ListTimeSeries"]),
    (50.0, &["CreateAsset", "DeleteAsset"]),
    (
        100.0,
        &[
            "UpdateAsset",
            "UpdateAssetProperty",
            "AssociateAssets",
            "DisassociateAssets",
            "AssociateTimeSeriesToAssetProperty",
            "DisassociateTimeSeriesFromAssetProperty",
            "DeleteTimeSeries",
        ],
    ),
    (
        150.0,
        &[
            "DescribeAsset",
            "DescribeAssetModel",
            "DescribeAssetModelCompositeModel",
            "DescribeAssetProperty",
            "DescribeTimeSeries",
        ],
    ),
    (200.0, &["BatchGetAssetPropertyValueHistory", "BatchGetAssetPropertyAggregates"]),
    (500.0, &["GetInterpolatedAssetPropertyValues", "BatchGetAssetPropertyValue"]),
    (
        1000.0,
        &[
            "BatchPutAssetPropertyValue",
            "GetAssetPropertyValue",
            "GetAssetPropertyValueHistory",
            "GetAssetPropertyAggregates",
        ],
    ),
];

/// Values a second, as AWS sets them at first.
const AWS_VALUES: f64 = 5_000.0;

impl Quotas {
    /// The rates that AWS gives a new account.
    #[must_use]
    pub fn aws() -> Self {
        let requests = AWS_REQUESTS.iter().flat_map(|(rate, operations)| {
            operations.iter().map(|operation| ((*operation).to_owned(), *rate))
        });
        Self { requests: requests.collect(), values: Some(AWS_VALUES) }
    }

    /// Sets the requests a second of one operation.
    #[must_use]
    pub fn with_requests(mut self, operation: &str, per_second: f64) -> Self {
        self.requests.insert(operation.to_owned(), per_second.max(0.0));
        self
    }

    /// Sets the values a second.
    #[must_use]
    pub fn with_values(mut self, per_second: f64) -> Self {
        self.values = Some(per_second.max(0.0));
        self
    }
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    level: f64,
    filled: Moment,
}

impl Bucket {
    fn take(&mut self, count: f64, rate: f64, now: Moment) -> bool {
        let passed = (now.as_seconds() - self.filled.as_seconds()).max(0.0);
        self.level = (self.level + passed * rate).min(rate);
        self.filled = now;
        let enough = self.level >= count;
        if enough {
            self.level -= count;
        }
        enough
    }
}

/// The buckets of one account.
#[derive(Debug)]
pub(crate) struct Buckets {
    quotas: Quotas,
    requests: HashMap<&'static str, Bucket>,
    values: Option<Bucket>,
}

impl Buckets {
    pub(crate) fn new(quotas: Quotas) -> Self {
        Self { quotas, requests: HashMap::new(), values: None }
    }

    /// Takes a request of `operation`, if there is one left.
    pub(crate) fn take_request(&mut self, operation: &'static str, now: Moment) -> bool {
        let Some(rate) = self.quotas.requests.get(operation).copied() else { return true };
        self.requests
            .entry(operation)
            .or_insert(Bucket { level: rate, filled: now })
            .take(1.0, rate, now)
    }

    /// Takes `count` values, if there are as many left.
    pub(crate) fn take_values(&mut self, count: usize, now: Moment) -> bool {
        let Some(rate) = self.quotas.values else { return true };
        let count = u32::try_from(count).map_or(f64::MAX, f64::from);
        self.values.get_or_insert(Bucket { level: rate, filled: now }).take(count, rate, now)
    }
}
