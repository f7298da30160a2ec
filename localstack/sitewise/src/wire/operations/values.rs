//! Values: written in batches; read as latest, history, aggregates and interpolation.

use super::NEXT_TOKEN;
use crate::account::Account;
use crate::wire::operation::{Call, Field, Operation, body, call, query};
use crate::wire::shape::{Shape, may, must};
use crate::wire::shapes;

const ASSET: Field = query(may("assetId", &shapes::ID));
const PROPERTY: Field = query(may("propertyId", &shapes::ID));
const ALIAS: Field = query(may("propertyAlias", &shapes::DATA_ALIAS));
const QUALITIES: Field = query(may("qualities", &shapes::QUALITIES));
const ORDERING: Field = query(may("timeOrdering", &shapes::ORDERING));
const SOME_RESULTS: Field = query(may("maxResults", &shapes::SOME_RESULTS));

const fn list(of: &'static Shape) -> Shape {
    Shape::List { of, min: 0, max: usize::MAX }
}

static LATEST_ENTRY: Shape = Shape::Structure(&[
    must("entryId", &shapes::ENTRY_ID),
    may("assetId", &shapes::ID),
    may("propertyId", &shapes::ID),
    may("propertyAlias", &shapes::DATA_ALIAS),
]);
static LATEST_ENTRIES: Shape = list(&LATEST_ENTRY);
static HISTORY_ENTRY: Shape = Shape::Structure(&[
    must("entryId", &shapes::ENTRY_ID),
    may("assetId", &shapes::ID),
    may("propertyId", &shapes::ID),
    may("propertyAlias", &shapes::DATA_ALIAS),
    may("startDate", &shapes::TIMESTAMP),
    may("endDate", &shapes::TIMESTAMP),
    may("qualities", &shapes::QUALITIES),
    may("timeOrdering", &shapes::ORDERING),
]);
static HISTORY_ENTRIES: Shape = list(&HISTORY_ENTRY);
static AGGREGATES_ENTRY: Shape = Shape::Structure(&[
    must("entryId", &shapes::ENTRY_ID),
    may("assetId", &shapes::ID),
    may("propertyId", &shapes::ID),
    may("propertyAlias", &shapes::DATA_ALIAS),
    must("aggregateTypes", &shapes::AGGREGATES),
    must("resolution", &shapes::RESOLUTION),
    must("startDate", &shapes::TIMESTAMP),
    must("endDate", &shapes::TIMESTAMP),
    may("qualities", &shapes::QUALITIES),
    may("timeOrdering", &shapes::ORDERING),
]);
static AGGREGATES_ENTRIES: Shape = list(&AGGREGATES_ENTRY);

const BODY_TOKEN: Field = body(may("nextToken", &shapes::NEXT_TOKEN));
const BODY_RESULTS: Field = body(may("maxResults", &shapes::SOME_RESULTS));

pub(super) static TABLE: &[Operation] = &[
    Operation {
        name: "BatchPutAssetPropertyValue",
        method: "POST",
        path: "/properties",
        status: 200,
        // Checked by the typed reader in `values::batch`, which is much faster.
        input: &[],
        call: Call::BatchPut,
    },
    Operation {
        name: "GetAssetPropertyValue",
        method: "GET",
        path: "/properties/latest",
        status: 200,
        input: &[ASSET, PROPERTY, ALIAS],
        call: call!(Account::get_value),
    },
    Operation {
        name: "GetAssetPropertyValueHistory",
        method: "GET",
        path: "/properties/history",
        status: 200,
        input: &[
            ASSET,
            PROPERTY,
            ALIAS,
            query(may("startDate", &shapes::TIMESTAMP)),
            query(may("endDate", &shapes::TIMESTAMP)),
            QUALITIES,
            ORDERING,
            NEXT_TOKEN,
            SOME_RESULTS,
        ],
        call: call!(Account::get_history),
    },
    Operation {
        name: "GetAssetPropertyAggregates",
        method: "GET",
        path: "/properties/aggregates",
        status: 200,
        input: &[
            ASSET,
            PROPERTY,
            ALIAS,
            query(must("aggregateTypes", &shapes::AGGREGATES)),
            query(must("resolution", &shapes::RESOLUTION)),
            QUALITIES,
            query(must("startDate", &shapes::TIMESTAMP)),
            query(must("endDate", &shapes::TIMESTAMP)),
            ORDERING,
            NEXT_TOKEN,
            SOME_RESULTS,
        ],
        call: call!(Account::get_aggregates),
    },
    Operation {
        name: "GetInterpolatedAssetPropertyValues",
        method: "GET",
        path: "/properties/interpolated",
        status: 200,
        input: &[
            ASSET,
            PROPERTY,
            ALIAS,
            query(must("startTimeInSeconds", &shapes::TIME_IN_SECONDS)),
            query(may("startTimeOffsetInNanos", &shapes::OFFSET_IN_NANOS)),
            query(must("endTimeInSeconds", &shapes::TIME_IN_SECONDS)),
            query(may("endTimeOffsetInNanos", &shapes::OFFSET_IN_NANOS)),
            query(must("quality", &shapes::QUALITY)),
            query(must("intervalInSeconds", &shapes::INTERVAL_IN_SECONDS)),
            NEXT_TOKEN,
            SOME_RESULTS,
            query(must("type", &shapes::INTERPOLATION)),
            query(may("intervalWindowInSeconds", &shapes::INTERVAL_IN_SECONDS)),
        ],
        call: call!(Account::get_interpolated),
    },
    Operation {
        name: "BatchGetAssetPropertyValue",
        method: "POST",
        path: "/properties/batch/latest",
        status: 200,
        input: &[body(must("entries", &LATEST_ENTRIES)), BODY_TOKEN],
        call: call!(Account::batch_get_values),
    },
    Operation {
        name: "BatchGetAssetPropertyValueHistory",
        method: "POST",
        path: "/properties/batch/history",
        status: 200,
        input: &[body(must("entries", &HISTORY_ENTRIES)), BODY_TOKEN, BODY_RESULTS],
        call: call!(Account::batch_get_history),
    },
    Operation {
        name: "BatchGetAssetPropertyAggregates",
        method: "POST",
        path: "/properties/batch/aggregates",
        status: 200,
        input: &[body(must("entries", &AGGREGATES_ENTRIES)), BODY_TOKEN, BODY_RESULTS],
        call: call!(Account::batch_get_aggregates),
    },
];
