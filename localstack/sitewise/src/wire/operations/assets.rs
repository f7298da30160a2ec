//! Assets, their tree and their properties.

use super::{MAX_RESULTS, NEXT_TOKEN};
use crate::account::Account;
use crate::wire::operation::{Field, Operation, body, call, path, query};
use crate::wire::shape::{Shape, may, must};
use crate::wire::shapes;

const ASSET: Field = path(must("assetId", &shapes::CUSTOM_ID));
const TOKEN: Field = body(may("clientToken", &shapes::CLIENT_TOKEN));

static LIST_FILTER: Shape = Shape::Choice(&["ALL", "TOP_LEVEL"]);
static DIRECTION: Shape = Shape::Choice(&["PARENT", "CHILD"]);
static TRAVERSAL: Shape = Shape::Choice(&["PATH_TO_ROOT"]);

const ASSOCIATION: &[Field] = &[
    ASSET,
    body(must("hierarchyId", &shapes::CUSTOM_ID)),
    body(must("childAssetId", &shapes::CUSTOM_ID)),
    TOKEN,
];

pub(super) static TABLE: &[Operation] = &[
    Operation {
        name: "CreateAsset",
        method: "POST",
        path: "/assets",
        status: 202,
        input: &[
            body(must("assetName", &shapes::NAME)),
            body(must("assetModelId", &shapes::CUSTOM_ID)),
            body(may("assetId", &shapes::ID)),
            body(may("assetExternalId", &shapes::EXTERNAL_ID)),
            TOKEN,
            body(may("tags", &shapes::TAGS)),
            body(may("assetDescription", &shapes::DESCRIPTION)),
        ],
        call: call!(Account::create_asset),
    },
    Operation {
        name: "DescribeAsset",
        method: "GET",
        path: "/assets/{assetId}",
        status: 200,
        input: &[ASSET, query(may("excludeProperties", &shapes::BOOLEAN))],
        call: call!(Account::describe_asset),
    },
    Operation {
        name: "UpdateAsset",
        method: "PUT",
        path: "/assets/{assetId}",
        status: 202,
        input: &[
            ASSET,
            body(may("assetExternalId", &shapes::EXTERNAL_ID)),
            body(must("assetName", &shapes::NAME)),
            TOKEN,
            body(may("assetDescription", &shapes::DESCRIPTION)),
        ],
        call: call!(Account::update_asset),
    },
    Operation {
        name: "DeleteAsset",
        method: "DELETE",
        path: "/assets/{assetId}",
        status: 202,
        input: &[ASSET, query(may("clientToken", &shapes::CLIENT_TOKEN))],
        call: call!(Account::delete_asset),
    },
    Operation {
        name: "ListAssets",
        method: "GET",
        path: "/assets",
        status: 200,
        input: &[
            NEXT_TOKEN,
            MAX_RESULTS,
            query(may("assetModelId", &shapes::CUSTOM_ID)),
            query(may("filter", &LIST_FILTER)),
        ],
        call: call!(Account::list_assets),
    },
    Operation {
        name: "ListAssociatedAssets",
        method: "GET",
        path: "/assets/{assetId}/hierarchies",
        status: 200,
        input: &[
            ASSET,
            query(may("hierarchyId", &shapes::CUSTOM_ID)),
            query(may("traversalDirection", &DIRECTION)),
            NEXT_TOKEN,
            MAX_RESULTS,
        ],
        call: call!(Account::list_associated_assets),
    },
    Operation {
        name: "ListAssetRelationships",
        method: "GET",
        path: "/assets/{assetId}/assetRelationships",
        status: 200,
        input: &[ASSET, query(must("traversalType", &TRAVERSAL)), NEXT_TOKEN, MAX_RESULTS],
        call: call!(Account::list_asset_relationships),
    },
    Operation {
        name: "AssociateAssets",
        method: "POST",
        path: "/assets/{assetId}/associate",
        status: 200,
        input: ASSOCIATION,
        call: call!(Account::associate_assets),
    },
    Operation {
        name: "DisassociateAssets",
        method: "POST",
        path: "/assets/{assetId}/disassociate",
        status: 200,
        input: ASSOCIATION,
        call: call!(Account::disassociate_assets),
    },
    Operation {
        name: "ListAssetProperties",
        method: "GET",
        path: "/assets/{assetId}/properties",
        status: 200,
        input: &[ASSET, NEXT_TOKEN, MAX_RESULTS, query(may("filter", &shapes::SCOPE))],
        call: call!(Account::list_asset_properties),
    },
    Operation {
        name: "DescribeAssetProperty",
        method: "GET",
        path: "/assets/{assetId}/properties/{propertyId}",
        status: 200,
        input: &[ASSET, path(must("propertyId", &shapes::CUSTOM_ID))],
        call: call!(Account::describe_asset_property),
    },
    Operation {
        name: "UpdateAssetProperty",
        method: "PUT",
        path: "/assets/{assetId}/properties/{propertyId}",
        status: 200,
        input: &[
            ASSET,
            path(must("propertyId", &shapes::CUSTOM_ID)),
            body(may("propertyAlias", &shapes::PROPERTY_ALIAS)),
            body(may("propertyNotificationState", &shapes::ON_OFF)),
            TOKEN,
            body(may("propertyUnit", &shapes::UNIT)),
        ],
        call: call!(Account::update_asset_property),
    },
    Operation {
        name: "DescribeAssetCompositeModel",
        method: "GET",
        path: "/assets/{assetId}/composite-models/{assetCompositeModelId}",
        status: 200,
        input: &[ASSET, path(must("assetCompositeModelId", &shapes::CUSTOM_ID))],
        call: call!(Account::describe_asset_composite_model),
    },
];
