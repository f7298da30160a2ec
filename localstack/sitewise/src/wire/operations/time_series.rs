//! Time series (data streams).

use super::{MAX_RESULTS, NEXT_TOKEN};
use crate::account::Account;
use crate::wire::operation::{Field, Operation, body, call, query};
use crate::wire::shape::{Shape, may, must};
use crate::wire::shapes;

static SERIES_TYPE: Shape = Shape::Choice(&["ASSOCIATED", "DISASSOCIATED"]);

const TOKEN: Field = body(may("clientToken", &shapes::CLIENT_TOKEN));
const WORKSPACE: Field = query(may("workspaceName", &shapes::WORKSPACE));
const ALIAS: Field = query(may("alias", &shapes::PROPERTY_ALIAS));
const ASSET: Field = query(may("assetId", &shapes::CUSTOM_ID));
const PROPERTY: Field = query(may("propertyId", &shapes::CUSTOM_ID));

const ASSOCIATION: &[Field] = &[
    query(must("alias", &shapes::PROPERTY_ALIAS)),
    query(must("assetId", &shapes::CUSTOM_ID)),
    query(must("propertyId", &shapes::CUSTOM_ID)),
    TOKEN,
];

pub(super) static TABLE: &[Operation] = &[
    Operation {
        name: "ListTimeSeries",
        method: "GET",
        path: "/timeseries",
        status: 200,
        input: &[
            NEXT_TOKEN,
            MAX_RESULTS,
            ASSET,
            query(may("aliasPrefix", &shapes::PROPERTY_ALIAS)),
            query(may("timeSeriesType", &SERIES_TYPE)),
            WORKSPACE,
        ],
        call: call!(Account::list_time_series),
    },
    Operation {
        name: "DescribeTimeSeries",
        method: "GET",
        path: "/timeseries/describe",
        status: 200,
        input: &[ALIAS, ASSET, PROPERTY, WORKSPACE],
        call: call!(Account::describe_time_series),
    },
    Operation {
        name: "AssociateTimeSeriesToAssetProperty",
        method: "POST",
        path: "/timeseries/associate",
        status: 200,
        input: ASSOCIATION,
        call: call!(Account::associate_time_series),
    },
    Operation {
        name: "DisassociateTimeSeriesFromAssetProperty",
        method: "POST",
        path: "/timeseries/disassociate",
        status: 200,
        input: ASSOCIATION,
        call: call!(Account::disassociate_time_series),
    },
    Operation {
        name: "DeleteTimeSeries",
        method: "POST",
        path: "/timeseries/delete",
        status: 200,
        input: &[ALIAS, ASSET, PROPERTY, WORKSPACE, TOKEN],
        call: call!(Account::delete_time_series),
    },
];
